/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every mincore2 selftest needs: the call, either as the raw system call
 * (as these tests live in the kernel tree) or through the wrapper library
 * (-DMINCORE2_VIA_LIBRARY), and small helpers around it.
 */
#ifndef MINCORE2_SELFTESTS_COMMON_H
#define MINCORE2_SELFTESTS_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef MINCORE2_VIA_LIBRARY
#include <mincore2.h>
#define do_mincore2 mincore2

static inline ssize_t do_process(int pidfd, uint64_t addr, size_t length,
				 void *vec, size_t nr, unsigned int flags)
{
	return mincore2_process(pidfd, addr, length, vec, nr, flags);
}
#else
#include <linux/mincore.h>

/* __NR_mincore2 comes from the headers of the kernel under test. */
static inline ssize_t do_mincore2(void *addr, size_t length, void *vec,
				  size_t nr, unsigned int flags)
{
	return syscall(__NR_mincore2, addr, length, vec, nr, flags);
}

/* The same of another process: the sixth argument, and the flag that goes with it. */
static inline ssize_t do_process(int pidfd, uint64_t addr, size_t length,
				 void *vec, size_t nr, unsigned int flags)
{
	return syscall(__NR_mincore2, (unsigned long)addr, length, vec, nr,
		       flags | MINCORE_PIDFD, pidfd);
}
#endif

#include "kselftest_harness.h"
#ifdef __clang__
/* TEST() has a parameter that it does not use, and clang blames its user. */
#pragma clang diagnostic ignored "-Wunused-parameter"
#endif

/* A number of the environment, from 1 to @most; @usual if it has none, or another. */
static inline unsigned long mc2_setting(const char *name, unsigned long usual,
					unsigned long most)
{
	const char *text = getenv(name);
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n > 0 && n <= most ? n : usual;
}

/*
 * TEST_HARNESS_MAIN calls this in place of test_harness_run(). With MINCORE2_SLOW=N in the
 * environment the kernel is slow, as with KASAN, and each test has N times as long.
 */
static inline int mc2_harness_run(int argc, char **argv)
{
	int times = (int)mc2_setting("MINCORE2_SLOW", 1, 99);
	struct __fixture_metadata *f;
	struct __test_metadata *t;

	for (f = __fixture_list; f; f = f->next)
		for (t = f->tests; t; t = t->next)
			t->timeout *= times;
	return test_harness_run(argc, argv);
}
#define test_harness_run	mc2_harness_run

/* Every state bit that tells of a page. PINNABLE tells of the mapping: see pin_test.c. */
#define MC2_ALL		(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL |	\
			 MINCORE_PERSIST | MINCORE_WRITABLE | MINCORE_DENIED |	\
			 MINCORE_UNMAPPED | MINCORE_ZERO)
/* Every state bit that a byte can carry. */
#define MC2_ALL_BYTE	(MC2_ALL & 0xffU)
/* A state without the size of the entry. */
#define MC2_BITS(state)	((unsigned int)(state))

#define KIB(n)	((size_t)(n) << 10)
#define MIB(n)	((size_t)(n) << 20)
#define GIB(n)	((size_t)(n) << 30)

static inline size_t mc2_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/*
 * The kernel's own view of a page of ours: an entry of /proc/self/pagemap
 * (bit 63: present, bit 62: swapped), or 0. Splits PUD entries: not for those.
 */
#define MC2_PAGEMAP_SWAP	(1ULL << 62)

static inline uint64_t mc2_pagemap(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	off_t at = (off_t)((uintptr_t)addr / mc2_page_size() * sizeof(entry));

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), at) != (ssize_t)sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

/* Write @text to a file; @flags: more flags of open(2). */
static inline bool mc2_write_file(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	ssize_t n;

	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}

/* Does the running kernel have the call? Flags are checked before all else. */
static inline bool mc2_supported(void)
{
	return do_mincore2(NULL, 0, NULL, 0, MINCORE_RESIDENT) == 0;
}

/*
 * Without the call nothing here can be tested: the whole program is one SKIP
 * (exit code 4). Runs before main(); an answer other than "no such call" lets
 * the tests run, and fail. A program that makes no call defines
 * MC2_NEEDS_NO_CALL.
 */
#ifndef MC2_NEEDS_NO_CALL
static void __attribute__((constructor)) mc2_require_call(void)
{
	if (!mc2_supported() && (errno == ENOSYS || errno == EPERM))
		ksft_exit_skip("the kernel has no mincore2()\n");
}
#endif

/* All bits of one page as a region reports them, or ~0 and errno. */
static inline uint64_t mc2_page(const void *addr)
{
	struct mincore_region r;

	if (do_mincore2((void *)addr, 1, &r, 1, MINCORE_REGIONS | MC2_ALL) != 1)
		return ~0ULL;
	return r.state;
}

/* Page faults of this process so far: an independent look at the level. */
static inline long mc2_faults(void)
{
	struct rusage ru;

	/*
	 * The kernel counts, and then stores: a fault on this part of the stack
	 * (after a fork, say) would be in the next answer only.
	 */
	memset(&ru, 0, sizeof(ru));
	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_minflt + ru.ru_majflt;
}

#endif /* MINCORE2_SELFTESTS_COMMON_H */
