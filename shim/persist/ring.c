// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>

#include "magic.h"
#include "ring.h"

/* More are submitted in several goes. */
#define MOST_ENTRIES	4096

static void prepare(struct io_uring_sqe *sqe, struct part *leader)
{
	uint64_t length = leader->high - leader->low;

	io_uring_prep_fsync(sqe, leader->fd, IORING_FSYNC_DATASYNC);
	/* A part of the file, as msync(2) asks for, if 32 bits can say it. */
	if (leader->high && length <= UINT32_MAX) {
		sqe->off = leader->low;
		sqe->len = (unsigned int)length;
	}
	io_uring_sqe_set_data(sqe, leader);
}

/*
 * Submit what is queued. False: the kernel does not take all of it. What it does
 * not take is never submitted later, as nothing submits but this.
 */
static bool submit(struct ring *ring, size_t queued)
{
	int ret = io_uring_submit(&ring->uring);

	for (int i = 0; i < ret; i++)
		ring->leaders[ring->submitted++]->error = -EINPROGRESS;
	ring->waiting = ring->submitted;
	return ret >= 0 && (size_t)ret == queued;
}

void ring_start(struct ring *ring, struct call *call, struct part **leaders,
		size_t count)
{
	struct io_uring_params params = { .flags = IORING_SETUP_CLAMP };
	unsigned int entries = count < MOST_ENTRIES ? (unsigned int)count :
			       MOST_ENTRIES;
	size_t queued = 0;

	ring->up = false;
	ring->leaders = leaders;
	ring->count = count;
	ring->submitted = 0;
	ring->waiting = 0;
	if (!count || (count == 1 && call->deadline == UINT64_MAX))
		return;
	if (io_uring_queue_init_params(entries, &ring->uring, &params))
		return;
	ring->up = true;
	/* Without it, waiting with a limit is a request, which submits others. */
	if (call->deadline != UINT64_MAX &&
	    !(params.features & IORING_FEAT_EXT_ARG))
		return;
	for (size_t i = 0; i < count; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

		if (!sqe) {
			if (!submit(ring, queued))
				return;
			queued = 0;
			sqe = io_uring_get_sqe(&ring->uring);
			if (!sqe)
				return;
		}
		prepare(sqe, leaders[i]);
		queued++;
	}
	submit(ring, queued);
}

/*
 * io_uring cancels requests that it has not begun, for instance when no thread can
 * be had for them. That looks like an error of the file; but these do not fail a
 * write with that, as a server or its network may.
 */
static bool was_not_begun(const struct part *leader, int result)
{
	static const uint32_t local[] = {
		EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC,
	};
	uint32_t magic = result == -ECANCELED ? mincore2_fs_magic(leader->fd) : 0;

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (magic == local[i])
			return true;
	return false;
}

static void take(struct io_uring_cqe *cqe)
{
	struct part *leader = io_uring_cqe_get_data(cqe);

	if (was_not_begun(leader, cqe->res)) {
		leader->error = 0;	/* done by fdatasync(2) then */
		return;
	}
	/* Whatever it is, it may be the file's own, which is told once. */
	leader->error = cqe->res < 0 ? cqe->res : 0;
	leader->done = true;
}

/* Wait for one result. Returns 0 or a negative errno. */
static int wait_one(struct ring *ring, const struct call *call,
		    struct io_uring_cqe **cqe)
{
	uint64_t t;
	struct __kernel_timespec left;

	if (call->deadline == UINT64_MAX)
		return io_uring_wait_cqe(&ring->uring, cqe);
	if (!io_uring_peek_cqe(&ring->uring, cqe))
		return 0;
	t = now();
	if (t >= call->deadline)
		return -ETIME;
	t = call->deadline - t;
	left.tv_sec = (int64_t)(t / 1000000000);
	left.tv_nsec = (int64_t)(t % 1000000000);
	return io_uring_wait_cqe_timeout(&ring->uring, cqe, &left);
}

/* What goes on without us has an unknown result. */
static void abandon(struct ring *ring, int err)
{
	for (size_t i = 0; i < ring->submitted; i++) {
		struct part *leader = ring->leaders[i];

		if (leader->error != -EINPROGRESS || leader->done)
			continue;
		leader->error = err == -ETIME ? -ETIMEDOUT : err;
		leader->done = true;
	}
}

void ring_finish(struct ring *ring, struct call *call)
{
	if (!ring->up)
		return;
	while (ring->waiting) {
		struct io_uring_cqe *cqe;
		int err = wait_one(ring, call, &cqe);

		if (err == -EINTR)
			continue;
		if (err) {
			abandon(ring, err);
			break;
		}
		take(cqe);
		io_uring_cqe_seen(&ring->uring, cqe);
		ring->waiting--;
	}
	/* Does not wait for requests: they hold the file, not the ring. */
	io_uring_queue_exit(&ring->uring);
}
