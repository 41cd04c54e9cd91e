// SPDX-License-Identifier: GPL-2.0
/*
 * The arguments of mincore2() and its errors: which flags exist, what is
 * checked first, where user space ends, and that a bit which was not asked for
 * is not reported. vec_test.c has what is written, signal_test.c EINTR.
 */
#include "helpers.h"
#include "inject.h"

#define R	MINCORE_REGIONS

/* The smallest things that can be asked for. */
static const unsigned int units[] = {
	MINCORE_RESIDENT, MINCORE_DAX, MINCORE_LEVEL, MINCORE_PERSIST,
	MINCORE_WRITABLE, MINCORE_DENIED, MINCORE_UNMAPPED, MINCORE_ZERO,
	MINCORE_PINNABLE,
};

/* All of them, and those that no byte has room for. */
#define ALL		(MC2_ALL | MINCORE_PINNABLE)
#define REGIONS_ONLY	(MINCORE_ZERO | MINCORE_PINNABLE)

/* Flags that no kernel knows yet. */
#define RESERVED_FLAGS	(~(ALL | MINCORE_REGIONS | MINCORE_PIDFD))

#define AREA_PAGES	8

FIXTURE(abi) {
	size_t page;
	char *area;			/* AREA_PAGES pages, all written */
	struct mincore_region *regions;	/* one page of them */
	unsigned char *bytes;		/* the same page */
};

FIXTURE_SETUP(abi)
{
	self->page = mc2_page_size();
	self->area = mc2_anon(AREA_PAGES * self->page);
	ASSERT_NE(NULL, self->area);
	memset(self->area, 1, AREA_PAGES * self->page);
	self->bytes = (void *)mc2_anon(self->page);
	ASSERT_NE(NULL, self->bytes);
	memset(self->bytes, 0xaa, self->page);
	self->regions = (void *)self->bytes;
}

FIXTURE_TEARDOWN(abi)
{
	munmap(self->area, AREA_PAGES * self->page);
	munmap(self->bytes, self->page);
}

/* Proves that the probe says yes to every flag, alone and in combination. */
TEST(probe_every_known_flag)
{
	unsigned int mask, i, flags;

	for (mask = 1; mask < 1U << ARRAY_SIZE(units); mask++) {
		for (flags = 0, i = 0; i < ARRAY_SIZE(units); i++)
			flags |= mask & (1U << i) ? units[i] : 0;
		EXPECT_EQ(0, mc2_call(NULL, 0, NULL, 0, flags | R))
			TH_LOG("flags %#x", flags | R);
		if (flags & REGIONS_ONLY)
			continue;
		EXPECT_EQ(0, mc2_call(NULL, 0, NULL, 0, flags))
			TH_LOG("flags %#x", flags);
	}
}

/* Proves that each reserved bit is refused, in both formats, with any others. */
TEST(probe_reserved_flags)
{
	unsigned int bit, flag;

	for (bit = 0; bit < 32; bit++) {
		flag = 1U << bit;
		if (!(flag & RESERVED_FLAGS))
			continue;
		EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, flag));
		EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, flag | R));
		EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0,
					    flag | MINCORE_RESIDENT));
		EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0,
					    flag | ALL | R))
			TH_LOG("bit %u", bit);
	}
}

/* Proves that asking for nothing, and for half a level, is refused. */
TEST(probe_incomplete_flags)
{
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, 0));
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, R));
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, MINCORE_PTE));
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, MINCORE_PMD));
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, R | MINCORE_PTE));
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, R | MINCORE_PMD |
				    MINCORE_RESIDENT));
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0,
				    MC2_ALL_BYTE & ~MINCORE_PTE));
}

/* Proves that a bit which no byte can carry is refused in the byte format. */
TEST(probe_bits_that_need_regions)
{
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, MINCORE_ZERO));
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0,
				    MINCORE_ZERO | MINCORE_RESIDENT));
	EXPECT_EQ(0, mc2_call(NULL, 0, NULL, 0, MINCORE_ZERO | R));
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, MINCORE_PINNABLE));
	EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0,
				    MINCORE_PINNABLE | MINCORE_DAX));
	EXPECT_EQ(0, mc2_call(NULL, 0, NULL, 0, MINCORE_PINNABLE | R));
}

