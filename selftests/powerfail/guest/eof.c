// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * eof.c - histories of the page that holds the end of the file
 *
 * The file grows; stores go to the page that held its old end, behind that end. With
 * the order "after" the page was stored to before it grew, so its entry is writable.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pf.h"

#define END (PF_TARGET + 1000)	/* of the file, in the middle of a page */

/* As write(2) with O_APPEND does. */
static int append(struct pfcase *c, size_t len)
{
	return write_all(c->fd, c->history->size, len, 'a') ? failed(c, "append") : 0;
}

static int append_page(struct pfcase *c) { return append(c, PAGE); }
static int append_in_page(struct pfcase *c) { return append(c, 2000); }
static int append_much(struct pfcase *c) { return append(c, 256 * KB); }

static int append_o_append(struct pfcase *c)
{
	int fd = open(c->path, O_WRONLY | O_APPEND);
	char bytes[3000] = { 0 };

	if (fd < 0 || write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		return failed(c, "write with O_APPEND");
	close(fd);
	return 0;
}

static int append_vector(struct pfcase *c)
{
	char a[1500] = { 0 }, b[1500] = { 0 };
	struct iovec v[2] = { { a, sizeof(a) }, { b, sizeof(b) } };

	if (pwritev(c->fd, v, 2, c->history->size) != 3000)
		return failed(c, "pwritev");
	return 0;
}

static int append_direct(struct pfcase *c)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	int fd = open(c->path, O_WRONLY | O_DIRECT);

	if (fd < 0 || pwrite(fd, page, PAGE, PF_TARGET + PAGE) != PAGE)
		return failed(c, "pwrite with O_DIRECT");
	close(fd);
	return 0;
}

/* Far beyond the end, without touching the page. */
static int write_far(struct pfcase *c)
{
	return write_all(c->fd, PF_TARGET + 512 * KB, 100, 'f') ? failed(c, "pwrite") : 0;
}

static int write_next_page(struct pfcase *c)
{
	return write_all(c->fd, PF_TARGET + PAGE, 100, 'f') ? failed(c, "pwrite") : 0;
}

/* Into the same page, behind a gap. */
static int write_gap(struct pfcase *c)
{
	return write_all(c->fd, PF_TARGET + 3500, 100, 'f') ? failed(c, "pwrite") : 0;
}

static int allocate(struct pfcase *c)
{
	return fallocate(c->fd, 0, c->history->size, 128 * KB) ? failed(c, "fallocate") : 0;
}

static int allocate_in_page(struct pfcase *c)
{
	return fallocate(c->fd, 0, c->history->size, 2500) ? failed(c, "fallocate") : 0;
}

static int zero(struct pfcase *c)
{
	return fallocate(c->fd, FALLOC_FL_ZERO_RANGE, c->history->size, 128 * KB) ?
		failed(c, "zero range") : 0;
}

static int grow(struct pfcase *c)
{
	return ftruncate(c->fd, c->history->size + 128 * KB) ? failed(c, "ftruncate") : 0;
}

static int grow_in_page(struct pfcase *c)
{
	return ftruncate(c->fd, PF_TARGET + PAGE) ? failed(c, "ftruncate") : 0;
}

static int copy_range(struct pfcase *c)
{
	off_t from = 0, to = c->history->size;

	if (copy_file_range(c->fd, &from, c->fd, &to, 3000, 0) != 3000)
		return failed(c, "copy_file_range");
	return 0;
}

static int splice_in(struct pfcase *c)
{
	char bytes[3000] = { 0 };
	off_t to = c->history->size;
	int ends[2];

	if (pipe(ends) || write(ends[1], bytes, sizeof(bytes)) != sizeof(bytes) ||
	    splice(ends[0], NULL, c->fd, &to, sizeof(bytes), 0) != sizeof(bytes))
		return failed(c, "splice");
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* The file grows twice, with a store between: both old ends are in the page. */
static int append_twice(struct pfcase *c)
{
	if (append(c, 500))
		return -1;
	store(c, c->history->size + 100);
	return write_all(c->fd, c->history->size + 500, 2000, 'a') ? failed(c, "append") : 0;
}

/* What is appended is synced: the new size is durable. */
static int append_fsync(struct pfcase *c)
{
	if (append(c, PAGE))
		return -1;
	return fsync(c->fd) ? failed(c, "fsync") : 0;
}

static int shrink_append(struct pfcase *c)
{
	if (ftruncate(c->fd, PF_TARGET + 100))
		return failed(c, "ftruncate");
	return write_all(c->fd, PF_TARGET + 100, 3900, 'a') ? failed(c, "append") : 0;
}

static void *append_slowly(void *arg)
{
	struct pfcase *c = arg;

	for (int i = 0; i < 20; i++)
		if (write_all(c->fd, END + 100 * i, 100, 'a'))
			failed(c, "append");
	return NULL;
}

/* The page is stored to for the first time while another thread appends in it. */
static int append_meanwhile(struct pfcase *c)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, append_slowly, c))
		return failed(c, "pthread_create");
	store(c, PF_TARGET + 128);
	pthread_join(thread, NULL);
	return c->broken ? -1 : 0;
}

