// SPDX-License-Identifier: GPL-2.0
/*
 * Files with shared blocks on XFS with DAX, accessed by PMD and by PTE: the
 * page cache has one entry for 512 pages, and a page of these is copied on
 * write, or is read through a mapping that has no room for a PMD entry.
 *
 * Uses, and destroys the contents of, the namespace spare-nvdimm. A wrong entry
 * shows as a kernel BUG or WARNING when it goes, at the latest.
 */
#define _FILE_OFFSET_BITS 64
#include "own_xfs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define PLAIN	MAP_SHARED
#define SYNC	(MAP_SHARED_VALIDATE | MAP_SYNC)

enum how {
	LOAD_ALIGNED, LOAD_BESIDE, STORE_ALIGNED, STORE_BESIDE, NOTHING, NR_HOW,
};

static const char * const how_names[] = {
	"load", "load beside", "store", "store beside", "nothing",
};

FIXTURE(clone) {
	struct own_xfs x;
	struct own_file a, b, filler;
	unsigned int copies_by_pmd, copies_by_pte;
};

FIXTURE_VARIANT(clone) {
	size_t shared;		/* bytes, from the beginning */
	bool scattered;		/* what is free is not aligned to 2 MiB */
};

FIXTURE_VARIANT_ADD(clone, whole) { .shared = OWN_LEN };
FIXTURE_VARIANT_ADD(clone, half) { .shared = OWN_LEN / 2 };
FIXTURE_VARIANT_ADD(clone, whole_scattered) {
	.shared = OWN_LEN, .scattered = true,
};
FIXTURE_VARIANT_ADD(clone, half_scattered) {
	.shared = OWN_LEN / 2, .scattered = true,
};

FIXTURE_SETUP(clone)
{
	self->a.fd = -1;
	self->b.fd = -1;
	self->filler.fd = -1;
	OWN_SETUP(&self->x);
}

/* In the parent, when all that a test has open is closed, however it ended. */
FIXTURE_TEARDOWN_PARENT(clone)
{
	EXPECT_EQ(0, own_end(&self->x));
}

/* Touch pages in both halves of a file. */
static void touch(struct __test_metadata *_metadata, struct own_file *f,
		  enum how how, size_t first)
{
	enum own_map i = how == LOAD_BESIDE || how == STORE_BESIDE;
	size_t page;

	if (how == NOTHING)
		return;
	for (page = first; page < OWN_PAGES; page += OWN_PAGES / 4) {
		if (how == STORE_ALIGNED || how == STORE_BESIDE) {
			own_store(f, i, page);
			continue;
		}
		EXPECT_EQ(0, memcmp(f->map[i] + page * OWN_PAGE,
				    f->want + page * OWN_PAGE, OWN_PAGE))
			TH_LOG("%s of page %zu", how_names[how], page);
	}
}

/*
 * Let a file take all the space, and give some of it back: pieces of more than
 * 2 MiB, none of which begins at a multiple of it.
 */
