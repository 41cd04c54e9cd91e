// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What to change, for each reason not to be persistence-safe, or not pinnable.
 */
#include <string.h>

#include "judge.h"

static const struct {
	const char *code, *advice;
} reasons[] = {
	{ "copied", "Map with MAP_SHARED_VALIDATE | MAP_SYNC: what is stored to a private mapping never reaches the file." },
	{ "private", "Map with MAP_SHARED_VALIDATE | MAP_SYNC: what is stored to a private mapping never reaches the file." },
	{ "data-writeback", "Mount with data=ordered, which is ext4's default." },
	{ "device-mapper", "Put the filesystem on the persistent memory itself, without device-mapper (LVM) between; else use fsync() or msync()." },
	{ "md", "Put the filesystem on one device without RAID; else use fsync() or msync()." },
	{ "external-journal", "Keep the journal (log) on the same device: 'tune2fs -O ^has_journal' and '-j' on the unmounted ext4; XFS has to be made anew without logdev." },
	{ "filesystem-dax", "Use a device-dax; or memory without a file, hugetlbfs or tmpfs, and copy." },
	{ "filesystem", "Use ext4 or XFS in DAX mode, or a device-dax; else use fsync() or msync()." },
	{ "fsync-unknown", "Find out whether what is below keeps what fsync() or msync() write; or put the file on ext4 or XFS in DAX mode on persistent memory." },
	{ "legacy-e820", "Memory of this kind (memmap=nn!ss) is for development: use NVDIMMs or CXL persistent memory that firmware describes; else use fsync() or msync(), which do not help either if the memory is volatile." },
	{ "memory-only", "Put the file on ext4 or XFS on persistent memory." },
	{ "no-barrier", "Mount without nobarrier (barrier=0): 'mount -o remount,barrier=1'." },
	{ "no-domain", "Have the platform state it: /sys/bus/nd/devices/regionN/persistence_domain then says memory_controller or cpu_cache. It comes from the firmware (platform capabilities in the NFIT); QEMU: '-machine nvdimm=on,nvdimm-persistence=mem-ctrl'. Else use fsync() or msync()." },
	{ "no-flush", "Nothing in software: the platform gives the driver no way to reach the media." },
	{ "no-fsync", "Mount it without the option volatile, or put the file on another filesystem." },
	{ "no-journal", "Give ext4 a journal ('tune2fs -j' on the unmounted filesystem), and mount without noload." },
	{ "no-sync", "Map with MAP_SHARED_VALIDATE | MAP_SYNC, or use fsync() or msync()." },
	{ "not-pinnable", "Use memory without a file, hugetlbfs, tmpfs or a device-dax." },
	{ "not-known", "Use fsync() or msync(); or ask on a kernel that has mincore2()." },
	{ "not-vouched", "Use fsync() or msync(). If this is ext4 or XFS with DAX, a feature or mount option may be the cause (ext4: journal_async_commit, bigalloc, files without extents)." },
	{ "read-only", "Map it for writing (here: --populate). The file has to be opened for reading and writing, unless the mapping is private." },
	{ "realtime", "Use an XFS without a realtime device; else use fsync() or msync()." },
	{ "sync-refused", "The file has to be in DAX mode on memory that needs no flush requests; else use fsync() or msync()." },
	{ "unmapped", "Map it." },
	{ "unarmed", "Have the NVDIMM's energy source repaired: 'ndctl list -DH' shows its health." },
	{ "virtio-pmem", "Use fsync() or msync(): they flush the host's page cache. For persistence by cache write-back give the guest an NVDIMM whose backing is persistent memory." },
	{ "volatile", "Put the file on persistent memory: this memory is as volatile as the main memory." },
	{ "written-back", "Use memory without a file, hugetlbfs or tmpfs; or map privately, if the file need not change." },
	{ "zero-page", "Store to it first; and map a file on persistent memory with MAP_SHARED_VALIDATE | MAP_SYNC." },
};

const char *reason_advice(const struct report *report, const char *code)
{
	if (!strcmp(code, "page-cache")) {
		if (report->facts.device_kind == DEVICE_PMEM)
			return "The device is persistent memory: mount with dax=always, or with dax=inode and 'chattr +x' on the file (takes effect when nobody has it open). Else use fsync() or msync().";
		return "Use fsync() or msync(); or put the file on ext4 or XFS in DAX mode on persistent memory.";
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (!strcmp(code, reasons[i].code))
			return reasons[i].advice;
	return NULL;
}
