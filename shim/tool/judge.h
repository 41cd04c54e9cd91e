/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mincore2 tool: all about one FILE, and the conclusions. report.c puts it
 * together; reasons.c says why not persistence-safe, advice.c what to change,
 * verdict.c the sum and why not PMD. The conclusions are drawn from a struct
 * report alone, so tests can feed them.
 */
#ifndef MINCORE2_TOOL_JUDGE_H
#define MINCORE2_TOOL_JUDGE_H

#include "facts.h"
#include "mapping.h"
#include "text.h"

/* ---- report.c ---- */

/* Everything known about one FILE of the command line. */
struct report {
	char error[ERROR_SIZE];	/* not "": failed; only target.path is valid */
	char warning[ERROR_SIZE];	/* not "": the pages could not be touched as asked */
	struct target target;
	struct process process;	/* .pid 0: none */
	struct mapping mapping;
	struct facts facts;
	unsigned int bits;	/* state bits that were asked for */
	enum mincore2_way way;	/* whom */
	struct region_list regions;
	struct extent_list extents;
};

/* Offset in the file of an address of the mapping. */
static inline uint64_t report_offset(const struct report *report, uint64_t address)
{
	return report->target.offset + (address - report->mapping.start);
}

/* The address to show: that of the process, where there is one. */
static inline uint64_t report_address(const struct report *report,
				      uint64_t address)
{
	return report->process.pid ?
	       report->process.start + (address - report->mapping.start) : address;
}

/**
 * report_examine() - all about one FILE
 * @report: receives it; report_free() it in any case
 * @path: the operand
 * @options: how
 *
 * Where touching the pages fails, the report is good all the same: the
 * warning says that not all is as asked for. Both are printed on standard error.
 *
 * Return: 0 or a negative errno.
 */
int report_examine(struct report *report, const char *path,
		   const struct options *options);
void report_free(struct report *report);

/* The steps of it, for watch: open and map; ask (and look at the extents). */
int report_open(struct report *report, const char *path,
		const struct options *options);
int report_ask(struct report *report, const struct options *options);
/* Is it DAX as far as can be known without asking? Then a read fault moves no data. */
bool report_is_dax(const struct report *report);

/* ---- reasons.c ---- */

enum backing {
	BACKING_DAX,
	BACKING_HOLE,		/* DAX, and the shared zero page is mapped */
	BACKING_PAGE_CACHE,
	BACKING_HUGETLB,
	BACKING_COPIED,		/* private copy of a page of the file */
	BACKING_ZERO,		/* zero page where no DAX is */
	BACKING_UNMAPPED,
	BACKING_MAYBE_HOLE,	/* DAX; whether a hole is not known */
	BACKING_UNKNOWN,
	BACKING_NOT_CACHED,	/* a file in the page cache, of which this is not there */
};

struct reason {
	const char *code;	/* for programs; NULL: none needed */
	char text[200];		/* for people, one line */
};

/* Of a state that is known whole. */
enum backing state_backing(const struct report *report, uint64_t state);
enum backing region_backing(const struct report *report,
			    const struct region *region);
const char *backing_name(enum backing backing);
/* Why the pages of a region are not persistence-safe, or not known to be. */
void state_reason(const struct report *report, uint64_t state,
		  struct reason *reason);
void region_reason(const struct report *report, const struct region *region,
		   struct reason *reason);
/* Why the mapping does not allow long-term pins for writing, if it does not. */
void pin_reason(const struct report *report, struct reason *reason);

/* ---- verdict.c ---- */

/* Why a range is not mapped by PMD entries. */
enum cause {
	CAUSE_EXTENT,		/* the extent is not aligned as the file is */
	CAUSE_SPLIT,		/* more than one extent */
	CAUSE_HOLE,		/* no extent, or in part only */
	CAUSE_UNWRITTEN,	/* allocated, but not written */
	CAUSE_MIXED,		/* written in part */
	CAUSE_ADDRESS,		/* address and offset are not aligned alike */
	CAUSE_DEVICE,		/* the device-dax is of a smaller alignment */
	CAUSE_TOUCHED,		/* nothing of these: PTEs were there before */
	CAUSE_UNKNOWN,		/* the filesystem does not tell extents */
	NR_CAUSES
};

/* Ranges of PMD size, side by side, mapped by PTEs for the same cause. */
struct fallback {
	uint64_t offset, size;	/* in the file, bytes */
	enum cause cause;
	struct extent extent;	/* the first in the range; .length 0: none */
};

/* Bytes that have a bit, and of which it is not known. */
struct part { uint64_t yes, unknown; };

struct sums {
	uint64_t bytes;
	uint64_t level[NR_LEVELS + 1];	/* by level_of(): [0] no entry */
	struct part persist, resident, dax, writable, pinnable;
};

enum { LEVEL_UNKNOWN = NR_LEVELS };	/* of level[] */

/* Add @bytes that are as those of @region. */
void sums_add(struct sums *sums, const struct region *region, uint64_t bytes);

struct verdict {
	struct sums sums;	/* of the mapping */
	struct fallback *fallback;
	size_t nr_fallbacks;
};

/* Sum @report up. */
void verdict_make(struct verdict *verdict, const struct report *report);
void verdict_free(struct verdict *verdict);
const char *cause_code(enum cause cause);
/* What to change about it; NULL: nothing can be. */
const char *cause_advice(const struct report *report, enum cause cause);
/* One line about a fallback. */
void fallback_text(const struct report *report, const struct fallback *fallback,
		   bool bytes, char *text, size_t size);
/* Where what is added up comes from, modulo what a PMD entry maps. */
struct misfit {
	uint64_t offset, address;	/* of the range, in the file and in memory */
	uint64_t block, partition;	/* of its extent, of the device */
};

/* Is the cause one of these not fitting the others? */
bool fallback_misfit(const struct report *report, const struct fallback *fallback,
		     struct misfit *misfit);
/* One line about that, or "". */
void misfit_text(const struct report *report, const struct fallback *fallback,
		 char *text, size_t size);
/* One line about all, as in "persistence-safe; 87.5 % PMD, 12.5 % PTE". */
void verdict_text(const struct report *report, const struct verdict *verdict,
		  char *text, size_t size);
/* "12.5 %" without rounding up to what is not true. @buf has 16 bytes. */
const char *percent_text(uint64_t part, uint64_t all, char buf[16]);

/* ---- advice.c ---- */

/* What to change about a reason; NULL: nothing can be. */
const char *reason_advice(const struct report *report, const char *code);

#endif /* MINCORE2_TOOL_JUDGE_H */
