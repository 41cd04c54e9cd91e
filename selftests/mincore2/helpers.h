/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers of the tests of the interface itself: mappings with a known state,
 * independent views of them (pagemap, smaps, status), and a scan that checks
 * the promises which every answer in the region format has to keep.
 */
#ifndef MINCORE2_SELFTESTS_HELPERS_H
#define MINCORE2_SELFTESTS_HELPERS_H

#include "common.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000
#endif
#ifndef MADV_COLD
#define MADV_COLD		20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT		21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif

#define MC2_PAGEMAP_PRESENT	(1ULL << 63)
#define MC2_PAGEMAP_SWAPPED	(1ULL << 62)
#define MC2_PAGEMAP_SOFT_DIRTY	(1ULL << 55)

#define MC2_THP_DIR	"/sys/kernel/mm/transparent_hugepage/"

/* The bits that an answer to @flags may have, the size of an entry apart. */
static inline unsigned int mc2_reported(unsigned int flags)
{
	if (flags & MINCORE_RESIDENT)
		flags |= MINCORE_DENIED;
	return (flags & (MC2_ALL | MINCORE_PINNABLE)) | MINCORE_UNMAPPED;
}

/* mincore2() with the error as a negative number. */
static inline ssize_t mc2_call(const void *addr, size_t length, void *vec,
			       size_t nr, unsigned int flags)
{
	ssize_t ret = do_mincore2((void *)addr, length, vec, nr, flags);

	return ret < 0 ? -errno : ret;
}

/* An address as the kernel's 64-bit numbers name it. */
static inline uint64_t mc2_addr(const void *p)
{
	return (uintptr_t)p;
}

