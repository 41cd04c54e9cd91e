/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files in the backings, mappings of them, and comparisons of what the two
 * formats of mincore2 say about them with what they should say.
 */
#ifndef MINCORE2_SELFTESTS_MAPPING_H
#define MINCORE2_SELFTESTS_MAPPING_H

#include "backings.h"

#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

/* The ways to map a file that the contract tells apart. */
enum mc2_how {
	MC2_SHARED_SYNC,	/* MAP_SHARED_VALIDATE | MAP_SYNC */
	MC2_SHARED,
	MC2_SHARED_LEGACY,	/* MAP_SHARED | MAP_SYNC: sets VM_SYNC unchecked */
	MC2_PRIVATE,
	MC2_PRIVATE_SYNC,	/* sets VM_SYNC unchecked, too */
};

static inline int mc2_map_flags(enum mc2_how how)
{
	static const int flags[] = {
		[MC2_SHARED_SYNC] = MAP_SHARED_VALIDATE | MAP_SYNC,
		[MC2_SHARED] = MAP_SHARED,
		[MC2_SHARED_LEGACY] = MAP_SHARED | MAP_SYNC,
		[MC2_PRIVATE] = MAP_PRIVATE,
		[MC2_PRIVATE_SYNC] = MAP_PRIVATE | MAP_SYNC,
	};

	return flags[how];
}

static inline bool mc2_is_private(enum mc2_how how)
{
	return how == MC2_PRIVATE || how == MC2_PRIVATE_SYNC;
}

/* Does the contract promise MINCORE_PERSIST to such a mapping of @b? */
static inline bool mc2_persist(const struct mc2_backing *b, enum mc2_how how)
{
	if (mc2_is_private(how))
		return false;
	if (b->persist == MC2_SYNC)
		return how != MC2_SHARED;
	return b->persist == MC2_ALWAYS;
}

/* Bytes that one entry of a level reaches (x86: 4 KiB, 2 MiB, 1 GiB). */
static inline size_t mc2_level_size(unsigned int level)
{
	if (level == MINCORE_PUD)
		return GIB(1);
	return level == MINCORE_PMD ? MIB(2) : KIB(4);
}

static inline unsigned int mc2_level_shift(unsigned int level)
{
	if (level == MINCORE_PUD)
		return 30;
	return level == MINCORE_PMD ? 21 : 12;
}

/* Does a file's block at @at have data? 0: none, or an unwritten one; -1: unknown. */
static inline int mc2_is_written(int fd, off_t at)
{
	struct {
		struct fiemap map;
		struct fiemap_extent extent;
	} f = { .map = { .fm_start = (uint64_t)at, .fm_length = 1, .fm_extent_count = 1 } };

	if (ioctl(fd, FS_IOC_FIEMAP, &f.map))
		return -1;
	return f.map.fm_mapped_extents && !(f.extent.fe_flags & FIEMAP_EXTENT_UNWRITTEN);
}

/* Is the kernel older than this version, of which only the first number counts? */
static inline bool mc2_linux_before(int version)
{
	struct utsname name;

	return !uname(&name) && atoi(name.release) < version;
}

