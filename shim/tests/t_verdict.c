// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The verdict: sums, and for each cause of a fallback the file that has it;
 * what is advised; arguments of options.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "tap.h"

#define MIB	((uint64_t)1 << 20)

static void add_extent(struct report *report, uint64_t logical,
		       uint64_t physical, uint64_t length, bool unwritten)
{
	struct extent extent = { logical, physical, length, unwritten };

	extent_append(&report->extents, &extent);
	report->extents.known = true;
}

static void clear(struct report *report)
{
	region_list_free(&report->regions);
	extent_list_free(&report->extents);
}

/* A file of 4 MiB, the second half mapped by PTEs, on one extent. */
static void half(struct report *report)
{
	report_init(report);
	report_add(report, S_PMD, 512);
	report_add(report, S_PTE, 512);
}

/* Has the verdict one fallback, 2 MiB at 2 MiB, with this cause? */
static bool one(struct report *report, enum cause cause)
{
	struct verdict verdict;
	const struct fallback *fallback;
	bool good;

	verdict_make(&verdict, report);
	fallback = verdict.fallback;
	good = verdict.nr_fallbacks == 1 && fallback->offset == 2 * MIB &&
	       fallback->size == 2 * MIB && fallback->cause == cause;
	if (!good)
		printf("# %zu fallbacks, %s\n", verdict.nr_fallbacks,
		       verdict.nr_fallbacks ? cause_code(fallback->cause) : "-");
	verdict_free(&verdict);
	clear(report);
	return good;
}

/* The text about what does not fit, of the first fallback. */
static bool misfit_is(struct report *report, const char *expected)
{
	struct verdict verdict;
	char text[512];

	verdict_make(&verdict, report);
	if (!verdict.nr_fallbacks)
		return false;
	misfit_text(report, &verdict.fallback[0], text, sizeof(text));
	verdict_free(&verdict);
	region_list_free(&report->regions);
	extent_list_free(&report->extents);
	if (strcmp(text, expected))
		printf("# got [%s]\n", text);
	return !strcmp(text, expected);
}

static void test_misfits(void)
{
	struct report report;

	half(&report);
	add_extent(&report, 0, 64 * MIB, 2 * MIB, false);
	add_extent(&report, 2 * MIB, 97 * MIB + 4096, 2 * MIB, false);
	ok(misfit_is(&report, "Modulo 2 MiB the file offset is 0x0, its block 0x101000 and the start of the partition 0x0: off by 0x101000."),
	   "which is off by how much: the block");
	half(&report);
	add_extent(&report, 0, 65 * MIB, 4 * MIB, false);
	report.facts.device_offset = 3 * MIB + 4096;
	ok(misfit_is(&report, "Modulo 2 MiB the file offset is 0x0, its block 0x100000 and the start of the partition 0x101000: off by 0x1000."),
	   "the partition, which the block nearly makes up for");
	half(&report);
	report.mapping.start += 4096;
	for (size_t i = 0; i < report.regions.nr; i++) {
		report.regions.region[i].start += 4096;
		report.regions.region[i].end += 4096;
	}
	ok(misfit_is(&report, "Modulo 2 MiB the file offset is 0x0 and the address 0x1000: off by 0x1000."),
	   "the address");
	half(&report);
	add_extent(&report, 0, 64 * MIB, 4 * MIB, true);
	ok(misfit_is(&report, ""), "nothing is off");
}

