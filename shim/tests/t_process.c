// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Other processes, emulated: those that have no memory, and what is no process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "emu.h"
#include "judge.h"
#include "tap.h"

static size_t page;

static int open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0U);
}

/* The first answer about a page of a process, emulated: 1, or a negative errno. */
static int ask(int pidfd, const void *addr)
{
	struct mincore_region region;
	struct mincore2_iter it;
	int ret = mincore2_iter_init_process(&it, pidfd, (uintptr_t)addr, page,
					     MINCORE_DAX, MINCORE2_EMULATE_ALWAYS);

	return ret ? ret : mincore2_iter_next(&it, &region);
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* Ten seconds at most until the child has written. */
static bool wait_for_byte(const volatile char *byte)
{
	for (int i = 0; i < 1000 && !*byte; i++)
		nanosleep(&(struct timespec) { .tv_nsec = 10000000 }, NULL);
	return *byte;
}

/* A child that writes to @touch; its first thread ends at once if @without_first. */
static pid_t start_child(bool without_first, volatile char *touch)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		*touch = 1;
		if (pthread_create(&thread, NULL, wait_for_ever, NULL))
			_exit(1);
		if (without_first)
			syscall(SYS_exit, 0);	/* of the thread */
		wait_for_ever(NULL);
	}
	return pid;
}

/* "State:" of /proc/PID/status; '?' if there is none. */
static char state_of(pid_t pid)
{
	char path[64], line[128], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "State: %c", &state) == 1)
			break;
	if (file)
		fclose(file);
	return state;
}

/* Ten seconds at most. */
static bool wait_for_state(pid_t pid, char state)
{
	for (int i = 0; i < 1000; i++) {
		if (state_of(pid) == state)
			return true;
		nanosleep(&(struct timespec) { .tv_nsec = 10000000 }, NULL);
	}
	return false;
}

/* Ten seconds at most. */
static void wait_for_program(pid_t pid, const char *name)
{
	char path[64], now[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	for (int i = 0; i < 1000; i++) {
		FILE *file = fopen(path, "re");
		bool there = file && fgets(now, sizeof(now), file) && !strcmp(now, name);

		if (file)
			fclose(file);
		if (there)
			return;
		nanosleep(&(struct timespec) { .tv_nsec = 10000000 }, NULL);
	}
}

static void without_memory(char *map)
{
	pid_t pid = start_child(false, map);
	int pidfd = open_pidfd(pid), ret = ask(pidfd, map);

	ok(ret == 1, "a child that lives: an answer (%d)", ret);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ret = ask(pidfd, map);
	ok(ret == -ESRCH, "a child that has ended: ESRCH (%d)", ret);
	close(pidfd);

	pid = start_child(true, map);
	pidfd = open_pidfd(pid);
	ok(wait_for_state(pid, 'Z'), "a child whose first thread has ended");
	ret = ask(pidfd, map);
	ok(ret == -ESRCH, "  has no memory to look at: ESRCH (%d)", ret);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pidfd);
}

/* What happens to a process once somebody reads the FIFO @path. */
struct leaving {
	pid_t pid;
	const char *path, *stat;
	enum { ENDS, EXECUTES, LOSES_STAT } how;
};

static void *leave_when_read(void *arg)
{
	const struct leaving *leaving = arg;
	FILE *fifo = fopen(leaving->path, "we");

	switch (leaving->how) {
	case ENDS:
		kill(leaving->pid, SIGKILL);
		waitpid(leaving->pid, NULL, 0);
		break;
	case EXECUTES:
		kill(leaving->pid, SIGUSR1);
		wait_for_program(leaving->pid, "sleep\n");
		break;
	case LOSES_STAT:	/* a link to itself: ELOOP */
		if (unlink(leaving->stat) || symlink("stat", leaving->stat))
			perror(leaving->stat);
	}
	if (fifo)
		fclose(fifo);
	return NULL;
}

