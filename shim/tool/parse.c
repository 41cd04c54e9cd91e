// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The arguments of options: numbers, sizes, and lists of them.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "digits.h"
#include "options.h"
#include "text.h"

int parse_page_list(const char *text, struct page_range **ranges, size_t *nr)
{
	*ranges = NULL;
	*nr = 0;
	do {
		struct page_range range;
		bool good = mincore2_digits(&text, 10, &range.first);

		range.last = range.first;
		if (good && *text == '-') {
			text++;
			good = mincore2_digits(&text, 10, &range.last);
		}
		if (!good || range.last < range.first || (*text && *text != ',')) {
			free(*ranges);
			*ranges = NULL;
			*nr = 0;
			return -EINVAL;
		}
		array_add(ranges, nr, &range, sizeof(range));
	} while (*text++);
	return 0;
}

int parse_pid(const char *text, pid_t *pid)
{
	uint64_t number;

	if (!mincore2_number(text, &number) || !number || number > INT_MAX)
		return -EINVAL;
	*pid = (pid_t)number;
	return 0;
}

struct word { const char *name; unsigned int value; };

static const struct word columns[] = {
	{ "ADDRESS", COL_ADDRESS }, { "OFFSET", COL_OFFSET }, { "SIZE", COL_SIZE },
	{ "BACKING", COL_BACKING }, { "LEVEL", COL_LEVEL }, { "STATE", COL_STATE },
	{ "PERSIST", COL_PERSIST }, { "REASON", COL_REASON }, { "FILE", COL_FILE },
	{ 0 },
};
static const struct word bits_words[] = {
	{ "resident", MINCORE_RESIDENT }, { "dax", MINCORE_DAX },
	{ "level", MINCORE_LEVEL }, { "persist", MINCORE_PERSIST },
	{ "writable", MINCORE_WRITABLE }, { "zero", MINCORE_ZERO },
	{ "pinnable", MINCORE_PINNABLE }, { "all", ALL_BITS | MINCORE_PINNABLE },
	{ 0 },
};
static const struct word levels[] = {
	{ "pte", MINCORE_PTE }, { "pmd", MINCORE_PMD }, { "pud", MINCORE_PUD },
	{ 0 },
};

/* A word in upper or lower case, which ends with the text or before one of @end. */
static bool read_word(const char **text, const char *end, const struct word *words,
		      unsigned int *value)
{
	size_t len = strcspn(*text, end);

	while (words->name && (strlen(words->name) != len ||
			       strncasecmp(*text, words->name, len)))
		words++;
	*value = words->value;
	*text += len;
	return words->name;
}

const char *column_name(int column)
{
	return columns[column].name;
}

int parse_columns(const char *text, unsigned char *list, size_t *nr)
{
	unsigned int column;

	for (*nr = 0;; text++) {
		if (*nr == MOST_COLUMNS || !read_word(&text, ",", columns, &column))
			return -EINVAL;
		list[(*nr)++] = (unsigned char)column;
		if (!*text)
			return 0;
	}
}

int parse_bits(const char *text, unsigned int *bits)
{
	unsigned int bit;

	for (*bits = 0;; text++) {
		if (!read_word(&text, ",", bits_words, &bit))
			return -EINVAL;
		*bits |= bit;
		if (!*text)
			return 0;
	}
}

int parse_level(const char *text, unsigned int *level)
{
	return read_word(&text, "", levels, level) ? 0 : -EINVAL;
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

int parse_real(const char *text, double least, double most, double *number)
{
	char *end;

	/* strtod() takes blanks, signs, "inf" and "nan". */
	if (!isdigit((unsigned char)*text) && *text != '.')
		return -EINVAL;
	*number = strtod(text, &end);
	return !*end && *number >= least && *number <= most ? 0 : -EINVAL;
}
