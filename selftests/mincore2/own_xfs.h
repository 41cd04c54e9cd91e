/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An XFS of a test's own, with DAX and reflink, on the namespace spare-nvdimm;
 * files there whose contents are known, each mapped twice: where PMD entries
 * are possible, and beside it, where they are not; and what shows that these
 * mappings lead to the file's blocks.
 */
#ifndef MINCORE2_SELFTESTS_OWN_XFS_H
#define MINCORE2_SELFTESTS_OWN_XFS_H

#include "mapping.h"
#include "spare.h"

#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>

#define OWN_LEN		MIB(2)	/* of a file: what a PMD entry maps */
#define OWN_PAGE	KIB(4)
#define OWN_PAGES	(OWN_LEN / OWN_PAGE)

enum own_map { OWN_ALIGNED, OWN_BESIDE, OWN_MAPS };

/**
 * struct own_xfs - the filesystem
 * @namespace: what it is on
 * @disk: name of the block device (pmem3)
 * @dir: where it is mounted
 * @base: what has to be added to the place of a block on the device to get the
 *	physical address; 0: not known yet
 * @size: of the device
 */
struct own_xfs {
	char namespace[64];
	char disk[64];
	char dir[64];
	uint64_t base;
	uint64_t size;
};

/**
 * struct own_file - a file
 * @fd: open file; -1: none
 * @path: its name
 * @want: what has to be in it
 * @map: its mappings, enum own_map
 * @unreadable: number of a page that cannot be read; -1: none
 */
struct own_file {
	int fd;
	char path[128];
	unsigned char *want;
	unsigned char *map[OWN_MAPS];
	long unreadable;
};

static inline int own_mount(struct own_xfs *x)
{
	char dev[80];

	snprintf(dev, sizeof(dev), "/dev/%s", x->disk);
	return mount(dev, x->dir, "xfs", 0, "dax=always") ? -errno : 0;
}

/* Are bad blocks known of the disk, or is there no disk? */
static inline bool own_spoiled(const struct own_xfs *x)
{
	char path[128], c;
	bool spoiled;
	int fd;

	snprintf(path, sizeof(path), "/sys/block/%s/badblocks", x->disk);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	spoiled = fd < 0 || read(fd, &c, 1) != 0;
	close(fd);
	return spoiled;
}

/*
 * Find the device. To forget the bad blocks of the test before, it is bound anew, which
 * takes seconds. Returns NULL or what did not work.
 */
static inline const char *own_device(struct own_xfs *x, const struct mc2_backing *b)
{
	char path[80];

	memset(x, 0, sizeof(*x));
	x->size = b->size;
	snprintf(x->dir, sizeof(x->dir), "/tmp/mincore2-own");
	snprintf(x->namespace, sizeof(x->namespace), "%.60s", b->path);
	/* What a test that crashed has left. */
	umount(x->dir);
	if (!namespace_disk(x->namespace, x->disk, sizeof(x->disk))) {
		snprintf(path, sizeof(path), "/dev/%s", x->disk);
		swapoff(path);
	}
	if (!*x->disk || own_spoiled(x)) {
		run("ndctl disable-namespace '%s' >&2", x->namespace);
		run("ndctl enable-namespace '%s' >&2", x->namespace);
	}
	if (namespace_disk(x->namespace, x->disk, sizeof(x->disk)))
		return "no block device on the namespace";
	return mkdir(x->dir, 0700) && errno != EEXIST ? "mkdir failed" : NULL;
}

/*
 * Make the filesystem and mount it. Returns NULL or what did not work. What mkfs is told
 * about a test suite makes it take so small a device.
 */
static inline const char *own_make(struct own_xfs *x, const struct mc2_backing *b)
{
	const char *bad = own_device(x, b);

	if (bad)
		return bad;
	if (run("TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 mkfs.xfs -q -f -l size=16m "
		"-d agcount=2,su=2m,sw=1 -m reflink=1 '/dev/%s' >&2", x->disk))
		return "mkfs.xfs failed";
	return own_mount(x) ? "mount failed" : NULL;
}

/* Unmount; the structures on the device have to be right. */
static inline int own_end(struct own_xfs *x)
{
	int err = umount(x->dir) ? -errno : 0;

	rmdir(x->dir);
	if (err)
		return err;
	return run("o=$(xfs_repair -n '/dev/%s' 2>&1) || { echo \"$o\" >&2; false; }",
		   x->disk);
}

/* Both mappings; 0 or a negative errno. */
static inline int own_map(struct own_file *f, int flags)
{
	int i;

	for (i = 0; i < OWN_MAPS; i++) {
		void *p = mc2_map_aligned(OWN_LEN, OWN_LEN,
					  i == OWN_BESIDE ? OWN_PAGE : 0,
					  PROT_READ | PROT_WRITE, flags, f->fd, 0);

		f->map[i] = p == MAP_FAILED ? NULL : p;
		if (!f->map[i])
			return -errno;
	}
	return 0;
}

