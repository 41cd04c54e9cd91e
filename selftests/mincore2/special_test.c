// SPDX-License-Identifier: GPL-2.0
/*
 * Page-table entries that are not plain pages: swapped out, poisoned, private
 * to a device, watched by a userfaultfd; and mappings that are not plain
 * memory: raw frames, vdso, a growing stack, no access, the gate page.
 */
#include "helpers.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#ifndef MADV_HWPOISON
#define MADV_HWPOISON	100
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED	(1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM	(1 << 12)
#endif

#define PAGES		32
#define OWN_STATE	(MINCORE_RESIDENT | MINCORE_PTE | MINCORE_WRITABLE)

/* What mincore() says about one page: MINCORE_RESIDENT or 0. */
static unsigned int old_resident(const void *p)
{
	unsigned char v = 0;

	if (mincore((void *)p, 1, &v))
		return ~0U;
	return v & 1 ? MINCORE_RESIDENT : 0;
}

static unsigned int bits_of(const void *p)
{
	return MC2_BITS(mc2_page(p));
}

/*
 * Proves that swapped-out pages have no level, are not writable, and are
 * RESIDENT exactly when mincore() finds them in the swap cache; and that a
 * store brings them back.
 */
TEST(swap_entries)
{
	size_t page = mc2_page_size(), i, swapped = 0;
	char *p = mc2_anon(PAGES * page), swaps[512] = "";

	if (mc2_read_file("/proc/swaps", swaps, sizeof(swaps)) <= 0 ||
	    !strchr(swaps, '/'))
		SKIP(return, "no swap space");
	ASSERT_NE(NULL, p);
	memset(p, 7, PAGES * page);
	for (i = 0; i < 50 && !(mc2_pagemap(p) & MC2_PAGEMAP_SWAPPED); i++) {
		madvise(p, PAGES * page, MADV_PAGEOUT);
		usleep(10000);
	}
	for (i = 0; i < PAGES; i++) {
		unsigned int state = bits_of(p + i * page);

		if (!(mc2_pagemap(p + i * page) & MC2_PAGEMAP_SWAPPED))
			continue;
		swapped++;
		EXPECT_EQ(old_resident(p + i * page), state)
			TH_LOG("page %zu", i);
	}
	EXPECT_LT(0, swapped);
	/* Read ahead into the swap cache: no entry yet, but in core. */
	madvise(p, PAGES * page, MADV_WILLNEED);
	usleep(200000);
	for (i = 0; i < PAGES; i++)
		if (mc2_pagemap(p + i * page) & MC2_PAGEMAP_SWAPPED)
			EXPECT_EQ(old_resident(p + i * page),
				  bits_of(p + i * page));
	for (i = 0; i < PAGES; i++) {
		p[i * page] = 8;
		EXPECT_EQ(OWN_STATE, bits_of(p + i * page));
	}
	munmap(p, PAGES * page);
}

static volatile sig_atomic_t bus_errors;

static void count_bus_error(int sig)
{
	(void)sig;
	bus_errors++;
}

/* Proves that a poisoned page has no level and is what mincore() says: in core. */
TEST(hwpoison_entry)
{
	struct sigaction sa = { .sa_handler = count_bus_error };
	size_t page = mc2_page_size();
	char *p = mc2_anon(3 * page);
	int ret;

	ASSERT_NE(NULL, p);
	memset(p, 1, 3 * page);
	sigaction(SIGBUS, &sa, NULL);
	ret = madvise(p + page, page, MADV_HWPOISON);
	if (ret && (errno == EINVAL || errno == EPERM))
		SKIP(return, "needs CONFIG_MEMORY_FAILURE and root: %s",
		     strerror(errno));
	ASSERT_EQ(0, ret);
	EXPECT_EQ(OWN_STATE, bits_of(p));
	EXPECT_EQ(MINCORE_RESIDENT, bits_of(p + page));
	EXPECT_EQ(old_resident(p + page), bits_of(p + page));
	EXPECT_EQ(OWN_STATE, bits_of(p + 2 * page));
	munmap(p, 3 * page);
}

/* Proves that memory without access keeps what it holds, and is not writable. */
TEST(prot_none)
{
	size_t page = mc2_page_size();
	char *p = mc2_anon(4 * page);

	ASSERT_NE(NULL, p);
	p[0] = 1;
	(void)*(volatile char *)(p + page);
	ASSERT_EQ(0, mprotect(p, 4 * page, PROT_NONE));
	EXPECT_EQ(MINCORE_RESIDENT | MINCORE_PTE, bits_of(p));
	EXPECT_EQ(MINCORE_RESIDENT | MINCORE_PTE | MINCORE_ZERO,
		  bits_of(p + page));
	EXPECT_EQ(0, bits_of(p + 2 * page));
	ASSERT_EQ(0, mprotect(p, 4 * page, PROT_READ | PROT_WRITE));
	p[0] = 2;
	EXPECT_EQ(OWN_STATE, bits_of(p));
	munmap(p, 4 * page);
}

/*
 * Proves that below a stack that can grow nothing is mapped, that asking does
 * not make it grow, and that it is mapped once it has grown.
 */
TEST(growing_stack)
{
	size_t page = mc2_page_size(), size = MIB(8);
	char *hole = mc2_hole(size, page), *top;

	ASSERT_NE(NULL, hole);
	top = mmap(hole + size - 2 * page, page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN |
		   MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_NE(MAP_FAILED, top);
	EXPECT_EQ(0, bits_of(top));
	EXPECT_EQ(MINCORE_UNMAPPED, bits_of(top - page));
	EXPECT_EQ(MINCORE_UNMAPPED, bits_of(top - 9 * page));
	EXPECT_EQ(MINCORE_UNMAPPED, bits_of(top - page));
	top[-1] = 1;
	EXPECT_EQ(OWN_STATE, bits_of(top - page));
	EXPECT_EQ(MINCORE_UNMAPPED, bits_of(top - 9 * page));
	munmap(top - page, 2 * page);
}

#ifdef __x86_64__
/* Proves that the gate page, outside of user space, is no valid range. */
TEST(gate_page)
{
	char byte = 0x55;

	EXPECT_EQ(-ENOMEM, mc2_call(mc2_ptr(0xffffffffff600000ULL), 1, &byte,
				    1, MINCORE_RESIDENT));
	EXPECT_EQ(0x55, byte);
}
#endif

/* The mapping called @name in /proc/self/maps. */
static size_t find_mapping(const char *name, char **start)
{
	static char buf[1 << 16];
	unsigned long long from, to;
	char *line;

	if (mc2_read_file("/proc/self/maps", buf, sizeof(buf)) <= 0)
		return 0;
	for (line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strstr(line, name) ||
		    sscanf(line, "%llx-%llx", &from, &to) != 2)
			continue;
		*start = mc2_ptr(from);
		return to - from;
	}
	return 0;
}

FIXTURE(vdso) {
	size_t page, size;
	char *p;
};

FIXTURE_VARIANT(vdso) {
	const char *name;
};

FIXTURE_VARIANT_ADD(vdso, code) { .name = "[vdso]" };
FIXTURE_VARIANT_ADD(vdso, frames) { .name = "[vvar]" };

FIXTURE_SETUP(vdso)
{
	self->page = mc2_page_size();
	self->size = find_mapping(variant->name, &self->p);
	if (!self->size)
		SKIP(return, "no %s in this process", variant->name);
}

FIXTURE_TEARDOWN(vdso)
{
}

/*
 * Proves that the kernel's own mappings, of which mincore() tells nobody, are
 * RESIDENT where the caller's page tables (says pagemap) have the page and
 * DENIED elsewhere; after a touch they are RESIDENT.
 */
TEST_F(vdso, resident_or_denied)
{
	const unsigned int in_tables = MINCORE_RESIDENT | MINCORE_PTE;
	size_t i;

	for (i = 0; i < self->size; i += self->page) {
		bool present = mc2_pagemap(self->p + i) & MC2_PAGEMAP_PRESENT;

		EXPECT_EQ(present ? in_tables : MINCORE_DENIED,
			  bits_of(self->p + i))
			TH_LOG("page %zu", i / self->page);
	}
	/* The first page can be read in either. */
	(void)*(volatile char *)self->p;
	EXPECT_EQ(in_tables, bits_of(self->p));
}

/*
 * Proves that raw frames of a device have the level and the permission of
 * their entries, and that RESIDENT is what mincore() says.
 */
TEST(raw_frames)
{
	size_t page = mc2_page_size(), size = 4 * page, i;
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	char *ro, *rw;

	if (fd < 0)
		SKIP(return, "needs CONFIG_DEVMEM: %s", strerror(errno));
	/* The BIOS: no RAM, so any kernel allows it. */
	ro = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0xf0000);
	rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0xf0000);
	if (ro == MAP_FAILED || rw == MAP_FAILED)
		SKIP(return, "cannot map /dev/mem: %s", strerror(errno));
	for (i = 0; i < size; i += page) {
		EXPECT_EQ(MINCORE_PTE, bits_of(ro + i) & ~MINCORE_RESIDENT);
		EXPECT_EQ(MINCORE_PTE | MINCORE_WRITABLE,
			  bits_of(rw + i) & ~MINCORE_RESIDENT);
		EXPECT_EQ(old_resident(ro + i),
			  bits_of(ro + i) & MINCORE_RESIDENT);
	}
	munmap(ro, size);
	munmap(rw, size);
	close(fd);
}

