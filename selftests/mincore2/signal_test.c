// SPDX-License-Identifier: GPL-2.0
/*
 * Signals and mincore2(): EINTR only when nothing was stored, restart when the
 * handler asks for it, a partial answer that can be resumed otherwise.
 */
#include "helpers.h"

#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define R	MINCORE_REGIONS
#define PAGES	64

/* What the traced child found; shared with it. */
struct outcome {
	int ret;		/* of mc2_call() */
	int handled;		/* signals that the handler saw */
	unsigned char bytes[PAGES];
};

static volatile sig_atomic_t handled;

static void count_signal(int sig)
{
	(void)sig;
	handled++;
}

static void handle(int sig, int flags)
{
	struct sigaction sa = { .sa_handler = count_signal, .sa_flags = flags };

	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

/* The child: one call that its tracer will find by its arguments. */
static void traced_child(char *area, int sa_flags, struct outcome *out)
{
	size_t len = PAGES * mc2_page_size();

	handle(SIGUSR1, sa_flags);
	mc2_supported();	/* the library may probe at the first call */
	memset(out->bytes, 0xaa, sizeof(out->bytes));
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	out->ret = mc2_call(area, len, out->bytes, PAGES, MINCORE_RESIDENT);
	out->handled = handled;
	_exit(0);
}

/*
 * Is @pid stopped where it enters the call about @area? @nr is the number of that
 * call, 0 until it was seen: other calls (sigreturn of a 32-bit program) may find
 * the same values in their registers.
 */
static bool at_entry(pid_t pid, const char *area, uint64_t *nr)
{
	struct __ptrace_syscall_info info;

	memset(&info, 0, sizeof(info));
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return false;
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY ||
	    (uintptr_t)info.entry.args[0] != (uintptr_t)area ||
	    info.entry.args[3] != PAGES ||
	    info.entry.args[4] != MINCORE_RESIDENT)
		return false;
	if (!*nr)
		*nr = info.entry.nr;
	return *nr == info.entry.nr;
}

/*
 * Runs the child; queues SIGUSR1 where it has entered the call for the first
 * time, so that the signal is pending before any work is done. The number of
 * times that the call was entered, or -1.
 */
