// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mincore2_emulate(), and which way answers come.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "emu.h"

/* How often to begin anew when the mapping that was read of is gone. */
#define ATTEMPTS	64

/*
 * Of the thread, not of the process: that is without memory once its first
 * thread has ended.
 */
static const struct mincore2_emu_env here = {
	.proc = "/proc/thread-self",
	.sys = "/sys",
};

int mincore2_emu_open_error(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM ? -EAGAIN :
	       err == -ESRCH ? -ESRCH : -EOPNOTSUPP;
}

/* The same of another process, which may not be looked at. */
static int open_error_of(const struct mincore2_emu_env *env, int err)
{
	/* The option hidepid of /proc hides it: ENOENT. The caller looks if it has ended. */
	if (env->other && (err == -EACCES || err == -EPERM || err == -ENOENT))
		return -EPERM;
	/* Of a process without memory the kernel opens an empty file, or none: ESRCH. */
	return mincore2_emu_open_error(err);
}

MINCORE2_API enum mincore2_way mincore2_way(unsigned int options)
{
	int saved_errno = errno;
	enum mincore2_way way = MINCORE2_WAY_NONE;
	int fd;

	if (!(options & MINCORE2_EMULATE_ALWAYS)) {
		if (mincore2_supported())
			return MINCORE2_WAY_NATIVE;
		if (!(options & MINCORE2_EMULATE))
			return MINCORE2_WAY_NONE;
	}
	fd = mincore2_emu_open(&here, "maps");
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || mincore2_emu_open_error(fd) == -EAGAIN)
		way = MINCORE2_WAY_EMULATED;
	errno = saved_errno;
	return way;
}

MINCORE2_API const char *mincore2_way_string(enum mincore2_way way)
{
	switch (way) {
	case MINCORE2_WAY_NONE:
		return "none";
	case MINCORE2_WAY_NATIVE:
		return "native";
	case MINCORE2_WAY_EMULATED:
		return "emulated";
	}
	return "unknown";
}

static int next_vma(struct mincore2_emu_call *call, uint64_t at,
		    struct mincore2_vma *vma)
{
	return mincore2_maps_next(&call->maps, &call->query, at, vma, call->line);
}

static int rewind_maps(struct mincore2_emu_call *call)
{
	call->maps.pos = call->maps.len = 0;
	call->pages.start = call->pages.end = 0;
	if (call->smaps.fd >= 0)
		close(call->smaps.fd);
	call->smaps.fd = -1;
	return lseek(call->maps.fd, 0, SEEK_SET) ? -EOPNOTSUPP : 0;
}

/*
 * Is all of the range user space? It is below a variable of ours, or below a
 * mapping; or else pagemap, which ends there, tells. Nothing is mapped at what
 * it is asked for then.
 */
