// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What is mapped at an address: msync(2) succeeds on private memory, where
 * nothing is durable, and a descriptor may be of another file than the caller
 * thinks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"
#include "maps.h"

/* Of the thread: that of the process is empty once its first thread is gone. */
#define MAPS	"/proc/thread-self/maps"

static int open_maps(void)
{
	int fd = open(MAPS, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
	       -EAGAIN : -ENOENT;
}

/* Returns 1; 0, nothing is mapped behind @addr; or a negative errno. */
static int find_in_text(uintptr_t addr, struct mincore2_vma *vma, char *line)
{
	struct mincore2_lines lines = { .fd = open_maps() };
	int ret;

	if (lines.fd < 0)
		return lines.fd;
	do
		ret = mincore2_maps_line(&lines, line, MINCORE2_LINE);
	while (ret > 0 && (!mincore2_maps_parse(line, vma) || vma->end <= addr));
	close(lines.fd);
	return ret < 0 ? -EAGAIN : ret > 0;
}

static int find(struct vma_source *source, uintptr_t addr,
		struct mincore2_vma *vma)
{
	char line[MINCORE2_LINE];
	int ret = -ENOSYS;

	if (source->fd < 0) {
		source->fd = open_maps();
		if (source->fd < 0)
			return source->fd;
	}
	if (!source->text)
		ret = mincore2_maps_query(source->fd, addr, vma, line,
					  sizeof(line));
	/* Whatever else it says, it does not know the call. */
	if (ret < 0) {
		source->text = true;
		ret = find_in_text(addr, vma, line);
	}
	return ret;
}

int vma_find(struct vma_source *source, uintptr_t addr, struct vma *vma)
{
	if (addr < source->last.start || addr >= source->last.end) {
		struct mincore2_vma found;
		int ret = find(source, addr, &found);

		source->last = (struct vma) { .start = 0 };
		if (ret < 0)
			return ret;
		if (!ret || found.start > addr)
			return -ENOMEM;
		source->last = (struct vma) {
			.start = (uintptr_t)found.start,
			.end = (uintptr_t)found.end,
			.offset = found.offset,
			.dev = makedev(found.dev_major, found.dev_minor),
			.ino = found.ino,
			.shared = found.shared,
		};
	}
	*vma = source->last;
	return 0;
}

void vma_close(struct vma_source *source)
{
	if (source->fd >= 0)
		close(source->fd);
}
