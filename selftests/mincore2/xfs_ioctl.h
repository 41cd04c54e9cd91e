/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of XFS that its tests need, as fs/xfs/libxfs/xfs_fs.h has them, which is not
 * among the exported headers.
 */
#ifndef MINCORE2_SELFTESTS_XFS_IOCTL_H
#define MINCORE2_SELFTESTS_XFS_IOCTL_H

#include <stdint.h>
#include <sys/ioctl.h>

/* XFS_IOC_SWAPEXT, and what it takes. */
struct bstime { long sec; int nsec; };

struct bstat {
	uint64_t ino;
	uint16_t mode, nlink;
	uint32_t uid, gid, rdev;
	int32_t blksize;
	int64_t size;
	struct bstime atime, mtime, ctime;
	int64_t blocks;
	uint32_t xflags;
	int32_t extsize, extents;
	uint32_t gen;
	uint16_t projid_lo, forkoff, projid_hi, sick, checked;
	uint8_t pad[2];
	uint32_t cowextsize, dmevmask;
	uint16_t dmstate, aextents;
};

struct swapext {
	int64_t version, target, tmp, offset, length;
	char pad[16];
	struct bstat stat;
};

struct bulk_request {
	uint64_t *last;
	int32_t count;
	void *buffer;
	int32_t *got;
};

#define IOC_BULKSTAT_SINGLE	_IOWR('X', 102, struct bulk_request)
#define IOC_SWAPEXT		_IOWR('X', 109, struct swapext)

/* XFS_IOC_FD_TO_HANDLE and XFS_IOC_OPEN_BY_HANDLE */
struct handle_request {
	uint32_t fd;
	void *path;
	uint32_t flags;
	void *in;
	uint32_t in_size;
	void *out;
	uint32_t *out_size;
};

#define IOC_FD_TO_HANDLE	_IOWR('X', 106, struct handle_request)
#define IOC_OPEN_BY_HANDLE	_IOWR('X', 107, struct handle_request)

#endif /* MINCORE2_SELFTESTS_XFS_IOCTL_H */
