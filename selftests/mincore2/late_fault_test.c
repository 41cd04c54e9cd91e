// SPDX-License-Identifier: GPL-2.0
/*
 * Write faults on shared blocks of XFS with DAX that fail when much of their
 * work is done: no memory, or a source that cannot be read. The file has what
 * it had, and no entry, of the page cache or of a page table, names a block
 * that the file did not get: by then that block is another file's.
 *
 * Uses, and destroys the contents of, the namespace spare-nvdimm. A wrong entry
 * shows as a kernel WARNING when the other file uses the block, if not before.
 */
#define _FILE_OFFSET_BITS 64
#include "own_xfs.h"
#include "inject.h"

#include <setjmp.h>
#include <signal.h>

#define OTHERS	8	/* files that take the space that is left */
#define LEAVE	MIB(8)	/* for all files of a round */

FIXTURE(late) {
	struct own_xfs x;
	struct own_file a, b, others[OTHERS], rest, filler;
	unsigned int nr_others;
};

FIXTURE_VARIANT(late) {
	enum own_map by;	/* the mapping that is stored through */
	bool cached;		/* entries of loads are in the page cache before */
	int flags;		/* of the mapping */
};

#define ADD_LATE(id, where, before, map_flags)				\
	FIXTURE_VARIANT_ADD(late, id) {					\
		.by = where, .cached = before, .flags = map_flags,	\
	};
ADD_LATE(pmd, OWN_ALIGNED, false, MAP_SHARED)
ADD_LATE(pmd_cached, OWN_ALIGNED, true, MAP_SHARED)
ADD_LATE(pmd_sync, OWN_ALIGNED, true, MAP_SHARED_VALIDATE | MAP_SYNC)
ADD_LATE(pte, OWN_BESIDE, false, MAP_SHARED)
ADD_LATE(pte_cached, OWN_BESIDE, true, MAP_SHARED)
ADD_LATE(pte_sync, OWN_BESIDE, true, MAP_SHARED_VALIDATE | MAP_SYNC)

/* Leave so little space that what is freed is used again at once. */
static void fill(struct __test_metadata *_metadata, FIXTURE_DATA(late) *self)
{
	struct own_file *f = &self->filler;
	off_t at = 0, step;

	snprintf(f->path, sizeof(f->path), "%s/filler", self->x.dir);
	f->fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, f->fd);
	for (step = MIB(16); step >= (off_t)KIB(64); step /= 2)
		while (!fallocate(f->fd, 0, at, step))
			at += step;
	ASSERT_EQ(0, fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, LEAVE));
}

FIXTURE_SETUP(late)
{
	unsigned int i;

	self->a.fd = -1;
	self->b.fd = -1;
	self->rest.fd = -1;
	self->filler.fd = -1;
	for (i = 0; i < OTHERS; i++)
		self->others[i].fd = -1;
	self->nr_others = 0;
	OWN_SETUP(&self->x);
	fill(_metadata, self);
}

/* In the parent, when all that a test has open is closed, however it ended. */
FIXTURE_TEARDOWN_PARENT(late)
{
	EXPECT_EQ(0, own_end(&self->x));
}

