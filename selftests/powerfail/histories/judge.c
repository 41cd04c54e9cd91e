// SPDX-License-Identifier: GPL-2.0-or-later
/* judge.c - is a file one that a power failure may leave? See model.h */
#include <stdio.h>
#include <string.h>

#include "model.h"

/* One of the writes in "set" at that place, by the byte that is there (-1: beyond the end). */
static bool from(uint32_t set, off_t at, int byte)
{
	if (byte < 0)
		return set & BIT(ABSENT);
	for (int number = 0; number < ABSENT; number++)
		if (set & BIT(number) && byte_of(number, at) == byte)
			return true;
	return false;
}

/**
 * struct bad - a part of the file that is not as it may be
 * @first, @count: where it begins; how many bytes of the file are bad in the same way
 * @number: the write that they are from; -1: of none
 */
struct bad {
	off_t first, count;
	int number;
};

static int byte_at(const unsigned char *data, off_t size, off_t at)
{
	return at < size ? data[at] : -1;
}

/* From which write are the bytes at "first" and behind it? Few of them could be from any. */
static int source(const struct model *m, const unsigned char *data, off_t size, off_t first)
{
	for (int number = 1; number <= m->writes; number++) {
		off_t i;

		for (i = first; i < first + 16 && i < size && data[i] == byte_of(number, i); i++)
			;
		if (i == first + 16 || (i == size && i > first + 3))
			return number;
	}
	return -1;
}

static void describe(const struct model *m, const struct bad *b, int byte, const char *what, char *why, size_t room)
{
	char text[80];

	if (byte < 0)
		snprintf(text, sizeof(text), "the file ends before");
	else if (!byte)
		snprintf(text, sizeof(text), "zeros");
	else if (b->number < 0)
		snprintf(text, sizeof(text), "bytes of no write");
	else if (m->made_at[b->number] < 0)
		snprintf(text, sizeof(text), "what %c had at the beginning", 'A' + m->writer[b->number]);
	else
		snprintf(text, sizeof(text), "what operation %d wrote to %c", m->made_at[b->number] + 1,
			 'A' + m->writer[b->number]);
	snprintf(why, room, "%s, %lld bytes at %lld: %s", what, (long long)b->count, (long long)b->first, text);
}

/**
 * judge_bytes - compare a file with what it may be
 * @data, @size: the file
 * @why: filled with what is wrong, for people
 *
 * A byte that the file never had at that place is worse than one that it had before
 * something else was promised, and the only one reported when there are both.
 */
enum outcome judge_bytes(const struct model *m, const struct object *o, const unsigned char *data,
			 off_t size, char *why, size_t room)
{
	struct bad lost = { .number = -1 }, foreign = { .number = -1 };

	for (off_t i = 0; i < m->limit; i++) {
		int byte = byte_at(data, size, i);
		struct bad *b;

		/* The usual case first. */
		if (byte >= 0 && o->cur[i] != ABSENT && o->may[i] & BIT(o->cur[i]) &&
		    byte == byte_of(o->cur[i], i))
			continue;
		if (from(o->may[i], i, byte))
			continue;
		/* Zeros, and a file that ends, are losses whatever the file had. */
		b = byte <= 0 || from(o->ever[i], i, byte) ? &lost : &foreign;
		if (!b->count++)
			b->first = i;
	}
	if (size > m->limit && !foreign.count++)
		foreign.first = m->limit;
	if (!lost.count && !foreign.count)
		return KEPT;
	if (foreign.count) {
		foreign.number = source(m, data, size, foreign.first);
		describe(m, &foreign, byte_at(data, size, foreign.first), "never had", why, room);
		return FOREIGN;
	}
	lost.number = source(m, data, size, lost.first);
	describe(m, &lost, byte_at(data, size, lost.first), "lost", why, room);
	return LOST;
}
