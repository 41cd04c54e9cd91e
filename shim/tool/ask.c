// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asking about all of a mapping: mincore2(), or the emulation.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "mapping.h"
#include "text.h"

const char *way_choose(struct options *options)
{
	/* Whether /proc is there for it, the first question will tell. */
	options->way = options->emulate ? MINCORE2_WAY_EMULATED :
		       mincore2_way(options->native ? 0 : MINCORE2_EMULATE);
	if (options->way != MINCORE2_WAY_NONE)
		return NULL;
	return options->native ? "this kernel does not have mincore2()" :
	       "this kernel does not have mincore2(), and without /proc it cannot be emulated";
}

const char *way_note(enum mincore2_way way)
{
	if (way != MINCORE2_WAY_EMULATED)
		return NULL;
	return mincore2_supported() ?
	       "Emulated: not what mincore2() says, but what can be found out without it; \"?\" is not known." :
	       "Emulated, as this kernel does not have mincore2(): \"?\" is what cannot be known without it.";
}

void region_append(struct region_list *list, const struct region *region)
{
	struct region *last = list->nr ? &list->region[list->nr - 1] : NULL;

	/* What was asked in steps is put together again. */
	if (last && last->end == region->start && last->state == region->state &&
	    last->unknown == region->unknown)
		last->end = region->end;
	else
		array_add(&list->region, &list->nr, region, sizeof(*region));
}

void region_list_free(struct region_list *list)
{
	free(list->region);
	*list = (struct region_list) { 0 };
}

/* The next region; waits a little, a few times, while there is no memory. */
static int next_region(struct mincore2_iter *it, struct mincore_region *region)
{
	int ret;

	for (int patience = 20; ; patience--) {
		ret = mincore2_iter_next(it, region);
		if (ret != -EAGAIN || !patience)
			return ret;
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
}

/* What went wrong, for people. */
static int failed(int ret, bool emulated, bool process, char *error)
{
	const char *call = emulated ? "the emulation" : "mincore2()";

	if (ret == -ESRCH)
		return fail(error, ESRCH, "the process has ended, or has no memory: %m");
	if (ret == -EPERM)
		return fail(error, EPERM, "the process may not be looked at: %m");
	if (ret == -EOPNOTSUPP && emulated)
		return fail(error, EOPNOTSUPP, "without /proc mincore2() cannot be emulated: %m");
	/* Our arguments are good: it is MINCORE_PIDFD that is refused. */
	if (ret == -EINVAL && process && !emulated)
		return fail(error, EINVAL, "this kernel's mincore2() knows its caller's memory only, try --emulate: %m");
	if (ret == -EIO)
		return fail(error, EPROTO, "%s gave no answer, or regions that do not tile the range: %m", call);
	return ret ? fail(error, -ret, "%s failed: %m", call) : 0;
}

/* All regions of [@start, @end) of a process, or of our own. */
static int query(const struct process *process, enum mincore2_way way,
		 uint64_t start, uint64_t end,
		 unsigned int bits, bool (*cancelled)(void),
		 struct region_list *list, char *error)
{
	bool emulated = way == MINCORE2_WAY_EMULATED;
	unsigned int options = emulated ? MINCORE2_EMULATE_ALWAYS : 0;
	struct mincore_region part;
	struct mincore2_iter it;
	int ret;

	/*
	 * Without MINCORE2_MAY_SPLIT: what is looked at otherwise loses its
	 * PUD entries, and then there is nothing to see.
	 */
	if (process)
		ret = mincore2_iter_init_process(&it, process->pidfd, start,
						 end - start, bits, options);
	else
		ret = mincore2_iter_init(&it, (void *)(uintptr_t)start,
					 (size_t)(end - start), bits, options);
	while (ret >= 0 && (ret = next_region(&it, &part)) == 1) {
		struct region region = {
			part.start, part.end, part.state,
			mincore2_iter_unknown(&it),
		};

		region_append(list, &region);
		if (cancelled && cancelled())
			return fail(error, ECANCELED, "not finished: %m");
	}
	return failed(ret, emulated, process != NULL, error);
}

#define GIB		((uint64_t)1 << 30)
/* Seconds that an answer is to take, so that it can be given up. */
#define SOON		0.1

/* In steps: the emulation may have to look at each page of a file. */
int mapping_query(const struct mapping *mapping, enum mincore2_way way,
		  unsigned int bits, bool (*cancelled)(void),
		  struct region_list *list, char *error)
{
	uint64_t at = mapping->start, end = at + mapping->len, step = GIB;
	time_t begin = time(NULL);

	while (at < end) {
		double before = seconds_now();
		uint64_t until = end - at > step ? at + step : end;
		int err = query(mapping->process, way, at, until, bits,
				cancelled, list, error);

		at = until;
		progress("asking", begin, err ? mapping->len :
			 at - mapping->start, mapping->len);
		if (err)
			return err;
		if (seconds_now() - before < SOON / 2)
			step *= 2;
		else if (seconds_now() - before > SOON && step > GIB / 16)
			step /= 2;
	}
	return 0;
}
