// SPDX-License-Identifier: GPL-2.0
/*
 * A file grows by fallocate() in many steps, and another thread stores to the page that
 * held its end, through a MAP_SYNC mapping, as soon as it sees a larger size: no later
 * step may take the store away.
 *
 * No power is cut here: what is lost is lost at once.
 */
#define _FILE_OFFSET_BITS 64
#include "mapping.h"

#include <linux/falloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

#define PAGES	256
#define SHORT	100	/* bytes that the file has before */
#define STORED	2000	/* where in its page the store goes */

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

struct storer {
	int fd;
	volatile char *page;
	char value;
	atomic_bool ready;
	bool grown;	/* it saw the file grow before it had all of its size */
};

static void *store_when_grown(void *arg)
{
	struct storer *s = arg;
	struct stat st;

	atomic_store(&s->ready, true);
	do {
		if (fstat(s->fd, &st))
			return NULL;
	} while (st.st_size == SHORT);
	s->page[STORED] = s->value;
	s->grown = st.st_size < (off_t)(PAGES * mc2_page_size());
	return NULL;
}

FIXTURE(grow) {
	struct mc2_backing b;
};

FIXTURE_VARIANT(grow) {
	struct mc2_contract c;
};

#define ADD_GROW(id)							\
	FIXTURE_VARIANT_ADD(grow, id) {					\
		.c = { .name = #id, .dax = 1, .persist = MC2_SYNC,	\
		       .level = MINCORE_PMD },				\
	};
ADD_GROW(ext4)
ADD_GROW(xfs)

FIXTURE_SETUP(grow)
{
	MC2_SETUP_BACKING(&variant->c, &self->b);
}

FIXTURE_TEARDOWN(grow)
{
}

/*
 * Every other page behind the end has blocks already: that makes many steps of
 * the fallocate().
 */
static void make_file(struct __test_metadata *_metadata,
		      FIXTURE_DATA(grow) *self, struct mc2_file *f)
{
	off_t page = (off_t)mc2_page_size(), at;

	ASSERT_EQ(0, mc2_file_open(f, &self->b, (size_t)page));
	ASSERT_EQ(0, mc2_fill_zero(f->fd, 0, SHORT));
	ASSERT_EQ(0, ftruncate(f->fd, SHORT));
	for (at = page; at < PAGES * page; at += 2 * page)
		ASSERT_EQ(0, fallocate(f->fd, FALLOC_FL_KEEP_SIZE, at, page));
	ASSERT_EQ(0, fsync(f->fd));
}

/* Returns the bytes lost. */
static unsigned int one_round(struct __test_metadata *_metadata,
			      FIXTURE_DATA(grow) *self, char value,
			      unsigned int *seen)
{
	struct storer s = { .value = value };
	struct mc2_file f;
	unsigned int lost;
	pthread_t thread;
	char *map, c = 0;

	make_file(_metadata, self, &f);
	map = mc2_file_map(&f, MC2_SHARED_SYNC);
	ASSERT_NE(MAP_FAILED, map);
	map[0] = value;
	s.fd = f.fd;
	s.page = map;
	ASSERT_EQ(0, pthread_create(&thread, NULL, store_when_grown, &s));
	while (!atomic_load(&s.ready))
		sched_yield();
	ASSERT_EQ(0, fallocate(f.fd, 0, 0, (off_t)(PAGES * mc2_page_size())));
	pthread_join(thread, NULL);

	lost = map[STORED] != value;
	EXPECT_EQ(1, pread(f.fd, &c, 1, STORED));
	lost += c != value;
	*seen += s.grown;
	ASSERT_EQ(0, munmap(map, f.len));
	mc2_file_close(&f);
	return lost;
}

/* Proves: a store behind the old end of a file that grows is not zeroed again. */
TEST_F_TIMEOUT(grow, store_while_it_grows, 120)
{
	unsigned int rounds = 0, lost = 0, seen = 0;
	double end = now() + seconds_to_run();

	do {
		lost += !!one_round(_metadata, self, (char)(1 + rounds % 100), &seen);
		rounds++;
	} while (now() < end && !lost);
	TH_LOG("%u rounds, %u stores between two steps", rounds, seen);
	EXPECT_EQ(0, lost);
}

TEST_HARNESS_MAIN
