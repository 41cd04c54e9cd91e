// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A report for people: a head, the strip, the regions in rows, and below the
 * rows a note for each reason why something is not persistence-safe.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum { MARGIN = 2, GAP = 2, NR_SHOWN = COL_PERSIST + 1 };

/* Reasons that have occurred, in the order of their first row. */
struct notes {
	struct reason note[16];
	size_t nr;
};

struct row {
	char cell[NR_SHOWN][CELL];
};

static bool right_aligned(int column)
{
	return column == COL_OFFSET || column == COL_SIZE;
}

/* Number of the note for @reason, from 1; 0 when there are too many. */
static size_t note_number(struct notes *notes, const struct reason *reason)
{
	size_t i;

	for (i = 0; i < notes->nr; i++)
		if (!strcmp(notes->note[i].code, reason->code))
			return i + 1;
	if (i == sizeof(notes->note) / sizeof(notes->note[0]))
		return 0;
	notes->note[notes->nr++] = *reason;
	return i + 1;
}

/* What a column is made of: without these bits it is not there. */
static const unsigned int needs[NR_SHOWN] = {
	[COL_BACKING] = MINCORE_DAX | MINCORE_ZERO,
	[COL_LEVEL] = MINCORE_LEVEL,
	[COL_STATE] = MINCORE_RESIDENT | MINCORE_WRITABLE,
	[COL_PERSIST] = MINCORE_PERSIST,
};

static bool has_column(const struct report *report, int column)
{
	return !needs[column] || report->bits & needs[column];
}

static const char *state_text(const struct report *report,
			      const struct region *region)
{
	uint64_t state = region->state;

	if (state & MINCORE_UNMAPPED)
		return "-";
	if (state & MINCORE_WRITABLE)
		return "writable";
	if (region->unknown & MINCORE_WRITABLE)
		return state & MINCORE_RESIDENT ? "writable?" : "?";
	if (state & MINCORE_LEVEL && report->bits & MINCORE_WRITABLE)
		return "read-only";
	if (state & MINCORE_DENIED)
		return "denied";
	if (region->unknown & (MINCORE_RESIDENT | MINCORE_DENIED))
		return "?";
	return state & MINCORE_RESIDENT ? "in memory" : "-";
}

void region_cell(const struct report *report, const struct region *region,
		 int column, bool bytes, char cell[CELL])
{
	const struct terminal units = { .bytes = bytes };
	struct reason reason;
	char buf[24];

	switch (column) {
	case COL_ADDRESS:
		snprintf(cell, CELL, "0x%" PRIx64,
			 report_address(report, region->start));
		break;
	case COL_OFFSET:
		/* Exact: who looks for a misaligned extent needs it. */
		snprintf(cell, CELL, "0x%" PRIx64,
			 report_offset(report, region->start));
		break;
	case COL_SIZE:
		snprintf(cell, CELL, "%s", size_text(&units, region->end -
						     region->start, buf));
		break;
	case COL_BACKING:
		snprintf(cell, CELL, "%s",
			 backing_name(region_backing(report, region)));
		break;
	case COL_LEVEL:
		snprintf(cell, CELL, "%s", region->unknown & MINCORE_LEVEL ? "?" :
			 level_text(region->state, buf));
		break;
	case COL_STATE:
		snprintf(cell, CELL, "%s", state_text(report, region));
		break;
	default:	/* COL_PERSIST */
		region_reason(report, region, &reason);
		snprintf(cell, CELL, "%s", !(report->bits & MINCORE_PERSIST) ? "-" :
			 !reason.code ? "yes" :
			 region->unknown & MINCORE_PERSIST ? "?" : "no");
	}
}

static void fill_row(struct row *row, const struct report *report,
		     const struct terminal *terminal,
		     const struct region *region, struct notes *notes)
{
	struct reason reason;
	size_t len;

	for (int column = 0; column < NR_SHOWN; column++)
		region_cell(report, region, column, terminal->bytes,
			    row->cell[column]);
	if (!(report->bits & MINCORE_PERSIST))
		return;
	region_reason(report, region, &reason);
	len = strlen(row->cell[COL_PERSIST]);
	if (reason.code)
		snprintf(row->cell[COL_PERSIST] + len, CELL - len, " [%zu]",
			 note_number(notes, &reason));
}

