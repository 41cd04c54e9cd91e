// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * model_test - what model.c makes durable, without an emulator
 *
 * Prints what is wrong; exit status 1 if anything is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../model.h"

#define START 0x200000000UL
#define SIZE 0x10000UL
#define PC 0x401000UL

static struct model m;
static uint8_t visible[SIZE] __attribute__((aligned(64))), durable[SIZE] __attribute__((aligned(64)));
static const char *test;
static int failures;

static void start(const char *name)
{
	static void *table;

	for (int i = 0; i < MAX_CPUS; i++)
		free(m.pending[i].entries);
	free(table);
	memset(&m, 0, sizeof(m));
	memset(visible, 0, sizeof(visible));
	memset(durable, 0, sizeof(durable));
	m.devices[0] = (struct device){ .start = START, .size = SIZE, .visible = visible, .durable = durable };
	m.device_count = 1;
	/* The second half. */
	m.outside[0].start = START + SIZE / 2;
	m.outside[0].size = SIZE / 2;
	m.outside_count = 1;
	table = calloc(1, model_table_size(&m));
	model_start(&m, table);
	test = name;
}

static void wrong(const char *what, long got, long wanted)
{
	printf("%s: %s is %ld, not %ld\n", test, what, got, wanted);
	failures++;
}

static void durable_is(size_t offset, int wanted)
{
	if (durable[offset] != wanted)
		wrong("a durable byte", durable[offset], wanted);
}

static void is(const char *what, long got, long wanted)
{
	if (got != wanted)
		wrong(what, got, wanted);
}

static void put(unsigned int cpu, size_t offset, int value)
{
	visible[offset] = value;
	model_store(&m, cpu, START + offset, 1, PC);
}

static void put_past_cache(unsigned int cpu, size_t offset, size_t size, int value)
{
	memset(visible + offset, value, size);
	model_non_temporal(&m, cpu, START + offset, size, PC, KERNEL_NON_TEMPORAL);
}

static void write_back(unsigned int cpu, size_t offset)
{
	model_write_back(&m, cpu, START + offset, PC + 4, USER_WRITE_BACK, false);
}

static void fence(unsigned int cpu)
{
	model_fence(&m, cpu, PC + 8, USER_FENCE);
}

static void orders(void)
{
	start("stored only");
	put(0, 100, 1);
	fence(0);
	durable_is(100, 0);
	is("stored", m.devices[0].lines[1].stored, 1);

	start("written back, no fence");
	put(0, 100, 1);
	write_back(0, 64);
	durable_is(100, 0);
	is("pending", m.devices[0].lines[1].pending, 1);
	is("stored", m.devices[0].lines[1].stored, 0);

	start("fenced on another processor");
	put(0, 100, 1);
	write_back(0, 64);
	fence(1);
	durable_is(100, 0);

	start("written back and fenced");
	put(0, 100, 1);
	write_back(0, 127);
	fence(0);
	durable_is(100, 1);
	is("pending", m.devices[0].lines[1].pending, 0);
	durable_is(64, 0);

	start("fenced, then written back");
	put(0, 100, 1);
	fence(0);
	write_back(0, 100);
	durable_is(100, 0);

	start("stored to after the write-back");
	put(0, 100, 1);
	write_back(0, 100);
	put(0, 101, 2);
	fence(0);
	durable_is(100, 1);
	durable_is(101, 0);
	is("stored", m.devices[0].lines[1].stored, 1);

	start("another line written back");
	put(0, 100, 1);
	write_back(0, 128);
	fence(0);
	durable_is(100, 0);

	start("written back by another processor than the one that stored");
	put(0, 100, 1);
	write_back(1, 100);
	fence(1);
	durable_is(100, 1);

	start("CLFLUSH needs no fence");
	put(0, 100, 1);
	model_write_back(&m, 0, START + 100, PC, KERNEL_WRITE_BACK, true);
	durable_is(100, 1);
}

static void non_temporal(void)
{
	start("non-temporal: its bytes only, at the fence");
	put(0, 64, 9);
	put_past_cache(0, 72, 8, 1);
	durable_is(72, 0);
	fence(1);
	durable_is(72, 0);
	fence(0);
	durable_is(72, 1);
	durable_is(79, 1);
	durable_is(80, 0);
	durable_is(64, 0);
	is("stored", m.devices[0].lines[1].stored, 1);

	start("non-temporal: several in one line");
	put_past_cache(0, 64, 8, 1);
	put_past_cache(0, 72, 8, 2);
	put_past_cache(0, 64, 4, 3);
	fence(0);
	durable_is(64, 3);
	durable_is(68, 1);
	durable_is(72, 2);
	is("entries", m.pending[0].count, 0);

	start("non-temporal: across lines, and a whole one");
	put_past_cache(0, 120, 16, 1);
	put_past_cache(0, 192, 64, 2);
	fence(0);
	durable_is(127, 1);
	durable_is(128, 1);
	durable_is(135, 1);
	durable_is(136, 0);
	durable_is(192, 2);
	durable_is(255, 2);
	durable_is(256, 0);

	start("across the end of the device");
	m.devices[0].size = 128;
	model_store(&m, 0, START + 120, 16, PC);
	is("stored", m.devices[0].lines[1].stored, 1);
	is("stored", m.devices[0].lines[2].stored, 0);
	put_past_cache(0, 120, 16, 1);
	fence(0);
	durable_is(127, 1);
	durable_is(128, 0);
}

