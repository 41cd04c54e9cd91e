// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mincore2(1): what backs the pages of a file once it is mapped.
 */
#include <locale.h>
#include <stdlib.h>

#include "show.h"

/* map and explain. JSON has reasons and advice in any case. */
static int show_files(const struct options *options)
{
	struct report *reports = zeroed(options->nr_files, sizeof(*reports));
	struct terminal terminal;
	bool at_once = options->json || options->metrics || options->nr_columns;
	int status = STATUS_OK;
	bool printed = false;

	terminal_detect(&terminal, options->bytes, options->summary);
	for (size_t i = 0; i < options->nr_files; i++) {
		struct report *report = &reports[i];

		if (report_examine(report, options->files[i], options))
			status = STATUS_FAILED;
		if (at_once)
			continue;
		if (!report->error[0]) {
			if (printed)
				putchar('\n');
			if (options->command == COMMAND_EXPLAIN)
				explain_print(stdout, &terminal, report, options);
			else
				report_print(stdout, &terminal, report);
			printed = true;
		}
		report_free(report);
	}
	if (options->json)
		json_print(stdout, reports, options->nr_files);
	else if (options->metrics)
		metrics_print(stdout, reports, options->nr_files);
	else if (at_once)
		columns_print(stdout, reports, options->nr_files, options);
	for (size_t i = 0; i < options->nr_files; i++)
		report_free(&reports[i]);
	free(reports);
	return finish_output(status);
}

static int run(struct options *options)
{
	const char *error = way_choose(options);

	/* For check, 1 is the answer "no", and this is none. */
	if (error) {
		fprintf(stderr, "mincore2: %s\n", error);
		return options->command == COMMAND_CHECK ? STATUS_USAGE :
		       STATUS_FAILED;
	}
	if (options->pid)
		return pid_map(options);
	switch (options->command) {
	case COMMAND_CHECK:
		return check_files(options);
	case COMMAND_WATCH:
		return watch_files(options);
	default:
		return show_files(options);
	}
}

int main(int argc, char **argv)
{
	struct options options;
	int status;

	setlocale(LC_CTYPE, "");
	status = options_parse(&options, argc, argv);
	if (status < 0)
		status = run(&options);
	options_free(&options);
	return status;
}
