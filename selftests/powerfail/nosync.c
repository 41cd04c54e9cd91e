// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nosync.c - preloaded into a program that is to lose data
 *
 * Requests to write a mapping to its file succeed, and do nothing. Without it nobody would
 * know that the cases of the log can see a loss.
 */
#include <stddef.h>

int msync(void *addr, size_t length, int flags);
int fdatasync(int fd);

int msync(void *addr, size_t length, int flags)
{
	(void)addr;
	(void)length;
	(void)flags;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}
