// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asking about all of a mapping: mincore2(), or the emulation.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

const char *way_choose(struct options *options)
{
	if (options->emulate) {
		/* Whether /proc is there, the first question will tell. */
		options->way = MINCORE2_WAY_EMULATED;
		return NULL;
	}
	options->way = mincore2_way(options->native ? 0 : MINCORE2_EMULATE);
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

int region_append(struct region_list *list, const struct region *region)
{
	struct region *last = list->nr ? &list->region[list->nr - 1] : NULL;

	/* A region that an early stop has cut goes on in the next call. */
	if (last && last->end == region->start && last->state == region->state &&
	    last->unknown == region->unknown) {
		last->end = region->end;
		return 0;
	}
	if (list->nr == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct region *more;

		more = realloc(list->region, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		list->region = more;
		list->room = room;
	}
	list->region[list->nr++] = *region;
	return 0;
}

void region_list_free(struct region_list *list)
{
	free(list->region);
	*list = (struct region_list) { 0 };
}

/* One call of either; a negative errno on error. */
static ssize_t ask_once(enum mincore2_way way, uint64_t start, uint64_t end,
			struct mincore_region *vec, size_t nr,
			unsigned int bits, uint64_t *unknown)
{
	void *addr = (void *)(uintptr_t)start;
	ssize_t ret;

	*unknown = 0;
	/*
	 * Without MINCORE2_MAY_SPLIT: what is looked at otherwise loses its
	 * PUD entries, and then there is nothing to see.
	 */
	if (way == MINCORE2_WAY_EMULATED)
		return mincore2_emulate(addr, (size_t)(end - start), vec, nr,
					bits, 0, unknown);
	ret = mincore2(addr, (size_t)(end - start), vec, nr,
		       MINCORE_REGIONS | bits);
	return ret < 0 ? -errno : ret;
}

/* The same; waits a little, a few times, while there is no memory. */
static ssize_t ask(enum mincore2_way way, uint64_t start, uint64_t end,
		   struct mincore_region *vec, size_t nr, unsigned int bits,
		   uint64_t *unknown)
{
	int patience = 20;

	for (;;) {
		ssize_t ret = ask_once(way, start, end, vec, nr, bits, unknown);

		if (ret != -EINTR && ret != -EAGAIN)
			return ret;
		if (ret == -EAGAIN) {
			if (!patience--)
				return -EAGAIN;
			nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
		}
	}
}

/* One answer, from *@start on, which moves to where it ends. */
static int query(enum mincore2_way way, uint64_t *start, uint64_t end,
		 unsigned int bits, struct region_list *list, char *error,
		 size_t size)
{
	const char *call = way == MINCORE2_WAY_EMULATED ? "the emulation" :
			   "mincore2()";
	struct mincore_region vec[256];
	uint64_t unknown;
	ssize_t nr = ask(way, *start, end, vec, sizeof(vec) / sizeof(vec[0]),
			 bits, &unknown);

	if (nr == -EOPNOTSUPP && way == MINCORE2_WAY_EMULATED)
		return fail_with(error, size, EOPNOTSUPP,
				 "without /proc mincore2() cannot be emulated");
	if (nr < 0)
		return fail_with(error, size, (int)-nr, "%s failed", call);
	for (ssize_t i = 0; i < nr; i++) {
		struct region region = {
			vec[i].start, vec[i].end, vec[i].state, unknown,
		};

		if (vec[i].start != *start || vec[i].end <= *start ||
		    vec[i].end > end)
			return fail_with(error, size, EPROTO,
					 "%s gave regions that do not tile the range",
					 call);
		if (region_append(list, &region))
			return fail_with(error, size, ENOMEM, "too many regions");
		*start = vec[i].end;
	}
	return nr ? 0 : fail_with(error, size, EPROTO, "%s gave no answer", call);
}

#define GIB		((uint64_t)1 << 30)
/* Nanoseconds that an answer is to take, so that it can be given up. */
#define SOON		100000000

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* In steps: the emulation may have to look at each page of a file. */
int mapping_query(const struct mapping *mapping, enum mincore2_way way,
		  unsigned int bits, bool (*cancelled)(void),
		  struct region_list *list, char *error, size_t size)
{
	uint64_t at = mapping->start, end = at + mapping->len, step = GIB;
	time_t begin = time(NULL);

	while (at < end) {
		int64_t before = now();
		uint64_t until = end - at > step ? at + step : end;
		int err = query(way, &at, until, bits, list, error, size);

		progress("asking", begin, err ? mapping->len :
			 at - mapping->start, mapping->len);
		if (err)
			return err;
		if (cancelled && cancelled())
			return fail_with(error, size, ECANCELED, "not finished");
		if (now() - before < SOON / 2)
			step *= 2;
		else if (now() - before > SOON && step > GIB / 16)
			step /= 2;
	}
	return 0;
}
