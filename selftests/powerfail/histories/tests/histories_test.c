// SPDX-License-Identifier: GPL-2.0-or-later
/* histories_test - files whose verdict is known, and which histories are left out */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../prune.h"

static int passed, failed_;
static struct sequence h;
static struct model m;
static unsigned char data[1 << 20];
static off_t size;
static char why[200];

static void expect(const char *name, bool good)
{
	printf("%s histories: %s\n", good ? "ok" : "not ok", name);
	if (good)
		passed++;
	else
		failed_++;
	if (!good && why[0])
		printf("# %s\n", why);
}

static const char *form = "end";

/* A history with its last store, all stores promised. */
static void live(const char *text, bool promised)
{
	struct op last = { LAST, 0, -1 };

	model_end(&m);
	why[0] = 0;
	h.form = find_form(form);
	h.files = 3;
	if (!parse_history(&h, text)) {
		expect(text, false);
		exit(1);
	}
	model_start(&m, h.form, h.files, true);
	for (int i = 0; i < h.count; i++)
		model_apply(&m, &h.ops[i], promised && h.ops[i].kind != 'p');
	model_apply(&m, &last, promised);
}

/* What is in file A, B, C now, into data. */
static struct object *now(int file)
{
	struct object *o = &m.object[m.slot[file]];

	size = o->size;
	fill(&m, o, data);
	return o;
}

static enum outcome judged(const struct object *o)
{
	why[0] = 0;
	return judge_bytes(&m, o, data, size, why, sizeof(why));
}

#define T HPAGE			/* the target of form "end" */

/* What a write with that number leaves at from..to. */
static void bytes(off_t from, off_t to, int number)
{
	for (off_t i = from; i < to; i++)
		data[i] = byte_of(number, i);
}

static void promises(void)
{
	struct object *a, *b;

	live("-", true);
	a = now(0);
	expect("what is there now is kept", judged(a) == KEPT);
	bytes(T + LAST_AT, T + LAST_AT + LINE, 1);
	expect("a promised store that is not there is lost", judged(a) == LOST && strstr(why, "A had at the beginning"));
	a = now(0);
	bytes(T + LAST_AT, T + LAST_AT + LINE, 0);
	expect("zeros instead of it are a loss", judged(a) == LOST && strstr(why, "zeros"));
	a = now(0);
	data[T + LAST_AT + 63] ^= 1;
	expect("one byte of it that is wrong is noticed", judged(a) != KEPT);
	a = now(0);
	size = T + LAST_AT + 10;
	expect("a file that ends before it is a loss", judged(a) == LOST && strstr(why, "ends before"));
	live("-", false);
	a = now(0);
	bytes(T + LAST_AT, T + LAST_AT + LINE, 1);
	expect("a store that nobody promised may be lost", judged(a) == KEPT);
	live("wB", true);
	b = now(1);
	bytes(T + PART_AT, T + PART_AT + PART_LEN, 2);
	expect("so may a write", judged(b) == KEPT);
	live("wB-yB", true);
	b = now(1);
	bytes(T + PART_AT, T + PART_AT + PART_LEN, 2);
	expect("but not after fsync", judged(b) == LOST);
	live("wB-yA", true);
	b = now(1);
	bytes(T + PART_AT, T + PART_AT + PART_LEN, 2);
	expect("that of another file promises nothing", judged(b) == KEPT);
	live("sB-hB", true);
	b = now(1);
	bytes(T + SYNC_AT, T + SYNC_AT + LINE, 4);
	expect("a promised store that was punched may be there", judged(b) == KEPT);
	bytes(T + SYNC_AT, T + SYNC_AT + LINE, 2);
	expect("but not what it had overwritten", judged(b) == LOST);
}

