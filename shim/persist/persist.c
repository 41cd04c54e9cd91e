// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mincore2_persist() and mincore2_persistv(): the order of things.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

/* The error of each part becomes its range's, unless that has one. */
static void report_parts(struct call *call)
{
	for (size_t i = 0; i < call->nr_parts; i++) {
		struct mincore2_range *range =
			&call->ranges[call->parts[i].range];

		if (!range->error)
			range->error = call->parts[i].error;
	}
}

/*
 * Device-dax has no fsync(2). On a kernel without mincore2() it is not known to
 * be safe before: only where syncing is impossible, the emulation's proof is
 * worth its price.
 */
static bool retry_as_flush(struct call *call)
{
	bool any = false;

	for (size_t i = 0; i < call->nr_parts; i++) {
		struct part *part = &call->parts[i];

		if (part->kind != PART_SYNC || part->error != -EOPNOTSUPP)
			continue;
		if (!all_safe(page_down(call, part->start),
			      page_up(call, part->end), true))
			continue;
		part->kind = PART_FLUSH;
		part->error = 0;
		part->done = false;
		any = true;
	}
	return any;
}

static int make_durable(struct call *call)
{
	int err = cut_ranges(call);

	if (!err) {
		flush_parts(call);
		err = sync_parts(call);
	}
	if (!err && retry_as_flush(call)) {
		flush_parts(call);
		/* Without a guard there is no way left. */
		for (size_t i = 0; i < call->nr_parts; i++)
			if (call->parts[i].kind == PART_SYNC &&
			    !call->parts[i].done)
				call->parts[i].error = -EAGAIN;
	}
	return err;
}

static int run(struct call *call)
{
	int err = make_durable(call);
	int first = 0;

	if (err) {
		/* Some may be durable: it is not known which. */
		for (size_t i = 0; i < call->nr; i++)
			if (!call->ranges[i].error)
				call->ranges[i].error = err;
	}
	report_parts(call);
	for (size_t i = 0; i < call->nr && !first; i++)
		first = call->ranges[i].error;
	if (call->parts != call->few)
		free(call->parts);
	return first;
}

MINCORE2_API int mincore2_persistv(struct mincore2_range *ranges, size_t nr,
				   unsigned int flags, int timeout_ms)
{
	struct call call = {
		.ranges = ranges, .nr = nr, .flags = flags,
		.deadline = UINT64_MAX,
		.room = sizeof(call.few) / sizeof(call.few[0]),
	};
	int saved_errno = errno;
	int cancel, ret;

	if (flags & ~(MINCORE2_PERSIST_TRUSTED | MINCORE2_PERSIST_DURABLE) ||
	    timeout_ms < -1 || (!ranges && nr))
		return -EINVAL;
	for (size_t i = 0; i < nr; i++)
		if (ranges[i].reserved[0] || ranges[i].reserved[1])
			return -EINVAL;
	if (timeout_ms >= 0)
		call.deadline = now() + (uint64_t)timeout_ms * 1000000;
	call.parts = call.few;
	call.page = (uintptr_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < nr; i++)
		ranges[i].error = 0;
	/* A thread that was cancelled in fdatasync() would leave the ring. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	ret = run(&call);
	pthread_setcancelstate(cancel, NULL);
	errno = saved_errno;
	return ret;
}

MINCORE2_API int mincore2_persist(const void *addr, size_t length,
				  unsigned int flags)
{
	struct mincore2_range range = {
		.addr = addr, .length = length, .offset = -1, .fd = -1,
	};

	return mincore2_persistv(&range, 1, flags, -1);
}
