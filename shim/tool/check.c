// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * check: have all pages what is required? For scripts.
 */
#include <inttypes.h>

#include "show.h"

/* What is said of a requirement, and of all of them: these are exit statuses as well. */
static const char *const answers[] = {
	[STATUS_OK] = "yes", [STATUS_FAILED] = "no", [STATUS_USAGE] = "unknown",
};

/* Pages that lack one requirement, or of which it is not known. */
struct lack {
	uint64_t first;		/* offset in the file, bytes */
	struct region region;	/* that it lies in */
	uint64_t bytes;		/* 0: none lacks it */
};

/* The emulation can not know it, or the kernel does not tell (DENIED). */
static bool not_known(const struct region *region, uint64_t mask)
{
	return region->unknown & mask ||
	       (mask == MINCORE_RESIDENT && region->state & MINCORE_DENIED);
}

static void look_for(const struct report *report, uint64_t mask, uint64_t least,
		     struct lack *lack, struct lack *doubt)
{
	*lack = *doubt = (struct lack) { 0 };
	for (size_t i = 0; i < report->regions.nr; i++) {
		const struct region *region = &report->regions.region[i];
		struct lack *which = not_known(region, mask) ? doubt : lack;

		if (which == lack && (region->state & mask) >= least)
			continue;
		if (!which->bytes) {
			which->first = report_offset(report, region->start);
			which->region = *region;
		}
		which->bytes += region_bytes(region);
	}
}

/* "FILE: not NAME: first page 512 (offset 0x200000), 3584 of 4096 pages: why" */
static void print_lack(const struct report *report, const char *how,
		       const char *name, unsigned int bit,
		       const struct lack *lack)
{
	const struct region *region = &lack->region;
	const uint64_t page = page_size();
	struct reason reason = { 0 };

	if (!lack->bytes)
		return;
	print_clean(stdout, report->target.path);
	printf(": %s %s: first page %" PRIu64 " (offset 0x%" PRIx64 "), %" PRIu64 " of %" PRIu64 " pages",
	       how, name, lack->first / page, lack->first, lack->bytes / page,
	       (uint64_t)report->mapping.len / page);
	if (bit == MINCORE_PERSIST)
		region_reason(report, region, &reason);
	if (reason.code) {
		fputs(": ", stdout);
		print_clean(stdout, reason.text);
	} else if (region->unknown & bit) {
		printf(": only mincore2() can tell");
	} else if (not_known(region, bit)) {
		printf(": the kernel does not tell");
	} else if (bit == MINCORE_WRITABLE && !report->mapping.writable) {
		printf(": mapped for reading only; --populate maps for writing");
	} else if (bit == MINCORE_DAX) {
		printf(": %s", backing_name(region_backing(report, region)));
	} else if (bit == MINCORE_LEVEL) {
		printf(": %s", level_name(region->state) ?
		       level_name(region->state) : report_is_dax(report) ?
		       "no entry" : "no entry; --read faults all in, into the page cache");
	}
	putchar('\n');
}

/* Of what is required a part may be enough. */
static int answer_of(const struct report *report, const struct options *options,
		     const struct lack *lack, const struct lack *doubt)
{
	double all = (double)report->mapping.len;
	double enough = all / 100 * options->min_percent;

	if (all - (double)lack->bytes < enough)
		return STATUS_FAILED;
	return all - (double)lack->bytes - (double)doubt->bytes < enough ?
	       STATUS_USAGE : STATUS_OK;
}

/* A requirement in JSON: pages that have it not, and of which it is not known. */
static void json_need(const char *name, int answer, const struct lack *lack,
		      const struct lack *doubt)
{
	json(stdout, "{'name': %s, 'answer': %s, 'lacking': %" PRIu64 ", 'first_lacking': ",
	     name, answers[answer], lack->bytes);
	json(stdout, lack->bytes ? "%" PRIu64 : "null", lack->first);
	json(stdout, ", 'unknown': %" PRIu64 "}", doubt->bytes);
}

