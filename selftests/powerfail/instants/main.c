// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * instants verify LOG START DEVICE FINAL
 * instants images LOG START DEVICE OPERATIONS MOST SEED TORN
 * instants rebuild LOG START DEVICE TARGETS
 *
 * LOG is what the plugin has written (../cache/deltas.h), START the physical address of
 * its device, DEVICE a file with what that held at the beginning.
 * verify: is that with the whole log put over it FINAL, byte for byte?
 * images: OPERATIONS has lines "NUMBER START SIZE": the marks' number, and physical
 *	addresses of the filesystem. Prints for each operation
 *	operation NUMBER INSTANTS KERNEL DISTINCT TRIED
 *	image NUMBER INSTANT COUNT during|after RECORD BY	of each that is to be tried
 *	broken NUMBER RECORD SKIP SKIP_END	the last one, without what was promised before
 *	torn NUMBER INSTANT RECORD ADDRESS FROM TO BY	of TORN at most (0: none): the block at
 *		ADDRESS, one by which a journal is understood, is as it was before that record
 *		from byte FROM to byte TO
 *	of MOST at most (0: all), chosen with SEED. KERNEL: instants of the kernel's
 *	instructions.
 * rebuild: writes images to DEVICE. TARGETS has lines "FROM SIZE TO RECORD SKIP SKIP_END
 *	ADDRESS TORN_FROM TORN_TO": the filesystem at FROM, after RECORD records, is put to TO.
 *	Lines that became durable in records between SKIP and SKIP_END (may be equal) are left
 *	out. The rest is as printed for "torn"; 0 0 0: nothing is torn.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"

#define LINES 512
#define PAGE 4096L

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "instants: %s: %s\n", what, errno ? strerror(errno) : "not as it should be");
	exit(2);
}

static void *map(const char *path, bool shared, size_t *size)
{
	int fd = open(path, shared ? O_RDWR : O_RDONLY);
	struct stat st;
	void *at;

	if (fd < 0 || fstat(fd, &st))
		die(path);
	*size = st.st_size;
	if (!*size)
		die(path);
	/* Of a private one nothing need be there but what is changed. */
	at = mmap(NULL, *size, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	if (at == MAP_FAILED)
		die(path);
	close(fd);
	return at;
}

/* Sets used[] of each page of the file that is not in a hole. */
static void find_used(const char *path, bool *used)
{
	int fd = open(path, O_RDONLY);
	off_t from = 0, to;

	if (fd < 0)
		die(path);
	for (; (from = lseek(fd, from, SEEK_DATA)) >= 0; from = to) {
		to = lseek(fd, from, SEEK_HOLE);
		if (to < 0)
			die(path);
		for (off_t at = from & -PAGE; at < to; at += PAGE)
			used[at / PAGE] = true;
	}
	if (errno != ENXIO)
		die(path);
	errno = 0;
	close(fd);
}

/* Is it the same? Holes on both sides are left out. -1, or where it is not. */
static long compare(const struct device_image *d, const uint8_t *final, const bool *used)
{
	for (size_t at = 0; at < d->size; at += PAGE) {
		size_t size = d->size - at < (size_t)PAGE ? d->size - at : (size_t)PAGE;

		if (used[at / PAGE] && memcmp(d->bytes + at, final + at, size))
			for (size_t i = at; ; i++)
				if (d->bytes[i] != final[i])
					return i;
	}
	return -1;
}

static int verify(struct records *r, const struct device_image *d, const char *first, const char *path)
{
	bool *used = calloc(d->size / PAGE + 1, sizeof(*used));
	const uint8_t *lines, *final;
	struct delta head = { .kind = DELTA_DURABLE };
	size_t size;
	long at, all = 0;

	if (!used)
		die("memory");
	while (next_record(r, &head, &lines)) {
		apply(d, &head, lines);
		for (uint32_t i = 0; i < head.lines; i++)
			used[(line_of(lines, i).address - d->start) / PAGE] = true;
		all += head.lines;
	}
	if (head.kind != MARK_CUT) {
		printf("the log does not end with the power cut\n");
		return 1;
	}
	final = map(path, false, &size);
	if (size != d->size)
		die(path);
	find_used(first, used);
	find_used(path, used);
	at = compare(d, final, used);
	free(used);
	if (at >= 0) {
		printf("what is rebuilt is not what was durable, first at byte %#lx of the device\n", at);
		return 1;
	}
	printf("%ld records, %ld lines: what is rebuilt is what was durable\n", r->count, all);
	return 0;
}

/* Gives each line to parse(), with its number; returns how many there were. */
static size_t read_lines(const char *path, bool (*parse)(const char *line, size_t n))
{
	FILE *f = fopen(path, "r");
	char line[300];
	size_t n = 0;

	if (!f)
		die(path);
	errno = 0;
	for (; fgets(line, sizeof(line), f); n++)
		if (n == LINES || !parse(line, n))
			die(path);
	fclose(f);
	return n;
}

static struct operation operations[LINES];

static bool parse_operation(const char *line, size_t n)
{
	struct operation *o = &operations[n];

	return sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &o->number, &o->start, &o->size) == 3;
}

