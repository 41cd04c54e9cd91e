// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A log that is only appended to: what append() has returned for is there after
 * a power failure, on persistent memory and on any other filesystem.
 *
 *   log FILE create BYTES
 *   log FILE append TEXT...
 *   log FILE list
 *
 * Build: cc log.c $(pkg-config --cflags --libs libmincore2-persist)
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mincore2-persist.h>

static const char magic[16] = "mincore2 log 1\n";

/*
 * A record is durable in any order of its bytes: it counts only if its sum is
 * right, and that goes over length, text and the sum of the record before. So
 * neither a torn record nor what is left of an older one is taken for one.
 */
struct record {
	uint32_t sum;
	uint32_t length;
	char text[];
};

struct log {
	struct mincore2_mapping *map;
	char *base;
	size_t size;
	size_t end;	/* of the last good record */
	uint32_t sum;	/* of the last good record */
};

/* FNV-1a: enough against tearing, not against malice. */
static uint32_t sum_of(uint32_t sum, const void *data, size_t length)
{
	for (const unsigned char *p = data; length--; p++)
		sum = (sum ^ *p) * 16777619;
	return sum;
}

static uint32_t record_sum(uint32_t before, const struct record *record)
{
	uint32_t sum = sum_of(before ^ 2166136261, &record->length,
			      sizeof(record->length));

	/* Never 0, which is what an empty file is made of. */
	return sum_of(sum, record->text, record->length) | 1;
}

static size_t record_size(size_t length)
{
	return (sizeof(struct record) + length + 7) / 8 * 8;
}

/* The record at the end, if there is a good one. */
static struct record *next_record(const struct log *log)
{
	struct record *record = (struct record *)(log->base + log->end);
	size_t room = log->size - log->end;

	if (room < sizeof(*record) ||
	    record->length > room - sizeof(*record) ||
	    record_size(record->length) > room ||
	    record->sum != record_sum(log->sum, record))
		return NULL;
	return record;
}

static void step_over(struct log *log, const struct record *record)
{
	log->sum = record->sum;
	log->end += record_size(record->length);
}

/*
 * Makes the last record durable: the program that appended it may have ended,
 * or failed, before it was, and what comes behind it is found through it. It is
 * stored again, as after an error the kernel may have dropped what it had.
 */
static int settle(const struct log *log, struct record *last)
{
	size_t size = record_size(last->length);
	volatile char *bytes = (volatile char *)last;

	for (size_t i = 0; i < size; i++)
		bytes[i] = bytes[i];
	return mincore2_map_persist(log->map, last, size);
}

/* Maps the log, and finds its end; that, and the last record, is all of recovery. */
static void open_log(struct log *log, const char *path, bool list)
{
	struct record *record, *last = NULL;
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	log->size = (size_t)st.st_size;
	if (log->size < sizeof(magic))
		errx(1, "%s: not a log", path);
	ret = mincore2_map(log->size, PROT_READ | PROT_WRITE, fd, 0, &log->map);
	if (ret)
		errx(1, "%s: %s", path, strerror(-ret));
	close(fd);
	log->base = mincore2_map_addr(log->map);
	if (memcmp(log->base, magic, sizeof(magic)))
		errx(1, "%s: not a log", path);
	log->end = sizeof(magic);
	log->sum = 0;
	while ((record = next_record(log))) {
		if (list)
			printf("%.*s\n", (int)record->length, record->text);
		step_over(log, record);
		last = record;
	}
	ret = last && !list ? settle(log, last) : 0;
	if (ret)
		errx(1, "%s: the last record: %s", path, strerror(-ret));
}

/* Returns 0 once the record is durable, or a negative errno. */
static int append(struct log *log, const char *text)
{
	struct record *record = (struct record *)(log->base + log->end);
	size_t length = strlen(text);
	int ret;

	if (length > UINT32_MAX || record_size(length) > log->size - log->end)
		return -ENOSPC;
	record->length = (uint32_t)length;
	memcpy(record->text, text, length);
	record->sum = record_sum(log->sum, record);
	ret = mincore2_map_persist(log->map, record, record_size(length));
	if (!ret)
		step_over(log, record);
	return ret;
}

/*
 * The size is set before anything is stored through a mapping, and the name
 * made durable: persistence-safe memory says nothing about either.
 */
static void create(const char *path, off_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	char *copy = strdup(path);
	int dir, ret;

	if (fd < 0 || !copy)
		err(1, "%s", path);
	if (size < (off_t)sizeof(magic))
		errx(1, "%s: too small", path);
	ret = posix_fallocate(fd, 0, size);
	if (ret)
		errx(1, "%s: %s", path, strerror(ret));
	if (pwrite(fd, magic, sizeof(magic), 0) != sizeof(magic) || fsync(fd))
		err(1, "%s", path);
	close(fd);
	dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir))
		err(1, "the directory of %s", path);
	close(dir);
	free(copy);
}

int main(int argc, char **argv)
{
	struct log log;
	int ret;

	if (argc == 4 && !strcmp(argv[2], "create")) {
		create(argv[1], (off_t)strtoll(argv[3], NULL, 0));
		return 0;
	}
	if (argc < 3 || (strcmp(argv[2], "append") && strcmp(argv[2], "list")))
		errx(2, "usage: log FILE create BYTES | append TEXT... | list");
	open_log(&log, argv[1], !strcmp(argv[2], "list"));
	for (int i = 3; i < argc; i++) {
		ret = append(&log, argv[i]);
		if (ret)
			errx(1, "%s: not durable: %s", argv[i], strerror(-ret));
		printf("durable: %s\n", argv[i]);
		fflush(stdout);
	}
	ret = mincore2_unmap(log.map);
	return ret ? 1 : 0;
}
