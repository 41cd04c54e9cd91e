// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sizes, levels, page lists, and merging of regions.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "digits.h"
#include "report.h"
#include "show.h"
#include "tap.h"

static void test_sizes(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0 B" }, { 1, "1 B" }, { 1023, "1023 B" },
		{ 1024, "1 KiB" }, { 4096, "4 KiB" }, { 1536, "1.5 KiB" },
		{ 2097152, "2 MiB" }, { 1048575, "1023.9 KiB" },
		{ (uint64_t)1 << 30, "1 GiB" },
		{ ((uint64_t)1 << 30) + 4096, "1.0 GiB" },
		{ ((uint64_t)1 << 40) - 1, "1023.9 GiB" },
		{ (uint64_t)3 << 40, "3 TiB" },
		{ UINT64_MAX, "15.9 EiB" },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char buf[24];

		ok(!strcmp(human_size(sizes[i].bytes, buf), sizes[i].text),
		   "human_size: %s", sizes[i].text);
	}
}

/* The one parser of numbers: what strtoull() would take is no number here. */
static void test_numbers(void)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "x", "0x1", "18446744073709551616",
		"99999999999999999999999",
	};
	const char *text = "fFffffffffffffff-";
	unsigned int wrong = 0;
	uint64_t value;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		wrong += mincore2_number(bad[i], &value);
	ok(!wrong, "numbers: what is none is refused (%u)", wrong);
	ok(mincore2_number("18446744073709551615", &value) &&
	   value == UINT64_MAX && mincore2_number("007", &value) && value == 7,
	   "numbers: the largest, and leading zeros");
	ok(mincore2_digits(&text, 16, &value) && value == UINT64_MAX &&
	   *text == '-', "numbers: hexadecimal, up to what follows");
	text = "10000000000000000";
	ok(!mincore2_digits(&text, 16, &value), "numbers: one too many");
}

static void test_levels(void)
{
	char buf[24];

	ok(!strcmp(level_text(S(MINCORE_PTE, 12), buf), "PTE 4K") &&
	   !strcmp(level_text(S(MINCORE_PTE, 16), buf), "PTE 64K") &&
	   !strcmp(level_text(S(MINCORE_PMD, 21), buf), "PMD 2M") &&
	   !strcmp(level_text(S(MINCORE_PUD, 30), buf), "PUD 1G") &&
	   !strcmp(level_text(S(MINCORE_PUD, 0), buf), "PUD") &&
	   !strcmp(level_text(S(MINCORE_PUD, 255), buf), "PUD") &&
	   !strcmp(level_text(S(MINCORE_DAX, 0), buf), "-"),
	   "level_text: level and size of the entry, whatever the kernel says");
}

static void test_page_lists(void)
{
	static const char *const bad[] = {
		"", ",", "1,", ",1", "1,,2", "-", "1-", "-1", "2-1", "1-2-3",
		"x", "1x", " 1", "1 ", "+1", "0x10", "1;2",
		"18446744073709551616", "1-99999999999999999999",
	};
	struct page_range *ranges;
	size_t nr;
	bool right;

	right = !parse_page_list("0,5,10-20,18446744073709551615", &ranges, &nr) &&
		nr == 4 && ranges[0].first == 0 && ranges[0].last == 0 &&
		ranges[1].first == 5 && ranges[1].last == 5 &&
		ranges[2].first == 10 && ranges[2].last == 20 &&
		ranges[3].last == UINT64_MAX;
	ok(right, "page list: numbers and ranges");
	free(ranges);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(parse_page_list(bad[i], &ranges, &nr) == -EINVAL && !ranges &&
		   !nr, "page list: \"%s\" is refused", bad[i]);
}

static void test_merge(void)
{
	struct report report;

	report_init(&report);
	report_add(&report, S_PTE, 1);
	report_add(&report, S_PTE, 2);
	report_add(&report, S_PMD, 512);
	report_add(&report, S_PTE, 1);
	ok(report.regions.nr == 3 && report.regions.region[0].end -
	   report.regions.region[0].start == 3 * 4096,
	   "a region that was cut by an early stop is put together again");
	for (int i = 0; i < 1000; i++)
		report_add(&report, i & 1 ? S_PTE : S_PMD, 1);
	ok(report.regions.nr == 1003 &&
	   report.regions.region[1002].end == report.mapping.start +
	   report.mapping.len, "a thousand regions");
	region_list_free(&report.regions);
}

static char *wrapped(const char *text, size_t width)
{
	char *result = NULL;
	size_t size;
	FILE *out = open_memstream(&result, &size);

	print_wrapped(out, text, 0, 2, width);
	fclose(out);
	return result;
}

/* Text of others: nothing is cut, and nothing of it does anything to a terminal. */
static void test_clean(void)
{
	char word[1001], *text;

	memset(word, 'x', 1000);
	word[1000] = '\0';
	text = wrapped(word, 40);
	ok(strspn(text, "x") == 1000 && !strcmp(text + 1000, "\n"),
	   "a word of 1000 bytes is not cut");
	free(text);
	text = wrapped("a\033[1m b\xff \x7f", 40);
	ok(!strcmp(text, "a?[1m b? ?\n"), "control characters, and bytes beyond ASCII");
	free(text);
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		ok(true, "# SKIP UTF-8: no such locale");
		return;
	}
	text = wrapped("\xc3\xa4\xc3 \xc2\x9bx \xe2\x80\xae \xed\xa0\x80 \xe2\x96\x88", 40);
	ok(!strcmp(text, "\xc3\xa4? ?x ? ??? \xe2\x96\x88\n"),
	   "UTF-8: what can be printed is, halves and controls are not");
	free(text);
	text = wrapped("\xc3\xa4\xc3\xa4\xc3\xa4 bb", 6);
	ok(!strcmp(text, "\xc3\xa4\xc3\xa4\xc3\xa4 bb\n"),
	   "UTF-8: columns are counted, not bytes");
	free(text);
	setlocale(LC_CTYPE, "C");
}

/* A programmer's mistake, which must not become a wrong number. */
static void test_json_format(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		FILE *out = fopen("/dev/null", "we");

		json(out ? out : stderr, "%zu", (size_t)1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
	   "JSON: a conversion that is not known (status %#x)", (unsigned int)status);
}

int main(void)
{
	test_json_format();
	test_clean();
	test_sizes();
	test_numbers();
	test_levels();
	test_page_lists();
	test_merge();
	return tap_done();
}