static void scatter(struct __test_metadata *_metadata, FIXTURE_DATA(clone) *self)
{
	struct {
		struct fiemap map;
		struct fiemap_extent extents[64];
	} u = { .map = { .fm_length = GIB(1), .fm_extent_count = 64 } };
	struct own_file *f = &self->filler;
	off_t at = 0, step;
	unsigned int i, holes = 0;

	snprintf(f->path, sizeof(f->path), "%s/filler", self->x.dir);
	f->fd = open(f->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ASSERT_LE(0, f->fd);
	ASSERT_EQ(0, syncfs(f->fd));	/* what was freed is free */
	for (step = MIB(64); step >= (off_t)KIB(64); step /= 2)
		while (!fallocate(f->fd, 0, at, step))
			at += step;
	ASSERT_EQ(0, ioctl(f->fd, FS_IOC_FIEMAP, &u.map));
	for (i = 0; i < u.map.fm_mapped_extents; i++) {
		const struct fiemap_extent *e = u.extents + i;
		uint64_t skip = OWN_LEN + KIB(12) -
				(self->x.base + e->fe_physical) % OWN_LEN;

		for (; skip + 2 * OWN_LEN < e->fe_length && holes < 5; holes++) {
			ASSERT_EQ(0, fallocate(f->fd, FALLOC_FL_PUNCH_HOLE |
					       FALLOC_FL_KEEP_SIZE,
					       (off_t)(e->fe_logical + skip),
					       OWN_LEN + KIB(64)));
			skip += 2 * OWN_LEN;
		}
	}
	ASSERT_LT(2, holes);
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(clone) *self,
		  const FIXTURE_VARIANT(clone) *variant, enum how before,
		  int flags)
{
	ASSERT_EQ(0, own_create(&self->x, &self->a, 1, flags));
	ASSERT_EQ(0, own_create(&self->x, &self->b, 2, flags));
	touch(_metadata, &self->a, before, 0);
	if (before == LOAD_ALIGNED || before == STORE_ALIGNED)
		ASSERT_TRUE(own_is_pmd(&self->a));
	ASSERT_EQ(0, own_clone(&self->b, &self->a, variant->shared));
	/* The clone has given its own blocks back, which are aligned. */
	if (variant->scattered)
		scatter(_metadata, self);
}

static void end(FIXTURE_DATA(clone) *self)
{
	own_close(&self->a, true);
	own_close(&self->b, true);
	/* At once, not some time after it is closed. */
	if (self->filler.fd >= 0 && ftruncate(self->filler.fd, 0))
		perror("ftruncate");
	own_close(&self->filler, true);
}

/* How was a store done that may have copied 2 MiB at once? */
static void count_copies(FIXTURE_DATA(clone) *self)
{
	if (own_is_pmd(&self->a))
		self->copies_by_pmd++;
	else
		self->copies_by_pte++;
}

static void drop_inodes(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "3", 1) != 1)
		perror("drop_caches");
	close(fd);
}

static void accesses(struct __test_metadata *_metadata, FIXTURE_DATA(clone) *self,
		     const FIXTURE_VARIANT(clone) *variant, enum how before,
		     enum how one, enum how two)
{
	enum how other = (before + one + two) % NR_HOW;
	struct own_file *a = &self->a, *b = &self->b;
	bool sync = (before + one + two) % 2;
	char what[100];

	snprintf(what, sizeof(what), "%s, clone, %s, %s (the clone: %s)%s",
		 how_names[before], how_names[one], how_names[two],
		 how_names[other], sync ? ", MAP_SYNC" : "");
	begin(_metadata, self, variant, before, sync ? SYNC : PLAIN);
	touch(_metadata, a, one, 0);
	if (before == NOTHING && one == STORE_ALIGNED)
		count_copies(self);
	touch(_metadata, b, other, 1);
	touch(_metadata, a, two, 2);
	OWN_CHECK(&self->x, a, false, what);
	OWN_CHECK(&self->x, b, false, what);

	touch(_metadata, a, STORE_BESIDE, 3);
	touch(_metadata, b, STORE_ALIGNED, 3);
	touch(_metadata, a, STORE_ALIGNED, 4);
	touch(_metadata, b, STORE_BESIDE, 2);
	OWN_CHECK(&self->x, a, true, what);
	OWN_CHECK(&self->x, b, true, what);

	/* With the inodes, or by unlink with the file, the entries go. */
	if (two == STORE_BESIDE) {
		own_close(a, false);
		own_close(b, false);
		drop_inodes();
		ASSERT_EQ(0, own_open(a));
		ASSERT_EQ(0, own_open(b));
		OWN_CHECK(&self->x, a, true, what);
		OWN_CHECK(&self->x, b, true, what);
	}
	end(self);
}

/*
 * With MINCORE2_PART=N each variant tries every N-th combination, not the same ones as
 * another variant.
 */
static unsigned int part(void)
{
	return (unsigned int)mc2_setting("MINCORE2_PART", 1, 99);
}

/*
 * Proves: whatever accesses files that share blocks, before and after these are
 * shared, by PMD and by PTE, each file has its own bytes by read(2) and by each
 * mapping; the page tables name the file's blocks; fsync() finds what it has to
 * write back; and the inode goes without a page left.
 */
