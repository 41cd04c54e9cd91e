// SPDX-License-Identifier: GPL-2.0
/*
 * Stores through a MAP_SYNC mapping, and write(2) by another thread to other
 * bytes of the same page, on a file that has, or had, shared blocks: neither
 * may undo the other. Copy-on-write is where they could: both copy the block.
 *
 * No power is cut here: what is lost is lost at once.
 */
#define _FILE_OFFSET_BITS 64
#include "mapping.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <time.h>

/* What the default extent size hint for copy-on-write covers: 32 blocks. */
#define PAGES	32
#define WRITTEN	100	/* bytes from the beginning of the page */
#define STORED	2000	/* where the store goes */

static double seconds_to_run(void)
{
	const char *s = getenv("MINCORE2_RACE_SECONDS");

	return s ? atof(s) : 2;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The other thread: one write(2) for each go. */
struct writer {
	pthread_t thread;
	int fd;
	atomic_uint go;		/* how many writes are wanted; UINT_MAX: end */
	atomic_uint ready;	/* has seen that many of them */
	atomic_uint done;	/* has done that many of them */
	off_t offset;
	int punch_fd;		/* in this file, before the write; -1: in none */
	char value;
	int error;
};

static void *write_on_go(void *arg)
{
	struct writer *w = arg;
	unsigned int n = 0, go;
	char buf[WRITTEN];

	for (;;) {
		while ((go = atomic_load(&w->go)) == n)
			sched_yield();
		if (go == UINT_MAX)
			return NULL;
		n = go;
		memset(buf, w->value, sizeof(buf));
		atomic_store(&w->ready, n);
		if (w->punch_fd >= 0 &&
		    fallocate(w->punch_fd, FALLOC_FL_PUNCH_HOLE |
			      FALLOC_FL_KEEP_SIZE, w->offset,
			      (off_t)mc2_page_size()))
			w->error = errno;
		if (pwrite(w->fd, buf, sizeof(buf), w->offset) != sizeof(buf))
			w->error = errno ? errno : EIO;
		atomic_store(&w->done, n);
	}
}

FIXTURE(cow) {
	struct mc2_backing b;
	struct mc2_file f, other;
	char *map;
	struct writer w;
	unsigned int seed;
};

FIXTURE_VARIANT(cow) {
	struct mc2_contract c;
	bool written;	/* all pages have blocks, else page 0 only */
	enum {
		KEPT,		/* the other owner keeps its blocks, */
		PUNCHED,	/* gives them up before, */
		PUNCHED_LATE,	/* or while the store copies */
	} other;
};

#define ADD_COW(id, wr, pu)						\
	FIXTURE_VARIANT_ADD(cow, id) {					\
		.c = { .name = "xfs", .dax = 1, .persist = MC2_SYNC,	\
		       .level = MINCORE_PMD },				\
		.written = wr, .other = pu,				\
	};
ADD_COW(shared, true, KEPT)
ADD_COW(hole_beside_shared, false, KEPT)
ADD_COW(no_longer_shared, true, PUNCHED)
ADD_COW(until_now_shared, true, PUNCHED_LATE)

FIXTURE_SETUP(cow)
{
	MC2_SETUP_BACKING(&variant->c, &self->b);
	self->seed = 1;
	self->w.fd = -1;
	ASSERT_EQ(0, pthread_create(&self->w.thread, NULL, write_on_go, &self->w));
}

FIXTURE_TEARDOWN(cow)
{
	atomic_store(&self->w.go, UINT_MAX);
	pthread_join(self->w.thread, NULL);
}

/* Blocks are staged for the page that is copied, and for no other. */
static int stage_one_page(int fd)
{
	struct fsxattr attr;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		return -1;
	attr.fsx_xflags |= FS_XFLAG_COWEXTSIZE;
	attr.fsx_cowextsize = (uint32_t)mc2_page_size();
	return ioctl(fd, FS_IOC_FSSETXATTR, &attr);
}

/*
 * A file of which page 0 was shared and then copied on write, which stages
 * blocks for the pages behind it (not with PUNCHED_LATE, where nothing but the
 * fault itself is to stage any).
 */
static void begin_round(struct __test_metadata *_metadata,
			FIXTURE_DATA(cow) *self,
			const FIXTURE_VARIANT(cow) *variant)
{
	size_t page = mc2_page_size();
	struct file_clone_range range = { .src_length = page * PAGES };

	ASSERT_EQ(0, mc2_file_open(&self->f, &self->b, page * PAGES));
	ASSERT_EQ(0, mc2_file_open(&self->other, &self->b, page * PAGES));
	if (variant->other == PUNCHED_LATE)
		ASSERT_EQ(0, stage_one_page(self->f.fd));
	ASSERT_EQ(0, mc2_fill_zero(self->f.fd, 0,
				   variant->written ? (off_t)(page * PAGES) : 1));
	ASSERT_EQ(0, ftruncate(self->f.fd, (off_t)(page * PAGES)));
	range.src_fd = self->f.fd;
	ASSERT_EQ(0, ioctl(self->other.fd, FICLONERANGE, &range));

	self->map = mc2_file_map(&self->f, MC2_SHARED_SYNC);
	ASSERT_NE(MAP_FAILED, self->map);
	self->map[0] = 1;
	if (variant->other == PUNCHED)
		ASSERT_EQ(0, fallocate(self->other.fd, FALLOC_FL_PUNCH_HOLE |
				       FALLOC_FL_KEEP_SIZE, 0,
				       (off_t)(page * PAGES)));
	self->w.fd = self->f.fd;
	self->w.punch_fd = variant->other == PUNCHED_LATE ? self->other.fd : -1;
}

static void end_round(struct __test_metadata *_metadata, FIXTURE_DATA(cow) *self)
{
	ASSERT_EQ(0, munmap(self->map, self->f.len));
	mc2_file_close(&self->f);
	mc2_file_close(&self->other);
}

/* Store to page @i while the thread writes to it. Returns the bytes lost. */
static unsigned int both(struct __test_metadata *_metadata,
			 FIXTURE_DATA(cow) *self, unsigned int i)
{
	volatile char *page = self->map + i * mc2_page_size();
	unsigned int n = atomic_load(&self->w.go) + 1;
	unsigned int spin, lost, k;
	char in_file[WRITTEN];

	self->w.offset = (off_t)(i * mc2_page_size());
	self->w.value = (char)(1 + n % 100);
	self->w.error = 0;
	spin = (unsigned int)rand_r(&self->seed) % 20000;
	atomic_store(&self->w.go, n);
	while (atomic_load(&self->w.ready) != n)
		sched_yield();
	while (spin-- && atomic_load(&self->w.done) != n)
		;
	page[STORED] = self->w.value;
	while (atomic_load(&self->w.done) != n)
		sched_yield();
	EXPECT_EQ(0, self->w.error);

	lost = page[STORED] != self->w.value;
	EXPECT_EQ(WRITTEN, pread(self->f.fd, in_file, WRITTEN, self->w.offset));
	for (k = 0; k < WRITTEN; k++)
		lost += in_file[k] != self->w.value;
	EXPECT_EQ(1, pread(self->f.fd, in_file, 1, self->w.offset + STORED));
	lost += in_file[0] != self->w.value;
	return lost;
}

/*
 * Proves: a store and a write(2) to one page at the same time both last, be the
 * page's block shared, a hole beside a shared one, shared no longer, or shared
 * until right before the write(2); and mincore2() had called the store
 * persistence-safe.
 */
TEST_F_TIMEOUT(cow, store_and_write, 120)
{
	double end = now() + seconds_to_run();
	unsigned int i, pairs = 0, lost = 0;

	do {
		begin_round(_metadata, self, variant);
		EXPECT_STATE(self->map, self->f.len, MINCORE_PERSIST,
			     MINCORE_PERSIST);
		for (i = 1; i < PAGES; i++, pairs++)
			lost += !!both(_metadata, self, i);
		end_round(_metadata, self);
	} while (now() < end && !lost);
	TH_LOG("%u pairs", pairs);
	EXPECT_EQ(0, lost);
}

/*
 * Proves: blocks that were staged and not used do not end up in the file: what
 * was written to the file before is there.
 */
TEST_F_TIMEOUT(cow, neighbours_keep_their_data, 120)
{
	size_t page = mc2_page_size();
	char *want = calloc(1, page), *got = malloc(page);
	unsigned int i;

	ASSERT_NE(NULL, want);
	ASSERT_NE(NULL, got);
	begin_round(_metadata, self, variant);
	for (i = 1; i < PAGES; i += 2)
		EXPECT_EQ(1, pwrite(self->f.fd, "x", 1, (off_t)(i * page + 7)));
	ASSERT_EQ(0, fsync(self->f.fd));
	for (i = 1; i < PAGES; i++) {
		want[7] = i % 2 ? 'x' : 0;
		EXPECT_EQ((ssize_t)page,
			  pread(self->f.fd, got, page, (off_t)(i * page)));
		EXPECT_EQ(0, memcmp(want, got, page));
		EXPECT_EQ(0, memcmp(want, self->map + i * page, page));
	}
	end_round(_metadata, self);
	free(want);
	free(got);
}

/* ---- no space left for the transaction that remaps a copied block ---- */

struct reserved {	/* struct xfs_fsop_resblks, which no package has alone */
	uint64_t blocks, available;
};

#define SET_RESERVED	_IOWR('X', 114, struct reserved)

static sigjmp_buf on_fault;

static void jump(int sig)
{
	siglongjmp(on_fault, sig);
}

/* A store that may fault. Returns 0 or the signal. */
static int store(volatile char *p, char c)
{
	struct sigaction action = { .sa_handler = jump }, old;
	int sig;

	sigaction(SIGBUS, &action, &old);
	sig = sigsetjmp(on_fault, 1);
	if (!sig)
		*p = c;
	sigaction(SIGBUS, &old, NULL);
	return sig;
}

/* Give all free blocks to @fd, the last ones singly. */
static void take_all_space(int fd)
{
	off_t at = 0, step;

	for (step = MIB(64); step >= (off_t)KIB(4); step /= 2)
		while (!fallocate(fd, 0, at, step))
			at += step;
}

/*
 * Proves: where the file can not be remapped to the copy of a block, the fault
 * fails, and a store is not made to a block that the file does not have.
 * Afterwards, with space, the same store works.
 *
 * Every other page, so that the extents become too many for the inode: a block
 * for them takes the space that the transactions after it would need.
 */
TEST(remap_without_space)
{
	const struct mc2_contract contract = {
		.name = "xfs", .dax = 1, .persist = MC2_SYNC, .level = MINCORE_PMD,
	};
	size_t page = mc2_page_size(), len = 8 * PAGES * page, at;
	struct file_clone_range range = { .src_length = len };
	struct reserved reserved = { 0, 0 };
	unsigned int failed = 0, lost = 0;
	struct mc2_file f, other, filler;
	struct mc2_backing b;
	char *map, c;

	MC2_SETUP_BACKING(&contract, &b);
	ASSERT_EQ(0, mc2_file_open_full(&f, &b, len));
	ASSERT_EQ(0, mc2_fill_zero(f.fd, 0, (off_t)len));
	ASSERT_EQ(0, mc2_file_open(&other, &b, len));
	ASSERT_EQ(0, mc2_file_open(&filler, &b, 0));
	range.src_fd = f.fd;
	ASSERT_EQ(0, ioctl(other.fd, FICLONERANGE, &range));
	map = mc2_file_map(&f, MC2_SHARED_SYNC);
	ASSERT_NE(MAP_FAILED, map);
	/* Each copy stages blocks for the pages behind it. */
	for (at = 0; at < len; at += PAGES * page)
		map[at] = 1;

	EXPECT_EQ(0, ioctl(f.fd, SET_RESERVED, &reserved));
	take_all_space(filler.fd);
	for (at = page; at < len; at += 2 * page) {
		if (store(map + at, 2)) {
			failed++;
			continue;
		}
		EXPECT_EQ(1, pread(f.fd, &c, 1, (off_t)at));
		lost += c != 2;
	}
	mc2_file_close(&filler);
	reserved.blocks = 1024;
	EXPECT_EQ(0, ioctl(f.fd, SET_RESERVED, &reserved));
	EXPECT_EQ(0, fsync(f.fd));
	EXPECT_EQ(0, lost);
	EXPECT_LT(0, failed);

	for (at = page; at < len; at += 2 * page) {
		EXPECT_EQ(0, store(map + at, 3));
		EXPECT_EQ(1, pread(f.fd, &c, 1, (off_t)at));
		EXPECT_EQ(3, c);
		EXPECT_EQ(1, pread(other.fd, &c, 1, (off_t)at));
		EXPECT_EQ(0, c);
	}
	munmap(map, len);
	mc2_file_close(&f);
	mc2_file_close(&other);
}

TEST_HARNESS_MAIN
