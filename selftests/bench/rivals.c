// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ways to ask about memory: mincore2() in several forms, and what there is
 * without it. Each answers the whole range, as its users would have it do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libpmem.h>
#include <libpmem2.h>
#include <linux/fs.h>
#include <mincore2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "kernel/mm/mincore2_bench.h"

#define R		MINCORE_REGIONS
#define MAX_REGIONS	4096
/* Sizes of 1 TiB have as many bytes in the vector as there is room for here. */
#define MAX_BYTES	(2 * GIB / PAGE)

static unsigned char *vec;
static struct mincore_region regions[MAX_REGIONS];
static struct page_region page_regions[MAX_REGIONS];
static uint64_t pagemap[64 * 1024];
static char smaps[1 << 20];
static int pagemap_fd, bench_fd;

/*
 * Another process that asks about this one, and measures it: the memory is here, and a
 * child would not have its page tables.
 */
static struct job {
	uint64_t addr, length;
	unsigned int flags;
	long answer;
	int64_t took;
} *job;
static int looker_go, looker_done;

static long look_at(int pidfd, uint64_t addr, uint64_t end, unsigned int flags)
{
	long total = 0;

	while (addr < end) {
		long ret = syscall(__NR_mincore2, addr, end - addr, regions,
				   MAX_REGIONS, flags | MINCORE_PIDFD, pidfd);

		if (ret <= 0)
			return -1;
		total += ret;
		addr = regions[ret - 1].end;
	}
	return total;
}

static void looker(int go, int done)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
	char c;

	memset(regions, 1, sizeof(regions));
	while (read(go, &c, 1) == 1) {
		int64_t start = now();

		job->answer = look_at(pidfd, job->addr, job->addr + job->length,
				      job->flags);
		job->took = now() - start - clock_cost();
		if (write(done, &c, 1) != 1)
			break;
	}
	_exit(0);
}

static void start_looker(void)
{
	int go[2], done[2];

	job = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		   -1, 0);
	if (job == MAP_FAILED || pipe(go) || pipe(done))
		abort();
	fflush(NULL);
	if (!fork()) {
		close(go[1]);
		looker(go[0], done[1]);
	}
	close(go[0]);
	close(done[1]);	/* so that its death is seen */
	looker_go = go[1];
	looker_done = done[0];
}

static long ask_other(const struct rival *r, struct mapping *m, char *addr,
		      size_t length)
{
	char c = 0;

	(void)m;
	*job = (struct job) { (uintptr_t)addr, length, r->flags, -1, 0 };
	if (write(looker_go, &c, 1) != 1 || read(looker_done, &c, 1) != 1)
		return -1;
	return job->answer;
}

int64_t rival_took(const struct rival *r)
{
	return r->ask == ask_other ? job->took : -1;
}

