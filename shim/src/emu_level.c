// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The emulation: the level of an entry, from what little there is.
 */
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>

#include "emu.h"

/* As the call reports an entry that reaches 1 << @shift bytes. */
static uint64_t level_of(unsigned int shift)
{
	uint64_t level = 0;

	if (shift < mincore2_pmd_shift())
		level = MINCORE_PTE;
	else if (shift < mincore2_pud_shift())
		level = MINCORE_PMD;
	else if (shift == mincore2_pud_shift())
		level = MINCORE_PUD;
	return level | (uint64_t)shift << 56;
}

/* Reading smaps looks at all mappings: may any of them be split by that? */
static bool may_read_smaps(struct mincore2_emu_call *call)
{
	struct mincore2_lines maps = { .fd = -1 };
	enum mincore2_tri verdict = MINCORE2_YES;
	int ret;

	if (call->options & MINCORE2_MAY_SPLIT)
		return true;
	if (call->may_smaps != MINCORE2_UNKNOWN)
		return call->may_smaps == MINCORE2_YES;
	maps.fd = mincore2_emu_open(call->env, "maps");
	if (maps.fd < 0)
		return false;
	do {
		struct mincore2_emu_facts facts;
		struct mincore2_vma vma;

		ret = mincore2_maps_line(&maps, call->other_line,
					   sizeof(call->other_line));
		if (ret <= 0 || !mincore2_maps_parse(call->other_line, &vma) ||
		    !vma.ino ||
		    !mincore2_room_for(vma.start, vma.end, mincore2_pud_shift()))
			continue;
		if (mincore2_emu_facts(call->env, &vma, &facts) || facts.pud)
			verdict = MINCORE2_NO;
		mincore2_emu_facts_end(&facts);
	} while (ret > 0 && verdict == MINCORE2_YES);
	close(maps.fd);
	if (ret < 0)
		verdict = MINCORE2_NO;
	call->may_smaps = verdict;
	return verdict == MINCORE2_YES;
}

/* Fill in facts->smaps, once; all 0 where that is not possible. */
static void ask_smaps(struct mincore2_emu_call *call,
		      const struct mincore2_vma *vma,
		      struct mincore2_emu_facts *facts)
{
	if (facts->asked_smaps)
		return;
	facts->asked_smaps = true;
	if (!may_read_smaps(call))
		return;
	if (call->smaps.fd < 0) {
		call->smaps.fd = mincore2_emu_open(call->env, "smaps");
		call->smaps.pos = call->smaps.len = 0;
	}
	if (call->smaps.fd < 0)
		return;
	if (mincore2_emu_find_smaps(&call->smaps, call->other_line, vma->start,
				    vma->end, &facts->smaps) <= 0)
		facts->smaps = (struct mincore2_emu_smaps) { 0 };
	if (facts->smaps.has_flags && facts->hugetlb == MINCORE2_UNKNOWN)
		facts->hugetlb = facts->smaps.hugetlb ? MINCORE2_YES :
				 MINCORE2_NO;
}

static uint64_t hugetlb_level(struct mincore2_emu_call *call,
			      const struct mincore2_vma *vma,
			      struct mincore2_emu_facts *facts)
{
	if (!facts->huge_size) {
		ask_smaps(call, vma, facts);
		facts->huge_size = facts->smaps.page_size;
	}
	if (facts->huge_size < mincore2_page_size())
		return 0;
	return level_of(mincore2_log2(facts->huge_size));
}

/* Without PAGEMAP_SCAN: sums for the mapping as a whole are all there is. */
static uint64_t level_by_sums(struct mincore2_emu_call *call,
			      const struct mincore2_vma *vma,
			      struct mincore2_emu_facts *facts)
{
	if (facts->align >= mincore2_page_size())
		return level_of(mincore2_log2(facts->align));
	if (facts->hugetlb == MINCORE2_UNKNOWN)
		ask_smaps(call, vma, facts);
	if (facts->hugetlb == MINCORE2_UNKNOWN)
		return 0;
	if (!mincore2_room_for(vma->start, vma->end, mincore2_pmd_shift()))
		return level_of(mincore2_log2(mincore2_page_size()));
	/*
	 * smaps counts neither the huge entries of DAX mappings nor the huge
	 * zero page, which only memory without a file gets.
	 */
	if (facts->dax != MINCORE2_NO || !facts->cached)
		return 0;
	ask_smaps(call, vma, facts);
	if (!facts->smaps.has_huge)
		return 0;
	if (!facts->smaps.huge)
		return level_of(mincore2_log2(mincore2_page_size()));
	if (facts->smaps.huge == facts->smaps.rss)
		return level_of(mincore2_pmd_shift());
	return 0;
}

uint64_t mincore2_emu_level(struct mincore2_emu_call *call,
			    const struct mincore2_vma *vma,
			    struct mincore2_emu_facts *facts,
			    unsigned int bits)
{
	if (bits & MINCORE2_RUN_EXACT && !(bits & MINCORE2_RUN_HUGE))
		return level_of(mincore2_log2(mincore2_page_size()));
	if (facts->hugetlb == MINCORE2_YES)
		return hugetlb_level(call, vma, facts);
	if (!(bits & MINCORE2_RUN_EXACT)) {
		uint64_t level = level_by_sums(call, vma, facts);

		/* smaps may have said that it is. */
		return facts->hugetlb == MINCORE2_YES ?
		       hugetlb_level(call, vma, facts) : level;
	}
	if (facts->hugetlb == MINCORE2_UNKNOWN) {
		ask_smaps(call, vma, facts);
		if (facts->hugetlb == MINCORE2_YES)
			return hugetlb_level(call, vma, facts);
		if (facts->hugetlb == MINCORE2_UNKNOWN)
			return 0;
	}
	return level_of(mincore2_pmd_shift());
}
