/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mincore2 tool: text for people, errors, small files, arrays, and the clock.
 * Below all other files.
 */
#ifndef MINCORE2_TOOL_TEXT_H
#define MINCORE2_TOOL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "mincore2.h"

/* Exit status, documented in mincore2(1). */
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

enum { MOST_WIDTH = 500 };

/* What can be shown. */
struct terminal {
	size_t width;	/* columns, MOST_WIDTH at most */
	bool utf8, colour;
	bool bytes;	/* sizes as numbers of bytes */
	bool summary;	/* no rows */
	size_t rows;	/* regions to show at most, 0: all */
	size_t height;	/* lines, 0: no terminal */
};

/* Of standard output. */
void terminal_detect(struct terminal *terminal, bool bytes, bool summary);
/* Size in human units, truncated: "4 KiB", "1.5 MiB". @buf has 24 bytes. */
const char *human_size(uint64_t bytes, char buf[24]);
/* Size as the user wants it. @buf has 24 bytes. */
const char *size_text(const struct terminal *terminal, uint64_t bytes,
		      char buf[24]);
/* The level of the entry: 0 none, 1 PTE, 2 PMD, 3 PUD. */
enum { NR_LEVELS = 4 };
static inline unsigned int level_of(uint64_t state)
{
	return (state & MINCORE_LEVEL) / MINCORE_PTE;
}

/* "PMD 2M"; "-" for none. @buf has 24 bytes. */
const char *level_text(uint64_t state, char buf[24]);
/* "PTE", "PMD", "PUD"; NULL: no entry. */
const char *level_name(uint64_t state);
/* Does a character (Unicode) turn the direction of what follows, or is it not seen? */
bool turns_text(unsigned int c);
/*
 * Print text of others, all of it: what is no character here, and what a terminal
 * would obey, becomes "?".
 */
void print_clean(FILE *out, const char *text);
/*
 * Print words within @width columns, further lines indented by @indent; in the
 * same way, and each character is taken for a column.
 */
void print_wrapped(FILE *out, const char *text, size_t column, size_t indent,
		   size_t width);
/* Columns of the margin, between columns, and of a label before a line. */
enum { MARGIN = 2, LABEL_WIDTH = 11 };

/* A margin, and a label before a line. Returns the columns of both. */
size_t print_label(FILE *out, const char *label);
/* A paragraph that is indented by @indent: as with printf(). */
__attribute__((format(printf, 4, 5)))
void paragraph(FILE *out, const struct terminal *terminal, size_t indent,
	       const char *format, ...);
/* Called before the program ends without memory; NULL: nothing. */
extern void (*before_the_end)(void);
/* Without memory the program ends, and so it does in all functions that allocate. */
_Noreturn void out_of_memory(void);
/* As calloc(). */
void *zeroed(size_t nr, size_t size);
/* As snprintf() and vsnprintf(), into memory to free(). */
__attribute__((format(printf, 1, 2)))
char *text_of(const char *format, ...);
__attribute__((format(printf, 1, 0)))
char *text_of_list(const char *format, va_list args);

/* Where a function reports what went wrong, in one line. */
enum { ERROR_SIZE = 512 };

/* Into @error[ERROR_SIZE]: the text; "%m" is what @err means. Returns -@err. */
__attribute__((format(printf, 3, 4)))
int fail(char *error, int err, const char *format, ...);

/* Print "mincore2: @name: @text" on standard error, if there is a text. */
void complain(const char *name, const char *text);

/* Output that was lost (disk full, closed pipe) is a failure, too. */
int finish_output(int status);

/* As snprintf() into PATH_MAX bytes; a path too long becomes "", which is no file. */
__attribute__((format(printf, 2, 3)))
void path_print(char *path, const char *format, ...);
/* Is there @name in the directory @dir? */
bool is_there(const char *dir, const char *name);
/* Read the first line of a small text file there. Its length or negative errno. */
ssize_t read_line(const char *dir, const char *name, char *buf, size_t size);

/* Since some time in the past, whatever the clock is set to. */
double seconds_now(void);

/**
 * array_add() - append an element to an array
 * @array: pointer to the pointer to it, of malloc(); that is NULL if @nr is 0
 * @nr: elements in it, which only grew by ones
 * @element: is copied
 * @size: its bytes
 */
void array_add(void *array, size_t *nr, const void *element, size_t size);

#endif /* MINCORE2_TOOL_TEXT_H */
