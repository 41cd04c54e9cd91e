// SPDX-License-Identifier: GPL-2.0
/*
 * MINCORE_RESIDENT is what mincore(2) says, on mappings and histories chosen at
 * random. Each test prints its seed; MINCORE2_SEED sets it (then a failure can
 * be repeated), MINCORE2_CASES the number of cases.
 */
#include "helpers.h"

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif

#define R		MINCORE_REGIONS
#define MAX_PAGES	2048	/* of one case; a huge page of 2 MiB is 512 */
#define CASES		400	/* of each kind */

/* One mapping, as long as its case lasts. */
struct mix {
	uint64_t seed;
	size_t page, pages;
	char *area;
	int fd;			/* of a file mapping, or -1 */
};

static size_t below(struct mix *m, size_t n)
{
	return mc2_below(&m->seed, n);
}

/* A random part of the mapping. */
static void part(struct mix *m, size_t *first, size_t *count)
{
	*first = below(m, m->pages);
	*count = 1 + below(m, m->pages - *first);
	/* Mostly short ones: they make more neighbours. */
	if (below(m, 4) && *count > 8)
		*count = 1 + below(m, 8);
}

static void touch(struct mix *m, bool store)
{
	size_t n = below(m, 24), first, count, i;

	while (n--) {
		part(m, &first, &count);
		for (i = first; i < first + count; i++) {
			volatile char *p = m->area + i * m->page;

			if (store)
				*p = 1;
			else
				(void)*p;
		}
	}
}

static void advise(struct mix *m, int advice)
{
	size_t first, count;

	part(m, &first, &count);
	madvise(m->area + first * m->page, count * m->page, advice);
}

static bool map(struct mix *m, int prot, int flags)
{
	m->area = mmap(NULL, m->pages * m->page, prot, flags | MAP_NORESERVE,
		       m->fd, 0);
	return m->area != MAP_FAILED;
}

/* Random pages of the file come into the page cache. */
static void read_some(struct mix *m, size_t times)
{
	char c;

	while (times--)
		if (pread(m->fd, &c, 1, below(m, m->pages) * m->page) < 0)
			break;
}

static void write_some(struct mix *m, size_t times)
{
	size_t first, count;

	while (times--) {
		part(m, &first, &count);
		for (; count; count--, first++)
			if (pwrite(m->fd, "x", 1, first * m->page) != 1)
				return;
	}
}

/* Private anonymous memory: written, read (zero page), untouched, dropped. */
static bool make_anon(struct mix *m)
{
	if (!map(m, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS))
		return false;
	if (below(m, 2))
		madvise(m->area, m->pages * m->page, MADV_NOHUGEPAGE);
	touch(m, true);
	touch(m, false);
	advise(m, MADV_DONTNEED);
	advise(m, MADV_COLD);
	advise(m, MADV_FREE);
	return true;
}

/* Huge pages, some of them split or partly dropped. */
static bool make_thp(struct mix *m)
{
	size_t thp = mc2_thp_size();

	m->pages = MAX_PAGES;
	m->area = mc2_anon_aligned(m->pages * m->page, thp ? thp : m->page);
	if (!m->area)
		return false;
	madvise(m->area, m->pages * m->page, MADV_HUGEPAGE);
	touch(m, below(m, 2));
	if (thp && below(m, 2))
		madvise(m->area, thp, MADV_COLLAPSE);
	touch(m, false);
	if (below(m, 2))
		advise(m, MADV_DONTNEED);
	if (below(m, 2))
		mprotect(m->area + m->page * below(m, m->pages), m->page,
			 PROT_READ);
	return true;
}

/* Anonymous pages swapped out, some of them read back into the swap cache. */
static bool make_swapped(struct mix *m)
{
	if (!map(m, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS))
		return false;
	madvise(m->area, m->pages * m->page, MADV_NOHUGEPAGE);
	touch(m, true);
	advise(m, MADV_PAGEOUT);
	madvise(m->area, m->pages * m->page / 2, MADV_PAGEOUT);
	advise(m, MADV_WILLNEED);
	touch(m, false);
	return true;
}

/* Memory without access, with and without pages in it. */
static bool make_prot_none(struct mix *m)
{
	size_t first, count;

	if (!make_anon(m))
		return false;
	part(m, &first, &count);
	return !mprotect(m->area + first * m->page, count * m->page, PROT_NONE);
}

