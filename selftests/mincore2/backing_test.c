// SPDX-License-Identifier: GPL-2.0
/*
 * Each row of the table of backings: what MINCORE_DAX and MINCORE_PERSIST say
 * for each backing, way of mapping and state of the page.
 *
 * A name "backing.ext4_nojournal.shared_sync" in the output is the row
 * "ext4-nojournal" mapped with MAP_SHARED_VALIDATE | MAP_SYNC.
 */
#define _FILE_OFFSET_BITS 64
#include "mapping.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

/* What a test of backings is about. */
#define CORE	(MINCORE_DAX | MINCORE_PERSIST | MINCORE_UNMAPPED)
#define ENTRY	(MINCORE_LEVEL | MINCORE_WRITABLE | MINCORE_ZERO)

/* ---- each backing ---- */

FIXTURE(backing) {
	struct mc2_backing b;
	struct mc2_file f;
	bool hugetlb;
	bool holes;	/* the second half of the file is a hole */
	bool coarse;	/* of which the first pages may be allocated all the same */
};

FIXTURE_VARIANT(backing) {
	struct mc2_contract c;
};

#define ADD_VARIANT(id, ...)						\
	FIXTURE_VARIANT_ADD(backing, id) { .c = { __VA_ARGS__ } };
MC2_CONTRACT(ADD_VARIANT)

/* Two halves: the first written and synced, the second a hole. */
FIXTURE_SETUP(backing)
{
	size_t len;

	MC2_SETUP_BACKING(&variant->c, &self->b);
	self->hugetlb = mc2_has_attr(&self->b, "hugetlb");
	self->holes = self->b.kind == MC2_FS && !self->hugetlb;
	/* Realtime extents may be larger than what is asked for. */
	self->coarse = !strcmp(variant->c.name, "xfs-rt");
	len = mc2_fit(&self->b, MIB(4));
	ASSERT_EQ(0, mc2_file_open(&self->f, &self->b, len))
		TH_LOG("%s: no file of %zu bytes", self->b.path, len);
	if (self->holes) {
		ASSERT_EQ(0, mc2_fill_zero(self->f.fd, 0, (off_t)(len / 2)));
	}
}

FIXTURE_TEARDOWN(backing)
{
	mc2_file_close(&self->f);
}

/*
 * Does mmap take this? The contract has no word on it for overlayfs, where
 * the filesystem below decides: then *either is set.
 */
static bool accepted(const FIXTURE_DATA(backing) *self,
		     const struct mc2_contract *c, enum mc2_how how,
		     bool *either)
{
	*either = false;
	if (self->b.kind == MC2_DEV && mc2_is_private(how))
		return false;
	if (how == MC2_SHARED || how == MC2_PRIVATE)
		return true;
	if (how == MC2_SHARED_SYNC || self->b.sync)
		return self->b.sync;
	*either = mc2_has_attr(&self->b, "overlay");
	return c->unchecked;
}

/*
 * Map, or check that the mapping is refused with the right error. Returns
 * NULL if it is.
 */
static char *map_or_refused(struct __test_metadata *_metadata,
			    const FIXTURE_DATA(backing) *self,
			    const struct mc2_contract *c, enum mc2_how how)
{
	bool either, take = accepted(self, c, how, &either);
	char *map = mc2_file_map(&self->f, how);
	int err = errno;

	if (map == MAP_FAILED) {
		EXPECT_TRUE(!take || either)
			TH_LOG("mmap of %s: %s", self->f.path, strerror(err));
		EXPECT_EQ(self->b.kind == MC2_DEV && mc2_is_private(how) ?
			  EINVAL : EOPNOTSUPP, err);
		return NULL;
	}
	EXPECT_TRUE(take || either)
		TH_LOG("mmap of %s was to be refused", self->f.path);
	return map;
}

/* A page of a private mapping that is written leaves the file. */
static void check_private_stores(struct __test_metadata *_metadata,
				 const FIXTURE_DATA(backing) *self, char *map,
				 unsigned int want)
{
	size_t page = mc2_page_size(), half = self->f.len / 2;

	mc2_store(map + page, 1, 1);
	EXPECT_STATE(map + page, page, CORE | MINCORE_WRITABLE | MINCORE_ZERO,
		     MINCORE_WRITABLE);
	if (self->hugetlb)
		return;
	EXPECT_STATE(map, page, CORE, want);
	EXPECT_STATE(map + 2 * page, half - 2 * page, CORE, want);
	mc2_store(map + half + page, 1, 1);
	EXPECT_STATE(map + half + page, page,
		     CORE | MINCORE_WRITABLE | MINCORE_ZERO, MINCORE_WRITABLE);
	EXPECT_STATE(map + half, page, CORE, want);
	EXPECT_STATE(map + half + 2 * page, half - 2 * page, CORE, want);
}

