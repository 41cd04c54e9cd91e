// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Have the kernel write files: one request for all parts of a file that a
 * descriptor is known of, one msync(2) for all parts of a mapping.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "magic.h"
#include "ring.h"

static bool to_sync(const struct call *call, const struct part *part)
{
	return part->kind == PART_SYNC && !part->error && !part->done &&
	       !call->ranges[part->range].error;
}

/* Which file @fd is, into @part. Returns 0 or -EBADF. */
static int identify(struct part *part, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	part->fd = fd;
	part->dev = st.st_dev;
	part->ino = st.st_ino;
	part->known = true;
	return 0;
}

static void by_address(struct call *call, struct part *part, uintptr_t mapping)
{
	part->fd = -1;
	part->mapping = mapping;
	part->low = page_down(call, part->start);
	part->high = page_up(call, part->end);
}

/* The caller's word for it. */
static void target_trusted(struct call *call, struct part *part)
{
	const struct mincore2_range *range = &call->ranges[part->range];

	if (part->fd < 0) {
		by_address(call, part, 0);
		return;
	}
	part->low = 0;
	part->high = 0;
	if (range->offset >= 0) {
		part->low = (uint64_t)range->offset +
			    (part->start - (uintptr_t)range->addr);
		part->high = part->low + (part->end - part->start);
	}
}

/*
 * What the kernel says is mapped there. The numbers that a mapping shows are
 * not always those of fstat() (btrfs): then, as if the file was another one,
 * msync(2), which is right in any case.
 */
static int target_mapped(struct call *call, struct part *part,
			 const struct vma *vma)
{
	if (!vma->shared)
		return -EOPNOTSUPP;
	if (part->fd < 0 || part->dev != vma->dev || part->ino != vma->ino) {
		by_address(call, part, vma->start);
		part->dev = vma->dev;
		part->ino = vma->ino;
		part->known = true;
		return 0;
	}
	part->low = vma->offset + (part->start - vma->start);
	part->high = part->low + (part->end - part->start);
	return 0;
}

/* Finds the targets of part @i, which is cut where another mapping begins. */
static int find_target(struct call *call, size_t i, struct vma_source *source,
		       struct memory_source *memory)
{
	const unsigned int durable = MINCORE2_PERSIST_DURABLE;
	const unsigned int trusted = MINCORE2_PERSIST_TRUSTED;
	struct part rest = call->parts[i];
	struct vma vma;
	int err;

	if ((call->flags & (trusted | durable)) == trusted) {
		target_trusted(call, &call->parts[i]);
		return 0;
	}
	err = vma_find(source, rest.start, &vma);
	if (!err && vma.end < rest.end) {
		rest.start = vma.end;
		err = part_add(call, &rest);
		if (err)
			return err;
		call->parts[i].end = vma.end;
	}
	if (!err && call->flags & durable && vma.shared)
		err = memory_only(memory, vma.dev);
	if (!err && call->flags & trusted)
		target_trusted(call, &call->parts[i]);
	else if (!err)
		err = target_mapped(call, &call->parts[i], &vma);
	call->parts[i].error = err;
	return 0;
}

static int find_targets(struct call *call)
{
	struct vma_source source = { .fd = -1 };
	struct memory_source memory = { .known = false };
	int err = 0;

	/* Before a descriptor of ours takes the number of one that is closed. */
	for (size_t i = 0; i < call->nr_parts; i++) {
		struct part *part = &call->parts[i];
		int fd = call->ranges[part->range].fd;

		if (to_sync(call, part) && fd >= 0)
			part->error = identify(part, fd);
	}
	/* Grows while it is gone through. */
	for (size_t i = 0; i < call->nr_parts && !err; i++)
		if (to_sync(call, &call->parts[i]))
			err = find_target(call, i, &source, &memory);
	vma_close(&source);
	return err;
}

/* Those with one target beside each other, in ascending order. */
static int compare(const void *a, const void *b)
{
	const struct part *p = *(struct part *const *)a;
	const struct part *q = *(struct part *const *)b;

#define BY(what) if ((what(p)) != (what(q))) return (what(p)) < (what(q)) ? -1 : 1
#define HAS_FD(x) ((x)->fd >= 0)
#define DEV(x) ((x)->dev)
#define INO(x) ((x)->ino)
#define FD(x) ((x)->fd)
#define LOW(x) ((x)->low)
#define KNOWN(x) ((x)->known)
	BY(HAS_FD);
	if (p->fd >= 0) {
		BY(DEV);
		BY(INO);
		BY(FD);
	}
	BY(LOW);
	return 0;
}

/* Those of one file beside each other; first those of which that is not known. */
static int compare_files(const void *a, const void *b)
{
	const struct part *p = *(struct part *const *)a;
	const struct part *q = *(struct part *const *)b;

	BY(KNOWN);
	BY(DEV);
	BY(INO);
	return 0;
}

static bool same_target(const struct part *leader, const struct part *part)
{
	if ((leader->fd >= 0) != (part->fd >= 0))
		return false;
	/* Each descriptor may have an error to tell that another has not. */
	if (leader->fd >= 0)
		return leader->fd == part->fd;
	return (leader->mapping && leader->mapping == part->mapping) ||
	       part->low <= leader->high;
}

/*
 * The first of those in @sorted that have one target leads them: its request is
 * for all. Returns how many leaders there are. The others follow their leader in
 * @sorted.
 */
