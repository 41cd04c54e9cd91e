// SPDX-License-Identifier: GPL-2.0-or-later
/* image.c - see image.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../guest/dice.h"
#include "image.h"

static void __attribute__((noreturn)) die(const char *what, long record)
{
	fprintf(stderr, "instants: record %ld of the log: %s\n", record, what);
	exit(2);
}

bool next_record(struct records *r, struct delta *head, const uint8_t **lines)
{
	size_t left = r->size - r->at;

	if (!left)
		return false;
	if (left < sizeof(*head))
		die("cut off", r->count);
	memcpy(head, r->log + r->at, sizeof(*head));
	if (head->magic != DELTA_MAGIC || head->kind >= DELTA_KINDS)
		die("not a record", r->count);
	left -= sizeof(*head);
	if (left / sizeof(struct delta_line) < head->lines)
		die("cut off", r->count);
	*lines = r->log + r->at + sizeof(*head);
	r->at += sizeof(*head) + head->lines * sizeof(struct delta_line);
	r->count++;
	return true;
}

struct delta_line line_of(const uint8_t *lines, uint32_t number)
{
	struct delta_line line;

	memcpy(&line, lines + number * sizeof(line), sizeof(line));
	return line;
}

/* Where the line is in the device. */
static uint8_t *place(const struct device_image *d, uint64_t address, long record)
{
	if (address % DELTA_LINE || address - d->start > d->size - DELTA_LINE)
		die("a line that is not on the device", record);
	return d->bytes + (address - d->start);
}

void apply(const struct device_image *d, const struct delta *head, const uint8_t *lines)
{
	for (uint32_t i = 0; i < head->lines; i++) {
		struct delta_line line = line_of(lines, i);

		memcpy(place(d, line.address, -1), line.data, DELTA_LINE);
	}
}

/* ---- which images there are ---- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93UL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93UL;
	return x ^ x >> 32;
}

/* Of a line at its place. The hash of an image is the sum of those of its lines. */
static void add_hash(uint64_t hash[2], uint64_t address, const uint8_t *data, int sign)
{
	uint64_t a = mix(address + 1), b = mix(~address), word;

	for (int i = 0; i < DELTA_LINE; i += sizeof(word)) {
		memcpy(&word, data + i, sizeof(word));
		a = mix(a ^ word) + 0x9e3779b97f4a7c15UL;
		b = mix(b + word) ^ 0xc2b2ae3d27d4eb4fUL;
	}
	hash[0] += sign * a;
	hash[1] += sign * b;
}

