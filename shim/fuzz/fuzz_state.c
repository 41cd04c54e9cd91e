// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: names of bits. What is read must come back from its own text.
 */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), again[512];
	unsigned int bits = 0, bits2 = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!mincore2_state_parse(text, &bits)) {
		mincore2_state_string(bits, again, sizeof(again));
		if (mincore2_state_parse(again, &bits2) || bits2 != bits)
			abort();
	}
	free(text);
	return 0;
}
