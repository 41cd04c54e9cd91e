// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Run a command on a machine whose kernel seems to have mincore2(): a seccomp
 * filter hands the command's calls to this process, which answers them.
 *
 *   fake-kernel SCRIPT COMMAND [ARGUMENT...]
 *
 * SCRIPT is "STATE:PAGES,STATE:PAGES...", the state of a mapping from its
 * start on; the last one goes on to the end. Words before it, each with a comma: "short"
 * (one element a call), "eintr" (every other call fails with EINTR), "old" (knows no
 * MINCORE_PIDFD), "enomem", "silent" (stores nothing), "gap" and "beyond" (regions that
 * do not tile), "exec" (at the third question about another process that gets SIGUSR1,
 * and has to execute another program then), "grow" (at each of the first hundred
 * PROCMAP_QUERY the process gets SIGUSR1, and its heap has to grow then), "grows" (at each
 * PROCMAP_QUERY), "noquery" (PROCMAP_QUERY fails from the third on), "nofs" (to ask a
 * filesystem, which may ask a server, is the end of the command). It obeys mincore2(2) in
 * checking its arguments; it knows nothing about real page tables. It gives up after a
 * minute.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"
#include "number.h"

#if defined(__x86_64__)
#define MY_ARCH	AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define MY_ARCH	AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define MY_ARCH	AUDIT_ARCH_AARCH64
#else
#error "say which architecture this is"
#endif

enum { PAGE = 4096, MOST = 4096 };

/* Since Linux 5.8. */
#define FACCESSAT2_NR	439

/* Of struct procmap_query, which the headers of older systems do not have. */
#define PROCMAP_QUERY_NR	_IOWR('f', 17, char[104])

struct step {
	uint64_t state, pages;
};

static struct step steps[MOST];
static size_t nr_steps;
static bool one_a_call, every_other_eintr, always_enomem, silent, gap, beyond, old, exec;
static bool no_query, no_fs, grow, grows;

static void die(const char *what)
{
	fprintf(stderr, "fake-kernel: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void parse_script(char *script)
{
	static const struct {
		const char *word;
		bool *flag;
	} words[] = {
		{ "short", &one_a_call }, { "eintr", &every_other_eintr },
		{ "enomem", &always_enomem }, { "silent", &silent },
		{ "gap", &gap }, { "beyond", &beyond }, { "old", &old }, { "exec", &exec },
		{ "noquery", &no_query }, { "nofs", &no_fs }, { "grow", &grow },
		{ "grows", &grows },
	};

	for (char *word = strtok(script, ","); word; word = strtok(NULL, ",")) {
		bool known = false;

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (!strcmp(word, words[i].word))
				known = *words[i].flag = true;
		if (known)
			continue;
		if (nr_steps == MOST ||
		    sscanf(word, "%" SCNi64 ":%" SCNi64,
			   (int64_t *)&steps[nr_steps].state,
			   (int64_t *)&steps[nr_steps].pages) != 2) {
			errno = EINVAL;
			die(word);
		}
		nr_steps++;
	}
	if (!nr_steps)
		steps[nr_steps++] = (struct step) { 0, 1 };
}

/* Start of the mapping that @addr lies in, or @addr. */
static uint64_t mapping_start(pid_t pid, uint64_t addr)
{
	char path[64];
	char line[512];
	uint64_t found = addr;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		uint64_t start, end;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) == 2 &&
		    start <= addr && addr < end)
			found = start;
	}
	if (maps)
		fclose(maps);
	return found;
}

/* State at @page of a mapping, and the first page where it may change. */
static uint64_t state_at(uint64_t page, uint64_t *end)
{
	uint64_t start = 0;

	for (size_t i = 0; i + 1 < nr_steps; i++) {
		start += steps[i].pages;
		if (page < start) {
			*end = start;
			return steps[i].state;
		}
	}
	*end = UINT64_MAX / PAGE / 2;
	return steps[nr_steps - 1].state;
}

static uint64_t wanted_of(uint64_t state, unsigned int flags)
{
	uint64_t status = MINCORE_UNMAPPED |
			  (flags & MINCORE_RESIDENT ? MINCORE_DENIED : 0);
	uint64_t shift = flags & MINCORE_LEVEL ? state & (uint64_t)0xff << 56 : 0;

	return (state & (flags | status) & MINCORE2_STATE_BITS) | shift;
}

