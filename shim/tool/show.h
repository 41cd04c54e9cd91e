/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mincore2 tool: what it prints, and its commands.
 */
#ifndef MINCORE2_TOOL_SHOW_H
#define MINCORE2_TOOL_SHOW_H

#include "judge.h"

/* ---- strip.c, render.c, explain.c, json.c, columns.c ---- */

/* The text of a column of a row, to free(). */
char *region_cell(const struct report *report, const struct region *region,
		  int column, bool bytes);

/* Rows of cells. */
struct table {
	const unsigned char *columns;	/* COL_* */
	size_t nr_columns;
	char **cell;			/* of the rows, one after another */
	size_t nr;
	size_t widths[MOST_COLUMNS];	/* 0: the column is left out */
};

/* Add a cell, of malloc(). The row of headings is one like others. */
void table_add(struct table *table, char *text);
void table_add_headings(struct table *table);
/* Set the widths so that the first @rows rows fit. */
void table_measure(struct table *table, size_t rows);
/* Print a row. @terminal: as in a map; NULL: for programs. @raw: nothing is padded. */
void table_print(FILE *out, const struct table *table, size_t row,
		 const struct terminal *terminal, bool raw);
void table_free(struct table *table);

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
/* A string in quotes, whatever its bytes are. */
void json_string(FILE *out, const char *text);
/* What "version" is in all JSON; it changes when something is taken out. */
enum { JSON_VERSION = 1 };

void explain_print(FILE *out, const struct terminal *terminal,
		   const struct report *report, const struct options *options);

/* ---- check.c, watch.c ---- */

/* The commands that do not just show reports. Each returns an exit status. */
int check_files(const struct options *options);
int watch_files(const struct options *options);

#endif /* MINCORE2_TOOL_SHOW_H */
