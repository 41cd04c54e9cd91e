// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mapping.c - histories of the mapping: other mappings, other processes, and
 * stores that are not done by this thread's CPU instructions
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pf.h"

#define SPOT (PF_TARGET + 128)
#define HOLE_AT .size = PF_FILE_SIZE, .first = SPOT, .then = SPOT

static int protect(struct pfcase *c)
{
	if (mprotect(c->addr, c->len, PROT_READ) ||
	    mprotect(c->addr, c->len, PROT_READ | PROT_WRITE))
		return failed(c, "mprotect");
	return 0;
}

static int move(struct pfcase *c, int flags)
{
	unsigned char *place = mmap(NULL, c->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (place == MAP_FAILED ||
	    mremap(c->addr, c->len, c->len, flags | MREMAP_FIXED | MREMAP_MAYMOVE, place) != place)
		return failed(c, "mremap");
	c->addr = place;
	return 0;
}

static int remap(struct pfcase *c) { return move(c, 0); }

/* The old mapping stays, and is stored to later: what it maps then has to be found. */
static int dontunmap(struct pfcase *c)
{
	unsigned char *old = c->addr;

	if (move(c, MREMAP_DONTUNMAP))
		return -1;
	c->addr[SPOT] = 'm';
	c->addr = old;
	return 0;
}

static int dontneed(struct pfcase *c)
{
	return madvise(c->addr, c->len, MADV_DONTNEED) ? failed(c, "MADV_DONTNEED") : 0;
}

static int populate(struct pfcase *c)
{
	return madvise(c->addr, c->history->size, MADV_POPULATE_WRITE) ? failed(c, "MADV_POPULATE_WRITE") : 0;
}

static int lock(struct pfcase *c)
{
	return mlock(c->addr, c->history->size) ? failed(c, "mlock") : 0;
}

/* Another mapping of the file, not synchronous, has stored to the page first. */
static int plain_first(struct pfcase *c)
{
	unsigned char *plain = map_file(c, "plain", c->fd, c->shift, c->len);

	if (!plain)
		return -1;
	plain[SPOT] = 'p';
	plain[SPOT + PAGE] = 'p';
	return 0;
}

/* In another process, that is still there. */
static int plain_process(struct pfcase *c)
{
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe(ends))
		return failed(c, "pipe");
	pid = fork();
	if (pid < 0)
		return failed(c, "fork");
	if (!pid) {
		int fd = open(c->path, O_RDWR);
		unsigned char *plain = fd < 0 ? NULL : map_file(c, "plain", fd, c->shift, c->len);

		if (!plain)
			_exit(1);
		plain[SPOT] = 'p';
		if (write(ends[1], "p", 1) == 1)
			pause();
		_exit(1);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		return failed(c, "the other process");
	return 0;
}

static int forked(struct pfcase *c)
{
	pid_t pid = fork();

	if (pid < 0)
		return failed(c, "fork");
	if (!pid)
		for (;;)
			pause();
	return 0;
}

static int shrink_vma(struct pfcase *c)
{
	return munmap(c->addr + SPOT + 4 * PAGE - 128, PAGE) ? failed(c, "munmap") : 0;
}

/* The store is done by a child; the bits are the parent's. */
static void by_child(struct pfcase *c, unsigned char *to, const unsigned char *from, size_t len)
{
	int status;
	pid_t pid = fork();

	if (pid < 0) {
		failed(c, "fork");
		return;
	}
	if (!pid) {
		memcpy(to, from, len);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		failed(c, "the child that stores");
}

/* The kernel stores: read(2) with the mapping as its buffer. */
static void by_read(struct pfcase *c, unsigned char *to, const unsigned char *from, size_t len)
{
	int ends[2];

	if (pipe(ends) || write(ends[1], from, len) != (ssize_t)len ||
	    read(ends[0], to, len) != (ssize_t)len)
		failed(c, "read into the mapping");
	close(ends[0]);
	close(ends[1]);
}

/* Another process stores, through the pages that it gets pinned. */
static void by_process_vm(struct pfcase *c, unsigned char *to, const unsigned char *from, size_t len)
{
	struct iovec local = { (void *)from, len }, remote = { to, len };
	int status;
	pid_t parent = getpid(), pid = fork();

	if (pid < 0) {
		failed(c, "fork");
		return;
	}
	if (!pid)
		_exit(process_vm_writev(parent, &local, 1, &remote, 1, 0) != (ssize_t)len);
	if (waitpid(pid, &status, 0) != pid || status)
		failed(c, "process_vm_writev");
}

/* A file read straight into the mapping: the kernel pins its page. */
static void by_direct_read(struct pfcase *c, unsigned char *to, const unsigned char *from, size_t len)
{
	char path[sizeof(c->path) + 16];
	unsigned char page[PAGE] = { 0 };
	int fd;

	snprintf(path, sizeof(path), "%s-direct", c->path);
	memcpy(page + ((uintptr_t)to & (PAGE - 1)), from, len);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	if (fd < 0 || write(fd, page, PAGE) != PAGE || fcntl(fd, F_SETFL, O_DIRECT) ||
	    pread(fd, (void *)((uintptr_t)to & -PAGE), PAGE, 0) != PAGE)
		failed(c, "pread with O_DIRECT into the mapping");
	close(fd);
}

/* Atomic instructions, as a lock in persistent memory is taken. */
static void by_atomic(struct pfcase *c, unsigned char *to, const unsigned char *from, size_t len)
{
	(void)c;
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word;

		memcpy(&word, from + i, 8);
		__atomic_exchange_n((uint64_t *)(to + i), word, __ATOMIC_SEQ_CST);
	}
}

/* Write protection by userfaultfd is for memory that DAX is not. */
static int userfault(struct pfcase *c)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)c->addr, .len = c->len },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		return failed(c, "userfaultfd");
	return refused(c, "uffd-wp", ioctl(fd, UFFDIO_REGISTER, &range));
}

