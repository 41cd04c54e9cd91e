// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the emulation does not know is shown as not known, and nowhere as a
 * clear bit: rows, strip, verdict, JSON, reasons, explain.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "tap.h"

static const struct terminal ascii = { .width = 90 };

/* A file in DAX mode, as the emulation sees it on a stock kernel. */
#define SEEN	S(MINCORE_DAX | MINCORE_RESIDENT | MINCORE_PMD, 21)
#define HIDDEN	(MINCORE_PERSIST | MINCORE_WRITABLE | MINCORE_ZERO)

static void init(struct report *report)
{
	report_init(report);
	report->way = MINCORE2_WAY_EMULATED;
}

static bool says(void (*print)(FILE *, const struct terminal *,
			       const struct report *),
		 const struct report *report, const char *text)
{
	char *all = captured(print, &ascii, report);
	bool found = strstr(all, text);

	if (!found)
		printf("# no [%s] in:\n%s", text, all);
	free(all);
	return found;
}

static bool lacks(void (*print)(FILE *, const struct terminal *,
				const struct report *),
		  const struct report *report, const char *text)
{
	char *all = captured(print, &ascii, report);
	bool found = strstr(all, text);

	if (found)
		printf("# [%s] in:\n%s", text, all);
	free(all);
	return !found;
}

static void test_rows(void)
{
	struct report report;

	init(&report);
	report_add_unknown(&report, SEEN, HIDDEN, 512);
	ok(says(report_print, &report, "Emulated, as this kernel") ||
	   says(report_print, &report, "Emulated: not what"),
	   "the head says that answers are emulated");
	ok(says(report_print, &report,
		"  2 MiB  DAX or hole  PMD 2M  writable?  ? [1]\n"),
	   "a row: a hole or not, writable or not, safe or not: not known");
	ok(says(report_print, &report, "  [1] only mincore2() can tell;"),
	   "and a note why");
	ok(says(report_print, &report,
		"verdict    whether persistence-safe is not known; 100 % PMD\n"),
	   "the verdict is none");
	ok(says(strip_print, &report, "\n  persistent ?????") &&
	   says(strip_print, &report, "? not known 2 MiB") &&
	   lacks(strip_print, &report, "not safe\n"), "the strip");
	region_list_free(&report.regions);

	init(&report);
	report_add_unknown(&report, MINCORE_DAX, ALL_BITS & ~(unsigned int)MINCORE_DAX, 4);
	ok(says(report_print, &report, "DAX or hole  ?      ?      ? [1]\n") &&
	   lacks(report_print, &report, "no entries yet"),
	   "a row of which nothing is known but DAX");
	ok(says(strip_print, &report, "mapped by  ~~~~~"), "and its strip");
	region_list_free(&report.regions);

	init(&report);
	report.facts.dax_attr = NOT_KNOWN;
	report_add_unknown(&report, S(MINCORE_RESIDENT | MINCORE_PTE, 12),
			   MINCORE_DAX | MINCORE_PERSIST, 1);
	ok(says(report_print, &report, "  4 KiB  ?        PTE 4K  "),
	   "whether DAX is not known");
	region_list_free(&report.regions);
}

static void test_verdict(void)
{
	struct verdict verdict;
	struct report report;
	char text[256];

	init(&report);
	report_add(&report, S_PMD, 512);
	report_add_unknown(&report, SEEN, MINCORE_PERSIST, 512);
	report_add_unknown(&report, MINCORE_DAX, ALL_BITS & ~(unsigned int)MINCORE_DAX, 1024);
	report_add(&report, S(MINCORE_DAX | MINCORE_RESIDENT | MINCORE_PTE, 12),
		   2048);
	verdict_make(&verdict, &report);
	ok(verdict.sums.persist.yes == 512 * 4096 && verdict.sums.persist.unknown == 1536 * 4096 &&
	   verdict.sums.level[MINCORE_PMD >> 2] == 1024 * 4096 &&
	   verdict.sums.level[MINCORE_PTE >> 2] == 2048 * 4096 && !verdict.sums.level[0] &&
	   verdict.sums.level[LEVEL_UNKNOWN] == 1024 * 4096,
	   "sums: what is not known is neither yes nor no");
	verdict.nr_fallbacks = 0;
	verdict_text(&report, &verdict, text, sizeof(text));
	ok(!strcmp(text, "12.5 % persistence-safe, 37.5 % not known; 25 % PMD, 50 % PTE, 25 % at a level not known"),
	   "in words: %s", text);
	verdict.sums.persist.yes = 0;
	verdict_text(&report, &verdict, text, sizeof(text));
	ok(!strncmp(text, "62.5 % not persistence-safe, 37.5 % not known; ", 47),
	   "none is safe, of some it is not known: %s", text);
	verdict_free(&verdict);
	region_list_free(&report.regions);
}

static void print_json(FILE *out, const struct terminal *terminal,
		       const struct report *report)
{
	(void)terminal;
	json_print(out, report, 1);
}

