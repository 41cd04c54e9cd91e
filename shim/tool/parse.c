// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The arguments of options: numbers, sizes, and lists of them.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static int parse_number(const char **text, int base, uint64_t *number)
{
	char *end;

	/* strtoull() takes blanks and a sign; a page number has neither. */
	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	*number = strtoull(*text, &end, base);
	if (errno)
		return -EINVAL;
	*text = end;
	return 0;
}

int parse_page_list(const char *text, struct page_range **ranges, size_t *nr)
{
	int err = 0;

	*ranges = NULL;
	*nr = 0;
	for (;;) {
		struct page_range range;
		struct page_range *more;

		err = parse_number(&text, 10, &range.first);
		range.last = range.first;
		if (!err && *text == '-') {
			text++;
			err = parse_number(&text, 10, &range.last);
		}
		if (!err && range.last < range.first)
			err = -EINVAL;
		if (!err && *text && *text != ',')
			err = -EINVAL;
		if (err)
			break;
		more = realloc(*ranges, (*nr + 1) * sizeof(range));
		if (!more) {
			err = -ENOMEM;
			break;
		}
		*ranges = more;
		(*ranges)[(*nr)++] = range;
		if (!*text++)
			return 0;
	}
	free(*ranges);
	*ranges = NULL;
	*nr = 0;
	return err;
}

int parse_bits(const char *text, unsigned int *bits)
{
	static const struct { const char *name; unsigned int bit; } names[] = {
		{ "resident", MINCORE_RESIDENT }, { "dax", MINCORE_DAX },
		{ "level", MINCORE_LEVEL }, { "persist", MINCORE_PERSIST },
		{ "writable", MINCORE_WRITABLE }, { "zero", MINCORE_ZERO },
		{ "all", ALL_BITS },
	};
	const size_t nr = sizeof(names) / sizeof(names[0]);

	*bits = 0;
	for (;;) {
		size_t len = strcspn(text, ",");
		size_t i = 0;

		while (i < nr && (strlen(names[i].name) != len ||
				  strncasecmp(text, names[i].name, len)))
			i++;
		if (i == nr)
			return -EINVAL;
		*bits |= names[i].bit;
		text += len;
		if (!*text++)
			return 0;
	}
}

int parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGT";
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *unit;
	unsigned int shift;
	int err;

	/* Base 0 would read a leading zero as octal. */
	if (hex && !isxdigit((unsigned char)text[2]))
		return -EINVAL;
	err = parse_number(&text, hex ? 16 : 10, size);
	if (err || !*text)
		return err;
	unit = strchr(units, toupper((unsigned char)*text));
	if (!unit || text[1])
		return -EINVAL;
	shift = 10 * (unsigned int)(unit - units + 1);
	if (*size > UINT64_MAX >> shift)
		return -EINVAL;
	*size <<= shift;
	return 0;
}

int parse_seconds(const char *text, double least, double *seconds)
{
	const double year = 366.0 * 24 * 60 * 60;
	char *end;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return -EINVAL;
	*seconds = strtod(text, &end);
	/* Also false for what is not a number. */
	return !*end && *seconds >= least && *seconds <= year ? 0 : -EINVAL;
}

int parse_percent(const char *text, double *percent)
{
	char *end;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return -EINVAL;
	*percent = strtod(text, &end);
	return !*end && *percent >= 0 && *percent <= 100 ? 0 : -EINVAL;
}
