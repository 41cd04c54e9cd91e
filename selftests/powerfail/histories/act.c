// SPDX-License-Identifier: GPL-2.0-or-later
/* act.c - does the operations of a history */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../guest/pf.h"
#include "../instants/guest.h"
#include "act.h"
#include "linux/mincore.h"

#define NR_MINCORE2 499

/* Returns false. */
bool trouble(struct world *w, const char *what)
{
	if (!w->trouble[0])
		snprintf(w->trouble, sizeof(w->trouble), "%.100s: %s", what, strerrorname_np(errno) ?: "?");
	return false;
}

static char *path_of(struct world *w, int name, char *to, size_t size)
{
	snprintf(to, size, "%s/%c", w->dir, 'A' + name);
	return to;
}

/* What was stored so may not be lost. A kernel that cannot be asked is held to MAP_SYNC. */
bool promised(char result)
{
	return result == 'P' || result == 'U';
}

/* Which inode it is: number and generation. */
bool identify(int fd, uint64_t *number, uint32_t *generation)
{
	struct stat st;
	int version = 0;

	if (fstat(fd, &st) || ioctl(fd, FS_IOC_GETVERSION, &version))
		return false;
	*number = st.st_ino;
	*generation = version;
	return true;
}

/* The whole file, so that a PMD entry fits; further than its end will ever be. */
static unsigned char *map_whole(struct world *w, int fd, int flags)
{
	size_t len = w->model.limit;
	uintptr_t hole = (uintptr_t)mmap(NULL, len + HUGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *addr;

	if (hole == (uintptr_t)MAP_FAILED)
		return NULL;
	addr = mmap((void *)((hole + HUGE_BYTES - 1) & -HUGE_BYTES), len, PROT_READ | PROT_WRITE,
		    flags | MAP_FIXED, fd, 0);
	return addr == MAP_FAILED ? NULL : addr;
}

static bool map_file_twice(struct world *w, struct file *f)
{
	if (!identify(f->fd, &f->number, &f->generation))
		return trouble(w, "inode");
	f->sync = map_whole(w, f->fd, MAP_SHARED_VALIDATE | MAP_SYNC);
	f->plain = map_whole(w, f->fd, MAP_SHARED);
	return f->sync && f->plain ? true : trouble(w, "mmap");
}

/* Makes the file of an object that the model has just made, with what it has. */
static bool make_file(struct world *w, int object)
{
	struct object *o = &w->model.object[object];
	struct file *f = &w->file[object];
	unsigned char *data = malloc(o->size);
	char path[80];
	ssize_t n;

	if (!data)
		return trouble(w, "memory");
	fill(&w->model, o, data);
	f->fd = open(path_of(w, o->name, path, sizeof(path)), O_RDWR | O_CREAT | O_EXCL, 0644);
	n = f->fd < 0 ? -1 : pwrite(f->fd, data, o->size, 0);
	free(data);
	if (n != o->size)
		return trouble(w, "create and write");
	return map_file_twice(w, f);
}

/* A clone of file A. */
static bool make_clone(struct world *w, int object)
{
	struct file *f = &w->file[object];
	char path[80];

	f->fd = open(path_of(w, object, path, sizeof(path)), O_RDWR | O_CREAT | O_EXCL, 0644);
	if (f->fd < 0 || ioctl(f->fd, FICLONE, w->file[0].fd))
		return trouble(w, "clone");
	return map_file_twice(w, f);
}

static struct file *file_of(struct world *w, int file)
{
	return &w->file[w->model.slot[file]];
}

/*
 * The files as a history finds them: durable. XFS takes a file for clean only after an fsync
 * that found it uncommitted, so that each of them is synced, A before its clones.
 */
bool begin_world(struct world *w)
{
	bool shared = w->history.form->shared;

	model_start(&w->model, w->history.form, w->history.files, true);
	for (int i = 0; i < w->history.files; i++) {
		if (i && shared ? !make_clone(w, i) : !make_file(w, i))
			return false;
		if (fsync(w->file[0].fd) || fsync(w->file[i].fd))
			return trouble(w, "fsync");
	}
	return true;
}

static sigjmp_buf on_fault;

static void fault(int sig)
{
	(void)sig;
	siglongjmp(on_fault, 1);
}

/* P, N or U; see act.h */
static char ask_persist(void *addr)
{
	unsigned char bits;

	if (syscall(NR_MINCORE2, (uintptr_t)addr & -HPAGE, HPAGE, &bits, 1L, MINCORE_PERSIST) != 1)
		return 'U';
	return bits & MINCORE_PERSIST ? 'P' : 'N';
}

/* Does a PMD entry map the page that all is about? False where nobody can be asked. */
bool mapped_huge(struct world *w)
{
	unsigned char *page = file_of(w, 0)->sync + w->history.form->target, bits;

	return syscall(NR_MINCORE2, page, HPAGE, &bits, 1L, MINCORE_RESIDENT | MINCORE_LEVEL) == 1 &&
	       (bits & MINCORE_LEVEL) == MINCORE_PMD;
}

/* A cache line; libpmem would do the same, and is not in this guest. */
void write_line_back(void *line)
{
	unsigned int a, b = 0, c, d;

	/* Not by __builtin_cpu_supports(): clang 14 does not know the word. */
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_CLWB)
		asm volatile("clwb (%0)\n\tsfence" : : "r"(line) : "memory");
	else
		asm volatile("clflush (%0)\n\tsfence" : : "r"(line) : "memory");
}

