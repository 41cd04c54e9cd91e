// SPDX-License-Identifier: GPL-2.0
/*
 * t_cow_race DIR MODE SECONDS
 *
 * One thread stores to a page through a mapping, while another one writes to the same
 * page, at another place, with write(2). Neither may take away what the other has done.
 *
 * The file was cloned, and its first page copied, which stages blocks for the copies of
 * those behind it. MODE says what these are:
 *   shared   shared with the clone
 *   alone    shared no longer, as the clone has given them up
 *   hole     holes
 * Exits with 3 if no store was begun while a write(2) was under way, so that nothing was
 * tried.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096
#define PAGES	32	/* 128 KiB: what XFS stages at once */
#define WRITTEN	100	/* bytes, from the beginning of a page */
#define STORED	2000	/* where in the page the store goes */

static int fd, other;
static char *map;
static atomic_uint go, begun, done;	/* page numbers */
static int met;		/* stores that were begun in a write(2) */

static void *writer(void *arg)
{
	char buf[WRITTEN];
	unsigned int page;

	memset(buf, 'w', sizeof(buf));
	for (page = 1; page < PAGES; page++) {
		while (atomic_load(&go) != page)
			sched_yield();
		atomic_store(&begun, page);
		if (pwrite(fd, buf, WRITTEN, page * PAGE) != WRITTEN)
			err(2, "pwrite");
		atomic_store(&done, page);
	}
	return arg;
}

static int make(const char *dir, const char *name, bool full)
{
	char path[4096], *zero = calloc(PAGES, PAGE);
	ssize_t len = full ? PAGES * PAGE : PAGE;
	int new;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	new = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (new < 0 || !zero || write(new, zero, len) != len ||
	    ftruncate(new, PAGES * PAGE))
		err(2, "%s", path);
	free(zero);
	return new;
}

static void begin(const char *dir, const char *mode)
{
	fd = make(dir, "file", strcmp(mode, "hole"));
	other = make(dir, "clone", false);
	if (ioctl(other, FICLONE, fd))
		err(2, "FICLONE");
	map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(2, "mmap");
	map[0] = 'a';
	if (!strcmp(mode, "alone") &&
	    fallocate(other, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGES * PAGE))
		err(2, "fallocate");
}

static void end(void)
{
	munmap(map, PAGES * PAGE);
	close(fd);
	close(other);
}

/* Store while the other thread writes. Returns what has gone, or NULL. */
static const char *both(unsigned int page)
{
	int spin = rand() % 20000;
	char got[STORED + 1];
	int i;

	atomic_store(&go, page);
	while (atomic_load(&begun) != page)
		sched_yield();
	while (spin-- && atomic_load(&done) != page)
		;
	met += atomic_load(&done) != page;
	((volatile char *)map)[page * PAGE + STORED] = 's';
	while (atomic_load(&done) != page)
		sched_yield();
	if (pread(fd, got, sizeof(got), page * PAGE) != sizeof(got))
		err(2, "pread");
	if (got[STORED] != 's' || map[page * PAGE + STORED] != 's')
		return "a store";
	for (i = 0; i < WRITTEN; i++)
		if (got[i] != 'w' || map[page * PAGE + i] != 'w')
			return "what was written";
	return NULL;
}

static const char *round_of_pages(const char *dir, const char *mode)
{
	const char *lost = NULL, *this;
	unsigned int page;
	pthread_t thread;

	begin(dir, mode);
	atomic_store(&go, 0);
	if (pthread_create(&thread, NULL, writer, NULL))
		errx(2, "pthread_create");
	for (page = 1; page < PAGES; page++) {
		this = both(page);
		if (this)
			lost = this;
	}
	pthread_join(thread, NULL);
	end();
	return lost;
}

int main(int argc, char **argv)
{
	const char *lost = NULL;
	int rounds = 0;
	time_t until;

	if (argc != 4)
		errx(2, "usage: %s DIR shared|alone|hole SECONDS", argv[0]);
	for (until = time(NULL) + atoi(argv[3]); !lost && time(NULL) < until; rounds++)
		lost = round_of_pages(argv[1], argv[2]);
	fprintf(stderr, "%s: %d rounds, %d stores while a write(2) was under way\n",
		argv[2], rounds, met);
	if (lost)
		printf("%s: %s was lost\n", argv[2], lost);
	return lost || met ? 0 : 3;
}
