// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mincore(2) and mincore2() use one walk. Here they are compared with the walk that
 * mincore(2) had before, which the kernel that measures keeps for this: random
 * mixes of mappings, to which random things happen, and random ranges of them.
 *
 * Pages are swapped out, split and written back meanwhile. So an answer is only
 * wrong if the old walk says the same before and after it, several times.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "kernel/mm/mincore2_bench.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define CASES		4000
#define OPERATIONS	24	/* that happen to one mix */
#define RANGES		6	/* that are asked about in it */
#define PAGES		2048
#define AREA		((char *)0x200000000000)
#define CANARY		0x5a
#define SOMEBODY	1000	/* who may not write to root's files */

#define RW		(PROT_READ | PROT_WRITE)

static uint64_t seed = 88172645463325252ULL;
static int bench_fd, pagemap_fd;
static unsigned long asked, seen[2], denied, gaps;

/* xorshift64 */
static size_t below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* What is mapped; a file is PAGES long, and lives as long as the program. */
static struct kind {
	const char *name;
	const char *path;	/* NULL: anonymous, "": memfd */
	int flags, prot;
	int fd;
} kinds[] = {
	{ "anonymous", NULL, MAP_PRIVATE | MAP_ANONYMOUS, RW, -1 },
	{ "anonymous, shared", NULL, MAP_SHARED | MAP_ANONYMOUS, RW, -1 },
	{ "tmpfs", "", MAP_SHARED, RW, -1 },
	{ "tmpfs, private", "", MAP_PRIVATE, RW, -1 },
	{ "tmpfs, huge", "/mnt/tmpfs-huge/judge", MAP_SHARED, RW, -1 },
	{ "tmpfs, read-only", "/mnt/tmpfs/judge", MAP_SHARED, PROT_READ, -1 },
	{ "ext4-DAX", "/mnt/ext4/judge", MAP_SHARED, RW, -1 },
	{ "ext4-DAX, private", "/mnt/ext4/judge-private", MAP_PRIVATE, RW, -1 },
	{ "XFS-DAX", "/mnt/xfs/judge", MAP_SHARED, RW, -1 },
	{ "hugetlb", NULL, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, RW, -1 },
	{ "gap", NULL, 0, 0, -1 },
};
#define KINDS		(sizeof(kinds) / sizeof(kinds[0]))

/* What each page is of; NULL: nothing is mapped there. */
static struct kind *mapped[PAGES];

static bool open_files(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct kind *k = &kinds[i];

		if (!k->path)
			continue;
		k->fd = *k->path ? open(k->path, O_RDWR | O_CREAT | O_TRUNC, 0644) :
			memfd_create(k->name, 0);
		if (k->fd < 0 || ftruncate(k->fd, PAGES * PAGE)) {
			fprintf(stderr, "%s: %s\n", k->name, strerror(errno));
			return false;
		}
	}
	return true;
}

/* Another mix: neighbours of random length. */
static void make_mix(void)
{
	size_t at = 0, length;

	munmap(AREA, PAGES * PAGE);
	memset(mapped, 0, sizeof(mapped));
	for (; at < PAGES; at += length) {
		struct kind *k = &kinds[below(KINDS)];

		length = 1 + below(below(4) ? 1200 : 20);
		if (length > PAGES - at)
			length = PAGES - at;
		if (k->flags & MAP_HUGETLB) {
			if (at % 512 || PAGES - at < 512)
				k = &kinds[0];
			else
				length = 512;
		}
		if (!k->flags ||
		    mmap(AREA + at * PAGE, length * PAGE, k->prot,
			 k->flags | MAP_FIXED | MAP_NORESERVE, k->fd,
			 k->fd < 0 ? 0 : at * PAGE) == MAP_FAILED)
			continue;
		for (size_t i = 0; i < length; i++)
			mapped[at + i] = k;
	}
}

/* Something happens to a range; that it may fail is part of it. */
static void operate(void)
{
	static const int advice[] = {
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_POPULATE_WRITE,
		MADV_DONTNEED, MADV_PAGEOUT, MADV_COLD, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_COLLAPSE, MADV_REMOVE, MADV_WILLNEED,
	};
	static const int prots[] = { PROT_NONE, PROT_READ, RW };
	size_t at = below(PAGES), length = 1 + below(below(3) ? 600 : 8);
	size_t what = below(16);
	struct kind *k = &kinds[below(KINDS)];
	char byte = 1;

	if (length > PAGES - at)
		length = PAGES - at;
	if (what < sizeof(advice) / sizeof(advice[0])) {
		madvise(AREA + at * PAGE, length * PAGE, advice[what]);
	} else if (what == 11) {
		mprotect(AREA + at * PAGE, length * PAGE, prots[below(3)]);
	} else if (what == 12) {
		if (!munmap(AREA + at * PAGE, PAGE))
			mapped[at] = NULL;
	} else if (what == 13) {
		fallocate(k->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  at * PAGE, length * PAGE);
	} else {
		for (size_t i = 0; i < length && k->fd >= 0; i += 1 + below(3))
			if (pwrite(k->fd, &byte, 1, (at + i) * PAGE) != 1)
				break;
	}
}

static long ask_old(char *addr, size_t length, unsigned char *vec)
{
	struct mincore2_bench b = {
		.addr = (uintptr_t)addr, .length = length, .vec = (uintptr_t)vec,
	};

	return ioctl(bench_fd, MINCORE2_BENCH_OLD, &b) ? -EIO : b.ret;
}

