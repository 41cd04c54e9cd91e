// SPDX-License-Identifier: GPL-2.0
/*
 * MINCORE_PINNABLE, judged by who wants to know: memory is registered as a fixed
 * buffer of io_uring, which pins it for long and for writing. The bit and the
 * kernel's answer agree on every backing, except where the documentation says so.
 *
 * A name "backing.ext4_nodax.shared" in the output is the row "ext4-nodax", mapped
 * with MAP_SHARED.
 */
#define _FILE_OFFSET_BITS 64
#include "mapping.h"

#include <linux/io_uring.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef __NR_memfd_secret
#define __NR_memfd_secret	447
#endif

static int ring(void)
{
	struct io_uring_params params = { 0 };

	return (int)syscall(__NR_io_uring_setup, 1, &params);
}

/*
 * Can the page at @addr be registered? 1; 0: the mapping or the page forbids it; or
 * another error than these two as a negative number.
 */
static int registers(int fd, const void *addr)
{
	struct iovec iov = { (void *)addr, mc2_page_size() };

	if (!syscall(__NR_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov, 1))
		return syscall(__NR_io_uring_register, fd,
			       IORING_UNREGISTER_BUFFERS, NULL, 0) ? -errno : 1;
	return errno == EFAULT || errno == EOPNOTSUPP ? 0 : -errno;
}

/* MINCORE_PINNABLE of one page: 1, 0, or a negative errno. */
static int bit(const void *addr)
{
	struct mincore_region r;

	if (do_mincore2((void *)addr, 1, &r, 1,
			MINCORE_REGIONS | MINCORE_PINNABLE) != 1)
		return -errno;
	return r.state == MINCORE_PINNABLE ? 1 : r.state ? -EPROTO : 0;
}

/* The same beside all other bits. */
static int bit_of_all(const void *addr)
{
	struct mincore_region r;

	if (do_mincore2((void *)addr, 1, &r, 1,
			MINCORE_REGIONS | MC2_ALL | MINCORE_PINNABLE) != 1)
		return -errno;
	return !!(r.state & MINCORE_PINNABLE);
}

/*
 * The page at @addr has the bit if and only if @want, alone and beside all others,
 * before and after io_uring was asked, who says the same.
 */
#define EXPECT_PINNABLE(fd, want, addr) do {				\
	const char *a_ = (const char *)(addr);				\
									\
	EXPECT_EQ(want, bit(a_));					\
	EXPECT_EQ(want, bit_of_all(a_));				\
	EXPECT_EQ(want, registers(fd, a_))				\
		TH_LOG("the judge differs");				\
	EXPECT_EQ(want, bit(a_));					\
} while (0)

/* ---- each backing ---- */

FIXTURE(backing) {
	struct mc2_backing b;
	struct mc2_file f;
	size_t step;	/* from one page to be looked at to the next */
	int ring;
};

FIXTURE_VARIANT(backing) {
	struct mc2_contract c;
};

#define ADD_VARIANT(id, ...)						\
	FIXTURE_VARIANT_ADD(backing, id) { .c = { __VA_ARGS__ } };
MC2_CONTRACT(ADD_VARIANT)

FIXTURE_SETUP(backing)
{
	size_t len;

	MC2_SETUP_BACKING(&variant->c, &self->b);
	self->ring = ring();
	ASSERT_LE(0, self->ring);
	len = mc2_fit(&self->b, MIB(8));
	self->step = len / 4;
	ASSERT_EQ(0, mc2_file_open_full(&self->f, &self->b, len))
		TH_LOG("%s: no file of %zu bytes", self->b.path, len);
}

FIXTURE_TEARDOWN(backing)
{
	mc2_file_close(&self->f);
	close(self->ring);
}

/* What the table in the documentation says of a mapping that can be written. */
static int contract(const FIXTURE_DATA(backing) *self, enum mc2_how how)
{
	if (self->b.kind == MC2_DEV)
		return 1;
	if (self->b.dax)
		return 0;
	if (mc2_is_private(how) || mc2_has_attr(&self->b, "hugetlb"))
		return 1;
	return !strcmp(self->b.name, "tmpfs");
}

/*
 * Four pages, a huge page or more apart where there is room for that: one is left
 * alone, one is read first, one is written first, one is written and then read-only.
 */
