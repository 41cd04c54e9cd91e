// SPDX-License-Identifier: GPL-2.0
/*
 * MINCORE_PIDFD: the memory of another process. What is seen, and who may look.
 */
#include "process.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/stat.h>

#define OTHER_UID	1001

/* ---- the interface ---- */

/* Proves that a pidfd of oneself gives the plain answer, errors included. */
TEST(oneself)
{
	const unsigned int asks[] = { ALL, MINCORE_DAX, MINCORE_PERSIST, MINCORE_LEVEL };
	uint64_t plain[PAGES], through[PAGES], end = mc2_task_end();
	unsigned char a[PAGES] = { 0 }, b[PAGES] = { 0 };
	size_t page = mc2_page_size(), i;
	int self = open_pidfd(getpid()), fd = memfd_create("process", 0);

	ASSERT_LE(0, self);
	ASSERT_EQ(0, ftruncate(fd, (off_t)(8 * page)));
	ASSERT_TRUE(make_memory(fd));
	ASSERT_EQ(0, look_all(-1, plain));
	ASSERT_EQ(0, look_all(self, through));
	EXPECT_EQ(0, memcmp(plain, through, sizeof(plain)));
	EXPECT_EQ(MINCORE_UNMAPPED, plain[6]);
	for (i = 0; i < ARRAY_SIZE(asks); i++) {
		EXPECT_EQ(PAGES, do_mincore2((void *)AT, PAGES * page, a, PAGES,
					     asks[i] & 0xff));
		EXPECT_EQ(PAGES, do_process(self, AT, PAGES * page, b, PAGES,
					    asks[i] & 0xff));
		EXPECT_EQ(0, memcmp(a, b, PAGES));
	}
	EXPECT_EQ(-EINVAL, look(self, AT + 1, ALL));
	EXPECT_EQ(-EINVAL, look(self, AT, 0x400));
	EXPECT_EQ(-EINVAL, look(self, AT, MINCORE_PTE));
	EXPECT_EQ(-ENOMEM, look(self, end, ALL));
	EXPECT_LE(0, look(self, end - page, ALL));
	errno = 0;
	EXPECT_EQ(-1, do_process(self, AT, page, NULL, 1, MINCORE_DAX));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, do_process(self, AT, 0, NULL, 0, MINCORE_DAX));
	close(self);
	close(fd);
}

#ifndef MINCORE2_VIA_LIBRARY
/* Proves that the sixth argument is not looked at without the flag. */
TEST(only_with_the_flag)
{
	struct mincore_region r;

	EXPECT_EQ(1, syscall(__NR_mincore2, 0x10000, 1, &r, 1,
			     MINCORE_DAX | R, -1));
	EXPECT_EQ(-1, syscall(__NR_mincore2, 0x10000, 1, &r, 1,
			      MINCORE_DAX | R | MINCORE_PIDFD, -1));
	EXPECT_EQ(EBADF, errno);
}

/*
 * Proves that a seccomp filter can refuse other processes and nothing else: by the flag,
 * as the sixth argument is whatever the register has.
 */