static uint32_t big_endian(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

uint64_t head_size(const struct operation *o, const struct delta_line *line)
{
	uint64_t offset = line->address - o->start;
	uint32_t magic = big_endian(line->data), type = big_endian(line->data + 4);

	/* JBD2_COMMIT_BLOCK, JBD2_SUPERBLOCK_V1 and V2 */
	if (offset % 4096 == 0 && magic == 0xc03b3998 && type >= 2 && type <= 4)
		return 4096;
	/* XLOG_HEADER_MAGIC_NUM */
	return offset % 512 == 0 && magic == 0xfeedbabe ? 512 : 0;
}

/* By lines, and by words in the first line. */
bool tear(uint64_t size, int i, uint64_t *from, uint64_t *to)
{
	const uint64_t ways[][2] = { { 64, size }, { 0, 64 }, { size / 2, size }, { 0, size / 2 },
				     { 8, size }, { 0, 8 }, { 32, size }, { 0, 32 }, { 56, 64 }, { 8, 16 } };

	if (i >= (int)(sizeof(ways) / sizeof(ways[0])))
		return false;
	*from = ways[i][0];
	*to = ways[i][1];
	return true;
}

static void add_head(struct operation *o, const struct delta_line *line, uint64_t size, uint64_t by, long record)
{
	o->heads = realloc(o->heads, (o->head_count + 1) * sizeof(*o->heads));
	if (!o->heads)
		die("out of memory", record);
	o->heads[o->head_count++] = (struct head){ .address = line->address, .size = size, .by = by,
						   .instant = o->instants + 1, .record = record };
}

/* Does what apply() does, and keeps the hash up to date. Returns how many of the lines are its. */
static long follow(struct operation *o, const struct device_image *d, const struct delta *head,
		   const uint8_t *lines, uint64_t hash[2], long record)
{
	long own = 0;

	for (uint32_t i = 0; i < head->lines; i++) {
		struct delta_line line = line_of(lines, i);
		uint8_t *at = place(d, line.address, -1);

		if (line.address - o->start < o->size) {
			own++;
			if (head_size(o, &line) && memcmp(at, line.data, DELTA_LINE))
				add_head(o, &line, head_size(o, &line), head->by, record);
			add_hash(hash, line.address, at, -1);
			add_hash(hash, line.address, line.data, 1);
		}
		memcpy(at, line.data, DELTA_LINE);
	}
	return own;
}

/* The image with that hash at one more instant. */
static struct image *reach(struct operation *o, const uint64_t hash[2], long record, uint64_t by)
{
	struct image *i;

	for (i = o->images; i < o->images + o->distinct; i++)
		if (!memcmp(i->hash, hash, sizeof(i->hash))) {
			i->count++;
			return i;
		}
	o->images = realloc(o->images, (o->distinct + 1) * sizeof(*o->images));
	if (!o->images)
		die("out of memory", record);
	i = &o->images[o->distinct++];
	*i = (struct image){ .hash = { hash[0], hash[1] }, .by = by, .instant = o->instants,
			     .record = record, .count = 1 };
	return i;
}

static struct operation *find(struct operation *operations, size_t count, uint64_t number, long record)
{
	for (size_t i = 0; i < count; i++)
		if (operations[i].number == number)
			return &operations[i];
	die("a mark of an operation that is not in the list", record);
}

static void begin(struct operation *o, long record)
{
	static const uint64_t none[2];

	if (o->begin >= 0 || o->promise < 0)
		die("a mark that is out of order", record);
	o->begin = record;
	reach(o, none, record, 0);
}

void find_images(struct records *r, const struct device_image *d, struct operation *operations, size_t count)
{
	struct operation *now = NULL, *o;
	uint64_t hash[2] = { 0, 0 };
	const uint8_t *lines;
	struct delta head;

	for (size_t i = 0; i < count; i++)
		operations[i].promise = operations[i].begin = operations[i].end = -1;
	while (next_record(r, &head, &lines)) {
		switch (head.kind) {
		case DELTA_DURABLE:
			if (!now) {
				apply(d, &head, lines);
			} else if (follow(now, d, &head, lines, hash, r->count)) {
				now->instants++;
				now->kernel += head.by >> 63;
				reach(now, hash, r->count, head.by);
			}
			break;
		case MARK_PROMISE:
			find(operations, count, head.number, r->count)->promise = r->count;
			break;
		case MARK_BEGIN:
			if (now)
				die("two operations at a time", r->count);
			now = find(operations, count, head.number, r->count);
			begin(now, r->count);
			hash[0] = hash[1] = 0;
			break;
		case MARK_END:
			o = find(operations, count, head.number, r->count);
			if (o != now)
				die("an operation ends that did not begin", r->count);
			now->end = r->count;
			/* It is there by now: this is no instant of its own. */
			o = now;
			now = NULL;
			for (long i = 0; i < o->distinct; i++)
				o->images[i].after = !memcmp(o->images[i].hash, hash, sizeof(hash));
			break;
		}
	}
}

long choose(long images, long most, uint64_t seed, bool *tried)
{
	long count = 0;

	dice = mix(seed + 1) | 1;
	memset(tried, 0, images * sizeof(*tried));
	if (!most || most >= images) {
		memset(tried, true, images * sizeof(*tried));
		return images;
	}
	if (most < 2)
		most = 2;
	tried[0] = tried[images - 1] = true;
	/* One of each of as many parts, which are as long as one another. */
	for (long i = 0; i < most - 2; i++) {
		long from = 1 + (images - 2) * i / (most - 2), to = 1 + (images - 2) * (i + 1) / (most - 2);

		tried[from + roll(to - from)] = true;
	}
	for (long i = 0; i < images; i++)
		count += tried[i];
	return count;
}

/* ---- images ---- */

/* Is the line one that is to be left out of the image? */
static bool leaves_out(struct target *t, uint64_t address, long record)
{
	for (size_t i = 0; i < t->left_out_count; i++)
		if (t->left_out[i] == address)
			return true;
	if (record <= t->skip || record > t->skip_end)
		return false;
	if (t->left_out_count == MOST_LEFT_OUT)
		die("too many lines to be left out", record);
	t->left_out[t->left_out_count++] = address;
	return true;
}

/* The line of a filesystem, or the part of it that is not torn off. */
static void put(const struct device_image *d, const struct target *t, const struct delta_line *line, long record)
{
	uint64_t offset = line->address - t->torn;
	uint8_t *at = place(d, line->address - t->from + t->to, record);

	for (int i = 0; i < DELTA_LINE; i++, offset++)
		if (record < t->record || offset < t->torn_from || offset >= t->torn_to)
			at[i] = line->data[i];
}

void rebuild(struct records *r, const struct device_image *d, struct target *targets, size_t count)
{
	const uint8_t *lines;
	struct delta head;

	while (next_record(r, &head, &lines)) {
		for (uint32_t i = 0; i < head.lines; i++) {
			struct delta_line line = line_of(lines, i);

			for (struct target *t = targets; t < targets + count; t++)
				if (r->count <= t->record && line.address - t->from < t->size &&
				    !leaves_out(t, line.address, r->count))
					put(d, t, &line, r->count);
		}
	}
	for (size_t i = 0; i < count; i++)
		if (targets[i].record > r->count)
			die("there is none: this is another log", targets[i].record);
}
