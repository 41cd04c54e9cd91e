// SPDX-License-Identifier: GPL-2.0-or-later
/* ops.c - histories as text */
#include <stdio.h>
#include <string.h>

#include "model.h"

const struct form forms[] = {
	/* The file ends inside the page that everything is about, and off the 8-byte word. */
	{
		.name = "end", .target = HPAGE, .base = HPAGE + 2003, .up = 2 * HPAGE + 1003,
		.end = 3 * HPAGE + 55
	}, {
		.name = "shared", .target = HPAGE, .base = HPAGE + 2003, .up = 2 * HPAGE + 1003,
		.end = 3 * HPAGE + 55, .shared = true
	}, { /* It ends behind it. */
		.name = "middle", .target = HPAGE, .base = 3 * HPAGE + 77, .up = 5 * HPAGE + 1003,
		.end = 6 * HPAGE + 55
	}, { /* The page is in the middle of 2 MiB that one PMD entry can map. */
		.name = "huge", .target = HUGE_BYTES / 2, .base = HUGE_BYTES + 2003,
		.up = HUGE_BYTES + HPAGE + 1003, .end = HUGE_BYTES + 2 * HPAGE + 55
	},
	{ .name = NULL }
};

static const struct { char kind; bool two; const char *words; } table[] = {
	{ 's', false, "store" }, { 'p', false, "plain store" }, { 'w', false, "write part" },
	{ 'W', false, "write page" }, { 'h', false, "punch" }, { 'z', false, "zero range" },
	{ 'd', false, "truncate down" }, { 't', false, "truncate down and up" },
	{ 'u', false, "truncate up" }, { 'a', false, "append" }, { 'f', false, "fallocate" },
	{ 'y', false, "fsync" }, { 'n', false, "unlink and recreate" }, { 'c', true, "clone" },
	{ 'x', true, "exchange" }, { 'r', true, "rename" }, { LAST, false, "store" },
	/* Of whole filesystems: only ../instants does these, whatever the file. */
	{ 'm', false, "unmount and mount" }, { 'g', false, "shut down and mount" }, { 'G', false, "grow" },
};
#define KINDS (sizeof(table) / sizeof(table[0]))

const struct form *find_form(const char *name)
{
	for (const struct form *f = forms; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

/* What an operation is called; NULL: there is none of that letter. */
const char *op_words(char kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (table[i].kind == kind)
			return table[i].words;
	return NULL;
}

static bool has_two(char kind)
{
	return kind == 'c' || kind == 'x' || kind == 'r';
}

static bool parse_file(const struct sequence *h, char letter, int8_t *file)
{
	*file = letter - 'A';
	return *file >= 0 && *file < h->files;
}

/* "cAB-yA-hB", or "-" for none; h->files has to be set. Returns false if it is no history. */
bool parse_history(struct sequence *h, const char *text)
{
	if (!strcmp(text, "-"))
		text = "";
	for (h->count = 0; *text; h->count++) {
		struct op *op = &h->ops[h->count];

		if (h->count == MAX_OPS - 1 || (h->count && *text++ != '-'))
			return false;
		op->kind = *text++;
		op->to = -1;
		if (!op_words(op->kind) || op->kind == LAST || !parse_file(h, *text++, &op->file))
			return false;
		if (has_two(op->kind) && (!parse_file(h, *text++, &op->to) || op->to == op->file))
			return false;
	}
	return true;
}

char *print_op(const struct op *op, char *to, size_t size)
{
	if (op->to < 0)
		snprintf(to, size, "%c%c", op->kind, 'A' + op->file);
	else
		snprintf(to, size, "%c%c%c", op->kind, 'A' + op->file, 'A' + op->to);
	return to;
}

char *print_history(const struct sequence *h, char *to, size_t size)
{
	size_t at = 0;

	snprintf(to, size, "-");
	for (int i = 0; i < h->count && at + 5 < size; i++) {
		if (i)
			to[at++] = '-';
		print_op(&h->ops[i], to + at, size - at);
		at += strlen(to + at);
	}
	return to;
}

/* For people: "clone A to B; fsync A; punch B; last store A". */
char *print_words(const struct sequence *h, char *to, size_t size)
{
	size_t at = 0;

	for (int i = 0; i < h->count && at < size; i++) {
		const struct op *op = &h->ops[i];
		const char *between = op->kind == 'r' ? "over" : op->kind == 'x' ? "with" : "to";

		if (op->to < 0)
			at += snprintf(to + at, size - at, "%s %c; ", op_words(op->kind), 'A' + op->file);
		else
			at += snprintf(to + at, size - at, "%s %c %s %c; ", op_words(op->kind),
				       'A' + op->file, between, 'A' + op->to);
	}
	if (at < size)
		snprintf(to + at, size - at, "last store A");
	return to;
}
