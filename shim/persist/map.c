// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Mappings that the library makes itself. It knows when they end, so it may
 * keep what the kernel said of them: the promise lasts as long as the mapping.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#ifndef MAP_SYNC
#define MAP_SYNC		0x80000
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE	0x03
#endif

struct mincore2_mapping {
	char *addr;
	size_t length;
	/*
	 * Guards no other data, so relaxed order is enough: a thread that
	 * takes note of mincore2_map_check() late is as one that ran before.
	 */
	atomic_bool safe;
};

static uintptr_t whole_pages(size_t length)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	return (length + page - 1) & ~(page - 1);
}

static bool is_safe(const struct mincore2_mapping *map)
{
	uintptr_t start = (uintptr_t)map->addr;

	return all_safe(start, start + whole_pages(map->length), true);
}

/*
 * With MAP_SYNC each first store to a page may commit the journal: only kept
 * where something is gained by it. Returns 0 or a negative errno.
 */
static int map_best(struct mincore2_mapping *map, int prot, int fd,
		    int64_t offset)
{
	map->addr = mmap(NULL, map->length, prot,
			 MAP_SHARED_VALIDATE | MAP_SYNC, fd, offset);
	if (map->addr != MAP_FAILED) {
		map->safe = is_safe(map);
		if (map->safe)
			return 0;
		munmap(map->addr, map->length);
	}
	map->addr = mmap(NULL, map->length, prot, MAP_SHARED, fd, offset);
	if (map->addr == MAP_FAILED)
		return -errno;
	map->safe = is_safe(map);
	return 0;
}

MINCORE2_API int mincore2_map(size_t length, int prot, int fd, int64_t offset,
			      struct mincore2_mapping **map)
{
	struct mincore2_mapping *new;
	int saved_errno = errno;
	int err;

	if (!map || !length || (prot != PROT_READ &&
				prot != (PROT_READ | PROT_WRITE)))
		return -EINVAL;
	if (!whole_pages(length))
		return -ENOMEM;
	new = calloc(1, sizeof(*new));
	if (!new) {
		errno = saved_errno;
		return -ENOMEM;
	}
	new->length = length;
	err = map_best(new, prot, fd, offset);
	if (err)
		free(new);
	else
		*map = new;
	errno = saved_errno;
	return err;
}

MINCORE2_API int mincore2_unmap(struct mincore2_mapping *map)
{
	int saved_errno = errno;
	int err = 0;

	if (!map)
		return 0;
	if (munmap(map->addr, map->length))
		err = -errno;
	else
		free(map);
	errno = saved_errno;
	return err;
}

MINCORE2_API void *mincore2_map_addr(const struct mincore2_mapping *map)
{
	return map->addr;
}

MINCORE2_API size_t mincore2_map_length(const struct mincore2_mapping *map)
{
	return map->length;
}

static bool known_safe(const struct mincore2_mapping *map)
{
	return atomic_load_explicit(&map->safe, memory_order_relaxed);
}

MINCORE2_API int mincore2_map_safe(const struct mincore2_mapping *map)
{
	return known_safe(map);
}

MINCORE2_API int mincore2_map_check(struct mincore2_mapping *map)
{
	int saved_errno = errno;
	bool safe = is_safe(map);

	/*
	 * Write-back is enough for stores from now on; what leads to those from
	 * before may not have been committed. (EINVAL: device-dax, where nothing
	 * leads to them.)
	 */
	if (safe && !known_safe(map) &&
	    msync(map->addr, map->length, MS_SYNC) && errno != EINVAL)
		safe = false;
	atomic_store_explicit(&map->safe, safe, memory_order_relaxed);
	errno = saved_errno;
	return safe;
}

/*
 * Out of the fast path, so that it needs no room on the stack. It is a shared
 * mapping, so there is nothing to ask. Signals are blocked so that EINTR is none of
 * theirs: a second try would lose an error that is told once.
 */
__attribute__((noinline))
static int persist_slowly(const void *addr, size_t length)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)addr & ~(page - 1);
	int saved_errno = errno;
	sigset_t all, old;
	int cancel, err = 0;

	sigfillset(&all);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	if (length && msync((void *)start, (uintptr_t)addr + length - start,
			    MS_SYNC))
		err = errno == EINVAL ? -EOPNOTSUPP : -errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_setcancelstate(cancel, NULL);
	errno = saved_errno;
	return err;
}

/* Nothing here but what has to be: shim/persist/tests/cost counts. */
MINCORE2_API int mincore2_map_persist(const struct mincore2_mapping *map,
				      const void *addr, size_t length)
{
	size_t offset = (size_t)((const char *)addr - map->addr);

	if (offset > map->length || length > map->length - offset)
		return -ERANGE;
	if (!known_safe(map))
		return persist_slowly(addr, length);
	write_back((uintptr_t)addr, (uintptr_t)addr + length);
	fence();
	return 0;
}
