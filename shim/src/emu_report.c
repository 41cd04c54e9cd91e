// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The emulation: the pages of one mapping.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "emu.h"

/* What only a look at the pages tells. */
#define WALKED	(MINCORE_RESIDENT | MINCORE_LEVEL | MINCORE_WRITABLE | \
		 MINCORE_ZERO)
#define SHIFT	((uint64_t)0xff << 56)

int mincore2_emu_put(struct mincore2_emu_call *call, uint64_t end,
		     uint64_t state, uint64_t unknown)
{
	uint64_t asked = call->bits & MINCORE2_STATE_BITS;
	uint64_t reported = asked | MINCORE_UNMAPPED | SHIFT;
	struct mincore_region *last = &call->vec[call->stored];

	if (unknown & MINCORE_LEVEL || !(asked & MINCORE_LEVEL))
		state &= ~SHIFT;
	if (asked & MINCORE_RESIDENT)
		reported |= MINCORE_DENIED;
	state &= reported & ~unknown;
	unknown &= asked;
	if (!call->stored)
		call->unknown = unknown;
	else if (call->unknown != unknown)
		return 1;
	if (call->stored && last[-1].state == state) {
		last[-1].end = end;
	} else {
		if (call->stored == call->nr)
			return 1;
		*last = (struct mincore_region) { call->at, end, state };
		call->stored++;
	}
	call->at = end;
	return 0;
}

/*
 * Pages that no present entry maps: mincore(2) knows whether the file has them
 * in memory. If it may not tell it says that all are, so a single one that is
 * not proves that it may.
 */
static int report_core(struct mincore2_emu_call *call,
		       struct mincore2_emu_facts *facts, uint64_t end,
		       uint64_t state, uint64_t unknown)
{
	uint64_t page = mincore2_page_size();
	size_t nr = (size_t)((end - call->at) / page), i, n;
	uint64_t start = call->at;

	/* mincore(2) is about one's own memory only. */
	if (call->env->other)
		return mincore2_emu_put(call, end, state, unknown |
					MINCORE_RESIDENT |
					(facts->may_look == MINCORE2_YES ?
					 0 : MINCORE_DENIED));
	if (nr > sizeof(call->core))
		nr = sizeof(call->core);
	if (mincore((void *)(uintptr_t)start, nr * page, call->core))
		return errno == ENOMEM ? -ESTALE : -EAGAIN;
	for (i = 0; i < nr; i++)
		if (!(call->core[i] & 1))
			facts->may_look = MINCORE2_YES;
	for (i = 0; i < nr; i = n) {
		uint64_t core = MINCORE_RESIDENT;

		for (n = i + 1; n < nr &&
		     !((call->core[n] ^ call->core[i]) & 1); n++)
			;
		if (facts->may_look != MINCORE2_YES)
			core = MINCORE_DENIED;
		else if (!(call->core[i] & 1))
			core = 0;
		if (mincore2_emu_put(call, start + n * page, state | core,
				     unknown))
			return 1;
	}
	return 0;
}

/* Below this it is not worth to open the file. */
#define LONG_HOLE	((uint64_t)1 << 27)

/*
 * The same of any length. Windows that have no page at all are skipped, each
 * twice as long as the one before; one that has a page is halved.
 */
static int report_cached(struct mincore2_emu_call *call,
			 const struct mincore2_vma *vma,
			 struct mincore2_emu_facts *facts, uint64_t end,
			 uint64_t state, uint64_t unknown)
{
	const uint64_t least = sizeof(call->core) * mincore2_page_size();
	bool skip = end - call->at >= LONG_HOLE;
	uint64_t window = least;
	int ret = 0;

	while (call->at < end && !ret) {
		uint64_t left = end - call->at;
		uint64_t until = call->at + (left < window ? left : window);

		if (!skip || left < least) {
			ret = report_core(call, facts, end, state, unknown);
		} else if (mincore2_emu_uncached(vma, facts, call->at, until)) {
			ret = mincore2_emu_put(call, until, state, unknown);
			window *= 2;
		} else if (window > least) {
			window /= 2;
		} else {
			ret = report_core(call, facts, until, state, unknown);
			skip = facts->cache_fd >= 0 ||
			       facts->may_look != MINCORE2_YES;
		}
	}
	return ret;
}

static int report_hole(struct mincore2_emu_call *call,
		       const struct mincore2_vma *vma,
		       struct mincore2_emu_facts *facts,
		       const struct mincore2_emu_run *run,
		       uint64_t state, uint64_t unknown)
{
	bool swapped = run->bits & MINCORE2_RUN_SWAPPED;

	if (facts->pfnmap)
		unknown |= MINCORE_LEVEL | MINCORE_ZERO |
			   (vma->write ? MINCORE_WRITABLE : 0);
	/* A copy that was swapped out; or a marker of userfaultfd, which is none. */
	if (swapped && facts->dax == MINCORE2_YES && !vma->shared)
		unknown |= MINCORE_DAX;
	if (facts->may_look == MINCORE2_YES &&
	    (!(call->bits & MINCORE_RESIDENT) ||
	     (!swapped && (facts->anon || facts->dax == MINCORE2_YES))))
		return mincore2_emu_put(call, run->end, state, unknown);
	/* The kernel's own pages belong to no file that could have them. */
	if (facts->may_look != MINCORE2_YES && (swapped || !vma->ino))
		return mincore2_emu_put(call, run->end, state,
					unknown | MINCORE_RESIDENT |
					MINCORE_DENIED);
	return report_cached(call, vma, facts, run->end, state, unknown);
}

