// SPDX-License-Identifier: GPL-2.0
/*
 * Random questions about random address spaces: every answer has to keep what holds of
 * all of them. A round has a seed, which is printed when something is wrong.
 * MINCORE2_FUZZ_SEED runs that round only, MINCORE2_FUZZ_STEPS only so many of its steps;
 * MINCORE2_FUZZ_CALLS is how many calls each test makes.
 */
#include "fuzz.h"
#include "inject.h"

#define R		MINCORE_REGIONS
#define EVERY		(MC2_ALL | MINCORE_PINNABLE)
#define STEPS		60	/* of a round */
#define QUESTIONS	12	/* after each step */
#define CANARY		64
#define VEC_SIZE	(ARENA_PAGES * sizeof(struct mincore_region))
#define OF_SELF		(-1)	/* instead of a pidfd */

/* Who asks. */
struct asker {
	struct arena *a;
	uint64_t seed;
	unsigned char *buf;	/* CANARY, VEC_SIZE, CANARY */
	uint64_t *truth, *seen;	/* a state a page */
	unsigned long calls;
	bool inject;		/* allocations may fail */
	int err;		/* of the last call: 0 or a negative errno */
	char why[256];
};

#define WRONG(q, ...)	(snprintf((q)->why, sizeof((q)->why), __VA_ARGS__), false)

static bool asker_init(struct asker *q, struct arena *a, uint64_t seed)
{
	*q = (struct asker){ .a = a, .seed = seed };
	q->buf = malloc(VEC_SIZE + 2 * CANARY);
	q->truth = calloc(ARENA_PAGES, sizeof(*q->truth));
	q->seen = calloc(ARENA_PAGES, sizeof(*q->seen));
	return q->buf && q->truth && q->seen;
}

static bool untouched(const unsigned char *p, size_t size)
{
	while (size && *p == 0xa5)
		p++, size--;
	return !size;
}

/* One call, with canaries around vec. -errno, or how many; *@ok: nothing else was written. */
static ssize_t call(struct asker *q, int pidfd, uint64_t addr, size_t len, size_t nr,
		    unsigned int flags, bool *ok)
{
	size_t size = nr * (flags & R ? sizeof(struct mincore_region) : 1);
	unsigned char *vec = q->buf + CANARY;
	int nth = q->inject && !mc2_below(&q->seed, 4) ? 1 + mc2_below(&q->seed, 3) : 0;
	int fd = -1;
	ssize_t ret;

	memset(q->buf, 0xa5, size + 2 * CANARY);
	if (nth)
		fd = mc2_fail_nth(nth);
	ret = pidfd == OF_SELF ? do_mincore2(mc2_ptr(addr), len, vec, nr, flags) :
				 do_process(pidfd, addr, len, vec, nr, flags);
	if (ret < 0)
		ret = -errno;
	q->err = ret < 0 ? (int)ret : 0;
	if (fd >= 0 && mc2_has_failed(fd) && ret == -EAGAIN)
		ret = -EINTR;		/* ask again */
	q->calls++;
	*ok = untouched(q->buf, CANARY) && untouched(vec + size, CANARY) &&
	      (ret >= 0 || untouched(vec, size));
	return ret;
}

/* Ask about pages with room for @nr, on and on: a state a page goes to @states. */
static bool ask(struct asker *q, int pidfd, size_t first, size_t count, size_t nr,
		unsigned int flags, uint64_t *states)
{
	size_t page = q->a->page, at = first, i;
	uint64_t base = mc2_addr(q->a->base), end = base + (first + count) * page;
	struct mincore_region *r = (void *)(q->buf + CANARY);
	bool ok;

	while (at < first + count) {
		uint64_t addr = base + at * page;
		ssize_t n = call(q, pidfd, addr, end - addr, nr, flags, &ok);

		if (!ok)
			return WRONG(q, "written outside of vec[%zu], flags %#x, returned %zd",
				     nr, flags, n);
		if (n == -EINTR)
			continue;
		if (n <= 0 || (size_t)n > nr)
			return WRONG(q, "page %zu, flags %#x: %zd", at, flags, n);
		if (flags & R) {
			if (!mc2_tiling_ok(r, n, addr, end, flags))
				return WRONG(q, "page %zu, flags %#x: no tiling", at, flags);
			mc2_expand(r, n, states + (at - first));
			at = (r[n - 1].end - base) / page;
			continue;
		}
		for (i = 0; i < (size_t)n; i++, at++) {
			states[at - first] = q->buf[CANARY + i];
			if (at >= first + count || q->buf[CANARY + i] & ~mc2_reported(flags))
				return WRONG(q, "page %zu, flags %#x: byte %#x", at, flags,
					     q->buf[CANARY + i]);
		}
	}
	return true;
}