TEST(seccomp_by_the_flag)
{
	/* The half of the fifth argument that has the flags. */
	const unsigned int flags = offsetof(struct seccomp_data, args[4]) +
				   4 * (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mincore2, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MINCORE_PIDFD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };
	int self = open_pidfd(getpid());
	size_t page = mc2_page_size();
	struct mincore_region r;
	char *p = mc2_anon(page);

	ASSERT_LE(0, self);
	EXPECT_LE(0, look(self, mc2_addr(p), MINCORE_DAX));
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	ASSERT_EQ(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	EXPECT_EQ(1, syscall(__NR_mincore2, p, page, &r, 1, MINCORE_DAX | R, self));
	EXPECT_EQ(-EACCES, look(self, mc2_addr(p), MINCORE_DAX));
	close(self);
}
#endif

/* Proves what is no process, and that wrong arguments come before it. */
TEST(no_process)
{
	int null = open("/dev/null", O_RDONLY), proc, closed;
	struct target t;

	closed = dup(null);
	close(closed);
	EXPECT_EQ(-EBADF, look(-1, AT, ALL));
	EXPECT_EQ(-EBADF, look(closed, AT, ALL));
	EXPECT_EQ(-EBADF, look(null, AT, ALL));
	proc = open("/proc/self", O_RDONLY | O_DIRECTORY);
	EXPECT_EQ(-EBADF, look(proc, AT, ALL));
	close(proc);
	close(null);
	EXPECT_EQ(-EINVAL, look(-1, AT, 0));
	EXPECT_EQ(-EINVAL, look(-1, AT + 1, ALL));
	/* With no length there is no answer, but an error all the same. */
	errno = 0;
	EXPECT_EQ(-1, do_process(-1, AT, 0, NULL, 0, MINCORE_DAX));
	EXPECT_EQ(EBADF, errno);

	ASSERT_TRUE(target_start(&t, PLAIN, 0, -1));
	EXPECT_LE(0, look(t.pidfd, AT, ALL));
	/* A range that is not is the last thing. */
	EXPECT_EQ(-ENOMEM, look(t.pidfd, mc2_task_end(), ALL));
	kill(t.pid, SIGKILL);
	EXPECT_EQ(0, waitid(P_PID, (id_t)t.pid, NULL, WEXITED | WNOWAIT));
	EXPECT_EQ(-ESRCH, look(t.pidfd, AT, ALL))
		TH_LOG("a zombie");
	target_end(&t);
	EXPECT_EQ(-ESRCH, look(t.pidfd, AT, ALL))
		TH_LOG("gone for good");
	close(t.pidfd);
}

#ifndef PIDFD_THREAD
#define PIDFD_THREAD	O_EXCL
#endif

static void *tell_and_wait(void *arg)
{
	int *ends = arg;
	pid_t tid = (pid_t)syscall(__NR_gettid);
	char c;

	if (write(ends[3], &tid, sizeof(tid)) != sizeof(tid))
		return NULL;
	/* Until it is told to end. */
	return read(ends[0], &c, 1) == 1 ? arg : NULL;
}

/* Proves that a descriptor of a thread that is not the first is of no process. */
TEST(single_thread)
{
	pthread_t thread;
	int ends[4], pidfd;
	pid_t tid;

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, pipe(ends + 2));
	ASSERT_EQ(0, pthread_create(&thread, NULL, tell_and_wait, ends));
	ASSERT_EQ(sizeof(tid), read(ends[2], &tid, sizeof(tid)));
	pidfd = (int)syscall(__NR_pidfd_open, tid, PIDFD_THREAD);
	ASSERT_LE(0, pidfd);
	EXPECT_EQ(-ESRCH, look(pidfd, AT, ALL));
	close(pidfd);
	ASSERT_EQ(1, write(ends[1], "x", 1));
	pthread_join(thread, NULL);
}

/* Proves that a kernel thread has no memory. */
TEST(kernel_thread)
{
	int pidfd = open_pidfd(2);

	if (pidfd < 0)
		SKIP(return, "no process 2: %s", strerror(errno));
	if (geteuid())
		SKIP(return, "needs root");
	EXPECT_EQ(-ESRCH, look(pidfd, AT, ALL));
	close(pidfd);
}

/* Proves that what is seen is what the target itself is told. */
TEST(as_the_target_sees_it)
{
	uint64_t mine[PAGES], its[PAGES], dirs;
	const char *places[] = { "", "/tmp", "" };
	size_t page = mc2_page_size();
	char path[256];
	struct target t;
	int fd;

	if (!mc2_backing("name=ext4", "path", path, sizeof(path)))
		SKIP(return, "no ext4 with DAX");
	places[2] = path;
	for (dirs = 0; dirs < ARRAY_SIZE(places); dirs++) {
		fd = -1;
		if (*places[dirs]) {
			fd = mc2_temp_file(places[dirs]);
			ASSERT_LE(0, fd);
			ASSERT_EQ(0, ftruncate(fd, (off_t)(8 * page)));
		}
		ASSERT_TRUE(target_start(&t, PLAIN, 0, fd));
		ASSERT_EQ(1, write(t.go, "?", 1));
		ASSERT_TRUE(wait_for(t.said));
		ASSERT_EQ(sizeof(its), read(t.said, its, sizeof(its)));
		ASSERT_EQ(0, look_all(t.pidfd, mine));
		EXPECT_EQ(0, memcmp(mine, its, sizeof(its)));
		EXPECT_EQ(MINCORE_RESIDENT | MINCORE_PTE | MINCORE_WRITABLE |
			  MINCORE_PINNABLE, MC2_BITS(mine[0]));
		EXPECT_EQ(MINCORE_UNMAPPED, mine[6]);
		EXPECT_EQ(0, target_end(&t));
		close(t.pidfd);
		if (fd >= 0)
			close(fd);
	}
}

