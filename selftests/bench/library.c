// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the library costs: one range made durable through a handle beside libpmem's
 * own way, and a thousand ranges in one call beside one msync() each.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libpmem.h>
#include <mincore2-persist.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define FILE_NAME	"/mnt/ext4/library"
#define RANGES		1000
#define BYTES		64
#define LENGTH		(RANGES * PAGE)
#define REPETITIONS	20

/* A file of which every page was written, and two mappings of it. */
static struct {
	int fd;
	struct mincore2_mapping *handle;
	char *safe, *plain;
	struct mincore2_range ranges[RANGES];
} lib;

static bool prepare(void)
{
	static char block[LENGTH];

	memset(block, 1, sizeof(block));
	lib.fd = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (lib.fd < 0 || write(lib.fd, block, LENGTH) != LENGTH || fsync(lib.fd))
		return false;
	if (mincore2_map(LENGTH, PROT_READ | PROT_WRITE, lib.fd, 0, &lib.handle) ||
	    !mincore2_map_safe(lib.handle))
		return false;
	lib.safe = mincore2_map_addr(lib.handle);
	lib.plain = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, lib.fd, 0);
	return lib.plain != MAP_FAILED;
}

static int by_pmem(char *at, unsigned int flags)
{
	(void)flags;
	pmem_persist(at, BYTES);
	return 0;
}

static int by_handle(char *at, unsigned int flags)
{
	(void)flags;
	return mincore2_map_persist(lib.handle, at, BYTES);
}

static int by_persist(char *at, unsigned int flags)
{
	return mincore2_persist(at, BYTES, flags);
}

static int one_msync(char *at, unsigned int flags)
{
	(void)flags;
	return msync(at, PAGE, MS_SYNC);
}

static int all_msync(char *at, unsigned int flags)
{
	for (int i = 0; i < RANGES; i++)
		if (one_msync(at + i * PAGE, flags))
			return -1;
	return 0;
}

static int all_batched(char *at, unsigned int flags)
{
	for (int i = 0; i < RANGES; i++)
		lib.ranges[i] = (struct mincore2_range) {
			.addr = at + i * PAGE, .length = BYTES,
			.offset = i * PAGE, .fd = lib.fd,
		};
	return mincore2_persistv(lib.ranges, RANGES, flags, -1);
}

static int all_pmem_msync(char *at, unsigned int flags)
{
	(void)flags;
	for (int i = 0; i < RANGES; i++)
		if (pmem_msync(at + i * PAGE, BYTES))
			return -1;
	return 0;
}

/* The least of several, each after a store to every page. */
static void figure(const char *name, char *at, int (*way)(char *, unsigned int),
		   unsigned int flags, int ranges)
{
	int64_t best = INT64_MAX, overhead = clock_cost();

	for (int n = 0; n < REPETITIONS; n++) {
		int64_t start, took;

		for (int i = 0; i < ranges; i++)
			*(volatile char *)(at + i * PAGE) = n;
		start = now();
		if (way(at, flags)) {
			printf("skip|library|%s|it failed\n", name);
			return;
		}
		took = now() - start - overhead;
		if (took < best)
			best = took;
	}
	printf("library|%s|%d|%lld\n", name, ranges, (long long)best);
	fflush(stdout);
}

int library(void)
{
	if (!prepare()) {
		printf("problem|the library has no persistence-safe file\n");
		return 1;
	}
	figure("64 bytes, pmem_persist", lib.safe, by_pmem, 0, 1);
	figure("64 bytes, mincore2_map_persist", lib.safe, by_handle, 0, 1);
	figure("64 bytes, mincore2_persist, trusted", lib.safe, by_persist,
	       MINCORE2_PERSIST_TRUSTED, 1);
	figure("64 bytes, mincore2_persist", lib.safe, by_persist, 0, 1);
	figure("64 bytes, msync", lib.safe, one_msync, 0, 1);
	figure("1000 ranges, MAP_SYNC, msync each", lib.safe, all_msync, 0, RANGES);
	figure("1000 ranges, MAP_SYNC, pmem_msync each", lib.safe, all_pmem_msync, 0,
	       RANGES);
	figure("1000 ranges, MAP_SYNC, mincore2_persistv, trusted", lib.safe,
	       all_batched, MINCORE2_PERSIST_TRUSTED, RANGES);
	figure("1000 ranges, MAP_SYNC, mincore2_persistv", lib.safe, all_batched, 0,
	       RANGES);
	figure("1000 ranges, plain, msync each", lib.plain, all_msync, 0, RANGES);
	figure("1000 ranges, plain, pmem_msync each", lib.plain, all_pmem_msync, 0,
	       RANGES);
	figure("1000 ranges, plain, mincore2_persistv, trusted", lib.plain,
	       all_batched, MINCORE2_PERSIST_TRUSTED, RANGES);
	figure("1000 ranges, plain, mincore2_persistv", lib.plain, all_batched, 0,
	       RANGES);
	munmap(lib.plain, LENGTH);
	mincore2_unmap(lib.handle);
	close(lib.fd);
	unlink(FILE_NAME);
	return 0;
}
