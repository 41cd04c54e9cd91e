// SPDX-License-Identifier: GPL-2.0
/*
 * A DAX device object that is recycled: what vouched for an nvdimm must not
 * vouch for the virtio-pmem device that is bound next.
 *
 * Uses, and destroys the contents of, two backings of kind=spare: the
 * namespaces spare-nvdimm and spare-vpmem. A program of its own, to run last.
 */
#define _FILE_OFFSET_BITS 64
#include "mapping.h"
#include "spare.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define CORE	(MINCORE_DAX | MINCORE_PERSIST | MINCORE_UNMAPPED)
#define ROUNDS	5	/* usually; else MINCORE2_ROUNDS */

FIXTURE(recycle) {
	struct mc2_backings *all;
	const char *nvdimm;	/* namespace names */
	const char *vpmem;
	char dir[64];
};

FIXTURE_SETUP(recycle)
{
	const struct mc2_backing *nvdimm, *vpmem;
	cpu_set_t one;
	int err;

	self->all = malloc(sizeof(*self->all));
	ASSERT_NE(NULL, self->all);
	err = mc2_read_backings(self->all);
	if (err == -ENOENT)
		SKIP(return, "no backings: %s", self->all->error);
	ASSERT_EQ(0, err)
		TH_LOG("%s", self->all->error);
	nvdimm = mc2_find(self->all, "spare-nvdimm");
	vpmem = mc2_find(self->all, "spare-vpmem");
	if (!nvdimm || !vpmem)
		SKIP(return, "this guest has no spare-nvdimm and spare-vpmem");
	ASSERT_EQ(MC2_SPARE, nvdimm->kind);
	ASSERT_EQ(MC2_SPARE, vpmem->kind);
	self->nvdimm = nvdimm->path;
	self->vpmem = vpmem->path;

	/* The freed object is the next one allocated on the same CPU. */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	snprintf(self->dir, sizeof(self->dir), "/tmp/mincore2-recycle-%d",
		 (int)getpid());
	ASSERT_EQ(0, mkdir(self->dir, 0700));
}

FIXTURE_TEARDOWN(recycle)
{
	umount2(self->dir, MNT_DETACH);
	rmdir(self->dir);
	free(self->all);
}

/*
 * Bind the nvdimm, which vouches, free its DAX device again, and bind the
 * virtio-pmem. What counts is what ndctl shows then: its exit status differs
 * between versions where a namespace already was as wanted.
 */
static void recycle(struct __test_metadata *_metadata,
		    const FIXTURE_DATA(recycle) *self)
{
	char text[64];

	run("ndctl disable-namespace '%s' >&2", self->vpmem);
	run("ndctl disable-namespace '%s' >&2", self->nvdimm);
	run("ndctl enable-namespace '%s' >&2", self->nvdimm);
	ASSERT_EQ(0, ndctl_value(self->nvdimm, "blockdev", text, sizeof(text)));
	run("ndctl disable-namespace '%s' >&2", self->nvdimm);
	ASSERT_EQ(0, ndctl_value(self->nvdimm, "state", text, sizeof(text)));
	ASSERT_STREQ("disabled", text);
	usleep(300000);		/* freed after an RCU grace period */
	run("ndctl enable-namespace '%s' >&2", self->vpmem);
}

/* ext4 on the recycled device: no MAP_SYNC, no promise. */
static void check_ext4(struct __test_metadata *_metadata,
		       const FIXTURE_DATA(recycle) *self, const char *dev)
{
	struct mc2_backing b = {
		.name = "spare-vpmem", .kind = MC2_FS, .dax = 1,
		.level = MINCORE_PMD, .size = MIB(16), .align = 4096,
		.attr = "-",
	};
	struct mc2_file f;
	char *map;

	snprintf(b.path, sizeof(b.path), "%s", self->dir);
	ASSERT_EQ(0, mount(dev, self->dir, "ext4", 0, "dax=always"))
		TH_LOG("mount of %s: %s", dev, strerror(errno));
	EXPECT_EQ(0, mc2_file_open_full(&f, &b, MIB(4)));
	errno = 0;
	EXPECT_EQ(MAP_FAILED, mc2_file_map(&f, MC2_SHARED_SYNC));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(MAP_FAILED, mc2_file_map(&f, MC2_SHARED_LEGACY));
	map = mc2_file_map(&f, MC2_SHARED);
	EXPECT_NE(MAP_FAILED, map);
	if (map != MAP_FAILED) {
		EXPECT_STATE(map, MIB(4), CORE, MINCORE_DAX);
		mc2_store(map, MIB(4), KIB(4));
		EXPECT_STATE(map, MIB(4), CORE, MINCORE_DAX);
		munmap(map, MIB(4));
	}
	mc2_file_close(&f);
	EXPECT_EQ(0, umount(self->dir));
}

/*
 * Proves: after an nvdimm was unbound and a virtio-pmem bound in its place, an
 * ext4 on the latter refuses MAP_SYNC, and PERSIST is clear.
 */
TEST_F_TIMEOUT(recycle, filesystem, 300)
{
	char dev[64], path[80];
	unsigned long i, rounds = mc2_setting("MINCORE2_ROUNDS", ROUNDS, 100);

	ASSERT_EQ(0, run("ndctl create-namespace -f -e '%s' -m fsdax -M mem >&2",
			 self->nvdimm));
	ASSERT_EQ(0, run("ndctl create-namespace -f -e '%s' -m fsdax -M mem >&2",
			 self->vpmem));
	for (i = 0; i < rounds; i++) {
		recycle(_metadata, self);
		ASSERT_EQ(0, ndctl_value(self->vpmem, "blockdev", dev,
					 sizeof(dev)));
		snprintf(path, sizeof(path), "/dev/%s", dev);
		if (!i) {
			ASSERT_EQ(0, run("mkfs.ext4 -q -F -b 4096 '%s' >&2",
					 path));
		}
		check_ext4(_metadata, self, path);
	}
}

/*
 * Proves: the same for virtio-pmem as device-dax, which takes MAP_SYNC always
 * and must not inherit the nvdimm's word.
 */
TEST_F_TIMEOUT(recycle, device_dax, 300)
{
	struct mc2_backing b = {
		.name = "spare-vpmem", .kind = MC2_DEV, .dax = 1, .sync = 1,
		.level = MINCORE_PMD, .size = MIB(16), .align = MIB(2),
		.attr = "-",
	};
	struct mc2_file f;
	char dev[64];
	char *map;
	unsigned long i, rounds = mc2_setting("MINCORE2_ROUNDS", ROUNDS, 100);

	ASSERT_EQ(0, run("ndctl create-namespace -f -e '%s' -m fsdax -M mem >&2",
			 self->nvdimm));
	ASSERT_EQ(0, run("ndctl create-namespace -f -e '%s' -m devdax -a 2M -M mem >&2",
			 self->vpmem));
	for (i = 0; i < rounds; i++) {
		recycle(_metadata, self);
		ASSERT_EQ(0, ndctl_value(self->vpmem, "chardev", dev,
					 sizeof(dev)));
		snprintf(b.path, sizeof(b.path), "/dev/%s", dev);
		ASSERT_EQ(0, mc2_file_open(&f, &b, MIB(4)));
		map = mc2_file_map(&f, MC2_SHARED_SYNC);
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_STATE(map, MIB(4), CORE, MINCORE_DAX);
		mc2_store(map, MIB(4), KIB(4));
		EXPECT_STATE(map, MIB(4), CORE, MINCORE_DAX);
		munmap(map, MIB(4));
		mc2_file_close(&f);
	}
}

TEST_HARNESS_MAIN
