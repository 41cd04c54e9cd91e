// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is mapped at an address: msync(2) succeeds on private memory, where
 * nothing is durable, and a descriptor may be of another file than the caller
 * thinks. By PROCMAP_QUERY (Linux 6.11), or the text of maps.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

/* Of the thread: that of the process is empty once its first thread is gone. */
#define MAPS	"/proc/thread-self/maps"

/* PROCMAP_QUERY of <linux/fs.h>, which is newer than the headers of some. */
struct query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};

#define QUERY		_IOWR('f', 17, struct query)
#define QUERY_SHARED	0x08

static int find_by_query(int fd, uintptr_t addr, struct vma *vma)
{
	struct query query = { .size = sizeof(query), .query_addr = addr };

	if (ioctl(fd, QUERY, &query))
		return errno == ENOENT ? -ENOMEM : -errno;
	*vma = (struct vma) {
		.start = (uintptr_t)query.vma_start,
		.end = (uintptr_t)query.vma_end,
		.offset = query.vma_offset,
		.dev = makedev(query.dev_major, query.dev_minor),
		.ino = query.inode,
		.shared = query.vma_flags & QUERY_SHARED,
	};
	return 0;
}

static bool parse_line(const char *line, struct vma *vma)
{
	unsigned int major, minor;
	char perms[5];

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %x:%x %" SCNu64,
		   &vma->start, &vma->end, perms, &vma->offset, &major, &minor,
		   &vma->ino) != 7)
		return false;
	vma->dev = makedev(major, minor);
	vma->shared = perms[3] == 's';
	return true;
}

static int find_in_text(int fd, uintptr_t addr, struct vma *vma)
{
	char line[512];
	bool begins = true;
	int ret = -ENOMEM;
	FILE *maps;

	/* With a buffer of its own, and an offset of its own from 0 on. */
	fd = openat(fd, MAPS, O_RDONLY | O_CLOEXEC);
	maps = fd < 0 ? NULL : fdopen(fd, "r");
	if (!maps) {
		if (fd >= 0)
			close(fd);
		return -EAGAIN;
	}
	while (ret && fgets(line, sizeof(line), maps)) {
		/* The rest of a long line is of no interest. */
		if (begins && parse_line(line, vma) && vma->start <= addr &&
		    addr < vma->end)
			ret = 0;
		begins = strchr(line, '\n');
	}
	if (ret && ferror(maps))
		ret = -EAGAIN;
	fclose(maps);
	return ret;
}

static int open_source(struct vma_source *source)
{
	if (source->fd >= 0)
		return 0;
	source->fd = open(MAPS, O_RDONLY | O_CLOEXEC);
	if (source->fd >= 0)
		return 0;
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
	       -EAGAIN : -ENOENT;
}

int vma_find(struct vma_source *source, uintptr_t addr, struct vma *vma)
{
	int err = 0;

	if (addr < source->last.start || addr >= source->last.end) {
		err = open_source(source);
		if (err)
			return err;
		if (!source->text) {
			err = find_by_query(source->fd, addr, &source->last);
			/* Whatever else it says, it does not know the call. */
			if (err && err != -ENOMEM)
				source->text = true;
		}
		if (source->text)
			err = find_in_text(source->fd, addr, &source->last);
		if (err)
			source->last = (struct vma) { .start = 0 };
	}
	*vma = source->last;
	return err;
}

void vma_close(struct vma_source *source)
{
	if (source->fd >= 0)
		close(source->fd);
}
