/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and mappings for the host tests. */
#ifndef FILES_H
#define FILES_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mincore2-persist.h"

enum { PAGE = 4096, PAGES = 16, LENGTH = PAGES * PAGE };

struct file {
	int fd;
	char *map;
};

/* A file of LENGTH bytes without a name, mapped shared; or the test ends. */
static inline struct file file_new(void)
{
	const char *dir = getenv("TMPDIR");
	struct file file;

	file.fd = open(dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file.fd < 0 || ftruncate(file.fd, LENGTH)) {
		perror("a file");
		exit(1);
	}
	file.map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
			file.fd, 0);
	if (file.map == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	memset(file.map, 'x', LENGTH);
	return file;
}

static inline void file_end(struct file *file)
{
	munmap(file->map, LENGTH);
	if (file->fd >= 0)
		close(file->fd);
}

static inline struct mincore2_range range_of(const void *addr, size_t length,
					     int fd)
{
	return (struct mincore2_range) {
		.addr = addr, .length = length, .offset = -1, .fd = fd,
		.error = 12345,
	};
}

#endif /* FILES_H */
