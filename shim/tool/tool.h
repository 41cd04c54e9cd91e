/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mincore2 tool: what its files share.
 *
 * A file goes through: target.c (open, how large, how aligned), map.c (map,
 * populate, ask the kernel), facts.c (what user space can find out about it),
 * reasons.c (why not persistence-safe), then render.c and strip.c, or json.c.
 * The last ones work on a struct report alone, so tests can feed them.
 */
#ifndef MINCORE2_TOOL_H
#define MINCORE2_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "mincore2.h"

/* Exit status, documented in mincore2(1). */
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* ---- options.c ---- */

struct page_range { uint64_t first, last; };	/* page numbers, inclusive */

struct options {
	bool populate, read, json, private_map, no_sync;
	struct page_range *write_pages;		/* malloc()ed */
	size_t nr_write_pages;
};

/**
 * parse_page_list() - read a list as in "0,5,10-20"
 * @text: the list
 * @ranges: receives an array to free(); NULL on error
 * @nr: receives its number of elements
 *
 * Return: 0, -EINVAL for a malformed list, -ENOMEM.
 */
int parse_page_list(const char *text, struct page_range **ranges, size_t *nr);

/* ---- target.c ---- */

enum target_kind { TARGET_FILE, TARGET_DEVDAX };

struct target {
	const char *path;	/* as the user gave it */
	enum target_kind kind;
	int fd;			/* -1: none */
	bool writable;		/* opened for reading and writing */
	uint64_t size;		/* bytes */
	size_t align;		/* bytes that length and address must be a multiple of */
	dev_t dev;		/* of the filesystem, or of the device itself */
};

/**
 * target_open() - open what is to be mapped
 * @target: receives it; fd is -1 on error
 * @path: regular file or device-dax
 * @need_write: the mapping is to be shared and writable, if that is allowed
 * @error: receives one line on error
 * @size: bytes at @error
 *
 * Return: 0 or a negative errno.
 */
int target_open(struct target *target, const char *path, bool need_write,
		char *error, size_t size);
void target_close(struct target *target);

/* ---- map.c ---- */

enum map_type { MAPPING_SHARED, MAPPING_SYNC, MAPPING_PRIVATE };

struct mapping {
	void *addr;		/* NULL: none, or no longer */
	uint64_t start;		/* where it is or was */
	size_t len;		/* bytes, a multiple of target.align */
	enum map_type type;
	bool writable;		/* PROT_WRITE */
	int sync_errno;		/* why MAP_SYNC was refused, 0: it was not */
};

