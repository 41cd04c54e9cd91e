// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * writes DIR NAME [DEVICE]
 *
 * What writes, growth and first stores cost on the filesystem mounted at DIR. In a guest
 * whose clock counts instructions (QEMU -icount) a nanosecond is an instruction; elsewhere
 * it is time. NAME is ext4, ext4-fc (the same with fast commits), xfs or tmpfs, and says
 * what is measured; DEVICE is the block device's name in sysfs. Prints a line each:
 *
 *	row|NAME|WHAT|UNIT|N|VALUE
 *
 * UNIT is "cost" (a mean over N, or the one value if N is 1), "longest" (the longest of
 * N), "requests" (to the block device, a mean) or "percent" (of N that were done without
 * waiting); and at last "end". It makes no use of mincore2(), so that it runs on any
 * kernel. Exit status: 0; 1 it failed; 2 wrong use.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "writes.h"

uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

uint64_t clock_cost(void)
{
	static uint64_t least = UINT64_MAX;
	static int tried;

	for (; tried < 1000; tried++) {
		uint64_t start = now(), took = now() - start;

		if (took < least)
			least = took;
	}
	return least;
}

void row(const struct target *t, const char *what, const char *unit, unsigned long n, double value)
{
	printf("row|%s|%s|%s|%lu|%.2f\n", t->name, what, unit, n, value);
	fflush(stdout);
	fprintf(stderr, "measured %s: %s\n", t->name, what);
}

int new_file(const struct target *t, char path[200], int flags)
{
	int fd;

	snprintf(path, 200, "%s/file", t->dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | flags, 0644);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

void remove_file(int fd, const char *path)
{
	close(fd);
	if (unlink(path))
		err(1, "unlink %s", path);
	sync();
}

void fill(int fd, unsigned long pages)
{
	static char page[PAGE];

	memset(page, 'w', PAGE);
	for (unsigned long i = 0; i < pages; i++)
		if (pwrite(fd, page, PAGE, i * PAGE) != (ssize_t)PAGE)
			err(1, "write");
	if (fsync(fd))
		err(1, "fsync");
	sync();
}

char *map_pages(int fd, bool sync, unsigned long pages)
{
	int flags = sync ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED;
	char *room = mmap(NULL, pages * PAGE + 2 * PMD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t at = (((uintptr_t)room + PMD - 1) & -PMD) + PAGE;
	char *map;

	if (room == MAP_FAILED)
		err(1, "mmap");
	map = mmap((void *)at, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap of the file");
	return map;
}

void unmap_pages(char *map, unsigned long pages)
{
	munmap(map, pages * PAGE);
}

int clone_file(const struct target *t, int fd, char path[200])
{
	int clone;

	snprintf(path, 200, "%s/clone", t->dir);
	clone = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (clone < 0 || ioctl(clone, FICLONE, fd))
		err(1, "FICLONE");
	return clone;
}

int flagged_file(const struct target *t, char path[200], unsigned long pages)
{
	int fd = new_file(t, path, 0);
	char other[200];

	fill(fd, pages);
	close(clone_file(t, fd, other));
	if (unlink(other))
		err(1, "unlink %s", other);
	/* The blocks are given up in the background, if at all: not in what is measured. */
	sync();
	usleep(500000);
	sync();
	return fd;
}

int main(int argc, char **argv)
{
	struct target t = { .dir = argv[1], .name = argv[2], .device = argv[3] };
	bool dax;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: writes DIR NAME [DEVICE]\n");
		return 2;
	}
	dax = strcmp(t.name, "tmpfs") != 0;
	measure_writes(&t);
	if (dax && strcmp(t.name, "ext4-fc") != 0)
		measure_growth(&t);
	if (dax)
		measure_stores(&t);
	if (!strcmp(t.name, "xfs")) {
		measure_nowait(&t);
		measure_owner(&t);
	}
	puts("end");
	return 0;
}
