// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes that must not wait: pwritev2() with RWF_NOWAIT, and io_uring, which tries each
 * write that way first, and hands it to a thread of its own when it is refused.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "writes.h"

#define WRITES	4096UL
#define PAGES	1024UL

static char buffer[PAGE];

static off_t place(unsigned long i)
{
	return i * 1031 % PAGES * PAGE;
}

/*
 * What was refused is written in the usual way, as a program would: then the file's time
 * is up to date, for which a write has to wait as well, once for each tick of the clock.
 */
static void write_plainly(int fd, unsigned long i)
{
	if (pwrite(fd, buffer, PAGE, place(i)) != (ssize_t)PAGE)
		err(1, "pwrite");
}

static void by_pwritev2(const struct target *t, int fd, const char *file)
{
	struct iovec v = { .iov_base = buffer, .iov_len = PAGE };
	unsigned long done = 0;
	char what[80];

	for (unsigned long i = 0; i < WRITES; i++) {
		ssize_t got = pwritev2(fd, &v, 1, place(i), RWF_NOWAIT);

		if (got == (ssize_t)PAGE)
			done++;
		else if (got >= 0 || errno == EAGAIN)
			write_plainly(fd, i);
		else
			err(1, "pwritev2");
	}
	snprintf(what, sizeof(what), "RWF_NOWAIT by pwritev2(), %s", file);
	row(t, what, "percent", WRITES, 100.0 * done / WRITES);
}

/* One write, submitted and waited for. */
static int write_by_ring(struct io_uring *ring, int fd, unsigned long i, int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int result;

	io_uring_prep_write(sqe, fd, buffer, PAGE, place(i));
	sqe->rw_flags = flags;
	result = io_uring_submit_and_wait(ring, 1);
	if (result != 1 || io_uring_wait_cqe(ring, &cqe))
		errx(1, "io_uring: %d", result);
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

static void by_io_uring(const struct target *t, int fd, const char *file)
{
	struct io_uring ring;
	unsigned long done = 0;
	char what[80];
	uint64_t start;
	int result = io_uring_queue_init(8, &ring, 0);

	if (result)
		errx(1, "io_uring_queue_init: %s", strerror(-result));
	for (unsigned long i = 0; i < WRITES; i++) {
		result = write_by_ring(&ring, fd, i, RWF_NOWAIT);
		if (result == (int)PAGE)
			done++;
		else if (result >= 0 || result == -EAGAIN)
			write_plainly(fd, i);
		else
			errx(1, "io_uring: %s", strerror(-result));
	}
	snprintf(what, sizeof(what), "RWF_NOWAIT by io_uring, %s", file);
	row(t, what, "percent", WRITES, 100.0 * done / WRITES);
	start = now();
	for (unsigned long i = 0; i < WRITES; i++)
		if (write_by_ring(&ring, fd, i, 0) != (int)PAGE)
			errx(1, "io_uring: a write failed");
	snprintf(what, sizeof(what), "overwrite of 4096 bytes by io_uring, %s", file);
	row(t, what, "cost", WRITES, (double)(now() - start) / WRITES);
	io_uring_queue_exit(&ring);
}

static void both(const struct target *t, bool flagged)
{
	const char *file = flagged ? "reflink flag, nothing shared" : "no reflink flag";
	char path[200];
	int fd;

	if (flagged) {
		fd = flagged_file(t, path, PAGES);
	} else {
		fd = new_file(t, path, 0);
		fill(fd, PAGES);
	}
	by_pwritev2(t, fd, file);
	by_io_uring(t, fd, file);
	remove_file(fd, path);
}

void measure_nowait(const struct target *t)
{
	memset(buffer, 'n', sizeof(buffer));
	both(t, false);
	both(t, true);
}
