// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A report for people: a head, the strip, the regions in rows, and below the
 * rows a note for each reason why something is not persistence-safe.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"

enum { NR_SHOWN = COL_PERSIST + 1, MOST_FALLBACKS = 4 };

/* Leave out columns of what was not asked for, and those that do not fit. */
static void layout(struct table *table, const struct report *report,
		   size_t width)
{
	/* What a column is made of: without these bits it is not there. */
	static const unsigned int needs[NR_SHOWN] = {
		[COL_BACKING] = MINCORE_DAX | MINCORE_ZERO,
		[COL_LEVEL] = MINCORE_LEVEL,
		[COL_STATE] = MINCORE_RESIDENT | MINCORE_WRITABLE,
		[COL_PERSIST] = MINCORE_PERSIST,
	};
	/* What can be missed most easily comes first. */
	static const int dispensable[] = {
		COL_ADDRESS, COL_STATE, COL_BACKING, COL_OFFSET,
	};
	size_t all = 0;

	for (int c = 0; c < NR_SHOWN; c++) {
		if (needs[c] && !(report->bits & needs[c]))
			table->widths[c] = 0;
		all += table->widths[c] ? MARGIN + table->widths[c] : 0;
	}
	for (size_t i = 0; i < 4 && all > width; i++) {
		size_t *dropped = &table->widths[dispensable[i]];

		all -= *dropped ? MARGIN + *dropped : 0;
		*dropped = 0;
	}
}

static void print_rows(FILE *out, const struct terminal *terminal,
		       const struct report *report, struct notes *notes)
{
	static const unsigned char columns[NR_SHOWN] = {
		COL_ADDRESS, COL_OFFSET, COL_SIZE, COL_BACKING, COL_LEVEL,
		COL_STATE, COL_PERSIST,
	};
	const struct region *region = report->regions.region;
	size_t nr = report->regions.nr;
	size_t shown = terminal->summary ? 0 :
		       terminal->rows && terminal->rows < nr ? terminal->rows : nr;
	struct table table = {
		.columns = columns, .nr_columns = NR_SHOWN, .terminal = terminal,
		.notes = notes, .bytes = terminal->bytes,
	}, hidden = table;

	table_row(NULL, &table, report, NULL);
	/* All of them: a row that is not shown may need a note, too. */
	for (size_t i = 0; i < nr; i++)
		table_row(NULL, i < shown ? &table : &hidden, report, &region[i]);
	layout(&table, report, terminal->width);
	if (shown)
		table_row(out, &table, report, NULL);
	for (size_t i = 0; i < shown; i++)
		table_row(out, &table, report, &region[i]);
	if (shown && shown < nr)
		fprintf(out, "%*s(%zu more)\n", MARGIN, "", nr - shown);
}

static const char *mapping_text(const struct mapping *mapping)
{
	return mapping->type == MAPPING_SYNC ? "shared with MAP_SYNC" :
	       mapping->type == MAPPING_PRIVATE ? "private" :
	       mapping->sync_errno ? "shared (MAP_SYNC refused)" : "shared";
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

void head_print(FILE *out, const struct terminal *terminal,
		const struct report *report)
{
	char *backing = describe_backing(report);
	char *size = describe_size(report, terminal);
	const char *note = way_note(report->way);

	if (terminal->colour)
		fputs("\033[1m", out);
	print_clean(out, report->target.path);
	fputs(terminal->colour ? "\033[0m\n" : "\n", out);
	paragraph(out, terminal, MARGIN, "%s, %s, mapped %s%s", size, backing,
		  mapping_text(&report->mapping),
		  report->mapping.writable ? "" : ", read-only");
	if (note)
		paragraph(out, terminal, MARGIN, "%s", note);
	free(size);
	free(backing);
}

/* One answer for all: it is one mapping. */
static void print_pinnable(FILE *out, const struct terminal *terminal,
			   const struct report *report, const struct part *pinnable)
{
	struct reason reason = { .code = NULL };
	size_t indent;
	char *text;

	if (!(report->bits & MINCORE_PINNABLE))
		return;
	if (!pinnable->yes && !pinnable->unknown)
		pin_reason(report, &reason);
	text = text_of("%s%s%s", pinnable->yes ? "yes" :
		       pinnable->unknown ? "not known" : "no",
		       reason.code ? ": " : "", reason.text);
	indent = print_label(out, "pinnable");
	print_wrapped(out, text, indent, indent, terminal->width);
	free(text);
}

static void print_verdict(FILE *out, const struct terminal *terminal,
			  const struct report *report,
			  const struct verdict *verdict)
{
	const struct sums *sums = &verdict->sums;
	bool colour = terminal->colour && report->bits & MINCORE_PERSIST;
	char text[512];
	size_t indent;

	verdict_text(report, verdict, text, sizeof(text));
	if (text[0]) {
		indent = print_label(out, "verdict");
		if (colour)
			fputs(sums->persist.yes == sums->bytes ? "\033[1;32m" :
			      sums->persist.unknown ? "\033[1;33m" :
			      "\033[1;31m", out);
		print_wrapped(out, text, indent, indent, terminal->width);
		if (colour)
			fputs("\033[0m", out);
	}
	for (size_t i = 0; i < verdict->nr_fallbacks && i < MOST_FALLBACKS; i++) {
		fallback_text(report, &verdict->fallback[i], terminal->bytes,
			      text, sizeof(text));
		indent = print_label(out, i ? "" : "at offset");
		print_wrapped(out, text, indent, indent + 2, terminal->width);
	}
	if (verdict->nr_fallbacks > MOST_FALLBACKS)
		fprintf(out, "%*sand %zu more: see --json\n",
			MARGIN + LABEL_WIDTH, "",
			verdict->nr_fallbacks - MOST_FALLBACKS);
	print_pinnable(out, terminal, report, &sums->pinnable);
	fputc('\n', out);
}

void report_print(FILE *out, const struct terminal *terminal,
		  const struct report *report)
{
	struct notes notes = { .nr = 0 };
	struct verdict verdict;

	verdict_make(&verdict, report);
	head_print(out, terminal, report);
	fputc('\n', out);
	print_verdict(out, terminal, report, &verdict);
	strip_print(out, terminal, report);
	if (!terminal->summary)
		fputc('\n', out);
	print_rows(out, terminal, report, &notes);
	for (size_t i = 0; i < notes.nr; i++) {
		int column = fprintf(out, "  [%zu] ", i + 1);

		print_wrapped(out, notes.note[i].text, (size_t)column,
			      (size_t)column, terminal->width);
	}
	if (report->bits & MINCORE_LEVEL && !report->process.pid &&
	    verdict.sums.level[0] == verdict.sums.bytes)
		paragraph(out, terminal, MARGIN, "A new mapping has no entries yet: --read or --populate makes them.");
	verdict_free(&verdict);
}
