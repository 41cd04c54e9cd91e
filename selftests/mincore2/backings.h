/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The backings that the machine under test offers, and what the contract
 * says about each.
 *
 * /etc/mincore2/backings (or the file named by $MINCORE2_BACKINGS) has one
 * backing a line: ten blank-separated key=value pairs in a fixed order. Blank
 * lines and lines that begin with '#' are skipped. See struct mc2_backing.
 */
#ifndef MINCORE2_SELFTESTS_BACKINGS_H
#define MINCORE2_SELFTESTS_BACKINGS_H

#include "common.h"

#define MC2_BACKINGS_FILE	"/etc/mincore2/backings"
#define MC2_MAX_BACKINGS	64

enum mc2_kind { MC2_FS, MC2_DEV, MC2_ROFS, MC2_SPARE };
enum mc2_persist { MC2_NEVER, MC2_SYNC, MC2_ALWAYS };

/**
 * struct mc2_backing - one line of the backings file
 * @name: unique name
 * @kind: fs (@path is a directory for files), dev (@path is a device to map),
 *	rofs (@path is a directory with a read-only file "file" of 16 MiB),
 *	spare (@path is the name of an unused nvdimm namespace)
 * @path: see @kind
 * @dax: a shared mapping is DAX
 * @sync: MAP_SHARED_VALIDATE | MAP_SYNC is accepted
 * @persist: which shared mappings are persistence-safe
 * @level: MINCORE_PTE, _PMD or _PUD: the largest level it can give
 * @size: bytes that may be used
 * @align: bytes to which a mapping has to be aligned
 * @attr: comma-separated words, or "-"
 */
struct mc2_backing {
	char name[32];
	enum mc2_kind kind;
	char path[256];
	bool dax;
	bool sync;
	enum mc2_persist persist;
	unsigned int level;
	uint64_t size;
	uint64_t align;
	char attr[128];
};

/**
 * struct mc2_backings - the backings file
 * @nr: number of backings
 * @list: the backings, in the order of the file
 * @error: why reading it failed: "file:line: what is wrong"
 */
struct mc2_backings {
	size_t nr;
	struct mc2_backing list[MC2_MAX_BACKINGS];
	char error[512];
};

struct mc2_word {
	const char *word;
	unsigned int value;
};

static inline const char *mc2_parse_word(const struct mc2_word *words,
					 const char *value, unsigned int *out)
{
	for (; words->word; words++) {
		if (!strcmp(words->word, value)) {
			*out = words->value;
			return NULL;
		}
	}
	return "unknown value";
}

static inline const char *mc2_parse_number(const char *value, uint64_t *out)
{
	char *end;

	if (value[0] < '0' || value[0] > '9')
		return "not a decimal number";
	errno = 0;
	*out = strtoull(value, &end, 10);
	if (errno || *end)
		return "not a decimal number";
	return *out ? NULL : "must not be 0";
}

static inline const char *mc2_parse_text(const char *value, char *out,
					 size_t size)
{
	if (!*value)
		return "empty";
	if (strlen(value) >= size)
		return "too long";
	memcpy(out, value, strlen(value) + 1);
	return NULL;
}

static const char * const mc2_keys[] = {
	"name", "kind", "path", "dax", "sync", "persist", "level", "size",
	"align", "attr",
};

#define MC2_NR_KEYS	ARRAY_SIZE(mc2_keys)

