// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The memory of another process: the calls that take a pidfd.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu.h"

MINCORE2_API ssize_t mincore2_process(int pidfd, uint64_t addr, size_t length,
				      void *vec, size_t nr, unsigned int flags)
{
	return mincore2_call(&pidfd, addr, length, vec, nr, flags);
}

MINCORE2_API int mincore2_check_process(int pidfd, uint64_t addr, uint64_t length,
					unsigned int want, uint64_t *first)
{
	return mincore2_check_of(&pidfd, addr, length, want, first);
}

/* idtype_t of waitid(2), which older headers do not have. */
#define WAIT_PIDFD	3

/*
 * poll(2) takes any descriptor, waitid(2) only a pidfd. waitid() needs no rights to the
 * process and no /proc; of a process that is no child it fails with ECHILD. Before
 * Linux 5.4 it fails with EINVAL: any descriptor is believed to be a pidfd then.
 */
static bool is_pidfd(int fd)
{
	siginfo_t info;

	return !syscall(SYS_waitid, WAIT_PIDFD, fd, &info,
			WEXITED | WNOHANG | WNOWAIT, NULL) || errno != EBADF;
}

int mincore2_pidfd_ended(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
	int saved_errno = errno, ret;
	bool good;

	/* The kernel has special numbers below 0, which stand for the caller. */
	if (pidfd < 0)
		return -EBADF;
	good = is_pidfd(pidfd);
	do {
		ret = poll(&poll_fd, 1, 0);
	} while (ret < 0 && errno == EINTR);
	errno = saved_errno;
	return !good || poll_fd.revents & POLLNVAL ? -EBADF :
	       !!(poll_fd.revents & (POLLIN | POLLHUP));
}

/*
 * The number of the process is taken first: if it has not ended when all is done, no
 * other one has got that number meanwhile.
 */
ssize_t mincore2_emulate_process(int pidfd, uint64_t addr, size_t length,
				 struct mincore_region *vec, size_t nr,
				 unsigned int bits, unsigned int options,
				 uint64_t *unknown)
{
	int saved_errno = errno, ended;
	int pid = mincore2_emu_pid(pidfd);
	char proc[64];
	const struct mincore2_emu_env env = {
		.proc = proc, .sys = "/sys", .other = true,
	};
	ssize_t ret;

	snprintf(proc, sizeof(proc), "/proc/%d/task/%d", pid, pid);
	ret = pid > 0 ? mincore2_emu_run(&env, (void *)(uintptr_t)addr, length, vec,
				     nr, bits, options, unknown) :
	      pid ? mincore2_emu_open_error(pid) : -ESRCH;
	ended = mincore2_pidfd_ended(pidfd);
	errno = saved_errno;
	return ended < 0 ? ended : ended ? -ESRCH : ret;
}
