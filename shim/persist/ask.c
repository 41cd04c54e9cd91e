// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which bytes are persistence-safe: asked anew by each call. Nothing is kept
 * beyond it, as an address says nothing about what will be mapped there next.
 */
#define _GNU_SOURCE
#include <errno.h>

#include "internal.h"
#include "mincore2.h"

/* The kernel's last answer, good for the addresses in it. */
struct answer {
	uintptr_t start, end;
	uint64_t state;
};

/*
 * A question may cover what lies between two ranges, so that many ranges of one
 * mapping need one. It is answered for mappings as a whole, so its cost
 * follows their number; this bounds it.
 */
#define LOOK_AHEAD	((uintptr_t)1 << 30)

/*
 * The state of the page at @start, and where it ends, at most @end. Whatever
 * goes wrong, "nothing known" is a right answer: the kernel is asked to sync.
 */
static void ask(struct answer *answer, uintptr_t start, uintptr_t end)
{
	struct mincore_region region;
	ssize_t n;

	*answer = (struct answer) { start, end, 0 };
	do
		n = mincore2((void *)start, end - start, &region, 1,
			     MINCORE_PERSIST | MINCORE_REGIONS);
	while (n < 0 && errno == EINTR);
	/* What does not begin here or is empty is not an answer to this. */
	if (n != 1 || region.start != start || region.end <= start ||
	    region.end > end)
		return;
	answer->end = (uintptr_t)region.end;
	answer->state = region.state;
}

/* Where a question that begins in range @i may end: in a run of ascending ones. */
static uintptr_t look_ahead(const struct call *call, size_t i, uintptr_t start,
			    uintptr_t end)
{
	for (i++; i < call->nr; i++) {
		uintptr_t addr = (uintptr_t)call->ranges[i].addr;
		size_t length = call->ranges[i].length;

		if (addr < start || addr - start >= LOOK_AHEAD ||
		    length > LOOK_AHEAD)
			break;
		if (page_up(call, addr + length) > end)
			end = page_up(call, addr + length);
	}
	return end;
}

/* Adds [start, end) of range @i, or makes the part before it longer. */
static int add(struct call *call, size_t i, size_t first, uintptr_t start,
	       uintptr_t end, enum part_kind kind)
{
	struct part part = {
		.range = i, .kind = kind, .start = start, .end = end, .fd = -1,
	};

	if (call->nr_parts > first) {
		struct part *last = &call->parts[call->nr_parts - 1];

		if (last->kind == kind && last->end == start) {
			last->end = end;
			return 0;
		}
	}
	return part_add(call, &part);
}

static int cut_range(struct call *call, size_t i, struct answer *answer)
{
	struct mincore2_range *range = &call->ranges[i];
	uintptr_t at = (uintptr_t)range->addr;
	uintptr_t end = at + range->length;
	size_t first = call->nr_parts;

	if (!range->length)
		return 0;
	if (end < at || page_up(call, end) < at) {
		range->error = -ENOMEM;
		return 0;
	}
	if (!mincore2_supported())
		return add(call, i, first, at, end, PART_SYNC);
	while (at < end) {
		uintptr_t page = page_down(call, at), until;
		int err;

		if (page < answer->start || page >= answer->end)
			ask(answer, page, look_ahead(call, i, page,
						     page_up(call, end)));
		until = answer->end < end ? answer->end : end;
		if (answer->state & MINCORE_UNMAPPED) {
			range->error = -ENOMEM;
			call->nr_parts = first;
			return 0;
		}
		err = add(call, i, first, at, until,
			  answer->state & MINCORE_PERSIST &&
			  can_write_back() ? PART_FLUSH : PART_SYNC);
		if (err)
			return err;
		at = until;
	}
	return 0;
}

int cut_ranges(struct call *call)
{
	struct answer answer = { 0, 0, 0 };
	int err = 0;

	for (size_t i = 0; i < call->nr && !err; i++)
		err = cut_range(call, i, &answer);
	return err;
}

/* All of it, by what can be proven without the call. */
static bool emulated_safe(uintptr_t start, uintptr_t end)
{
	while (start < end) {
		struct mincore_region region;
		uint64_t unknown;
		ssize_t n = mincore2_emulate((void *)start, end - start,
					     &region, 1, MINCORE_PERSIST, 0,
					     &unknown);

		if (n != 1 || region.start != start || region.end <= start ||
		    !(region.state & MINCORE_PERSIST) ||
		    unknown & MINCORE_PERSIST)
			return false;
		start = (uintptr_t)region.end;
	}
	return true;
}

bool all_safe(uintptr_t start, uintptr_t end, bool may_emulate)
{
	struct answer answer = { 0, 0, 0 };

	if (!can_write_back())
		return false;
	if (!mincore2_supported())
		return may_emulate && emulated_safe(start, end);
	while (start < end) {
		ask(&answer, start, end);
		if (!(answer.state & MINCORE_PERSIST))
			return false;
		start = answer.end;
	}
	return true;
}
