// SPDX-License-Identifier: GPL-2.0
/*
 * Scans while another thread changes what they look at. Every area may only be
 * in certain states; a scan must see one of these for every page, and the
 * regions must tile, at all times. MINCORE2_RACE_SECONDS sets how long each
 * race takes.
 */
#include "helpers.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define R		MINCORE_REGIONS
#define MAX_REGIONS	8192

#define IN_CORE		MINCORE_RESIDENT
#define BY_PTE		(MINCORE_RESIDENT | MINCORE_PTE)
#define BY_PMD		(MINCORE_RESIDENT | MINCORE_PMD)

struct race;

/* What happens to an area, and what its pages may look like meanwhile. */
struct act {
	/* One change; called over and over, @n counts. */
	void (*change)(struct race *race, unsigned long n);
	/* The states a page may be in, without WRITABLE and the size. */
	unsigned int allowed[6];
	size_t nr_allowed;
	unsigned long least;	/* changes to wait for */
	bool huge;		/* needs transparent huge pages */
	bool shared_file;	/* the area maps shared memory */
};

struct race {
	const struct act *act;
	size_t page, size;	/* of the area */
	char *area;		/* [size], with a hole on each side */
	char *spare;		/* half of that, without access */
	int fd;
	uint64_t seed;
	volatile bool stop;
	volatile unsigned long changes;
	pthread_t thread;
};

static size_t some_page(struct race *r)
{
	return mc2_below(&r->seed, r->size / r->page);
}

static void fill(struct race *r)
{
	size_t i;

	for (i = 0; i < r->size; i += r->page)
		r->area[i] = 1;
}

/* Pages come with a fault and go. */
static void change_fault(struct race *r, unsigned long n)
{
	size_t i = some_page(r), count = 1 + mc2_below(&r->seed, 64);

	if (count > r->size / r->page - i)
		count = r->size / r->page - i;
	if (n % 2)
		madvise(r->area + i * r->page, count * r->page, MADV_DONTNEED);
	else
		memset(r->area + i * r->page, 1, count * r->page);
}

/* The whole mapping goes and comes back, with pages in it. */
static void change_map(struct race *r, unsigned long n)
{
	size_t half = r->size / 2;
	char *p = r->area + (n / 2 % 2 ? half : 0);

	if (n % 2)
		munmap(p, half);
	else
		mmap(p, half, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		     MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
}

/* Permissions change; the pages stay. */
static void change_protection(struct race *r, unsigned long n)
{
	static const int prots[] = {
		PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE,
	};
	size_t i = some_page(r), count = 1 + mc2_below(&r->seed, 64);

	if (count > r->size / r->page - i)
		count = r->size / r->page - i;
	mprotect(r->area + i * r->page, count * r->page,
		 prots[n % ARRAY_SIZE(prots)]);
}

/* A huge page is mapped by PTEs, then collapsed into one entry again. */
static void change_huge(struct race *r, unsigned long n)
{
	char *p = r->area + some_page(r) * r->page;

	if (n % 2) {
		mprotect(p, r->page, PROT_READ);
		mprotect(p, r->page, PROT_READ | PROT_WRITE);
	} else {
		madvise(r->area, r->size, MADV_COLLAPSE);
	}
}

/* Huge pages are dropped whole, in part, and faulted in again. */
static void change_huge_fault(struct race *r, unsigned long n)
{
	char *p = r->area + some_page(r) * r->page;

	switch (n % 4) {
	case 0:
		madvise(r->area, r->size, MADV_DONTNEED);
		break;
	case 1:
		(void)*(volatile char *)p;	/* the huge zero page */
		break;
	case 2:
		*(volatile char *)p = 1;
		break;
	default:
		madvise(p, r->page, MADV_DONTNEED);
	}
}

/* Pages of a shared file: punched, written through the file, mapped. */
static void change_file(struct race *r, unsigned long n)
{
	size_t i = some_page(r);

	switch (n % 3) {
	case 0:
		fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  i * r->page, 32 * r->page);
		break;
	case 1:
		if (pwrite(r->fd, "x", 1, i * r->page) != 1)
			abort();
		break;
	default:
		*(volatile char *)(r->area + i * r->page) = 1;
	}
}

