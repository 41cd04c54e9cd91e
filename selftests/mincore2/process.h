/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Another process to look at: a child with memory in every state, and looks at it.
 */
#ifndef MINCORE2_SELFTESTS_PROCESS_H
#define MINCORE2_SELFTESTS_PROCESS_H

#include "helpers.h"

#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define R		MINCORE_REGIONS
#define ALL		(MC2_ALL | MINCORE_PINNABLE)
/* Where a target of either width has its memory. */
#define AT		0x40000000UL
#define PAGES		64
#define UID		1000
#define LIMIT_MS	20000

static inline int open_pidfd(pid_t pid)
{
	return (int)syscall(__NR_pidfd_open, pid, 0);
}

/* One page of a process: its state, or a negative errno. */
static inline int64_t look(int pidfd, uint64_t addr, unsigned int flags)
{
	struct mincore_region r;
	ssize_t ret = do_process(pidfd, addr, 1, &r, 1, flags | R);

	return ret < 0 ? -errno : ret != 1 ? -EPROTO : (int64_t)r.state;
}

/* All of [AT, AT + PAGES) in the region format, a state a page. 0 or -errno. */
static inline int look_all(int pidfd, uint64_t *states)
{
	struct mincore_region r[PAGES];
	size_t page = mc2_page_size();
	uint64_t at = AT, end = AT + PAGES * page;

	while (at < end) {
		ssize_t n = pidfd < 0 ?
			do_mincore2(mc2_ptr(at), end - at, r, PAGES, ALL | R) :
			do_process(pidfd, at, end - at, r, PAGES, ALL | R);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n || !mc2_tiling_ok(r, n, at, end, ALL))
			return -MC2_BROKEN;
		mc2_expand(r, n, states + (at - AT) / page);
		at = r[n - 1].end;
	}
	return 0;
}

/* Pages in every state that anonymous memory and a file have. */
static inline bool make_memory(int fd)
{
	size_t page = mc2_page_size();
	char *p = mmap((void *)AT, PAGES * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != (void *)AT)
		return false;
	madvise(p, PAGES * page, MADV_NOHUGEPAGE);
	p[0] = 1;
	p[page] = 1;
	p[9 * page] = 1;
	(void)*(volatile char *)(p + 4 * page);
	munmap(p + 6 * page, 2 * page);
	mprotect(p + 9 * page, page, PROT_READ);
	if (fd < 0)
		return true;
	if (mmap(p + 16 * page, 8 * page, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(p + 32 * page, 8 * page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		return false;
	p[16 * page] = 1;
	p[33 * page] = 1;
	(void)*(volatile char *)(p + 32 * page);
	return true;
}

/* ---- targets: children that wait until they are told to end ---- */

struct target {
	pid_t pid;
	int pidfd, go, said;	/* its pipes; reading @said waits for it */
};

enum kind { PLAIN, NOT_DUMPABLE, IN_USER_NS };

static inline void target_life(enum kind kind, uid_t uid, int fd, int go, int said)
{
	uint64_t states[PAGES];
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!make_memory(fd))
		_exit(2);
	if (uid && (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
		    setresuid(uid, uid, uid)))
		_exit(3);
	if (kind == IN_USER_NS && unshare(CLONE_NEWUSER))
		_exit(4);
	/* To change one's user makes one not dumpable, too. */
	prctl(PR_SET_DUMPABLE, kind != NOT_DUMPABLE);
	if (write(said, "x", 1) != 1)
		_exit(5);
	while (read(go, &c, 1) == 1) {
		if (look_all(-1, states) ||
		    write(said, states, sizeof(states)) != sizeof(states))
			_exit(6);
	}
	_exit(0);
}

static inline bool wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, LIMIT_MS) == 1;
}

/* A child of @uid with memory of which @fd is a part (-1: none). */
static inline bool target_start(struct target *t, enum kind kind, uid_t uid, int fd)
{
	int go[2], said[2];
	char c;

	if (pipe2(go, O_CLOEXEC) || pipe2(said, O_CLOEXEC))
		return false;
	t->pid = fork();
	if (!t->pid) {
		close(go[1]);
		close(said[0]);
		target_life(kind, uid, fd, go[0], said[1]);
	}
	close(go[0]);
	close(said[1]);
	t->go = go[1];
	t->said = said[0];
	t->pidfd = t->pid < 0 ? -1 : open_pidfd(t->pid);
	return t->pidfd >= 0 && wait_for(t->said) && read(t->said, &c, 1) == 1;
}

/* It ends, and is waited for. Its pidfd stays. */
static inline int target_end(struct target *t)
{
	int status = -1;

	close(t->go);
	if (waitpid(t->pid, &status, 0) != t->pid)
		return -1;
	close(t->said);
	return status;
}

#endif /* MINCORE2_SELFTESTS_PROCESS_H */