/* Shared memory, also beyond its end, swapped out and back. */
static bool make_shmem(struct mix *m)
{
	m->fd = memfd_create("mincore2", MFD_CLOEXEC);
	if (m->fd < 0 || ftruncate(m->fd, m->pages * m->page))
		return false;
	write_some(m, below(m, 8));
	if (!map(m, PROT_READ | PROT_WRITE, MAP_SHARED))
		return false;
	touch(m, below(m, 2));
	if (below(m, 2)) {
		advise(m, MADV_PAGEOUT);
		advise(m, MADV_PAGEOUT);
		advise(m, MADV_WILLNEED);
	}
	if (below(m, 3) == 0)
		advise(m, MADV_REMOVE);
	if (below(m, 3) == 0)
		return !ftruncate(m->fd, below(m, m->pages) * m->page);
	return true;
}

static bool make_shared_anon(struct mix *m)
{
	if (!map(m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS))
		return false;
	touch(m, true);
	advise(m, MADV_DONTNEED);
	advise(m, MADV_PAGEOUT);
	return true;
}

/* Copies in a private mapping of shared memory, some of them swapped out. */
static bool make_shmem_cow(struct mix *m)
{
	m->fd = memfd_create("mincore2", MFD_CLOEXEC);
	if (m->fd < 0 || ftruncate(m->fd, m->pages * m->page))
		return false;
	write_some(m, below(m, 8));
	if (!map(m, PROT_READ | PROT_WRITE, MAP_PRIVATE))
		return false;
	touch(m, false);
	touch(m, true);
	advise(m, MADV_PAGEOUT);
	advise(m, MADV_DONTNEED);
	return true;
}

/* A file on disk, of which random pages are in cache. */
static bool open_disk_file(struct mix *m)
{
	char buf[4096];
	size_t i;

	m->fd = mc2_temp_file(mc2_disk_dir());
	if (m->fd < 0)
		return false;
	memset(buf, 'x', sizeof(buf));
	if (below(m, 3)) {		/* otherwise one big hole */
		for (i = 0; i < m->pages * m->page / sizeof(buf); i++)
			if (write(m->fd, buf, sizeof(buf)) != sizeof(buf))
				return false;
	} else if (ftruncate(m->fd, m->pages * m->page)) {
		return false;
	}
	if (fdatasync(m->fd))
		return false;
	posix_fadvise(m->fd, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(m->fd, 0, 0, below(m, 4) ? POSIX_FADV_RANDOM :
		      POSIX_FADV_NORMAL);
	read_some(m, below(m, 20));
	return true;
}

static bool make_disk_shared(struct mix *m)
{
	m->pages = 1 + below(m, 200);
	if (!open_disk_file(m) || !map(m, PROT_READ | PROT_WRITE, MAP_SHARED))
		return false;
	if (below(m, 2))
		touch(m, false);
	if (below(m, 4) == 0)
		touch(m, true);
	if (below(m, 4) == 0)
		advise(m, MADV_DONTNEED);
	if (below(m, 4) == 0)
		return !ftruncate(m->fd, below(m, m->pages) * m->page);
	return true;
}

static bool make_disk_private(struct mix *m)
{
	m->pages = 1 + below(m, 200);
	if (!open_disk_file(m) || !map(m, PROT_READ | PROT_WRITE, MAP_PRIVATE))
		return false;
	touch(m, false);
	touch(m, true);
	if (below(m, 2))
		advise(m, MADV_PAGEOUT);
	if (below(m, 2))
		posix_fadvise(m->fd, 0, 0, POSIX_FADV_DONTNEED);
	return true;
}

/* Few pages in cache, far apart, in a large hole. */
static bool make_sparse(struct mix *m)
{
	m->pages = MAX_PAGES;
	m->fd = mc2_temp_file(below(m, 2) ? "/dev/shm" : mc2_disk_dir());
	if (m->fd < 0)
		m->fd = memfd_create("mincore2", MFD_CLOEXEC);
	if (m->fd < 0 || ftruncate(m->fd, GIB(1)))
		return false;
	posix_fadvise(m->fd, 0, 0, POSIX_FADV_RANDOM);
	m->area = mmap(NULL, m->pages * m->page, PROT_READ, MAP_SHARED, m->fd,
		       (off_t)below(m, 1 << 15) * m->page);
	if (m->area == MAP_FAILED)
		return false;
	while (below(m, 5))
		(void)*(volatile char *)(m->area + below(m, m->pages) *
					 m->page);
	return true;
}

/* Pages of hugetlbfs, touched or not. */
static bool make_hugetlb(struct mix *m)
{
	m->pages = 2 * MIB(2) / m->page;
	m->area = mmap(NULL, m->pages * m->page, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT) |
		       (below(m, 2) ? MAP_SHARED : MAP_PRIVATE), -1, 0);
	if (m->area == MAP_FAILED)
		return false;
	if (below(m, 2))
		m->area[0] = 1;
	if (below(m, 2))
		m->area[MIB(2)] = 1;
	if (below(m, 4) == 0)
		mprotect(m->area, MIB(2), PROT_NONE);
	return true;
}