/* Exit status: a page that has not makes a "no", whatever is not known. */
static int has_all(const struct report *report, const struct options *options)
{
	const struct { unsigned int bit; const char *name; } needs[] = {
		{ MINCORE_PERSIST, "persistence-safe" }, { MINCORE_DAX, "DAX" },
		{ MINCORE_LEVEL, options->need_level == MINCORE_PTE ? "mapped" :
				 options->need_level == MINCORE_PMD ? "PMD" : "PUD" },
		{ MINCORE_WRITABLE, "writable" }, { MINCORE_RESIDENT, "resident" },
	};
	const char *separator = "";
	int status = STATUS_OK;

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		unsigned int bit = needs[i].bit;
		uint64_t least = bit == MINCORE_LEVEL ? options->need_level :
				 options->need & bit;
		struct lack lack, doubt;
		int answer;

		if (!least)
			continue;
		look_for(report, bit, least, &lack, &doubt);
		answer = answer_of(report, options, &lack, &doubt);
		if (status != STATUS_FAILED && answer != STATUS_OK)
			status = answer;
		if (options->json) {
			fputs(separator, stdout);
			json_need(needs[i].name, answer, &lack, &doubt);
			separator = ", ";
		} else if (answer != STATUS_OK && !options->quiet) {
			print_lack(report, "not", needs[i].name, bit, &lack);
			print_lack(report, "not known whether", needs[i].name,
				   bit, &doubt);
		}
	}
	return status;
}

static void say_yes(const struct report *report, const struct options *options)
{
	uint64_t pages = (uint64_t)(report->mapping.len / page_size());

	print_clean(stdout, report->target.path);
	if (options->min_percent < 100)
		printf(": yes, at least %g %% of %" PRIu64 " pages",
		       options->min_percent, pages);
	else
		printf(": yes, all %" PRIu64 " pages", pages);
	puts(way_note(report->way) ? " (emulated)" : "");
}

static int json_answer(const struct report *report,
		       const struct options *options, const char *error)
{
	int status = STATUS_USAGE;

	json(stdout, "    {'path': %s, 'size': %" PRIu64 ", 'way': %s, ",
	     report->target.path, (uint64_t)report->mapping.len,
	     mincore2_way_string(report->way));
	if (error) {
		json(stdout, "'error': %s", error);
	} else {
		json(stdout, "'requirements': [");
		status = has_all(report, options);
		putchar(']');
	}
	json(stdout, ", 'answer': %s}", answers[status]);
	return status;
}

/* Exit status for one file. */
static int check_file(const char *file, const struct options *options)
{
	struct options how = *options;
	const char *error = NULL;
	struct report report;
	int status;

	/* For the reason and the backing, DAX and ZERO are needed as well. */
	how.bits = options->need | MINCORE_DAX | MINCORE_ZERO |
		   (options->need_level || options->need & MINCORE_WRITABLE ?
		    MINCORE_LEVEL : 0);
	if (report_examine(&report, file, &how))
		error = report.error[0] ? report.error : report.warning;
	if (options->json)
		status = json_answer(&report, options, error);
	else
		status = error ? STATUS_USAGE : has_all(&report, options);
	if (status == STATUS_OK && !options->json && !options->quiet)
		say_yes(&report, options);
	report_free(&report);
	return status;
}

int check_files(const struct options *options)
{
	int worst = STATUS_OK;

	if (options->json)
		json(stdout, JSON_HEAD "'files': [\n");
	for (size_t i = 0; i < options->nr_files; i++) {
		int status = check_file(options->files[i], options);

		worst = status > worst ? status : worst;
		if (options->json)
			puts(i + 1 < options->nr_files ? "," : "");
	}
	if (options->json)
		fputs("  ]\n}\n", stdout);
	/* Lost output is an error, not a "no". */
	return finish_output(STATUS_OK) ? STATUS_USAGE : worst;
}