/* What holds of every state of a page, be it asked for as a whole or in part. */
static bool state_ok(struct asker *q, size_t i, uint64_t state, unsigned int flags)
{
	unsigned int s = MC2_BITS(state);

	if (s & MINCORE_PERSIST && !__atomic_load_n(&q->a->may[i], __ATOMIC_RELAXED))
		return WRONG(q, "page %zu: PERSIST, which nothing there may be: %#x", i, s);
	if (s & MINCORE_PERSIST && flags & MINCORE_DAX && !(s & MINCORE_DAX))
		return WRONG(q, "page %zu: PERSIST without DAX: %#x", i, s);
	if (s & MINCORE_UNMAPPED && state != MINCORE_UNMAPPED)
		return WRONG(q, "page %zu: unmapped, and more: %#x", i, s);
	if (s & MINCORE_DENIED && s & MINCORE_RESIDENT)
		return WRONG(q, "page %zu: resident and denied: %#x", i, s);
	if (s & MINCORE_ZERO && s & MINCORE_WRITABLE)
		return WRONG(q, "page %zu: a writable zero page: %#x", i, s);
	if (flags & MINCORE_LEVEL && !(s & MINCORE_LEVEL) &&
	    s & (MINCORE_WRITABLE | MINCORE_ZERO))
		return WRONG(q, "page %zu: writable or zero without an entry: %#x", i, s);
	return true;
}

/* Random bits to ask for; those of bytes, or any. */
static unsigned int some_flags(struct asker *q)
{
	unsigned int flags = mc2_below(&q->seed, 2) ? R : 0;

	do {
		flags |= mc2_random(&q->seed) & mc2_random(&q->seed) &
			 (flags & R ? EVERY : MC2_ALL_BYTE);
		flags = mc2_ask(flags);
	} while (!(flags & ~R));
	return flags;
}

static size_t some_room(struct asker *q, size_t count)
{
	uint64_t kind = mc2_below(&q->seed, 4);

	if (!kind)
		return 1 + mc2_below(&q->seed, ARENA_PAGES);
	return kind == 1 && count < 600 ? 1 + mc2_below(&q->seed, 8) :
					  1 + count / 2 + mc2_below(&q->seed, count);
}

/* One question, whose answer has to be that part of the truth, if @quiet. */
static bool question(struct asker *q, int pidfd, bool quiet)
{
	unsigned int flags = some_flags(q);
	uint64_t want, mask = mc2_reported(flags);
	size_t first, count, i, room;

	if (flags & MINCORE_LEVEL)
		mask |= 0xffULL << 56;
	if (!(flags & R))
		mask &= 0xff;
	some_pages(&q->seed, &first, &count);
	room = some_room(q, count);
	if (room > ARENA_PAGES)
		room = ARENA_PAGES;
	if (!ask(q, pidfd, first, count, room, flags, q->seen))
		return false;
	for (i = 0; i < count; i++) {
		if (!state_ok(q, first + i, q->seen[i], flags))
			return false;
		want = q->truth[first + i] & mask;
		if (quiet && q->seen[i] != want)
			return WRONG(q, "page %zu, flags %#x: %#" PRIx64 ", and of all %#" PRIx64,
				     first + i, flags, q->seen[i], want);
	}
	return true;
}

/* Input that is wrong, and the error that it has to give. */
static bool wrong_question(struct asker *q)
{
	uint64_t base = mc2_addr(q->a->base);
	size_t page = q->a->page;
	const struct { uint64_t addr; size_t len; unsigned int flags; int pidfd, err; } all[] = {
		{ base + 1, page, MINCORE_DAX, OF_SELF, EINVAL },
		{ base + page / 2, page, R | MINCORE_DAX, OF_SELF, EINVAL },
		{ base, page, 0, OF_SELF, EINVAL },
		{ base, page, R, OF_SELF, EINVAL },
		{ base, page, MINCORE_PTE, OF_SELF, EINVAL },
		{ base, page, R | MINCORE_PMD | MINCORE_DAX, OF_SELF, EINVAL },
		{ base, page, MINCORE_ZERO, OF_SELF, EINVAL },
		{ base, page, R | MINCORE_DAX | 1U << (10 + mc2_below(&q->seed, 20)), OF_SELF,
		  EINVAL },
		{ base, SIZE_MAX, MINCORE_DAX, OF_SELF, ENOMEM },
		{ base, SIZE_MAX / 2 + page, R | MINCORE_DAX, OF_SELF, ENOMEM },
		{ base, page, MINCORE_DAX, -2, EBADF },
		{ base, 0, MINCORE_DAX, OF_SELF, 0 },
	};
	size_t i = mc2_below(&q->seed, ARRAY_SIZE(all));
	bool ok;
	ssize_t ret = call(q, all[i].pidfd, all[i].addr, all[i].len, 4, all[i].flags, &ok);

	if (ret == -EINTR || (ret == -all[i].err && ok))
		return true;
	return WRONG(q, "wrong input %zu: %zd instead of %d%s", i, ret, -all[i].err,
		     ok ? "" : ", vec was written");
}

