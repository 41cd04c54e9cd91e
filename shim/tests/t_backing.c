// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is behind a mapping, found out without asking a filesystem: that might ask a
 * server that never answers. Whoever asks is killed here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu.h"
#include "statx.h"
#include "tap.h"

/* Since Linux 5.8. */
#define FACCESSAT2_NR	439

static char root[] = "/tmp/mincore2-backing-XXXXXX";

#define DIE_AT(nr) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

/* The low half of an argument is first where this runs. */
#define LOAD(member) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))

/* A path is walked with O_NOFOLLOW only; O_PATH at a link of map_files does not walk. */
static int forbid_servers(void)
{
	struct sock_filter filter[] = {
		LOAD(nr),
#ifdef SYS_newfstatat
		DIE_AT(SYS_newfstatat),
#endif
#ifdef SYS_fstatat64
		DIE_AT(SYS_fstatat64),
		DIE_AT(SYS_fstat64),
		DIE_AT(SYS_fstatfs64),
#endif
		DIE_AT(SYS_fstat),
		DIE_AT(SYS_fstatfs),
		DIE_AT(FACCESSAT2_NR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statx, 3, 6),
		LOAD(args[2]),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_NOFOLLOW, 0, 4),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		LOAD(args[2]),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, AT_STATX_DONT_SYNC, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
}

enum { NOT_CACHED, CACHED, FAILED };

/* Is a mapping of the file @st said to be of the page cache? maps has @name for it. */
static int ask(const char *name, const struct stat *st)
{
	char proc[PATH_MAX];
	const struct mincore2_emu_env env = {
		.proc = proc, .sys = "/sys", .other = true, .no_server = true,
	};
	const struct mincore2_vma vma = {
		.start = 0x1000, .end = 0x2000, .ino = st->st_ino, .name = name,
		.dev_major = major(st->st_dev), .dev_minor = minor(st->st_dev),
		.page_size = mincore2_page_size(),
	};
	struct mincore2_emu_facts facts;
	int status = -1;
	pid_t pid;

	snprintf(proc, sizeof(proc), "%s/task/1", root);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (forbid_servers() || mincore2_emu_facts(&env, &vma, &facts))
			_exit(FAILED);
		_exit(facts.cached ? CACHED : NOT_CACHED);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ?
	       WEXITSTATUS(status) : FAILED;
}

static void path_of(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", root, name);
}

/* The file that map_files leads to; NULL: to none, as without the capability for it. */
static void link_to(const char *file)
{
	char path[PATH_MAX];

	path_of(path, "map_files/1000-2000");
	unlink(path);
	if (file && symlink(file, path))
		abort();
}

static void by_path(void)
{
	char path[PATH_MAX], other[PATH_MAX], escaped[PATH_MAX], gone[PATH_MAX + 16];
	char detour[PATH_MAX], target[32], walked[2 * PATH_MAX];
	struct stat st, same;
	int fd, top;

	link_to(NULL);
	path_of(path, "a\nb");
	path_of(escaped, "a\\012b");
	path_of(other, "other");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) || link(path, other))
		abort();
	ok(ask(other, &st) == CACHED, "a file, by its path: page cache, and no server is asked");
	ok(ask(escaped, &st) == CACHED, "  one with a newline in it");
	/* The kernel leaves its cache of names for a link of /proc, as for a server. */
	top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	path_of(detour, "detour");
	snprintf(target, sizeof(target), "/proc/self/fd/%d", top);
	if (top < 0 || symlink(target, detour))
		abort();
	snprintf(walked, sizeof(walked), "%s%s", detour, other);
	ok(!stat(walked, &same) && same.st_ino == st.st_ino && ask(walked, &st) == NOT_CACHED,
	   "a path that takes more than the cache of names: not known");
	unlink(detour);
	close(top);
	st.st_ino++;
	ok(ask(other, &st) == NOT_CACHED, "another file has that path now: not known");
	st.st_ino--;
	unlink(other);
	snprintf(gone, sizeof(gone), "%s (deleted)", other);
	ok(ask(gone, &st) == NOT_CACHED, "a file that is gone from its path: not known");
	link_to(path);
	ok(ask(gone, &st) == CACHED, "  if map_files leads to it: page cache");
	unlink(path);
	close(fd);
}

static void no_regular_files(void)
{
	char path[PATH_MAX];
	struct stat st;

	link_to("/dev/null");
	ok(!stat("/dev/null", &st) && ask("/dev/null", &st) == NOT_CACHED,
	   "a character device has no page cache");
	link_to("/proc/version");
	ok(!stat("/proc/version", &st) && ask("/proc/version", &st) == NOT_CACHED,
	   "nor has a file of /proc");
	path_of(path, "block");
	if (mknod(path, S_IFBLK | 0600, makedev(7, 0)) || stat(path, &st)) {
		ok(true, "# SKIP a block device: none can be made here");
		return;
	}
	link_to(path);
	ok(ask(path, &st) == CACHED, "a block device has one");
	unlink(path);
}

int main(void)
{
	static const char *const dirs[] = { "task", "task/1", "map_files" };
	char path[PATH_MAX];

	if (!mkdtemp(root))
		return 1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		path_of(path, dirs[i]);
		if (mkdir(path, 0700))
			return 1;
	}
	by_path();
	no_regular_files();
	link_to(NULL);
	for (size_t i = sizeof(dirs) / sizeof(dirs[0]); i--;) {
		path_of(path, dirs[i]);
		rmdir(path);
	}
	rmdir(root);
	return tap_done();
}
