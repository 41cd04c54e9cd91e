// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a database may ask before it trusts its files: how will commits on each
 * become durable, and does making them durable work at all?
 *
 *   startup-check FILE...
 *
 * Exit status: 0, a commit is a write-back of cache lines on every file; 3, it
 * is a system call on some; 1, it can not be made durable on some.
 *
 * Build: cc startup-check.c $(pkg-config --cflags --libs libmincore2-persist)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mincore2-persist.h>

enum verdict { BY_CACHE_LINES = 0, NOT_DURABLE = 1, BY_SYSTEM_CALL = 3 };

static enum verdict refuse(const char *path, int error)
{
	printf("%s: can not be used: %s\n", path, strerror(error));
	return NOT_DURABLE;
}

static enum verdict check(const char *path)
{
	struct mincore2_mapping *map;
	enum verdict verdict;
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return refuse(path, errno);
	if (fstat(fd, &st) || st.st_size == 0) {
		close(fd);
		return refuse(path, EINVAL);
	}
	ret = mincore2_map((size_t)st.st_size, PROT_READ | PROT_WRITE, fd, 0, &map);
	close(fd);
	if (ret)
		return refuse(path, -ret);
	/* The whole way once, errors of the device included. */
	ret = mincore2_map_persist(map, mincore2_map_addr(map),
				   mincore2_map_length(map));
	verdict = mincore2_map_safe(map) ? BY_CACHE_LINES : BY_SYSTEM_CALL;
	mincore2_unmap(map);
	if (ret)
		return refuse(path, -ret);
	printf("%s: commits %s\n", path, verdict == BY_CACHE_LINES ?
	       "write back cache lines" : "need a system call");
	return verdict;
}

int main(int argc, char **argv)
{
	int worst = BY_CACHE_LINES;

	if (argc < 2) {
		fputs("usage: startup-check FILE...\n", stderr);
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		enum verdict verdict = check(argv[i]);

		if (verdict == NOT_DURABLE || worst == BY_CACHE_LINES)
			worst = verdict;
	}
	return worst;
}
