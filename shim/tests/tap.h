/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TAP for the host tests: a line a check, the plan last, so that a program
 * that dies on the way is noticed.
 */
#ifndef MINCORE2_TAP_H
#define MINCORE2_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

/* One check; @format says what it proves. Returns @passed. */
__attribute__((format(printf, 2, 3), unused))
static bool ok(bool passed, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", passed ? "" : "not ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	tap_failed += !passed;
	return passed;
}

/* The plan; returns the exit status. */
static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	fflush(stdout);
	return tap_failed != 0;
}

#endif /* MINCORE2_TAP_H */
