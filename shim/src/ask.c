// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One step over a range, for whoever goes over it whole; and whether what is asked
 * for can be asked.
 */
#include <errno.h>

#include "internal.h"

int mincore2_bad_flags(unsigned int bits, unsigned int options)
{
	unsigned int level = bits & MINCORE_LEVEL;

	return bits & MINCORE2_RESERVED_FLAGS || !(bits & MINCORE2_STATE_BITS) ||
	       (level && level != MINCORE_LEVEL) ||
	       options & ~(MINCORE2_EMULATE | MINCORE2_MAY_SPLIT |
			   MINCORE2_EMULATE_ALWAYS);
}

/*
 * What mincore2(2) promises: regions that tile from where they were asked for
 * on. The first may start at another address only where the one that was asked
 * for had a tag (in its upper bits), which the kernel leaves out.
 */
int mincore2_tiles(uint64_t next, uint64_t left,
		   const struct mincore_region *regions, size_t nr)
{
	const uint64_t tag = (uint64_t)0xff << 56;
	uint64_t mask = mincore2_page_size() - 1;
	uint64_t at = regions[0].start;

	if ((at ^ next) & ~tag || (at != next && at & tag))
		return 0;
	for (size_t i = 0; i < nr; i++) {
		const struct mincore_region *r = &regions[i];

		if (r->start != at || r->end <= r->start || r->end & mask ||
		    r->end - r->start > left)
			return 0;
		left -= r->end - r->start;
		at = r->end;
	}
	return 1;
}

ssize_t mincore2_ask(const int *pidfd, uint64_t *next, uint64_t *left,
		     struct mincore_region *regions, size_t nr,
		     unsigned int flags)
{
	int saved_errno = errno;
	ssize_t got;

	/* A signal came, and was handled: EINTR only says that it did. */
	do {
		got = mincore2_call(pidfd, *next, (size_t)*left, regions, nr,
				    flags | MINCORE_REGIONS);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		got = -errno;
	errno = saved_errno;
	if (got < 0)
		return got;
	if (!got || (size_t)got > nr ||
	    !mincore2_tiles(*next, *left, regions, (size_t)got))
		return -EIO;
	*left -= regions[got - 1].end - regions[0].start;
	*next = regions[got - 1].end;
	return got;
}
