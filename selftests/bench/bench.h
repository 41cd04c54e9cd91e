/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the benchmark know of each other. A "mapping" is memory in
 * some state; a "rival" is a way to ask about it; bench.c asks each rival about
 * each mapping at each size.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/mincore.h>

#define PAGE		((size_t)4096)
#define MIB		((size_t)1 << 20)
#define GIB		((size_t)1 << 30)
#define HUGE_PAGE	(2 * MIB)

#define BYTE_STATES	(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL |	\
			 MINCORE_PERSIST | MINCORE_WRITABLE)
#define ALL_STATES	(BYTE_STATES | MINCORE_ZERO)

/**
 * struct mapping - memory to ask about
 * @name:	for the table
 * @what:	for people
 * @make:	maps it and brings it into its state; the address, or NULL with the
 *		reason in *why
 * @length:	bytes
 * @entry:	bytes that an entry of its page tables reaches
 * @level:	what MINCORE_LEVEL has to say of its first page, checked; 0: no entry
 * @again:	faults in again what a rival may have destroyed, or NULL
 * @fd:		the file, or -1; set by @make
 * @file:	its path, if there is one; set by @make
 */
struct mapping {
	const char *name;
	const char *what;
	char *(*make)(struct mapping *m, const char **why);
	size_t length;
	size_t entry;
	unsigned int level;
	void (*again)(struct mapping *m, char *addr);
	int fd;
	const char *file;
};

/**
 * struct rival - a way to ask
 * @name:	for the table
 * @ask:	asks about a range; a number that tells how it went, or negative: it
 *		cannot be asked (and is left out)
 * @flags:	handed to @ask
 * @undo:	takes back what @ask did, unmeasured, or NULL
 */
struct rival {
	const char *name;
	long (*ask)(const struct rival *r, struct mapping *m, char *addr,
		    size_t length);
	unsigned int flags;
	void (*undo)(void);
};

extern struct mapping mappings[];
extern const size_t nr_mappings;
extern const struct rival rivals[];
extern const size_t nr_rivals;

/* What the last question took, if the rival measures that itself; else negative. */
int64_t rival_took(const struct rival *r);
/* Opens what the rivals need once; the calls' answers are checked later. */
void rivals_init(void);
/* Prints the longest holds of the locks. */
void report_holds(struct mapping *m, char *addr, size_t length);
/* What scans cost a thread that changes mappings meanwhile; for main() to return. */
int contention(void);
/* Are the answers those of mincore()'s old walk? For main() to return. */
int judge(void);
/* What it costs to make data durable; for main() to return. */
int library(void);
/* Nanoseconds; instructions in a guest whose clock counts them. */
int64_t now(void);
/* What reading the clock adds to what is measured. */
int64_t clock_cost(void);

#endif
