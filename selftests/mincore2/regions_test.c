// SPDX-License-Identifier: GPL-2.0
/*
 * The region format: regions tile the range, are as long as they can be, say
 * the same as bytes do, and can be asked for in portions of any size.
 */
#include "helpers.h"

#define R	MINCORE_REGIONS

/* More regions than any test here needs. */
#define MAX_REGIONS	40000

static struct mincore_region *new_regions(size_t n)
{
	struct mincore_region *r;

	r = (void *)mc2_anon(n * sizeof(*r));
	if (r)
		memset(r, 0xaa, n * sizeof(*r));
	return r;
}

/*
 * A range with many neighbours of different kinds: written, untouched,
 * read-only and PROT_NONE pages, the zero page, gaps, mapped and unmapped page
 * cache.
 */
#define MOSAIC_PAGES	96

FIXTURE(mosaic) {
	size_t page;
	char *area;
	uint64_t start, end;
	struct mincore_region *r, *all;
	ssize_t nr;		/* regions in @all, the undisturbed tiling */
};

static bool build_mosaic(char *area, size_t page)
{
	int fd = memfd_create("mincore2", MFD_CLOEXEC);
	size_t i, w;
	void *p;

	for (i = 0; i < 48; i++)
		if (i % 3 != 1)
			area[i * page] = 1;
	for (i = 48; i < 56; i++)
		(void)*(volatile char *)(area + i * page);
	p = mmap(area + 64 * page, 24 * page, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, 0);
	if (p == MAP_FAILED || ftruncate(fd, 20 * page))
		return false;
	for (i = 0; i < 16; i++)
		if (pwrite(fd, "x", 1, i * page) != 1)
			return false;
	for (i = 64; i < 70; i++)
		area[i * page] = 1;
	close(fd);
	/* Other protections split the VMA; some states stay the same. */
	w = mprotect(area + 5 * page, page, PROT_NONE);
	w |= mprotect(area + 9 * page, 4 * page, PROT_READ);
	w |= mprotect(area + 40 * page, page, PROT_READ | PROT_WRITE |
		      PROT_EXEC);
	w |= munmap(area + 20 * page, 3 * page);
	w |= munmap(area + 60 * page, 2 * page);
	return !w;
}

FIXTURE_SETUP(mosaic)
{
	self->page = mc2_page_size();
	self->area = mc2_anon_apart(MOSAIC_PAGES * self->page);
	ASSERT_NE(NULL, self->area);
	ASSERT_TRUE(build_mosaic(self->area, self->page));
	self->start = mc2_addr(self->area);
	self->end = self->start + MOSAIC_PAGES * self->page;
	self->r = new_regions(2 * MOSAIC_PAGES);
	self->all = new_regions(2 * MOSAIC_PAGES);
	ASSERT_NE(NULL, self->r);
	ASSERT_NE(NULL, self->all);
	self->nr = mc2_call(self->area, self->end - self->start, self->all,
			    2 * MOSAIC_PAGES, R | MC2_ALL);
	ASSERT_LT(20, self->nr);
}

FIXTURE_TEARDOWN(mosaic)
{
	munmap(self->area, MOSAIC_PAGES * self->page);
}

/* Proves that one call tiles the whole range, gaps included. */
TEST_F(mosaic, tiles_the_range)
{
	EXPECT_TRUE(mc2_tiling_ok(self->all, self->nr, self->start, self->end,
				  MC2_ALL));
	EXPECT_EQ(self->start, self->all[0].start);
	EXPECT_EQ(self->end, self->all[self->nr - 1].end);
}

/* The states that the pages of the mosaic must have, from how it was built. */
static unsigned int mosaic_state(size_t i)
{
	const unsigned int written = MINCORE_RESIDENT | MINCORE_PTE;
	bool touched = i < 48 && i % 3 != 1;

	if ((i >= 20 && i < 23) || (i >= 60 && i < 62))
		return MINCORE_UNMAPPED;
	if (i >= 64 && i < 70)
		return written | MINCORE_WRITABLE;
	if (i >= 70 && i < 80)
		return MINCORE_RESIDENT;	/* page cache, not mapped */
	if (i >= 48 && i < 56)
		return written | MINCORE_ZERO;
	if (!touched)
		return 0;
	if (i == 5 || (i >= 9 && i < 13))
		return written;
	return written | MINCORE_WRITABLE;
}

