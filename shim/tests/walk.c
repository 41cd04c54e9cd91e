// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Goes over a mapping with the iterator, and checks it: for tests/core, which
 * runs it on machines that seem to have mincore2().
 *
 *   walk PAGES BITS WANT [SKEW LENGTH]
 *
 * PAGES of shared memory are mapped. The iterator asks for BITS; each region is
 * a line "FIRST-LAST STATE", in pages, and its last value is a line. Then
 * mincore2_check() asks for WANT, of all or of LENGTH bytes from byte SKEW on.
 * errno must not change. Exit status: 0, or 1 if that is not so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mincore2.h"

enum { PAGE = 4096, MOST_ERRORS = 3 };

static void iterate(char *map, size_t length, unsigned int bits)
{
	struct mincore2_iter it;
	struct mincore_region r;
	char text[128];
	int errors = 0;
	int ret = mincore2_iter_init(&it, map, length, bits, 0);

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
	char *map;
	int ret;

	if (argc < 4)
		return 2;
	length = strtoull(argv[1], NULL, 0) * PAGE;
	map = mmap(NULL, length, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED || mincore2_state_parse(argv[2], &bits) ||
	    mincore2_state_parse(argv[3], &want))
		return 2;
	errno = EXFULL;
	iterate(map, length, bits);
	if (argc == 6) {
		skew = strtoull(argv[4], NULL, 0);
		length = strtoull(argv[5], NULL, 0);
	}
	ret = mincore2_check(map + skew, length, want, &first);
	printf("check %d", ret);
	if (first)
		printf(" %td", ((const char *)first - map) / PAGE);
	putchar('\n');
	return errno != EXFULL;
}
