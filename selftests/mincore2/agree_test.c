// SPDX-License-Identifier: GPL-2.0
/*
 * What a mapping of a DAX file shows is what read(2) returns and what was written,
 * whichever way it was written: pages are loaded and stored to through mappings, write(2)
 * goes beside them and over them, and holes are punched and allocated again.
 *
 * MINCORE2_SEED and MINCORE2_STEPS choose another random mix.
 */
#define _FILE_OFFSET_BITS 64
#include "helpers.h"
#include "mapping.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGES	16	/* few, so that the same one is met again */
#define STEPS	4000

FIXTURE(agree) {
	struct mc2_backing b;
	struct mc2_file f;
	size_t page;
	char *map, *sync;
	char *model, *got;
};

FIXTURE_VARIANT(agree) {
	struct mc2_contract c;
};

#define ADD_AGREE(id, ...)						\
	FIXTURE_VARIANT_ADD(agree, id) {				\
		.c = { .dax = 1, .name = __VA_ARGS__ },			\
	};
ADD_AGREE(ext4, "ext4", .persist = MC2_SYNC)
ADD_AGREE(ext4_fastcommit, "ext4-fastcommit", .persist = MC2_SYNC)
ADD_AGREE(ext4_nojournal, "ext4-nojournal")
ADD_AGREE(ext2, "ext2", .any_dax = 1)
ADD_AGREE(xfs, "xfs", .persist = MC2_SYNC)
ADD_AGREE(xfs_noreflink, "xfs-noreflink", .persist = MC2_SYNC)

FIXTURE_SETUP(agree)
{
	size_t size = PAGES * mc2_page_size();

	self->page = mc2_page_size();
	self->f.fd = -1;
	MC2_SETUP_BACKING(&variant->c, &self->b);
	if (!self->b.dax)
		SKIP(return, "%s has no DAX here", self->b.name);
	ASSERT_EQ(0, mc2_file_open(&self->f, &self->b, size));
	self->map = mc2_file_map(&self->f, MC2_SHARED);
	ASSERT_NE(MAP_FAILED, self->map);
	self->sync = mc2_file_map(&self->f, self->b.persist == MC2_SYNC ?
				  MC2_SHARED_SYNC : MC2_SHARED);
	ASSERT_NE(MAP_FAILED, self->sync);
	self->model = calloc(2, size);
	ASSERT_NE(NULL, self->model);
	self->got = self->model + size;
}

FIXTURE_TEARDOWN(agree)
{
	free(self->model);
	mc2_file_close(&self->f);
}

/* Compares one page: both mappings, and read(2). Returns what differs, or NULL. */
static const char *differs(const FIXTURE_DATA(agree) *self, size_t i)
{
	size_t at = i * self->page, n = self->page;

	if (pread(self->f.fd, self->got, n, (off_t)at) != (ssize_t)n ||
	    memcmp(self->got, self->model + at, n))
		return "read(2)";
	if (memcmp(self->map + at, self->model + at, n))
		return "the mapping";
	return memcmp(self->sync + at, self->model + at, n) ? "the other mapping" : NULL;
}

#define EXPECT_SAME(self, i) do {					\
	const char *what_ = differs(self, i);				\
	EXPECT_EQ(NULL, what_)						\
		TH_LOG("page %zu: %s differs", (size_t)(i), what_);	\
} while (0)

static void load(const FIXTURE_DATA(agree) *self, size_t i)
{
	(void)*(volatile char *)(self->map + i * self->page);
}

static void put(struct __test_metadata *_metadata, FIXTURE_DATA(agree) *self,
		size_t at, size_t n, char value)
{
	memset(self->model + at, value, n);
	EXPECT_EQ((ssize_t)n, pwrite(self->f.fd, self->model + at, n, (off_t)at));
}

/* Only ext2 cannot. */
static bool change_blocks(struct __test_metadata *_metadata,
			  FIXTURE_DATA(agree) *self, int mode, size_t at, size_t n)
{
	bool done = !fallocate(self->f.fd, mode, (off_t)at, (off_t)n);

	EXPECT_TRUE(done || (errno == EOPNOTSUPP && !strcmp(self->b.name, "ext2")))
		TH_LOG("fallocate with mode %d: %s", mode, strerror(errno));
	return done;
}

/*
 * Four pages that are allocated; the second one is loaded, and then the first one is
 * written. ext4 zeroes the rest of a short unwritten extent, and does not say that these
 * blocks are new.
 */
static void write_beside(struct __test_metadata *_metadata, FIXTURE_DATA(agree) *self)
{
	bool ext4 = !strncmp(self->b.name, "ext4", 4);

	change_blocks(_metadata, self, 0, 0, 4 * self->page);
	load(self, 1);
	put(_metadata, self, 0, self->page, 'a');
	if (ext4)
		EXPECT_EQ(1, mc2_is_written(self->f.fd, (off_t)self->page))
			TH_LOG("no block was zeroed");
}

/*
 * Proves: a zero page that a load has mapped goes where write(2) fills the block, even if a
 * write(2) beside it has allocated that.
 */
TEST_F(agree, blocks_beside_a_write)
{
	write_beside(_metadata, self);
	put(_metadata, self, self->page, self->page, 'b');
	EXPECT_SAME(self, 1);
	load(self, 2);
	put(_metadata, self, 2 * self->page + 8, 8, 'c');
	EXPECT_SAME(self, 2);
	EXPECT_SAME(self, 3);
}

