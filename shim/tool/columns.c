// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reports for other programs that are not JSON: --output, a plain table of the
 * columns that are asked for, and --metrics, Prometheus' text format.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool.h"

static const char *const names[NR_COLUMNS] = {
	[COL_ADDRESS] = "ADDRESS", [COL_OFFSET] = "OFFSET", [COL_SIZE] = "SIZE",
	[COL_BACKING] = "BACKING", [COL_LEVEL] = "LEVEL", [COL_STATE] = "STATE",
	[COL_PERSIST] = "PERSIST", [COL_REASON] = "REASON", [COL_FILE] = "FILE",
};

const char *column_name(int column)
{
	return names[column];
}

int parse_columns(const char *text, unsigned char *columns, size_t *nr)
{
	for (*nr = 0;; text++) {
		size_t len = strcspn(text, ",");
		int column = 0;

		while (column < NR_COLUMNS && (strlen(names[column]) != len ||
					       strncasecmp(names[column], text, len)))
			column++;
		if (column == NR_COLUMNS || *nr == MOST_COLUMNS)
			return -EINVAL;
		columns[(*nr)++] = (unsigned char)column;
		text += len;
		if (!*text)
			return 0;
	}
}

/* Blanks and what is not to be seen as \xNN, as lsblk and others do; "" as well. */
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

struct table {
	const struct options *options;
	char **cell;		/* options->nr_columns for each row */
	size_t nr, room;
};

static char *cell_of(const struct report *report, const struct region *region,
		     int column, bool bytes)
{
	char buf[CELL];

	if (column == COL_FILE)
		return text_of("%s", report->target.path);
	if (column == COL_REASON) {
		struct reason reason = { 0 };

		if (report->bits & MINCORE_PERSIST)
			region_reason(report, region, &reason);
		return text_of("%s", reason.code ? reason.code : "-");
	}
	region_cell(report, region, column, bytes, buf);
	return text_of("%s", buf);
}

static void add_rows(struct table *table, const struct report *report)
{
	const struct options *options = table->options;

	for (size_t i = 0; i < report->regions.nr; i++) {
		for (size_t c = 0; c < options->nr_columns; c++) {
			if (table->nr == table->room) {
				table->room = table->room ? table->room * 2 : 256;
				table->cell = realloc(table->cell, table->room *
						      sizeof(*table->cell));
				if (!table->cell)
					abort();
			}
			table->cell[table->nr++] = cell_of(report,
				&report->regions.region[i], options->columns[c],
				options->bytes || options->raw);
		}
	}
}

static void print_cell(FILE *out, const struct options *options, size_t c,
		       size_t width, const char *text)
{
	int column = options->columns[c];
	bool right = column == COL_OFFSET || column == COL_SIZE;
	bool last = c + 1 == options->nr_columns;

	if (options->raw) {
		print_raw(out, text);
	} else {
		int pad = (int)(width - strlen(text));

		fprintf(out, "%*s", right ? pad : 0, "");
		print_clean(out, text);
		fprintf(out, "%*s", right || last ? 0 : pad, "");
	}
	fputs(last ? "\n" : options->raw ? " " : "  ", out);
}

void columns_print(FILE *out, const struct report *reports, size_t nr,
		   const struct options *options)
{
	struct table table = { .options = options };
	size_t columns = options->nr_columns, widths[MOST_COLUMNS] = { 0 };

	for (size_t i = 0; i < nr; i++)
		if (!reports[i].error[0])
			add_rows(&table, &reports[i]);
	for (size_t c = 0; c < columns; c++) {
		widths[c] = options->noheadings ? 0 :
			    strlen(names[options->columns[c]]);
		for (size_t i = c; i < table.nr; i += columns)
			if (strlen(table.cell[i]) > widths[c])
				widths[c] = strlen(table.cell[i]);
	}
	for (size_t c = 0; c < columns && !options->noheadings; c++)
		print_cell(out, options, c, widths[c],
			   names[options->columns[c]]);
	for (size_t i = 0; i < table.nr; i++) {
		print_cell(out, options, i % columns, widths[i % columns],
			   table.cell[i]);
		free(table.cell[i]);
	}
	free(table.cell);
}

