// SPDX-License-Identifier: GPL-2.0
/*
 * The parser of the backings file. Needs no guest, and no mincore2.
 */
#define _FILE_OFFSET_BITS 64
#define MC2_NEEDS_NO_CALL
#include "backings.h"

static int parse_text(const char *text, struct mc2_backings *all)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	int err;

	if (!f)
		return -errno;
	err = mc2_parse_backings(f, "text", all);
	fclose(f);
	return err;
}

FIXTURE(parser) {
	struct mc2_backings all;
};

FIXTURE_SETUP(parser)
{
	self->all.nr = 0;
}

FIXTURE_TEARDOWN(parser)
{
}

/* Proves that a good file is read as it is written, comments skipped. */
TEST_F(parser, reads)
{
	ASSERT_EQ(0, parse_text("# a comment\n\n"
		"name=a kind=fs path=/mnt/a dax=1 sync=1 persist=sync level=pmd size=1048576 align=4096 attr=reflink,x\n"
		"name=b kind=dev path=/dev/b dax=1 sync=1 persist=always level=pud size=9 align=1073741824 attr=-\n",
		&self->all));
	ASSERT_EQ(2, (int)self->all.nr);
	EXPECT_STREQ("a", self->all.list[0].name);
	EXPECT_EQ(MC2_SYNC, self->all.list[0].persist);
	EXPECT_EQ(MINCORE_PMD, self->all.list[0].level);
	EXPECT_EQ(1048576, (long)self->all.list[0].size);
	EXPECT_TRUE(mc2_has_attr(&self->all.list[0], "x"));
	EXPECT_FALSE(mc2_has_attr(&self->all.list[0], "ref"));
	EXPECT_EQ(MC2_DEV, self->all.list[1].kind);
	EXPECT_EQ(MINCORE_PUD, self->all.list[1].level);
}

/* Proves that a malformed line is refused, and that the error says why. */
TEST_F(parser, refuses)
{
#define REST " dax=1 sync=1 persist=never level=pte size=1 align=4096 attr=-\n"
	static const char * const bad[][2] = {
		{ "name=a kind=fs\n", "text:1: no path=" },
		{ "kind=fs name=a path=/p" REST, "text:1: name= expected" },
		{ "#\nname=a kind=disk path=/p" REST, "text:2: kind='disk'" },
		{ "name=a kind=fs path=/p" REST "name=a kind=fs path=/q" REST,
		  "text:2: a is there twice" },
		{ "name=a kind=fs path=/p dax=2 sync=1 persist=never level=pte size=1 align=4096 attr=-\n",
		  "text:1: dax='2'" },
		{ "name=a kind=fs path=/p dax=1 sync=1 persist=never level=pte size=1M align=4096 attr=-\n",
		  "text:1: size='1M': not a decimal number" },
		{ "name=a kind=fs path=/p dax=1 sync=1 persist=never level=pte size=1 align=4095 attr=-\n",
		  "text:1: align='4095': not a power of two" },
		{ "name=a kind=fs path=/p dax=0 sync=0 persist=sync level=pte size=1 align=4096 attr=-\n",
		  "text:1: persist without dax=1" },
		{ "name= kind=fs path=/p" REST, "text:1: name='': empty" },
		{ "name kind=fs path=/p" REST, "text:1: 'name' is not key=value" },
		{ "name=a kind=fs path=/p dax=1 sync=1 persist=never level=pte size=1 align=4096 attr=- x=1\n",
		  "text:1: 'x=1' after the last key" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, parse_text(bad[i][0], &self->all))
			TH_LOG("accepted: %s", bad[i][0]);
		EXPECT_EQ(0, strncmp(self->all.error, bad[i][1], strlen(bad[i][1])))
			TH_LOG("error '%s', expected '%s'", self->all.error, bad[i][1]);
	}
}

TEST_HARNESS_MAIN