static int check_end(struct mincore2_emu_call *call)
{
	uint64_t page = mincore2_page_size();
	uint64_t last = call->end - page, entry;
	struct mincore2_vma vma;
	ssize_t got;
	int ret;

	if (!call->env->other && last < (uintptr_t)call)
		return 0;
	ret = next_vma(call, last, &vma);
	if (ret < 0)
		return -EAGAIN;
	if (rewind_maps(call))
		return -EOPNOTSUPP;
	if (ret && strcmp(vma.name, "[vsyscall]"))
		return 0;
	if (call->pages.fd < 0)
		return 0;
	do {
		got = pread(call->pages.fd, &entry, sizeof(entry),
			    (off_t)(last / page * sizeof(entry)));
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(entry) ? 0 : -ENOMEM;
}

/* One pass over maps. Returns 0 or -errno. */
static int pass(struct mincore2_emu_call *call)
{
	int ret = 0;

	while (!ret && call->at < call->end) {
		struct mincore2_vma vma;
		uint64_t end = call->end;

		ret = next_vma(call, call->at, &vma);
		if (ret < 0)
			return ret;
		if (!ret || vma.start >= end) {
			mincore2_emu_put(call, end, MINCORE_UNMAPPED, 0);
			return 0;
		}
		ret = 0;
		if (call->at < vma.start)
			ret = mincore2_emu_put(call, vma.start,
					       MINCORE_UNMAPPED, 0);
		if (!ret)
			ret = mincore2_emu_report(call, &vma,
						  vma.end < end ? vma.end : end);
	}
	return ret < 0 ? ret : 0;
}

static ssize_t run(struct mincore2_emu_call *call)
{
	int ret = check_end(call);

	if (ret)
		return ret;
	for (int i = 0; i < ATTEMPTS; i++) {
		ret = pass(call);
		if (call->stored)
			return (ssize_t)call->stored;
		if (ret != -ESTALE)
			break;
		ret = rewind_maps(call);
		if (ret)
			break;
		ret = -EAGAIN;
	}
	if (ret == -EMFILE || ret == -ENFILE || ret == -ENOMEM)
		ret = -EAGAIN;
	return ret;
}

/*
 * Of another process. One without memory has no mappings, which is not the same as having
 * nothing mapped. If it has left its memory at the end only, it has executed another
 * program, or has ended; the caller finds out whether it has ended.
 */
static ssize_t run_other(struct mincore2_emu_call *call, const char *program)
{
	int gone = mincore2_maps_gone(call->maps.fd);
	ssize_t ret;
	int left;

	if (gone)
		return gone > 0 ? -ESRCH : -EAGAIN;
	ret = run(call);
	left = mincore2_emu_left(call->env, program, call->maps.fd);
	if (left > 0)
		return -EAGAIN;
	return left && ret >= 0 ? open_error_of(call->env, left) : ret;
}

ssize_t mincore2_emu_run(const struct mincore2_emu_env *env, void *addr,
			 size_t length, struct mincore_region *vec, size_t nr,
			 unsigned int bits, unsigned int options,
			 uint64_t *unknown)
{
	uint64_t mask = mincore2_page_size() - 1;
	uint64_t start = (uintptr_t)addr;
	char program[MINCORE2_PROGRAM];
	struct mincore2_emu_call call;
	ssize_t ret;

	if (mincore2_bad_flags(bits, options) || start & mask)
		return -EINVAL;
	if (length && (UINTPTR_MAX - start < length - 1 ||
		       UINTPTR_MAX - start - (length - 1) < mask))
		return -ENOMEM;
	if (!unknown || (!vec && length && nr))
		return -EFAULT;
	if (!length || !nr) {
		*unknown = 0;
		return 0;
	}
	memset(&call, 0, sizeof(call));
	call.env = env;
	call.bits = bits;
	call.options = options;
	call.at = start;
	call.end = start + ((length + mask) & ~mask);
	call.vec = vec;
	call.nr = nr;
	call.smaps.fd = -1;
	ret = env->other ? mincore2_emu_program(env, program) : 0;
	if (ret)
		return open_error_of(env, (int)ret);
	call.maps.fd = mincore2_emu_open(env, "maps");
	if (call.maps.fd < 0)
		return open_error_of(env, call.maps.fd);
	call.pages.fd = mincore2_emu_open(env, "pagemap");
	call.pages.scan = !env->no_scan;
	call.query = !env->no_query;
	ret = env->other ? run_other(&call, program) : run(&call);
	if (ret > 0)
		*unknown = call.unknown;
	close(call.maps.fd);
	if (call.pages.fd >= 0)
		close(call.pages.fd);
	if (call.smaps.fd >= 0)
		close(call.smaps.fd);
	return ret;
}

MINCORE2_API ssize_t mincore2_emulate(void *addr, size_t length,
				      struct mincore_region *vec, size_t nr,
				      unsigned int bits, unsigned int options,
				      uint64_t *unknown)
{
	int saved_errno = errno;
	ssize_t ret = mincore2_emu_run(&here, addr, length, vec, nr, bits,
				       options, unknown);

	errno = saved_errno;
	return ret;
}