void rivals_init(void)
{
	start_looker();
	vec = mmap(NULL, MAX_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	memset(regions, 1, sizeof(regions));
	memset(page_regions, 1, sizeof(page_regions));
	memset(pagemap, 1, sizeof(pagemap));
	memset(smaps, 1, sizeof(smaps));
	pagemap_fd = open("/proc/self/pagemap", O_RDONLY);
	bench_fd = open("/proc/mincore2_bench", O_RDWR);
	if (vec == MAP_FAILED || pagemap_fd < 0)
		abort();
}

static long ask_mincore(const struct rival *r, struct mapping *m, char *addr,
			size_t length)
{
	(void)r, (void)m;
	if (length / PAGE > MAX_BYTES)
		return -1;
	return mincore(addr, length, vec);
}

/* The walk that it had before it used that of mincore2(): through an ioctl(). */
static long ask_old_mincore(const struct rival *r, struct mapping *m, char *addr,
			    size_t length)
{
	struct mincore2_bench b = {
		.addr = (uintptr_t)addr, .length = length, .vec = (uintptr_t)vec,
	};

	(void)r, (void)m;
	if (length / PAGE > MAX_BYTES)
		return -1;
	return ioctl(bench_fd, MINCORE2_BENCH_OLD, &b) ? -1 : b.ret;
}

static long ask_bytes(const struct rival *r, struct mapping *m, char *addr,
		      size_t length)
{
	(void)m;
	if (length / PAGE > MAX_BYTES)
		return -1;
	return syscall(__NR_mincore2, addr, length, vec, MAX_BYTES, r->flags);
}

/* To the end of the range, with as many calls as that takes. */
static long ask_regions(const struct rival *r, struct mapping *m, char *addr,
			size_t length)
{
	char *end = addr + length;
	long total = 0;

	(void)m;
	while (addr < end) {
		long ret = syscall(__NR_mincore2, addr, end - addr, regions,
				   MAX_REGIONS, r->flags);

		if (ret <= 0)
			return -1;
		total += ret;
		addr = (char *)(uintptr_t)regions[ret - 1].end;
	}
	return total;
}

/* One element: is all of it alike, and like what? */
static long ask_one(const struct rival *r, struct mapping *m, char *addr,
		    size_t length)
{
	(void)m;
	return syscall(__NR_mincore2, addr, length, regions, 1, r->flags);
}

/* The same through the library: a 1, or a 0. */
static long ask_check(const struct rival *r, struct mapping *m, char *addr,
		      size_t length)
{
	(void)m;
	return mincore2_check(addr, length, r->flags, NULL);
}

static long ask_pagemap(const struct rival *r, struct mapping *m, char *addr,
			size_t length)
{
	size_t at = (uintptr_t)addr / PAGE * 8, left = length / PAGE * 8;
	long present = 0;

	(void)r, (void)m;
	while (left) {
		size_t want = left < sizeof(pagemap) ? left : sizeof(pagemap);
		ssize_t n = pread(pagemap_fd, pagemap, want, at);

		if (n <= 0)
			return -1;
		at += n;
		left -= n;
		present += pagemap[0] >> 63;
	}
	return present;
}

static long ask_pagemap_scan(const struct rival *r, struct mapping *m, char *addr,
			     size_t length)
{
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.start = (uintptr_t)addr,
		.end = (uintptr_t)addr + length,
		.vec = (uintptr_t)page_regions,
		.vec_len = MAX_REGIONS,
		.return_mask = PAGE_IS_FILE | PAGE_IS_PRESENT | PAGE_IS_SWAPPED |
			       PAGE_IS_PFNZERO | PAGE_IS_HUGE,
	};
	long total = 0;

	(void)r, (void)m;
	while (arg.start < arg.end) {
		long ret = ioctl(pagemap_fd, PAGEMAP_SCAN, &arg);

		if (ret < 0 || arg.walk_end == arg.start)
			return -1;
		total += ret;
		arg.start = arg.walk_end;
	}
	return total;
}

/* In the text of smaps: has the mapping of @addr the flag "sf" (VM_SYNC)? */
static long parse_smaps(char *text, uintptr_t addr)
{
	bool here = false;
	char *line, *next;

	for (line = text; *line; line = next) {
		char *after;
		unsigned long start, end;

		next = strchr(line, '\n');
		if (!next)
			return -1;
		*next++ = '\0';
		if (here && !strncmp(line, "VmFlags:", 8))
			return !!strstr(line, " sf");
		start = strtoul(line, &after, 16);
		if (after == line || *after != '-')
			continue;
		end = strtoul(after + 1, NULL, 16);
		here = start <= addr && addr < end;
	}
	return -1;
}

static long ask_smaps(const struct rival *r, struct mapping *m, char *addr,
		      size_t length)
{
	int fd = open("/proc/self/smaps", O_RDONLY);
	size_t have = 0;
	ssize_t n;

	(void)r, (void)m, (void)length;
	if (fd < 0)
		return -1;
	while ((n = read(fd, smaps + have, sizeof(smaps) - 1 - have)) > 0)
		have += n;
	close(fd);
	smaps[have] = '\0';
	return parse_smaps(smaps, (uintptr_t)addr);
}

/* libpmem answers for what it has mapped itself: it gets its own mapping. */
static long ask_pmem_is_pmem(const struct rival *r, struct mapping *m, char *addr,
			     size_t length)
{
	static const struct mapping *of;
	static char *own;
	size_t mapped;
	int is;

	(void)r, (void)addr;
	if (!m->file || !strstr(m->name, "dax"))
		return -1;
	if (of != m) {
		own = pmem_map_file(m->file, 0, 0, 0, &mapped, &is);
		of = m;
	}
	return own ? pmem_is_pmem(own, length) : -1;
}

static struct pmem2_map *pmem2_made;

static long ask_pmem2(const struct rival *r, struct mapping *m, char *addr,
		      size_t length)
{
	struct pmem2_config *config;
	struct pmem2_source *source;
	long ret = -1;

	(void)r, (void)addr;
	if (m->fd < 0 || !strstr(m->name, "dax") || pmem2_config_new(&config))
		return -1;
	if (!pmem2_source_from_fd(&source, m->fd)) {
		pmem2_config_set_required_store_granularity(config,
							    PMEM2_GRANULARITY_PAGE);
		pmem2_config_set_length(config, length < HUGE_PAGE ? HUGE_PAGE : length);
		if (!pmem2_map_new(&pmem2_made, config, source))
			ret = pmem2_map_get_store_granularity(pmem2_made);
		pmem2_source_delete(&source);
	}
	pmem2_config_delete(&config);
	return ret;
}

