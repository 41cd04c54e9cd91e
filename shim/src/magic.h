/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Types of filesystems, as statfs(2) has them. Both libraries and the tool
 * include this file.
 */
#ifndef MINCORE2_MAGIC_H
#define MINCORE2_MAGIC_H

#include <linux/magic.h>
#include <stdint.h>
#include <sys/statfs.h>

/* The headers of older systems do not have these. */
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC		0x58465342
#endif
#ifndef SECRETMEM_MAGIC
#define SECRETMEM_MAGIC		0x5345434d
#endif
#ifndef F2FS_SUPER_MAGIC
#define F2FS_SUPER_MAGIC	0xf2f52010
#endif
#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC	0x65735546
#endif

/* The type of the filesystem that @fd is on; 0: not known. */
static inline uint32_t mincore2_fs_magic(int fd)
{
	struct statfs fs;

	/* f_type is an int on some architectures, and a long on others. */
	return fstatfs(fd, &fs) ? 0 : (uint32_t)fs.f_type;
}

#endif /* MINCORE2_MAGIC_H */