/* Proves each state, and thereby that regions are maximal and cross VMAs. */
TEST_F(mosaic, every_page_is_right)
{
	uint64_t states[MOSAIC_PAGES];
	size_t i, changes = 1;

	mc2_expand(self->all, self->nr, states);
	for (i = 0; i < MOSAIC_PAGES; i++) {
		EXPECT_EQ(mosaic_state(i), MC2_BITS(states[i]))
			TH_LOG("page %zu", i);
		EXPECT_EQ(mosaic_state(i) & MINCORE_LEVEL ?
			  mc2_log2(self->page) : 0,
			  MINCORE_ENTRY_SHIFT(states[i]));
		changes += i && mosaic_state(i) != mosaic_state(i - 1);
	}
	EXPECT_EQ((ssize_t)changes, self->nr);
}

/* Proves that bytes and regions say the same about each page, for any flags. */
TEST_F(mosaic, agree_with_bytes)
{
	static const unsigned int flags[] = {
		MC2_ALL_BYTE, MINCORE_RESIDENT, MINCORE_LEVEL, MINCORE_WRITABLE,
		MINCORE_DAX, MINCORE_PERSIST, MINCORE_UNMAPPED, MINCORE_DENIED,
		MINCORE_LEVEL | MINCORE_WRITABLE,
	};
	unsigned char bytes[MOSAIC_PAGES];
	uint64_t states[MOSAIC_PAGES];
	size_t f, i;
	ssize_t nr;

	for (f = 0; f < ARRAY_SIZE(flags); f++) {
		nr = mc2_scan(self->start, self->end, flags[f],
			      2 * MOSAIC_PAGES, self->r, 2 * MOSAIC_PAGES);
		ASSERT_LT(0, nr);
		mc2_expand(self->r, nr, states);
		ASSERT_EQ(MOSAIC_PAGES,
			  mc2_call(self->area, self->end - self->start, bytes,
				   MOSAIC_PAGES, flags[f]));
		for (i = 0; i < MOSAIC_PAGES; i++)
			EXPECT_EQ(bytes[i], MC2_BITS(states[i]))
				TH_LOG("flags %#x page %zu", flags[f], i);
	}
}

/*
 * Proves that a scan in portions of every size, from 1 up, is the same tiling:
 * each call but the last fills the vec, and nothing is cut or joined.
 */
TEST_F(mosaic, resume_with_every_nr)
{
	struct mincore_region *r = self->r;
	ssize_t nr, got, ret;

	for (nr = 1; nr <= self->nr + 2; nr++) {
		uint64_t at = self->start;

		for (got = 0; at < self->end; at = r[got - 1].end) {
			ret = mc2_call(mc2_ptr(at), self->end - at, r + got,
				       nr, R | MC2_ALL);
			ASSERT_LT(0, ret);
			got += ret;
			EXPECT_TRUE(ret == nr || r[got - 1].end == self->end);
			ASSERT_LE(got, 2 * MOSAIC_PAGES - nr);
		}
		EXPECT_EQ(self->nr, got)
			TH_LOG("nr %zd", nr);
		EXPECT_EQ(0, memcmp(self->all, r, got * sizeof(*r)))
			TH_LOG("nr %zd", nr);
	}
}

