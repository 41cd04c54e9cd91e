// SPDX-License-Identifier: GPL-2.0
/*
 * MINCORE_DENIED: who may not write a file is not told which of its pages are
 * in the page cache, and is told that it was not told. Nothing that such a
 * caller gets depends on page cache outside its own page tables.
 */
#include "helpers.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define R		MINCORE_REGIONS
#define PAGES		256

#define OWNER_UID	1000
#define OTHER_UID	1001
#define GROUP_GID	1005

/* What a caller saw: every bit, in both formats. */
struct view {
	unsigned char bytes[PAGES];
	uint64_t states[PAGES];
	unsigned char present[PAGES];	/* in its page tables, says pagemap */
	int error;
};

/* Shared by the test and its child, which has given up its rights. */
struct shared {
	struct view cached, dropped, touched;
};

/* A file, and a child that may only read it. */
struct lab {
	size_t page;
	bool disk;		/* on a file system whose cache can be dropped */
	int fd;			/* read-write, of the test */
	int ro;			/* read-only, of the child */
	struct shared *s;
	int ask[2], answer[2];	/* pipes to and from the child */
};

FIXTURE(denied) {
	struct lab lab;
};

FIXTURE_VARIANT(denied) {
	bool disk;
	int map_flags;
};

FIXTURE_VARIANT_ADD(denied, disk_shared) {
	.disk = true, .map_flags = MAP_SHARED,
};
FIXTURE_VARIANT_ADD(denied, disk_private) {
	.disk = true, .map_flags = MAP_PRIVATE,
};
FIXTURE_VARIANT_ADD(denied, shmem_shared) { .map_flags = MAP_SHARED };
FIXTURE_VARIANT_ADD(denied, shmem_private) { .map_flags = MAP_PRIVATE };

/* A file of PAGES pages that belongs to OWNER_UID. */
static int new_file(bool disk, size_t page)
{
	static char data[65536];
	int fd = -1;
	size_t i;

	memset(data, 'x', sizeof(data));
	fd = disk ? mc2_temp_file(mc2_disk_dir()) :
	     memfd_create("mincore2", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fchown(fd, OWNER_UID, GROUP_GID) || fchmod(fd, 0644))
		return -1;
	if (ftruncate(fd, PAGES * page))
		return -1;
	for (i = 0; disk && i < PAGES * page; i += sizeof(data))
		if (pwrite(fd, data, sizeof(data), i) != sizeof(data))
			return -1;
	return fsync(fd) ? -1 : fd;
}

