/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mincore2 tool: what its files share.
 *
 * A file goes through report.c, which calls target.c or process.c (open, how
 * large, how aligned), map.c (map, populate), ask.c (ask the kernel, or the
 * emulation), facts.c and extents.c (what user space can find out about it). Then reasons.c (why not
 * persistence-safe) and verdict.c (the sum, and why not PMD) draw conclusions,
 * and render.c with strip.c, json.c, check.c or explain.c print them.
 * The last two steps work on a struct report alone, so tests can feed them.
 */
#ifndef MINCORE2_TOOL_H
#define MINCORE2_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "mincore2.h"

#include "options.h"
#include "facts.h"

/* Exit status, documented in mincore2(1). */
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* What can be shown; see text.c. */
struct terminal {
	size_t width;	/* columns */
	bool utf8, colour;
	bool bytes;	/* sizes as numbers of bytes */
	bool summary;	/* no rows */
	size_t rows;	/* regions to show at most, 0: all */
	size_t height;	/* lines, 0: no terminal */
};

/* ---- target.c ---- */

enum target_kind { TARGET_FILE, TARGET_DEVDAX };

struct target {
	const char *path;	/* as the user gave it */
	enum target_kind kind;
	int fd;			/* -1: none */
	bool writable;		/* opened for reading and writing */
	uint64_t file_size;	/* bytes of all of it */
	uint64_t offset;	/* where in the file the mapping starts */
	uint64_t size;		/* bytes from there on */
	size_t align;		/* bytes that length and address must be a multiple of */
	uint64_t like;		/* address to be like, modulo what large entries need */
	dev_t dev;		/* of the filesystem, or of the device itself */
	ino_t ino;
};

/**
 * target_open() - open what is to be mapped
 * @target: receives it; fd is -1 on error
 * @path: regular file or device-dax
 * @need_write: open it for writing as well, if that is allowed
 * @error: receives one line on error
 * @size: bytes at @error
 *
 * Return: 0 or a negative errno.
 */
int target_open(struct target *target, const char *path, bool need_write,
		char *error, size_t size);
void target_close(struct target *target);
/**
 * target_cut() - leave what the options ask for
 * @target: of a file, or of a part of it that a process has mapped
 * @start, @end: bytes of the file that are wanted, @start less than @end
 * @align: cut at multiples of this, or of what can be mapped if that is more
 *
 * Return: 0, or -ERANGE and a line in @error: it does not lie in @target.
 */
int target_cut(struct target *target, uint64_t start, uint64_t end,
	       uint64_t align, char *error, size_t size);

/* Is @dev a device-dax? Then @device receives what is known of it. */
bool devdax_find(dev_t dev, struct mincore2_device *device);
/* Bytes of a page, and of the PMD entry above it. */
size_t page_size(void);
size_t pmd_size(void);

/* ---- process.c ---- */

/* A mapping of another process, as /proc tells about it. */
struct process {
	pid_t pid;		/* 0: none */
	uint64_t start, end;	/* what was asked for */
	uint64_t map_start, map_end, offset;	/* the mapping that it lies in */
	unsigned int major, minor;
	uint64_t ino;
	bool shared, writable;
	bool sync;		/* flagged MAP_SYNC; see process_sync() */
	char path[4096];	/* of the file */
};

/* Is it PID:ADDRESS or PID:START-END (hexadecimal)? */
bool process_operand(const char *text);
/**
 * process_find() - look the mapping up that an operand names
 * @process: receives it; without @sync
 * @operand: process_operand() is true
 * @root: prefix for /proc; "" but in tests
 * @error: receives one line on error
 * @size: bytes at @error
 *
 * Return: 0 or a negative errno.
 */
int process_find(struct process *process, const char *operand,
		 const char *root, char *error, size_t size);
/* One line of maps; is it the mapping that @process->start lies in? */
bool process_parse_map(struct process *process, const char *line);
/**
 * process_sync() - was the mapping made with MAP_SYNC?
 *
 * Only smaps tells, and reading smaps splits the 1 GiB entries of device-dax
 * that the process has: where it has any, this does not read it.
 *
 * Return: 1, 0, or a negative errno; -EBUSY: it was not looked at.
 */
