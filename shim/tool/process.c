// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A mapping of another process: what is mapped there, and how. The answers about its
 * pages are those of mincore2_process(), so nothing is mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "digits.h"
#include "emu.h"
#include "mapping.h"
#include "text.h"

static bool read_address(const char **text, uint64_t *address)
{
	if (!strncasecmp(*text, "0x", 2))
		*text += 2;
	return mincore2_digits(text, 16, address);
}

/* PID:ADDRESS has an end of 0. */
static bool parse_operand(const char *text, struct process *process)
{
	uint64_t pid;

	*process = (struct process) { .pidfd = -1 };
	if (!mincore2_digits(&text, 10, &pid) || *text++ != ':' || !pid ||
	    pid > INT_MAX || !read_address(&text, &process->start))
		return false;
	process->pid = (pid_t)pid;
	if (!*text)
		return true;
	return *text++ == '-' && read_address(&text, &process->end) && !*text &&
	       process->end > process->start;
}

pid_t process_operand(const char *text)
{
	struct process process;

	return parse_operand(text, &process) ? process.pid : 0;
}

/* A line of maps, proc(5); false if it is not the one with @process->start. */
bool process_parse_map(struct process *process, const char *line)
{
	struct mincore2_vma *vma = &process->vma;

	if (!mincore2_maps_parse(line, vma))
		return false;
	snprintf(process->path, sizeof(process->path), "%s", vma->name);
	vma->name = NULL;	/* the line will be gone */
	return process->start >= vma->start && process->start < vma->end;
}

static struct mincore2_lines open_proc(const struct process *process,
				       const char *root, const char *name)
{
	char path[PATH_MAX];

	path_print(path, "%s/proc/%d/%s", root, (int)process->pid, name);
	return (struct mincore2_lines) { .fd = open(path, O_RDONLY | O_CLOEXEC) };
}

int process_errno(pid_t pid, int err)
{
	/* /proc, if there is one, may hide what there is, with its option hidepid. */
	if (err == ENOENT && !access("/proc/self", F_OK))
		return kill(pid, 0) && errno == ESRCH ? ESRCH : EPERM;
	return err == EACCES ? EPERM : err;
}

int process_reach(const struct mincore2_vma *vma, char *error)
{
	/* A call takes addresses and lengths of the caller's width. */
	if ((uintptr_t)(vma->end - 1) == vma->end - 1)
		return 0;
	return fail(error, EOVERFLOW, "memory above 4 GiB takes a tool of 64 bits: %m");
}

int process_find(struct process *process, const char *operand,
		 const char *root, char *error)
{
	const struct mincore2_vma *vma = &process->vma;
	struct mincore2_lines maps;
	char line[MINCORE2_LINE];
	bool found = false;

	if (!parse_operand(operand, process))
		return fail(error, EINVAL, "not PID:ADDRESS or PID:START-END");
	maps = open_proc(process, root, "maps");
	if (maps.fd < 0)
		return fail(error, process_errno(process->pid, errno),
			     "cannot see the mappings of process %d: %m",
			     (int)process->pid);
	while (!found && mincore2_maps_line(&maps, line, sizeof(line)) > 0)
		found = process_parse_map(process, line);
	close(maps.fd);
	if (!found)
		return fail(error, ENOENT, "process %d has no mapping there",
			    (int)process->pid);
	if (process_reach(vma, error))
		return -EOVERFLOW;
	if (!vma->ino || process->path[0] != '/')
		return fail(error, EINVAL, "what is mapped there is no file");
	if (!process->end) {
		process->start = vma->start;
		process->end = vma->end;
	}
	if (process->start % page_size() || process->end % page_size())
		return fail(error, EINVAL, "addresses must be multiples of the page size");
	if (process->end > vma->end)
		return fail(error, EINVAL, "more than one mapping: the first ends at %" PRIx64,
			    vma->end);
	return 0;
}

bool process_same(const struct process *process, const char *operand,
		  const char *root)
{
	const struct mincore2_vma *was = &process->vma;
	struct process now;
	char error[ERROR_SIZE];

	return !process_find(&now, operand, root, error) &&
	       now.vma.start == was->start && now.vma.end == was->end &&
	       now.vma.offset == was->offset && now.vma.ino == was->ino &&
	       now.vma.dev_major == was->dev_major &&
	       now.vma.dev_minor == was->dev_minor &&
	       now.vma.shared == was->shared && now.vma.write == was->write;
}

/* Has the process a device-dax mapped that may have 1 GiB entries? */
static bool has_pud_mapping(const struct process *process, const char *root)
{
	struct mincore2_lines maps = open_proc(process, root, "maps");
	char line[MINCORE2_LINE];
	bool found = maps.fd < 0;

	while (!found && mincore2_maps_line(&maps, line, sizeof(line)) > 0) {
		struct mincore2_device device;
		struct mincore2_vma vma;
		struct stat st;

		if (!mincore2_maps_parse(line, &vma) || !vma.ino ||
		    !mincore2_room_for(vma.start, vma.end, mincore2_pud_shift()))
			continue;
		/* One that is out of reach is believed to be the worst. */
		if (stat(vma.name, &st) || st.st_ino != vma.ino)
			found = true;
		else if (S_ISCHR(st.st_mode))
			found = devdax_find(st.st_rdev, &device) ||
				(device.dax != MINCORE2_NO &&
				 (!device.align ||
				  device.align >> mincore2_pud_shift()));
	}
	if (maps.fd >= 0)
		close(maps.fd);
	return found;
}

int process_sync(const struct process *process, const char *root)
{
	struct mincore2_emu_smaps found;
	struct mincore2_lines smaps;
	char line[MINCORE2_LINE];
	int ret;

	if (has_pud_mapping(process, root))
		return -EBUSY;
	smaps = open_proc(process, root, "smaps");
	if (smaps.fd < 0)
		return -errno;
	ret = mincore2_emu_find_smaps(&smaps, line, process->vma.start,
				      process->vma.end, &found);
	close(smaps.fd);
	if (ret >= 0 && !found.has_flags)
		ret = -ENOENT;
	return ret < 0 ? ret : found.sync;
}

int process_pidfd(pid_t pid, char *error)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0U);
	int found;

	/* A thread, but not the first: EINVAL, and ENOENT since Linux 6.15. */
	if (fd < 0)
		return fail(error, errno == EINVAL || errno == ENOENT ? ESRCH : errno,
			    "no process to look at: %m");
	found = mincore2_emu_pid(fd);
	if (found == pid)
		return fd;
	close(fd);
	return found < 0 ? fail(error, -found, "cannot see in /proc which process it is: %m") :
	       fail(error, ESRCH, "/proc is that of another PID namespace");
}

int process_open(const struct process *process, struct target *target,
		 char *error)
{
	char link[PATH_MAX];
	int err;

	/* The link leads to the file itself, be its name gone or another's. */
	path_print(link, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
		   (int)process->pid, process->vma.start, process->vma.end);
	err = target_open(target, link, false, error);
	/*
	 * Without privileges the link is closed. The path is that of the mount
	 * namespace of the process, and may have another file by now.
	 */
	if (err == -EPERM || err == -EACCES) {
		error[0] = '\0';
		err = target_open(target, process->path, false, error);
		if (!err && !mincore2_maps_is_file(&process->vma, target->fd)) {
			target_close(target);
			err = fail(error, ESTALE, "its file is not the one at that path, as far as can be told without CAP_CHECKPOINT_RESTORE");
		}
	}
	if (err)
		return err;
	target->offset = process->vma.offset +
			 (process->start - process->vma.start);
	target->size = process->end - process->start;
	target->like = process->start;
	return 0;
}
