// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * explain: why is this not persistence-safe, why not mapped by PMD entries,
 * and what to change?
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

enum { MARGIN = 2, INDENT = 4, DEEP = 6 };

/* Bytes of the file that are asked about. */
struct range { uint64_t start, end; };

static uint64_t overlap(const struct range *range, uint64_t start, uint64_t end)
{
	start = start > range->start ? start : range->start;
	end = end < range->end ? end : range->end;
	return end > start ? end - start : 0;
}

static void paragraph(FILE *out, const struct terminal *terminal, size_t indent,
		      const char *text)
{
	fprintf(out, "%*s", (int)indent, "");
	print_wrapped(out, text, indent, indent, terminal->width);
}

static void title(FILE *out, const struct terminal *terminal, const char *text)
{
	if (terminal->colour)
		fprintf(out, "\n%*s\033[1m%s\033[0m\n", MARGIN, "", text);
	else
		fprintf(out, "\n%*s%s\n", MARGIN, "", text);
}

/* Nothing twice in a row: @last is the advice before. */
static void advise(FILE *out, const struct terminal *terminal,
		   const char *advice, const char **last)
{
	char text[512];

	if (!advice || advice == *last)
		return;
	*last = advice;
	snprintf(text, sizeof(text), "What to do: %s", advice);
	paragraph(out, terminal, DEEP, text);
}

static void explain_safe(FILE *out, const struct terminal *terminal,
			 const struct report *report, uint64_t bytes)
{
	const char *domain = report->facts.persistence_domain;
	char size[24];
	char text[512];

	snprintf(text, sizeof(text), "yes, %s: a store is durable once %s. No fsync() or msync() is needed.",
		 size_text(terminal, bytes, size), !strcmp(domain, "cpu_cache") ?
		 "it has left the store buffer (a fence): the persistence domain of this platform includes the CPU caches" :
		 "its cache lines are written back (CLWB, CLFLUSHOPT or DC CVAP) and a fence has followed");
	paragraph(out, terminal, INDENT, text);
	if (report->facts.flushes == NO)
		paragraph(out, terminal, INDENT, "Taken back: queue/write_cache of the device says \"write through\". The kernel then drops flush requests, by which the journal makes durable what leads to the data. What to do: write \"write back\" to it.");
	if (report->facts.write_backs == NO)
		paragraph(out, terminal, INDENT, "Taken back: dax/write_cache of the device is 0. The kernel then does not write back what it zeroes or copies, nor what fsync() is for. What to do: write 1 to it.");
}

/* Each reason once, at its first region, with the bytes of all that have it. */
static void explain_persistence(FILE *out, const struct terminal *terminal,
				const struct report *report,
				const struct range *range)
{
	const struct region_list *list = &report->regions;
	const char *advice = NULL;
	uint64_t safe = 0;

	title(out, terminal, "Persistence-safe?");
	for (size_t i = 0; i < list->nr; i++)
		if (list->region[i].state & ~list->region[i].unknown &
		    MINCORE_PERSIST)
			safe += overlap(range, report_offset(report, list->region[i].start),
					report_offset(report, list->region[i].end));
	if (safe)
		explain_safe(out, terminal, report, safe);
	for (const char *last = ""; last;) {
		const struct region *first = NULL;
		struct reason reason, other;
		uint64_t bytes = 0;
		char size[24], text[320];

		/* Codes in the order of the alphabet, each larger than the last. */
		for (size_t i = 0; i < list->nr; i++) {
			const struct region *region = &list->region[i];
			uint64_t part = overlap(range, report_offset(report, region->start),
						report_offset(report, region->end));

			region_reason(report, region, &other);
			if (!part || !other.code || strcmp(other.code, last) <= 0)
				continue;
			if (!first || strcmp(other.code, reason.code) < 0) {
				first = region;
				reason = other;
				bytes = 0;
			}
			if (!strcmp(other.code, reason.code))
				bytes += part;
		}
		last = first ? reason.code : NULL;
		if (!first)
			break;
		snprintf(text, sizeof(text), "%s, %s from offset 0x%" PRIx64 " on: %s.",
			 first->unknown & MINCORE_PERSIST ? "unknown" : "no",
			 size_text(terminal, bytes, size),
			 report_offset(report, first->start) > range->start ?
			 report_offset(report, first->start) : range->start,
			 reason.text);
		paragraph(out, terminal, INDENT, text);
		advise(out, terminal, reason_advice(report, reason.code),
		       &advice);
	}
}

