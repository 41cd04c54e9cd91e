// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The strip and the rows, from synthetic regions.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "tap.h"

static const struct terminal ascii = { .width = 80 };

/* Line @nr of @text, from 0, in a string to free(). */
static char *line_of(const char *text, int nr)
{
	while (nr-- && text)
		text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL;
	return text ? strndup(text, strcspn(text, "\n")) : strdup("");
}

/* Columns of the longest line, escape sequences not counted. */
static size_t widest(const char *text)
{
	size_t most = 0;
	size_t columns = 0;

	for (; *text; text++) {
		if (*text == '\033') {
			text += strcspn(text, "m");
			continue;
		}
		if (*text == '\n')
			columns = 0;
		else
			columns += ((unsigned char)*text & 0xc0) != 0x80;
		most = columns > most ? columns : most;
	}
	return most;
}

static bool lane_is(const char *text, int nr, const char *expected)
{
	char *line = line_of(text, nr);
	bool same = !strcmp(line, expected);

	if (!same)
		printf("# got      [%s]\n# expected [%s]\n", line, expected);
	free(line);
	return same;
}

/* 13 columns of margin and label, so 20 of strip. */
static void test_strip(void)
{
	struct terminal narrow = { .width = 33 };
	struct report report;
	char *text;

	report_init(&report);
	report_add(&report, S_PUD, 262144);
	report_add(&report, S_PMD, 512);
	report_add(&report, S_PTE, 1);
	report_add(&report, S_HOLE, 1);
	report_add(&report, S_NONE, 100);
	text = captured(strip_print, &narrow, &report);
	ok(lane_is(text, 0, "  mapped by  ################=-o."),
	   "strip: a region of one page has a column beside 1 GiB");
	ok(lane_is(text, 1, "  persistent ++++++++++++++++++++"),
	   "strip: persistence of each column");
	ok(strstr(text, "# PUD 1 GiB") && strstr(text, "= PMD 2 MiB") &&
	   strstr(text, "- PTE 4 KiB") && strstr(text, "o hole (zero page) 4 KiB") &&
	   strstr(text, ". no entry 400 KiB"),
	   "strip: the legend names what occurs, and its size");
	ok(!strstr(text, "copied") && !strstr(text, "denied") &&
	   !strstr(text, "not safe"),
	   "strip: the legend names nothing that does not occur");
	free(text);
	region_list_free(&report.regions);

	report_init(&report);
	report.mapping.type = MAPPING_PRIVATE;
	report_add(&report, S(MINCORE_DAX | MINCORE_PTE, 12), 5);
	report_add(&report, S(MINCORE_PTE | MINCORE_RESIDENT | MINCORE_WRITABLE, 12), 5);
	report_add(&report, S(MINCORE_DENIED | MINCORE_DAX, 0), 5);
	report_add(&report, S(MINCORE_UNMAPPED, 0), 5);
	text = captured(strip_print, &narrow, &report);
	ok(lane_is(text, 0, "  mapped by  -----ccccc?????xxxxx"),
	   "strip: copied, denied, unmapped");
	ok(lane_is(text, 1, "  persistent !!!!!!!!!!!!!!!!!!!!"),
	   "strip: what is not persistence-safe");
	free(text);
	region_list_free(&report.regions);
}

static void test_strip_many(void)
{
	struct terminal narrow = { .width = 33 };
	struct report report;
	char *text;

	report_init(&report);
	for (int i = 0; i < 100; i++) {	/* three quarters PTE, then PMD */
		report_add(&report, S_NONE, 1);
		report_add(&report, i < 50 ? S_PTE : S_PMD, 3);
	}
	text = captured(strip_print, &narrow, &report);
	ok(lane_is(text, 0, "  mapped by  ----------=========="),
	   "strip: more regions than columns: what most of a column is");
	ok(strstr(text, "200 regions in") != NULL, "strip: says that it merged");
	free(text);
	region_list_free(&report.regions);
}

static void test_cached(void)
{
	struct terminal narrow = { .width = 33 };
	struct report report;
	char *text;

	report_init(&report);
	report.facts.dax_attr = NO;
	report.mapping.type = MAPPING_SHARED;
	report_add(&report, MINCORE_RESIDENT, 1);
	report_add(&report, 0, 1);
	text = captured(strip_print, &narrow, &report);
	ok(lane_is(text, 0, "  mapped by  __________.........."),
	   "strip: in page cache but not mapped, and not in memory");
	free(text);
	text = captured(report_print, &ascii, &report);
	ok(strstr(text, "in memory") && strstr(text, "page cache"),
	   "rows: in page cache but not mapped");
	ok(strstr(text, "A new mapping has no entries yet") != NULL,
	   "rows: a mapping without entries says how to get some");
	free(text);
	region_list_free(&report.regions);
}

