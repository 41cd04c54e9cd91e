/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libmincore2 share. All symbols of the library are hidden
 * except those that libmincore2.map lists.
 */
#ifndef MINCORE2_INTERNAL_H
#define MINCORE2_INTERNAL_H

#include "mincore2.h"
#include "pages.h"

/* The one way out: hidden is the default (Makefile). */
#define MINCORE2_API	__attribute__((visibility("default")))

/* Every state bit that has a meaning. */
#define MINCORE2_STATE_BITS						\
	(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | MINCORE_PERSIST | \
	 MINCORE_WRITABLE | MINCORE_DENIED | MINCORE_UNMAPPED | \
	 MINCORE_ZERO | MINCORE_PINNABLE)

/* Every flag bit that the kernel refuses as unknown. */
#define MINCORE2_RESERVED_FLAGS						\
	(~(MINCORE2_STATE_BITS | MINCORE_REGIONS))

/* Are these an error for the iterator and the emulation? */
int mincore2_bad_flags(unsigned int bits, unsigned int options);

/**
 * mincore2_tiles() - do regions tile a range from its start on?
 * @next: where they have to start
 * @left: bytes of the range
 * @regions: the regions, at least one
 * @nr: how many
 *
 * Return: 1 or 0.
 */
int mincore2_tiles(uint64_t next, uint64_t left,
		   const struct mincore_region *regions, size_t nr);

/**
 * mincore2_ask() - ask the kernel about the next part of a range
 * @next: where to ask, moved on by what is returned
 * @left: bytes to ask for, not 0; less what is returned
 * @regions: receives the regions
 * @nr: room for so many
 * @flags: state bits
 *
 * Goes on after signals; leaves errno alone.
 *
 * Return: regions stored, at least one, or the negative errno of mincore2(2),
 * or -EIO: they do not tile.
 */
ssize_t mincore2_ask(uint64_t *next, uint64_t *left,
		     struct mincore_region *regions, size_t nr,
		     unsigned int flags);

#endif /* MINCORE2_INTERNAL_H */
