// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * explain: why is this not persistence-safe, why not mapped by PMD entries, why can it
 * not be pinned, and what to change?
 */
#include <inttypes.h>
#include <string.h>

#include "show.h"

enum { INDENT = 4, DEEP = 6 };

struct explanation {
	FILE *out;
	const struct terminal *terminal;
	const struct report *report;
	uint64_t start, end;	/* bytes of the file that are asked about */
	struct sums sums;	/* of these */
	const char *advice;	/* what was given last */
};

/* Bytes of a region that are asked about. */
static uint64_t part_of(const struct explanation *to, const struct region *region)
{
	return overlap(to->start, to->end,
		       report_offset(to->report, region->start),
		       report_offset(to->report, region->end));
}

#define SAY(to, indent, ...)	\
	paragraph((to)->out, (to)->terminal, indent, __VA_ARGS__)

static void title(struct explanation *to, const char *text)
{
	bool colour = to->terminal->colour;

	fprintf(to->out, "\n%*s%s%s%s\n", MARGIN, "", colour ? "\033[1m" : "",
		text, colour ? "\033[0m" : "");
	to->advice = NULL;
}

/* Nothing twice in a row. */
static void advise(struct explanation *to, const char *advice)
{
	if (advice && advice != to->advice)
		SAY(to, DEEP, "What to do: %s", advice);
	to->advice = advice ? advice : to->advice;
}

static void explain_safe(struct explanation *to, uint64_t bytes)
{
	const struct facts *facts = &to->report->facts;
	char size[24];

	SAY(to, INDENT, "yes, %s: a store is durable once %s. No fsync() or msync() is needed.",
	    size_text(to->terminal, bytes, size),
	    !strcmp(facts->persistence_domain, "cpu_cache") ?
	    "it has left the store buffer (a fence): the persistence domain of this platform includes the CPU caches" :
	    "its cache lines are written back (CLWB, CLFLUSHOPT or DC CVAP) and a fence has followed");
	if (facts->flushes == NO)
		SAY(to, INDENT, "Taken back: queue/write_cache of the device says \"write through\". The kernel then drops flush requests, by which the journal makes durable what leads to the data. What to do: write \"write back\" to it.");
	if (facts->write_backs == NO)
		SAY(to, INDENT, "Taken back: dax/write_cache of the device is 0. The kernel then does not write back what it zeroes or copies, nor what fsync() is for. What to do: write 1 to it.");
}

/*
 * The reason that follows @last in the order of the alphabet: its first region, and
 * the bytes of all that have it. NULL: there is none.
 */
static const struct region *next_reason(const struct explanation *to,
					const char *last, struct reason *reason,
					uint64_t *bytes)
{
	const struct region_list *list = &to->report->regions;
	const struct region *first = NULL;
	struct reason other;

	for (size_t i = 0; i < list->nr; i++) {
		uint64_t part = part_of(to, &list->region[i]);

		region_reason(to->report, &list->region[i], &other);
		if (!part || !other.code || strcmp(other.code, last) <= 0)
			continue;
		if (!first || strcmp(other.code, reason->code) < 0) {
			first = &list->region[i];
			*reason = other;
			*bytes = 0;
		}
		if (!strcmp(other.code, reason->code))
			*bytes += part;
	}
	return first;
}

/* Each reason once. */
static void explain_persistence(struct explanation *to)
{
	struct reason reason = { .code = "" };
	const struct region *first;
	uint64_t bytes;
	char size[24];

	title(to, "Persistence-safe?");
	if (to->sums.persist.yes)
		explain_safe(to, to->sums.persist.yes);
	while ((first = next_reason(to, reason.code, &reason, &bytes))) {
		uint64_t offset = report_offset(to->report, first->start);

		SAY(to, INDENT, "%s, %s from offset 0x%" PRIx64 " on: %s.",
		    first->unknown & MINCORE_PERSIST ? "unknown" : "no",
		    size_text(to->terminal, bytes, size),
		    offset > to->start ? offset : to->start, reason.text);
		advise(to, reason_advice(to->report, reason.code));
	}
}

/* All fallbacks of a cause: how many, and the first of them in full. */
static void explain_cause(struct explanation *to, const struct verdict *verdict,
			  enum cause cause)
{
	const struct fallback *first = NULL;
	uint64_t bytes = 0;
	size_t nr = 0;
	char size[24], line[400], misfit[512];

