// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * instants_test LOG - from the model's events to a log, and from the log to images
 *
 * LOG is a file that is made anew. Prints "ok NAME" or "not ok NAME", and the counts.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../cache/model.h"
#include "../../guest/dice.h"
#include "../image.h"

#define START 0x200000000UL
#define SIZE 0x8000UL
#define OWN_FROM (START + 0x2000)	/* of the filesystem of the operation */
#define OWN_SIZE 0x4000UL
#define KERNEL_PC 0xffffffff81000000UL
#define EVENTS 2400
#define MOST 3000

static const char *path;
static int passed, failures;
static struct model m;
static struct deltas deltas;
static uint8_t visible[SIZE] __attribute__((aligned(64))), durable[SIZE] __attribute__((aligned(64)));
static uint8_t base[SIZE], rebuilt[SIZE];
static struct { uint8_t bytes[SIZE]; long record; } seen[MOST];
static long seen_count, silent;

static void verdict(const char *name, bool good)
{
	printf("%s instants: %s\n", good ? "ok" : "not ok", name);
	good ? passed++ : failures++;
}

static void start(void)
{
	static void *table;

	free(table);
	for (int i = 0; i < MAX_CPUS; i++)
		free(m.pending[i].entries);
	memset(&m, 0, sizeof(m));
	for (size_t i = 0; i < SIZE; i++)
		base[i] = visible[i] = durable[i] = i * 7;
	m.devices[0] = (struct device){ .start = START, .size = SIZE, .visible = visible, .durable = durable };
	m.device_count = 1;
	m.deltas = &deltas;
	table = calloc(1, model_table_size(&m));
	model_start(&m, table);
	if (deltas_open(&deltas, path)) {
		perror(path);
		exit(2);
	}
	seen_count = 0;
}

static struct records open_log(void)
{
	int fd = open(path, O_RDONLY);
	struct records r = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	r.size = st.st_size;
	r.log = r.size ? mmap(NULL, r.size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	close(fd);
	return r;
}

/* The durable image, if it is another record's. @record is for now where that ends. */
static void look(void)
{
	long end = lseek(deltas.fd, 0, SEEK_CUR);

	if (seen_count && seen[seen_count - 1].record == end) {
		silent += memcmp(seen[seen_count - 1].bytes, durable, SIZE) != 0;
		return;
	}
	memcpy(seen[seen_count].bytes, durable, SIZE);
	seen[seen_count++].record = end;
}

static void number_records(void)
{
	struct records r = open_log();
	struct delta head;
	const uint8_t *lines;
	long i = 0;

	do {
		if (i < seen_count && seen[i].record == (long)r.at)
			seen[i++].record = r.count;
	} while (next_record(&r, &head, &lines));
	munmap((void *)r.log, r.size);
	if (i != seen_count) {
		printf("not ok instants: the log has other records than were made\n");
		exit(1);
	}
}

/* One event of the cache's on either processor, at random. */
static void random_event(void)
{
	unsigned int cpu = roll(2);
	size_t at = roll(SIZE / 8) * 8;

	switch (roll(8)) {
	case 0: case 1: case 2:
		visible[at] = roll(4);
		model_store(&m, cpu, START + at, 1, KERNEL_PC);
		break;
	case 3:
		memset(visible + at, roll(4), 8);
		model_non_temporal(&m, cpu, START + at, 8, KERNEL_PC, KERNEL_NON_TEMPORAL);
		break;
	case 4: case 5:
		model_write_back(&m, cpu, START + at, KERNEL_PC, KERNEL_WRITE_BACK, roll(8) == 0);
		break;
	default:
		model_fence(&m, cpu, roll(2) ? KERNEL_PC : 0x401000, KERNEL_FENCE);
	}
}

/* A log with an operation in it; all durable images that there were are in seen[]. */
static void random_log(uint64_t seed)
{
	dice = seed * 2 + 1;
	start();
	if (seed & 1)
		m.random = seed * 0x9e3779b97f4a7c15UL;
	for (int i = 0; i < EVENTS && seen_count < MOST - 8; i++) {
		if (i == EVENTS / 4)
			model_mark(&m, 0, 0x401000, MARK_PROMISE, 7);
		if (i == EVENTS / 4 + 20)
			model_mark(&m, 0, 0x401000, MARK_BEGIN, 7);
		if (i == EVENTS / 2)
			model_mark(&m, 0, 0x401000, MARK_END, 7);
		random_event();
		look();
	}
	model_mark(&m, 0, 0x401000, MARK_CUT, 0);
	look();
	/* The power is cut: none of these counts. */
	for (int i = 0; i < 200; i++)
		random_event();
	close(deltas.fd);
	number_records();
}

/* What the log says was durable after that many records, without the lines of some. */
static void rebuild_at(long record, long skip, long skip_end)
{
	struct target t = { .from = START, .to = START, .size = SIZE, .record = record, .skip = skip, .skip_end = skip_end };
	struct device_image d = { .start = START, .size = SIZE, .bytes = rebuilt };
	struct records r = open_log();

	memcpy(rebuilt, base, SIZE);
	rebuild(&r, &d, &t, 1);
	munmap((void *)r.log, r.size);
}

static void rebuilds(void)
{
	bool good = true, last = true;

	for (uint64_t seed = 1; seed <= 6; seed++) {
		random_log(seed);
		good = good && seen_count > 100;
		for (long i = 0; i < seen_count; i++) {
			rebuild_at(seen[i].record, 0, 0);
			good = good && !memcmp(rebuilt, seen[i].bytes, SIZE);
		}
		rebuild_at(seen[seen_count - 1].record, 0, 0);
		last = last && !memcmp(rebuilt, durable, SIZE);
	}
	verdict("each image that there was is rebuilt, byte for byte", good);
	verdict("nothing becomes durable without a record", !silent);
	verdict("the last one is what the power failure left", last);
}

/* Which images there were during the operation, by comparing all with all. */
static long count_images(long begin, long end)
{
	long distinct = 0;
	static long first[MOST];

	for (long i = 0; i < seen_count; i++) {
		long k;

		if (seen[i].record < begin || seen[i].record > end)
			continue;
		for (k = 0; k < distinct; k++)
			if (!memcmp(seen[first[k]].bytes + (OWN_FROM - START), seen[i].bytes + (OWN_FROM - START), OWN_SIZE))
				break;
		if (k == distinct)
			first[distinct++] = i;
	}
	return distinct;
}

static void groups(void)
{
	bool good = true;
	long total = 0;

	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct operation o = { .number = 7, .start = OWN_FROM, .size = OWN_SIZE };
		struct device_image d = { .start = START, .size = SIZE, .bytes = rebuilt };
		struct records r;
		long after = 0, count = 0;

		random_log(seed);
		r = open_log();
		memcpy(rebuilt, base, SIZE);
		find_images(&r, &d, &o, 1);
		good = good && o.distinct == count_images(o.begin, o.end) && o.distinct > 20;
		for (long i = 0; i < o.distinct; i++) {
			after += o.images[i].after;
			count += o.images[i].count;
		}
		good = good && after == 1 && count == o.instants + 1 && o.kernel > 0 && o.kernel <= o.instants;
		total += o.instants - o.distinct;
		free(o.images);
	}
	verdict("equal images are one, and no others are", good);
	verdict("there were equal ones", total > 0);
}

