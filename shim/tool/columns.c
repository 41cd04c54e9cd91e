// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rows of columns: those of the map, and --output for other programs. And --metrics,
 * Prometheus' text format.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"

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

static char *persist_cell(const struct table *table, const struct report *report,
			  const struct region *region)
{
	const char *safe = region->unknown & MINCORE_PERSIST ? "?" : "no";
	struct reason reason;

	region_reason(report, region, &reason);
	if (!(report->bits & MINCORE_PERSIST))
		safe = "-";
	else if (!reason.code)
		safe = "yes";
	else if (table->notes)
		return text_of("%s [%zu]", safe,
			       note_number(table->notes, &reason));
	return text_of("%s", safe);
}

/* The text of a column, to free(). @region NULL: its heading. */
static char *cell(const struct table *table, const struct report *report,
		  const struct region *region, int column)
{
	const struct terminal units = { .bytes = table->bytes };
	const char *text = "-";
	struct reason reason;
	char buf[24];

	if (!region)
		return text_of("%s", column_name(column));
	switch (column) {
	case COL_ADDRESS:
		return text_of("0x%" PRIx64, report_address(report, region->start));
	case COL_OFFSET:
		/* Exact: who looks for a misaligned extent needs it. */
		return text_of("0x%" PRIx64, report_offset(report, region->start));
	case COL_SIZE:
		text = size_text(&units, region_bytes(region), buf);
		break;
	case COL_BACKING:
		text = backing_name(region_backing(report, region));
		break;
	case COL_LEVEL:
		text = region->unknown & MINCORE_LEVEL ? "?" :
		       level_text(region->state, buf);
		break;
	case COL_STATE:
		text = state_text(report, region);
		break;
	case COL_FILE:
		text = report->target.path;
		break;
	case COL_REASON:
		region_reason(report, region, &reason);
		if (report->bits & MINCORE_PERSIST && reason.code)
			text = reason.code;
		break;
	default:
		return persist_cell(table, report, region);
	}
	return text_of("%s", text);
}

/* Blanks and what is not to be seen as \xNN, as lsblk and others do. */
static void print_raw(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c <= ' ' || c == '\\' || c >= 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
}

static const char *colour_of(const char *safe)
{
	return !strcmp(safe, "yes") ? "\033[32m" :
	       !strncmp(safe, "no ", 3) ? "\033[31m" :
	       safe[0] == '?' ? "\033[33m" : NULL;
}

static void print_cell(FILE *out, const struct table *table, size_t c,
		       const char *text)
{
	int column = table->columns[c];
	bool right = column == COL_OFFSET || column == COL_SIZE;
	bool last = c + 1 == table->nr_columns;
	int pad = (int)(table->widths[c] - strlen(text));
	const char *colour = NULL;

	if (table->terminal && table->terminal->colour && column == COL_PERSIST)
		colour = colour_of(text);
	fprintf(out, "%*s%s", right ? pad : 0, "", colour ? colour : "");
	print_clean(out, text);
	fprintf(out, "%s%*s", colour ? "\033[0m" : "", right || last ? 0 : pad, "");
}

void table_row(FILE *out, struct table *table, const struct report *report,
	       const struct region *region)
{
	const char *before = table->terminal ? "  " : "";

	for (size_t c = 0; c < table->nr_columns; c++) {
		char *text = cell(table, report, region, table->columns[c]);
		size_t len = strlen(text);

		if (!out && len > table->widths[c])
			table->widths[c] = len;
		if (out && table->widths[c]) {
			fputs(before, out);
			before = table->raw ? " " : "  ";
			if (table->raw)
				print_raw(out, text);
			else
				print_cell(out, table, c, text);
		}
		free(text);
	}
	if (out)
		fputc('\n', out);
}

void columns_print(FILE *out, const struct report *reports, size_t nr,
		   const struct options *options)
{
	struct table table = {
		.columns = options->columns, .nr_columns = options->nr_columns,
		.raw = options->raw, .bytes = options->bytes || options->raw,
	};

	for (int pass = 0; pass < 2; pass++) {
		FILE *to = pass ? out : NULL;

		if (!options->noheadings)
			table_row(to, &table, NULL, NULL);
		for (size_t i = 0; i < nr; i++) {
			const struct region_list *list = &reports[i].regions;

			for (size_t j = 0; j < list->nr && !reports[i].error[0]; j++)
				table_row(to, &table, &reports[i], &list->region[j]);
		}
	}
}

/* "mincore2_NAME{file="FILE"} NUMBER": quotes, backslashes, newlines are escaped. */
static void metric(FILE *out, const char *name, const struct report *report,
		   const char *level, uint64_t number)
{
	fprintf(out, "mincore2_%s{file=\"", name);
	for (const char *at = report->target.path; *at; at++) {
		if (*at == '\n')
			fputs("\\n", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else
			fputc((unsigned char)*at < 0x20 ? '?' : *at, out);
	}
	fputc('"', out);
	if (level)
		fprintf(out, ",level=\"%s\"", level);
	fprintf(out, "} %" PRIu64 "\n", number);
}

static void metric_head(FILE *out, const char *name, const char *help)
{
	fprintf(out, "# HELP mincore2_%s %s\n# TYPE mincore2_%s gauge\n", name,
		help, name);
}

/* Without a help it is another value of the metric before. */
static const struct {
	const char *name, *level, *help;
	size_t sum;	/* in struct sums */
} metrics[] = {
#define SUM(member)	offsetof(struct sums, member)
	{ "mapped_bytes", NULL, "Bytes of the file that were looked at.", SUM(bytes) },
	{ "persistence_safe_bytes", NULL, "Bytes where cache write-back makes a store durable.", SUM(persist.yes) },
	{ "persistence_unknown_bytes", NULL, "Bytes of which that is not known.", SUM(persist.unknown) },
	{ "resident_bytes", NULL, "Bytes in memory.", SUM(resident.yes) },
	{ "dax_bytes", NULL, "Bytes without a page cache between.", SUM(dax.yes) },
	{ "level_bytes", "none", "Bytes by the level of the page-table entry that maps them.", SUM(level[0]) },
	{ "level_bytes", "PTE", NULL, SUM(level[1]) },
	{ "level_bytes", "PMD", NULL, SUM(level[2]) },
	{ "level_bytes", "PUD", NULL, SUM(level[3]) },
	{ "level_bytes", "unknown", NULL, SUM(level[LEVEL_UNKNOWN]) },
#undef SUM
};

enum { NR_METRICS = sizeof(metrics) / sizeof(metrics[0]) };

/* All values of one metric have to follow each other. */
void metrics_print(FILE *out, const struct report *reports, size_t nr)
{
	metric_head(out, "failed", "1 if the file could not be looked at.");
	for (size_t i = 0; i < nr; i++)
		metric(out, "failed", &reports[i], NULL,
		       reports[i].error[0] != '\0');
	for (size_t first = 0, end; first < NR_METRICS; first = end) {
		for (end = first + 1; end < NR_METRICS && !metrics[end].help; end++)
			;
		metric_head(out, metrics[first].name, metrics[first].help);
		for (size_t i = 0; i < nr; i++) {
			struct verdict verdict;

			if (reports[i].error[0])
				continue;
			verdict_make(&verdict, &reports[i]);
			for (size_t m = first; m < end; m++)
				metric(out, metrics[m].name, &reports[i],
				       metrics[m].level,
				       *(uint64_t *)((char *)&verdict.sums + metrics[m].sum));
			verdict_free(&verdict);
		}
	}
}
