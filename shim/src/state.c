// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The bits of a state as text, and back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "digits.h"
#include "internal.h"

struct name {
	uint64_t mask;
	uint64_t value;
	const char *name;
};

static const struct name names[] = {
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
	{ MINCORE_PINNABLE, MINCORE_PINNABLE, "PINNABLE" },
};

#define NR_NAMES	(sizeof(names) / sizeof(names[0]))

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

/* @mask: the field of the level is a name of its own when all of it is set. */
static int string_of(uint64_t state, bool mask, char *buf, size_t size)
{
	const uint64_t entry_shift = (uint64_t)0xff << 56;
	uint64_t unknown = state & ~(MINCORE2_STATE_BITS | entry_shift);
	struct text text = { buf, size, 0 };

	if (!buf && size)
		return -EINVAL;
	if (size)
		buf[0] = '\0';
	for (size_t i = 0; i < NR_NAMES; i++)
		if ((state & names[i].mask) == names[i].value)
			add(&text, "%s", mask && names[i].value == MINCORE_LEVEL ?
			    "LEVEL" : names[i].name);
	if (unknown)
		add(&text, "0x%" PRIx64, unknown);
	if (MINCORE_ENTRY_SHIFT(state))
		add(&text, "ENTRY_SHIFT=%u", MINCORE_ENTRY_SHIFT(state));
	if (!state)
		add(&text, "0");
	return (int)text.used;
}

MINCORE2_API int mincore2_state_string(uint64_t state, char *buf, size_t size)
{
	return string_of(state, false, buf, size);
}

MINCORE2_API int mincore2_bits_string(uint64_t bits, char *buf, size_t size)
{
	return string_of(bits, true, buf, size);
}

/* Letters and digits as in the C locale, whatever the program's is. */
static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool starts_with(const char *text, size_t len, const char *prefix)
{
	size_t i = 0;

	while (prefix[i] && i < len && upper(text[i]) == prefix[i])
		i++;
	return !prefix[i];
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && starts_with(text, len, word);
}

/* @len digits of base 10 or 16. Returns false for none, others, or too much. */
static bool number(const char *text, size_t len, unsigned int base,
		   uint64_t most, uint64_t *value)
{
	const char *end = text + len;

	return mincore2_digits(&text, base, value) && text == end &&
	       *value <= most;
}

/* The bits of one name, of which @mask is the place; false: it is none. */
static bool parse_name(const char *text, size_t len, uint64_t *value,
		       uint64_t *mask)
{
	static const char prefix[] = "MINCORE_", shift[] = "ENTRY_SHIFT=";
	uint64_t ignored;

	*mask = 0;
	if (is_word(text, len, "0"))
		return number(text, len, 10, 0, value);
	if (starts_with(text, len, "0X")) {
		if (!number(text + 2, len - 2, 16, UINT32_MAX, value))
			return false;
		*mask = *value & MINCORE_LEVEL ? MINCORE_LEVEL : 0;
		return true;
	}
	if (starts_with(text, len, shift)) {
		*value = 0;
		return number(text + strlen(shift), len - strlen(shift), 10,
			      0xff, &ignored);
	}
	if (starts_with(text, len, prefix)) {
		text += strlen(prefix);
		len -= strlen(prefix);
	}
	*mask = *value = MINCORE_LEVEL;
	if (is_word(text, len, "LEVEL"))
		return true;
	for (size_t i = 0; i < NR_NAMES; i++) {
		*mask = names[i].mask;
		*value = names[i].value;
		if (is_word(text, len, names[i].name))
			return true;
	}
	return false;
}

MINCORE2_API int mincore2_state_parse(const char *text, unsigned int *bits)
{
	uint64_t all = 0;

	if (!text || !bits)
		return -EINVAL;
	for (;;) {
		size_t whole = strcspn(text, "|,");
		const char *name = text;
		size_t len = whole;
		uint64_t value, mask;

		while (len && is_blank(name[0])) {
			name++;
			len--;
		}
		while (len && is_blank(name[len - 1]))
			len--;
		if (!parse_name(name, len, &value, &mask))
			return -EINVAL;
		/* PTE and PMD together would read as PUD. */
		if (mask & all & MINCORE_LEVEL &&
		    (all ^ value) & MINCORE_LEVEL)
			return -EINVAL;
		all |= value;
		if (!text[whole])
			break;
		text += whole + 1;
	}
	*bits = (unsigned int)all;
	return 0;
}
