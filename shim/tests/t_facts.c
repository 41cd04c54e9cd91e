// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is found in /proc and /sys, from a tree of files that look like them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "report.h"
#include "tap.h"

static char root[] = "/tmp/mincore2-facts-XXXXXX";

/* A file below root, with its directories; @text NULL: a directory. */
static void put(const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = path + sizeof(root); (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	if (!text) {
		mkdir(path, 0700);
	} else {
		FILE *file = fopen(path, "we");

		if (!file || fputs(text, file) < 0 || fclose(file))
			abort();
	}
}

/* The link @name below root, in a directory that is there; it may lead nowhere. */
static void put_link(const char *name, const char *target)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	if (symlink(target, path))
		abort();
}

/* /sys/dev/CLASS/MAJ:MIN, a link as in sysfs. */
static void put_device(const char *class, const char *numbers, const char *dir)
{
	char name[PATH_MAX];
	char target[PATH_MAX];

	put(dir, NULL);
	snprintf(name, sizeof(name), "sys/dev/%s", class);
	put(name, NULL);
	snprintf(name, sizeof(name), "sys/dev/%s/%s", class, numbers);
	snprintf(target, sizeof(target), "../../../%s", dir);
	put_link(name, target);
}

#define CXL	"sys/devices/platform/ACPI0017:00/root0/decoder0.1/region3/dax_region3"

static enum device_kind kind_of(const char *class, unsigned int minor,
				struct facts *facts)
{
	*facts = (struct facts) { 0 };
	facts_device(facts, root, class, makedev(259, minor));
	return facts->device_kind;
}