/* Widths from the contents; a column that does not fit gets width 0. */
static void layout(const struct report *report, const struct row *rows,
		   size_t nr, size_t width, size_t widths[NR_SHOWN])
{
	/* What can be missed most easily comes first. */
	static const int dispensable[] = {
		COL_ADDRESS, COL_STATE, COL_BACKING, COL_OFFSET,
	};
	size_t all = MARGIN - GAP;

	for (int c = 0; c < NR_SHOWN; c++) {
		widths[c] = 0;
		if (!has_column(report, c))
			continue;
		widths[c] = strlen(column_name(c));
		for (size_t i = 0; i < nr; i++)
			if (strlen(rows[i].cell[c]) > widths[c])
				widths[c] = strlen(rows[i].cell[c]);
		all += GAP + widths[c];
	}
	for (size_t i = 0; i < 4 && all > width; i++) {
		if (!widths[dispensable[i]])
			continue;
		all -= GAP + widths[dispensable[i]];
		widths[dispensable[i]] = 0;
	}
}

static void print_row(FILE *out, const struct terminal *terminal,
		      const char *const cells[NR_SHOWN],
		      const size_t widths[NR_SHOWN])
{
	bool started = false;

	for (int c = 0; c < NR_SHOWN; c++) {
		const char *cell = cells[c];
		const char *colour = NULL;

		if (!widths[c])
			continue;
		if (terminal->colour && c == COL_PERSIST)
			colour = !strcmp(cell, "yes") ? "32" :
				 !strncmp(cell, "no ", 3) ? "31" :
				 cell[0] == '?' ? "33" : NULL;
		fprintf(out, "%*s", started ? GAP : MARGIN, "");
		started = true;
		if (colour)
			fprintf(out, "\033[%sm%s\033[0m", colour, cell);
		else if (c == NR_SHOWN - 1)
			fputs(cell, out);
		else
			fprintf(out, "%*s", right_aligned(c) ? (int)widths[c] :
				-(int)widths[c], cell);
	}
	fputc('\n', out);
}

static void print_rows(FILE *out, const struct terminal *terminal,
		       const struct report *report, struct notes *notes)
{
	size_t nr = report->regions.nr;
	size_t shown = terminal->summary ? 0 :
		       terminal->rows && terminal->rows < nr ? terminal->rows : nr;
	struct row *rows = calloc(nr ? nr : 1, sizeof(*rows));
	size_t widths[NR_SHOWN];

	if (!rows)
		return;
	/* All of them: a row that is not shown may need a note, too. */
	for (size_t i = 0; i < nr; i++)
		fill_row(&rows[i], report, terminal, &report->regions.region[i],
			 notes);
	if (shown) {
		const char *titles[NR_SHOWN];

		for (int c = 0; c < NR_SHOWN; c++)
			titles[c] = column_name(c);
		layout(report, rows, shown, terminal->width, widths);
		print_row(out, terminal, titles, widths);
	}
	for (size_t i = 0; i < shown; i++) {
		const char *cells[NR_SHOWN];

		for (int c = 0; c < NR_SHOWN; c++)
			cells[c] = rows[i].cell[c];
		print_row(out, terminal, cells, widths);
	}
	if (shown && shown < nr)
		fprintf(out, "%*s(%zu more)\n", MARGIN, "", nr - shown);
	free(rows);
}

static const char *mapping_text(const struct mapping *mapping)
{
	switch (mapping->type) {
	case MAPPING_SYNC:
		return "shared with MAP_SYNC";
	case MAPPING_PRIVATE:
		return "private";
	case MAPPING_SHARED:
		break;
	}
	return mapping->sync_errno ? "shared (MAP_SYNC refused)" : "shared";
}

/* To free(). */
static char *describe_backing(const struct report *report)
{
	const struct facts *facts = &report->facts;
	const char *domain = facts->persistence_domain;
	const char *source = facts->source[0] ? facts->source : "?";
	char *what, *all;

	if (report->target.kind == TARGET_DEVDAX)
		what = text_of("device-dax %s", facts->device);
	else if (facts->fstype[0])
		what = text_of("%s on %s", facts->fstype, source);
	else
		what = text_of("unknown filesystem");
	if (!domain[0])
		return what;
	all = text_of("%s (persistence domain: %s)", what, domain);
	free(what);
	return all;
}

