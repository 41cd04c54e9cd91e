// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const char help_text[] =
	"Usage: mincore2 COMMAND [OPTION]... FILE...\n"
	"Map each FILE (a regular file or a device-dax) and tell what backs its pages, at\n"
	"which page-table level they are mapped, and whether a store to them is\n"
	"persistence-safe. PID:ADDRESS or PID:START-END for a FILE is the file that a\n"
	"process has mapped there, mapped again in the same way.\n"
	"\n"
	"  map      show the mapping: a verdict, a strip, and the regions in rows\n"
	"  check    answer with the exit status whether all pages are as required\n"
	"  watch    show it again and again while a program works with the file\n"
	"  explain  say why pages are not persistence-safe or not mapped by large\n"
	"           entries, and what to change\n"
	"\n"
	"For all commands:\n"
	"      --read              fault all pages in for reading first\n"
	"      --populate          fault all pages in for writing first, as stores do\n"
	"                          (allocates the holes of a file); where the mapping is\n"
	"                          private or the file is read-only, for reading\n"
	"      --write-pages LIST  fault these pages in for writing first, e.g. 0,5,10-20\n"
	"      --private           map privately (MAP_PRIVATE)\n"
	"      --no-sync           do not ask for MAP_SYNC\n"
	"      --native            ask mincore2() or nobody\n"
	"      --emulate           find out without mincore2() what can be; without these\n"
	"                          two, only where the kernel does not have it\n"
	"      --offset BYTES      map only what begins at this offset of the file, e.g.\n"
	"                          4096, 2M; explain: only the page there\n"
	"      --length BYTES      map only so much\n"
	"      --page N            the same as the offset and length of the page N\n"
	"      --help              print this and exit\n"
	"      --version           print the version and exit\n"
	"map and watch:\n"
	"      --bits LIST         ask for these only: resident, dax, level, persist,\n"
	"                          writable, zero (default: all)\n"
	"      --bytes             print sizes in bytes\n"
	"      --summary           leave out the rows\n"
	"      --json              print JSON (map only)\n"
	"check, at least one of the first five:\n"
	"      --persist           all pages are persistence-safe\n"
	"      --dax               no page cache stands between\n"
	"      --level LEVEL       mapped by entries of this level at least: pte, pmd, pud\n"
	"                          (faults all pages in for reading where that is DAX; for\n"
	"                          other files say --read or --populate)\n"
	"      --writable          no write fault is expected; with --populate only\n"
	"      --resident          in memory\n"
	"      --quiet             print nothing but errors\n"
	"watch:\n"
	"      --interval SECONDS  between two frames (default: 1)\n"
	"      --count N           end after N frames\n"
	"      --time SECONDS      end after this time\n"
	"\n"
	"Exit status: 0 all right (check: yes); 1 a file failed (check: no); 2 wrong\n"
	"usage (check: any error, and where the emulation cannot know).\n";

enum { ALL = (1 << NR_COMMANDS) - 1, MAP = 1 << COMMAND_MAP,
       CHECK = 1 << COMMAND_CHECK, WATCH = 1 << COMMAND_WATCH,
       EXPLAIN = 1 << COMMAND_EXPLAIN };

static const char *const commands[NR_COMMANDS] = {
	[COMMAND_MAP] = "map", [COMMAND_CHECK] = "check",
	[COMMAND_WATCH] = "watch", [COMMAND_EXPLAIN] = "explain",
};

enum { OPT_READ = 256, OPT_POPULATE, OPT_WRITE_PAGES, OPT_PRIVATE, OPT_NO_SYNC,
       OPT_NATIVE, OPT_EMULATE, OPT_HELP, OPT_VERSION, OPT_BITS, OPT_BYTES, OPT_SUMMARY, OPT_JSON,
       OPT_PERSIST, OPT_DAX, OPT_LEVEL, OPT_WRITABLE, OPT_RESIDENT, OPT_QUIET,
       OPT_INTERVAL, OPT_COUNT, OPT_TIME, OPT_OFFSET, OPT_LENGTH, OPT_PAGE, NR_OPTIONS };

