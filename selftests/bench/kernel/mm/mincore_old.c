// SPDX-License-Identifier: GPL-2.0
/*
 * For tests and measuring only: mincore() as it is without the series, compiled from
 * the file that selftests/bench/make-overlay has put beside this one. It is a judge of
 * what is resident that shares no code with the new walk, and what the cost of the
 * new walk is compared with. Only the names that the kernel has already are changed.
 */
#include <linux/syscalls.h>
#include "mincore2_bench.h"

#undef SYSCALL_DEFINE3
#define SYSCALL_DEFINE3(name, type1, arg1, type2, arg2, type3, arg3) \
	long old_##name(type1 arg1, type2 arg2, type3 arg3)
#define mincore_page	old_mincore_page
#undef can_do_mincore
#define can_do_mincore	old_can_do_mincore
#define do_mincore	old_do_mincore

#include "mincore_unpatched.inc"
