// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mincore2(1): what backs the pages of a file once it is mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static const char help_text[] =
	"Usage: mincore2 map [OPTION]... FILE...\n"
	"Map each FILE (a regular file or a device-dax) and show what backs its pages,\n"
	"at which page-table level they are mapped, and whether a store to them is\n"
	"persistence-safe.\n"
	"\n"
	"      --read              fault all pages in for reading first\n"
	"      --populate          fault all pages in for writing first (allocates the\n"
	"                          holes of a file); where the mapping is private or the\n"
	"                          file is read-only, for reading\n"
	"      --write-pages LIST  fault these pages in for writing first, e.g. 0,5,10-20\n"
	"      --private           map privately (MAP_PRIVATE)\n"
	"      --no-sync           do not ask for MAP_SYNC\n"
	"      --json              print JSON\n"
	"      --help              print this and exit\n"
	"      --version           print the version and exit\n"
	"\n"
	"Exit status: 0 all right; 1 a file failed, or the kernel lacks mincore2();\n"
	"2 wrong usage.\n";

__attribute__((format(printf, 1, 2)))
static int usage_error(const char *format, ...)
{
	va_list args;

	fputs("mincore2: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("; try 'mincore2 --help'\n", stderr);
	return STATUS_USAGE;
}

/* Output that was lost (disk full, closed pipe) is a failure, too. */
static int finish(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "mincore2: cannot write the output: %s\n",
			strerror(errno));
		return STATUS_FAILED;
	}
	return status;
}

static void complain(const struct report *report, const char *text)
{
	char path[1024];

	if (!text[0])
		return;
	fflush(stdout);
	clean_text(report->target.path, path, sizeof(path));
	fprintf(stderr, "mincore2: %s: %s\n", path, text);
}

/*
 * Fill in @report for @path. When touching the pages fails the report is good
 * all the same: the warning says that not all is as asked for.
 */
static int examine(struct report *report, const char *path,
		   const struct options *options)
{
	size_t size = sizeof(report->error);
	int touch_err;
	int err;

	err = target_open(&report->target, path, !options->private_map,
			  report->error, size);
	if (err)
		return err;
	err = mapping_create(&report->mapping, &report->target, options,
			     report->error, size);
	if (err)
		return err;
	touch_err = mapping_touch(&report->mapping, options, report->warning,
				  sizeof(report->warning));
	facts_collect(&report->facts, &report->target, "");
	err = mapping_query(&report->mapping, &report->regions, report->error,
			    size);
	return err ? err : touch_err;
}

static int map_files(char **paths, size_t nr, const struct options *options)
{
	struct report *reports = calloc(nr, sizeof(*reports));
	struct terminal terminal;
	int status = STATUS_OK;
	bool printed = false;

	if (!reports) {
		fprintf(stderr, "mincore2: %s\n", strerror(errno));
		return STATUS_FAILED;
	}
	terminal_detect(&terminal, STDOUT_FILENO);
	for (size_t i = 0; i < nr; i++) {
		struct report *report = &reports[i];

		if (examine(report, paths[i], options))
			status = STATUS_FAILED;
		/* The report stays good without them. */
		mapping_destroy(&report->mapping);
		target_close(&report->target);
		complain(report, report->warning);
		complain(report, report->error);
		if (options->json)
			continue;
		if (!report->error[0]) {
			if (printed)
				putchar('\n');
			report_print(stdout, &terminal, report);
			printed = true;
		}
		region_list_free(&report->regions);
	}
	if (options->json)
		json_print(stdout, reports, nr);
	for (size_t i = 0; i < nr; i++)
		region_list_free(&reports[i].regions);
	free(reports);
	return finish(status);
}

enum { OPT_READ = 256, OPT_POPULATE, OPT_WRITE_PAGES, OPT_PRIVATE, OPT_NO_SYNC,
       OPT_JSON, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
	{ "read", no_argument, NULL, OPT_READ },
	{ "populate", no_argument, NULL, OPT_POPULATE },
	{ "write-pages", required_argument, NULL, OPT_WRITE_PAGES },
	{ "private", no_argument, NULL, OPT_PRIVATE },
	{ "no-sync", no_argument, NULL, OPT_NO_SYNC },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int set_write_pages(struct options *options, const char *list)
{
	int err;

	free(options->write_pages);
	err = parse_page_list(list, &options->write_pages,
			      &options->nr_write_pages);
	return err ? usage_error("--write-pages: '%s' is not a list of page numbers",
				 list) : -1;
}

/* Exit status, or -1 to go on. */
static int parse_options(struct options *options, int argc, char **argv)
{
	int option;
	int status = -1;

	opterr = 0;
	while (status < 0 &&
	       (option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		switch (option) {
		case OPT_READ:
			options->read = true;
			break;
		case OPT_POPULATE:
			options->populate = true;
			break;
		case OPT_WRITE_PAGES:
			status = set_write_pages(options, optarg);
			break;
		case OPT_PRIVATE:
			options->private_map = true;
			break;
		case OPT_NO_SYNC:
			options->no_sync = true;
			break;
		case OPT_JSON:
			options->json = true;
			break;
		case OPT_HELP:
			fputs(help_text, stdout);
			return finish(STATUS_OK);
		case OPT_VERSION:
			printf("mincore2 %d.%d.%d\n", MINCORE2_VERSION_MAJOR,
			       MINCORE2_VERSION_MINOR, MINCORE2_VERSION_PATCH);
			return finish(STATUS_OK);
		case ':':
			return usage_error("option '%s' needs an argument",
					   argv[optind - 1]);
		default:
			return usage_error("wrong option '%s'", argv[optind - 1]);
		}
	}
	return status;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	int status;

	setlocale(LC_CTYPE, "");
	status = parse_options(&options, argc, argv);
	if (status >= 0)
		goto out;
	if (optind == argc)
		status = usage_error("no command");
	else if (strcmp(argv[optind], "map"))
		status = usage_error("unknown command '%s'", argv[optind]);
	else if (optind + 1 == argc)
		status = usage_error("map: no file");
	if (status >= 0)
		goto out;
	if (!mincore2_supported()) {
		fputs("mincore2: this kernel does not have mincore2()\n", stderr);
		status = STATUS_FAILED;
	} else {
		status = map_files(argv + optind + 1,
				   (size_t)(argc - optind - 1), &options);
	}
out:
	free(options.write_pages);
	return status;
}