/* The part of the private interface of lib/test_hmm.c that is used here. */
struct dmirror_cmd {
	uint64_t addr, ptr, npages, cpages, faults;
};

#define DMIRROR_MIGRATE_TO_DEV	_IOWR('H', 0x02, struct dmirror_cmd)
#define DMIRROR_SNAPSHOT	_IOWR('H', 0x04, struct dmirror_cmd)
#define DMIRROR_EXCLUSIVE	_IOWR('H', 0x05, struct dmirror_cmd)
#define DMIRROR_DEV_PRIVATE	0x20

/* Opens the test device; makes its node where nobody else did. */
static int open_dmirror(void)
{
	char devices[4096], *p, path[64];
	int fd = open("/dev/hmm_dmirror0", O_RDWR | O_CLOEXEC);

	if (fd >= 0 ||
	    mc2_read_file("/proc/devices", devices, sizeof(devices)) <= 0)
		return fd;
	p = strstr(devices, " HMM_DMIRROR");
	if (!p)
		return -1;
	while (p > devices && p[-1] != '\n')
		p--;
	snprintf(path, sizeof(path), "/tmp/mincore2-dmirror-%d", getpid());
	if (mknod(path, S_IFCHR | 0600, makedev(atoi(p), 0)))
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC);
	unlink(path);
	return fd;
}

