// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs to make 64 bytes durable, by each way there is, in a guest whose clock
 * counts instructions (persist/tests/guest-cost). Prints "cost|NAME|INSTRUCTIONS" lines;
 * a cost is the least of many, less what reading the clock takes.
 *
 *   guest_cost DIRECTORY    on ext4 or XFS in DAX mode
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libpmem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "mincore2-persist.h"

enum { TIMES = 50, MANY = 100 };

static char *map;		/* of the case that is measured */
static int file;
static const char *level, *safe = "safe";
static struct mincore2_mapping *handle;
static struct mincore2_range ranges[MANY];

static uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int nothing(void) { return 0; }
static int by_libpmem(void) { pmem_persist(map, 64); return 0; }
static int by_handle(void) { return mincore2_map_persist(handle, map, 64); }
static int by_address(void) { return mincore2_persist(map, 64, 0); }
static int by_msync(void) { return msync(map, 4096, MS_SYNC); }
static int by_fdatasync(void) { return fdatasync(file); }

static int trusted(void)
{
	return mincore2_persist(map, 64, MINCORE2_PERSIST_TRUSTED);
}

static int many(void)
{
	return mincore2_persistv(ranges, MANY, 0, -1);
}

static int many_trusted(void)
{
	return mincore2_persistv(ranges, MANY, MINCORE2_PERSIST_TRUSTED, -1);
}

static int by_descriptor(void)
{
	return mincore2_persistv(ranges, 1, 0, -1);
}

static int descriptor_trusted(void)
{
	return mincore2_persistv(ranges, 1, MINCORE2_PERSIST_TRUSTED, -1);
}

static uint64_t least(int (*way)(void))
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TIMES; i++) {
		uint64_t start, took;
		int ret;

		map[0] = (char)i;
		start = clock_now();
		ret = way();
		took = clock_now() - start;
		if (ret) {
			printf("problem|error %d\n", ret);
			exit(1);
		}
		best = took < best ? took : best;
	}
	return best;
}

static void cost(const char *name, int (*way)(void))
{
	static uint64_t empty;

	if (!empty)
		empty = least(nothing);
	printf("cost|%s, %s: %s|%llu\n", safe, level, name,
	       (unsigned long long)(least(way) - empty));
	fflush(stdout);
}

/* 64 bytes of each of the pages of @map, by descriptor @fd. */
static void fill_ranges(int fd)
{
	for (int i = 0; i < MANY; i++)
		ranges[i] = (struct mincore2_range) {
			.addr = map + i * 4096, .length = 64,
			.offset = i * 4096, .fd = fd,
		};
}

/* A file of @length bytes, whose mapping gets entries of the level @name. */
static void measure(const char *dir, const char *name, size_t length)
{
	char path[256];

	level = name;
	snprintf(path, sizeof(path), "%s/cost-%s", dir, name);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || posix_fallocate(file, 0, (off_t)length) ||
	    mincore2_map(length, PROT_READ | PROT_WRITE, file, 0, &handle)) {
		printf("problem|%s\n", path);
		exit(1);
	}
	map = mincore2_map_addr(handle);
	for (size_t i = 0; i < length; i += 4096)
		map[i] = 1;
	if (!mincore2_map_safe(handle))
		printf("problem|not persistence-safe\n");
	fill_ranges(-1);
	cost("pmem_persist()", by_libpmem);
	cost("mincore2_map_persist()", by_handle);
	cost("mincore2_persist()", by_address);
	cost("mincore2_persist(), TRUSTED", trusted);
	cost("100 ranges, mincore2_persistv()", many);
	cost("100 ranges, mincore2_persistv(), TRUSTED", many_trusted);
	cost("msync()", by_msync);
	mincore2_unmap(handle);
	map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (map == MAP_FAILED)
		exit(1);
	fill_ranges(file);
	safe = "plain";
	cost("msync()", by_msync);
	cost("mincore2_persist()", by_address);
	cost("fdatasync()", by_fdatasync);
	cost("mincore2_persistv(), descriptor", by_descriptor);
	cost("mincore2_persistv(), descriptor, TRUSTED", descriptor_trusted);
	safe = "safe";
	munmap(map, length);
	close(file);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : ".";

	measure(dir, "PTE", 512 << 10);
	measure(dir, "PMD", 2 << 20);
	printf("end\n");
	return 0;
}
