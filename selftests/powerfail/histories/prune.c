// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * prune.c - which histories there are, and which of them tell nothing new
 *
 * The last store is always to file A. A history with the files the other way round would be
 * the same one, so that is not a loss. What is left out is counted by its reason.
 */
#include <string.h>

#include "prune.h"

/* Of one file; the last ones have two. The order is that of histories in lists. */
#define ONE_FILE "spwWhzdtuafyn"
#define TWO_FILES "cxr"

static bool in(const char *set, char kind)
{
	return strchr(set, kind);
}

/* All operations on that many files; "shares": there are clones and exchanges. Returns how many. */
int alphabet(struct op *to, int files, bool shares)
{
	int n = 0;

	for (const char *k = ONE_FILE; *k; k++)
		for (int i = 0; i < files; i++)
			to[n++] = (struct op){ *k, i, -1 };
	for (const char *k = TWO_FILES; *k; k++)
		for (int i = 0; i < files; i++)
			for (int j = 0; j < files; j++)
				/* An exchange has no direction. */
				if (i != j && (shares || *k == 'r') && (*k != 'x' || i < j))
					to[n++] = (struct op){ *k, i, j };
	return n;
}

static bool about(const struct op *op, int file)
{
	return op->file == file || op->to == file;
}

static bool same(const struct op *a, const struct op *b)
{
	return a->kind == b->kind && a->file == b->file && a->to == b->to;
}

/* Has a file had anything to do with another one, in the first "count" operations? */
static bool connected(const struct sequence *h, int count, int a, int b)
{
	int group[MAX_FILES] = { 0, 1, 2 };

	if (h->form->shared)
		return true;
	for (int i = 0; i < count; i++) {
		int from = h->ops[i].to < 0 ? -1 : group[h->ops[i].to];

		for (int f = 0; from >= 0 && f < h->files; f++)
			if (group[f] == from)
				group[f] = group[h->ops[i].file];
	}
	return group[a] == group[b];
}

/* Does the last operation have no effect? */
static bool does_nothing(const struct sequence *h)
{
	const struct op *op = &h->ops[h->count - 1];

	/* Again, at once: the first has left nothing to do. An exchange is undone by the second. */
	if (h->count > 1 && same(op, op - 1) && !in("axn", op->kind))
		return true;
	if (op->kind != 'y')
		return false;
	/* There is something to commit when the file was changed since its last fsync. */
	for (int i = h->count - 2; i >= 0; i--) {
		const struct op *before = &h->ops[i];

		if (about(before, op->file))
			return before->kind == 'y';
	}
	return true;
}

/*
 * Does the last one throw away what the one before it did, to a file that shares nothing, and
 * did not commit? Then the same is left without it. A clone replaces all bytes, but may
 * only be possible because of the size.
 */
static bool undoes(const struct sequence *h)
{
	const struct op *op = &h->ops[h->count - 1], *before = op - 1;
	int file = op->kind == 'c' ? op->to : op->file;

	if (h->count < 2 || before->to >= 0 || before->file != file ||
	    !(op->kind == 'n' ? in("pwWhzdtuaf", before->kind) : op->kind == 'c' && in("pwhz", before->kind)))
		return false;
	for (int i = 0; i < h->files; i++)
		if (i != file && connected(h, h->count - 2, i, file))
			return false;
	return true;
}

/* Can the last two be done in the other order, with the same result? That one is kept. */
static bool wrong_order(const struct sequence *h)
{
	const struct op *op = &h->ops[h->count - 1], *before = op - 1;

	if (h->count < 2 || op->to >= 0 || before->to >= 0 || before->file <= op->file)
		return false;
	/* These commit what was done to any file. */
	if (in("sy", op->kind) || in("sy", before->kind))
		return false;
	return !connected(h, h->count - 2, op->file, before->file);
}

/* With three files: B is named before C. */
static bool wrong_names(const struct sequence *h)
{
	for (int i = 0; i < h->count; i++) {
		if (h->ops[i].file == 1 || (h->ops[i].to == 1 && h->ops[i].file != 2))
			return false;
		if (about(&h->ops[i], 2))
			return true;
	}
	return false;
}

/* Does the operation i free blocks, so that another file may get them? */
static bool frees(const struct sequence *h, int i)
{
	return in("htzn", h->ops[i].kind);
}

