// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text: sizes and levels for people, and what the terminal can show.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool.h"

enum { DEFAULT_WIDTH = 80, LEAST_WIDTH = 40, MOST_WIDTH = 500 };

void terminal_detect(struct terminal *terminal, int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *columns = getenv("COLUMNS");
	const char *term = getenv("TERM");
	bool is_terminal = isatty(fd);
	bool is_dumb = term && !strcmp(term, "dumb");
	struct winsize size;
	unsigned long width = 0;

	*terminal = (struct terminal) { .width = 0 };
	if (is_terminal && !ioctl(fd, TIOCGWINSZ, &size))
		width = size.ws_col;
	/* A dumb terminal cannot be drawn upon. */
	if (width && !is_dumb)
		terminal->height = size.ws_row;
	if (!width && columns && isdigit((unsigned char)columns[0]))
		width = strtoul(columns, NULL, 10);
	if (!width)
		width = DEFAULT_WIDTH;
	terminal->width = width < LEAST_WIDTH ? LEAST_WIDTH :
			  width > MOST_WIDTH ? MOST_WIDTH : width;
	terminal->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	/* no-color.org: set and not empty, whatever the value */
	terminal->colour = is_terminal && !(no_color && *no_color) &&
			   !is_dumb;
}

const char *human_size(uint64_t bytes, char buf[24])
{
	static const char units[] = "KMGTPE";
	unsigned int shift = 10;

	if (bytes < 1024) {
		snprintf(buf, 24, "%" PRIu64 " B", bytes);
		return buf;
	}
	while (shift < 60 && bytes >> shift >= 1024)
		shift += 10;
	if (bytes & (((uint64_t)1 << shift) - 1)) {
		/* Truncated, so that it never reads "1024.0". */
		uint64_t tenths = (bytes >> (shift - 10)) * 10 / 1024;

		snprintf(buf, 24, "%" PRIu64 ".%u %ciB", tenths / 10,
			 (unsigned int)(tenths % 10), units[shift / 10 - 1]);
	} else {
		snprintf(buf, 24, "%" PRIu64 " %ciB", bytes >> shift,
			 units[shift / 10 - 1]);
	}
	return buf;
}

const char *size_text(const struct terminal *terminal, uint64_t bytes,
		      char buf[24])
{
	if (!terminal->bytes)
		return human_size(bytes, buf);
	snprintf(buf, 24, "%" PRIu64, bytes);
	return buf;
}

const char *level_name(uint64_t state)
{
	switch (state & MINCORE_LEVEL) {
	case MINCORE_PTE:
		return "PTE";
	case MINCORE_PMD:
		return "PMD";
	case MINCORE_PUD:
		return "PUD";
	default:
		return NULL;
	}
}

const char *level_text(uint64_t state, char buf[24])
{
	static const char units[] = "BKMGTPE";
	const char *name = level_name(state);
	unsigned int shift = MINCORE_ENTRY_SHIFT(state);

	if (!name)
		return "-";
	if (shift == 0 || shift >= 64)
		snprintf(buf, 24, "%s", name);
	else
		snprintf(buf, 24, "%s %u%c", name, 1U << shift % 10,
			 units[shift / 10]);
	return buf;
}

void clean_text(const char *from, char *to, size_t size)
{
	bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	size_t i;

	for (i = 0; from[i] && i + 1 < size; i++) {
		unsigned char c = (unsigned char)from[i];
		unsigned char before = i ? (unsigned char)from[i - 1] : 0;
		/*
		 * C1 controls are 0xc2 0x80 to 0x9f in UTF-8, and 0x80 to 0x9f
		 * alone for others, in the middle of anything.
		 */
		bool high = c >= 0x80 && c < 0xa0;
		bool c1 = high && before == 0xc2;

		high = high && (!utf8 || before < 0x80);
		to[i] = c < 0x20 || c == 0x7f || c1 || high ? '?' : from[i];
		if (c1)
			to[i - 1] = '?';
	}
	if (size)
		to[i] = '\0';
}

size_t text_columns(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += ((unsigned char)*text & 0xc0) != 0x80;
	return columns;
}

void print_wrapped(FILE *out, const char *text, size_t column, size_t indent,
		   size_t width)
{
	bool first = true;

	while (*text) {
		size_t bytes = strcspn(text, " ");
		char word[256];
		size_t columns;

		snprintf(word, sizeof(word), "%.*s", (int)bytes, text);
		columns = text_columns(word);
		if (!first && column + 1 + columns > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', out);
			column++;
		}
		fputs(word, out);
		column += columns;
		first = false;
		text += bytes;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}
