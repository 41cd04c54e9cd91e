// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mappings that are asked about: each is brought into a known state, and
 * bench.c checks that it is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#ifndef MAP_SYNC
#define MAP_SYNC	0x80000
#endif

#define RW		(PROT_READ | PROT_WRITE)
#define ANON		(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
/* In the private mapping, one page of so many is a copy. */
#define COPY_EACH	8

/*
 * Addresses of our own, so that all runs are alike and nothing is beside. (Not
 * MAP_FIXED_NOREPLACE: MAP_SHARED_VALIDATE refuses it.)
 */
static char *next_place = (char *)0x100000000000;

/* A place that is a multiple of 1 GiB, plus @offset. */
static char *place(size_t length, size_t offset)
{
	char *p = next_place + offset;

	next_place += ((length + 2 * GIB - 1) & ~(GIB - 1)) + GIB;
	return p;
}

static char *map_at(char *at, size_t length, int flags, int fd, const char **why)
{
	char *p = mmap(at, length, RW, flags | MAP_FIXED, fd, 0);

	if (p != MAP_FAILED)
		return p;
	*why = strerror(errno);
	return NULL;
}

static void touch(char *p, size_t length, size_t step)
{
	for (size_t i = 0; i < length; i += step)
		*(volatile char *)(p + i) = 1;
}

/* A file of its own in a directory, of @length; the space is allocated. */
static int new_file(struct mapping *m, const char *dir, const char **why)
{
	static char paths[32][64];
	static size_t nr;
	char *path = paths[nr++];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, m->name);
	m->file = path;
	m->fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (m->fd < 0 || fallocate(m->fd, 0, 0, m->length)) {
		*why = strerror(errno);
		return -1;
	}
	return m->fd;
}

static char *make_tmpfs(struct mapping *m, const char **why)
{
	char *p;

	m->fd = memfd_create(m->name, 0);
	if (m->fd < 0 || ftruncate(m->fd, m->length)) {
		*why = strerror(errno);
		return NULL;
	}
	p = map_at(place(m->length, 0), m->length, MAP_SHARED, m->fd, why);
	if (p)
		touch(p, m->length, PAGE);
	return p;
}

/* At an address that does not fit the file's 2 MiB blocks: by PTEs. */
static char *make_dax_pte(struct mapping *m, const char **why)
{
	char *p;

	if (new_file(m, "/mnt/ext4", why) < 0)
		return NULL;
	p = map_at(place(m->length, PAGE), m->length,
		   MAP_SHARED_VALIDATE | MAP_SYNC, m->fd, why);
	if (p)
		touch(p, m->length, PAGE);
	return p;
}

static char *make_dax_private(struct mapping *m, const char **why)
{
	char *p;

	if (new_file(m, "/mnt/ext4", why) < 0)
		return NULL;
	p = map_at(place(m->length, PAGE), m->length, MAP_PRIVATE, m->fd, why);
	if (!p)
		return NULL;
	for (size_t i = 0; i < m->length; i += PAGE)
		(void)*(volatile char *)(p + i);
	touch(p, m->length, COPY_EACH * PAGE);
	return p;
}

static char *make_dax_pmd(struct mapping *m, const char *dir, const char **why)
{
	char *p;

	if (new_file(m, dir, why) < 0)
		return NULL;
	p = map_at(place(m->length, 0), m->length,
		   MAP_SHARED_VALIDATE | MAP_SYNC, m->fd, why);
	if (p)
		touch(p, m->length, HUGE_PAGE);
	return p;
}

static char *make_ext4_pmd(struct mapping *m, const char **why)
{
	return make_dax_pmd(m, "/mnt/ext4", why);
}

static char *make_xfs_pmd(struct mapping *m, const char **why)
{
	return make_dax_pmd(m, "/mnt/xfs", why);
}

static void again_devdax(struct mapping *m, char *p)
{
	touch(p, m->length, GIB);
}

static char *make_devdax(struct mapping *m, const char **why)
{
	char *p;

	m->fd = open("/dev/dax-1g", O_RDWR);
	if (m->fd < 0) {
		*why = strerror(errno);
		return NULL;
	}
	p = map_at(place(m->length, 0), m->length, MAP_SHARED, m->fd, why);
	if (p)
		again_devdax(m, p);
	return p;
}

