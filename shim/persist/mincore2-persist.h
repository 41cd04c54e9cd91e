/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmincore2-persist: make memory durable, the cheapest way that is correct.
 *
 * Where mincore2(2) calls the memory persistence-safe (MINCORE_PERSIST), cache
 * lines are written back; elsewhere the kernel is asked to write the file.
 *
 * All functions return 0 or a negative errno, and leave errno alone. They may
 * be called from any number of threads, and in a child of fork(). They are not
 * for signal handlers. See mincore2_persist(3) and mincore2_map(3).
 */
#ifndef MINCORE2_PERSIST_H
#define MINCORE2_PERSIST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct mincore2_range - bytes that are to be durable
 * @addr: first byte; no alignment is needed
 * @length: bytes; 0 is durable at once
 * @offset: where @addr is in the file of @fd, or -1 if that is not known. Only
 *	looked at with MINCORE2_PERSIST_TRUSTED: else the kernel is asked
 * @fd: a descriptor of the file that is mapped there, or -1 if there is none;
 *	best the one that was mapped, and opened before the stores: what failed
 *	before it was opened it does not tell. If another file is mapped there,
 *	msync(2) is used as if it was -1
 * @error: receives 0 if the range is durable, else a negative errno
 * @reserved: 0, for what is to come
 */
struct mincore2_range {
	const void *addr;
	size_t length;
	int64_t offset;
	int fd;
	int error;
	uint64_t reserved[2];
};

/*
 * The caller vouches that these ranges are shared mappings, of the descriptors
 * and offsets given, and that nobody shrinks the files or makes the memory
 * inaccessible before the call returns. It is then not looked into: no guard
 * against SIGBUS, no look at /proc. Without that, the library finds out.
 */
#define MINCORE2_PERSIST_TRUSTED	0x1U

/*
 * Refuse, with -EOPNOTSUPP, what syncing does not keep: files in memory only (tmpfs,
 * hugetlbfs, memfd_create(2), shared anonymous memory), and those of which the
 * filesystem is not mounted here. Without it these are synced like all others, and
 * "durable" is what fdatasync(2) makes of it.
 */
#define MINCORE2_PERSIST_DURABLE	0x2U

/**
 * mincore2_persist() - make what was stored to a range durable
 * @addr: first byte; no alignment is needed
 * @length: bytes; 0 is durable at once
 * @flags: 0, MINCORE2_PERSIST_TRUSTED, MINCORE2_PERSIST_DURABLE, or both
 *
 * Return: 0, all stores to these bytes through this mapping that happened
 * before the call will outlive a power failure, or what fdatasync(2) on the
 * file protects from where that is less. Or, and then nothing may be concluded:
 * -EINVAL, @flags has an unknown bit: nothing was done;
 * -ENOMEM, the range wraps, or nothing is mapped in a part of it;
 * -EOPNOTSUPP, nothing can make it durable: a private mapping, or a device that
 *	has no persistence and no fsync(2); or see MINCORE2_PERSIST_DURABLE;
 * -EFAULT, the file has shrunk, or the CPU is to write back what it may not read
 *	(PROT_NONE; where the kernel writes the file that does not matter);
 * -EHWPOISON, the memory is broken;
 * -ENOENT, /proc is missing, so that it can not be told from a private mapping;
 * -EAGAIN, no memory; or what msync(2) failed with, like -EIO.
 */
int mincore2_persist(const void *addr, size_t length, unsigned int flags);

/**
 * mincore2_persistv() - make what was stored to many ranges durable
 * @ranges: the ranges; they may overlap, and be in any order
 * @nr: how many
 * @flags: as for mincore2_persist()
 * @timeout_ms: how long to wait for requests by descriptor, -1 for any time
 *
 * One request a descriptor for those that have one, all of them submitted through
 * io_uring at once; msync(2), one a mapping, where there is no descriptor. The
 * limit does not bound msync(2), the writing back of cache lines, or, where
 * the kernel has no io_uring, a request that was begun before it passed.
 *
 * Return: 0, each range is as mincore2_persist() says; or -EINVAL (@flags,
 * @timeout_ms below -1, @ranges is NULL with an @nr, or what is reserved is not
 * 0): nothing was done, no @error was stored. Or the @error of the first range that has one: the ranges
 * whose @error is 0 are durable, of the others nothing may be concluded. An
 * error of a request is the error of all ranges of that file (with
 * MINCORE2_PERSIST_TRUSTED also of those without a descriptor).
 * @error is what mincore2_persist() would return, but never -EINVAL, or
 * -EBADF, @fd is not open; -ETIMEDOUT, the limit passed, the request goes on,
 *	and its result, be it an error, is lost;
 * or what fdatasync(2) or msync(2) failed with. The kernel tells an open file
 * once what went wrong when it was written. So after an error of such a call,
 * by whichever thread and for whichever range of the file, or -ETIMEDOUT,
 * success of another proves nothing: the data have to be stored again.
 */
int mincore2_persistv(struct mincore2_range *ranges, size_t nr,
		      unsigned int flags, int timeout_ms);

/* A mapping that the library made, with what it knows about it. */
struct mincore2_mapping;

/**
 * mincore2_map() - map a file, shared, and keep how to make it durable
 * @length: bytes, more than 0
 * @prot: PROT_READ, PROT_READ | PROT_WRITE
 * @fd: the file or device-dax; may be closed afterwards
 * @offset: where in the file, a multiple of the page size
 * @map: receives the handle; untouched on error
 *
 * Maps with MAP_SYNC where that makes the memory persistence-safe.
 *
 * Return: 0, or -EINVAL (@length, @prot, @map, or from mmap(2)), -ENOMEM, or
 * what else mmap(2) fails with: -EBADF, -EACCES, -ENODEV...
 */
int mincore2_map(size_t length, int prot, int fd, int64_t offset,
		 struct mincore2_mapping **map);

/**
 * mincore2_unmap() - remove the mapping, and the handle
 * @map: from mincore2_map(), or NULL; not used by another thread any more.
 *	Makes nothing durable.
 *
 * Return: 0, or what munmap(2) failed with: then @map is still valid.
 */
int mincore2_unmap(struct mincore2_mapping *map);

/* The first byte of the mapping. */
void *mincore2_map_addr(const struct mincore2_mapping *map);
/* Its length in bytes, as it was asked for. */
size_t mincore2_map_length(const struct mincore2_mapping *map);
/* 1: persistence-safe, mincore2_map_persist() makes no system call; or 0. */
int mincore2_map_safe(const struct mincore2_mapping *map);

/**
 * mincore2_map_persist() - make what was stored to a range durable
 * @map: the mapping
 * @addr, @length: any bytes of it
 *
 * By what was found out when it was mapped: nothing is asked. If the file has
 * shrunk, that may raise SIGBUS, as any access to the mapping does, or go
 * unnoticed; whoever has to live with that calls mincore2_persist().
 *
 * Return: 0; -ERANGE, not in this mapping: nothing was done; or the errors of
 * mincore2_persist().
 */
int mincore2_map_persist(const struct mincore2_mapping *map, const void *addr,
			 size_t length);

/**
 * mincore2_map_check() - ask the kernel again whether it is persistence-safe
 * @map: the mapping
 *
 * For after something that takes the kernel's promise back, as a remount
 * without barriers. If it becomes safe, what was stored before is synced first,
 * and it stays as it was if that fails.
 *
 * Return: 1, as mincore2_map_safe() says from now on, or 0.
 */
int mincore2_map_check(struct mincore2_mapping *map);

#ifdef __cplusplus
}
#endif

#endif /* MINCORE2_PERSIST_H */
