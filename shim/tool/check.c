// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * check: have all pages what is required? For scripts.
 */
#include <inttypes.h>
#include <string.h>

#include "tool.h"

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
		     bool unknown, struct lack *lack)
{
	*lack = (struct lack) { 0 };
	for (size_t i = 0; i < report->regions.nr; i++) {
		const struct region *region = &report->regions.region[i];

		if (unknown != not_known(region, mask) ||
		    (!unknown && (region->state & mask) >= least))
			continue;
		if (!lack->bytes) {
			lack->first = report_offset(report, region->start);
			lack->region = *region;
		}
		lack->bytes += region->end - region->start;
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

/* Exit status: a page that has not makes a "no", whatever is not known. */
static int has_all(const struct report *report, const struct options *options)
{
	const struct { unsigned int bit; const char *name; } needs[] = {
		{ MINCORE_PERSIST, "persistence-safe" }, { MINCORE_DAX, "DAX" },
		{ MINCORE_LEVEL, options->need_level == MINCORE_PTE ? "mapped" :
				 options->need_level == MINCORE_PMD ? "PMD" : "PUD" },
		{ MINCORE_WRITABLE, "writable" }, { MINCORE_RESIDENT, "resident" },
	};
	bool no = false, unknown = false;

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		bool level = needs[i].bit == MINCORE_LEVEL;
		uint64_t least = level ? options->need_level :
				 options->need & needs[i].bit;
		struct lack lack, doubt;

		if (!least)
			continue;
		look_for(report, needs[i].bit, least, false, &lack);
		look_for(report, needs[i].bit, least, true, &doubt);
		if (lack.bytes && !options->quiet)
			print_lack(report, "not", needs[i].name, needs[i].bit,
				   &lack);
		if (doubt.bytes && !options->quiet)
			print_lack(report, "not known whether", needs[i].name,
				   needs[i].bit, &doubt);
		no = no || lack.bytes;
		unknown = unknown || doubt.bytes;
	}
	return no ? STATUS_FAILED : unknown ? STATUS_USAGE : STATUS_OK;
}

/* What the process alone knows about its mapping; NULL: nothing is required of that. */
static const char *out_of_sight(const struct report *report,
				const struct options *options)
{
	if (!report->process.pid)
		return NULL;
	if (options->need_level || options->need & MINCORE_WRITABLE)
		return "the page-table entries of another process cannot be seen";
	if (!report->process.shared &&
	    options->need & (MINCORE_DAX | MINCORE_RESIDENT))
		return "a private mapping: which pages the process has copied cannot be seen";
	return NULL;
}

/* Exit status for one file. */
static int check_file(const char *file, const struct options *options)
{
	struct options how = *options;
	struct report report;
	const char *text;
	int status, err;

	/* For the reason and the backing, DAX and ZERO are needed as well. */
	how.bits = options->need | MINCORE_DAX | MINCORE_ZERO |
		   (options->need_level || options->need & MINCORE_WRITABLE ?
		    MINCORE_LEVEL : 0);
	err = report_open(&report, file, &how);
	if (!err)
		err = report_ask(&report, &how);
	report_close(&report);
	if (err || report.error[0]) {
		report_complain(&report, report.warning);
		report_complain(&report, report.error);
		report_free(&report);
		return STATUS_USAGE;
	}
	report_complain(&report, report.warning);
	text = out_of_sight(&report, options);
	if (text) {
		report_complain(&report, text);
		status = STATUS_USAGE;
	} else {
		status = has_all(&report, options);
		if (status == STATUS_OK && !options->quiet) {
			print_clean(stdout, file);
			printf(": yes, all %" PRIu64 " pages%s\n",
			       (uint64_t)(report.mapping.len / page_size()),
			       way_note(report.way) ? " (emulated)" : "");
		}
	}
	report_free(&report);
	return status;
}

int check_files(const struct options *options)
{
	int worst = STATUS_OK;

	for (size_t i = 0; i < options->nr_files; i++) {
		int status = check_file(options->files[i], options);

		worst = status > worst ? status : worst;
	}
	/* Lost output is an error, not a "no". */
	return finish_output(STATUS_OK) ? STATUS_USAGE : worst;
}