/* The name of a file as a label: quotes, backslashes and newlines are escaped. */
static void print_label(FILE *out, const char *text)
{
	fputs("{file=\"", out);
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc((unsigned char)*text < 0x20 ? '?' : *text, out);
	}
	fputc('"', out);
}

static void metric(FILE *out, const char *name, const char *help)
{
	fprintf(out, "# HELP mincore2_%s %s\n# TYPE mincore2_%s gauge\n", name,
		help, name);
}

static void value(FILE *out, const char *name, const struct report *report,
		  const char *label, const char *what, uint64_t number)
{
	fprintf(out, "mincore2_%s", name);
	print_label(out, report->target.path);
	if (label)
		fprintf(out, ",%s=\"%s\"", label, what);
	fprintf(out, "} %" PRIu64 "\n", number);
}

static uint64_t bytes_with(const struct report *report, unsigned int bit)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < report->regions.nr; i++)
		if (report->regions.region[i].state & bit)
			bytes += report->regions.region[i].end -
				 report->regions.region[i].start;
	return bytes;
}

enum { MAPPED, PERSIST, PERSIST_UNKNOWN, RESIDENT, DAX, LEVEL, NR_METRICS };

static void metric_of(FILE *out, int which, const struct report *report)
{
	static const char *const levels[4] = { "none", "PTE", "PMD", "PUD" };
	struct verdict verdict;

	if (report->error[0] || verdict_make(&verdict, report))
		return;
	switch (which) {
	case MAPPED:
		value(out, "mapped_bytes", report, NULL, NULL, verdict.bytes);
		break;
	case PERSIST:
		value(out, "persistence_safe_bytes", report, NULL, NULL,
		      verdict.persist);
		break;
	case PERSIST_UNKNOWN:
		value(out, "persistence_unknown_bytes", report, NULL, NULL,
		      verdict.persist_unknown);
		break;
	case RESIDENT:
		value(out, "resident_bytes", report, NULL, NULL,
		      bytes_with(report, MINCORE_RESIDENT));
		break;
	case DAX:
		value(out, "dax_bytes", report, NULL, NULL,
		      bytes_with(report, MINCORE_DAX));
		break;
	default:
		for (int i = 0; i < 4; i++)
			value(out, "level_bytes", report, "level", levels[i],
			      verdict.level[i]);
		value(out, "level_bytes", report, "level", "unknown",
		      verdict.level_unknown);
	}
	verdict_free(&verdict);
}

/* Values of one metric have to follow each other. */
void metrics_print(FILE *out, const struct report *reports, size_t nr)
{
	static const char *const metrics[NR_METRICS][2] = {
		[MAPPED] = { "mapped_bytes", "Bytes of the file that were looked at." },
		[PERSIST] = { "persistence_safe_bytes", "Bytes where cache write-back makes a store durable." },
		[PERSIST_UNKNOWN] = { "persistence_unknown_bytes", "Bytes of which that is not known." },
		[RESIDENT] = { "resident_bytes", "Bytes in memory." },
		[DAX] = { "dax_bytes", "Bytes without a page cache between." },
		[LEVEL] = { "level_bytes", "Bytes by the level of the page-table entry that maps them." },
	};

	metric(out, "failed", "1 if the file could not be looked at.");
	for (size_t i = 0; i < nr; i++)
		value(out, "failed", &reports[i], NULL, NULL,
		      reports[i].error[0] != '\0');
	for (int which = 0; which < NR_METRICS; which++) {
		metric(out, metrics[which][0], metrics[which][1]);
		for (size_t i = 0; i < nr; i++)
			metric_of(out, which, &reports[i]);
	}
}
