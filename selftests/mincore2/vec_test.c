// SPDX-License-Identifier: GPL-2.0
/*
 * What mincore2() writes, and where: nothing outside vec[0..nr), whole elements
 * up to the first that cannot be stored, EFAULT if that is the first one.
 */
#include "helpers.h"

#define R	MINCORE_REGIONS

/* Written and untouched pages in turn: every page is a region of its own. */
#define AREA_PAGES	1024
#define VEC_PAGES	16

FIXTURE(vec) {
	size_t page;
	char *area;
	unsigned char *data;	/* VEC_PAGES, with PROT_NONE on both sides */
	unsigned char *end;	/* the first byte after them */
};

FIXTURE_SETUP(vec)
{
	size_t i, page = mc2_page_size();
	char *p;

	self->page = page;
	self->area = mc2_anon(AREA_PAGES * page);
	ASSERT_NE(NULL, self->area);
	for (i = 0; i < AREA_PAGES; i += 2)
		self->area[i * page] = 1;
	p = mmap(NULL, (VEC_PAGES + 2) * page, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->data = (unsigned char *)p + page;
	self->end = self->data + VEC_PAGES * page;
	ASSERT_EQ(0, mprotect(self->data, VEC_PAGES * page,
			      PROT_READ | PROT_WRITE));
	memset(self->data, 0xaa, VEC_PAGES * page);
}

FIXTURE_TEARDOWN(vec)
{
	munmap(self->area, AREA_PAGES * self->page);
	munmap(self->data - self->page, (VEC_PAGES + 2) * self->page);
}

/* Is [from, to) as it was before the call? */
static bool untouched(const unsigned char *from, const unsigned char *to)
{
	for (; from < to; from++)
		if (*from != 0xaa)
			return false;
	return true;
}

/* The state that page @i of the area has, without LEVEL being asked for. */
static unsigned int want(size_t i)
{
	return i % 2 ? 0 : MINCORE_RESIDENT;
}

static bool bytes_right(const unsigned char *bytes, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (bytes[i] != want(i))
			return false;
	return true;
}

static bool regions_right(const void *vec, size_t nr, const char *area)
{
	const struct mincore_region *r = vec;
	size_t i, page = mc2_page_size();

	for (i = 0; i < nr; i++)
		if (r[i].start != mc2_addr(area) + i * page ||
		    r[i].end != r[i].start + page || r[i].state != want(i))
			return false;
	return true;
}

/* Proves that a vec that cannot be written is EFAULT, whatever kind it is. */
TEST_F(vec, unwritable)
{
	void *bad[] = {
		NULL,
		(void *)8,
		self->data - self->page,		/* PROT_NONE */
		self->end,				/* PROT_NONE */
		mc2_ptr(0xffffffffffffe000ULL),		/* the kernel's */
		mc2_ptr(sizeof(void *) == 8 ? 0xffff888000000000ULL :
			0xfffff000ULL),
		mc2_ptr(sizeof(void *) == 8 ? 0x8000000000000000ULL :
			0xffffe000ULL),
		mc2_ptr(-8ULL),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, mc2_call(self->area, self->page, bad[i], 1,
					    MINCORE_RESIDENT))
			TH_LOG("vec %p", bad[i]);
		EXPECT_EQ(-EFAULT, mc2_call(self->area, self->page, bad[i], 1,
					    R | MINCORE_RESIDENT))
			TH_LOG("vec %p", bad[i]);
		EXPECT_EQ(-EFAULT, mc2_call(self->area, AREA_PAGES *
					    self->page, bad[i], SIZE_MAX,
					    R | MINCORE_RESIDENT));
	}
}

/* Proves that read-only memory is EFAULT and keeps what it held. */
TEST_F(vec, read_only)
{
	int fd = memfd_create("mincore2", MFD_CLOEXEC);
	unsigned char *rw, *ro;

	ASSERT_EQ(0, mprotect(self->data, self->page, PROT_READ));
	EXPECT_EQ(-EFAULT, mc2_call(self->area, 4 * self->page, self->data, 4,
				    MINCORE_RESIDENT));
	EXPECT_EQ(-EFAULT, mc2_call(self->area, 4 * self->page, self->data, 4,
				    R | MINCORE_RESIDENT));
	EXPECT_TRUE(untouched(self->data, self->end));

	/* A shared read-only page must not get a private copy instead. */
	ASSERT_EQ(0, ftruncate(fd, self->page));
	rw = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ro = mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, rw);
	ASSERT_NE(MAP_FAILED, ro);
	memset(rw, 0xaa, self->page);
	EXPECT_EQ(-EFAULT, mc2_call(self->area, 4 * self->page, ro, 4,
				    MINCORE_RESIDENT));
	EXPECT_TRUE(untouched(rw, rw + self->page));
	EXPECT_TRUE(untouched(ro, ro + self->page));
}

