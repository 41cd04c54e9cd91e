// SPDX-License-Identifier: GPL-2.0
/*
 * Events in the life of a device-dax mapping with PUD entries, as events_test.c has them
 * for filesystems.
 */
#include "mapping.h"

#define CORE	(MINCORE_DAX | MINCORE_PERSIST | MINCORE_UNMAPPED)
#define ENTRY	(MINCORE_LEVEL | MINCORE_WRITABLE | MINCORE_ZERO)
#define SAFE	(MINCORE_DAX | MINCORE_PERSIST)

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

/*
 * Proves: after mremap of a PUD mapping the promise holds at the new address
 * and nothing is reported at the old one. The entry itself does not survive in
 * 6.12, which takes it for a bad table on the way (get_old_pud()); the next
 * touch maps it again.
 */
TEST_F_TIMEOUT(gigantic, mremap_moves, 180)
{
	char *to = mc2_map_aligned(GIB(1), GIB(1), 0, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				   -1, 0);

	if (to == MAP_FAILED && sizeof(void *) == 4)
		SKIP(return, "no room for two aligned GiB in this process");
	ASSERT_NE(MAP_FAILED, to);
	mc2_store(self->map, 1, 1);
	ASSERT_EQ((void *)to, mremap(self->map, GIB(1), GIB(1),
				     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_STATE(to, GIB(1), CORE, SAFE);
	EXPECT_GE(1, mc2_touch_faults(to, GIB(1), true));
	EXPECT_STATE(to, GIB(1), CORE | ENTRY,
		     SAFE | MINCORE_PUD | MINCORE_WRITABLE);
	EXPECT_STATE(self->map, GIB(1), MC2_ALL, MINCORE_UNMAPPED);
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
