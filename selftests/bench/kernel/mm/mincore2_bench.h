/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What the kernel that measures can be asked on top, through ioctl() on
 * /proc/mincore2_bench. Shared with the program that asks.
 */
#ifndef MINCORE2_BENCH_H
#define MINCORE2_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct mincore2_bench - arguments and result of one request
 * @addr:	first address of a range in one mapping, page aligned
 * @length:	bytes in it, whole pages
 * @vec:	for the calls that are traced: as for the call
 * @nr:		the same
 * @flags:	the same; 0: mincore(); MINCORE2_BENCH_OLD_WALK: its old walk
 * @ret:	what the call returned, or how many entries the walk read
 * @mmap_max:	longest hold of mmap_lock, in units of the cycle counter
 * @ptl_max:	longest hold of a page-table lock
 * @mmap_holds:	how often mmap_lock was taken
 * @ptl_holds:	how often a page-table lock was taken
 * @overhead:	what one measurement adds to a hold, in the same unit
 */
struct mincore2_bench {
	__u64 addr;
	__u64 length;
	__u64 vec;
	__u64 nr;
	__u64 flags;
	__s64 ret;
	__u64 mmap_max;
	__u64 ptl_max;
	__u64 mmap_holds;
	__u64 ptl_holds;
	__u64 overhead;
};

/* No flag of the call. */
#define MINCORE2_BENCH_OLD_WALK	(1U << 30)

/* The floor: a walk that reads each entry of the range and does nothing. */
#define MINCORE2_BENCH_WALK	_IOWR('M', 1, struct mincore2_bench)
/* mincore2() or mincore(), with a clock at each lock. */
#define MINCORE2_BENCH_HOLDS	_IOWR('M', 2, struct mincore2_bench)
/* mincore() with the walk that it had before, without clocks. */
#define MINCORE2_BENCH_OLD	_IOWR('M', 3, struct mincore2_bench)

#ifdef __KERNEL__
long old_mincore(unsigned long start, size_t len, unsigned char __user *vec);
#endif

#endif