/* Proves for each nr that exactly nr bytes are written, none before or after. */
TEST_F(vec, canaries_around_bytes)
{
	unsigned char *v = self->data + 64;
	size_t nr;

	for (nr = 1; nr <= AREA_PAGES; nr = nr < 20 ? nr + 1 : nr + 97) {
		memset(self->data, 0xaa, 2 * self->page);
		ASSERT_EQ((ssize_t)nr, mc2_call(self->area, AREA_PAGES *
						self->page, v, nr,
						MINCORE_RESIDENT));
		EXPECT_TRUE(bytes_right(v, nr));
		EXPECT_TRUE(untouched(self->data, v));
		EXPECT_TRUE(untouched(v + nr, self->end));
	}
}

/* Proves the same for regions. */
TEST_F(vec, canaries_around_regions)
{
	unsigned char *v = self->data + 64;
	size_t nr;

	for (nr = 1; nr <= AREA_PAGES; nr = nr < 180 ? nr + 1 : nr + 97) {
		memset(self->data, 0xaa, VEC_PAGES * self->page);
		ASSERT_EQ((ssize_t)nr, mc2_call(self->area, AREA_PAGES *
						self->page, v, nr,
						R | MINCORE_RESIDENT));
		EXPECT_TRUE(regions_right(v, nr, self->area));
		EXPECT_TRUE(untouched(self->data, v));
		EXPECT_TRUE(untouched(v + nr * sizeof(struct mincore_region),
				      self->end));
	}
}

/* Proves that the length, not nr, limits the answer when it is the smaller. */
TEST_F(vec, canaries_with_room_to_spare)
{
	unsigned char *v = self->data + 64;
	size_t pages;

	for (pages = 1; pages < 300; pages += 7) {
		size_t len = pages * self->page;

		memset(self->data, 0xaa, VEC_PAGES * self->page);
		ASSERT_EQ((ssize_t)pages, mc2_call(self->area, len, v, 400,
						   MINCORE_RESIDENT));
		EXPECT_TRUE(bytes_right(v, pages));
		EXPECT_TRUE(untouched(v + pages, self->end));
		memset(self->data, 0xaa, VEC_PAGES * self->page);
		ASSERT_EQ((ssize_t)pages, mc2_call(self->area, len, v, 400,
						   R | MINCORE_RESIDENT));
		EXPECT_TRUE(regions_right(v, pages, self->area));
		EXPECT_TRUE(untouched(v + pages * 24, self->end));
	}
}

/*
 * Proves that a vec that runs into memory which cannot be written gives the
 * number of whole elements stored before it, and EFAULT at the next call; with
 * bytes, at each distance from the boundary.
 */
TEST_F(vec, bytes_end_at_an_unwritable_page)
{
	size_t fit, len = AREA_PAGES * self->page;

	for (fit = 1; fit < 900; fit = fit < 10 ? fit + 1 : fit + 89) {
		unsigned char *v = self->end - fit;

		memset(self->data, 0xaa, VEC_PAGES * self->page);
		EXPECT_EQ((ssize_t)fit, mc2_call(self->area, len, v, fit,
						 MINCORE_RESIDENT));
		memset(self->data, 0xaa, VEC_PAGES * self->page);
		EXPECT_EQ((ssize_t)fit, mc2_call(self->area, len, v,
						 AREA_PAGES,
						 MINCORE_RESIDENT))
			TH_LOG("%zu fit", fit);
		EXPECT_TRUE(bytes_right(v, fit));
		EXPECT_TRUE(untouched(self->data, v));
		EXPECT_EQ(-EFAULT, mc2_call(self->area + fit * self->page,
					    self->page, v + fit, 1,
					    MINCORE_RESIDENT));
	}
}