static const struct option long_options[] = {
	{ "read", no_argument, NULL, OPT_READ },
	{ "populate", no_argument, NULL, OPT_POPULATE },
	{ "write-pages", required_argument, NULL, OPT_WRITE_PAGES },
	{ "private", no_argument, NULL, OPT_PRIVATE },
	{ "no-sync", no_argument, NULL, OPT_NO_SYNC },
	{ "native", no_argument, NULL, OPT_NATIVE },
	{ "emulate", no_argument, NULL, OPT_EMULATE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "bits", required_argument, NULL, OPT_BITS },
	{ "bytes", no_argument, NULL, OPT_BYTES },
	{ "summary", no_argument, NULL, OPT_SUMMARY },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "persist", no_argument, NULL, OPT_PERSIST },
	{ "dax", no_argument, NULL, OPT_DAX },
	{ "level", required_argument, NULL, OPT_LEVEL },
	{ "writable", no_argument, NULL, OPT_WRITABLE },
	{ "resident", no_argument, NULL, OPT_RESIDENT },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "time", required_argument, NULL, OPT_TIME },
	{ "offset", required_argument, NULL, OPT_OFFSET },
	{ "length", required_argument, NULL, OPT_LENGTH },
	{ "page", required_argument, NULL, OPT_PAGE },
	{ NULL, 0, NULL, 0 },
};

/* Which commands take an option; in the order of long_options. */
static const unsigned char takers[] = {
	ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL,
	MAP | WATCH, MAP | WATCH, MAP | WATCH, MAP,
	CHECK, CHECK, CHECK, CHECK, CHECK, CHECK,
	WATCH, WATCH, WATCH, ALL, ALL, ALL,
};

_Static_assert(sizeof(takers) == sizeof(long_options) / sizeof(long_options[0]) - 1 &&
	       sizeof(takers) == NR_OPTIONS - OPT_READ, "an option without its commands");

__attribute__((format(printf, 1, 2)))
static int usage_error(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	fputs("mincore2: ", stderr);
	print_clean(stderr, text ? text : "wrong usage");
	fputs("; try 'mincore2 --help'\n", stderr);
	free(text);
	return STATUS_USAGE;
}

int finish_output(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "mincore2: cannot write the output: %s\n",
			strerror(errno));
		return status > STATUS_FAILED ? status : STATUS_FAILED;
	}
	return status;
}

