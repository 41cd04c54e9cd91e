// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a program that was compiled with an older header relies on, as text: sizes,
 * offsets, values, and the types of functions. For tests/abi.
 */
#include <stdio.h>

#include "mincore2.h"

#define MEMBER(type, member)	\
	printf(#type "." #member " %zu %zu\n", offsetof(struct type, member), \
	       sizeof(((struct type *)0)->member))
#define VALUE(name)	printf(#name " %#llx\n", (unsigned long long)(name))
/* It does not compile if the type has changed. */
#define FUNCTION(name, ret, ...)	\
	do { ret (*f)(__VA_ARGS__) = name; printf(#name " %d\n", f != NULL); } while (0)

static void functions_of_0_3(void)
{
	FUNCTION(mincore2, ssize_t, void *, size_t, void *, size_t, unsigned int);
	FUNCTION(mincore2_bits_string, int, uint64_t, char *, size_t);
	FUNCTION(mincore2_check, int, const void *, size_t, unsigned int, const void **);
	FUNCTION(mincore2_emulate, ssize_t, void *, size_t, struct mincore_region *,
		 size_t, unsigned int, unsigned int, uint64_t *);
	FUNCTION(mincore2_iter_init, int, struct mincore2_iter *, const void *, size_t,
		 unsigned int, unsigned int);
	FUNCTION(mincore2_iter_next, int, struct mincore2_iter *, struct mincore_region *);
	FUNCTION(mincore2_iter_unknown, uint64_t, const struct mincore2_iter *);
	FUNCTION(mincore2_iter_way, enum mincore2_way, const struct mincore2_iter *);
	FUNCTION(mincore2_state_parse, int, const char *, unsigned int *);
	FUNCTION(mincore2_state_string, int, uint64_t, char *, size_t);
	FUNCTION(mincore2_supported, int, void);
	FUNCTION(mincore2_version, const char *, void);
	FUNCTION(mincore2_way, enum mincore2_way, unsigned int);
	FUNCTION(mincore2_way_string, const char *, enum mincore2_way);
}

int main(void)
{
	printf("mincore_region %zu\n", sizeof(struct mincore_region));
	MEMBER(mincore_region, start);
	MEMBER(mincore_region, end);
	MEMBER(mincore_region, state);
	printf("mincore2_iter %zu\n", sizeof(struct mincore2_iter));
	MEMBER(mincore2_iter, next);
	MEMBER(mincore2_iter, left);
	MEMBER(mincore2_iter, unknown);
	MEMBER(mincore2_iter, buf_unknown);
	MEMBER(mincore2_iter, buf);
	MEMBER(mincore2_iter, buf_nr);
	MEMBER(mincore2_iter, buf_pos);
	MEMBER(mincore2_iter, bits);
	MEMBER(mincore2_iter, options);
	MEMBER(mincore2_iter, way);
	VALUE(MINCORE_RESIDENT);
	VALUE(MINCORE_DAX);
	VALUE(MINCORE_LEVEL);
	VALUE(MINCORE_PTE);
	VALUE(MINCORE_PMD);
	VALUE(MINCORE_PUD);
	VALUE(MINCORE_PERSIST);
	VALUE(MINCORE_WRITABLE);
	VALUE(MINCORE_DENIED);
	VALUE(MINCORE_UNMAPPED);
	VALUE(MINCORE_ZERO);
	VALUE(MINCORE_REGIONS);
	VALUE(MINCORE2_EMULATE);
	VALUE(MINCORE2_MAY_SPLIT);
	VALUE(MINCORE2_EMULATE_ALWAYS);
	VALUE(MINCORE2_WAY_NONE);
	VALUE(MINCORE2_WAY_NATIVE);
	VALUE(MINCORE2_WAY_EMULATED);
	VALUE(MINCORE2_ITER_REGIONS);
	functions_of_0_3();
	return 0;
}