/* Proves the same for bytes. */
TEST_F(mosaic, resume_bytes_with_every_nr)
{
	unsigned char all[MOSAIC_PAGES], some[MOSAIC_PAGES + 1];
	size_t nr, got;
	ssize_t ret;

	ASSERT_EQ(MOSAIC_PAGES, mc2_call(self->area, self->end - self->start,
					 all, MOSAIC_PAGES, MC2_ALL_BYTE));
	for (nr = 1; nr <= MOSAIC_PAGES; nr++) {
		for (got = 0; got < MOSAIC_PAGES; got += ret) {
			size_t left = MOSAIC_PAGES - got;

			ret = mc2_call(self->area + got * self->page,
				       left * self->page, some + got,
				       left < nr ? left : nr, MC2_ALL_BYTE);
			ASSERT_EQ((ssize_t)(left < nr ? left : nr), ret);
		}
		EXPECT_EQ(0, memcmp(all, some, MOSAIC_PAGES));
	}
}

/* Proves that every start inside the range gives the rest of the same tiling. */
TEST_F(mosaic, start_anywhere)
{
	uint64_t at, all[MOSAIC_PAGES], rest[MOSAIC_PAGES];
	size_t first;
	ssize_t nr;

	mc2_expand(self->all, self->nr, all);
	for (first = 0; first < MOSAIC_PAGES; first++) {
		at = self->start + first * self->page;
		nr = mc2_scan(at, self->end, MC2_ALL, MOSAIC_PAGES, self->r,
			      MOSAIC_PAGES);
		ASSERT_LT(0, nr);
		mc2_expand(self->r, nr, rest);
		EXPECT_EQ(0, memcmp(all + first, rest,
				    (MOSAIC_PAGES - first) * sizeof(*all)));
	}
}

/*
 * Proves that one region answers "is all of this writable now, and if not, up
 * to where": its end is the first page with another answer.
 */
TEST_F(mosaic, one_region_is_the_yes_no_question)
{
	struct mincore_region r;
	size_t first, i;

	for (first = 0; first < MOSAIC_PAGES; first++) {
		unsigned int mask = mc2_reported(MINCORE_WRITABLE);
		unsigned int state = mosaic_state(first) & mask;

		for (i = first; i < MOSAIC_PAGES; i++)
			if ((mosaic_state(i) & mask) != state)
				break;
		ASSERT_EQ(1, mc2_call(self->area + first * self->page,
				      (MOSAIC_PAGES - first) * self->page, &r,
				      1, R | MINCORE_WRITABLE));
		EXPECT_EQ(state, r.state);
		EXPECT_EQ(self->start + i * self->page, r.end)
			TH_LOG("from page %zu", first);
	}
}

/* Proves the size of an entry: of a PTE, a PMD, none, and when not asked for. */
TEST(entry_shift)
{
	size_t page = mc2_page_size(), thp = mc2_thp_size();
	uint64_t state, size_bits = 0xffULL << 56;
	struct mincore_region r;
	char *p;

	if (!thp)
		SKIP(return, "no transparent huge pages");
	p = mc2_anon_aligned(2 * thp, thp);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, madvise(p + thp, thp, MADV_NOHUGEPAGE));
	EXPECT_EQ(0, mc2_page(p));
	ASSERT_TRUE(mc2_make_thp(p, thp));
	p[thp] = 1;

	state = mc2_page(p);
	EXPECT_EQ(MINCORE_PMD, state & MINCORE_LEVEL);
	EXPECT_EQ(mc2_log2(thp), MINCORE_ENTRY_SHIFT(state));
	state = mc2_page(p + thp - page);
	EXPECT_EQ(mc2_log2(thp), MINCORE_ENTRY_SHIFT(state));
	state = mc2_page(p + thp);
	EXPECT_EQ(MINCORE_PTE, state & MINCORE_LEVEL);
	EXPECT_EQ(mc2_log2(page), MINCORE_ENTRY_SHIFT(state));
	EXPECT_EQ(0, MINCORE_ENTRY_SHIFT(mc2_page(p + thp + page)));

	ASSERT_EQ(1, mc2_call(p, thp, &r, 1, R | (MC2_ALL & ~MINCORE_LEVEL)));
	EXPECT_EQ(0, r.state & (size_bits | MINCORE_LEVEL));
	EXPECT_EQ(mc2_addr(p) + thp, r.end);
	munmap(p, 2 * thp);
}

