// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * owner.c - histories "owner-WAY": one of two owners of a shared block lets go of it
 *
 * Two files share the block: the leaver and the keeper. The leaver's bytes have been
 * promised. Then the leaver lets go of the block in some way, which nobody commits, and
 * the keeper stores to it. If that store goes to the old block before the leaver's
 * change is durable, then after a power failure the leaver has the old block again, with
 * the keeper's bytes in it.
 *
 * The keeper is the file of the case. The two highest bits of a byte say which file
 * wrote it: below LEAVER both files may have it, as they shared it. So a byte that a file
 * never had is found after the crash.
 */
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

#define SPOT (PF_TARGET + 128)	/* the promised bytes, and where the keeper stores */
#define ASIDE (PF_TARGET + 3000) /* other bytes of the same page */
#define RANGE (64 * KB)

#define PROMISED 0x40		/* class of the leaver's promised bytes: both have them */
#define LEAVER 0x80		/* of what the leaver alone writes */
#define KEEPER 0xc0		/* of what the keeper alone writes */
#define CLASS 0xc0		/* mask of a class */

/**
 * struct way - how the leaver lets go
 * @leave: does it. @b is the leaver, @keeper the other file
 * @removes: the promised bytes are removed or overwritten by it
 * @unsynced: the clone is not committed before
 * @exchange: there is no clone: the block goes to the keeper by an exchange
 */
struct way {
	const char *name;
	int (*leave)(struct pfcase *b, struct pfcase *keeper);
	bool removes, unsynced, exchange;
};

static bool cached(struct pfcase *c) { return strstr(c->slot, "cache"); }

/* Data to the device, and no commit: a file in the page cache is remapped only then. */
static int push_out(struct pfcase *b)
{
	unsigned int how = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			   SYNC_FILE_RANGE_WAIT_AFTER;

	if (cached(b) && sync_file_range(b->fd, 0, 0, how))
		return failed(b, "sync_file_range");
	return 0;
}

static int write_part(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	if (write_all(b->fd, ASIDE, 100, LEAVER | 0x17))
		return failed(b, "pwrite");
	return push_out(b);
}

static int write_page(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	if (write_all(b->fd, PF_TARGET, PAGE, LEAVER | 0x17))
		return failed(b, "pwrite");
	return push_out(b);
}

static int store_by(struct pfcase *b, const char *map)
{
	unsigned char *addr = map_file(b, map, b->fd, 0, PF_FILE_SIZE);

	if (!addr)
		return -1;
	memset(addr + ASIDE, LEAVER | 0x13, 100);
	return 0;
}

static int store_plain(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	return store_by(b, "plain");
}

/* This one commits: what follows is safe on any kernel. */
static int store_sync(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	return store_by(b, "sync");
}

static int allocation(struct pfcase *b, int mode, off_t offset, off_t len)
{
	return fallocate(b->fd, mode, offset, len) ? failed(b, "fallocate") : 0;
}

static int punch(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	return allocation(b, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PF_TARGET, RANGE);
}

static int zero(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	return allocation(b, FALLOC_FL_ZERO_RANGE, PF_TARGET, RANGE);
}

static int unshare_range(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	return allocation(b, FALLOC_FL_UNSHARE_RANGE, PF_TARGET, RANGE);
}

static int collapse(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	return allocation(b, FALLOC_FL_COLLAPSE_RANGE, PF_TARGET, RANGE);
}

/* Moves the block: the leaver goes on to own it. Then that part is cut off. */
static int insert(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	if (allocation(b, FALLOC_FL_INSERT_RANGE, PF_TARGET - RANGE, RANGE))
		return -1;
	return ftruncate(b->fd, PF_TARGET) ? failed(b, "ftruncate") : 0;
}

static int cut(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	return ftruncate(b->fd, PF_TARGET) ? failed(b, "ftruncate") : 0;
}