static inline size_t mc2_max(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* @len, or as much more as one entry of @b needs. */
static inline size_t mc2_fit(const struct mc2_backing *b, size_t len)
{
	return mc2_max(len, mc2_max((size_t)b->align, mc2_level_size(b->level)));
}

/**
 * mc2_map_aligned - map a file where its entries can be large
 * @len: bytes
 * @align: power of two to which the address is aligned; the pages beside the
 *	mapping are left unmapped
 * @skew: bytes added to the aligned address (to make large entries impossible)
 * @prot, @flags, @fd, @offset: as for mmap
 *
 * Returns as mmap does.
 */
static inline void *mc2_map_aligned(size_t len, size_t align, size_t skew,
				    int prot, int flags, int fd, off_t offset)
{
	size_t room = len + skew + align;
	char *base, *want;
	void *map;
	int err;

	base = mmap(NULL, room, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return base;
	want = (char *)(((uintptr_t)base + align - 1) & ~((uintptr_t)align - 1));
	want += skew;
	map = mmap(want, len, prot, flags | MAP_FIXED, fd, offset);
	err = errno;
	if (map == MAP_FAILED) {
		munmap(base, room);
		errno = err;
		return map;
	}
	if (want > base)
		munmap(base, (size_t)(want - base));
	if (want + len < base + room)
		munmap(want + len, (size_t)(base + room - (want + len)));
	return map;
}

/**
 * struct mc2_file - a file in a backing, or the device itself
 * @b: the backing
 * @fd: open file, read-write unless the backing is read-only
 * @path: its name
 * @len: bytes to map
 * @ours: the file was created, and is to be unlinked
 */
struct mc2_file {
	const struct mc2_backing *b;
	int fd;
	char path[PATH_MAX];
	size_t len;
	bool ours;
};

static inline int mc2_fill_zero(int fd, off_t from, off_t to)
{
	static const char zero[65536];

	for (; from < to; from += (off_t)sizeof(zero)) {
		size_t n = sizeof(zero);

		if (to - from < (off_t)n)
			n = (size_t)(to - from);
		if (pwrite(fd, zero, n, from) != (ssize_t)n)
			return errno ? -errno : -EIO;
	}
	return fsync(fd) ? -errno : 0;
}

/*
 * Allocate [from, to) of a file at once, so that a filesystem that aligns
 * extents can give large entries. Returns 0 or a negative errno.
 */
static inline int mc2_preallocate(const struct mc2_file *f, off_t from, off_t to)
{
	if (f->b->kind != MC2_FS || mc2_has_attr(f->b, "hugetlb"))
		return 0;
	if (!fallocate(f->fd, 0, from, to - from))
		return 0;
	if (errno != EOPNOTSUPP)
		return -errno;
	return mc2_fill_zero(f->fd, from, to);	/* ext2 */
}

static inline void mc2_file_close(struct mc2_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->ours)
		unlink(f->path);
	f->fd = -1;
	f->ours = false;
}

/**
 * mc2_file_open - create a file of @len bytes, all hole, or open the device
 *
 * A read-only filesystem's file is opened as it is. Returns 0 or a negative
 * errno, with f->fd -1.
 */
static inline int mc2_file_open(struct mc2_file *f, const struct mc2_backing *b,
				size_t len)
{
	static unsigned int serial;
	int err;

	memset(f, 0, sizeof(*f));
	f->b = b;
	f->fd = -1;
	f->len = len;
	if (len > b->size)
		return -ENOSPC;
	if (b->kind == MC2_SPARE)
		return -EINVAL;
	if (b->kind == MC2_DEV) {
		snprintf(f->path, sizeof(f->path), "%s", b->path);
		f->fd = open(f->path, O_RDWR | O_CLOEXEC);
		return f->fd < 0 ? -errno : 0;
	}
	if (b->kind == MC2_ROFS) {
		snprintf(f->path, sizeof(f->path), "%s/file", b->path);
		f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
		return f->fd < 0 ? -errno : 0;
	}
	snprintf(f->path, sizeof(f->path), "%s/mincore2-%d-%u", b->path,
		 (int)getpid(), serial++);
	f->fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return -errno;
	f->ours = true;
	if (ftruncate(f->fd, (off_t)len)) {
		err = -errno;
		mc2_file_close(f);
		return err;
	}
	return 0;
}

/* As mc2_file_open, but all of it allocated. */
static inline int mc2_file_open_full(struct mc2_file *f,
				     const struct mc2_backing *b, size_t len)
{
	int err = mc2_file_open(f, b, len);

	if (err)
		return err;
	err = mc2_preallocate(f, 0, (off_t)len);
	if (err)
		mc2_file_close(f);
	return err;
}

/* A read-only file can be mapped writable only if the mapping is private. */
static inline int mc2_file_prot(const struct mc2_file *f, enum mc2_how how)
{
	if (f->b->kind == MC2_ROFS && !mc2_is_private(how))
		return PROT_READ;
	return PROT_READ | PROT_WRITE;
}

/* Map all of a file where its largest entries are possible. As mmap. */
static inline void *mc2_file_map(const struct mc2_file *f, enum mc2_how how)
{
	size_t align = mc2_max(MIB(2), mc2_fit(f->b, 0));

	return mc2_map_aligned(f->len, align, 0, mc2_file_prot(f, how),
			       mc2_map_flags(how), f->fd, 0);
}

/* Access one byte of each page, @step bytes apart. Writes keep the data. */
static __attribute__((noinline, unused)) void
mc2_touch(void *addr, size_t len, size_t step, bool write)
{
	volatile char *p = addr;
	size_t i;

	for (i = 0; i < len; i += step) {
		char c = p[i];

		if (write)
			p[i] = c;
	}
}

/* Write first, without a read before it: the first touch is a write fault. */
static __attribute__((noinline, unused)) void
mc2_store(void *addr, size_t len, size_t step)
{
	volatile char *p = addr;
	size_t i;

	for (i = 0; i < len; i += step)
		p[i] = 'm';
}

/*
 * Faults taken by touching each 4 KiB of a range. Nothing else faults in
 * between: the functions and the stack are warmed up by a rehearsal.
 */
static __attribute__((noinline, unused)) long
mc2_touch_faults(void *addr, size_t len, bool write)
{
	char warm[64];
	long before = 0;
	int i;

	for (i = 0; i < 2; i++) {
		before = mc2_faults();
		if (write)
			mc2_store(i ? addr : warm, i ? len : sizeof(warm),
				  i ? KIB(4) : 1);
		else
			mc2_touch(i ? addr : warm, i ? len : sizeof(warm),
				  i ? KIB(4) : 1, false);
		if (!i)
			mc2_faults();
	}
	return mc2_faults() - before;
}

#define MC2_WHY		256

/* The requestable bits of @mask; all of LEVEL if it has any of it. */
static inline unsigned int mc2_ask(unsigned int mask)
{
	return mask & MINCORE_LEVEL ? mask | MINCORE_LEVEL : mask;
}

static inline void mc2_why(char *why, const char *format, const void *at,
			   size_t page, uint64_t seen, unsigned int want)
{
	snprintf(why, MC2_WHY,
		 "%s: page %zu (%p) of the range: state %#llx, expected %#x",
		 format, page, at, (unsigned long long)seen, want);
}

/* See mc2_deviants. */
static inline long mc2_deviant_regions(const void *addr, size_t len,
				       unsigned int ask, unsigned int mask,
				       unsigned int want, char *why)
{
	uint64_t start = (uintptr_t)addr, at = start, end = start + len;
	struct mincore_region r[64];
	long bad = 0;

	while (at < end) {
		ssize_t n, i;

		n = do_mincore2((void *)(uintptr_t)at, (size_t)(end - at), r, 64,
				MINCORE_REGIONS | ask);
		if (n <= 0) {
			snprintf(why, MC2_WHY, "regions: returned %zd at %#llx: %s",
				 n, (unsigned long long)at, strerror(errno));
			return -1;
		}
		for (i = 0; i < n; at = r[i++].end) {
			if (r[i].start != at || r[i].end <= at || r[i].end > end) {
				snprintf(why, MC2_WHY,
					 "regions: [%#llx, %#llx) at %#llx does not tile",
					 (unsigned long long)r[i].start,
					 (unsigned long long)r[i].end,
					 (unsigned long long)at);
				return -1;
			}
			if ((r[i].state & mask) == want)
				continue;
			if (!bad)
				mc2_why(why, "regions", (void *)(uintptr_t)at,
					(size_t)((at - start) / mc2_page_size()),
					r[i].state, want);
			bad += (long)((r[i].end - at) / mc2_page_size());
		}
	}
	return bad;
}

/*
 * See mc2_deviants. Allocates nothing: a new mapping could land in a range that
 * is to be UNMAPPED.
 */
static inline long mc2_deviant_bytes(const void *addr, size_t len,
				     unsigned int ask, unsigned int mask,
				     unsigned int want, char *why)
{
	static unsigned char vec[4096];
	size_t page = mc2_page_size(), nr = len / page, done, i;
	long bad = 0;
	ssize_t n;

	mask &= 0xff;
	want &= 0xff;
	for (done = 0; done < nr; done += (size_t)n) {
		n = do_mincore2((char *)addr + done * page, (nr - done) * page,
				vec, sizeof(vec), ask & 0xff);
		if (n <= 0) {
			snprintf(why, MC2_WHY, "bytes: returned %zd at page %zu: %s",
				 n, done, strerror(errno));
			return -1;
		}
		for (i = 0; i < (size_t)n; i++) {
			if ((vec[i] & mask) == want)
				continue;
			if (!bad++)
				mc2_why(why, "bytes",
					(const char *)addr + (done + i) * page,
					done + i, vec[i], want);
		}
	}
	return bad;
}

/**
 * mc2_deviants - count the pages that mincore2 describes otherwise
 * @addr, @len: range, whole pages
 * @mask: bits to look at
 * @want: what they should be, on each page
 * @why: MC2_WHY bytes that describe the first deviation
 *
 * Asks four times: in both formats, for every bit and for those of @mask
 * alone (the kernel may take another way when it need not walk). Returns the
 * number of pages, or -1 if a call failed.
 */
static inline long mc2_deviants(const void *addr, size_t len, unsigned int mask,
				unsigned int want, char *why)
{
	unsigned int asks[] = { MC2_ALL, mc2_ask(mask) };
	long bad = 0;
	size_t i;

	why[0] = '\0';
	for (i = 0; !bad && i < 2; i++) {
		bad = mc2_deviant_regions(addr, len, asks[i], mask, want, why);
		if (!bad && (asks[i] & 0xff))
			bad = mc2_deviant_bytes(addr, len, asks[i], mask, want,
						why);
	}
	return bad;
}

/* Each page of [addr, addr + len) has (state & mask) == want, both formats. */
#define EXPECT_STATE(addr, len, mask, want) do {			\
	char why_[MC2_WHY];						\
									\
	EXPECT_EQ(0, mc2_deviants(addr, len, mask, want, why_))		\
		TH_LOG("%s", why_);					\
} while (0)

/* Is there an entry, whichever its level? */
static inline bool mc2_mapped(const void *addr)
{
	uint64_t state = mc2_page(addr);

	return state != ~0ULL && (state & MINCORE_LEVEL);
}

#endif /* MINCORE2_SELFTESTS_MAPPING_H */