int process_sync(const struct process *process, const char *root);
/*
 * Open its file as a target: the same range, to be mapped in the same way, but
 * for writing only with @need_write.
 */
int process_open(const struct process *process, struct target *target,
		 bool need_write, char *error, size_t size);
/* Is the mapping still what it was? */
bool process_same(const struct process *process, const char *operand,
		  const char *root);

/* ---- map.c ---- */

enum map_type { MAPPING_SHARED, MAPPING_SYNC, MAPPING_PRIVATE };

struct mapping {
	void *addr;		/* NULL: none, or no longer */
	uint64_t start;		/* where it is or was */
	size_t len;		/* bytes, a multiple of target.align */
	uint64_t offset;	/* in the file */
	enum map_type type;
	bool writable;		/* PROT_WRITE */
	int sync_errno;		/* why MAP_SYNC was refused, 0: it was not */
};

int mapping_create(struct mapping *mapping, const struct target *target,
		   const struct options *options, char *error, size_t size);
void mapping_destroy(struct mapping *mapping);

/**
 * mapping_touch() - put pages into the page tables, as the options say
 *
 * Return: 0, or a negative errno and a line in @error; the mapping is as good
 * as before.
 */
int mapping_touch(const struct mapping *mapping, const struct options *options,
		  char *error, size_t size);

/*
 * Progress of long work on standard error, if that is a terminal: WHAT: DONE of
 * ALL. It is gone once @done is @all.
 */
void progress(const char *what, time_t start, uint64_t done, uint64_t all);
/* Fault a part in for reading. Returns 0 or a negative errno. */
int mapping_read(const struct mapping *mapping, size_t offset, size_t len,
		 bool (*cancelled)(void));

/* Into @error: the text, and what @err means. Returns -@err. */
__attribute__((format(printf, 4, 5)))
int fail_with(char *error, size_t size, int err, const char *format, ...);

/* ---- ask.c ---- */

struct region {
	uint64_t start, end;	/* addresses */
	uint64_t state;
	uint64_t unknown;	/* bits asked for that read 0 as they are not known */
};

struct region_list {
	struct region *region;
	size_t nr, room;
};

/**
 * way_choose() - where answers come from
 * @options: receives it
 *
 * Return: NULL, or why there is no way as the options want it.
 */
const char *way_choose(struct options *options);
/* One line on what that means for the reader; NULL: native, nothing to say. */
const char *way_note(enum mincore2_way way);

/**
 * mapping_query() - all regions of a mapping, merged across calls
 * @mapping: the mapping
 * @way: whom to ask
 * @bits: state bits to ask for
 * @cancelled: asked now and then whether to give up; NULL: never
 * @list: receives them
 * @error: receives one line on error
 * @size: bytes at @error
 *
 * Return: 0, or a negative errno and a line in @error.
 */
int mapping_query(const struct mapping *mapping, enum mincore2_way way,
		  unsigned int bits, bool (*cancelled)(void),
		  struct region_list *list, char *error, size_t size);

/* Append @region to @list, merging it with its neighbour. 0 or -ENOMEM. */
int region_append(struct region_list *list, const struct region *region);
void region_list_free(struct region_list *list);

/* ---- extents.c ---- */

struct extent {
	uint64_t logical, physical, length;	/* bytes; in the file, on the device */
	bool unwritten;		/* allocated, but reads as zeros */
};

struct extent_list {
	struct extent *extent;	/* by offset in the file */
	size_t nr, room;
	bool known;		/* the filesystem tells */
};

/**
 * extents_read() - the extents of a range of a file, by FIEMAP
 * @list: receives them, with those cut that reach out of the range
 * @fd: the file
 * @start, @length: the range, in bytes
 *
 * Return: 0, -ENOMEM, or the negative errno of the ioctl; @list->known is set
 * only with 0.
 */
int extents_read(struct extent_list *list, int fd, uint64_t start,
		 uint64_t length);
int extent_append(struct extent_list *list, const struct extent *extent);
void extent_list_free(struct extent_list *list);

/* ---- reasons.c ---- */

