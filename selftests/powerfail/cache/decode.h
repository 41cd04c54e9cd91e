/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.h - the x86 instructions that a model of the CPU cache has to know
 *
 * Code is taken to be 64-bit code.
 */
#ifndef CACHE_DECODE_H
#define CACHE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum insn_kind {
	INSN_OTHER,
	INSN_WRITE_BACK,	/* CLWB, CLFLUSHOPT: a fence completes it */
	INSN_CLFLUSH,		/* ordered with other stores and flushes: needs no fence */
	INSN_FENCE,		/* SFENCE, MFENCE */
	INSN_SERIAL,		/* other instructions that wait until all stores are done */
	INSN_NON_TEMPORAL,	/* a store that goes past the cache; a fence completes it */
	INSN_MARK,		/* see deltas.h: the program has something to say; RDI has more */
};

/* Numbers of registers, as instructions have them. */
enum { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8,
	REG_COUNT = 16, REG_NONE = -1 };

/**
 * struct operand - a memory operand
 * @base, @index: register or REG_NONE
 * @scale: 1, 2, 4, 8
 * @segment: 'f' (FS), 'g' (GS), or 0: the others have no base in 64-bit code
 * @narrow: the address has 32 bits (prefix 67)
 * @relative: relative to the next instruction
 */
struct operand {
	int base, index, scale;
	int32_t displacement;
	char segment;
	bool narrow, relative;
};

/*
 * @length is only set for the kinds that have an operand: INSN_WRITE_BACK, INSN_CLFLUSH.
 * @mark: of INSN_MARK: its kind
 */
struct insn {
	enum insn_kind kind;
	struct operand operand;
	size_t length;
	int mark;
};

struct registers {
	uint64_t general[REG_COUNT], fs_base, gs_base;
};

struct insn decode(const uint8_t *code, size_t size);
/* The linear address of an operand; "next" is the address of the next instruction. */
uint64_t operand_address(const struct operand *o, const struct registers *r, uint64_t next);

#endif