/* ---- who may look ---- */

static bool keep_only(unsigned int cap)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 } };

	data[0].permitted = 1U << cap;
	data[0].effective = data[0].permitted;
	return !syscall(__NR_capset, &head, data);
}

/* What a caller may do, and has to be root for becoming. */
struct caller {
	const char *name;
	uid_t uid, real;	/* the effective one, and that of the file system; the real one */
	bool user_ns, ptrace;
};

/* The answer of such a caller, and whether it may open pagemap: 0 or an errno each. */
static bool ask_as(const struct caller *who, const struct target *t, int answers[2])
{
	char path[64];
	int status, fd;
	int pipes[2];
	pid_t pid;

	if (pipe(pipes))
		return false;
	pid = fork();
	if (!pid) {
		int64_t state;

		prctl(PR_SET_KEEPCAPS, who->ptrace);
		if (who->uid && (setgroups(0, NULL) ||
				 setresgid(who->real, who->uid, who->uid) ||
				 setresuid(who->real, who->uid, who->uid)))
			_exit(1);
		if (who->ptrace && !keep_only(CAP_SYS_PTRACE))
			_exit(2);
		if (who->user_ns && unshare(CLONE_NEWUSER))
			_exit(3);
		state = look(t->pidfd, AT, ALL);
		answers[0] = state < 0 ? (int)-state : 0;
		snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)t->pid);
		fd = open(path, O_RDONLY);
		answers[1] = fd < 0 ? errno : 0;
		_exit(write(pipes[1], answers, 2 * sizeof(int)) != 2 * sizeof(int));
	}
	close(pipes[1]);
	status = read(pipes[0], answers, 2 * sizeof(int)) != 2 * sizeof(int);
	close(pipes[0]);
	waitpid(pid, NULL, 0);
	return !status;
}

static const struct caller callers[] = {
	{ "root", 0, 0, false, false },
	{ "the same user", UID, UID, false, false },
	{ "another user", OTHER_UID, OTHER_UID, false, false },
	{ "another user, the real one is the same", OTHER_UID, UID, false, false },
	{ "the same user, the real one is another", UID, OTHER_UID, false, false },
	{ "another user with CAP_SYS_PTRACE", OTHER_UID, OTHER_UID, false, true },
	{ "the same user, own user namespace", UID, UID, true, false },
	{ "another user, own user namespace", OTHER_UID, OTHER_UID, true, false },
};

/* The last two callers are tried with @user_ns only. */
static void check_permissions(struct __test_metadata *_metadata, bool user_ns)
{
	static const struct {
		enum kind kind;
		uid_t uid;
		bool may[ARRAY_SIZE(callers)];
	} targets[] = {
		{ PLAIN, 0, { 1, 0, 0, 0, 0, 1, 0, 0 } },
		{ PLAIN, UID, { 1, 1, 0, 0, 1, 1, 0, 0 } },
		{ NOT_DUMPABLE, UID, { 1, 0, 0, 0, 0, 1, 0, 0 } },
		/* Whose user owns the namespace has all capabilities in it. */
		{ IN_USER_NS, UID, { 1, 1, 0, 0, 1, 1, 0, 0 } },
	};
	struct target t;
	int answers[2];
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		if (targets[i].kind == IN_USER_NS && !user_ns)
			continue;
		ASSERT_TRUE(target_start(&t, targets[i].kind, targets[i].uid, -1));
		for (k = 0; k < ARRAY_SIZE(callers); k++) {
			if (callers[k].user_ns && !user_ns)
				continue;
			ASSERT_TRUE(ask_as(&callers[k], &t, answers))
				TH_LOG("%s", callers[k].name);
			EXPECT_EQ(targets[i].may[k] ? 0 : EPERM, answers[0])
				TH_LOG("target %zu, %s", i, callers[k].name);
			if (!callers[k].ptrace)
				EXPECT_EQ(!answers[0], !answers[1])
					TH_LOG("target %zu, %s: pagemap differs: %d",
					       i, callers[k].name, answers[1]);
		}
		EXPECT_EQ(0, target_end(&t));
		close(t.pidfd);
	}
}

