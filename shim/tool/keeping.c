// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the data of a file are kept once fsync(2) has returned: in memory, on a
 * device, or that is not known. Only of what is on a device it may be said that
 * fsync makes it durable.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "facts.h"
#include "magic.h"
#include "text.h"

/* A loop device in a file on a loop device, and so on. */
#define MOST_BELOW	8

static const struct filesystem {
	uint32_t magic;
	bool memory;
	const char *name;
} filesystems[] = {
	{ TMPFS_MAGIC, true, "tmpfs" }, { RAMFS_MAGIC, true, "ramfs" },
	{ HUGETLBFS_MAGIC, true, "hugetlbfs" }, { SECRETMEM_MAGIC, true, "secretmem" },
	{ OVERLAYFS_SUPER_MAGIC, false, "overlay" }, { XFS_SUPER_MAGIC, false, "xfs" },
	{ BTRFS_SUPER_MAGIC, false, "btrfs" }, { EXT4_SUPER_MAGIC, false, "ext4" },
	{ FUSE_SUPER_MAGIC, false, "fuse" }, { NFS_SUPER_MAGIC, false, "nfs" },
	{ 0, false, "" },	/* all others */
};

static const struct filesystem *filesystem_of(uint32_t magic)
{
	const struct filesystem *each = filesystems;

	while (each->magic && each->magic != magic)
		each++;
	return each;
}

/* Does an open file lie in a filesystem of memory? */
static bool in_memory(int fd)
{
	return filesystem_of(mincore2_fs_magic(fd))->memory;
}

/* What the memory of a device is; 0 or a negative errno. */
static int kind_at(const char *dir, enum device_kind *kind)
{
	struct mincore2_device device;
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err;

	*kind = DEVICE_UNKNOWN;
	if (fd < 0)
		return -errno;
	err = mincore2_device_at(fd, dir, &device);
	close(fd);
	*kind = device.kind;
	return err;
}

static enum keeping device_keeps(const char *root, const char *dir, int below);

static enum keeping link_keeps(const char *root, const char *link, int below)
{
	char *real = realpath(link, NULL);
	enum keeping keeping = real ? device_keeps(root, real, below) :
			       KEPT_UNKNOWN;

	free(real);
	return keeping;
}

static enum keeping numbers_keep(const char *root, dev_t dev, int below)
{
	char path[PATH_MAX];

	path_print(path, "%s/sys/dev/block/%u:%u", root, major(dev), minor(dev));
	return link_keeps(root, path, below);
}