static void left_out(void)
{
	const uint8_t *last;
	bool good = true;
	long tried = 0;

	random_log(2);
	last = seen[seen_count - 1].bytes;
	/* Of what became durable then, nothing is there; all else is. */
	for (long i = seen_count - 40; i < seen_count; i++) {
		const uint8_t *old = seen[i - 1].bytes, *new = seen[i].bytes;

		rebuild_at(seen[seen_count - 1].record, seen[i - 1].record, seen[i].record);
		for (size_t at = 0; at < SIZE; at += LINE_BYTES) {
			bool out = memcmp(rebuilt + at, last + at, LINE_BYTES);

			if (memcmp(old + at, new + at, LINE_BYTES) && memcmp(old + at, last + at, LINE_BYTES)) {
				good = good && !memcmp(rebuilt + at, old + at, LINE_BYTES);
				tried++;
			} else if (out) {
				good = good && !memcmp(rebuilt + at, old + at, LINE_BYTES);
			}
		}
	}
	verdict("what is left out of an image is missing in it, and all else is there", good && tried > 20);
}

/* Blocks of a journal in a log, and one of them torn. */
static void torn(void)
{
	static const uint8_t jbd2[8] = { 0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 4 }, xfs[4] = { 0xfe, 0xed, 0xba, 0xbe };
	struct operation o = { .number = 7, .start = START, .size = SIZE };
	struct device_image d = { .start = START, .size = SIZE, .bytes = rebuilt };
	struct target t = { .from = START, .to = START, .size = SIZE, .torn = START + 4096, .torn_from = 72, .torn_to = 4096 - 64 };
	struct records r;
	bool good = true;

	start();
	model_mark(&m, 0, 0x401000, MARK_PROMISE, 7);
	model_mark(&m, 0, 0x401000, MARK_BEGIN, 7);
	/* A block of another journal's, where none can begin; then one of each. */
	memcpy(visible + 4096 + 512, jbd2, sizeof(jbd2));
	memset(visible + 8192 + 512, 5, 4096);
	memcpy(visible + 8192 + 512, xfs, sizeof(xfs));
	memset(visible + 4096 + 64, 9, 4096 - 64);
	memcpy(visible + 4096, jbd2, sizeof(jbd2));
	for (size_t at = 4096; at < 16384; at += LINE_BYTES)
		model_write_back(&m, 0, START + at, KERNEL_PC, KERNEL_WRITE_BACK, false);
	model_fence(&m, 0, KERNEL_PC, KERNEL_FENCE);
	model_mark(&m, 0, 0x401000, MARK_END, 7);
	close(deltas.fd);
	r = open_log();
	memcpy(rebuilt, base, SIZE);
	find_images(&r, &d, &o, 1);
	verdict("blocks by which a journal is understood are found", o.head_count == 2 &&
		o.heads[0].address == START + 4096 && o.heads[0].size == 4096 && o.heads[0].instant == 1 &&
		o.heads[1].address == START + 8192 + 512 && o.heads[1].size == 512);
	t.record = o.heads[0].record;
	r.at = r.count = 0;
	memcpy(rebuilt, base, SIZE);
	rebuild(&r, &d, &t, 1);
	for (size_t at = 0; at < SIZE; at++) {
		bool old = at >= 4096 + 72 && at < 4096 + 4096 - 64;

		good = good && rebuilt[at] == (old ? base : durable)[at];
	}
	verdict("a block is torn where it is to be", good && memcmp(base, durable, SIZE));
	/* Of records before the last one all is there. */
	t.record++;
	r.at = r.count = 0;
	memcpy(rebuilt, base, SIZE);
	rebuild(&r, &d, &t, 1);
	verdict("and in no other record", !memcmp(rebuilt, durable, SIZE));
}