static char *make_anon(struct mapping *m, const char **why)
{
	char *p = map_at(place(m->length, 0), m->length, ANON, -1, why);

	if (p) {
		madvise(p, m->length, MADV_NOHUGEPAGE);
		touch(p, m->length, PAGE);
	}
	return p;
}

/* Every other page is the zero page: no two neighbours are alike. */
static char *make_alternating(struct mapping *m, const char **why)
{
	char *p = map_at(place(m->length, 0), m->length, ANON, -1, why);

	if (!p)
		return NULL;
	madvise(p, m->length, MADV_NOHUGEPAGE);
	for (size_t i = PAGE; i < m->length; i += 2 * PAGE)
		(void)*(volatile char *)(p + i);
	touch(p, m->length, 2 * PAGE);
	return p;
}

static char *make_thp(struct mapping *m, const char **why)
{
	char *p = map_at(place(m->length, 0), m->length, ANON, -1, why);

	if (p) {
		madvise(p, m->length, MADV_HUGEPAGE);
		touch(p, m->length, PAGE);
	}
	return p;
}

static char *make_hugetlb(struct mapping *m, const char **why)
{
	char *p = map_at(place(m->length, 0), m->length,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, why);

	if (p)
		touch(p, m->length, HUGE_PAGE);
	return p;
}

/* A file all of which is in the page cache, of which nothing is mapped. */
static char *make_cached(struct mapping *m, const char *dir, const char **why)
{
	static char block[MIB];

	memset(block, 1, sizeof(block));
	if (new_file(m, dir, why) < 0)
		return NULL;
	for (size_t i = 0; i < m->length; i += sizeof(block)) {
		if (pwrite(m->fd, block, sizeof(block), i) != sizeof(block)) {
			*why = "cannot fill the file";
			return NULL;
		}
	}
	return map_at(place(m->length, 0), m->length, MAP_SHARED, m->fd, why);
}

static char *make_cached_small(struct mapping *m, const char **why)
{
	return make_cached(m, "/mnt/tmpfs", why);
}

static char *make_cached_large(struct mapping *m, const char **why)
{
	return make_cached(m, "/mnt/tmpfs-huge", why);
}

/* All in the page cache, every other page is mapped. */
static char *make_half_mapped(struct mapping *m, const char **why)
{
	char *p = make_cached(m, "/mnt/tmpfs", why);

	/* A write fault maps no neighbours. */
	if (p)
		touch(p, m->length, 2 * PAGE);
	return p;
}

/* All in the page cache, one page of each table of PTEs is mapped. */
static char *make_few_mapped(struct mapping *m, const char **why)
{
	char *p = make_cached(m, "/mnt/tmpfs", why);

	if (p)
		touch(p, m->length, HUGE_PAGE);
	return p;
}

/*
 * A page in each 512 GiB was there once: so the tables of the upper levels are,
 * and a walk has to look at each 1 GiB.
 */
static char *make_sparse(struct mapping *m, const char **why)
{
	char *p;

	m->fd = memfd_create(m->name, 0);
	if (m->fd < 0 || ftruncate(m->fd, m->length)) {
		*why = strerror(errno);
		return NULL;
	}
	p = map_at(place(m->length, 0), m->length, MAP_SHARED | MAP_NORESERVE,
		   m->fd, why);
	if (!p)
		return NULL;
	for (size_t i = 0; i < m->length; i += 256 * GIB)
		p[i] = 1;
	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, m->length)) {
		*why = strerror(errno);
		return NULL;
	}
	return p;
}

/* The same with some pages of the file in memory, far from each other. */
static char *make_sprinkled(struct mapping *m, const char **why)
{
	char *p = make_sparse(m, why);

	if (!p)
		return NULL;
	for (size_t i = 0; i < 1000; i++) {
		if (pwrite(m->fd, "x", 1, i * (m->length / 1000) & ~(PAGE - 1)) != 1) {
			*why = strerror(errno);
			return NULL;
		}
	}
	return p;
}

