// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - the only program of the guest in which short histories happen: its init
 *
 * It takes the place of ../init and of a shell, which would take longer to find the devices
 * than all histories do. "powerfail_mode" on the kernel command line is crash or recover;
 * the list is /etc/powerfail/list.
 * crash: it has a history a line, "NUMBER KIND FORM FILES HISTORY SLOT"; each is done on
 * a filesystem of its own, then it announces, and waits for the power to be cut.
 * recover: it has the lines "done" of the first boot:
 *	done NUMBER KIND FORM FILES HISTORY SLOT RESULTS INODE:GENERATION...
 * and what is in the files is judged:
 *	verdict NUMBER kept|lost|foreign|names|error WHY
 *	control NUMBER kept|lost	the same, with plain stores held to the promise
 * Lines with the word "instants" behind them are for ../instants: every instant of the last
 * operation counts, and there is no store behind it. They are done one after the other. Their
 * lines in the second boot begin with "after"; with "during" ("broken", "torn"), if the last
 * operation may have been done in part. "control" is then about the control file.
 * Other lines are those of ../guest/report.c; and "at NUMBER": it begins; "slot NUMBER
 * DEVICE": which device it is on; "entry NUMBER pmd|other": what maps the page in the end,
 * of form "huge".
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../guest/pf.h"
#include "act.h"
#include "boot.h"
#include "../instants/guest.h"

#define WORKERS 2		/* as many as the guest has processors */

/**
 * struct line - of the list
 * @rest: behind the history: of lines "done"
 * @instants, @during: see above
 */
struct line {
	int number, files;
	char kind[8], form[16], text[64], slot[40], results[MAX_OPS + 1];
	char *rest;
	bool instants, during;
};

static char *dir_of(const struct line *l, char *to, size_t size)
{
	snprintf(to, size, "/mnt/%s", l->slot);
	return to;
}

/* The name of its device into "name". */
static bool mount_slot(const struct line *l, char *name, size_t size)
{
	char path[140], dir[80];

	if (!find_slot(l->slot, name, size))
		return false;
	snprintf(path, sizeof(path), "/dev/%s", name);
	mkdir(dir_of(l, dir, sizeof(dir)), 0755);
	return !mount_at(l->kind, path, dir);
}

static bool history_of(const struct line *l, struct sequence *h)
{
	h->form = find_form(l->form);
	h->files = l->files;
	return h->form && h->files <= MAX_FILES && parse_history(h, l->text);
}

/* ---- before the power is cut ---- */

static void say_done(const struct world *w, const struct line *l)
{
	char inodes[300] = "";
	size_t at = 0;

	for (int i = 0; i < w->model.objects && at < sizeof(inodes); i++)
		at += snprintf(inodes + at, sizeof(inodes) - at, " %llu:%u",
			       (unsigned long long)w->file[i].number, w->file[i].generation);
	report("done %d %s %s %d %s %s %s%s", l->number, l->kind, l->form, l->files, l->text, l->slot,
	       w->results, inodes);
}

/* All operations but those that need more. */
static bool act_all(struct world *w, int count)
{
	bool good = true;

	for (int i = 0; good && i < count; i++)
		good = act(w, &w->history.ops[i]);
	return good && same_as_model(w);
}

/* Marks for the plugin in QEMU, which keeps every instant between them. */
static bool act_instants(struct world *w, int number)
{
	int last = w->history.count - 1;
	bool good;

	if (!act_all(w, last))
		return false;
	mark(MARK_PROMISE, number);
	control_store(w);
	mark(MARK_BEGIN, number);
	good = act(w, &w->history.ops[last]);
	mark(MARK_END, number);
	return good;
}

static bool act_history(struct world *w, const struct line *l)
{
	struct op last = { LAST, 0, -1 };

	if (!act_all(w, w->history.count) || !act(w, &last))
		return false;
	if (!strcmp(l->form, "huge"))
		report("entry %d %s", l->number, mapped_huge(w) ? "pmd" : "other");
	return true;
}

static void do_history(const struct line *l)
{
	struct world w = { .kind = l->kind };
	char dir[80], device[120];

	w.dir = dir_of(l, dir, sizeof(dir));
	report("begin 60 history %d", l->number);
	report("at %d", l->number);
	if (!history_of(l, &w.history)) {
		report("error %d no history", l->number);
		return;
	}
	if (!mount_slot(l, device, sizeof(device))) {
		report("error %d mount: %s", l->number, strerrorname_np(errno) ?: "?");
		return;
	}
	snprintf(w.device, sizeof(w.device), "/dev/%s", device);
	if (l->instants ? control_begin(&w) && begin_world(&w) && act_instants(&w, l->number)
			: begin_world(&w) && act_history(&w, l))
		say_done(&w, l);
	else
		report("error %d %s (%s)", l->number, w.trouble, w.results);
	model_end(&w.model);
}

