// SPDX-License-Identifier: GPL-2.0
/*
 * t_grow_store FILE SECONDS
 *
 * A file grows by fallocate() in many steps. Another thread waits until the size is a
 * larger one, and then stores to the page that held the end, behind the old end. The store
 * has to be there when fallocate() is done. Exits with 3 if none was made before that, so
 * that nothing was tried.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096
#define PAGES	256
#define END	100	/* where the file ends at first */
#define STORED	2000	/* where the store goes */

static int fd;
static volatile char *map;
static atomic_bool ready;
static int in_between;	/* stores before fallocate() was done */

static void *store(void *arg)
{
	struct stat st;

	atomic_store(&ready, true);
	do {
		if (fstat(fd, &st))
			err(2, "fstat");
	} while (st.st_size <= END);
	map[STORED] = 'b';
	in_between += st.st_size < PAGES * PAGE;
	return arg;
}

/* Every other page has a block already, so that fallocate() has many steps to make. */
static void make_file(const char *path)
{
	char zero[END] = "";
	off_t at;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, zero, END) != END)
		err(2, "%s", path);
	for (at = PAGE; at < PAGES * PAGE; at += 2 * PAGE)
		if (fallocate(fd, FALLOC_FL_KEEP_SIZE, at, PAGE))
			err(2, "fallocate");
	if (fsync(fd))
		err(2, "fsync");
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(2, "mmap");
	map[0] = 'a';
}

/* Is the store there? */
static bool round_is_good(const char *path)
{
	pthread_t thread;
	char c = 0;

	make_file(path);
	atomic_store(&ready, false);
	if (pthread_create(&thread, NULL, store, NULL))
		errx(2, "pthread_create");
	while (!atomic_load(&ready))
		sched_yield();
	if (fallocate(fd, 0, 0, PAGES * PAGE))
		err(2, "fallocate");
	pthread_join(thread, NULL);
	if (pread(fd, &c, 1, STORED) != 1)
		err(2, "pread");
	munmap((void *)map, PAGE);
	close(fd);
	return c == 'b';
}

int main(int argc, char **argv)
{
	time_t end;
	int rounds = 0, lost = 0;

	if (argc != 3)
		errx(2, "usage: %s FILE SECONDS", argv[0]);
	for (end = time(NULL) + atoi(argv[2]); !lost && time(NULL) < end; rounds++)
		lost = !round_is_good(argv[1]);
	fprintf(stderr, "%d rounds, %d stores while the file grew\n", rounds, in_between);
	if (lost)
		puts("a store was lost");
	return lost || in_between ? 0 : 3;
}
