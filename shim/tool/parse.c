// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The arguments of options: numbers, sizes, and lists of them.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "digits.h"
#include "options.h"

int parse_page_list(const char *text, struct page_range **ranges, size_t *nr)
{
	int err = -EINVAL;

	*ranges = NULL;
	for (*nr = 0;; text++) {
		struct page_range range, *more;

		if (!mincore2_digits(&text, 10, &range.first))
			break;
		range.last = range.first;
		if (*text == '-') {
			text++;
			if (!mincore2_digits(&text, 10, &range.last))
				break;
		}
		if (range.last < range.first || (*text && *text != ','))
			break;
		more = realloc(*ranges, (*nr + 1) * sizeof(range));
		if (!more) {
			err = -ENOMEM;
			break;
		}
		*ranges = more;
		(*ranges)[(*nr)++] = range;
		if (!*text)
			return 0;
	}
	free(*ranges);
	*ranges = NULL;
	*nr = 0;
	return err;
}

static const char *const column_names[NR_COLUMNS] = {
	[COL_ADDRESS] = "ADDRESS", [COL_OFFSET] = "OFFSET", [COL_SIZE] = "SIZE",
	[COL_BACKING] = "BACKING", [COL_LEVEL] = "LEVEL", [COL_STATE] = "STATE",
	[COL_PERSIST] = "PERSIST", [COL_REASON] = "REASON", [COL_FILE] = "FILE",
};

const char *column_name(int column)
{
	return column_names[column];
}

int parse_columns(const char *text, unsigned char *columns, size_t *nr)
{
	for (*nr = 0;; text++) {
		size_t len = strcspn(text, ",");
		int column = 0;

		while (column < NR_COLUMNS && (strlen(column_names[column]) != len ||
					       strncasecmp(column_names[column], text, len)))
			column++;
		if (column == NR_COLUMNS || *nr == MOST_COLUMNS)
			return -EINVAL;
		columns[(*nr)++] = (unsigned char)column;
		text += len;
		if (!*text)
			return 0;
	}
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
	/* A leading zero is no sign of an octal number. */
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *unit;
	unsigned int shift;

	text += hex ? 2 : 0;
	if (!mincore2_digits(&text, hex ? 16 : 10, size))
		return -EINVAL;
	if (!*text)
		return 0;
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
