/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The number of mincore2(): the one place of user space that has it.
 *
 * The call is out of tree. The number is the last that strace's tables have
 * for the range that all architectures share, far from what mainline gives
 * out next. It says nothing about which call sits there: probe.c decides.
 *
 * This file includes nothing, so that a test can preprocess it for any
 * architecture.
 */
#ifndef MINCORE2_NUMBER_H
#define MINCORE2_NUMBER_H

#define MINCORE2_NR_COMMON	499

/*
 * Alpha has its own table, which runs 110 ahead of the shared range; MIPS
 * has one base for each ABI (its <asm/unistd.h>: 4000, 5000, 6000); x32
 * marks each of its calls with a bit.
 */
#if defined(__alpha__)
#define MINCORE2_NR	(MINCORE2_NR_COMMON + 110)
#elif defined(__mips__) && _MIPS_SIM == _ABIO32
#define MINCORE2_NR	(4000 + MINCORE2_NR_COMMON)
#elif defined(__mips__) && _MIPS_SIM == _ABI64
#define MINCORE2_NR	(5000 + MINCORE2_NR_COMMON)
#elif defined(__mips__) && _MIPS_SIM == _ABIN32
#define MINCORE2_NR	(6000 + MINCORE2_NR_COMMON)
#elif defined(__mips__)
#error "mincore2: unknown MIPS ABI"
#elif defined(__x86_64__) && defined(__ILP32__)
#define MINCORE2_NR	(0x40000000 + MINCORE2_NR_COMMON)
#else
#define MINCORE2_NR	MINCORE2_NR_COMMON
#endif

#endif /* MINCORE2_NUMBER_H */
