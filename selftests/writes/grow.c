// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file grows by fallocate() while another task faults pages of it. That task is woken
 * up again and again and runs at once (SCHED_FIFO, and a kernel with preemption): what it
 * waits for is a lock.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "writes.h"

#define PAGES		1024UL		/* that are faulted */
#define GROWTH		(1UL << 30)
#define PAUSE_NS	20000L		/* from one fault to the next */
#define ROUNDS		8

struct beside {
	char *map;
	atomic_bool begun, end;
	unsigned long faults;	/* by the task that stores */
	uint64_t longest;
};

static void *fault_pages(void *arg)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct beside *b = arg;

	for (unsigned long i = 0; !atomic_load(&b->end); i++) {
		char *page = b->map + i % PAGES * PAGE;
		uint64_t start, took;

		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		start = now();
		*(volatile char *)page = 1;
		took = now() - start - clock_cost();
		if (madvise(page, PAGE, MADV_DONTNEED))
			err(1, "MADV_DONTNEED");
		if (!atomic_load(&b->begun))
			continue;
		b->faults++;
		if (took > b->longest)
			b->longest = took;
	}
	return NULL;
}

static pthread_t start_faults(struct beside *b)
{
	struct sched_param p = { .sched_priority = 10 };
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &p);
	error = pthread_create(&thread, &attr, fault_pages, b);
	if (error)
		errx(1, "pthread_create: error %d", error);
	usleep(50000);	/* it has gone round the pages, none is a first one any more */
	return thread;
}

/* Of this thread alone, whatever others do meanwhile. */
static uint64_t processor_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/*
 * One growth, added to "sum". Of the longest faults of the growths the shortest is kept: what
 * every growth gives is the work of fallocate(), and not what happens to come between.
 */
static void grow(const struct target *t, struct beside *sum, uint64_t *cost)
{
	struct beside b = { 0 };
	char path[200];
	int fd = new_file(t, path, 0);
	pthread_t thread;
	uint64_t start;

	fill(fd, PAGES);
	b.map = map_pages(fd, false, PAGES);
	thread = start_faults(&b);
	start = processor_time();
	atomic_store(&b.begun, true);
	if (fallocate(fd, 0, PAGES * PAGE, GROWTH))
		err(1, "fallocate");
	atomic_store(&b.end, true);
	*cost += processor_time() - start;
	pthread_join(thread, NULL);
	sum->faults += b.faults;
	if (!sum->longest || b.longest < sum->longest)
		sum->longest = b.longest;
	unmap_pages(b.map, PAGES);
	remove_file(fd, path);
}

void measure_growth(const struct target *t)
{
	struct beside sum = { 0 }, unused = { 0 };
	uint64_t cost = 0, first = 0;

	/* The first growth reads the bitmaps of free blocks from the device. */
	grow(t, &unused, &first);
	for (int round = 0; round < ROUNDS; round++)
		grow(t, &sum, &cost);
	if (!sum.faults)
		errx(1, "no fault came beside the fallocate()");
	row(t, "fallocate() that grows a file by 1 GiB", "cost", ROUNDS, (double)cost / ROUNDS);
	row(t, "fault beside it", "longest", sum.faults, (double)sum.longest);
}