static int set_level(struct options *options, const char *text)
{
	static const struct { const char *name; unsigned int level; } levels[] = {
		{ "pte", MINCORE_PTE }, { "pmd", MINCORE_PMD },
		{ "pud", MINCORE_PUD },
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (!strcasecmp(text, levels[i].name)) {
			options->need_level = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_page(struct options *options, const char *text)
{
	const uint64_t page = page_size();
	uint64_t number;

	if (parse_size(text, &number) || number > UINT64_MAX / page)
		return -EINVAL;
	options->offset = number * page;
	options->length = page;
	options->has_offset = options->has_length = true;
	return 0;
}

static int set_write_pages(struct options *options, const char *list)
{
	free(options->write_pages);
	return parse_page_list(list, &options->write_pages,
			       &options->nr_write_pages);
}

/* Options with an argument; returns what the argument should have been, or NULL. */
static const char *set_value(struct options *options, int option,
			     const char *text)
{
	switch (option) {
	case OPT_WRITE_PAGES:
		return set_write_pages(options, text) ?
			"a list of page numbers" : NULL;
	case OPT_BITS:
		return parse_bits(text, &options->bits) ? "a list of bits" : NULL;
	case OPT_LEVEL:
		return set_level(options, text) ? "pte, pmd or pud" : NULL;
	case OPT_INTERVAL:
		return parse_seconds(text, 0.05, &options->interval) ?
			"a number of seconds, 0.05 at least" : NULL;
	case OPT_TIME:
		return parse_seconds(text, 0.05, &options->time) ?
			"a number of seconds, 0.05 at least" : NULL;
	case OPT_COUNT:
		return parse_size(text, &options->count) || !options->count ?
			"a number of frames" : NULL;
	case OPT_PAGE:
		return set_page(options, text) ? "a page number" : NULL;
	case OPT_LENGTH:
		options->has_length = true;
		return parse_size(text, &options->length) || !options->length ?
			"a number of bytes" : NULL;
	default:	/* OPT_OFFSET */
		options->has_offset = true;
		return parse_size(text, &options->offset) ?
			"a number of bytes" : NULL;
	}
}

static void set_flag(struct options *options, int option)
{
	bool *const flags[NR_OPTIONS - OPT_READ] = {
		[OPT_READ - OPT_READ] = &options->read,
		[OPT_POPULATE - OPT_READ] = &options->populate,
		[OPT_PRIVATE - OPT_READ] = &options->private_map,
		[OPT_NO_SYNC - OPT_READ] = &options->no_sync,
		[OPT_NATIVE - OPT_READ] = &options->native,
		[OPT_EMULATE - OPT_READ] = &options->emulate,
		[OPT_BYTES - OPT_READ] = &options->bytes,
		[OPT_SUMMARY - OPT_READ] = &options->summary,
		[OPT_JSON - OPT_READ] = &options->json,
		[OPT_QUIET - OPT_READ] = &options->quiet,
	};

	if (flags[option - OPT_READ])
		*flags[option - OPT_READ] = true;
	else
		options->need |= option == OPT_PERSIST ? MINCORE_PERSIST :
				 option == OPT_DAX ? MINCORE_DAX :
				 option == OPT_WRITABLE ? MINCORE_WRITABLE :
				 MINCORE_RESIDENT;
}

/* getopt_long() leaves the option in optopt, but for an unknown long one. */
static int wrong_option(char **argv)
{
	if (optopt >= OPT_READ && optopt < NR_OPTIONS)
		return usage_error("option '--%s' takes no argument",
				   long_options[optopt - OPT_READ].name);
	if (optopt)
		return usage_error("wrong option '-%c'", optopt);
	return usage_error("wrong option '%s'", argv[optind - 1]);
}

/* All options; sets a bit in @seen for each. Exit status, or -1 to go on. */
static int parse_all(struct options *options, int argc, char **argv,
		     uint64_t *seen)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		const char *expected;

		if (option == OPT_HELP) {
			fputs(help_text, stdout);
			return finish_output(STATUS_OK);
		}
		if (option == OPT_VERSION) {
			printf("mincore2 %d.%d.%d\n", MINCORE2_VERSION_MAJOR,
			       MINCORE2_VERSION_MINOR, MINCORE2_VERSION_PATCH);
			return finish_output(STATUS_OK);
		}
		if (option == ':')
			return usage_error("option '%s' needs an argument",
					   argv[optind - 1]);
		if (option < OPT_READ)
			return wrong_option(argv);
		*seen |= (uint64_t)1 << (option - OPT_READ);
		if (long_options[option - OPT_READ].has_arg == no_argument) {
			set_flag(options, option);
			continue;
		}
		expected = set_value(options, option, optarg);
		if (expected)
			return usage_error("--%s: '%s' is not %s",
					   long_options[option - OPT_READ].name,
					   optarg, expected);
	}
	return -1;
}

static int set_command(struct options *options, const char *name, uint64_t seen)
{
	size_t command = 0;

	while (command < NR_COMMANDS && strcmp(name, commands[command]))
		command++;
	if (command == NR_COMMANDS)
		return usage_error("unknown command '%s'", name);
	options->command = (enum command)command;
	for (size_t i = 0; i < sizeof(takers); i++)
		if (seen >> i & 1 && !(takers[i] >> command & 1))
			return usage_error("%s: wrong option '--%s'", name,
					   long_options[i].name);
	return -1;
}

int options_parse(struct options *options, int argc, char **argv)
{
	uint64_t seen = 0;
	int status;

	*options = (struct options) { .bits = ALL_BITS, .interval = 1 };
	status = parse_all(options, argc, argv, &seen);
	if (status >= 0)
		return status;
	if (optind == argc)
		return usage_error("no command");
	status = set_command(options, argv[optind], seen);
	if (status >= 0)
		return status;
	if (optind + 1 == argc)
		return usage_error("%s: no file", argv[optind]);
	if (options->command == COMMAND_CHECK && !options->need &&
	    !options->need_level)
		return usage_error("check: nothing is required (--persist, --dax, --level, --writable, --resident)");
	if (options->native && options->emulate)
		return usage_error("--native and --emulate exclude each other");
	if (options->command == COMMAND_EXPLAIN && options->has_offset &&
	    !options->has_length) {
		options->has_length = true;
		options->length = page_size();
		options->offset -= options->offset % page_size();
	}
	options->files = argv + optind + 1;
	options->nr_files = (size_t)(argc - optind - 1);
	return -1;
}

bool options_store(const struct options *options)
{
	return !options->private_map &&
	       (options->populate || options->nr_write_pages);
}

void options_free(struct options *options)
{
	free(options->write_pages);
	options->write_pages = NULL;
}