static void link_to(pid_t pid, const char *dir, const char *name)
{
	char target[64], path[128];

	snprintf(target, sizeof(target), "/proc/%d/%s", (int)pid, name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (symlink(target, path))
		perror(path);
}

/*
 * The address space is that of the process when a call begins, and not any more when smaps
 * has been read.
 */
static ssize_t ask_leaving(struct leaving *leaving, char *map, size_t size)
{
	const char *const names[] = { "maps", "pagemap", "stat", "smaps" };
	char dir[] = "/tmp/mincore2-proc-XXXXXX", path[128], stat[128];
	const struct mincore2_emu_env env = {
		.proc = dir, .sys = "/sys", .other = true, .trust = true,
		.no_scan = true,
	};
	struct mincore_region region;
	uint64_t unknown;
	pthread_t thread;
	ssize_t ret;
	int fd;

	if (!mkdtemp(dir))
		return -errno;
	link_to(leaving->pid, dir, "maps");
	link_to(leaving->pid, dir, "pagemap");
	link_to(leaving->pid, dir, "stat");
	leaving->path = path;
	leaving->stat = stat;
	snprintf(stat, sizeof(stat), "%s/stat", dir);
	snprintf(path, sizeof(path), "%s/smaps", dir);
	if (!wait_for_byte(map) || mkfifo(path, 0600) ||
	    pthread_create(&thread, NULL, leave_when_read, leaving))
		return -ENXIO;
	ret = mincore2_emu_run(&env, map, size, &region, 1, MINCORE_LEVEL, 0, &unknown);
	/* It waits for a reader, if there was none. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	pthread_join(thread, NULL);
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
	return ret;
}

static void execute(int sig)
{
	(void)sig;
	execlp("sleep", "sleep", "60", (char *)NULL);
	_exit(1);
}

static int wait_to_execute(void *touch)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGUSR1, execute);
	*(volatile char *)touch = 1;
	wait_for_ever(NULL);
	return 0;
}

static void gone_meanwhile(void)
{
	const size_t size = (size_t)8 << 20;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED |
			 MAP_ANONYMOUS, -1, 0);
	static _Alignas(16) char stack[1 << 16];
	struct leaving leaving = { .how = ENDS };
	ssize_t ret;

	if (map == MAP_FAILED) {
		ok(false, "memory");
		return;
	}
	leaving.pid = start_child(false, map);
	ret = ask_leaving(&leaving, map, size);
	ok(ret == -EAGAIN, "an address space that goes during a call: EAGAIN (%zd)", ret);
	map[0] = 0;
	leaving.how = EXECUTES;
	leaving.pid = clone(wait_to_execute, stack + sizeof(stack), CLONE_VM | SIGCHLD, map);
	ret = ask_leaving(&leaving, map, size);
	ok(ret == -EAGAIN, "one that is left during a call, and that another process has: EAGAIN (%zd)",
	   ret);
	kill(leaving.pid, SIGKILL);
	waitpid(leaving.pid, NULL, 0);
	map[0] = 0;
	leaving.how = LOSES_STAT;
	leaving.pid = start_child(false, map);
	ret = ask_leaving(&leaving, map, size);
	ok(ret == -EOPNOTSUPP, "one of which it cannot be found out whether it is left: EOPNOTSUPP (%zd)",
	   ret);
	kill(leaving.pid, SIGKILL);
	waitpid(leaving.pid, NULL, 0);
	munmap(map, size);
}

/*
 * Its first mapping has another end each time, and its pages are as they were. The lowest
 * address that any user may map at.
 */
static void restless(char *map)
{
	enum { PAGES = 3000, QUESTIONS = 1000 };
	char *low = mmap((void *)0x10000, PAGES * page, PROT_READ, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	int pidfd, good = 0, other = 0;
	pid_t pid;

	if (low == MAP_FAILED) {
		ok(true, "# SKIP a first mapping that changes: no memory at its address");
		return;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 1;; i = i % PAGES + 1)
			mprotect(low, i * page, i % 2 ? PROT_NONE : PROT_READ);
	}
	pidfd = open_pidfd(pid);
	for (int i = 0; i < QUESTIONS; i++) {
		int ret = ask(pidfd, map);

		good += ret == 1;
		other = ret == 1 ? other : ret;
	}
	ok(good == QUESTIONS, "a first mapping that changes all the time: %d answers of %d (%d)",
	   good, QUESTIONS, other);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pidfd);
	munmap(low, PAGES * page);
}

/* Its number is 2 where processes of the kernel are seen. */
static void kernel_thread(const char *map)
{
	char name[32] = "";
	FILE *file = fopen("/proc/2/comm", "re");
	int pidfd, ret;

	if (file && !fgets(name, sizeof(name), file))
		name[0] = '\0';
	if (file)
		fclose(file);
	if (strcmp(name, "kthreadd\n")) {
		ok(true, "# SKIP a kernel thread: none is seen here");
		return;
	}
	pidfd = open_pidfd(2);
	ret = ask(pidfd, map);
	close(pidfd);
	ok(ret == -ESRCH || (ret == -EPERM && geteuid()),
	   "a kernel thread has no memory: ESRCH, or not to be looked at (%d)", ret);
}

/* Descriptors that are good, and are no pidfds. */
static void no_pidfds(void)
{
	static const char *const names[] = { "/dev/null", "/bin/sh", "/proc/self", "/" };
	struct mincore2_iter it;
	int ends[2], ret;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = open(names[i], O_RDONLY | O_CLOEXEC);

		ret = mincore2_iter_init_process(&it, fd, 0, page, MINCORE_DAX,
						 MINCORE2_EMULATE_ALWAYS);
		close(fd);
		ok(ret == -EBADF, "%s is no pidfd: EBADF (%d)", names[i], ret);
	}
	if (pipe(ends)) {
		ok(false, "a pipe");
		return;
	}
	ret = mincore2_iter_init_process(&it, ends[0], 0, page, MINCORE_DAX,
					 MINCORE2_EMULATE_ALWAYS);
	ok(ret == -EBADF, "nor is a pipe: EBADF (%d)", ret);
	close(ends[0]);
	close(ends[1]);
	errno = EXFULL;
	ret = mincore2_iter_init_process(&it, ends[0], 0, page, MINCORE_DAX,
					 MINCORE2_EMULATE_ALWAYS);
	ok(ret == -EBADF && errno == EXFULL,
	   "nor is what is closed, and errno is left alone: EBADF (%d)", ret);
}