/* A third file on the same filesystem, with these bytes and synced. */
static int third_file(struct pfcase *b, int byte)
{
	char path[sizeof(b->path) + 16];
	int fd;

	snprintf(path, sizeof(path), "%s-third", b->path);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	if (fd < 0 || write_all(fd, 0, PF_FILE_SIZE, byte) || fsync(fd))
		return failed(b, "write a third file");
	return fd;
}

static int clone_over(struct pfcase *b, struct pfcase *keeper)
{
	struct file_clone_range range = {
		.src_offset = PF_TARGET, .src_length = RANGE, .dest_offset = PF_TARGET
	};

	(void)keeper;
	range.src_fd = third_file(b, 't');
	if (range.src_fd < 0)
		return -1;
	return ioctl(b->fd, FICLONERANGE, &range) ? failed(b, "FICLONERANGE") : 0;
}

/* The third file gets the leaver's bytes, and the leaver its blocks. */
static int dedupe(struct pfcase *b, struct pfcase *keeper)
{
	union {
		struct file_dedupe_range range;
		char bytes[sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info)];
	} u = { .range = { .src_offset = PF_TARGET, .src_length = PAGE, .dest_count = 1 } };
	unsigned char page[PAGE];
	int third = third_file(b, 'o');

	(void)keeper;
	if (third < 0)
		return -1;
	if (pread(b->fd, page, PAGE, PF_TARGET) != PAGE ||
	    pwrite(third, page, PAGE, PF_TARGET) != PAGE || fsync(third))
		return failed(b, "copy of the page");
	u.range.info[0].dest_fd = b->fd;
	u.range.info[0].dest_offset = PF_TARGET;
	if (ioctl(third, FIDEDUPERANGE, &u.range))
		return failed(b, "FIDEDUPERANGE");
	errno = -u.range.info[0].status;
	return errno ? failed(b, "FIDEDUPERANGE") : 0;
}

/* Its blocks are let go in the background. */
static int unlink_close(struct pfcase *b, struct pfcase *keeper)
{
	(void)keeper;
	if (unlink(b->path))
		return failed(b, "unlink");
	if (b->addr)
		munmap(b->addr, b->len);
	close(b->fd);
	usleep(500000);
	return 0;
}

static int exchange(struct pfcase *b, struct pfcase *keeper)
{
	return exchange_extents(b->fd, keeper->fd, PF_FILE_SIZE) ? failed(b, "XFS_IOC_SWAPEXT") : 0;
}

/* A third owner, who has the block from the keeper, lets go as well. */
static int chain(struct pfcase *b, struct pfcase *keeper)
{
	int third = third_file(b, 't');

	if (third < 0)
		return -1;
	if (ioctl(third, FICLONE, keeper->fd) || fsync(third))
		return failed(b, "FICLONE");
	if (write_part(b, keeper))
		return -1;
	return write_all(third, ASIDE, 100, 't') ? failed(b, "pwrite") : 0;
}

/* The keeper takes the promised bytes out of its file, in the block itself. */
static int punch_in_place(struct pfcase *b, struct pfcase *keeper)
{
	if (write_part(b, keeper))
		return -1;
	return fallocate(keeper->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, SPOT,
			 PF_STORE_LEN) ? failed(keeper, "punch") : 0;
}

static const struct way ways[] = {
	{ "write-part", write_part },
	{ "write-page", write_page, .removes = true },
	{ "store-plain", store_plain },
	{ "store-sync", store_sync },
	{ "punch", punch, .removes = true },
	{ "zero-range", zero, .removes = true },
	{ "unshare", unshare_range },
	{ "truncate", cut, .removes = true },
	{ "collapse", collapse, .removes = true },
	{ "insert", insert, .removes = true },
	{ "clone-over", clone_over, .removes = true },
	{ "dedupe", dedupe },
	{ "unlink", unlink_close, .removes = true },
	{ "exchange", exchange, .removes = true, .exchange = true },
	{ "chain", chain },
	{ "unsynced", write_part, .unsynced = true },
	{ "punched", punch_in_place },
};