/*
 * A line through a mapping: asks, stores, writes back. A store to a plain mapping is not
 * written back. Returns the letter of the result.
 */
static char store_line(struct world *w, unsigned char *map, off_t at, bool write_back)
{
	unsigned char from[LINE];
	volatile char result = write_back ? ask_persist(map + at) : 'o';

	for (int i = 0; i < LINE; i++)
		from[i] = byte_of(w->model.writes + 1, at + i);
	signal(SIGBUS, fault);
	signal(SIGSEGV, fault);
	if (sigsetjmp(on_fault, 1)) {
		result = 'F';
	} else {
		memcpy(map + at, from, LINE);
		/* QEMU faults in nothing for a write-back, a processor would: guest/durable.c */
		(void)*(volatile unsigned char *)(map + at);
		if (write_back)
			write_line_back(map + at);
	}
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	return result;
}

static int write_at(struct world *w, const struct op *op, off_t at, size_t len)
{
	unsigned char data[HPAGE];

	for (size_t i = 0; i < len; i++)
		data[i] = byte_of(w->model.writes + 1, at + i);
	return pwrite(file_of(w, op->file)->fd, data, len, at) == (ssize_t)len ? 0 : -1;
}

/* The old file is closed, so that its blocks are free if nobody shares them. */
static int unlink_old(struct world *w, const struct op *op)
{
	int object = w->model.slot[op->file];
	struct file *f = &w->file[object];
	char path[80];

	munmap(f->sync, w->model.limit);
	munmap(f->plain, w->model.limit);
	if (close(f->fd))
		return -1;
	f->fd = -1;
	if (w->model.object[object].name < 0)
		return 0;
	return unlink(path_of(w, w->model.object[object].name, path, sizeof(path)));
}

static int rename_file(struct world *w, const struct op *op)
{
	char from[80], to[80];

	return rename(path_of(w, op->file, from, sizeof(from)), path_of(w, op->to, to, sizeof(to)));
}

/* System calls. Returns 0, or -1 with errno. */
static int call(struct world *w, const struct op *op)
{
	const struct form *form = w->history.form;
	off_t target = form->target, size = w->model.object[w->model.slot[op->file]].size;
	int fd = file_of(w, op->file)->fd, to = op->to < 0 ? -1 : file_of(w, op->to)->fd;

	switch (op->kind) {
	case 'w': return write_at(w, op, target + PART_AT, PART_LEN);
	case 'W': return write_at(w, op, target, HPAGE);
	case 'a': return write_at(w, op, size, APPEND_LEN);
	case 'h': return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, target, HPAGE);
	case 'z': return fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, target, HPAGE);
	case 'd': return ftruncate(fd, target + CUT_AT);
	case 't': return ftruncate(fd, target - 1000) || ftruncate(fd, size) ? -1 : 0;
	case 'u': return ftruncate(fd, form->up);
	case 'f': return fallocate(fd, 0, target, form->end - target);
	case 'y': return fsync(fd);
	case 'n': return unlink_old(w, op);
	case 'c': return ioctl(to, FICLONE, fd);
	case 'x': return exchange_extents(fd, to, size);
	case 'r': return rename_file(w, op);
	case 'm': case 'g': return remount(w, op->kind == 'g');
	case 'G': return grow(w);
	}
	errno = EINVAL;
	return -1;
}

/* Does an operation, in the files and in the model. False, with w->trouble: it failed. */
bool act(struct world *w, const struct op *op)
{
	struct file *f = file_of(w, op->file);
	off_t target = w->history.form->target;
	char result = 'o', text[8];

	switch (op->kind) {
	case 's': result = store_line(w, f->sync, target + SYNC_AT, true); break;
	case LAST: result = store_line(w, f->sync, target + LAST_AT, true); break;
	case 'p': result = store_line(w, f->plain, target + PLAIN_AT, false); break;
	default:
		if (call(w, op))
			result = 'R';
	}
	w->results[w->model.step] = result;
	/* A filesystem need not exchange the extents of just any two files. */
	if (result == 'R' && op->kind == 'x') {
		w->model.step++;
		return true;
	}
	if (result == 'R')
		return trouble(w, print_op(op, text, sizeof(text)));
	if (result == 'F') {
		errno = EFAULT;
		return trouble(w, print_op(op, text, sizeof(text)));
	}
	model_apply(&w->model, op, promised(result));
	return op->kind != 'n' || make_file(w, w->model.slot[op->file]);
}

/* Are the files what the model says, before the power is cut? */
bool same_as_model(struct world *w)
{
	unsigned char *data = malloc(2 * w->model.limit), *want = data + w->model.limit;
	bool same = data;

	for (int i = 0; same && i < w->model.objects; i++) {
		struct object *o = &w->model.object[i];

		if (w->file[i].fd < 0)
			continue;
		fill(&w->model, o, want);
		if (pread(w->file[i].fd, data, w->model.limit, 0) != o->size || memcmp(data, want, o->size)) {
			snprintf(w->trouble, sizeof(w->trouble), "before the power was cut, file %d was not as the model has it", i);
			same = false;
		}
	}
	free(data);
	return same;
}