/* Of somebody else, and not a child: that is a pidfd nevertheless. */
static void foreign(void)
{
	struct mincore2_iter it;
	int status = -1, ret;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		int pidfd = open_pidfd(getppid());

		if (!geteuid() && setresuid(65534, 65534, 65534))
			_exit(1);
		ret = mincore2_iter_init_process(&it, pidfd, 0, page, MINCORE_DAX,
						 MINCORE2_EMULATE_ALWAYS);
		_exit(ret ? 2 : 0);
	}
	ret = waitpid(pid, &status, 0) == pid && status == 0;
	ok(ret, "a pidfd of one's parent, as another user (status %#x)", (unsigned int)status);
}

/* A /proc that does not show processes of other users; who asks is another user. */
enum { NO_MOUNT = 200 };

static int ask_hidden(const void *addr)
{
	int pidfd = open_pidfd(getppid());

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, "hidepid=2") ||
	    setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ||
	    prctl(PR_SET_DUMPABLE, 1))
		return NO_MOUNT;
	return ask(pidfd, addr);
}

/* The process is in no namespace that this /proc shows. */
static int ask_outside(const void *addr)
{
	int pidfd = open_pidfd(getppid()), status = -1;
	pid_t pid;

	if (unshare(CLONE_NEWNS | CLONE_NEWPID) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return NO_MOUNT;
	pid = fork();
	if (!pid)
		_exit(mount("proc", "/proc", "proc", 0, NULL) ? NO_MOUNT : -ask(pidfd, addr));
	waitpid(pid, &status, 0);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return status == NO_MOUNT ? NO_MOUNT : -status;
}

static void asked_elsewhere(const char *name, int (*elsewhere)(const void *addr),
			    const void *addr, int wanted)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		int ret = elsewhere(addr);

		_exit(ret == wanted ? 0 : ret < 0 ? -ret : ret);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_MOUNT)
		ok(true, "# SKIP %s: /proc cannot be mounted here", name);
	else
		ok(!status, "%s (status %#x)", name, (unsigned int)status);
}

