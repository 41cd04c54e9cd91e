/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Synthetic reports for the tests of the tool's parts.
 */
#ifndef MINCORE2_TEST_REPORT_H
#define MINCORE2_TEST_REPORT_H

#include "show.h"

/* States as the kernel gives them. */
#define S(bits, shift)	((uint64_t)(bits) | (uint64_t)(shift) << 56)
#define S_PUD	S(MINCORE_PUD | MINCORE_DAX | MINCORE_RESIDENT | \
		  MINCORE_WRITABLE | MINCORE_PERSIST, 30)
#define S_PMD	S(MINCORE_PMD | MINCORE_DAX | MINCORE_RESIDENT | \
		  MINCORE_WRITABLE | MINCORE_PERSIST, 21)
#define S_PTE	S(MINCORE_PTE | MINCORE_DAX | MINCORE_RESIDENT | \
		  MINCORE_PERSIST, 12)
#define S_HOLE	S(MINCORE_PTE | MINCORE_DAX | MINCORE_RESIDENT | \
		  MINCORE_ZERO | MINCORE_PERSIST, 12)
#define S_NONE	S(MINCORE_DAX | MINCORE_PERSIST, 0)

/* A regular file on ext4 on pmem0, mapped with MAP_SYNC, no regions yet. */
void report_init(struct report *report);
/* @pages pages more, in @state. */
void report_add(struct report *report, uint64_t state, uint64_t pages);
/* The same, of which the emulation does not know some bits. */
void report_add_unknown(struct report *report, uint64_t state,
			uint64_t unknown, uint64_t pages);
/* What @print writes, in a string to free(). */
char *captured(void (*print)(FILE *, const struct terminal *,
			     const struct report *),
	       const struct terminal *terminal, const struct report *report);

#endif /* MINCORE2_TEST_REPORT_H */