static void end(FIXTURE_DATA(late) *self)
{
	own_close(&self->a, true);
	own_close(&self->b, true);
	own_close(&self->rest, true);
	while (self->nr_others)
		own_close(&self->others[--self->nr_others], true);
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(late) *self,
		  const FIXTURE_VARIANT(late) *variant)
{
	struct own_file *a = &self->a, *rest = &self->rest;

	/* Later there is no space for its inode. */
	snprintf(rest->path, sizeof(rest->path), "%s/rest", self->x.dir);
	rest->fd = open(rest->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ASSERT_LE(0, rest->fd);
	ASSERT_EQ(0, own_create(&self->x, a, 1, variant->flags));
	ASSERT_EQ(0, own_create(&self->x, &self->b, 2, variant->flags));
	ASSERT_EQ(0, own_clone(&self->b, a, OWN_LEN));
	if (variant->cached) {
		ASSERT_EQ(-1, own_differs(a, a->map[OWN_ALIGNED], false));
		ASSERT_EQ(own_shared_by_pmd(), own_is_pmd(a));
	}
	/* Without a page table, so that one has to be allocated. */
	own_unmap(a);
	ASSERT_EQ(0, own_map(a, variant->flags));
}

/* Let one more file take what is free, and store to each of its pages. */
static void take_rest(struct __test_metadata *_metadata, FIXTURE_DATA(late) *self)
{
	struct own_file *f = &self->rest;
	off_t at = 0, step;
	char *map;

	for (step = MIB(1); step >= (off_t)OWN_PAGE; step /= 2)
		while (!fallocate(f->fd, 0, at, step))
			at += step;
	if (!at)
		return;
	map = mmap(NULL, (size_t)at, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	mc2_store(map, (size_t)at, OWN_PAGE);
	EXPECT_EQ(0, munmap(map, (size_t)at));
}

/*
 * After the fault: nothing is shared any more, so that stores go in place; then
 * other files take what is free.
 */
static void check(struct __test_metadata *_metadata, FIXTURE_DATA(late) *self,
		  const FIXTURE_VARIANT(late) *variant, size_t page,
		  const char *what)
{
	struct own_file *a = &self->a, *b = &self->b, *f;
	unsigned int i;

	EXPECT_EQ(-1, own_read_differs(a))
		TH_LOG("read(2) after the fault, %s", what);
	ASSERT_EQ(0, fallocate(b->fd, FALLOC_FL_PUNCH_HOLE |
			       FALLOC_FL_KEEP_SIZE, 0, OWN_LEN));
	memset(b->want, 0, OWN_LEN);
	b->unreadable = -1;
	if ((long)page != a->unreadable)
		own_store(a, variant->by, page);
	own_store(a, variant->by, (page + 1) % OWN_PAGES);
	OWN_CHECK(&self->x, a, false, what);

	while (self->nr_others < OTHERS) {
		f = &self->others[self->nr_others];
		self->nr_others++;
		if (own_create(&self->x, f, 3 + self->nr_others, MAP_SHARED))
			break;
		own_store(f, OWN_ALIGNED, 0);
		OWN_CHECK(&self->x, f, true, what);
	}
	take_rest(_metadata, self);
	OWN_CHECK(&self->x, a, true, what);
	OWN_CHECK(&self->x, b, true, what);
	for (i = 0; i + 1 < self->nr_others; i++) {
		f = &self->others[i];
		OWN_CHECK(&self->x, f, true, what);
	}
}

/*
 * Proves: when any single allocation of a write fault fails, the fault fails or
 * succeeds as a whole. MADV_POPULATE_WRITE is a write fault that is not tried
 * again, as a store would be. With MINCORE2_PART=N each N-th allocation, not the same
 * ones for each variant.
 */
TEST_F_TIMEOUT(late, no_memory, 300)
{
	int part = (int)mc2_setting("MINCORE2_PART", 1, 9);
	int first = (variant->by + 2 * variant->cached + !!(variant->flags & MAP_SYNC)) % part;
	int nth, fd, ret, tried = 0, failed = 0;
	size_t page = 5;
	char what[40];
	bool more = true;

	if (!mc2_inject(true))
		SKIP(return, "needs CONFIG_FAULT_INJECTION, FAIL_PAGE_ALLOC and debugfs");
	for (nth = 1 + first; more && nth < 200; nth += part) {
		tried++;
		begin(_metadata, self, variant);
		fd = mc2_fail_nth(nth);
		ASSERT_LE(0, fd);
		ret = madvise(self->a.map[variant->by] + page * OWN_PAGE,
			      OWN_PAGE, MADV_POPULATE_WRITE);
		more = mc2_has_failed(fd);
		if (!more)	/* fewer than nth allocations */
			EXPECT_EQ(0, ret);
		snprintf(what, sizeof(what), "allocation %d", nth);
		failed += !!ret;
		if (ret || !more)
			check(_metadata, self, variant, page, what);
		end(self);
		if (_metadata->exit_code == KSFT_FAIL)
			break;
	}
	mc2_inject(false);
	TH_LOG("%d allocations failed, and %d faults", tried - 1, failed);
	/* A PMD fault falls back; and on x86 it needs no page table. */
	if (part == 1)
		EXPECT_LT(variant->by == OWN_BESIDE ? 0 : -1, failed);
	EXPECT_LT(5, nth);
	EXPECT_FALSE(more);
}

static sigjmp_buf on_fault;

static void jump(int sig)
{
	siglongjmp(on_fault, sig);
}

/* A store that may fault. Returns 0 or the signal. */
static int store(struct own_file *f, enum own_map i, size_t page)
{
	struct sigaction action = { .sa_handler = jump }, old;
	int sig;

	sigaction(SIGBUS, &action, &old);
	sig = sigsetjmp(on_fault, 1);
	if (!sig)
		own_store(f, i, page);
	sigaction(SIGBUS, &old, NULL);
	return sig;
}

/* Tell the kernel of a media error in a page of a file. */
static int spoil(struct own_xfs *x, struct own_file *f, size_t page)
{
	uint64_t block[OWN_PAGES];
	char path[128], sectors[48];
	int fd, err = -EIO;

	if (own_blocks(f, block))
		return -EINVAL;
	snprintf(path, sizeof(path), "/sys/block/%s/badblocks", x->disk);
	snprintf(sectors, sizeof(sectors), "%llu %llu",
		 (unsigned long long)block[page] / 512,
		 (unsigned long long)OWN_PAGE / 512);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, sectors, strlen(sectors)) > 0)
		err = 0;
	close(fd);
	return err;
}

/*
 * Proves: a store to a shared page whose block cannot be read takes SIGBUS, and
 * does nothing else; the pages beside it are copied, be they part of the same
 * PMD or not.
 */
static void bad_block(struct __test_metadata *_metadata,
		      FIXTURE_DATA(late) *self,
		      const FIXTURE_VARIANT(late) *variant, size_t page)
{
	struct own_file *a = &self->a;
	char what[40];

	snprintf(what, sizeof(what), "bad block in page %zu", page);
	begin(_metadata, self, variant);
	ASSERT_EQ(0, spoil(&self->x, a, page));
	a->unreadable = (long)page;
	self->b.unreadable = (long)page;
	EXPECT_EQ(SIGBUS, store(a, variant->by, page));
	EXPECT_EQ(-1, own_read_differs(a))
		TH_LOG("read(2) after SIGBUS, %s", what);
	EXPECT_EQ(0, store(a, variant->by, page + 1));
	EXPECT_EQ(0, store(a, variant->by, OWN_PAGES - 1));
	EXPECT_EQ(SIGBUS, store(a, variant->by, page));
	check(_metadata, self, variant, page, what);
	end(self);
}

TEST_F_TIMEOUT(late, bad_block_first, 120)
{
	bad_block(_metadata, self, variant, 0);
}

TEST_F_TIMEOUT(late, bad_block_in_the_middle, 120)
{
	bad_block(_metadata, self, variant, OWN_PAGES / 2 + 3);
}

TEST_HARNESS_MAIN