/* Makes the leaver, beside the keeper c, with a promised store. */
static int make_leaver(struct pfcase *c, struct pfcase *b)
{
	*b = *c;
	snprintf(b->path, sizeof(b->path), "%.140s-leaver", c->path);
	snprintf(b->where, sizeof(b->where), "%.140s-leaver", c->where);
	snprintf(b->map, sizeof(b->map), "%s", cached(c) ? "plain" : "sync");
	snprintf(b->by, sizeof(b->by), "%s", cached(c) ? "write" : "flush");
	b->bytes = PROMISED;
	b->other = -1;
	b->handle = NULL;
	b->len = PF_FILE_SIZE;
	b->fd = open(b->path, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (b->fd < 0 || write_all(b->fd, 0, PF_FILE_SIZE, 'o') || fsync(b->fd))
		return failed(b, "write the leaver");
	b->addr = map_file(b, b->map, b->fd, 0, PF_FILE_SIZE);
	if (!b->addr)
		return -1;
	b->claim = ask(b->addr + SPOT);
	store(b, SPOT);
	return b->broken ? -1 : 0;
}

/*
 * Shares all blocks. XFS takes a file for clean only after an fsync that found it
 * uncommitted, so the keeper is first; otherwise the keeper's next fault would commit.
 */
static int share(struct pfcase *c, struct pfcase *b, const struct way *way)
{
	if (way->exchange)
		return 0;
	if (ioctl(c->fd, FICLONE, b->fd))
		return failed(b, "FICLONE");
	if (!way->unsynced && (fsync(c->fd) || fsync(b->fd)))
		return failed(b, "fsync");
	return 0;
}

static const struct way *find_way(struct pfcase *c)
{
	const char *name = c->history->name + strlen("owner-");

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].name, name))
			return &ways[i];
	return NULL;
}

static int let_go(struct pfcase *c)
{
	const struct way *way = find_way(c);
	struct pfcase b;
	int promised = c->watches;

	if (!way) {
		errno = EINVAL;
		return failed(c, "unknown way");
	}
	if (make_leaver(c, &b) || share(c, &b, way) || way->leave(&b, c)) {
		c->broken = true;
		return -1;
	}
	c->watches = b.watches;
	if (way->removes)
		forget(c, promised);
	report("owner %d %s %s", c->index, b.where, c->where);
	c->bytes = KEEPER;
	return 0;
}

/* Says where a file has a byte of a class that it never had. */
static void look(int index, const char *where, unsigned char class)
{
	static unsigned char data[PF_FILE_SIZE];
	char path[200];
	ssize_t len, first = -1;
	long count = 0;
	int fd;

	snprintf(path, sizeof(path), "/mnt/%s", where);
	fd = open(path, O_RDONLY);
	if (fd < 0 && errno == ENOENT)	/* the leaver may be gone */
		return;
	len = fd < 0 ? -1 : read(fd, data, sizeof(data));
	if (len < 0)
		report("foreign %d %s cannot be read: %s", index, where, strerrorname_np(errno) ?: "?");
	close(fd);
	for (ssize_t i = 0; i < len; i++)
		if ((data[i] & CLASS) == class) {
			first = first < 0 ? i : first;
			count++;
		}
	if (count)
		report("foreign %d %s has %ld bytes of the other file, the first at %zd", index,
		       where, count, first);
}

/* After the crash: has either file a byte that it never had? */
void owner_recover(int index, const char *leaver, const char *keeper)
{
	look(index, leaver, KEEPER);
	look(index, keeper, LEAVER);
	report("owned %d", index);
}

#define OWNER(way) { "owner-" way, setup_written, let_go, \
	.size = PF_FILE_SIZE, .first = SPOT, .then = SPOT }

const struct history owner_histories[] = {
	OWNER("write-part"), OWNER("write-page"), OWNER("store-plain"), OWNER("store-sync"),
	OWNER("punch"), OWNER("zero-range"), OWNER("unshare"), OWNER("truncate"),
	OWNER("collapse"), OWNER("insert"), OWNER("clone-over"), OWNER("dedupe"),
	OWNER("unlink"), OWNER("exchange"), OWNER("chain"), OWNER("unsynced"),
	OWNER("punched"),
	{ 0 }
};
