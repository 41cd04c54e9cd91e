/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deltas.h - a log of all that has become durable, in the order in which it did
 *
 * One record for each fence that made something durable, and one for each mark that the
 * guest's program has set: a head, and the lines as they were in the durable image then,
 * changed or not. What the devices held at the beginning, with all lines of the first N
 * records put over it, is what a power failure after the N-th would have left.
 */
#ifndef CACHE_DELTAS_H
#define CACHE_DELTAS_H

#include <stddef.h>
#include <stdint.h>

#define DELTA_MAGIC 0x31746c64U
#define DELTA_LINE 64

/*
 * A mark is an instruction that does nothing: NOPL with this displacement, plus its kind,
 * to the register RDI, which has a number.
 */
#define MARK_DISPLACEMENT 0x6d633200
enum delta_kind {
	DELTA_DURABLE,		/* no mark: lines have become durable */
	MARK_PROMISE,		/* a store comes that is to be promised... */
	MARK_BEGIN,		/* ... the operation with that number begins, ... */
	MARK_END,		/* ... and has ended */
	MARK_CUT,		/* nothing becomes durable after this one */
	DELTA_KINDS
};

/**
 * struct delta - the head of a record; @lines lines follow
 * @kind: enum delta_kind
 * @by: the instruction: a fence, CLFLUSH, or the store at which a line left the cache
 * @number: of a mark
 */
struct delta {
	uint32_t magic, kind, lines, cpu;
	uint64_t by, number;
};

/* @address: physical. */
struct delta_line {
	uint64_t address;
	uint8_t data[DELTA_LINE];
};

/* What is written: a record that is being made. */
struct deltas {
	int fd;
	uint8_t *record;
	size_t size, room;
	uint32_t lines;
};

/* path is made anew. Returns 0, or -1 with errno. */
int deltas_open(struct deltas *d, const char *path);
/* A line that has become durable: its address and its bytes. */
void deltas_add(struct deltas *d, uint64_t address, const uint8_t *data);
/* Writes the record; a process that is killed later has it in the file. */
void deltas_end(struct deltas *d, enum delta_kind kind, unsigned int cpu, uint64_t by, uint64_t number);

#endif
