// SPDX-License-Identifier: GPL-2.0-or-later
/* exchange.c - an exchange of the blocks of two files of an XFS */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <xfs/xfs.h>

#include "pf.h"

/*
 * What xfs_fsr does: fd gets the donor's blocks, and the donor those of fd. Both have that
 * size. Returns 0, or -1 with errno.
 */
int exchange_extents(int fd, int donor, off_t size)
{
	struct xfs_swapext swap = {
		.sx_version = XFS_SX_VERSION, .sx_length = size, .sx_fdtarget = fd, .sx_fdtmp = donor
	};
	struct xfs_bulkstat_req *bulk = calloc(1, sizeof(*bulk) + sizeof(struct xfs_bulkstat));
	struct stat st;
	int result = -1;

	if (!bulk || fstat(fd, &st))
		goto out;
	bulk->hdr.ino = st.st_ino;
	bulk->hdr.icount = 1;
	if (ioctl(fd, XFS_IOC_BULKSTAT, bulk))
		goto out;
	swap.sx_stat.bs_ino = bulk->bulkstat[0].bs_ino;
	swap.sx_stat.bs_size = bulk->bulkstat[0].bs_size;
	swap.sx_stat.bs_gen = bulk->bulkstat[0].bs_gen;
	swap.sx_stat.bs_mtime.tv_sec = bulk->bulkstat[0].bs_mtime;
	swap.sx_stat.bs_mtime.tv_nsec = bulk->bulkstat[0].bs_mtime_nsec;
	swap.sx_stat.bs_ctime.tv_sec = bulk->bulkstat[0].bs_ctime;
	swap.sx_stat.bs_ctime.tv_nsec = bulk->bulkstat[0].bs_ctime_nsec;
	result = ioctl(fd, XFS_IOC_SWAPEXT, &swap);
out:
	free(bulk);
	return result;
}
