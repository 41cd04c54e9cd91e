// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mincore2_state_string(): names of every bit, unknown bits, and buffers of
 * every size.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mincore2.h"
#include "tap.h"

static const struct {
	uint64_t state;
	const char *text;
} states[] = {
	{ 0, "0" },
	{ MINCORE_RESIDENT, "RESIDENT" },
	{ MINCORE_DAX, "DAX" },
	{ MINCORE_PTE, "PTE" },
	{ MINCORE_PMD, "PMD" },
	{ MINCORE_PUD, "PUD" },
	{ MINCORE_PERSIST, "PERSIST" },
	{ MINCORE_WRITABLE, "WRITABLE" },
	{ MINCORE_DENIED, "DENIED" },
	{ MINCORE_UNMAPPED, "UNMAPPED" },
	{ MINCORE_ZERO, "ZERO" },
	{ MINCORE_PINNABLE, "PINNABLE" },
	{ 0x400, "0x400" },
	{ (uint64_t)1 << 55, "0x80000000000000" },
	{ (uint64_t)12 << 56 | MINCORE_PTE, "PTE|ENTRY_SHIFT=12" },
	{ (uint64_t)30 << 56 | MINCORE_PUD | MINCORE_DAX | MINCORE_PERSIST |
	  MINCORE_WRITABLE | MINCORE_RESIDENT,
	  "RESIDENT|DAX|PUD|PERSIST|WRITABLE|ENTRY_SHIFT=30" },
	{ UINT64_MAX,
	  "RESIDENT|DAX|PUD|PERSIST|WRITABLE|DENIED|UNMAPPED|ZERO|PINNABLE|0xfffffffffffc00|ENTRY_SHIFT=255" },
};

/* The text as far as it fits, terminated, and not a byte behind it. */
static bool right_at_size(uint64_t state, const char *text, size_t size)
{
	char *buf = malloc(size + 1);	/* so that the sanitizer sees the end */
	size_t len = strlen(text);
	int ret;
	bool right;

	if (!buf)
		return false;
	memset(buf, '#', size + 1);
	ret = mincore2_state_string(state, size ? buf : NULL, size);
	right = ret == (int)len && buf[size] == '#';
	if (size > len)
		right = right && !strcmp(buf, text);
	else if (size)	/* a name may be cut, or left out at its "|" */
		right = right && strlen(buf) < size &&
			!strncmp(buf, text, strlen(buf));
	free(buf);
	return right;
}

int main(void)
{
	char text[64];

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		bool right = true;

		for (size_t size = 0; size < 120; size++)
			right = right && right_at_size(states[i].state,
						       states[i].text, size);
		ok(right, "%s, at every size of the buffer", states[i].text);
	}
	mincore2_bits_string(MINCORE_LEVEL | MINCORE_WRITABLE, text, sizeof(text));
	ok(!strcmp(text, "LEVEL|WRITABLE"), "bits that are not known: the level is a field");
	mincore2_bits_string(MINCORE_RESIDENT | MINCORE_PMD, text, sizeof(text));
	ok(!strcmp(text, "RESIDENT|PMD") &&
	   mincore2_bits_string(0, NULL, 0) == 1, "half of it is as in a state");
	ok(mincore2_state_string(1, NULL, 1) == -EINVAL,
	   "NULL with a size is -EINVAL");
	return tap_done();
}