/* The states of all of the arena; what is true of all of them together. */
static bool whole_truth(struct asker *q, int pidfd)
{
	size_t i, k;

	if (!ask(q, pidfd, 0, ARENA_PAGES, ARENA_PAGES, R | EVERY, q->truth))
		return false;
	for (i = 0; i < ARENA_PAGES; i++)
		if (!state_ok(q, i, q->truth[i], EVERY))
			return false;
	for (i = 0; i < ARENA_PAGES; i += HUGE_PAGES)
		for (k = 1; k < HUGE_PAGES; k++)
			if (((q->truth[i] & MINCORE_LEVEL) == MINCORE_PMD) !=
			    ((q->truth[i + k] & MINCORE_LEVEL) == MINCORE_PMD))
				return WRONG(q, "page %zu: part of a PMD entry", i + k);
	return true;
}

/* RESIDENT is what mincore() says, and UNMAPPED where it says ENOMEM. */
static bool agrees_with_mincore(struct asker *q)
{
	unsigned char bytes[HUGE_PAGES];
	size_t i, n;

	for (i = 0; i < ARENA_PAGES; i += n) {
		bool unmapped = q->truth[i] & MINCORE_UNMAPPED;
		size_t k;
		int ret;

		for (n = 1; n < HUGE_PAGES && i + n < ARENA_PAGES; n++)
			if (!(q->truth[i + n] & MINCORE_UNMAPPED) == unmapped)
				break;
		ret = mincore(q->a->base + i * q->a->page, n * q->a->page, bytes);
		if ((ret && errno == ENOMEM) != unmapped)
			return WRONG(q, "page %zu: unmapped %d, mincore(): %d", i, unmapped, ret);
		for (k = 0; !ret && k < n; k++)
			if (!(q->truth[i + k] & MINCORE_DENIED) &&
			    (bytes[k] & 1) != !!(q->truth[i + k] & MINCORE_RESIDENT))
				return WRONG(q, "page %zu: %#" PRIx64 ", mincore(): %#x", i + k,
					     q->truth[i + k], bytes[k]);
	}
	return true;
}