/* Stores change nothing but the entries of a shared mapping. */
static void check_shared_stores(struct __test_metadata *_metadata,
				const FIXTURE_DATA(backing) *self, char *map,
				unsigned int want)
{
	size_t page = mc2_page_size(), half = self->f.len / 2;

	mc2_store(map + page, 1, 1);
	EXPECT_STATE(map + page, page, CORE | MINCORE_WRITABLE | MINCORE_ZERO,
		     want | MINCORE_WRITABLE);
	mc2_store(map + half + page, 1, 1);
	EXPECT_STATE(map + half + page, page,
		     CORE | MINCORE_WRITABLE | MINCORE_ZERO,
		     want | MINCORE_WRITABLE);
	EXPECT_STATE(map, self->f.len, CORE, want);
}

/*
 * The bits through the life of a mapping: nothing present, a written page
 * read, a hole read, both written.
 */
static void check_row(struct __test_metadata *_metadata,
		      const FIXTURE_DATA(backing) *self,
		      const struct mc2_contract *c, enum mc2_how how)
{
	size_t page = mc2_page_size(), len = self->f.len, half = len / 2;
	char *map = map_or_refused(_metadata, self, c, how);
	unsigned int want, zero;

	if (!map)
		return;
	want = (self->b.dax ? MINCORE_DAX : 0) |
	       (mc2_persist(&self->b, how) ? MINCORE_PERSIST : 0);
	EXPECT_STATE(map, len, CORE | ENTRY, want);

	/* A private hugetlb page that was read needs a second one to copy. */
	if (!self->hugetlb || !mc2_is_private(how)) {
		mc2_touch(map, 1, 1, false);
		EXPECT_TRUE(mc2_mapped(map));
		EXPECT_STATE(map, len, CORE, want);
		EXPECT_STATE(map, page, CORE | MINCORE_ZERO, want);
		mc2_touch(map + half, 1, 1, false);
		EXPECT_TRUE(mc2_mapped(map + half));
		zero = self->holes && self->b.dax ? MINCORE_ZERO : 0;
		if (!self->coarse)
			EXPECT_STATE(map + half, page, CORE | MINCORE_ZERO,
				     want | zero);
		EXPECT_STATE(map, len, CORE, want);
	}

	if (mc2_is_private(how))
		check_private_stores(_metadata, self, map, want);
	else if (self->b.kind != MC2_ROFS)
		check_shared_stores(_metadata, self, map, want);
	EXPECT_EQ(0, munmap(map, len));
}

/*
 * Proves the row for MAP_SHARED_VALIDATE | MAP_SYNC, which is refused where
 * the backing says so.
 */
TEST_F_TIMEOUT(backing, shared_sync, 120)
{
	check_row(_metadata, self, &variant->c, MC2_SHARED_SYNC);
}

/* Proves the row for MAP_SHARED: only device-dax promises anything. */
TEST_F_TIMEOUT(backing, shared, 120)
{
	check_row(_metadata, self, &variant->c, MC2_SHARED);
}

/*
 * Proves that MAP_SHARED | MAP_SYNC, which mmap lets through unchecked and
 * which sets VM_SYNC, does not make PERSIST appear where it must not.
 */
TEST_F_TIMEOUT(backing, shared_legacy_sync, 120)
{
	check_row(_metadata, self, &variant->c, MC2_SHARED_LEGACY);
}

/* Proves the row for MAP_PRIVATE: DAX until copied, PERSIST never. */
TEST_F_TIMEOUT(backing, private, 120)
{
	check_row(_metadata, self, &variant->c, MC2_PRIVATE);
}

/* Proves that MAP_PRIVATE | MAP_SYNC, which sets VM_SYNC, changes nothing. */
TEST_F_TIMEOUT(backing, private_sync, 120)
{
	check_row(_metadata, self, &variant->c, MC2_PRIVATE_SYNC);
}

/* The mapping of a backing that promises the most. */
static enum mc2_how best(const struct mc2_backing *b)
{
	return b->sync ? MC2_SHARED_SYNC : MC2_SHARED;
}

