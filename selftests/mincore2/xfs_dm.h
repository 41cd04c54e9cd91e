/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An XFS with reflink on two device-mapper devices, one for the data and one for the
 * log, which can be suspended: then whatever needs the device waits, until it is
 * resumed. Both are on the namespace spare-nvdimm, whose contents are lost.
 */
#ifndef MINCORE2_SELFTESTS_XFS_DM_H
#define MINCORE2_SELFTESTS_XFS_DM_H

#include "mapping.h"
#include "spare.h"

#include <sys/mount.h>
#include <sys/stat.h>

#define DM_DIR		"/tmp/mincore2-dm"
#define DM_DATA		"mincore2-data"
#define DM_LOG		"mincore2-log"
#define DM_LOG_BYTES	MIB(24)
#define DM_INTERVAL	"/proc/sys/fs/xfs/xfssyncd_centisecs"

/* Suspend or resume DM_DATA or DM_LOG: @what is the name of the command. */
static inline int dm_do(const char *what, const char *dm)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "DM_DISABLE_UDEV=1 dmsetup %s '%s' >&2", what, dm);
	return system(command);
}

static inline int dm_suspend(const char *dm)
{
	return dm_do("suspend --nolockfs --noflush", dm);
}

static inline int dm_resume(const char *dm)
{
	return dm_do("resume", dm);
}

/* Undo all that dm_make() does, also after a test that crashed. */
static inline void dm_remove(void)
{
	dm_resume(DM_LOG);
	dm_resume(DM_DATA);
	umount2(DM_DIR, 0);
	rmdir(DM_DIR);
	dm_do("remove", DM_LOG);
	dm_do("remove", DM_DATA);
}

/* Make and mount the filesystem. @dax: of the mount option. NULL or what went wrong. */
static inline const char *dm_make(const struct mc2_backing *b, const char *dax)
{
	unsigned long long log = DM_LOG_BYTES / 512, data;
	char disk[64], command[256], options[128];

	dm_remove();
	if (namespace_disk(b->path, disk, sizeof(disk)))
		return "no block device on the namespace";
	data = b->size / 512 - log;
	snprintf(command, sizeof(command),
		 "DM_DISABLE_UDEV=1 dmsetup create " DM_DATA
		 " --table '0 %llu linear /dev/%.32s 0' >&2", data, disk);
	if (system(command))
		return "no " DM_DATA;
	snprintf(command, sizeof(command),
		 "DM_DISABLE_UDEV=1 dmsetup create " DM_LOG
		 " --table '0 %llu linear /dev/%.32s %llu' >&2", log, disk, data);
	if (system(command))
		return "no " DM_LOG;
	/* What it is told about a test suite makes it take so small a device. */
	if (system("TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1 mkfs.xfs -q -f -m reflink=1 "
		   "-l logdev=/dev/mapper/" DM_LOG ",size=16m "
		   "-d agcount=2 /dev/mapper/" DM_DATA " >&2"))
		return "mkfs.xfs failed";
	if (mkdir(DM_DIR, 0700) && errno != EEXIST)
		return "mkdir failed";
	snprintf(options, sizeof(options), "logdev=/dev/mapper/" DM_LOG ",dax=%s",
		 dax);
	if (mount("/dev/mapper/" DM_DATA, DM_DIR, "xfs", 0, options))
		return "mount failed";
	/* The log is forced by what is tested only, not in the background. */
	return system("echo 720000 >" DM_INTERVAL) ? "no " DM_INTERVAL : NULL;
}

/* Unmount; the structures on the device have to be right. */
static inline int dm_end(void)
{
	int err;

	dm_resume(DM_LOG);
	dm_resume(DM_DATA);
	err = umount(DM_DIR) ? -errno : 0;
	if (!err)
		err = system("o=$(xfs_repair -n -l /dev/mapper/" DM_LOG
			     " /dev/mapper/" DM_DATA " 2>&1) || "
			     "{ echo \"$o\" >&2; false; }");
	dm_remove();
	return system("echo 3000 >" DM_INTERVAL) ? -EIO : err;
}

/* For a fixture's set-up: the filesystem, or a skip without a spare device. */
#define DM_SETUP(dax)	SPARE_SETUP(dm_make(spare_, dax))

#endif /* MINCORE2_SELFTESTS_XFS_DM_H */
