// SPDX-License-Identifier: GPL-2.0-or-later
/* filesystem.c - histories of the whole filesystem, and of files that share blocks */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <xfs/xfs.h>

#include "pf.h"

/* From fs/ext4/ext4.h and include/uapi/linux/ext4.h, which Debian does not install. */
struct ext4_move_extent {
	uint32_t reserved, donor_fd;
	uint64_t orig_start, donor_start, len, moved_len;
};
#define PF_EXT4_IOC_MOVE_EXT _IOWR('f', 15, struct ext4_move_extent)
#define PF_EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)
#define PF_EXT4_IOC_SWAP_BOOT _IO('f', 17)
#define PF_IOC_SHUTDOWN _IOR('X', 125, uint32_t)	/* ext4 and XFS */

#define SPOT (PF_TARGET + 128)
#define FILE_AT .size = PF_FILE_SIZE, .first = SPOT, .then = SPOT
#define REFUSAL .size = PF_FILE_SIZE, .first = SPOT, .then = -1

static bool is_xfs(struct pfcase *c) { return !strncmp(c->slot, "xfs", 3); }

/* ---- shared blocks ---- */

static int empty_other(struct pfcase *c)
{
	char path[sizeof(c->path) + 16];

	snprintf(path, sizeof(path), "%s-clone", c->path);
	c->other = open(path, O_RDWR | O_CREAT, 0644);
	return c->other < 0 ? failed(c, "create") : 0;
}

/* The mapped file becomes the source of a clone; each next store copies. */
static int clone_from(struct pfcase *c)
{
	if (empty_other(c))
		return -1;
	return ioctl(c->other, FICLONE, c->fd) ? failed(c, "FICLONE") : 0;
}

static int clone_from_fsync(struct pfcase *c)
{
	if (clone_from(c))
		return -1;
	return fsync(c->other) || fsync(c->fd) ? failed(c, "fsync") : 0;
}

/* Cloned, and the next page stored to: its copy allocated blocks for this one too. */
static int clone_store_beside(struct pfcase *c)
{
	if (clone_from_fsync(c))
		return -1;
	store(c, PF_TARGET + PAGE);
	return 0;
}

static int clone_write_beside(struct pfcase *c)
{
	if (clone_from_fsync(c))
		return -1;
	if (write_all(c->fd, PF_TARGET + PAGE, PAGE, 'b') || fsync(c->fd))
		return failed(c, "pwrite and fsync");
	return 0;
}

/* The same, with the clone gone again by the time of the store. */
static int clone_unlink(struct pfcase *c)
{
	char path[sizeof(c->path) + 16];

	snprintf(path, sizeof(path), "%s-clone", c->path);
	if (clone_from_fsync(c) || unlink(path))
		return failed(c, "unlink");
	close(c->other);
	return 0;
}

/* Blocks of another file come into the mapped one. */
static int clone_into(struct pfcase *c)
{
	struct file_clone_range range = {
		.src_offset = PF_TARGET, .src_length = 64 * KB, .dest_offset = PF_TARGET
	};

	if (open_other(c, "-source", PF_FILE_SIZE))
		return -1;
	range.src_fd = c->other;
	return ioctl(c->fd, FICLONERANGE, &range) ? failed(c, "FICLONERANGE") : 0;
}

static int clone_within(struct pfcase *c)
{
	struct file_clone_range range = {
		.src_fd = c->fd, .src_offset = 0, .src_length = 64 * KB, .dest_offset = PF_TARGET
	};

	return ioctl(c->fd, FICLONERANGE, &range) ? failed(c, "FICLONERANGE") : 0;
}

