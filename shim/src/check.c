// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mincore2_check(), mincore2_check_process(): one question about a whole range.
 */
#include <errno.h>
#include <stdbool.h>

#include "internal.h"

/* Does a state have all that is wanted? A level is wanted at least. */
static bool has(uint64_t state, unsigned int want)
{
	unsigned int others = want & ~MINCORE_LEVEL;

	return (state & others) == others &&
	       (state & MINCORE_LEVEL) >= (want & MINCORE_LEVEL);
}

/*
 * Both ends are moved outwards to page boundaries. Returns the bytes from
 * *@start on, or 0 when the range wraps.
 */
static uint64_t widen(uint64_t *start, uint64_t length)
{
	uint64_t mask = mincore2_page_size() - 1;
	uint64_t inside = *start & mask;
	uint64_t most = UINTPTR_MAX - *start;

	if (length - 1 > most)
		return 0;
	*start -= inside;
	/* The last page of the address space is never user space. */
	if (most - (length - 1) < mask)
		return 0;
	return (inside + length + mask) & ~mask;
}

int mincore2_check_of(const int *pidfd, uint64_t next, uint64_t length,
		      unsigned int want, uint64_t *first)
{
	unsigned int flags = want | (want & MINCORE_LEVEL ? MINCORE_LEVEL : 0);
	struct mincore_region regions[MINCORE2_ITER_REGIONS];
	/* The first region alone is the answer nearly always. */
	size_t nr = 1;
	uint64_t left;

	if (!want || want & ~MINCORE2_STATE_BITS)
		return -EINVAL;
	if (!mincore2_supported())
		return -ENOSYS;
	if (!length)
		return 1;
	left = widen(&next, length);
	if (!left)
		return -ENOMEM;
	while (left) {
		ssize_t got = mincore2_ask(pidfd, &next, &left, regions, nr,
					   flags);

		if (got < 0)
			return (int)got;
		for (ssize_t i = 0; i < got; i++) {
			if (has(regions[i].state, want))
				continue;
			if (first)
				*first = regions[i].start;
			return 0;
		}
		nr = MINCORE2_ITER_REGIONS;
	}
	return 1;
}

MINCORE2_API int mincore2_check(const void *addr, size_t length,
				unsigned int want, const void **first)
{
	uint64_t at;
	int ret = mincore2_check_of(NULL, (uintptr_t)addr, length, want, &at);

	if (!ret && first)
		*first = (const void *)(uintptr_t)at;
	return ret;
}
