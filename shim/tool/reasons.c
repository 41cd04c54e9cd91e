// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a state means, and why it is not persistence-safe, or not pinnable.
 *
 * The kernel says whether, never why: the reason is put together from what
 * user space can see, the most fundamental one first (changing how the file
 * is mapped does not help where the device is the cause).
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "judge.h"

static bool file_is_dax(const struct report *report)
{
	if (report_is_dax(report))
		return true;
	for (size_t i = 0; i < report->regions.nr; i++)
		if (report->regions.region[i].state & MINCORE_DAX)
			return true;
	return false;
}

static bool is_copied(const struct report *report, uint64_t state)
{
	if (report->mapping.type != MAPPING_PRIVATE)
		return false;
	/* mincore2(2): DAX is clear on a copied page of a private mapping. */
	if (file_is_dax(report))
		return true;
	/* Page cache never gets a writable entry in a private mapping. */
	return (state & MINCORE_LEVEL) && (state & MINCORE_WRITABLE);
}

/* DAX was perhaps not asked for: statx() tells of the file then. */
static bool state_is_dax(const struct report *report, uint64_t state)
{
	return report->bits & MINCORE_DAX ? state & MINCORE_DAX :
	       report_is_dax(report);
}

enum backing state_backing(const struct report *report, uint64_t state)
{
	if (state & MINCORE_UNMAPPED)
		return BACKING_UNMAPPED;
	if (state_is_dax(report, state))
		return state & MINCORE_ZERO ? BACKING_HOLE : BACKING_DAX;
	if (state & MINCORE_ZERO)
		return BACKING_ZERO;
	if (is_copied(report, state))
		return BACKING_COPIED;
	if (!strcmp(report->facts.fstype, "hugetlbfs"))
		return BACKING_HUGETLB;
	return BACKING_PAGE_CACHE;
}

enum backing region_backing(const struct report *report,
			    const struct region *region)
{
	enum backing backing = state_backing(report, region->state);

	if (backing == BACKING_UNMAPPED)
		return backing;
	if (region->unknown & MINCORE_DAX)
		return BACKING_UNKNOWN;
	if (backing == BACKING_DAX && region->unknown & MINCORE_ZERO &&
	    report->target.kind == TARGET_FILE)
		return BACKING_MAYBE_HOLE;
	/* It takes these to tell a page of the file from a copy of it. */
	if (backing == BACKING_PAGE_CACHE &&
	    report->mapping.type == MAPPING_PRIVATE &&
	    region->unknown & (MINCORE_WRITABLE | MINCORE_ZERO))
		return BACKING_UNKNOWN;
	if (backing == BACKING_PAGE_CACHE && report->bits & MINCORE_RESIDENT &&
	    !((region->state | region->unknown) &
	      (MINCORE_RESIDENT | MINCORE_DENIED | MINCORE_LEVEL)))
		return BACKING_NOT_CACHED;
	return backing;
}

const char *backing_name(enum backing backing)
{
	static const char *const names[] = {
		[BACKING_DAX] = "DAX",
		[BACKING_HOLE] = "DAX hole",
		[BACKING_PAGE_CACHE] = "page cache",
		[BACKING_HUGETLB] = "huge pages",
		[BACKING_COPIED] = "copied",
		[BACKING_ZERO] = "zero page",
		[BACKING_UNMAPPED] = "unmapped",
		[BACKING_MAYBE_HOLE] = "DAX or hole",
		[BACKING_UNKNOWN] = "?",
		[BACKING_NOT_CACHED] = "not cached",
	};

	return names[backing];
}

__attribute__((format(printf, 3, 4)))
static void set(struct reason *reason, const char *code, const char *format, ...)
{
	va_list args;

	reason->code = code;
	va_start(args, format);
	vsnprintf(reason->text, sizeof(reason->text), format, args);
	va_end(args);
}

static void set_private(struct reason *reason)
{
	set(reason, "private", "private mapping: a store goes to a copy that no file keeps");
}