static void undo_pmem2(void)
{
	pmem2_map_delete(&pmem2_made);
}

static long ask_floor(const struct rival *r, struct mapping *m, char *addr,
		      size_t length)
{
	struct mincore2_bench b = { .addr = (uintptr_t)addr, .length = length };

	(void)r, (void)m;
	return ioctl(bench_fd, MINCORE2_BENCH_WALK, &b) ? -1 : b.ret;
}

const struct rival rivals[] = {
	{ "mincore2 bytes RESIDENT", ask_bytes, MINCORE_RESIDENT, NULL },
	{ "mincore2 bytes all", ask_bytes, BYTE_STATES, NULL },
	{ "mincore2 bytes PERSIST", ask_bytes, MINCORE_PERSIST, NULL },
	{ "mincore2 regions RESIDENT", ask_regions, R | MINCORE_RESIDENT, NULL },
	{ "mincore2 regions all", ask_regions, R | ALL_STATES, NULL },
	{ "mincore2 regions all but RESIDENT", ask_regions,
	  R | (ALL_STATES & ~MINCORE_RESIDENT), NULL },
	{ "mincore2 regions PERSIST", ask_regions, R | MINCORE_PERSIST, NULL },
	{ "mincore2 regions DAX", ask_regions, R | MINCORE_DAX, NULL },
	{ "mincore2 regions all, other process", ask_other, R | ALL_STATES, NULL },
	{ "mincore2 one region all", ask_one, R | ALL_STATES, NULL },
	{ "mincore2 one region PERSIST", ask_one, R | MINCORE_PERSIST, NULL },
	{ "mincore2_check PERSIST", ask_check, MINCORE_PERSIST, NULL },
	{ "floor (empty walk)", ask_floor, 0, NULL },
	{ "mincore", ask_mincore, 0, NULL },
	{ "mincore, old walk", ask_old_mincore, 0, NULL },
	{ "pagemap", ask_pagemap, 0, NULL },
	{ "PAGEMAP_SCAN", ask_pagemap_scan, 0, NULL },
	{ "smaps", ask_smaps, 0, NULL },
	{ "pmem_is_pmem", ask_pmem_is_pmem, 0, NULL },
	{ "pmem2_map_new", ask_pmem2, 0, undo_pmem2 },
};
const size_t nr_rivals = sizeof(rivals) / sizeof(rivals[0]);

/*
 * The longest holds of one call. An interrupt that comes meanwhile is counted with it, so the
 * shortest of some calls is taken: it does not come at the same place in all. Negative: none.
 */
static int measure_holds(struct mincore2_bench *b)
{
	struct mincore2_bench shortest = { .mmap_max = UINT64_MAX, .ptl_max = UINT64_MAX };

	for (int i = 0; i < 5; i++) {
		if (ioctl(bench_fd, MINCORE2_BENCH_HOLDS, b) || b->ret < 0)
			return -1;
		if (b->mmap_max < shortest.mmap_max)
			shortest.mmap_max = b->mmap_max;
		if (b->ptl_max < shortest.ptl_max)
			shortest.ptl_max = b->ptl_max;
	}
	b->mmap_max = shortest.mmap_max;
	b->ptl_max = shortest.ptl_max;
	return 0;
}

/* One line for the mapping and each of the calls. */
void report_holds(struct mapping *m, char *addr, size_t length)
{
	static const struct {
		const char *name;
		uint64_t flags, nr;
	} calls[] = {
		{ "mincore2 bytes all", BYTE_STATES, MAX_BYTES },
		{ "mincore2 regions all", R | ALL_STATES, MAX_REGIONS },
		{ "mincore", 0, 0 },
		{ "mincore, old walk", MINCORE2_BENCH_OLD_WALK, 0 },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct mincore2_bench b = {
			.addr = (uintptr_t)addr, .length = length,
			.vec = (uintptr_t)(calls[i].flags & R ? (void *)regions :
					   (void *)vec),
			.nr = calls[i].nr, .flags = calls[i].flags,
		};

		if (!(calls[i].flags & R) && length / PAGE > MAX_BYTES)
			continue;
		if (measure_holds(&b))
			continue;
		printf("hold|%s|%s|%zu|%llu|%llu|%llu|%llu|%llu\n", m->name,
		       calls[i].name, length / PAGE,
		       (unsigned long long)b.mmap_max, (unsigned long long)b.ptl_max,
		       (unsigned long long)b.mmap_holds, (unsigned long long)b.ptl_holds,
		       (unsigned long long)b.overhead);
		fflush(stdout);
	}
}