static int interrupt_at_entry(pid_t pid, const char *area)
{
	int status, sig, entries = 0;
	uint64_t nr = 0;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	ptrace(PTRACE_SETOPTIONS, pid, 0,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (sig = 0;;) {
		if (ptrace(PTRACE_SYSCALL, pid, 0, sig))
			return -1;
		if (waitpid(pid, &status, 0) != pid)
			return -1;
		if (!WIFSTOPPED(status))
			return WIFEXITED(status) ? entries : -1;
		sig = WSTOPSIG(status);
		if (sig != (SIGTRAP | 0x80))
			continue;	/* a signal: deliver it */
		sig = 0;
		if (at_entry(pid, area, &nr) && !entries++)
			kill(pid, SIGUSR1);
	}
}

FIXTURE(signal) {
	char *area;
	struct outcome *out;
	int entries;
};

FIXTURE_VARIANT(signal) {
	int sa_flags;
};

FIXTURE_VARIANT_ADD(signal, interrupted) {
	.sa_flags = 0,
};

FIXTURE_VARIANT_ADD(signal, restarted) {
	.sa_flags = SA_RESTART,
};

FIXTURE_SETUP(signal)
{
	size_t len = PAGES * mc2_page_size();
	pid_t pid;

	self->area = mc2_anon(len);
	ASSERT_NE(NULL, self->area);
	memset(self->area, 1, len);
	self->out = mmap(NULL, sizeof(*self->out), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->out);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		traced_child(self->area, variant->sa_flags, self->out);
	self->entries = interrupt_at_entry(pid, self->area);
}

FIXTURE_TEARDOWN(signal)
{
}

/*
 * Proves that a signal that is there before any work: ends the call with EINTR
 * and nothing stored, or, with SA_RESTART, has the call done over, once the
 * handler has run.
 */
TEST_F(signal, pending_at_entry)
{
	size_t i;

	EXPECT_EQ(1, self->out->handled);
	if (variant->sa_flags & SA_RESTART) {
		EXPECT_EQ(2, self->entries);
		EXPECT_EQ(PAGES, self->out->ret);
		for (i = 0; i < PAGES; i++)
			EXPECT_EQ(MINCORE_RESIDENT, self->out->bytes[i]);
	} else {
		EXPECT_EQ(1, self->entries);
		EXPECT_EQ(-EINTR, self->out->ret);
		for (i = 0; i < PAGES; i++)
			EXPECT_EQ(0xaa, self->out->bytes[i]);
	}
}

/* A thread that sends signals as fast as it can. */
struct storm {
	pthread_t target, thread;
	volatile bool stop;
	unsigned long sent;
};

static void *send_signals(void *arg)
{
	struct storm *s = arg;

	while (!s->stop) {
		pthread_kill(s->target, SIGUSR1);
		s->sent++;
		sched_yield();
	}
	return NULL;
}

static bool storm_start(struct storm *s, int sa_flags)
{
	handle(SIGUSR1, sa_flags);
	s->target = pthread_self();
	s->stop = false;
	s->sent = 0;
	return pthread_create(&s->thread, NULL, send_signals, s) == 0;
}

static void storm_stop(struct storm *s)
{
	s->stop = true;
	pthread_join(s->thread, NULL);
}

/* How the calls of a scan ended. */
struct ends {
	unsigned long calls, early, eintr;
};

/* Repeats the scan of [area, end) in bytes, resuming; false: a wrong answer. */
static bool scan_bytes(char *area, size_t pages, unsigned char *v,
		       const unsigned char *want, struct ends *e)
{
	size_t page = mc2_page_size(), done = 0;
	ssize_t ret;

	memset(v, 0xaa, pages);
	while (done < pages) {
		ret = mc2_call(area + done * page, (pages - done) * page,
			       v + done, pages - done, MINCORE_RESIDENT);
		e->calls++;
		if (ret == -EINTR) {
			e->eintr++;
			if (v[done] != 0xaa)
				return false;
			continue;
		}
		if (ret <= 0 || (size_t)ret > pages - done)
			return false;
		done += ret;
		e->early += done < pages;
		/* What comes after the count is not stored yet. */
		if (done < pages && v[done] != 0xaa)
			return false;
	}
	return memcmp(v, want, pages) == 0;
}

#define BIG	(64 * 1024)	/* pages: 256 MiB, mostly untouched */

FIXTURE(storm) {
	char *area;
	size_t page;
	unsigned char *want, *v;
	struct mincore_region *regions, *reference;
	size_t nr;
};

FIXTURE_SETUP(storm)
{
	size_t i;

	self->page = mc2_page_size();
	self->area = mc2_anon(BIG * self->page);
	self->want = calloc(1, BIG);
	self->v = malloc(BIG);
	self->nr = BIG / 8;
	self->regions = calloc(self->nr, sizeof(*self->regions));
	self->reference = calloc(self->nr, sizeof(*self->reference));
	ASSERT_NE(NULL, self->area);
	ASSERT_NE(NULL, self->regions);
	ASSERT_NE(NULL, self->reference);
	for (i = 0; i < BIG; i += 37) {
		self->area[i * self->page] = 1;
		self->want[i] = MINCORE_RESIDENT;
	}
}

FIXTURE_TEARDOWN(storm)
{
	munmap(self->area, BIG * self->page);
}

/*
 * Proves that scans in the byte format under a storm of signals, resumed after
 * each early end, are complete and right, and that early ends really happened.
 */
TEST_F_TIMEOUT(storm, bytes, 240)
{
	struct ends e = { 0 };
	double until = mc2_now() + 60;
	struct storm s;
	int rounds = 0;

	ASSERT_TRUE(storm_start(&s, 0));
	while ((rounds < 20 || !e.early) && mc2_now() < until) {
		ASSERT_TRUE(scan_bytes(self->area, BIG, self->v, self->want,
				       &e));
		rounds++;
	}
	storm_stop(&s);
	TH_LOG("%d scans, %lu calls, %lu early ends, %lu EINTR, %lu signals",
	       rounds, e.calls, e.early, e.eintr, s.sent);
	EXPECT_LT(0, e.early);
}

/* Proves the same for regions: joined again, they are the undisturbed tiling. */
TEST_F_TIMEOUT(storm, regions, 240)
{
	uint64_t start = mc2_addr(self->area), end = start + BIG * self->page;
	unsigned long early = 0, rounds = 0;
	double until = mc2_now() + 60;
	ssize_t n, nr, i;
	struct storm s;

	n = mc2_scan(start, end, MINCORE_RESIDENT, self->nr, self->reference,
		     self->nr);
	ASSERT_LT(BIG / 37, n);
	ASSERT_TRUE(storm_start(&s, 0));
	while ((rounds < 20 || !early) && mc2_now() < until) {
		struct mincore_region *r = self->regions;
		uint64_t at = start;

		for (nr = 0; at < end;) {
			i = mc2_call(mc2_ptr(at), end - at, r + nr,
				     self->nr - nr, R | MINCORE_RESIDENT);
			if (i == -EINTR)
				continue;
			ASSERT_LT(0, i);
			ASSERT_TRUE(mc2_tiling_ok(r + nr, i, at, end,
						  MINCORE_RESIDENT));
			nr += i;
			at = r[nr - 1].end;
			early += at < end;
		}
		nr = mc2_merge(r, nr);
		ASSERT_EQ(n, nr);
		ASSERT_EQ(0, memcmp(r, self->reference, nr * sizeof(*r)));
		rounds++;
	}
	storm_stop(&s);
	TH_LOG("%lu scans, %lu early ends, %lu signals", rounds, early,
	       s.sent);
	EXPECT_LT(0, early);
}

/* Proves that a storm with SA_RESTART never shows as EINTR. */
TEST_F_TIMEOUT(storm, restarting_handler, 240)
{
	struct ends e = { 0 };
	struct storm s;
	int rounds;

	ASSERT_TRUE(storm_start(&s, SA_RESTART));
	for (rounds = 0; rounds < 20; rounds++)
		ASSERT_TRUE(scan_bytes(self->area, BIG, self->v, self->want,
				       &e));
	storm_stop(&s);
	EXPECT_EQ(0, e.eintr);
}

/*
 * Proves that a fatal signal ends a scan of the whole address space at once:
 * the call does not hold the process back.
 */
TEST(fatal_signal)
{
	static struct mincore_region r[1 << 16];
	double start = mc2_now();
	uint64_t end = mc2_task_end();
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (;;)
			mc2_call(NULL, end, r, ARRAY_SIZE(r), R | MC2_ALL);
	}
	usleep(50 * 1000);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	EXPECT_GT(10, mc2_now() - start);
}

TEST_HARNESS_MAIN
