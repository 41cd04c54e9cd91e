// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The emulation: smaps, for kernels that have no PAGEMAP_SCAN, and for the
 * page size of hugetlb mappings whose file can not be found. The tool has this file
 * in it as well.
 */
#include <string.h>

#include "digits.h"
#include "emu.h"

/* "Name:      123 kB" in bytes; false: it is not @name, or no such number. */
static bool amount(const char *line, const char *name, uint64_t *bytes)
{
	size_t len = strlen(name);
	uint64_t value;

	if (strncmp(line, name, len) || line[len] != ':')
		return false;
	line += len + 1;
	line += strspn(line, " \t");
	if (!mincore2_digits(&line, 10, &value) || value > UINT64_MAX / 1024 ||
	    strcmp(line, " kB"))
		return false;
	*bytes = value * 1024;
	return true;
}

/* Is @word one of the two-letter words of a VmFlags line? */
static bool has_flag(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (*words) {
		size_t n;

		words += strspn(words, " ");
		n = strcspn(words, " ");
		if (n == len && !strncmp(words, word, len))
			return true;
		words += n;
	}
	return false;
}

void mincore2_emu_parse_smaps(const char *line,
			      struct mincore2_emu_smaps *smaps)
{
	static const char * const sums[] = {
		"Rss", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped",
	};
	static const char flags[] = "VmFlags:";
	uint64_t bytes;

	if (amount(line, "KernelPageSize", &bytes)) {
		smaps->page_size = bytes;
		return;
	}
	for (unsigned int i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		if (smaps->seen & 1U << i || !amount(line, sums[i], &bytes))
			continue;
		smaps->seen |= 1U << i;
		if (!i)
			smaps->rss = bytes;
		else if (smaps->huge <= UINT64_MAX - bytes)
			smaps->huge += bytes;
		/* FilePmdMapped came with Linux 5.4, the others before. */
		smaps->has_huge = smaps->seen == 0xf;
		return;
	}
	if (!strncmp(line, flags, strlen(flags))) {
		smaps->has_flags = true;
		smaps->hugetlb = has_flag(line + strlen(flags), "ht");
		smaps->pfnmap = has_flag(line + strlen(flags), "pf");
		smaps->sync = has_flag(line + strlen(flags), "sf");
	}
}

int mincore2_emu_find_smaps(struct mincore2_lines *lines, char *line,
			    uint64_t start, uint64_t end,
			    struct mincore2_emu_smaps *smaps)
{
	bool inside = false;

	*smaps = (struct mincore2_emu_smaps) { 0 };
	for (;;) {
		int ret = mincore2_maps_line(lines, line, MINCORE2_LINE);
		struct mincore2_vma vma;

		if (ret <= 0)
			return ret < 0 ? ret : inside;
		if (mincore2_maps_parse(line, &vma)) {
			/*
			 * The head of the mapping behind is lost to a later
			 * search, so nothing here may depend on having read the
			 * last line: the block ends with VmFlags.
			 */
			if (inside || vma.start >= end)
				return inside;
			inside = vma.start == start && vma.end == end;
			continue;
		}
		if (!inside)
			continue;
		mincore2_emu_parse_smaps(line, smaps);
		if (smaps->has_flags)
			return 1;
	}
}
