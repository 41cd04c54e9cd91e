// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parts of a call: what all that cut, flush and sync them share.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "internal.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22	/* Linux 5.14 */
#endif

uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int part_add(struct call *call, const struct part *part)
{
	if (call->nr_parts == call->room) {
		size_t room = call->room * 2;
		struct part *more, *old = call->parts;

		more = reallocarray(old == call->few ? NULL : old, room,
				    sizeof(*more));
		if (!more)
			return -EAGAIN;
		if (old == call->few)
			memcpy(more, old, sizeof(call->few));
		call->parts = more;
		call->room = room;
	}
	call->parts[call->nr_parts++] = *part;
	return 0;
}

int still_there(struct call *call, const struct part *part)
{
	uintptr_t last = page_down(call, part->end - 1);

	if (madvise((void *)last, call->page, MADV_POPULATE_READ) &&
	    (errno == EFAULT || errno == EHWPOISON))
		return -errno;
	return 0;
}
