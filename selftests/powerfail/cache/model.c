// SPDX-License-Identifier: GPL-2.0-or-later
/* model.c - see model.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define WHOLE_LINE (~0UL)
#define EVICTION_ODDS 4		/* at one of so many stores a line leaves the cache */

size_t model_table_size(const struct model *m)
{
	size_t size = TABLE_HEADER;

	for (size_t i = 0; i < m->device_count; i++)
		size += m->devices[i].size / LINE_BYTES * sizeof(struct line);
	return size;
}

void model_start(struct model *m, void *table)
{
	struct line *lines = (struct line *)((char *)table + TABLE_HEADER);
	uint64_t first = 0;

	pthread_mutex_init(&m->lock, NULL);
	m->table = table;
	m->table->magic = TABLE_MAGIC;
	m->table->device_count = m->device_count;
	for (size_t i = 0; i < m->device_count; i++) {
		struct device *d = &m->devices[i];

		d->lines = lines + first;
		m->table->devices[i].start = d->start;
		m->table->devices[i].size = d->size;
		m->table->devices[i].first_line = first;
		first += d->size / LINE_BYTES;
	}
}

/* The device of an address; NULL: it is none of the model's business. */
static struct device *find_device(struct model *m, uint64_t address)
{
	for (size_t i = 0; i < m->outside_count; i++)
		if (address - m->outside[i].start < m->outside[i].size)
			return NULL;
	for (size_t i = 0; i < m->device_count; i++)
		if (address - m->devices[i].start < m->devices[i].size)
			return &m->devices[i];
	return NULL;
}

/*
 * The line as the guest sees it. Another processor may be storing to it: two readings that
 * agree are what it was at one moment.
 */