static unsigned int best_bits(const struct mc2_backing *b)
{
	return (b->dax ? MINCORE_DAX : 0) |
	       (mc2_persist(b, best(b)) ? MINCORE_PERSIST : 0);
}

/*
 * Proves that after MADV_POPULATE_WRITE every page is WRITABLE beside what the
 * row says (so PERSIST | WRITABLE where it promises), and that WRITABLE is
 * true: stores take no fault. On a read-only file populating fails and
 * changes nothing.
 */
TEST_F_TIMEOUT(backing, populate_write, 180)
{
	unsigned int want = best_bits(&self->b);
	char *map = mc2_file_map(&self->f, best(&self->b));

	ASSERT_NE(MAP_FAILED, map);
	if (self->b.kind == MC2_ROFS) {
		EXPECT_EQ(-1, madvise(map, self->f.len, MADV_POPULATE_WRITE));
		EXPECT_STATE(map, self->f.len, CORE | ENTRY, want);
		return;
	}
	ASSERT_EQ(0, madvise(map, self->f.len, MADV_POPULATE_WRITE))
		TH_LOG("%s: %s", self->b.name, strerror(errno));
	EXPECT_STATE(map, self->f.len, CORE | MINCORE_WRITABLE | MINCORE_ZERO,
		     want | MINCORE_WRITABLE);
	/* Write-back may protect pages of the page cache at any time. */
	if (self->b.dax || self->hugetlb) {
		EXPECT_EQ(0, mc2_touch_faults(map, self->f.len, true));
	}
	EXPECT_EQ(0, munmap(map, self->f.len));
}

/*
 * Proves that PERSIST does not depend on the protection: it is the same
 * on a mapping made read-only or inaccessible (WRITABLE clear), and on a
 * MAP_SYNC mapping of a file opened read-only, present or not.
 */
TEST_F_TIMEOUT(backing, protection, 120)
{
	unsigned int want = best_bits(&self->b);
	char *map = mc2_file_map(&self->f, best(&self->b));
	size_t len = self->f.len;
	struct mc2_file ro = self->f;

	ASSERT_NE(MAP_FAILED, map);
	mc2_touch(map, 1, 1, self->b.kind != MC2_ROFS);
	ASSERT_EQ(0, mprotect(map, len, PROT_READ));
	EXPECT_STATE(map, len, CORE | MINCORE_WRITABLE, want);
	ASSERT_EQ(0, mprotect(map, len, PROT_NONE));
	EXPECT_STATE(map, len, CORE | MINCORE_WRITABLE, want);
	ASSERT_EQ(0, munmap(map, len));

	ro.fd = open(self->f.path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, ro.fd);
	map = mc2_map_aligned(len, mc2_max(MIB(2), mc2_fit(&self->b, 0)), 0,
			      PROT_READ, mc2_map_flags(best(&self->b)), ro.fd,
			      0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_STATE(map, len, CORE | ENTRY, want);
	mc2_touch(map, 1, 1, false);
	/* A read-only mapping of the file: no entry permits stores. */
	EXPECT_STATE(map, len, CORE | MINCORE_WRITABLE, want);
	EXPECT_EQ(0, munmap(map, len));
	close(ro.fd);
}

/* ---- what is not one backing ---- */

FIXTURE(guest) {
	struct mc2_backings *all;
};

FIXTURE_SETUP(guest)
{
	int err;

	self->all = malloc(sizeof(*self->all));
	ASSERT_NE(NULL, self->all);
	err = mc2_read_backings(self->all);
	if (err == -ENOENT)
		SKIP(return, "no backings: %s", self->all->error);
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->all->error);
}

FIXTURE_TEARDOWN(guest)
{
	free(self->all);
}

/*
 * Proves that backings the guest has beyond the contract's get the bits that
 * the backings file announces.
 */
TEST_F_TIMEOUT(guest, further_backings, 120)
{
	const struct mc2_backing *b;
	struct mc2_file f;
	size_t i;
	char *map;

	for (i = 0; i < self->all->nr; i++) {
		b = &self->all->list[i];
		if (b->kind == MC2_SPARE || mc2_in_contract(b->name))
			continue;
		TH_LOG("%s", b->name);
		ASSERT_EQ(0, mc2_file_open(&f, b, mc2_fit(b, MIB(2))));
		map = mc2_file_map(&f, best(b));
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_STATE(map, f.len, CORE, best_bits(b));
		mc2_touch(map, 1, 1, b->kind != MC2_ROFS);
		EXPECT_STATE(map, f.len, CORE, best_bits(b));
		munmap(map, f.len);
		mc2_file_close(&f);
	}
}

