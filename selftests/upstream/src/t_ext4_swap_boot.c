// SPDX-License-Identifier: GPL-2.0
/*
 * t_ext4_swap_boot ONE OTHER: try EXT4_IOC_SWAP_BOOT on a file, and on another one that is
 * mapped: it would get the blocks of the first. See whether the mapping shows what read(2)
 * returns.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef EXT4_IOC_SWAP_BOOT
#define EXT4_IOC_SWAP_BOOT _IO('f', 17)
#endif

/* Whether it is refused is up to the kernel. */
static void swap_boot(int fd)
{
	int ret = ioctl(fd, EXT4_IOC_SWAP_BOOT);

	fprintf(stderr, "EXT4_IOC_SWAP_BOOT: %s\n", ret ? strerror(errno) : "done");
}

int main(int argc, char **argv)
{
	volatile char *map;
	char before, c = 0;
	int one, other;

	if (argc != 3)
		errx(2, "usage: %s ONE OTHER", argv[0]);
	one = open(argv[1], O_RDWR);
	other = open(argv[2], O_RDWR);
	if (one < 0 || other < 0)
		err(2, "open");
	swap_boot(one);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, 0);
	if (map == MAP_FAILED)
		err(2, "mmap");
	before = map[0];
	swap_boot(other);
	if (pread(other, &c, 1, 0) != 1)
		err(2, "pread");
	fprintf(stderr, "%c before, %c by read(2), %c by the mapping\n", before, c, map[0]);
	puts(c == map[0] ? "the mapping shows what read(2) returns" :
			   "the mapping shows another file's blocks");
	return 0;
}
