// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files in memory: they are synced without a ring, and refused where durability is
 * asked for.
 */
#define _GNU_SOURCE
#include <linux/magic.h>
#include <stdint.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "faults.h"
#include "files.h"
#include "tap.h"

static bool have_uring(void)
{
	/* Nothing to set up: EFAULT where it exists and is allowed. */
	return syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EFAULT;
}

/* tmpfs and the like are synced as all others, unless durability is asked for. */
static void test_durable(void)
{
	const unsigned int flags[] = {
		MINCORE2_PERSIST_DURABLE,
		MINCORE2_PERSIST_DURABLE | MINCORE2_PERSIST_TRUSTED,
	};
	struct file file = file_new();
	int fd = memfd_create("durable", MFD_CLOEXEC);
	char *memory, *anonymous;
	struct statfs fs;
	bool on_disk = !fstatfs(file.fd, &fs) && fs.f_type != TMPFS_MAGIC;

	if (ftruncate(fd, LENGTH))
		abort();
	memory = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	anonymous = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memory[0] = anonymous[0] = 1;
	faults_reset();
	ok(!mincore2_persist(memory, LENGTH, 0) && !mincore2_persist(anonymous, 1, 0),
	   "memory is synced as a file is");
	for (size_t i = 0; i < 2; i++) {
		struct mincore2_range ranges[] = {
			range_of(memory, 1, fd), range_of(file.map, 1, file.fd),
			range_of(anonymous, 1, -1),
		};

		faults_reset();
		ok(mincore2_persist(memory, LENGTH, flags[i]) == -EOPNOTSUPP &&
		   mincore2_persist(anonymous, 1, flags[i]) == -EOPNOTSUPP &&
		   !faults.msync, "durable is asked for: memory is refused");
		ok(!on_disk || !mincore2_persist(file.map, LENGTH, flags[i]),
		   "a file is not");
		mincore2_persistv(ranges, 3, flags[i], -1);
		ok(ranges[0].error == -EOPNOTSUPP && (!on_disk || !ranges[1].error) &&
		   ranges[2].error == -EOPNOTSUPP, "of several, those that are not");
	}
	munmap(memory, LENGTH);
	munmap(anonymous, LENGTH);
	close(fd);
	file_end(&file);
}

/* Where fdatasync() does not wait a ring costs more than it saves. */
static void test_memory_files(void)
{
	struct file a = file_new(), b = file_new();
	struct mincore2_range ranges[] = {
		range_of(a.map, 1, a.fd), range_of(b.map, LENGTH, b.fd),
	};

	faults_reset();
	faults.fs_type = TMPFS_MAGIC;
	ok(mincore2_persistv(ranges, 2, 0, -1) == 0 && !faults.rings &&
	   faults.fdatasync == 2, "files in memory: no ring is made");
	if (have_uring()) {
		faults_reset();
		faults.fs_type = TMPFS_MAGIC;
		ok(mincore2_persistv(ranges, 2, 0, 60000) == 0 && faults.rings == 1 &&
		   !faults.fdatasync, "but with a limit of time");
	}
	file_end(&a);
	file_end(&b);
}

int main(void)
{
	test_durable();
	test_memory_files();
	return tap_done();
}