static void print_why(FILE *out, const struct terminal *terminal,
		      const struct report *report)
{
	const struct options options = { .command = COMMAND_EXPLAIN };

	explain_print(out, terminal, report, &options);
}

static void test_json(void)
{
	struct report report;

	init(&report);
	report_add_unknown(&report, SEEN, HIDDEN | MINCORE_DENIED, 512);
	ok(says(print_json, &report, "\"way\": \"emulated\""), "JSON: the way");
	ok(says(print_json, &report,
		"\"resident\": true, \"dax\": true, \"persist\": null, \"writable\": null, \"denied\": null, \"unmapped\": false, \"zero\": null,"),
	   "JSON: what is not known is null, not false");
	ok(says(print_json, &report,
		"\"unknown\": [\"persist\", \"writable\", \"denied\", \"zero\"]"),
	   "JSON: and named");
	ok(says(print_json, &report, "\"persist\": 0, \"persist_unknown\": 2097152,"),
	   "JSON: the sum");
	ok(says(print_json, &report, "\"code\": \"not-known\""), "JSON: the reason");
	region_list_free(&report.regions);
	init(&report);
	report_add_unknown(&report, 0, ALL_BITS | MINCORE_DENIED | MINCORE_PINNABLE, 1);
	ok(says(print_json, &report,
		"\"unknown\": [\"resident\", \"dax\", \"level\", \"persist\", \"writable\", \"denied\", \"zero\", \"pinnable\"]"),
	   "JSON: in the order that mincore2(1) has");
	region_list_free(&report.regions);
}

static void test_explain(void)
{
	struct report report;

	init(&report);
	report_add_unknown(&report, SEEN, HIDDEN | MINCORE_LEVEL, 512);
	ok(says(print_why, &report,
		"    unknown, 2 MiB from offset 0x0 on: only mincore2()") &&
	   says(print_why, &report, "What to do: Use fsync() or msync()") &&
	   says(print_why, &report, "    unknown: 2 MiB.\n"),
	   "explain says what is not known, and what to do");
	ok(lacks(print_why, &report, "no, ") && lacks(print_why, &report, "yes, ") &&
	   lacks(print_why, &report, "write fault"),
	   "explain draws no conclusion from it");
	region_list_free(&report.regions);
}

/* The kernel's yes is that of the device as it was. */
static void test_taken_back(void)
{
	struct report report;

	init(&report);
	report_add(&report, S(MINCORE_DAX | MINCORE_RESIDENT | MINCORE_PMD | MINCORE_PERSIST, 21),
		   512);
	report.facts.flushes = report.facts.write_backs = YES;
	ok(says(print_why, &report, "    yes, 2 MiB") && lacks(print_why, &report, "Taken back"),
	   "explain: nothing was taken back");
	report.facts.flushes = NO;
	ok(says(print_why, &report, "Taken back: queue/write_cache") &&
	   says(print_why, &report, "write back"),
	   "explain: flush requests are switched off");
	report.facts.flushes = YES;
	report.facts.write_backs = NO;
	ok(says(print_why, &report, "Taken back: dax/write_cache"),
	   "explain: write-backs are switched off");
	region_list_free(&report.regions);
}

static void test_private(void)
{
	struct region region = {
		.state = S(MINCORE_RESIDENT | MINCORE_PTE, 12),
		.unknown = MINCORE_DAX | MINCORE_WRITABLE,
	};
	struct report report;
	struct reason reason;

	init(&report);
	report.mapping.type = MAPPING_PRIVATE;
	ok(region_backing(&report, &region) == BACKING_UNKNOWN,
	   "private DAX: copied or not is not known");
	region_reason(&report, &region, &reason);
	ok(!strcmp(reason.code, "private"),
	   "but that it is not safe is known, and why");
	report.facts.dax_attr = NO;
	region.unknown = MINCORE_WRITABLE;
	ok(region_backing(&report, &region) == BACKING_UNKNOWN,
	   "private page cache: copied or not is not known");
	region.unknown = 0;
	ok(region_backing(&report, &region) == BACKING_PAGE_CACHE,
	   "unless the entry is known not to be writable");
	region = (struct region) { .state = MINCORE_UNMAPPED,
				   .unknown = MINCORE_DAX };
	ok(region_backing(&report, &region) == BACKING_UNMAPPED,
	   "what is not mapped is known");
}

static void test_merging(void)
{
	struct report report;

	init(&report);
	report_add_unknown(&report, SEEN, MINCORE_PERSIST, 1);
	report_add_unknown(&report, SEEN, MINCORE_PERSIST, 1);
	report_add_unknown(&report, SEEN, 0, 1);
	ok(report.regions.nr == 2,
	   "regions that differ in what is known of them are two");
	region_list_free(&report.regions);
}

int main(void)
{
	test_rows();
	test_verdict();
	test_json();
	test_explain();
	test_taken_back();
	test_private();
	test_merging();
	return tap_done();
}
