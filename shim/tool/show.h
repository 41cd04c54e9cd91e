/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mincore2 tool: what it prints, and its commands.
 */
#ifndef MINCORE2_TOOL_SHOW_H
#define MINCORE2_TOOL_SHOW_H

#include "judge.h"

/* ---- pid.c ---- */

/* map --pid: all mappings of a process. Exit status. */
int pid_map(const struct options *options);

/* ---- strip.c, render.c, explain.c, json.c, columns.c ---- */

/* Reasons that have occurred, in the order of their first row. */
struct notes {
	struct reason note[16];
	size_t nr;
};

struct table {
	const unsigned char *columns;	/* COL_* */
	size_t nr_columns;
	const struct terminal *terminal;	/* as in a map; NULL: for programs */
	struct notes *notes;		/* a reason is a note; NULL: it is left out */
	bool raw, bytes;		/* nothing is padded; sizes in bytes */
	size_t widths[MOST_COLUMNS];	/* 0: the column is left out */
};

/* Print a row. @region NULL: the headings; @out NULL: only make room for it. */
void table_row(FILE *out, struct table *table, const struct report *report,
	       const struct region *region);

/* Those that the options name, of all files. */
void columns_print(FILE *out, const struct report *reports, size_t nr,
		   const struct options *options);
/* Prometheus' text format. */
void metrics_print(FILE *out, const struct report *reports, size_t nr);

void strip_print(FILE *out, const struct terminal *terminal,
		 const struct report *report);
void report_print(FILE *out, const struct terminal *terminal,
		  const struct report *report);
/* The first lines of it: what was mapped, and how. */
void head_print(FILE *out, const struct terminal *terminal,
		const struct report *report);
void json_print(FILE *out, const struct report *reports, size_t nr);
/*
 * As printf(), but "'" is a quotation mark, "%s" a string, whatever its bytes are, or
 * null for NULL, "%d" true or false, PRIx64 an address, and PRIu64 a number. There are no
 * others, nor widths.
 */
__attribute__((format(printf, 2, 3)))
void json(FILE *out, const char *format, ...);
/* The object with the bytes of each level. */
void json_levels(FILE *out, const struct sums *sums);
/* How all JSON begins; the version changes when something is taken out. */
#define JSON_HEAD	"{\n  'version': 1,\n  "

void explain_print(FILE *out, const struct terminal *terminal,
		   const struct report *report, const struct options *options);

/* ---- check.c, watch.c ---- */

/* The commands that do not just show reports. Each returns an exit status. */
int check_files(const struct options *options);
int watch_files(const struct options *options);

#endif /* MINCORE2_TOOL_SHOW_H */
