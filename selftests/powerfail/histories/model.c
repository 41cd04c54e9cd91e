// SPDX-License-Identifier: GPL-2.0-or-later
/* model.c - what the files are, and may be after a power failure; see model.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* The value of a byte that a write with that number made at that place. Never 0. */
unsigned char byte_of(int number, off_t position)
{
	uint32_t x = number * 0x9e3779b1U ^ (uint32_t)position * 0x85ebca6bU;

	if (number == ZERO || number == ABSENT)
		return 0;
	x ^= x >> 15;
	x *= 0x2c1b3c6dU;
	x ^= x >> 12;
	x *= 0x297a2d39U;
	x ^= x >> 15;
	return 1 + x % 255;
}

static void *bytes(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (!p) {
		perror("memory");
		exit(2);
	}
	return p;
}

/* A file that nobody has written to, and that is not durable. */
static struct object *add_object(struct model *m, int file)
{
	struct object *o = &m->object[m->objects];

	o->size = 0;
	o->name = o->made_by = file;
	o->names = BIT(ABSENT) | BIT(file);
	if (m->limit) {
		o->cur = bytes(m->limit, 1);
		o->may = bytes(m->limit, sizeof(*o->may));
		o->ever = bytes(m->limit, sizeof(*o->ever));
		for (off_t i = 0; i < m->limit; i++) {
			o->cur[i] = ABSENT;
			o->may[i] = o->ever[i] = BIT(ABSENT);
		}
	}
	m->slot[file] = m->objects++;
	return o;
}

static int new_write(struct model *m, int file)
{
	m->writer[++m->writes] = file;
	m->made_at[m->writes] = m->step;
	return m->writes;
}

/* The bytes from..to become those of a write, and are durable if that is promised. */
static void put(struct model *m, struct object *o, off_t from, off_t to, int number, bool promised)
{
	for (off_t i = from; m->limit && i < to; i++) {
		o->cur[i] = number;
		o->may[i] = BIT(number) | (promised ? 0 : o->may[i]);
		o->ever[i] |= BIT(number);
	}
}

/* Bytes that a write beyond the end leaves between: zeros. */
static void grow(struct model *m, struct object *o, off_t size)
{
	if (size <= o->size)
		return;
	put(m, o, o->size, size, ZERO, false);
	o->size = size;
}

/*
 * The tail of the last page is zeroed in place, before the size is durable: the bytes that
 * are cut off may be zeros after a power failure.
 */
static void shrink(struct model *m, struct object *o, off_t size)
{
	put(m, o, size, o->size, ZERO, false);
	put(m, o, size, o->size, ABSENT, false);
	o->size = size;
}

static void write_bytes(struct model *m, int file, off_t from, size_t len)
{
	struct object *o = &m->object[m->slot[file]];

	grow(m, o, from);
	if (from + (off_t)len > o->size)
		o->size = from + len;
	put(m, o, from, from + len, new_write(m, file), false);
}

static void store_bytes(struct model *m, int file, off_t from, bool promised)
{
	struct object *o = &m->object[m->slot[file]];

	put(m, o, from, from + LINE, new_write(m, file), promised);
	/* Nothing is promised of names; but bytes that are durable are somewhere. */
	if (promised && o->name >= 0)
		o->names &= ~BIT(ABSENT);
}

static void zero_bytes(struct model *m, int file, off_t from, off_t to)
{
	struct object *o = &m->object[m->slot[file]];

	put(m, o, from, to < o->size ? to : o->size, ZERO, false);
}

/* All of a file, and its name, is durable. */
static void sync_object(struct model *m, struct object *o)
{
	for (off_t i = 0; i < m->limit; i++)
		o->may[i] = BIT(o->cur[i]);
	if (o->name >= 0)
		o->names = BIT(o->name);
}

static void sync_all(struct model *m)
{
	for (int i = 0; i < m->objects; i++)
		sync_object(m, &m->object[i]);
}

static void take(struct model *m, struct object *o, const uint8_t *from, off_t len)
{
	for (off_t i = 0; m->limit && i < len; i++) {
		o->cur[i] = from[i];
		o->may[i] |= BIT(from[i]);
		o->ever[i] |= BIT(from[i]);
	}
}

static void clone(struct model *m, int file, int to)
{
	const struct object *from = &m->object[m->slot[file]];
	struct object *o = &m->object[m->slot[to]];

	take(m, o, from->cur, from->size);
	if (from->size > o->size)
		o->size = from->size;
}

