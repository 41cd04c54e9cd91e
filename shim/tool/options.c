// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "mapping.h"
#include "text.h"

/* Beyond all letters. */
#define OPTION(id, ...)	OPT_##id,
#define FLAG(id, ...)	OPT_##id,
#define NEED(id, ...)	OPT_##id,
enum { BEFORE_OPTIONS = 255,
#include "options.def"
       END_OF_OPTIONS };
#undef OPTION
#undef FLAG
#undef NEED

enum { FIRST = BEFORE_OPTIONS + 1, NR_OPTIONS = END_OF_OPTIONS - FIRST };

_Static_assert(NR_OPTIONS <= 64, "more options than bits of seen");

__attribute__((format(printf, 1, 2)))
static int usage_error(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = text_of_list(format, args);
	va_end(args);
	fputs("mincore2: ", stderr);
	print_clean(stderr, text);
	fputs("; try 'mincore2 --help'\n", stderr);
	free(text);
	return STATUS_USAGE;
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

/* Options with an argument; returns what the argument should have been, or NULL. */
static const char *set_value(struct options *options, int option,
			     const char *text)
{
	switch (option) {
	case OPT_WRITE_PAGES:
		free(options->write_pages);
		return parse_page_list(text, &options->write_pages,
				       &options->nr_write_pages) ?
			"a list of page numbers" : NULL;
	case OPT_BITS:
		return parse_bits(text, &options->bits) ? "a list of bits" : NULL;
	case OPT_PID:
		return parse_pid(text, &options->pid) ? "a process ID" : NULL;
	case OPT_OUTPUT:
		return parse_columns(text, options->columns,
				     &options->nr_columns) ?
			"a list of columns" : NULL;
	case OPT_MIN_PERCENT:
		return parse_real(text, 0, 100, &options->min_percent) ?
			"a number from 0 to 100" : NULL;
	case OPT_LEVEL:
		return parse_level(text, &options->need_level) ? "pte, pmd or pud" : NULL;
	case OPT_INTERVAL:
		return parse_real(text, 0.05, MOST_SECONDS, &options->interval) ?
			"a number of seconds, 0.05 at least" : NULL;
	case OPT_TIME:
		return parse_real(text, 0.05, MOST_SECONDS, &options->time) ?
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

/* getopt_long() leaves the option in optopt, but for an unknown long one. */
static int wrong_option(char **argv)
{
	if (optopt >= FIRST && optopt < END_OF_OPTIONS)
		return usage_error("option '--%s' takes no argument",
				   option_table[optopt - FIRST].name);
	if (optopt)
		return usage_error("wrong option '-%c'", optopt);
	return usage_error("wrong option '%s'", argv[optind - 1]);
}

/* The table as getopt_long() wants it; all options end with a line of zeros. */
static void fill_getopt(struct option long_options[NR_OPTIONS + 1], char *letters)
{
	*letters++ = ':';
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		long_options[i] = (struct option) {
			.name = option_table[i].name,
			.has_arg = option_table[i].argument ?
				   required_argument : no_argument,
			.val = FIRST + (int)i,
		};
		if (option_table[i].letter)
			*letters++ = option_table[i].letter;
		if (option_table[i].letter && option_table[i].argument)
			*letters++ = ':';
	}
	long_options[NR_OPTIONS] = (struct option) { 0 };
	*letters = '\0';
}

/* An option of one letter as the long one that it stands for. */
static int long_of(int option)
{
	for (size_t i = 0; i < NR_OPTIONS; i++)
		if (option_table[i].letter && option == option_table[i].letter)
			return FIRST + (int)i;
	return option;
}

/* What is not done by a flag. Exit status, or -1 to go on. */
static int take(struct options *options, int option)
{
	const struct option_info *info = &option_table[option - FIRST];
	const char *expected = NULL;

	if (info->member)
		*(bool *)((char *)options + info->member) = true;
	else if (info->need)
		options->need |= info->need;
	else
		expected = set_value(options, option, optarg);
	return expected ? usage_error("--%s: '%s' is not %s", info->name, optarg,
				      expected) : -1;
}

/* All options; sets a bit in @seen for each. Exit status, or -1 to go on. */
static int parse_all(struct options *options, int argc, char **argv,
		     uint64_t *seen)
{
	struct option long_options[NR_OPTIONS + 1];
	char letters[2 * NR_OPTIONS + 2];
	int option;

	fill_getopt(long_options, letters);
	opterr = 0;
	while ((option = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
		int status;

		if (option == ':')
			return usage_error("option '%s' needs an argument",
					   argv[optind - 1]);
		option = long_of(option);
		if (option < FIRST)
			return wrong_option(argv);
		*seen |= (uint64_t)1 << (option - FIRST);
		if (option == OPT_HELP || option == OPT_VERSION)
			continue;
		status = take(options, option);
		if (status >= 0)
			return status;
	}
	return -1;
}

static bool was_given(uint64_t seen, int option)
{
	return seen >> (option - FIRST) & 1;
}

static int set_command(struct options *options, const char *name, uint64_t seen)
{
	size_t command = 0;

	while (command < NR_COMMANDS &&
	       strcmp(name, command_name((enum command)command)))
		command++;
	if (command == NR_COMMANDS)
		return usage_error("unknown command '%s'", name);
	options->command = (enum command)command;
	for (size_t i = 0; i < NR_OPTIONS; i++)
		if (seen >> i & 1 && !(option_table[i].commands >> command & 1))
			return usage_error("%s: wrong option '--%s'", name,
					   option_table[i].name);
	return -1;
}

/* What map --pid takes; any other option would have no effect. */
static int check_with_pid(uint64_t seen)
{
	static const int taken[] = {
		OPT_PID, OPT_DAX, OPT_BYTES, OPT_SUMMARY, OPT_JSON, OPT_NATIVE, OPT_EMULATE,
	};

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		seen &= ~((uint64_t)1 << (taken[i] - FIRST));
	return seen ? usage_error("map: --pid does not take --%s",
				  option_table[__builtin_ctzll(seen)].name) : -1;
}

/* What goes with what. Exit status, or -1 to go on. */
static int check_together(const struct options *options, uint64_t seen)
{
	const char *name = command_name(options->command);

	if (options->pid && options->nr_files)
		return usage_error("map: --pid and a file exclude each other");
	if (!options->pid && !options->nr_files)
		return usage_error("%s: no file", name);
	if (options->command == COMMAND_MAP && !options->pid && options->need)
		return usage_error("map: --dax needs --pid");
	if (options->command == COMMAND_CHECK && !options->need &&
	    !options->need_level)
		return usage_error("check: nothing is required (--persist, --dax, --level, --writable, --resident)");
	if (options->json + options->metrics + (options->nr_columns > 0) > 1)
		return usage_error("--json, --output and --metrics exclude each other");
	if ((options->raw || options->noheadings) && !options->nr_columns)
		return usage_error("--raw and --noheadings need --output");
	if (options->native && options->emulate)
		return usage_error("--native and --emulate exclude each other");
	return options->pid ? check_with_pid(seen) : -1;
}

int options_parse(struct options *options, int argc, char **argv)
{
	uint64_t seen = 0;
	int status;

	*options = (struct options) {
		.bits = ALL_BITS, .interval = 1, .min_percent = 100,
	};
	/* For the completions of shells; not in the manual page. */
	if (argc > 1 && argc < 4 && !strcmp(argv[1], "--complete"))
		return complete_print(argv[2]);
	status = parse_all(options, argc, argv, &seen);
	if (status >= 0)
		return status;
	if (was_given(seen, OPT_HELP)) {
		help_print(optind < argc ? argv[optind] : NULL);
		return finish_output(STATUS_OK);
	}
	if (was_given(seen, OPT_VERSION)) {
		printf("mincore2 %d.%d.%d\n", MINCORE2_VERSION_MAJOR,
		       MINCORE2_VERSION_MINOR, MINCORE2_VERSION_PATCH);
		return finish_output(STATUS_OK);
	}
	if (optind == argc)
		return usage_error("no command");
	status = set_command(options, argv[optind], seen);
	if (status >= 0)
		return status;
	options->files = argv + optind + 1;
	options->nr_files = (size_t)(argc - optind - 1);
	status = check_together(options, seen);
	if (status >= 0)
		return status;
	if (options->command == COMMAND_EXPLAIN && options->has_offset &&
	    !options->has_length) {
		options->has_length = true;
		options->length = page_size();
		options->offset -= options->offset % page_size();
	}
	if (options->command == COMMAND_EXPLAIN)
		options->bits |= MINCORE_PINNABLE;
	/* A new mapping has no entries: without faults nothing has a level. */
	options->look = options->command != COMMAND_CHECK || options->need_level;
	return -1;
}

void options_free(struct options *options)
{
	free(options->write_pages);
	options->write_pages = NULL;
}
