// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a query costs: mincore() beside mincore2() in both formats, on the same
 * mappings. In a guest whose clock counts instructions (QEMU -icount, see
 * selftests/guest) a nanosecond is an instruction; elsewhere it is time.
 *
 * Each figure is the minimum over repetitions, since a timer interrupt can only
 * add.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/mincore.h>

#define LENGTH		((size_t)64 << 20)
#define HUGE_PAGE	((size_t)2 << 20)
#define REPETITIONS	20
#define BYTE_STATES	(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL |	\
			 MINCORE_PERSIST | MINCORE_WRITABLE)
#define ALL_STATES	(BYTE_STATES | MINCORE_ZERO)

static unsigned char vec[LENGTH / 4096];
static struct mincore_region regions[1024];

struct query {
	const char *name;
	unsigned int flags;	/* 0: mincore(2) */
};

static const struct query queries[] = {
	{ "mincore", 0 },
	{ "mincore2 bytes, RESIDENT", MINCORE_RESIDENT },
	{ "mincore2 bytes, all", BYTE_STATES },
	{ "mincore2 regions, RESIDENT", MINCORE_REGIONS | MINCORE_RESIDENT },
	{ "mincore2 regions, all", MINCORE_REGIONS | ALL_STATES },
};

static long ask(const struct query *q, void *addr, size_t length)
{
	if (!q->flags)
		return mincore(addr, length, vec);
	if (q->flags & MINCORE_REGIONS)
		return syscall(__NR_mincore2, addr, length, regions, 1024, q->flags);
	return syscall(__NR_mincore2, addr, length, vec, sizeof(vec), q->flags);
}

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void measure(const char *mapping, void *addr, size_t length, size_t entries)
{
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		long long best = 1LL << 62;
		long ret = 0;

		for (int n = 0; n < REPETITIONS; n++) {
			long long start = now();

			ret = ask(&queries[i], addr, length);
			start = now() - start;
			if (start < best)
				best = start;
		}
		if (ret < 0) {
			perror(queries[i].name);
			exit(1);
		}
		printf("%-22s %-28s %10lld in all %9.1f an entry  (returned %ld)\n",
		       mapping, queries[i].name, best, (double)best / entries, ret);
	}
}

static void *map(size_t length, int flags, int fd)
{
	void *addr = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (addr == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return addr;
}

int main(void)
{
	int fd = memfd_create("cost", 0);
	char *addr;

	if (fd < 0 || ftruncate(fd, LENGTH)) {
		perror("memfd");
		return 1;
	}
	addr = map(LENGTH, MAP_SHARED, fd);
	memset(addr, 1, LENGTH);
	measure("64 MiB tmpfs, PTEs", addr, LENGTH, LENGTH / 4096);
	measure("one page tmpfs, PTE", addr, 4096, 1);

	addr = map(LENGTH + HUGE_PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	addr = (char *)(((size_t)addr + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	madvise(addr, LENGTH, MADV_HUGEPAGE);
	memset(addr, 1, LENGTH);
	measure("64 MiB THP, PMDs", addr, LENGTH, LENGTH / HUGE_PAGE);
	return 0;
}