struct piece {
	const char *name;	/* backing; NULL: anonymous; "": unmapped */
	enum mc2_how how;
	unsigned int want;
	struct mc2_file f;
};

#define PIECE	MIB(2)

/* Map a piece at @at and note what its pages should say. */
static void lay_piece(struct __test_metadata *_metadata,
		      const struct mc2_backings *all, struct piece *p, char *at)
{
	const struct mc2_backing *b;
	void *map;

	p->f.fd = -1;
	p->want = 0;
	if (!p->name) {
		ASSERT_EQ(0, mprotect(at, PIECE, PROT_READ | PROT_WRITE));
		mc2_store(at, 1, 1);
		return;
	}
	if (!*p->name) {
		ASSERT_EQ(0, munmap(at, PIECE));
		p->want = MINCORE_UNMAPPED;
		return;
	}
	b = mc2_find(all, p->name);
	ASSERT_NE(NULL, b)
		TH_LOG("the backings file lacks %s", p->name);
	ASSERT_EQ(0, mc2_file_open_full(&p->f, b, PIECE));
	map = mmap(at, PIECE, PROT_READ | PROT_WRITE,
		   mc2_map_flags(p->how) | MAP_FIXED, p->f.fd, 0);
	ASSERT_EQ((void *)at, map)
		TH_LOG("%s: %s", p->name, strerror(errno));
	p->want = (b->dax ? MINCORE_DAX : 0) |
		  (mc2_persist(b, p->how) ? MINCORE_PERSIST : 0);
	if (mc2_is_private(p->how))
		return;
	mc2_store(at, 1, 1);
}

/*
 * Proves that one query over mappings of many backings side by side, with a
 * hole in between, gives each its own answer and lets no region cross from
 * one to a neighbour that differs.
 */
TEST_F_TIMEOUT(guest, neighbours, 120)
{
	static struct piece pieces[] = {
		{ .name = "ext4", .how = MC2_SHARED_SYNC },
		{ .name = "ext4", .how = MC2_SHARED },
		{ .name = "xfs", .how = MC2_SHARED_SYNC },
		{ .name = "tmpfs", .how = MC2_SHARED_LEGACY },
		{ .name = "devdax-2m", .how = MC2_SHARED },
		{ .name = "" },
		{ .name = "xfs", .how = MC2_SHARED_SYNC },
		{ .name = "ext4", .how = MC2_PRIVATE_SYNC },
		{ .name = "ext2", .how = MC2_SHARED_LEGACY },
		{ .name = NULL },
		{ .name = "ext4-nojournal", .how = MC2_SHARED_SYNC },
		{ .name = "devdax-4k", .how = MC2_SHARED_SYNC },
		{ .name = "vpmem-ext4", .how = MC2_SHARED },
		{ .name = "ext4", .how = MC2_SHARED_SYNC },
	};
	const size_t nr = ARRAY_SIZE(pieces), len = nr * PIECE;
	static struct mincore_region r[4096];
	size_t page = mc2_page_size(), i;
	unsigned char *vec = malloc(len / page);
	ssize_t n, k;
	char *base;

	ASSERT_NE(NULL, vec);
	base = mc2_map_aligned(len, PIECE, 0, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, base);
	for (i = 0; i < nr; i++)
		lay_piece(_metadata, self->all, &pieces[i], base + i * PIECE);

	n = do_mincore2(base, len, vec, len / page, CORE);
	EXPECT_EQ((ssize_t)(len / page), n);
	/* Stop at the first wrong page: a piece has 512 of them. */
	for (i = 0; n > 0 && i < (size_t)n; i++)
		if ((vec[i] & CORE) != pieces[i * page / PIECE].want)
			break;
	EXPECT_EQ((size_t)n, i)
		TH_LOG("bytes: page %zu, of piece %zu: %#x", i,
		       i * page / PIECE, vec[i]);

	n = do_mincore2(base, len, r, 4096, MINCORE_REGIONS | MC2_ALL);
	ASSERT_LT(0, n);
	EXPECT_EQ((uintptr_t)base + len, r[n - 1].end);
	for (k = 0; k < n; k++) {
		size_t first = (size_t)(r[k].start - (uintptr_t)base) / PIECE;
		size_t last = (size_t)(r[k].end - 1 - (uintptr_t)base) / PIECE;

		for (i = first; i <= last && i < nr; i++) {
			EXPECT_EQ(pieces[i].want, (unsigned int)r[k].state & CORE)
				TH_LOG("regions: piece %zu (%s)", i,
				       pieces[i].name ? pieces[i].name : "anonymous");
		}
	}
	for (i = 0; i < nr; i++)
		if (pieces[i].f.fd >= 0)
			mc2_file_close(&pieces[i].f);
	free(vec);
}