/*
 * Proves who may look: those who may open /proc/PID/pagemap. That file has a mode as
 * well, so a capability is not enough there.
 */
TEST(permissions)
{
	if (geteuid())
		SKIP(return, "needs root");
	check_permissions(_metadata, false);
}

/* Proves the same with callers and targets in user namespaces of their own. */
TEST(user_namespaces)
{
	if (geteuid() || access("/proc/self/ns/user", F_OK))
		SKIP(return, "needs root and CONFIG_USER_NS");
	check_permissions(_metadata, true);
}

/* Proves that Yama's ptrace_scope, which is about attaching, makes no difference. */
TEST(ptrace_scope)
{
	static const char scope[] = "/proc/sys/kernel/yama/ptrace_scope";
	static const struct caller same = { "", UID, UID, false, false };
	char before[16];
	struct target t;
	int answers[2];

	if (mc2_read_file(scope, before, sizeof(before)) <= 0)
		SKIP(return, "needs CONFIG_SECURITY_YAMA");
	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_TRUE(target_start(&t, PLAIN, UID, -1));
	/* 3 is for good. */
	ASSERT_TRUE(mc2_write_file(scope, 0, "2"));
	EXPECT_TRUE(ask_as(&same, &t, answers));
	EXPECT_EQ(0, answers[0]);
	EXPECT_EQ(0, answers[1]);
	mc2_write_file(scope, 0, before);
	EXPECT_EQ(0, target_end(&t));
	close(t.pidfd);
}

/*
 * Proves that residency in a file is judged by who asks, not by whose memory it is:
 * of a page that is in the page cache only the target itself is told.
 */
TEST(residency_is_judged_by_the_caller)
{
	size_t page = mc2_page_size();
	uint64_t its[PAGES];
	struct target t;
	int fd, status;
	pid_t pid;

	if (geteuid())
		SKIP(return, "needs root");
	fd = memfd_create("process", MFD_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, (off_t)(8 * page)));
	ASSERT_EQ(0, fchmod(fd, 0644));
	ASSERT_EQ(1, pwrite(fd, "x", 1, (off_t)(3 * page)));
	ASSERT_TRUE(target_start(&t, PLAIN, 0, fd));
	ASSERT_EQ(1, write(t.go, "?", 1));
	ASSERT_TRUE(wait_for(t.said));
	ASSERT_EQ(sizeof(its), read(t.said, its, sizeof(its)));
	EXPECT_EQ(MINCORE_RESIDENT, its[19] & (MINCORE_RESIDENT | MINCORE_DENIED));
	EXPECT_EQ(MINCORE_RESIDENT,
		  look(t.pidfd, AT + 19 * page, MINCORE_RESIDENT));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_KEEPCAPS, 1);
		if (setresgid(UID, UID, UID) || setresuid(UID, UID, UID) ||
		    !keep_only(CAP_SYS_PTRACE))
			_exit(1);
		if (look(t.pidfd, AT + 19 * page, MINCORE_RESIDENT) != MINCORE_DENIED)
			_exit(2);
		/* What is in the page tables of the target is told. */
		_exit(look(t.pidfd, AT + 16 * page, MINCORE_RESIDENT) !=
		      MINCORE_RESIDENT ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, target_end(&t));
	close(t.pidfd);
	close(fd);
}

TEST_HARNESS_MAIN