/* The durable image never gets older. */
static void two_processors(void)
{
	start("an older write-back that is fenced later");
	put(0, 64, 1);
	write_back(0, 64);
	put(1, 64, 2);
	write_back(1, 64);
	fence(1);
	durable_is(64, 2);
	fence(0);
	durable_is(64, 2);

	start("an older write-back, and a newer non-temporal store beside it");
	put(0, 64, 1);
	write_back(0, 64);
	put_past_cache(1, 72, 8, 2);
	fence(1);
	fence(0);
	durable_is(64, 1);
	durable_is(72, 2);

	start("older and newer bytes of one processor around another's write-back");
	put_past_cache(0, 64, 8, 1);
	put_past_cache(1, 64, 8, 2);
	put_past_cache(0, 72, 8, 3);
	fence(1);
	fence(0);
	durable_is(64, 2);
	durable_is(72, 3);

	start("CLFLUSH of what is pending elsewhere");
	put(0, 64, 1);
	write_back(0, 64);
	put(1, 64, 2);
	model_write_back(&m, 1, START + 64, PC, USER_WRITE_BACK, true);
	fence(0);
	durable_is(64, 2);

	start("many lines");
	for (size_t i = 0; i < SIZE / 2; i += 64) {
		put(0, i, i / 64 % 100 + 1);
		write_back(0, i);
		write_back(0, i);
	}
	fence(0);
	for (size_t i = 0; i < SIZE / 2; i += 64)
		durable_is(i, i / 64 % 100 + 1);
}

static void faults(void)
{
	start("user space's write-backs ignored");
	m.ignored = 1 << USER_WRITE_BACK;
	put(0, 64, 1);
	write_back(0, 64);
	fence(0);
	durable_is(64, 0);
	is("seen", m.table->seen[USER_WRITE_BACK], 1);
	model_write_back(&m, 0, START + 64, PC, KERNEL_WRITE_BACK, false);
	fence(0);
	durable_is(64, 1);

	start("fences ignored");
	m.ignored = 1 << USER_FENCE | 1 << KERNEL_SERIAL;
	put(0, 64, 1);
	write_back(0, 64);
	fence(0);
	model_fence(&m, 0, PC, KERNEL_SERIAL);
	durable_is(64, 0);
	model_fence(&m, 0, PC, USER_SERIAL);
	durable_is(64, 1);

	start("non-temporal stores stay in the cache");
	m.ignored = 1 << KERNEL_NON_TEMPORAL;
	put_past_cache(0, 64, 8, 1);
	fence(0);
	durable_is(64, 0);
	is("stored", m.devices[0].lines[1].stored, 1);

	start("the second write-back is dropped");
	m.drop_class = USER_WRITE_BACK;
	m.drop_number = 2;
	for (size_t i = 64; i < 256; i += 64) {
		put(0, i, 1);
		write_back(0, i);
	}
	write_back(0, 256); /* changes nothing */
	fence(0);
	durable_is(64, 1);
	durable_is(128, 0);
	durable_is(192, 1);
	is("useful", m.table->useful[USER_WRITE_BACK], 3);
	is("seen", m.table->seen[USER_WRITE_BACK], 4);
	is("dropped_by", m.table->dropped_by, PC + 4);

	start("the first fence is dropped");
	m.drop_class = USER_FENCE;
	m.drop_number = 1;
	fence(0); /* changes nothing */
	put(0, 64, 1);
	write_back(0, 64);
	fence(0);
	durable_is(64, 0);
	is("dropped_by", m.table->dropped_by, PC + 8);
	fence(0);
	durable_is(64, 1);
}

static void others(void)
{
	start("outside of the model");
	put(0, SIZE / 2, 1);
	write_back(0, SIZE / 2);
	fence(0);
	durable_is(SIZE / 2, 0);
	put_past_cache(0, SIZE / 2, 8, 1);
	model_store(&m, 0, START - 8, 8, PC);
	model_store(&m, 0, START + SIZE, 8, PC);
	fence(0);
	is("seen", m.table->seen[USER_WRITE_BACK] + m.table->seen[KERNEL_NON_TEMPORAL], 0);

	start("a flush without an address");
	model_unresolved(&m, 0x1234, PC);
	model_unresolved(&m, 0x5678, PC + 1);
	is("unresolved", m.table->unresolved, 2);
	is("its address", m.table->unresolved_address, 0x1234);

	start("lines leave at random");
	m.random = 7;
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < SIZE / 2; i += 64)
			put(0, i, round + 1);
	is("some left", m.table->evicted > 100, 1);
	is("not all left", m.table->evicted < 20 * SIZE / 128, 1);
	for (size_t i = 0, old = 0; i < SIZE / 2; i += 64) {
		old += durable[i] < 20;
		if (i + 64 == SIZE / 2)
			is("old lines are there", old > 10, 1);
	}
	/* What has left is not overwritten by what was taken before. */
	start("lines leave at random, and pending ones are older");
	m.random = 7;
	put(0, 0, 1);
	write_back(0, 0);
	put(1, 0, 2);
	while (!durable[0])
		put(1, 0, 2);
	fence(0);
	durable_is(0, 2);
}

int main(void)
{
	orders();
	non_temporal();
	two_processors();
	faults();
	others();
	return failures != 0;
}
