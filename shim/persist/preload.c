// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libmincore2-pmem.so, for LD_PRELOAD: answers libpmem's pmem_is_pmem() from
 * mincore2(2). libpmem goes by a list of the mappings that it made itself: it
 * does not notice when one of them is gone, and does not know those of others.
 *
 * Its own pmem_map_file() asks through the same symbol. See
 * libmincore2-pmem(7).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mincore2.h"

#define MINCORE2_API	__attribute__((visibility("default")))

/* What <libpmem.h> declares; no program is to need that header for this. */
int pmem_is_pmem(const void *addr, size_t len);

/* "mincore2" or "libpmem": where answers come from. */
const char *mincore2_pmem_source(void);

MINCORE2_API const char *mincore2_pmem_source(void)
{
	return mincore2_supported() ? "mincore2" : "libpmem";
}

static int is_safe(uintptr_t start, uintptr_t end)
{
	while (start < end) {
		struct mincore_region region;
		ssize_t n = mincore2((void *)start, end - start, &region, 1,
				     MINCORE_PERSIST | MINCORE_REGIONS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != 1 || region.start != start || region.end <= start ||
		    !(region.state & MINCORE_PERSIST))
			return 0;
		start = (uintptr_t)region.end;
	}
	return 1;
}

/* On a kernel that can not say: what libpmem believes, or no. */
static int ask_libpmem(const void *addr, size_t len)
{
	int (*next)(const void *, size_t);
	void *symbol = dlsym(RTLD_NEXT, "pmem_is_pmem");

	if (!symbol)
		return 0;
	memcpy(&next, &symbol, sizeof(next));
	return next(addr, len);
}

MINCORE2_API int pmem_is_pmem(const void *addr, size_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)addr, end = start + len;
	int saved_errno = errno;
	const char *force;
	int ret;

	if (!mincore2_supported())
		return ask_libpmem(addr, len);
	/* As libpmem has it: no number is 0. 1 would overrule the kernel, and is not heard. */
	force = getenv("PMEM_IS_PMEM_FORCE");
	if (!len || end < start || end > UINTPTR_MAX - page ||
	    (force && !atoi(force)))
		return 0;
	ret = is_safe(start & ~(page - 1), (end + page - 1) & ~(page - 1));
	errno = saved_errno;
	return ret;
}

/* Whoever asks for it is told, once, where the answers come from. */
__attribute__((constructor))
static void tell(void)
{
	const char *wanted = getenv("MINCORE2_PMEM_VERBOSE");
	bool native = mincore2_supported();
	const char *line = native ?
		"libmincore2-pmem: pmem_is_pmem() is answered by mincore2\n" :
		"libmincore2-pmem: pmem_is_pmem() is answered by libpmem, as this kernel does not have mincore2()\n";

	if (!wanted || !*wanted || !strcmp(wanted, "0"))
		return;
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;
}
