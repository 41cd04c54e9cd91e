// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * watch: the map of files, again and again, while a program works with them.
 *
 * On a terminal each frame is drawn over the one before, on the alternate
 * screen; elsewhere frames follow one another. Signals are blocked and waited
 * for, so that nothing is left on the terminal whenever they come.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "show.h"

struct watch {
	const struct options *options;
	struct report *reports;
	struct terminal terminal;	/* for this frame */
	uint64_t frames;
	double elapsed;		/* seconds, at this frame */
};

static bool drawing;		/* on the alternate screen */
static double deadline;		/* by seconds_now(), 0: none; cancelled() needs it */
static sigset_t ending;		/* signals that end it */
static sigset_t waited;		/* these, and those that stop it or change the window */

static bool ended_by_signal(void)
{
	sigset_t pending, both;

	sigpending(&pending);
	sigandset(&both, &pending, &ending);
	return !sigisemptyset(&both);
}

/* Asked while pages are faulted in, which can take long. */
static bool cancelled(void)
{
	return (deadline > 0 && seconds_now() >= deadline) || ended_by_signal();
}

/* Back from the alternate screen, and to it; there it has no cursor. */
static void end_drawing(void)
{
	if (drawing)
		fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	drawing = false;
}

static void begin_drawing(void)
{
	fputs("\033[?1049h\033[?25l", stdout);
	fflush(stdout);
	drawing = true;
	before_the_end = end_drawing;
}

/* Has the file another size, or is another one at its path? */
static bool has_changed(const struct report *report)
{
	struct stat st;

	if (report->target.fd < 0)
		return true;
	if (report->process.pid || report->target.kind == TARGET_DEVDAX)
		return false;
	/* Gone from its path: what is mapped is still there. */
	if (stat(report->target.path, &st) && fstat(report->target.fd, &st))
		return true;
	return st.st_dev != report->target.dev ||
	       st.st_ino != report->target.ino ||
	       (uint64_t)st.st_size != report->target.file_size;
}

/* Bring one report up to date; false if it cannot be. */
static bool update(struct report *report, const char *path,
		   const struct options *options)
{
	struct stat st;

	report->warning[0] = '\0';
	report->error[0] = '\0';
	if (has_changed(report)) {
		report_free(report);
		if (report_open(report, path, options)) {
			/* The next frame has to begin anew. */
			report_free(report);
			return false;
		}
	}
	if (report_ask(report, options) && report->error[0]) {
		/* To be ended is no error. */
		if (cancelled())
			report->error[0] = '\0';
		return false;
	}
	if (!report->process.pid && stat(path, &st) && !report->warning[0])
		snprintf(report->warning, sizeof(report->warning),
			 "the file is gone from its path");
	return true;
}

/* Whoever watches a process sees entries of that. */
static bool is_own_mapping(const struct watch *watch)
{
	for (size_t i = 0; i < watch->options->nr_files; i++)
		if (process_operand(watch->options->files[i]))
			return false;
	return true;
}

static void print_frame(FILE *out, const struct watch *watch)
{
	fprintf(out, "%s%.1f s, frame %" PRIu64 "%s%s\n",
		watch->frames > 1 && !drawing ? "\n" : "",
		watch->elapsed, watch->frames,
		is_own_mapping(watch) ? ", the tool's own mapping" : "",
		drawing ? "; Ctrl-C ends" : "");
	for (size_t i = 0; i < watch->options->nr_files; i++) {
		const struct report *report = &watch->reports[i];
		const char *text = report->error[0] ? report->error :
				   report->warning;

		fputc('\n', out);
		if (!report->error[0]) {
			report_print(out, &watch->terminal, report);
		} else {
			print_clean(out, watch->options->files[i]);
			fputc('\n', out);
		}
		if (text[0])
			paragraph(out, &watch->terminal, MARGIN, "%s", text);
	}
}

/* What @print writes, to free(). */
static char *text_by(void (*print)(FILE *out, const struct watch *watch),
		     const struct watch *watch)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out)
		print(out, watch);
	if (!out || fclose(out))
		out_of_memory();
	return text;
}

/* Over the last frame, cut to the height of the terminal. */
static void draw(const char *text, size_t height)
{
	fputs("\033[H", stdout);
	for (size_t line = 0; *text && line < height; line++) {
		size_t len = strcspn(text, "\n");

		fwrite(text, 1, len, stdout);
		/* No newline after the last line: it would scroll. */
		fputs(line + 1 < height ? "\033[K\r\n" : "\033[K", stdout);
		text += len + (text[len] == '\n');
	}
	fputs("\033[0m\033[J", stdout);
}

static void print_json(FILE *out, const struct watch *watch)
{
	json_print(out, watch->reports, watch->options->nr_files);
}