static void sizes(void)
{
	struct object *b;

	live("dB", true);
	b = now(1);
	expect("a file that was cut off is kept", judged(b) == KEPT);
	size = h.form->base;
	bytes(T + CUT_AT, size, 2);
	expect("or is as long as it was", judged(b) == KEPT);
	bytes(T + CUT_AT, size, 0);
	expect("or has zeros in its tail", judged(b) == KEPT);
	bytes(T + CUT_AT, size, 1);
	expect("but not another file's bytes", judged(b) == FOREIGN && strstr(why, "A had at the beginning"));
	live("dB-yB", true);
	b = now(1);
	size = h.form->base;
	bytes(T + CUT_AT, size, 2);
	expect("after fsync the size is durable", judged(b) == LOST);
	live("aB-yB", true);
	b = now(1);
	size -= 1;
	expect("that of a longer file too", judged(b) == LOST);
	live("uB", true);
	b = now(1);
	data[size - 1] = 77;
	expect("nothing but zeros is behind the old end", judged(b) == FOREIGN && strstr(why, "no write"));
	live("uB", true);
	b = now(1);
	size = m.limit + 1;
	expect("a file that is much too long is noticed", judged(b) == FOREIGN);
}

static void shared(void)
{
	struct object *b;

	/* The other owner of a shared block: issue by issue the same. */
	live("cAB-yA-hB", true);
	b = now(1);
	bytes(T, h.form->base, 1);
	expect("the clone's old block may be there", judged(b) == KEPT);
	bytes(T + LAST_AT, T + LAST_AT + LINE, 4);
	expect("but not with what A stored since", judged(b) == FOREIGN && strstr(why, "operation 4 wrote to A"));
	live("wA-cAB", true);
	b = now(1);
	bytes(0, h.form->base, 2);
	expect("a clone that nobody synced may not have been", judged(b) == KEPT);
	live("wA-cAB-yB", true);
	b = now(1);
	bytes(0, h.form->base, 2);
	expect("one that was synced is durable", judged(b) == LOST);
	live("cAB-wA", true);
	b = now(1);
	bytes(T + PART_AT, T + PART_AT + PART_LEN, 4);
	expect("what the source wrote later is foreign", judged(b) == FOREIGN && strstr(why, "operation 2 wrote to A"));
	live("xAB", true);
	b = now(1);
	expect("files that were exchanged are kept", judged(b) == KEPT && data[0] == byte_of(1, 0));
	bytes(0, h.form->base, 2);
	expect("or as they were", judged(b) == KEPT);
	live("xAB-yB", true);
	b = now(1);
	bytes(0, h.form->base, 2);
	expect("but not after fsync", judged(b) == LOST);
	form = "shared";
	live("hB", true);
	form = "end";
	b = now(1);
	bytes(0, h.form->base, 1);
	expect("a file may begin as a clone", judged(b) == KEPT);
	bytes(T + LAST_AT, T + LAST_AT + LINE, 2);
	expect("and never had what the other one stored", judged(b) == FOREIGN && strstr(why, "operation 2 wrote to A"));
	live("cAB-cBC-wA", true);
	b = now(2);
	expect("a chain has the first file's bytes", judged(b) == KEPT && data[0] == byte_of(1, 0));
	bytes(T + PART_AT, T + PART_AT + PART_LEN, 4);
	expect("and not what it wrote later", judged(b) == FOREIGN);
}

static void names(void)
{
	live("rAB", true);
	expect("a renamed file has either name", m.object[0].names == (BIT(0) | BIT(1)) && m.slot[1] == 0);
	expect("one that was replaced may be gone", m.object[1].names == (BIT(1) | BIT(ABSENT)));
	live("rAB-yB", true);
	expect("after fsync the new name is durable", m.object[0].names == BIT(1));
	live("nB", true);
	expect("a new file may be gone", m.object[3].names == (BIT(1) | BIT(ABSENT)) && m.objects == 4);
	live("nB-yB", true);
	expect("but not after fsync", m.object[3].names == BIT(1));
	live("nA", true);
	expect("nor after a promised store", m.object[3].names == BIT(0));
	live("nA", false);
	expect("one that was not promised says nothing", m.object[3].names == (BIT(0) | BIT(ABSENT)));
}

