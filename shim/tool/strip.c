// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The strip: a mapping at a glance, one column of the terminal for a piece of
 * it. The first line shows levels and states, the second persistence; the
 * legend names what occurs, and how much of it there is.
 */
#include <string.h>

#include "show.h"

/* The lines: by what it is mapped, and persistence. */
enum { MAPPED, PERSISTENT, NR_LANES };

/* What a column can show; of several, see fill_by_size(). */
enum look {
	LOOK_PUD, LOOK_PMD, LOOK_PTE, LOOK_HOLE, LOOK_COPIED, LOOK_CACHED,
	LOOK_NONE, LOOK_DENIED, LOOK_UNMAPPED, LOOK_UNKNOWN, NR_LOOKS
};

enum safety { SAFE_YES, SAFE_NO, SAFE_UNKNOWN, NR_SAFE };

static const struct glyph {
	const char *utf8, *ascii, *colour, *text;
} glyphs[NR_LANES][NR_LOOKS] = {
	[MAPPED] = {
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
	},
	[PERSISTENT] = {
		[SAFE_YES] = { "━", "+", "1;32", "persistence-safe" },
		[SAFE_NO] = { "╌", "!", "31", "not safe" },
		[SAFE_UNKNOWN] = { "?", "?", "33", "not known" },
	},
};

struct column {
	unsigned char lane[NR_LANES];	/* enum look, enum safety */
};

static enum look region_look(const struct report *report,
			     const struct region *region)
{
	static const enum look levels[NR_LEVELS] = {
		LOOK_NONE, LOOK_PTE, LOOK_PMD, LOOK_PUD,
	};
	enum backing backing = region_backing(report, region);
	uint64_t state = region->state;

	if (backing == BACKING_UNMAPPED)
		return LOOK_UNMAPPED;
	if (backing == BACKING_COPIED)
		return LOOK_COPIED;
	if (backing == BACKING_HOLE || backing == BACKING_ZERO)
		return LOOK_HOLE;
	if (level_of(state))
		return levels[level_of(state)];
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
	return (struct column) { {
		[MAPPED] = (unsigned char)region_look(report, region),
		[PERSISTENT] = region->unknown & MINCORE_PERSIST ? SAFE_UNKNOWN :
			       region->state & MINCORE_PERSIST ? SAFE_YES : SAFE_NO,
	} };
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

		bytes += (double)region_bytes(region);
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
			uint64_t *total = &sum[column.lane[MAPPED]]
					      [column.lane[PERSISTENT]];

			*total += overlap(region->start, region->end, from, to);
			if (*total > most) {
				most = *total;
				columns[at] = column;
			}
		}
	}
}

/* Switch a colour on; off with "0". */
static void colour(FILE *out, const struct terminal *terminal, const char *code)
{
	if (terminal->colour)
		fprintf(out, "\033[%sm", code);
}

static void print_lane(FILE *out, const struct terminal *terminal,
		       const struct column *columns, size_t width, int lane)
{
	print_label(out, lane == PERSISTENT ? "persistent" : "mapped by");
	for (size_t i = 0; i < width; i++) {
		const struct glyph *glyph = &glyphs[lane][columns[i].lane[lane]];

		if (!i || columns[i - 1].lane[lane] != columns[i].lane[lane]) {
			if (i)
				colour(out, terminal, "0");
			colour(out, terminal, glyph->colour);
		}
		fputs(terminal->utf8 ? glyph->utf8 : glyph->ascii, out);
	}
	colour(out, terminal, "0");
	fputc('\n', out);
}

/* One entry of the legend; starts a new line where it would not fit. */
static size_t print_key(FILE *out, const struct terminal *terminal,
			size_t column, const struct glyph *glyph, uint64_t bytes)
{
	const size_t indent = MARGIN + LABEL_WIDTH;
	char size[24];
	char entry[80];
	size_t len;

	snprintf(entry, sizeof(entry), "%s %s", glyph->text,
		 size_text(terminal, bytes, size));
	len = strlen(entry) + 2;
	if (column > indent && column + 2 + len > terminal->width) {
		fprintf(out, "\n%*s", (int)indent, "");
		column = indent;
	} else if (column > indent) {
		fputs("  ", out);
		column += 2;
	}
	colour(out, terminal, glyph->colour);
	fputs(terminal->utf8 ? glyph->utf8 : glyph->ascii, out);
	colour(out, terminal, "0");
	fprintf(out, " %s", entry);
	return column + len;
}

/* Bits without which a line has nothing to say. */
static const unsigned int lane_bits[NR_LANES] = {
	MINCORE_LEVEL | MINCORE_RESIDENT | MINCORE_ZERO, MINCORE_PERSIST,
};

static void print_legend(FILE *out, const struct terminal *terminal,
			 const struct report *report)
{
	uint64_t bytes[NR_LANES][NR_LOOKS] = { { 0 } };
	size_t column;

	for (size_t i = 0; i < report->regions.nr; i++) {
		const struct region *region = &report->regions.region[i];
		struct column what = region_column(report, region);

		for (int lane = 0; lane < NR_LANES; lane++)
			if (report->bits & lane_bits[lane])
				bytes[lane][what.lane[lane]] += region_bytes(region);
	}
	column = print_label(out, "legend");
	for (int lane = 0; lane < NR_LANES; lane++)
		for (int i = 0; i < NR_LOOKS; i++)
			if (bytes[lane][i])
				column = print_key(out, terminal, column,
						   &glyphs[lane][i], bytes[lane][i]);
	fputc('\n', out);
}

void strip_print(FILE *out, const struct terminal *terminal,
		 const struct report *report)
{
	const size_t indent = MARGIN + LABEL_WIDTH;
	size_t width = terminal->width - indent;
	bool by_region = report->regions.nr <= width / 2;
	struct column columns[MOST_WIDTH];

	if (!report->regions.nr ||
	    !(report->bits & (lane_bits[MAPPED] | lane_bits[PERSISTENT])))
		return;
	if (by_region)
		fill_by_region(report, columns, width);
	else
		fill_by_size(report, columns, width);
	for (int lane = 0; lane < NR_LANES; lane++)
		if (report->bits & lane_bits[lane])
			print_lane(out, terminal, columns, width, lane);
	print_legend(out, terminal, report);
	if (!by_region)
		paragraph(out, terminal, indent, "(%zu regions in %zu columns: a column shows what most of it is)",
			  report->regions.nr, width);
	else if (report->regions.nr > 1)
		paragraph(out, terminal, indent, "(not quite to scale: each region has a column at least)");
}
