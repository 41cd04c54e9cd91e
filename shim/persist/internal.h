/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libmincore2-persist share.
 *
 * A call of mincore2_persistv() cuts its ranges into parts: first by what
 * mincore2(2) says (ask.c), those to be synced then by mapping (sync.c). Parts
 * are flushed (flush.c) or synced; the error of a part becomes its range's.
 */
#ifndef MINCORE2_PERSIST_INTERNAL_H
#define MINCORE2_PERSIST_INTERNAL_H

#include <stdbool.h>

#include "mincore2-persist.h"

/* The one way out: hidden is the default (Makefile). */
#define MINCORE2_API	__attribute__((visibility("default")))

enum part_kind {
	PART_FLUSH,	/* write back cache lines */
	PART_SYNC,	/* have the kernel write the file */
};

/**
 * struct part - bytes of one range that are treated alike
 * @range: index of the range
 * @kind: how they are made durable
 * @error: 0 or a negative errno
 * @start, @end: addresses
 *
 * Set for PART_SYNC by sync.c:
 * @fd: to sync by, or -1 for msync(2)
 * @dev, @ino: which file it is; @known: these are filled in
 * @mapping: where the mapping begins, if @fd is -1; 0 if not known
 * @low, @high: what to sync: offsets in the file if @fd is not -1 (@high 0: to
 *	the end), else addresses, whole pages
 * @members: parts, from this one on, that its request is for
 * @done: @error is the request's result
 */
struct part {
	size_t range;
	enum part_kind kind;
	int error;
	uintptr_t start, end;
	int fd;
	bool done, known;
	uint64_t dev, ino;
	uintptr_t mapping;
	uint64_t low, high;
	size_t members;
};

/**
 * struct call - one call of mincore2_persistv()
 * @ranges, @nr, @flags: its arguments
 * @deadline: in nanoseconds of CLOCK_MONOTONIC, or UINT64_MAX
 * @page: bytes of a page
 * @parts, @nr_parts, @room: the parts; @few: room for those of a small call
 */
struct call {
	struct mincore2_range *ranges;
	size_t nr;
	unsigned int flags;
	uint64_t deadline;
	uintptr_t page;
	struct part *parts;
	size_t nr_parts, room;
	struct part few[4];
};

static inline uintptr_t page_down(const struct call *call, uintptr_t addr)
{
	return addr & ~(call->page - 1);
}

static inline uintptr_t page_up(const struct call *call, uintptr_t addr)
{
	return page_down(call, addr + call->page - 1);
}

/* part.c */

/* A copy of @part at the end of @call's parts. Returns 0 or -EAGAIN. */
int part_add(struct call *call, const struct part *part);
/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now(void);
/*
 * Where pages go when a file shrinks, neither syncing nor write-back that is
 * not needed fails: it is the last page of a mapping that tells. Returns 0,
 * -EFAULT or -EHWPOISON; 0 from kernels that can not say so, and for memory that
 * may not be read.
 */
int still_there(struct call *call, const struct part *part);

/* ask.c */

/*
 * Cut all ranges without an error into parts of one kind. Stores the errors of
 * those that can not be; returns 0, or -EAGAIN without memory for the parts.
 */
int cut_ranges(struct call *call);
/*
 * Is all of [start, end), whole pages, persistence-safe? @may_emulate: where
 * the kernel can not say so, by what mincore2_emulate(3) proves.
 */
bool all_safe(uintptr_t start, uintptr_t end, bool may_emulate);

/* flush.c */

/*
 * The child runs on its parent's thread-local storage while that waits, as
 * after vfork(): sanitizers would take it for the parent.
 */
#if defined(__clang__)
#define NOT_SANITIZED	\
	__attribute__((no_sanitize("address", "thread", "undefined"), noinline))
#else
#define NOT_SANITIZED	\
	__attribute__((no_sanitize("address,thread,undefined"), noinline))
#endif

/*
 * Write back the cache lines of each PART_FLUSH whose range has no error. A
 * part that can not be read gets an error; if no guard against SIGBUS can be
 * had, parts become PART_SYNC.
 */
void flush_parts(struct call *call);

/* writeback.c */

/* Is there a way on this CPU? To be asked before the next two are called. */
bool can_write_back(void);
/* Start to write back the lines of [@start, @end). */
void write_back(uintptr_t start, uintptr_t end);
/* And wait until that is done, and non-temporal stores are. */
void fence(void);

/* vma.c */

/* A mapping of this process. */
struct vma {
	uintptr_t start, end;
	uint64_t offset;
	uint64_t dev, ino;
	bool shared;
};

/* Where look-ups come from, and the last answer. All 0 but @fd -1 at first. */
struct vma_source {
	int fd;
	bool text;	/* the kernel has no PROCMAP_QUERY */
	struct vma last;
};

/*
 * The mapping at @addr. Returns 0; -ENOMEM, nothing is mapped there; -ENOENT,
 * there is no /proc; -EAGAIN, no memory or no descriptors left.
 */
int vma_find(struct vma_source *source, uintptr_t addr, struct vma *vma);
void vma_close(struct vma_source *source);

/* memory.c */

/* The last answer. All 0 at first. */
struct memory_source {
	bool known;
	uint64_t dev;
	int ret;
};

/*
 * Of a file on filesystem @dev: 0; -EOPNOTSUPP, it is in memory only, or that is
 * not known; -ENOENT, there is no /proc; -EAGAIN.
 */
int memory_only(struct memory_source *source, uint64_t dev);

/* sync.c */

/* Have the kernel write what each PART_SYNC covers, and store the errors. */
int sync_parts(struct call *call);

#endif /* MINCORE2_PERSIST_INTERNAL_H */
