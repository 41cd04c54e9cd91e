// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The emulation: what sysfs says about the memory that a device-dax instance
 * is made of. PERSIST is claimed from here and from nowhere else, so each
 * attribute has to say that all is well: what is missing, cut or unheard of
 * proves nothing.
 *
 * An instance on an NVDIMM is .../ndbus0/region0/dax0.1/dax0.0 in sysfs; one on
 * memory that was never persistent is .../hmem.0/dax0.0 or similar.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digits.h"
#include "emu.h"
#include "magic.h"

/* An interleave set of more NVDIMMs than the NFIT's handles have room for. */
#define MOST_MAPPINGS	4096

/* Not the fault of the device, and reason to call again. */
static bool out_of_resources(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM;
}

/*
 * The first line of an attribute. Returns 1; or 0 and "" if there is none, or
 * if it is longer than that; or -errno where that cannot be found out.
 */
static int read_attribute(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	text[0] = '\0';
	if (fd < 0)
		return out_of_resources(errno) ? -errno : 0;
	do {
		got = read(fd, text, size);
	} while (got < 0 && errno == EINTR);
	close(fd);
	if (got <= 0 || (size_t)got == size) {
		text[0] = '\0';
		return 0;
	}
	text[got] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 1;
}

/* Does the link @name lead to something called @target? */
static bool leads_to(int dir, const char *name, const char *target)
{
	char path[PATH_MAX];
	ssize_t len = readlinkat(dir, name, path, sizeof(path) - 1);
	const char *slash;

	if (len < 0)
		return false;
	path[len] = '\0';
	slash = strrchr(path, '/');
	return !strcmp(slash ? slash + 1 : path, target);
}

enum mincore2_tri
mincore2_emu_judge_region(const struct mincore2_emu_region *region)
{
	/* Durable after a flush command only; and nothing known to hold it. */
	if (!strcmp(region->provider, "virtio-pmem") ||
	    !strcmp(region->provider, "e820") ||
	    !strcmp(region->devtype, "nd_volatile"))
		return MINCORE2_NO;
	/*
	 * On other buses (CXL, PowerPC, device tree) nothing says here whether
	 * the energy source is there.
	 */
	if (strcmp(region->provider, "ACPI.NFIT") ||
	    strcmp(region->devtype, "nd_pmem"))
		return MINCORE2_UNKNOWN;
	/*
	 * deep_flush is there unless the driver says "unable to guarantee
	 * persistence of writes": nvdimm_has_flush() < 0.
	 */
	if (strcmp(region->deep_flush, "0") && strcmp(region->deep_flush, "1"))
		return MINCORE2_UNKNOWN;
	if (strcmp(region->persistence_domain, "memory_controller") &&
	    strcmp(region->persistence_domain, "cpu_cache"))
		return MINCORE2_UNKNOWN;
	/* The kernel makes it read-only when an NVDIMM is not armed. */
	if (strcmp(region->read_only, "0"))
		return MINCORE2_UNKNOWN;
	return MINCORE2_YES;
}

enum mincore2_tri mincore2_emu_judge_dimm(const char *flags)
{
	enum mincore2_tri verdict = MINCORE2_YES;

	for (;;) {
		size_t len;

		flags += strspn(flags, " ");
		len = strcspn(flags, " ");
		if (!len)
			return verdict;
		if (len == strlen("not_armed") &&
		    !strncmp(flags, "not_armed", len))
			return MINCORE2_NO;
		/* Of health only: smart_event and smart_notify say nothing. */
		if (len < 6 || strncmp(flags, "smart_", 6))
			verdict = MINCORE2_UNKNOWN;
		flags += len;
	}
}

bool mincore2_emu_parse_mapping(const char *text, char *name, size_t size)
{
	static const char prefix[] = "nmem";
	size_t len = strcspn(text, ",");
	size_t skip = strlen(prefix);

	if (text[len] != ',' || len >= size || len <= skip ||
	    strncmp(text, prefix, skip) ||
	    strspn(text + skip, "0123456789") != len - skip)
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	return true;
}

/* Are all NVDIMMs of a region armed? Returns 0 or -errno. */
static int judge_dimms(int dir, const char *mappings,
		       enum mincore2_tri *verdict)
{
	uint64_t nr;