struct region_list {
	struct mincore_region *region;
	size_t nr, room;
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

/**
 * mapping_query() - all regions of a mapping, merged across calls
 *
 * Return: 0, or a negative errno and a line in @error.
 */
int mapping_query(const struct mapping *mapping, struct region_list *list,
		  char *error, size_t size);

/* Append @region to @list, merging it with its neighbour. 0 or -ENOMEM. */
int region_append(struct region_list *list, const struct mincore_region *region);
void region_list_free(struct region_list *list);

/* ---- facts.c, facts_ext4.c ---- */

enum device_kind {
	DEVICE_UNKNOWN,		/* nothing known to be special about it */
	DEVICE_PMEM,		/* region of the nvdimm bus, persistent */
	DEVICE_VIRTIO_PMEM,
	DEVICE_E820,		/* legacy type 12, memmap=nn!ss */
	DEVICE_UNARMED,		/* an NVDIMM whose energy source is dead */
	DEVICE_NO_FLUSH,	/* the region's driver cannot guarantee persistence */
	DEVICE_VOLATILE,	/* volatile region, soft-reserved, CXL RAM */
	DEVICE_MAPPER,
	DEVICE_MD,
};

enum tristate { NOT_KNOWN, NO, YES };

/* What user space can find out about the thing that was mapped. */
struct facts {
	char fstype[32];		/* "" for a device */
	char source[256];		/* mount source, or "" */
	char options[1024];		/* of mount and superblock, ",a,b,c," */
	char device[64];		/* kernel name, "pmem0", "dax0.0", or "" */
	enum device_kind device_kind;
	char persistence_domain[32];	/* of the region, or "" */
	enum tristate dax_attr;		/* STATX_ATTR_DAX */
	enum tristate journal;		/* ext4: runs with a journal */
	enum tristate journal_outside;	/* ext4: it is on another device */
	enum tristate fast_commit;	/* ext4 */
	enum tristate shared_extents;	/* XFS reflink */
	enum tristate realtime;		/* XFS realtime file */
};

/**
 * facts_collect() - find out what can be found out; what cannot stays unknown
 * @facts: receives it
 * @target: open file or device
 * @root: prefix for /proc and /sys; "" but in tests
 */
void facts_collect(struct facts *facts, const struct target *target,
		   const char *root);

/* Parts of it, for tests. */
int facts_mount(struct facts *facts, const char *root, uint64_t mount_id);
void facts_device(struct facts *facts, const char *root, const char *class,
		  dev_t dev);
void facts_ext4(struct facts *facts, const char *root, dev_t dev);
void facts_ext4_super(struct facts *facts, const uint8_t super[1024]);
bool facts_option(const struct facts *facts, const char *option);

/* As snprintf() into PATH_MAX bytes; a path too long becomes "", which is no file. */
__attribute__((format(printf, 2, 3)))
void path_print(char *path, const char *format, ...);
/* Read the first line of a small text file. Its length or negative errno. */
ssize_t read_line(const char *path, char *buf, size_t size);

/* ---- reasons.c ---- */

/* Everything known about one FILE of the command line. */
struct report {
	char error[512];	/* not "": failed; only target.path is valid */
	char warning[512];	/* not "": the pages could not be touched as asked */
	struct target target;
	struct mapping mapping;
	struct facts facts;
	struct region_list regions;
};

enum backing {
	BACKING_DAX,
	BACKING_HOLE,		/* DAX, and the shared zero page is mapped */
	BACKING_PAGE_CACHE,
	BACKING_HUGETLB,
	BACKING_COPIED,		/* private copy of a page of the file */
	BACKING_ZERO,		/* zero page where no DAX is */
	BACKING_UNMAPPED,
};

struct reason {
	const char *code;	/* for programs; NULL: none needed */
	char text[200];		/* for people, one line */
};

enum backing state_backing(const struct report *report, uint64_t state);
const char *backing_name(enum backing backing);
/* Why the pages of a region in this state are not persistence-safe. */
void state_reason(const struct report *report, uint64_t state,
		  struct reason *reason);

/* ---- text.c ---- */

struct terminal {
	size_t width;	/* columns */
	bool utf8, colour;
};

void terminal_detect(struct terminal *terminal, int fd);
/* Size in human units, truncated: "4 KiB", "1.5 MiB". @buf has 24 bytes. */
const char *human_size(uint64_t bytes, char buf[24]);
/* "PMD 2M"; "-" for none. @buf has 24 bytes. */
const char *level_text(uint64_t state, char buf[24]);
const char *level_name(uint64_t state);
/* A copy that is safe on a terminal: control characters become "?". */
void clean_text(const char *from, char *to, size_t size);
/* Print words within @width columns, further lines indented by @indent. */
void print_wrapped(FILE *out, const char *text, size_t column, size_t indent,
		   size_t width);
/* Columns that UTF-8 text takes when no character is wide. */
size_t text_columns(const char *text);

/* ---- strip.c, render.c, json.c ---- */

void strip_print(FILE *out, const struct terminal *terminal,
		 const struct report *report);
void report_print(FILE *out, const struct terminal *terminal,
		  const struct report *report);
void json_print(FILE *out, const struct report *reports, size_t nr);

#endif /* MINCORE2_TOOL_H */
