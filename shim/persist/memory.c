// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Is a file kept in memory only, so that syncing it makes nothing durable? Its
 * filesystem is looked up by its device number in mountinfo. What is not there is
 * memory of the kernel's own (memfd, shared anonymous), or mounted elsewhere, and
 * then nothing is known.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "digits.h"
#include "internal.h"

/* ID PARENT MAJOR:MINOR ... - TYPE SOURCE OPTIONS; see proc(5). */
static bool is_mount_of(const char *line, uint64_t dev, char type[32])
{
	const char *dash = strstr(line, " - ");
	uint64_t dev_major, dev_minor;

	for (int i = 0; i < 2; i++) {
		line += strcspn(line, " ");
		line += *line == ' ';
	}
	return dash && mincore2_digits(&line, 10, &dev_major) && *line++ == ':' &&
	       mincore2_digits(&line, 10, &dev_minor) &&
	       makedev((unsigned int)dev_major, (unsigned int)dev_minor) == dev &&
	       sscanf(dash + 3, "%31s", type) == 1;
}

static bool outlives_power(const char *type)
{
	static const char *const memory[] = {
		"tmpfs", "ramfs", "hugetlbfs", "devtmpfs",
	};

	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
		if (!strcmp(type, memory[i]))
			return false;
	return true;
}

int memory_only(struct memory_source *source, uint64_t dev)
{
	char type[32], *line = NULL;
	int ret = -EOPNOTSUPP;
	size_t room = 0;
	FILE *mounts;

	if (source->known && source->dev == dev)
		return source->ret;
	mounts = fopen("/proc/thread-self/mountinfo", "re");
	if (!mounts)
		return errno == ENOENT ? -ENOENT : -EAGAIN;
	while (getline(&line, &room, mounts) > 0) {
		if (!is_mount_of(line, dev, type))
			continue;
		ret = outlives_power(type) ? 0 : -EOPNOTSUPP;
		break;
	}
	free(line);
	fclose(mounts);
	*source = (struct memory_source) { .known = true, .dev = dev, .ret = ret };
	return ret;
}
