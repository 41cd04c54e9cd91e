/* SPDX-License-Identifier: GPL-2.0-or-later */
/* paging.h - a linear address of the guest, by its page tables */
#ifndef CACHE_PAGING_H
#define CACHE_PAGING_H

#include <stdbool.h>
#include <stdint.h>

/* The guest's memory, from physical address 0; page tables are in it. */
struct ram {
	const uint8_t *bytes;
	uint64_t size;
};

/* False: nothing is mapped there, or a table is not in memory. Long mode is taken for granted. */
bool translate(const struct ram *ram, uint64_t cr3, uint64_t cr4, uint64_t linear, uint64_t *physical);

#endif
