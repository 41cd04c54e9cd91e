// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The emulation: what the page cache has of a file, by cachestat(2), Linux 6.5. It
 * counts in a moment what mincore(2) would have to be asked page by page: 1 TiB of
 * a hole takes that 12 s.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emu.h"

#if defined(SYS_cachestat)
#define NR_CACHESTAT	SYS_cachestat
#elif defined(__alpha__)
#define NR_CACHESTAT	561
#elif defined(__mips__)
#define NR_CACHESTAT	(SYS_read / 1000 * 1000 + 451)
#elif defined(__x86_64__) && defined(__ILP32__)
#define NR_CACHESTAT	(0x40000000 + 451)
#else
#define NR_CACHESTAT	451
#endif

/* <linux/mman.h> since Linux 6.5. */
struct range { uint64_t off, len; };
struct count {
	uint64_t nr_cache, nr_dirty, nr_writeback, nr_evicted;
	uint64_t nr_recently_evicted;
};

/*
 * The file is opened again: O_PATH is not enough. Only a regular one, so that
 * nothing is done to it.
 */
static int reopen(int fd)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	char path[64];
	struct stat st;
	int again;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -1;
	snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
	again = open(path, flags | O_NOATIME);
	return again < 0 ? open(path, flags) : again;
}

bool mincore2_emu_uncached(const struct mincore2_vma *vma,
			   struct mincore2_emu_facts *facts, uint64_t start,
			   uint64_t end)
{
	struct range range = {
		.off = vma->offset + (start - vma->start), .len = end - start,
	};
	struct count count;

	if (facts->may_look != MINCORE2_YES)
		return false;
	if (!facts->asked_cache) {
		facts->asked_cache = true;
		facts->cache_fd = reopen(facts->fd);
	}
	if (facts->cache_fd < 0)
		return false;
	if (syscall(NR_CACHESTAT, facts->cache_fd, &range, &count, 0UL)) {
		close(facts->cache_fd);
		facts->cache_fd = -1;
		return false;
	}
	/* A page that was swapped out may be in the swap cache. */
	return !count.nr_cache && !(facts->shmem && count.nr_evicted);
}
