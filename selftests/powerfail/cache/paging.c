// SPDX-License-Identifier: GPL-2.0-or-later
/* paging.c - see paging.h */
#include "paging.h"

#define PRESENT 1UL
#define HUGE_PAGE (1UL << 7)
#define ADDRESS 0x000ffffffffff000UL
#define LA57 (1UL << 12)

bool translate(const struct ram *ram, uint64_t cr3, uint64_t cr4, uint64_t linear, uint64_t *physical)
{
	uint64_t entry = cr3, offset;

	for (int level = cr4 & LA57 ? 4 : 3, shift; level >= 0; level--) {
		shift = 12 + 9 * level;
		offset = (entry & ADDRESS) + (linear >> shift & 511) * 8;
		if (offset + 8 > ram->size)
			return false;
		entry = __atomic_load_n((const uint64_t *)(ram->bytes + offset), __ATOMIC_RELAXED);
		if (!(entry & PRESENT))
			return false;
		if (!level || ((level == 1 || level == 2) && entry & HUGE_PAGE)) {
			uint64_t within = (1UL << shift) - 1;

			*physical = (entry & ADDRESS & ~within) | (linear & within);
			return true;
		}
	}
	return false;
}