/* What the old walk says of a page to root, to whom nothing is denied; or -1. */
static int root_sees(char *addr)
{
	uid_t somebody = geteuid();
	unsigned char vec = CANARY;

	if (seteuid(0) || ask_old(addr, PAGE, &vec) || seteuid(somebody))
		return -1;
	return vec;
}

/* The residency of pages of a file that only root may write to is withheld. */
static bool is_withheld(const struct kind *k)
{
	return geteuid() == SOMEBODY && k->path && *k->path;
}

/* Is there an entry, be it a swap entry? As /proc/PID/pagemap has it. */
static bool has_entry(char *addr)
{
	uint64_t entry = 0;

	return pread(pagemap_fd, &entry, sizeof(entry), (uintptr_t)addr / PAGE * sizeof(entry)) ==
	       sizeof(entry) && entry >> 62;
}

/*
 * Is mincore2()'s answer right about a page? @old: what the old walk says. In a mapping
 * whose residency is withheld it says 1 of all pages; mincore2() tells what is in the page
 * tables, and that is what root is told.
 */
static bool is_right(size_t page, unsigned char now, unsigned char old)
{
	char *addr = AREA + page * PAGE;

	if (!mapped[page])
		return now == MINCORE_UNMAPPED;
	if (!is_withheld(mapped[page]))
		return now == old;
	if (now != MINCORE_DENIED)
		return has_entry(addr) && root_sees(addr) == now;
	denied++;
	return !has_entry(addr) && old;
}

/* What was wrong in mincore2()'s answer. */
static char difference[100];

/* Does mincore2() say the same? @old is NULL where there is a gap, and no other answer. */
static bool is_same2(size_t at, size_t pages, const unsigned char *old)
{
	static unsigned char vec[PAGES + 1];
	long ret = syscall(__NR_mincore2, AREA + at * PAGE, pages * PAGE, vec, pages,
			   MINCORE_RESIDENT);

	*difference = 0;
	if (ret != (long)pages) {
		snprintf(difference, sizeof(difference), "mincore2: %ld of %zu pages (%s)",
			 ret, pages, strerror(errno));
		return false;
	}
	for (size_t i = 0; i < pages; i++) {
		if (old ? is_right(at + i, vec[i], old[i]) :
			  !mapped[at + i] == (vec[i] == MINCORE_UNMAPPED))
			continue;
		snprintf(difference, sizeof(difference), "page %zu: mincore2 %#x, old walk %d",
			 at + i, vec[i], old ? old[i] : -1);
		return false;
	}
	return true;
}

/* One range, as somebody; false if the answers differ for good. */
static bool compare(void)
{
	static unsigned char old[2][PAGES + 1], vec[PAGES + 1];
	size_t at = below(PAGES), pages = 1 + below(PAGES - at);
	char *addr = AREA + at * PAGE;
	bool same = false;

	if (below(4) == 0 && seteuid(SOMEBODY))
		return false;
	for (int tries = 0, wrong = 0; tries < 200 && wrong < 5 && !same; tries++) {
		long before, ret, after;

		memset(old, CANARY, sizeof(old));
		memset(vec, CANARY, sizeof(vec));
		before = ask_old(addr, pages * PAGE, old[0]);
		ret = mincore(addr, pages * PAGE, vec) ? -errno : 0;
		same = ret == before && !memcmp(vec, old[0], sizeof(vec)) &&
		       (ret == 0 || ret == -ENOMEM) &&
		       is_same2(at, pages, ret ? NULL : old[0]);
		after = ask_old(addr, pages * PAGE, old[1]);
		if (!same && before == after && !memcmp(old[0], old[1], sizeof(old[0])))
			wrong++;
		if (same && ret)
			gaps++;
		for (size_t i = 0; same && i < pages && vec[i] < 2; i++)
			seen[vec[i]]++;
	}
	if (seteuid(0))
		return false;
	asked++;
	if (!same && *difference)
		fprintf(stderr, "%s\n", difference);
	for (size_t i = 0; !same && i <= pages; i++)
		if (vec[i] != old[0][i]) {
			fprintf(stderr, "page %zu: mincore %u, old walk %u\n", at + i,
				vec[i], old[0][i]);
			break;
		}
	return same;
}

int judge(void)
{
	unsigned long wrong = 0, total;

	bench_fd = open("/proc/mincore2_bench", O_RDWR);
	pagemap_fd = open("/proc/self/pagemap", O_RDONLY);
	if (bench_fd < 0 || pagemap_fd < 0 || !open_files())
		return 1;
	for (int n = 0; n < CASES && wrong < 10; n++) {
		if (n % 500 == 0)
			fprintf(stderr, "judge %d/%d\n", n, CASES);
		make_mix();
		for (int i = 0; i < OPERATIONS; i++)
			operate();
		for (int i = 0; i < RANGES; i++)
			wrong += !compare();
	}
	total = seen[0] + seen[1];
	printf("judge|%lu|%lu|%lu|%lu|%lu|%lu\n", asked, wrong, seen[0], seen[1],
	       denied, gaps);
	/* Else it would not have seen a difference. */
	if (wrong || !denied || !gaps || seen[0] < total / 20 || seen[1] < total / 20)
		return 1;
	printf("end\n");
	return 0;
}
