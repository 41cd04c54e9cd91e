// SPDX-License-Identifier: GPL-2.0-or-later
/* deltas.c - see deltas.h */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deltas.h"

/* A log with a gap would rebuild images that never were. */
static void __attribute__((noreturn)) die(void)
{
	perror("cache model: the log of what is durable");
	abort();
}

static void make_room(struct deltas *d, size_t more)
{
	if (d->size + more <= d->room)
		return;
	d->room = 2 * (d->size + more);
	d->record = realloc(d->record, d->room);
	if (!d->record)
		die();
}

int deltas_open(struct deltas *d, const char *path)
{
	*d = (struct deltas){ .size = sizeof(struct delta) };
	d->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	make_room(d, 4096);
	return d->fd < 0 ? -1 : 0;
}

void deltas_add(struct deltas *d, uint64_t address, const uint8_t *data)
{
	struct delta_line line = { .address = address };

	memcpy(line.data, data, sizeof(line.data));
	make_room(d, sizeof(line));
	memcpy(d->record + d->size, &line, sizeof(line));
	d->size += sizeof(line);
	d->lines++;
}

void deltas_end(struct deltas *d, enum delta_kind kind, unsigned int cpu, uint64_t by, uint64_t number)
{
	struct delta head = { .magic = DELTA_MAGIC, .kind = kind, .lines = d->lines, .cpu = cpu,
			      .by = by, .number = number };

	memcpy(d->record, &head, sizeof(head));
	for (size_t at = 0; at < d->size; ) {
		ssize_t n = write(d->fd, d->record + at, d->size - at);

		if (n <= 0)
			die();
		at += n;
	}
	d->size = sizeof(head);
	d->lines = 0;
}
