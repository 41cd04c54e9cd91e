// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * generate complete FORM FILES SHARES LENGTH
 * generate sample FORM FILES SHARES LENGTH COUNT SEED
 * generate parts FORM FILES HISTORY
 * generate words FORM FILES HISTORY
 *
 * complete: prints each history of 1 to LENGTH operations that is not pruned, shortest first,
 * "FORM FILES HISTORY"; and on standard error how many were, and why.
 * sample: COUNT different ones of that length, at random; most have clones.
 * parts: all that are left when operations are taken out of a history, shortest first.
 * words: the history for people.
 * SHARES is 1 for filesystems that have clones and exchanges.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../guest/dice.h"
#include "prune.h"

static struct op ops[MAX_ALPHABET];
static int letters;
static long total[MAX_OPS], kept[MAX_OPS], pruned[REASONS];

static void show(const struct sequence *h)
{
	char text[80];

	printf("%s %d %s\n", h->form->name, h->files, print_history(h, text, sizeof(text)));
}

static long power(long base, int exponent)
{
	return exponent ? base * power(base, exponent - 1) : 1;
}

/* All histories of that length that begin with h. */
static void extend(struct sequence *h, int length)
{
	enum reason why;
	struct model m;

	if (h->count == length) {
		why = prune_whole(h);
		if (why) {
			pruned[why]++;
			return;
		}
		kept[length]++;
		show(h);
		return;
	}
	model_start(&m, h->form, h->files, false);
	for (int i = 0; i < h->count; i++)
		model_apply(&m, &h->ops[i], false);
	h->count++;
	for (int i = 0; i < letters; i++) {
		h->ops[h->count - 1] = ops[i];
		why = prune_last(&m, h);
		if (why)
			pruned[why] += power(letters, length - h->count);
		else
			extend(h, length);
	}
	h->count--;
	model_end(&m);
}

static void complete(struct sequence *h, int length)
{
	static const char *const words[] = {
		[IMPOSSIBLE] = "cannot be done", [NOTHING] = "have an operation without effect",
		[UNDONE] = "have an operation whose work the next throws away",
		[ORDER] = "are another one in another order", [NAMES] = "are another one with other names",
		[APART] = "have a part that the rest cannot notice",
	};
	long all = 0, left = 0;

	for (int n = 1; n <= length; n++) {
		total[n] = power(letters, n);
		extend(h, n);
		all += total[n];
		left += kept[n];
		fprintf(stderr, "length %d: %ld of %ld\n", n, kept[n], total[n]);
	}
	for (int why = IMPOSSIBLE; why < REASONS; why++)
		fprintf(stderr, "%ld %s\n", pruned[why], words[why]);
	fprintf(stderr, "%s, %d files, %d operations: %ld of %ld histories (%.1f %%), half of all, as the last store is to A\n",
		h->form->name, h->files, letters, left, all, 100.0 * left / all);
}

/* Three times as likely as any other: what lets files share blocks. */
static const struct op *draw(void)
{
	int weight = 0, pick;

	for (int i = 0; i < letters; i++)
		weight += ops[i].kind == 'c' ? 3 : 1;
	pick = roll(weight);
	for (int i = 0;; i++) {
		pick -= ops[i].kind == 'c' ? 3 : 1;
		if (pick < 0)
			return &ops[i];
	}
}

static bool has_clone(const struct sequence *h)
{
	for (int i = 0; i < h->count; i++)
		if (h->ops[i].kind == 'c')
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct sequence));
}

/* Of those with no clone, where there could be one, one in four is taken. False: too few. */
static bool sample(struct sequence *h, int length, long count, bool shares)
{
	struct sequence *seen = calloc(count, sizeof(*seen));
	long found = 0;

	if (!seen)
		exit(2);
	for (long tries = 0; found < count && tries < 10000 * count; tries++) {
		bool old = false;

		for (h->count = 0; h->count < length; h->count++)
			h->ops[h->count] = *draw();
		if ((shares && !has_clone(h) && roll(4)) || prune(h))
			continue;
		for (long i = 0; i < found && !old; i++)
			old = !compare(&seen[i], h);
		if (old)
			continue;
		seen[found++] = *h;
		show(h);
	}
	free(seen);
	if (found < count)
		fprintf(stderr, "only %ld were found\n", found);
	return found == count;
}

/* What is left is taken as it is, pruned or not, if it can be done. */
static void parts(const struct sequence *whole)
{
	struct op last = { LAST, 0, -1 };

	for (int n = 0; n < whole->count; n++)
		for (unsigned int set = 0; set < 1U << whole->count; set++) {
			struct sequence h = *whole;
			struct model m;
			bool possible = true;

			if (__builtin_popcount(set) != n)
				continue;
			model_start(&m, h.form, h.files, false);
			h.count = 0;
			for (int i = 0; i < whole->count && possible; i++)
				if (set & 1U << i) {
					h.ops[h.count++] = whole->ops[i];
					possible = op_possible(&m, &whole->ops[i]);
					model_apply(&m, &whole->ops[i], false);
				}
			if (possible && op_possible(&m, &last))
				show(&h);
			model_end(&m);
		}
}

static int usage(void)
{
	fprintf(stderr, "usage: generate complete FORM FILES SHARES LENGTH\n"
		"       generate sample FORM FILES SHARES LENGTH COUNT SEED\n"
		"       generate parts|words FORM FILES HISTORY\n");
	return 2;
}

/* A number from..to of an argument, or wrong use. */
static long number(const char *text, long from, long to)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || end == text || n < from || n > to)
		exit(usage());
	return n;
}

int main(int argc, char **argv)
{
	struct sequence h = { 0 };
	char text[400];
	bool shares;

	if (argc < 5)
		return usage();
	h.form = find_form(argv[2]);
	h.files = number(argv[3], 1, MAX_FILES);
	if (!h.form)
		return usage();
	if (!strcmp(argv[1], "parts") || !strcmp(argv[1], "words")) {
		if (argc != 5 || !parse_history(&h, argv[4]))
			return usage();
		if (!strcmp(argv[1], "parts"))
			parts(&h);
		else
			puts(print_words(&h, text, sizeof(text)));
		return 0;
	}
	shares = number(argv[4], 0, 1);
	letters = alphabet(ops, h.files, shares);
	if (!strcmp(argv[1], "complete") && argc == 6) {
		complete(&h, number(argv[5], 1, MAX_OPS - 1));
		return 0;
	}
	if (strcmp(argv[1], "sample") || argc != 8)
		return usage();
	/* Others for each form. */
	dice = ((h.form - forms) * 1000003 + number(argv[7], 0, 1000000000) + 1) * 0x9e3779b97f4a7c15ULL;
	roll(2);
	return !sample(&h, number(argv[5], 1, MAX_OPS - 1), number(argv[6], 1, 1000000), shares);
}