static void test_devices(void)
{
	struct facts facts;

	put("sys/devices/acpi/ndbus0/provider", "ACPI.NFIT\n");
	put("sys/devices/acpi/ndbus0/region0/persistence_domain", "memory_controller\n");
	put("sys/devices/acpi/ndbus0/region0/deep_flush", "0\n");
	put_device("block", "259:0", "sys/devices/acpi/ndbus0/region0/namespace0.0/block/pmem0");
	put_device("block", "259:1", "sys/devices/acpi/ndbus0/region0/namespace0.0/block/pmem0/pmem0p1");
	put_device("char", "259:0", "sys/devices/acpi/ndbus0/region0/dax0.1/dax0.0");
	ok(kind_of("block", 0, &facts) == DEVICE_PMEM &&
	   !strcmp(facts.device, "pmem0") &&
	   !strcmp(facts.persistence_domain, "memory_controller"),
	   "NVDIMM block device, with its persistence domain");
	ok(kind_of("block", 1, &facts) == DEVICE_PMEM &&
	   !strcmp(facts.device, "pmem0p1"), "a partition of it");
	ok(kind_of("char", 0, &facts) == DEVICE_PMEM &&
	   !strcmp(facts.device, "dax0.0"), "device-dax on it");

	put("sys/devices/acpi/ndbus0/region1/size", "1\n");
	put_device("char", "259:2", "sys/devices/acpi/ndbus0/region1/dax1.1/dax1.0");
	ok(kind_of("char", 2, &facts) == DEVICE_NO_FLUSH,
	   "a region without deep_flush cannot guarantee anything");
	put("sys/devices/acpi/ndbus0/region5/deep_flush", "0\n");
	put("sys/devices/acpi/ndbus0/region5/persistence_domain", "cpu_cache\n");
	put("sys/devices/acpi/ndbus0/region5/mappings", "2\n");
	put("sys/devices/acpi/ndbus0/region5/mapping0", "nmem0,0,4096,0\n");
	put("sys/devices/acpi/ndbus0/region5/mapping1", "nmem1,0,4096,1\n");
	put("sys/devices/acpi/ndbus0/nmem0/nfit/flags", "smart_notify\n");
	put_device("char", "259:11", "sys/devices/acpi/ndbus0/region5/dax5.1/dax5.0");
	ok(kind_of("char", 11, &facts) == DEVICE_PMEM, "two NVDIMMs that are armed");
	put("sys/devices/acpi/ndbus0/nmem1/nfit/flags", "not_armed smart_notify\n");
	ok(kind_of("char", 11, &facts) == DEVICE_UNARMED, "one of them is not armed");

	/* The kernel hides the attribute where no domain is stated. */
	put("sys/devices/acpi/ndbus0/region6/deep_flush", "0\n");
	put_device("block", "259:12", "sys/devices/acpi/ndbus0/region6/namespace6.0/block/pmem6");
	ok(kind_of("block", 12, &facts) == DEVICE_NO_DOMAIN,
	   "a region without a persistence domain");
	put("sys/devices/acpi/ndbus0/region6/persistence_domain", "\n");
	ok(kind_of("block", 12, &facts) == DEVICE_NO_DOMAIN, "an empty one");
	put("sys/devices/acpi/ndbus0/region6/persistence_domain", "unheard_of\n");
	ok(kind_of("block", 12, &facts) == DEVICE_NO_DOMAIN, "an unknown one");
	put("sys/devices/acpi/ndbus0/region6/persistence_domain", "cpu_cache\n");
	ok(kind_of("block", 12, &facts) == DEVICE_PMEM, "one that includes the caches");

	put("sys/devices/acpi/ndbus0/region2/devtype", "nd_volatile\n");
	put_device("char", "259:3", "sys/devices/acpi/ndbus0/region2/dax2.1/dax2.0");
	ok(kind_of("char", 3, &facts) == DEVICE_VOLATILE, "volatile NVDIMM region");

	put("sys/devices/pci/virtio2/ndbus1/provider", "virtio-pmem\n");
	put("sys/devices/pci/virtio2/ndbus1/region3/deep_flush", "1\n");
	put_device("block", "259:4", "sys/devices/pci/virtio2/ndbus1/region3/namespace3.0/block/pmem3");
	ok(kind_of("block", 4, &facts) == DEVICE_VIRTIO_PMEM, "virtio-pmem");

	put("sys/devices/platform/e820_pmem/ndbus2/provider", "e820\n");
	put_device("block", "259:5", "sys/devices/platform/e820_pmem/ndbus2/region4/namespace4.0/block/pmem4");
	ok(kind_of("block", 5, &facts) == DEVICE_E820, "legacy e820");

	put_device("char", "259:6", "sys/devices/platform/hmem.0/dax5.0");
	put_link("sys/devices/platform/hmem.0/dax5.0/subsystem", "../../../../bus/dax");
	put_link("sys/devices/platform/hmem.0/driver", "../../../bus/platform/drivers/hmem");
	ok(kind_of("char", 6, &facts) == DEVICE_VOLATILE, "soft-reserved memory");
	put_device("char", "259:7", CXL "/dax6.0");
	put_link(CXL "/dax6.0/subsystem", "../../../../../../../../bus/dax");
	put_link(CXL "/driver", "../../../../../../../bus/cxl/drivers/cxl_dax_region");
	ok(kind_of("char", 7, &facts) == DEVICE_VOLATILE, "CXL RAM");
	ok(!strcmp(facts.memory, "CXL region3, decoder0.1"), "  of which region and decoder (%s)",
	   facts.memory);
	ok(kind_of("char", 0, &facts) == DEVICE_PMEM &&
	   !strcmp(facts.memory, "region0 of the NVDIMM bus (ACPI.NFIT)"),
	   "an NVDIMM: of which region (%s)", facts.memory);

	/* No driver is bound, so nothing says that it is volatile. */
	put_device("char", "259:15", "sys/devices/platform/ACPI0017:00/root0/decoder0.2/region8/dax_region8/dax8.0");
	kind_of("char", 15, &facts);
	ok(!strcmp(facts.memory, "CXL region8, decoder0.2"), "CXL of which no more is known (%s)",
	   facts.memory);
	put_device("char", "259:16", "sys/devices/platform/fpga/region9/dax9.0");
	kind_of("char", 16, &facts);
	ok(!facts.memory[0], "a region of neither (%s)", facts.memory);

	put("sys/devices/virtual/block/dm-0/dm/name", "x\n");
	put_device("block", "259:8", "sys/devices/virtual/block/dm-0");
	ok(kind_of("block", 8, &facts) == DEVICE_MAPPER, "device-mapper");
	put("sys/devices/virtual/block/md0/md/level", "raid1\n");
	put_device("block", "259:9", "sys/devices/virtual/block/md0");
	ok(kind_of("block", 9, &facts) == DEVICE_MD, "software RAID");
	put_device("block", "259:10", "sys/devices/pci/virtio0/block/vda");
	ok(kind_of("block", 10, &facts) == DEVICE_UNKNOWN &&
	   !strcmp(facts.device, "vda"), "a disk");
	ok(kind_of("block", 99, &facts) == DEVICE_UNKNOWN && !facts.device[0],
	   "a device that is not in /sys");
}

static enum keeping kept_by(unsigned int minor)
{
	return device_keeping(makedev(259, minor), root);
}

