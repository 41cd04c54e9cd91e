// SPDX-License-Identifier: GPL-2.0
/*
 * t_swap_out FILE PAGES BYTE: swap to FILE before all else that there is to swap to, and have
 * pages that are full of BYTE (a number) written there.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

#define WAIT_SECONDS 10

/* All of them, as /proc/self/pagemap has it: swapped out. */
static int all_out(int fd, char *p, size_t pages)
{
	unsigned long long entry;
	size_t i;

	for (i = 0; i < pages; i++) {
		if (pread(fd, &entry, 8, (off_t)(((size_t)p / 4096 + i) * 8)) != 8)
			err(2, "pagemap");
		if (!(entry >> 62 & 1))
			return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	int fd = open("/proc/self/pagemap", O_RDONLY), tries;
	size_t pages;
	char *p;

	if (argc != 4)
		errx(2, "usage: %s FILE PAGES BYTE", argv[0]);
	if (swapon(argv[1], SWAP_FLAG_PREFER | 100))
		err(2, "swapon");
	pages = strtoul(argv[2], NULL, 0);
	p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || p == MAP_FAILED)
		err(2, "no memory, or no pagemap");
	memset(p, (int)strtol(argv[3], NULL, 0), pages * 4096);
	for (tries = 0; tries < WAIT_SECONDS * 10; tries++) {
		if (madvise(p, pages * 4096, MADV_PAGEOUT))
			err(2, "MADV_PAGEOUT");
		if (all_out(fd, p, pages))
			return 0;
		usleep(100000);
	}
	errx(1, "not everything was paged out in %d s", WAIT_SECONDS);
}
