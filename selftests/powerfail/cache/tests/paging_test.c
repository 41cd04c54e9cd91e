// SPDX-License-Identifier: GPL-2.0-or-later
/* paging_test - paging.c against page tables made here. Prints what is wrong. */
#include <stdio.h>
#include <string.h>

#include "../paging.h"

#define LA57 (1UL << 12)

static uint64_t tables[8][512];	/* table n is at physical address n * 4096 */
static const struct ram ram = { .bytes = (const uint8_t *)tables, .size = sizeof(tables) };
static int failures;

/* wanted: 0 for "not mapped" */
static void is(uint64_t cr3, uint64_t cr4, uint64_t linear, uint64_t wanted)
{
	uint64_t got = 0;
	bool mapped = translate(&ram, cr3, cr4, linear, &got);

	if (mapped != (wanted != 0) || (mapped && got != wanted)) {
		printf("%#lx (cr3 %#lx, cr4 %#lx): %s %#lx, not %#lx\n", linear, cr3, cr4,
		       mapped ? "mapped to" : "not mapped", got, wanted);
		failures++;
	}
}

int main(void)
{
	const uint64_t no_execute = 1UL << 63, kernel = 0xffff888000000000UL;

	/* 1: level 5, 2: level 4, 3: level 3, 4: level 2, 5: level 1 */
	tables[1][0] = 2 << 12 | 0x27;
	tables[2][0] = 3 << 12 | 0x27;
	tables[2][273] = 3 << 12 | 0x23;	/* 0xffff888... */
	tables[3][0] = 4 << 12 | 0x27;
	tables[3][1] = 0x240000000 | no_execute | 0xe7;	/* 1 GiB; bit 7 is "huge" */
	tables[4][0] = 5 << 12 | 0x27;
	tables[4][1] = 0x200200000 | no_execute | 0xe7;	/* 2 MiB */
	tables[4][2] = 0x200400000 | 0xe6;		/* not present */
	tables[4][3] = sizeof(tables) | 0x27;		/* a table that is not in memory */
	tables[5][1] = 0x300001000 | no_execute | 0xe7;	/* 4 KiB; bit 7 is "PAT" there */
	is(0x2000, 0, 0x1abc, 0x300001abc);
	is(0x2000 | 0xfff, 0, 0x1abc, 0x300001abc);	/* CR3 with a PCID */
	is(0x2000, 0, 0x2abc, 0);
	is(0x2000, 0, 0x200000 + 0x12345, 0x200212345);
	is(0x2000, 0, 0x400000, 0);
	is(0x2000, 0, 0x600000, 0);
	is(0x2000, 0, 0x40000000 + 0x3456789, 0x243456789);
	is(0x2000, 0, kernel + 0x1abc, 0x300001abc);
	is(0x2000, 0, 1UL << 39, 0);
	is(0x1000, LA57, 0x1abc, 0x300001abc);
	is(0x1000, LA57, 1UL << 48, 0);
	is(0x1000 + sizeof(tables), 0, 0x1abc, 0);
	return failures != 0;
}
