// SPDX-License-Identifier: GPL-2.0
/*
 * t_write_bad_buffer FILE OFFSET: write a page at OFFSET from memory that can not be
 * read, and say what came of it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	void *bad;
	int fd;

	if (argc != 3)
		errx(2, "usage: %s FILE OFFSET", argv[0]);
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		err(2, "%s", argv[1]);
	bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bad == MAP_FAILED)
		err(2, "mmap");
	if (pwrite(fd, bad, 4096, atoll(argv[2])) < 0)
		perror("pwrite");
	else
		puts("pwrite succeeded");
	return 0;
}
