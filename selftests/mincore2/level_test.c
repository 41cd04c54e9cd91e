// SPDX-License-Identifier: GPL-2.0
/*
 * MINCORE_LEVEL on each backing, checked against the number of faults that
 * the first touch takes, and that looking changes nothing.
 */
#define _FILE_OFFSET_BITS 64
#include "mapping.h"

#define LEN	MIB(16)

FIXTURE(level) {
	struct mc2_backing b;
	struct mc2_file f;
	char *map;
	bool store;	/* touch by writing */
	bool exact;	/* faults are not taken for more than one entry */
	size_t entry;	/* bytes that an entry of the backing's level reaches */
};

FIXTURE_VARIANT(level) {
	struct mc2_contract c;
};

#define ADD_VARIANT(id, ...)						\
	FIXTURE_VARIANT_ADD(level, id) { .c = { __VA_ARGS__ } };
MC2_CONTRACT(ADD_VARIANT)

FIXTURE_SETUP(level)
{
	MC2_SETUP_BACKING(&variant->c, &self->b);
	self->entry = mc2_level_size(self->b.level);
	self->store = self->b.kind != MC2_ROFS;
	/* The page cache may map around a fault, and large folios at once. */
	self->exact = self->b.dax || mc2_has_attr(&self->b, "hugetlb");
	ASSERT_EQ(0, mc2_file_open_full(&self->f, &self->b,
					mc2_fit(&self->b, LEN)))
		TH_LOG("%s: no file of %zu bytes", self->b.path,
		       mc2_fit(&self->b, LEN));
	self->map = mc2_file_map(&self->f, MC2_SHARED);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(level)
{
	munmap(self->map, self->f.len);
	mc2_file_close(&self->f);
}

/* Touch all; the faults must be what entries of the backing's level take. */
static void touch_all(struct __test_metadata *_metadata,
		      const FIXTURE_DATA(level) *self)
{
	long faults = mc2_touch_faults(self->map, self->f.len, self->store);

	if (self->exact) {
		EXPECT_EQ((long)(self->f.len / self->entry), faults)
			TH_LOG("%s: faults do not fit entries of %zu bytes",
			       self->b.name, self->entry);
	}
}

/*
 * Each page is mapped at the level, with an entry of the right size, and the
 * whole mapping is one region.
 */
static void expect_level(struct __test_metadata *_metadata,
			 const FIXTURE_DATA(level) *self)
{
	struct mincore_region r;

	EXPECT_STATE(self->map, self->f.len, MINCORE_LEVEL, self->b.level);
	ASSERT_EQ(1, do_mincore2(self->map, self->f.len, &r, 1,
				 MINCORE_REGIONS | MINCORE_LEVEL));
	EXPECT_EQ((uintptr_t)self->map, r.start);
	EXPECT_EQ((uintptr_t)self->map + self->f.len, r.end);
	EXPECT_EQ(mc2_level_shift(self->b.level), MINCORE_ENTRY_SHIFT(r.state));
}

/*
 * Proves that LEVEL and the entry size tell the level at which each backing
 * is mapped: counted by faults, 16 MiB of DAX take 8 for PMD entries and 4096
 * for PTEs; 1 GiB takes one for a PUD entry. Nothing is mapped before.
 */
TEST_F_TIMEOUT(level, by_faults, 180)
{
	EXPECT_STATE(self->map, self->f.len, MINCORE_LEVEL, 0);
	touch_all(_metadata, self);
	expect_level(_metadata, self);
}

/*
 * Proves that asking changes nothing: not before the first touch (it takes
 * the same faults), not after it (no new fault at the next touch, the same
 * level after 1000 queries in each format).
 */
TEST_F_TIMEOUT(level, query_changes_nothing, 300)
{
	size_t some = mc2_max(MIB(2), self->entry), page = mc2_page_size();
	unsigned char byte[64];
	struct mincore_region r;
	int i;

	EXPECT_STATE(self->map, self->f.len, MC2_ALL & ~MINCORE_RESIDENT &
		     ~MINCORE_DAX & ~MINCORE_PERSIST, 0);
	touch_all(_metadata, self);
	for (i = 0; i < 1000; i++) {
		size_t at = (size_t)i * 7 % 448 * page;

		ASSERT_EQ(1, do_mincore2(self->map, some, &r, 1,
					 MINCORE_REGIONS | MINCORE_LEVEL));
		ASSERT_EQ((uintptr_t)self->map + some, r.end);
		ASSERT_EQ(self->b.level, (unsigned int)r.state);
		ASSERT_EQ(64, do_mincore2(self->map + at, 64 * page, byte, 64,
					  MC2_ALL_BYTE));
		ASSERT_EQ(self->b.level, byte[i % 64] & MINCORE_LEVEL);
	}
	if (self->exact) {
		EXPECT_EQ(0, mc2_touch_faults(self->map, self->f.len,
					      self->store));
	}
	expect_level(_metadata, self);
}

/*
 * Proves that mincore(2) too, repaired, leaves large entries alone: all pages
 * are reported, the next touch takes no fault, and the level stays. A kernel
 * without the repair splits a PUD entry of device-dax and reports 0.
 */
TEST_F_TIMEOUT(level, mincore_changes_nothing, 180)
{
	size_t nr = self->f.len / mc2_page_size(), i, missing = 0;
	unsigned char *vec = malloc(nr);

	ASSERT_NE(NULL, vec);
	touch_all(_metadata, self);
	ASSERT_EQ(0, mincore(self->map, self->f.len, vec));
	for (i = 0; i < nr; i++)
		missing += !(vec[i] & 1);
	EXPECT_EQ(0, (long)missing);
	EXPECT_STATE(self->map, self->f.len, MINCORE_RESIDENT,
		     MINCORE_RESIDENT);
	if (self->exact) {
		EXPECT_EQ(0, mc2_touch_faults(self->map, self->f.len,
					      self->store));
	}
	expect_level(_metadata, self);
	free(vec);
}

/*
 * Proves that a range which starts and ends amid large entries is reported as
 * just that range, in one element, at the level of the entries.
 */
TEST_F_TIMEOUT(level, partial_entries, 180)
{
	size_t page = mc2_page_size(), entry = self->entry;
	/* { start, end }: inside one entry; across two; up to the last page */
	const size_t ranges[][2] = {
		{ page, 4 * page },
		{ entry - page, self->f.len > entry ? entry + page : entry },
		{ page, self->f.len - page },
		{ self->f.len - page, self->f.len },
	};
	unsigned char *vec = malloc(self->f.len / page);
	struct mincore_region r[2];
	size_t i, k;

	ASSERT_NE(NULL, vec);
	touch_all(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		char *start = self->map + ranges[i][0];
		size_t len = ranges[i][1] - ranges[i][0];

		memset(r, 0, sizeof(r));
		ASSERT_EQ(1, do_mincore2(start, len, r, 2,
					 MINCORE_REGIONS | MINCORE_LEVEL));
		EXPECT_EQ((uintptr_t)start, r[0].start);
		EXPECT_EQ((uintptr_t)start + len, r[0].end);
		EXPECT_EQ(self->b.level, (unsigned int)r[0].state);
		EXPECT_EQ(mc2_level_shift(self->b.level),
			  MINCORE_ENTRY_SHIFT(r[0].state));
		EXPECT_EQ(0, (long)r[1].end);
		ASSERT_EQ((ssize_t)(len / page),
			  do_mincore2(start, len, vec, len / page,
				      MINCORE_LEVEL));
		for (k = 0; k < len / page; k++)
			ASSERT_EQ(self->b.level, vec[k]);
	}
	expect_level(_metadata, self);
	free(vec);
}

/*
 * Proves that LEVEL follows the entry and not the extent: where address and
 * file offset do not fit each other, the same file is mapped by PTEs, as
 * many faults as pages. (Devices and hugetlbfs refuse such an address.)
 */
TEST_F_TIMEOUT(level, misaligned_is_pte, 180)
{
	const size_t len = MIB(4);
	long faults;
	char *map;

	map = mc2_map_aligned(len, MIB(2), mc2_page_size(),
			      mc2_file_prot(&self->f, MC2_SHARED), MAP_SHARED,
			      self->f.fd, 0);
	if (self->b.align > mc2_page_size() ||
	    mc2_has_attr(&self->b, "hugetlb")) {
		EXPECT_EQ(MAP_FAILED, map);
		return;
	}
	ASSERT_NE(MAP_FAILED, map);
	faults = mc2_touch_faults(map, len, self->store);
	if (self->exact) {
		EXPECT_EQ((long)(len / mc2_page_size()), faults);
	}
	EXPECT_STATE(map, len, MINCORE_LEVEL, MINCORE_PTE);
	munmap(map, len);
}

/* ---- holes ---- */

FIXTURE(hole) {
	struct mc2_backing b;
	struct mc2_file f;
};

FIXTURE_VARIANT(hole) {
	struct mc2_contract c;
};

#define ADD_HOLE(id, ...)						\
	FIXTURE_VARIANT_ADD(hole, id) { .c = { __VA_ARGS__ } };
MC2_CONTRACT_FS(ADD_HOLE)

#define HOLE	MIB(4)

FIXTURE_SETUP(hole)
{
	MC2_SETUP_BACKING(&variant->c, &self->b);
	ASSERT_EQ(0, mc2_file_open(&self->f, &self->b, HOLE));
}

FIXTURE_TEARDOWN(hole)
{
	mc2_file_close(&self->f);
}

/*
 * Read a hole at @skew bytes from alignment, then write it. @level: of the
 * zero page, 0 where there is none (page cache, or the file has no hole).
 */
static void check_hole(struct __test_metadata *_metadata,
		       const FIXTURE_DATA(hole) *self, size_t skew,
		       unsigned int level)
{
	const unsigned int dax = self->b.dax ? MINCORE_DAX : 0;
	char *map, why[MC2_WHY];
	int tries = 0;
	long faults;

	map = mc2_map_aligned(HOLE, MIB(2), skew,
			      mc2_file_prot(&self->f, MC2_SHARED), MAP_SHARED,
			      self->f.fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	faults = mc2_touch_faults(map, HOLE, false);
	if (level) {
		EXPECT_EQ((long)(HOLE / mc2_level_size(level)), faults);
		EXPECT_STATE(map, HOLE, MINCORE_ZERO | MINCORE_LEVEL |
			     MINCORE_DAX | MINCORE_WRITABLE,
			     MINCORE_ZERO | level | dax);
		EXPECT_EQ(mc2_level_shift(level),
			  MINCORE_ENTRY_SHIFT(mc2_page(map)));
	} else {
		EXPECT_STATE(map, HOLE, MINCORE_ZERO | MINCORE_DAX, dax);
	}
	if (self->b.kind != MC2_ROFS) {
		/*
		 * Writeback takes write access from the entries, and may come
		 * between the stores and the look.
		 */
		do {
			mc2_store(map, HOLE, KIB(4));
		} while (++tries < 10 &&
			 mc2_deviants(map, HOLE, MINCORE_WRITABLE, MINCORE_WRITABLE, why));
		if (tries > 1)
			TH_LOG("%s: %d times stored to", self->b.name, tries);
		EXPECT_STATE(map, HOLE, MINCORE_ZERO | MINCORE_DAX |
			     MINCORE_WRITABLE, dax | MINCORE_WRITABLE);
		EXPECT_STATE(map, HOLE, MINCORE_UNMAPPED | MINCORE_DENIED, 0);
		EXPECT_TRUE(mc2_mapped(map));
	}
	munmap(map, HOLE);
}

/*
 * Proves that a hole of a DAX file that was read is the shared zero page, at
 * the level the backing can give (the huge zero page for PMD), until it is
 * written. The page cache has no zero page.
 */
TEST_F_TIMEOUT(hole, aligned, 120)
{
	bool zero = self->b.dax && self->b.kind == MC2_FS;

	check_hole(_metadata, self, 0, zero ? self->b.level : 0);
}

/* Proves the same where only PTEs are possible. */
TEST_F_TIMEOUT(hole, misaligned, 120)
{
	bool zero = self->b.dax && self->b.kind == MC2_FS;

	check_hole(_metadata, self, mc2_page_size(), zero ? MINCORE_PTE : 0);
}

TEST_HARNESS_MAIN
