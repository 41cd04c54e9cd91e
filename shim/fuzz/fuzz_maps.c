// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: lines of /proc/self/maps, cut in any way. A line that is taken
 * must be one that makes sense.
 */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char line[MINCORE2_LINE];
	struct mincore2_lines lines = { .fd = fuzz_file(data, size) };
	/* Short ones too, so that the end of the buffer is met. */
	size_t room = size ? 2 + data[0] * 16U : 2;
	int ret;

	if (room > sizeof(line))
		room = sizeof(line);
	while ((ret = mincore2_maps_line(&lines, line, room)) > 0) {
		struct mincore2_vma vma;

		if (strlen(line) >= room || ret > 2)
			abort();
		if (!mincore2_maps_parse(line, &vma))
			continue;
		if (vma.start >= vma.end || vma.name < line ||
		    vma.name > line + strlen(line))
			abort();
		mincore2_room_for(vma.start, vma.end, mincore2_pud_shift());
	}
	if (ret < 0)
		abort();
	return 0;
}