	for (size_t i = 0; i < verdict->nr_fallbacks; i++) {
		const struct fallback *each = &verdict->fallback[i];
		uint64_t part = overlap(to->start, to->end, each->offset,
					each->offset + each->size);

		if (!part || each->cause != cause)
			continue;
		first = first ? first : each;
		bytes += part;
		nr++;
	}
	if (!first)
		return;
	fallback_text(to->report, first, to->terminal->bytes, line, sizeof(line));
	if (nr > 1)
		SAY(to, INDENT, "not PMD, %s in %zu places; the first: %s.",
		    size_text(to->terminal, bytes, size), nr, line);
	else
		SAY(to, INDENT, "not PMD: %s.", line);
	misfit_text(to->report, first, misfit, sizeof(misfit));
	if (misfit[0])
		SAY(to, DEEP, "%s", misfit);
	advise(to, cause_advice(to->report, cause));
}

static void explain_levels(struct explanation *to)
{
	static const char *const names[] = { "no entry", "PTE", "PMD", "PUD", "unknown" };
	const struct mapping *mapping = &to->report->mapping;
	const struct sums *sums = &to->sums;
	uint64_t faults = sums->bytes - sums->writable.yes - sums->writable.unknown;
	struct verdict verdict;
	char size[24];

	title(to, "Mapped by?");
	for (int i = 0; i <= NR_LEVELS; i++) {
		int level = i < NR_LEVELS ? NR_LEVELS - 1 - i : i;

		if (sums->level[level])
			SAY(to, INDENT, "%s: %s%s", names[level],
			    size_text(to->terminal, sums->level[level], size), level ? "." :
			    ": the first access faults. --read or --populate do so before.");
	}
	verdict_make(&verdict, to->report);
	for (int cause = 0; cause < NR_CAUSES; cause++)
		explain_cause(to, &verdict, (enum cause)cause);
	verdict_free(&verdict);
	if (faults && mapping->writable) {
		SAY(to, INDENT, "The first store to %s of it takes a write fault%s.",
		    size_text(to->terminal, faults, size),
		    mapping->type == MAPPING_SYNC ?
		    ", which may have to wait for the filesystem's journal" : "");
		advise(to, "MADV_POPULATE_WRITE takes these faults beforehand (here: --populate).");
	}
}

/* All of a mapping is alike. */
static void explain_pins(struct explanation *to)
{
	const struct region *region = to->report->regions.region;
	struct reason reason;

	title(to, "Pinnable for long (RDMA, fixed buffers of io_uring)?");
	if (region->state & MINCORE_PINNABLE) {
		SAY(to, INDENT, "yes, as far as the mapping is concerned; RLIMIT_MEMLOCK may be in the way.");
	} else if (region->unknown & MINCORE_PINNABLE) {
		SAY(to, INDENT, "unknown: only mincore2() can tell.");
	} else {
		pin_reason(to->report, &reason);
		SAY(to, INDENT, "no: %s.", reason.text);
		advise(to, reason_advice(to->report, reason.code));
	}
}

/* Which of the bytes that are mapped are wanted; whole pages. */
static void explain_range(struct explanation *to, const struct options *options)
{
	const uint64_t page = page_size();

	if (options->has_offset)
		to->start = options->offset / page * page;
	if (options->has_length && options->length < to->end - options->offset)
		to->end = (options->offset + options->length + page - 1) /
			  page * page;
	fputc('\n', to->out);
	if (to->end - to->start == page)
		SAY(to, MARGIN, "Page %" PRIu64 ", at offset 0x%" PRIx64 " of the file:",
		    to->start / page, to->start);
	else
		SAY(to, MARGIN, "From page %" PRIu64 " on, offset 0x%" PRIx64 "-0x%" PRIx64 " of the file:",
		    to->start / page, to->start, to->end);
}

void explain_print(FILE *out, const struct terminal *terminal,
		   const struct report *report, const struct options *options)
{
	struct explanation to = {
		.out = out, .terminal = terminal, .report = report,
		.start = report->target.offset,
		.end = report->target.offset + report->mapping.len,
	};

	head_print(out, terminal, report);
	if (options->has_offset || options->has_length)
		explain_range(&to, options);
	if (report->facts.memory[0]) {
		fputc('\n', out);
		SAY(&to, MARGIN, "The memory is that of %s.", report->facts.memory);
	}
	for (size_t i = 0; i < report->regions.nr; i++) {
		const struct region *region = &report->regions.region[i];

		sums_add(&to.sums, region, part_of(&to, region));
	}
	explain_persistence(&to);
	explain_levels(&to);
	if (report->regions.nr)
		explain_pins(&to);
}
