// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages and zero pages: hugetlb of each size, transparent huge pages
 * whole, split and protected, the small and the huge zero page.
 */
#include "helpers.h"

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif

#define R	MINCORE_REGIONS

#define ZERO_STATE	(MINCORE_RESIDENT | MINCORE_PTE | MINCORE_ZERO)
#define OWN_STATE	(MINCORE_RESIDENT | MINCORE_PTE | MINCORE_WRITABLE)

/* Is RESIDENT of all pages in [p, p + size) what mincore() says? */
static bool same_as_mincore(char *p, size_t size)
{
	size_t i, n = size / mc2_page_size();
	unsigned char *a = malloc(n), *b = malloc(n);
	bool same;

	same = !mincore(p, size, a) &&
	       mc2_call(p, size, b, n, MINCORE_RESIDENT) == (ssize_t)n;
	for (i = 0; same && i < n; i++)
		same = (a[i] & 1) == b[i];
	free(a);
	free(b);
	return same;
}

/* Is [p, p + size) one region, and with this state? */
static bool all_are(char *p, size_t size, unsigned int bits, unsigned int shift)
{
	struct mincore_region r;

	if (mc2_call(p, size, &r, 1, R | MC2_ALL) != 1 ||
	    r.end != mc2_addr(p) + size)
		return false;
	return MC2_BITS(r.state) == bits &&
	       MINCORE_ENTRY_SHIFT(r.state) == shift;
}

FIXTURE(hugetlb) {
	size_t size;
	char *p;
};

FIXTURE_VARIANT(hugetlb) {
	unsigned int shift;	/* log2 of the size of a page */
	unsigned int level;
	int flags;
};

FIXTURE_VARIANT_ADD(hugetlb, private_2m) {
	.shift = 21, .level = MINCORE_PMD, .flags = MAP_PRIVATE,
};
FIXTURE_VARIANT_ADD(hugetlb, shared_2m) {
	.shift = 21, .level = MINCORE_PMD, .flags = MAP_SHARED,
};
FIXTURE_VARIANT_ADD(hugetlb, private_1g) {
	.shift = 30, .level = MINCORE_PUD, .flags = MAP_PRIVATE,
};
FIXTURE_VARIANT_ADD(hugetlb, shared_1g) {
	.shift = 30, .level = MINCORE_PUD, .flags = MAP_SHARED,
};

FIXTURE_SETUP(hugetlb)
{
	self->size = (size_t)1 << variant->shift;
	self->p = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
		       variant->flags | MAP_ANONYMOUS | MAP_HUGETLB |
		       (int)(variant->shift << MAP_HUGE_SHIFT), -1, 0);
	if (self->p == MAP_FAILED)
		SKIP(return, "no free huge page of 2^%u bytes: %s",
		     variant->shift, strerror(errno));
}

FIXTURE_TEARDOWN(hugetlb)
{
	munmap(self->p, self->size);
}

/*
 * Proves the state of a hugetlb page: nothing before the first touch, then one
 * entry of its size that can be written, without write permission the same but
 * for WRITABLE, and RESIDENT as mincore() has it each time.
 */
TEST_F_TIMEOUT(hugetlb, before_and_after_touch, 120)
{
	unsigned int bits = MINCORE_RESIDENT | variant->level;

	EXPECT_TRUE(all_are(self->p, self->size, 0, 0));
	EXPECT_TRUE(same_as_mincore(self->p, self->size));
	self->p[self->size / 2] = 1;
	EXPECT_TRUE(all_are(self->p, self->size, bits | MINCORE_WRITABLE,
			    variant->shift));
	EXPECT_TRUE(same_as_mincore(self->p, self->size));
	ASSERT_EQ(0, mprotect(self->p, self->size, PROT_READ));
	EXPECT_TRUE(all_are(self->p, self->size, bits, variant->shift));
	ASSERT_EQ(0, mprotect(self->p, self->size, PROT_NONE));
	EXPECT_TRUE(all_are(self->p, self->size, bits, variant->shift));
	EXPECT_TRUE(same_as_mincore(self->p, self->size));
}

/* Proves that part of a huge page can be asked about, from any of its pages. */
TEST_F_TIMEOUT(hugetlb, part_of_a_page, 120)
{
	size_t page = mc2_page_size();

	*self->p = 1;
	EXPECT_TRUE(all_are(self->p + 5 * page, 7 * page, MINCORE_RESIDENT |
			    MINCORE_WRITABLE | variant->level, variant->shift));
	EXPECT_TRUE(all_are(self->p + self->size - page, page,
			    MINCORE_RESIDENT | MINCORE_WRITABLE |
			    variant->level, variant->shift));
}

FIXTURE(thp) {
	size_t page, size;
	unsigned int shift;
	char *p;		/* two huge pages: one made, one untouched */
};

FIXTURE_SETUP(thp)
{
	self->page = mc2_page_size();
	self->size = mc2_thp_size();
	if (!self->size)
		SKIP(return, "no transparent huge pages");
	self->shift = mc2_log2(self->size);
	self->p = mc2_anon_aligned(2 * self->size, self->size);
	ASSERT_NE(NULL, self->p);
	ASSERT_EQ(0, madvise(self->p + self->size, self->size,
			     MADV_NOHUGEPAGE));
	ASSERT_TRUE(mc2_make_thp(self->p, self->size));
}

