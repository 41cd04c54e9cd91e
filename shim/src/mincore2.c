// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mincore2(): the wrapper, and the probe that decides whether the kernel has
 * the call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "internal.h"
#include "number.h"

static long raw_call(uint64_t addr, size_t length, void *vec, size_t nr,
		     unsigned int flags, int pidfd)
{
	/* As long: an int leaves half of the register undefined. */
	return syscall(MINCORE2_NR, (unsigned long)addr, length, vec, nr,
		       (unsigned long)flags, (long)pidfd);
}

/*
 * The number proves nothing: another kernel may have another call there, and
 * a sandbox may answer in the kernel's place. mincore2() checks its flags
 * before all else, and with no length it touches nothing, so it can be known
 * by its answers. Some are good flags, answered with 0, some are bad ones,
 * answered with EINVAL; a call that takes all, none, or other flags than ours
 * differs somewhere. All addresses are NULL and all sizes 0 lest another call
 * do harm.
 */
static bool probe(void)
{
	static const struct {
		unsigned int flags;
		bool good;
	} questions[] = {
		/* First what another call is least likely to accept. */
		{ 0, false },				/* no state bit */
		/*
		 * All reserved bits, not one: it stays an error until the
		 * last of them has got a meaning.
		 */
		{ MINCORE2_RESERVED_FLAGS | MINCORE_RESIDENT, false },
		{ MINCORE_PTE, false },			/* half of LEVEL */
		{ MINCORE_RESIDENT, true },
		{ MINCORE_LEVEL | MINCORE_REGIONS, true },
	};

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		long ret = raw_call(0, 0, NULL, 0, questions[i].flags, -1);

		if (questions[i].good ? ret != 0 :
		    ret != -1 || errno != EINVAL)
			return false;
	}
	return true;
}

MINCORE2_API int mincore2_supported(void)
{
	enum { UNKNOWN, YES, NO };
	/*
	 * The only state of the library. Threads that race to the first probe
	 * all store the same answer, and it guards no other data, so relaxed
	 * order is enough; a child of fork() is on the same kernel.
	 */
	static atomic_int answer = UNKNOWN;
	int known = atomic_load_explicit(&answer, memory_order_relaxed);

	if (known == UNKNOWN) {
		int saved_errno = errno;

		known = probe() ? YES : NO;
		errno = saved_errno;
		atomic_store_explicit(&answer, known, memory_order_relaxed);
	}
	return known == YES;
}

ssize_t mincore2_call(const int *pidfd, uint64_t addr, size_t length, void *vec,
		      size_t nr, unsigned int flags)
{
	if (!mincore2_supported()) {
		errno = ENOSYS;
		return -1;
	}
	/* An address that cannot be passed is none of the caller's address space. */
	if (addr > UINTPTR_MAX) {
		errno = ENOMEM;
		return -1;
	}
	if (!pidfd)
		return raw_call(addr, length, vec, nr, flags, -1);
	return raw_call(addr, length, vec, nr, flags | MINCORE_PIDFD, *pidfd);
}

MINCORE2_API ssize_t mincore2(void *addr, size_t length, void *vec, size_t nr,
			      unsigned int flags)
{
	/* The flag goes with an argument that this function has not. */
	if (flags & MINCORE_PIDFD) {
		errno = EINVAL;
		return -1;
	}
	return mincore2_call(NULL, (uintptr_t)addr, length, vec, nr, flags);
}

#define TEXT(number)	#number
#define TEXT_OF(number)	TEXT(number)

MINCORE2_API const char *mincore2_version(void)
{
	return TEXT_OF(MINCORE2_VERSION_MAJOR) "." TEXT_OF(MINCORE2_VERSION_MINOR)
	       "." TEXT_OF(MINCORE2_VERSION_PATCH);
}
