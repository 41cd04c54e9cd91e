// SPDX-License-Identifier: GPL-2.0-or-later
/* guest.c - see guest.h */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "../guest/pf.h"
#include "../histories/boot.h"
#include "guest.h"

#define CONTROL_PROMISED 0
#define CONTROL_LOST 2048	/* of the line that is not written back */
enum { OLD = 0x11, PROMISED = 0x22, UNSAFE = 0x33 };

/* As in xfs_fs.h and ext4.h, which no package has all of; both filesystems know the first. */
#define GOING_DOWN _IOR('X', 125, uint32_t)
#define WITHOUT_LOG 2
struct xfs_growfs { uint64_t blocks; uint32_t percent; };
#define XFS_GROW _IOW('X', 110, struct xfs_growfs)
#define EXT4_RESIZE _IOW('f', 16, uint64_t)
#define GROWN_BLOCKS 10240	/* 40 MiB; a slot has more. run: LOOK_MB */

static char *path_in(const char *dir, char *to, size_t size)
{
	snprintf(to, size, "%s/control", dir);
	return to;
}

/* Before all others, so that nothing that it does comes to their rescue. */
bool control_begin(struct world *w)
{
	unsigned char page[HPAGE];
	char path[80];
	int fd = open(path_in(w->dir, path, sizeof(path)), O_RDWR | O_CREAT | O_EXCL, 0644);

	memset(page, OLD, sizeof(page));
	if (fd < 0 || write(fd, page, sizeof(page)) != sizeof(page) || fsync(fd))
		return trouble(w, "control file");
	w->control = mmap(NULL, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
	close(fd);
	if (w->control == MAP_FAILED)
		return trouble(w, "mmap of the control file");
	/* The page fault is done now. */
	*(volatile unsigned char *)(w->control + CONTROL_PROMISED) = OLD;
	write_line_back(w->control + CONTROL_PROMISED);
	return true;
}

void control_store(struct world *w)
{
	memset(w->control + CONTROL_LOST, UNSAFE, LINE);
	memset(w->control + CONTROL_PROMISED, PROMISED, LINE);
	write_line_back(w->control + CONTROL_PROMISED);
}

static bool all_are(const unsigned char *data, int value)
{
	for (int i = 0; i < LINE; i++)
		if (data[i] != value)
			return false;
	return true;
}

/* After the power failure. What is wrong, or NULL; and whether what may be lost is. */
const char *control_judge(const char *dir, bool *lost)
{
	unsigned char page[HPAGE] = { 0 };
	char path[80];
	int fd = open(path_in(dir, path, sizeof(path)), O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, page, sizeof(page));

	if (fd >= 0)
		close(fd);
	*lost = !all_are(page + CONTROL_LOST, UNSAFE);
	if (n != sizeof(page))
		return "control file: not there, or short";
	if (!all_are(page + CONTROL_PROMISED, PROMISED))
		return all_are(page + CONTROL_PROMISED, OLD) ? "control file: the promised line is lost"
							     : "control file: the promised line is neither old nor new";
	return *lost && !all_are(page + CONTROL_LOST, OLD) ? "control file: bytes that it never had" : NULL;
}

/* Unmounts the filesystem, or cuts it off from its device before, as if the power had failed. */
int remount(struct world *w, bool shut_down)
{
	uint32_t how = WITHOUT_LOG;

	if (shut_down && ioctl(w->file[0].fd, GOING_DOWN, &how))
		return -1;
	for (int i = 0; i < w->model.objects; i++) {
		struct file *f = &w->file[i];

		if (f->fd < 0)
			continue;
		munmap(f->sync, w->model.limit);
		munmap(f->plain, w->model.limit);
		close(f->fd);
		f->fd = -1;
	}
	munmap(w->control, HPAGE);
	return umount(w->dir) ? -1 : mount_at(w->kind, w->device, w->dir);
}

/* The filesystem gets larger while it is mounted. */
int grow(struct world *w)
{
	struct xfs_growfs xfs = { .blocks = GROWN_BLOCKS, .percent = 25 };
	uint64_t ext4 = GROWN_BLOCKS;
	int dir = open(w->dir, O_RDONLY | O_DIRECTORY), result, error;

	if (dir < 0)
		return -1;
	result = strcmp(w->kind, "xfs") ? ioctl(dir, EXT4_RESIZE, &ext4) : ioctl(dir, XFS_GROW, &xfs);
	error = errno;
	close(dir);
	errno = error;
	return result;
}
