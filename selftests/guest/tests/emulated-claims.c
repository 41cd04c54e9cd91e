// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the emulation claims of a file, whether or not the kernel has the call:
 *
 *	emulated-claims FILE|DEVICE [OFFSET LENGTH]
 *
 * Maps it shared, with MAP_SYNC where that is accepted, and prints one line for
 * each run of pages:
 *
 *	OFFSET LENGTH persist|no|unknown STATE unknown=STATE
 *
 * in bytes. For the power-failure driver: what is "persist" must not be lost.
 * Exit status: 0; 1 it failed; 2 wrong use.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mincore2.h>

#define WANT	(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | \
		 MINCORE_PERSIST | MINCORE_WRITABLE | MINCORE_ZERO)

static char *map_file(const char *path, off_t offset, size_t length)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char *map;

	if (fd < 0)
		err(1, "%s", path);
	map = mmap(NULL, length, PROT_READ | PROT_WRITE,
		   MAP_SHARED_VALIDATE | MAP_SYNC, fd, offset);
	if (map == MAP_FAILED)
		map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			   fd, offset);
	if (map == MAP_FAILED)
		err(1, "mmap %s", path);
	close(fd);
	return map;
}

int main(int argc, char **argv)
{
	off_t offset = 0;
	size_t length, done = 0;
	struct stat st;
	char *map;

	if (argc != 2 && argc != 4) {
		fputs("usage: emulated-claims FILE|DEVICE [OFFSET LENGTH]\n",
		      stderr);
		return 2;
	}
	if (stat(argv[1], &st))
		err(1, "%s", argv[1]);
	length = S_ISREG(st.st_mode) ? (size_t)st.st_size : 2 << 20;
	if (argc == 4) {
		offset = strtoll(argv[2], NULL, 0);
		length = strtoull(argv[3], NULL, 0);
	}
	map = map_file(argv[1], offset, length);
	while (done < length) {
		struct mincore_region r;
		char text[128], mask[128];
		const char *claim = "no";
		uint64_t unknown;
		ssize_t got = mincore2_emulate(map + done, length - done, &r, 1,
					       WANT, 0, &unknown);

		if (got != 1)
			errx(1, "mincore2_emulate: %s", strerror((int)-got));
		if (r.state & MINCORE_PERSIST)
			claim = "persist";
		else if (unknown & MINCORE_PERSIST)
			claim = "unknown";
		mincore2_state_string(r.state, text, sizeof(text));
		mincore2_bits_string(unknown, mask, sizeof(mask));
		printf("%#jx %#" PRIx64 " %s %s unknown=%s\n",
		       (uintmax_t)offset + done, (uint64_t)(r.end - r.start),
		       claim, text, mask);
		done = r.end - (uintptr_t)map;
	}
	return 0;
}
