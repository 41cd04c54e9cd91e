// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sum of a report: how much is persistence-safe, how much is mapped at
 * which level, and where DAX fell back from PMD entries to PTEs, with the
 * extent that is to blame.
 *
 * A PMD entry needs PMD_SIZE bytes of file that are one extent in one state,
 * at an offset, an address and a place on the device that are all multiples of
 * it (fs/dax.c, dax_fault_check_fallback() and dax_iomap_pmd_fault()).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

/* Its name for programs; what is said before and behind the size of a PMD; advice. */
static const struct {
	const char *code, *before, *after, *advice;
} causes[NR_CAUSES] = {
	[CAUSE_EXTENT] = { "extent-unaligned", "extent not ", " aligned", NULL },
	[CAUSE_SPLIT] = { "extent-split", "more than one extent in ", "", NULL },
	[CAUSE_HOLE] = { "hole", "a hole, no extent of ", "",
		"Allocate it before it is touched: fallocate(), in multiples of 2 MiB." },
	[CAUSE_UNWRITTEN] = { "unwritten", "extent was read before it was written, not one zero page of ", "",
		"Fault it in for writing before it is read: MADV_POPULATE_WRITE." },
	[CAUSE_MIXED] = { "written-in-part", "extent written in part, not all of ", "",
		"Write all of each 2 MiB once, for instance with zeros, before it is mapped." },
	[CAUSE_ADDRESS] = { "address-unaligned", "address and file offset differ modulo ", "",
		"Map at an address that is the same as the file offset modulo 2 MiB: reserve address space with PROT_NONE, then MAP_FIXED." },
	[CAUSE_DEVICE] = { "device-alignment", "the device-dax has an alignment below ", "",
		"Make the namespace anew with larger alignment (its contents are lost): 'ndctl create-namespace -f -e NAMESPACE -m devdax -a 2M'." },
	[CAUSE_TOUCHED] = { "touched-before", "extent ", " aligned, but touched in pieces before",
		"The small entries stay in the file's mapping in the kernel as long as its inode is in memory: unmount and mount again, or copy the file. Fault in with MADV_POPULATE_WRITE after fallocate() and before anything else touches it." },
	[CAUSE_UNKNOWN] = { "unknown", "the filesystem does not tell which extents, so not why no ", "", NULL },
};

const char *cause_code(enum cause cause)
{
	return causes[cause].code;
}

static const char *extent_advice(const struct report *report)
{
	if (!strcmp(report->facts.fstype, "xfs"))
		return "On the empty file (or its directory, for new files): 'xfs_io -c \"extsize 2m\" FILE', then fallocate() all of it at once. Filesystems made with 'mkfs.xfs -d su=2m,sw=1' do so by themselves. A file that has blocks has to be copied.";
	if (!strcmp(report->facts.fstype, "ext4"))
		return "fallocate() the file at once, in multiples of 2 MiB, before it is written; what is in a file that has blocks has to be copied to such a one. ext4 aligns large allocations if it was made with 'mkfs.ext4 -b 4096 -E stride=512,stripe_width=512'.";
	return "Allocate the file at once, in multiples of 2 MiB, before it is written.";
}

const char *cause_advice(const struct report *report, enum cause cause)
{
	return cause == CAUSE_EXTENT || cause == CAUSE_SPLIT ?
	       extent_advice(report) : causes[cause].advice;
}

/* Is there a written one among these extents, and an unwritten one? */
static enum cause cause_of_state(const struct extent *extent, size_t nr)
{
	size_t unwritten = 0;

	for (size_t i = 0; i < nr; i++)
		unwritten += extent[i].unwritten;
	return !unwritten ? CAUSE_TOUCHED :
	       unwritten == nr ? CAUSE_UNWRITTEN : CAUSE_MIXED;
}

/*
 * Why the @size bytes at @start are not one PMD entry. @first: the extents are
 * searched from there on; it moves up with @start.
 */
static enum cause find_cause(const struct report *report, uint64_t start,
			     uint64_t size, size_t *first, struct extent *found)
{
	const struct extent_list *list = &report->extents;
	uint64_t address = start - report->target.offset + report->mapping.start;
	uint64_t covered = 0;
	const struct extent *extent;
	size_t nr = 0;

	*found = (struct extent) { 0 };
	if ((address - start) % size)
		return CAUSE_ADDRESS;
	if (!list->known)
		return CAUSE_UNKNOWN;
	while (*first < list->nr && list->extent[*first].logical +
	       list->extent[*first].length <= start)
		(*first)++;
	extent = list->extent + *first;
	for (; *first + nr < list->nr && extent[nr].logical < start + size; nr++)
		covered += overlap(start, start + size, extent[nr].logical,
				   extent[nr].logical + extent[nr].length);
	if (nr)
		*found = extent[0];
	if (covered < size)
		return CAUSE_HOLE;
	/* What is side by side in the file and on the device is one. */
	for (size_t i = 1; i < nr; i++)
		if (extent[i].physical - extent[i].logical !=
		    extent[0].physical - extent[0].logical)
			return CAUSE_SPLIT;
	if ((extent[0].physical + report->facts.device_offset -
	     extent[0].logical) % size)
		return CAUSE_EXTENT;
	return cause_of_state(extent, nr);
}

