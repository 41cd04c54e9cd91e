/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pages and page-table entries of this machine. Both libraries and the tool
 * include this file.
 */
#ifndef MINCORE2_PAGES_H
#define MINCORE2_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* Bytes of a page. */
static inline uint64_t mincore2_page_size(void)
{
	long size = sysconf(_SC_PAGESIZE);

	return size > 0 ? (uint64_t)size : 4096;
}

/* log2 of a power of two; rounded down for other numbers. */
static inline unsigned int mincore2_log2(uint64_t size)
{
	unsigned int shift = 0;

	while (size >>= 1)
		shift++;
	return shift;
}

/* log2 of what a PMD or PUD entry maps: a table is a page of 8-byte entries. */
static inline unsigned int mincore2_pmd_shift(void)
{
	return 2 * mincore2_log2(mincore2_page_size()) - 3;
}

static inline unsigned int mincore2_pud_shift(void)
{
	return 3 * mincore2_log2(mincore2_page_size()) - 6;
}

/* Does the mapping [@start, @end) have room for an entry that maps 1 << @shift? */
static inline bool mincore2_room_for(uint64_t start, uint64_t end,
				     unsigned int shift)
{
	uint64_t size = (uint64_t)1 << shift;
	uint64_t first = (start + size - 1) & ~(size - 1);

	return start <= UINT64_MAX - size && first < end && end - first >= size;
}

#endif /* MINCORE2_PAGES_H */
