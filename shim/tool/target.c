// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening what is to be mapped: a regular file or a device-dax.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tool.h"

void path_print(char *path, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(path, PATH_MAX, format, args);
	va_end(args);
	if (len < 0 || len >= PATH_MAX)
		path[0] = '\0';
}

ssize_t read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t len;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		len = -errno;
	close(fd);
	if (len < 0)
		return len;
	buf[len] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return (ssize_t)strlen(buf);
}

bool devdax_find(dev_t dev, struct mincore2_device *device)
{
	return !mincore2_device_look("/sys", false, "char", major(dev),
				     minor(dev), device) &&
	       device->dax == MINCORE2_YES;
}

size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* A page table is a page of 8-byte entries, where there are 64 bits. */
size_t pmd_size(void)
{
	return page_size() * (page_size() / 8);
}

static int devdax_geometry(struct target *target,
			   const struct mincore2_device *device, char *error,
			   size_t size)
{
	uint64_t align = device->align;

	if (!device->size || !align || align & (align - 1) || align > SIZE_MAX / 2) {
		snprintf(error, size, "cannot read the device's size and alignment from /sys");
		return -EINVAL;
	}
	target->align = (size_t)align;
	/* Only whole entries of that size can be mapped. */
	target->size = device->size - device->size % align;
	return 0;
}

static int file_geometry(struct target *target, const struct stat *st)
{
	struct statfs fs;

	target->size = (uint64_t)st->st_size;
	target->align = page_size();
	/* hugetlbfs maps and unmaps whole huge pages only. */
	if (fstatfs(target->fd, &fs))
		return -errno;
	if ((unsigned long)fs.f_type == HUGETLBFS_MAGIC)
		target->align = (size_t)fs.f_bsize;
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

	*writable = need_write;
	if (need_write) {
		fd = open(path, O_RDWR | flags);
		/* Whatever the cause is, it may be readable all the same. */
		if (fd < 0)
			*writable = false;
	}
	if (fd < 0)
		fd = open(path, O_RDONLY | O_NOATIME | flags);
	return fd < 0 ? open(path, O_RDONLY | flags) : fd;
}

static int fail(char *error, size_t size, int err, const char *text)
{
	snprintf(error, size, "%s", text ? text : strerror(err));
	return -err;
}

int target_open(struct target *target, const char *path, bool need_write,
		char *error, size_t size)
{
	struct mincore2_device device;
	struct stat before, st;
	int err = 0;

	*target = (struct target) { .path = path, .fd = -1 };
	/* Look before opening: opening some devices has effects. */
	if (stat(path, &before))
		return fail(error, size, errno, NULL);
	if (S_ISCHR(before.st_mode) && devdax_find(before.st_rdev, &device))
		target->kind = TARGET_DEVDAX;
	else if (!S_ISREG(before.st_mode))
		return fail(error, size, EINVAL,
			    "neither a regular file nor a device-dax");
	target->fd = open_best(path, need_write, &target->writable);
	if (target->fd < 0)
		return fail(error, size, errno, NULL);
	st = before;
	if (fstat(target->fd, &st))
		err = fail(error, size, errno, NULL);
	else if (st.st_dev != before.st_dev || st.st_ino != before.st_ino)
		err = fail(error, size, EAGAIN, "was replaced while it was opened");
	target->ino = st.st_ino;
	if (!err && target->kind == TARGET_DEVDAX) {
		target->dev = st.st_rdev;
		err = devdax_geometry(target, &device, error, size);
	} else if (!err) {
		target->dev = st.st_dev;
		err = file_geometry(target, &st);
		if (err)
			fail(error, size, -err, NULL);
	}
	target->file_size = target->size;
	if (!err && !target->size)
		err = fail(error, size, EINVAL, "empty: there is nothing to map");
	if (err)
		target_close(target);
	return err;
}

int target_cut(struct target *target, uint64_t start, uint64_t end,
	       uint64_t align, char *error, size_t size)
{
	uint64_t all = target->offset + target->size;

	if (align < target->align)
		align = target->align;
	if (start < target->offset || start >= all) {
		snprintf(error, size, "offset 0x%" PRIx64 " is not in the mapping, which is 0x%" PRIx64 "-0x%" PRIx64,
			 start, target->offset, all);
		return -ERANGE;
	}
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