static void test_causes(void)
{
	struct report report;

	half(&report);
	add_extent(&report, 0, 64 * MIB, 2 * MIB, false);
	add_extent(&report, 2 * MIB, 97 * MIB, 2 * MIB, false);
	ok(one(&report, CAUSE_EXTENT), "an extent that is not aligned");
	half(&report);
	add_extent(&report, 0, 64 * MIB, 4 * MIB, false);
	report.facts.device_offset = MIB;
	ok(one(&report, CAUSE_EXTENT), "a partition that is not aligned");
	half(&report);
	add_extent(&report, 0, 64 * MIB, 3 * MIB, false);
	add_extent(&report, 3 * MIB, 98 * MIB, MIB, false);
	ok(one(&report, CAUSE_SPLIT), "two extents in 2 MiB");
	half(&report);
	add_extent(&report, 0, 64 * MIB, 3 * MIB, false);
	add_extent(&report, 3 * MIB, 67 * MIB, MIB, false);
	ok(one(&report, CAUSE_TOUCHED), "two extents side by side are one");
	half(&report);
	add_extent(&report, 0, 64 * MIB, 3 * MIB, false);
	ok(one(&report, CAUSE_HOLE), "a hole in a part of it");
	half(&report);
	add_extent(&report, 0, 64 * MIB, 2 * MIB, false);
	ok(one(&report, CAUSE_HOLE), "a hole");
	half(&report);
	add_extent(&report, 0, 64 * MIB, 4 * MIB, true);
	ok(one(&report, CAUSE_UNWRITTEN), "an unwritten extent");
	half(&report);
	add_extent(&report, 0, 64 * MIB, 3 * MIB, false);
	add_extent(&report, 3 * MIB, 67 * MIB, MIB, true);
	ok(one(&report, CAUSE_MIXED), "written in part");
	half(&report);
	add_extent(&report, 0, 64 * MIB, 4 * MIB, false);
	ok(one(&report, CAUSE_TOUCHED), "an aligned extent");
	half(&report);
	ok(one(&report, CAUSE_UNKNOWN), "extents that are not known");
	half(&report);
	report.mapping.start += 4096;
	for (size_t i = 0; i < report.regions.nr; i++) {
		report.regions.region[i].start += 4096;
		report.regions.region[i].end += 4096;
	}
	add_extent(&report, 0, 64 * MIB, 4 * MIB, false);
	ok(one(&report, CAUSE_ADDRESS), "an address that is not aligned");
	for (int cause = 0; cause < CAUSE_UNKNOWN; cause++)
		ok(cause_advice(&report, (enum cause)cause) != NULL,
		   "%s: there is advice", cause_code((enum cause)cause));
}

static void test_no_fallback(void)
{
	struct verdict verdict;
	struct report report;

	report_init(&report);
	report_add(&report, S_PTE, 511);
	verdict_make(&verdict, &report);
	ok(!verdict.nr_fallbacks,
	   "less than 2 MiB cannot fall back");
	clear(&report);
	report_init(&report);
	report_add(&report, S_PMD, 512);
	report_add(&report, S_PTE, 100);
	verdict_make(&verdict, &report);
	ok(!verdict.nr_fallbacks,
	   "nor the end of a file");
	clear(&report);
	half(&report);
	report.regions.region[1].state &= ~(uint64_t)MINCORE_DAX;
	verdict_make(&verdict, &report);
	ok(!verdict.nr_fallbacks,
	   "nor page cache");
	clear(&report);
	report_init(&report);
	report.target.kind = TARGET_DEVDAX;
	report_add(&report, S_PTE, 1024);
	verdict_make(&verdict, &report);
	ok(verdict.nr_fallbacks == 1 &&
	   verdict.fallback[0].cause == CAUSE_DEVICE,
	   "a device-dax with an alignment of 4 KiB");
	verdict_free(&verdict);
	clear(&report);
}

static void test_runs(void)
{
	struct verdict verdict;
	struct report report;

	report_init(&report);
	add_extent(&report, 0, 65 * MIB, 8 * MIB, false);
	add_extent(&report, 8 * MIB, 99 * MIB, 8 * MIB, false);
	for (int i = 0; i < 8; i++) {	/* several regions in each 2 MiB */
		report_add(&report, S_PTE, 100);
		report_add(&report, S_PTE | MINCORE_WRITABLE, 412);
	}
	verdict_make(&verdict, &report);
	ok(verdict.nr_fallbacks == 2 &&
	   verdict.fallback[0].size == 8 * MIB &&
	   verdict.fallback[1].offset == 8 * MIB &&
	   verdict.fallback[1].extent.physical == 99 * MIB,
	   "one fallback for an extent, and no 2 MiB counted twice");
	verdict_free(&verdict);
	clear(&report);
}

