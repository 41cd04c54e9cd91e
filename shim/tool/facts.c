// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What user space can find out about a mapped file: its filesystem and mount
 * options, the device below and the region of memory below that. Everything
 * is looked up for people to read; whether a page is persistence-safe is
 * never derived from it, that is the kernel's answer alone.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "digits.h"
#include "statx.h"
#include "tool.h"

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool facts_option(const struct facts *facts, const char *option)
{
	char text[64];

	snprintf(text, sizeof(text), ",%s,", option);
	return strstr(facts->options, text) != NULL;
}

/* Is one of the options "NAME=..."? */
static bool has_option_value(const struct facts *facts, const char *name)
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
	char *field[6];
	char *save = NULL;
	char *dash = strstr(line, " - ");
	char *type, *source, *super;
	uint64_t id;

	if (!dash)
		return false;
	*dash = '\0';
	type = strtok_r(dash + 3, " \n", &save);
	source = strtok_r(NULL, " \n", &save);
	super = strtok_r(NULL, " \n", &save);
	save = NULL;
	for (int i = 0; i < 6; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return false;
	}
	if (!type || !source || !mincore2_number(field[0], &id) || id != mount_id)
		return false;
	unescape_octal(source);
	snprintf(facts->fstype, sizeof(facts->fstype), "%s", type);
	snprintf(facts->source, sizeof(facts->source), "%s", source);
	snprintf(facts->options, sizeof(facts->options), ",%s,%s,", field[5],
		 super ? super : "");
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

static int mount_id_of(const char *root, int fd, uint64_t *mount_id)
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

/* Is @name @prefix and a number, with perhaps a suffix after a dot? */
static bool numbered(const char *name, size_t len, const char *prefix)
{
	size_t skip = strlen(prefix);

	return len > skip && !strncmp(name, prefix, skip) &&
	       isdigit((unsigned char)name[skip]);
}

/*
 * Is one of the NVDIMMs of a region not armed? The firmware says so in the flags
 * of the NFIT (ACPI 6.5, 5.2.25.3, bit 3), which the kernel shows as words.
 */
static bool unarmed(const char *region)
{
	char file[PATH_MAX];
	char text[256];

	for (int i = 0; ; i++) {
		path_print(file, "%s/mapping%d", region, i);
		if (read_line(file, text, sizeof(text)) <= 0)
			return false;
		text[strcspn(text, ",")] = '\0';
		path_print(file, "%s/../%s/nfit/flags", region, text);
		if (read_line(file, text, sizeof(text)) > 0 &&
		    strstr(text, "not_armed"))
			return true;
	}
}

/* What a region of the nvdimm bus says; @path is its directory in sysfs. */
static enum device_kind region_kind(struct facts *facts, const char *path,
				    const char *provider)
{
	char file[PATH_MAX];
	char text[64];

	path_print(file, "%s/persistence_domain", path);
	read_line(file, facts->persistence_domain,
		  sizeof(facts->persistence_domain));
	if (!strcmp(provider, "virtio-pmem"))
		return DEVICE_VIRTIO_PMEM;
	if (!strcmp(provider, "e820"))
		return DEVICE_E820;
	path_print(file, "%s/devtype", path);
	if (read_line(file, text, sizeof(text)) > 0 &&
	    !strcmp(text, "nd_volatile"))
		return DEVICE_VOLATILE;
	if (unarmed(path))
		return DEVICE_UNARMED;
	/* The kernel hides the attribute when nvdimm_has_flush() < 0. */
	path_print(file, "%s/deep_flush", path);
	if (!exists(file))
		return DEVICE_NO_FLUSH;
	if (strcmp(facts->persistence_domain, "memory_controller") &&
	    strcmp(facts->persistence_domain, "cpu_cache"))
		return DEVICE_NO_DOMAIN;
	return DEVICE_PMEM;
}

/*
 * The device's place in sysfs tells what it is made of: ".../ndbus0/region0/
 * namespace0.0/block/pmem0", ".../ndbus0/region0/dax0.1/dax0.0", ".../hmem.0/
 * dax1.0", ".../region0/dax_region0/dax2.0" (CXL RAM: no ndbus above it).
 */
/* The last part of the directory @dir. */
static const char *last_part(const char *dir)
{
	const char *slash = strrchr(dir, '/');

	return slash ? slash + 1 : dir;
}