static void take(const struct device *d, uint64_t line, uint8_t *to)
{
	const uint64_t *from = (const uint64_t *)(d->visible + line * LINE_BYTES);
	uint64_t first[8], second[8];

	do {
		for (int i = 0; i < 8; i++)
			first[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
		for (int i = 0; i < 8; i++)
			second[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
	} while (memcmp(first, second, sizeof(first)));
	memcpy(to, first, sizeof(first));
}

static void copy_masked(uint8_t *to, const uint8_t *from, uint64_t mask)
{
	for (int i = 0; i < LINE_BYTES; i++)
		if (mask >> i & 1)
			to[i] = from[i];
}

/* Bytes of the line that were taken before "at" are not to overwrite newer ones. */
static void outdate(struct pending *p, const struct device *d, uint64_t line, uint64_t at, uint64_t mask)
{
	for (size_t i = 0; i < p->count; i++) {
		struct entry *e = &p->entries[i];

		if (e->device == d && e->line == line && e->at < at)
			e->mask &= ~mask;
	}
}

/* Puts bytes into the durable image. They are no longer pending on "cpu" (-1: never were). */
static void make_durable(struct model *m, const struct entry *e, int cpu)
{
	struct line *l = &e->device->lines[e->line];
	uint8_t *durable = e->device->durable + e->line * LINE_BYTES;

	if (m->cut)
		return;
	copy_masked(durable, e->data, e->mask);
	if (m->deltas)
		deltas_add(m->deltas, e->device->start + e->line * LINE_BYTES, durable);
	for (int i = 0; i < MAX_CPUS; i++)
		if (i != cpu && l->pending >> i & 1)
			outdate(&m->pending[i], e->device, e->line, e->at, e->mask);
}

/* All that has become durable at once was added to the log. */
static void end_delta(struct model *m, unsigned int cpu, uint64_t by)
{
	if (m->deltas && m->deltas->lines)
		deltas_end(m->deltas, DELTA_DURABLE, cpu, by, 0);
}

/* A new entry at the end of the processor's list. */
static struct entry *append(struct pending *p)
{
	if (p->count == p->room) {
		p->room = p->room ? 2 * p->room : 1024;
		p->entries = realloc(p->entries, p->room * sizeof(*p->entries));
		if (!p->entries) {
			perror("cache model");
			abort();
		}
	}
	memset(&p->entries[p->count], 0, sizeof(*p->entries));
	return &p->entries[p->count++];
}

/* Bytes of the line wait for a fence of the processor. */
static void add_pending(struct model *m, unsigned int cpu, const struct device *d, uint64_t line,
			const uint8_t *data, uint64_t mask)
{
	struct pending *p = &m->pending[cpu];
	struct line *l = &d->lines[line];
	struct entry *e;

	/* Not into an older one if that is older than what another processor took. */
	if (l->newest[cpu] && l->pending == 1 << cpu) {
		e = &p->entries[l->newest[cpu] - 1];
	} else {
		e = append(p);
		e->device = d;
		e->line = line;
		l->newest[cpu] = p->count;
		l->pending |= 1 << cpu;
	}
	copy_masked(e->data, data, mask);
	e->mask |= mask;
	e->at = ++m->table->clock;
}

/* Counts a useful event. True: it is the one to be dropped. */
static bool drops(struct model *m, enum event_class class, uint64_t by)
{
	m->table->useful[class]++;
	if (class != m->drop_class || m->table->useful[class] != m->drop_number)
		return false;
	m->table->dropped_by = by;
	return true;
}

static bool ignores(const struct model *m, enum event_class class)
{
	return m->ignored >> class & 1;
}

static uint32_t roll(struct model *m, uint32_t n)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (m->random >> 32) % n;
}

/* A line leaves the cache by itself, or by an instruction that needs no fence. */
static void evict(struct model *m, unsigned int cpu, struct device *d, uint64_t line, uint64_t by)
{
	struct entry e = { .device = d, .line = line, .at = ++m->table->clock, .mask = WHOLE_LINE };

	take(d, line, e.data);
	make_durable(m, &e, -1);
	end_delta(m, cpu, by);
	d->lines[line].stored = 0;
}

/* One of the lines that were stored to lately may leave; this one is among them now. */
static void evict_at_random(struct model *m, unsigned int cpu, struct device *d, uint64_t line, uint64_t by)
{
	size_t i = roll(m, sizeof(m->recent) / sizeof(m->recent[0]));

	if (m->recent[i].device && !roll(m, EVICTION_ODDS)) {
		evict(m, cpu, m->recent[i].device, m->recent[i].line, by);
		m->table->evicted++;
	}
	m->recent[i].device = d;
	m->recent[i].line = line;
}

/* As many of the bytes as are on the device. */
static size_t within(const struct device *d, uint64_t address, size_t size)
{
	uint64_t rest = d->start + d->size - address;

	return size < rest ? size : rest;
}

void model_store(struct model *m, unsigned int cpu, uint64_t address, size_t size, uint64_t by)
{
	struct device *d = find_device(m, address);

	if (!d)
		return;
	size = within(d, address, size);
	pthread_mutex_lock(&m->lock);
	for (uint64_t line = (address - d->start) / LINE_BYTES;
	     line <= (address + size - 1 - d->start) / LINE_BYTES; line++) {
		struct line *l = &d->lines[line];

		l->stored_by = by;
		l->stored_on = cpu;
		l->stored = 1;
		if (m->random)
			evict_at_random(m, cpu, d, line, by);
	}
	pthread_mutex_unlock(&m->lock);
}

/* The part of a non-temporal store that is in one line. */
static void non_temporal_part(struct model *m, unsigned int cpu, struct device *d, uint64_t offset,
			      size_t size, uint64_t by)
{
	uint64_t line = offset / LINE_BYTES;
	uint64_t mask = (size == LINE_BYTES ? WHOLE_LINE : (1UL << size) - 1) << offset % LINE_BYTES;
	struct line *l = &d->lines[line];
	uint8_t data[LINE_BYTES];

	take(d, line, data);
	add_pending(m, cpu, d, line, data, mask);
	l->stored_by = l->written_by = by;
	l->stored_on = l->written_on = cpu;
	l->written_at = m->table->clock;
}

void model_non_temporal(struct model *m, unsigned int cpu, uint64_t address, size_t size, uint64_t by,
			enum event_class class)
{
	struct device *d = find_device(m, address);

	if (!d)
		return;
	if (ignores(m, class)) {
		model_store(m, cpu, address, size, by);
		return;
	}
	size = within(d, address, size);
	pthread_mutex_lock(&m->lock);
	m->table->seen[class]++;
	while (size) {
		size_t part = LINE_BYTES - address % LINE_BYTES;

		if (part > size)
			part = size;
		non_temporal_part(m, cpu, d, address - d->start, part, by);
		address += part;
		size -= part;
	}
	pthread_mutex_unlock(&m->lock);
}

/* Is there anything in the line that a fence has yet to make durable, or that none would? */
static bool differs(const struct device *d, uint64_t line)
{
	uint8_t data[LINE_BYTES];

	take(d, line, data);
	return memcmp(data, d->durable + line * LINE_BYTES, LINE_BYTES) != 0;
}

void model_write_back(struct model *m, unsigned int cpu, uint64_t address, uint64_t by,
		      enum event_class class, bool ordered)
{
	struct device *d = find_device(m, address);
	uint64_t line;

	if (!d)
		return;
	line = (address - d->start) / LINE_BYTES;
	pthread_mutex_lock(&m->lock);
	m->table->seen[class]++;
	if (!ignores(m, class) && !(differs(d, line) && drops(m, class, by))) {
		uint8_t data[LINE_BYTES];

		if (ordered) {
			evict(m, cpu, d, line, by);
		} else {
			take(d, line, data);
			add_pending(m, cpu, d, line, data, WHOLE_LINE);
		}
		d->lines[line].stored = 0;
		d->lines[line].written_by = by;
		d->lines[line].written_on = cpu;
		d->lines[line].written_at = m->table->clock;
	}
	pthread_mutex_unlock(&m->lock);
}

void model_fence(struct model *m, unsigned int cpu, uint64_t by, enum event_class class)
{
	struct pending *p = &m->pending[cpu];

	/* Only this processor's thread adds to its list. */
	if (!p->count)
		return;
	pthread_mutex_lock(&m->lock);
	m->table->seen[class]++;
	if (!ignores(m, class) && !drops(m, class, by)) {
		for (size_t i = 0; i < p->count; i++) {
			struct line *l = &p->entries[i].device->lines[p->entries[i].line];

			make_durable(m, &p->entries[i], cpu);
			l->newest[cpu] = 0;
			l->pending &= ~(1 << cpu);
		}
		p->count = 0;
		end_delta(m, cpu, by);
		m->table->fenced_at[cpu] = ++m->table->clock;
	}
	pthread_mutex_unlock(&m->lock);
}

void model_unresolved(struct model *m, uint64_t address, uint64_t by)
{
	pthread_mutex_lock(&m->lock);
	if (!m->table->unresolved++) {
		m->table->unresolved_by = by;
		m->table->unresolved_address = address;
	}
	pthread_mutex_unlock(&m->lock);
}

void model_mark(struct model *m, unsigned int cpu, uint64_t by, enum delta_kind kind, uint64_t number)
{
	pthread_mutex_lock(&m->lock);
	if (m->deltas)
		deltas_end(m->deltas, kind, cpu, by, number);
	if (kind == MARK_CUT)
		m->cut = true;
	pthread_mutex_unlock(&m->lock);
}
