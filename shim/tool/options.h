/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mincore2 tool: its command line.
 */
#ifndef MINCORE2_TOOL_OPTIONS_H
#define MINCORE2_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mincore2.h"

enum command { COMMAND_MAP, COMMAND_CHECK, COMMAND_WATCH, COMMAND_EXPLAIN,
	       NR_COMMANDS };

/* Columns of a row; the last two with --output only. */
enum { COL_ADDRESS, COL_OFFSET, COL_SIZE, COL_BACKING, COL_LEVEL, COL_STATE,
       COL_PERSIST, COL_REASON, COL_FILE };
enum { MOST_COLUMNS = 16 };

struct page_range { uint64_t first, last; };	/* page numbers, inclusive */

struct options {
	enum command command;
	bool populate, read, json, private_map, no_sync;
	bool look;		/* fault in what is there, of DAX */
	unsigned char columns[MOST_COLUMNS];	/* COL_*; none: the map as a whole */
	size_t nr_columns;
	bool noheadings, raw, metrics;
	double min_percent;	/* check: of the pages, that have to be so */
	struct page_range *write_pages;		/* malloc()ed */
	size_t nr_write_pages;
	bool bytes;		/* sizes as numbers of bytes */
	bool summary;		/* no rows */
	unsigned int bits;	/* state bits to ask for */
	bool quiet;		/* check: the exit status only */
	unsigned int need;	/* check: bits that each page has to have; map: DAX */
	pid_t pid;		/* map: all mappings of this process; 0: none */
	unsigned int need_level;	/* check: MINCORE_PTE... at least, or 0 */
	double interval;	/* watch: seconds between frames */
	uint64_t count;		/* watch: frames, 0: no limit */
	double time;		/* watch: seconds in all, 0: no limit */
	bool has_offset, has_length;
	uint64_t offset, length;	/* only these bytes of the file; as given */
	bool emulate, native;	/* where answers have to come from; none: either */
	enum mincore2_way way;	/* where they do come from */
	bool (*cancelled)(void);	/* asked during long work; NULL: never */
	char **files;		/* operands */
	size_t nr_files;
};

/* What is asked for by default. PINNABLE takes a mapping that can be written. */
#define ALL_BITS	(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | \
			 MINCORE_PERSIST | MINCORE_WRITABLE | MINCORE_ZERO)

/* A line of options.def. */
struct option_info {
	const char *name;
	char letter;		/* 0: none */
	const char *argument;	/* NULL: it takes none */
	const char *words;	/* what that can be; NULL: anything */
	unsigned int commands;	/* a bit for each that takes it */
	size_t member;		/* offset of its bool; 0: none */
	unsigned int need;	/* state bit that it requires */
	const char *help;
};

extern const struct option_info option_table[];

/* help.c */
const char *command_name(enum command command);
/* All, or what the command @name takes. */
void help_print(const char *name);
int complete_print(const char *name);

/**
 * options_parse() - read the command line
 * @options: receives it; options_free() it in any case
 * @argc, @argv: as main() got them; @argv is permuted
 *
 * Prints an error, the help or the version if that is what there is to do.
 *
 * Return: an exit status, or -1 to go on.
 */
int options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

/**
 * parse_page_list() - read a list as in "0,5,10-20"
 * @text: the list
 * @ranges: receives an array to free(); NULL on error
 * @nr: receives its number of elements
 *
 * Return: 0, or -EINVAL for a malformed list.
 */
int parse_page_list(const char *text, struct page_range **ranges, size_t *nr);
/* Read a list as in "level,persist"; 0 or -EINVAL. */
int parse_bits(const char *text, unsigned int *bits);
/* Read the number of a process; 0 or -EINVAL. */
int parse_pid(const char *text, pid_t *pid);
/* Read "4096", "0x1000", "4K" (K, M, G, T: units of 1024); 0 or -EINVAL. */
int parse_size(const char *text, uint64_t *size);
/* Read names of columns as in "offset,level"; @columns has MOST_COLUMNS. */
int parse_columns(const char *text, unsigned char *columns, size_t *nr);
/* Read "pte", "pmd" or "pud"; 0 or -EINVAL. */
int parse_level(const char *text, unsigned int *level);
/* Read a number as in "0.5", from @least to @most; 0 or -EINVAL. */
int parse_real(const char *text, double least, double most, double *number);
/* The longest time that is taken, in seconds: a year. */
#define MOST_SECONDS	(366.0 * 24 * 60 * 60)

/* "OFFSET" of COL_OFFSET. */
const char *column_name(int column);

#endif /* MINCORE2_TOOL_OPTIONS_H */
