// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The emulation: what is behind a mapping. The file is found through
 * /proc/self/map_files, which takes a capability, or else by the path that maps
 * shows, if the file that is there now is the one that is mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "digits.h"
#include "emu.h"
#include "magic.h"
#include "statx.h"

/* What the kernel shows in place of a user ID that has no name here. */
#define OVERFLOW_UID	65534

int mincore2_emu_open(const struct mincore2_emu_env *env, const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", env->proc, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (env->trust || mincore2_fs_magic(fd) == PROC_SUPER_MAGIC)
		return fd;
	close(fd);
	return -ENOENT;
}

/* Read the beginning of a small file, and close it. 0 or a negative errno. */
static int read_text(int fd, char *text, size_t size)
{
	ssize_t len;

	if (fd < 0)
		return fd;
	len = read(fd, text, size - 1);
	if (len < 0)
		len = -errno;
	close(fd);
	text[len < 0 ? 0 : len] = '\0';
	return len < 0 ? (int)len : 0;
}

/*
 * The number behind "\nNAME:\t" in a file; or a negative errno, -EBADF: there is no such
 * line; -ESRCH: no digits, such as -1.
 */
static int number_in(const char *path, const char *name)
{
	char text[1024];
	const char *at;
	uint64_t number;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = read_text(fd < 0 ? -errno : fd, text, sizeof(text));

	if (err)
		return err;
	at = strstr(text, name);
	if (!at)
		return -EBADF;
	at += strlen(name);
	return mincore2_digits(&at, 10, &number) ? (int)number : -ESRCH;
}

int mincore2_emu_pid(int pidfd)
{
	char path[64];
	int pid, first;

	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", pidfd);
	pid = number_in(path, "\nPid:\t");
	if (pid <= 0)
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	first = number_in(path, "\nTgid:\t");
	/* One that /proc hides has no file there: believe it. */
	return first > 0 && first != pid ? -ESRCH : pid;
}

/* The next field of stat, behind a blank; NULL if there is none. */
static const char *skip_fields(const char *at, int nr)
{
	while (at && nr--)
		at = strchr(at + 1, ' ');
	return at;
}

int mincore2_emu_program(const struct mincore2_emu_env *env, char *program)
{
	/* Their numbers in proc_pid_stat(5). */
	enum { COMM = 2, STARTCODE = 26, STARTSTACK = 28 };
	char text[1024];
	const char *start, *end;
	int err = read_text(mincore2_emu_open(env, "stat"), text, sizeof(text));

	if (err)
		return err;
	/* The name of the program ends with the last parenthesis, and may have others. */
	start = skip_fields(strrchr(text, ')'), STARTCODE - COMM);
	end = skip_fields(start, STARTSTACK + 1 - STARTCODE);
	if (!end)
		return -EOPNOTSUPP;
	snprintf(program, MINCORE2_PROGRAM, "%.*s", (int)(end - start), start);
	return 0;
}

int mincore2_emu_left(const struct mincore2_emu_env *env, const char *program, int maps)
{
	char now[MINCORE2_PROGRAM];
	int err = mincore2_emu_program(env, now);

	/* It has no file in /proc any more. */
	if (err == -ENOENT || err == -ESRCH)
		return 1;
	if (!err && strcmp(program, now))
		return 1;
	return err ? err : mincore2_maps_gone(maps);
}

