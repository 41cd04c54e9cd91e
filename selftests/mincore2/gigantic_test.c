// SPDX-License-Identifier: GPL-2.0
/*
 * Events in the life of a device-dax mapping with PUD entries, as events_test.c has them
 * for filesystems.
 */
#include "mapping.h"

#define CORE	(MINCORE_DAX | MINCORE_PERSIST | MINCORE_UNMAPPED)
#define ENTRY	(MINCORE_LEVEL | MINCORE_WRITABLE | MINCORE_ZERO)
#define SAFE	(MINCORE_DAX | MINCORE_PERSIST)

/* What a page table has: the addresses of tables below it, present and writable. */
#define ENTRIES		512
#define LIKE_AN_ENTRY(i)	(0x67 | ((uint64_t)(i) + 0x1000) << 12)

FIXTURE(gigantic) {
	struct mc2_backing b;
	struct mc2_file f;
	char *map;
};

FIXTURE_VARIANT(gigantic) {
	struct mc2_contract c;
};

FIXTURE_VARIANT_ADD(gigantic, devdax_1g) {
	.c = { .name = "devdax-1g", .kind = MC2_DEV, .dax = 1,
	       .persist = MC2_ALWAYS, .level = MINCORE_PUD },
};

FIXTURE_SETUP(gigantic)
{
	MC2_SETUP_BACKING(&variant->c, &self->b);
	ASSERT_EQ(0, mc2_file_open(&self->f, &self->b, GIB(1)));
	self->map = mc2_file_map(&self->f, MC2_SHARED);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(gigantic)
{
	mc2_file_close(&self->f);
}

/* Address space for a GiB, @beyond bytes after a multiple of it; MAP_FAILED: none. */
static char *room(size_t beyond)
{
	return mc2_map_aligned(GIB(1), GIB(1), beyond, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

#define ROOM(to, beyond) do {						\
	(to) = room(beyond);						\
	if ((to) == MAP_FAILED && sizeof(void *) == 4)			\
		SKIP(return, "no room for two aligned GiB in this process"); \
	ASSERT_NE(MAP_FAILED, to);					\
} while (0)

/*
 * Proves: after mremap of a PUD mapping the promise holds at the new address, and nothing
 * is reported at the old one. The entry moves, too; but not in Linux 6.12, which takes it
 * for a bad table on the way (get_old_pud()): there the next touch maps it again.
 */
TEST_F_TIMEOUT(gigantic, mremap_moves, 180)
{
	bool lost = mc2_linux_before(7);
	char *to;

	ROOM(to, 0);
	mc2_store(self->map, 1, 1);
	ASSERT_EQ((void *)to, mremap(self->map, GIB(1), GIB(1),
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	if (lost)
		EXPECT_STATE(to, GIB(1), CORE, SAFE);
	else
		EXPECT_STATE(to, GIB(1), CORE | ENTRY,
			     SAFE | MINCORE_PUD | MINCORE_WRITABLE);
	EXPECT_GE(lost, mc2_touch_faults(to, GIB(1), true));
	EXPECT_STATE(to, GIB(1), CORE | ENTRY,
		     SAFE | MINCORE_PUD | MINCORE_WRITABLE);
	EXPECT_STATE(self->map, GIB(1), MC2_ALL, MINCORE_UNMAPPED);
}

/*
 * Proves: where no PUD entry is possible mremap leaves the entry behind, and does not take
 * the memory for a table of entries: what is there looks like one. Nothing can be mapped
 * there, as the device knows pages of 1 GiB only.
 */
TEST_F_TIMEOUT(gigantic, mremap_does_not_fit, 180)
{
	uint64_t *word = (uint64_t *)self->map;
	size_t i, differ = 0;
	char *to, *back;

	ROOM(to, MIB(2));
	for (i = 0; i < ENTRIES; i++)
		word[i] = LIKE_AN_ENTRY(i);
	ASSERT_EQ((void *)to, mremap(self->map, GIB(1), GIB(1),
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_STATE(to, GIB(1), MINCORE_LEVEL | MINCORE_WRITABLE, 0);
	EXPECT_STATE(self->map, GIB(1), MC2_ALL, MINCORE_UNMAPPED);
	munmap(to, GIB(1));

	back = mc2_file_map(&self->f, MC2_SHARED);
	ASSERT_NE(MAP_FAILED, back);
	word = (uint64_t *)back;
	for (i = 0; i < ENTRIES; i++)
		differ += word[i] != LIKE_AN_ENTRY(i);
	EXPECT_EQ(0, differ);
}

/* Proves: mprotect changes WRITABLE of a PUD entry, not level or promise. */
TEST_F_TIMEOUT(gigantic, mprotect, 180)
{
	mc2_store(self->map, 1, 1);
	EXPECT_STATE(self->map, GIB(1), CORE | ENTRY,
		     SAFE | MINCORE_PUD | MINCORE_WRITABLE);
	ASSERT_EQ(0, mprotect(self->map, GIB(1), PROT_READ));
	EXPECT_STATE(self->map, GIB(1), CORE | ENTRY, SAFE | MINCORE_PUD);
	ASSERT_EQ(0, mprotect(self->map, GIB(1), PROT_READ | PROT_WRITE));
	mc2_store(self->map, 1, 1);
	EXPECT_STATE(self->map, GIB(1), CORE | ENTRY,
		     SAFE | MINCORE_PUD | MINCORE_WRITABLE);
}

TEST_HARNESS_MAIN
