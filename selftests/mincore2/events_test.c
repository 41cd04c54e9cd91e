// SPDX-License-Identifier: GPL-2.0
/*
 * Events in the life of a DAX mapping: what the bits say before and after.
 */
#define _FILE_OFFSET_BITS 64
#include "mapping.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define CORE	(MINCORE_DAX | MINCORE_PERSIST | MINCORE_UNMAPPED)
#define ENTRY	(MINCORE_LEVEL | MINCORE_WRITABLE | MINCORE_ZERO)
#define SAFE	(MINCORE_DAX | MINCORE_PERSIST)
#define LEN	MIB(8)
#define PMD	MIB(2)

FIXTURE(event) {
	struct mc2_backing b;
	struct mc2_file f;
	size_t page;
	char *map;	/* all of the file, MAP_SYNC, PMD entries possible */
};

FIXTURE_VARIANT(event) {
	struct mc2_contract c;
};

#define ADD_EVENT(id, backing)						\
	FIXTURE_VARIANT_ADD(event, id) {				\
		.c = { .name = backing, .dax = 1, .persist = MC2_SYNC,	\
		       .level = MINCORE_PMD },				\
	};
ADD_EVENT(ext4, "ext4")
ADD_EVENT(xfs, "xfs")
ADD_EVENT(xfs_noreflink, "xfs-noreflink")

FIXTURE_SETUP(event)
{
	MC2_SETUP_BACKING(&variant->c, &self->b);
	self->page = mc2_page_size();
	ASSERT_EQ(0, mc2_file_open_full(&self->f, &self->b, LEN));
	self->map = mc2_file_map(&self->f, MC2_SHARED_SYNC);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(event)
{
	mc2_file_close(&self->f);
}

/* Map all of it by writable PMD entries, and see that it is so. */
static void populate(struct __test_metadata *_metadata,
		     const FIXTURE_DATA(event) *self)
{
	mc2_store(self->map, LEN, KIB(4));
	EXPECT_STATE(self->map, LEN, CORE | ENTRY,
		     SAFE | MINCORE_PMD | MINCORE_WRITABLE);
}

/* A private mapping of the same file. */
static char *map_private(struct __test_metadata *_metadata,
			 const FIXTURE_DATA(event) *self)
{
	char *map = mc2_file_map(&self->f, MC2_PRIVATE);

	ASSERT_NE(MAP_FAILED, map);
	return map;
}

/*
 * Proves: a copied page of a private mapping leaves DAX, that page alone;
 * dropping the copy brings the file's page back. Nobody else's bits change.
 */
TEST_F_TIMEOUT(event, private_copy, 120)
{
	char *map, *copy;

	populate(_metadata, self);
	map = map_private(_metadata, self);
	copy = map + 5 * self->page;
	mc2_touch(map, LEN, KIB(4), false);
	EXPECT_STATE(map, LEN, CORE | MINCORE_WRITABLE, MINCORE_DAX);
	mc2_store(copy, 1, 1);
	EXPECT_STATE(map, 5 * self->page, CORE | MINCORE_WRITABLE, MINCORE_DAX);
	EXPECT_STATE(copy, self->page, CORE | ENTRY,
		     MINCORE_PTE | MINCORE_WRITABLE);
	EXPECT_STATE(copy + self->page, LEN - 6 * self->page,
		     CORE | MINCORE_WRITABLE, MINCORE_DAX);
	EXPECT_STATE(self->map, LEN, CORE, SAFE);

	ASSERT_EQ(0, madvise(copy, self->page, MADV_DONTNEED));
	EXPECT_STATE(copy, self->page, CORE | ENTRY, MINCORE_DAX);
	mc2_touch(copy, 1, 1, false);
	EXPECT_STATE(copy, self->page, CORE, MINCORE_DAX);
}

static bool have_swap(void)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[256];
	int lines = 0;

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		lines++;
	fclose(f);
	return lines > 1;
}