static void check_row(struct __test_metadata *_metadata,
		      const FIXTURE_DATA(backing) *self, enum mc2_how how)
{
	char *map = mc2_file_map(&self->f, how);
	bool copies = mc2_is_private(how), dax_copy = copies && self->b.dax;
	bool writable = copies || self->b.kind != MC2_ROFS;
	size_t step = self->step, page = mc2_page_size();
	int want = writable ? contract(self, how) : 0;
	struct mincore_region r = { 0 };

	if (map == MAP_FAILED && copies && self->b.kind == MC2_DEV)
		return;
	ASSERT_NE(MAP_FAILED, map)
		TH_LOG("%s: %s", self->f.path, strerror(errno));
	EXPECT_PINNABLE(self->ring, want, map);
	/* A private hugetlb page that was read needs a second one to copy. */
	if (!copies || !mc2_has_attr(&self->b, "hugetlb"))
		mc2_touch(map + step, 1, 1, false);
	EXPECT_PINNABLE(self->ring, want, map + step);
	if (writable)
		mc2_store(map + 2 * step, 1, 1);
	if (writable && dax_copy) {
		/* A copy that is in the page tables is taken from there, unasked. */
		EXPECT_EQ(0, bit(map + 2 * step));
		EXPECT_EQ(1, registers(self->ring, map + 2 * step));
	} else {
		EXPECT_PINNABLE(self->ring, want, map + 2 * step);
	}
	/* All of the mapping is alike: no walk, and one region. */
	EXPECT_EQ(1, do_mincore2(map, self->f.len, &r, 1,
				 MINCORE_REGIONS | MINCORE_PINNABLE));
	EXPECT_EQ((uintptr_t)map + self->f.len, r.end);
	EXPECT_EQ(want ? MINCORE_PINNABLE : 0, r.state);

	/* Read-only, whatever it was before, and without any access. */
	if (writable)
		mc2_store(map + 3 * step, 1, 1);
	ASSERT_EQ(0, mprotect(map, self->f.len, PROT_READ));
	EXPECT_PINNABLE(self->ring, 0, map);
	EXPECT_PINNABLE(self->ring, 0, map + step + page * (step > page));
	EXPECT_PINNABLE(self->ring, 0, map + 3 * step);
	ASSERT_EQ(0, mprotect(map, self->f.len, PROT_NONE));
	EXPECT_PINNABLE(self->ring, 0, map + 3 * step);
	EXPECT_EQ(0, munmap(map, self->f.len));
}

TEST_F_TIMEOUT(backing, shared, 120)
{
	check_row(_metadata, self, MC2_SHARED);
}

TEST_F_TIMEOUT(backing, shared_sync, 120)
{
	if (!self->b.sync)
		return;
	check_row(_metadata, self, MC2_SHARED_SYNC);
}

TEST_F_TIMEOUT(backing, private, 120)
{
	check_row(_metadata, self, MC2_PRIVATE);
}

/* ---- memory without a file, and what is no memory ---- */

FIXTURE(other) {
	size_t page;
	int ring;
};

FIXTURE_SETUP(other)
{
	self->page = mc2_page_size();
	self->ring = ring();
	ASSERT_LE(0, self->ring);
}

FIXTURE_TEARDOWN(other)
{
	close(self->ring);
}

static char *map_of(size_t len, int prot, int flags, int fd)
{
	return mmap(NULL, len, prot, flags, fd, 0);
}

/* Proves the rows of memory that belongs to no filesystem with a device. */
TEST_F(other, anonymous)
{
	const int kinds[] = { MAP_PRIVATE, MAP_SHARED };
	size_t page = self->page, i;
	char local[1];

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *p = map_of(4 * page, PROT_READ | PROT_WRITE,
				 kinds[i] | MAP_ANONYMOUS, -1);

		ASSERT_NE(MAP_FAILED, p);
		EXPECT_PINNABLE(self->ring, 1, p);
		mc2_touch(p + page, 1, 1, false);
		EXPECT_PINNABLE(self->ring, 1, p + page);
		mc2_store(p + 2 * page, 1, 1);
		EXPECT_PINNABLE(self->ring, 1, p + 2 * page);
		ASSERT_EQ(0, mprotect(p, 2 * page, PROT_READ));
		EXPECT_PINNABLE(self->ring, 0, p);
		ASSERT_EQ(0, mprotect(p, 2 * page, PROT_WRITE));
		EXPECT_PINNABLE(self->ring, 1, p);
		munmap(p, 4 * page);
	}
	EXPECT_PINNABLE(self->ring, 1, (char *)((uintptr_t)local & ~(page - 1)));
}

TEST_F(other, memfd)
{
	size_t page = self->page;
	int fd = memfd_create("pin", MFD_CLOEXEC);
	char *p;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, (off_t)(2 * page)));
	p = map_of(4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_PINNABLE(self->ring, 1, p);
	mc2_store(p + page, 1, 1);
	EXPECT_PINNABLE(self->ring, 1, p + page);
	/* Behind the end of the file: the mapping would allow it. */
	EXPECT_EQ(1, bit(p + 3 * page));
	EXPECT_EQ(0, registers(self->ring, p + 3 * page));
	munmap(p, 4 * page);
	close(fd);
}

