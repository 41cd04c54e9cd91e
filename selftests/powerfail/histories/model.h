/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model.h - short histories of a few files, and what a power failure may leave of them
 *
 * A history is a list of operations, written as "cAB-yA-hB": a letter for the operation and
 * one for each file. The model has three things for each byte of each file: what it is now,
 * what it may be after a power failure, and what it has ever been. Each write has a
 * number, and the number and the position of a byte give its value. So a byte
 * that comes from another file, another place or an older write is found.
 *
 * Needs nothing of the guest: ../tests/histories_test.c feeds it with made-up files.
 */
#ifndef HISTORIES_MODEL_H
#define HISTORIES_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_FILES 3
#define MAX_OPS 12
#define MAX_OBJECTS (MAX_FILES + MAX_OPS)
#define HPAGE 4096L
#define HUGE_BYTES (2L << 20)

/* Numbers of writes. These two are not of writes. */
#define ZERO 0
#define ABSENT 31		/* beyond the end of the file */
#define BIT(number) (1U << (number))

/**
 * struct form - how the files of a history begin, and where things happen in them
 * @name: as in lists of histories
 * @target: the page that most operations are about
 * @base: size at the beginning
 * @up: size after a truncate up
 * @end: size after fallocate
 * @shared: all other files are clones of A, and all are synced
 */
struct form {
	const char *name;
	off_t target, base, up, end;
	bool shared;
};

/* Where in the target page. Stores are a cache line each. */
#define SYNC_AT 128
#define LAST_AT 192
#define PLAIN_AT 256
#define LINE 64
#define CUT_AT 333		/* size after a truncate down: not a multiple of 8 */
#define PART_AT 1000
#define PART_LEN 100
#define APPEND_LEN 3000

/**
 * struct op - an operation
 * @kind: a letter, see op_words(); LAST: the store that ends each history
 * @file: the file it is about: 0 is A, ...
 * @to: the other file, of those that have two; or -1
 */
struct op {
	char kind;
	int8_t file, to;
};
#define LAST 'e'

struct sequence {
	const struct form *form;
	int files, count;
	struct op ops[MAX_OPS];
};

/**
 * struct object - a file, whatever its name is
 * @size: now
 * @name: which file's name it has; -1: none
 * @names: the names that it may have after a power failure, a bit each; BIT(ABSENT): it may be gone
 * @made_by: which file it was made for
 * @cur, @may, @ever: for each byte: number of the write that it is from; a bit each for
 *	those that it may be from after a power failure, and for those that it has ever been from
 */
struct object {
	off_t size;
	int name, made_by;
	uint32_t names;
	uint8_t *cur;
	uint32_t *may, *ever;
};

/**
 * struct model - all files
 * @object, @objects: all there ever were
 * @slot: which object is file A, B, C
 * @writes: how many there were so far
 * @writer: of each write: the file, 0 to 2
 * @step: of each write: the operation, from 0; -1: at the beginning
 * @limit: bytes that a file can have; 0: the model has no bytes, only sizes and names
 */
struct model {
	const struct form *form;
	int files;
	struct object object[MAX_OBJECTS];
	int objects, slot[MAX_FILES], writes, step;
	int8_t writer[ABSENT], made_at[ABSENT];
	off_t limit;
};

/* What became of a file. */
enum outcome {
	KEPT,
	LOST,		/* something that was promised is not there */
	FOREIGN,	/* a byte that this file never had */
};

extern const struct form forms[];
const struct form *find_form(const char *name);
const char *op_words(char kind);
bool parse_history(struct sequence *h, const char *text);
char *print_history(const struct sequence *h, char *to, size_t size);
char *print_words(const struct sequence *h, char *to, size_t size);
char *print_op(const struct op *op, char *to, size_t size);

unsigned char byte_of(int number, off_t position);
void model_start(struct model *m, const struct form *form, int files, bool bytes);
void model_end(struct model *m);
bool op_possible(const struct model *m, const struct op *op);
void model_apply(struct model *m, const struct op *op, bool promised);
void fill(const struct model *m, const struct object *o, unsigned char *to);
enum outcome judge_bytes(const struct model *m, const struct object *o, const unsigned char *data,
			 off_t size, char *why, size_t room);

#endif
