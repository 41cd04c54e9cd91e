// SPDX-License-Identifier: GPL-2.0
/*
 * What needs a device of its own: pages that are swapped out for certain, filesystems that
 * take MAP_SYNC and are not vouched for, and one that is full.
 *
 * Uses, and destroys the contents of, the namespace spare-nvdimm.
 */
#define _FILE_OFFSET_BITS 64
#include "own_xfs.h"

#include <sched.h>
#include <sys/swap.h>

#define PAGES	64

FIXTURE(spare) {
	struct own_xfs x;
	char dev[80];
	size_t page;
};

FIXTURE_SETUP(spare)
{
	SPARE_SETUP(own_device(&self->x, spare_));
	snprintf(self->dev, sizeof(self->dev), "/dev/%s", self->x.disk);
	self->page = mc2_page_size();
}

/* In the parent, when all that a test has open is closed, however it ended. */
FIXTURE_TEARDOWN_PARENT(spare)
{
	umount(self->x.dir);
	swapoff(self->dev);
	rmdir(self->x.dir);
}

/* Maps @len bytes and stores to each page. */
static char *stored(size_t len)
{
	char *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	madvise(map, len, MADV_NOHUGEPAGE);
	mc2_store(map, len, mc2_page_size());
	return map;
}

/* Swaps @len bytes out. Returns how many pages of them, from the first, are in swap. */
static unsigned int swap_out(char *map, size_t len)
{
	unsigned int i, swapped = 0, pages = len / mc2_page_size();

	for (i = 0; i < 100 && swapped < pages; i++) {
		if (madvise(map, len, MADV_PAGEOUT))
			break;
		for (swapped = 0; swapped < pages; swapped++)
			if (!(mc2_pagemap(map + swapped * mc2_page_size()) & MC2_PAGEMAP_SWAP))
				break;
		usleep(10000);
	}
	return swapped;
}

/*
 * Swaps on the device, and sees to it that the pages which this processor swaps out next
 * go there. A processor keeps places it got earlier, of whatever swap area was the first
 * then: up to 64 (mm/swap_slots.c of Linux 6.12), or a cluster of 512 (mm/swapfile.c of
 * 7.3). Two pages before swapon() make it likely that it has some, if another area
 * exists. 1,024 pages use them up; they stay mapped, as freed places might be taken again.
 */
static void own_swap(struct __test_metadata *_metadata, FIXTURE_DATA(spare) *self)
{
	size_t some = 2 * self->page, rest = 1024 * self->page;
	cpu_set_t here;
	char *map;

	/* A page that another processor has in a batch would stay in the swap cache. */
	CPU_ZERO(&here);
	CPU_SET(0, &here);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(here), &here));
	map = stored(some);
	ASSERT_NE(NULL, map);
	swap_out(map, some);
	ASSERT_EQ(0, run("mkswap '%s' >&2", self->dev));
	ASSERT_EQ(0, swapon(self->dev, SWAP_FLAG_PREFER | 100));
	map = stored(rest);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(1024, swap_out(map, rest));
}

/*
 * Proves: a page that is in swap is not resident, until it is read into the swap cache.
 * A write to persistent memory has ended when the kernel comes back from it, so that
 * MADV_PAGEOUT does not leave a page in the swap cache, as it does with a disk.
 */
TEST_F_TIMEOUT(spare, swapped_out, 120)
{
	size_t len = PAGES * self->page;
	unsigned char vec[PAGES];
	unsigned int i, resident = 0;
	char *map;

	own_swap(_metadata, self);
	map = stored(len);
	ASSERT_NE(NULL, map);
	EXPECT_STATE(map, len, MINCORE_RESIDENT, MINCORE_RESIDENT);
	ASSERT_EQ(PAGES, swap_out(map, len));
	EXPECT_STATE(map, len, MINCORE_RESIDENT | MINCORE_LEVEL, 0);
	ASSERT_EQ(0, mincore(map, len, vec));
	for (i = 0; i < PAGES; i++)
		resident += vec[i] & 1;
	EXPECT_EQ(0, resident);
	/* Into the swap cache, without a fault. */
	ASSERT_EQ(0, madvise(map, self->page, MADV_WILLNEED));
	EXPECT_STATE(map, self->page, MINCORE_RESIDENT | MINCORE_LEVEL, MINCORE_RESIDENT);
	EXPECT_TRUE(mc2_pagemap(map) & MC2_PAGEMAP_SWAP);
	munmap(map, len);
}

