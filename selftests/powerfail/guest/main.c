// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * powerfail crash|recover PORT LIST
 *
 * crash: LIST has a case a line, "INDEX NAME SLOT MAP HISTORY ORDER BY". Sets up all
 * files, then runs each case in a process of its own, which stays; then announces and
 * waits for the power to be cut. Lines with a seed are for random.c.
 * recover: see recover.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pf.h"

#define MAX_CASES 400
#define CASE_SECONDS 30

static struct pfcase cases[MAX_CASES];
static int count;

static struct child {
	pid_t pid;
	int done, go;	/* ends of pipes: it has got there; go on */
} children[MAX_CASES];

const struct history *find_history(const char *name)
{
	static const struct history *const lists[] = {
		layout_histories, eof_histories, mapping_histories, filesystem_histories,
		device_histories, owner_histories
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct history *h = lists[i]; h->name; h++)
			if (!strcmp(h->name, name))
				return h;
	return NULL;
}

/* Device path of a name in /run/devmap; false: there is none. */
static bool device_path(const char *name, char *path, size_t size)
{
	char line[200], key[64], value[120];
	FILE *f = fopen("/run/devmap", "r");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %119s", key, value) == 2 && !strcmp(key, name)) {
			snprintf(path, size, "%s", value);
			found = true;
		}
	if (f)
		fclose(f);
	return found;
}

static int parse_order(struct pfcase *c, const char *word)
{
	static const char *const words[] = { "before", "touched", "after", "early" };

	for (int i = 0; i < 4; i++)
		if (!strcmp(words[i], word)) {
			c->order = i;
			return 0;
		}
	errno = EINVAL;
	return failed(c, "unknown order");
}

static void __attribute__((noinline)) parse(struct pfcase *c, const char *line)
{
	char history[48], order[16];
	int place = 0;

	c->fd = c->other = -1;
	if (sscanf(line, "%d %159s %47s %23s %47s %15s %23s", &c->index, c->name, c->slot, c->map,
		   history, order, c->by) != 7) {
		report("problem line \"%.200s\"", line);
		exit(2);
	}
	c->history = find_history(history);
	c->is_dev = !strncmp(c->slot, "devdax", 6);
	if (!c->history) {
		errno = EINVAL;
		failed(c, "unknown history");
		return;
	}
	parse_order(c, order);
	c->len = (c->history->size + 2 * MB) & -(2 * MB);
	if (!c->is_dev) {
		snprintf(c->dir, sizeof(c->dir), "/mnt/%s", c->slot);
		snprintf(c->path, sizeof(c->path), "%s/c%d", c->dir, c->index);
		snprintf(c->where, sizeof(c->where), "%s/c%d", c->slot, c->index);
		return;
	}
	snprintf(c->where, sizeof(c->where), "%s", c->slot);
	if (!device_path(c->slot, c->path, sizeof(c->path))) {
		errno = ENODEV;
		failed(c, c->slot);
	}
	/* One after the other in the device. */
	for (const struct pfcase *p = cases; p < c; p++)
		place += strcmp(p->slot, c->slot) ? 0 : p->len;
	c->shift = place;
}

static void read_list(const char *path)
{
	char line[400];
	FILE *f = fopen(path, "r");

	if (!f) {
		report("problem %s: %s", path, strerrorname_np(errno));
		exit(2);
	}
	while (fgets(line, sizeof(line), f)) {
		if (count == MAX_CASES) {
			report("problem more than %d cases", MAX_CASES);
			exit(2);
		}
		if (!strstr(line, " seed-"))
			parse(&cases[count++], line);
	}
	fclose(f);
}

/* Maps the file and asks for the first time. */
static int map_and_ask(struct pfcase *c)
{
	const struct history *h = c->history;

	if (map_case(c))
		return -1;
	c->claim = ask(c->addr + (h->then < 0 ? h->first : h->then));
	return 0;
}