/* Another file with the same bytes: both share the mapped one's blocks then. */
static int dedupe(struct pfcase *c)
{
	union {
		struct file_dedupe_range range;
		char bytes[sizeof(struct file_dedupe_range) + sizeof(struct file_dedupe_range_info)];
	} u = { .range = { .src_offset = PF_TARGET + 64 * KB, .src_length = 64 * KB, .dest_count = 1 } };
	char path[sizeof(c->path) + 16];

	snprintf(path, sizeof(path), "%s-same", c->path);
	c->other = open(path, O_RDWR | O_CREAT, 0644);
	if (c->other < 0 || write_all(c->other, 0, PF_FILE_SIZE, 'o') || fsync(c->other))
		return failed(c, "write another file");
	u.range.info[0].dest_fd = c->other;
	u.range.info[0].dest_offset = PF_TARGET + 64 * KB;
	if (ioctl(c->fd, FIDEDUPERANGE, &u.range))
		return failed(c, "FIDEDUPERANGE");
	errno = -u.range.info[0].status;
	return errno ? failed(c, "FIDEDUPERANGE") : 0;
}

static int clone_refused(struct pfcase *c)
{
	if (empty_other(c))
		return -1;
	return refused(c, "FICLONE", ioctl(c->other, FICLONE, c->fd));
}

static int extent_size_hint(struct pfcase *c)
{
	struct fsxattr x;

	if (ioctl(c->fd, FS_IOC_FSGETXATTR, &x))
		return failed(c, "FS_IOC_FSGETXATTR");
	x.fsx_xflags |= FS_XFLAG_COWEXTSIZE;
	x.fsx_cowextsize = 256 * KB;
	if (ioctl(c->fd, FS_IOC_FSSETXATTR, &x))
		return failed(c, "FS_IOC_FSSETXATTR");
	return clone_store_beside(c);
}

/* ---- defragmentation ---- */

/* What e4defrag does: the blocks of another file, in exchange for the mapped one's. */
static int move_extent(struct pfcase *c)
{
	struct ext4_move_extent move = {
		.orig_start = 0, .donor_start = 0, .len = PF_FILE_SIZE / PAGE
	};

	if (open_other(c, "-donor", PF_FILE_SIZE))
		return -1;
	move.donor_fd = c->other;
	return refused(c, "e4defrag", ioctl(c->fd, PF_EXT4_IOC_MOVE_EXT, &move));
}

/* The blocks of the boot loader's inode, in exchange for the mapped file's. */
static int swap_boot(struct pfcase *c)
{
	return refused(c, "EXT4_IOC_SWAP_BOOT", ioctl(c->fd, PF_EXT4_IOC_SWAP_BOOT));
}

/* From extents to indirect blocks: a file that ext4 does not vouch for. */
static int convert(struct pfcase *c)
{
	int flags;

	if (ioctl(c->fd, FS_IOC_GETFLAGS, &flags))
		return failed(c, "FS_IOC_GETFLAGS");
	flags &= ~FS_EXTENT_FL;
	return refused(c, "chattr-e", ioctl(c->fd, FS_IOC_SETFLAGS, &flags));
}

static int swap_extents(struct pfcase *c)
{
	if (open_other(c, "-donor", PF_FILE_SIZE))
		return -1;
	return refused(c, "xfs_fsr", exchange_extents(c->fd, c->other, PF_FILE_SIZE));
}

/* ---- the filesystem as a whole ---- */

static int set_attribute(struct pfcase *c)
{
	char value[3000] = "v";

	/* Too large for the inode: this makes ext4's next commit a full one. */
	return fsetxattr(c->fd, "user.pf", value, sizeof(value), 0) ? failed(c, "setxattr") : 0;
}

/* Committed in full; what the file gets from now on may be in fast commits. */
static int set_attribute_fsync(struct pfcase *c)
{
	if (set_attribute(c))
		return -1;
	return fsync(c->fd) ? failed(c, "fsync") : 0;
}

/* Every other page is written: more extents than the inode takes, so there is a tree. */
static int scatter(struct pfcase *c)
{
	for (off_t at = PAGE; at < c->history->size; at += 2 * PAGE)
		if (write_all(c->fd, at, PAGE, 's'))
			return failed(c, "pwrite");
	return 0;
}

