// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mincore2_state_parse(): every state that can be written can be read back, and
 * what is not a name is refused. And bad arguments of the functions that need
 * no kernel for saying so.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "tap.h"

static void round_trip(void)
{
	unsigned int wrong = 0, bits;
	char text[256];

	for (unsigned int state = 0; state < 0x800; state++) {
		mincore2_state_string(state, text, sizeof(text));
		wrong += mincore2_state_parse(text, &bits) || bits != state;
	}
	ok(!wrong, "each of 2048 states comes back from its text (%u)", wrong);
	mincore2_state_string((uint64_t)21 << 56 | MINCORE_PMD, text,
			      sizeof(text));
	ok(!mincore2_state_parse(text, &bits) && bits == MINCORE_PMD,
	   "the size of the entry is left out");
}

static const struct {
	const char *text;
	int ret;
	unsigned int bits;
} cases[] = {
	{ "0", 0, 0 },
	{ "dax,Persist", 0, MINCORE_DAX | MINCORE_PERSIST },
	{ "MINCORE_DAX|mincore_zero", 0, MINCORE_DAX | MINCORE_ZERO },
	{ " DAX |\tPMD\n", 0, MINCORE_DAX | MINCORE_PMD },
	{ "LEVEL", 0, MINCORE_LEVEL },
	{ "pinnable", 0, MINCORE_PINNABLE },
	{ "LEVEL|PUD", 0, MINCORE_LEVEL },
	{ "PMD|PMD", 0, MINCORE_PMD },
	{ "0x2|DAX|0x100", 0, MINCORE_DAX | MINCORE_ZERO },
	{ "0xffffffff", 0, 0xffffffffU },
	{ "PMD|ENTRY_SHIFT=21", 0, MINCORE_PMD },
	{ "PTE|PMD", -EINVAL, 0 },
	{ "LEVEL|PTE", -EINVAL, 0 },
	{ "0x4|PMD", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "|", -EINVAL, 0 },
	{ "DAX|", -EINVAL, 0 },
	{ "DAX||PMD", -EINVAL, 0 },
	{ "DAXX", -EINVAL, 0 },
	{ "DA", -EINVAL, 0 },
	{ "DAX PMD", -EINVAL, 0 },
	{ "MINCORE_", -EINVAL, 0 },
	{ "MINCORE_MINCORE_DAX", -EINVAL, 0 },
	{ "0x", -EINVAL, 0 },
	{ "0x1g", -EINVAL, 0 },
	{ "0x100000000", -EINVAL, 0 },
	{ "1", -EINVAL, 0 },
	{ "-0x1", -EINVAL, 0 },
	{ "ENTRY_SHIFT=", -EINVAL, 0 },
	{ "ENTRY_SHIFT=256", -EINVAL, 0 },
	{ "ENTRY_SHIFT=0x1", -EINVAL, 0 },
};

static void bad_arguments(void)
{
	struct mincore2_iter it;
	struct mincore_region region;
	char page[1];
	unsigned int bits = 7;

	ok(mincore2_state_parse(NULL, &bits) == -EINVAL && bits == 7,
	   "NULL text: EINVAL");
	ok(mincore2_state_parse("DAX", NULL) == -EINVAL, "NULL bits: EINVAL");
	ok(mincore2_check(page, 1, 0, NULL) == -EINVAL &&
	   mincore2_check(page, 1, 0x400, NULL) == -EINVAL &&
	   mincore2_check(page, 1, MINCORE_REGIONS | MINCORE_DAX, NULL) == -EINVAL,
	   "check: no bits, unknown bits: EINVAL");
	ok(mincore2_iter_init(NULL, NULL, 0, MINCORE_DAX, 0) == -EINVAL,
	   "iterator: NULL: EINVAL");
	ok(mincore2_iter_init(&it, (void *)1, 1, MINCORE_DAX, 0) == -EINVAL &&
	   mincore2_iter_init(&it, NULL, 1, 0, 0) == -EINVAL &&
	   mincore2_iter_init(&it, NULL, 1, MINCORE_PTE, 0) == -EINVAL &&
	   mincore2_iter_init(&it, NULL, 1, MINCORE_DAX | 0x04000000, 0) == -EINVAL &&
	   mincore2_iter_init(&it, NULL, 1, MINCORE_DAX, 0x08000000) == -EINVAL &&
	   mincore2_iter_init(&it, NULL, 1, MINCORE_PERSIST | MINCORE2_EMULATE, 0) == -EINVAL &&
	   mincore2_iter_init(&it, NULL, 1, MINCORE2_EMULATE, MINCORE_DAX) == -EINVAL,
	   "iterator: misaligned, no bits, half of LEVEL, unknown ones, unknown options: EINVAL");
	ok(mincore2_iter_init(&it, (void *)0x1000, SIZE_MAX,
			      MINCORE_DAX, 0) == -ENOMEM,
	   "iterator: a range that wraps: ENOMEM");
	ok(mincore2_iter_next(&it, &region) == 0,
	   "iterator: after an error it is at its end");
	ok(mincore2_iter_next(NULL, &region) == -EINVAL &&
	   mincore2_iter_next(&it, NULL) == -EINVAL,
	   "iterator: next of NULL: EINVAL");
	ok(!strcmp(mincore2_way_string(MINCORE2_WAY_NATIVE), "native") &&
	   !strcmp(mincore2_way_string((enum mincore2_way)9), "unknown"),
	   "ways have names");
}

int main(void)
{
	round_trip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int bits = 0x5a5a;
		int ret = mincore2_state_parse(cases[i].text, &bits);

		ok(ret == cases[i].ret &&
		   bits == (ret ? 0x5a5a : cases[i].bits),
		   "\"%.*s\": %s", (int)strcspn(cases[i].text, "\n"),
		   cases[i].text, ret ? "refused" : "read");
	}
	bad_arguments();
	return tap_done();
}
