// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * examplelog.c - the example shim/examples/log.c, until the power is cut
 *
 * It appends records, and says of each when it is durable. What it has said so is
 * reported; after the second boot its own reader has to find all of these, in order.
 * What a record says follows from the seed and its number.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pf.h"

#define PROGRAM "/tests/example-log"
#define NOSYNC "/tests/nosync.so"	/* what a case by "nosync" has preloaded: it has to lose */
#define LOG_FILE_BYTES "25165824"	/* 24 MiB: less than the smallest slot has */
#define BATCH 60			/* records a run of the program, which opens the log again */
#define TEXT_MAX 6000
#define MAX_LOGS 32
#define ENOUGH 20			/* records of each log, before the power may be cut */

/* Record "number": mostly a line, sometimes more than a page. to has TEXT_MAX + 1 bytes. */
static void record_text(char *to, unsigned int seed, unsigned int number)
{
	uint64_t x = ((uint64_t)seed << 32 | number) * 0x9e3779b97f4a7c15ULL + 1;
	int len = snprintf(to, TEXT_MAX, "%u ", number), total;

	x ^= x >> 31;
	total = len + x % (number % 16 ? 150 : TEXT_MAX - 20);
	for (; len < total; len++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		to[len] = 'a' + (x >> 32) % 26;
	}
	to[len] = 0;
}

/* Starts the program; what it prints can be read from *out. Returns its process, or -1. */
static pid_t start_program(char *const argv[], FILE **out)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		execv(PROGRAM, argv);
		_exit(127);
	}
	close(ends[1]);
	*out = pid < 0 ? NULL : fdopen(ends[0], "r");
	return *out ? pid : -1;
}

/* Returns its exit status, or -1. */
static int end_program(pid_t pid, FILE *out)
{
	int status;

	fclose(out);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int create_log(struct pfcase *c)
{
	char *argv[] = { "log", c->path, "create", LOG_FILE_BYTES, NULL };
	FILE *out;
	pid_t pid = start_program(argv, &out);

	errno = EIO;
	return pid < 0 || end_program(pid, out) ? failed(c, "log: create") : 0;
}

/* Records that each log has said are durable; shared with the processes of the cases. */
static volatile unsigned int *counts;
static int begun;

/* Appends records from "first" on. Returns how many of them it has said are durable. */
static int append_batch(struct pfcase *c, unsigned int seed, unsigned int first)
{
	static char texts[BATCH][TEXT_MAX + 1], line[TEXT_MAX + 32];
	char *argv[BATCH + 4] = { "log", c->path, "append" };
	const char *word = "durable: ";
	FILE *out;
	pid_t pid;
	int n = 0;

	for (int i = 0; i < BATCH; i++) {
		record_text(texts[i], seed, first + i);
		argv[3 + i] = texts[i];
	}
	pid = start_program(argv, &out);
	if (pid < 0)
		return 0;
	while (n < BATCH && fgets(line, sizeof(line), out)) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, word, strlen(word)) || strcmp(line + strlen(word), texts[n])) {
			report("problem the log said \"%.80s\"", line);
			break;
		}
		n++;
		report("logged %d %u", c->index, first + n);
		counts[begun] = first + n;
	}
	end_program(pid, out);
	return n;
}

/* Begins a case, in a process of its own: it appends until the end, or the log is full. */
void log_crash(struct pfcase *c, unsigned int seed)
{
	unsigned int first = 0;
	pid_t pid;
	int n;

	if (!counts) {
		void *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (map == MAP_FAILED) {
			failed(c, "mmap");
			return;
		}
		counts = map;
	}
	if (begun == MAX_LOGS || create_log(c))
		return;
	report("log-case %d %u %s", c->index, seed, c->where);
	pid = fork();
	if (pid < 0)
		failed(c, "fork");
	if (pid) {
		begun++;
		return;
	}
	if (!strcmp(c->by, "nosync"))
		setenv("LD_PRELOAD", NOSYNC, 1);
	do {
		n = append_batch(c, seed, first);
		first += n;
	} while (n == BATCH);
	for (;;)
		pause();
}

/*
 * On a busy host some get few turns: waits until each has enough to show, or so long.
 * The judge says where it is still too little.
 */
void log_await(int seconds)
{
	for (int ms = 0; ms < seconds * 1000; ms += 50) {
		int i = 0;

		while (i < begun && counts[i] >= ENOUGH)
			i++;
		if (i == begun)
			return;
		usleep(50000);
	}
}

static struct { int index; unsigned int seed, said; char where[160]; } logs[MAX_LOGS];
static int log_count;

/* A line of what was reported in the first boot. False: it is not of a log. */
bool log_line(const char *line)
{
	unsigned int said;
	int index;

	if (log_count < MAX_LOGS &&
	    sscanf(line, "log-case %d %u %159s", &logs[log_count].index, &logs[log_count].seed,
		   logs[log_count].where) == 3) {
		logs[log_count++].said = 0;
		return true;
	}
	if (sscanf(line, "logged %d %u", &index, &said) != 2)
		return false;
	for (int i = 0; i < log_count; i++)
		if (logs[i].index == index)
			logs[i].said = said;
	return true;
}

/* After the crash: what the example's reader finds, of each log. */
void log_recover(void)
{
	static char line[TEXT_MAX + 32], want[TEXT_MAX + 1];

	for (int i = 0; i < log_count; i++) {
		char path[200], *argv[] = { "log", path, "list", NULL };
		const char *how = "right";
		unsigned int n = 0;
		FILE *out;
		pid_t pid;

		snprintf(path, sizeof(path), "/mnt/%s", logs[i].where);
		pid = start_program(argv, &out);
		while (pid > 0 && fgets(line, sizeof(line), out)) {
			line[strcspn(line, "\n")] = 0;
			record_text(want, logs[i].seed, n);
			if (strcmp(line, want)) {
				how = "wrong";
				break;
			}
			n++;
		}
		/* Of a program that was not read to its end nothing is wanted. */
		if (pid < 0 || (end_program(pid, out) && !strcmp(how, "right")))
			how = "unreadable";
		report("log %d %u %u %s", logs[i].index, logs[i].said, n, how);
	}
}