/* Proves that bad flags win over every other mistake: a probe is reliable. */
TEST_F(abi, flags_are_checked_first)
{
	static const unsigned int bad[] = {
		0, R, MINCORE_PTE, MINCORE_ZERO, MINCORE_PINNABLE, 0x400, R | 0x800000,
		MINCORE_RESIDENT | 0x20000000,
	};
	size_t i, last = (size_t)-1 / self->page * self->page;
	unsigned int b;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		b = bad[i];
		EXPECT_EQ(-EINVAL, mc2_call(NULL, 0, NULL, 0, b));
		EXPECT_EQ(-EINVAL, mc2_call(self->area + 1, 1, NULL, 1, b));
		EXPECT_EQ(-EINVAL, mc2_call(mc2_ptr(last), self->page * 2,
					    self->bytes, 1, b));
		EXPECT_EQ(-EINVAL, mc2_call(self->area, self->page, NULL, 1,
					    b));
		EXPECT_EQ(-EINVAL, mc2_call(self->area, self->page,
					    self->bytes + 1, 1, b));
		EXPECT_EQ(-EINVAL, mc2_call(self->area, SIZE_MAX,
					    self->bytes, SIZE_MAX, b));
	}
	EXPECT_EQ(0xaa, self->bytes[0]);
}

/* Proves that an address inside a page is refused and nothing is stored. */
TEST_F(abi, misaligned_address)
{
	size_t off;

	for (off = 1; off < self->page; off <<= 1) {
		EXPECT_EQ(-EINVAL, mc2_call(self->area + off, self->page,
					    self->bytes, 1, MINCORE_RESIDENT));
		EXPECT_EQ(-EINVAL, mc2_call(self->area + off, self->page,
					    self->regions, 1,
					    R | MINCORE_RESIDENT));
	}
	EXPECT_EQ(0xaa, self->bytes[0]);
}

/*
 * Proves that regions need 8-byte alignment, for 32-bit callers too, where
 * the compiler itself would align a 64-bit number to 4, and that bytes do not.
 */
TEST_F(abi, misaligned_vec)
{
	size_t off;

	for (off = 1; off < 8; off++)
		EXPECT_EQ(-EINVAL, mc2_call(self->area, self->page,
					    self->bytes + off, 1,
					    R | MINCORE_RESIDENT));
	for (off = 0; off < self->page; off++)
		ASSERT_EQ(0xaa, self->bytes[off]);
	for (off = 1; off < 8; off++)
		EXPECT_EQ(1, mc2_call(self->area, self->page,
				      self->bytes + off, 1, MINCORE_RESIDENT));
	EXPECT_EQ(1, mc2_call(self->area, self->page, self->bytes + 8, 1,
			      R | MINCORE_RESIDENT));
}

/* Proves that the structure is the same for 32-bit and 64-bit programs. */
TEST(struct_layout)
{
	struct { char c; struct mincore_region r; } in;

	EXPECT_EQ(24, sizeof(struct mincore_region));
	EXPECT_EQ(0, offsetof(struct mincore_region, start));
	EXPECT_EQ(8, offsetof(struct mincore_region, end));
	EXPECT_EQ(16, offsetof(struct mincore_region, state));
	EXPECT_EQ(8, sizeof(in.r.start));
	EXPECT_EQ(8, sizeof(in.r.end));
	EXPECT_EQ(8, sizeof(in.r.state));
	EXPECT_EQ(8, _Alignof(struct mincore_region));
	EXPECT_EQ(8, (char *)&in.r - (char *)&in);
	EXPECT_EQ(21, MINCORE_ENTRY_SHIFT(21ULL << 56 | MC2_ALL));
}

/* Proves that the numbers of the bits are the documented ones, for ever. */
TEST(bit_values)
{
	EXPECT_EQ(0x001, MINCORE_RESIDENT);
	EXPECT_EQ(0x002, MINCORE_DAX);
	EXPECT_EQ(0x00c, MINCORE_LEVEL);
	EXPECT_EQ(0x004, MINCORE_PTE);
	EXPECT_EQ(0x008, MINCORE_PMD);
	EXPECT_EQ(0x00c, MINCORE_PUD);
	EXPECT_EQ(0x010, MINCORE_PERSIST);
	EXPECT_EQ(0x020, MINCORE_WRITABLE);
	EXPECT_EQ(0x040, MINCORE_DENIED);
	EXPECT_EQ(0x080, MINCORE_UNMAPPED);
	EXPECT_EQ(0x100, MINCORE_ZERO);
	EXPECT_EQ(0x200, MINCORE_PINNABLE);
	EXPECT_EQ(0x80000000U, MINCORE_REGIONS);
	EXPECT_EQ(0x40000000U, MINCORE_PIDFD);
}

/* Proves that an empty question has an empty answer and touches no vec. */
TEST_F(abi, length_or_nr_zero)
{
	static const unsigned int flags[] = {
		MINCORE_RESIDENT, R | MINCORE_RESIDENT,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		EXPECT_EQ(0, mc2_call(self->area, 0, self->bytes, 9, flags[i]));
		EXPECT_EQ(0, mc2_call(self->area, self->page, self->bytes, 0,
				      flags[i]));
		EXPECT_EQ(0, mc2_call(self->area, 0, NULL, 1, flags[i]));
		EXPECT_EQ(0, mc2_call(self->area, self->page, NULL, 0,
				      flags[i]));
	}
	for (i = 0; i < self->page; i++)
		ASSERT_EQ(0xaa, self->bytes[i]);
}