static void print_torn(const struct operation *o, long most, uint64_t seed)
{
	uint64_t from, to;
	long ways = 0, all;
	bool *tried;

	while (tear(4096, ways, &from, &to))
		ways++;
	all = o->head_count * ways;
	tried = malloc(all + 2);
	if (!tried)
		die("memory");
	/* The first and the last of these are none: they would always be chosen. */
	choose(all + 2, most + 2, seed, tried);
	for (long i = 0; i < all; i++) {
		const struct head *h = &o->heads[i / ways];

		if (tried[i + 1] && tear(h->size, i % ways, &from, &to))
			printf("torn %lu %ld %ld %lu %lu %lu %#lx\n", o->number, h->instant, h->record,
			       h->address, from, to, h->by);
	}
	free(tried);
}

static int print_images(const struct operation *o, long most, uint64_t seed)
{
	bool *tried = malloc(o->distinct + 1);
	long count;

	if (!tried)
		die("memory");
	if (o->end < 0) {
		printf("operation %lu did not end\n", o->number);
		free(tried);
		return 1;
	}
	count = choose(o->distinct, most, seed + o->number, tried);
	printf("operation %lu %ld %ld %ld %ld\n", o->number, o->instants, o->kernel, o->distinct, count);
	for (long i = 0; i < o->distinct; i++)
		if (tried[i])
			printf("image %lu %ld %ld %s %ld %#lx\n", o->number, o->images[i].instant,
			       o->images[i].count, o->images[i].after ? "after" : "during",
			       o->images[i].record, o->images[i].by);
	printf("broken %lu %ld %ld %ld\n", o->number, o->end, o->promise, o->begin);
	free(tried);
	return 0;
}

static int images(struct records *r, const struct device_image *d, char **words)
{
	size_t count = read_lines(words[0], parse_operation);
	int status = 0;

	find_images(r, d, operations, count);
	for (size_t i = 0; i < count; i++) {
		status |= print_images(&operations[i], atol(words[1]), atol(words[2]));
		print_torn(&operations[i], atol(words[3]), atol(words[2]) + i);
	}
	return status;
}

static struct target targets[LINES];

static bool parse_target(const char *line, size_t n)
{
	struct target *t = &targets[n];

	return sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %ld %ld %ld %" SCNu64 " %" SCNu64 " %" SCNu64, &t->from,
		      &t->size, &t->to, &t->record, &t->skip, &t->skip_end, &t->torn, &t->torn_from, &t->torn_to) == 9;
}

int main(int argc, char **argv)
{
	struct records r = { 0 };
	struct device_image d = { 0 };
	const char *what = argc > 1 ? argv[1] : "";
	bool build = !strcmp(what, "rebuild");

	if (!((!strcmp(what, "verify") || build) && argc == 6) && !(!strcmp(what, "images") && argc == 9)) {
		fprintf(stderr, "usage: instants verify|images|rebuild LOG START DEVICE ...\n");
		return 2;
	}
	r.log = map(argv[2], false, &r.size);
	d.start = strtoul(argv[3], NULL, 0);
	d.bytes = map(argv[4], build, &d.size);
	errno = 0;
	if (build) {
		rebuild(&r, &d, targets, read_lines(argv[5], parse_target));
		return 0;
	}
	return what[0] == 'v' ? verify(&r, &d, argv[4], argv[5]) : images(&r, &d, argv + 5);
}
