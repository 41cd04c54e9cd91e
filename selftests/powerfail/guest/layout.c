// SPDX-License-Identifier: GPL-2.0-or-later
/* layout.c - histories that change which blocks a page maps */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pf.h"

#define RANGE (64 * KB)		/* what is punched, inserted, ... around the target */
#define SPOT (PF_TARGET + 128)	/* where most stores go */

static int fallocate_event(struct pfcase *c, int mode, off_t offset, off_t len)
{
	return fallocate(c->fd, mode, offset, len) ? failed(c, "fallocate") : 0;
}

static int allocate(struct pfcase *c) { return fallocate_event(c, 0, PF_TARGET, RANGE); }
static int zero(struct pfcase *c) { return fallocate_event(c, FALLOC_FL_ZERO_RANGE, PF_TARGET, RANGE); }
static int collapse(struct pfcase *c) { return fallocate_event(c, FALLOC_FL_COLLAPSE_RANGE, PF_TARGET - RANGE, RANGE); }
static int insert(struct pfcase *c) { return fallocate_event(c, FALLOC_FL_INSERT_RANGE, PF_TARGET - RANGE, RANGE); }

static int punch(struct pfcase *c)
{
	return fallocate_event(c, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PF_TARGET, RANGE);
}

/* One block in the middle of an extent; the store goes to the page beside it. */
static int punch_beside(struct pfcase *c)
{
	return fallocate_event(c, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PF_TARGET + PAGE, PAGE);
}

static int write_here(struct pfcase *c)
{
	return write_all(c->fd, PF_TARGET, RANGE, 'w') ? failed(c, "pwrite") : 0;
}

/* Part of the page only, so that the rest of the block is zeroed. */
static int write_part(struct pfcase *c)
{
	return write_all(c->fd, PF_TARGET + 3000, 100, 'w') ? failed(c, "pwrite") : 0;
}

static int punch_and_write(struct pfcase *c)
{
	return punch(c) ? -1 : write_here(c);
}

static int punch_and_allocate(struct pfcase *c)
{
	return punch(c) ? -1 : allocate(c);
}

static int truncate_down_up(struct pfcase *c)
{
	if (ftruncate(c->fd, PF_TARGET) || ftruncate(c->fd, c->history->size))
		return failed(c, "ftruncate");
	return 0;
}

/* Into the middle of the page that is stored to; its beginning stays. */
static int truncate_page(struct pfcase *c)
{
	if (ftruncate(c->fd, PF_TARGET + 1000) || ftruncate(c->fd, c->history->size))
		return failed(c, "ftruncate");
	return 0;
}

static int truncate_write(struct pfcase *c)
{
	if (ftruncate(c->fd, 0) || write_all(c->fd, 0, c->history->size, 'n'))
		return failed(c, "ftruncate and pwrite");
	return 0;
}

/* The next page is stored to first, so that the extent it is in was converted. */
static int store_beside(struct pfcase *c)
{
	store(c, PF_TARGET + PAGE);
	return 0;
}

static int write_beside_fsync(struct pfcase *c)
{
	if (write_all(c->fd, PF_TARGET + PAGE, PAGE, 'b') || fsync(c->fd))
		return failed(c, "pwrite and fsync");
	return 0;
}

static int unlink_other(struct pfcase *c)
{
	char path[sizeof(c->path) + 16];

	if (open_other(c, "x", RANGE))
		return -1;
	snprintf(path, sizeof(path), "%sx", c->path);
	return unlink(path) ? failed(c, "unlink") : 0;
}

/* size is PF_FILE_SIZE, and stores go to SPOT, unless it says otherwise */
#define FILE_AT .size = PF_FILE_SIZE, .first = SPOT, .then = SPOT
/* A file of 4 MiB whose stores go to the second 2 MiB: a PMD entry. */
#define HUGE_AT .size = 4 * MB, .first = 2 * MB + SPOT, .then = 2 * MB + SPOT

static int punch_huge(struct pfcase *c)
{
	return fallocate_event(c, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * MB, 2 * MB);
}

static int allocate_huge(struct pfcase *c) { return fallocate_event(c, 0, 2 * MB, 2 * MB); }

