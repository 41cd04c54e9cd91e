// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Appends and overwrites by write(2).
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "writes.h"

#define WRITES	4096UL
#define PAGES	4096UL	/* of a file that is overwritten */

static char buffer[PAGE];

static void append(const struct target *t, size_t size)
{
	char path[200], what[80];
	int fd = new_file(t, path, O_APPEND);
	uint64_t start;

	if (write(fd, buffer, size) != (ssize_t)size)
		err(1, "append");
	start = now();
	for (unsigned long i = 0; i < WRITES; i++)
		if (write(fd, buffer, size) != (ssize_t)size)
			err(1, "append");
	snprintf(what, sizeof(what), "append of %zu bytes", size);
	row(t, what, "cost", WRITES, (double)(now() - start) / WRITES);
	remove_file(fd, path);
}

/*
 * Each append is followed by a store to the page that holds the end, by MAP_SYNC. The
 * stock kernel takes no fault there, and commits no size.
 */
static void append_mapped(const struct target *t)
{
	const unsigned long pages = WRITES * 64 / PAGE + 1;
	char path[200], *map;
	int fd = new_file(t, path, O_APPEND);
	uint64_t took = 0;

	if (write(fd, buffer, 64) != 64)
		err(1, "append");
	map = map_pages(fd, true, pages);
	for (unsigned long i = 1; i <= WRITES; i++) {
		uint64_t start = now();

		if (write(fd, buffer, 64) != 64)
			err(1, "append");
		((volatile char *)map)[i * 64] = 1;
		took += now() - start - clock_cost();
	}
	row(t, "append of 64 bytes, and a MAP_SYNC store to them", "cost", WRITES, (double)took / WRITES);
	unmap_pages(map, pages);
	remove_file(fd, path);
}

static void overwrite(const struct target *t, int fd, size_t size, const char *suffix)
{
	char what[80];
	uint64_t start;

	start = now();
	for (unsigned long i = 0; i < WRITES; i++)
		if (pwrite(fd, buffer, size, i * 1031 % PAGES * PAGE) != (ssize_t)size)
			err(1, "pwrite");
	snprintf(what, sizeof(what), "overwrite of %zu bytes%s", size, suffix);
	row(t, what, "cost", WRITES, (double)(now() - start) / WRITES);
}

static void overwrite_both(const struct target *t, bool flagged)
{
	const char *suffix = flagged ? ", reflink flag, nothing shared" : "";
	char path[200];
	int fd;

	if (flagged) {
		fd = flagged_file(t, path, PAGES);
	} else {
		fd = new_file(t, path, 0);
		fill(fd, PAGES);
	}
	overwrite(t, fd, 64, suffix);
	overwrite(t, fd, PAGE, suffix);
	remove_file(fd, path);
}

/*
 * Each page is in the page cache, as a load has mapped it. @zeroed: ext4 has zeroed blocks
 * beside a write to a short extent; from then on it looks for zero pages in this file.
 */
static void overwrite_mapped(const struct target *t, bool zeroed)
{
	const char *suffix = zeroed ? ", all pages mapped, some zeroed beside others" :
				      ", all pages mapped";
	char path[200], *map;
	int fd = new_file(t, path, 0);

	if (zeroed && (fallocate(fd, 0, 0, 8 * PAGE) ||
		       pwrite(fd, buffer, PAGE, 0) != (ssize_t)PAGE))
		err(1, "a short extent");
	fill(fd, PAGES);
	map = map_pages(fd, false, PAGES);
	for (unsigned long i = 0; i < PAGES; i++)
		(void)((volatile char *)map)[i * PAGE];
	overwrite(t, fd, 64, suffix);
	overwrite(t, fd, PAGE, suffix);
	unmap_pages(map, PAGES);
	remove_file(fd, path);
}

void measure_writes(const struct target *t)
{
	memset(buffer, 'b', sizeof(buffer));
	append(t, 64);
	append(t, PAGE);
	overwrite_both(t, false);
	if (!strcmp(t->name, "xfs"))
		overwrite_both(t, true);
	if (strcmp(t->name, "tmpfs") != 0) {
		overwrite_mapped(t, false);
		if (!strncmp(t->name, "ext4", 4))
			overwrite_mapped(t, true);
		append_mapped(t);
	}
}