/* Proves the same for regions, also when only part of one fits. */
TEST_F(vec, regions_end_at_an_unwritable_page)
{
	size_t fit, part, len = AREA_PAGES * self->page;

	for (fit = 0; fit < 700; fit = fit < 8 ? fit + 1 : fit + 83) {
		for (part = 0; part < 24; part += 8) {
			unsigned char *v = self->end - fit * 24 - part;

			memset(self->data, 0xaa, VEC_PAGES * self->page);
			EXPECT_EQ(fit ? (ssize_t)fit : -EFAULT,
				  mc2_call(self->area, len, v, AREA_PAGES,
					   R | MINCORE_RESIDENT))
				TH_LOG("%zu and %zu bytes fit", fit, part);
			EXPECT_TRUE(regions_right(v, fit, self->area));
			EXPECT_TRUE(untouched(self->data, v));
		}
	}
}

/* Proves that a boundary before nr elements is no obstacle when nr ends there. */
TEST_F(vec, vec_ends_exactly_at_the_boundary)
{
	size_t nr, len = AREA_PAGES * self->page;

	for (nr = 1; nr < 512; nr += 17) {
		unsigned char *v = self->end - nr * 24;

		EXPECT_EQ((ssize_t)nr, mc2_call(self->area, len, v, nr,
						R | MINCORE_RESIDENT));
		EXPECT_TRUE(regions_right(v, nr, self->area));
	}
}

/* Proves that the vec may go across pages that were never touched. */
TEST_F(vec, untouched_vec)
{
	size_t size = AREA_PAGES * sizeof(struct mincore_region);
	char *v = mc2_anon(size);

	ASSERT_NE(NULL, v);
	EXPECT_EQ(AREA_PAGES, mc2_call(self->area, AREA_PAGES * self->page, v,
				       AREA_PAGES, R | MINCORE_RESIDENT));
	EXPECT_TRUE(regions_right(v, AREA_PAGES, self->area));
	munmap(v, size);
}

/*
 * Proves that the vec may lie inside the range: the answer about its own pages
 * is one of the two they had, all others are right, and the call ends.
 */
TEST_F(vec, vec_inside_the_range)
{
	struct mincore_region *r;
	size_t page = self->page, i, pages = 64;
	unsigned char *bytes;
	char *area = mc2_anon(pages * page);
	ssize_t nr, k;

	ASSERT_NE(NULL, area);
	for (i = 0; i < pages; i += 2)
		area[i * page] = 1;
	bytes = (unsigned char *)area + 21 * page + 100;	/* untouched */
	ASSERT_EQ((ssize_t)pages, mc2_call(area, pages * page, bytes, pages,
					   MINCORE_RESIDENT));
	for (i = 0; i < pages; i++)
		if (i != 21)
			EXPECT_EQ(want(i), bytes[i]);
	EXPECT_EQ(MINCORE_RESIDENT, bytes[21] | MINCORE_RESIDENT);

	r = (void *)(area + 41 * page);
	nr = mc2_call(area, pages * page, r, page / 24, R | MINCORE_RESIDENT);
	ASSERT_LT(0, nr);
	EXPECT_TRUE(mc2_tiling_ok(r, nr, mc2_addr(area),
				  mc2_addr(area) + pages * page,
				  MINCORE_RESIDENT));
	EXPECT_EQ(mc2_addr(area) + pages * page, r[nr - 1].end);
	for (k = 0; k < nr; k++) {
		i = (r[k].start - mc2_addr(area)) / page;
		if (i < 20)
			EXPECT_EQ(want(i), r[k].state);
	}
	munmap(area, pages * page);
}

/* Proves that an answer longer than any bounce buffer is whole and right. */
TEST_F(vec, many_bytes)
{
	size_t pages = 20000, i, wrong = 0;
	char *area = mc2_anon(pages * self->page);
	unsigned char *v = malloc(pages + 16);

	ASSERT_NE(NULL, area);
	ASSERT_NE(NULL, v);
	for (i = 0; i < pages; i += 31)
		area[i * self->page] = 1;
	memset(v, 0xaa, pages + 16);
	ASSERT_EQ((ssize_t)pages, mc2_call(area, pages * self->page, v, pages,
					   MINCORE_RESIDENT | MINCORE_LEVEL));
	for (i = 0; i < pages; i++)
		wrong += v[i] != (i % 31 ? 0 : MINCORE_RESIDENT | MINCORE_PTE);
	EXPECT_EQ(0, wrong);
	EXPECT_TRUE(untouched(v + pages, v + pages + 16));
	free(v);
	munmap(area, pages * self->page);
}

TEST_HARNESS_MAIN