/* Pages move to another place and back. */
static void change_remap(struct race *r, unsigned long n)
{
	size_t half = r->size / 2;
	char *p = r->area + (n % 2 ? half : 0);
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	if (mremap(p, half, half, flags, r->spare) != r->spare ||
	    mremap(r->spare, half, half, flags, p) != p)
		abort();
	/* Nobody else may get the spare place. */
	if (mmap(r->spare, half, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		 MAP_FIXED, -1, 0) != r->spare)
		abort();
}

/* Children come and go: pages are shared with them for a while. */
static void change_fork(struct race *r, unsigned long n)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	memset(r->area, n, r->size / 2);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* Pages are swapped out and come back. */
static void change_swap(struct race *r, unsigned long n)
{
	if (n % 2)
		memset(r->area, n, r->size);
	else
		madvise(r->area, r->size, MADV_PAGEOUT);
}

static void *changer(void *arg)
{
	struct race *r = arg;

	while (!r->stop)
		r->act->change(r, r->changes++);
	return NULL;
}

static bool is_allowed(const struct act *act, uint64_t state)
{
	unsigned int bits = MC2_BITS(state);
	size_t i;

	/* Only what an entry maps can be writable, and no zero page is. */
	if (bits & MINCORE_WRITABLE &&
	    (!(bits & MINCORE_LEVEL) || bits & MINCORE_ZERO))
		return false;
	for (i = 0; i < act->nr_allowed; i++)
		if ((bits & ~MINCORE_WRITABLE) == act->allowed[i])
			return true;
	return false;
}

/* The first state in the area that must not be; ~0: all are right. */
static uint64_t scan_regions(struct race *r, struct mincore_region *reg)
{
	uint64_t start = mc2_addr(r->area), end = start + r->size;
	ssize_t nr = mc2_scan(start, end, MC2_ALL, MAX_REGIONS, reg,
			      MAX_REGIONS);
	ssize_t i;

	if (nr <= 0)
		return nr;		/* no state is negative or 0 here */
	for (i = 0; i < nr; i++)
		if (!is_allowed(r->act, reg[i].state))
			return reg[i].state;
	return ~0ULL;
}

static uint64_t scan_bytes(struct race *r, unsigned char *bytes)
{
	size_t n = r->size / r->page, i;
	struct act act = *r->act;

	if (mc2_call(r->area, r->size, bytes, n, MC2_ALL_BYTE) != (ssize_t)n)
		return 0;
	for (i = 0; i < act.nr_allowed; i++)
		act.allowed[i] &= 0xff;
	for (i = 0; i < n; i++)
		if (!is_allowed(&act, bytes[i]))
			return bytes[i];
	return ~0ULL;
}

FIXTURE(race) {
	struct race r;
	struct mincore_region *regions;
	unsigned char *bytes;
};

FIXTURE_VARIANT(race) {
	struct act act;
};

FIXTURE_VARIANT_ADD(race, faults) { .act = {
	.change = change_fault,
	.least = 50,
	.allowed = { 0, BY_PTE }, .nr_allowed = 2,
} };
FIXTURE_VARIANT_ADD(race, map_and_unmap) { .act = {
	.change = change_map,
	.least = 50,
	.allowed = { MINCORE_UNMAPPED, 0, BY_PTE, BY_PMD }, .nr_allowed = 4,
} };
FIXTURE_VARIANT_ADD(race, protection) { .act = {
	.change = change_protection,
	.least = 50,
	.allowed = { BY_PTE }, .nr_allowed = 1,
} };
/* Migration entries, which have no level, are seen while pages are moved. */
FIXTURE_VARIANT_ADD(race, split_and_collapse) { .act = {
	.change = change_huge,
	.least = 50,
	.allowed = { BY_PTE, BY_PMD, IN_CORE }, .nr_allowed = 3, .huge = true,
} };
FIXTURE_VARIANT_ADD(race, huge_faults) { .act = {
	.change = change_huge_fault,
	.least = 50,
	.allowed = { 0, BY_PTE, BY_PMD, IN_CORE, BY_PMD | MINCORE_ZERO,
		     BY_PTE | MINCORE_ZERO }, .nr_allowed = 6, .huge = true,
} };
FIXTURE_VARIANT_ADD(race, shared_file) { .act = {
	.change = change_file,
	.least = 50,
	.allowed = { 0, IN_CORE, BY_PTE }, .nr_allowed = 3,
	.shared_file = true,
} };
FIXTURE_VARIANT_ADD(race, remap) { .act = {
	.change = change_remap,
	.least = 50,
	.allowed = { MINCORE_UNMAPPED, BY_PTE }, .nr_allowed = 2,
} };
FIXTURE_VARIANT_ADD(race, forks) { .act = {
	.change = change_fork,
	.least = 50,
	.allowed = { BY_PTE }, .nr_allowed = 1,
} };
FIXTURE_VARIANT_ADD(race, swap) { .act = {
	.change = change_swap,
	.least = 6,		/* a disk is slow */
	.allowed = { 0, IN_CORE, BY_PTE }, .nr_allowed = 3,
} };

