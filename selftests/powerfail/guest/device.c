// SPDX-License-Identifier: GPL-2.0-or-later
/* device.c - histories of what lies below the filesystem, and beside it */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pf.h"

#define SPOT (PF_TARGET + 128)
#define FILE_AT .size = PF_FILE_SIZE, .first = SPOT, .then = SPOT

/* The name (pmem3) of the block device of the case's filesystem, from st_dev. */
static int disk_name(struct pfcase *c, char *name, size_t size)
{
	char path[64], target[256];
	struct stat st;
	ssize_t len;

	if (fstat(c->fd, &st))
		return failed(c, "fstat");
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", (unsigned int)st.st_dev >> 8 & 0xfff,
		 (unsigned int)st.st_dev & 0xff);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return failed(c, path);
	target[len] = 0;
	snprintf(name, size, "%s", strrchr(target, '/') + 1);
	return 0;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

/* The table of the linear mapping is loaded again; the filesystem does not hear of it. */
static int reload(struct pfcase *c, const char *other)
{
	char command[400];

	snprintf(command, sizeof(command),
		 "t=$(dmsetup table %s) && %s dmsetup reload %s --table \"$t\" && "
		 "dmsetup suspend --nolockfs %s && dmsetup resume %s", c->slot, other, c->slot,
		 c->slot, c->slot);
	errno = EIO;
	return system(command) ? failed(c, "dmsetup") : 0;
}

static int reload_same(struct pfcase *c) { return reload(c, ""); }

/* With another device: that of the slot whose number is 9. */
static int reload_other(struct pfcase *c)
{
	return reload(c, "read -r _ d <<E && t=\"0 $(echo \"$t\" | cut -d\" \" -f2) linear $d 0\" &&\n"
			 "$(grep ^ext4-spare-1\\  /run/devmap)\nE\n");
}

/* A media error that the kernel knows of, in the block that is stored to. */
static int bad_block(struct pfcase *c)
{
	union {
		struct fiemap map;
		char bytes[sizeof(struct fiemap) + sizeof(struct fiemap_extent)];
	} u = { .map = { .fm_start = PF_TARGET, .fm_length = PAGE, .fm_extent_count = 1 } };
	const struct fiemap_extent *e = u.map.fm_extents;
	char disk[32], path[80], sectors[40];

	if (disk_name(c, disk, sizeof(disk)))
		return -1;
	if (ioctl(c->fd, FS_IOC_FIEMAP, &u.map) || !u.map.fm_mapped_extents)
		return failed(c, "FS_IOC_FIEMAP");
	snprintf(path, sizeof(path), "/sys/block/%s/badblocks", disk);
	snprintf(sectors, sizeof(sectors), "%llu 8",
		 (unsigned long long)(e->fe_physical + PF_TARGET - e->fe_logical) / 512);
	return write_file(path, sectors) ? failed(c, path) : 0;
}

static void ignore(int sig) { (void)sig; }

static int poison(struct pfcase *c)
{
	int result;

	/* The notice that the page is gone comes as SIGBUS. */
	signal(SIGBUS, ignore);
	result = madvise(c->addr + PF_TARGET, PAGE, MADV_HWPOISON);
	return result ? failed(c, "MADV_HWPOISON") : 0;
}

/* The driver is taken away from under the mounted filesystem. */
static int unbind(struct pfcase *c)
{
	char disk[32], path[80], target[256];
	ssize_t len;

	if (disk_name(c, disk, sizeof(disk)))
		return -1;
	snprintf(path, sizeof(path), "/sys/block/%s/device", disk);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return failed(c, path);
	target[len] = 0;
	return write_file("/sys/bus/nd/drivers/nd_pmem/unbind", strrchr(target, '/') + 1) ?
		failed(c, "unbind") : 0;
}

/* The file is opened through an overlay of two directories of its filesystem. */
static int setup_overlay(struct pfcase *c)
{
	char lower[140], upper[140], work[140], top[140], options[512];

	snprintf(lower, sizeof(lower), "%s/lower%d", c->dir, c->index);
	snprintf(upper, sizeof(upper), "%s/upper%d", c->dir, c->index);
	snprintf(work, sizeof(work), "%s/work%d", c->dir, c->index);
	snprintf(top, sizeof(top), "/run/overlay%d", c->index);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work);
	if (mkdir(lower, 0755) || mkdir(upper, 0755) || mkdir(work, 0755) || mkdir(top, 0755) ||
	    mount("none", top, "overlay", 0, options))
		return failed(c, "overlay");
	snprintf(c->path, sizeof(c->path), "%s/c", top);
	snprintf(c->where, sizeof(c->where), "%s/upper%d/c", c->slot, c->index);
	return setup_hole(c);
}

const struct history device_histories[] = {
	{ "dm-reload", setup_hole, reload_same, FILE_AT },
	{ "dm-reload-other", setup_hole, reload_other, FILE_AT },
	{ "badblock", setup_written, bad_block, FILE_AT },
	{ "hwpoison", setup_written, poison, FILE_AT, .removes_first = true },
	{ "unbind", setup_written, unbind, FILE_AT },
	{ "overlay", setup_overlay, NULL, FILE_AT },
	{ "emergency-ro", setup_hole, NULL, FILE_AT, .everywhere = 'u' },
	{ "emergency-sync", setup_hole, NULL, FILE_AT, .everywhere = 's' },
	{ 0 }
};
