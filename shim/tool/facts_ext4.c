// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ext4: does it run with a journal, and where is that?
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "facts.h"
#include "text.h"

/*
 * The superblock, Documentation/filesystems/ext4/super.rst: offset in the
 * volume, and of fields in it; all little endian.
 */
#define SUPER_OFFSET		1024
#define S_MAGIC			0x38
#define S_FEATURE_COMPAT	0x5c
#define S_JOURNAL_INUM		0xe0
#define S_JOURNAL_DEV		0xe4
#define EXT4_MAGIC		0xef53
#define COMPAT_HAS_JOURNAL	0x4

static uint32_t get_le32(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

void facts_ext4_super(struct facts *facts, const uint8_t super[1024])
{
	uint32_t compat = get_le32(super + S_FEATURE_COMPAT);

	if ((get_le32(super + S_MAGIC) & 0xffff) != EXT4_MAGIC)
		return;
	if (!(compat & COMPAT_HAS_JOURNAL))
		facts->journal = NO;
	else
		facts->journal_outside = !get_le32(super + S_JOURNAL_INUM) &&
					 get_le32(super + S_JOURNAL_DEV) ? YES : NO;
}

/* Only root may read it; everybody else does without. */
static void read_super(struct facts *facts, dev_t dev)
{
	uint8_t super[1024];
	struct stat st;
	int fd;

	fd = open(facts->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && S_ISBLK(st.st_mode) && st.st_rdev == dev &&
	    pread(fd, super, sizeof(super), SUPER_OFFSET) == sizeof(super))
		facts_ext4_super(facts, super);
	close(fd);
}

/* jbd2 has a directory "DEVICE-INODE" for a journal in the filesystem. */
static enum tristate journal_inside(const char *root, const char *device)
{
	char path[PATH_MAX];
	size_t len = strlen(device);
	enum tristate inside = NO;
	struct dirent *entry;
	DIR *dir;

	path_print(path, "%s/proc/fs/jbd2", root);
	dir = opendir(path);
	if (!dir)
		return NOT_KNOWN;
	while (inside == NO && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, device, len) &&
		    entry->d_name[len] == '-')
			inside = YES;
	closedir(dir);
	return inside;
}

void facts_ext4(struct facts *facts, const char *root, dev_t dev)
{
	char path[PATH_MAX];
	char text[32];

	read_super(facts, dev);
	/* What the mount has, which is not what the superblock allows. */
	path_print(path, "%s/sys/fs/ext4/%s/journal_task", root,
		 facts->device);
	if (facts->device[0] && read_line(path, text, sizeof(text)) > 0)
		facts->journal = strcmp(text, "<none>") ? YES : NO;
	if (facts_option(facts, "noload") || facts_option(facts, "norecovery"))
		facts->journal = NO;
	if (facts->journal == YES && facts->journal_outside == NOT_KNOWN) {
		enum tristate inside = journal_inside(root, facts->device);

		if (inside != NOT_KNOWN)
			facts->journal_outside = inside == YES ? NO : YES;
	}
}