/*
 * Proves that sharing extents does not change what an XFS file promises, on
 * either side of the clone, whether mapped before or after: a store copies, and
 * commits the copy.
 */
TEST_F_TIMEOUT(guest, reflinked, 120)
{
	const struct mc2_backing *b = mc2_find(self->all, "xfs");
	const unsigned int safe = MINCORE_DAX | MINCORE_PERSIST;
	struct mc2_file src, dst, other;
	char *a, *c, *o;

	ASSERT_NE(NULL, b);
	ASSERT_TRUE(mc2_has_attr(b, "reflink"));
	ASSERT_EQ(0, mc2_file_open(&src, b, MIB(4)));
	ASSERT_EQ(0, mc2_fill_zero(src.fd, 0, (off_t)MIB(4)));
	ASSERT_EQ(0, mc2_file_open(&dst, b, MIB(4)));
	ASSERT_EQ(0, mc2_file_open_full(&other, b, MIB(4)));
	a = mc2_file_map(&src, MC2_SHARED_SYNC);
	o = mc2_file_map(&other, MC2_SHARED_SYNC);
	ASSERT_NE(MAP_FAILED, a);
	ASSERT_NE(MAP_FAILED, o);
	mc2_store(a, MIB(1), KIB(4));
	EXPECT_STATE(a, MIB(4), CORE, safe);

	ASSERT_EQ(0, ioctl(dst.fd, FICLONE, src.fd))
		TH_LOG("FICLONE: %s", strerror(errno));
	c = mc2_file_map(&dst, MC2_SHARED_SYNC);
	ASSERT_NE(MAP_FAILED, c);
	EXPECT_STATE(a, MIB(4), CORE, safe);
	EXPECT_STATE(c, MIB(4), CORE, safe);
	/* One page copied: the rest is shared still. */
	mc2_store(a, 1, 1);
	mc2_store(c + MIB(3), 1, 1);
	EXPECT_STATE(a, MIB(4), CORE, safe);
	EXPECT_STATE(c, MIB(4), CORE, safe);
	EXPECT_STATE(o, MIB(4), CORE, safe);
	mc2_file_close(&src);
	mc2_file_close(&dst);
	mc2_file_close(&other);
}

/*
 * Proves that memory without a file is neither DAX nor persistence-safe, even
 * when the mapping carries VM_SYNC.
 */
TEST_F_TIMEOUT(guest, anonymous, 60)
{
	static const int flags[] = {
		MAP_PRIVATE, MAP_SHARED, MAP_PRIVATE | MAP_SYNC,
		MAP_SHARED | MAP_SYNC,
	};
	size_t i;
	char *map;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		map = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE,
			   flags[i] | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, map)
			TH_LOG("flags %#x: %s", flags[i], strerror(errno));
		EXPECT_STATE(map, MIB(4), CORE, 0);
		mc2_touch(map, KIB(64), KIB(4), false);
		mc2_store(map + MIB(2), KIB(64), KIB(4));
		EXPECT_STATE(map, MIB(4), CORE, 0);
		munmap(map, MIB(4));
	}
}

/* Proves the same for a mapping of bare page frames: the vDSO's data. */
TEST_F_TIMEOUT(guest, page_frames, 60)
{
	unsigned long long start, end;
	char line[256], *found = NULL;
	FILE *f = fopen("/proc/self/maps", "re");

	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		found = strstr(line, "[vvar");
		if (found)
			break;
	}
	fclose(f);
	if (!found)
		SKIP(return, "no [vvar] mapping in this process");
	ASSERT_EQ(2, sscanf(line, "%llx-%llx", &start, &end));
	EXPECT_STATE((char *)(uintptr_t)start, (size_t)(end - start), CORE, 0);
}

TEST_HARNESS_MAIN
