/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image.h - what a power failure at each instant would have left, from the log of what
 * became durable (../cache/deltas.h)
 *
 * An instant of an operation is a fence between its marks that made a line of its
 * filesystem durable; instant 0 is before all of them. Instants whose images are equal are
 * one image.
 */
#ifndef INSTANTS_IMAGE_H
#define INSTANTS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../cache/deltas.h"

/**
 * struct records - a log in memory, read from its beginning
 * @at: of the next record
 * @count: records that were read
 */
struct records {
	const uint8_t *log;
	size_t size, at;
	long count;
};

/* The next record. False: there is none. A log that is not sound ends the program. */
bool next_record(struct records *r, struct delta *head, const uint8_t **lines);
struct delta_line line_of(const uint8_t *lines, uint32_t number);

/**
 * struct device_image - what the device of a log holds
 * @start, @size: physical addresses
 */
struct device_image {
	uint64_t start, size;
	uint8_t *bytes;
};

/* Puts the lines of the record into it. */
void apply(const struct device_image *d, const struct delta *head, const uint8_t *lines);

/**
 * struct image - an image that differs from all others of the operation
 * @hash: sum of the hashes of the lines in which it differs from instant 0
 * @instant: the first at which it was the image; @record: how many records lead to it
 * @count: at how many instants it was
 * @by: the instruction that made it
 * @after: it was, when the operation had ended
 */
struct image {
	uint64_t hash[2], by;
	long instant, record, count;
	bool after;
};

/**
 * struct head - the beginning of a block by which a journal is understood, and that became
 * durable at an instant: a commit block or superblock of jbd2, or a log record header of XFS
 * @address, @size: physical, of the block
 */
struct head {
	uint64_t address, size, by;
	long instant, record;
};

/**
 * struct operation
 * @number: of its marks
 * @start, @size: physical addresses of its filesystem
 * @promise, @begin, @end: records before these marks; -1: they did not come
 * @instants: how many; @kernel: how many of them are of the kernel's instructions
 */
struct operation {
	uint64_t number, start, size;
	long promise, begin, end, instants, kernel;
	struct image *images;
	long distinct;
	struct head *heads;
	long head_count;
};

/* Is the line, which is new at that place, the head of such a block? Its size, or 0. */
uint64_t head_size(const struct operation *o, const struct delta_line *line);
/* The ways in which a block of that size is torn: number i leaves bytes from..to old. False: no more. */
bool tear(uint64_t size, int i, uint64_t *from, uint64_t *to);

/* Fills in all operations. The device has what it had at the beginning, and is changed. */
void find_images(struct records *r, const struct device_image *d, struct operation *operations, size_t count);
/*
 * Which images are tried if only "most" are (0: all): the first, the last, and others at even
 * distances; the seed says which. Sets tried[]; returns how many.
 */
long choose(long images, long most, uint64_t seed, bool *tried);

#define MOST_LEFT_OUT 64
/**
 * struct target - an image to be rebuilt in another place of a device
 * @from, @size: physical addresses of the filesystem as the log has it
 * @to: and where it is to be
 * @record: so many records of the log
 * @skip, @skip_end: the lines of the records between are left out, and these lines later, too;
 *	none if both are equal
 * @torn: physical address of a block, of which the last record is to leave the bytes
 *	@torn_from to @torn_to as they were; these are equal if there is none
 * @left_out, @left_out_count: where these are; filled in by rebuild()
 */
struct target {
	uint64_t from, to, size;
	long record, skip, skip_end;
	uint64_t torn, torn_from, torn_to;
	uint64_t left_out[MOST_LEFT_OUT];
	size_t left_out_count;
};

/*
 * The device has what each filesystem had at the beginning, at @to. A target after more records
 * than there are ends the program.
 */
void rebuild(struct records *r, const struct device_image *d, struct target *targets, size_t count);

#endif
