// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: /proc/self/pagemap, any numbers, of any length. Runs must go
 * forward, end within what was asked for, and agree with the numbers.
 */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t page = mincore2_page_size(), at = 0;
	uint64_t end = (size / 8 + 3) * page;
	struct mincore2_emu_pages pages = { .fd = fuzz_file(data, size) };

	while (at < end) {
		struct mincore2_emu_run run;
		uint64_t entry;

		if (mincore2_emu_next_run(&pages, at, end, &run)) {
			if (at / page < size / 8)
				abort();	/* there was more */
			break;
		}
		if (run.end <= at || run.end > end ||
		    (run.end - 1) / page >= size / 8)
			abort();
		memcpy(&entry, data + at / page * 8, sizeof(entry));
		if (!(run.bits & MINCORE2_RUN_PRESENT) != !(entry >> 63) ||
		    run.bits & MINCORE2_RUN_EXACT)
			abort();
		at = run.end;
	}
	return 0;
}
