// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the blocks of a file are: FIEMAP, Documentation/filesystems/fiemap.rst.
 */
#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "mapping.h"
#include "text.h"

void extent_append(struct extent_list *list, const struct extent *extent)
{
	array_add(&list->extent, &list->nr, extent, sizeof(*extent));
}

void extent_list_free(struct extent_list *list)
{
	free(list->extent);
	*list = (struct extent_list) { 0 };
}

/* Append what of @from lies between @start and @end. */
static void append_cut(struct extent_list *list, const struct fiemap_extent *from,
		       uint64_t start, uint64_t end)
{
	/* Not on a device yet, or nowhere to point to: no entry can map it. */
	const uint32_t nowhere = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC |
		FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_DATA_INLINE;
	uint64_t first = from->fe_logical > start ? from->fe_logical : start;
	uint64_t last = from->fe_logical + from->fe_length;
	struct extent extent = {
		.logical = first,
		.physical = from->fe_physical + (first - from->fe_logical),
		.unwritten = from->fe_flags & FIEMAP_EXTENT_UNWRITTEN,
	};

	last = last < end ? last : end;
	if (last <= first || from->fe_flags & nowhere)
		return;
	extent.length = last - first;
	extent_append(list, &extent);
}

int extents_read(struct extent_list *list, int fd, uint64_t start,
		 uint64_t length)
{
	enum { EXTENTS = 256 };
	/* As the kernel wants it: a head with an array behind it. */
	struct fiemap *map = zeroed(1, sizeof(*map) +
				    EXTENTS * sizeof(struct fiemap_extent));
	uint64_t end = start + length;
	uint64_t next = start, before;
	int err = 0;

	*list = (struct extent_list) { 0 };
	do {
		before = next;
		memset(map, 0, sizeof(*map));
		map->fm_start = next;
		map->fm_length = end - next;
		map->fm_extent_count = EXTENTS;
		if (ioctl(fd, FS_IOC_FIEMAP, map)) {
			err = -errno;
			break;
		}
		for (uint32_t i = 0; i < map->fm_mapped_extents; i++) {
			const struct fiemap_extent *extent = &map->fm_extents[i];

			append_cut(list, extent, start, end);
			next = extent->fe_flags & FIEMAP_EXTENT_LAST ? end :
			       extent->fe_logical + extent->fe_length;
		}
		/* Nothing more, or a filesystem that does not get on. */
	} while (next > before && next < end);
	free(map);
	if (err)
		extent_list_free(list);
	list->known = !err;
	return err;
}
