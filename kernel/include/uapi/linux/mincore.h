/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * mincore2(2): what backs each page of the caller's memory, at which level
 * it is mapped, and whether a store to it is persistence-safe.
 *
 * Documentation/userspace-api/mincore2.rst is the description.
 */
#ifndef _LINUX_MINCORE_H
#define _LINUX_MINCORE_H

#include <linux/types.h>

/*
 * State of a page. A caller asks for the bits it wants; the others read 0,
 * except for MINCORE_UNMAPPED, which is always reported, and MINCORE_DENIED,
 * which comes with MINCORE_RESIDENT.
 */
#define MINCORE_RESIDENT	0x00000001U	/* in memory, as mincore(2) says */
#define MINCORE_DAX		0x00000002U	/* no page cache in between */
#define MINCORE_LEVEL		0x0000000cU	/* mask of the level field: */
#define MINCORE_PTE		0x00000004U	/*   mapped by a PTE */
#define MINCORE_PMD		0x00000008U	/*   mapped by a PMD entry */
#define MINCORE_PUD		0x0000000cU	/*   mapped by a PUD entry */
#define MINCORE_PERSIST		0x00000010U	/* persistence-safe */
#define MINCORE_WRITABLE	0x00000020U	/* the entry permits stores */
#define MINCORE_DENIED		0x00000040U	/* residency is withheld */
#define MINCORE_UNMAPPED	0x00000080U	/* nothing is mapped here */
#define MINCORE_ZERO		0x00000100U	/* maps the shared zero page */
#define MINCORE_PINNABLE	0x00000200U	/* long-term pins, for writing */

/* Modifiers. */
#define MINCORE_PIDFD		0x40000000U	/* the process: a sixth argument */
#define MINCORE_REGIONS		0x80000000U	/* vec is struct mincore_region[] */

/**
 * struct mincore_region - a run of pages that have the same state
 * @start: address of its first byte, page aligned, untagged
 * @end: address after its last byte, page aligned, untagged
 * @state: MINCORE_* state bits, and MINCORE_ENTRY_SHIFT()
 */
struct mincore_region {
	__aligned_u64 start;
	__aligned_u64 end;
	__aligned_u64 state;
};

/*
 * log2 of the bytes that one page-table entry of a region reaches; 0 where
 * none maps it, or where MINCORE_LEVEL was not asked for.
 */
#define MINCORE_ENTRY_SHIFT(state)	((unsigned int)((state) >> 56))

#endif /* _LINUX_MINCORE_H */
