// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does /etc/mincore2/backings tell the truth? One TAP case a backing: whether
 * it is DAX (statx), takes MAP_SYNC (mmap), gives entries of the level that it
 * claims (counted by first-touch faults), can be mapped with the alignment and
 * the size that it claims, and whether reflink works where it is listed. The
 * column "persist" cannot be checked from user space, short of a power cut.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB 1024UL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

struct backing {
	char name[64], kind[8], path[128], persist[16], level[8], attr[128];
	int dax, sync;
	unsigned long size, align;
};

static char why[1024]; /* what is wrong with the present backing */

#define FAIL(...) (snprintf(why, sizeof(why), __VA_ARGS__), false)

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Reads one line into b; false when a field is missing, unknown or out of order. */
static bool parse(const char *line, struct backing *b)
{
	return sscanf(line,
		      "name=%63s kind=%7s path=%127s dax=%d sync=%d persist=%15s level=%7s size=%lu align=%lu attr=%127s",
		      b->name, b->kind, b->path, &b->dax, &b->sync, b->persist, b->level,
		      &b->size, &b->align, b->attr) == 10;
}

static unsigned long faults(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_minflt + r.ru_majflt;
}

static unsigned long level_size(const struct backing *b)
{
	return is(b->level, "pud") ? GIB : is(b->level, "pmd") ? 2 * MIB : 4 * KIB;
}

/*
 * Maps length bytes of fd at an address that is a multiple of 1 GiB, so that no
 * level is ruled out. Returns MAP_FAILED and errno as mmap.
 */
static void *map_aligned(int fd, size_t length, int prot, int flags)
{
	char *area = mmap(NULL, length + GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0);

	if (area == MAP_FAILED)
		return area;
	area = (char *)(((uintptr_t)area + GIB - 1) & ~(GIB - 1));
	return mmap(area, length, prot, flags | MAP_FIXED, fd, 0);
}

/*
 * Touches each page once (of 1 GiB entries, one page in 2 MiB, as nothing of the
 * rest is needed to tell the levels apart): as many faults must follow as entries
 * of that level are needed, or fewer where the page cache has large folios.
 */
static bool check_level(const struct backing *b, int fd, size_t length, bool writable)
{
	int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	volatile char *p = map_aligned(fd, length, prot, MAP_SHARED);
	size_t step = is(b->level, "pud") ? 2 * MIB : 4 * KIB;
	unsigned long n, want = length / level_size(b);

	if (p == MAP_FAILED)
		return FAIL("mmap of %zu bytes: %s", length, strerror(errno));
	n = faults();
	for (size_t i = 0; i < length; i += step) {
		if (writable)
			p[i] = 1;
		else
			(void)p[i];
	}
	n = faults() - n;
	munmap((void *)p, length);
	/* A little slack: the program's own pages may be touched first in the loop. */
	if ((n < want && !strstr(b->attr, "large-folios")) || n > want + 8)
		return FAIL("level=%s: %lu faults for %zu KiB, %lu expected", b->level, n,
			    length / KIB, want);
	return true;
}

static bool check_sync(const struct backing *b, int fd, size_t length, int prot)
{
	void *p = map_aligned(fd, length, prot, MAP_SHARED_VALIDATE | MAP_SYNC);
	bool accepted = p != MAP_FAILED;

	if (!accepted && errno != EOPNOTSUPP)
		return FAIL("MAP_SYNC: %s", strerror(errno));
	if (accepted)
		munmap(p, length);
	if (accepted != b->sync)
		return FAIL("sync=%d, but mmap %s MAP_SYNC", b->sync, accepted ? "takes" : "refuses");
	return true;
}

static bool check_dax(const struct backing *b, int fd)
{
	struct statx sx;
	bool dax;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx))
		return FAIL("statx: %s", strerror(errno));
	dax = sx.stx_attributes & STATX_ATTR_DAX;
	if (dax != b->dax)
		return FAIL("dax=%d, but statx says %d", b->dax, dax);
	return true;
}

