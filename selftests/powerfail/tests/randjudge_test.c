// SPDX-License-Identifier: GPL-2.0-or-later
/* randjudge_test - logs whose verdict is known */
#include <stdio.h>
#include <string.h>

#include "../guest/log.h"

static struct record log_[32];
static int count, passed, failed_;
static uint64_t content[RANDOM_PAGES][RANDOM_WORDS];

static void begin_test(void)
{
	memset(log_, 0, sizeof(log_));
	memset(content, 0, sizeof(content));
	count = 0;
}

static struct record *put(int kind)
{
	log_[count].valid = 1;
	log_[count].kind = kind;
	return &log_[count++];
}

static void stored(int kind, int page, uint64_t generation, int persist)
{
	struct record *r = put(kind);

	r->page = page;
	r->generation = generation;
	r->persist = persist;
}

static void store(int page, uint64_t generation, int persist)
{
	stored(STORE_BEGIN, page, generation, persist);
	stored(STORE_DONE, page, generation, persist);
}

static void change(int from, int to)
{
	struct record *r = put(CHANGE_BEGIN);

	r->page = from;
	r->to = to;
}

static void changed(int64_t size) { put(CHANGE_DONE)->size = size; }

static void in_file(int page, uint64_t generation)
{
	for (int w = 0; w < RANDOM_WORDS; w++)
		content[page][w] = generation;
}

/* The verdict on the log: pages to look at, safe ones, lost, broken. */
static void expect(const char *name, long pages, long safe, long lost, long broken)
{
	struct verdict v = judge_log(log_, count, 0, 16 * 4096, (const void *)content);

	if (v.pages == pages && v.safe == safe && v.lost == lost && v.broken == broken) {
		passed++;
		printf("ok powerfail: random: %s\n", name);
	} else {
		failed_++;
		printf("not ok powerfail: random: %s\n# %ld pages, %ld safe, %ld lost, %ld broken\n", name,
		       v.pages, v.safe, v.lost, v.broken);
	}
	begin_test();
}

static void simple(void)
{
	begin_test();
	store(3, 7, 1); in_file(3, 7);
	expect("a store that is there is kept", 1, 1, 0, 0);
	store(3, 7, 1);
	expect("a store with PERSIST that is not there is a violation", 1, 1, 1, 1);
	store(3, 7, 0);
	expect("a store with PERSIST clear that is not there is lost", 1, 0, 1, 0);
	store(3, 7, 1); store(3, 8, 1); in_file(3, 7);
	expect("an older generation is not enough", 1, 1, 1, 1);
	store(3, 7, 1); stored(STORE_BEGIN, 3, 8, 1); in_file(3, 8); content[3][5] = 7;
	expect("a store that was going on may have got there in part", 1, 1, 0, 0);
	store(3, 7, 1); in_file(3, 9);
	expect("what nobody stored is a loss", 1, 1, 1, 1);
	stored(STORE_BEGIN, 3, 7, 1);
	expect("a store that did not complete promises nothing", 0, 0, 0, 0);
	stored(STORE_BEGIN, 3, 7, 1); stored(STORE_FAULT, 3, 7, 1);
	expect("nor does one that faulted", 0, 0, 0, 0);
	store(3, 7, 1); log_[1].valid = 0;
	expect("a record that was not finished does not count", 0, 0, 0, 0);
	store(3, 7, 1); log_[0].id = log_[1].id = 1;
	expect("nor does another case's", 0, 0, 0, 0);
}

static void changes(void)
{
	store(3, 7, 1); change(3, 4); changed(-1);
	expect("what was removed since is not a loss", 0, 0, 0, 0);
	store(3, 7, 1); change(3, 4);
	expect("nor if the removal did not end", 0, 0, 0, 0);
	store(5, 7, 1); change(3, 4); changed(-1);
	expect("the removal of other pages is no excuse", 1, 1, 1, 1);
	change(3, 4); changed(-1); store(3, 7, 1);
	expect("nor is one that ended before the store", 1, 1, 1, 1);
	change(3, 4); stored(STORE_BEGIN, 3, 7, 1); changed(-1); stored(STORE_DONE, 3, 7, 1);
	expect("a removal during the store is one", 0, 0, 0, 0);
	stored(STORE_BEGIN, 3, 7, 1); change(3, 4); changed(-1); stored(STORE_DONE, 3, 7, 1);
	expect("also if it began later", 0, 0, 0, 0);
	store(20, 7, 1);
	expect("behind the end of the file nothing is promised", 0, 0, 0, 0);
	change(1, 0); changed(24 * 4096); store(20, 7, 1);
	expect("it is once a call that set the size has returned", 1, 1, 1, 1);
	change(1, 0); store(20, 7, 1); changed(24 * 4096);
	expect("and not before", 0, 0, 0, 0);
	store(3, 7, 1); change(2, ALL_PAGES); changed(2 * 4096);
	expect("truncation removes all that follows", 0, 0, 0, 0);
}

int main(void)
{
	simple();
	changes();
	printf("%d passed, %d failed, 0 skipped\n", passed, failed_);
	return failed_ != 0;
}