TEST_F_TIMEOUT(clone, accesses, 300)
{
	unsigned int n = 2 * variant->scattered + (variant->shared < OWN_LEN);
	int before, one, two;

	for (before = 0; before < NR_HOW; before++)
		for (one = 0; one < NOTHING; one++)
			for (two = 0; two < NOTHING; two++) {
				if (n++ % part())
					continue;
				accesses(_metadata, self, variant, before, one,
					 two);
				if (_metadata->exit_code == KSFT_FAIL)
					return;
			}
	/* What a round has freed may come back late, and is aligned: then once more. */
	for (two = 0; variant->scattered && !self->copies_by_pte && two < 20; two++)
		accesses(_metadata, self, variant, NOTHING, STORE_ALIGNED,
			 two % NOTHING);
	TH_LOG("copied by PMD %u times, by PTE %u times", self->copies_by_pmd,
	       self->copies_by_pte);
	/* Both ways have been there. */
	if (variant->scattered || variant->shared < OWN_LEN)
		EXPECT_LT(0, self->copies_by_pte);
	if (!variant->scattered && variant->shared == OWN_LEN)
		EXPECT_LT(0, self->copies_by_pmd);
}

/*
 * Proves: the same after the file system was mounted anew; and its structures
 * are right (see the tear-down).
 */
TEST_F_TIMEOUT(clone, remount, 120)
{
	begin(_metadata, self, variant, LOAD_ALIGNED, PLAIN);
	touch(_metadata, &self->a, LOAD_BESIDE, 0);
	touch(_metadata, &self->a, STORE_BESIDE, 1);
	touch(_metadata, &self->b, STORE_ALIGNED, 2);
	OWN_CHECK(&self->x, &self->a, true, "before umount");
	own_close(&self->a, false);
	own_close(&self->b, false);
	own_close(&self->filler, false);
	ASSERT_EQ(0, umount(self->x.dir));
	ASSERT_EQ(0, own_mount(&self->x));
	ASSERT_EQ(0, own_open(&self->a));
	ASSERT_EQ(0, own_open(&self->b));
	OWN_CHECK(&self->x, &self->a, true, "after mount");
	OWN_CHECK(&self->x, &self->b, true, "after mount");
}

/* ---- blocks that change by other means than a fault ---- */

#define CHANGED		10	/* page */
#define UNSHARED	(OWN_PAGES * 3 / 4 + 7)
#define FROM		(CHANGED * OWN_PAGE + 100)
#define BYTES		2000

static int change_unshare(struct own_file *f)
{
	return fallocate(f->fd, FALLOC_FL_UNSHARE_RANGE, 0, OWN_LEN / 2);
}

static int change_write(struct own_file *f)
{
	memset(f->want + FROM, 'w', BYTES);
	return pwrite(f->fd, f->want + FROM, BYTES, FROM) == BYTES ? 0 : -1;
}

static int change_punch(struct own_file *f)
{
	memset(f->want + FROM, 0, BYTES);
	return fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FROM,
			 BYTES);
}

static int change_zero(struct own_file *f)
{
	memset(f->want + FROM, 0, BYTES + OWN_PAGE);
	return fallocate(f->fd, FALLOC_FL_ZERO_RANGE, FROM, BYTES + OWN_PAGE);
}

static int change_truncate(struct own_file *f)
{
	memset(f->want + FROM, 0, OWN_LEN - FROM);
	return ftruncate(f->fd, FROM) || ftruncate(f->fd, OWN_LEN);
}

static int change_clone(struct own_file *f)
{
	struct file_clone_range range = {
		.src_fd = f->fd, .src_length = OWN_PAGE,
		.src_offset = OWN_PAGES / 2 * OWN_PAGE, .dest_offset = CHANGED * OWN_PAGE,
	};

	memcpy(f->want + CHANGED * OWN_PAGE, f->want + OWN_PAGES / 2 * OWN_PAGE, OWN_PAGE);
	return ioctl(f->fd, FICLONERANGE, &range);
}

static const struct {
	const char *name;
	int (*change)(struct own_file *f);
} changes[] = {
	{ "unshare", change_unshare }, { "write(2)", change_write },
	{ "punch", change_punch }, { "zero range", change_zero },
	{ "truncate", change_truncate }, { "clone", change_clone },
};

