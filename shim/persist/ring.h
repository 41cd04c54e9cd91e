/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests by descriptor, all at once. A ring lives as long as the call: there
 * is none that two threads, or a process and its child, could share.
 */
#ifndef MINCORE2_PERSIST_RING_H
#define MINCORE2_PERSIST_RING_H

#include <liburing.h>

#include "internal.h"

struct ring {
	struct io_uring uring;
	bool up;
	struct part **leaders;
	size_t count;
	size_t submitted;	/* of leaders */
	size_t waiting;		/* submitted, and without a result */
};

/*
 * Submit the requests that @leaders stand for. Does nothing where io_uring is
 * of no use (one request, and no deadline) or can not be had: it does not
 * exist, is forbidden, or there are no resources for it.
 */
void ring_start(struct ring *ring, struct call *call, struct part **leaders,
		size_t count);

/*
 * Wait for the results, until the deadline. Sets the error and done of each
 * leader whose request was begun: what is not done was not.
 */
void ring_finish(struct ring *ring, struct call *call);

#endif /* MINCORE2_PERSIST_RING_H */
