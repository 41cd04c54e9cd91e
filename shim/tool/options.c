// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page list of --write-pages.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "tool.h"

static int parse_number(const char **text, uint64_t *number)
{
	char *end;

	/* strtoull() takes blanks and a sign; a page number has neither. */
	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	*number = strtoull(*text, &end, 10);
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

		err = parse_number(&text, &range.first);
		range.last = range.first;
		if (!err && *text == '-') {
			text++;
			err = parse_number(&text, &range.last);
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
