// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The iterator: regions of a range of any length, fetched a few at a time.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "internal.h"

static int init(struct mincore2_iter *it, const int *pidfd, uint64_t start,
		uint64_t length, unsigned int bits, unsigned int options)
{
	uint64_t mask = mincore2_page_size() - 1;
	enum mincore2_way way;
	int ended = 0;

	if (!it)
		return -EINVAL;
	memset(it, 0, sizeof(*it));
	if (mincore2_bad_flags(bits, options) || start & mask)
		return -EINVAL;
	if (length && (UINTPTR_MAX < start || UINTPTR_MAX - start < length - 1 ||
		       UINTPTR_MAX - start - (length - 1) < mask))
		return -ENOMEM;
	if (pidfd)
		ended = mincore2_pidfd_ended(*pidfd);
	if (ended)
		return ended < 0 ? ended : -ESRCH;
	way = mincore2_way(options);
	if (way == MINCORE2_WAY_NONE)
		return options & (MINCORE2_EMULATE | MINCORE2_EMULATE_ALWAYS) ?
		       -EOPNOTSUPP : -ENOSYS;
	it->next = start;
	it->left = (length + mask) & ~mask;
	it->bits = bits;
	it->options = options;
	it->way = way;
	it->process = pidfd != NULL;
	it->pidfd = pidfd ? *pidfd : -1;
	return 0;
}

MINCORE2_API int mincore2_iter_init(struct mincore2_iter *it, const void *addr,
				    size_t length, unsigned int bits,
				    unsigned int options)
{
	return init(it, NULL, (uintptr_t)addr, length, bits, options);
}

MINCORE2_API int mincore2_iter_init_process(struct mincore2_iter *it, int pidfd,
					    uint64_t addr, uint64_t length,
					    unsigned int bits,
					    unsigned int options)
{
	return init(it, &pidfd, addr, length, bits, options);
}

static ssize_t emulated(struct mincore2_iter *it)
{
	if (it->process)
		return mincore2_emulate_process(it->pidfd, it->next,
						(size_t)it->left, it->buf,
						MINCORE2_ITER_REGIONS, it->bits,
						it->options, &it->buf_unknown);
	return mincore2_emulate((void *)(uintptr_t)it->next, (size_t)it->left,
				it->buf, MINCORE2_ITER_REGIONS, it->bits,
				it->options, &it->buf_unknown);
}

/* Fill the buffer again. Returns the number of regions in it, or -errno. */
static ssize_t fetch(struct mincore2_iter *it)
{
	ssize_t got;

	if (!it->left)
		return 0;
	if (it->way == MINCORE2_WAY_NATIVE) {
		got = mincore2_ask(it->process ? &it->pidfd : NULL, &it->next,
				   &it->left, it->buf, MINCORE2_ITER_REGIONS,
				   it->bits);
		it->buf_unknown = 0;
	} else {
		got = emulated(it);
		if (got == 0)
			got = -EIO;
		if (got > 0) {
			it->left -= it->buf[got - 1].end - it->buf[0].start;
			it->next = it->buf[got - 1].end;
		}
	}
	it->buf_pos = 0;
	it->buf_nr = got > 0 ? (unsigned int)got : 0;
	return got;
}

MINCORE2_API int mincore2_iter_next(struct mincore2_iter *it,
				    struct mincore_region *region)
{
	struct mincore_region whole;
	uint64_t unknown;
	ssize_t got;

	if (!it || !region)
		return -EINVAL;
	if (it->buf_pos == it->buf_nr) {
		got = fetch(it);
		if (got <= 0)
			return (int)got;
	}
	whole = it->buf[it->buf_pos++];
	unknown = it->buf_unknown;
	/*
	 * Within the buffer neighbours differ; where it ends the next call may
	 * go on with the same state. An error then is for the call after this
	 * one: it comes again, or it has passed.
	 */
	while (it->buf_pos == it->buf_nr && fetch(it) > 0 &&
	       it->buf[0].state == whole.state && it->buf_unknown == unknown)
		whole.end = it->buf[it->buf_pos++].end;
	it->unknown = unknown;
	*region = whole;
	return 1;
}

MINCORE2_API uint64_t mincore2_iter_unknown(const struct mincore2_iter *it)
{
	return it->unknown;
}

MINCORE2_API enum mincore2_way mincore2_iter_way(const struct mincore2_iter *it)
{
	return (enum mincore2_way)it->way;
}
