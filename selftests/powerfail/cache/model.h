/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model.h - what persistent memory would hold if the power failed, with a CPU cache
 *
 * Beside the memory that the guest sees there is a durable image. A store is in the cache
 * only. A write-back (CLWB, CLFLUSHOPT) takes the line as it is, and a non-temporal store
 * takes its own bytes; both are pending, on the processor that did it, and get into the
 * durable image at that processor's next fence. CLFLUSH needs no fence.
 * The durable image never gets older: if two processors write back the same line, what was
 * taken first does not overwrite what was taken later.
 */
#ifndef CACHE_MODEL_H
#define CACHE_MODEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deltas.h"

#define LINE_BYTES 64
#define MAX_CPUS 4
#define MAX_DEVICES 4
#define MAX_OUTSIDE 4
#define TABLE_HEADER 4096	/* bytes of the table before the lines */
#define TABLE_MAGIC 0x3165686361634653UL

/* What the model counts, and can be told to ignore. The kernel's are next to user space's. */
enum event_class {
	USER_WRITE_BACK, KERNEL_WRITE_BACK,	/* CLWB, CLFLUSHOPT, CLFLUSH */
	USER_FENCE, KERNEL_FENCE,		/* SFENCE, MFENCE */
	USER_SERIAL, KERNEL_SERIAL,		/* LOCK, CPUID and others */
	USER_NON_TEMPORAL, KERNEL_NON_TEMPORAL,
	EVENT_CLASSES
};

/**
 * struct line - the history of a line of 64 bytes, for people
 * @stored_by, @written_by: the instructions that stored to it and wrote it back last; 0
 *	if none was seen. A non-temporal store is both
 * @written_at: when; see struct table, clock
 * @newest: for each processor, its newest entry of the line in its list of what is pending,
 *	counted from 1
 * @pending: a bit for each processor that has such an entry
 * @stored: it was stored to since it was written back
 */
struct line {
	uint64_t stored_by, written_by, written_at;
	uint32_t newest[MAX_CPUS];
	uint8_t pending, stored, stored_on, written_on;
};

/**
 * struct table - the head of a file that has all that is known when the power is cut
 * @clock: counts write-backs, non-temporal stores and fences
 * @fenced_at: for each processor, the clock at its last fence
 * @seen: events by class, on the devices of the model
 * @useful: of these, the write-backs that changed what a fence will make durable, and the
 *	fences that made anything durable: what single faults are chosen from
 * @dropped_by: the instruction that was dropped as a single fault
 * @evicted: lines that left the cache by themselves
 * @unresolved: flushes whose address could not be found out; and the first one
 */
struct table {
	uint64_t magic, device_count;
	struct { uint64_t start, size, first_line; } devices[MAX_DEVICES];
	uint64_t clock, fenced_at[MAX_CPUS];
	uint64_t seen[EVENT_CLASSES], useful[EVENT_CLASSES];
	uint64_t dropped_by, evicted;
	uint64_t unresolved, unresolved_by, unresolved_address;
};

/* @visible: what the guest sees. @durable: what would be left. */
struct device {
	uint64_t start, size;
	const uint8_t *visible;
	uint8_t *durable;
	struct line *lines;
};

/* Bytes on their way to the durable image: those of @data whose bit in @mask is set. */
struct entry {
	const struct device *device;
	uint64_t line, at, mask;
	uint8_t data[LINE_BYTES];
};

struct pending {
	struct entry *entries;
	size_t count, room;
};

/**
 * struct model
 * @ignored: bits of classes that have no effect
 * @drop_class, @drop_number: a single fault: that useful event, counted from 1, has no
 *	effect; 0: none
 * @random: state of the generator; 0: no line leaves the cache by itself
 * @recent: lines that may leave
 * @deltas: the log of what becomes durable; NULL: none is kept
 * @cut: nothing becomes durable any more
 */
struct model {
	pthread_mutex_t lock;
	struct table *table;
	struct device devices[MAX_DEVICES];
	struct { uint64_t start, size; } outside[MAX_OUTSIDE];
	size_t device_count, outside_count;
	struct pending pending[MAX_CPUS];
	unsigned int ignored;
	enum event_class drop_class;
	uint64_t drop_number;
	uint64_t random;
	struct { struct device *device; uint64_t line; } recent[256];
	struct deltas *deltas;
	bool cut;
};

/* size is that of the file: the lines of all devices behind the head. */
size_t model_table_size(const struct model *m);
/* The table is empty (zeros) and has that size; devices are complete but for their lines. */
void model_start(struct model *m, void *table);

/* All addresses are physical; what is not on a device of the model is left alone. */
void model_store(struct model *m, unsigned int cpu, uint64_t address, size_t size, uint64_t by);
void model_non_temporal(struct model *m, unsigned int cpu, uint64_t address, size_t size, uint64_t by,
			enum event_class class);
void model_write_back(struct model *m, unsigned int cpu, uint64_t address, uint64_t by,
		      enum event_class class, bool ordered);
void model_fence(struct model *m, unsigned int cpu, uint64_t by, enum event_class class);
void model_unresolved(struct model *m, uint64_t address, uint64_t by);
/* The guest's program has set a mark. */
void model_mark(struct model *m, unsigned int cpu, uint64_t by, enum delta_kind kind, uint64_t number);

#endif