static int report_present(struct mincore2_emu_call *call,
			  const struct mincore2_vma *vma,
			  struct mincore2_emu_facts *facts,
			  const struct mincore2_emu_run *run,
			  uint64_t state, uint64_t unknown)
{
	const unsigned int exact = MINCORE2_RUN_EXACT;
	unsigned int bits = run->bits;
	bool private_dax = facts->dax == MINCORE2_YES && !vma->shared;

	state |= MINCORE_RESIDENT;
	if (call->bits & MINCORE_LEVEL) {
		uint64_t level = mincore2_emu_level(call, vma, facts, bits);

		state |= level;
		if (!level)
			unknown |= MINCORE_LEVEL;
	}
	if (vma->write)
		unknown |= MINCORE_WRITABLE;
	/*
	 * The huge zero page is not told apart by all kernels, but it is not a
	 * page of a file. hugetlb and the page cache have neither.
	 */
	if (bits & MINCORE2_RUN_ZERO)
		state |= MINCORE_ZERO;
	else if (facts->hugetlb != MINCORE2_YES &&
		 !(facts->cached && vma->shared) &&
		 (!(bits & exact) || (bits & MINCORE2_RUN_HUGE &&
				      !(bits & MINCORE2_RUN_FILE))))
		unknown |= MINCORE_ZERO;
	/*
	 * A copied page is anonymous. Kernels before 6.16 do not see a page in
	 * what the device itself backs, and do not call that one of a file.
	 */
	if (private_dax && !(bits & (MINCORE2_RUN_FILE | MINCORE2_RUN_ZERO)))
		unknown |= MINCORE_DAX;
	return mincore2_emu_put(call, run->end, state, unknown);
}

/* Without pagemap: mincore(2) is all there is. */
static int report_blind(struct mincore2_emu_call *call,
			const struct mincore2_vma *vma,
			struct mincore2_emu_facts *facts, uint64_t end,
			uint64_t state, uint64_t unknown)
{
	unknown |= MINCORE_LEVEL | MINCORE_ZERO;
	if (vma->write)
		unknown |= MINCORE_WRITABLE;
	if (facts->dax == MINCORE2_YES && !vma->shared)
		unknown |= MINCORE_DAX;
	if (facts->may_look != MINCORE2_YES)
		return mincore2_emu_put(call, end, state, unknown |
					MINCORE_RESIDENT | MINCORE_DENIED);
	return report_cached(call, vma, facts, end, state, unknown);
}

static int report_mapping(struct mincore2_emu_call *call,
			  const struct mincore2_vma *vma,
			  struct mincore2_emu_facts *facts, uint64_t end)
{
	uint64_t state = 0, unknown = 0, walked = WALKED;
	int ret = 0;

	if (facts->dax == MINCORE2_YES)
		state |= MINCORE_DAX;
	else if (facts->dax == MINCORE2_UNKNOWN)
		unknown |= MINCORE_DAX;
	if (facts->persist == MINCORE2_YES)
		state |= MINCORE_PERSIST;
	else if (facts->persist == MINCORE2_UNKNOWN)
		unknown |= MINCORE_PERSIST;
	if (facts->pin == MINCORE2_YES)
		state |= MINCORE_PINNABLE;
	else if (facts->pin == MINCORE2_UNKNOWN)
		unknown |= MINCORE_PINNABLE;
	if (facts->dax == MINCORE2_YES && !vma->shared)
		walked |= MINCORE_DAX;
	/* Nobody asks whether residency is withheld; else that shows in the pages. */
	if (!(call->bits & (MINCORE_RESIDENT | MINCORE_DENIED)))
		facts->may_look = MINCORE2_YES;
	if (!(call->bits & walked) && facts->may_look == MINCORE2_YES)
		return mincore2_emu_put(call, end, state, unknown);
	if (facts->pud && !(call->options & MINCORE2_MAY_SPLIT))
		return mincore2_emu_put(call, end, state,
					unknown | walked | MINCORE_DENIED);
	while (call->at < end && !ret) {
		struct mincore2_emu_run run;

		if (mincore2_emu_next_run(&call->pages, call->at, end, &run))
			ret = report_blind(call, vma, facts, end, state,
					   unknown);
		else if (run.bits & MINCORE2_RUN_PRESENT)
			ret = report_present(call, vma, facts, &run, state,
					     unknown);
		else
			ret = report_hole(call, vma, facts, &run, state,
					  unknown);
	}
	return ret;
}

int mincore2_emu_report(struct mincore2_emu_call *call,
			const struct mincore2_vma *vma, uint64_t end)
{
	struct mincore2_emu_facts facts;
	int ret = mincore2_emu_facts(call->env, vma, &facts);

	if (!ret)
		ret = report_mapping(call, vma, &facts, end);
	mincore2_emu_facts_end(&facts);
	return ret;
}