/* Does that log end the program, or the image after that record of it (-1: none)? */
static bool refused(size_t size, long change, long record)
{
	struct records r = open_log();
	uint8_t *copy = malloc(size + 1);
	int status;
	pid_t pid;

	memcpy(copy, r.log, size);
	if (change >= 0)
		copy[change] ^= 0x40;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct operation o = { .number = 7, .start = OWN_FROM, .size = OWN_SIZE };
		struct device_image d = { .start = START, .size = SIZE, .bytes = rebuilt };
		struct target t = { .from = START, .to = START, .size = SIZE, .record = record };
		struct records cut = { .log = copy, .size = size };

		if (!freopen("/dev/null", "w", stderr))
			_exit(3);
		if (record >= 0)
			rebuild(&cut, &d, &t, 1);
		else
			find_images(&cut, &d, &o, 1);
		_exit(record < 0 && o.end < 0 ? 4 : 0);
	}
	waitpid(pid, &status, 0);
	free(copy);
	return WIFEXITED(status) && WEXITSTATUS(status) == 2;
}

static void broken_logs(void)
{
	struct records r;
	bool good = true;

	random_log(4);
	r = open_log();
	for (size_t less = 1; less < sizeof(struct delta); less++)
		good = good && refused(r.size - less, -1, -1);
	verdict("a log that is cut off is refused", good);
	verdict("so is one with a wrong head", refused(r.size, 1, -1) && refused(r.size, 6, -1));
	verdict("and one whose lines are not on the device", refused(r.size, sizeof(struct delta) + 6, -1));
	verdict("and a sound one is not", !refused(r.size, -1, -1));
	verdict("an image after more records than there are is refused", !refused(r.size, -1, seen[seen_count - 1].record) &&
		refused(r.size, -1, seen[seen_count - 1].record + 1));
}

static bool choice_is(long images, long most, uint64_t seed)
{
	bool tried[200];
	long count = choose(images, most, seed, tried), wanted = most && most < images ? most < 2 ? 2 : most : images;
	long longest = 0, since = 0;

	if (count != wanted || !tried[0] || !tried[images - 1])
		return false;
	for (long i = 0; i < images; i++) {
		since = tried[i] ? 0 : since + 1;
		longest = since > longest ? since : longest;
	}
	return longest <= (wanted > 2 ? 2 * ((images - 2) / (wanted - 2) + 1) : images);
}

static void choices(void)
{
	bool a[100], b[100], c[100], good = true;

	for (long images = 1; images <= 150; images++)
		for (long most = 0; most <= images + 1; most++)
			good = good && choice_is(images, most, images * 31 + most);
	verdict("as many images as were asked for, the first, the last and others at even distances", good);
	choose(100, 10, 1, a);
	choose(100, 10, 1, b);
	choose(100, 10, 2, c);
	verdict("a seed chooses the same ones again, another others", !memcmp(a, b, sizeof(a)) && memcmp(a, c, sizeof(a)));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: instants_test LOG\n");
		return 2;
	}
	path = argv[1];
	rebuilds();
	groups();
	left_out();
	torn();
	broken_logs();
	choices();
	printf("%d passed, %d failed, 0 skipped\n", passed, failures);
	return failures != 0;
}