/* One line for all fallbacks of a cause; the first of them in full. */
static void explain_fallbacks(FILE *out, const struct terminal *terminal,
			      const struct report *report,
			      const struct verdict *verdict,
			      const struct range *range)
{
	const char *advice = NULL;

	for (int cause = 0; cause < NR_CAUSES; cause++) {
		const struct fallback *first = NULL;
		uint64_t bytes = 0;
		size_t nr = 0;
		char size[24], line[400], text[512];

		for (size_t i = 0; i < verdict->nr_fallbacks; i++) {
			const struct fallback *each = &verdict->fallback[i];
			uint64_t part = overlap(range, each->offset,
						each->offset + each->size);

			if (!part || each->cause != (enum cause)cause)
				continue;
			first = first ? first : each;
			bytes += part;
			nr++;
		}
		if (!first)
			continue;
		fallback_text(report, first, terminal->bytes, line, sizeof(line));
		if (nr > 1)
			snprintf(text, sizeof(text), "not PMD, %s in %zu places; the first: %s.",
				 size_text(terminal, bytes, size), nr, line);
		else
			snprintf(text, sizeof(text), "not PMD: %s.", line);
		paragraph(out, terminal, INDENT, text);
		misfit_text(report, first, text, sizeof(text));
		if (text[0])
			paragraph(out, terminal, DEEP, text);
		advise(out, terminal, cause_advice(report, (enum cause)cause),
		       &advice);
	}
}

static void explain_levels(FILE *out, const struct terminal *terminal,
			   const struct report *report,
			   const struct range *range)
{
	static const char *const names[4] = { "no entry", "PTE", "PMD", "PUD" };
	uint64_t bytes[4] = { 0 }, faults = 0, unknown = 0;
	const char *advice = NULL;
	struct verdict verdict;
	char size[24], text[512];

	title(out, terminal, "Mapped by?");
	for (size_t i = 0; i < report->regions.nr; i++) {
		const struct region *region = &report->regions.region[i];
		uint64_t part = overlap(range, report_offset(report, region->start),
					report_offset(report, region->end));

		if (region->unknown & MINCORE_LEVEL)
			unknown += part;
		else
			bytes[(region->state & MINCORE_LEVEL) >> 2] += part;
		if (!((region->state | region->unknown) & MINCORE_WRITABLE))
			faults += part;
	}
	for (int i = 3; i >= 0; i--) {
		if (!bytes[i])
			continue;
		snprintf(text, sizeof(text), "%s: %s%s", names[i],
			 size_text(terminal, bytes[i], size), i ? "." :
			 ": the first access faults. --read or --populate do so before.");
		paragraph(out, terminal, INDENT, text);
	}
	if (unknown) {
		snprintf(text, sizeof(text), "unknown: %s.",
			 size_text(terminal, unknown, size));
		paragraph(out, terminal, INDENT, text);
	}
	if (!verdict_make(&verdict, report)) {
		explain_fallbacks(out, terminal, report, &verdict, range);
		verdict_free(&verdict);
	}
	if (faults && report->mapping.writable) {
		snprintf(text, sizeof(text), "The first store to %s of it takes a write fault%s.",
			 size_text(terminal, faults, size),
			 report->mapping.type == MAPPING_SYNC ?
			 ", which may have to wait for the filesystem's journal" : "");
		paragraph(out, terminal, INDENT, text);
		advise(out, terminal, "MADV_POPULATE_WRITE takes these faults beforehand (here: --populate).",
		       &advice);
	}
}

/* Which of the bytes that are mapped are wanted; whole pages. */
static void wanted(const struct options *options, struct range *range)
{
	const uint64_t page = page_size();

	if (options->has_offset)
		range->start = options->offset / page * page;
	if (options->has_length &&
	    options->length < range->end - options->offset)
		range->end = (options->offset + options->length + page - 1) /
			     page * page;
}

void explain_print(FILE *out, const struct terminal *terminal,
		   const struct report *report, const struct options *options)
{
	struct range range = { report->target.offset,
			       report->target.offset + report->mapping.len };
	char text[160];

	head_print(out, terminal, report);
	if (options->has_offset || options->has_length) {
		wanted(options, &range);
		snprintf(text, sizeof(text), range.end - range.start == page_size() ?
			 "Page %" PRIu64 ", at offset 0x%" PRIx64 " of the file:" :
			 "From page %" PRIu64 " on, offset 0x%" PRIx64 "-0x%" PRIx64 " of the file:",
			 range.start / page_size(), range.start, range.end);
		fputc('\n', out);
		paragraph(out, terminal, MARGIN, text);
	}
	if (report->facts.memory[0]) {
		fputc('\n', out);
		snprintf(text, sizeof(text), "The memory is that of %s.",
			 report->facts.memory);
		paragraph(out, terminal, MARGIN, text);
	}
	explain_persistence(out, terminal, report, &range);
	explain_levels(out, terminal, report, &range);
}

static bool explain_file(const struct terminal *terminal, const char *file,
			 const struct options *options, bool first)
{
	struct options how = *options;
	struct report report;
	bool good;

	good = !report_open(&report, file, &how);
	if (good && report_ask(&report, &how))
		good = false;
	report_complain(&report, report.warning);
	report_complain(&report, report.error);
	if (!report.error[0]) {
		if (!first)
			putchar('\n');
		explain_print(stdout, terminal, &report, &how);
	}
	report_free(&report);
	return good;
}

int explain_files(const struct options *options)
{
	struct terminal terminal;
	int status = STATUS_OK;

	terminal_detect(&terminal, STDOUT_FILENO);
	for (size_t i = 0; i < options->nr_files; i++)
		if (!explain_file(&terminal, options->files[i], options, !i))
			status = STATUS_FAILED;
	return finish_output(status);
}
