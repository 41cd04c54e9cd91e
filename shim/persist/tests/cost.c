// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For callgrind: 1000 times the same 64 bytes, by libpmem alone or by a handle. A
 * plain file counts as persistence-safe: valgrind does not know mincore2(), so
 * this program answers in the kernel's place.
 *
 *   cost pmem|handle|nothing
 */
#define _GNU_SOURCE
#include <libpmem.h>

#include "files.h"
#include "mincore2.h"

__attribute__((visibility("default"))) int mincore2_supported(void)
{
	return 1;
}

__attribute__((visibility("default"))) ssize_t mincore2(void *addr, size_t length, void *vec, size_t nr,
		 unsigned int flags)
{
	struct mincore_region *region = vec;

	(void)nr;
	(void)flags;
	region->start = (uintptr_t)addr;
	region->end = region->start + length;
	region->state = MINCORE_PERSIST;
	return 1;
}

int main(int argc, char **argv)
{
	char what = argc > 1 ? argv[1][0] : '?';
	struct mincore2_mapping *map;
	struct file file = file_new();
	char *at;

	if (mincore2_map(LENGTH, PROT_READ | PROT_WRITE, file.fd, 0, &map) ||
	    !mincore2_map_safe(map))
		return 1;
	at = mincore2_map_addr(map);
	/* One more of each first: symbols are looked up by the first call. */
	pmem_persist(at, 64);
	mincore2_map_persist(map, at, 64);
	if (what == 'p')
		for (int i = 0; i < 1000; i++)
			pmem_persist(at, 64);
	else if (what == 'h')
		for (int i = 0; i < 1000; i++)
			mincore2_map_persist(map, at, 64);
	mincore2_unmap(map);
	file_end(&file);
	return 0;
}