static bool same_extent(const struct extent *a, const struct extent *b)
{
	return a->length == b->length && a->logical == b->logical &&
	       a->physical == b->physical;
}

static void add_fallback(struct verdict *verdict, const struct fallback *next)
{
	size_t nr = verdict->nr_fallbacks;
	struct fallback *last = nr ? &verdict->fallback[nr - 1] : NULL;

	if (last && last->offset + last->size == next->offset &&
	    last->cause == next->cause &&
	    (same_extent(&last->extent, &next->extent) ||
	     next->cause == CAUSE_HOLE || next->cause == CAUSE_SPLIT))
		last->size += next->size;
	else
		array_add(&verdict->fallback, &verdict->nr_fallbacks, next,
			  sizeof(*next));
}

/* The ranges of PMD size in which @region has PTEs; none is counted twice. */
static void add_fallbacks(struct verdict *verdict, const struct report *report,
			  const struct region *region, uint64_t *done,
			  size_t *first)
{
	const uint64_t size = pmd_size();
	uint64_t begin = report->target.offset;
	uint64_t end = begin + report->mapping.len;
	uint64_t at = report_offset(report, region->start) / size * size;

	if (at < *done)
		at = *done;
	if (at < begin)
		at = (begin + size - 1) / size * size;
	for (; at < report_offset(report, region->end) && at + size <= end;
	     at += size) {
		struct fallback next = { .offset = at, .size = size };

		next.cause = find_cause(report, at, size, first, &next.extent);
		add_fallback(verdict, &next);
		*done = at + size;
	}
}

/* Device-dax has entries of its own alignment, and no others. */
static void add_device(struct verdict *verdict, const struct report *report)
{
	struct fallback next = { .size = report->mapping.len,
				 .offset = report->target.offset,
				 .cause = CAUSE_DEVICE };

	if (verdict->sums.level[level_of(MINCORE_PTE)] &&
	    report->target.align < pmd_size() &&
	    report->mapping.len >= pmd_size())
		add_fallback(verdict, &next);
}

static void part_add(struct part *part, const struct region *region, uint64_t bit,
		     uint64_t bytes)
{
	if (region->unknown & bit)
		part->unknown += bytes;
	else if (region->state & bit)
		part->yes += bytes;
}

void sums_add(struct sums *sums, const struct region *region, uint64_t bytes)
{
	sums->bytes += bytes;
	sums->level[region->unknown & MINCORE_LEVEL ? LEVEL_UNKNOWN :
		    level_of(region->state)] += bytes;
	part_add(&sums->persist, region, MINCORE_PERSIST, bytes);
	part_add(&sums->resident, region, MINCORE_RESIDENT, bytes);
	part_add(&sums->dax, region, MINCORE_DAX, bytes);
	part_add(&sums->writable, region, MINCORE_WRITABLE, bytes);
	part_add(&sums->pinnable, region, MINCORE_PINNABLE, bytes);
}

void verdict_make(struct verdict *verdict, const struct report *report)
{
	uint64_t done = 0;
	size_t first = 0;

	*verdict = (struct verdict) { .nr_fallbacks = 0 };
	for (size_t i = 0; i < report->regions.nr; i++) {
		const struct region *region = &report->regions.region[i];

		sums_add(&verdict->sums, region, region_bytes(region));
		if ((region->state & MINCORE_LEVEL) == MINCORE_PTE &&
		    region->state & MINCORE_DAX &&
		    report->target.kind == TARGET_FILE)
			add_fallbacks(verdict, report, region, &done, &first);
	}
	if (report->target.kind == TARGET_DEVDAX)
		add_device(verdict, report);
}

void verdict_free(struct verdict *verdict)
{
	free(verdict->fallback);
	verdict->fallback = NULL;
	verdict->nr_fallbacks = 0;
}

const char *percent_text(uint64_t part, uint64_t all, char buf[16])
{
	double percent = all ? (double)part / (double)all * 100 : 0;
	unsigned int tenths = (unsigned int)(percent * 10);

	if (part == all)
		snprintf(buf, 16, "100 %%");
	else if (part && !tenths)
		snprintf(buf, 16, "<0.1 %%");
	else if (tenths >= 1000)	/* all but a page of a terabyte */
		snprintf(buf, 16, "99.9 %%");
	else if (tenths % 10)
		snprintf(buf, 16, "%u.%u %%", tenths / 10, tenths % 10);
	else
		snprintf(buf, 16, "%u %%", tenths / 10);
	return buf;
}