static char *make_untouched(struct mapping *m, const char **why)
{
	return map_at(place(m->length, 0), m->length, ANON, -1, why);
}

/* One VMA a page: no two neighbours have the same protection. */
static char *make_many_vmas(struct mapping *m, const char **why)
{
	char *p = place(m->length, 0);

	for (size_t i = 0; i < m->length; i += PAGE) {
		if (mmap(p + i, PAGE, PROT_READ | (i & PAGE ? 0 : PROT_WRITE),
			 ANON | MAP_POPULATE | MAP_FIXED, -1, 0) != p + i) {
			*why = strerror(errno);
			return NULL;
		}
	}
	return p;
}

struct mapping mappings[] = {
	{ "tmpfs-pte", "tmpfs, by PTEs", make_tmpfs,
	  64 * MIB, PAGE, MINCORE_PTE, NULL, -1, NULL },
	{ "ext4-dax-pte", "ext4-DAX, MAP_SYNC, by PTEs", make_dax_pte,
	  64 * MIB, PAGE, MINCORE_PTE, NULL, -1, NULL },
	{ "ext4-dax-private", "ext4-DAX, private, one page of 8 a copy", make_dax_private,
	  64 * MIB, PAGE, MINCORE_PTE, NULL, -1, NULL },
	{ "anonymous", "anonymous, by PTEs", make_anon,
	  64 * MIB, PAGE, MINCORE_PTE, NULL, -1, NULL },
	{ "alternating", "anonymous, every other page the zero page", make_alternating,
	  64 * MIB, PAGE, MINCORE_PTE, NULL, -1, NULL },
	{ "half-mapped", "tmpfs, all in page cache, every other page mapped",
	  make_half_mapped, 64 * MIB, PAGE, MINCORE_PTE, NULL, -1, NULL },
	{ "few-mapped", "tmpfs, all in page cache, one page of each 2 MiB mapped",
	  make_few_mapped, 64 * MIB, PAGE, MINCORE_PTE, NULL, -1, NULL },
	{ "thp", "anonymous, huge pages, by PMDs", make_thp,
	  64 * MIB, HUGE_PAGE, MINCORE_PMD, NULL, -1, NULL },
	{ "hugetlb", "hugetlb, 2 MiB", make_hugetlb,
	  64 * MIB, HUGE_PAGE, MINCORE_PMD, NULL, -1, NULL },
	{ "ext4-dax-pmd", "ext4-DAX, MAP_SYNC, by PMDs", make_ext4_pmd,
	  GIB, HUGE_PAGE, MINCORE_PMD, NULL, -1, NULL },
	{ "xfs-dax-pmd", "XFS-DAX, MAP_SYNC, by PMDs", make_xfs_pmd,
	  GIB, HUGE_PAGE, MINCORE_PMD, NULL, -1, NULL },
	{ "devdax-pud", "device-dax, by PUDs", make_devdax,
	  2 * GIB, GIB, MINCORE_PUD, again_devdax, -1, NULL },
	{ "cached", "tmpfs, in page cache (order 0), not mapped", make_cached_small,
	  64 * MIB, PAGE, 0, NULL, -1, NULL },
	{ "cached-large", "tmpfs, in page cache (2 MiB folios), not mapped",
	  make_cached_large, 64 * MIB, PAGE, 0, NULL, -1, NULL },
	{ "sparse", "tmpfs, sparse, nothing in page cache", make_sparse,
	  1024 * GIB, PAGE, 0, NULL, -1, NULL },
	{ "sprinkled", "tmpfs, sparse, 1000 pages in page cache", make_sprinkled,
	  1024 * GIB, PAGE, 0, NULL, -1, NULL },
	{ "untouched", "anonymous, never touched", make_untouched,
	  1024 * GIB, PAGE, 0, NULL, -1, NULL },
	{ "vmas", "10,000 mappings of one page", make_many_vmas,
	  10000 * PAGE, PAGE, MINCORE_PTE, NULL, -1, NULL },
};
const size_t nr_mappings = sizeof(mappings) / sizeof(mappings[0]);
