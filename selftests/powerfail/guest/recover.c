// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * recover.c - after the second boot: is what was stored there?
 *
 * LIST has the "store" lines of the first boot; see report.c. Files are read by
 * read(2), devices through a mapping.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pf.h"

struct line {
	int index, watch;
	char where[160];
	long long offset;
	size_t len;
	unsigned long long seed;
};

/* Path of the device of that name; see find_devices in ../../guest/inside/setup.sh. */
static int open_device(const char *name)
{
	char line[200], key[64], path[120];
	FILE *f = fopen("/run/devmap", "r");
	int fd = -1;

	errno = ENODEV;
	while (f && fd < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %119s", key, path) == 2 && !strcmp(key, name))
			fd = open(path, O_RDONLY);
	if (f)
		fclose(f);
	return fd;
}

/* len bytes of the device at offset, into "to". Returns len, or -1. */
static ssize_t read_device(const char *name, unsigned char *to, size_t len, off_t offset)
{
	off_t start = offset & -(2 * MB);
	int fd = open_device(name);
	unsigned char *map;

	if (fd < 0)
		return -1;
	map = mmap(NULL, 2 * MB, PROT_READ, MAP_SHARED, fd, start);
	close(fd);
	if (map == MAP_FAILED)
		return -1;
	memcpy(to, map + (offset - start), len);
	munmap(map, 2 * MB);
	return len;
}

static ssize_t read_file(const char *where, unsigned char *to, size_t len, off_t offset)
{
	char path[200];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/mnt/%s", where);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = pread(fd, to, len, offset);
	close(fd);
	return n;
}

/* What is there instead, in words. */
static const char *instead(const unsigned char *got, const unsigned char *want, size_t len)
{
	size_t same = 0, wrong = 0;

	for (size_t i = 1; i < len; i++)
		same += got[i] == got[0];
	for (size_t i = 0; i < len; i++)
		wrong += got[i] != want[i];
	if (same != len - 1)
		return wrong == len ? "other data" : "part of it";
	switch (got[0]) {
	case 0: return "zeros";
	case 'o': return "old data";
	default: return "data of another write";
	}
}

static void check(const struct line *l)
{
	unsigned char got[PF_STORE_LEN], want[PF_STORE_LEN];
	bool file = strchr(l->where, '/');
	ssize_t n;

	if (l->len > sizeof(got)) {
		report("problem a store of %zu bytes", l->len);
		return;
	}
	pattern(want, l->len, l->seed);
	n = file ? read_file(l->where, got, l->len, l->offset) :
		read_device(l->where, got, l->len, l->offset);
	if (n < 0)
		report("read %d %d lost %s", l->index, l->watch, strerrorname_np(errno) ?: "?");
	else if (n < (ssize_t)l->len)
		report("read %d %d lost the file ends before", l->index, l->watch);
	else if (memcmp(got, want, l->len))
		report("read %d %d lost %s", l->index, l->watch, instead(got, want, l->len));
	else
		report("read %d %d kept", l->index, l->watch);
}

int recover(const char *list)
{
	char text[600], other[160];
	struct line l;
	FILE *f = fopen(list, "r");

	if (!f) {
		report("problem %s: %s", list, strerrorname_np(errno));
		return 2;
	}
	report("begin 120 read back");
	while (fgets(text, sizeof(text), f)) {
		if (sscanf(text, "store %d %d %159s %lld %zu %llu", &l.index, &l.watch, l.where,
			   &l.offset, &l.len, &l.seed) == 6)
			check(&l);
		else if (sscanf(text, "random-case %d %d %159s", &l.index, &l.watch, l.where) == 3)
			random_recover(l.index, l.watch, l.where);
		else if (sscanf(text, "owner %d %159s %159s", &l.index, l.where, other) == 3)
			owner_recover(l.index, l.where, other);
		else
			log_line(text);
	}
	fclose(f);
	log_recover();
	return 0;
}