/* ... and most of them go again, and the blocks of the tree with them. */
static int scatter_punch(struct pfcase *c)
{
	if (scatter(c))
		return -1;
	if (fsync(c->fd))
		return failed(c, "fsync");
	if (fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8 * PAGE,
		      c->history->size - 16 * PAGE))
		return failed(c, "fallocate");
	return 0;
}

/* By somebody else, on another file: it concerns all. */
static int set_other_attribute(struct pfcase *c)
{
	char value[3000] = "v";

	if (open_other(c, "-attr", PAGE))
		return -1;
	return fsetxattr(c->other, "user.pf", value, sizeof(value), 0) ? failed(c, "setxattr") : 0;
}

/*
 * The file lets go of blocks, and others are written that may get them, before anything
 * is committed. After the power failure the file has its blocks again. ext4 looks for the
 * smallest piece of free space that is a power of 2 and large enough: the one around the
 * store, whatever its place on the device, and as many files as use up the others.
 */
static int reuse_other(struct pfcase *c)
{
	static char bytes[64 * KB];
	char path[sizeof(c->path) + 16];

	memset(bytes, 'x', sizeof(bytes));
	if (fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      PF_TARGET - sizeof(bytes), 2 * sizeof(bytes)))
		return failed(c, "fallocate");
	for (int i = 0; i < 32; i++) {
		snprintf(path, sizeof(path), "%s-%d", c->path, i);
		c->other = open(path, O_RDWR | O_CREAT, 0644);
		if (c->other < 0 || pwrite(c->other, bytes, sizeof(bytes), 0) != sizeof(bytes))
			return failed(c, "write another file");
		close(c->other);
	}
	c->other = -1;
	return 0;
}

static int rename_directory(struct pfcase *c)
{
	char a[sizeof(c->path) + 16], b[sizeof(c->path) + 16], d[sizeof(c->path) + 16];

	snprintf(a, sizeof(a), "%s-a", c->path);
	snprintf(b, sizeof(b), "%s-b", c->path);
	snprintf(d, sizeof(d), "%s-b/a", c->path);
	if (mkdir(a, 0755) || mkdir(b, 0755) || rename(a, d))
		return failed(c, "rename of a directory");
	return 0;
}

static int freeze_thaw(struct pfcase *c)
{
	int fd = open(c->dir, O_RDONLY);

	if (fd < 0 || ioctl(fd, FIFREEZE, 0) || ioctl(fd, FITHAW, 0))
		return failed(c, "freeze and thaw");
	close(fd);
	return 0;
}

static int sync_all(struct pfcase *c)
{
	return syncfs(c->fd) ? failed(c, "syncfs") : 0;
}

static int resize(struct pfcase *c)
{
	int fd = open(c->dir, O_RDONLY);
	uint64_t blocks = 11264;	/* of 4 KiB: less than the slot has, more than mkfs used */
	struct xfs_fsop_geom geometry;
	struct xfs_growfs_data grow = { .imaxpct = 25 };
	int result;

	if (fd < 0)
		return failed(c, "open");
	if (is_xfs(c)) {
		if (ioctl(fd, XFS_IOC_FSGEOMETRY, &geometry))
			return failed(c, "XFS_IOC_FSGEOMETRY");
		grow.newblocks = geometry.datablocks + 1024;
		result = ioctl(fd, XFS_IOC_FSGROWFSDATA, &grow);
	} else {
		result = ioctl(fd, PF_EXT4_IOC_RESIZE_FS, &blocks);
	}
	close(fd);
	return result ? failed(c, "online resize") : 0;
}

static int shut_down(struct pfcase *c, uint32_t how)
{
	int fd = open(c->dir, O_RDONLY);

	if (fd < 0 || ioctl(fd, PF_IOC_SHUTDOWN, &how))
		return failed(c, "shutdown");
	close(fd);
	return 0;
}

