// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening what is to be mapped: a regular file or a device-dax.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mapping.h"
#include "text.h"

int devdax_find(dev_t dev, struct mincore2_device *device)
{
	return mincore2_device_look("/sys", false, "char", major(dev),
				    minor(dev), device);
}

static int devdax_geometry(struct target *target,
			   const struct mincore2_device *device, char *error)
{
	uint64_t align = device->align;

	if (!device->size || !align || align & (align - 1) || align > SIZE_MAX / 2)
		return fail(error, EINVAL, "cannot read the device's size and alignment from /sys");
	target->align = (size_t)align;
	/* Only whole entries of that size can be mapped. */
	target->size = device->size - device->size % align;
	return 0;
}

static int file_geometry(struct target *target, const struct stat *st, char *error)
{
	struct statfs fs;

	if (fstatfs(target->fd, &fs))
		return fail(error, errno, "%m");
	target->size = (uint64_t)st->st_size;
	/* hugetlbfs maps and unmaps whole huge pages only. */
	target->align = (uint32_t)fs.f_type == HUGETLBFS_MAGIC ?
			(size_t)fs.f_bsize : page_size();
	return 0;
}

/*
 * To open a file for writing has effects: overlayfs copies it up, a program can
 * not be started meanwhile, and programs that watch it see a write. To map it for
 * reading moves its access time, where O_NOATIME is not allowed.
 */
static int open_best(const char *path, bool need_write, bool *writable)
{
	const int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = -1;

	if (need_write)
		fd = open(path, O_RDWR | flags);
	*writable = fd >= 0;
	/* Whatever the cause is, it may be readable all the same. */
	if (fd < 0)
		fd = open(path, O_RDONLY | O_NOATIME | flags);
	return fd < 0 ? open(path, O_RDONLY | flags) : fd;
}

/* What is open is what was looked at; how large it is. 0 or a negative errno. */
static int examine(struct target *target, const struct stat *before,
		   const struct mincore2_device *device, char *error)
{
	struct stat st;
	int err;

	if (fstat(target->fd, &st))
		return fail(error, errno, "%m");
	if (st.st_dev != before->st_dev || st.st_ino != before->st_ino)
		return fail(error, EAGAIN, "was replaced while it was opened");
	target->ino = st.st_ino;
	if (target->kind == TARGET_DEVDAX) {
		target->dev = st.st_rdev;
		err = devdax_geometry(target, device, error);
	} else {
		target->dev = st.st_dev;
		err = file_geometry(target, &st, error);
	}
	target->file_size = target->size;
	return err || target->size ? err :
	       fail(error, EINVAL, "empty: there is nothing to map");
}

int target_open(struct target *target, const char *path, bool need_write,
		char *error)
{
	struct mincore2_device device;
	struct stat before;
	int err;

	*target = (struct target) { .path = path, .fd = -1 };
	/* Look before opening: opening some devices has effects. */
	if (stat(path, &before))
		return fail(error, errno, "%m");
	if (S_ISCHR(before.st_mode)) {
		err = devdax_find(before.st_rdev, &device);
		if (err)
			return fail(error, -err, "cannot look at /sys: %m");
	}
	if (S_ISCHR(before.st_mode) && device.dax == MINCORE2_YES)
		target->kind = TARGET_DEVDAX;
	else if (!S_ISREG(before.st_mode))
		return fail(error, EINVAL, "neither a regular file nor a device-dax");
	target->fd = open_best(path, need_write, &target->writable);
	if (target->fd < 0)
		return fail(error, errno, "%m");
	err = examine(target, &before, &device, error);
	if (err)
		target_close(target);
	return err;
}

int target_cut(struct target *target, const struct options *options, char *error)
{
	uint64_t align = options->command == COMMAND_EXPLAIN ? pmd_size() :
			 page_size();
	uint64_t all = target->offset + target->size;
	uint64_t start = options->has_offset ? options->offset : target->offset;
	uint64_t end = all;

	if (align < target->align)
		align = target->align;
	if (start < target->offset || start >= all)
		return fail(error, ERANGE, "offset 0x%" PRIx64 " is not in the mapping, which is 0x%" PRIx64 "-0x%" PRIx64,
			    start, target->offset, all);
	if (options->has_length && options->length < all - start)
		end = start + options->length;
	start -= start % align;
	end = end > all - all % align ? all : (end + align - 1) / align * align;
	if (start < target->offset)
		start = target->offset;
	target->like += start - target->offset;
	target->offset = start;
	target->size = end - start;
	return 0;
}

void target_close(struct target *target)
{
	if (target->fd >= 0)
		close(target->fd);
	target->fd = -1;
}
