// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * randjudge.c - what of a random case's stores has to be in the file
 *
 * Needs nothing of the guest: ../tests/randjudge_test.c runs it on made-up logs.
 */
#include <stdbool.h>
#include <string.h>

#include "log.h"

/* A store that has begun, while the log is read. */
struct pending {
	uint64_t generation;
	bool open, known, persist;
};

struct change {
	uint16_t from, to;
};

struct state {
	struct pending pending[RANDOM_PAGES];
	/* the newest completed store that counts; generation 0: none */
	struct { uint64_t generation; bool persist; } last[RANDOM_PAGES];
	uint64_t newest[RANDOM_PAGES];	/* generation of the newest store begun */
	struct change change;		/* one at a time in a case */
	bool changing;
	int64_t size;
	long stores;
};

/* A change of these pages is going on, or just begins or ends: earlier stores are gone. */
static void excuse(struct state *s, uint16_t from, uint16_t to)
{
	for (int p = 0; p < RANDOM_PAGES; p++)
		if (p >= from && (to == ALL_PAGES || p <= to))
			s->last[p].generation = 0;
}

static bool covers(const struct change *c, int page)
{
	return page >= c->from && (c->to == ALL_PAGES || page <= c->to);
}

static void begin_store(struct state *s, const struct record *r)
{
	struct pending *p = &s->pending[r->page];
	int64_t end = RANDOM_SPOT(r->page) + RANDOM_BYTES;

	p->open = true;
	p->generation = r->generation;
	p->persist = r->persist;
	/* Below a size set by a call that has returned, and nobody is about to remove it. */
	p->known = end <= s->size && !(s->changing && covers(&s->change, r->page));
	s->newest[r->page] = r->generation;
}

static void end_store(struct state *s, const struct record *r)
{
	struct pending *p = &s->pending[r->page];

	s->stores++;
	if (p->open && p->known) {
		s->last[r->page].generation = p->generation;
		s->last[r->page].persist = p->persist;
	}
	p->open = false;
}

static void begin_change(struct state *s, const struct record *r)
{
	s->change = (struct change){ .from = r->page, .to = r->to };
	s->changing = true;
	/* What was stored before may be gone; what is being stored too. */
	excuse(s, r->page, r->to);
	for (int p = 0; p < RANDOM_PAGES; p++)
		if (covers(&s->change, p))
			s->pending[p].known = false;
}

static void end_change(struct state *s, const struct record *r)
{
	if (r->size >= 0)
		s->size = r->size;
	s->changing = false;
}

static void look(const struct state *s, int p, const uint64_t *words, struct verdict *v)
{
	uint64_t want = s->last[p].generation, bad = 0;
	bool lost = false;

	if (!want)
		return;
	v->pages++;
	v->safe += s->last[p].persist;
	/* A newer store may have got there too, whole or in part. */
	for (int w = 0; w < RANDOM_WORDS; w++)
		if (words[w] < want || words[w] > s->newest[p]) {
			lost = true;
			bad = words[w];
		}
	if (!lost)
		return;
	v->lost++;
	v->broken += s->last[p].persist;
	if (v->example < 0 || (s->last[p].persist && v->broken == 1)) {
		v->example = p;
		v->want = want;
		v->got = bad;
	}
}

/**
 * judge_log - compare a file with the log of what was stored in it
 * @records: the log, of all cases
 * @count: of records
 * @id: of the case
 * @start_size: of the file when the log began
 * @content: what is in the file now; beyond its end, zeros
 */
struct verdict judge_log(const struct record *records, uint64_t count, int id, int64_t start_size,
			 const uint64_t content[RANDOM_PAGES][RANDOM_WORDS])
{
	struct verdict v = { .example = -1 };
	static struct state s;

	memset(&s, 0, sizeof(s));
	s.size = start_size;
	for (uint64_t i = 0; i < count; i++) {
		const struct record *r = &records[i];

		if (!r->valid || r->id != id)
			continue;
		switch (r->kind) {
		case STORE_BEGIN: begin_store(&s, r); break;
		case STORE_DONE: end_store(&s, r); break;
		case STORE_FAULT: s.pending[r->page].open = false; break;
		case CHANGE_BEGIN: begin_change(&s, r); break;
		case CHANGE_DONE: end_change(&s, r); break;
		}
	}
	v.stores = s.stores;
	for (int p = 0; p < RANDOM_PAGES; p++)
		look(&s, p, content[p], &v);
	return v;
}
