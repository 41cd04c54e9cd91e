// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "digits.h"
#include "maps.h"
#include "statx.h"

/* Read ahead. Returns 1, 0 at the end, or -errno. */
static int refill(struct mincore2_lines *lines)
{
	ssize_t got;

	do {
		got = read(lines->fd, lines->buf, sizeof(lines->buf));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	lines->pos = 0;
	lines->len = (size_t)got;
	return got > 0;
}

int mincore2_maps_line(struct mincore2_lines *lines, char *line,
			 size_t size)
{
	size_t used = 0;
	bool cut = false, any = false;

	for (;;) {
		const char *from, *newline;
		size_t len, room;

		if (lines->pos == lines->len) {
			int ret = refill(lines);

			if (ret < 0)
				return ret;
			if (!ret)
				break;
		}
		any = true;
		from = lines->buf + lines->pos;
		len = lines->len - lines->pos;
		newline = memchr(from, '\n', len);
		if (newline)
			len = (size_t)(newline - from);
		room = size - 1 - used;
		if (len > room)
			cut = true;
		memcpy(line + used, from, len < room ? len : room);
		used += len < room ? len : room;
		lines->pos += len;
		if (newline) {
			lines->pos++;
			break;
		}
	}
	line[used] = '\0';
	return any ? 1 + cut : 0;
}

static bool skip(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

/* START-END rwxp OFFSET MAJOR:MINOR INODE, blanks, and perhaps a name. */
bool mincore2_maps_parse(const char *line, struct mincore2_vma *vma)
{
	uint64_t dev_major, dev_minor;
	const char *perms;

	if (!mincore2_digits(&line, 16, &vma->start) || !skip(&line, '-') ||
	    !mincore2_digits(&line, 16, &vma->end) || !skip(&line, ' '))
		return false;
	perms = line;
	if (strnlen(perms, 5) < 5 || perms[4] != ' ' ||
	    (perms[0] != 'r' && perms[0] != '-') ||
	    (perms[1] != 'w' && perms[1] != '-') ||
	    (perms[2] != 'x' && perms[2] != '-') ||
	    (perms[3] != 's' && perms[3] != 'p'))
		return false;
	vma->write = perms[1] == 'w';
	vma->shared = perms[3] == 's';
	line = perms + 5;
	if (!mincore2_digits(&line, 16, &vma->offset) || !skip(&line, ' ') ||
	    !mincore2_digits(&line, 16, &dev_major) || !skip(&line, ':') ||
	    !mincore2_digits(&line, 16, &dev_minor) || !skip(&line, ' ') ||
	    !mincore2_digits(&line, 10, &vma->ino))
		return false;
	if (*line && *line != ' ')
		return false;
	if (dev_major > UINT_MAX || dev_minor > UINT_MAX ||
	    vma->start >= vma->end)
		return false;
	vma->dev_major = (unsigned int)dev_major;
	vma->dev_minor = (unsigned int)dev_minor;
	vma->page_size = 0;
	vma->name = line + strspn(line, " ");
	return true;
}

/* <linux/fs.h> since Linux 6.11; the headers of older systems do not have it. */
struct query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset;
	uint64_t inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};

#define QUERY		_IOWR('f', 17, struct query)
#define QUERY_WRITE	0x02
#define QUERY_SHARED	0x08
#define QUERY_OR_NEXT	0x10

int mincore2_maps_query(int fd, uint64_t at, struct mincore2_vma *vma,
			char *name, size_t size)
{
	struct query query = {
		.size = sizeof(query), .query_addr = at,
		.query_flags = QUERY_OR_NEXT,
		.vma_name_size = size < PATH_MAX ? (uint32_t)size : PATH_MAX,
		.vma_name_addr = (uintptr_t)name,
	};
	int ret = ioctl(fd, QUERY, &query);

	if (ret && (errno == ENAMETOOLONG || errno == E2BIG)) {
		query.vma_name_size = 0;
		query.vma_name_addr = 0;
		ret = ioctl(fd, QUERY, &query);
		strcpy(name, "?");
	} else if (!ret && !query.vma_name_size) {
		name[0] = '\0';
	}
	if (ret)
		return errno == ENOENT ? 0 : -errno;
	*vma = (struct mincore2_vma) {
		.start = query.vma_start, .end = query.vma_end,
		.offset = query.vma_offset, .ino = query.inode,
		.page_size = query.vma_page_size,
		.dev_major = query.dev_major, .dev_minor = query.dev_minor,
		.write = query.vma_flags & QUERY_WRITE,
		.shared = query.vma_flags & QUERY_SHARED,
		.name = name,
	};
	return vma->start < vma->end && vma->end > at ? 1 : -EIO;
}

int mincore2_maps_next(struct mincore2_lines *lines, bool *query, uint64_t at,
		       struct mincore2_vma *vma, char *line)
{
	int ret;

	if (*query) {
		ret = mincore2_maps_query(lines->fd, at, vma, line, MINCORE2_LINE);
		if (ret >= 0 || ret == -ESRCH)
			return ret;
		*query = false;
	}
	do {
		ret = mincore2_maps_line(lines, line, MINCORE2_LINE);
		if (ret <= 0)
			return ret;
	} while (!mincore2_maps_parse(line, vma) || vma->end <= at);
	if (ret == 2)
		vma->name = "?";	/* cut: it would lead elsewhere */
	return 1;
}

int mincore2_maps_gone(int fd)
{
	char byte;
	ssize_t got;

	do {
		got = pread(fd, &byte, 1, 0);
	} while (got < 0 && errno == EINTR);
	return got < 0 && errno != ESRCH ? -errno : got <= 0;
}

bool mincore2_maps_is_file(const struct mincore2_vma *vma, int fd)
{
	struct mincore2_statx stx;

	return !mincore2_statx(fd, &stx) && stx.ino == vma->ino &&
	       stx.dev_major == vma->dev_major && stx.dev_minor == vma->dev_minor;
}