static void test_rows(void)
{
	struct report report;
	char *text;

	report_init(&report);
	report_add(&report, S_PMD, 1024);
	report_add(&report, S_HOLE, 3);
	report_add(&report, S_PTE & ~(uint64_t)MINCORE_PERSIST, 1);
	report.facts.journal = NO;
	text = captured(report_print, &ascii, &report);
	ok(strstr(text, "  ADDRESS       OFFSET    SIZE  BACKING   LEVEL   STATE      PERSIST\n"),
	   "rows: titles");
	ok(strstr(text, "  0x40000000       0x0   4 MiB  DAX       PMD 2M  writable   yes\n"),
	   "rows: a region");
	ok(strstr(text, "  0x40400000  0x400000  12 KiB  DAX hole  PTE 4K  read-only  yes\n"),
	   "rows: a hole");
	ok(strstr(text, "  0x40403000  0x403000   4 KiB  DAX       PTE 4K  read-only  no [1]\n"),
	   "rows: not persistence-safe, with a note");
	ok(strstr(text, "\n  [1] ext4 runs without a journal") != NULL,
	   "rows: the note gives the reason");
	ok(!strstr(text, "A new mapping"), "rows: no hint where there are entries");
	ok(!strchr(text, '\033'), "rows: no escape sequence without colour");
	free(text);
	region_list_free(&report.regions);
}

static void test_widths(void)
{
	struct report report;
	bool fits = true;
	bool plain = true;

	report_init(&report);
	report.target.path = "f";
	report.mapping.start = 0x7fff40000000;
	report.facts.device_kind = DEVICE_VIRTIO_PMEM;
	report_add(&report, S_PUD & ~(uint64_t)MINCORE_PERSIST, 262144);
	report_add(&report, S_PTE, 3);
	report_add(&report, S_HOLE, 700);
	report_add(&report, S_NONE, 7);
	/* An offset of 13 digits, where the address space has room for it. */
	if (sizeof(size_t) > 4)
		report_add(&report, S_PMD & ~(uint64_t)MINCORE_PERSIST,
			   ((uint64_t)1 << 38) - 1);
	report_add(&report, S_NONE, 1);
	for (size_t width = 40; width <= 200; width++) {
		for (int mode = 0; mode < 4; mode++) {
			struct terminal terminal = { .width = width, .utf8 = mode & 1,
						     .colour = mode & 2 };
			char *text = captured(report_print, &terminal, &report);

			if (widest(text) > width) {
				printf("# %zu columns at width %zu\n%s",
				       widest(text), width, text);
				fits = false;
			}
			if (!(mode & 1))
				for (const char *c = text; *c; c++)
					plain = plain && (unsigned char)*c < 0x80;
			free(text);
		}
	}
	ok(fits, "no line is wider than the terminal, at each width from 40 to 200");
	ok(plain, "nothing but ASCII where the locale is not UTF-8");
	region_list_free(&report.regions);
}

static void test_colour(void)
{
	struct terminal colour = { .width = 80, .utf8 = true, .colour = true };
	struct report report;
	char *text;
	int on = 0;
	int off = 0;

	report_init(&report);
	report_add(&report, S_PMD, 512);
	report_add(&report, S_PTE, 512);
	text = captured(report_print, &colour, &report);
	for (char *c = text; (c = strchr(c, '\033')); c++) {
		if (!strncmp(c, "\033[0m", 4))
			off++;
		else
			on++;
	}
	ok(on > 4 && on == off, "colour: each that is switched on is switched off");
	free(text);
	region_list_free(&report.regions);
}

static void test_names(void)
{
	struct report report;
	char *text;

	report_init(&report);
	report.target.path = "a\033]0;evil\a\nb\xc2\x9b";
	snprintf(report.facts.source, sizeof(report.facts.source), "s\033c");
	report_add(&report, S_PMD, 512);
	text = captured(report_print, &ascii, &report);
	ok(!strncmp(text, "a?]0;evil??b??\n", 14) && !strchr(text, '\033'),
	   "control characters of names never reach the terminal");
	free(text);
	region_list_free(&report.regions);
}

int main(void)
{
	test_strip();
	test_strip_many();
	test_cached();
	test_rows();
	test_widths();
	test_colour();
	test_names();
	return tap_done();
}
