// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a scan costs its neighbours: one thread maps, faults in and unmaps
 * memory in a loop, which takes mmap_lock for writing, while another asks about
 * 64 MiB of the same process, over and over. Needs two processors, and real time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "kernel/mm/mincore2_bench.h"

#define RUNS		7
#define SECONDS		1
#define SCANNED		(64 * MIB)
#define CHANGED		(16 * PAGE)

/* OLD_MINCORE is mincore() of a kernel without the series. */
enum scanner { NOBODY, OLD_MINCORE, MINCORE, MINCORE2_BYTES, MINCORE2_REGIONS, NR_SCANNERS };

static volatile bool stop;
static char *scanned;
static int bench_fd;
static unsigned char vec[SCANNED / PAGE];
static struct mincore_region regions[512];

static void *scan(void *arg)
{
	const enum scanner who = *(enum scanner *)arg;

	while (!stop) {
		struct mincore2_bench old = {
			.addr = (uintptr_t)scanned, .length = SCANNED,
			.vec = (uintptr_t)vec,
		};

		if (who == OLD_MINCORE)
			ioctl(bench_fd, MINCORE2_BENCH_OLD, &old);
		else if (who == MINCORE)
			mincore(scanned, SCANNED, vec);
		else if (who == MINCORE2_BYTES)
			syscall(__NR_mincore2, scanned, SCANNED, vec, sizeof(vec),
				BYTE_STATES);
		else
			syscall(__NR_mincore2, scanned, SCANNED, regions, 512,
				MINCORE_REGIONS | ALL_STATES);
	}
	return NULL;
}

/* How often the loop comes round in the time, beside @who. */
static long change(enum scanner who)
{
	int64_t until = now() + SECONDS * 1000000000LL;
	pthread_t thread;
	long rounds = 0;

	stop = false;
	if (who != NOBODY && pthread_create(&thread, NULL, scan, &who))
		return -1;
	while (now() < until) {
		char *p = mmap(NULL, CHANGED, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			break;
		memset(p, 1, CHANGED);
		munmap(p, CHANGED);
		rounds++;
	}
	stop = true;
	if (who != NOBODY)
		pthread_join(thread, NULL);
	return rounds;
}

int contention(void)
{
	scanned = mmap(NULL, SCANNED, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bench_fd = open("/proc/mincore2_bench", O_RDWR);
	if (scanned == MAP_FAILED || bench_fd < 0)
		return 1;
	madvise(scanned, SCANNED, MADV_NOHUGEPAGE);
	memset(scanned, 1, SCANNED);
	for (int run = 1; run <= RUNS; run++) {
		long rounds[NR_SCANNERS];

		fprintf(stderr, "contention %d/%d\n", run, RUNS);
		for (int who = NOBODY; who < NR_SCANNERS; who++)
			rounds[who] = change(who);
		printf("contention|%d|%ld|%ld|%ld|%ld|%ld\n", run, rounds[NOBODY],
		       rounds[OLD_MINCORE], rounds[MINCORE],
		       rounds[MINCORE2_BYTES], rounds[MINCORE2_REGIONS]);
		fflush(stdout);
	}
	printf("end\n");
	return 0;
}