static bool begins(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/*
 * Shared anonymous memory and the like: the kernel's own tmpfs and hugetlbfs,
 * files without a path. (Only root could give a file such a name, in "/".)
 */
static bool is_internal_shmem(const char *name)
{
	const char *deleted = strstr(name, " (deleted)");

	return (deleted && !strcmp(deleted, " (deleted)") &&
		(begins(name, "/memfd:") || begins(name, "/SYSV") ||
		 !strcmp(name, "/dev/zero (deleted)"))) ||
	       begins(name, "[anon_shmem:");
}

static bool out_of_resources(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM;
}

/* The path with each \012 a newline: maps writes no other character so. */
static void unescape(const char *name, char *path, size_t size)
{
	size_t used = 0;

	while (*name && used < size - 1) {
		if (begins(name, "\\012")) {
			path[used++] = '\n';
			name += 4;
		} else {
			path[used++] = *name++;
		}
	}
	path[used] = '\0';
}

/* openat2(), since Linux 5.6, which headers of older systems do not have. */
#define OPENAT2_NR	437
#define RESOLVE_CACHED	0x20	/* since 5.12 */

/*
 * Opened by a path that maps shows. The names of what is mapped are in the kernel's cache. On
 * NFS or FUSE their server may have to confirm them: it is not asked with @no_server, and the
 * file is not found. Returns a descriptor, or -1 and errno.
 */
static int open_path(const struct mincore2_emu_env *env, const char *path)
{
	const struct {
		uint64_t flags, mode, resolve;
	} how = {
		.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_CACHED,
	};

	return env->no_server ?
	       (int)syscall(OPENAT2_NR, AT_FDCWD, path, &how, sizeof(how)) :
	       open(path, (int)how.flags);
}

/*
 * The file of a mapping, opened with O_PATH: nothing is done to it. Returns -1
 * where it cannot be found, or -EMFILE and the like.
 */
static int open_file(const struct mincore2_emu_env *env,
		     const struct mincore2_vma *vma)
{
	char path[MINCORE2_LINE];
	int fd;

	/* It is the process that has map_files, not the thread. */
	snprintf(path, sizeof(path), "%s/../../map_files/%" PRIx64 "-%" PRIx64,
		 env->proc, vma->start, vma->end);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (out_of_resources(errno))
		return -errno;
	if (vma->name[0] != '/')
		return -1;
	fd = open_path(env, vma->name);
	if (fd < 0 && !out_of_resources(errno) && strstr(vma->name, "\\012")) {
		unescape(vma->name, path, sizeof(path));
		fd = open_path(env, path);
	}
	if (fd < 0)
		return out_of_resources(errno) ? -errno : -1;
	if (mincore2_maps_is_file(vma, fd))
		return fd;
	close(fd);
	return -1;
}

/*
 * The rule of mincore(2) since Linux 5.2, can_do_mincore(): the owner of the
 * file, or who might open it for writing. UNKNOWN, as there may be a capability.
 */
static enum mincore2_tri may_look(int fd, const struct mincore2_statx *stx)
{
	/* The way to ask for it: an ID that is none changes nothing. */
	uid_t fsuid = (uid_t)setfsuid((uid_t)-1);

	if (stx->mask & MINCORE2_STATX_UID && stx->uid == fsuid &&
	    fsuid != OVERFLOW_UID)
		return MINCORE2_YES;
	if (!faccessat(fd, "", W_OK, AT_EACCESS | AT_EMPTY_PATH))
		return MINCORE2_YES;
	return MINCORE2_UNKNOWN;
}

/*
 * May a shared mapping of the page cache of a filesystem that writes it back be pinned?
 * Linux 6.5 began to refuse that.
 */
static enum mincore2_tri pin_of_written_back(void)
{
	struct utsname name;
	const char *text = name.release;
	uint64_t major, minor;

	if (uname(&name) || !mincore2_digits(&text, 10, &major) ||
	    *text++ != '.' || !mincore2_digits(&text, 10, &minor))
		return MINCORE2_UNKNOWN;
	return major > 6 || (major == 6 && minor >= 5) ? MINCORE2_NO :
	       MINCORE2_UNKNOWN;
}

/* The same of a filesystem without DAX; of most it is not known what they do. */
static enum mincore2_tri pin_of_file(uint32_t magic, bool shared)
{
	switch (magic) {
	case SECRETMEM_MAGIC:
		return MINCORE2_NO;
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case NFS_SUPER_MAGIC:
		return shared ? pin_of_written_back() : MINCORE2_YES;
	default:
		return shared ? MINCORE2_UNKNOWN : MINCORE2_YES;
	}
}

static void regular_facts(int fd, const struct mincore2_statx *stx,
			  const struct mincore2_vma *vma,
			  struct mincore2_emu_facts *facts)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return;
	facts->hugetlb = MINCORE2_NO;
	facts->pud = false;
	switch ((uint32_t)fs.f_type) {
	case HUGETLBFS_MAGIC:
		facts->hugetlb = MINCORE2_YES;
		facts->huge_size = (uint64_t)fs.f_bsize;
		facts->dax = facts->persist = MINCORE2_NO;
		facts->pin = MINCORE2_YES;
		facts->pfnmap = false;
		return;
	case TMPFS_MAGIC:
		facts->pin = MINCORE2_YES;
		facts->shmem = true;
		facts->pfnmap = false;
		break;
	case SYSFS_MAGIC:	/* memory of PCI devices */
	case PROC_SUPER_MAGIC:
	case DEBUGFS_MAGIC:
		break;
	default:
		facts->pfnmap = false;
	}
	if (!(stx->attributes_mask & MINCORE2_ATTR_DAX))
		return;
	if (!(stx->attributes & MINCORE2_ATTR_DAX)) {
		facts->dax = facts->persist = MINCORE2_NO;
		facts->cached = !facts->pfnmap;
		if (facts->cached && !facts->shmem)
			facts->pin = pin_of_file((uint32_t)fs.f_type, vma->shared);
		return;
	}
	facts->dax = MINCORE2_YES;
	facts->pin = MINCORE2_NO;
	/* Shared: that depends on the filesystem, its journal, and the file. */
	if (!vma->shared)
		facts->persist = MINCORE2_NO;
}

static int device_facts(const struct mincore2_emu_env *env,
			const struct mincore2_statx *stx,
			const struct mincore2_vma *vma,
			struct mincore2_emu_facts *facts)
{
	struct mincore2_device device;
	int err = mincore2_device_look(env->sys, env->trust, "char",
				       stx->rdev_major, stx->rdev_minor,
				       &device);