/* The last unit of align bytes before size can be touched, and the one after it cannot. */
static bool check_device_end(const struct backing *b, int fd)
{
	for (int beyond = 0; beyond < 2; beyond++) {
		unsigned long offset = b->size - (beyond ? 0 : b->align);
		void *p = mmap(NULL, b->align, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
		bool touched = p != MAP_FAILED && madvise(p, b->align, MADV_POPULATE_WRITE) == 0;

		if (p != MAP_FAILED)
			munmap(p, b->align);
		if (touched == beyond)
			return FAIL("size=%lu, but a touch at %lu %s", b->size, offset,
				    touched ? "works" : strerror(errno));
	}
	return true;
}

/* A device: offset and length of a mapping must be multiples of align. */
static bool check_device(const struct backing *b)
{
	int fd = open(b->path, O_RDWR);
	size_t length = is(b->level, "pud") ? b->size : 8 * MIB;
	bool good;
	void *p;

	if (fd < 0)
		return FAIL("open: %s", strerror(errno));
	good = check_level(b, fd, length, true) && check_sync(b, fd, length, PROT_READ | PROT_WRITE);
	if (good && !b->dax)
		good = FAIL("dax=0 on a device");
	if (good) {
		p = map_aligned(fd, b->align, PROT_READ, MAP_SHARED);
		good = p != MAP_FAILED || FAIL("align=%lu: %s", b->align, strerror(errno));
	}
	if (good && b->align > 4 * KIB) {
		p = mmap(p + b->align / 2, b->align / 2, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
		good = p == MAP_FAILED || FAIL("align=%lu, but half of it works, too", b->align);
	}
	if (good)
		good = check_device_end(b, fd);
	close(fd);
	return good;
}

static bool check_reflink(const struct backing *b, int fd)
{
	char path[256];
	bool works;
	int to;

	snprintf(path, sizeof(path), "%s/.check-reflink", b->path);
	to = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (to < 0)
		return FAIL("%s: %s", path, strerror(errno));
	works = ioctl(to, FICLONE, fd) == 0;
	close(to);
	unlink(path);
	if (works != !!strstr(b->attr, "reflink"))
		return FAIL("attr=%s, but reflink %s", b->attr, works ? "works" : "does not work");
	return true;
}

/* dax=inode: chattr +x, all references dropped, and a new file is DAX. */
static bool check_dax_inode(const struct backing *b)
{
	struct fsxattr x;
	struct backing after = *b;
	char path[256];
	int fd, flags;
	bool good;

	snprintf(path, sizeof(path), "%s/.check-dax", b->path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &x))
		return FAIL("%s: %s", path, strerror(errno));
	x.fsx_xflags |= FS_XFLAG_DAX;
	flags = ioctl(fd, FS_IOC_FSSETXATTR, &x);
	close(fd);
	if (flags)
		return FAIL("attr=dax-inode, but setting FS_XFLAG_DAX: %s", strerror(errno));
	fd = open(path, O_RDWR);
	after.dax = after.sync = 1;
	strcpy(after.level, "pmd");
	good = check_dax(&after, fd) && (posix_fallocate(fd, 0, 8 * MIB) == 0 || FAIL("fallocate")) &&
	       check_level(&after, fd, 8 * MIB, true) &&
	       check_sync(&after, fd, 8 * MIB, PROT_READ | PROT_WRITE);
	close(fd);
	unlink(path);
	return good;
}

static bool check_filesystem(const struct backing *b)
{
	bool writable = is(b->kind, "fs"), hugetlb = strstr(b->attr, "hugetlb");
	size_t length = is(b->level, "pud") ? GIB : 8 * MIB;
	int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	char path[256];
	bool good = true;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", b->path, writable ? ".check" : "file");
	fd = open(path, writable ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0600);
	if (fd < 0)
		return FAIL("%s: %s", path, strerror(errno));
	if (writable && (errno = posix_fallocate(fd, 0, length)))
		good = FAIL("fallocate: %s", strerror(errno));
	good = good && check_dax(b, fd) && check_level(b, fd, length, writable) &&
	       check_sync(b, fd, length, prot);
	if (good && writable && !hugetlb)
		good = check_reflink(b, fd);
	if (good && strstr(b->attr, "dax-inode"))
		good = check_dax_inode(b);
	if (good && writable && b->size < (hugetlb ? length : 48 * MIB))
		good = FAIL("size=%lu", b->size);
	close(fd);
	if (writable)
		unlink(path);
	return good;
}

int main(void)
{
	const char *file = getenv("MINCORE2_BACKINGS");
	char line[1024];
	int n = 0, failed = 0;
	FILE *f = fopen(file ? file : "/etc/mincore2/backings", "r");

	if (!f) {
		printf("Bail out! no list of backings: %s\n", strerror(errno));
		return 1;
	}
	puts("TAP version 13");
	while (fgets(line, sizeof(line), f)) {
		struct backing b;
		bool good;

		if (!parse(line, &b)) {
			strcpy(b.name, "unreadable line");
			good = FAIL("%.200s", line);
		} else if (is(b.kind, "spare")) {
			continue; /* not to be touched but by the test that uses it */
		} else {
			good = is(b.kind, "dev") ? check_device(&b) : check_filesystem(&b);
		}
		n++;
		failed += !good;
		if (!good)
			printf("# Expected otherwise: %s\n", why);
		printf("%sok %d %s\n", good ? "" : "not ", n, b.name);
		fflush(stdout);
	}
	printf("1..%d\n", n);
	fclose(f);
	return failed || !n;
}
