/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk that mincore() and mincore2() share. For mm/ only; see mincore_walk.c.
 */
#ifndef __MM_MINCORE_WALK_H
#define __MM_MINCORE_WALK_H

#include <linux/types.h>
#include <linux/xarray.h>

/* The level of an entry, and in the uppermost byte the size that it maps. */
#define MINCORE_ENTRY(level, shift)	((level) | (u64)(shift) << 56)
/* Work under one hold of mmap_lock: VMAs, tables, huge entries, look-ups, 24 PTEs each. */
#define MINCORE_WORK			256

/* A walk in progress. */
struct mincore_walk {
	unsigned long addr;	/* all pages below have been reported */
	u64 want;		/* the bits to report; all others are cleared */
	int work;		/* may still be done before mmap_lock is dropped */
	u8 *byte;		/* where the next one goes; NULL: regions are wanted */
	struct mincore_region *region;	/* is being gathered; ends where the next starts */
	struct mincore_region *last;	/* when this one begins, @work is over */

	/* The rest is of the walk itself. */
	bool private_dax;	/* @vma is DAX, and copies a page that is written */
	struct vm_area_struct *vma;	/* is walked; what its pages have: */
	u64 page_state;		/* if they are in memory, whatever maps them */
	u64 unmapped_state;	/* without an entry */
	u64 writable;		/* with an entry that has write permission */
	struct xa_state xas;	/* of its page cache */
};

int mincore_walk_vma(struct mincore_walk *w, struct vm_area_struct *vma, unsigned long end);
int mincore_walk_gap(struct mincore_walk *w, unsigned long end);

#endif /* __MM_MINCORE_WALK_H */