FIXTURE(dmirror) {
	int fd;
	size_t page;
	char *p;
	struct dmirror_cmd cmd;
	unsigned char buf[PAGES];
};

FIXTURE_SETUP(dmirror)
{
	self->page = mc2_page_size();
	if (sizeof(void *) == 4)
		SKIP(return, "lib/test_hmm.c has no ioctl for 32-bit callers");
	self->fd = open_dmirror();
	if (self->fd < 0)
		SKIP(return, "needs CONFIG_TEST_HMM");
	self->p = mc2_anon(PAGES * self->page);
	ASSERT_NE(NULL, self->p);
	memset(self->p, 0x33, PAGES * self->page);
	memset(&self->cmd, 0, sizeof(self->cmd));
	self->cmd.addr = mc2_addr(self->p);
	self->cmd.npages = PAGES;
}

FIXTURE_TEARDOWN(dmirror)
{
	close(self->fd);
}

/* Proves the state of pages in a device's memory, and that asking leaves them. */
TEST_F(dmirror, device_private_entries)
{
	char *bounce = mc2_anon(PAGES * self->page);
	unsigned int snap;
	size_t i;

	ASSERT_NE(NULL, bounce);
	self->cmd.ptr = mc2_addr(bounce);
	ASSERT_EQ(0, ioctl(self->fd, DMIRROR_MIGRATE_TO_DEV, &self->cmd));
	ASSERT_EQ(PAGES, self->cmd.cpages);
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(MINCORE_RESIDENT, bits_of(self->p + i * self->page));
	EXPECT_EQ(old_resident(self->p), bits_of(self->p));
	self->cmd.ptr = mc2_addr(self->buf);
	ASSERT_EQ(0, ioctl(self->fd, DMIRROR_SNAPSHOT, &self->cmd));
	for (i = 0; i < PAGES; i++) {
		snap = self->buf[i];
		EXPECT_EQ(DMIRROR_DEV_PRIVATE, snap & 0xf0);
	}
	/* A touch brings the page back. */
	EXPECT_EQ(0x33, *(volatile char *)self->p);
	EXPECT_EQ(OWN_STATE, bits_of(self->p) | MINCORE_WRITABLE);
	EXPECT_EQ(MINCORE_RESIDENT, bits_of(self->p + self->page));
}

