// SPDX-License-Identifier: GPL-2.0-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <unistd.h>

#include "faults.h"
#include "mincore2.h"

struct faults faults;
static atomic_bool failed_before;

void faults_reset(void)
{
	memset(&faults, 0, sizeof(faults));
	faults.fail_fd = -1;
	failed_before = false;
}

/* Sets errno when a call is to fail. */
static bool fails(int error, int fd)
{
	if (!error || (fd >= 0 && faults.fail_fd >= 0 && fd != faults.fail_fd))
		return false;
	if (faults.once && atomic_exchange(&failed_before, true))
		return false;
	errno = error;
	return true;
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	faults.fdatasync++;
	return fails(faults.fdatasync_error, fd) ? -1 : __real_fdatasync(fd);
}

int __real_msync(void *addr, size_t length, int flags);
int __wrap_msync(void *addr, size_t length, int flags);
int __wrap_msync(void *addr, size_t length, int flags)
{
	faults.msync++;
	return (!faults.fail_addr || faults.fail_addr == addr) &&
	       fails(faults.msync_error, -1) ? -1 :
	       __real_msync(addr, length, flags);
}

int __real_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
int __wrap_clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	faults.clone++;
	return fails(faults.clone_error, -1) ? -1 :
	       __real_clone(fn, stack, flags, arg);
}

ssize_t __real_mincore2(void *addr, size_t length, void *vec, size_t nr, unsigned int flags);
ssize_t __wrap_mincore2(void *addr, size_t length, void *vec, size_t nr, unsigned int flags);
ssize_t __wrap_mincore2(void *addr, size_t length, void *vec, size_t nr, unsigned int flags)
{
	ssize_t got = __real_mincore2(addr, length, vec, nr, flags);
	struct mincore_region *regions = vec;

	for (ssize_t i = 0; faults.not_safe && i < got; i++)
		regions[i].state &= ~(uint64_t)MINCORE_PERSIST;
	return got;
}

int __real_sigaction(int sig, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int sig, const struct sigaction *action, struct sigaction *old);
int __wrap_sigaction(int sig, const struct sigaction *action, struct sigaction *old)
{
	faults.sigaction++;
	return __real_sigaction(sig, action, old);
}

/* The name of fstatfs() with _FILE_OFFSET_BITS=64. */
int __real_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs)
{
	int ret = __real_fstatfs64(fd, fs);

	if (faults.fs_type)
		fs->f_type = (__typeof__(fs->f_type))faults.fs_type;
	return ret;
}

int __real_io_uring_queue_init_params(unsigned int entries,
				      struct io_uring *ring,
				      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned int entries,
				      struct io_uring *ring,
				      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned int entries,
				      struct io_uring *ring,
				      struct io_uring_params *params)
{
	faults.rings++;
	if (faults.ring_error)
		return -faults.ring_error;
	return __real_io_uring_queue_init_params(entries, ring, params);
}

/* Wait for input from a pipe that has a writer, and never gets any. */
static void make_stuck(struct io_uring_sqe *sqe)
{
	static int pipe_fds[2];
	__u64 data = sqe->user_data;

	if (!pipe_fds[1] && pipe2(pipe_fds, O_CLOEXEC))
		return;
	io_uring_prep_poll_add(sqe, pipe_fds[0], POLLIN);
	sqe->user_data = data;
}

/* Wait until all of them are there, and have the ring say something else. */
static void set_results(struct io_uring *ring, unsigned int count)
{
	struct io_uring_cqe *cqe;
	unsigned int head = *ring->cq.khead;

	if (io_uring_wait_cqe_nr(ring, &cqe, count))
		return;
	for (unsigned int i = 0; i < count; i++)
		ring->cq.cqes[(head + i) & ring->cq.ring_mask].res = faults.result;
}

int __real_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring);
int __wrap_io_uring_submit(struct io_uring *ring)
{
	unsigned int queued = io_uring_sq_ready(ring);
	unsigned int head = ring->sq.sqe_tail - queued;
	int ret;

	faults.submits++;
	if (fails(faults.submit_error, -1))
		return -errno;
	for (unsigned int i = head; faults.stuck && i != ring->sq.sqe_tail; i++) {
		struct io_uring_sqe *sqe = &ring->sq.sqes[i & ring->sq.ring_mask];

		if (faults.fail_fd < 0 || sqe->fd == faults.fail_fd)
			make_stuck(sqe);
	}
	if (faults.at_most && queued > (unsigned int)faults.at_most)
		ring->sq.sqe_tail = head + (unsigned int)faults.at_most;
	ret = __real_io_uring_submit(ring);
	faults.requests += ret > 0 ? ret : 0;
	if (ret > 0 && faults.result)
		set_results(ring, (unsigned int)ret);
	return ret;
}