/* Does it allocate, at its file's end or in a hole that the file may have? */
static bool allocates(const struct sequence *h, int i)
{
	const struct op *op = &h->ops[i];

	if (in("afzn", op->kind))
		return true;
	if (!in("spwW", op->kind))
		return false;
	for (int j = 0; j < i; j++)
		if (h->ops[j].file == op->file && in("ht", h->ops[j].kind))
			return true;
	return false;
}

/* Is there, after "from", something on another file than "file" for which "what" is true? */
static bool other_does(const struct sequence *h, int from, int to, int file,
		       bool (*what)(const struct sequence *, int))
{
	for (int i = from; i < to; i++)
		if (h->ops[i].file != file && what(h, i))
			return true;
	return false;
}

/* The last store is in a hole, so it allocates. */
static bool last_allocates(const struct sequence *h)
{
	for (int i = 0; i < h->count; i++)
		if (h->ops[i].file == 0 && in("ht", h->ops[i].kind))
			return true;
	return false;
}

/* Was a file changed before operation i? Then a synchronous store to it may commit. */
static bool changed(const struct sequence *h, int i)
{
	for (int j = 0; j < i; j++)
		if (about(&h->ops[j], h->ops[i].file) && !in("sp", h->ops[j].kind))
			return true;
	return false;
}

/*
 * Is there a plain store to a block that is there and written, of a file that has nothing to
 * do with another one later? It changes bytes in place that nobody promises.
 */
static bool plain_in_place(const struct sequence *h)
{
	for (int i = 0; i < h->count; i++) {
		const struct op *op = &h->ops[i];
		bool noticed = op->kind != 'p' || h->form->shared;

		for (int j = 0; j < h->count; j++)
			if (about(&h->ops[j], op->file) && !in(j < i ? "spwWay" : "spwWhzdtuafyn", h->ops[j].kind))
				noticed = true;
		if (!noticed)
			return true;
	}
	return false;
}

/*
 * Is there an operation on a file that never has anything to do with A, which neither
 * commits nor takes part in handing a block from one file to another?
 */
static bool apart(const struct sequence *h)
{
	for (int i = 0; i < h->count; i++) {
		const struct op *op = &h->ops[i];
		bool hands = (frees(h, i) && (last_allocates(h) ||
			      other_does(h, i + 1, h->count, op->file, allocates))) ||
			     (allocates(h, i) && other_does(h, 0, i, op->file, frees));

		if (!connected(h, h->count, op->file, 0) && op->kind != 'y' && !hands &&
		    !(op->kind == 's' && changed(h, i)))
			return true;
	}
	return false;
}

/* Is a history to be left out because of its last operation? Then so are all that begin so. */
enum reason prune_last(const struct model *m, const struct sequence *h)
{
	if (!op_possible(m, &h->ops[h->count - 1]))
		return IMPOSSIBLE;
	if (does_nothing(h))
		return NOTHING;
	if (undoes(h))
		return UNDONE;
	return wrong_order(h) ? ORDER : KEEP;
}

/* ... because of it as a whole? A longer one may yet be kept. */
enum reason prune_whole(const struct sequence *h)
{
	struct op last = { LAST, 0, -1 };
	struct model m;
	bool possible;

	model_start(&m, h->form, h->files, false);
	for (int i = 0; i < h->count; i++)
		model_apply(&m, &h->ops[i], false);
	possible = op_possible(&m, &last);
	model_end(&m);
	if (!possible)
		return IMPOSSIBLE;
	if (h->count && h->ops[h->count - 1].kind == 's' && h->ops[h->count - 1].file == 0)
		return NOTHING;
	if (plain_in_place(h))
		return NOTHING;
	if (wrong_names(h))
		return NAMES;
	return apart(h) ? APART : KEEP;
}

/* Is it to be left out? All of its beginnings are looked at. */
enum reason prune(const struct sequence *h)
{
	struct sequence part = *h;
	enum reason why = KEEP;
	struct model m;

	model_start(&m, h->form, h->files, false);
	for (part.count = 1; !why && part.count <= h->count; part.count++) {
		why = prune_last(&m, &part);
		model_apply(&m, &h->ops[part.count - 1], false);
	}
	model_end(&m);
	return why ? why : prune_whole(h);
}
