// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A mapping of another process. mincore2() reports on the caller's own memory
 * only, so the tool finds out what is mapped there and how, and maps the same
 * range of the same file in the same way. What the owner of a mapping says of
 * it (DAX, persistence) is the same for both; page-table entries are not.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "digits.h"
#include "maps.h"
#include "pages.h"
#include "tool.h"

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

	*process = (struct process) { 0 };
	if (!mincore2_digits(&text, 10, &pid) || *text++ != ':' || !pid ||
	    pid > INT_MAX || !read_address(&text, &process->start))
		return false;
	process->pid = (pid_t)pid;
	if (!*text)
		return true;
	return *text++ == '-' && read_address(&text, &process->end) && !*text &&
	       process->end > process->start;
}

bool process_operand(const char *text)
{
	struct process process;

	return parse_operand(text, &process);
}

/* A line of maps, proc(5); false if it is not the one with @process->start. */
bool process_parse_map(struct process *process, const char *line)
{
	struct mincore2_vma vma;

	if (!mincore2_maps_parse(line, &vma))
		return false;
	process->map_start = vma.start;
	process->map_end = vma.end;
	process->offset = vma.offset;
	process->major = vma.dev_major;
	process->minor = vma.dev_minor;
	process->ino = vma.ino;
	process->writable = vma.write;
	process->shared = vma.shared;
	snprintf(process->path, sizeof(process->path), "%s", vma.name);
	process->path[strcspn(process->path, "\n")] = '\0';
	return process->start >= vma.start && process->start < vma.end;
}

__attribute__((format(printf, 4, 5)))
static int fail(char *error, size_t size, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return -err;
}

static FILE *open_proc(const struct process *process, const char *root,
		       const char *name)
{
	char path[PATH_MAX];

	path_print(path, "%s/proc/%d/%s", root, (int)process->pid, name);
	return fopen(path, "re");
}

int process_find(struct process *process, const char *operand,
		 const char *root, char *error, size_t size)
{
	bool found = false;
	char *line = NULL;
	size_t room = 0;
	FILE *maps;

	if (!parse_operand(operand, process))
		return fail(error, size, EINVAL, "not PID:ADDRESS or PID:START-END");
	maps = open_proc(process, root, "maps");
	if (!maps)
		return fail(error, size, errno, "cannot see the mappings of process %d: %s",
			    (int)process->pid, strerror(errno == ENOENT ? ESRCH : errno));
	while (!found && getline(&line, &room, maps) > 0)
		found = process_parse_map(process, line);
	free(line);
	fclose(maps);
	if (!found)
		return fail(error, size, ENOENT, "process %d has no mapping there",
			    (int)process->pid);
	if (!process->ino || process->path[0] != '/')
		return fail(error, size, EINVAL, "what is mapped there is no file");
	if (!process->end) {
		process->start = process->map_start;
		process->end = process->map_end;
	}
	if (process->start % page_size() || process->end % page_size())
		return fail(error, size, EINVAL, "addresses must be multiples of the page size");
	if (process->end > process->map_end)
		return fail(error, size, EINVAL, "more than one mapping: the first ends at %" PRIx64,
			    process->map_end);
	return 0;
}

bool process_same(const struct process *process, const char *operand,
		  const char *root)
{
	struct process now;
	char error[256];

	return !process_find(&now, operand, root, error, sizeof(error)) &&
	       now.map_start == process->map_start &&
	       now.map_end == process->map_end &&
	       now.offset == process->offset && now.ino == process->ino &&
	       now.major == process->major && now.minor == process->minor &&
	       now.shared == process->shared &&
	       now.writable == process->writable;
}

/* Has the process a device-dax mapped that may have 1 GiB entries? */
static bool has_pud_mapping(const struct process *process, const char *root)
{
	FILE *maps = open_proc(process, root, "maps");
	bool found = false;
	char *line = NULL;
	size_t room = 0;

	while (maps && !found && getline(&line, &room, maps) > 0) {
		struct process other = { .start = UINT64_MAX };
		struct mincore2_device device;
		struct stat st;

		process_parse_map(&other, line);
		if (!other.ino || 
		    !mincore2_room_for(other.map_start, other.map_end,
				       mincore2_pud_shift()))
			continue;
		/* One that is out of reach is believed to be the worst. */
		if (stat(other.path, &st) || st.st_ino != other.ino)
			found = true;
		else if (S_ISCHR(st.st_mode))
			found = devdax_find(st.st_rdev, &device) &&
				(!device.align ||
				 device.align >> mincore2_pud_shift());
	}
	free(line);
	if (maps)
		fclose(maps);
	return found || !maps;
}

int process_sync(const struct process *process, const char *root)
{
	char *line = NULL;
	size_t room = 0;
	bool here = false;
	int sync = -ENOENT;
	FILE *smaps;

	if (has_pud_mapping(process, root))
		return -EBUSY;
	smaps = open_proc(process, root, "smaps");
	if (!smaps)
		return -errno;
	while (sync == -ENOENT && getline(&line, &room, smaps) > 0) {
		struct mincore2_vma vma;

		if (mincore2_maps_parse(line, &vma))
			here = vma.start == process->map_start &&
			       vma.end == process->map_end;
		else if (here && !strncmp(line, "VmFlags:", 8))
			sync = strstr(line, " sf ") || strstr(line, " sf\n");
	}
	free(line);
	fclose(smaps);
	return sync;
}

/*
 * The path is that of the mount namespace of the process, and may have another
 * file by now. Where mappings show other numbers than fstat(2) (btrfs), it can
 * not be told, which is a no.
 */
static bool is_file_of(const struct process *process, int fd)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_ino == process->ino &&
	       major(st.st_dev) == process->major &&
	       minor(st.st_dev) == process->minor;
}

int process_open(const struct process *process, struct target *target,
		 bool need_write, char *error, size_t size)
{
	bool write = need_write && process->shared && process->writable;
	char link[PATH_MAX];
	int err;

	/* The link leads to the file itself, be its name gone or another's. */
	path_print(link, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
		   (int)process->pid, process->map_start, process->map_end);
	err = target_open(target, link, write, error, size);
	/* Without privileges the link is closed: by name, if it is the same. */
	if (err == -EPERM || err == -EACCES) {
		error[0] = '\0';
		err = target_open(target, process->path, write, error, size);
		if (!err && !is_file_of(process, target->fd)) {
			target_close(target);
			err = fail(error, size, ESTALE, "its file is not the one at that path, as far as can be told without CAP_CHECKPOINT_RESTORE");
		}
	}
	if (err)
		return err;
	target->offset = process->offset + (process->start - process->map_start);
	target->size = process->end - process->start;
	target->like = process->start;
	return 0;
}