static int shut_down_flush(struct pfcase *c) { return shut_down(c, 0); }
static int shut_down_logflush(struct pfcase *c) { return shut_down(c, 1); }
static int shut_down_nologflush(struct pfcase *c) { return shut_down(c, 2); }

/* Lets the other file take what there is to take. */
static int fill(struct pfcase *c)
{
	off_t offset = 0;
	long step;

	for (step = 16 * MB; step >= PAGE; step /= 4)
		while (!fallocate(c->other, 0, offset, step))
			offset += step;
	if (errno != ENOSPC && errno != EDQUOT)
		return failed(c, "fallocate of all the space");
	return 0;
}

/* All the space is taken: the store into a hole cannot complete. */
static int fill_up(struct pfcase *c)
{
	return open_other(c, "-filler", PAGE) ? -1 : fill(c);
}

/* An ordinary user's last block of quota is taken. */
static int quota_up(struct pfcase *c)
{
	struct dqblk limit = { .dqb_bhardlimit = 4096, .dqb_valid = QIF_BLIMITS };

	if (syscall(SYS_quotactl_fd, open(c->dir, O_RDONLY), QCMD(Q_SETQUOTA, USRQUOTA), 1000, (void *)&limit))
		return failed(c, "Q_SETQUOTA");
	if (open_other(c, "-filler", PAGE))
		return -1;
	if (fchown(c->fd, 1000, 1000) || fchown(c->other, 1000, 1000) || fsync(c->fd) || fsync(c->other))
		return failed(c, "fchown");
	return seteuid(1000) ? failed(c, "seteuid") : fill(c);
}

static int remount_barrier(struct pfcase *c)
{
	if (mount(NULL, c->dir, NULL, MS_REMOUNT, "nobarrier"))
		return failed(c, "remount");
	return 0;
}

static int remount_same(struct pfcase *c)
{
	if (mount(NULL, c->dir, NULL, MS_REMOUNT | MS_NOATIME, ""))
		return failed(c, "remount");
	return 0;
}

static int remount_dax_never(struct pfcase *c)
{
	return mount(NULL, c->dir, NULL, MS_REMOUNT, "dax=never") ? failed(c, "remount") : 0;
}

/* ---- what is refused ---- */

static int dax_flag(struct pfcase *c)
{
	struct fsxattr x;

	if (ioctl(c->fd, FS_IOC_FSGETXATTR, &x))
		return failed(c, "FS_IOC_FSGETXATTR");
	x.fsx_xflags ^= FS_XFLAG_DAX;
	return ioctl(c->fd, FS_IOC_FSSETXATTR, &x) ? failed(c, "FS_IOC_FSSETXATTR") : 0;
}