/* The case, from the mapping to the last store; "wait" comes before a global event. */
static void act(struct pfcase *c, void (*wait)(struct pfcase *c))
{
	const struct history *h = c->history;
	bool removed = h->removes_first && c->order == AFTER;
	/* The second store must not overwrite the first. */
	off_t first = h->first == h->then ? h->first + 1024 : h->first;

	if (c->order == EARLY && h->event && h->event(c))
		return;
	if (c->order == EARLY && h->then < 0)
		return;
	if (map_and_ask(c))
		return;
	if (c->order == TOUCHED)
		touch(c, h->then < 0 ? h->first : h->then);
	if (c->order == AFTER)
		store(c, first);
	if (h->everywhere)
		wait(c);
	if (c->order != EARLY && h->event && h->event(c))
		return;
	if (removed)
		forget(c, 0);
	if (h->then >= 0)
		store(c, h->then);
}

static struct child *self;

static void tell_and_wait(struct pfcase *c)
{
	char byte;

	if (write(self->done, "w", 1) != 1 || read(self->go, &byte, 1) != 1)
		failed(c, "the parent");
}

/* In the process of the case. */
static void __attribute__((noreturn)) child(struct pfcase *c, int done, int go)
{
	self->done = done;
	self->go = go;
	act(c, tell_and_wait);
	if (write(done, "d", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Waits until a case says that it is done, or waits itself. */
static void await(struct pfcase *c, struct child *ch)
{
	struct pollfd p = { .fd = ch->done, .events = POLLIN };
	char byte;

	if (poll(&p, 1, CASE_SECONDS * 1000) == 1 && read(ch->done, &byte, 1) == 1)
		return;
	errno = p.revents ? ECHILD : ETIMEDOUT;
	failed(c, p.revents ? "its process died" : "it hangs");
}

static void start(struct pfcase *c, struct child *ch)
{
	int done[2], go[2];

	if (pipe(done) || pipe(go)) {
		failed(c, "pipe");
		return;
	}
	report("begin %d %s", CASE_SECONDS + 10, c->name);
	ch->pid = fork();
	if (!ch->pid) {
		self = ch;
		close(done[0]);
		close(go[1]);
		child(c, done[1], go[0]);
	}
	close(done[1]);
	close(go[0]);
	ch->done = done[0];
	ch->go = go[1];
	await(c, ch);
}

/* An event of the whole guest, when all cases that want it have stored. */
static void everywhere(void)
{
	char event = 0;

	for (int i = 0; i < count; i++)
		if (!cases[i].broken && cases[i].history->everywhere)
			event = cases[i].history->everywhere;
	if (!event)
		return;
	report("begin 60 sysrq-%c", event);

	FILE *f = fopen("/proc/sysrq-trigger", "w");

	if (!f || fputc(event, f) == EOF || fclose(f))
		report("problem sysrq: %s", strerrorname_np(errno));
	/* It is done by a worker of the kernel, who says in the log when he is ready. */
	sleep(8);
	for (int i = 0; i < count; i++)
		if (!cases[i].broken && cases[i].history->everywhere) {
			if (write(children[i].go, "g", 1) != 1)
				failed(&cases[i], "its process died");
			else
				await(&cases[i], &children[i]);
		}
}

/* Where this program and its libraries are, to find out who has executed an instruction. */
static void say_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[300];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (strstr(line, " r-xp ") && strchr(line, '/'))
			report("map %s", line);
	}
	if (f)
		fclose(f);
}

static int crash(const char *list)
{
	read_list(list);
	say_maps();
	report("begin 60 set up the files");
	for (int i = 0; i < count; i++)
		if (!cases[i].broken)
			cases[i].is_dev ? setup_device(&cases[i]) : cases[i].history->setup(&cases[i]);
	for (int i = 0; i < count; i++)
		if (!cases[i].broken)
			start(&cases[i], &children[i]);
	everywhere();
	if (random_crash(list))
		return 1;
	report("announce");
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4) {
		report_open(argv[2]);
		if (!strcmp(argv[1], "crash"))
			return crash(argv[3]);
		if (!strcmp(argv[1], "recover"))
			return recover(argv[3]);
	}
	fprintf(stderr, "usage: powerfail crash|recover PORT LIST\n");
	return 2;
}
