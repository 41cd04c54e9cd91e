// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The emulation: the page tables, as /proc/self/pagemap shows them. Its ioctl
 * PAGEMAP_SCAN (Linux 6.7) knows huge entries and the zero page; without it
 * there is one number a page, Documentation/admin-guide/mm/pagemap.rst.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "emu.h"

/* <linux/fs.h> since Linux 6.7; the headers of older systems do not have it. */
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask;
	uint64_t return_mask;
};

enum {
	SCAN_FILE = 1 << 2,
	SCAN_PRESENT = 1 << 3,
	SCAN_SWAPPED = 1 << 4,
	SCAN_PFNZERO = 1 << 5,
	SCAN_HUGE = 1 << 6
};

#define SCAN_IOCTL	_IOWR('f', 16, struct scan_arg)

/* Bits of an entry of pagemap. */
#define ENTRY_PRESENT	((uint64_t)1 << 63)
#define ENTRY_SWAPPED	((uint64_t)1 << 62)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static unsigned int bits_of_scan(uint64_t categories)
{
	unsigned int bits = MINCORE2_RUN_EXACT;

	if (categories & SCAN_PRESENT)
		bits |= MINCORE2_RUN_PRESENT;
	if (categories & SCAN_SWAPPED)
		bits |= MINCORE2_RUN_SWAPPED;
	if (categories & SCAN_HUGE)
		bits |= MINCORE2_RUN_HUGE;
	if (categories & SCAN_PFNZERO)
		bits |= MINCORE2_RUN_ZERO;
	if (categories & SCAN_FILE)
		bits |= MINCORE2_RUN_FILE;
	return bits;
}

/* Which pages of [start, end) have an entry, as far as the buffer has room. */
static int fill_by_scan(struct mincore2_emu_pages *pages, uint64_t start,
			uint64_t end)
{
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = start,
		.end = end,
		.vec = (uintptr_t)pages->buf.ranges,
		.vec_len = ARRAY_SIZE(pages->buf.ranges),
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
		.return_mask = SCAN_PRESENT | SCAN_SWAPPED | SCAN_FILE |
			       SCAN_PFNZERO | SCAN_HUGE,
	};
	uint64_t at = start;
	int got;

	do {
		got = ioctl(pages->fd, SCAN_IOCTL, &arg);
	} while (got < 0 && errno == EINTR);
	if (got < 0 || (size_t)got > ARRAY_SIZE(pages->buf.ranges) ||
	    arg.walk_end <= start || arg.walk_end > end)
		return -ENODATA;
	for (int i = 0; i < got; i++) {
		if (pages->buf.ranges[i].start < at ||
		    pages->buf.ranges[i].end <= pages->buf.ranges[i].start ||
		    pages->buf.ranges[i].end > end)
			return -ENODATA;
		at = pages->buf.ranges[i].end;
	}
	/* With a full buffer the walk may have gone on without a place for it. */
	if ((size_t)got == ARRAY_SIZE(pages->buf.ranges) && at < arg.walk_end)
		arg.walk_end = at;
	pages->start = start;
	pages->end = arg.walk_end;
	pages->nr = (size_t)got;
	pages->pos = 0;
	return 0;
}

static int fill_by_entries(struct mincore2_emu_pages *pages, uint64_t start,
			   uint64_t end)
{
	uint64_t page = mincore2_page_size();
	uint64_t nr = (end - start) / page;
	uint64_t offset = start / page * sizeof(uint64_t);
	ssize_t got;

	if (nr > ARRAY_SIZE(pages->buf.entries))
		nr = ARRAY_SIZE(pages->buf.entries);
	do {
		got = pread(pages->fd, pages->buf.entries,
			    nr * sizeof(uint64_t), (off_t)offset);
	} while (got < 0 && errno == EINTR);
	if (got < (ssize_t)sizeof(uint64_t))
		return -ENODATA;
	pages->nr = (size_t)got / sizeof(uint64_t);
	pages->start = start;
	pages->end = start + pages->nr * page;
	pages->pos = 0;
	return 0;
}

static void run_of_scan(struct mincore2_emu_pages *pages, uint64_t start,
			uint64_t end, struct mincore2_emu_run *run)
{
	while (pages->pos < pages->nr &&
	       pages->buf.ranges[pages->pos].end <= start)
		pages->pos++;
	run->bits = MINCORE2_RUN_EXACT;
	run->end = pages->end;
	if (pages->pos < pages->nr) {
		if (pages->buf.ranges[pages->pos].start > start) {
			run->end = pages->buf.ranges[pages->pos].start;
		} else {
			run->end = pages->buf.ranges[pages->pos].end;
			run->bits = bits_of_scan(pages->buf.ranges[pages->pos].bits);
		}
	}
	if (run->end > end)
		run->end = end;
}

static void run_of_entries(const struct mincore2_emu_pages *pages,
			   uint64_t start, uint64_t end,
			   struct mincore2_emu_run *run)
{
	const uint64_t mask = ENTRY_PRESENT | ENTRY_SWAPPED;
	uint64_t page = mincore2_page_size();
	size_t first = (size_t)((start - pages->start) / page);
	size_t i = first;

	while (i < pages->nr && pages->start + i * page < end &&
	       !((pages->buf.entries[i] ^ pages->buf.entries[first]) & mask))
		i++;
	run->end = pages->start + i * page;
	run->bits = 0;
	if (pages->buf.entries[first] & ENTRY_PRESENT)
		run->bits |= MINCORE2_RUN_PRESENT;
	if (pages->buf.entries[first] & ENTRY_SWAPPED)
		run->bits |= MINCORE2_RUN_SWAPPED;
}

int mincore2_emu_next_run(struct mincore2_emu_pages *pages, uint64_t start,
			  uint64_t end, struct mincore2_emu_run *run)
{
	if (pages->fd < 0)
		return -ENODATA;
	if (start < pages->start || start >= pages->end) {
		int err = -ENODATA;

		/* A sandbox may refuse it at any time. */
		if (pages->scan)
			err = fill_by_scan(pages, start, end);
		if (err) {
			pages->scan = false;
			err = fill_by_entries(pages, start, end);
		}
		if (err) {
			pages->start = pages->end = 0;
			return err;
		}
	}
	if (pages->scan)
		run_of_scan(pages, start, end, run);
	else
		run_of_entries(pages, start, end, run);
	return 0;
}