/* The same open file, but read-only: what another user could open. */
static int reopen_read_only(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Step by step; false, and errno, if one fails. */
static bool open_lab(struct lab *lab, bool disk)
{
	lab->page = mc2_page_size();
	lab->disk = disk;
	lab->fd = new_file(disk, lab->page);
	if (lab->fd < 0)
		return false;
	lab->ro = reopen_read_only(lab->fd);
	lab->s = mmap(NULL, sizeof(*lab->s), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return lab->ro >= 0 && lab->s != MAP_FAILED && !pipe(lab->ask) &&
	       !pipe(lab->answer);
}

FIXTURE_SETUP(denied)
{
	if (geteuid())
		SKIP(return, "needs root, to become somebody else");
	ASSERT_TRUE(open_lab(&self->lab, variant->disk));
}

FIXTURE_TEARDOWN(denied)
{
	close(self->lab.fd);
	close(self->lab.ro);
}

/* Become @uid for good, without any capability. */
static bool become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
	    setresuid(uid, uid, uid))
		return false;
	/* /proc/self belongs to root otherwise, and pagemap is not readable. */
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

/* Everything there is to see about the mapping. */
static void look(char *map, size_t page, struct view *v)
{
	static struct mincore_region r[PAGES];
	ssize_t nr;
	size_t i;

	v->error = 0;
	if (mc2_call(map, PAGES * page, v->bytes, PAGES, MC2_ALL_BYTE) != PAGES)
		v->error = 1;
	nr = mc2_scan(mc2_addr(map), mc2_addr(map) + PAGES * page, MC2_ALL,
		      PAGES, r, PAGES);
	if (nr > 0)
		mc2_expand(r, nr, v->states);
	else
		v->error = 2;
	for (i = 0; i < PAGES; i++)
		v->present[i] = !!(mc2_pagemap(map + i * page) &
				   MC2_PAGEMAP_PRESENT);
}

/* Pages in the page cache: all of the file, or none. */
static bool set_cached(int fd, bool disk, bool cached, size_t page)
{
	static char buf[65536];
	unsigned char v[PAGES];
	size_t i, in_core = 0;
	int tries;
	void *p;

	for (tries = 0; tries < 20; tries++) {
		if (!cached && disk)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		else if (!cached)
			fallocate(fd, FALLOC_FL_PUNCH_HOLE |
				  FALLOC_FL_KEEP_SIZE, 0, PAGES * page);
		for (i = 0; cached && i < PAGES * page; i += sizeof(buf))
			if (disk ? pread(fd, buf, sizeof(buf), i) < 0 :
			    pwrite(fd, buf, sizeof(buf), i) < 0)
				return false;
		/* The test itself may know. */
		p = mmap(NULL, PAGES * page, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED || mincore(p, PAGES * page, v))
			return false;
		munmap(p, PAGES * page);
		for (in_core = i = 0; i < PAGES; i++)
			in_core += v[i] & 1;
		if (in_core == (cached ? PAGES : 0))
			return true;
		sync();
		usleep(1000);
	}
	return false;
}

static void step(int to, int from)
{
	char c = 0;

	if (write(to, &c, 1) != 1 || read(from, &c, 1) != 1)
		_exit(9);
}

/* Pages that the child reads, far enough apart to leave gaps in between. */
static bool is_touched(size_t i)
{
	return i == 17 || i == 100 || i == 101 || i == 255;
}

/* The child: looks when the cache is full, when it is empty, after touching. */
static void observer(struct lab *lab, int flags, bool store)
{
	size_t i, page = lab->page;
	struct shared *s = lab->s;
	char *map, c;

	if (!become(OTHER_UID, OTHER_UID))
		_exit(1);
	map = mmap(NULL, PAGES * page, store ? PROT_READ | PROT_WRITE :
		   PROT_READ, flags, lab->ro, 0);
	if (map == MAP_FAILED)
		_exit(2);
	if (read(lab->ask[0], &c, 1) != 1)
		_exit(3);
	look(map, page, &s->cached);
	step(lab->answer[1], lab->ask[0]);
	look(map, page, &s->dropped);
	step(lab->answer[1], lab->ask[0]);
	for (i = 0; i < PAGES; i++) {
		if (is_touched(i) && store)
			map[i * page] = 1;
		else if (is_touched(i))
			(void)*(volatile char *)(map + i * page);
	}
	look(map, page, &s->touched);
	_exit(0);
}

/* Runs the child through its three looks; false: something failed. */
static bool observe(struct lab *lab, int map_flags, bool store)
{
	pid_t child = fork();
	int status;

	if (!child)
		observer(lab, map_flags, store);
	if (child < 0 || !set_cached(lab->fd, lab->disk, true, lab->page))
		return false;
	step(lab->ask[1], lab->answer[0]);
	if (!set_cached(lab->fd, lab->disk, false, lab->page))
		return false;
	step(lab->ask[1], lab->answer[0]);
	if (!set_cached(lab->fd, lab->disk, true, lab->page))
		return false;
	if (write(lab->ask[1], "", 1) != 1)
		return false;
	return waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

/*
 * Proves that a user who may only read the file gets DENIED and no RESIDENT for
 * each page that is not in his page tables, the same whether the whole file is
 * in page cache or nothing of it, in every bit of both formats; and that a page
 * in his own page tables is RESIDENT, as pagemap says too.
 */
TEST_F(denied, nothing_depends_on_the_page_cache)
{
	struct shared *s = self->lab.s;
	size_t i, present = 0;

	ASSERT_TRUE(observe(&self->lab, variant->map_flags, false));
	EXPECT_EQ(0, s->cached.error | s->dropped.error | s->touched.error);
	EXPECT_EQ(0, memcmp(&s->cached, &s->dropped, sizeof(s->cached)));
	for (i = 0; i < PAGES; i++) {
		EXPECT_EQ(MINCORE_DENIED, s->cached.states[i]);
		EXPECT_EQ(MINCORE_DENIED, s->cached.bytes[i]);
		EXPECT_EQ(0, s->cached.present[i]);
	}
	for (i = 0; i < PAGES; i++) {
		unsigned int want = s->touched.present[i] ?
			MINCORE_RESIDENT | MINCORE_PTE : MINCORE_DENIED;

		if (is_touched(i))
			EXPECT_EQ(1, s->touched.present[i]);
		EXPECT_EQ(want, MC2_BITS(s->touched.states[i]))
			TH_LOG("page %zu", i);
		EXPECT_EQ(MC2_BITS(s->touched.states[i]), s->touched.bytes[i]);
		present += s->touched.present[i];
	}
	EXPECT_LT(present, PAGES);
}

FIXTURE(denied_file) {
	struct lab lab;
};

FIXTURE_VARIANT(denied_file) {
	bool disk;
};

FIXTURE_VARIANT_ADD(denied_file, disk) { .disk = true };
FIXTURE_VARIANT_ADD(denied_file, shmem) { .disk = false };

FIXTURE_SETUP(denied_file)
{
	if (geteuid())
		SKIP(return, "needs root, to become somebody else");
	ASSERT_TRUE(open_lab(&self->lab, variant->disk));
}

FIXTURE_TEARDOWN(denied_file)
{
	close(self->lab.fd);
	close(self->lab.ro);
}

/* Proves that a private copy is the caller's own page: RESIDENT, not DENIED. */
TEST_F(denied_file, own_copies_are_not_denied)
{
	struct shared *s = self->lab.s;
	size_t i;

	ASSERT_TRUE(observe(&self->lab, MAP_PRIVATE, true));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(is_touched(i) ? MINCORE_RESIDENT | MINCORE_PTE |
			  MINCORE_WRITABLE : MINCORE_DENIED,
			  MC2_BITS(s->touched.states[i]))
			TH_LOG("page %zu", i);
}

/*
 * In a child with the given user, group and mode of the file: the number of
 * pages that are DENIED, or -1. The file is all in cache, nothing is mapped.
 */
static int denied_pages(int fd, size_t page, uid_t uid, gid_t gid, mode_t mode,
			unsigned int flags)
{
	static struct mincore_region r[PAGES];
	int status, denied = 0, ro = reopen_read_only(fd);
	ssize_t nr, i;
	pid_t child;

	if (fchmod(fd, mode))
		return -1;
	child = fork();
	if (!child) {
		char *map;

		if (uid && !become(uid, gid))
			_exit(255);
		map = mmap(NULL, PAGES / 2 * page, PROT_READ, MAP_SHARED, ro,
			   0);
		if (map == MAP_FAILED)
			_exit(255);
		nr = mc2_scan(mc2_addr(map), mc2_addr(map) + PAGES / 2 * page,
			      flags, PAGES, r, PAGES);
		for (i = 0; i < nr; i++)
			if (r[i].state & MINCORE_DENIED)
				denied += (r[i].end - r[i].start) / page;
		/* Denied or resident, never both, never neither. */
		for (i = 0; i < nr && (flags & MINCORE_RESIDENT); i++)
			if (!(r[i].state & MINCORE_DENIED) !=
			    !!(r[i].state & MINCORE_RESIDENT))
				_exit(254);
		_exit(nr > 0 ? denied : 255);
	}
	close(ro);
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Proves who is refused: neither owner, nor capable, nor allowed to write. */
TEST_F(denied_file, who_is_refused)
{
	int fd = self->lab.fd;
	size_t page = self->lab.page;
	const int all = PAGES / 2;

	ASSERT_TRUE(set_cached(fd, variant->disk, true, page));
	/* root, with its capabilities */
	EXPECT_EQ(0, denied_pages(fd, page, 0, 0, 0644, MC2_ALL));
	EXPECT_EQ(0, denied_pages(fd, page, 0, 0, 0, MC2_ALL));
	/* the owner, also of a file that he cannot write as it is */
	EXPECT_EQ(0, denied_pages(fd, page, OWNER_UID, 1, 0644, MC2_ALL));
	EXPECT_EQ(0, denied_pages(fd, page, OWNER_UID, 1, 0444, MC2_ALL));
	/* another user: by the mode for others */
	EXPECT_EQ(all, denied_pages(fd, page, OTHER_UID, 1, 0644, MC2_ALL));
	EXPECT_EQ(all, denied_pages(fd, page, OTHER_UID, 1, 0664, MC2_ALL));
	EXPECT_EQ(0, denied_pages(fd, page, OTHER_UID, 1, 0646, MC2_ALL));
	/* another user of the file's group */
	EXPECT_EQ(all, denied_pages(fd, page, OTHER_UID, GROUP_GID, 0644,
				    MC2_ALL));
	EXPECT_EQ(0, denied_pages(fd, page, OTHER_UID, GROUP_GID, 0664,
				  MC2_ALL));
}

/* Proves that DENIED comes with RESIDENT or if asked for, and not otherwise. */
TEST_F(denied_file, comes_with_resident)
{
	static const unsigned int flags[] = {
		MINCORE_RESIDENT, MINCORE_DAX, MINCORE_LEVEL, MINCORE_PERSIST,
		MINCORE_WRITABLE, MINCORE_DENIED, MINCORE_UNMAPPED,
		MINCORE_ZERO,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		EXPECT_EQ(flags[i] & (MINCORE_RESIDENT | MINCORE_DENIED) ?
			  PAGES / 2 : 0,
			  denied_pages(self->lab.fd, self->lab.page, OTHER_UID,
				       1, 0644, flags[i]))
			TH_LOG("flags %#x", flags[i]);
}

/* Proves that anonymous memory is nobody else's: never DENIED. */
TEST(anonymous_memory_is_never_denied)
{
	size_t page = mc2_page_size();
	int status;
	pid_t child;

	if (geteuid())
		SKIP(return, "needs root, to become somebody else");
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		char *p = mc2_anon(4 * page);

		if (!become(OTHER_UID, OTHER_UID))
			_exit(1);
		p[0] = 1;
		(void)*(volatile char *)(p + page);
		if ((mc2_page(p) | mc2_page(p + page) | mc2_page(p + 2 * page)) &
		    MINCORE_DENIED)
			_exit(2);
		if (!(mc2_page(p) & MINCORE_RESIDENT))
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