static inline void own_unmap(struct own_file *f)
{
	int i;

	for (i = 0; i < OWN_MAPS; i++) {
		if (f->map[i])
			munmap(f->map[i], OWN_LEN);
		f->map[i] = NULL;
	}
}

static inline void own_close(struct own_file *f, bool remove)
{
	own_unmap(f);
	/* XFS frees the blocks of a removed file some time later. */
	if (remove && f->fd >= 0 && ftruncate(f->fd, 0))
		perror(f->path);
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	if (remove) {
		unlink(f->path);
		free(f->want);
		f->want = NULL;
	}
}

/* Open it again; 0 or a negative errno. */
static inline int own_open(struct own_file *f)
{
	f->fd = open(f->path, O_RDWR | O_CLOEXEC);
	return f->fd < 0 ? -errno : own_map(f, MAP_SHARED);
}

#define OWN_KINDS	16

/* What files have at first: no two pages are alike, be they of one file or not. */
static inline const unsigned char *own_pattern(size_t which)
{
	static unsigned char *made[OWN_KINDS];
	unsigned char *p = made[which];
	size_t i;

	if (p)
		return p;
	p = malloc(OWN_LEN);
	for (i = 0; p && i < OWN_LEN; i++)
		p[i] = (unsigned char)(((i / OWN_PAGE) >> (i & 8)) ^ (i >> 4) ^
				       which);
	made[which] = p;
	return p;
}

/* Make a file, and map it; 0 or a negative errno. @which: below OWN_KINDS. */
static inline int own_create(struct own_xfs *x, struct own_file *f, size_t which,
			     int flags)
{
	static unsigned int serial;

	memset(f, 0, sizeof(*f));
	f->unreadable = -1;
	snprintf(f->path, sizeof(f->path), "%s/%u", x->dir, serial++);
	f->fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f->want = malloc(OWN_LEN);
	if (f->fd < 0 || !f->want || !own_pattern(which) ||
	    fallocate(f->fd, 0, 0, OWN_LEN))
		return errno ? -errno : -EIO;
	memcpy(f->want, own_pattern(which), OWN_LEN);
	if (pwrite(f->fd, f->want, OWN_LEN, 0) != (ssize_t)OWN_LEN || fsync(f->fd))
		return errno ? -errno : -EIO;
	return own_map(f, flags);
}

/* @to shares the first @len bytes of @from. */
static inline int own_clone(struct own_file *to, struct own_file *from, size_t len)
{
	struct file_clone_range range = { .src_fd = from->fd, .src_length = len };

	if (ioctl(to->fd, FICLONERANGE, &range))
		return -errno;
	memcpy(to->want, from->want, len);
	return 0;
}

/* Store to a page, and remember it. */
static inline void own_store(struct own_file *f, enum own_map i, size_t page)
{
	static unsigned char value;
	size_t at = page * OWN_PAGE + 64 * (1 + value % 60);

	value++;
	((volatile unsigned char *)f->map[i])[at] = value;
	__asm__ volatile("" ::: "memory");	/* only if that did not fault */
	f->want[at] = value;
}

/*
 * Does a load from shared blocks get a PMD entry? Not since Linux 7, where a page has one
 * folio, of one size, for all files that share it.
 */
static inline bool own_shared_by_pmd(void)
{
	return mc2_linux_before(7);
}

/* Is the first page mapped by a PMD entry? */
static inline bool own_is_pmd(const struct own_file *f)
{
	return (mc2_page(f->map[OWN_ALIGNED]) & MINCORE_LEVEL) == MINCORE_PMD;
}

/*
 * Number of the first page that differs from what it has to be; -1: none. Of a
 * mapping, where each page may take a fault, only some are looked at: those at
 * the beginning of each quarter, which the tests use, and the last one.
 */
static inline long own_differs(const struct own_file *f, const unsigned char *p,
			       bool all)
{
	size_t page;

	for (page = 0; page < OWN_PAGES; page++) {
		if ((long)page == f->unreadable ||
		    (!all && page % (OWN_PAGES / 4) >= 16 && page + 1 < OWN_PAGES))
			continue;
		if (memcmp(p + page * OWN_PAGE, f->want + page * OWN_PAGE, OWN_PAGE))
			return (long)page;
	}
	return -1;
}

/* The same for what read(2) gets, all of it. */
static inline long own_read_differs(const struct own_file *f)
{
	static unsigned char buf[OWN_LEN];
	size_t bad = f->unreadable < 0 ? OWN_LEN : (size_t)f->unreadable * OWN_PAGE;
	size_t rest = bad < OWN_LEN ? OWN_LEN - bad - OWN_PAGE : 0;

	memset(buf, 0xee, sizeof(buf));
	if (pread(f->fd, buf, bad, 0) != (ssize_t)bad)
		return 0;
	if (rest && pread(f->fd, buf + bad + OWN_PAGE, rest,
			  (off_t)(bad + OWN_PAGE)) != (ssize_t)rest)
		return (long)(bad / OWN_PAGE) + 1;
	return own_differs(f, buf, true);
}

