/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mappings of a process: /proc/PID/maps as text, and PROCMAP_QUERY, which
 * Linux has since 6.11. Both libraries and the tool have this file in them.
 */
#ifndef MINCORE2_MAPS_H
#define MINCORE2_MAPS_H

#include <limits.h>
#include <linux/limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct mincore2_lines - a file being read line by line
 * @fd: the file
 * @pos: next byte of @buf
 * @len: bytes in @buf
 * @buf: what has been read ahead
 */
struct mincore2_lines {
	int fd;
	size_t pos, len;
	char buf[4096];
};

/* Room for a line of maps: what is longer is cut. */
#define MINCORE2_LINE	(PATH_MAX + 128)

/**
 * mincore2_maps_line() - the next line
 * @lines: the file
 * @line: receives it without the newline, terminated
 * @size: bytes at @line; the rest of a longer line is skipped
 *
 * Return: 1; 2 if the line was cut; 0 at the end; or a negative errno.
 */
int mincore2_maps_line(struct mincore2_lines *lines, char *line, size_t size);

/**
 * struct mincore2_vma - a mapping, as proc_pid_maps(5) has it
 * @start: address
 * @end: address after it
 * @offset: where in the file it begins
 * @ino: inode number of the file; 0: none
 * @page_size: bytes of its pages, huge ones for hugetlb; 0: not known
 * @dev_major: device of its filesystem
 * @dev_minor: the same
 * @write: stores are allowed
 * @shared: not a private mapping
 * @name: path or name as the kernel shows it; lives as long as the text given
 */
struct mincore2_vma {
	uint64_t start, end, offset, ino, page_size;
	unsigned int dev_major, dev_minor;
	bool write, shared;
	const char *name;
};

/**
 * mincore2_maps_parse() - read a line of maps, or the head of one of smaps
 * @line: the line, terminated; has to live as long as @vma
 * @vma: receives it
 *
 * Return: whether it is such a line.
 */
bool mincore2_maps_parse(const char *line, struct mincore2_vma *vma);

/**
 * mincore2_maps_query() - ask for one mapping
 * @fd: maps
 * @at: an address
 * @vma: receives the first mapping that ends behind it
 * @name: receives its name; @vma->name points there
 * @size: bytes at @name, two at least; a longer name is "?"
 *
 * Return: 1; 0, there is none; -ESRCH, the address space is gone; or another negative
 * errno: this kernel does not tell.
 */
int mincore2_maps_query(int fd, uint64_t at, struct mincore2_vma *vma,
			char *name, size_t size);

/**
 * mincore2_maps_next() - the next mapping, asked for where that can be done
 * @lines: maps, from its start on if @query
 * @query: ask; cleared once that has failed: lines are read from then on
 * @at: an address, not below that of the call before
 * @vma: receives the first mapping that ends behind it
 * @line: MINCORE2_LINE bytes for its name; @vma->name may point there
 *
 * Return: 1; 0 at the end; or a negative errno, -ESRCH: the address space is gone.
 */
int mincore2_maps_next(struct mincore2_lines *lines, bool *query, uint64_t at,
		       struct mincore2_vma *vma, char *line);

/**
 * mincore2_maps_gone() - is the address space gone that maps was opened for?
 * @fd: maps; where it is read next stays as it is
 *
 * An open maps stays that of one address space. Once no process has that any more, it is
 * empty, which looks like the end of the list.
 *
 * Return: 1, or there never was one, as of a kernel thread; 0; or a negative errno.
 */
int mincore2_maps_gone(int fd);

/*
 * Is @fd the file of @vma? No where maps has other numbers than stat(2) (btrfs). No server
 * is asked.
 */
bool mincore2_maps_is_file(const struct mincore2_vma *vma, int fd);

#endif /* MINCORE2_MAPS_H */