static size_t group(struct part **sorted, size_t nr, struct part **leaders)
{
	struct part *leader = NULL;
	size_t count = 0;

	for (size_t i = 0; i < nr; i++) {
		struct part *part = sorted[i];

		part->members = 0;
		if (!leader || !same_target(leader, part)) {
			leader = part;
			leaders[count++] = part;
		} else if (!leader->high || !part->high) {
			leader->low = 0;
			leader->high = 0;
		} else if (part->high > leader->high) {
			leader->high = part->high;
		}
		leader->members++;
	}
	return count;
}

/*
 * No error is tried again, whatever it is: the kernel tells what went wrong
 * when it wrote the file once, and a second call would succeed.
 */
static int sync_fd(int fd)
{
	return fdatasync(fd) ? -errno : 0;
}

static int sync_addresses(const struct part *part)
{
	uintptr_t low = (uintptr_t)part->low;

	return msync((void *)low, (size_t)(part->high - low), MS_SYNC) ?
	       -errno : 0;
}

static void run_plain(struct call *call, struct part **leaders, size_t count)
{
	sigset_t all, old;

	/* So EINTR is none of a signal's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (size_t i = 0; i < count; i++) {
		struct part *leader = leaders[i];

		if (leader->done)
			continue;
		leader->done = true;
		if (leader->fd < 0)
			leader->error = sync_addresses(leader);
		else if (call->deadline != UINT64_MAX && now() >= call->deadline)
			leader->error = -ETIMEDOUT;
		else
			leader->error = sync_fd(leader->fd);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* The result of a request is that of all its members. */
static void spread(struct part **sorted, size_t nr)
{
	for (size_t i = 0; i < nr; ) {
		struct part *leader = sorted[i];
		int err = leader->error == -EINVAL ? -EOPNOTSUPP : leader->error;

		for (size_t end = i + leader->members; i < end; i++) {
			sorted[i]->done = true;
			sorted[i]->error = err;
		}
	}
}

/* The first error of @nr parts becomes that of all that have none. */
static int share_error(struct part **parts, size_t nr)
{
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++)
		err = parts[i]->error;
	for (size_t i = 0; i < nr && err; i++)
		if (!parts[i]->error)
			parts[i]->error = err;
	return err;
}

/*
 * What failed when a file was written is told once to an open file, to the
 * first request, whatever its range (file_check_and_advance_wb_err()): so an
 * error is of all parts of the file. Parts of files that are not known may be
 * of any.
 */
static void share_errors(struct part **parts, size_t nr)
{
	size_t unknown = 0;

	qsort(parts, nr, sizeof(*parts), compare_files);
	while (unknown < nr && !parts[unknown]->known)
		unknown++;
	for (size_t i = unknown, end; i < nr; i = end) {
		for (end = i + 1; end < nr && !compare_files(&parts[i], &parts[end]);
		     end++)
			;
		share_error(parts + i, end - i);
	}
	if (share_error(parts, unknown))
		share_error(parts, nr);
	else if (unknown)
		for (size_t i = unknown; i < nr && !parts[0]->error; i++)
			for (size_t j = 0; j < unknown; j++)
				parts[j]->error = parts[i]->error;
}

/*
 * Files that are in memory: fdatasync() has nothing to wait for there. (Two of
 * them take 0.4 us, 64 take 14; by a ring 28 and 75. On a disk a ring is faster
 * from two on.)
 */
static bool never_waits(int fd)
{
	uint32_t magic = mincore2_fs_magic(fd);

	return magic == TMPFS_MAGIC || magic == RAMFS_MAGIC ||
	       magic == HUGETLBFS_MAGIC;
}

/* Moves those that need no ring to the front. Returns how many. */
static size_t sort_out(const struct call *call, struct part **leaders,
		       size_t count)
{
	size_t plain = 0;

	/* A limit of time is kept by the ring only. */
	if (count < 2 || call->deadline != UINT64_MAX)
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct part *leader = leaders[i];

		if (!never_waits(leader->fd))
			continue;
		leaders[i] = leaders[plain];
		leaders[plain++] = leader;
	}
	return plain;
}

int sync_parts(struct call *call)
{
	struct part **sorted, **leaders;
	size_t nr = 0, count, by_addr, plain;
	struct ring ring;
	int err = find_targets(call);

	if (err)
		return err;
	for (size_t i = 0; i < call->nr_parts; i++)
		nr += to_sync(call, &call->parts[i]);
	if (!nr)
		return 0;
	sorted = calloc(nr, 2 * sizeof(*sorted));
	if (!sorted)
		return -EAGAIN;
	leaders = sorted + nr;
	nr = 0;
	for (size_t i = 0; i < call->nr_parts; i++)
		if (to_sync(call, &call->parts[i]))
			sorted[nr++] = &call->parts[i];
	qsort(sorted, nr, sizeof(*sorted), compare);
	count = group(sorted, nr, leaders);
	for (by_addr = 0; by_addr < count && leaders[by_addr]->fd < 0; by_addr++)
		;
	/* Those by address come first in the order, and run meanwhile. */
	plain = by_addr + sort_out(call, leaders + by_addr, count - by_addr);
	ring_start(&ring, call, leaders + plain, count - plain);
	run_plain(call, leaders, plain);
	ring_finish(&ring, call);
	run_plain(call, leaders, count);
	spread(sorted, nr);
	share_errors(sorted, nr);
	for (size_t i = 0; i < nr; i++)
		if (!sorted[i]->error &&
		    !(call->flags & MINCORE2_PERSIST_TRUSTED))
			sorted[i]->error = still_there(call, sorted[i]);
	free(sorted);
	return 0;
}