static enum device_kind walk_up(struct facts *facts, const char *path)
{
	char dir[PATH_MAX], file[PATH_MAX];
	char provider[64] = "", decoder[24] = "", region[24] = "";
	const char *name = path;
	bool on_bus = false;

	while (*name) {
		size_t len;

		name += strspn(name, "/");
		len = strcspn(name, "/");
		path_print(dir, "%.*s", (int)(name + len - path), path);
		if (numbered(name, len, "ndbus")) {
			on_bus = true;
			path_print(file, "%s/provider", dir);
			read_line(file, provider, sizeof(provider));
		} else if (on_bus && numbered(name, len, "region")) {
			snprintf(facts->memory, sizeof(facts->memory),
				 "%.24s of the NVDIMM bus (%.40s)",
				 last_part(dir), provider[0] ? provider : "?");
			return region_kind(facts, dir, provider);
		} else if (numbered(name, len, "decoder")) {
			snprintf(decoder, sizeof(decoder), "%.23s", last_part(dir));
		} else if (numbered(name, len, "region")) {
			snprintf(region, sizeof(region), "%.23s", last_part(dir));
		} else if (numbered(name, len, "hmem.") ||
			   numbered(name, len, "dax_region")) {
			if (region[0])
				snprintf(facts->memory, sizeof(facts->memory),
					 "CXL %s%s%s", region,
					 decoder[0] ? ", " : "", decoder);
			return DEVICE_VOLATILE;
		}
		name += len;
	}
	return DEVICE_UNKNOWN;
}

enum device_kind device_kind_at(const char *dir)
{
	struct facts facts = { 0 };

	return walk_up(&facts, dir);
}

/* What an administrator can switch off; @disk is a directory in sysfs. */
static void facts_switches(struct facts *facts, const char *disk)
{
	char file[PATH_MAX];
	char text[32];

	path_print(file, "%s/queue/write_cache", disk);
	if (read_line(file, text, sizeof(text)) > 0)
		facts->flushes = strcmp(text, "write back") ? NO : YES;
	path_print(file, "%s/dax/write_cache", disk);
	if (read_line(file, text, sizeof(text)) > 0)
		facts->write_backs = !strcmp(text, "0") &&
			strcmp(facts->persistence_domain, "cpu_cache") ? NO : YES;
}

void facts_device(struct facts *facts, const char *root, const char *class,
		  dev_t dev)
{
	char path[PATH_MAX];
	char sub[PATH_MAX];
	char text[32];
	char *real;

	path_print(path, "%s/sys/dev/%s/%u:%u", root, class,
		 major(dev), minor(dev));
	real = realpath(path, NULL);
	if (!real)
		return;		/* no device of its own: tmpfs, btrfs, overlay */
	snprintf(facts->device, sizeof(facts->device), "%s",
		 strrchr(real, '/') + 1);
	/* In units of 512 bytes, whatever the device has. */
	path_print(sub, "%s/start", real);
	if (read_line(sub, text, sizeof(text)) > 0 &&
	    mincore2_number(text, &facts->device_offset))
		facts->device_offset *= 512;
	path_print(sub, "%s/dm", real);
	if (exists(sub))
		facts->device_kind = DEVICE_MAPPER;
	path_print(sub, "%s/md", real);
	if (exists(sub))
		facts->device_kind = DEVICE_MD;
	if (facts->device_kind == DEVICE_UNKNOWN)
		facts->device_kind = walk_up(facts, real);
	/* A partition has those of its disk. */
	path_print(sub, "%s/partition", real);
	path_print(path, "%s%s", real, exists(sub) ? "/.." : "");
	facts_switches(facts, path);
	free(real);
}

static void facts_xfs(struct facts *facts, int fd)
{
	struct fsxattr attr;

	if (!ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		facts->realtime = attr.fsx_xflags & FS_XFLAG_REALTIME ? YES : NO;
	/* A file may be moved to it as long as it is empty, mapped or not. */
	if (has_option_value(facts, "rtdev"))
		facts->realtime = YES;
	if (has_option_value(facts, "logdev"))
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
	if (!mount_id_of(root, target->fd, &mount_id))
		facts_mount(facts, root, mount_id);
	facts_device(facts, root, "block", target->dev);
	facts_keeping(facts, target->fd, target->dev, root);
	if (!strcmp(facts->fstype, "ext4"))
		facts_ext4(facts, root, target->dev);
	else if (!strcmp(facts->fstype, "xfs"))
		facts_xfs(facts, target->fd);
}