/*
 * Proves: the same where the blocks of a file change by a call while the page
 * cache has one entry for all of its pages, clean or dirty. The other file then
 * stores to the blocks that it has alone, which no entry may claim any more.
 */
TEST_F_TIMEOUT(clone, calls, 120)
{
	static const enum how befores[] = { LOAD_ALIGNED, STORE_ALIGNED };
	size_t i, j;
	char what[80];

	for (i = 0; i < 2; i++)
		for (j = 0; j < ARRAY_SIZE(changes); j++) {
			snprintf(what, sizeof(what), "%s, clone, store beside, %s",
				 how_names[befores[i]], changes[j].name);
			begin(_metadata, self, variant, befores[i], PLAIN);
			/* Not to what is shared: the entry becomes dirty. */
			if (variant->shared < OWN_LEN)
				own_store(&self->a, OWN_BESIDE, UNSHARED);
			ASSERT_EQ(0, changes[j].change(&self->a))
				TH_LOG("%s: %s", what, strerror(errno));
			touch(_metadata, &self->b, STORE_ALIGNED, 10);
			touch(_metadata, &self->b, STORE_BESIDE, 12);
			own_store(&self->a, OWN_BESIDE, 10);
			own_store(&self->a, OWN_ALIGNED, UNSHARED);
			OWN_CHECK(&self->x, &self->a, true, what);
			OWN_CHECK(&self->x, &self->b, true, what);
			end(self);
			if (_metadata->exit_code == KSFT_FAIL)
				return;
		}
}

/* ---- at the same time ---- */

struct neighbours {
	struct own_file *f;
	atomic_bool end;
	atomic_long wrong;	/* pages */
};

/* Brings the PMD entry back whenever it can. The last pages stay as they are. */
static void *load_again_and_again(void *arg)
{
	struct neighbours *n = arg;
	size_t page = OWN_PAGES - 1;

	while (!atomic_load(&n->end)) {
		madvise(n->f->map[OWN_ALIGNED], OWN_LEN, MADV_DONTNEED);
		if (memcmp(n->f->map[OWN_ALIGNED] + page * OWN_PAGE,
			   n->f->want + page * OWN_PAGE, OWN_PAGE))
			atomic_fetch_add(&n->wrong, 1);
		page = page > OWN_PAGES - 8 ? page - 1 : OWN_PAGES - 1;
	}
	return NULL;
}

static void *sync_again_and_again(void *arg)
{
	struct neighbours *n = arg;

	while (!atomic_load(&n->end))
		if (fsync(n->f->fd))
			atomic_fetch_add(&n->wrong, 1);
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * Proves: stores that copy single pages get on, and get there, while others
 * load by PMD, and write back.
 */
TEST_F_TIMEOUT(clone, at_the_same_time, 120)
{
	struct neighbours n = { .f = &self->a };
	pthread_t load, sync;
	double until = now() + 2;
	size_t page, rounds = 0;

	do {
		begin(_metadata, self, variant, LOAD_ALIGNED,
		      rounds % 2 ? SYNC : PLAIN);
		atomic_store(&n.end, false);
		ASSERT_EQ(0, pthread_create(&load, NULL, load_again_and_again, &n));
		ASSERT_EQ(0, pthread_create(&sync, NULL, sync_again_and_again, &n));
		for (page = 3; page < OWN_PAGES - 16; page += 37)
			own_store(&self->a, page % 3 ? OWN_BESIDE : OWN_ALIGNED,
				  page);
		atomic_store(&n.end, true);
		pthread_join(load, NULL);
		pthread_join(sync, NULL);
		EXPECT_EQ(0, atomic_load(&n.wrong));
		OWN_CHECK(&self->x, &self->a, true, "after the threads");
		OWN_CHECK(&self->x, &self->b, true, "after the threads");
		end(self);
		rounds++;
	} while (now() < until && _metadata->exit_code != KSFT_FAIL);
	TH_LOG("%zu rounds", rounds);
}

TEST_HARNESS_MAIN
