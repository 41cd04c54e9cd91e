// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cache-lines TABLE [ADDRESS]...
 *
 * Prints what the model of the CPU cache knew when the power was cut:
 *	events CLASS SEEN USEFUL	CLASS is a number; see enum event_class
 *	evicted COUNT
 *	unresolved COUNT BY ADDRESS
 *	dropped BY
 *	at LINE				a line that the 64 bytes at an ADDRESS are in
 *	line LINE			a line that was not durable
 *	more COUNT			so many more of them
 * where LINE is: address, state, stored by, on processor, written back by, on processor,
 * "elsewhere" or "-". State is stored (not written back), waiting (written back, no
 * fence) or durable; elsewhere: another processor has executed a fence since then.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model.h"

#define MOST_LINES 20000

static const struct table *table;
static size_t size;

static void die(const char *path)
{
	fprintf(stderr, "cache-lines: %s is not a table of the model, or cannot be read\n", path);
	exit(2);
}

static const char *elsewhere(const struct line *l)
{
	for (unsigned int i = 0; l->pending && i < MAX_CPUS; i++)
		if (i != l->written_on && table->fenced_at[i] > l->written_at)
			return "elsewhere";
	return "-";
}

static void print_line(const char *word, uint64_t address, const struct line *l)
{
	printf("%s %#lx %s %#lx %d %#lx %d %s\n", word, address,
	       l->stored ? "stored" : l->pending ? "waiting" : "durable", l->stored_by, l->stored_on,
	       l->written_by, l->written_on, elsewhere(l));
}

static const struct line *lines_of(size_t device)
{
	return (const struct line *)((const char *)table + TABLE_HEADER) + table->devices[device].first_line;
}

static void print_address(uint64_t address)
{
	for (size_t i = 0; i < table->device_count; i++) {
		uint64_t offset = address - table->devices[i].start;

		if (offset < table->devices[i].size)
			print_line("at", address & -LINE_BYTES, lines_of(i) + offset / LINE_BYTES);
	}
}

/* The stores that are watched have 64 bytes. */
static void print_store(uint64_t address)
{
	print_address(address);
	if (address % LINE_BYTES)
		print_address(address + LINE_BYTES);
}

/* The lines of a device in that part of the file. Returns how many are not durable. */
static long print_part(size_t device, uint64_t from, uint64_t to, long before)
{
	const struct line *lines = lines_of(device);
	uint64_t start = (const char *)lines - (const char *)table, count = 0;
	uint64_t first = from < start ? 0 : (from - start) / sizeof(*lines);
	uint64_t end = to < start ? 0 : (to - start + sizeof(*lines) - 1) / sizeof(*lines);

	if (end > table->devices[device].size / LINE_BYTES)
		end = table->devices[device].size / LINE_BYTES;
	for (uint64_t i = first; i < end; i++)
		if ((lines[i].stored || lines[i].pending) && before + (long)count++ < MOST_LINES)
			print_line("line", table->devices[device].start + i * LINE_BYTES, &lines[i]);
	return count;
}

/* Of the file's parts that are not holes. */
static void print_lines(int fd)
{
	off_t from = TABLE_HEADER, to;
	long count = 0;

	while ((from = lseek(fd, from, SEEK_DATA)) >= 0) {
		to = lseek(fd, from, SEEK_HOLE);
		for (size_t i = 0; i < table->device_count; i++)
			count += print_part(i, from, to, count);
		from = to;
	}
	if (count > MOST_LINES)
		printf("more %ld\n", count - MOST_LINES);
}

int main(int argc, char **argv)
{
	struct stat st;
	int fd;

	if (argc < 2) {
		fprintf(stderr, "usage: cache-lines TABLE [ADDRESS]...\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) || st.st_size < TABLE_HEADER)
		die(argv[1]);
	size = st.st_size;
	table = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED || table->magic != TABLE_MAGIC)
		die(argv[1]);
	for (int i = 0; i < EVENT_CLASSES; i++)
		printf("events %d %lu %lu\n", i, table->seen[i], table->useful[i]);
	printf("evicted %lu\nunresolved %lu %#lx %#lx\ndropped %#lx\n", table->evicted, table->unresolved,
	       table->unresolved_by, table->unresolved_address, table->dropped_by);
	for (int i = 2; i < argc; i++)
		print_store(strtoull(argv[i], NULL, 0));
	print_lines(fd);
	return 0;
}
