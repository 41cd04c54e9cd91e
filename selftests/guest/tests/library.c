// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iterator and mincore2_check() of libmincore2 on a kernel that has the call:
 * they say what the call says page by page, whatever the pattern; go on while signals
 * come and while another thread changes the mappings; in threads and in children.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mincore2.h"

enum { PAGE = 4096, PAGES = 3000, ALL = MINCORE_RESIDENT | MINCORE_DAX |
       MINCORE_LEVEL | MINCORE_PERSIST | MINCORE_WRITABLE };

static unsigned int count, failed;

static void result(bool good, const char *name)
{
	printf("%sok %u %s\n", good ? "" : "not ", ++count, name);
	fflush(stdout);
	failed += !good;
}

static unsigned int next_random(unsigned int *seed)
{
	return *seed = *seed * 1103515245 + 12345;
}

/* Where the kernel places nothing by itself: what another thread maps can not get into a gap. */
static void *apart(unsigned int slot)
{
	return (void *)(((uintptr_t)1 << 40) + ((uintptr_t)slot << 30));
}

/* Runs of anonymous memory, untouched, read or written, read-only, or nothing. */
static char *pattern(unsigned int seed, unsigned int slot)
{
	char *area = mmap(apart(slot), (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	size_t at = 0;

	if (area == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	madvise(area, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
	while (at < PAGES) {
		size_t nr = 1 + (next_random(&seed) >> 16) % 40;
		unsigned int what = (next_random(&seed) >> 16) % 5;
		char *run = area + at * PAGE;

		nr = nr < PAGES - at ? nr : PAGES - at;
		for (size_t i = 0; i < nr && what >= 2; i++) {
			if (what == 2)
				(void)((volatile char *)run)[i * PAGE];
			else
				((volatile char *)run)[i * PAGE] = 1;
		}
		if (what == 1)
			munmap(run, nr * PAGE);
		if (what == 4)
			mprotect(run, nr * PAGE, PROT_READ);
		at += nr;
	}
	return area;
}

/* By the iterator, a byte a page; false: an error, or it does not tile. */
static bool by_iterator(struct mincore2_iter *it, const char *area, size_t pages,
			unsigned char *states, bool *merged)
{
	uint64_t at = (uintptr_t)area, last = ~(uint64_t)0;
	struct mincore_region r;
	int ret;

	*merged = true;
	while ((ret = mincore2_iter_next(it, &r)) == 1) {
		if (r.start != at || r.end <= at ||
		    r.end > (uintptr_t)area + pages * PAGE)
			return false;
		*merged = *merged && r.state != last;
		last = r.state;
		for (; at < r.end; at += PAGE)
			states[(at - (uintptr_t)area) / PAGE] = (unsigned char)r.state;
	}
	return !ret && at == (uintptr_t)area + pages * PAGE;
}

static bool has(unsigned char state, unsigned int want)
{
	unsigned int others = want & ~(unsigned int)MINCORE_LEVEL;

	return (state & others) == others &&
	       (state & MINCORE_LEVEL) >= (want & MINCORE_LEVEL);
}

/* mincore2_check() of parts, against a byte a page. */
static bool check_agrees(const char *area, const unsigned char *states,
			 unsigned int seed)
{
	static const unsigned int wants[] = {
		MINCORE_RESIDENT, MINCORE_WRITABLE, MINCORE_PTE,
		MINCORE_PTE | MINCORE_WRITABLE, MINCORE_PMD, MINCORE_DAX,
	};

	for (int i = 0; i < 300; i++) {
		size_t from = (next_random(&seed) >> 8) % PAGES;
		size_t to = from + 1 + (next_random(&seed) >> 8) % 100;
		unsigned int want = wants[(next_random(&seed) >> 8) % 6];
		const void *first = NULL;
		int ret;

		to = to < PAGES ? to : PAGES;
		/* Not aligned: the first and the last byte of these pages. */
		ret = mincore2_check(area + from * PAGE + PAGE - 1,
				     (to - from - 1) * PAGE + 1, want, &first);
		while (from < to && has(states[from], want))
			from++;
		if (ret != (from == to) ||
		    (!ret && first != area + from * PAGE)) {
			printf("# page %zu of %zu, want %#x: %d\n", from, to, want, ret);
			return false;
		}
	}
	return true;
}

/* One area: the iterator and the check say what the call says. */
static bool agrees(unsigned int seed, unsigned int slot)
{
	char *area = pattern(seed, slot);
	unsigned char *call = malloc(PAGES), *walk = calloc(PAGES, 1);
	struct mincore2_iter it;
	bool good, merged;
	ssize_t got = 0, n;

	while (got < PAGES) {
		n = mincore2(area + got * PAGE, (size_t)(PAGES - got) * PAGE,
			     call + got, (size_t)(PAGES - got), ALL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += n;
	}
	good = got == PAGES &&
	       !mincore2_iter_init(&it, area, (size_t)PAGES * PAGE, ALL, 0) &&
	       mincore2_iter_way(&it) == MINCORE2_WAY_NATIVE &&
	       by_iterator(&it, area, PAGES, walk, &merged) && merged &&
	       !memcmp(call, walk, PAGES) && check_agrees(area, call, seed);
	munmap(area, (size_t)PAGES * PAGE);
	free(call);
	free(walk);
	return good;
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void test_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };	/* no SA_RESTART */
	struct itimerval often = { { 0, 300 }, { 0, 300 } }, never = { 0 };
	bool good = true;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (unsigned int i = 0; i < 10; i++)
		good = agrees(100 + i, 0) && good;
	setitimer(ITIMER_REAL, &never, NULL);
	printf("# %d signals\n", (int)signals);
	result(good && signals > 10, "signals come meanwhile, and nothing is lost or cut");
}

static void *agree_often(void *arg)
{
	bool good = true;

	for (unsigned int i = 0; i < 5; i++)
		good = agrees((unsigned int)(uintptr_t)arg * 1000 + i,
			      (unsigned int)(uintptr_t)arg) && good;
	return (void *)(uintptr_t)good;
}

static void test_threads(void)
{
	pthread_t threads[4];
	bool good = true;
	void *each;

	for (uintptr_t i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, agree_often, (void *)(i + 1)))
			exit(1);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &each);
		good = each && good;
	}
	result(good, "four threads at a time, each on its own memory");
}

/* A copy of an iterator goes on in a child, from where it was. */
static void test_fork(void)
{
	char *area = pattern(7, 0);
	unsigned char *states = calloc(PAGES, 1);
	struct mincore2_iter it;
	struct mincore_region r;
	bool merged;
	int status = -1;
	pid_t pid;

	if (mincore2_iter_init(&it, area, (size_t)PAGES * PAGE, MINCORE_RESIDENT, 0) ||
	    mincore2_iter_next(&it, &r) != 1)
		exit(1);
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(!by_iterator(&it, (char *)(uintptr_t)r.end,
				   PAGES - (r.end - r.start) / PAGE, states, &merged));
	waitpid(pid, &status, 0);
	result(!status && by_iterator(&it, (char *)(uintptr_t)r.end, PAGES -
				      (r.end - r.start) / PAGE, states, &merged),
	       "a child of fork() goes on with an iterator, and so does its parent");
	munmap(area, (size_t)PAGES * PAGE);
	free(states);
}

static atomic_bool stop;

static void *change(void *arg)
{
	char *area = arg;

	for (unsigned int i = 0; !atomic_load(&stop); i++) {
		char *at = area + i % 199 * PAGE;

		munmap(at, 31 * PAGE);
		mmap(at, 31 * PAGE, PROT_READ | PROT_WRITE, MAP_FIXED |
		     MAP_ANONYMOUS | (i & 1 ? MAP_SHARED : MAP_PRIVATE), -1, 0);
		((volatile char *)at)[i % 31 * PAGE] = 1;
	}
	return NULL;
}

static void test_changes(void)
{
	char *area = mmap(apart(0), 256 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	unsigned char states[256];
	unsigned int walks = 0, bad = 0;
	pthread_t thread;
	time_t end;

	if (area == MAP_FAILED || pthread_create(&thread, NULL, change, area)) {
		result(false, "an area apart, and a thread");
		return;
	}
	end = time(NULL) + 2;
	while (time(NULL) < end) {
		struct mincore2_iter it;
		bool merged;
		int ret;

		walks++;
		bad += mincore2_iter_init(&it, area, 256 * PAGE, ALL, 0) ||
		       !by_iterator(&it, area, 256, states, &merged) || !merged;
		ret = mincore2_check(area, 256 * PAGE, MINCORE_RESIDENT, NULL);
		bad += ret != 0 && ret != 1;
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	printf("# %u walks, %u bad\n", walks, bad);
	result(!bad && walks > 10,
	       "mappings come and go meanwhile: regions tile, neighbours differ, no error");
	munmap(area, 256 * PAGE);
}

/* 16 TiB without a page: few regions, no time. */
static void test_enormous(void)
{
	const size_t size = (size_t)1 << 44;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct mincore2_iter it;
	struct mincore_region r;
	const void *first = NULL;
	int regions = 0;

	if (map == MAP_FAILED) {
		result(false, "16 TiB of addresses");
		return;
	}
	madvise(map, size, MADV_NOHUGEPAGE);
	map[size / 2] = 1;
	if (mincore2_iter_init(&it, map, size, MINCORE_RESIDENT, 0))
		regions = 100;
	while (regions < 100 && mincore2_iter_next(&it, &r) == 1)
		regions++;
	result(regions == 3 && mincore2_check(map, size, MINCORE_RESIDENT, &first) == 0 &&
	       first == map, "16 TiB, one page: three regions");
	munmap(map, size);
}

int main(void)
{
	bool good = true;

	puts("TAP version 13");
	if (!mincore2_supported()) {
		puts("1..0 # SKIP this kernel does not have mincore2()");
		return 4;
	}
	for (unsigned int seed = 1; seed <= 20; seed++)
		good = agrees(seed, 0) && good;
	result(good, "20 patterns: iterator and check say what the call says page by page");
	test_signals();
	test_threads();
	test_fork();
	test_changes();
	test_enormous();
	printf("1..%u\n", count);
	return failed != 0;
}