/* ---- afterwards ---- */

/*
 * The model as it was when the power was cut during the last operation, or after it: with what
 * the operation was to change as it was before it, or as it is after it.
 */
static void relive_instants(struct model *m, const struct sequence *h, const char *results, bool during)
{
	model_start(m, h->form, h->files, true);
	for (int i = 0; i < h->count; i++) {
		const struct op *op = &h->ops[i];
		bool part = during && i == h->count - 1;

		/* These change nothing but what is promised. */
		if (results[i] == 'R' || (part && strchr("ym", op->kind)))
			m->step++;
		else
			model_apply(m, op, !part && promised(results[i]));
	}
}

/* The model as it was when the power was cut; "control": plain stores are held to the promise. */
static void relive(struct model *m, const struct sequence *h, const char *results, bool control)
{
	struct op last = { LAST, 0, -1 };

	model_start(m, h->form, h->files, true);
	for (int i = 0; i <= h->count; i++) {
		const struct op *op = i < h->count ? &h->ops[i] : &last;

		if (results[i] == 'R')
			m->step++;
		else
			model_apply(m, op, promised(results[i]) || (control && op->kind == 'p'));
	}
}

static int object_of(const struct line *l, int objects, uint64_t number, uint32_t generation)
{
	const char *at = l->rest;

	for (int i = 0; i < objects; i++) {
		unsigned long long n;
		unsigned int g;
		int used;

		if (sscanf(at, " %llu:%u%n", &n, &g, &used) != 2)
			return -1;
		if (n == number && g == generation)
			return i;
		at += used;
	}
	return -1;
}

static const char *const words[] = { [KEPT] = "kept", [LOST] = "lost", [FOREIGN] = "foreign" };

/* One name: what has it, and is that as it may be? Returns a word of the verdict, or NULL. */
static const char *judge_name(const struct line *l, struct model *m, int name, uint32_t *seen, char *why, size_t room)
{
	unsigned char *data = malloc(m->limit + 1);
	char dir[80], path[100], more[160] = "";
	uint32_t generation;
	enum outcome outcome;
	uint64_t number;
	int object, fd;
	ssize_t size;

	snprintf(path, sizeof(path), "%s/%c", dir_of(l, dir, sizeof(dir)), 'A' + name);
	fd = open(path, O_RDONLY);
	size = fd < 0 || !data ? -1 : pread(fd, data, m->limit + 1, 0);
	if (size < 0 || !identify(fd, &number, &generation)) {
		const char *error = strerrorname_np(errno) ?: "?";

		free(data);
		if (fd < 0 && errno == ENOENT)
			return NULL;
		snprintf(why, room, "%c cannot be read: %s", 'A' + name, error);
		return "lost";
	}
	close(fd);
	object = object_of(l, m->objects, number, generation);
	if (object < 0 || !(m->object[object].names & BIT(name))) {
		free(data);
		snprintf(why, room, "%c is %s", 'A' + name, object < 0 ? "a file that nobody made" : "another file");
		return "names";
	}
	*seen |= BIT(object);
	outcome = judge_bytes(m, &m->object[object], data, size, more, sizeof(more));
	free(data);
	snprintf(why, room, "%c %s", 'A' + name, more);
	return outcome == KEPT ? NULL : words[outcome];
}

/* All files. Returns a word of the verdict. */
static const char *judge(const struct line *l, struct model *m, char *why, size_t room)
{
	const char *word = NULL, *found;
	char text[200];
	uint32_t seen = 0;

	for (int name = 0; name < m->files; name++) {
		found = judge_name(l, m, name, &seen, text, sizeof(text));
		/* What is worse has the word. */
		if (found && (!word || !strcmp(found, "foreign"))) {
			word = found;
			snprintf(why, room, "%s", text);
		}
	}
	for (int i = 0; i < m->objects; i++)
		if (!word && !(seen & BIT(i)) && !(m->object[i].names & BIT(ABSENT))) {
			word = "names";
			snprintf(why, room, "the file made as %c is gone", 'A' + m->object[i].made_by);
		}
	return word ? word : "kept";
}

