// SPDX-License-Identifier: GPL-2.0
/*
 * What lies under a file is switched: DAX on and off for one file, the table
 * of a device-mapper device.
 */
#define _FILE_OFFSET_BITS 64
#include "mapping.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CORE	(MINCORE_DAX | MINCORE_PERSIST | MINCORE_UNMAPPED)
#define SAFE	(MINCORE_DAX | MINCORE_PERSIST)
#define PMD	MIB(2)

/* ---- DAX switched on and off for one file ---- */

FIXTURE(per_file) {
	struct mc2_backing b;
	struct mc2_file f;
};

FIXTURE_VARIANT(per_file) {
	struct mc2_contract c;
};

FIXTURE_VARIANT_ADD(per_file, ext4_daxinode) {
	.c = { .name = "ext4-daxinode" },
};

FIXTURE_SETUP(per_file)
{
	MC2_SETUP_BACKING(&variant->c, &self->b);
	ASSERT_EQ(0, mc2_file_open_full(&self->f, &self->b, PMD));
}

FIXTURE_TEARDOWN(per_file)
{
	mc2_file_close(&self->f);
}

/* chattr +x or -x; as the file is in use, it has no effect yet. */
static int set_dax_flag(int fd, bool on)
{
	struct fsxattr attr;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		return -errno;
	if (on)
		attr.fsx_xflags |= FS_XFLAG_DAX;
	else
		attr.fsx_xflags &= ~(uint32_t)FS_XFLAG_DAX;
	return ioctl(fd, FS_IOC_FSSETXATTR, &attr) ? -errno : 0;
}

static bool is_dax(int fd)
{
	struct statx st;

	return !statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) &&
	       (st.stx_attributes & STATX_ATTR_DAX);
}

/*
 * Close the file and have its inode forgotten, until it is opened with DAX
 * @on; gives up after 10 s. Returns 0 or a negative errno.
 */
static int reopen_with_dax(struct mc2_file *f, bool on)
{
	int i, fd;

	fsync(f->fd);
	for (i = 0; i < 50; i++) {
		close(f->fd);
		fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
		if (fd >= 0) {
			if (write(fd, "3", 1) != 1)
				i = 50;
			close(fd);
		}
		f->fd = open(f->path, O_RDWR | O_CLOEXEC);
		if (f->fd < 0)
			return -errno;
		if (is_dax(f->fd) == on)
			return 0;
		usleep(200000);
	}
	return -ETIMEDOUT;
}

/*
 * Proves: the DAX flag of a file changes nothing while the file is in use;
 * reopened it is DAX, accepts MAP_SYNC, and is persistence-safe; and the other
 * way round when the flag is taken away.
 */
TEST_F_TIMEOUT(per_file, on_and_off, 120)
{
	char *map = mc2_file_map(&self->f, MC2_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	mc2_store(map, PMD, KIB(4));
	EXPECT_STATE(map, PMD, CORE, 0);
	ASSERT_EQ(0, set_dax_flag(self->f.fd, true));
	EXPECT_STATE(map, PMD, CORE, 0);
	EXPECT_EQ(MAP_FAILED, mc2_file_map(&self->f, MC2_SHARED_SYNC));
	EXPECT_EQ(EOPNOTSUPP, errno);
	munmap(map, PMD);

	ASSERT_EQ(0, reopen_with_dax(&self->f, true));
	map = mc2_file_map(&self->f, MC2_SHARED);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_STATE(map, PMD, CORE, MINCORE_DAX);
	munmap(map, PMD);
	map = mc2_file_map(&self->f, MC2_SHARED_SYNC);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_STATE(map, PMD, CORE, SAFE);
	mc2_store(map, PMD, KIB(4));
	EXPECT_STATE(map, PMD, CORE | MINCORE_WRITABLE,
		     SAFE | MINCORE_WRITABLE);
	ASSERT_EQ(0, set_dax_flag(self->f.fd, false));
	EXPECT_STATE(map, PMD, CORE, SAFE);
	munmap(map, PMD);

	ASSERT_EQ(0, reopen_with_dax(&self->f, false));
	EXPECT_EQ(MAP_FAILED, mc2_file_map(&self->f, MC2_SHARED_SYNC));
	map = mc2_file_map(&self->f, MC2_SHARED);
	ASSERT_NE(MAP_FAILED, map);
	mc2_store(map, PMD, KIB(4));
	EXPECT_STATE(map, PMD, CORE, 0);
	munmap(map, PMD);
}

/* ---- device-mapper ---- */

FIXTURE(mapper) {
	struct mc2_backing b;
	struct mc2_file f;
	char dm[128];	/* name of the device-mapper device */
};

FIXTURE_VARIANT(mapper) {
	struct mc2_contract c;
};

FIXTURE_VARIANT_ADD(mapper, dm_linear) {
	.c = { .name = "dm-linear", .dax = 1 },
};

FIXTURE_SETUP(mapper)
{
	char path[64];
	struct stat st;
	FILE *f;

	MC2_SETUP_BACKING(&variant->c, &self->b);
	ASSERT_EQ(0, stat(self->b.path, &st));
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/dm/name",
		 major(st.st_dev), minor(st.st_dev));
	f = fopen(path, "re");
	ASSERT_NE(NULL, f)
		TH_LOG("%s is not on a device-mapper device", self->b.path);
	ASSERT_EQ(1, fscanf(f, "%127s", self->dm));
	fclose(f);
	ASSERT_EQ(0, mc2_file_open_full(&self->f, &self->b, PMD));
}

FIXTURE_TEARDOWN(mapper)
{
	mc2_file_close(&self->f);
}

static int dmsetup(const char *format, const char *dm)
{
	char command[512];

	snprintf(command, sizeof(command), format, dm, dm);
	return system(command);
}

/*
 * Proves: a table that is loaded while a file is mapped never makes PERSIST
 * appear: before, while the device is suspended, after, nor in a new mapping.
 */
TEST_F_TIMEOUT(mapper, table_reload, 120)
{
	enum mc2_how how = self->b.sync ? MC2_SHARED_SYNC : MC2_SHARED;
	char *map = mc2_file_map(&self->f, how), why[MC2_WHY];
	long suspended;

	ASSERT_NE(MAP_FAILED, map);
	mc2_store(map, PMD, KIB(4));
	EXPECT_STATE(map, PMD, CORE, MINCORE_DAX);
	ASSERT_EQ(0, dmsetup("dmsetup table '%s' | dmsetup load '%s'", self->dm));
	EXPECT_STATE(map, PMD, CORE, MINCORE_DAX);
	ASSERT_EQ(0, dmsetup("dmsetup suspend --noudevsync '%s'", self->dm));
	/* Say nothing before the device runs again: the log may be on it. */
	suspended = mc2_deviants(map, PMD, CORE, MINCORE_DAX, why);
	ASSERT_EQ(0, dmsetup("dmsetup resume --noudevsync '%s'", self->dm));
	EXPECT_EQ(0, suspended)
		TH_LOG("suspended: %s", why);
	EXPECT_STATE(map, PMD, CORE, MINCORE_DAX);
	mc2_store(map, PMD, KIB(4));
	EXPECT_STATE(map, PMD, CORE, MINCORE_DAX);
	munmap(map, PMD);
	map = mc2_file_map(&self->f, how);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_STATE(map, PMD, CORE, MINCORE_DAX);
	munmap(map, PMD);
}

TEST_HARNESS_MAIN