/* An ext4 made with @features; a file there, mapped with MAP_SYNC and stored to. */
static void check_ext4(struct __test_metadata *_metadata, FIXTURE_DATA(spare) *self,
		       const char *features, unsigned int want)
{
	size_t len = MIB(1);
	char command[128], path[96];
	char *map;
	int fd;

	snprintf(command, sizeof(command), "mkfs.ext4 -q -F %s '%%s' >&2", features);
	ASSERT_EQ(0, run(command, self->dev));
	ASSERT_EQ(0, mount(self->dev, self->x.dir, "ext4", 0, "dax=always"))
		TH_LOG("%s: %s", features, strerror(errno));
	snprintf(path, sizeof(path), "%s/file", self->x.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mc2_fill_zero(fd, 0, (off_t)len));
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	mc2_store(map, len, self->page);
	EXPECT_STATE(map, len, MINCORE_DAX | MINCORE_WRITABLE | MINCORE_PERSIST,
		     MINCORE_DAX | MINCORE_WRITABLE | want);
	munmap(map, len);
	close(fd);
	EXPECT_EQ(0, umount(self->x.dir));
}

/* The control of the two below: nothing else keeps such a filesystem from being safe. */
TEST_F_TIMEOUT(spare, ext4, 60)
{
	check_ext4(_metadata, self, "-b 4096", MINCORE_PERSIST);
}

/* Proves: ext4 does not vouch for clusters of blocks, whose power nobody has cut. */
TEST_F_TIMEOUT(spare, ext4_bigalloc, 60)
{
	check_ext4(_metadata, self, "-b 4096 -O bigalloc", 0);
}

/* Proves: nor for files without extents. */
TEST_F_TIMEOUT(spare, ext4_no_extents, 60)
{
	check_ext4(_metadata, self, "-b 4096 -O ^extent,^64bit", 0);
}

/* Until the filesystem has no block left. */
static bool fill_up(int fd)
{
	const off_t block = 4096;
	off_t at = 0, size = 2048 * block;

	while (size >= block) {
		if (fallocate(fd, 0, at, size) == 0)
			at += size;
		else if (errno == ENOSPC)
			size /= 2;
		else
			return false;
	}
	return at > 0;
}

/*
 * Proves: the zero page that a load has mapped goes where write(2) fills a block which
 * another write has zeroed. ext4 does that to all of an extent that it cannot split, as
 * there is no block for the tree.
 */
TEST_F_TIMEOUT(spare, ext4_zeroed_beside, 60)
{
	const size_t page = self->page;
	char path[96], *data, *map;
	int fd, other;
	off_t i;

	ASSERT_EQ(0, run("mkfs.ext4 -q -F -b 4096 -m 0 '%s' 64M >&2", self->dev));
	ASSERT_EQ(0, mount(self->dev, self->x.dir, "ext4", 0, "dax=always"));
	ASSERT_EQ(0, run("echo 0 >'/sys/fs/ext4/%s/reserved_clusters'", self->x.disk));
	/* Else a short extent is zeroed in any case. */
	ASSERT_EQ(0, run("echo 0 >'/sys/fs/ext4/%s/extent_max_zeroout_kb'", self->x.disk));
	snprintf(path, sizeof(path), "%s/file", self->x.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	snprintf(path, sizeof(path), "%s/other", self->x.dir);
	other = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	data = malloc(page);
	ASSERT_TRUE(fd >= 0 && other >= 0 && data);
	/* The inode has room for four extents. */
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, fallocate(fd, 0, i * 100 * (off_t)page, 4 * (off_t)page));
	ASSERT_TRUE(fill_up(other));
	map = mmap(NULL, 4 * page, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, *(volatile char *)(map + page));
	EXPECT_EQ(0, mc2_is_written(fd, (off_t)page));
	memset(data, 'a', page);
	ASSERT_EQ((ssize_t)page, pwrite(fd, data, page, 0));
	ASSERT_EQ(1, mc2_is_written(fd, (off_t)page))
		TH_LOG("the extent was split");
	memset(data, 'b', page);
	ASSERT_EQ((ssize_t)page, pwrite(fd, data, page, (off_t)page));
	EXPECT_EQ(0, memcmp(map + page, data, page))
		TH_LOG("the mapping shows %d", map[page]);
	munmap(map, 4 * page);
	free(data);
	close(other);
	close(fd);
}

TEST_HARNESS_MAIN
