// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * latency DIR NAME [STORES]
 *
 * How long the first store to a page takes, with MINCORE_WRITABLE set and clear, on the
 * DAX filesystem mounted at DIR, while its journal is quiet and while another task keeps
 * it busy. Prints a line each:
 *
 *	row|NAME|quiet or busy|MAPPING|STATE|STORES|P50|P90|P99|MAX
 *
 * in nanoseconds of CLOCK_MONOTONIC, less what reading it takes; and at last "end". "DIR"
 * has to have room for STORES pages. Exit status: 0; 1 it failed; 2 wrong use.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mincore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define NR_MINCORE2	499
#define PAGE		4096UL
#define PMD		(2UL << 20)
#define STORES		2048
#define PAUSE_US	200	/* between two stores: others get their turn */
#define BUSY_FILES	256	/* names that the other task goes round */

/* What the file is before the store. */
enum state {
	ENTRY,		/* written, and mapped writable: WRITABLE set */
	WRITTEN,	/* blocks on the device, no entry */
	ALLOCATED,	/* blocks that were not written yet */
	HOLE,		/* no blocks */
};

static const char *const state_names[] = { "writable", "written", "allocated", "hole" };

/**
 * struct row - one line of the table
 * @sync: mapped with MAP_SYNC
 * @msync: the store is made durable by msync(2), which is measured too
 */
struct row {
	enum state state;
	bool sync, msync;
};

static const struct row rows[] = {
	{ ENTRY, true, false }, { WRITTEN, true, false }, { ALLOCATED, true, false },
	{ HOLE, true, false },
	{ ENTRY, false, false }, { WRITTEN, false, false }, { ALLOCATED, false, false },
	{ HOLE, false, false },
	{ ENTRY, false, true }, { HOLE, false, true },
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* What two readings of the clock are apart at least. */
static uint64_t clock_cost(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t start = now(), took = now() - start;

		if (took < least)
			least = took;
	}
	return least;
}

/* A file of that many pages, in that state, and nothing of it left to write. */
static int make_file(const char *path, enum state state, unsigned long pages)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
	static char page[PAGE];

	if (fd < 0)
		err(1, "%s", path);
	if (state == ALLOCATED && fallocate(fd, 0, 0, pages * PAGE))
		err(1, "fallocate");
	memset(page, 'w', PAGE);
	if (state == ENTRY || state == WRITTEN)
		for (unsigned long i = 0; i < pages; i++)
			if (pwrite(fd, page, PAGE, i * PAGE) != (ssize_t)PAGE)
				err(1, "write");
	if (ftruncate(fd, pages * PAGE) || fsync(fd))
		err(1, "ftruncate and fsync");
	sync();
	return fd;
}

/* Where no PMD entry fits, so that there is a first store to each page. */
static char *map_pages(int fd, bool sync, unsigned long pages)
{
	int flags = sync ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED;
	char *room = mmap(NULL, pages * PAGE + 2 * PMD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t at = (((uintptr_t)room + PMD - 1) & -PMD) + PAGE;
	void *map;

	if (room == MAP_FAILED)
		err(1, "mmap");
	map = mmap((void *)at, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	return map;
}

static bool writable(char *page)
{
	unsigned char bits;

	if (syscall(NR_MINCORE2, page, PAGE, &bits, 1L, MINCORE_WRITABLE | MINCORE_PERSIST) != 1)
		err(1, "mincore2");
	return bits & MINCORE_WRITABLE;
}

/* One store, and how long it took. */
static uint64_t store(char *page, const struct row *row)
{
	uint64_t start = now();

	*(volatile uint64_t *)page = start;
	if (row->msync && msync(page, PAGE, MS_SYNC))
		err(1, "msync");
	return now() - start;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The value that so many per cent of n ascending ones do not exceed. */
static uint64_t percentile(const uint64_t *sorted, unsigned long n, unsigned int percent)
{
	unsigned long rank = (n * percent + 99) / 100;

	return sorted[rank ? rank - 1 : 0];
}

/* Goes round names: create, an attribute too large for the inode, rename, unlink. */
static void __attribute__((noreturn)) keep_busy(const char *dir)
{
	char value[2000] = { 0 }, path[200], other[200];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned long i = 0;; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/busy-%lu", dir, i % BUSY_FILES);
		snprintf(other, sizeof(other), "%s/moved-%lu", dir, i % BUSY_FILES);
		unlink(other);
		fd = open(path, O_RDWR | O_CREAT, 0644);
		value[0] = i;
		if (fd < 0 || fsetxattr(fd, "user.busy", value, sizeof(value), 0) || rename(path, other))
			err(1, "the busy task");
		close(fd);
	}
}

static pid_t start_busy(const char *dir)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid)
		keep_busy(dir);
	usleep(100000);	/* a few rounds, before anything is measured */
	return pid;
}

static void stop_busy(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) == pid)
		errx(1, "the busy task ended by itself");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void measure(const char *dir, const char *name, const struct row *row, bool busy,
		    unsigned long n, uint64_t cost)
{
	uint64_t *took = calloc(n, sizeof(*took));
	char path[200], *map;
	pid_t pid = 0;
	int fd;

	if (!took)
		err(1, "calloc");
	snprintf(path, sizeof(path), "%s/latency", dir);
	fd = make_file(path, row->state, n);
	map = map_pages(fd, row->sync, n);
	if (row->state == ENTRY && madvise(map, n * PAGE, MADV_POPULATE_WRITE))
		err(1, "MADV_POPULATE_WRITE");
	if (busy)
		pid = start_busy(dir);
	for (unsigned long i = 0; i < n; i++) {
		char *page = map + i * 1031 % n * PAGE;

		usleep(PAUSE_US);
		if (writable(page) != (row->state == ENTRY))
			errx(1, "WRITABLE is not as it should be");
		took[i] = store(page, row);
		took[i] -= took[i] < cost ? took[i] : cost;
	}
	if (busy)
		stop_busy(pid);
	qsort(took, n, sizeof(*took), compare);
	printf("row|%s|%s|%s|%s|%lu|%lu|%lu|%lu|%lu\n", name, busy ? "busy" : "quiet",
	       row->msync ? "plain, msync" : row->sync ? "MAP_SYNC" : "plain",
	       state_names[row->state], n, percentile(took, n, 50), percentile(took, n, 90),
	       percentile(took, n, 99), took[n - 1]);
	fflush(stdout);
	fprintf(stderr, "measured %s %s row %td\n", name, busy ? "busy" : "quiet", row - rows + 1);
	munmap(map, n * PAGE);
	close(fd);
	if (unlink(path))
		err(1, "unlink");
	free(took);
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 4 ? strtoul(argv[3], NULL, 0) : STORES;
	uint64_t cost;

	if (argc < 3 || argc > 4 || !n || n % 1031 == 0) {
		fprintf(stderr, "usage: latency DIR NAME [STORES]\n");
		return 2;
	}
	cost = clock_cost();
	for (int busy = 0; busy < 2; busy++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			measure(argv[1], argv[2], &rows[i], busy, n, cost);
	puts("end");
	return 0;
}