/* Places the area in a hole, so that nothing ever grows into or beside it. */
static bool new_area(struct race *r)
{
	size_t align = r->act->huge ? mc2_thp_size() : r->page;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	if (r->act->huge)
		r->size = 2 * align;
	r->spare = mmap(NULL, r->size / 2, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r->area = mc2_hole(r->size + 2 * align, align);
	if (!r->area || r->spare == MAP_FAILED)
		return false;
	r->area += align;
	if (r->act->shared_file) {
		r->fd = memfd_create("mincore2", MFD_CLOEXEC);
		if (r->fd < 0 || ftruncate(r->fd, r->size))
			return false;
		flags = MAP_SHARED;
	}
	if (mmap(r->area, r->size, PROT_READ | PROT_WRITE,
		 flags | MAP_FIXED_NOREPLACE, r->fd, 0) != r->area)
		return false;
	madvise(r->area, r->size,
		r->act->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	fill(r);
	return true;
}

/* Prepares one race; the reason in errno if that fails. */
static bool new_race(struct race *r, const struct act *act)
{
	r->act = act;
	r->page = mc2_page_size();
	r->size = 1024 * r->page;
	r->fd = -1;
	r->seed = 4711;
	return new_area(r);
}

FIXTURE_SETUP(race)
{
	self->regions = calloc(MAX_REGIONS, sizeof(*self->regions));
	self->bytes = calloc(1, MAX_REGIONS);
	ASSERT_NE(NULL, self->regions);
	ASSERT_NE(NULL, self->bytes);
	if (variant->act.huge && !mc2_thp_size())
		SKIP(return, "no transparent huge pages");
	ASSERT_TRUE(new_race(&self->r, &variant->act));
}

FIXTURE_TEARDOWN(race)
{
	munmap(self->r.area, self->r.size);
}

static double race_seconds(void)
{
	const char *s = getenv("MINCORE2_RACE_SECONDS");

	return s ? strtod(s, NULL) : 4;
}

/*
 * Proves for one kind of change that each answer, in both formats, is one that
 * the page could have had, and that every tiling is whole.
 */
TEST_F_TIMEOUT(race, only_states_that_were, 120)
{
	double until = mc2_now() + race_seconds();
	unsigned long scans = 0, seen = 0, i;
	struct race *r = &self->r;
	uint64_t bad;

	ASSERT_EQ(0, pthread_create(&r->thread, NULL, changer, r));
	/* Enough of each, also on a slow machine. */
	while (mc2_now() < until || scans < 50 || r->changes < r->act->least) {
		bad = scan_regions(r, self->regions);
		ASSERT_EQ(~0ULL, bad)
			TH_LOG("scan %lu: state %#" PRIx64, scans, bad);
		/* More than one state in one scan: the race is a race. */
		for (i = 1; self->regions[i].start ==
			    self->regions[i - 1].end && !seen; i++)
			seen += MC2_BITS(self->regions[i].state) !=
				MC2_BITS(self->regions[i - 1].state);
		bad = scan_bytes(r, self->bytes);
		ASSERT_EQ(~0ULL, bad)
			TH_LOG("scan %lu: byte %#" PRIx64, scans, bad);
		scans++;
	}
	r->stop = true;
	pthread_join(r->thread, NULL);
	TH_LOG("%lu scans, %lu changes", scans, r->changes);
	EXPECT_LT(0, seen);
}

/*
 * Proves that memory beside a race is seen as it is, always: shared memory
 * that nobody touches, in the VMAs before and after an area that comes and
 * goes.
 */
TEST_F_TIMEOUT(race, neighbours_are_undisturbed, 120)
{
	double until = mc2_now() + race_seconds() / 2;
	struct race *r = &self->r;
	const unsigned int want = BY_PTE | MINCORE_WRITABLE;
	char *before = r->area - r->page, *after = r->area + r->size;
	unsigned char b[2];
	unsigned long scans = 0;
	ssize_t nr;
	char *p;

	p = mmap(before, r->page, PROT_READ | PROT_WRITE, MAP_SHARED |
		 MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ(before, p);
	p = mmap(after, r->page, PROT_READ | PROT_WRITE, MAP_SHARED |
		 MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_EQ(after, p);
	*before = *after = 1;
	ASSERT_EQ(0, mlock(before, r->page) | mlock(after, r->page));
	ASSERT_EQ(0, pthread_create(&r->thread, NULL, changer, r));
	while (mc2_now() < until || scans < 30) {
		nr = mc2_scan(mc2_addr(before), mc2_addr(after) + r->page,
			      MC2_ALL, MAX_REGIONS, self->regions,
			      MAX_REGIONS);
		ASSERT_LT(0, nr);
		ASSERT_EQ(want, MC2_BITS(self->regions[0].state));
		ASSERT_EQ(want, MC2_BITS(self->regions[nr - 1].state));
		ASSERT_EQ(1, mc2_call(before, 1, b, 1, MC2_ALL_BYTE));
		ASSERT_EQ(1, mc2_call(after, 1, b + 1, 1, MC2_ALL_BYTE));
		ASSERT_EQ(want, b[0] & b[1]);
		scans++;
	}
	r->stop = true;
	pthread_join(r->thread, NULL);
	munmap(before, r->page);
	munmap(after, r->page);
}

/*
 * In a child: nobody changes its memory but the parent's copy, so all of it
 * stays as it was at the fork, in core and shared, that is not writable.
 */
static int child_scans(struct race *r, struct mincore_region *reg)
{
	double until = mc2_now() + race_seconds() / 2;
	int scans = 0;
	ssize_t nr;

	while (mc2_now() < until || scans < 30) {
		nr = mc2_scan(mc2_addr(r->area), mc2_addr(r->area) + r->size,
			      MC2_ALL, MAX_REGIONS, reg, MAX_REGIONS);
		if (nr != 1 || MC2_BITS(reg[0].state) != BY_PTE)
			return 1;
		scans++;
	}
	return 0;
}

FIXTURE(family) {
	struct race r;
	struct mincore_region *regions;
};

FIXTURE_VARIANT(family) {
	struct act act;
};

FIXTURE_VARIANT_ADD(family, faults) { .act = { .change = change_fault } };
FIXTURE_VARIANT_ADD(family, protection) { .act = {
	.change = change_protection,
} };

FIXTURE_SETUP(family)
{
	self->regions = calloc(MAX_REGIONS, sizeof(*self->regions));
	ASSERT_NE(NULL, self->regions);
	ASSERT_TRUE(new_race(&self->r, &variant->act));
}

FIXTURE_TEARDOWN(family)
{
	munmap(self->r.area, self->r.size);
}

/*
 * Proves that a forked child sees its own memory, while the parent drops,
 * writes and protects the pages that they shared.
 */
TEST_F_TIMEOUT(family, forked_child, 120)
{
	struct race *r = &self->r;
	int status = 0;
	pid_t child;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(child_scans(r, self->regions));
	}
	ASSERT_EQ(0, pthread_create(&r->thread, NULL, changer, r));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	r->stop = true;
	pthread_join(r->thread, NULL);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
