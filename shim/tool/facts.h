/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mincore2 tool: what user space can find out about a file.
 */
#ifndef MINCORE2_TOOL_FACTS_H
#define MINCORE2_TOOL_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "device.h"
#include "mincore2.h"

struct target;

enum tristate { NOT_KNOWN, NO, YES };

/* Where the data of a file are once fsync(2) has returned. */
enum keeping { KEPT_UNKNOWN, KEPT_IN_MEMORY, KEPT_ON_DEVICE };

/* What user space can find out about the thing that was mapped. */
struct facts {
	char fstype[32];		/* "" for a device */
	char source[4096];		/* mount source, or "" */
	char options[1024];		/* of mount and superblock, ",a,b,c," */
	char device[64];		/* kernel name, "pmem0", "dax0.0", or "" */
	enum device_kind device_kind;
	char persistence_domain[32];	/* of the region, or "" */
	char memory[96];		/* "CXL region0, decoder0.0", or "" */
	enum tristate flushes;		/* flush requests reach it: queue/write_cache */
	enum tristate write_backs;	/* the kernel writes caches back: dax/write_cache */
	uint64_t device_offset;		/* of the partition on its disk, bytes */
	enum tristate dax_attr;		/* STATX_ATTR_DAX */
	enum tristate journal;		/* ext4: runs with a journal */
	enum tristate journal_outside;	/* ext4: it is on another device */
	enum tristate realtime;		/* the file is, or can get, on an XFS realtime device */
	enum keeping keeping;
	bool memory_fs;			/* the filesystem itself is one of memory */
	bool no_fsync;			/* mounted so that fsync(2) writes nothing */
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
/* Which mount an open file is on. 0 or a negative errno. */
int facts_mount_id(const char *root, int fd, uint64_t *mount_id);
int facts_mount(struct facts *facts, const char *root, uint64_t mount_id);
/* One line of mountinfo, which is changed; is it the mount @mount_id? */
bool facts_parse_mount(struct facts *facts, char *line, uint64_t mount_id);
void facts_device(struct facts *facts, const char *root, const char *class,
		  dev_t dev);
void facts_ext4(struct facts *facts, const char *root);
bool facts_option(const struct facts *facts, const char *option);
/* Is one of the options "NAME=..."? */
bool facts_option_value(const struct facts *facts, const char *name);
/* @dev: of the filesystem that the file @fd is on. */
void facts_keeping(struct facts *facts, int fd, dev_t dev, const char *root);
/* The same of a block device. */
enum keeping device_keeping(dev_t dev, const char *root);
/* /proc writes blanks, tabs, newlines and backslashes as \ and 3 octal digits. */
void unescape_octal(char *text);

#endif /* MINCORE2_TOOL_FACTS_H */
