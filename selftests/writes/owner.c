// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes in place to blocks that another file has let go of, on XFS. As long as the
 * log has not been forced since, such a write has to wait for that: a crash would
 * give the block back to the other file.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "writes.h"

#define WRITES	1024UL

static char buffer[PAGE];

/* A file and its clone, of twice as many pages as are written. */
struct pair {
	int fd, clone;
	char path[200], clone_path[200];
};

static void make_pair(const struct target *t, struct pair *p)
{
	p->fd = new_file(t, p->path, 0);
	fill(p->fd, 2 * WRITES);
	p->clone = clone_file(t, p->fd, p->clone_path);
	sync();
}

static void remove_pair(const struct pair *p)
{
	remove_file(p->clone, p->clone_path);
	remove_file(p->fd, p->path);
}

static void let_go(const struct pair *p, unsigned long page, unsigned long pages)
{
	if (fallocate(p->clone, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      page * PAGE, pages * PAGE))
		err(1, "fallocate: punch hole");
}

static uint64_t write_page(const struct pair *p, unsigned long page)
{
	uint64_t start = now();

	if (pwrite(p->fd, buffer, PAGE, page * PAGE) != (ssize_t)PAGE)
		err(1, "pwrite");
	return now() - start - clock_cost();
}

/* The holes are on stable storage; with "beside" those of other blocks are not. */
static void nothing_pending(const struct target *t, bool beside)
{
	uint64_t took = 0;
	struct pair p;

	make_pair(t, &p);
	let_go(&p, 0, WRITES);
	sync();
	for (unsigned long i = 0; beside && i < WRITES; i++)
		let_go(&p, WRITES + i, 1);
	for (unsigned long i = 0; i < WRITES; i++)
		took += write_page(&p, i * 1031 % WRITES);
	row(t, beside ? "write in place, the other owner has let go of 1024 other blocks" :
		"write in place, the other owner is gone for good",
	    "cost", WRITES, (double)took / WRITES);
	remove_pair(&p);
}

static void pending(const struct target *t)
{
	uint64_t took = 0, longest = 0;
	struct pair p;

	make_pair(t, &p);
	for (unsigned long i = 0; i < WRITES; i++) {
		unsigned long page = i * 1031 % WRITES;
		uint64_t one;

		let_go(&p, page, 1);
		one = write_page(&p, page);
		took += one;
		if (one > longest)
			longest = one;
	}
	row(t, "write in place, the other owner has just let go of the block", "cost",
	    WRITES, (double)took / WRITES);
	row(t, "write in place, the other owner has just let go of the block", "longest",
	    WRITES, longest);
	for (unsigned long i = 0; i < WRITES; i++)
		let_go(&p, WRITES + i, 1);
	row(t, "write in place, the other owner has just let go of 1024 blocks", "cost", 1,
	    write_page(&p, WRITES));
	remove_pair(&p);
}

static void pending_store(const struct target *t)
{
	uint64_t took = 0;
	struct pair p;
	char *map;

	make_pair(t, &p);
	map = map_pages(p.fd, true, WRITES);
	for (unsigned long i = 0; i < WRITES; i++) {
		unsigned long page = i * 1031 % WRITES;
		uint64_t start;

		let_go(&p, page, 1);
		start = now();
		*(volatile uint64_t *)(map + page * PAGE) = start;
		took += now() - start - clock_cost();
	}
	row(t, "first MAP_SYNC store, the other owner has just let go of the block", "cost",
	    WRITES, (double)took / WRITES);
	unmap_pages(map, WRITES);
	remove_pair(&p);
}

void measure_owner(const struct target *t)
{
	memset(buffer, 'o', sizeof(buffer));
	nothing_pending(t, false);
	nothing_pending(t, true);
	pending(t);
	pending_store(t);
}
