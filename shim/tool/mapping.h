/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mincore2 tool: what is mapped, and what is asked about it. target.c and
 * process.c find it, map.c maps it and touches its pages, ask.c asks, extents.c
 * asks its filesystem.
 */
#ifndef MINCORE2_TOOL_MAPPING_H
#define MINCORE2_TOOL_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "device.h"
#include "maps.h"
#include "mincore2.h"
#include "options.h"
#include "pages.h"

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
 *
 * Return: 0 or a negative errno.
 */
int target_open(struct target *target, const char *path, bool need_write,
		char *error);
void target_close(struct target *target);

/**
 * target_cut() - leave what --offset and --length ask for
 * @target: of a file, or of a part of it that a process has mapped
 * @options: the command line
 * @error: receives one line on error
 *
 * Only what is wanted is mapped: a file may be larger than the address space. To
 * explain a page takes all that a large entry would map.
 *
 * Return: 0, or -ERANGE: the offset does not lie in @target.
 */
int target_cut(struct target *target, const struct options *options, char *error);

/* Is @dev a device-dax: @device receives what is known of it. 0 or a negative errno. */
int devdax_find(dev_t dev, struct mincore2_device *device);
/* Bytes of a page, and of the PMD entry above it. */
static inline size_t page_size(void)
{
	return (size_t)mincore2_page_size();
}

static inline size_t pmd_size(void)
{
	return (size_t)1 << mincore2_pmd_shift();
}

/* ---- process.c ---- */

/* A mapping of another process, as /proc tells about it. */
struct process {
	pid_t pid;		/* 0: none */
	int pidfd;
	uint64_t start, end;	/* what was asked for */
	struct mincore2_vma vma;	/* the mapping that it lies in */
	bool sync;		/* flagged MAP_SYNC; see process_sync() */
	char path[4096];	/* of the file */
};

/* The number of PID:ADDRESS or PID:START-END (hexadecimal); 0: it is neither. */
pid_t process_operand(const char *text);
/**
 * process_find() - look the mapping up that an operand names
 * @process: receives it; without @pidfd and @sync
 * @operand: process_operand() knows it
 * @root: prefix for /proc; "" but in tests
 * @error: receives one line on error
 *
 * Return: 0 or a negative errno.
 */
int process_find(struct process *process, const char *operand,
		 const char *root, char *error);
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
/* Open its file as a target, to find out what it is. */
int process_open(const struct process *process, struct target *target,
		 char *error);
/* A pidfd, or a negative errno and a line in @error. */
int process_pidfd(pid_t pid, char *error);
/* Why a file of a process in /proc cannot be opened, if that failed with @err. */
int process_errno(pid_t pid, int err);
/* Can this tool name its addresses? 0, or -EOVERFLOW and a line in @error. */
int process_reach(const struct mincore2_vma *vma, char *error);
/* Is the mapping still what it was? */
bool process_same(const struct process *process, const char *operand,
		  const char *root);

/* ---- map.c ---- */

enum map_type { MAPPING_SHARED, MAPPING_SYNC, MAPPING_PRIVATE };

struct mapping {
	void *addr;		/* NULL: none, or no longer, or another process's */
	const struct process *process;	/* whose it is; NULL: ours */
	uint64_t start;		/* where it is or was */
	size_t len;		/* bytes, a multiple of target.align */
	uint64_t offset;	/* in the file */
	enum map_type type;
	bool writable;		/* PROT_WRITE */
	int sync_errno;		/* why MAP_SYNC was refused, 0: it was not */
};

int mapping_create(struct mapping *mapping, const struct target *target,
		   const struct options *options, char *error);
/* That of a process, as it is. */
void mapping_of_process(struct mapping *mapping, const struct process *process,
			const struct target *target);
void mapping_destroy(struct mapping *mapping);

/**
 * mapping_touch() - put pages into the page tables, as the options say
 *
 * Return: 0, or a negative errno and a line in @error; the mapping is as good
 * as before.
 */
int mapping_touch(const struct mapping *mapping, const struct options *options,
		  char *error);

/*
 * Progress of long work on standard error, if that is a terminal: WHAT: DONE of
 * ALL. It is gone once @done is @all.
 */
void progress(const char *what, time_t start, uint64_t done, uint64_t all);
/* Fault a part in. Returns 0 or a negative errno. */
int mapping_fault(const struct mapping *mapping, size_t offset, size_t len,
		  bool write, bool (*cancelled)(void));

/* ---- ask.c ---- */

struct region {
	uint64_t start, end;	/* addresses */
	uint64_t state;
	uint64_t unknown;	/* bits asked for that read 0 as they are not known */
};

struct region_list {
	struct region *region;
	size_t nr;
};

static inline uint64_t region_bytes(const struct region *region)
{
	return region->end - region->start;
}

/* Bytes that [@start, @end) and [@from, @to) have in common. */
static inline uint64_t overlap(uint64_t start, uint64_t end, uint64_t from, uint64_t to)
{
	start = start > from ? start : from;
	end = end < to ? end : to;
	return end > start ? end - start : 0;
}

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
 *
 * Return: 0, or a negative errno and a line in @error.
 */
int mapping_query(const struct mapping *mapping, enum mincore2_way way,
		  unsigned int bits, bool (*cancelled)(void),
		  struct region_list *list, char *error);

/* Append @region to @list, merging it with its neighbour. */
void region_append(struct region_list *list, const struct region *region);
void region_list_free(struct region_list *list);

/* ---- extents.c ---- */

struct extent {
	uint64_t logical, physical, length;	/* bytes; in the file, on the device */
	bool unwritten;		/* allocated, but reads as zeros */
};

struct extent_list {
	struct extent *extent;	/* by offset in the file */
	size_t nr;
	bool known;		/* the filesystem tells */
};

/**
 * extents_read() - the extents of a range of a file, by FIEMAP
 * @list: receives them, with those cut that reach out of the range
 * @fd: the file
 * @start, @length: the range, in bytes
 *
 * Return: 0, or the negative errno of the ioctl; @list->known is set only with 0.
 */
int extents_read(struct extent_list *list, int fd, uint64_t start,
		 uint64_t length);
void extent_append(struct extent_list *list, const struct extent *extent);
void extent_list_free(struct extent_list *list);

#endif /* MINCORE2_TOOL_MAPPING_H */