FIXTURE(many) {
	size_t page;
	char *area;
	size_t pages;
	struct mincore_region *r;
};

FIXTURE_VARIANT(many) {
	size_t pages;
};

/* Around what fits in one page, and far beyond. */
FIXTURE_VARIANT_ADD(many, n169) { .pages = 169 };
FIXTURE_VARIANT_ADD(many, n170) { .pages = 170 };
FIXTURE_VARIANT_ADD(many, n171) { .pages = 171 };
FIXTURE_VARIANT_ADD(many, n340) { .pages = 340 };
FIXTURE_VARIANT_ADD(many, n341) { .pages = 341 };
FIXTURE_VARIANT_ADD(many, n5120) { .pages = 5120 };
FIXTURE_VARIANT_ADD(many, n12345) { .pages = 12345 };

FIXTURE_SETUP(many)
{
	size_t i;

	self->page = mc2_page_size();
	self->pages = variant->pages;
	self->area = mc2_anon(self->pages * self->page);
	self->r = new_regions(self->pages + 10);
	ASSERT_NE(NULL, self->area);
	ASSERT_NE(NULL, self->r);
	for (i = 0; i < self->pages; i += 2)
		self->area[i * self->page] = 1;
}

FIXTURE_TEARDOWN(many)
{
	munmap(self->area, self->pages * self->page);
}

/* Proves that one call delivers as many regions as there are and fit. */
TEST_F(many, regions_in_one_call)
{
	uint64_t start = mc2_addr(self->area);
	size_t i, wrong = 0, len = self->pages * self->page;

	ASSERT_EQ((ssize_t)self->pages,
		  mc2_call(self->area, len, self->r, self->pages + 10,
			   R | MINCORE_RESIDENT));
	for (i = 0; i < self->pages; i++)
		wrong += self->r[i].start != start + i * self->page ||
			 self->r[i].end != start + (i + 1) * self->page ||
			 self->r[i].state != (i % 2 ? 0 : MINCORE_RESIDENT);
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0xaaaaaaaaaaaaaaaaULL, self->r[self->pages].start);
	/* And exactly nr, when there are more. */
	EXPECT_EQ((ssize_t)self->pages - 1,
		  mc2_call(self->area, len, self->r, self->pages - 1,
			   R | MINCORE_RESIDENT));
}

/* Proves that a long uniform range is one region, however it is walked. */
TEST(one_long_region)
{
	size_t page = mc2_page_size(), size = MIB(96), i;
	char *p = mc2_anon(size);
	struct mincore_region r[2];

	ASSERT_NE(NULL, p);
	EXPECT_EQ(1, mc2_call(p, size, r, 2, R | MC2_ALL));
	EXPECT_EQ(0, r[0].state);
	EXPECT_EQ(mc2_addr(p) + size, r[0].end);
	for (i = 0; i < size; i += page)
		p[i] = 1;
	EXPECT_EQ(1, mc2_call(p, size, r, 2, R | MINCORE_LEVEL |
			      MINCORE_WRITABLE));
	EXPECT_EQ(MINCORE_PTE | MINCORE_WRITABLE, MC2_BITS(r[0].state));
	EXPECT_EQ(mc2_addr(p) + size, r[0].end);
	munmap(p, size);
}

/* 20,000 VMAs of one page each, which differ in protection only. */
static char *many_vmas(size_t pages)
{
	size_t i, page = mc2_page_size();
	char *p = mc2_anon(pages * page);

	if (!p)
		return NULL;
	for (i = 0; i < pages; i += 2)
		if (mprotect(p + i * page, page, PROT_READ))
			return NULL;
	return p;
}