static void exchange(struct model *m, int file, int with)
{
	struct object *a = &m->object[m->slot[file]], *b = &m->object[m->slot[with]];
	uint8_t *old;

	if (!m->limit)
		return;
	old = bytes(m->limit, 1);
	memcpy(old, a->cur, m->limit);
	take(m, a, b->cur, a->size);
	take(m, b, old, b->size);
	free(old);
}

/* "file" is the file of the name "to" afterwards, and the other way round, without a name. */
static void rename_over(struct model *m, int file, int to)
{
	struct object *winner = &m->object[m->slot[file]], *loser = &m->object[m->slot[to]];
	int index = m->slot[file];

	if (loser->name >= 0) {
		loser->name = -1;
		loser->names |= BIT(ABSENT);
	}
	winner->name = to;
	winner->names |= BIT(to);
	m->slot[file] = m->slot[to];
	m->slot[to] = index;
}

static void recreate(struct model *m, int file)
{
	struct object *old = &m->object[m->slot[file]];

	if (old->name >= 0) {
		old->name = -1;
		old->names |= BIT(ABSENT);
	}
	add_object(m, file);
	write_bytes(m, file, 0, m->form->base);
}

void model_start(struct model *m, const struct form *form, int files, bool with_bytes)
{
	memset(m, 0, sizeof(*m));
	m->form = form;
	m->files = files;
	m->limit = with_bytes ? form->base + 16 * HPAGE : 0;
	m->step = -1;
	for (int i = 0; i < files; i++) {
		add_object(m, i);
		if (i && form->shared)
			clone(m, 0, i);
		else
			write_bytes(m, i, 0, form->base);
		sync_object(m, &m->object[i]);
	}
	m->step = 0;
}

void model_end(struct model *m)
{
	for (int i = 0; i < m->objects; i++) {
		free(m->object[i].cur);
		free(m->object[i].may);
		free(m->object[i].ever);
	}
	m->objects = 0;
}

/* Can it be done, and is it what its name says? */
bool op_possible(const struct model *m, const struct op *op)
{
	const struct object *o = &m->object[m->slot[op->file]];
	const struct object *to = op->to < 0 ? NULL : &m->object[m->slot[op->to]];
	off_t target = m->form->target;

	switch (op->kind) {
	case 's': case 'p': case LAST:
		return o->size >= target + CUT_AT;
	case 'h': case 'z':
		return o->size > target;
	case 't':
		return o->size > target;
	case 'd':
		return o->size > target + CUT_AT;
	case 'u':
		return o->size < m->form->up;
	case 'f':
		return o->size < m->form->end;
	case 'a':
		return o->size + APPEND_LEN <= m->form->base + 15 * HPAGE;
	case 'c': /* a last page that is not full cannot come into the middle of a file */
		return o->size >= to->size || o->size % HPAGE == 0;
	case 'x':
		return o->size == to->size;
	case 'r':
		return o->name >= 0;
	default:
		return true;
	}
}

/* Does it. "promised" is about stores: what was stored is durable. */
void model_apply(struct model *m, const struct op *op, bool promised)
{
	struct object *o = &m->object[m->slot[op->file]];
	off_t target = m->form->target, size = o->size;

	switch (op->kind) {
	case 's': store_bytes(m, op->file, target + SYNC_AT, promised); break;
	case LAST: store_bytes(m, op->file, target + LAST_AT, promised); break;
	case 'p': store_bytes(m, op->file, target + PLAIN_AT, promised); break;
	case 'w': write_bytes(m, op->file, target + PART_AT, PART_LEN); break;
	case 'W': write_bytes(m, op->file, target, HPAGE); break;
	case 'a': write_bytes(m, op->file, size, APPEND_LEN); break;
	case 'h': case 'z': zero_bytes(m, op->file, target, target + HPAGE); break;
	case 'd': shrink(m, o, target + CUT_AT); break;
	case 't': shrink(m, o, target - 1000); grow(m, o, size); break;
	case 'u': grow(m, o, m->form->up); break;
	case 'f': grow(m, o, m->form->end); break;
	case 'y': sync_object(m, o); break;
	case 'n': recreate(m, op->file); break;
	case 'c': clone(m, op->file, op->to); break;
	case 'x': exchange(m, op->file, op->to); break;
	case 'r': rename_over(m, op->file, op->to); break;
	case 'm': sync_all(m); break;
	}
	m->step++;
}

/* What a file holds now, into "to", which has room for o->size bytes. */
void fill(const struct model *m, const struct object *o, unsigned char *to)
{
	(void)m;
	for (off_t i = 0; i < o->size; i++)
		to[i] = byte_of(o->cur[i], i);
}