/* On a filesystem with a realtime device, a file that is not on it. */
static int setup_not_realtime(struct pfcase *c)
{
	struct fsxattr x;

	c->fd = open(c->path, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (c->fd < 0 || ioctl(c->fd, FS_IOC_FSGETXATTR, &x))
		return failed(c, "FS_IOC_FSGETXATTR");
	x.fsx_xflags &= ~FS_XFLAG_REALTIME;
	if (ioctl(c->fd, FS_IOC_FSSETXATTR, &x) || ftruncate(c->fd, c->history->size) || fsync(c->fd))
		return failed(c, "FS_IOC_FSSETXATTR");
	return 0;
}

static int journal_data(struct pfcase *c)
{
	int flags;

	if (ioctl(c->fd, FS_IOC_GETFLAGS, &flags))
		return failed(c, "FS_IOC_GETFLAGS");
	flags |= FS_JOURNAL_DATA_FL;
	return refused(c, "chattr+j", ioctl(c->fd, FS_IOC_SETFLAGS, &flags));
}

static int swap_on(struct pfcase *c)
{
	char *header = calloc(1, PAGE);
	uint32_t *info = (uint32_t *)(header + 1024);
	int result;

	info[0] = 1;
	info[1] = PF_FILE_SIZE / PAGE - 1;
	memcpy(header + PAGE - 10, "SWAPSPACE2", 10);
	result = pwrite(c->fd, header, PAGE, 0) != PAGE || fsync(c->fd);
	free(header);
	if (result)
		return failed(c, "mkswap");
	return refused(c, "swapon", swapon(c->path, 0));
}

static int mount_data_journal(struct pfcase *c)
{
	if (mount(NULL, c->dir, NULL, MS_REMOUNT, "data=journal"))
		return refused(c, "data=journal", -1);
	return refused(c, "data=journal", 0);
}

static int remount_no_dax(struct pfcase *c)
{
	return refused(c, "dax=never", mount(NULL, c->dir, NULL, MS_REMOUNT, "dax=never"));
}

const struct history filesystem_histories[] = {
	{ "clone", setup_written, clone_from, FILE_AT },
	{ "clone-fsync", setup_written, clone_from_fsync, FILE_AT },
	{ "clone-store-beside", setup_written, clone_store_beside, FILE_AT },
	{ "clone-write-beside", setup_written, clone_write_beside, FILE_AT },
	{ "clone-unlink", setup_written, clone_unlink, FILE_AT },
	{ "clone-into", setup_written, clone_into, FILE_AT, .removes_first = true },
	{ "clone-into-hole", setup_hole, clone_into, FILE_AT, .removes_first = true },
	{ "clone-within", setup_written, clone_within, FILE_AT, .removes_first = true },
	{ "clone-cowextsize", setup_written, extent_size_hint, FILE_AT },
	{ "dedupe", setup_written, dedupe, .size = PF_FILE_SIZE, .first = SPOT,
		.then = SPOT + 64 * KB },
	{ "move-extent", setup_written, move_extent, FILE_AT },
	{ "swap-boot", setup_written, swap_boot, FILE_AT },
	{ "convert", setup_written, convert, FILE_AT },
	{ "not-realtime", setup_not_realtime, NULL, FILE_AT },
	{ "swap-extents", setup_written, swap_extents, FILE_AT, .removes_first = true },
	{ "setxattr", setup_hole, set_attribute, FILE_AT },
	{ "setxattr-fsync", setup_hole, set_attribute_fsync, FILE_AT },
	{ "scattered", setup_hole, scatter, FILE_AT },
	{ "scattered-punch", setup_hole, scatter_punch, FILE_AT, .removes_first = true },
	{ "setxattr-other", setup_hole, set_other_attribute, FILE_AT },
	{ "reuse-other", setup_written, reuse_other, REFUSAL },
	{ "rename-directory", setup_hole, rename_directory, FILE_AT },
	{ "freeze-thaw", setup_hole, freeze_thaw, FILE_AT },
	{ "syncfs", setup_hole, sync_all, FILE_AT },
	{ "resize", setup_hole, resize, FILE_AT },
	{ "shutdown-flush", setup_hole, shut_down_flush, FILE_AT },
	{ "shutdown-logflush", setup_hole, shut_down_logflush, FILE_AT },
	{ "shutdown-nologflush", setup_hole, shut_down_nologflush, FILE_AT },
	{ "no-space", setup_hole, fill_up, FILE_AT },
	{ "no-quota", setup_hole, quota_up, FILE_AT },
	{ "remount-nobarrier", setup_hole, remount_barrier, FILE_AT },
	{ "remount", setup_hole, remount_same, FILE_AT },
	{ "remount-dax-never", setup_hole, remount_dax_never, FILE_AT },
	{ "dax-flag", setup_hole, dax_flag, FILE_AT },
	{ "refuse-clone", setup_written, clone_refused, REFUSAL },
	{ "refuse-chattr-j", setup_written, journal_data, REFUSAL },
	{ "refuse-swapon", setup_written, swap_on, REFUSAL },
	{ "refuse-data-journal", setup_written, mount_data_journal, REFUSAL },
	{ "refuse-dax-never", setup_written, remount_no_dax, REFUSAL },
	{ 0 }
};