/* Store the value of key number @key. Returns NULL, or what is wrong. */
static inline const char *mc2_parse_value(struct mc2_backing *b, size_t key,
					  const char *value)
{
	static const struct mc2_word kinds[] = {
		{ "fs", MC2_FS }, { "dev", MC2_DEV }, { "rofs", MC2_ROFS },
		{ "spare", MC2_SPARE }, { NULL, 0 },
	};
	static const struct mc2_word bools[] = {
		{ "0", 0 }, { "1", 1 }, { NULL, 0 },
	};
	static const struct mc2_word persists[] = {
		{ "never", MC2_NEVER }, { "sync", MC2_SYNC },
		{ "always", MC2_ALWAYS }, { NULL, 0 },
	};
	static const struct mc2_word levels[] = {
		{ "pte", MINCORE_PTE }, { "pmd", MINCORE_PMD },
		{ "pud", MINCORE_PUD }, { NULL, 0 },
	};
	const char *err = NULL;
	unsigned int v = 0;

	switch (key) {
	case 0:
		return mc2_parse_text(value, b->name, sizeof(b->name));
	case 1:
		err = mc2_parse_word(kinds, value, &v);
		b->kind = (enum mc2_kind)v;
		return err;
	case 2:
		return mc2_parse_text(value, b->path, sizeof(b->path));
	case 3:
		err = mc2_parse_word(bools, value, &v);
		b->dax = v;
		return err;
	case 4:
		err = mc2_parse_word(bools, value, &v);
		b->sync = v;
		return err;
	case 5:
		err = mc2_parse_word(persists, value, &v);
		b->persist = (enum mc2_persist)v;
		return err;
	case 6:
		return mc2_parse_word(levels, value, &b->level);
	case 7:
		return mc2_parse_number(value, &b->size);
	case 8:
		err = mc2_parse_number(value, &b->align);
		if (!err && (b->align & (b->align - 1)))
			err = "not a power of two";
		return err;
	default:
		return mc2_parse_text(value, b->attr, sizeof(b->attr));
	}
}

/*
 * Parse one line, which is modified. Returns 0 and fills @b, or -EINVAL and
 * writes what is wrong into @why.
 */
static inline int mc2_parse_line(char *line, struct mc2_backing *b, char *why,
				 size_t size)
{
	char *save = NULL, *token, *value;
	const char *err;
	size_t key;

	memset(b, 0, sizeof(*b));
	for (key = 0; key < MC2_NR_KEYS; key++) {
		token = strtok_r(key ? NULL : line, " \t\r\n", &save);
		if (!token) {
			snprintf(why, size, "no %s=", mc2_keys[key]);
			return -EINVAL;
		}
		value = strchr(token, '=');
		if (!value) {
			snprintf(why, size, "'%.64s' is not key=value", token);
			return -EINVAL;
		}
		*value++ = '\0';
		if (strcmp(token, mc2_keys[key])) {
			snprintf(why, size, "%s= expected, not '%.64s='",
				 mc2_keys[key], token);
			return -EINVAL;
		}
		err = mc2_parse_value(b, key, value);
		if (err) {
			snprintf(why, size, "%s='%.64s': %s", token, value, err);
			return -EINVAL;
		}
	}
	token = strtok_r(NULL, " \t\r\n", &save);
	if (token) {
		snprintf(why, size, "'%.64s' after the last key", token);
		return -EINVAL;
	}
	/* What contradicts itself would make tests prove the wrong thing. */
	if (b->persist != MC2_NEVER && !(b->dax && b->sync)) {
		snprintf(why, size, "persist without dax=1 and sync=1");
		return -EINVAL;
	}
	return 0;
}

static inline const struct mc2_backing *
mc2_find(const struct mc2_backings *all, const char *name)
{
	size_t i;

	for (i = 0; i < all->nr; i++)
		if (!strcmp(all->list[i].name, name))
			return &all->list[i];
	return NULL;
}

/*
 * Parse a stream. @file names it in errors. Returns 0, or -EINVAL with
 * all->error filled.
 */
static inline int mc2_parse_backings(FILE *f, const char *file,
				     struct mc2_backings *all)
{
	char line[1024], why[192];
	unsigned int number = 0;
	struct mc2_backing b;
	size_t first;

	all->nr = 0;
	while (fgets(line, sizeof(line), f)) {
		number++;
		why[0] = '\0';
		first = strspn(line, " \t\r\n");
		if (strlen(line) == sizeof(line) - 1)
			snprintf(why, sizeof(why), "line too long");
		else if (!line[first] || line[first] == '#')
			continue;
		else if (all->nr == MC2_MAX_BACKINGS)
			snprintf(why, sizeof(why), "more than %d backings",
				 MC2_MAX_BACKINGS);
		else if (!mc2_parse_line(line, &b, why, sizeof(why)) &&
			 mc2_find(all, b.name))
			snprintf(why, sizeof(why), "%s is there twice", b.name);
		if (why[0]) {
			snprintf(all->error, sizeof(all->error), "%.200s:%u: %s",
				 file, number, why);
			return -EINVAL;
		}
		all->list[all->nr++] = b;
	}
	return 0;
}