static unsigned char *half;	/* two pages, the second of which nobody provides */

static void *append_for_ever(void *arg)
{
	struct pfcase *c = arg;

	if (pwrite(c->fd, half, 2 * PAGE, c->history->size) != -1)
		failed(c, "the append was not to end");
	return NULL;
}

/* An append that has allocated its blocks, has copied the half, and waits. */
static int append_halfway(struct pfcase *c)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	/* poll() of a descriptor that would block is an error at once. */
	struct pollfd waits = { .fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK),
				.events = POLLIN };
	pthread_t thread;

	half = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (waits.fd < 0 || half == MAP_FAILED)
		return failed(c, "userfaultfd");
	half[0] = 'h';
	range.range.start = (uintptr_t)half + PAGE;
	range.range.len = PAGE;
	if (ioctl(waits.fd, UFFDIO_API, &api) || ioctl(waits.fd, UFFDIO_REGISTER, &range) ||
	    pthread_create(&thread, NULL, append_for_ever, c))
		return failed(c, "register the second page");
	if (poll(&waits, 1, 10000) != 1 || waits.revents != POLLIN) {
		errno = ETIMEDOUT;
		return failed(c, "nobody has asked for the second page");
	}
	return 0;
}

/* After the file grew; bytes behind END, and below each new end */
#define AT_END .size = END, .first = PF_TARGET + 128, .then = END + 1000
/* The end of the file in the last page of a PMD entry. */
#define AT_HUGE_END .size = 4 * MB - 2000, .first = 2 * MB + 128, .then = 4 * MB - 1500

const struct history eof_histories[] = {
	{ "append", setup_written, append_page, AT_END },
	{ "append-in-page", setup_written, append_in_page, AT_END },
	{ "append-much", setup_written, append_much, AT_END },
	{ "append-o-append", setup_written, append_o_append, AT_END },
	{ "append-pwritev", setup_written, append_vector, AT_END },
	{ "append-direct", setup_written, append_direct, AT_END },
	{ "append-twice", setup_written, append_twice, .size = END, .first = PF_TARGET + 128,
		.then = END + 1500 },
	{ "append-fsync", setup_written, append_fsync, AT_END },
	{ "append-to-hole", setup_hole, append_page, AT_END },
	{ "append-to-allocated", setup_allocated, append_page, AT_END },
	{ "append-meanwhile", setup_written, append_meanwhile, AT_END },
	{ "append-halfway", setup_written, append_halfway, .size = PF_FILE_SIZE,
		.first = PF_TARGET + 128, .then = PF_TARGET + 128 },
	{ "pwrite-far", setup_written, write_far, AT_END },
	{ "pwrite-far-hole", setup_hole, write_far, AT_END },
	{ "pwrite-far-allocated", setup_allocated, write_far, AT_END },
	{ "pwrite-next-page", setup_written, write_next_page, AT_END },
	{ "pwrite-gap", setup_written, write_gap, AT_END },
	{ "grow-fallocate", setup_written, allocate, AT_END },
	{ "grow-fallocate-in-page", setup_written, allocate_in_page, AT_END },
	{ "grow-fallocate-hole", setup_hole, allocate, AT_END },
	{ "grow-fallocate-allocated", setup_allocated, allocate, AT_END },
	{ "grow-zero-range", setup_written, zero, AT_END },
	{ "grow-ftruncate", setup_written, grow, AT_END },
	{ "grow-ftruncate-in-page", setup_written, grow_in_page, AT_END },
	{ "grow-ftruncate-hole", setup_hole, grow, AT_END },
	{ "append-copy-range", setup_written, copy_range, AT_END },
	{ "append-splice", setup_written, splice_in, AT_END },
	{ "shrink-append", setup_written, shrink_append, .size = END,
		.first = PF_TARGET + 16, .then = END + 1000 },
	{ "huge-append", setup_allocated, append_in_page, AT_HUGE_END },
	{ "huge-pwrite-far", setup_allocated, append_much, AT_HUGE_END },
	{ "huge-grow-fallocate", setup_allocated, allocate, AT_HUGE_END },
	{ 0 }
};