FIXTURE_TEARDOWN(thp)
{
	munmap(self->p, 2 * self->size);
}

/* Proves the level of a huge page and of the small ones beside it. */
TEST_F(thp, whole)
{
	size_t i;

	EXPECT_TRUE(all_are(self->p, self->size, MINCORE_RESIDENT |
			    MINCORE_PMD | MINCORE_WRITABLE, self->shift));
	for (i = 0; i < self->size; i += self->page)
		self->p[self->size + i] = 1;
	EXPECT_TRUE(all_are(self->p + self->size, self->size, OWN_STATE,
			    mc2_log2(self->page)));
}

/* Proves that a page of a huge page that is mapped by PTEs is at that level. */
TEST_F(thp, split_entry)
{
	ASSERT_EQ(0, mprotect(self->p + 4 * self->page, self->page, PROT_READ));
	EXPECT_TRUE(all_are(self->p, 4 * self->page, OWN_STATE,
			    mc2_log2(self->page)));
	EXPECT_TRUE(all_are(self->p + 4 * self->page, self->page,
			    OWN_STATE & ~MINCORE_WRITABLE,
			    mc2_log2(self->page)));
	EXPECT_TRUE(all_are(self->p + 5 * self->page,
			    self->size - 5 * self->page, OWN_STATE,
			    mc2_log2(self->page)));
}

/* Proves that a hole in a huge page is seen as such. */
TEST_F(thp, partly_dropped)
{
	ASSERT_EQ(0, madvise(self->p + 8 * self->page, 3 * self->page,
			     MADV_DONTNEED));
	EXPECT_TRUE(all_are(self->p, 8 * self->page, OWN_STATE,
			    mc2_log2(self->page)));
	EXPECT_TRUE(all_are(self->p + 8 * self->page, 3 * self->page, 0, 0));
	EXPECT_TRUE(same_as_mincore(self->p, self->size));
}

/* Proves that memory without access keeps its level and loses WRITABLE. */
TEST_F(thp, prot_none)
{
	ASSERT_EQ(0, mprotect(self->p, self->size, PROT_NONE));
	EXPECT_TRUE(all_are(self->p, self->size, MINCORE_RESIDENT |
			    MINCORE_PMD, self->shift));
	EXPECT_TRUE(same_as_mincore(self->p, self->size));
}

/* Proves that a range that cuts huge pages at both ends is right. */
TEST_F(thp, ends_inside_a_huge_page)
{
	EXPECT_TRUE(all_are(self->p + 3 * self->page, 9 * self->page,
			    MINCORE_RESIDENT | MINCORE_PMD | MINCORE_WRITABLE,
			    self->shift));
}

/*
 * Proves that a page of anonymous memory that was only read is the zero page:
 * not writable, and no longer ZERO after the first store.
 */
TEST(zero_page)
{
	size_t page = mc2_page_size();
	char *p = mc2_anon(4 * page);

	ASSERT_NE(NULL, p);
	EXPECT_TRUE(all_are(p, 4 * page, 0, 0));
	(void)*(volatile char *)p;
	(void)*(volatile char *)(p + page);
	EXPECT_TRUE(all_are(p, 2 * page, ZERO_STATE, mc2_log2(page)));
	EXPECT_TRUE(same_as_mincore(p, 4 * page));
	p[page] = 1;
	EXPECT_TRUE(all_are(p, page, ZERO_STATE, mc2_log2(page)));
	EXPECT_TRUE(all_are(p + page, page, OWN_STATE, mc2_log2(page)));
	EXPECT_TRUE(all_are(p + 2 * page, 2 * page, 0, 0));
	/* A page that holds only zeroes is not the zero page. */
	p[2 * page] = 0;
	EXPECT_TRUE(all_are(p + page, 2 * page, OWN_STATE, mc2_log2(page)));
	munmap(p, 4 * page);
}

/*
 * Proves that memory of the size of a huge page that was only read is the huge
 * zero page, by one fault, and no longer after the first store.
 */
TEST(huge_zero_page)
{
	size_t size = mc2_thp_size(), page = mc2_page_size(), i;
	char setting[64] = "", use[8] = "";
	long faults;
	char *p;

	mc2_read_file(MC2_THP_DIR "use_zero_page", use, sizeof(use));
	mc2_read_file(MC2_THP_DIR "enabled", setting, sizeof(setting));
	if (!size || use[0] != '1' || strstr(setting, "[never]"))
		SKIP(return, "no huge zero page");
	p = mc2_anon_aligned(size, size);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, madvise(p, size, MADV_HUGEPAGE));
	(void)*(volatile char *)(p + 9 * page);
	faults = mc2_faults();
	for (i = 0; i < size; i += page)
		(void)*(volatile char *)(p + i);
	ASSERT_EQ(faults, mc2_faults());
	EXPECT_TRUE(all_are(p, size, MINCORE_RESIDENT | MINCORE_PMD |
			    MINCORE_ZERO, mc2_log2(size)));
	EXPECT_TRUE(same_as_mincore(p, size));
	p[5 * page] = 1;
	EXPECT_EQ(0, mc2_page(p + 5 * page) & MINCORE_ZERO);
	EXPECT_EQ(MINCORE_WRITABLE, mc2_page(p + 5 * page) & MINCORE_WRITABLE);
	munmap(p, size);
}

TEST_HARNESS_MAIN
