// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mapping a file, and touching its pages.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "mapping.h"
#include "text.h"

/* Linux 5.14; the headers of older C libraries do not have them. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#define MIB	((size_t)1 << 20)
#define GIB	((size_t)1 << 30)

/*
 * Address space for @len bytes at an address that is @like modulo @align: PMD
 * and PUD entries are possible only where address and file offset agree in the
 * lower bits, and not every filesystem sees to that by itself.
 */
static void *reserve(size_t len, size_t align, uint64_t like)
{
	size_t all = len + align;
	char *start;
	size_t before;

	if (all < len) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	start = mmap(NULL, all, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		return MAP_FAILED;
	before = (align - ((uintptr_t)start - like) % align) % align;
	if (before)
		munmap(start, before);
	if (align - before)
		munmap(start + before + len, align - before);
	return start + before;
}

static void *reserve_best(size_t len, size_t needed, uint64_t like)
{
	const size_t wanted[] = { GIB, 2 * MIB, needed };
	void *addr = MAP_FAILED;

	for (size_t i = 0; i < 3 && addr == MAP_FAILED; i++)
		if (wanted[i] >= needed && (wanted[i] <= len || i == 2))
			addr = reserve(len, wanted[i], like);
	return addr;
}

/*
 * mmap() over the reservation; MAP_SYNC if asked for and allowed. Who only looks
 * does without reserving huge pages, which would be taken from others.
 */
static void *map_over(struct mapping *mapping, const struct target *target,
		      void *addr)
{
	int prot = PROT_READ | (mapping->writable ? PROT_WRITE : 0);
	int flags = MAP_FIXED | (mapping->writable ? 0 : MAP_NORESERVE);
	void *done;

	if (mapping->type == MAPPING_SYNC) {
		done = mmap(addr, mapping->len, prot,
			    flags | MAP_SHARED_VALIDATE | MAP_SYNC,
			    target->fd, (off_t)target->offset);
		if (done != MAP_FAILED)
			return done;
		/* EINVAL: a kernel that does not know MAP_SHARED_VALIDATE */
		if (errno != EOPNOTSUPP && errno != EINVAL)
			return done;
		mapping->sync_errno = errno;
		mapping->type = MAPPING_SHARED;
	}
	return mmap(addr, mapping->len, prot, flags |
		    (mapping->type == MAPPING_PRIVATE ? MAP_PRIVATE : MAP_SHARED),
		    target->fd, (off_t)target->offset);
}

int mapping_create(struct mapping *mapping, const struct target *target,
		   const struct options *options, char *error)
{
	uint64_t len = (target->size + target->align - 1) / target->align *
		       target->align;
	void *addr;

	*mapping = (struct mapping) {
		.offset = target->offset,
		.type = options->private_map ? MAPPING_PRIVATE :
			options->no_sync ? MAPPING_SHARED : MAPPING_SYNC,
		.writable = options->private_map || target->writable,
	};
	if (len < target->size || len > SIZE_MAX / 2)
		return fail(error, EFBIG, "cannot map %" PRIu64 " bytes: %m",
			    target->size);
	mapping->len = (size_t)len;
	addr = reserve_best(mapping->len, target->align, target->like);
	if (addr == MAP_FAILED)
		return fail(error, errno, "no address space for %" PRIu64 " bytes (--offset and --length ask for less): %m",
			    len);
	mapping->addr = map_over(mapping, target, addr);
	if (mapping->addr == MAP_FAILED) {
		int err = errno;

		munmap(addr, mapping->len);
		mapping->addr = NULL;
		if (target->kind == TARGET_DEVDAX && options->private_map)
			return fail(error, err, "a device-dax has no private mappings: %m");
		return fail(error, err, "cannot map it: %m");
	}
	mapping->start = (uintptr_t)mapping->addr;
	return 0;
}

void mapping_of_process(struct mapping *mapping, const struct process *process,
			const struct target *target)
{
	*mapping = (struct mapping) {
		.process = process, .start = target->like, .len = target->size,
		.offset = target->offset, .writable = process->vma.write,
		.type = !process->vma.shared ? MAPPING_PRIVATE :
			process->sync ? MAPPING_SYNC : MAPPING_SHARED,
	};
}

void mapping_destroy(struct mapping *mapping)
{
	if (mapping->addr)
		munmap(mapping->addr, mapping->len);
	mapping->addr = NULL;
}

/* Once it has taken a second. */
void progress(const char *what, time_t start, uint64_t done, uint64_t all)
{
	static bool shown;
	const char *term = getenv("TERM");

	/* A dumb terminal cannot take the line back. */
	if (!isatty(STDERR_FILENO) || (term && !strcmp(term, "dumb")) ||
	    (!shown && time(NULL) - start < 1))
		return;
	shown = done < all;
	if (shown)
		fprintf(stderr, "\rmincore2: %s: %3u %%", what,
			(unsigned int)((double)done / (double)all * 100));
	else
		fprintf(stderr, "\r\033[K");
}

/*
 * The kernel faults the pages in as an access would do, and where an access
 * would have got SIGBUS (the file shrank, no space for a hole, poison) this
 * returns an error. No data is read or written by us.
 */
int mapping_fault(const struct mapping *mapping, size_t offset, size_t len,
		  bool write, bool (*cancelled)(void))
{
	/* Small enough to show progress and to be stopped. */
	const size_t step = cancelled ? 64 * MIB : GIB;
	time_t start = time(NULL);
	int err = 0;

	for (size_t done = 0; done < len && !err;) {
		size_t now = len - done < step ? len - done : step;

		if (!madvise((char *)mapping->addr + offset + done, now,
			     write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ))
			done += now;
		else if (errno != EINTR)
			err = -errno;
		if (cancelled && cancelled())
			return -ECANCELED;
		if (!cancelled)
			progress("populating", start, err ? len : done, len);
	}
	return err;
}

/* madvise() says EFAULT where an access would have got SIGBUS. */
static const char *sigbus_hint(int err)
{
	return err == -EFAULT ?
	       " (no space for a hole, file truncated, or bad memory?)" : "";
}

static int write_pages(const struct mapping *mapping,
		       const struct options *options, char *error)
{
	const size_t page = page_size();
	/* Numbers are of the file, of which this may be a part. */
	uint64_t first = mapping->offset / page;
	uint64_t pages = first + mapping->len / page;

	for (size_t i = 0; i < options->nr_write_pages; i++) {
		const struct page_range *range = &options->write_pages[i];
		int err;

		if (range->first < first)
			return fail(error, EINVAL, "page %" PRIu64 " is not mapped: the first is %" PRIu64,
				    range->first, first);
		if (range->last >= pages)
			return fail(error, EINVAL, "page %" PRIu64 " is past the end: there are %" PRIu64 " pages",
				    range->last, pages);
		err = mapping_fault(mapping, (size_t)(range->first - first) * page,
				    (size_t)(range->last - range->first + 1) * page,
				    true, options->cancelled);
		if (err)
			return fail(error, -err, "cannot write to pages %" PRIu64 " to %" PRIu64 "%s: %m",
				    range->first, range->last, sigbus_hint(err));
	}
	return 0;
}

int mapping_touch(const struct mapping *mapping, const struct options *options,
		  char *error)
{
	/* Of a private mapping it would copy every page: nobody wants that. */
	bool write = options->populate && mapping->writable &&
		     mapping->type != MAPPING_PRIVATE;
	int err;

	/* Before the rest, so that reading fills up what is around them. */
	err = write_pages(mapping, options, error);
	if (err || (!options->populate && !options->read))
		return err;
	err = mapping_fault(mapping, 0, mapping->len, write, options->cancelled);
	if (err)
		return fail(error, -err, "cannot populate it for %s%s: %m",
			    write ? "writing" : "reading", sigbus_hint(err));
	return 0;
}
