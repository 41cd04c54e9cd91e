/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dice.h - random numbers that a seed repeats (xorshift64); one sequence a source file */
#ifndef POWERFAIL_DICE_H
#define POWERFAIL_DICE_H

#include <stdint.h>

static uint64_t dice;	/* the seed, not 0 */

/* 0..n-1 */
static inline uint32_t roll(uint32_t n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (dice >> 32) % n;
}

#endif