/* Where fsync() leaves the data; devices of hardware have a link to that. */
static void test_keeping(void)
{
	put("sys/devices/pci/virtio0/block/vdb/device/vendor", "0x1af4\n");
	put("sys/devices/pci/virtio0/block/vdb/vdb1/partition", "1\n");
	put_device("block", "259:20", "sys/devices/pci/virtio0/block/vdb");
	put_device("block", "259:21", "sys/devices/pci/virtio0/block/vdb/vdb1");
	ok(kept_by(20) == KEPT_ON_DEVICE && kept_by(21) == KEPT_ON_DEVICE,
	   "kept: by a disk, by a partition of it");
	put_device("block", "259:22", "sys/devices/virtual/block/zram0");
	put_device("block", "259:23", "sys/devices/virtual/block/ram0");
	put_device("block", "259:24", "sys/devices/virtual/block/nbd0");
	ok(kept_by(22) == KEPT_IN_MEMORY && kept_by(23) == KEPT_IN_MEMORY,
	   "kept: in memory, by a RAM disk");
	ok(kept_by(24) == KEPT_UNKNOWN && kept_by(99) == KEPT_UNKNOWN,
	   "kept: not known of a server, nor of what is not in /sys");
	put("sys/devices/virtual/block/dm-2/slaves/vdb/device/vendor", "0x1af4\n");
	put_device("block", "259:25", "sys/devices/virtual/block/dm-2");
	ok(kept_by(25) == KEPT_ON_DEVICE, "kept: by the disk below device-mapper");
	put("sys/devices/virtual/block/dm-2/slaves/nbd0/size", "1\n");
	ok(kept_by(25) == KEPT_UNKNOWN, "kept: of two disks one is not known");
	put("sys/devices/virtual/block/dm-2/slaves/zram0/size", "1\n");
	ok(kept_by(25) == KEPT_IN_MEMORY, "kept: of three disks one is in memory");
	put("sys/devices/acpi/ndbus0/region2/namespace2.0/block/pmem9/device/x", "\n");
	put_device("block", "259:26", "sys/devices/acpi/ndbus0/region2/namespace2.0/block/pmem9");
	ok(kept_by(26) == KEPT_IN_MEMORY, "kept: by a volatile NVDIMM region, not");
	put("sys/devices/platform/e820_pmem/ndbus2/region4/namespace4.0/block/pmem4/device/x", "\n");
	ok(kept_by(5) == KEPT_UNKNOWN, "kept: not known of legacy persistent memory");
}

/* What an administrator can switch off. */
static void test_switches(void)
{
	static const char disk[] = "sys/devices/acpi/ndbus3/region7/namespace7.0/block/pmem7";
	struct facts facts;

	put("sys/devices/acpi/ndbus3/region7/deep_flush", "0\n");
	put("sys/devices/acpi/ndbus3/region7/persistence_domain", "memory_controller\n");
	put_device("block", "259:13", disk);
	kind_of("block", 13, &facts);
	ok(facts.flushes == NOT_KNOWN && facts.write_backs == NOT_KNOWN,
	   "neither queue nor dax is there: not known");
	put("sys/devices/acpi/ndbus3/region7/namespace7.0/block/pmem7/queue/write_cache", "write back\n");
	put("sys/devices/acpi/ndbus3/region7/namespace7.0/block/pmem7/dax/write_cache", "1\n");
	put_device("block", "259:14", "sys/devices/acpi/ndbus3/region7/namespace7.0/block/pmem7/pmem7p1");
	kind_of("block", 13, &facts);
	ok(facts.flushes == YES && facts.write_backs == YES, "as they are by default");
	put("sys/devices/acpi/ndbus3/region7/namespace7.0/block/pmem7/queue/write_cache", "write through\n");
	kind_of("block", 13, &facts);
	ok(facts.flushes == NO && facts.write_backs == YES, "queue/write_cache: write through");
	put("sys/devices/acpi/ndbus3/region7/namespace7.0/block/pmem7/dax/write_cache", "0\n");
	kind_of("block", 13, &facts);
	ok(facts.flushes == NO && facts.write_backs == NO, "dax/write_cache: 0");
	put("sys/devices/acpi/ndbus3/region7/namespace7.0/block/pmem7/pmem7p1/partition", "1\n");
	kind_of("block", 14, &facts);
	ok(facts.flushes == NO && facts.write_backs == NO, "a partition has those of its disk");
	put("sys/devices/acpi/ndbus3/region7/persistence_domain", "cpu_cache\n");
	kind_of("block", 13, &facts);
	ok(facts.flushes == NO && facts.write_backs == YES,
	   "where the caches are in the persistence domain nothing needs to be written back");
}