/*
 * Compares once; the number of the first page that is wrong, or -1. Only pages
 * about which mincore() said the same before and after are judged.
 */
static ssize_t compare(struct mix *m, size_t first, size_t count,
		       char *what, size_t size)
{
	static unsigned char before[MAX_PAGES], after[MAX_PAGES];
	static unsigned char bytes[MAX_PAGES];
	static struct mincore_region r[MAX_PAGES];
	static uint64_t states[MAX_PAGES];
	char *addr = m->area + first * m->page;
	size_t i, len = count * m->page;
	ssize_t b, n;

	*what = 0;
	if (mincore(addr, len, before))
		return -1;
	b = mc2_call(addr, len, bytes, count, MINCORE_RESIDENT);
	n = mc2_scan(mc2_addr(addr), mc2_addr(addr) + len, MINCORE_RESIDENT,
		     MAX_PAGES, r, MAX_PAGES);
	if (mincore(addr, len, after))
		return -1;
	if (b != (ssize_t)count || n <= 0) {
		snprintf(what, size, "bytes returned %zd of %zu, regions %zd",
			 b, count, n);
		return first;
	}
	mc2_expand(r, n, states);
	for (i = 0; i < count; i++) {
		unsigned int want = before[i] & 1 ? MINCORE_RESIDENT : 0;

		if ((before[i] ^ after[i]) & 1)
			continue;
		if (bytes[i] == want && states[i] == want)
			continue;
		snprintf(what, size, "mincore %u byte %#x region %#" PRIx64,
			 want, bytes[i], states[i]);
		return first + i;
	}
	return -1;
}

FIXTURE(resident) {
	struct mix m;
	unsigned long cases;
};

FIXTURE_VARIANT(resident) {
	bool (*make)(struct mix *m);
	bool may_lack;		/* the kernel or the guest may not have it */
};

FIXTURE_VARIANT_ADD(resident, anon) { .make = make_anon };
FIXTURE_VARIANT_ADD(resident, thp) { .make = make_thp };
FIXTURE_VARIANT_ADD(resident, swapped) { .make = make_swapped };
FIXTURE_VARIANT_ADD(resident, prot_none) { .make = make_prot_none };
FIXTURE_VARIANT_ADD(resident, shmem) { .make = make_shmem };
FIXTURE_VARIANT_ADD(resident, shared_anon) { .make = make_shared_anon };
FIXTURE_VARIANT_ADD(resident, shmem_cow) { .make = make_shmem_cow };
FIXTURE_VARIANT_ADD(resident, disk_shared) { .make = make_disk_shared };
FIXTURE_VARIANT_ADD(resident, disk_private) { .make = make_disk_private };
FIXTURE_VARIANT_ADD(resident, sparse) { .make = make_sparse };
FIXTURE_VARIANT_ADD(resident, hugetlb) {
	.make = make_hugetlb,
	.may_lack = true,
};

FIXTURE_SETUP(resident)
{
	const char *seed = getenv("MINCORE2_SEED");

	self->m.page = mc2_page_size();
	self->m.seed = seed ? strtoull(seed, NULL, 0) : 20250101;
	self->cases = mc2_setting("MINCORE2_CASES", CASES, 1000000);
	self->m.fd = -1;
	TH_LOG("MINCORE2_SEED=%" PRIu64 ", %lu cases", self->m.seed,
	       self->cases);
}