/* Proves that regions run across 20,000 VMAs and are cut only by the state. */
TEST_F_TIMEOUT(mosaic, ten_thousand_vmas, 120)
{
	size_t pages = 20000, page = self->page, i;
	struct mincore_region *r = new_regions(MAX_REGIONS);
	char *p = many_vmas(pages);

	ASSERT_NE(NULL, p);
	ASSERT_NE(NULL, r);
	ASSERT_EQ(1, mc2_call(p, pages * page, r, MAX_REGIONS, R | MC2_ALL));
	EXPECT_EQ(0, r[0].state);
	EXPECT_EQ(mc2_addr(p) + pages * page, r[0].end);

	for (i = 0; i < pages; i++)
		(void)*(volatile char *)(p + i * page);
	ASSERT_EQ(1, mc2_call(p, pages * page, r, MAX_REGIONS,
			      R | MINCORE_RESIDENT | MINCORE_LEVEL));
	EXPECT_EQ(MINCORE_RESIDENT | MINCORE_PTE, MC2_BITS(r[0].state));

	for (i = 1; i < pages; i += 2)
		p[i * page] = 1;
	ASSERT_EQ((ssize_t)pages, mc2_call(p, pages * page, r, MAX_REGIONS,
					   R | MINCORE_WRITABLE));
	for (i = 0; i < pages; i++)
		if (r[i].state != (i % 2 ? MINCORE_WRITABLE : 0))
			break;
	EXPECT_EQ(pages, i);
	munmap(p, pages * page);
}

/* The mapped parts of the address space, in order, from /proc/self/maps. */
struct span {
	uint64_t start, end;
};

static size_t read_maps(struct span *spans, size_t max, uint64_t limit)
{
	static char buf[1 << 18];
	unsigned long long start, end;
	size_t n = 0;
	char *line;

	if (mc2_read_file("/proc/self/maps", buf, sizeof(buf)) <= 0)
		return 0;
	for (line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "%llx-%llx", &start, &end) != 2)
			return 0;
		if (start >= limit)		/* the gate page */
			break;
		if (n && spans[n - 1].end == start) {
			spans[n - 1].end = end;
			continue;
		}
		if (n == max)
			return 0;
		spans[n++] = (struct span){ start, end };
	}
	return n;
}

/* Do the UNMAPPED regions lie exactly between the spans? */
static bool gaps_match(const struct mincore_region *r, size_t nr,
		       const struct span *s, size_t n, uint64_t limit)
{
	uint64_t at = 0;
	size_t i = 0, k;

	for (k = 0; k <= n; k++) {
		uint64_t next = k < n ? s[k].start : limit;

		if (next > at) {	/* one region for the whole gap */
			if (i >= nr || r[i].start != at || r[i].end != next ||
			    r[i].state != MINCORE_UNMAPPED)
				return false;
			i++;
		}
		if (k == n)
			break;
		for (; i < nr && r[i].start < s[k].end; i++)
			if (r[i].state & MINCORE_UNMAPPED ||
			    r[i].end > s[k].end)
				return false;
		at = s[k].end;
	}
	return i == nr;
}

/*
 * Proves that a scan of all of user space, from 0 to its end, ends soon and
 * finds exactly the gaps that /proc/self/maps has.
 */
TEST(whole_address_space)
{
	static struct mincore_region r[MAX_REGIONS];
	static struct span spans[2000];
	uint64_t limit = mc2_task_end();
	double start = mc2_now();
	ssize_t nr;
	size_t n;

	memset(r, 0, sizeof(r));
	read_maps(spans, ARRAY_SIZE(spans), limit);	/* fault all of it in */
	n = read_maps(spans, ARRAY_SIZE(spans), limit);
	ASSERT_LT(2, n);
	nr = mc2_scan(0, limit, MC2_ALL, MAX_REGIONS, r, MAX_REGIONS);
	ASSERT_LT(4, nr);
	nr = mc2_merge(r, nr);
	EXPECT_TRUE(gaps_match(r, nr, spans, n, limit));
	nr = mc2_scan(0, limit, MC2_ALL, 1, r, MAX_REGIONS);
	ASSERT_LT(4, nr);
	nr = mc2_merge(r, nr);
	EXPECT_TRUE(gaps_match(r, nr, spans, n, limit));
	EXPECT_GT(20, mc2_now() - start);
}

TEST_HARNESS_MAIN