/* Proves that a length counts as the pages that it touches. */
TEST_F(abi, length_is_rounded_up)
{
	size_t page = self->page;
	static const size_t pages = 3;
	size_t lengths[] = { 2 * page + 1, 2 * page + 2, 3 * page - 1,
			     3 * page };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(self->bytes, 0xaa, 2 * sizeof(*self->regions));
		EXPECT_EQ((ssize_t)pages, mc2_call(self->area, lengths[i],
						   self->bytes, 8,
						   MINCORE_RESIDENT));
		EXPECT_EQ(MINCORE_RESIDENT, self->bytes[pages - 1]);
		EXPECT_EQ(0xaa, self->bytes[pages]);
		EXPECT_EQ(1, mc2_call(self->area, lengths[i], self->regions, 8,
				      R | MINCORE_RESIDENT));
		EXPECT_EQ(mc2_addr(self->area), self->regions[0].start);
		EXPECT_EQ(mc2_addr(self->area) + 3 * page,
			  self->regions[0].end);
	}
}

/*
 * Proves that a range may reach exactly the end of user space and not one byte
 * further, also where rounding up or the sum wraps to 0. The end is found
 * independently, by asking mmap().
 */
TEST_F(abi, end_of_user_space)
{
	uint64_t end = mc2_task_end(), page = self->page;
	static const unsigned int flags[] = {
		MINCORE_RESIDENT, R | MINCORE_RESIDENT,
	};
	size_t i;

	TH_LOG("user space ends at %#" PRIx64, end);
	ASSERT_LT(mc2_addr(&end), end);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		unsigned int f = flags[i];
		void *v = self->bytes;

		EXPECT_EQ(1, mc2_call(NULL, end, v, 1, f));
		EXPECT_EQ(1, mc2_call(NULL, end - 1, v, 1, f));
		EXPECT_EQ(1, mc2_call(mc2_ptr(end - page), 1, v, 1, f));
		EXPECT_EQ(1, mc2_call(mc2_ptr(end - page), page, v, 9, f));
		memset(v, 0xaa, page);
		EXPECT_EQ(-ENOMEM, mc2_call(NULL, end + 1, v, 1, f));
		EXPECT_EQ(-ENOMEM, mc2_call(NULL, SIZE_MAX, v, 1, f));
		EXPECT_EQ(-ENOMEM, mc2_call(mc2_ptr(end - page), page + 1, v,
					    1, f));
		EXPECT_EQ(-ENOMEM, mc2_call(mc2_ptr(end), 1, v, 1, f));
		EXPECT_EQ(-ENOMEM, mc2_call(mc2_ptr(-page), page, v, 1, f));
		EXPECT_EQ(-ENOMEM, mc2_call(self->area, SIZE_MAX, v, 1, f));
		EXPECT_EQ(-ENOMEM, mc2_call(self->area, (size_t)-page, v, 1,
					    f));
		EXPECT_EQ(-ENOMEM, mc2_call(self->area,
					    0 - (size_t)self->area, v, 1, f));
		EXPECT_EQ(-ENOMEM, mc2_call(mc2_ptr(-page), SIZE_MAX, v, 1,
					    f));
		EXPECT_EQ(0xaa, self->bytes[0]);
	}
}

/* Proves that no arithmetic on nr overflows: only the range limits the answer. */
TEST_F(abi, huge_nr)
{
	size_t huge[] = {
		SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / 24,
		SIZE_MAX / 24 + 1, SIZE_MAX / 24 + 2, SIZE_MAX / 8 + 1,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(huge); i++) {
		memset(self->bytes, 0xaa, 256);
		EXPECT_EQ(3, mc2_call(self->area, 3 * self->page, self->bytes,
				      huge[i], MINCORE_RESIDENT))
			TH_LOG("nr %zx", huge[i]);
		EXPECT_EQ(0xaa, self->bytes[3]);
		memset(self->bytes, 0xaa, 256);
		EXPECT_EQ(1, mc2_call(self->area, 3 * self->page,
				      self->regions, huge[i],
				      R | MINCORE_RESIDENT))
			TH_LOG("nr %zx", huge[i]);
		EXPECT_EQ(0xaa, self->bytes[sizeof(*self->regions)]);
	}
}

/* The answer for one page with any flags, in the region format. */
static uint64_t state_of(char *addr, unsigned int flags)
{
	struct mincore_region r;

	return mc2_call(addr, 1, &r, 1, flags | R) == 1 ? r.state : ~0ULL;
}

/*
 * Pages that together have every state: untouched, zero page, written,
 * write-protected, nothing mapped; page cache that is not mapped; and, where
 * the guest has it, persistent memory that is mapped and written.
 */