/*
 * Read the backings file of this machine. Returns 0; -ENOENT if there is
 * none (the tests that need it skip); any other error is a failure that
 * all->error explains.
 */
static inline int mc2_read_backings(struct mc2_backings *all)
{
	const char *file = getenv("MINCORE2_BACKINGS");
	FILE *f;
	int err;

	if (!file || !*file)
		file = MC2_BACKINGS_FILE;
	all->nr = 0;
	f = fopen(file, "re");
	if (!f) {
		err = -errno;
		snprintf(all->error, sizeof(all->error), "%.200s: %s", file,
			 strerror(-err));
		return err;
	}
	err = mc2_parse_backings(f, file, all);
	fclose(f);
	return err;
}

/* Does the comma-separated attr= of @b have @word? */
static inline bool mc2_has_attr(const struct mc2_backing *b, const char *word)
{
	size_t len = strlen(word);
	const char *p = b->attr;

	while (*p) {
		size_t n = strcspn(p, ",");

		if (n == len && !strncmp(p, word, len))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

/**
 * struct mc2_contract - what the contract says about a backing
 * @name: its name in the backings file
 * @kind: as in struct mc2_backing
 * @dax: as in struct mc2_backing
 * @any_dax: instead, it is whatever the backings file says, as newer kernels have
 *	no DAX there
 * @persist: as in struct mc2_backing
 * @level: the level that it has to give; 0: what the backings file says
 * @unchecked: where MAP_SYNC is refused, mmap takes it all the same with
 *	MAP_SHARED and MAP_PRIVATE, for the file's own mmap does not look at it
 * @optional: the guest may not be able to set it up
 *
 * This repeats keys of the backings file on purpose: a guest that describes a
 * device wrongly must not weaken the tests.
 */
struct mc2_contract {
	const char *name;
	enum mc2_kind kind;
	bool dax;
	bool any_dax;
	enum mc2_persist persist;
	unsigned int level;
	bool unchecked;
	bool optional;
};

/* X(C identifier, members of struct mc2_contract as designated initializers) */
#define MC2_CONTRACT_FS(X)						\
	X(ext4, .name = "ext4", .dax = 1, .persist = MC2_SYNC,		\
	  .level = MINCORE_PMD)						\
	X(ext4_nojournal, .name = "ext4-nojournal", .dax = 1)		\
	X(ext4_noload, .name = "ext4-noload", .dax = 1)			\
	X(ext4_extjournal, .name = "ext4-extjournal", .dax = 1)		\
	X(ext4_fastcommit, .name = "ext4-fastcommit", .dax = 1,		\
	  .persist = MC2_SYNC, .level = MINCORE_PMD)			\
	X(ext4_nobarrier, .name = "ext4-nobarrier", .dax = 1)		\
	X(ext4_writeback, .name = "ext4-writeback", .dax = 1)		\
	X(ext4_daxinode, .name = "ext4-daxinode")			\
	X(ext4_nodax, .name = "ext4-nodax")				\
	X(ext2, .name = "ext2", .any_dax = 1, .unchecked = 1)		\
	X(erofs, .name = "erofs", .kind = MC2_ROFS, .dax = 1,		\
	  .unchecked = 1)						\
	X(xfs, .name = "xfs", .dax = 1, .persist = MC2_SYNC,		\
	  .level = MINCORE_PMD)						\
	X(xfs_noreflink, .name = "xfs-noreflink", .dax = 1,		\
	  .persist = MC2_SYNC, .level = MINCORE_PMD)			\
	X(xfs_extlog, .name = "xfs-extlog", .dax = 1)			\
	X(xfs_rt, .name = "xfs-rt", .dax = 1, .optional = 1)		\
	X(dm_linear, .name = "dm-linear", .dax = 1)			\
	X(dm_crypt, .name = "dm-crypt")					\
	X(md_raid1, .name = "md-raid1")					\
	X(vpmem_ext4, .name = "vpmem-ext4", .dax = 1)			\
	X(e820_ext4, .name = "e820-ext4", .dax = 1)			\
	X(tmpfs, .name = "tmpfs", .unchecked = 1)			\
	X(ext4_disk, .name = "ext4-disk")				\
	X(btrfs, .name = "btrfs", .unchecked = 1)			\
	X(overlay, .name = "overlay")					\
	X(overlay_dax, .name = "overlay-dax", .dax = 1, .unchecked = 1)

#define MC2_CONTRACT_OTHER(X)						\
	X(devdax_4k, .name = "devdax-4k", .kind = MC2_DEV, .dax = 1,	\
	  .persist = MC2_ALWAYS, .level = MINCORE_PTE)			\
	X(devdax_2m, .name = "devdax-2m", .kind = MC2_DEV, .dax = 1,	\
	  .persist = MC2_ALWAYS, .level = MINCORE_PMD)			\
	X(devdax_1g, .name = "devdax-1g", .kind = MC2_DEV, .dax = 1,	\
	  .persist = MC2_ALWAYS, .level = MINCORE_PUD)			\
	X(vpmem_devdax, .name = "vpmem-devdax", .kind = MC2_DEV, .dax = 1) \
	X(hmem_devdax, .name = "hmem-devdax", .kind = MC2_DEV, .dax = 1) \
	X(e820_devdax, .name = "e820-devdax", .kind = MC2_DEV, .dax = 1, \
	  .optional = 1)						\
	X(hugetlb_2m, .name = "hugetlb-2m", .unchecked = 1,		\
	  .level = MINCORE_PMD)						\
	X(hugetlb_1g, .name = "hugetlb-1g", .unchecked = 1,		\
	  .level = MINCORE_PUD)

#define MC2_CONTRACT(X)	MC2_CONTRACT_FS(X) MC2_CONTRACT_OTHER(X)

#define MC2_CONTRACT_ROW(id, ...)	{ __VA_ARGS__ },
static const struct mc2_contract mc2_contracts[] = {
	MC2_CONTRACT(MC2_CONTRACT_ROW)
};

#define MC2_NR_CONTRACTS	ARRAY_SIZE(mc2_contracts)

static inline bool mc2_in_contract(const char *name)
{
	size_t i;

	for (i = 0; i < MC2_NR_CONTRACTS; i++)
		if (!strcmp(mc2_contracts[i].name, name))
			return true;
	return false;
}

/*
 * Look a contract's backing up for a fixture's set-up: skips without a
 * backings file, fails if the file is wrong, lacks the backing, or contradicts
 * the contract.
 */
#define MC2_SETUP_BACKING(contract, backing) do {			\
	const struct mc2_contract *c_ = (contract);			\
	static struct mc2_backings all_;				\
	const struct mc2_backing *b_;					\
	int err_ = mc2_read_backings(&all_);				\
									\
	if (err_ == -ENOENT)						\
		SKIP(return, "no backings: %s", all_.error);		\
	ASSERT_EQ(0, err_)						\
		TH_LOG("%s", all_.error);				\
	b_ = mc2_find(&all_, c_->name);					\
	if (!b_ && c_->optional)					\
		SKIP(return, "this guest has no %s", c_->name);		\
	ASSERT_NE(NULL, b_)						\
		TH_LOG("the contract names %s, the backings file does not", \
		       c_->name);					\
	ASSERT_TRUE(c_->kind == b_->kind);					\
	ASSERT_TRUE(c_->any_dax || c_->dax == b_->dax);			\
	ASSERT_EQ(c_->persist, b_->persist);				\
	if (c_->level) {						\
		ASSERT_EQ(c_->level, b_->level);			\
	}								\
	*(backing) = *b_;						\
} while (0)

#endif /* MINCORE2_SELFTESTS_BACKINGS_H */
