/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of "writes" share. See writes.c.
 */
#ifndef WRITES_H
#define WRITES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE	4096UL
#define PMD	(2UL << 20)

/* What is measured: where, and what its rows are called. */
struct target {
	const char *dir;	/* the filesystem is mounted there */
	const char *name;	/* ext4, ext4-fc, xfs, tmpfs */
	const char *device;	/* its block device's name below /sys/block, or NULL */
};

uint64_t now(void);

/* What two readings of the clock are apart at least. */
uint64_t clock_cost(void);

/* A line of the table. "unit" is "cost" for what now() counts. */
void row(const struct target *t, const char *what, const char *unit, unsigned long n, double value);

/* A new, empty file, open for reading and writing. The path is put in "path". */
int new_file(const struct target *t, char path[200], int flags);
void remove_file(int fd, const char *path);

/* That many pages with data, and nothing of the file left to write. */
void fill(int fd, unsigned long pages);

/* Mapped where no PMD entry fits, so that each page has a fault of its own. */
char *map_pages(int fd, bool sync, unsigned long pages);
void unmap_pages(char *map, unsigned long pages);

/* A reflink copy of the file. Its path is put in "path". */
int clone_file(const struct target *t, int fd, char path[200]);

/*
 * A file of that many pages that has been the source of a reflink; the other file
 * is gone, so nothing of it is shared, and the flag stays.
 */
int flagged_file(const struct target *t, char path[200], unsigned long pages);

void measure_writes(const struct target *t);	/* appends and overwrites: plain.c */
void measure_growth(const struct target *t);	/* fallocate beside faults: grow.c */
void measure_stores(const struct target *t);	/* MAP_SYNC: stores.c */
void measure_nowait(const struct target *t);	/* IOCB_NOWAIT: nowait.c */
void measure_owner(const struct target *t);	/* blocks that were shared: owner.c */

#endif
