// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - what the host is told, over a virtio-serial port
 *
 *	begin SECONDS WHAT	what happens next, and how long it may take
 *	map LINE		of /proc/self/maps: a program's code
 *	store CASE WATCH WHERE OFFSET LENGTH SEED CLAIM BEFORE AFTER EMULATED ADDRESS
 *				a store has been made durable; the bits of its page when
 *				the page was mapped, before the store and after it ("-":
 *				no mincore2); and what mincore2_emulate() said of PERSIST
 *				before it: yes, no, unknown, error; and where the page is
 *				in physical memory
 *	fault CASE WATCH ...	the store did not complete (SIGBUS); otherwise the same
 *	forget CASE WATCH	it was removed since, lawfully
 *	refused|accepted CASE OPERATION ERROR	OPERATION may be the library's, asked to
 *				make a store durable: then no "store" is reported
 *	error CASE TEXT		the case could not be done
 *	read CASE WATCH kept|lost WHY
 *	random-case CASE ID WHERE	begins; ID is that of its records in the log
 *	random CASE STORES PAGES SAFE LOST BROKEN	how it ended: see log.h
 *	log-case CASE SEED WHERE	a log begins (examplelog.c), ...
 *	logged CASE RECORDS	... and so many of its records are said to be durable
 *	log CASE SAID FOUND right|wrong|unreadable	what the reader has found; wrong: the
 *				next record is not the one that was appended
 *	owner CASE LEAVER KEEPER	two files that shared blocks (owner.c)
 *	foreign CASE WHERE WHAT	after the crash: that file has bytes that it never had
 *	owned CASE		both were looked at
 *	announce [SECONDS]	kill this guest now, or so much later
 *	unsound SLOT WHAT	recovered, and not right; said by init, as is
 *	recovered		the end of the second boot
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pf.h"

static int port = 1;

/* port: path of the character device, or "-" for standard output. */
void report_open(const char *path)
{
	if (!strcmp(path, "-"))
		return;
	port = open(path, O_WRONLY | O_CLOEXEC);
	if (port < 0) {
		perror(path);
		exit(2);
	}
}

/* One line, in one write: a child process may report as well. */
void report(const char *format, ...)
{
	char line[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(port, line, len) != len) {
		perror("powerfail: port");
		exit(2);
	}
}

/* Says that the case cannot be done, with errno. Returns -1. */
int failed(struct pfcase *c, const char *what)
{
	if (!c->broken)
		report("error %d %s: %s", c->index, what, strerrorname_np(errno) ?: "?");
	c->broken = true;
	return -1;
}

/* Says how an operation went that is expected to be refused, with errno. Returns 0. */
int refused(struct pfcase *c, const char *what, int result)
{
	if (result < 0)
		report("refused %d %s %s", c->index, what, strerrorname_np(errno) ?: "?");
	else
		report("accepted %d %s", c->index, what);
	return 0;
}
