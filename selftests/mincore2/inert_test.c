// SPDX-License-Identifier: GPL-2.0
/*
 * Asking changes nothing: no fault, no page-table page, no accessed or dirty
 * bit, no huge page split, nothing swapped in, no userfaultfd event. Each test
 * also shows that its witness can see such a change.
 */
#include "helpers.h"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>

#define R		MINCORE_REGIONS
#define QUERIES		1000
#define AREA_PAGES	64

FIXTURE(inert) {
	size_t page, len;
	char *area;		/* a VMA of its own: small pages, written */
	struct mincore_region *r;
	unsigned char *bytes;
};

FIXTURE_SETUP(inert)
{
	self->page = mc2_page_size();
	self->len = AREA_PAGES * self->page;
	/* Gaps on both sides: smaps has a block about just this range. */
	self->area = mc2_hole(self->len + 2 * self->page, self->page);
	ASSERT_NE(NULL, self->area);
	self->area += self->page;
	ASSERT_EQ(self->area,
		  mmap(self->area, self->len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		       0));
	madvise(self->area, self->len, MADV_NOHUGEPAGE);
	memset(self->area, 1, self->len);
	self->r = (void *)mc2_anon(KIB(64));
	ASSERT_NE(NULL, self->r);
	memset(self->r, 0, KIB(64));
	self->bytes = (void *)self->r;
}

FIXTURE_TEARDOWN(inert)
{
	munmap(self->area, self->len);
	munmap(self->r, KIB(64));
}

/* Many questions about a range, in both formats; false: an error. */
static bool ask(char *p, size_t len, void *vec, size_t times)
{
	size_t n = len / mc2_page_size();

	while (times--)
		if (mc2_call(p, len, vec, KIB(64) / 24, R | MC2_ALL) <= 0 ||
		    mc2_call(p, len, vec, n < KIB(64) ? n : KIB(64),
			     MC2_ALL_BYTE) <= 0)
			return false;
	return true;
}