/*
 * Proves: other pages of the range stay mapped on ext4. (On XFS all of a range can be new if
 * a part is, and is unmapped then.)
 */
TEST_F(agree, others_stay)
{
	char *third = self->map + 2 * self->page;
	bool stays = !strncmp(self->b.name, "ext", 3);

	write_beside(_metadata, self);
	put(_metadata, self, 2 * self->page, self->page, 'c');
	load(self, 2);
	EXPECT_STATE(third, self->page, MINCORE_LEVEL, MINCORE_PTE);
	put(_metadata, self, self->page, 3 * self->page, 'd');
	if (stays)
		EXPECT_STATE(third, self->page, MINCORE_LEVEL, MINCORE_PTE);
	EXPECT_SAME(self, 1);
	EXPECT_SAME(self, 2);
	EXPECT_SAME(self, 3);
}

/*
 * Proves: the pin of a page of the range stays known, so that its block is not freed before
 * the pin is gone; before Linux 7 on ext4 only. The page is in a pipe; ftruncate(2) waits.
 */
TEST_F_TIMEOUT(agree, pins_stay, 60)
{
	struct iovec v = { self->map + 2 * self->page, self->page };
	int pin[2], about[2], status = -1, i;
	pid_t child, ended = 0;

	if (strncmp(self->b.name, "ext4", 4) != 0 && mc2_linux_before(7))
		SKIP(return, "the filesystem does not wait for pins here");
	ASSERT_EQ(0, pipe2(pin, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(about, O_CLOEXEC));
	write_beside(_metadata, self);
	put(_metadata, self, 2 * self->page, self->page, 'c');
	load(self, 2);
	ASSERT_EQ((ssize_t)self->page, vmsplice(pin[1], &v, 1, 0));
	put(_metadata, self, self->page, 3 * self->page, 'd');
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(about[1], "", 1) != 1)
			_exit(EPIPE);
		_exit(ftruncate(self->f.fd, 0) ? errno : 0);
	}
	ASSERT_LT(0, child);
	/* It is about to do it. */
	ASSERT_EQ(1, read(about[0], self->got, 1));
	for (i = 0; i < 100 && !ended; i++) {
		usleep(10000);
		ended = waitpid(child, &status, WNOHANG);
	}
	EXPECT_EQ(0, ended)
		TH_LOG("ftruncate() did not wait for the pin");
	ASSERT_EQ((ssize_t)self->page, read(pin[0], self->got, self->page));
	for (i = 0; i < 2000 && !ended; i++) {
		usleep(10000);
		ended = waitpid(child, &status, WNOHANG);
	}
	EXPECT_EQ(child, ended)
		TH_LOG("ftruncate() waits after the end of the pin");
	EXPECT_EQ(0, status);
	if (!ended)
		kill(child, SIGKILL);
	for (i = 0; i < 2; i++) {
		close(pin[i]);
		close(about[i]);
	}
}

/* One random change to the file, to the model likewise. */
static void change(struct __test_metadata *_metadata, FIXTURE_DATA(agree) *self,
		   uint64_t *seed)
{
	size_t i = mc2_below(seed, PAGES), pages = 1 + mc2_below(seed, 4), at, n;
	const int keep = FALLOC_FL_KEEP_SIZE;
	char value = (char)(1 + mc2_below(seed, 100));

	pages = pages < PAGES - i ? pages : PAGES - i;
	at = i * self->page;
	n = pages * self->page;
	switch (mc2_below(seed, 8)) {
	case 0:
		put(_metadata, self, at, n, value);
		break;
	case 1:
		put(_metadata, self, at + 64, 1 + mc2_below(seed, n - 64), value);
		break;
	case 2:
		memset(self->model + at + 8, value, 64);
		memset(self->map + at + 8, value, 64);
		break;
	case 3:
		memset(self->model + at + 128, value, 64);
		memset(self->sync + at + 128, value, 64);
		break;
	case 4:	/* A hole of many pages, so that there is something to allocate. */
		n = (PAGES - i) * self->page;
		if (change_blocks(_metadata, self, FALLOC_FL_PUNCH_HOLE | keep, at, n))
			memset(self->model + at, 0, n);
		break;
	case 5:
		if (change_blocks(_metadata, self, FALLOC_FL_ZERO_RANGE | keep, at, n))
			memset(self->model + at, 0, n);
		break;
	default:
		change_blocks(_metadata, self, keep, at, n);
	}
}

/* Proves the same for random changes, with loads in between. */
TEST_F_TIMEOUT(agree, random, 120)
{
	const char *from = getenv("MINCORE2_SEED");
	uint64_t seed = from ? strtoull(from, NULL, 0) : 1;
	unsigned long step, last = mc2_setting("MINCORE2_STEPS", STEPS, 1000000);
	size_t i = 0;

	for (step = 0; step < last; step++) {
		change(_metadata, self, &seed);
		for (i = mc2_below(&seed, 3); i; i--)
			load(self, mc2_below(&seed, PAGES));
		i = mc2_below(&seed, PAGES);
		if (differs(self, i))
			break;
	}
	EXPECT_EQ(last, step)
		TH_LOG("seed %s, page %zu", from ? from : "1", i);
	for (i = 0; i < PAGES; i++)
		EXPECT_SAME(self, i);
}

TEST_HARNESS_MAIN
