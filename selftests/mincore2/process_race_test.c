// SPDX-License-Identifier: GPL-2.0
/*
 * MINCORE_PIDFD: what happens to the other process meanwhile, and that nothing is left
 * behind: in the middle of an exit, an exec, or changes of the address space; and across
 * 32 and 64 bits, with the program's own twin as target. MINCORE2_RACE_SECONDS sets how
 * long each race takes.
 */
#include "process.h"

#include <sys/mount.h>

/* Only for the time limits that tests of a fixture can have. */
FIXTURE(meanwhile) { char unused; };
FIXTURE_SETUP(meanwhile) { }
FIXTURE_TEARDOWN(meanwhile) { }

/* ---- what goes on meanwhile ---- */

static double race_seconds(void)
{
	const char *text = getenv("MINCORE2_RACE_SECONDS");

	return text ? atof(text) : 1;
}

/* Proves that a target may exit at any moment: then there is no such process. */
TEST_F_TIMEOUT(meanwhile, exit_in_the_middle, 120)
{
	double end = mc2_now() + race_seconds();
	unsigned long looks = 0, rounds = 0;
	uint64_t states[PAGES];
	struct target t;
	int ret;

	while (mc2_now() < end || rounds < 5) {
		ASSERT_TRUE(target_start(&t, PLAIN, 0, -1));
		ASSERT_EQ(0, look_all(t.pidfd, states));
		/* Half of them by a signal, half by themselves. */
		if (rounds++ % 2)
			kill(t.pid, SIGKILL);
		else
			close(t.go);
		while (!(ret = look_all(t.pidfd, states)))
			looks++;
		EXPECT_EQ(-ESRCH, ret);
		if (!(rounds % 2))
			close(t.go);
		waitpid(t.pid, NULL, 0);
		close(t.said);
		close(t.pidfd);
	}
	TH_LOG("%lu looks at %lu processes that ended", looks, rounds);
}

/* In a child: exec again and again, each time with other memory. */
static void __attribute__((constructor)) exec_again(void)
{
	const char *left = getenv("MINCORE2_EXEC");
	char text[16], exe[512] = "";
	int n = left ? atoi(left) : 0;

	if (!left)
		return;
	if (!n || !make_memory(-1))
		_exit(!!n);
	snprintf(text, sizeof(text), "%d", n - 1);
	setenv("MINCORE2_EXEC", text, 1);
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0)
		execl(exe, exe, NULL);
	_exit(2);
}

/* Proves that a look during an exec shows the old memory or the new one. */
TEST_F_TIMEOUT(meanwhile, exec_in_the_middle, 120)
{
	uint64_t states[PAGES], all = 0;
	unsigned long looks = 0;
	int status, ret, pidfd;
	pid_t pid;
	size_t i;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		char exe[512] = "";

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("MINCORE2_EXEC", "60", 1);
		if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0)
			execl(exe, exe, NULL);
		_exit(3);
	}
	pidfd = open_pidfd(pid);
	while (!(ret = look_all(pidfd, states))) {
		looks++;
		for (i = 0; i < PAGES; i++)
			all |= states[i];
		EXPECT_EQ(0, MC2_BITS(states[0]) &
			  ~(MINCORE_RESIDENT | MINCORE_PTE | MINCORE_WRITABLE |
			    MINCORE_PINNABLE | MINCORE_UNMAPPED));
	}
	EXPECT_EQ(-ESRCH, ret);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(MINCORE_UNMAPPED | MINCORE_RESIDENT,
		  all & (MINCORE_UNMAPPED | MINCORE_RESIDENT));
	TH_LOG("%lu looks", looks);
	close(pidfd);
}

struct changes { volatile unsigned long nr; volatile bool stop; };

