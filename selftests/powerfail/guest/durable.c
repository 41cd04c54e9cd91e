// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * durable.c - how a store is made durable: by the program itself, by the kernel, or by
 * libmincore2-persist, which decides between the two. And what the library's emulation
 * of mincore2 says of the page.
 */
#include <errno.h>
#include <fcntl.h>
#include <libpmem.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mincore2-persist.h"
#include "mincore2.h"
#include "pf.h"

#define PERSIST_MS 20000	/* below the limit of a case */

/*
 * A processor would fault in what another one has stored to; QEMU faults in nothing for a
 * write-back, and the model of the cache would not know which line is meant.
 */
static int by_flush(struct pfcase *c, off_t offset, size_t len)
{
	touch(c, offset);
	pmem_persist(c->addr + offset, len);
	return 0;
}

static int by_fsync(struct pfcase *c, off_t offset, size_t len)
{
	(void)offset;
	(void)len;
	return fsync(c->fd) ? -errno : 0;
}

static int by_fdatasync(struct pfcase *c, off_t offset, size_t len)
{
	(void)offset;
	(void)len;
	return fdatasync(c->fd) ? -errno : 0;
}

static int by_msync(struct pfcase *c, off_t offset, size_t len)
{
	(void)len;
	return msync(c->addr + (offset & -PAGE), PAGE, MS_SYNC) ? -errno : 0;
}

static int by_persist(struct pfcase *c, off_t offset, size_t len)
{
	return mincore2_persist(c->addr + offset, len, 0);
}

/* The store in two ranges, the later bytes first. */
static int batch(struct pfcase *c, off_t offset, size_t len, unsigned int flags)
{
	size_t half = len / 2;
	struct mincore2_range ranges[2] = {
		{ .addr = c->addr + offset + half, .length = len - half,
		  .offset = offset + half + c->shift, .fd = c->fd },
		{ .addr = c->addr + offset, .length = half, .offset = offset + c->shift, .fd = c->fd },
	};

	return mincore2_persistv(ranges, 2, flags, PERSIST_MS);
}

static int by_persistv(struct pfcase *c, off_t offset, size_t len)
{
	return batch(c, offset, len, 0);
}

static int by_trusted(struct pfcase *c, off_t offset, size_t len)
{
	return batch(c, offset, len, MINCORE2_PERSIST_TRUSTED);
}

/* Goes by what the kernel said when the library mapped the file. */
static int by_handle(struct pfcase *c, off_t offset, size_t len)
{
	if (!c->handle)
		return -EBADF;
	return mincore2_map_persist(c->handle, c->addr + offset, len);
}

static const struct way {
	const char *name;
	/* Returns 0, durable as far as the way promises it; or a negative errno. */
	int (*make)(struct pfcase *c, off_t offset, size_t len);
	bool library;
} ways[] = {
	{ "flush", by_flush, false },
	{ "fsync", by_fsync, false },
	{ "msync", by_msync, false },
	{ "write", by_fdatasync, false },
	{ "direct", by_fdatasync, false },
	{ "persist", by_persist, true },
	{ "persistv", by_persistv, true },
	{ "trusted", by_trusted, true },
	{ "handle", by_handle, true },
};

/* Is the store to be done by write(2) instead of through the mapping? */
bool stores_by_write(struct pfcase *c)
{
	return !strcmp(c->by, "write") || !strcmp(c->by, "direct");
}

/* With O_DIRECT the block around the bytes is written. Returns 0, or -1 after failed(). */
int store_by_write(struct pfcase *c, off_t offset, const unsigned char *from, size_t len)
{
	static unsigned char block[PAGE] __attribute__((aligned(PAGE)));
	off_t start = offset & -PAGE;
	char link[40];
	int fd;

	if (!strcmp(c->by, "write"))
		return pwrite(c->fd, from, len, offset) == (ssize_t)len ? 0 : failed(c, "pwrite");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", c->fd);
	fd = open(link, O_RDWR | O_DIRECT);
	if (fd < 0 || pread(fd, block, PAGE, start) != PAGE)
		return failed(c, "read with O_DIRECT");
	memcpy(block + (offset - start), from, len);
	if (pwrite(fd, block, PAGE, start) != PAGE)
		return failed(c, "write with O_DIRECT");
	return close(fd) ? failed(c, "close") : 0;
}

/*
 * Makes a store durable the way the case says. Returns 0; or 1, when the library said
 * that it can not, which is reported; or -1 after failed().
 */
int make_durable(struct pfcase *c, off_t offset, size_t len)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		int err;

		if (strcmp(ways[i].name, c->by))
			continue;
		err = ways[i].make(c, offset, len);
		if (!err)
			return 0;
		errno = -err;
		if (!ways[i].library)
			return failed(c, c->by);
		refused(c, c->by, -1);
		return 1;
	}
	errno = EINVAL;
	return failed(c, "unknown way to make a store durable");
}

/* Maps the file as the library does it: with MAP_SYNC where that gains something. */
int map_by_library(struct pfcase *c)
{
	int err = mincore2_map(c->len, PROT_READ | PROT_WRITE, c->fd, c->shift, &c->handle);

	if (err) {
		errno = -err;
		return failed(c, "mincore2_map");
	}
	c->addr = mincore2_map_addr(c->handle);
	return 0;
}

/* Is the page persistence-safe, by what can be found out without the call? */
const char *emulated(const void *addr)
{
	void *page = (void *)((uintptr_t)addr & -PAGE);
	struct mincore_region region;
	uint64_t unknown;

	if (mincore2_emulate(page, PAGE, &region, 1, MINCORE_PERSIST, 0, &unknown) != 1)
		return "error";
	if (region.state & MINCORE_PERSIST)
		return "yes";
	return unknown & MINCORE_PERSIST ? "unknown" : "no";
}
