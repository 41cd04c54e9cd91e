// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reason for each way of not being persistence-safe, and which comes
 * first when there are several.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "report.h"
#include "tap.h"

#define S_DAX	((uint64_t)(MINCORE_DAX | MINCORE_RESIDENT | MINCORE_PTE))
#define S_CACHE	((uint64_t)(MINCORE_RESIDENT | MINCORE_PTE))

static bool is(const struct report *report, uint64_t state, const char *code)
{
	struct reason reason;
	const char *got;

	state_reason(report, state, &reason);
	got = reason.code ? reason.code : "(none)";
	if (!strcmp(got, code))
		return true;
	printf("# got %s, expected %s\n", got, code);
	return false;
}

static void set_options(struct report *report, const char *options)
{
	snprintf(report->facts.options, sizeof(report->facts.options), ",%s,",
		 options);
}

static void set_fs(struct report *report, const char *type)
{
	snprintf(report->facts.fstype, sizeof(report->facts.fstype), "%s", type);
	report->facts.journal = NOT_KNOWN;
}

static void test_devices(void)
{
	static const struct {
		enum device_kind kind;
		const char *code;
	} devices[] = {
		{ DEVICE_VIRTIO_PMEM, "virtio-pmem" },
		{ DEVICE_E820, "legacy-e820" },
		{ DEVICE_UNARMED, "unarmed" },
		{ DEVICE_NO_FLUSH, "no-flush" },
		{ DEVICE_NO_DOMAIN, "no-domain" },
		{ DEVICE_VOLATILE, "volatile" },
		{ DEVICE_MAPPER, "device-mapper" },
		{ DEVICE_MD, "md" },
		{ DEVICE_PMEM, "not-vouched" },
		{ DEVICE_UNKNOWN, "not-vouched" },
	};

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct report report;

		report_init(&report);
		report.facts.device_kind = devices[i].kind;
		ok(is(&report, S_DAX, devices[i].code), "file on a device: %s",
		   devices[i].code);
		report.target.kind = TARGET_DEVDAX;
		report.facts.fstype[0] = '\0';
		ok(is(&report, S_DAX, devices[i].code), "device-dax: %s",
		   devices[i].code);
		report.mapping.type = MAPPING_SHARED;
		ok(is(&report, S_DAX, devices[i].code),
		   "device-dax without MAP_SYNC: %s, not MAP_SYNC",
		   devices[i].code);
	}
}

static bool not_pinnable(const struct report *report, const char *code)
{
	struct reason reason;

	pin_reason(report, &reason);
	if (!strcmp(reason.code, code))
		return true;
	printf("# got %s, expected %s\n", reason.code, code);
	return false;
}

static void test_pins(void)
{
	struct report report;

	report_init(&report);
	ok(not_pinnable(&report, "filesystem-dax"), "pins: filesystem DAX");
	report.mapping.type = MAPPING_PRIVATE;
	ok(not_pinnable(&report, "filesystem-dax"), "pins: the same, private");
	report.facts.dax_attr = NO;
	ok(not_pinnable(&report, "not-pinnable"), "pins: private page cache: the kernel must know");
	report.mapping.type = MAPPING_SHARED;
	ok(not_pinnable(&report, "written-back"), "pins: shared page cache");
	report.mapping.writable = false;
	ok(not_pinnable(&report, "written-back"), "pins: the same comes before read-only");
	report.facts.memory_fs = true;
	ok(not_pinnable(&report, "read-only"), "pins: tmpfs, read-only");
	report.facts.memory_fs = false;
	set_fs(&report, "hugetlbfs");
	ok(not_pinnable(&report, "read-only"), "pins: hugetlbfs, read-only");
	report.target.kind = TARGET_DEVDAX;
	ok(not_pinnable(&report, "read-only"), "pins: device-dax, read-only");
}

static void test_filesystems(void)
{
	struct report report;

	report_init(&report);
	report.facts.journal = NO;
	ok(is(&report, S_DAX, "no-journal"), "ext4 without a journal");
	report_init(&report);
	report.facts.journal_outside = YES;
	ok(is(&report, S_DAX, "external-journal"), "ext4 with its journal elsewhere");
	report_init(&report);
	set_options(&report, "rw,nobarrier");
	ok(is(&report, S_DAX, "no-barrier"), "ext4 with nobarrier");
	report_init(&report);
	set_options(&report, "rw,data=writeback");
	ok(is(&report, S_DAX, "data-writeback"), "ext4 with data=writeback");
	report_init(&report);
	set_options(&report, "rw,nobarriers,xbarrier=0");
	ok(is(&report, S_DAX, "not-vouched"), "an option is matched whole");
	report_init(&report);
	set_fs(&report, "ext2");
	ok(is(&report, S_DAX, "filesystem"), "DAX of a filesystem that promises nothing");
	report_init(&report);
	set_fs(&report, "xfs");
	report.facts.realtime = YES;
	ok(is(&report, S_DAX, "realtime"), "XFS with a realtime device");
	report_init(&report);
	set_fs(&report, "xfs");
	report.facts.journal_outside = YES;
	ok(is(&report, S_DAX, "external-journal"), "XFS with its log elsewhere");
}

