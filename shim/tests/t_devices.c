// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the emulation reads of sysfs and smaps. The trees are those of a guest
 * with one device of each kind (Linux 6.12, QEMU), rebuilt; PERSIST is claimed
 * for the one that is sound, and for none in which a single thing is amiss.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "device.h"
#include "emu.h"
#include "tap.h"
#include "show.h"

/* The root of a system, of which only sysfs is there. */
static char system_root[] = "/tmp/mincore2-sysfs-XXXXXX";
static char root[sizeof(system_root) + 4];

static const char *path_of(const char *name)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

/* The directories above @name, too. */
static void make_parents(const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s", path_of(name));
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
}

static void attribute(const char *dir, const char *name, const char *text)
{
	char file[512];
	FILE *f;

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	make_parents(file);
	unlink(path_of(file));
	if (!text)
		return;
	f = fopen(path_of(file), "w");
	if (f) {
		fputs(text, f);
		fclose(f);
	}
}

static void link_to(const char *dir, const char *name, const char *target)
{
	char file[512];

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	make_parents(file);
	unlink(path_of(file));
	if (target && symlink(target, path_of(file)))
		perror(file);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_all(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define BUS	"devices/ACPI0012:00/ndbus0"
#define REGION	BUS "/region2"
#define NDDAX	REGION "/dax2.3"
#define DEVICE	NDDAX "/dax2.2"

/* devdax-2m of the guest: 252:30, on one armed NVDIMM. */
static void build_sound(void)
{
	remove_all();
	mkdir(root, 0700);
	attribute(BUS, "provider", "ACPI.NFIT\n");
	attribute(BUS "/nmem1/nfit", "flags", "\n");
	attribute(BUS "/nmem2/nfit", "flags", "not_armed \n");
	attribute(REGION, "devtype", "nd_pmem\n");
	attribute(REGION, "mappings", "1\n");
	attribute(REGION, "mapping0", "nmem1,0,3755999232,0\n");
	attribute(REGION, "persistence_domain", "memory_controller\n");
	attribute(REGION, "deep_flush", "0\n");
	attribute(REGION, "read_only", "0\n");
	link_to(REGION, "subsystem", "../../../../../../bus/nd");
	attribute(NDDAX, "devtype", "nd_dax\n");
	link_to(NDDAX, "subsystem", "../../../../../../../bus/nd");
	link_to(NDDAX, "driver", "../../../../../../../bus/nd/drivers/dax_pmem");
	attribute(DEVICE, "align", "2097152\n");
	link_to(DEVICE, "subsystem", "../../../../../../../../bus/dax");
	link_to(DEVICE, "driver",
		"../../../../../../../../bus/dax/drivers/device_dax");
	link_to("dev/char", "252:30", "../../" DEVICE);
}

static struct mincore2_device look(void)
{
	struct mincore2_device device;

	if (mincore2_device_look(root, true, "char", 252, 30, &device))
		device.dax = device.persist = MINCORE2_UNKNOWN;
	return device;
}

/*
 * What the tool says about the device, for people, beside what the library claims: it
 * has no reason against memory that is safe, and one for memory that is not.
 */
static bool tool_agrees(const struct mincore2_device *device)
{
	struct report report;
	struct reason reason;

	report = (struct report) {
		.target.kind = TARGET_DEVDAX, .bits = ALL_BITS,
		.mapping.type = MAPPING_SHARED,
	};
	facts_device(&report.facts, system_root, "char", makedev(252, 30));
	state_reason(&report, MINCORE_DAX, &reason);
	if (device->dax != MINCORE2_YES)
		return true;
	return strcmp(reason.code, "not-vouched") ?
	       device->persist != MINCORE2_YES : device->persist != MINCORE2_NO;
}

static const char *word(enum mincore2_tri tri)
{
	static const char * const words[] = { "unknown", "no", "yes" };

	return words[tri];
}

static void expect(enum mincore2_tri dax, enum mincore2_tri persist,
		   const char *name)
{
	struct mincore2_device device = look();

	ok(device.dax == dax && device.persist == persist,
	   "%s: DAX %s, PERSIST %s", name, word(device.dax),
	   word(device.persist));
	ok(tool_agrees(&device), "  and the tool does not contradict");
}

/* Each of these alone takes the claim away. */
static void one_thing_amiss(void)
{
	static const struct {
		const char *dir, *name, *text;	/* NULL: not there */
		enum mincore2_tri persist;
	} cases[] = {
		{ BUS, "provider", "virtio-pmem\n", MINCORE2_NO },
		{ BUS, "provider", "e820\n", MINCORE2_NO },
		{ BUS, "provider", "CXL\n", MINCORE2_UNKNOWN },
		{ BUS, "provider", NULL, MINCORE2_UNKNOWN },
		{ REGION, "devtype", "nd_volatile\n", MINCORE2_NO },
		{ REGION, "devtype", NULL, MINCORE2_UNKNOWN },
		{ REGION, "devtype", "nd_blk\n", MINCORE2_UNKNOWN },
		{ REGION, "persistence_domain", "\n", MINCORE2_UNKNOWN },
		{ REGION, "persistence_domain", NULL, MINCORE2_UNKNOWN },
		{ REGION, "persistence_domain", "memory_controller_x\n", MINCORE2_UNKNOWN },
		{ REGION, "deep_flush", NULL, MINCORE2_UNKNOWN },
		{ REGION, "deep_flush", "-6\n", MINCORE2_UNKNOWN },
		{ REGION, "read_only", "1\n", MINCORE2_UNKNOWN },
		{ REGION, "read_only", NULL, MINCORE2_UNKNOWN },
		{ REGION, "mappings", "0\n", MINCORE2_UNKNOWN },
		{ REGION, "mappings", "2\n", MINCORE2_UNKNOWN },
		{ REGION, "mappings", "-1\n", MINCORE2_UNKNOWN },
		{ REGION, "mappings", "18446744073709551617\n", MINCORE2_UNKNOWN },
		{ REGION, "mappings", NULL, MINCORE2_UNKNOWN },
		{ REGION, "mapping0", "nmem2,0,3755999232,0\n", MINCORE2_NO },
		{ REGION, "mapping0", "nmem3,0,3755999232,0\n", MINCORE2_UNKNOWN },
		{ REGION, "mapping0", "../x/nmem1,0,1,0\n", MINCORE2_UNKNOWN },
		{ REGION, "mapping0", "\n", MINCORE2_UNKNOWN },
		{ BUS "/nmem1/nfit", "flags", "not_armed \n", MINCORE2_NO },
		{ BUS "/nmem1/nfit", "flags", "smart_event not_armed \n", MINCORE2_NO },
		{ BUS "/nmem1/nfit", "flags", "save_fail \n", MINCORE2_UNKNOWN },
		{ BUS "/nmem1/nfit", "flags", "flush_fail not_armed \n", MINCORE2_NO },
		{ BUS "/nmem1/nfit", "flags", NULL, MINCORE2_UNKNOWN },
		{ BUS "/nmem1/nfit", "flags", "", MINCORE2_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[128];

		build_sound();
		attribute(cases[i].dir, cases[i].name, cases[i].text);
		snprintf(name, sizeof(name), "%s is \"%.*s\"", cases[i].name,
			 cases[i].text ? (int)strcspn(cases[i].text, "\n") : 9,
			 cases[i].text ? cases[i].text : "not there");
		expect(MINCORE2_YES, cases[i].persist, name);
	}
}

static void links_amiss(void)
{
	static const struct {
		const char *dir, *name, *target;
		enum mincore2_tri dax, persist;
	} cases[] = {
		{ DEVICE, "driver", NULL, MINCORE2_YES, MINCORE2_UNKNOWN },
		{ DEVICE, "driver", "../bus/dax/drivers/kmem", MINCORE2_YES, MINCORE2_UNKNOWN },
		{ DEVICE, "subsystem", "../bus/mem", MINCORE2_NO, MINCORE2_NO },
		{ DEVICE, "subsystem", NULL, MINCORE2_UNKNOWN, MINCORE2_UNKNOWN },
		{ NDDAX, "subsystem", NULL, MINCORE2_YES, MINCORE2_UNKNOWN },
		{ NDDAX, "driver", NULL, MINCORE2_YES, MINCORE2_UNKNOWN },
		{ NDDAX, "driver", "../bus/platform/drivers/hmem", MINCORE2_YES, MINCORE2_NO },
		{ REGION, "subsystem", "../bus/cxl", MINCORE2_YES, MINCORE2_UNKNOWN },
		{ "dev/char", "252:30", NULL, MINCORE2_UNKNOWN, MINCORE2_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[128];

		build_sound();
		/* A link to a directory that is not there is not there. */
		if (cases[i].target)
			make_parents(cases[i].target);
		link_to(cases[i].dir, cases[i].name, cases[i].target);
		if (cases[i].target && !strcmp(cases[i].name, "subsystem"))
			mkdir(path_of("devices/ACPI0012:00/ndbus0/region2/dax2.3/bus"), 0700),
			mkdir(path_of("devices/ACPI0012:00/ndbus0/region2/dax2.3/bus/mem"), 0700);
		snprintf(name, sizeof(name), "%s/%s leads to %s",
			 strrchr(cases[i].dir, '/') + 1, cases[i].name,
			 cases[i].target ? cases[i].target : "nothing");
		expect(cases[i].dax, cases[i].persist, name);
	}
}

static void not_sysfs(void)
{
	struct mincore2_device device;

	build_sound();
	ok(!mincore2_device_look(root, false, "char", 252, 30, &device) &&
	   device.persist == MINCORE2_UNKNOWN && device.dax == MINCORE2_UNKNOWN,
	   "the same files elsewhere than in sysfs prove nothing");
}

/* ---- smaps ---- */

static const char recorded[] =
	"7f11e0000000-7f11e0800000 rw-s 00000000 00:19 1030                       /dev/shm/x\n"
	"Size:               8192 kB\nKernelPageSize:        4 kB\n"
	"MMUPageSize:           4 kB\nRss:                4096 kB\n"
	"Pss:                4096 kB\nAnonHugePages:         0 kB\n"
	"ShmemPmdMapped:     4096 kB\nFilePmdMapped:         0 kB\n"
	"THPeligible:           1\nVmFlags: rd wr sh mr mw me ms sd\n"
	"7f11e0800000-7f11e0a00000 rw-p 00000000 00:0f 4711                       /anon_hugepage (deleted)\n"
	"KernelPageSize:     2048 kB\nRss:                   0 kB\n"
	"AnonHugePages:         0 kB\nShmemPmdMapped:        0 kB\n"
	"FilePmdMapped:         0 kB\nVmFlags: rd wr mr mw me de ht sd\n";

static int find(const char *text, uint64_t start, uint64_t end,
		struct mincore2_emu_smaps *smaps)
{
	static char line[MINCORE2_LINE];
	struct mincore2_lines lines = { .fd = memfd_create("smaps", 0) };
	int ret = -1;

	if (write(lines.fd, text, strlen(text)) == (ssize_t)strlen(text) &&
	    !lseek(lines.fd, 0, SEEK_SET))
		ret = mincore2_emu_find_smaps(&lines, line, start, end, smaps);
	close(lines.fd);
	return ret;
}

static void smaps_text(void)
{
	struct mincore2_emu_smaps s;

	ok(find(recorded, 0x7f11e0000000, 0x7f11e0800000, &s) == 1 &&
	   s.has_huge && s.huge == 4 << 20 && s.rss == 4 << 20 && !s.hugetlb &&
	   s.page_size == 4096, "smaps: a tmpfs mapping of huge pages");
	ok(find(recorded, 0x7f11e0800000, 0x7f11e0a00000, &s) == 1 &&
	   s.hugetlb && s.page_size == 2 << 20, "smaps: hugetlb, the one behind");
	ok(!find(recorded, 0x7f11e0000000, 0x7f11e0a00000, &s),
	   "smaps: no mapping from there to there");
	ok(!find("", 1, 2, &s), "smaps: nothing");
	s = (struct mincore2_emu_smaps) { 0 };
	mincore2_emu_parse_smaps("Rss: 99999999999999999999 kB", &s);
	mincore2_emu_parse_smaps("Rss: x kB", &s);
	mincore2_emu_parse_smaps("Rss: 5 MB", &s);
	mincore2_emu_parse_smaps("RssX: 5 kB", &s);
	ok(!s.seen, "smaps: what is no number of kB is not taken");
}

static void maps_lines(void)
{
	static const char * const bad[] = {
		"", "x", "1000-2000", "1000-2000 rw-p", "2000-1000 rw-p 0 0:0 0",
		"1000-1000 rw-p 0 0:0 0", "1000-2000 rwzp 0 0:0 0",
		"1000-2000 rw-x 0 0:0 0", "1000-2000 rw-p 0 0:0 ",
		"1000-2000 rw-p 0 0:0 5x", "10000000000000000-2 rw-p 0 0:0 0",
		"1000-2000 rw-p 0 1ffffffff:0 0", "Rss: 4 kB",
	};
	struct mincore2_vma vma;
	unsigned int wrong = 0;

	ok(mincore2_maps_parse("7f00-8000 r--s 00010000 fd:1f 123    /a b (deleted)",
				   &vma) &&
	   vma.start == 0x7f00 && vma.end == 0x8000 && !vma.write &&
	   vma.shared && vma.dev_major == 0xfd && vma.dev_minor == 0x1f &&
	   vma.ino == 123 && !strcmp(vma.name, "/a b (deleted)"),
	   "maps: a line with a path");
	ok(mincore2_maps_parse("ffffffffff600000-ffffffffff601000 --xp 0 00:00 0 [vsyscall]",
				   &vma) && !strcmp(vma.name, "[vsyscall]"),
	   "maps: the highest addresses");
	ok(mincore2_maps_parse("1-2 rw-p 0 00:00 0", &vma) && !*vma.name,
	   "maps: no name");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		wrong += mincore2_maps_parse(bad[i], &vma);
	ok(!wrong, "maps: what is no such line is refused (%u)", wrong);
}

int main(void)
{
	if (!mkdtemp(system_root)) {
		perror(system_root);
		return 1;
	}
	snprintf(root, sizeof(root), "%s/sys", system_root);
	build_sound();
	expect(MINCORE2_YES, MINCORE2_YES, "an armed NVDIMM with a domain");
	ok(look().align == 2 << 20, "its alignment");
	attribute(REGION, "persistence_domain", "cpu_cache\n");
	expect(MINCORE2_YES, MINCORE2_YES, "a domain that includes the caches");
	attribute(BUS "/nmem1/nfit", "flags", "smart_notify smart_event \n");
	expect(MINCORE2_YES, MINCORE2_YES, "news of its health only");
	one_thing_amiss();
	links_amiss();
	not_sysfs();
	remove_all();
	rmdir(system_root);
	smaps_text();
	maps_lines();
	return tap_done();
}
