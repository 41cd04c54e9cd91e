// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of options, what --help prints of it, and what the completions of shells
 * ask for.
 */
#include <string.h>

#include "options.h"
#include "text.h"

enum { ALL = (1 << NR_COMMANDS) - 1, MAP = 1 << COMMAND_MAP,
       CHECK = 1 << COMMAND_CHECK, WATCH = 1 << COMMAND_WATCH };

#define OPTION(id, name, letter, argument, words, commands, help) \
	{ name, letter, argument, words, commands, 0, 0, help },
#define FLAG(id, name, member, commands, help) \
	{ name, 0, NULL, NULL, commands, offsetof(struct options, member), 0, help },
#define NEED(id, name, bit, commands, help) \
	{ name, 0, NULL, NULL, commands, 0, bit, help },
const struct option_info option_table[] = {
#include "options.def"
};
#undef OPTION
#undef FLAG
#undef NEED

enum { NR_TABLE = sizeof(option_table) / sizeof(option_table[0]) };

enum { WIDTH = 80, COLUMN = 26 };

static const struct {
	const char *name, *help, *title;
} commands[NR_COMMANDS] = {
	[COMMAND_MAP] = { "map", "show the mapping: a verdict, a strip, and the regions in rows", "map" },
	[COMMAND_CHECK] = { "check", "answer with the exit status whether all pages are as required", "check, at least one of what it requires" },
	[COMMAND_WATCH] = { "watch", "show it again and again while a program works with the file", "watch" },
	[COMMAND_EXPLAIN] = { "explain", "say why pages are not persistence-safe or not mapped by large entries, and what to change", "explain" },
};

const char *command_name(enum command command)
{
	return commands[command].name;
}

static void row(const char *start, size_t column, const char *text)
{
	size_t len = (size_t)printf("  %s", start);

	if (len + 2 > column) {
		putchar('\n');
		len = 0;
	}
	printf("%*s", (int)(column - len), "");
	print_wrapped(stdout, text, column, column, WIDTH);
}

/* Options of these commands. @title: comes before them, if there are any. */
static void option_rows(unsigned int takers, const char *title)
{
	for (size_t i = 0; i < NR_TABLE; i++) {
		const struct option_info *option = &option_table[i];
		char letter[8] = "    ", start[64];

		if (option->commands != takers)
			continue;
		if (title)
			printf("%s:\n", title);
		title = NULL;
		if (option->letter)
			snprintf(letter, sizeof(letter), "-%c, ", option->letter);
		snprintf(start, sizeof(start), "%s--%s%s%s", letter,
			 option->name, option->argument ? " " : "",
			 option->argument ? option->argument : "");
		row(start, COLUMN, option->help);
	}
}

static void exit_status(bool check)
{
	putchar('\n');
	print_wrapped(stdout, check ?
		      "Exit status: 0 yes; 1 no; 2 any error, and where the emulation cannot know." :
		      "Exit status: 0 all right (check: yes); 1 a file failed (check: no); 2 wrong usage (check: any error, and where the emulation cannot know).",
		      0, 0, WIDTH);
}

static void help_of(enum command command)
{
	printf("Usage: mincore2 %s [OPTION]... FILE...\n", commands[command].name);
	print_wrapped(stdout, commands[command].help, 0, 0, WIDTH);
	putchar('\n');
	for (unsigned int takers = 1; takers < ALL; takers++)
		if (takers >> command & 1)
			option_rows(takers, NULL);
	option_rows(ALL, "\nFor all commands");
	exit_status(command == COMMAND_CHECK);
}

void help_print(const char *name)
{
	for (size_t i = 0; name && i < NR_COMMANDS; i++) {
		if (!strcmp(name, commands[i].name)) {
			help_of((enum command)i);
			return;
		}
	}
	puts("Usage: mincore2 COMMAND [OPTION]... FILE...");
	print_wrapped(stdout, "Map each FILE (a regular file or a device-dax) and tell what backs its pages, at which page-table level they are mapped, and whether a store to them is persistence-safe. PID:ADDRESS or PID:START-END for a FILE is what a process has mapped there: nothing is mapped, and the answer is that of its own page tables.",
		      0, 0, WIDTH);
	putchar('\n');
	for (size_t i = 0; i < NR_COMMANDS; i++)
		row(commands[i].name, 11, commands[i].help);
	option_rows(ALL, "\nFor all commands");
	option_rows(MAP | WATCH, "map and watch");
	option_rows(MAP | CHECK, "map and check");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		option_rows(1U << i, commands[i].title);
	exit_status(false);
}

/*
 * A line for each option of a command: NAME, tab, the words of its argument ("-" for
 * any, "." if it takes none), tab, help. Without a command: the commands.
 */
int complete_print(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		if (!name)
			printf("%s\t.\t%s\n", commands[i].name, commands[i].help);
		if (!name || strcmp(name, commands[i].name))
			continue;
		for (size_t j = 0; j < NR_TABLE; j++) {
			const struct option_info *option = &option_table[j];

			if (option->commands >> i & 1)
				printf("--%s\t%s\t%s\n", option->name,
				       option->words ? option->words :
				       option->argument ? "-" : ".", option->help);
		}
	}
	return finish_output(STATUS_OK);
}