TEST_F(other, secret_memory)
{
	int fd = (int)syscall(__NR_memfd_secret, 0);
	char *p;

	if (fd < 0 && errno == ENOSYS)
		SKIP(return, "needs CONFIG_SECRETMEM");
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, (off_t)self->page));
	p = map_of(self->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_PINNABLE(self->ring, 0, p);
	mc2_store(p, 1, 1);
	EXPECT_PINNABLE(self->ring, 0, p);
	munmap(p, self->page);
	close(fd);
}

/* Proves that raw page frames are not pinned: page 1 of physical memory. */
TEST_F(other, page_frames)
{
	char *p;
	int fd;

	if (mknod("/dev/mincore2-mem", S_IFCHR | 0600, makedev(1, 1)) &&
	    errno != EEXIST)
		SKIP(return, "no device node: %s", strerror(errno));
	fd = open("/dev/mincore2-mem", O_RDWR | O_CLOEXEC);
	unlink("/dev/mincore2-mem");
	if (fd < 0)
		SKIP(return, "needs CONFIG_DEVMEM and root: %s", strerror(errno));
	p = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 (off_t)self->page);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_PINNABLE(self->ring, 0, p);
	munmap(p, self->page);
	close(fd);
}

/* Proves that where nothing is mapped there is no bit. */
TEST_F(other, nothing_mapped)
{
	char *p = map_of(self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct mincore_region r;

	ASSERT_NE(MAP_FAILED, p);
	munmap(p, self->page);
	ASSERT_EQ(1, do_mincore2(p, self->page, &r, 1,
				 MINCORE_REGIONS | MINCORE_PINNABLE));
	EXPECT_EQ(MINCORE_UNMAPPED, r.state);
	EXPECT_EQ(0, registers(self->ring, p));
}

static char *map_with_key(size_t page, int key)
{
	char *p = map_of(page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (p != MAP_FAILED && pkey_mprotect(p, page, PROT_READ | PROT_WRITE, key)) {
		munmap(p, page);
		return MAP_FAILED;
	}
	return p;
}

/* Proves that the protection keys of the thread that asks count, as for io_uring. */
TEST_F(other, protection_key)
{
	int key = pkey_alloc(0, 0);
	char *p;

	if (key < 0)
		SKIP(return, "no protection keys: %s", strerror(errno));
	p = map_with_key(self->page, key);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_PINNABLE(self->ring, 1, p);
	ASSERT_EQ(0, pkey_set(key, PKEY_DISABLE_WRITE));
	EXPECT_EQ(0, bit(p));
	ASSERT_EQ(0, pkey_set(key, 0));
	munmap(p, self->page);
	pkey_free(key);
}

/* Proves that they do not count for the memory of another process. */
TEST_F(other, protection_key_and_another_process)
{
	int key = pkey_alloc(0, PKEY_DISABLE_WRITE), pidfd;
	struct mincore_region r = { 0 };
	pid_t pid;
	char *p;

	if (key < 0)
		SKIP(return, "no protection keys: %s", strerror(errno));
	p = map_with_key(self->page, key);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, bit(p));
	/* It has the same memory, and the same rights to the key. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	pidfd = (int)syscall(__NR_pidfd_open, pid, 0);
	EXPECT_EQ(1, do_process(pidfd, (uintptr_t)p, 1, &r, 1,
				MINCORE_REGIONS | MINCORE_PINNABLE));
	EXPECT_EQ(MINCORE_PINNABLE, r.state);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pidfd);
	munmap(p, self->page);
	pkey_free(key);
}

/* Proves that the bit is not about RLIMIT_MEMLOCK, which io_uring looks at. */
TEST_F(other, limit)
{
	const struct rlimit none = { 0, 0 };
	char *p = map_of(self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int status, fd;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, p);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setrlimit(RLIMIT_MEMLOCK, &none) ||
		    (!geteuid() && setresuid(1000, 1000, 1000)))
			_exit(1);
		fd = ring();
		_exit(fd < 0 ? 2 : bit(p) != 1 ? 3 :
		      registers(fd, p) != -ENOMEM ? 4 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	munmap(p, self->page);
}

/* Proves that the bit is refused in bytes, which have no room for it. */
TEST_F(other, bytes)
{
	unsigned char byte = 0x5a;

	errno = 0;
	EXPECT_EQ(-1, do_mincore2((void *)self->page, self->page, &byte, 1,
				  MINCORE_PINNABLE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0x5a, byte);
}

TEST_HARNESS_MAIN
