// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The strip: a mapping at a glance, one column of the terminal for a piece of
 * it. The first line shows levels and states, the second persistence; the
 * legend names what occurs, and how much of it there is.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* What a column can show; of several, see strip_fill(). */
enum look {
	LOOK_PUD, LOOK_PMD, LOOK_PTE, LOOK_HOLE, LOOK_COPIED, LOOK_CACHED,
	LOOK_NONE, LOOK_DENIED, LOOK_UNMAPPED, LOOK_UNKNOWN, NR_LOOKS
};

static const struct {
	const char *utf8, *ascii, *colour, *text;
} looks[NR_LOOKS] = {
	[LOOK_PUD] = { "█", "#", "1;34", "PUD" },
	[LOOK_PMD] = { "▓", "=", "32", "PMD" },
	[LOOK_PTE] = { "▒", "-", "33", "PTE" },
	[LOOK_HOLE] = { "○", "o", "36", "hole (zero page)" },
	[LOOK_COPIED] = { "◆", "c", "1;35", "copied" },
	[LOOK_CACHED] = { "▁", "_", "37", "in memory, no entry" },
	[LOOK_NONE] = { "·", ".", "2", "no entry" },
	[LOOK_DENIED] = { "?", "?", "31", "residency denied" },
	[LOOK_UNMAPPED] = { "×", "x", "31", "unmapped" },
	[LOOK_UNKNOWN] = { "~", "~", "33", "not known" },
};

enum safety { SAFE_YES, SAFE_NO, SAFE_UNKNOWN, NR_SAFE };

static const struct {
	const char *utf8, *ascii, *colour, *text;
} safes[NR_SAFE] = {
	[SAFE_YES] = { "━", "+", "1;32", "persistence-safe" },
	[SAFE_NO] = { "╌", "!", "31", "not safe" },
	[SAFE_UNKNOWN] = { "?", "?", "33", "not known" },
};

enum { LABEL_WIDTH = 11, MARGIN = 2 };

struct column {
	enum look look;
	enum safety safe;
};

static enum look region_look(const struct report *report,
			     const struct region *region)
{
	uint64_t state = region->state;

	switch (region_backing(report, region)) {
	case BACKING_UNMAPPED:
		return LOOK_UNMAPPED;
	case BACKING_COPIED:
		return LOOK_COPIED;
	case BACKING_HOLE:
	case BACKING_ZERO:
		return LOOK_HOLE;
	default:
		break;
	}
	switch (state & MINCORE_LEVEL) {
	case MINCORE_PUD:
		return LOOK_PUD;
	case MINCORE_PMD:
		return LOOK_PMD;
	case MINCORE_PTE:
		return LOOK_PTE;
	default:
		break;
	}
	if (state & MINCORE_DENIED)
		return LOOK_DENIED;
	if (region->unknown & (MINCORE_LEVEL | MINCORE_RESIDENT |
			       MINCORE_DENIED))
		return LOOK_UNKNOWN;
	return state & MINCORE_RESIDENT ? LOOK_CACHED : LOOK_NONE;
}

static struct column region_column(const struct report *report,
				   const struct region *region)
{
	return (struct column) {
		.look = region_look(report, region),
		.safe = region->unknown & MINCORE_PERSIST ? SAFE_UNKNOWN :
			region->state & MINCORE_PERSIST ? SAFE_YES : SAFE_NO,
	};
}

/*
 * Few regions: each gets a column, and what is left over is shared out by
 * size, so that a copied page shows beside a gigabyte.
 */
static void fill_by_region(const struct report *report, struct column *columns,
			   size_t width)
{
	const struct region_list *list = &report->regions;
	double spare = (double)(width - list->nr);
	double bytes = 0;
	size_t at = 0;

	for (size_t i = 0; i < list->nr; i++) {
		const struct region *region = &list->region[i];
		size_t end;

		bytes += (double)(region->end - region->start);
		end = i + 1 + (size_t)(bytes / (double)report->mapping.len *
				       spare + 0.5);
		if (i + 1 == list->nr || end > width)
			end = width;
		while (at < end)
			columns[at++] = region_column(report, region);
	}
}

/* Many regions: to scale; a column shows what most of its bytes are. */
static void fill_by_size(const struct report *report, struct column *columns,
			 size_t width)
{
	const struct region_list *list = &report->regions;
	uint64_t start = list->region[0].start;
	double step = (double)report->mapping.len / (double)width;
	size_t first = 0;

	for (size_t at = 0; at < width; at++) {
		uint64_t from = start + (uint64_t)(step * (double)at);
		uint64_t to = start + (uint64_t)(step * (double)(at + 1));
		uint64_t sum[NR_LOOKS][NR_SAFE] = { 0 };
		uint64_t most = 0;

		while (first + 1 < list->nr && list->region[first].end <= from)
			first++;
		columns[at] = region_column(report, &list->region[first]);
		for (size_t i = first; i < list->nr &&
		     list->region[i].start < to; i++) {
			const struct region *region = &list->region[i];
			struct column column = region_column(report, region);
			uint64_t lo = region->start > from ? region->start : from;
			uint64_t hi = region->end < to ? region->end : to;
			uint64_t *total = &sum[column.look][column.safe];

			*total += hi > lo ? hi - lo : 0;
			if (*total > most) {
				most = *total;
				columns[at] = column;
			}
		}
	}
}

