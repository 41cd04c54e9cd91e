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

/* What mincore2_check() and mincore2_check_process() do, with @first as a number. */
int mincore2_check_of(const int *pidfd, uint64_t addr, uint64_t length,
		      unsigned int want, uint64_t *first);

/* Has the process ended? A pidfd is readable then. Return: 1, 0, or -EBADF: no pidfd. */
int mincore2_pidfd_ended(int pidfd);

/* mincore2_emulate() for another process. */
ssize_t mincore2_emulate_process(int pidfd, uint64_t addr, size_t length,
				 struct mincore_region *vec, size_t nr,
				 unsigned int bits, unsigned int options,
				 uint64_t *unknown);

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
 * mincore2_call() - the system call
 * @pidfd: the process; NULL: the caller
 *
 * Return: as mincore2() and mincore2_process().
 */
ssize_t mincore2_call(const int *pidfd, uint64_t addr, size_t length, void *vec,
		      size_t nr, unsigned int flags);

/**
 * mincore2_ask() - ask the kernel about the next part of a range
 * @pidfd: the process; NULL: the caller
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
ssize_t mincore2_ask(const int *pidfd, uint64_t *next, uint64_t *left,
		     struct mincore_region *regions, size_t nr,
		     unsigned int flags);

#endif /* MINCORE2_INTERNAL_H */