/* The control file, where all else is well. Returns the word of the verdict. */
static const char *judge_control(const struct line *l, const char *word, char *why, size_t room)
{
	char dir[80];
	bool lost;
	const char *wrong = control_judge(dir_of(l, dir, sizeof(dir)), &lost);

	report("control %d %s", l->number, lost ? "lost" : "kept");
	if (!wrong || strcmp(word, "kept"))
		return word;
	snprintf(why, room, "%s", wrong);
	return "lost";
}

static void judge_history(const struct line *l)
{
	char dir[80], device[120], why[240] = "", unused[240];
	const char *word;
	struct sequence h;
	struct model m;

	report("begin 60 judgement of history %d", l->number);
	if (!history_of(l, &h)) {
		report("verdict %d error no history", l->number);
		return;
	}
	if (!mount_slot(l, device, sizeof(device))) {
		report("verdict %d error mount: %s", l->number, strerrorname_np(errno) ?: "?");
		return;
	}
	report("slot %d %s", l->number, device);
	if (l->instants)
		relive_instants(&m, &h, l->results, l->during);
	else
		relive(&m, &h, l->results, false);
	word = judge(l, &m, why, sizeof(why));
	model_end(&m);
	if (l->instants)
		word = judge_control(l, word, why, sizeof(why));
	else if (strchr(l->text, 'p') && strcmp(l->form, "huge")) {
		relive(&m, &h, l->results, true);
		report("control %d %s", l->number, strcmp(judge(l, &m, unused, sizeof(unused)), "kept") ? "lost" : "kept");
		model_end(&m);
	}
	if (umount(dir_of(l, dir, sizeof(dir)))) {
		report("verdict %d error umount: %s", l->number, strerrorname_np(errno) ?: "?");
		return;
	}
	report("verdict %d %s %s", l->number, word, why);
}

/* ---- both ---- */

static bool parse_line(const char *text, bool crash, struct line *l)
{
	char first[8];
	int used = 0;

	memset(l, 0, sizeof(*l));
	l->instants = strstr(text, " instants");
	if (crash)
		return sscanf(text, "%d %7s %15s %d %63s %39s", &l->number, l->kind, l->form, &l->files,
			      l->text, l->slot) == 6;
	if (sscanf(text, "%7s %d %7s %15s %d %63s %39s %12s%n", first, &l->number, l->kind, l->form, &l->files,
		   l->text, l->slot, l->results, &used) != 8)
		return false;
	l->instants = strcmp(first, "done") != 0;
	l->during = l->instants && strcmp(first, "after") != 0;
	l->rest = strdup(text + used);
	return l->rest;
}

/* One of the processes: each does every second line. */
static void work(const char *list, int worker, bool crash)
{
	FILE *f = fopen(list, "r");
	struct line l;
	char text[600];

	if (!f) {
		report("problem %s: %s", list, strerrorname_np(errno) ?: "?");
		return;
	}
	for (int i = 0; fgets(text, sizeof(text), f); i++) {
		bool good = parse_line(text, crash, &l);

		/* The plugin knows one operation at a time. */
		if ((crash && l.instants ? 0 : i % WORKERS) != worker)
			continue;
		if (!good)
			report("problem line \"%.200s\"", text);
		else if (crash)
			do_history(&l);
		else
			judge_history(&l);
	}
	fclose(f);
}

/* All histories of the list. Returns false after a "problem". */
static bool work_all(const char *list, bool crash)
{
	int done[2];
	char byte;

	if (pipe(done)) {
		report("problem pipe");
		return false;
	}
	for (int i = 0; i < WORKERS; i++)
		if (!fork()) {
			work(list, i, crash);
			if (write(done[1], "d", 1) != 1)
				_exit(2);
			close(done[1]);	/* so that the other's death is seen */
			/* Nothing is closed before the power is cut. */
			while (crash)
				pause();
			_exit(0);
		}
	close(done[1]);
	for (int i = 0; i < WORKERS; i++)
		if (read(done[0], &byte, 1) != 1) {
			report("problem a process has died");
			return false;
		}
	return true;
}

int main(void)
{
	struct rlimit files = { 4096, 4096 };
	char port[80];
	bool crash;

	crash = set_up_guest(port, sizeof(port));
	report_open(port);
	report("begin 120 the first history");
	setrlimit(RLIMIT_NOFILE, &files);
	quiet_filesystems();
	if (work_all("/etc/powerfail/list", crash)) {
		if (crash)
			mark(MARK_CUT, 0);
		report(crash ? "announce" : "recovered");
	}
	for (;;) /* the first process: the host ends it all */
		pause();
}