/* "16 MiB", and of a part or of another process where in its file that is. */
static char *describe_size(const struct report *report,
			   const struct terminal *terminal)
{
	const struct target *target = &report->target;
	const char *unit = terminal->bytes ? " bytes" : "";
	char bytes[24], all[24];
	const char *file = report->process.path;

	size_text(terminal, target->size, bytes);
	if (!report->process.pid && target->size == target->file_size)
		return text_of("%s%s", bytes, unit);
	if (!report->process.pid)
		file = size_text(terminal, target->file_size, all);
	return text_of("%s%s at offset 0x%" PRIx64 " of %s", bytes, unit,
		       target->offset, file);
}

static void paragraph(FILE *out, const struct terminal *terminal,
		      const char *text)
{
	fprintf(out, "%*s", MARGIN, "");
	print_wrapped(out, text, MARGIN, MARGIN, terminal->width);
}

void head_print(FILE *out, const struct terminal *terminal,
		const struct report *report)
{
	char *backing = describe_backing(report);
	char *size = describe_size(report, terminal);
	char *text = text_of("%s, %s, mapped %s%s", size, backing,
			     mapping_text(&report->mapping),
			     report->mapping.writable ? "" : ", read-only");
	const char *note = way_note(report->way);

	if (terminal->colour)
		fputs("\033[1m", out);
	print_clean(out, report->target.path);
	fputs(terminal->colour ? "\033[0m\n" : "\n", out);
	paragraph(out, terminal, text);
	if (note)
		paragraph(out, terminal, note);
	if (report->process.pid)
		paragraph(out, terminal, "This is the tool's own mapping, made as the process made its own: DAX and persistence are the same; entries (level, writable) and residency of private pages are not.");
	free(text);
	free(size);
	free(backing);
}

enum { LABEL_WIDTH = 11, MOST_FALLBACKS = 4 };

static void print_verdict(FILE *out, const struct terminal *terminal,
			  const struct report *report)
{
	const size_t indent = MARGIN + LABEL_WIDTH;
	struct verdict verdict;
	char text[512];

	if (verdict_make(&verdict, report))
		return;
	verdict_text(report, &verdict, text, sizeof(text));
	if (text[0]) {
		bool safe = verdict.persist == verdict.bytes;

		fprintf(out, "%*s%-*s", MARGIN, "", LABEL_WIDTH, "verdict");
		if (terminal->colour && report->bits & MINCORE_PERSIST)
			fputs(safe ? "\033[1;32m" : verdict.persist_unknown ?
			      "\033[1;33m" : "\033[1;31m", out);
		print_wrapped(out, text, indent, indent, terminal->width);
		if (terminal->colour && report->bits & MINCORE_PERSIST)
			fputs("\033[0m", out);
	}
	for (size_t i = 0; i < verdict.nr_fallbacks && i < MOST_FALLBACKS; i++) {
		fallback_text(report, &verdict.fallback[i], terminal->bytes,
			      text, sizeof(text));
		fprintf(out, "%*s%-*s", MARGIN, "", LABEL_WIDTH,
			i ? "" : "at offset");
		print_wrapped(out, text, indent, indent + 2, terminal->width);
	}
	if (verdict.nr_fallbacks > MOST_FALLBACKS)
		fprintf(out, "%*sand %zu more: see --json\n", (int)indent, "",
			verdict.nr_fallbacks - MOST_FALLBACKS);
	verdict_free(&verdict);
	fputc('\n', out);
}

static bool any_entry(const struct report *report)
{
	for (size_t i = 0; i < report->regions.nr; i++)
		if ((report->regions.region[i].state |
		     report->regions.region[i].unknown) & MINCORE_LEVEL)
			return true;
	return false;
}

void report_print(FILE *out, const struct terminal *terminal,
		  const struct report *report)
{
	struct notes notes = { .nr = 0 };

	head_print(out, terminal, report);
	fputc('\n', out);
	print_verdict(out, terminal, report);
	strip_print(out, terminal, report);
	if (!terminal->summary)
		fputc('\n', out);
	print_rows(out, terminal, report, &notes);
	for (size_t i = 0; i < notes.nr; i++) {
		int column = fprintf(out, "  [%zu] ", i + 1);

		print_wrapped(out, notes.note[i].text, (size_t)column,
			      (size_t)column, terminal->width);
	}
	if (report->bits & MINCORE_LEVEL && !any_entry(report))
		paragraph(out, terminal, "A new mapping has no entries yet: --read or --populate makes them.");
}