/* All histories of two operations: what is there now is always right, other bytes never. */
static void all_kept(void)
{
	struct op ops[MAX_ALPHABET], last = { LAST, 0, -1 };
	int n = alphabet(ops, 2, true), done = 0, wrong = 0, blind = 0;

	for (int i = 0; i < n * n; i++) {
		h = (struct sequence){ find_form("middle"), 2, 2, { ops[i / n], ops[i % n] } };
		if (prune(&h))
			continue;
		model_end(&m);
		model_start(&m, h.form, 2, true);
		for (int k = 0; k < 2; k++)
			model_apply(&m, &h.ops[k], true);
		model_apply(&m, &last, true);
		done++;
		for (int f = 0; f < 2; f++) {
			struct object *o = now(f);

			wrong += judged(o) != KEPT;
			data[100] ^= 0x55;
			blind += judged(o) == KEPT;
		}
	}
	why[0] = 0;
	expect("of all histories, what is there now is kept", done > 300 && !wrong);
	expect("of all histories, a byte that is wrong is noticed", done > 300 && !blind);
}

static enum reason pruned(const char *text, int files)
{
	h.form = find_form(form);
	h.files = files;
	if (!parse_history(&h, text)) {
		expect(text, false);
		return REASONS;
	}
	return prune(&h);
}

static void pruning(void)
{
	struct sequence bad = { find_form("end"), 2, 0, { { 0 } } };
	char text[80];

	why[0] = 0;
	expect("what shares a block is kept", !pruned("cAB-yA-hB", 2) && !pruned("cAB-wA-wB", 2));
	expect("fsync of a clean file does nothing", pruned("yA", 2) == NOTHING && pruned("wA-yB", 2) == NOTHING);
	expect("fsync of a source of a clone does something", !pruned("cAB-yA", 2) && !pruned("cAB-yB", 2));
	expect("the same twice does nothing", pruned("hA-hA", 2) == NOTHING && !pruned("aA-aA", 2));
	expect("the last store, twice", pruned("wA-sA", 2) == NOTHING && !pruned("sA-wA", 2));
	expect("files that know nothing of each other are done in order",
	       pruned("hB-wA", 2) == ORDER && pruned("cAB-hB-wA", 2) == KEEP);
	expect("what commits has no other order", !pruned("hA-aB-sB-wA", 2));
	expect("a store to a file that nobody has changed does not commit", pruned("hA-sB", 2) == APART);
	expect("a clone over what was just punched is a clone", pruned("hB-cAB", 2) == UNDONE &&
	       !pruned("cAB-hB-cAB", 2) && !pruned("sB-cAB", 2) && pruned("wA-nA", 2) == UNDONE);
	form = "shared";
	expect("who begins as a clone is noticed", !pruned("hB", 2) && !pruned("pB", 2) && !pruned("hB-wA", 2));
	form = "end";
	expect("so is one that is plain and in place", pruned("pA-hA", 2) == NOTHING && !pruned("pA-cAB", 2) &&
	       !pruned("hA-pA", 2));
	expect("nobody notices a write to another file", pruned("wB", 2) == APART && !pruned("wB-cBA", 2));
	expect("blocks that one frees and the other takes are noticed", !pruned("hA-aB", 2));
	expect("behind the end nothing is stored", pruned("tA-dA-uA-sA", 2) == NOTHING &&
	       pruned("rAB-rAB", 2) == IMPOSSIBLE);
	expect("files of other sizes are not exchanged", pruned("aA-xAB", 2) == IMPOSSIBLE && !pruned("xAB", 2));
	expect("half a page is not cloned into the middle", pruned("aA-cBA", 2) == IMPOSSIBLE && !pruned("aA-cAB", 2));
	expect("the third file has its name after the second", pruned("cAC", 3) == NAMES && !pruned("cAB-cBC", 3));
	expect("what is no history is refused", !parse_history(&bad, "cA") && !parse_history(&bad, "qA") &&
	       !parse_history(&bad, "cAA") && !parse_history(&bad, "wC") && !parse_history(&bad, "wA-") &&
	       !parse_history(&bad, "eA") && !parse_history(&bad, "wAwB"));
	parse_history(&bad, "cAB-yA-rBA");
	expect("it is printed as it was read", !strcmp(print_history(&bad, text, sizeof(text)), "cAB-yA-rBA"));
	expect("and in words", !strcmp(print_words(&bad, text, sizeof(text)),
				      "clone A to B; fsync A; rename B over A; last store A"));
}

int main(void)
{
	promises();
	sizes();
	shared();
	names();
	all_kept();
	pruning();
	model_end(&m);
	printf("%d passed, %d failed, 0 skipped\n", passed, failed_);
	return failed_ != 0;
}