/* Proves the state of pages that a device has for itself for a while. */
TEST_F(dmirror, device_exclusive_entries)
{
	char *bounce = mc2_anon(PAGES * self->page);
	size_t i;

	ASSERT_NE(NULL, bounce);
	self->cmd.ptr = mc2_addr(bounce);
	ASSERT_EQ(0, ioctl(self->fd, DMIRROR_EXCLUSIVE, &self->cmd));
	for (i = 0; i < PAGES; i++) {
		EXPECT_EQ(MINCORE_RESIDENT, bits_of(self->p + i * self->page));
		EXPECT_EQ(old_resident(self->p + i * self->page),
			  bits_of(self->p + i * self->page));
	}
	self->p[0] = 1;
	EXPECT_EQ(OWN_STATE, bits_of(self->p));
}

FIXTURE(uffd) {
	int fd;
	size_t page;
	char *anon, *shmem;
};

/* Opens a userfaultfd with @features; -1 and errno. */
static int new_uffd(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

static int uffd_register(int fd, char *p, size_t len)
{
	struct uffdio_register reg = {
		.range = { .start = mc2_addr(p), .len = len },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	return ioctl(fd, UFFDIO_REGISTER, &reg);
}

static int uffd_protect(int fd, char *p, size_t len, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = mc2_addr(p), .len = len },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
}

FIXTURE_SETUP(uffd)
{
	int memfd = memfd_create("mincore2", MFD_CLOEXEC);

	self->page = mc2_page_size();
	self->fd = new_uffd(UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
			    UFFD_FEATURE_WP_UNPOPULATED);
	if (self->fd < 0)
		SKIP(return, "no userfaultfd with write-protect markers: %s",
		     strerror(errno));
	self->anon = mc2_anon(PAGES * self->page);
	ASSERT_NE(NULL, self->anon);
	ASSERT_EQ(0, ftruncate(memfd, PAGES * self->page));
	self->shmem = mmap(NULL, PAGES * self->page, PROT_READ | PROT_WRITE,
			   MAP_SHARED, memfd, 0);
	ASSERT_NE(MAP_FAILED, self->shmem);
	ASSERT_EQ(1, pwrite(memfd, "x", 1, 2 * self->page));
	close(memfd);
	ASSERT_EQ(0, uffd_register(self->fd, self->anon, PAGES * self->page));
	ASSERT_EQ(0, uffd_register(self->fd, self->shmem, PAGES * self->page));
	self->anon[0] = 1;
	self->shmem[0] = 1;
}

FIXTURE_TEARDOWN(uffd)
{
	close(self->fd);
}

/*
 * Proves that a write-protected page is not writable, and that a marker where
 * no page is has no level and hides nothing: RESIDENT is what mincore() says,
 * also for shared memory that is in core but not mapped.
 */
TEST_F(uffd, write_protect_markers)
{
	char *maps[] = { self->anon, self->shmem };
	size_t m, i;

	for (m = 0; m < ARRAY_SIZE(maps); m++) {
		char *p = maps[m];

		EXPECT_EQ(OWN_STATE, bits_of(p));
		ASSERT_EQ(0, uffd_protect(self->fd, p, PAGES * self->page,
					  true));
		EXPECT_EQ(OWN_STATE & ~MINCORE_WRITABLE, bits_of(p));
		for (i = 1; i < PAGES; i++)
			EXPECT_EQ(old_resident(p + i * self->page),
				  bits_of(p + i * self->page))
				TH_LOG("mapping %zu page %zu", m, i);
	}
	EXPECT_EQ(MINCORE_RESIDENT, bits_of(self->shmem + 2 * self->page));
	EXPECT_EQ(0, bits_of(self->shmem + 3 * self->page));
	EXPECT_EQ(0, bits_of(self->anon + 3 * self->page));
	ASSERT_EQ(0, uffd_protect(self->fd, self->anon, PAGES * self->page,
				  false));
	self->anon[0] = 2;
	self->anon[3 * self->page] = 2;
	EXPECT_EQ(OWN_STATE, bits_of(self->anon));
	EXPECT_EQ(OWN_STATE, bits_of(self->anon + 3 * self->page));
}

TEST_HARNESS_MAIN