FIXTURE_TEARDOWN(resident)
{
}

/*
 * Proves that both formats say of every page what mincore() says. A wrong
 * answer counts if it is there three times in a row: reclaim may move a page
 * away and back between the calls.
 */
TEST_F_TIMEOUT(resident, equals_mincore, 300)
{
	unsigned long i, in_core = 0, judged = 0;
	struct mix *m = &self->m;
	size_t first, count;
	unsigned char v;
	char what[128];
	ssize_t wrong;
	int tries;

	for (i = 0; i < self->cases; i++) {
		m->fd = -1;
		m->pages = 1 + below(m, 300);
		if (!variant->make(m)) {
			if (variant->may_lack && !i)
				SKIP(return, "not available: %s",
				     strerror(errno));
			ASSERT_TRUE(false)
				TH_LOG("case %lu: %s", i, strerror(errno));
		}
		part(m, &first, &count);
		if (below(m, 2)) {
			first = 0;
			count = m->pages;
		}
		for (tries = 0; tries < 3; tries++) {
			wrong = compare(m, first, count, what, sizeof(what));
			if (wrong < 0)
				break;
		}
		EXPECT_EQ(-1, wrong)
			TH_LOG("case %lu, %zu pages, page %zd: %s", i,
			       m->pages, wrong, what);
		if (!mincore(m->area + first * m->page, 1, &v)) {
			in_core += v & 1;
			judged++;
		}
		munmap(m->area, m->pages * m->page);
		if (m->fd >= 0)
			close(m->fd);
	}
	TH_LOG("%lu cases; of their first pages %lu are in core", judged,
	       in_core);
	/* Both answers must have been there, or nothing is proven. */
	EXPECT_LT(0, in_core);
	EXPECT_LT(in_core, judged);
}

#define KNOWN_PAGES	200

/* Is a page of the file in the page cache? By what was written to it. */
static bool known(size_t i)
{
	return i % 3 == 0 || (i >= 40 && i < 150);
}

/*
 * Proves: of pages that nothing maps the page cache decides. mincore() has the same walk
 * as mincore2(), so that the two could be wrong alike: here the answer is known, as a hole
 * of a file of shmem is not in the page cache, and what was written is.
 */
TEST(equals_what_was_written)
{
	size_t page = mc2_page_size(), length = KNOWN_PAGES * page, i;
	unsigned char byte[KNOWN_PAGES], old[KNOWN_PAGES];
	struct mincore_region r[KNOWN_PAGES];
	ssize_t nr, j;
	char *area;
	int fd;

	fd = memfd_create("known", MFD_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, (off_t)length));
	for (i = 0; i < KNOWN_PAGES; i++)
		if (known(i))
			ASSERT_EQ(1, pwrite(fd, "x", 1, (off_t)(i * page)));
	area = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, area);

	ASSERT_EQ(KNOWN_PAGES, do_mincore2(area, length, byte, KNOWN_PAGES,
					   MINCORE_RESIDENT));
	ASSERT_EQ(0, mincore(area, length, old));
	for (i = 0; i < KNOWN_PAGES; i++) {
		EXPECT_EQ(known(i), !!(byte[i] & MINCORE_RESIDENT))
			TH_LOG("mincore2(), page %zu", i);
		EXPECT_EQ(known(i), old[i] & 1)
			TH_LOG("mincore(), page %zu", i);
	}
	nr = do_mincore2(area, length, r, KNOWN_PAGES,
			 MINCORE_REGIONS | MINCORE_RESIDENT);
	ASSERT_LT(1, nr);
	EXPECT_EQ((uintptr_t)area, r[0].start);
	for (j = 0; j < nr; j++) {
		EXPECT_EQ(j + 1 < nr ? r[j + 1].start : (uintptr_t)area + length,
			  r[j].end);
		for (i = (r[j].start - (uintptr_t)area) / page;
		     i < (r[j].end - (uintptr_t)area) / page; i++)
			EXPECT_EQ(known(i), !!(r[j].state & MINCORE_RESIDENT))
				TH_LOG("region %zd, page %zu", j, i);
	}
	munmap(area, length);
	close(fd);
}

TEST_HARNESS_MAIN