static void test_mounts(void)
{
	struct facts facts = { 0 };

	put("proc/self/mountinfo",
	    "22 1 0:21 / /proc rw,relatime - proc proc rw\n"
	    "30 1 259:0 / /mnt/a\\040b rw,noatime shared:1 master:2 - ext4 /dev/x\\040y rw,dax=always\n"
	    "garbage\n"
	    "31 1 0:40 /sub /c rw - overlay overlay rw,lowerdir=/a,upperdir=/b\n"
	    "32 1 0:41 / /d ro - tmpfs none\n");
	ok(facts_mount(&facts, root, 30) == 0 && !strcmp(facts.fstype, "ext4") &&
	   !strcmp(facts.source, "/dev/x y"),
	   "mountinfo: optional tags, a blank in the source");
	ok(facts_option(&facts, "dax=always") && facts_option(&facts, "noatime") &&
	   !facts_option(&facts, "dax") && !facts_option(&facts, "atime"),
	   "mountinfo: options of the mount and of the superblock, matched whole");
	ok(facts_mount(&facts, root, 31) == 0 && !strcmp(facts.fstype, "overlay"),
	   "mountinfo: no tags");
	ok(facts_mount(&facts, root, 32) == 0 && !strcmp(facts.fstype, "tmpfs") &&
	   facts_option(&facts, "ro"), "mountinfo: no options of the superblock");
	ok(facts_mount(&facts, root, 33) == -ENOENT, "mountinfo: no such mount");
	ok(facts_mount(&facts, "/nonexistent", 30) == -ENOENT,
	   "mountinfo: no /proc");
}

static void test_ext4(void)
{
	struct facts facts = { .device = "pmem0" };

	facts_ext4(&facts, root);
	ok(facts.journal == NOT_KNOWN && facts.journal_outside == NOT_KNOWN,
	   "ext4: what cannot be read is not known");
	put("sys/fs/ext4/pmem0/journal_task", "<none>\n");
	facts_ext4(&facts, root);
	ok(facts.journal == NO, "ext4: no journal");
	put("sys/fs/ext4/pmem0/journal_task", "123\n");
	put("proc/fs/jbd2/pmem01-8", NULL);
	facts_ext4(&facts, root);
	ok(facts.journal == YES && facts.journal_outside == YES,
	   "ext4: journal, but none of this device");
	put("proc/fs/jbd2/pmem0-8", NULL);
	facts.journal_outside = NOT_KNOWN;
	facts_ext4(&facts, root);
	ok(facts.journal == YES && facts.journal_outside == NO,
	   "ext4: journal on this device");
	snprintf(facts.options, sizeof(facts.options), ",rw,norecovery,");
	facts_ext4(&facts, root);
	ok(facts.journal == NO, "ext4: noload, which shows as norecovery");
}

/* smaps is read only where no mapping of the process may have 1 GiB entries. */
static void test_sync(void)
{
	static const char smaps[] =
		"7f0000000000-7f0000200000 rw-s 00000000 fe:00 12 /mnt/file\n"
		"VmFlags: rd wr sh mr mw me ms sf \n";
	struct process process = { .pid = 123, .vma.start = 0x7f0000000000,
				   .vma.end = 0x7f0000200000 };
	char line[PATH_MAX];
	struct stat st;

	put("proc/123/smaps", smaps);
	put("proc/123/maps", "7f0000000000-7f0000200000 rw-s 00000000 fe:00 12 /mnt/file\n");
	ok(process_sync(&process, root) == 1, "MAP_SYNC is read from smaps");
	put("proc/123/maps", "40000000-80000000 rw-s 00000000 00:05 77 /odd/place/dax0.0\n");
	ok(process_sync(&process, root) == -EBUSY,
	   "not where something unknown has room for a 1 GiB entry");
	put("proc/123/maps", "40001000-80001000 rw-s 00000000 00:05 77 /odd/place/dax0.0\n"
	    "40000000-80000000 rw-p 00000000 00:00 0 [heap]\n");
	ok(process_sync(&process, root) == 1,
	   "memory without a file, or without room, is none");
	if (stat("/proc/self/exe", &st))
		abort();
	snprintf(line, sizeof(line), "40000000-80000000 rw-s 00000000 00:05 %llu /proc/self/exe\n",
		 (unsigned long long)st.st_ino);
	put("proc/123/maps", line);
	ok(process_sync(&process, root) == 1, "nor is a regular file that can be seen");
	put("proc/123/maps", "40000000-80000000 rw-s 00000000 00:05 1 /proc/self/exe\n");
	ok(process_sync(&process, root) == -EBUSY, "but not another one at its path");
}

int main(void)
{
	char command[64];

	if (!mkdtemp(root))
		abort();
	test_devices();
	test_keeping();
	test_switches();
	test_mounts();
	test_ext4();
	test_sync();
	snprintf(command, sizeof(command), "rm -rf %s", root);
	if (system(command))
		return 1;
	return tap_done();
}
