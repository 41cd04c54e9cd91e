/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libmincore2 share. All symbols of the library are hidden
 * except those that libmincore2.map lists.
 */
#ifndef MINCORE2_INTERNAL_H
#define MINCORE2_INTERNAL_H

#include "mincore2.h"

/* The one way out: hidden is the default (Makefile). */
#define MINCORE2_API	__attribute__((visibility("default")))

/* Every state bit that has a meaning. */
#define MINCORE2_STATE_BITS						\
	(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | MINCORE_PERSIST | \
	 MINCORE_WRITABLE | MINCORE_DENIED | MINCORE_UNMAPPED | MINCORE_ZERO)

/* Every flag bit that the kernel refuses as unknown. */
#define MINCORE2_RESERVED_FLAGS						\
	(~(MINCORE2_STATE_BITS | MINCORE_REGIONS))

#endif /* MINCORE2_INTERNAL_H */