static void colour_on(FILE *out, const struct terminal *terminal,
		      const char *colour)
{
	if (terminal->colour)
		fprintf(out, "\033[%sm", colour);
}

static void colour_off(FILE *out, const struct terminal *terminal)
{
	if (terminal->colour)
		fputs("\033[0m", out);
}

static void print_lane(FILE *out, const struct terminal *terminal,
		       const struct column *columns, size_t width, bool safety)
{
	fprintf(out, "%*s%-*s", MARGIN, "", LABEL_WIDTH,
		safety ? "persistent" : "mapped by");
	for (size_t i = 0; i < width; i++) {
		int look = safety ? (int)columns[i].safe :
			   (int)columns[i].look;
		const char *colour = safety ? safes[look].colour :
				     looks[look].colour;
		const char *ascii = safety ? safes[look].ascii :
				    looks[look].ascii;
		const char *utf8 = safety ? safes[look].utf8 : looks[look].utf8;
		bool same = i && (safety ? columns[i - 1].safe == columns[i].safe :
				  columns[i - 1].look == columns[i].look);

		if (!same) {
			if (i)
				colour_off(out, terminal);
			colour_on(out, terminal, colour);
		}
		fputs(terminal->utf8 ? utf8 : ascii, out);
	}
	colour_off(out, terminal);
	fputc('\n', out);
}

/* One entry of the legend; starts a new line where it would not fit. */
static size_t print_key(FILE *out, const struct terminal *terminal,
			size_t column, const char *glyph, const char *colour,
			const char *text, uint64_t bytes)
{
	const size_t indent = MARGIN + LABEL_WIDTH;
	char size[24];
	char entry[80];
	size_t len;

	snprintf(entry, sizeof(entry), "%s %s", text, size_text(terminal, bytes, size));
	len = strlen(entry) + 2;
	if (column > indent && column + 2 + len > terminal->width) {
		fprintf(out, "\n%*s", (int)indent, "");
		column = indent;
	} else if (column > indent) {
		fputs("  ", out);
		column += 2;
	}
	colour_on(out, terminal, colour);
	fputs(glyph, out);
	colour_off(out, terminal);
	fprintf(out, " %s", entry);
	return column + len;
}

/* The first line has something to say with one of these only. */
static bool shows_entries(const struct report *report)
{
	return report->bits & (MINCORE_LEVEL | MINCORE_RESIDENT | MINCORE_ZERO);
}

static void print_legend(FILE *out, const struct terminal *terminal,
			 const struct report *report)
{
	uint64_t by_look[NR_LOOKS] = { 0 };
	uint64_t by_safe[NR_SAFE] = { 0 };
	size_t column = MARGIN + LABEL_WIDTH;

	for (size_t i = 0; i < report->regions.nr; i++) {
		const struct region *region = &report->regions.region[i];
		struct column what = region_column(report, region);

		by_look[what.look] += region->end - region->start;
		by_safe[what.safe] += region->end - region->start;
	}
	fprintf(out, "%*s%-*s", MARGIN, "", LABEL_WIDTH, "legend");
	for (int i = 0; i < NR_LOOKS; i++)
		if (by_look[i] && shows_entries(report))
			column = print_key(out, terminal, column,
					   terminal->utf8 ? looks[i].utf8 :
					   looks[i].ascii, looks[i].colour,
					   looks[i].text, by_look[i]);
	for (int i = 0; i < NR_SAFE; i++)
		if (by_safe[i] && report->bits & MINCORE_PERSIST)
			column = print_key(out, terminal, column,
					   terminal->utf8 ? safes[i].utf8 :
					   safes[i].ascii, safes[i].colour,
					   safes[i].text, by_safe[i]);
	fputc('\n', out);
}

void strip_print(FILE *out, const struct terminal *terminal,
		 const struct report *report)
{
	size_t width = terminal->width - MARGIN - LABEL_WIDTH;
	bool by_region = report->regions.nr <= width / 2;
	struct column *columns;
	char text[160];

	columns = calloc(width, sizeof(*columns));
	if (!columns || !report->regions.nr ||
	    !(shows_entries(report) || report->bits & MINCORE_PERSIST)) {
		free(columns);
		return;
	}
	if (by_region)
		fill_by_region(report, columns, width);
	else
		fill_by_size(report, columns, width);
	if (shows_entries(report))
		print_lane(out, terminal, columns, width, false);
	if (report->bits & MINCORE_PERSIST)
		print_lane(out, terminal, columns, width, true);
	print_legend(out, terminal, report);
	if (!by_region)
		snprintf(text, sizeof(text), "(%zu regions in %zu columns: a column shows what most of it is)",
			 report->regions.nr, width);
	else if (report->regions.nr > 1)
		snprintf(text, sizeof(text), "(not quite to scale: each region has a column at least)");
	else
		text[0] = '\0';
	if (text[0]) {
		fprintf(out, "%*s", MARGIN + LABEL_WIDTH, "");
		print_wrapped(out, text, MARGIN + LABEL_WIDTH,
			      MARGIN + LABEL_WIDTH, terminal->width);
	}
	free(columns);
}
