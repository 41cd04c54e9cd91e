// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The three ways to ask about memory: one call of mincore2(), the question of
 * mincore2_check(), and an iterator, which works on any kernel.
 *
 *	cc regions.c $(pkg-config --cflags --libs libmincore2)
 *	./a.out FILE
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <mincore2.h>

/* Is all of it persistence-safe, and if not, up to where? One region tells. */
static void by_call(char *memory, size_t length)
{
	struct mincore_region region;
	ssize_t got = mincore2(memory, length, &region, 1,
			       MINCORE_REGIONS | MINCORE_PERSIST);

	if (got < 0)
		printf("mincore2(): %s\n", strerror(errno));
	else
		printf("mincore2(): the first %llu bytes are%s persistence-safe\n",
		       (unsigned long long)(region.end - region.start),
		       region.state & MINCORE_PERSIST ? "" : " not");
}

/* The same as a yes or no, of any address and length. */
static void by_check(const char *memory, size_t length)
{
	const void *first;
	int ret = mincore2_check(memory, length, MINCORE_PERSIST, &first);

	if (ret < 0)
		printf("mincore2_check(): %s\n", strerror(-ret));
	else if (ret)
		puts("mincore2_check(): yes");
	else
		printf("mincore2_check(): no, at byte %td\n",
		       (const char *)first - memory);
}

/* All regions. Bits that the emulation can not know are in a mask. */
static int by_iterator(const char *memory, size_t length)
{
	struct mincore2_iter it;
	struct mincore_region region;
	char state[128], unknown[128];
	int ret = mincore2_iter_init(&it, memory, length, MINCORE_RESIDENT |
				     MINCORE_DAX | MINCORE_LEVEL |
				     MINCORE_PERSIST, MINCORE2_EMULATE);

	while (!ret && (ret = mincore2_iter_next(&it, &region)) == 1) {
		mincore2_state_string(region.state, state, sizeof(state));
		mincore2_bits_string(mincore2_iter_unknown(&it), unknown,
				     sizeof(unknown));
		printf("%s: 0x%zx-0x%zx %s, not known: %s\n",
		       mincore2_way_string(mincore2_iter_way(&it)),
		       (size_t)(region.start - (uintptr_t)memory),
		       (size_t)(region.end - (uintptr_t)memory), state, unknown);
		ret = 0;
	}
	if (ret)
		fprintf(stderr, "iterator: %s\n", strerror(-ret));
	return ret;
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	struct stat st;
	char *memory;

	if (fd < 0 || fstat(fd, &st) || !st.st_size) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	printf("libmincore2 %s\n", mincore2_version());
	by_call(memory, (size_t)st.st_size);
	by_check(memory, (size_t)st.st_size);
	return by_iterator(memory, (size_t)st.st_size) != 0;
}