static size_t pages_with_all_states(char **pages)
{
	size_t page = mc2_page_size(), n = 0;
	char *area = mc2_anon_apart(8 * page), *p, path[256];
	int fd = memfd_create("mincore2", MFD_CLOEXEC);

	pages[n++] = area;
	(void)*(volatile char *)(area + page);
	pages[n++] = area + page;
	area[2 * page] = 1;
	pages[n++] = area + 2 * page;
	area[3 * page] = 1;
	mprotect(area + 3 * page, page, PROT_READ);
	pages[n++] = area + 3 * page;
	munmap(area + 4 * page, page);
	pages[n++] = area + 4 * page;
	if (fd >= 0 && write(fd, area + 2 * page, page) == (ssize_t)page) {
		p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED)
			pages[n++] = p;
	}
	if (mc2_backing("name=devdax-4k", "path", path, sizeof(path))) {
		fd = open(path, O_RDWR);
		p = mmap(NULL, MIB(2), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
		if (p != MAP_FAILED) {
			*p = 1;
			pages[n++] = p;
		}
	}
	return n;
}

/*
 * Proves that only what is asked for is reported: for all 511 combinations the
 * answer is the full answer without the other bits, UNMAPPED excepted.
 */
TEST_F(abi, bits_not_asked_for_read_zero)
{
	unsigned int mask, flags, i, seen = 0;
	char *pages[16];
	size_t n, k;

	n = pages_with_all_states(pages);
	ASSERT_LE(6, n);
	for (k = 0; k < n; k++) {
		uint64_t all = state_of(pages[k], ALL), want;
		unsigned char byte;

		ASSERT_NE(~0ULL, all);
		seen |= MC2_BITS(all);
		for (mask = 1; mask < 1U << ARRAY_SIZE(units); mask++) {
			for (flags = 0, i = 0; i < ARRAY_SIZE(units); i++)
				flags |= mask & (1U << i) ? units[i] : 0;
			want = all & mc2_reported(flags);
			if (flags & MINCORE_LEVEL)
				want |= all & (0xffULL << 56);
			EXPECT_EQ(want, state_of(pages[k], flags))
				TH_LOG("page %zu flags %#x", k, flags);
			if (flags & REGIONS_ONLY)
				continue;
			ASSERT_EQ(1, mc2_call(pages[k], 1, &byte, 1, flags));
			EXPECT_EQ((unsigned char)want, byte)
				TH_LOG("page %zu flags %#x", k, flags);
		}
	}
	/* The pages did have what is to be left out. */
	EXPECT_EQ(MINCORE_RESIDENT | MINCORE_PTE | MINCORE_WRITABLE |
		  MINCORE_UNMAPPED | MINCORE_ZERO | MINCORE_PINNABLE,
		  seen & ~(MINCORE_DAX | MINCORE_PERSIST));
	if (mc2_backing("name=devdax-4k", "path", (char[256]){ 0 }, 256))
		EXPECT_EQ(MINCORE_DAX | MINCORE_PERSIST,
			  seen & (MINCORE_DAX | MINCORE_PERSIST));
}

/*
 * Proves that a failed allocation of the bounce buffer is EAGAIN with nothing
 * stored, by making the n-th allocation of the call fail for every n.
 */
TEST_F(abi, no_memory_for_the_bounce_buffer)
{
	int failed = 0, nth, fd;
	ssize_t ret;

	if (!mc2_inject(true))
		SKIP(return, "needs CONFIG_FAULT_INJECTION, FAIL_PAGE_ALLOC and debugfs");
	for (nth = 1; nth < 20; nth++) {
		memset(self->bytes, 0xaa, self->page);
		fd = mc2_fail_nth(nth);
		ASSERT_LE(0, fd);
		ret = mc2_call(self->area, 3 * self->page, self->bytes, 3,
			       MINCORE_RESIDENT);
		if (!mc2_has_failed(fd))	/* fewer than nth allocations */
			break;
		failed++;
		EXPECT_EQ(-EAGAIN, ret);
		EXPECT_EQ(0xaa, self->bytes[0]);
	}
	mc2_inject(false);
	EXPECT_LT(0, failed);
	EXPECT_EQ(3, ret);
	EXPECT_EQ(MINCORE_RESIDENT, self->bytes[2]);
}

/* Proves that every error leaves errno, and only errno, as the answer. */
TEST_F(abi, return_value_of_an_error)
{
	errno = 0;
	EXPECT_EQ(-1, do_mincore2(self->area, self->page, NULL, 1,
				  MINCORE_RESIDENT));
	EXPECT_EQ(EFAULT, errno);
	errno = 77;
	EXPECT_EQ(1, do_mincore2(self->area, self->page, self->bytes, 1,
				 MINCORE_RESIDENT));
	EXPECT_EQ(77, errno);
}

TEST_HARNESS_MAIN