/* Another file shares the first len bytes of what is stored to, and both are synced. */
static int clone_huge_part(struct pfcase *c, off_t len)
{
	struct file_clone_range range = {
		.src_fd = c->fd, .src_offset = 2 * MB, .src_length = len, .dest_offset = 2 * MB
	};

	if (open_other(c, "-clone", PAGE))
		return -1;
	if (ioctl(c->other, FICLONERANGE, &range) || fsync(c->other) || fsync(c->fd))
		return failed(c, "FICLONERANGE and fsync");
	return 0;
}

static int clone_huge(struct pfcase *c) { return clone_huge_part(c, 2 * MB); }

/*
 * Through a mapping that has no room for a PMD entry, while there may be one in the page
 * cache: some pages are read, and others are stored to, near the target and far from it.
 */
static int beside_huge(struct pfcase *c)
{
	unsigned char *hole, *page;

	hole = mmap(NULL, 8 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hole == MAP_FAILED)
		return failed(c, "mmap of address space");
	page = mmap((void *)((((uintptr_t)hole + 2 * MB - 1) & -(2 * MB)) + PAGE), 4 * MB,
		    PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC | MAP_FIXED, c->fd, 0);
	if (page == MAP_FAILED)
		return failed(c, "mmap");
	page += 2 * MB + PF_TARGET;
	for (int i = -1; i < 4; i++)
		(void)*(volatile unsigned char *)(page + i * 32 * PAGE);
	memset(page + PAGE + 1000, 'b', 100);
	memset(page + 320 * PAGE, 'b', 100);
	return 0;
}

static int clone_huge_beside(struct pfcase *c)
{
	return clone_huge(c) ? -1 : beside_huge(c);
}

/* Half is shared: stores to the other half are in place, and copies come beside them. */
static int clone_huge_half(struct pfcase *c)
{
	return clone_huge_part(c, 1 * MB) ? -1 : beside_huge(c);
}

const struct history layout_histories[] = {
	{ "written", setup_written, NULL, FILE_AT },
	{ "hole", setup_hole, NULL, FILE_AT },
	{ "allocated", setup_allocated, NULL, FILE_AT },
	{ "hole-allocate", setup_hole, allocate, FILE_AT },
	{ "hole-write", setup_hole, write_here, FILE_AT, .removes_first = true },
	{ "hole-write-part", setup_hole, write_part, FILE_AT },
	{ "hole-store-beside", setup_hole, store_beside, FILE_AT },
	{ "hole-write-beside-fsync", setup_hole, write_beside_fsync, FILE_AT },
	{ "allocated-store-beside", setup_allocated, store_beside, FILE_AT },
	{ "allocated-write-part", setup_allocated, write_part, FILE_AT },
	{ "punch", setup_written, punch, FILE_AT, .removes_first = true },
	{ "punch-beside", setup_written, punch_beside, FILE_AT },
	{ "punch-write", setup_written, punch_and_write, FILE_AT, .removes_first = true },
	{ "punch-allocate", setup_written, punch_and_allocate, FILE_AT, .removes_first = true },
	{ "zero-range", setup_written, zero, FILE_AT, .removes_first = true },
	{ "collapse-range", setup_written, collapse, FILE_AT, .removes_first = true },
	{ "insert-range", setup_written, insert, FILE_AT, .removes_first = true },
	{ "truncate-down-up", setup_written, truncate_down_up, FILE_AT, .removes_first = true },
	{ "truncate-in-page", setup_written, truncate_page, .size = PF_FILE_SIZE,
		.first = SPOT, .then = PF_TARGET + 2000 },
	{ "truncate-rewrite", setup_written, truncate_write, FILE_AT, .removes_first = true },
	{ "unlink-other", setup_written, unlink_other, FILE_AT },
	{ "huge-written", setup_written, NULL, HUGE_AT },
	{ "huge-hole", setup_hole, NULL, HUGE_AT },
	{ "huge-allocated", setup_allocated, NULL, HUGE_AT },
	{ "huge-allocate", setup_hole, allocate_huge, HUGE_AT },
	{ "huge-punch", setup_allocated, punch_huge, HUGE_AT, .removes_first = true },
	{ "huge-clone", setup_written, clone_huge, HUGE_AT },
	{ "huge-clone-beside", setup_written, clone_huge_beside, HUGE_AT },
	{ "huge-clone-half", setup_written, clone_huge_half, HUGE_AT },
	{ 0 }
};
