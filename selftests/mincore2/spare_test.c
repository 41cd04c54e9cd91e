// SPDX-License-Identifier: GPL-2.0
/*
 * What needs a device of its own: pages that are swapped out for certain, and filesystems
 * that take MAP_SYNC and are not vouched for.
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

/*
 * Proves: a page that is in swap is not resident, until it is read into the swap cache.
 * A write to persistent memory has ended when the kernel comes back from it, so that
 * MADV_PAGEOUT does not leave a page in the swap cache, as it does with a disk.
 */
TEST_F_TIMEOUT(spare, swapped_out, 120)
{
	size_t len = PAGES * self->page;
	unsigned char vec[PAGES];
	unsigned int i, swapped = 0, resident = 0;
	cpu_set_t here;
	char *map;

	ASSERT_EQ(0, run("mkswap '%s' >&2", self->dev));
	ASSERT_EQ(0, swapon(self->dev, SWAP_FLAG_PREFER | 100));
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, madvise(map, len, MADV_NOHUGEPAGE));
	/* A page that another processor has in a batch would stay in the swap cache. */
	CPU_ZERO(&here);
	CPU_SET(0, &here);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(here), &here));
	mc2_store(map, len, self->page);
	EXPECT_STATE(map, len, MINCORE_RESIDENT, MINCORE_RESIDENT);
	for (i = 0; i < 100 && swapped < PAGES; i++) {
		ASSERT_EQ(0, madvise(map, len, MADV_PAGEOUT));
		for (swapped = 0; swapped < PAGES; swapped++)
			if (!(mc2_pagemap(map + swapped * self->page) & MC2_PAGEMAP_SWAP))
				break;
		usleep(10000);
	}
	ASSERT_EQ(PAGES, swapped);
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

TEST_HARNESS_MAIN