static void page_cache_reason(const struct report *report,
			      struct reason *reason)
{
	const struct facts *facts = &report->facts;
	const char *type = facts->fstype[0] ? facts->fstype : "a filesystem that has no name here";
	const char *detail = "";

	if (facts_option(facts, "dax=never"))
		detail = ", mounted with dax=never";
	else if (facts_option(facts, "dax=inode"))
		detail = ", mounted with dax=inode, and the file is not in DAX mode (chattr +x, then reopen)";
	if (facts->memory_fs)
		set(reason, "memory-only", "%s keeps its files in memory only", type);
	else if (facts->keeping == KEPT_IN_MEMORY)
		set(reason, "memory-only", "the device or filesystem below %s is in memory only",
		    type);
	else if (facts->no_fsync)
		set(reason, "no-fsync", "%s is mounted volatile: fsync and msync write nothing",
		    type);
	else if (facts->keeping == KEPT_ON_DEVICE)
		set(reason, "page-cache", "page cache of %s%s; fsync or msync makes stores durable",
		    type, detail);
	else
		set(reason, "fsync-unknown", "page cache of %s%s; whether fsync or msync makes stores durable is not known here",
		    type, detail);
}

/* What speaks against a device; "%s" is its name. */
static const struct { const char *code, *text; } devices[] = {
	[DEVICE_VIRTIO_PMEM] = { "virtio-pmem", "virtio-pmem: stores reach the host's page cache; only a flush request (fsync) makes them durable" },
	[DEVICE_E820] = { "legacy-e820", "legacy persistent memory (e820 type 12, memmap=nn!ss): its driver cannot guarantee that stores persist" },
	[DEVICE_UNARMED] = { "unarmed", "an NVDIMM that is not armed: its firmware cannot save what is stored when the power goes" },
	[DEVICE_NO_FLUSH] = { "no-flush", "the driver of this memory region cannot guarantee that stores persist" },
	[DEVICE_NO_DOMAIN] = { "no-domain", "the platform states no persistence domain: the region's persistence_domain in sysfs would have to be memory_controller or cpu_cache" },
	[DEVICE_VOLATILE] = { "volatile", "volatile memory (soft-reserved, CXL RAM or a volatile NVDIMM region): lost when the power goes" },
	[DEVICE_MAPPER] = { "device-mapper", "%s is a device-mapper device: what is below may be exchanged while it is mapped" },
	[DEVICE_MD] = { "md", "%s is a software RAID: a store reaches no more than one of its disks" },
};

static bool device_reason(const struct facts *facts, struct reason *reason)
{
	enum device_kind kind = facts->keeping == KEPT_IN_MEMORY ?
				DEVICE_VOLATILE : facts->device_kind;

	if (!devices[kind].code)
		return false;
	reason->code = devices[kind].code;
	snprintf(reason->text, sizeof(reason->text), devices[kind].text,
		 facts->device);
	return true;
}

static bool filesystem_reason(const struct facts *facts, struct reason *reason)
{
	bool ext4 = !strcmp(facts->fstype, "ext4");
	bool xfs = !strcmp(facts->fstype, "xfs");

	if (!strcmp(facts->fstype, "virtiofs"))
		set(reason, "filesystem", "virtiofs maps the host's page cache: only fsync, which the host carries out, makes stores durable there");
	else if (!strcmp(facts->fstype, "famfs"))
		set(reason, "filesystem", "famfs maps memory that hosts share and writes no metadata: whether that memory keeps stores it does not say");
	else if (facts->fstype[0] && !ext4 && !xfs)
		set(reason, "filesystem", "%s makes no promise for stores through a mapping",
		    facts->fstype);
	else if (facts->journal == NO)
		set(reason, "no-journal", "%s runs without a journal: after a power failure the metadata that leads to the data may be gone",
		    facts->fstype);
	else if (facts->journal_outside == YES)
		set(reason, "external-journal", "the %s of this %s is on another device",
		    xfs ? "log" : "journal", facts->fstype);
	else if (facts_option(facts, "nobarrier") ||
		 facts_option(facts, "barrier=0"))
		set(reason, "no-barrier", "%s is mounted with nobarrier: its journal is not ordered to the media",
		    facts->fstype);
	else if (facts_option(facts, "data=writeback"))
		set(reason, "data-writeback", "%s is mounted with data=writeback: a block that it frees may go to another file before that is committed",
		    facts->fstype);
	else if (facts->realtime == YES)
		set(reason, "realtime", "this XFS has a realtime device, and data of a file may go there");
	else
		return false;
	return true;
}

