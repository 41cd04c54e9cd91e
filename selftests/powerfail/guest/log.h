/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - the log of the random cases
 *
 * It is in a device-dax namespace of its own, whose memory is a file of the host: what
 * was stored there is there after QEMU was killed, with no flush. The index of a record
 * gives a total order: it is taken before the record is written, and "valid" is
 * written last; a record that is not valid is of something that had not begun, or of
 * an end that nobody knew of yet.
 */
#ifndef PF_LOG_H
#define PF_LOG_H

#include <stddef.h>
#include <stdint.h>

#define RANDOM_PAGES 96
#define RANDOM_WORDS 8		/* of 8 bytes, all the generation: one cache line */
/* Where they are in the file: in the middle of the page, so that its end comes by. */
#define RANDOM_SPOT(page) ((int64_t)(page) * 4096 + 2048 + (page) % 16 * 64)
#define RANDOM_BYTES (RANDOM_WORDS * 8)
#define ALL_PAGES 0xffff

enum record_kind {
	STORE_BEGIN = 1,	/* page, generation, persist: asked before the store */
	STORE_DONE,		/* written back */
	STORE_FAULT,		/* SIGBUS: it did not complete */
	/* Something that removes or overwrites the pages from..to, or sets the size. */
	CHANGE_BEGIN,
	CHANGE_DONE,
};

struct record {
	uint32_t valid;
	uint16_t id;		/* of the case, among the random ones */
	uint8_t kind, persist;
	uint16_t page, to;	/* a store's page; a change's first and last */
	uint32_t number;	/* of the change; its begin and end have the same */
	uint64_t generation;
	int64_t size;		/* CHANGE_DONE: the size it has set; -1: unchanged */
};

struct log {
	uint64_t head;		/* records taken */
	uint64_t pad[7];
	struct record records[];
};

/**
 * struct verdict - what the log and the file say
 * @stores: completed
 * @pages: with a store that has to be looked at: below a size that had been set
 *	before it, and not removed or overwritten since
 * @safe: of these, with PERSIST
 * @lost: of @pages, not there
 * @broken: of @safe, not there
 * @example: a page of @broken, or else of @lost; -1
 * @want, @got: the generation that had to be there at least, and what was
 */
struct verdict {
	long stores, pages, safe, lost, broken;
	long example;
	uint64_t want, got;
};

struct verdict judge_log(const struct record *records, uint64_t count, int id, int64_t start_size,
			 const uint64_t content[RANDOM_PAGES][RANDOM_WORDS]);

#endif
