// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: /proc/self/smaps. What is found must have been said: the sums only
 * where all of them are there, and flags only from a line of flags.
 */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[MINCORE2_LINE];
	struct mincore2_lines lines = { .fd = fuzz_file(data, size) };
	struct mincore2_emu_smaps smaps;
	int ret = mincore2_emu_find_smaps(&lines, line, 0x1000, 0x3000, &smaps);

	if (ret < 0 || ret > 1)
		abort();
	if (smaps.has_huge && (smaps.seen != 0xf ||
			       !memmem(data, size, "FilePmdMapped", 13)))
		abort();
	if ((smaps.hugetlb || smaps.pfnmap) && !smaps.has_flags)
		abort();
	if (smaps.has_flags && !memmem(data, size, "VmFlags:", 8))
		abort();
	return 0;
}
