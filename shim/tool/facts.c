// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What user space can find out about a mapped file: its filesystem and mount
 * options, the device below and the region of memory below that. Everything
 * is looked up for people to read; whether a page is persistence-safe is
 * never derived from it, that is the kernel's answer alone.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "digits.h"
#include "statx.h"
#include "facts.h"
#include "mapping.h"
#include "text.h"

/* What an administrator can switch off. @dir: of the disk in sysfs. */
static void facts_switches(struct facts *facts, const char *dir)
{
	char text[32];

	if (read_line(dir, "queue/write_cache", text, sizeof(text)) > 0)
		facts->flushes = strcmp(text, "write back") ? NO : YES;
	if (read_line(dir, "dax/write_cache", text, sizeof(text)) > 0)
		facts->write_backs = !strcmp(text, "0") &&
			strcmp(facts->persistence_domain, "cpu_cache") ? NO : YES;
}

/* Which memory it is, for people. */
static void facts_memory(struct facts *facts, const struct mincore2_device *device)
{
	const char *provider = device->text.provider;

	if (!device->region[0])
		return;
	if (device->on_bus)
		snprintf(facts->memory, sizeof(facts->memory),
			 "%s of the NVDIMM bus (%s)", device->region,
			 provider[0] ? provider : "?");
	else if (device->decoder[0])
		snprintf(facts->memory, sizeof(facts->memory), "CXL %s, %s",
			 device->region, device->decoder);
}

void facts_device(struct facts *facts, const char *root, const char *class,
		  dev_t dev)
{
	char path[PATH_MAX], dir[PATH_MAX];
	struct mincore2_device device;
	char text[32];

	path_print(path, "%s/sys", root);
	if (mincore2_device_look(path, root[0], class, major(dev), minor(dev),
				 &device) || !device.name[0])
		return;		/* no device of its own: tmpfs, btrfs, overlay */
	memcpy(facts->device, device.name, sizeof(facts->device));
	facts->device_kind = device.kind;
	memcpy(facts->persistence_domain, device.text.persistence_domain,
	       sizeof(facts->persistence_domain));
	facts_memory(facts, &device);
	path_print(dir, "%s/sys/dev/%s/%u:%u", root, class, major(dev), minor(dev));
	/* In units of 512 bytes, whatever the device has. */
	if (read_line(dir, "start", text, sizeof(text)) > 0 &&
	    mincore2_number(text, &facts->device_offset))
		facts->device_offset *= 512;
	/* A partition has those of its disk. */
	path_print(path, is_there(dir, "partition") ? "%s/.." : "%s", dir);
	facts_switches(facts, path);
}

/* jbd2 has a directory "DEVICE-INODE" for a journal in the filesystem. */
static enum tristate journal_outside(const char *root, const char *device)
{
	char path[PATH_MAX];
	size_t len = strlen(device);
	enum tristate outside = YES;
	struct dirent *entry;
	DIR *dir;

	path_print(path, "%s/proc/fs/jbd2", root);
	dir = opendir(path);
	if (!dir)
		return NOT_KNOWN;
	while (outside == YES && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, device, len) &&
		    entry->d_name[len] == '-')
			outside = NO;
	closedir(dir);
	return outside;
}

void facts_ext4(struct facts *facts, const char *root)
{
	char path[PATH_MAX];
	char text[32];

	path_print(path, "%s/sys/fs/ext4/%s", root, facts->device);
	if (facts->device[0] &&
	    read_line(path, "journal_task", text, sizeof(text)) > 0)
		facts->journal = strcmp(text, "<none>") ? YES : NO;
	if (facts_option(facts, "noload") || facts_option(facts, "norecovery"))
		facts->journal = NO;
	if (facts->journal == YES)
		facts->journal_outside = journal_outside(root, facts->device);
}

static void facts_xfs(struct facts *facts, int fd)
{
	struct fsxattr attr;

	if (!ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		facts->realtime = attr.fsx_xflags & FS_XFLAG_REALTIME ? YES : NO;
	/* A file may be moved to it as long as it is empty, mapped or not. */
	if (facts_option_value(facts, "rtdev"))
		facts->realtime = YES;
	if (facts_option_value(facts, "logdev"))
		facts->journal_outside = YES;
}

void facts_collect(struct facts *facts, const struct target *target,
		   const char *root)
{
	struct mincore2_statx stx;
	uint64_t mount_id;

	*facts = (struct facts) { 0 };
	if (target->kind == TARGET_DEVDAX) {
		facts_device(facts, root, "char", target->dev);
		return;
	}
	if (!mincore2_statx(target->fd, &stx) &&
	    stx.attributes_mask & MINCORE2_ATTR_DAX)
		facts->dax_attr = stx.attributes & MINCORE2_ATTR_DAX ? YES : NO;
	if (!facts_mount_id(root, target->fd, &mount_id))
		facts_mount(facts, root, mount_id);
	facts_device(facts, root, "block", target->dev);
	facts_keeping(facts, target->fd, target->dev, root);
	if (!strcmp(facts->fstype, "ext4"))
		facts_ext4(facts, root);
	else if (!strcmp(facts->fstype, "xfs"))
		facts_xfs(facts, target->fd);
}