void fallback_text(const struct report *report, const struct fallback *fallback,
		   bool bytes, char *text, size_t size)
{
	const struct terminal units = { .bytes = bytes };
	const struct extent *extent = &fallback->extent;
	char pmd[24], len[24];
	int used;

	used = snprintf(text, size, "0x%" PRIx64 ", %s: %s%s%s%s", fallback->offset,
			size_text(&units, fallback->size, len),
			fallback->cause == CAUSE_HOLE && extent->length ?
			"in part " : "", causes[fallback->cause].before,
			human_size(pmd_size(), pmd),
			causes[fallback->cause].after);
	/* "0x0-0x400000 at 0x1081000 of pmem0" */
	if (extent->length && used > 0 && (size_t)used < size)
		snprintf(text + used, size - (size_t)used,
			 " (0x%" PRIx64 "-0x%" PRIx64 " at 0x%" PRIx64 " of %s)",
			 extent->logical, extent->logical + extent->length,
			 extent->physical, report->facts.device[0] ?
			 report->facts.device : "the device");
}

bool fallback_misfit(const struct report *report, const struct fallback *fallback,
		     struct misfit *misfit)
{
	const uint64_t size = pmd_size();
	uint64_t address = fallback->offset - report->target.offset +
			   report->mapping.start;

	*misfit = (struct misfit) {
		.offset = fallback->offset % size, .address = address % size,
		.partition = report->facts.device_offset % size,
	};
	/* The block of the range, be the extent's beginning before or behind. */
	if (fallback->extent.length)
		misfit->block = (fallback->extent.physical + fallback->offset -
				 fallback->extent.logical) % size;
	return fallback->cause == CAUSE_EXTENT || fallback->cause == CAUSE_ADDRESS;
}

void misfit_text(const struct report *report, const struct fallback *fallback,
		 char *text, size_t size)
{
	struct misfit misfit;
	char pmd[24];

	text[0] = '\0';
	if (!fallback_misfit(report, fallback, &misfit))
		return;
	human_size(pmd_size(), pmd);
	if (fallback->cause == CAUSE_ADDRESS)
		snprintf(text, size, "Modulo %s the file offset is 0x%" PRIx64 " and the address 0x%" PRIx64 ": off by 0x%" PRIx64 ".",
			 pmd, misfit.offset, misfit.address,
			 (misfit.address - misfit.offset) % pmd_size());
	else
		snprintf(text, size, "Modulo %s the file offset is 0x%" PRIx64 ", its block 0x%" PRIx64 " and the start of the partition 0x%" PRIx64 ": off by 0x%" PRIx64 ".",
			 pmd, misfit.offset, misfit.block, misfit.partition,
			 (misfit.block + misfit.partition - misfit.offset) %
			 pmd_size());
}

__attribute__((format(printf, 3, 4)))
static void add(char *text, size_t size, const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, size - len, format, args);
	va_end(args);
}

static void add_levels(const struct sums *sums, char *text, size_t size)
{
	static const struct { int level; const char *name; } names[] = {
		{ 3, "PUD" }, { 2, "PMD" }, { 1, "PTE" }, { 0, "without an entry" },
		{ LEVEL_UNKNOWN, "at a level not known" },
	};
	const char *separator = text[0] ? "; " : "";
	char percent[16];

	if (sums->level[0] == sums->bytes) {
		add(text, size, "%sno entries yet", separator);
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t bytes = sums->level[names[i].level];

		if (!bytes)
			continue;
		add(text, size, "%s%s %s", separator,
		    percent_text(bytes, sums->bytes, percent), names[i].name);
		separator = ", ";
	}
}

static void add_persistence(const struct sums *sums, char *text, size_t size)
{
	uint64_t all = sums->bytes, yes = sums->persist.yes;
	uint64_t unknown = sums->persist.unknown;
	char percent[16];

	if (unknown == all)
		add(text, size, "whether persistence-safe is not known");
	else if (yes == all)
		add(text, size, "persistence-safe");
	else if (yes)
		add(text, size, "%s persistence-safe", percent_text(yes, all, percent));
	else if (unknown)
		add(text, size, "%s not persistence-safe",
		    percent_text(all - unknown, all, percent));
	else
		add(text, size, "not persistence-safe");
	if (unknown && unknown < all)
		add(text, size, ", %s not known", percent_text(unknown, all, percent));
}

void verdict_text(const struct report *report, const struct verdict *verdict,
		  char *text, size_t size)
{
	size_t nr = verdict->nr_fallbacks;

	text[0] = '\0';
	if (report->bits & MINCORE_PERSIST)
		add_persistence(&verdict->sums, text, size);
	if (report->bits & MINCORE_LEVEL)
		add_levels(&verdict->sums, text, size);
	if (nr)
		add(text, size, "; %zu fallback%s to PTE", nr,
		    nr == 1 ? "" : "s");
}