static int store(pid_t pid, uint64_t addr, const void *data, size_t len)
{
	char path[64];
	ssize_t done;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	done = pwrite(fd, data, len, (off_t)addr);
	close(fd);
	return done == (ssize_t)len ? 0 : -EFAULT;
}

static long tell_regions(pid_t pid, pid_t target, uint64_t addr, uint64_t length,
			 uint64_t vec, uint64_t nr, unsigned int flags)
{
	uint64_t base = mapping_start(target, addr);
	uint64_t end = addr + (length + PAGE - 1) / PAGE * PAGE;
	uint64_t stored = 0;

	while (addr < end && stored < nr) {
		struct mincore_region region = { .start = addr };
		uint64_t until;

		region.state = wanted_of(state_at((addr - base) / PAGE, &until),
					 flags);
		/* Neighbours differ in state, except where a call ends. */
		do {
			until = base + until * PAGE;
			region.end = until < end ? until : end;
			addr = region.end;
		} while (!one_a_call && addr < end &&
			 wanted_of(state_at((addr - base) / PAGE, &until),
				   flags) == region.state);
		region.start += gap ? PAGE : 0;
		region.end += beyond ? length : 0;
		if (store(pid, vec + stored * sizeof(region), &region,
			  sizeof(region)))
			return stored ? (long)stored : -EFAULT;
		stored++;
		if (one_a_call)
			break;
	}
	return (long)stored;
}

static long tell_bytes(pid_t pid, pid_t target, uint64_t addr, uint64_t length,
		       uint64_t vec, uint64_t nr, unsigned int flags)
{
	uint64_t base = mapping_start(target, addr);
	uint64_t pages = (length + PAGE - 1) / PAGE;
	uint64_t stored;

	for (stored = 0; stored < pages && stored < nr; stored++) {
		uint64_t end;
		unsigned char byte = (unsigned char)wanted_of(
			state_at((addr - base) / PAGE + stored, &end), flags);

		if (store(pid, vec + stored, &byte, 1))
			return stored ? (long)stored : -EFAULT;
		if (one_a_call)
			return 1;
	}
	return (long)stored;
}

/* The process of a pidfd of @pid, or -EBADF, or -ESRCH. */
static long process_of(pid_t pid, int pidfd)
{
	char path[64];
	char line[128];
	long found = -EBADF;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, pidfd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "Pid: %ld", &found) == 1)
			break;
	if (info)
		fclose(info);
	if (found <= 0)
		return found == -EBADF ? -EBADF : -ESRCH;
	/* A zombie has no memory. */
	snprintf(path, sizeof(path), "/proc/%ld/maps", found);
	info = fopen(path, "re");
	if (!info || !fgets(line, sizeof(line), info))
		found = -ESRCH;
	if (info)
		fclose(info);
	return found;
}

static void read_comm(pid_t pid, char name[32])
{
	char path[64];
	FILE *file;

	memset(name, 0, 32);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(name, 32, file))
		die(path);
	fclose(file);
}

static void make_exec(pid_t pid)
{
	char before[32], now[32];

	read_comm(pid, before);
	kill(pid, SIGUSR1);
	for (int i = 0; i < 1000; i++) {
		read_comm(pid, now);
		if (strcmp(before, now))
			return;
		usleep(10000);
	}
	errno = ETIMEDOUT;
	die("waiting for the process to execute another program");
}

static uint64_t heap_end(int pid)
{
	char path[64], line[512];
	uint64_t end = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		die(path);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "[heap]"))
			sscanf(line, "%*x-%" SCNx64, &end);
	fclose(maps);
	return end;
}

/* The process whose maps @fd of @pid is. */
static void make_grow(pid_t pid, int fd)
{
	char path[64], link[64] = "";
	uint64_t before;
	int target = -1;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	if (readlink(path, link, sizeof(link) - 1) < 0 ||
	    sscanf(link, "/proc/%d/maps", &target) != 1)
		die(path);
	before = heap_end(target);
	kill(target, SIGUSR1);
	for (int i = 0; i < 200000; i++) {
		if (heap_end(target) != before)
			return;
		usleep(10);
	}
	errno = ETIMEDOUT;
	die("waiting for the heap of the process to grow");
}