/* Pages of a mapping that can be stored to without a fault; -1: error. */
static inline long own_writable(const struct own_file *f, enum own_map i)
{
	unsigned char vec[OWN_PAGES];
	size_t page;
	long n = 0;

	if (do_mincore2(f->map[i], OWN_LEN, vec, OWN_PAGES, MINCORE_WRITABLE) !=
	    (ssize_t)OWN_PAGES)
		return -1;
	for (page = 0; page < OWN_PAGES; page++)
		n += !!vec[page];
	return n;
}

/* Where each page of the file is on the device; 0: it has no block. */
static inline int own_blocks(const struct own_file *f, uint64_t *block)
{
	static struct {
		struct fiemap map;
		struct fiemap_extent extents[OWN_PAGES];
	} u;
	uint64_t at;
	unsigned int i;

	memset(&u, 0, sizeof(u));
	u.map.fm_length = OWN_LEN;
	u.map.fm_extent_count = OWN_PAGES;
	if (ioctl(f->fd, FS_IOC_FIEMAP, &u.map))
		return -errno;
	memset(block, 0, OWN_PAGES * sizeof(*block));
	for (i = 0; i < u.map.fm_mapped_extents; i++) {
		const struct fiemap_extent *e = u.extents + i;

		for (at = 0; at < e->fe_length && e->fe_logical + at < OWN_LEN;
		     at += OWN_PAGE)
			block[(e->fe_logical + at) / OWN_PAGE] = e->fe_physical + at;
	}
	return 0;
}

#define OWN_PRESENT	(1ULL << 63)
#define OWN_PFN		((1ULL << 55) - 1)

/*
 * Number of the first page whose entry in the page tables names another block
 * than the file has there, or a block where the file has none; -1: none, -2: error.
 */
static inline long own_strays(struct own_xfs *x, const struct own_file *f,
			      enum own_map i)
{
	uint64_t block[OWN_PAGES], entry[OWN_PAGES], place;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t n;
	size_t page;

	if (fd < 0 || own_blocks(f, block))
		return -2;
	n = pread(fd, entry, sizeof(entry),
		  (off_t)((uintptr_t)f->map[i] / OWN_PAGE * sizeof(*entry)));
	close(fd);
	if (n != (ssize_t)sizeof(entry))
		return -2;
	for (page = 0; page < OWN_PAGES; page++) {
		if (!(entry[page] & OWN_PRESENT))
			continue;
		place = (entry[page] & OWN_PFN) * OWN_PAGE;
		if (!x->base)
			x->base = place - block[page];
		if (block[page] ? place != x->base + block[page] :
				  place - x->base < x->size)
			return (long)page;
	}
	return -1;
}

/* Sets x->base from a file that nothing has happened to. */
static inline int own_find_base(struct own_xfs *x)
{
	struct own_file f;
	int err = own_create(x, &f, 0, MAP_SHARED);

	if (!err && (own_differs(&f, f.map[OWN_BESIDE], false) != -1 ||
		     own_strays(x, &f, OWN_BESIDE) != -1 || !x->base))
		err = -EINVAL;
	own_close(&f, true);
	return err;
}

/*
 * Everything that can be seen of a file: its mappings lead to its blocks, after
 * an fsync() nothing can be stored without a fault, and the contents are right
 * by read(2); with @all by the mappings too. @what names the moment.
 */
#define OWN_CHECK(x, f, all, what) do {					\
	int i_;								\
									\
	EXPECT_EQ(0, fsync((f)->fd));					\
	EXPECT_EQ(-1, own_read_differs(f))				\
		TH_LOG("read(2), %s", what);				\
	for (i_ = 0; i_ < OWN_MAPS; i_++) {				\
		EXPECT_EQ(0, own_writable(f, i_))			\
			TH_LOG("writable after fsync, mapping %d, %s", i_, what); \
		EXPECT_EQ(-1, own_strays(x, f, i_))			\
			TH_LOG("maps a block that is not the file's, mapping %d, %s", \
			       i_, what);				\
		if (!(all))						\
			continue;					\
		EXPECT_EQ(-1, own_differs(f, (f)->map[i_], false))		\
			TH_LOG("contents, mapping %d, %s", i_, what);	\
		EXPECT_EQ(-1, own_strays(x, f, i_))			\
			TH_LOG("maps a block that is not the file's, mapping %d, %s, after loads", \
			       i_, what);				\
	}								\
} while (0)

/* For a fixture's set-up: the filesystem, or a skip without a spare device. */
#define OWN_SETUP(x) do {						\
	SPARE_SETUP(own_make(x, spare_));				\
	ASSERT_EQ(0, own_find_base(x));					\
} while (0)

#endif /* MINCORE2_SELFTESTS_OWN_XFS_H */
