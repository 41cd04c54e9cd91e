// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fakelog CONFIG LIST PLACES HOW - in the place of QEMU and its plugin, for tests of "run"
 *
 * CONFIG is the plugin's, LIST what the guest has to do, PLACES where slots begin in
 * the device's file: lines "SLOT DEVICE OFFSET". Writes a log in which something becomes
 * durable during each operation, and its result to the device. HOW: good; nothing (during no
 * operation anything becomes durable); journal (a commit block does, too); endless (none
 * ends); other (the device has more); uncut (the power is not cut).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../cache/deltas.h"

static struct deltas deltas;
static unsigned long start;
static int device;

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(1);
}

static void configure(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[4096];
	int at;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "deltas ", 7) && deltas_open(&deltas, line + 7))
			die(line);
		if (sscanf(line, "device %lx %*x %n", &start, &at) == 1) {
			device = open(line + at, O_RDWR);
			if (device < 0)
				die(line);
		}
	}
	if (!f || !start || !deltas.room)
		die(path);
}

static long place_of(const char *path, const char *slot)
{
	FILE *f = fopen(path, "r");
	char name[60];
	long at, found = -1;

	while (f && found < 0 && fscanf(f, "%59s %*s %ld", name, &at) == 2)
		if (!strcmp(name, slot))
			found = at;
	if (found < 0)
		die(slot);
	fclose(f);
	return found;
}

#define COMMIT_BLOCK (-1)	/* of jbd2 */
static void durable(long at, int value)
{
	static const uint8_t head[] = { 0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 2 };
	uint8_t line[DELTA_LINE];

	memset(line, value, sizeof(line));
	if (value == COMMIT_BLOCK)
		memcpy(line, head, sizeof(head));
	deltas_add(&deltas, start + at, line);
	if (pwrite(device, line, sizeof(line), at) != sizeof(line))
		die("device");
	deltas_end(&deltas, DELTA_DURABLE, 0, 0xffffffff81000010, 0);
}

int main(int argc, char **argv)
{
	char line[500], slot[60];
	unsigned long number;
	const char *how;
	FILE *list;

	if (argc != 5)
		return 2;
	how = argv[4];
	configure(argv[1]);
	list = fopen(argv[2], "r");
	while (list && fgets(line, sizeof(line), list)) {
		long at;

		if (sscanf(line, "%lu %*s %*s %*s %*s %59s", &number, slot) != 2)
			return 2;
		at = place_of(argv[3], slot);
		durable(at, 1);
		deltas_end(&deltas, MARK_PROMISE, 0, 0x401000, number);
		durable(at + 64, 2);
		deltas_end(&deltas, MARK_BEGIN, 0, 0x401000, number);
		for (int i = 0; i < 4 && strcmp(how, "nothing"); i++)
			durable(at + 128, 3 + i / 2);
		if (!strcmp(how, "journal"))
			durable(at + 4096, COMMIT_BLOCK);
		if (strcmp(how, "endless"))
			deltas_end(&deltas, MARK_END, 0, 0x401000, number);
	}
	if (strcmp(how, "uncut"))
		deltas_end(&deltas, MARK_CUT, 0, 0x401000, 0);
	if (!strcmp(how, "other") && pwrite(device, "x", 1, 4096) != 1)
		die("device");
	return 0;
}
