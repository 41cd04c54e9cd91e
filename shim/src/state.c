// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The bits of a state as text.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

/* Text that is cut at the end of the buffer, but counted whole. */
struct text {
	char *buf;
	size_t size;
	size_t used;
};

__attribute__((format(printf, 2, 3)))
static void add(struct text *text, const char *format, ...)
{
	size_t room = text->used < text->size ? text->size - text->used : 0;
	va_list args;
	int len;

	if (text->used > 0) {
		if (room > 1) {
			text->buf[text->used] = '|';
			room--;
		} else {
			room = 0;
		}
		text->used++;
	}
	va_start(args, format);
	len = vsnprintf(room ? text->buf + text->used : NULL, room, format,
			args);
	va_end(args);
	if (len > 0)
		text->used += (size_t)len;
}

MINCORE2_API int mincore2_state_string(uint64_t state, char *buf, size_t size)
{
	static const struct {
		uint64_t mask;
		uint64_t value;
		const char *name;
	} names[] = {
		{ MINCORE_RESIDENT, MINCORE_RESIDENT, "RESIDENT" },
		{ MINCORE_DAX, MINCORE_DAX, "DAX" },
		{ MINCORE_LEVEL, MINCORE_PTE, "PTE" },
		{ MINCORE_LEVEL, MINCORE_PMD, "PMD" },
		{ MINCORE_LEVEL, MINCORE_PUD, "PUD" },
		{ MINCORE_PERSIST, MINCORE_PERSIST, "PERSIST" },
		{ MINCORE_WRITABLE, MINCORE_WRITABLE, "WRITABLE" },
		{ MINCORE_DENIED, MINCORE_DENIED, "DENIED" },
		{ MINCORE_UNMAPPED, MINCORE_UNMAPPED, "UNMAPPED" },
		{ MINCORE_ZERO, MINCORE_ZERO, "ZERO" },
	};
	const uint64_t entry_shift = (uint64_t)0xff << 56;
	uint64_t unknown = state & ~(MINCORE2_STATE_BITS | entry_shift);
	struct text text = { buf, size, 0 };

	if (!buf && size)
		return -EINVAL;
	if (size)
		buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((state & names[i].mask) == names[i].value)
			add(&text, "%s", names[i].name);
	if (unknown)
		add(&text, "0x%" PRIx64, unknown);
	if (MINCORE_ENTRY_SHIFT(state))
		add(&text, "ENTRY_SHIFT=%u", MINCORE_ENTRY_SHIFT(state));
	if (!state)
		add(&text, "0");
	return (int)text.used;
}