/* Everything known about one FILE of the command line. */
struct report {
	char error[512];	/* not "": failed; only target.path is valid */
	char warning[512];	/* not "": the pages could not be touched as asked */
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
uint64_t report_offset(const struct report *report, uint64_t address);
/* The address to show: that of the process, where there is one. */
uint64_t report_address(const struct report *report, uint64_t address);

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

struct verdict {
	uint64_t bytes;		/* of the mapping */
	uint64_t level[4];	/* by state & MINCORE_LEVEL >> 2; [0]: no entry */
	uint64_t persist;
	uint64_t level_unknown, persist_unknown;	/* in neither of these */
	struct fallback *fallback;
	size_t nr_fallbacks;
};

/* Sum @report up; 0 or -ENOMEM. */
int verdict_make(struct verdict *verdict, const struct report *report);
void verdict_free(struct verdict *verdict);
const char *cause_code(enum cause cause);
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

/* ---- report.c ---- */

/**
 * report_examine() - all about one FILE
 * @report: receives it; report_free() it in any case
 * @path: the operand
 * @options: how
 *
 * Where touching the pages fails, the report is good all the same: the
 * warning says that not all is as asked for.
 *
 * Return: 0 or a negative errno.
 */
int report_examine(struct report *report, const char *path,
		   const struct options *options);
void report_free(struct report *report);
/* Print "mincore2: FILE: @text" on standard error, if there is a text. */
void report_complain(const struct report *report, const char *text);

/* The steps of it, for watch: open and map; ask (and look at the extents). */
int report_open(struct report *report, const char *path,
		const struct options *options);
int report_ask(struct report *report, const struct options *options);
/* Is it DAX as far as can be known without asking? Then a read fault moves no data. */
bool report_is_dax(const struct report *report);
/* What can be let go of once nothing more is asked. */
void report_close(struct report *report);

/* ---- check.c, watch.c, explain.c ---- */

int check_files(const struct options *options);
int watch_files(const struct options *options);
int explain_files(const struct options *options);
void explain_print(FILE *out, const struct terminal *terminal,
		   const struct report *report, const struct options *options);

/* ---- advice.c ---- */

/* What to change about a reason, or about a cause; NULL: nothing can be. */
const char *reason_advice(const struct report *report, const char *code);
const char *cause_advice(const struct report *report, enum cause cause);

/* ---- text.c ---- */

void terminal_detect(struct terminal *terminal, int fd);
/* Size in human units, truncated: "4 KiB", "1.5 MiB". @buf has 24 bytes. */
const char *human_size(uint64_t bytes, char buf[24]);
/* Size as the user wants it. @buf has 24 bytes. */
const char *size_text(const struct terminal *terminal, uint64_t bytes,
		      char buf[24]);
/* "PMD 2M"; "-" for none. @buf has 24 bytes. */
const char *level_text(uint64_t state, char buf[24]);
const char *level_name(uint64_t state);
/*
 * Print text of others, all of it: what is no character here, and what a terminal
 * would obey, becomes "?".
 */
void print_clean(FILE *out, const char *text);
/*
 * Print words within @width columns, further lines indented by @indent; in the
 * same way, and each character is taken for a column.
 */
void print_wrapped(FILE *out, const char *text, size_t column, size_t indent,
		   size_t width);
/* As snprintf(), into memory to free(). Without memory the program ends. */
__attribute__((format(printf, 1, 2)))
char *text_of(const char *format, ...);

/* ---- strip.c, render.c, json.c, columns.c ---- */

/* The text of a column of a row, but for the last two. */
void region_cell(const struct report *report, const struct region *region,
		 int column, bool bytes, char cell[CELL]);
const char *column_name(int column);
/* Those that the options name, of all files. */
void columns_print(FILE *out, const struct report *reports, size_t nr,
		   const struct options *options);
/* Prometheus' text format. */
void metrics_print(FILE *out, const struct report *reports, size_t nr);

void strip_print(FILE *out, const struct terminal *terminal,
		 const struct report *report);
void report_print(FILE *out, const struct terminal *terminal,
		  const struct report *report);
/* The first lines of it: what was mapped, and how. */
void head_print(FILE *out, const struct terminal *terminal,
		const struct report *report);
void json_print(FILE *out, const struct report *reports, size_t nr);
/* A string in quotes, whatever its bytes are. */
void json_string(FILE *out, const char *text);
/* What "version" is in all JSON; it changes when something is taken out. */
enum { JSON_VERSION = 1 };

#endif /* MINCORE2_TOOL_H */