/* The mapping itself, which the order "early" has not made yet. */
static int map_refused(struct pfcase *c)
{
	void *addr = mmap(NULL, c->len, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC,
			  c->fd, 0);

	return refused(c, "MAP_SYNC", addr == MAP_FAILED ? -1 : 0);
}

const struct history mapping_histories[] = {
	{ "mprotect", setup_hole, protect, HOLE_AT },
	{ "mremap", setup_hole, remap, HOLE_AT },
	{ "mremap-dontunmap", setup_hole, dontunmap, HOLE_AT },
	{ "dontneed", setup_hole, dontneed, HOLE_AT },
	{ "populate-write", setup_hole, populate, HOLE_AT },
	{ "mlock", setup_hole, lock, HOLE_AT },
	{ "plain-mapping-first", setup_hole, plain_first, HOLE_AT },
	{ "plain-mapping-first-allocated", setup_allocated, plain_first, HOLE_AT },
	{ "plain-process-first", setup_hole, plain_process, HOLE_AT },
	{ "fork", setup_hole, forked, HOLE_AT },
	{ "munmap-beside", setup_hole, shrink_vma, HOLE_AT },
	{ "store-by-child", setup_hole, NULL, by_child, HOLE_AT },
	{ "store-by-read", setup_hole, NULL, by_read, HOLE_AT },
	{ "store-by-process-vm", setup_hole, NULL, by_process_vm, HOLE_AT },
	{ "store-by-direct-read", setup_hole, NULL, by_direct_read, HOLE_AT },
	{ "store-atomic", setup_hole, NULL, by_atomic, HOLE_AT },
	{ "refuse-map-sync", setup_hole, map_refused, .size = PF_FILE_SIZE, .first = SPOT, .then = -1 },
	{ "uffd-wp", setup_hole, userfault, .size = PF_FILE_SIZE, .first = SPOT, .then = -1 },
	{ 0 }
};
