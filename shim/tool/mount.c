// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mount that a file is on, and its options.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "digits.h"
#include "facts.h"
#include "text.h"

bool facts_option(const struct facts *facts, const char *option)
{
	char text[64];

	snprintf(text, sizeof(text), ",%s,", option);
	return strstr(facts->options, text) != NULL;
}

bool facts_option_value(const struct facts *facts, const char *name)
{
	char text[64];

	snprintf(text, sizeof(text), ",%s=", name);
	return strstr(facts->options, text) != NULL;
}

void unescape_octal(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
		    from[2] >= '0' && from[2] <= '7' &&
		    from[3] >= '0' && from[3] <= '7') {
			*to = (char)((from[1] - '0') << 6 |
				     (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/*
 * A line of mountinfo, proc(5): ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS
 * [TAG...] - FSTYPE SOURCE SUPEROPTIONS. Fills in @facts, returns whether
 * this was the mount.
 */
bool facts_parse_mount(struct facts *facts, char *line, uint64_t mount_id)
{
	/* Tags there are four kinds of. */
	char *field[24], *save = NULL;
	size_t nr = 0, dash = 6;
	uint64_t id;

	for (char *each = strtok_r(line, " \n", &save); each && nr < 24;
	     each = strtok_r(NULL, " \n", &save))
		field[nr++] = each;
	while (dash < nr && strcmp(field[dash], "-"))
		dash++;
	if (dash + 2 >= nr || !mincore2_number(field[0], &id) || id != mount_id)
		return false;
	unescape_octal(field[dash + 2]);
	snprintf(facts->fstype, sizeof(facts->fstype), "%s", field[dash + 1]);
	snprintf(facts->source, sizeof(facts->source), "%s", field[dash + 2]);
	snprintf(facts->options, sizeof(facts->options), ",%s,%s,", field[5],
		 dash + 3 < nr ? field[dash + 3] : "");
	return true;
}

int facts_mount(struct facts *facts, const char *root, uint64_t mount_id)
{
	char path[PATH_MAX];
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *file;

	path_print(path, "%s/proc/self/mountinfo", root);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!found && getline(&line, &room, file) > 0)
		found = facts_parse_mount(facts, line, mount_id);
	free(line);
	fclose(file);
	return found ? 0 : -ENOENT;
}

int facts_mount_id(const char *root, int fd, uint64_t *mount_id)
{
	char path[PATH_MAX];
	char line[128];
	int err = -ENOENT;
	FILE *file;

	path_print(path, "%s/proc/self/fdinfo/%d", root, fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (err && fgets(line, sizeof(line), file))
		if (!strncmp(line, "mnt_id:", 7)) {
			const char *text = line + 7 + strspn(line + 7, " \t");

			err = mincore2_digits(&text, 10, mount_id) ? 0 : -EINVAL;
		}
	fclose(file);
	return err;
}
