// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Goes over a mapping with the iterator, and checks it: for tests/core, which
 * runs it on machines that seem to have mincore2().
 *
 *   walk [-p] PAGES BITS WANT [SKEW LENGTH]
 *
 * PAGES of shared memory are mapped. The iterator asks for BITS; each region is
 * a line "FIRST-LAST STATE", in pages, and its last value is a line. Then
 * mincore2_check() asks for WANT, of all or of LENGTH bytes from byte SKEW on.
 * errno must not change. With -p all this is asked about a child, which has the same
 * memory at the same address; when it has ended, both are asked again. Exit status: 0, or 1 if that is not so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mincore2.h"

enum { PAGE = 4096, MOST_ERRORS = 3 };

static int pidfd = -1;

static int begin(struct mincore2_iter *it, char *map, size_t length, unsigned int bits)
{
	if (pidfd < 0)
		return mincore2_iter_init(it, map, length, bits, 0);
	return mincore2_iter_init_process(it, pidfd, (uintptr_t)map, length, bits, 0);
}

static int check(char *map, size_t length, unsigned int want, const void **first)
{
	uint64_t at = 0;
	int ret;

	if (pidfd < 0)
		return mincore2_check(map, length, want, first);
	ret = mincore2_check_process(pidfd, (uintptr_t)map, length, want, &at);
	if (at)
		*first = (const void *)(uintptr_t)at;
	return ret;
}

/* A child that does nothing. */
static pid_t start_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	pidfd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		exit(2);
	return pid;
}

/* A child that has ended is no answer, but an error. */
static void ask_zombie(pid_t pid, char *map, size_t length, unsigned int bits)
{
	struct mincore2_iter it;
	struct mincore_region r;
	char byte;
	siginfo_t info;

	if (mincore2_iter_init_process(&it, pidfd, (uintptr_t)map, length, bits, 0))
		return;
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	printf("ended: next %d", mincore2_iter_next(&it, &r));
	printf(" init %d", mincore2_iter_init_process(&it, pidfd, (uintptr_t)map,
						      length, bits, 0));
	printf(" check %d", mincore2_check_process(pidfd, (uintptr_t)map, length,
						   bits, NULL));
	printf(" call %zd\n", mincore2_process(pidfd, (uintptr_t)map, 1, &byte, 1,
					       MINCORE_DAX));
	errno = EXFULL;
}

static void iterate(char *map, size_t length, unsigned int bits)
{
	struct mincore2_iter it;
	struct mincore_region r;
	char text[128];
	int errors = 0;
	int ret = begin(&it, map, length, bits);

	printf("init %d\n", ret);
	if (ret)
		return;
	for (;;) {
		ret = mincore2_iter_next(&it, &r);
		if (ret < 0 && ++errors < MOST_ERRORS)
			continue;	/* it may be tried again */
		if (ret != 1)
			break;
		mincore2_state_string(r.state, text, sizeof(text));
		printf("%zu-%zu %s\n", (size_t)(r.start - (uintptr_t)map) / PAGE,
		       (size_t)(r.end - (uintptr_t)map) / PAGE, text);
	}
	printf("end %d way %s unknown %d\n", ret,
	       mincore2_way_string(mincore2_iter_way(&it)),
	       (int)mincore2_iter_unknown(&it));
}

int main(int argc, char **argv)
{
	unsigned int bits, want;
	const void *first = NULL;
	size_t length, skew = 0;
	pid_t pid = 0;
	char *map;
	int ret;

	if (argc > 1 && !strcmp(argv[1], "-p")) {
		pid = 1;
		argv++;
		argc--;
	}
	if (argc < 4)
		return 2;
	length = strtoull(argv[1], NULL, 0) * PAGE;
	map = mmap(NULL, length, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED || mincore2_state_parse(argv[2], &bits) ||
	    mincore2_state_parse(argv[3], &want))
		return 2;
	if (pid)
		pid = start_child();
	errno = EXFULL;
	iterate(map, length, bits);
	if (argc == 6) {
		skew = strtoull(argv[4], NULL, 0);
		length = strtoull(argv[5], NULL, 0);
	}
	ret = check(map + skew, length, want, &first);
	printf("check %d", ret);
	if (first)
		printf(" %td", ((const char *)first - map) / PAGE);
	putchar('\n');
	if (pid)
		ask_zombie(pid, map, PAGE, bits);
	return errno != EXFULL;
}