/* A child with a copy of it all, which waits. Its pidfd, or -1. */
static int waiting_child(pid_t *pid)
{
	*pid = fork();
	if (!*pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return *pid < 0 ? -1 : open_pidfd(*pid);
}

/* Ask about the arena while nothing moves. @self: a pidfd of oneself. */
static bool ask_quiet(struct asker *q, int self)
{
	bool of_child = !mc2_below(&q->seed, 8), right;
	pid_t pid = -1;
	int pidfd = of_child ? waiting_child(&pid) : OF_SELF, i;

	right = whole_truth(q, pidfd) && (of_child || agrees_with_mincore(q));
	for (i = 0; right && i < QUESTIONS; i++)
		right = wrong_question(q) &&
			question(q, of_child || mc2_below(&q->seed, 4) ? pidfd : self, true);
	if (of_child && pidfd >= 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(pidfd);
	}
	return right;
}

/* One round: its number of calls, or 0 if something is wrong, which was printed. */
static unsigned long quiet_round(struct asker *q, uint64_t seed, int self)
{
	unsigned long before = q->calls, steps = mc2_setting("MINCORE2_FUZZ_STEPS", STEPS, STEPS);
	struct changer c = { .a = q->a, .seed = seed };
	int tries;

	arena_reset(q->a);
	q->seed = ~seed;
	while (c.step < steps) {
		uint64_t was = q->seed;

		change(&c);
		/* The kernel writes back and moves pages by itself: a fault has to stay. */
		for (tries = 0; !ask_quiet(q, self); tries++) {
			if (tries == 3) {
				printf("# seed %#" PRIx64 ", step %lu: %s\n", seed, c.step, q->why);
				print_history(&c);
				return 0;
			}
			usleep(50000);
			q->seed = was;
		}
	}
	return q->calls - before;
}

FIXTURE(fuzz) {
	struct arena a;
	struct asker q;
	uint64_t seed;
	unsigned long calls;
	bool inject;
};

FIXTURE_SETUP(fuzz)
{
	const char *seed = getenv("MINCORE2_FUZZ_SEED");
	static struct mc2_backings all;
	int err = mc2_read_backings(&all);

	ASSERT_TRUE(!err || err == -ENOENT)
		TH_LOG("%s", all.error);
	ASSERT_TRUE(arena_init(&self->a, &all));
	self->seed = seed ? strtoull(seed, NULL, 0) : 1;
	self->calls = mc2_setting("MINCORE2_FUZZ_CALLS", 20000, ULONG_MAX);
	ASSERT_TRUE(asker_init(&self->q, &self->a, 0));
	self->inject = mc2_inject(true);
	TH_LOG("%zu files%s", self->a.nr_files,
	       self->inject ? ", allocations fail" : "");
}

FIXTURE_TEARDOWN(fuzz)
{
	size_t i;

	if (self->inject)
		mc2_inject(false);
	for (i = 0; i < self->a.nr_files; i++)
		mc2_file_close(&self->a.files[i]);
}

/* Proves that answers agree with each other, with mincore() and with what was mapped. */
TEST_F_TIMEOUT(fuzz, nothing_moves, 36000)
{
	bool once = getenv("MINCORE2_FUZZ_SEED");
	double said = mc2_now();
	int me = open_pidfd(getpid());

	self->q.inject = self->inject;
	do {
		ASSERT_NE(0, quiet_round(&self->q, self->seed++, me));
		if (mc2_now() > said + 10) {
			TH_LOG("%lu calls", self->q.calls);
			said = mc2_now();
		}
	} while (!once && self->q.calls < self->calls);
	TH_LOG("%lu calls", self->q.calls);
	close(me);
}

/* ---- others change the arena meanwhile ---- */

struct racer {
	struct changer c;
	pthread_barrier_t *all_there;
	volatile bool *stop;
	pthread_t thread;
};

static void *keep_changing(void *arg)
{
	struct racer *r = arg;

	/* The stack of a thread may not get into a hole that another one has made. */
	pthread_barrier_wait(r->all_there);
	while (!*r->stop)
		change(&r->c);
	return NULL;
}

/* In a child: asks about its parent until something is wrong, or it is killed. */
static void __attribute__((noreturn)) ask_about(struct asker *q, int pidfd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (question(q, pidfd, false))
		;
	printf("# of another process: %s\n", q->why);
	fflush(stdout);
	_exit(1);
}

/* A child with a copy of the arena is killed at some moment: no such process then. */
static bool ask_the_dying(struct asker *q)
{
	pid_t pid;
	int pidfd = waiting_child(&pid);
	unsigned int left = mc2_below(&q->seed, 4);
	bool right = true;

	while (right && left--)
		right = question(q, pidfd, false);
	kill(pid, SIGKILL);
	while (right && question(q, pidfd, false))
		;
	waitpid(pid, NULL, 0);
	close(pidfd);
	return right && q->err == -ESRCH;
}

/* Proves that answers during changes by two threads keep what holds at all times. */
TEST_F_TIMEOUT(fuzz, others_change_it, 36000)
{
	volatile bool stop = false;
	struct racer r[2] = { };
	pthread_barrier_t all_there;
	struct asker *q = &self->q;
	double said = mc2_now();
	int me = open_pidfd(getpid()), status = 0;
	pid_t child;
	size_t i;

	q->seed = ~self->seed;
	TH_LOG("seed %#" PRIx64, self->seed);
	arena_reset(&self->a);
	self->a.racing = true;
	child = fork();
	if (!child)
		ask_about(q, me);
	ASSERT_EQ(0, pthread_barrier_init(&all_there, NULL, ARRAY_SIZE(r)));
	for (i = 0; i < ARRAY_SIZE(r); i++) {
		r[i] = (struct racer){ .c = { .a = &self->a, .seed = self->seed + i },
				       .all_there = &all_there, .stop = &stop };
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, keep_changing, &r[i]));
	}
	q->inject = self->inject;
	while (q->calls < self->calls) {
		ASSERT_TRUE(question(q, mc2_below(&q->seed, 4) ? OF_SELF : me, false))
			TH_LOG("%s", q->why);
		if (!mc2_below(&q->seed, 200))
			ASSERT_TRUE(ask_the_dying(q))
				TH_LOG("of one that dies: %s", q->why);
		if (mc2_now() > said + 10) {
			TH_LOG("%lu calls, %lu changes", q->calls, r[0].c.step + r[1].c.step);
			said = mc2_now();
		}
	}
	stop = true;
	for (i = 0; i < ARRAY_SIZE(r); i++)
		pthread_join(r[i].thread, NULL);
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	TH_LOG("%lu calls, %lu changes", q->calls, r[0].c.step + r[1].c.step);
	close(me);
}

TEST_HARNESS_MAIN