/* A target whose mappings come, go, and change. */
static void keep_changing(struct changes *changes)
{
	size_t page = mc2_page_size(), size = PAGES * page;
	uint64_t seed = 1;

	for (; !changes->stop; changes->nr++) {
		char *p = (char *)AT + mc2_below(&seed, PAGES / 2) * page;
		size_t len = (1 + mc2_below(&seed, PAGES / 2)) * page;

		switch (mc2_below(&seed, 4)) {
		case 0:
			munmap(p, len);
			break;
		case 1:
			mmap(p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			     MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
			break;
		case 2:
			mprotect(p, len, PROT_READ);
			break;
		default:
			mmap((void *)AT, size, PROT_READ | PROT_WRITE, MAP_SHARED |
			     MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		}
	}
	_exit(0);
}

/* Proves that looks at a process that changes its memory tile, and lie about no page. */
TEST_F_TIMEOUT(meanwhile, changes_in_the_middle, 120)
{
	const unsigned int allowed = MINCORE_RESIDENT | MINCORE_PTE |
				     MINCORE_WRITABLE | MINCORE_PINNABLE;
	struct changes *changes = mmap(NULL, mc2_page_size(), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double end = mc2_now() + race_seconds();
	unsigned long looks = 0;
	uint64_t states[PAGES];
	int pidfd, status;
	pid_t pid;
	size_t i;

	ASSERT_NE(MAP_FAILED, changes);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		keep_changing(changes);
	}
	pidfd = open_pidfd(pid);
	for (; mc2_now() < end || changes->nr < 100; looks++) {
		ASSERT_EQ(0, look_all(pidfd, states));
		for (i = 0; i < PAGES; i++) {
			unsigned int bits = MC2_BITS(states[i]);

			EXPECT_TRUE(bits == MINCORE_UNMAPPED ||
				    (!(bits & ~allowed) &&
				     (!(bits & MINCORE_WRITABLE) ||
				      bits == allowed)))
				TH_LOG("page %zu: %#x", i, bits);
		}
	}
	changes->stop = true;
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	TH_LOG("%lu looks during %lu changes", looks, changes->nr);
	close(pidfd);
}

/* ---- nothing is left behind, nothing is changed ---- */

/* Every way out of the call that has found the process. */
static void look_all_ways(const struct target *t)
{
	size_t page = mc2_page_size();
	uint64_t states[PAGES];
	unsigned char bytes[4];

	look_all(t->pidfd, states);
	do_process(t->pidfd, AT, 4 * page, bytes, 4, MINCORE_RESIDENT);
	do_process(t->pidfd, AT, 0, NULL, 0, MINCORE_RESIDENT);
	do_process(t->pidfd, AT, 4 * page, NULL, 4, MINCORE_RESIDENT);
	do_process(t->pidfd, ~0UL / page * page, page, bytes, 1, MINCORE_RESIDENT);
	do_process(t->pidfd, AT, SIZE_MAX, bytes, 1, MINCORE_RESIDENT);
}

/*
 * Proves that no reference to the address space is left: what the target had mapped
 * is let go of when it ends, so that the filesystem can be unmounted, although the
 * pidfd is still there.
 */
TEST_F(meanwhile, no_reference_to_the_memory_is_left)
{
	char dir[] = "/tmp/mincore2-XXXXXX";
	struct target t;
	int fd, i;

	if (geteuid())
		SKIP(return, "needs root");
	ASSERT_NE(NULL, mkdtemp(dir));
	ASSERT_EQ(0, mount("none", dir, "tmpfs", 0, NULL));
	fd = mc2_temp_file(dir);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, (off_t)(8 * mc2_page_size())));
	ASSERT_TRUE(target_start(&t, PLAIN, 0, fd));
	close(fd);
	EXPECT_EQ(-1, umount(dir));
	EXPECT_EQ(EBUSY, errno);
	for (i = 0; i < 50; i++)
		look_all_ways(&t);
	EXPECT_EQ(0, target_end(&t));
	EXPECT_EQ(0, umount(dir));
	EXPECT_EQ(-ESRCH, look(t.pidfd, AT, ALL));
	close(t.pidfd);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

static long slab_kib(void)
{
	char buf[4096], *line;

	if (mc2_read_file("/proc/meminfo", buf, sizeof(buf)) <= 0)
		return -1;
	line = strstr(buf, "SUnreclaim:");
	return line ? strtol(line + strlen("SUnreclaim:"), NULL, 10) : -1;
}

/* Proves that no reference to the process itself is left: a task_struct has 4 KiB. */
TEST_F_TIMEOUT(meanwhile, no_reference_to_the_process_is_left, 120)
{
	enum { ROUNDS = 200 };
	long before = 0, after;
	struct target t;
	int i;

	/* The first ones fill the caches. */
	for (i = -20; i < ROUNDS; i++) {
		if (!i) {
			usleep(500000);
			before = slab_kib();
		}
		ASSERT_TRUE(target_start(&t, PLAIN, 0, -1));
		look_all_ways(&t);
		ASSERT_EQ(0, target_end(&t));
		close(t.pidfd);
	}
	usleep(500000);
	after = slab_kib();
	ASSERT_LT(0, before);
	EXPECT_GT(2 * ROUNDS, after - before)
		TH_LOG("slabs have grown by %ld KiB", after - before);
}

struct huge { volatile long faults; volatile bool mapped; };

/* Proves that a PUD entry of another process survives the look. */
TEST_F(meanwhile, pud_entry_survives)
{
	struct huge *shared = mmap(NULL, mc2_page_size(), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int go[2], said[2], pidfd, status;
	char path[256], c;
	uint64_t at;
	pid_t pid;

	if (sizeof(void *) < 8 ||
	    !mc2_backing("name=devdax-1g", "path", path, sizeof(path)))
		SKIP(return, "no device-dax with 1 GiB entries, or no room");
	at = GIB(64);
	ASSERT_EQ(0, pipe(go) || pipe(said));
	pid = fork();
	if (!pid) {
		int fd = open(path, O_RDWR);
		char *p = mmap(mc2_ptr(at), GIB(1), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
		long before;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (p == MAP_FAILED)
			_exit(1);
		p[0] = 1;
		mc2_faults();
		if (write(said[1], "x", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(2);
		before = mc2_faults();
		before = mc2_faults();
		p[GIB(1) / 2] = 1;
		shared->faults = mc2_faults() - before;
		_exit(0);
	}
	pidfd = open_pidfd(pid);
	ASSERT_TRUE(wait_for(said[0]));
	EXPECT_EQ(MINCORE_PUD, look(pidfd, at, MINCORE_LEVEL) & 0xff);
	EXPECT_EQ(MINCORE_PUD, look(pidfd, at + GIB(1) / 2, ALL) & MINCORE_LEVEL);
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, shared->faults);
	close(pidfd);
}

/* ---- 32 and 64 bits ---- */

/* As the twin: have memory, say so, and wait for the end of standard input. */
static void __attribute__((constructor)) be_twin(void)
{
	char c;

	if (!getenv("MINCORE2_TWIN"))
		return;
	_exit(!make_memory(-1) || write(1, "x", 1) != 1 || read(0, &c, 1) != 0);
}

/* The same program of the other width, beside this one. */
static bool twin_path(char *path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", path, size - 4);

	if (len <= 0)
		return false;
	path[len] = 0;
	if (sizeof(void *) == 4) {
		if (len < 3 || strcmp(path + len - 3, "-32"))
			return false;
		path[len - 3] = 0;
	} else {
		if (len > 4 && !strcmp(path + len - 4, "-lib"))
			path[len - 4] = 0;
		strcat(path, "-32");
	}
	return !access(path, X_OK);
}

/*
 * Proves that a target has the end of its own address space, and that a caller of 32
 * bits sees as much of a larger one as it can name.
 */
TEST_F(meanwhile, other_width)
{
	const uint64_t end32 = 0xffffe000, page = 4096;
	int in[2], out[2], pidfd, status;
	uint64_t states[PAGES];
	char path[512];
	pid_t pid;

	if (!twin_path(path, sizeof(path)))
		SKIP(return, "no twin of the other width");
	ASSERT_EQ(0, pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		setenv("MINCORE2_TWIN", "1", 1);
		execl(path, path, NULL);
		_exit(9);
	}
	close(in[0]);
	pidfd = open_pidfd(pid);
	ASSERT_TRUE(wait_for(out[0]));
	ASSERT_EQ(0, look_all(pidfd, states));
	EXPECT_EQ(MINCORE_RESIDENT | MINCORE_PTE | MINCORE_WRITABLE |
		  MINCORE_PINNABLE, MC2_BITS(states[0]));
	EXPECT_EQ(MINCORE_UNMAPPED, states[6]);
	EXPECT_EQ(12, MINCORE_ENTRY_SHIFT(states[0]));
	EXPECT_LE(0, look(pidfd, end32 - page, ALL));
	if (sizeof(void *) == 8) {
		EXPECT_EQ(-ENOMEM, look(pidfd, end32, ALL));
		EXPECT_EQ(-ENOMEM, look(pidfd, GIB(4), ALL));
	} else {
		EXPECT_EQ(MINCORE_UNMAPPED, look(pidfd, end32, MINCORE_DAX));
		EXPECT_EQ(-ENOMEM, look(open_pidfd(getpid()), end32, MINCORE_DAX));
	}
	close(in[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(pidfd);
}

TEST_HARNESS_MAIN
