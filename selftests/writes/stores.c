// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first store to a page through a MAP_SYNC mapping, which commits what the page
 * depends on. The journal is quiet.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "writes.h"

#define STORES		1024UL
#define PAUSE_US	200	/* between two stores: others get their turn */

/* What the file is before the store. */
enum state {
	WRITTEN,	/* blocks on the device, no entry */
	ALLOCATED,	/* blocks that were not written yet */
	HOLE,		/* no blocks */
};

static const char *const state_names[] = { "written", "allocated", "a hole" };

/* Write requests that the device has completed so far, flushes among them. */
static unsigned long requests(const struct target *t)
{
	unsigned long value = 0;
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/stat", t->device);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*u %*u %*u %*u %lu", &value) != 1)
		err(1, "%s", path);
	fclose(f);
	return value;
}

static int make_file(const struct target *t, char path[200], enum state state)
{
	int fd = new_file(t, path, 0);

	if (state == ALLOCATED && fallocate(fd, 0, 0, STORES * PAGE))
		err(1, "fallocate");
	if (state == WRITTEN)
		fill(fd, STORES);
	if (ftruncate(fd, STORES * PAGE) || fsync(fd))
		err(1, "ftruncate and fsync");
	sync();
	return fd;
}

static void store(const struct target *t, enum state state)
{
	char path[200], what[80], *map;
	int fd = make_file(t, path, state);
	unsigned long before;
	uint64_t took = 0;

	map = map_pages(fd, true, STORES);
	before = requests(t);
	for (unsigned long i = 0; i < STORES; i++) {
		uint64_t start;

		usleep(PAUSE_US);
		start = now();
		*(volatile uint64_t *)(map + i * 1031 % STORES * PAGE) = start;
		took += now() - start - clock_cost();
	}
	snprintf(what, sizeof(what), "first MAP_SYNC store, page %s", state_names[state]);
	row(t, what, "cost", STORES, (double)took / STORES);
	before = requests(t) - before;
	if (state == HOLE && !before)
		errx(1, "%s counts no requests", t->device);
	row(t, what, "requests", STORES, (double)before / STORES);
	unmap_pages(map, STORES);
	remove_file(fd, path);
}

void measure_stores(const struct target *t)
{
	store(t, WRITTEN);
	store(t, ALLOCATED);
	store(t, HOLE);
}
