// SPDX-License-Identifier: GPL-2.0-or-later
/* files.c - the files that stores go to: setting them up */
#include <errno.h>
#include <fcntl.h>
#include <libpmem.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pf.h"

/* len times the same byte, at offset. */
int write_all(int fd, off_t offset, size_t len, int byte)
{
	char buffer[16 * KB];

	memset(buffer, byte, sizeof(buffer));
	while (len) {
		ssize_t n = pwrite(fd, buffer, len < sizeof(buffer) ? len : sizeof(buffer), offset);

		if (n <= 0)
			return -1;
		offset += n;
		len -= n;
	}
	return 0;
}

/* Creates the file, and makes its name durable: the promise is not about names. */
static int create(struct pfcase *c)
{
	c->fd = open(c->path, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (c->fd < 0)
		return failed(c, "create");
	if (fsync(c->fd))
		return failed(c, "fsync of an empty file");
	return 0;
}

/* A file of the history's size, written and synced. */
int setup_written(struct pfcase *c)
{
	if (create(c))
		return -1;
	if (write_all(c->fd, 0, c->history->size, 'o') || fsync(c->fd))
		return failed(c, "write and fsync");
	return 0;
}

/* A file of that size without blocks. */
int setup_hole(struct pfcase *c)
{
	if (create(c))
		return -1;
	if (ftruncate(c->fd, c->history->size) || fsync(c->fd))
		return failed(c, "ftruncate and fsync");
	return 0;
}

/* A file of that size whose blocks, and a MiB more, are allocated and not written. */
int setup_allocated(struct pfcase *c)
{
	if (create(c))
		return -1;
	if (fallocate(c->fd, FALLOC_FL_KEEP_SIZE, 0, c->history->size + 1 * MB) ||
	    ftruncate(c->fd, c->history->size) || fsync(c->fd))
		return failed(c, "fallocate and fsync");
	return 0;
}

/* In a device there is nothing to create. Its memory gets what a file would have. */
int setup_device(struct pfcase *c)
{
	c->fd = open(c->path, O_RDWR);
	if (c->fd < 0)
		return failed(c, "open");
	c->addr = map_file(c, "plain", c->fd, c->shift, c->len);
	if (!c->addr)
		return -1;
	pmem_memset_persist(c->addr, 'o', c->len);
	return munmap(c->addr, c->len) ? failed(c, "munmap") : 0;
}

/* Another file on the same filesystem, as c->other, written and synced. */
int open_other(struct pfcase *c, const char *suffix, off_t size)
{
	char path[sizeof(c->path) + 16];

	snprintf(path, sizeof(path), "%s%s", c->path, suffix);
	c->other = open(path, O_RDWR | O_CREAT, 0644);
	if (c->other < 0)
		return failed(c, "create another file");
	if (write_all(c->other, 0, size, 'x') || fsync(c->other))
		return failed(c, "write another file");
	return 0;
}
