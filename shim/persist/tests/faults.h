/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of the library that the linker hands to the test (--wrap): counted, and
 * made to fail.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>

struct faults {
	/* How often each was called. */
	atomic_int fdatasync, msync, clone, sigaction, rings, submits;
	/* How many requests were submitted. */
	atomic_int requests;
	/* The errno to fail with, if not 0; fail_fd: only for this descriptor. */
	int fdatasync_error, msync_error, clone_error, ring_error, submit_error;
	int fail_fd;
	/* msync: only for this address, if not NULL. */
	const void *fail_addr;
	/* Only the first call fails: an error is told once. */
	bool once;
	/* The result of each io_uring request, if not 0. */
	int result;
	/* Requests are replaced by others that never end. */
	bool stuck;
	/* Submit at most so many at once, if not 0. */
	int at_most;
	/* The type of all filesystems, if not 0. */
	unsigned long fs_type;
	/* The kernel calls nothing persistence-safe. */
	bool not_safe;
};

extern struct faults faults;

/* No faults, nothing counted. */
void faults_reset(void);

#endif /* FAULTS_H */
