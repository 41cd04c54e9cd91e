// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { BASE = 0x40000000 };

void report_init(struct report *report)
{
	*report = (struct report) {
		.target = { .path = "file", .kind = TARGET_FILE, .fd = -1,
			    .writable = true, .align = 4096 },
		.bits = ALL_BITS,
		.mapping = { .start = BASE, .type = MAPPING_SYNC,
			     .writable = true },
		.facts = { .fstype = "ext4", .source = "/dev/pmem0",
			   .options = ",rw,relatime,dax=always,",
			   .device = "pmem0", .device_kind = DEVICE_PMEM,
			   .dax_attr = YES, .journal = YES,
			   .journal_outside = NO,
			   .keeping = KEPT_ON_DEVICE },
	};
}

void report_add_unknown(struct report *report, uint64_t state,
			uint64_t unknown, uint64_t pages)
{
	struct region region = {
		.start = report->mapping.start + report->mapping.len,
		.end = report->mapping.start + report->mapping.len + pages * 4096,
		.state = state,
		.unknown = unknown,
	};

	region_append(&report->regions, &region);
	report->mapping.len += pages * 4096;
	report->target.size = report->mapping.len;
}

void report_add(struct report *report, uint64_t state, uint64_t pages)
{
	report_add_unknown(report, state, 0, pages);
}

char *captured(void (*print)(FILE *, const struct terminal *,
			     const struct report *),
	       const struct terminal *terminal, const struct report *report)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	print(out, terminal, report);
	fclose(out);
	return text;
}