/* The name of a loop device's file may be another's by now: the device knows. */
static bool is_file_of_loop(const char *name, int file)
{
	struct loop_info64 info;
	char path[PATH_MAX];
	struct stat st;
	bool same;
	int fd;

	path_print(path, "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	same = !fstat(file, &st) && !ioctl(fd, LOOP_GET_STATUS64, &info) &&
	       info.lo_inode == st.st_ino &&
	       (info.lo_device >> 8 & 0xfff) == major(st.st_dev) &&
	       ((info.lo_device & 0xff) | (info.lo_device >> 12 & 0xfff00)) ==
	       minor(st.st_dev);
	close(fd);
	return same;
}

static enum keeping loop_keeps(const char *root, const char *dir, int below)
{
	enum keeping keeping = KEPT_UNKNOWN;
	char file[PATH_MAX];
	struct stat st;
	int fd;

	if (read_line(dir, "loop/backing_file", file, sizeof(file)) <= 0)
		return KEPT_UNKNOWN;
	fd = open(file, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return KEPT_UNKNOWN;
	if (in_memory(fd))
		keeping = KEPT_IN_MEMORY;
	else if (is_file_of_loop(strrchr(dir, '/') + 1, fd) && !fstat(fd, &st))
		keeping = numbers_keep(root, S_ISBLK(st.st_mode) ? st.st_rdev :
				       st.st_dev, below + 1);
	close(fd);
	return keeping;
}

/* Of several devices one in memory is enough to lose what is stored. */
static enum keeping slaves_keep(const char *root, const char *dir, int below)
{
	enum keeping all = KEPT_UNKNOWN;
	char path[PATH_MAX];
	struct dirent *entry;
	bool first = true;
	DIR *slaves;

	path_print(path, "%s/slaves", dir);
	slaves = opendir(path);
	while (slaves && (entry = readdir(slaves))) {
		enum keeping one;

		if (entry->d_name[0] == '.')
			continue;
		path_print(path, "%s/slaves/%s", dir, entry->d_name);
		one = link_keeps(root, path, below + 1);
		if (first || one == KEPT_IN_MEMORY ||
		    (one == KEPT_UNKNOWN && all != KEPT_IN_MEMORY))
			all = one;
		first = false;
	}
	if (slaves)
		closedir(slaves);
	return all;
}

/* @dir: the device in sysfs. One of hardware has a link to that. */
static enum keeping device_keeps(const char *root, const char *dir, int below)
{
	const char *name = strrchr(dir, '/') + 1;
	enum device_kind kind;
	char disk[PATH_MAX];

	if (below > MOST_BELOW)
		return KEPT_UNKNOWN;
	if (is_there(dir, "partition")) {
		path_print(disk, "%.*s", (int)(name - 1 - dir), dir);
		return disk[0] ? device_keeps(root, disk, below + 1) :
		       KEPT_UNKNOWN;
	}
	if (kind_at(dir, &kind))
		return KEPT_UNKNOWN;
	switch (kind) {
	case DEVICE_VOLATILE:
		return KEPT_IN_MEMORY;
	case DEVICE_E820:
	case DEVICE_NO_FLUSH:
	case DEVICE_UNARMED:
		return KEPT_UNKNOWN;
	default:
		break;
	}
	if (is_there(dir, "loop"))
		return loop_keeps(root, dir, below);
	if (!strncmp(name, "ram", 3) || !strncmp(name, "zram", 4))
		return KEPT_IN_MEMORY;
	return is_there(dir, "device") ? KEPT_ON_DEVICE :
	       slaves_keep(root, dir, below);
}

/*
 * Files of overlayfs are stored to in its upper directory, which may be called
 * otherwise here: so its word is taken for a no, and not for a yes.
 */
static enum keeping overlay_keeps(struct facts *facts)
{
	const char *upper = strstr(facts->options, ",upperdir=");
	bool memory;
	char path[PATH_MAX];
	int fd;

	/* Newer kernels show the second. */
	facts->no_fsync = facts_option(facts, "volatile") ||
			  facts_option(facts, "fsync=volatile");
	if (!upper)
		return KEPT_UNKNOWN;
	upper += strlen(",upperdir=");
	path_print(path, "%.*s", (int)strcspn(upper, ","), upper);
	unescape_octal(path);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return KEPT_UNKNOWN;
	memory = in_memory(fd);
	close(fd);
	return memory ? KEPT_IN_MEMORY : KEPT_UNKNOWN;
}

/* The numbers of its files are not those of a device, and it may have several. */
static enum keeping btrfs_keeps(const struct facts *facts, int fd,
				const char *root)
{
	struct btrfs_ioctl_fs_info_args info = { .num_devices = 0 };
	struct stat st;

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) || info.num_devices != 1 ||
	    stat(facts->source, &st) || !S_ISBLK(st.st_mode))
		return KEPT_UNKNOWN;
	return numbers_keep(root, st.st_rdev, 0);
}

enum keeping device_keeping(dev_t dev, const char *root)
{
	return numbers_keep(root, dev, 0);
}

void facts_keeping(struct facts *facts, int fd, dev_t dev, const char *root)
{
	uint32_t magic = mincore2_fs_magic(fd);

	/* A mount that is not in mountinfo: the kernel's own, or out of sight. */
	if (!facts->fstype[0])
		snprintf(facts->fstype, sizeof(facts->fstype), "%s",
			 filesystem_of(magic)->name);
	facts->memory_fs = filesystem_of(magic)->memory;
	if (facts->memory_fs)
		facts->keeping = KEPT_IN_MEMORY;
	else if (magic == OVERLAYFS_SUPER_MAGIC)
		facts->keeping = overlay_keeps(facts);
	else if (magic == BTRFS_SUPER_MAGIC)
		facts->keeping = btrfs_keeps(facts, fd, root);
	else if (magic != FUSE_SUPER_MAGIC)
		facts->keeping = numbers_keep(root, dev, 0);
}