/* Proves that no accessed bit is set: smaps counts them. */
TEST_F(inert, accessed_bits)
{
	ASSERT_TRUE(ask(self->area, self->len, self->bytes, 1));
	ASSERT_TRUE(mc2_write_file("/proc/self/clear_refs", 0, "1"));
	/* That leaves the TLB alone; with an entry there no bit is set. */
	ASSERT_EQ(0, mprotect(self->area, self->len, PROT_READ));
	ASSERT_EQ(0, mprotect(self->area, self->len, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, mc2_smaps_kib(self->area, "Referenced"));
	ASSERT_TRUE(ask(self->area, self->len, self->bytes, QUERIES));
	EXPECT_EQ(0, mc2_smaps_kib(self->area, "Referenced"));
	self->area[3 * self->page] = 2;
	EXPECT_EQ((long)(self->page >> 10),
		  mc2_smaps_kib(self->area, "Referenced"));
}

/* Proves that no page is dirtied: pagemap has the soft-dirty bit. */
TEST_F(inert, soft_dirty_bits)
{
	size_t i;

	ASSERT_TRUE(mc2_write_file("/proc/self/clear_refs", 0, "4"));
	if (mc2_pagemap(self->area) & MC2_PAGEMAP_SOFT_DIRTY)
		SKIP(return, "needs CONFIG_MEM_SOFT_DIRTY");
	ASSERT_TRUE(ask(self->area, self->len, self->bytes, QUERIES));
	for (i = 0; i < AREA_PAGES; i++)
		EXPECT_EQ(0, mc2_pagemap(self->area + i * self->page) &
			  MC2_PAGEMAP_SOFT_DIRTY);
	self->area[0] = 2;
	EXPECT_NE(0, mc2_pagemap(self->area) & MC2_PAGEMAP_SOFT_DIRTY);
}

/* Proves that shared file pages that were only read stay clean. */
TEST_F(inert, dirty_bits_of_a_file)
{
	int fd = memfd_create("mincore2", MFD_CLOEXEC);
	size_t i;
	char *p;

	ASSERT_EQ(0, ftruncate(fd, self->len));
	ASSERT_EQ(0, munmap(self->area, self->len));
	p = mmap(self->area, self->len, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	ASSERT_EQ(self->area, p);
	for (i = 0; i < self->len; i += self->page)
		(void)*(volatile char *)(p + i);
	ASSERT_EQ(0, mc2_smaps_kib(p, "Shared_Dirty"));
	ASSERT_EQ(0, mc2_smaps_kib(p, "Private_Dirty"));
	ASSERT_TRUE(ask(p, self->len, self->bytes, QUERIES));
	EXPECT_EQ(0, mc2_smaps_kib(p, "Shared_Dirty"));
	EXPECT_EQ(0, mc2_smaps_kib(p, "Private_Dirty"));
	*p = 1;
	EXPECT_LT(0, mc2_smaps_kib(p, "Private_Dirty"));
}

/* Proves that questions about any kind of page cause no fault. */
TEST_F(inert, faults)
{
	char *p = mc2_anon(self->len);
	long before;

	ASSERT_NE(NULL, p);
	p[5 * self->page] = 1;
	mprotect(p + 7 * self->page, self->page, PROT_NONE);
	ASSERT_TRUE(ask(p, self->len, self->bytes, 1));
	before = mc2_faults();
	ASSERT_TRUE(ask(p, self->len, self->bytes, QUERIES));
	EXPECT_EQ(before, mc2_faults());
	p[6 * self->page] = 1;
	EXPECT_EQ(before + 1, mc2_faults());
	munmap(p, self->len);
}

/* Proves that a large untouched range gets no page-table page. */
TEST_F(inert, page_tables)
{
	size_t size = sizeof(void *) == 8 ? (size_t)1 << 36 : GIB(1);
	char *p = mc2_anon(size);
	long before;

	ASSERT_NE(NULL, p);
	/* What the witness itself needs must be there before. */
	ASSERT_LT(0, mc2_status_kib("VmPTE"));
	ASSERT_TRUE(ask(self->area, self->len, self->bytes, 1));
	before = mc2_status_kib("VmPTE");
	ASSERT_TRUE(ask(p, size, self->bytes, 20));
	EXPECT_EQ(1, mc2_call(p, size, self->r, 9, R | MC2_ALL));
	EXPECT_EQ(before, mc2_status_kib("VmPTE"));
	p[size / 2] = 1;
	EXPECT_LT(before, mc2_status_kib("VmPTE"));
	munmap(p, size);
}

/* Proves that everything smaps says about a mapping stays as it is. */
TEST_F(inert, smaps_is_unchanged)
{
	static char before[8192], after[8192];
	size_t i;

	for (i = 0; i < AREA_PAGES; i += 3)
		madvise(self->area + i * self->page, self->page,
			MADV_DONTNEED);
	madvise(self->area, self->len / 2, MADV_PAGEOUT);
	ASSERT_TRUE(mc2_smaps(self->area, before, sizeof(before)));
	ASSERT_TRUE(ask(self->area, self->len, self->bytes, QUERIES));
	ASSERT_TRUE(mc2_smaps(self->area, after, sizeof(after)));
	EXPECT_STREQ(before, after);
	memset(self->area, 3, self->len);
	ASSERT_TRUE(mc2_smaps(self->area, after, sizeof(after)));
	EXPECT_STRNE(before, after);
}

/* Proves that a huge page is still one after 1000 questions, without a fault. */
TEST_F(inert, huge_page_is_not_split)
{
	size_t size = mc2_thp_size(), i;
	long before;
	char *p;

	if (!size)
		SKIP(return, "no transparent huge pages");
	p = mc2_anon_aligned(size, size);
	ASSERT_NE(NULL, p);
	ASSERT_TRUE(mc2_make_thp(p, size));
	for (i = 0; i < QUERIES; i++)
		ASSERT_EQ(2, mc2_call(p + i % 500 * self->page, 2 * self->page,
				      self->bytes, 9, MC2_ALL_BYTE));
	EXPECT_EQ((long)(size >> 10), mc2_smaps_kib(p, "AnonHugePages"));
	EXPECT_EQ(MINCORE_PMD, mc2_page(p) & MINCORE_LEVEL);
	before = mc2_faults();
	for (i = 0; i < size; i += self->page)
		p[i] = 1;
	EXPECT_EQ(before, mc2_faults());
	munmap(p, size);
}

/* Proves that questions about memory that a userfaultfd serves raise no event. */
TEST_F(inert, userfaultfd_events)
{
	struct uffdio_register reg = { 0 };
	struct uffdio_api api = { .api = UFFD_API };
	struct pollfd pfd = { .events = POLLIN };
	size_t i;
	char *p;

	pfd.fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (pfd.fd < 0 && errno == ENOSYS)
		SKIP(return, "needs CONFIG_USERFAULTFD");
	ASSERT_LE(0, pfd.fd);
	ASSERT_EQ(0, ioctl(pfd.fd, UFFDIO_API, &api));
	p = mc2_anon(self->len);
	ASSERT_NE(NULL, p);
	reg.range.start = mc2_addr(p);
	reg.range.len = self->len;
	reg.mode = UFFDIO_REGISTER_MODE_MISSING;
	ASSERT_EQ(0, ioctl(pfd.fd, UFFDIO_REGISTER, &reg));
	for (i = 0; i < AREA_PAGES; i++)	/* would hang if it faulted */
		EXPECT_EQ(0, mc2_page(p + i * self->page));
	ASSERT_TRUE(ask(p, self->len, self->bytes, QUERIES));
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	close(pfd.fd);
	munmap(p, self->len);
}

TEST_HARNESS_MAIN