static void dax_reason(const struct report *report, struct reason *reason)
{
	const struct mapping *mapping = &report->mapping;
	bool file = report->target.kind == TARGET_FILE;

	if (mapping->type == MAPPING_PRIVATE)
		set_private(reason);
	else if (device_reason(&report->facts, reason) ||
		 (file && filesystem_reason(&report->facts, reason)))
		return;
	else if (file && mapping->sync_errno)
		set(reason, "sync-refused", "the filesystem refused MAP_SYNC for this file (%s)",
		    mapping->sync_errno == EOPNOTSUPP ? "EOPNOTSUPP" : "EINVAL");
	else if (file && mapping->type == MAPPING_SHARED)
		set(reason, "no-sync", "MAP_SYNC was not asked for (--no-sync): the metadata that leads to the data may not be on the media");
	else
		set(reason, "not-vouched", "the owner of the mapping does not vouch for it");
}

void state_reason(const struct report *report, uint64_t state,
		  struct reason *reason)
{
	*reason = (struct reason) { 0 };
	if (state & MINCORE_PERSIST)
		return;
	switch (state_backing(report, state)) {
	case BACKING_UNMAPPED:
		set(reason, "unmapped", "nothing is mapped here");
		break;
	case BACKING_COPIED:
		set(reason, "copied", "copied by a store to a private mapping: memory that no file keeps");
		break;
	case BACKING_ZERO:
		set(reason, "zero-page", "the shared zero page: a store goes to memory that no file keeps");
		break;
	case BACKING_PAGE_CACHE:
	case BACKING_HUGETLB:
		if (report->mapping.type == MAPPING_PRIVATE)
			set_private(reason);
		else
			page_cache_reason(report, reason);
		break;
	case BACKING_DAX:
	case BACKING_HOLE:
		dax_reason(report, reason);
		break;
	case BACKING_MAYBE_HOLE:
	case BACKING_UNKNOWN:
	case BACKING_NOT_CACHED:
		break;	/* none of a state */
	}
}

void region_reason(const struct report *report, const struct region *region,
		   struct reason *reason)
{
	*reason = (struct reason) { 0 };
	if (region->unknown & MINCORE_PERSIST)
		set(reason, "not-known", "only mincore2() can tell; nothing else that is to be seen proves it, so take it for not safe");
	else if (!(region->state & MINCORE_PERSIST) &&
		 region_backing(report, region) == BACKING_UNKNOWN &&
		 report->mapping.type == MAPPING_PRIVATE)
		set_private(reason);
	else
		state_reason(report, region->state, reason);
}

void pin_reason(const struct report *report, struct reason *reason)
{
	const struct facts *facts = &report->facts;
	bool file = report->target.kind == TARGET_FILE;

	*reason = (struct reason) { 0 };
	if (file && file_is_dax(report))
		set(reason, "filesystem-dax", "filesystem DAX: what a device has pinned the filesystem could not take back");
	else if (file && report->mapping.type != MAPPING_PRIVATE &&
		 !facts->memory_fs && strcmp(facts->fstype, "hugetlbfs"))
		set(reason, "written-back", "shared page cache of %s: a device could write to a page that is being written back",
		    facts->fstype[0] ? facts->fstype : "a filesystem");
	else if (!report->mapping.writable)
		set(reason, "read-only", "mapped for reading only");
	else
		set(reason, "not-pinnable", "the kernel does not allow it for this mapping");
}