	if (err)
		return err;
	facts->dax = device.dax;
	facts->persist = device.persist;
	/* The kernel refuses private mappings of device-dax. */
	if (device.dax == MINCORE2_YES && !vma->shared)
		facts->dax = facts->persist = MINCORE2_UNKNOWN;
	facts->hugetlb = MINCORE2_NO;
	if (facts->dax == MINCORE2_NO)
		facts->pud = false;
	if (facts->dax != MINCORE2_YES)
		return 0;
	facts->pin = MINCORE2_YES;
	facts->pfnmap = false;
	/* Each entry has exactly this size: __dev_dax_pmd_fault() and so on. */
	facts->align = device.align;
	if (device.align && device.align >> mincore2_pud_shift() == 0)
		facts->pud = false;
	return 0;
}

static int file_facts(const struct mincore2_emu_env *env,
		      const struct mincore2_vma *vma, int fd,
		      struct mincore2_emu_facts *facts)
{
	struct mincore2_statx stx;

	if (mincore2_statx(fd, &stx))
		return 0;
	if (env->no_server) {
		facts->cached = S_ISBLK(stx.mode) ||
				(S_ISREG(stx.mode) && !begins(vma->name, "/sys/") &&
				 !begins(vma->name, "/proc/"));
		return 0;
	}
	facts->may_look = may_look(fd, &stx);
	if (S_ISREG(stx.mode)) {
		regular_facts(fd, &stx, vma, facts);
	} else if (S_ISCHR(stx.mode)) {
		return device_facts(env, &stx, vma, facts);
	} else if (S_ISBLK(stx.mode)) {
		/* Its page cache; DAX of block devices is gone since 4.6. */
		facts->dax = facts->persist = facts->hugetlb = MINCORE2_NO;
		facts->pud = facts->pfnmap = false;
		facts->pin = vma->shared ? pin_of_written_back() : MINCORE2_YES;
		facts->cached = true;
	}
	return 0;
}

static int find_facts(const struct mincore2_emu_env *env,
		      const struct mincore2_vma *vma,
		      struct mincore2_emu_facts *facts)
{
	const char *name = vma->name;
	int fd;

	if (!vma->ino && !vma->dev_major && !vma->dev_minor) {
		facts->dax = facts->persist = facts->hugetlb = MINCORE2_NO;
		if (!*name || begins(name, "[heap") || begins(name, "[stack") ||
		    begins(name, "[anon:")) {
			facts->anon = true;
			facts->pin = MINCORE2_YES;
			facts->may_look = MINCORE2_YES;
		} else {
			/* [vdso], [vvar] and the like. */
			facts->pfnmap = true;
		}
		return 0;
	}
	facts->pfnmap = true;
	facts->pud = mincore2_room_for(vma->start, vma->end,
				       mincore2_pud_shift());
	if (vma->page_size == mincore2_page_size())
		facts->hugetlb = MINCORE2_NO;
	fd = open_file(env, vma);
	if (fd < -1)
		return fd;
	if (fd >= 0) {
		facts->fd = fd;
		return file_facts(env, vma, fd, facts);
	}
	if (is_internal_shmem(name)) {
		facts->dax = facts->persist = MINCORE2_NO;
		facts->pin = MINCORE2_YES;
		facts->pud = facts->pfnmap = false;
		/* A memfd may be hugetlb. */
		if (vma->page_size > mincore2_page_size()) {
			facts->hugetlb = MINCORE2_YES;
			facts->huge_size = vma->page_size;
		} else if (!vma->page_size) {
			facts->hugetlb = begins(name, "/memfd:") ||
					 begins(name, "/SYSV") ?
					 MINCORE2_UNKNOWN : MINCORE2_NO;
		}
		facts->cached = true;
	} else if (!strcmp(name, "/anon_hugepage (deleted)")) {
		facts->dax = facts->persist = MINCORE2_NO;
		facts->pud = facts->pfnmap = false;
		facts->pin = facts->hugetlb = MINCORE2_YES;
	}
	return 0;
}

int mincore2_emu_facts(const struct mincore2_emu_env *env,
		       const struct mincore2_vma *vma,
		       struct mincore2_emu_facts *facts)
{
	int err;

	*facts = (struct mincore2_emu_facts) { .fd = -1, .cache_fd = -1 };
	err = find_facts(env, vma, facts);
	/* What cannot be written cannot be pinned for that. */
	if (!vma->write)
		facts->pin = MINCORE2_NO;
	return err;
}

void mincore2_emu_facts_end(struct mincore2_emu_facts *facts)
{
	if (facts->fd >= 0)
		close(facts->fd);
	if (facts->cache_fd >= 0)
		close(facts->cache_fd);
	facts->fd = facts->cache_fd = -1;
}
