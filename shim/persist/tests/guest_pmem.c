// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that knows libpmem and nothing of mincore2(). Without a word of its
 * own it gets other answers from libmincore2-pmem.so.
 *
 *   guest_pmem DIRECTORY OTHER-DIRECTORY
 *
 * DIRECTORY is on persistence-safe DAX, the other on tmpfs. Prints a line "QUESTION
 * ANSWER" for each question.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libpmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LENGTH = 2 << 20 };

static int new_file(const char *dir)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/pmem.XXXXXX", dir);
	fd = mkstemp(path);
	if (fd < 0 || ftruncate(fd, LENGTH)) {
		perror(path);
		exit(1);
	}
	unlink(path);
	return fd;
}

static char *map_new(const char *dir, int flags, void *where)
{
	int fd = new_file(dir);
	char *map = mmap(where, LENGTH, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (map == MAP_FAILED) {
		perror(dir);
		exit(1);
	}
	close(fd);
	return map;
}

int main(int argc, char **argv)
{
	char path[256];
	char *map, *other;
	size_t length;
	int is_pmem;

	if (argc != 3)
		return 2;
	snprintf(path, sizeof(path), "%s/pmem", argv[1]);
	map = pmem_map_file(path, LENGTH, PMEM_FILE_CREATE, 0600, &length, &is_pmem);
	unlink(path);
	if (!map) {
		fprintf(stderr, "pmem_map_file: %s\n", pmem_errormsg());
		return 1;
	}
	printf("map-file %d\n", is_pmem);
	printf("own %d\n", pmem_is_pmem(map + 5, 100));
	/* Behind its back: unmapped, then a file of tmpfs at that address. */
	munmap(map, LENGTH);
	printf("unmapped %d\n", pmem_is_pmem(map, LENGTH));
	map_new(argv[2], MAP_SHARED | MAP_FIXED, map);
	printf("replaced %d\n", pmem_is_pmem(map, LENGTH));
	other = map_new(argv[1], MAP_SHARED_VALIDATE | MAP_SYNC, NULL);
	printf("not-its-own %d\n", pmem_is_pmem(other, LENGTH));
	printf("too-long %d\n", pmem_is_pmem(other, (size_t)1 << 46));
	printf("empty %d\n", pmem_is_pmem(other, 0));
	other = map_new(argv[1], MAP_SHARED, NULL);
	printf("not-sync %d\n", pmem_is_pmem(other, 1));
	return 0;
}