/* Without a descriptor left, or with too few, there is a /proc nevertheless. */
static void few_descriptors(const void *addr)
{
	int pidfd = open_pidfd(getpid()), ret = 0, left = 0;
	struct rlimit limit, less;

	getrlimit(RLIMIT_NOFILE, &limit);
	less = limit;
	do {
		less.rlim_cur = (rlim_t)(pidfd + 1 + left);
		setrlimit(RLIMIT_NOFILE, &less);
		ret = ask(pidfd, addr);
	} while (ret == -EAGAIN && ++left < 16);
	setrlimit(RLIMIT_NOFILE, &limit);
	close(pidfd);
	ok(ret == 1 && left > 1, "with %d descriptors left an answer (%d), with fewer EAGAIN",
	   left, ret);
}

struct question {
	const void *addr;
	int pidfd, answer;
};

static void *ask_about_thread(void *arg)
{
	struct question *question = arg;

	/* PIDFD_THREAD, since Linux 6.9. */
	question->pidfd = (int)syscall(SYS_pidfd_open, syscall(SYS_gettid), O_EXCL);
	question->answer = ask(question->pidfd, question->addr);
	return NULL;
}

static void single_thread(const void *addr)
{
	struct question question = { addr, -1, 0 };
	pthread_t thread;

	if (!pthread_create(&thread, NULL, ask_about_thread, &question))
		pthread_join(thread, NULL);
	if (question.pidfd < 0) {
		ok(true, "# SKIP a pidfd of a thread: not on this kernel");
		return;
	}
	close(question.pidfd);
	ok(question.answer == -ESRCH,
	   "a pidfd of a thread that is not the first: ESRCH (%d)", question.answer);
}

/* That maps cannot be read does not mean that it is empty. */
static void unreadable(void)
{
	int fd = open("/", O_RDONLY | O_CLOEXEC);
	int ret = mincore2_maps_gone(fd);

	close(fd);
	ok(ret == -EISDIR, "a maps that cannot be read is not gone: EISDIR (%d)", ret);
}

/* What is not opened must not be closed: 0 is a good descriptor. */
static void failed_operand(void)
{
	const struct options options = {
		.bits = MINCORE_DAX, .way = MINCORE2_WAY_EMULATED,
	};
	struct report report;

	if (fcntl(STDIN_FILENO, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != 0) {
		ok(false, "standard input");
		return;
	}
	ok(report_examine(&report, "2147483646:1000", &options) == -ESRCH,
	   "an operand of a process that there is not: ESRCH");
	ok(fcntl(STDIN_FILENO, F_GETFD) >= 0, "  standard input is still open");
	report_free(&report);
}

int main(void)
{
	char *map;

	page = (size_t)sysconf(_SC_PAGESIZE);
	map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	if (map == MAP_FAILED)
		return 1;
	map[0] = 1;
	without_memory(map);
	restless(map);
	kernel_thread(map);
	gone_meanwhile();
	no_pidfds();
	foreign();
	asked_elsewhere("a process that /proc hides may not be looked at: EPERM",
			ask_hidden, map, -EPERM);
	asked_elsewhere("a process that /proc does not have: ESRCH", ask_outside, map,
			-ESRCH);
	few_descriptors(map);
	single_thread(map);
	unreadable();
	failed_operand();
	return tap_done();
}