/* A frame in one line: newlines, and the blanks behind them, are for people. */
static void show_json(const struct watch *watch)
{
	char *text = text_by(print_json, watch);

	printf("{\"frame\": %" PRIu64 ", \"seconds\": %.3f, ", watch->frames,
	       watch->elapsed);
	for (const char *at = text + 1; *at; at++) {
		if (*at == '\n')
			at += strspn(at + 1, " ");
		else
			putchar(*at);
	}
	putchar('\n');
	free(text);
}

static void show_frame(struct watch *watch)
{
	struct terminal *terminal = &watch->terminal;
	size_t lines = 0;
	char *text;

	terminal_detect(terminal, watch->options->bytes, watch->options->summary);
	text = text_by(print_frame, watch);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	if (drawing && lines > terminal->height && !terminal->summary) {
		size_t nr = watch->reports[0].regions.nr;
		size_t less = lines - terminal->height + 1;

		free(text);
		/* Of several files, the rows are what can be missed. */
		terminal->summary = watch->options->nr_files > 1 || nr <= less;
		terminal->rows = nr - less;
		text = text_by(print_frame, watch);
	}
	if (drawing)
		draw(text, terminal->height);
	else
		fputs(text, stdout);
	free(text);
}

/* Wait for the next frame; false: it is over. */
static bool wait_for_next(double until)
{
	for (;;) {
		double left = until - seconds_now();
		struct timespec time;
		int sig;

		if (left < 0)
			left = 0;
		time.tv_sec = (time_t)left;
		time.tv_nsec = (long)((left - (double)time.tv_sec) * 1e9);
		sig = sigtimedwait(&waited, NULL, &time);
		/* Time is up, or the window has changed: draw anew at once. */
		if ((sig < 0 && errno == EAGAIN) || sig == SIGWINCH)
			return true;
		if (sig == SIGTSTP) {
			bool was_drawing = drawing;

			end_drawing();
			raise(SIGSTOP);
			if (was_drawing)
				begin_drawing();
			return true;
		}
		if (sig > 0)
			return false;
	}
}

static void block_signals(void)
{
	const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action;

	sigemptyset(&ending);
	/* What is ignored (nohup) would still be seen once it is blocked. */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!sigaction(signals[i], NULL, &action) &&
		    action.sa_handler != SIG_IGN)
			sigaddset(&ending, signals[i]);
	waited = ending;
	sigaddset(&waited, SIGTSTP);
	sigaddset(&waited, SIGWINCH);
	/* Children there are none, so nobody inherits this. */
	sigprocmask(SIG_BLOCK, &waited, NULL);
}

/* A file that is not there at first is an error; later, it may come back. */
static bool update_all(struct watch *watch)
{
	bool good = true;

	for (size_t i = 0; i < watch->options->nr_files; i++) {
		struct report *report = &watch->reports[i];

		if (!update(report, watch->options->files[i], watch->options))
			good = good && watch->frames > 0 && !report->process.pid;
	}
	return good;
}

static void loop(struct watch *watch)
{
	const struct options *options = watch->options;
	double start = seconds_now();
	double next = start;

	terminal_detect(&watch->terminal, options->bytes, options->summary);
	deadline = options->time > 0 ? start + options->time : 0;
	for (;;) {
		double until;

		if (!update_all(watch) || cancelled())
			break;
		if (watch->terminal.height && !drawing && !options->json)
			begin_drawing();
		watch->frames++;
		watch->elapsed = seconds_now() - start;
		if (options->json)
			show_json(watch);
		else
			show_frame(watch);
		fflush(stdout);
		if ((options->count && watch->frames >= options->count) ||
		    ferror(stdout))
			break;
		next += options->interval;
		/* Late: do not try to catch up. */
		next = next > seconds_now() ? next : seconds_now();
		until = deadline > 0 && next > deadline ? deadline : next;
		if (!wait_for_next(until) || cancelled())
			break;
	}
	end_drawing();
}

int watch_files(const struct options *options)
{
	struct options how = *options;
	struct watch watch = { .options = &how };
	int status = STATUS_OK;

	watch.reports = zeroed(options->nr_files, sizeof(*watch.reports));
	for (size_t i = 0; i < options->nr_files; i++) {
		watch.reports[i].target.fd = -1;
		watch.reports[i].target.path = options->files[i];
	}
	how.cancelled = cancelled;
	block_signals();
	loop(&watch);
	for (size_t i = 0; i < options->nr_files; i++) {
		complain(options->files[i], watch.reports[i].error);
		if (watch.reports[i].error[0])
			status = STATUS_FAILED;
		report_free(&watch.reports[i]);
	}
	free(watch.reports);
	return finish_output(status);
}