	*verdict = MINCORE2_UNKNOWN;
	if (!mincore2_number(mappings, &nr) || !nr || nr > MOST_MAPPINGS)
		return 0;
	for (unsigned int i = 0; i < nr; i++) {
		char name[96], text[128], dimm[64];
		enum mincore2_tri armed;
		int got;

		snprintf(name, sizeof(name), "mapping%u", i);
		got = read_attribute(dir, name, text, sizeof(text));
		if (got <= 0)
			return got;
		if (!mincore2_emu_parse_mapping(text, dimm, sizeof(dimm)))
			return 0;
		snprintf(name, sizeof(name), "../%s/nfit/flags", dimm);
		got = read_attribute(dir, name, text, sizeof(text));
		if (got <= 0)
			return got;
		armed = mincore2_emu_judge_dimm(text);
		if (armed != MINCORE2_YES) {
			*verdict = armed;
			return 0;
		}
	}
	*verdict = MINCORE2_YES;
	return 0;
}

/* The memory below the device whose directory is @device. */
static int judge_memory(int device, enum mincore2_tri *verdict)
{
	struct mincore2_emu_region region;
	const struct {
		const char *name;
		char *text;
	} attributes[] = {
		{ "../provider", region.provider },
		{ "devtype", region.devtype },
		{ "persistence_domain", region.persistence_domain },
		{ "deep_flush", region.deep_flush },
		{ "read_only", region.read_only },
		{ "mappings", region.mappings },
	};
	int err = 0;
	int dir;

	*verdict = MINCORE2_UNKNOWN;
	/* Soft-reserved memory: the device of the driver that made it. */
	if (leads_to(device, "../driver", "hmem") ||
	    leads_to(device, "../driver", "cxl_dax_region")) {
		*verdict = MINCORE2_NO;
		return 0;
	}
	if (!leads_to(device, "../subsystem", "nd") ||
	    !leads_to(device, "../driver", "dax_pmem") ||
	    !leads_to(device, "../../subsystem", "nd"))
		return 0;
	dir = openat(device, "../..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return out_of_resources(errno) ? -errno : 0;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (err >= 0)
			err = read_attribute(dir, attributes[i].name,
					     attributes[i].text,
					     sizeof(region.provider));
	}
	if (err >= 0) {
		err = 0;
		*verdict = mincore2_emu_judge_region(&region);
		if (*verdict == MINCORE2_YES)
			err = judge_dimms(dir, region.mappings, verdict);
	}
	close(dir);
	return err;
}

static int look_up(int dir, struct mincore2_emu_device *device)
{
	char text[32];
	int err;

	/* The device's own class or bus; before Linux 5.1 it was a class. */
	if (!leads_to(dir, "subsystem", "dax")) {
		if (!faccessat(dir, "subsystem", F_OK, 0))
			device->dax = device->persist = MINCORE2_NO;
		return 0;
	}
	device->dax = MINCORE2_YES;
	err = read_attribute(dir, "align", text, sizeof(text));
	if (err < 0)
		return err;
	if (!mincore2_number(text, &device->align))
		device->align = 0;
	err = judge_memory(dir, &device->persist);
	/* While no driver is bound, or another one, the mapping is dead. */
	if (!err && device->persist == MINCORE2_YES &&
	    !leads_to(dir, "driver", "device_dax"))
		device->persist = MINCORE2_UNKNOWN;
	return err;
}

int mincore2_emu_device(const struct mincore2_emu_env *env,
			unsigned int dev_major, unsigned int dev_minor,
			struct mincore2_emu_device *device)
{
	char path[PATH_MAX];
	int fd, err = 0;

	*device = (struct mincore2_emu_device) { 0 };
	snprintf(path, sizeof(path), "%s/dev/char/%u:%u", env->sys, dev_major,
		 dev_minor);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return out_of_resources(errno) ? -errno : 0;
	/* Whatever else is mounted or written there is not the kernel's word. */
	if (env->trust || mincore2_fs_magic(fd) == SYSFS_MAGIC)
		err = look_up(fd, device);
	close(fd);
	return err;
}