static inline void *mc2_ptr(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

/*
 * Read-write private anonymous memory, untouched, that stays in small pages,
 * whatever the system's THP policy is; NULL if there is none.
 */
static inline char *mc2_anon(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

/*
 * The same where the kernel does not put what it places by itself: a page that
 * is unmapped there stays unmapped, whatever the C library maps later.
 */
static inline char *mc2_anon_apart(size_t size)
{
	void *p = mmap((void *)0x40000000UL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		       MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

/* Address space of @size bytes, aligned, with nothing mapped in it yet. */
static inline char *mc2_hole(size_t size, size_t align)
{
	char *p = mmap(NULL, size + align, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	munmap(p, size + align);
	return mc2_ptr((mc2_addr(p) + align - 1) & ~((uint64_t)align - 1));
}

/* The same at a multiple of @align, and huge pages are allowed. */
static inline char *mc2_anon_aligned(size_t size, size_t align)
{
	char *hole = mc2_hole(size, align);
	void *p;

	if (!hole)
		return NULL;
	p = mmap(hole, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		 MAP_FIXED_NOREPLACE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Read a small file of /proc or /sys; the length, or -1. */
static inline ssize_t mc2_read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	while (got < size - 1) {
		n = read(fd, buf + got, size - 1 - got);
		if (n <= 0)
			break;
		got += n;
	}
	close(fd);
	buf[got] = 0;
	return n < 0 ? -1 : (ssize_t)got;
}

/* A "Name:  123 kB" line of /proc/self/status, in KiB; -1: no such line. */
static inline long mc2_status_kib(const char *name)
{
	static char buf[8192];
	char *line;

	if (mc2_read_file("/proc/self/status", buf, sizeof(buf)) < 0)
		return -1;
	line = strstr(buf, name);
	return line ? strtol(line + strlen(name) + 1, NULL, 10) : -1;
}

/*
 * The block of /proc/self/smaps about the VMA that starts at @addr, as text.
 * smaps changes nothing about PTEs and PMD entries.
 */
static inline bool mc2_smaps(const void *addr, char *out, size_t size)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long start;
	bool inside = false;
	char line[512];
	size_t len = 0;

	if (!f)
		return false;
	*out = 0;
	while (fgets(line, sizeof(line), f)) {
		/* Only the head line of a block has an address range first. */
		char *dash = strchr(line, '-'), *blank = strchr(line, ' ');

		if (dash && blank && dash < blank &&
		    sscanf(line, "%llx-", &start) == 1)
			inside = start == mc2_addr(addr);
		if (inside && len + strlen(line) < size) {
			strcpy(out + len, line);
			len += strlen(line);
		}
	}
	fclose(f);
	return len > 0;
}

/* One number of that block, in KiB; -1: not there. */
static inline long mc2_smaps_kib(const void *addr, const char *name)
{
	static char buf[8192];
	char *p;

	if (!mc2_smaps(addr, buf, sizeof(buf)))
		return -1;
	for (p = buf; (p = strstr(p, name)); p++) {
		if (p > buf && p[-1] == '\n' && p[strlen(name)] == ':')
			return strtol(p + strlen(name) + 1, NULL, 10);
	}
	return -1;
}

/* Bytes that a PMD entry maps; 0: the kernel has no transparent huge pages. */
static inline size_t mc2_thp_size(void)
{
	char buf[64];

	if (mc2_read_file(MC2_THP_DIR "hpage_pmd_size", buf, sizeof(buf)) <= 0)
		return 0;
	return strtoul(buf, NULL, 10);
}

static inline unsigned int mc2_log2(uint64_t n)
{
	return 63 - __builtin_clzll(n);
}

/*
 * Make [addr, addr + size) huge pages, whatever the system's THP policy is;
 * smaps is the witness that it worked. Collapsing fails for a moment when
 * pages are isolated, so try for a while.
 */
static inline bool mc2_make_thp(char *addr, size_t size)
{
	unsigned int tries;

	madvise(addr, size, MADV_HUGEPAGE);
	for (tries = 0; tries < 50; tries++) {
		memset(addr, 0x5a, size);
		if (mc2_smaps_kib(addr, "AnonHugePages") >= (long)(size >> 10))
			return true;
		madvise(addr, size, MADV_COLLAPSE);
		usleep(1000);
	}
	return false;
}

/* Is @addr inside the user address space? */
static inline bool mc2_in_user_space(uint64_t addr)
{
	size_t page = mc2_page_size();
	void *p = mmap(mc2_ptr(addr), page, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		       MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)	/* EPERM: below vm.mmap_min_addr */
		return errno == EEXIST || errno == EPERM;
	munmap(p, page);
	return p == mc2_ptr(addr);
}

/* The first address after user space: 4 or 5 levels, 64 or 32 bit. */
static inline uint64_t mc2_task_end(void)
{
	uint64_t low = 1, high, mid, page = mc2_page_size();

	high = (sizeof(void *) == 8 ? 1ULL << 63 : 1ULL << 32) / page;
	while (low < high) {		/* the first page that is outside */
		mid = low + (high - low) / 2;
		if (mc2_in_user_space(mid * page))
			low = mid + 1;
		else
			high = mid;
	}
	return low * page;
}

/* splitmix64: small, seedable, the same everywhere. */
static inline uint64_t mc2_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* A random number below @n. */
static inline uint64_t mc2_below(uint64_t *seed, uint64_t n)
{
	return mc2_random(seed) % n;
}

static inline double mc2_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/*
 * Value of @key in the line of the backings file that has @want in it (such as
 * "name=tmpfs"): the guest writes the file, see MINCORE2_BACKINGS.
 */
static inline bool mc2_backing(const char *want, const char *key, char *value,
			       size_t size)
{
	const char *path = getenv("MINCORE2_BACKINGS");
	char line[1024], pattern[64], *p;
	bool found = false;
	size_t len;
	FILE *f;

	f = fopen(path ? path : "/etc/mincore2/backings", "re");
	if (!f)
		return false;
	snprintf(pattern, sizeof(pattern), "%s=", key);
	while (!found && fgets(line, sizeof(line), f)) {
		p = strstr(line, want);
		if (!p || !strchr(" \n", p[strlen(want)]))
			continue;
		p = strstr(line, pattern);
		if (!p || (p > line && p[-1] != ' '))
			continue;
		p += strlen(pattern);
		len = strcspn(p, " \n");
		if (len < size) {
			memcpy(value, p, len);
			value[len] = 0;
			found = true;
		}
	}
	fclose(f);
	return found;
}

/* An unlinked file in @dir; -1 and errno. */
static inline int mc2_temp_file(const char *dir)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/mincore2-XXXXXX", dir);
	fd = mkstemp(path);
	if (fd >= 0)
		unlink(path);
	return fd;
}

/* A directory on a disk file system with a page cache that can be dropped. */
static inline const char *mc2_disk_dir(void)
{
	static char dir[256];

	if (!mc2_backing("name=ext4-disk", "path", dir, sizeof(dir)))
		strcpy(dir, ".");
	return dir;
}

/* Why a scan stopped; mc2_scan() returns them negated. */
#define MC2_BROKEN	EPROTO		/* a promise of the format is broken */

/*
 * Does one answer keep the promises of the region format? It starts at
 * @addr, tiles without overlap, stays below @end, neighbours differ, bits
 * are those asked for, and the size of an entry is there if and only if
 * there is a level.
 */
static inline bool mc2_tiling_ok(const struct mincore_region *r, size_t nr,
				 uint64_t addr, uint64_t end,
				 unsigned int flags)
{
	uint64_t bits = mc2_reported(flags), mask = 0;
	size_t i;

	mask = mc2_page_size() - 1;
	for (i = 0; i < nr; i++) {
		if (r[i].start != addr || r[i].end <= r[i].start ||
		    r[i].end > end || (r[i].end & mask))
			return false;
		if (i && r[i].state == r[i - 1].state)
			return false;
		if ((r[i].state & ~(0xffULL << 56)) & ~bits)
			return false;
		if (!(r[i].state & MINCORE_LEVEL) !=
		    !MINCORE_ENTRY_SHIFT(r[i].state))
			return false;
		addr = r[i].end;
	}
	return true;
}

/*
 * Scan [addr, end) with room for @nr regions a call; all answers go to @out,
 * as they come. Interrupted calls are repeated. The number of regions, or
 * -errno, or -MC2_BROKEN; -E2BIG when @max is too small.
 */
static inline ssize_t mc2_scan(uint64_t addr, uint64_t end, unsigned int flags,
			       size_t nr, struct mincore_region *out,
			       size_t max)
{
	size_t count = 0;
	ssize_t ret;

	while (addr < end) {
		size_t room = nr < max - count ? nr : max - count;

		if (!room)
			return -E2BIG;
		ret = mc2_call(mc2_ptr(addr), end - addr, out + count, room,
			       flags | MINCORE_REGIONS);
		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return ret;
		if (!ret || (size_t)ret > room ||
		    !mc2_tiling_ok(out + count, ret, addr, end, flags))
			return -MC2_BROKEN;
		count += ret;
		addr = out[count - 1].end;
	}
	return count;
}

/* Join equal neighbours that an early stop has cut; the new number. */
static inline size_t mc2_merge(struct mincore_region *r, size_t nr)
{
	size_t i, n = 0;

	for (i = 0; i < nr; i++) {
		if (n && r[n - 1].state == r[i].state)
			r[n - 1].end = r[i].end;
		else
			r[n++] = r[i];
	}
	return n;
}

/* The state of each page of a tiling that starts at r[0].start. */
static inline void mc2_expand(const struct mincore_region *r, size_t nr,
			      uint64_t *states)
{
	uint64_t page = mc2_page_size(), addr;
	size_t i;

	for (i = 0; i < nr; i++)
		for (addr = r[i].start; addr < r[i].end; addr += page)
			*states++ = r[i].state;
}

#endif /* MINCORE2_SELFTESTS_HELPERS_H */