static bool says(struct report *report, const char *expected)
{
	struct verdict verdict;
	char text[512];
	bool good;

	verdict_make(&verdict, report);
	verdict_text(report, &verdict, text, sizeof(text));
	good = !strcmp(text, expected);
	if (!good)
		printf("# [%s]\n", text);
	verdict_free(&verdict);
	return good;
}

static void test_text(void)
{
	struct report report;
	char buf[16];

	half(&report);
	ok(says(&report, "persistence-safe; 50 % PMD, 50 % PTE; 1 fallback to PTE"),
	   "in words");
	report.bits = MINCORE_PERSIST;
	clear(&report);
	report.mapping.len = 0;
	report_add(&report, MINCORE_PERSIST, 3);
	report_add(&report, 0, 1);
	ok(says(&report, "75 % persistence-safe"), "only what was asked for");
	clear(&report);
	report_init(&report);
	report_add(&report, MINCORE_DAX, 10);
	ok(says(&report, "not persistence-safe; no entries yet"), "nothing mapped");
	clear(&report);
	ok(!strcmp(percent_text(1, 1 << 20, buf), "<0.1 %"), "a little is not 0 %%");
	ok(!strcmp(percent_text(((uint64_t)1 << 40) - 1, (uint64_t)1 << 40, buf),
		   "99.9 %"), "nearly all is not 100 %%");
	ok(!strcmp(percent_text(0, 5, buf), "0 %") &&
	   !strcmp(percent_text(5, 5, buf), "100 %") &&
	   !strcmp(percent_text(984, 1000, buf), "98.4 %"), "none, all, decimals");
}

static void test_arguments(void)
{
	static const char *const bad_sizes[] = {
		"", "x", "-1", " 1", "1k1", "1KB", "0x", "0xg", "99999999999999999999",
		"16777216T", "1.5",
	};
	static const char *const operands[] = {
		"1:7f00", "123:0x1000-0x2000", "4:1000-2000",
	};
	static const char *const no_operands[] = {
		"1", "1:", ":1", "0:1", "1:2-", "1:2000-1000", "1:2-3x", "a:1",
		"99999999999:1", "/1:2", "1:g",
	};
	uint64_t size;
	unsigned int bits;
	double seconds;

	for (size_t i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); i++)
		ok(parse_size(bad_sizes[i], &size) == -EINVAL,
		   "no size: '%s'", bad_sizes[i]);
	ok(!parse_size("4096", &size) && size == 4096 &&
	   !parse_size("0x1000", &size) && size == 4096 &&
	   !parse_size("4k", &size) && size == 4096 &&
	   !parse_size("010", &size) && size == 10, "sizes");
	ok(!parse_bits("level,PERSIST", &bits) &&
	   bits == (MINCORE_LEVEL | MINCORE_PERSIST), "a list of bits");
	ok(parse_bits("", &bits) && parse_bits("dax,", &bits) &&
	   parse_bits("da", &bits) && parse_bits("unmapped", &bits), "no lists of bits");
	ok(!parse_real("0.5", 0.1, MOST_SECONDS, &seconds) && seconds == 0.5 &&
	   parse_real("0.01", 0.1, MOST_SECONDS, &seconds) && parse_real("nan", 0, MOST_SECONDS, &seconds) &&
	   parse_real("1s", 0, MOST_SECONDS, &seconds) && parse_real("1e300", 0, MOST_SECONDS, &seconds),
	   "seconds");
	for (size_t i = 0; i < 3; i++)
		ok(process_operand(operands[i]), "of a process: %s", operands[i]);
	for (size_t i = 0; i < sizeof(no_operands) / sizeof(no_operands[0]); i++)
		ok(!process_operand(no_operands[i]), "no process: %s",
		   no_operands[i]);
}

int main(void)
{
	test_causes();
	test_misfits();
	test_no_fallback();
	test_runs();
	test_text();
	test_arguments();
	return tap_done();
}