static void test_mappings(void)
{
	struct report report;

	report_init(&report);
	report.mapping.type = MAPPING_SHARED;
	ok(is(&report, S_DAX, "no-sync"), "--no-sync");
	report.mapping.sync_errno = EOPNOTSUPP;
	ok(is(&report, S_DAX, "sync-refused"), "MAP_SYNC refused");
	report.facts.device_kind = DEVICE_VIRTIO_PMEM;
	ok(is(&report, S_DAX, "virtio-pmem"), "the device comes before MAP_SYNC");
	report.facts.device_kind = DEVICE_PMEM;
	report.facts.journal = NO;
	ok(is(&report, S_DAX, "no-journal"), "the filesystem comes before MAP_SYNC");

	report_init(&report);
	report.mapping.type = MAPPING_PRIVATE;
	ok(is(&report, S_DAX, "private"), "private DAX page");
	ok(is(&report, S_CACHE | MINCORE_WRITABLE, "copied"), "private DAX page, copied");
	ok(is(&report, 0, "copied"), "private DAX page, copied and swapped out");
	report.facts.dax_attr = NO;
	ok(is(&report, S_CACHE, "private"), "private page of the page cache");
	ok(is(&report, S_CACHE | MINCORE_WRITABLE, "copied"),
	   "private page of the page cache, copied");
	ok(state_backing(&report, S_CACHE) == BACKING_PAGE_CACHE &&
	   state_backing(&report, S_CACHE | MINCORE_WRITABLE) == BACKING_COPIED,
	   "private mapping of page cache: a writable entry means copied");
}

static void test_others(void)
{
	struct report report;

	report_init(&report);
	ok(is(&report, S_DAX | MINCORE_PERSIST, "(none)"), "yes needs no reason");
	ok(is(&report, MINCORE_UNMAPPED, "unmapped"), "unmapped");
	ok(is(&report, S_CACHE, "page-cache"), "page cache");
	report.facts.keeping = KEPT_UNKNOWN;
	ok(is(&report, S_CACHE, "fsync-unknown"), "page cache of what is not known");
	report.facts.no_fsync = true;
	ok(is(&report, S_CACHE, "no-fsync"), "page cache that is never written");
	report.facts.keeping = KEPT_IN_MEMORY;
	ok(is(&report, S_CACHE, "memory-only"), "page cache of what is in memory");
	ok(is(&report, S_DAX, "volatile"), "DAX of what is in memory");
	report.facts.memory_fs = true;
	set_fs(&report, "tmpfs");
	ok(is(&report, S_CACHE, "memory-only"), "tmpfs");
	set_fs(&report, "hugetlbfs");
	ok(is(&report, S_CACHE, "memory-only") &&
	   state_backing(&report, S_CACHE) == BACKING_HUGETLB, "hugetlbfs");
	ok(state_backing(&report, S_DAX | MINCORE_ZERO) == BACKING_HOLE &&
	   state_backing(&report, S_CACHE | MINCORE_ZERO) == BACKING_ZERO,
	   "a zero page is a hole where DAX is");
	ok(is(&report, S_CACHE | MINCORE_ZERO, "zero-page"), "a zero page without DAX");
}

/* It says which attribute has to say what, and the advice is how to get there. */
static void test_domain(void)
{
	struct report report;
	struct reason reason;
	const char *advice;

	report_init(&report);
	report.facts.device_kind = DEVICE_NO_DOMAIN;
	state_reason(&report, S_DAX, &reason);
	ok(strstr(reason.text, "persistence_domain") &&
	   strstr(reason.text, "memory_controller") &&
	   strstr(reason.text, "cpu_cache"),
	   "without a persistence domain: what would have to say what");
	advice = reason_advice(&report, "no-domain");
	ok(advice && strstr(advice, "nvdimm-persistence"),
	   "without a persistence domain: what to configure");
}

/* A reason never tells people more than what fits its buffer. */
static void test_length(void)
{
	struct report report;
	struct reason reason;

	report_init(&report);
	memset(report.facts.fstype, 'f', sizeof(report.facts.fstype) - 1);
	set_options(&report, "dax=inode");
	state_reason(&report, S_CACHE, &reason);
	ok(strlen(reason.text) < sizeof(reason.text) - 1,
	   "the longest reason is not cut");
}

int main(void)
{
	test_devices();
	test_pins();
	test_filesystems();
	test_mappings();
	test_others();
	test_domain();
	test_length();
	return tap_done();
}
