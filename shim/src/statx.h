/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * statx(2), which C libraries have later than the kernel (musl since 1.2.5), and
 * the one attribute that tells whether a file is in DAX mode, Linux 5.8.
 */
#ifndef MINCORE2_STATX_H
#define MINCORE2_STATX_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH		0x1000
#endif
#ifndef AT_STATX_DONT_SYNC
#define AT_STATX_DONT_SYNC	0x4000
#endif

#define MINCORE2_STATX_UID	0x0008U
#define MINCORE2_STATX_BASIC	0x07ffU
#define MINCORE2_ATTR_DAX	0x00200000U

struct mincore2_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct { int64_t sec; uint32_t nsec; int32_t spare; } times[4];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t more[14];
};

_Static_assert(sizeof(struct mincore2_statx) == 256, "struct statx");

/* What is known of an open file without asking a server. Returns 0 or -1. */
static inline int mincore2_statx(int fd, struct mincore2_statx *stx)
{
	return (int)syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			    MINCORE2_STATX_BASIC, stx);
}

#endif /* MINCORE2_STATX_H */