/* A PROCMAP_QUERY, which does not get here otherwise. Returns whether it is allowed. */
static bool query(pid_t pid, const __u64 args[6])
{
	static int queries;

	if (grows || (grow && queries < 100))
		make_grow(pid, (int)args[0]);
	return ++queries < 3 || !no_query;
}

/* The rules of mincore2(2) for its arguments, then the script. */
static long call(pid_t pid, const __u64 args[6])
{
	unsigned int flags = (unsigned int)args[4];
	unsigned int level = flags & MINCORE_LEVEL;
	static unsigned int calls, about_process;
	long target = pid;
	bool of_process = flags & MINCORE_PIDFD && !old;

	if (of_process)
		flags &= ~MINCORE_PIDFD;
	if (flags & MINCORE2_RESERVED_FLAGS || !(flags & MINCORE2_STATE_BITS) ||
	    (level && level != MINCORE_LEVEL) || args[0] % PAGE ||
	    (!(flags & MINCORE_REGIONS) && flags & ~0xffU) ||
	    (flags & MINCORE_REGIONS && args[2] % 8))
		return -EINVAL;
	if (of_process)
		target = process_of(pid, (int)args[5]);
	if (target < 0)
		return target;
	if (!args[1] || !args[3] || silent)
		return 0;
	if (exec && of_process && ++about_process == 3)
		make_exec((pid_t)target);
	if (always_enomem)
		return -ENOMEM;
	if (every_other_eintr && ++calls % 2)
		return -EINTR;
	return (flags & MINCORE_REGIONS ? tell_regions : tell_bytes)
		(pid, (pid_t)target, args[0], args[1], args[2], args[3], flags);
}

static int install_filter(void)
{
	/* No ioctl has the number 0. The low half is first on all of MY_ARCH. */
	const __u32 request = no_query || grow || grows ? PROCMAP_QUERY_NR : 0;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MY_ARCH, 0, 6),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MINCORE2_NR, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, request, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter fs_filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fstatfs, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FACCESSAT2_NR, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(filter) / sizeof(filter[0]), filter };
	struct sock_fprog fs_prog = { sizeof(fs_filter) / sizeof(fs_filter[0]), fs_filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs");
	if (no_fs && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fs_prog))
		die("seccomp");
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static void run_command(int socket, char **command)
{
	union control control;
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd = install_filter();

	if (fd < 0)
		die("seccomp");
	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(socket, &msg, 0) != 1)
		die("sendmsg");
	close(fd);
	close(socket);
	execvp(command[0], command);
	die(command[0]);
}

static int receive_listener(int socket)
{
	union control control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1 ||
	    !CMSG_FIRSTHDR(&msg))
		exit(125);	/* the child has said why */
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* Answer calls until nobody is left who could make one. */
static void serve(int listener)
{
	struct pollfd poll_for = { .fd = listener, .events = POLLIN };

	for (;;) {
		struct seccomp_notif request;
		struct seccomp_notif_resp response;
		long ret;

		if (poll(&poll_for, 1, -1) < 0 ||
		    !(poll_for.revents & POLLIN))
			return;
		memset(&request, 0, sizeof(request));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request))
			continue;
		if (request.data.nr == SYS_ioctl &&
		    query((pid_t)request.pid, request.data.args)) {
			response = (struct seccomp_notif_resp) {
				.id = request.id,
				.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
			};
			ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
			continue;
		}
		ret = request.data.nr == SYS_ioctl ? -ENOTTY :
		      call((pid_t)request.pid, request.data.args);
		response = (struct seccomp_notif_resp) {
			.id = request.id,
			.val = ret < 0 ? 0 : ret,
			.error = ret < 0 ? (int)ret : 0,
		};
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
	}
}

int main(int argc, char **argv)
{
	int sockets[2];
	int status;
	pid_t pid;

	if (argc < 3) {
		fputs("usage: fake-kernel SCRIPT COMMAND [ARGUMENT...]\n", stderr);
		return 125;
	}
	parse_script(argv[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		die("socketpair");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		run_command(sockets[1], argv + 2);
	close(sockets[1]);
	/* Ctrl-C is for the command, which needs its kernel to the end. */
	signal(SIGINT, SIG_IGN);
	alarm(60);
	serve(receive_listener(sockets[0]));
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	       128 + WTERMSIG(status);
}