/*
 * Proves: a private copy that was swapped out is still no DAX page, though
 * nothing is present; pagemap confirms that it is in swap. Nor is it after
 * it came back.
 */
TEST_F_TIMEOUT(event, private_copy_swapped, 120)
{
	bool swapped = false;
	char *map, *copy;
	int i;

	if (!have_swap())
		SKIP(return, "no swap");
	map = map_private(_metadata, self);
	copy = map + 5 * self->page;
	mc2_store(copy, 1, 1);
	for (i = 0; i < 100 && !swapped; i++) {
		ASSERT_EQ(0, madvise(copy, self->page, MADV_PAGEOUT));
		swapped = mc2_pagemap(copy) & MC2_PAGEMAP_SWAP;
		if (!swapped)
			usleep(20000);
	}
	ASSERT_TRUE(swapped)
		TH_LOG("MADV_PAGEOUT did not swap the copy out in 100 tries");
	EXPECT_STATE(copy, self->page, CORE | ENTRY, 0);
	EXPECT_STATE(map, 5 * self->page, CORE, MINCORE_DAX);
	EXPECT_STATE(copy + self->page, LEN - 6 * self->page, CORE,
		     MINCORE_DAX);
	/* Asking did not bring it in. */
	EXPECT_TRUE(mc2_pagemap(copy) & MC2_PAGEMAP_SWAP);
	EXPECT_EQ('m', *copy);
	EXPECT_STATE(copy, self->page, CORE | MINCORE_LEVEL, MINCORE_PTE);
}

static long vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "re");
	long value = -1, v;
	char key[64];

	if (!f)
		return -1;
	while (value < 0 && fscanf(f, "%63s %ld", key, &v) == 2)
		if (!strcmp(key, name))
			value = v;
	fclose(f);
	return value;
}

static pid_t start_compaction(void)
{
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	alarm(20);
	for (;;) {
		fd = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "1", 1) != 1)
			_exit(1);
		close(fd);
	}
}

/*
 * Proves: while private copies are migrated (memory is compacted), at no
 * moment does one read as DAX or persistence-safe. The kernel's own count of
 * migrations shows that there were some.
 */
