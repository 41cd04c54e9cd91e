/* SPDX-License-Identifier: GPL-2.0 */
/* Make the n-th allocation of this thread fail. */
#ifndef MINCORE2_SELFTESTS_INJECT_H
#define MINCORE2_SELFTESTS_INJECT_H

#include "common.h"

#include <fcntl.h>

static inline bool mc2_inject_set(const char *file, const char *value)
{
	char path[128];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, value, strlen(value)) > 0;
	if (fd >= 0)
		close(fd);
	return done;
}

/*
 * Lets fault injection reach the allocations of threads that ask for it, quietly,
 * or restores what it was. False: the kernel has none.
 */
static inline bool mc2_inject(bool on)
{
	bool done;

	/* ignore-gfp-wait is a bool: "N" and "Y" */
	done = mc2_inject_set("fail_page_alloc/ignore-gfp-wait", on ? "N" : "Y");
	done |= mc2_inject_set("fail_page_alloc/min-order", on ? "0" : "1");
	done |= mc2_inject_set("failslab/ignore-gfp-wait", on ? "N" : "Y");
	mc2_inject_set("fail_page_alloc/verbose", on ? "0" : "1");
	mc2_inject_set("failslab/verbose", on ? "0" : "1");
	return done && access("/proc/self/fail-nth", W_OK) == 0;
}

/* From now on, the @nth allocation fails. Returns a descriptor, or -1. */
static inline int mc2_fail_nth(int nth)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char text[16];

	if (fd < 0)
		return -1;
	snprintf(text, sizeof(text), "%d", nth);
	if (pwrite(fd, text, strlen(text), 0) > 0)
		return fd;
	close(fd);
	return -1;
}

/* No more. Has one failed? */
static inline bool mc2_has_failed(int fd)
{
	char text[16] = "";
	bool failed;

	failed = pread(fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
	if (pwrite(fd, "0", 1, 0) != 1)
		failed = false;
	close(fd);
	return failed;
}

#endif /* MINCORE2_SELFTESTS_INJECT_H */