TEST_F_TIMEOUT(event, private_copies_migrate, 120)
{
	long before = vmstat("pgmigrate_success"), bad = 0, asked = 0;
	char *map = map_private(_metadata, self), why[MC2_WHY];
	time_t end = time(NULL) + 5;
	pid_t child;
	size_t i;

	if (before < 0 || access("/proc/sys/vm/compact_memory", W_OK))
		SKIP(return, "this kernel cannot compact memory");
	/* Give every other copy back: compaction has gaps to close. */
	mc2_store(map, LEN, KIB(4));
	for (i = 0; i < LEN; i += 2 * self->page)
		madvise(map + i, self->page, MADV_DONTNEED);
	child = start_compaction();
	ASSERT_LT(0, child);
	while (!bad && time(NULL) < end) {
		for (i = self->page; !bad && i < LEN; i += 2 * self->page)
			bad = mc2_deviant_regions(map + i, self->page, MC2_ALL,
						  CORE, 0, why);
		asked++;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_EQ(0, bad)
		TH_LOG("round %ld: %s", asked, why);
	/* SKIP would hide the failure. */
	if (!bad && vmstat("pgmigrate_success") == before)
		SKIP(return, "no page was migrated in 5 s");
}

/* Wait for a child that reports through the test's own metadata. */
static void wait_child(struct __test_metadata *_metadata, pid_t pid)
{
	int status = -1;

	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
}

/*
 * Proves: a child's shared mapping is DAX and persistence-safe before and
 * after its first touch, at the parent's level, and the parent's is untouched.
 */
TEST_F_TIMEOUT(event, fork_shared, 120)
{
	pid_t pid;

	populate(_metadata, self);
	pid = fork();
	if (!pid) {
		EXPECT_STATE(self->map, LEN, CORE, SAFE);
		mc2_store(self->map, LEN, KIB(4));
		EXPECT_STATE(self->map, LEN, CORE | ENTRY,
			     SAFE | MINCORE_PMD | MINCORE_WRITABLE);
		_exit(0);
	}
	wait_child(_metadata, pid);
	EXPECT_STATE(self->map, LEN, CORE | ENTRY,
		     SAFE | MINCORE_PMD | MINCORE_WRITABLE);
}

/*
 * Proves: a private copy is no DAX page in the child either, and not writable
 * in either (it is shared until one of them writes); the rest stays DAX.
 */
TEST_F_TIMEOUT(event, fork_private, 120)
{
	char *map = map_private(_metadata, self);
	char *copy = map + 5 * self->page;
	pid_t pid;

	mc2_store(copy, 1, 1);
	pid = fork();
	if (!pid) {
		EXPECT_STATE(copy, self->page, CORE | ENTRY, MINCORE_PTE);
		EXPECT_STATE(copy + self->page, self->page, CORE, MINCORE_DAX);
		mc2_store(copy, 1, 1);
		EXPECT_STATE(copy, self->page, CORE | ENTRY,
			     MINCORE_PTE | MINCORE_WRITABLE);
		_exit(0);
	}
	wait_child(_metadata, pid);
	EXPECT_STATE(copy, self->page, CORE | ENTRY, MINCORE_PTE);
	EXPECT_STATE(copy + self->page, self->page, CORE, MINCORE_DAX);
}

/*
 * Proves: mremap takes the bits and the level along (no fault at the new
 * address), and leaves UNMAPPED behind.
 */
TEST_F_TIMEOUT(event, mremap_moves, 120)
{
	char *to = mc2_map_aligned(LEN, PMD, 0, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *moved;

	ASSERT_NE(MAP_FAILED, to);
	populate(_metadata, self);
	moved = mremap(self->map, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_EQ((void *)to, (void *)moved);
	EXPECT_STATE(to, LEN, CORE | ENTRY,
		     SAFE | MINCORE_PMD | MINCORE_WRITABLE);
	EXPECT_EQ(0, mc2_touch_faults(to, LEN, true));
	EXPECT_STATE(self->map, LEN, MC2_ALL, MINCORE_UNMAPPED);
}

/*
 * Proves: WRITABLE follows mprotect, DAX and PERSIST do not; entries of a
 * mapping without access are still entries (LEVEL). (The kernel may make dirty
 * entries writable at once when the mapping becomes so.)
 */
TEST_F_TIMEOUT(event, mprotect_whole, 120)
{
	populate(_metadata, self);
	ASSERT_EQ(0, mprotect(self->map, LEN, PROT_READ));
	EXPECT_STATE(self->map, LEN, CORE | ENTRY, SAFE | MINCORE_PMD);
	ASSERT_EQ(0, mprotect(self->map, LEN, PROT_NONE));
	EXPECT_STATE(self->map, LEN, CORE | ENTRY | MINCORE_RESIDENT,
		     SAFE | MINCORE_PMD | MINCORE_RESIDENT);
	ASSERT_EQ(0, mprotect(self->map, LEN, PROT_READ | PROT_WRITE));
	EXPECT_STATE(self->map, LEN, CORE | MINCORE_LEVEL, SAFE | MINCORE_PMD);
	mc2_store(self->map, LEN, KIB(4));
	EXPECT_STATE(self->map, LEN, CORE | ENTRY,
		     SAFE | MINCORE_PMD | MINCORE_WRITABLE);
}

/*
 * Proves: a mapping split amid a PMD entry loses that entry alone; the pages
 * come back as PTEs, for neither half holds a PMD entry; PERSIST stays.
 */
TEST_F_TIMEOUT(event, mprotect_one_page, 120)
{
	char *one = self->map + PMD + 7 * self->page;

	populate(_metadata, self);
	ASSERT_EQ(0, mprotect(one, self->page, PROT_READ));
	EXPECT_STATE(self->map, LEN, CORE, SAFE);
	EXPECT_STATE(self->map, PMD, ENTRY, MINCORE_PMD | MINCORE_WRITABLE);
	EXPECT_STATE(self->map + 2 * PMD, LEN - 2 * PMD, ENTRY,
		     MINCORE_PMD | MINCORE_WRITABLE);
	mc2_touch(self->map + PMD, PMD, KIB(4), false);
	EXPECT_STATE(self->map + PMD, PMD, CORE | MINCORE_LEVEL,
		     SAFE | MINCORE_PTE);
	EXPECT_STATE(one, self->page, MINCORE_WRITABLE, 0);
}

/*
 * Proves: punching a hole takes its entries out, DAX and PERSIST stay (a store
 * faults and commits); a read finds the zero page, a store replaces it.
 */
TEST_F_TIMEOUT(event, punch_hole, 120)
{
	populate(_metadata, self);
	ASSERT_EQ(0, fallocate(self->f.fd, FALLOC_FL_PUNCH_HOLE |
			       FALLOC_FL_KEEP_SIZE, (off_t)PMD, (off_t)PMD));
	EXPECT_STATE(self->map, LEN, CORE, SAFE);
	EXPECT_STATE(self->map + PMD, PMD, ENTRY, 0);
	mc2_touch(self->map + PMD, PMD, KIB(4), false);
	EXPECT_STATE(self->map + PMD, PMD, CORE | MINCORE_ZERO |
		     MINCORE_WRITABLE, SAFE | MINCORE_ZERO);
	mc2_store(self->map + PMD, PMD, KIB(4));
	EXPECT_STATE(self->map + PMD, PMD, CORE | MINCORE_ZERO |
		     MINCORE_WRITABLE, SAFE | MINCORE_WRITABLE);
}

/*
 * Proves: zeroing, collapsing and inserting ranges of the mapped file take
 * away the entries of what they move, and never the promise.
 */
TEST_F_TIMEOUT(event, fallocate_modes, 120)
{
	static const int modes[] = {
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		mc2_store(self->map, 3 * PMD, KIB(4));
		ASSERT_EQ(0, fallocate(self->f.fd, modes[i], (off_t)PMD,
				       (off_t)PMD))
			TH_LOG("mode %#x: %s", modes[i], strerror(errno));
		EXPECT_STATE(self->map, LEN, CORE, SAFE);
		EXPECT_STATE(self->map + PMD, PMD, ENTRY, 0);
		mc2_store(self->map, 3 * PMD, KIB(4));
		EXPECT_STATE(self->map, LEN, CORE, SAFE);
		EXPECT_STATE(self->map, 3 * PMD,
			     MINCORE_WRITABLE | MINCORE_ZERO, MINCORE_WRITABLE);
	}
}

/*
 * Proves: truncating takes the entries beyond the new end out; PERSIST is the
 * mapping's and stays; after growing again the pages are hole until written.
 */
TEST_F_TIMEOUT(event, truncate, 120)
{
	populate(_metadata, self);
	ASSERT_EQ(0, ftruncate(self->f.fd, (off_t)PMD));
	EXPECT_STATE(self->map, PMD, CORE, SAFE);
	EXPECT_STATE(self->map + PMD, LEN - PMD, CORE | ENTRY, SAFE);
	ASSERT_EQ(0, ftruncate(self->f.fd, (off_t)LEN));
	EXPECT_STATE(self->map + PMD, LEN - PMD, CORE | ENTRY, SAFE);
	mc2_touch(self->map + PMD, PMD, KIB(4), false);
	EXPECT_STATE(self->map + PMD, PMD, CORE | MINCORE_ZERO |
		     MINCORE_WRITABLE, SAFE | MINCORE_ZERO);
	mc2_store(self->map + PMD, LEN - PMD, KIB(4));
	EXPECT_STATE(self->map + PMD, LEN - PMD, CORE | MINCORE_ZERO |
		     MINCORE_WRITABLE, SAFE | MINCORE_WRITABLE);
}

/*
 * Proves: MADV_NOHUGEPAGE makes the next faults PTEs, and MADV_HUGEPAGE PMD
 * entries; neither changes entries that are there, nor the promise.
 */
TEST_F_TIMEOUT(event, hugepage_advice, 120)
{
	const size_t half = LEN / 2;

	ASSERT_EQ(0, madvise(self->map, half, MADV_NOHUGEPAGE));
	ASSERT_EQ(0, madvise(self->map + half, half, MADV_HUGEPAGE));
	EXPECT_STATE(self->map, LEN, CORE | ENTRY, SAFE);
	EXPECT_EQ((long)(half / self->page),
		  mc2_touch_faults(self->map, half, true));
	EXPECT_EQ((long)(half / PMD),
		  mc2_touch_faults(self->map + half, half, true));
	EXPECT_STATE(self->map, half, CORE | ENTRY,
		     SAFE | MINCORE_PTE | MINCORE_WRITABLE);
	EXPECT_STATE(self->map + half, half, CORE | ENTRY,
		     SAFE | MINCORE_PMD | MINCORE_WRITABLE);

	ASSERT_EQ(0, madvise(self->map, half, MADV_HUGEPAGE));
	ASSERT_EQ(0, madvise(self->map + half, half, MADV_NOHUGEPAGE));
	EXPECT_STATE(self->map, half, CORE | ENTRY,
		     SAFE | MINCORE_PTE | MINCORE_WRITABLE);
	EXPECT_STATE(self->map + half, half, CORE | ENTRY,
		     SAFE | MINCORE_PMD | MINCORE_WRITABLE);

	ASSERT_EQ(0, madvise(self->map + half, half, MADV_DONTNEED));
	EXPECT_STATE(self->map + half, half, CORE | ENTRY, SAFE);
	EXPECT_EQ((long)(half / self->page),
		  mc2_touch_faults(self->map + half, half, true));
	EXPECT_STATE(self->map + half, half, CORE | ENTRY,
		     SAFE | MINCORE_PTE | MINCORE_WRITABLE);
}

/*
 * Proves: MADV_POPULATE_WRITE turns "safe, after a fault" (PERSIST) into
 * "safe, without one" (PERSIST | WRITABLE), from nothing mapped and from
 * pages that were only read.
 */
TEST_F_TIMEOUT(event, populate_write, 120)
{
	EXPECT_STATE(self->map, LEN, CORE | ENTRY, SAFE);
	mc2_touch(self->map, PMD, KIB(4), false);
	EXPECT_STATE(self->map, LEN, CORE | MINCORE_WRITABLE, SAFE);
	ASSERT_EQ(0, madvise(self->map, LEN, MADV_POPULATE_WRITE));
	EXPECT_STATE(self->map, LEN, CORE | MINCORE_WRITABLE | MINCORE_ZERO,
		     SAFE | MINCORE_WRITABLE);
	EXPECT_EQ(0, mc2_touch_faults(self->map, LEN, true));
}

/*
 * Proves: msync and fsync write-protect the entries (WRITABLE clears, level
 * stays) and the promise stays; a store faults and is WRITABLE again.
 */
TEST_F_TIMEOUT(event, sync_protects, 120)
{
	int i;

	for (i = 0; i < 2; i++) {
		mc2_store(self->map, LEN, KIB(4));
		EXPECT_STATE(self->map, LEN, CORE | ENTRY,
			     SAFE | MINCORE_PMD | MINCORE_WRITABLE);
		if (i) {
			ASSERT_EQ(0, fsync(self->f.fd));
		} else {
			ASSERT_EQ(0, msync(self->map, LEN, MS_SYNC));
		}
		EXPECT_STATE(self->map, LEN, CORE | ENTRY, SAFE | MINCORE_PMD);
		EXPECT_EQ((long)(LEN / PMD),
			  mc2_touch_faults(self->map, LEN, true));
	}
}

/* Proves: what is unmapped is UNMAPPED and nothing else; neighbours stay. */
TEST_F_TIMEOUT(event, munmap_part, 60)
{
	populate(_metadata, self);
	ASSERT_EQ(0, munmap(self->map + PMD, PMD));
	EXPECT_STATE(self->map + PMD, PMD, MC2_ALL, MINCORE_UNMAPPED);
	EXPECT_STATE(self->map, PMD, CORE | ENTRY,
		     SAFE | MINCORE_PMD | MINCORE_WRITABLE);
	EXPECT_STATE(self->map + 2 * PMD, LEN - 2 * PMD, CORE | ENTRY,
		     SAFE | MINCORE_PMD | MINCORE_WRITABLE);
}

/*
 * Proves: cloning a mapped file takes every writable entry out of the page
 * tables, as the next store has to copy, and the promise stays; where the
 * filesystem cannot clone, nothing changes.
 */
TEST_F_TIMEOUT(event, reflink_while_mapped, 120)
{
	bool can = mc2_has_attr(&self->b, "reflink");
	struct mc2_file clone;

	populate(_metadata, self);
	ASSERT_EQ(0, mc2_file_open(&clone, &self->b, LEN));
	if (can) {
		ASSERT_EQ(0, ioctl(clone.fd, FICLONE, self->f.fd))
			TH_LOG("FICLONE: %s", strerror(errno));
	} else {
		EXPECT_EQ(-1, ioctl(clone.fd, FICLONE, self->f.fd));
	}
	EXPECT_STATE(self->map, LEN, CORE, SAFE);
	/* No entry is left through which a store reaches a shared extent. */
	if (can) {
		EXPECT_STATE(self->map, LEN, MINCORE_WRITABLE, 0);
	}
	mc2_file_close(&clone);
}

/*
 * Proves: a write(2) that fails leaves the size as it was. The end of the file is
 * where a promise ends that was given earlier.
 */
TEST_F_TIMEOUT(event, failed_write_does_not_grow, 60)
{
	struct stat st;
	void *nowhere = mmap(NULL, self->page, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, nowhere);
	EXPECT_EQ(-1, pwrite(self->f.fd, nowhere, 100, LEN + MIB(1)));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, fstat(self->f.fd, &st));
	EXPECT_EQ((off_t)LEN, st.st_size);
}

/*
 * Proves: what would change the blocks of a mapped file, or its map to a kind that
 * nobody vouches for, without the pages being unmapped, is refused.
 */
TEST_F_TIMEOUT(event, map_is_kept, 60)
{
	int flags, want = strcmp(self->b.name, "ext4") ? ENOTTY : EOPNOTSUPP;

	populate(_metadata, self);
	EXPECT_EQ(-1, ioctl(self->f.fd, _IO('f', 17)));	/* EXT4_IOC_SWAP_BOOT */
	EXPECT_EQ(want, errno);
	if (want == EOPNOTSUPP) {
		ASSERT_EQ(0, ioctl(self->f.fd, FS_IOC_GETFLAGS, &flags));
		ASSERT_NE(0, flags & FS_EXTENT_FL);
		flags &= ~FS_EXTENT_FL;
		EXPECT_EQ(-1, ioctl(self->f.fd, FS_IOC_SETFLAGS, &flags));
		EXPECT_EQ(EOPNOTSUPP, errno);
	}
	EXPECT_STATE(self->map, LEN, CORE | ENTRY,
		     SAFE | MINCORE_PMD | MINCORE_WRITABLE);
}

TEST_HARNESS_MAIN
