// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What sysfs says about a device. PERSIST is claimed from here and from nowhere
 * else, so each attribute has to say that all is well: what is missing, cut or
 * unheard of proves nothing.
 *
 * A device-dax on an NVDIMM is .../ndbus0/region0/dax0.1/dax0.0 in sysfs, a block
 * device .../ndbus0/region0/namespace0.0/block/pmem0. A device-dax on memory that
 * was never persistent is .../hmem.0/dax0.0, or of CXL
 * .../decoder0.0/region0/dax_region0/dax0.0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "digits.h"
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

enum device_kind mincore2_device_kind(const struct mincore2_region_text *text,
				      enum mincore2_tri armed, bool *sound)
{
	const char *domain = text->persistence_domain;

	*sound = false;
	/* Durable after a flush command only; and nothing known to hold it. */
	if (!strcmp(text->provider, "virtio-pmem"))
		return DEVICE_VIRTIO_PMEM;
	if (!strcmp(text->provider, "e820"))
		return DEVICE_E820;
	if (!strcmp(text->devtype, "nd_volatile"))
		return DEVICE_VOLATILE;
	if (armed == MINCORE2_NO)
		return DEVICE_UNARMED;
	/*
	 * deep_flush is there unless the driver says "unable to guarantee
	 * persistence of writes": nvdimm_has_flush() < 0.
	 */
	if (!text->deep_flush[0])
		return DEVICE_NO_FLUSH;
	if (strcmp(domain, "memory_controller") && strcmp(domain, "cpu_cache"))
		return DEVICE_NO_DOMAIN;
	/*
	 * On other buses (CXL, PowerPC, device tree) nothing says here whether
	 * the energy source is there. The kernel makes a region read-only when an
	 * NVDIMM is not armed.
	 */
	*sound = armed == MINCORE2_YES && !strcmp(text->provider, "ACPI.NFIT") &&
		 !strcmp(text->devtype, "nd_pmem") &&
		 (!strcmp(text->deep_flush, "0") ||
		  !strcmp(text->deep_flush, "1")) &&
		 !strcmp(text->read_only, "0");
	return DEVICE_PMEM;
}

enum mincore2_tri mincore2_device_dimm(const char *flags)
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

bool mincore2_device_mapping(const char *text, char *name, size_t size)
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

/* Are all NVDIMMs of a region armed? One that is not decides. 0 or -errno. */
static int judge_dimms(int region, const char *mappings,
		       enum mincore2_tri *armed)
{
	uint64_t nr;

	*armed = MINCORE2_UNKNOWN;
	if (!mincore2_number(mappings, &nr) || !nr || nr > MOST_MAPPINGS)
		return 0;
	*armed = MINCORE2_YES;
	for (unsigned int i = 0; i < nr && *armed != MINCORE2_NO; i++) {
		enum mincore2_tri one = MINCORE2_UNKNOWN;
		char name[96], text[128], dimm[64];
		int got;

		snprintf(name, sizeof(name), "mapping%u", i);
		got = read_attribute(region, name, text, sizeof(text));
		if (got > 0 && mincore2_device_mapping(text, dimm, sizeof(dimm))) {
			snprintf(name, sizeof(name), "../%s/nfit/flags", dimm);
			got = read_attribute(region, name, text, sizeof(text));
			if (got > 0)
				one = mincore2_device_dimm(text);
		}
		if (got < 0)
			return got;
		if (one != MINCORE2_YES)
			*armed = one;
	}
	return 0;
}

/* Is @name @prefix and a number? */
static bool numbered(const char *name, const char *prefix)
{
	size_t skip = strlen(prefix);

	return !strncmp(name, prefix, skip) && name[skip] >= '0' &&
	       name[skip] <= '9';
}

static void copy_name(char name[24], const char *from, size_t len)
{
	snprintf(name, 24, "%.*s", len < 24 ? (int)len : 23, from);
}

/*
 * The names of the region and the decoder above a device. Returns how many levels
 * the region is above it if it is one of the nvdimm bus, else 0.
 */
static size_t find_region(const char *path, struct mincore2_device *device)
{
	bool on_bus = false;
	size_t up = 0;

	for (size_t len; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!len)
			break;
		if (up) {
			up++;
		} else if (numbered(path, "ndbus")) {
			on_bus = true;
		} else if (numbered(path, "region")) {
			copy_name(device->region, path, len);
			up = device->on_bus = on_bus;
		} else if (numbered(path, "decoder")) {
			copy_name(device->decoder, path, len);
		}
	}
	return up ? up - 1 : 0;
}

/* A region of the nvdimm bus, @up levels above @dir. Returns 0 or -errno. */
static int judge_region(int dir, size_t up, struct mincore2_device *device,
			bool *sound)
{
	struct mincore2_region_text *text = &device->text;
	const struct {
		const char *name;
		char *text;
	} attributes[] = {
		{ "../provider", text->provider },
		{ "devtype", text->devtype },
		{ "persistence_domain", text->persistence_domain },
		{ "deep_flush", text->deep_flush },
		{ "read_only", text->read_only },
		{ "mappings", text->mappings },
	};
	enum mincore2_tri armed = MINCORE2_UNKNOWN;
	char path[64] = ".";
	int err = 0, region;

	for (size_t i = 0; i < up && strlen(path) + 4 < sizeof(path); i++)
		strcat(path, "/..");
	region = openat(dir, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (region < 0)
		return out_of_resources(errno) ? -errno : 0;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (err >= 0)
			err = read_attribute(region, attributes[i].name,
					     attributes[i].text,
					     sizeof(text->provider));
	if (err >= 0)
		err = judge_dimms(region, text->mappings, &armed);
	if (err >= 0)
		device->kind = mincore2_device_kind(text, armed, sound);
	close(region);
	return err;
}

/* What it is, and is it a device-dax? Returns 0 or -errno. */
static int judge_class(int dir, struct mincore2_device *device)
{
	char text[32];
	int err;

	/* The device's own class or bus; before Linux 5.1 it was a class. */
	if (!leads_to(dir, "subsystem", "dax")) {
		if (!faccessat(dir, "subsystem", F_OK, 0))
			device->dax = device->persist = MINCORE2_NO;
		if (!faccessat(dir, "dm", F_OK, 0))
			device->kind = DEVICE_MAPPER;
		if (!faccessat(dir, "md", F_OK, 0))
			device->kind = DEVICE_MD;
		return 0;
	}
	device->dax = MINCORE2_YES;
	/* Soft-reserved memory: the device of the driver that made it. */
	if (leads_to(dir, "../driver", "hmem") ||
	    leads_to(dir, "../driver", "cxl_dax_region"))
		device->kind = DEVICE_VOLATILE;
	err = read_attribute(dir, "align", text, sizeof(text));
	if (err >= 0 && !mincore2_number(text, &device->align))
		device->align = 0;
	if (err >= 0)
		err = read_attribute(dir, "size", text, sizeof(text));
	if (err >= 0 && !mincore2_number(text, &device->size))
		device->size = 0;
	return err < 0 ? err : 0;
}

int mincore2_device_at(int dir, const char *path,
		       struct mincore2_device *device)
{
	const char *slash = strrchr(path, '/');
	bool sound = false;
	size_t up;
	int err;

	*device = (struct mincore2_device) { .kind = DEVICE_UNKNOWN };
	snprintf(device->name, sizeof(device->name), "%.63s",
		 slash ? slash + 1 : path);
	err = judge_class(dir, device);
	up = find_region(path, device);
	if (!err && up && device->kind == DEVICE_UNKNOWN)
		err = judge_region(dir, up, device, &sound);
	if (err || device->dax != MINCORE2_YES)
		return err;
	switch (device->kind) {
	case DEVICE_VIRTIO_PMEM:
	case DEVICE_E820:
	case DEVICE_UNARMED:
	case DEVICE_VOLATILE:
		device->persist = MINCORE2_NO;
		break;
	case DEVICE_PMEM:
		/*
		 * The path says which region; that it is the one is proven by the
		 * drivers. While no driver is bound, or another one, the mapping
		 * is dead.
		 */
		if (sound && up == 2 && leads_to(dir, "../subsystem", "nd") &&
		    leads_to(dir, "../driver", "dax_pmem") &&
		    leads_to(dir, "../../subsystem", "nd") &&
		    leads_to(dir, "driver", "device_dax"))
			device->persist = MINCORE2_YES;
		break;
	default:
		break;
	}
	return 0;
}

int mincore2_device_look(const char *sys, bool trust, const char *class,
			 unsigned int dev_major, unsigned int dev_minor,
			 struct mincore2_device *device)
{
	char link[PATH_MAX], path[PATH_MAX];
	ssize_t len;
	int dir, err = 0;

	*device = (struct mincore2_device) { .kind = DEVICE_UNKNOWN };
	snprintf(link, sizeof(link), "%s/dev/%s/%u:%u", sys, class, dev_major,
		 dev_minor);
	dir = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return out_of_resources(errno) ? -errno : 0;
	len = readlink(link, path, sizeof(path) - 1);
	path[len < 0 ? 0 : len] = '\0';
	/* Whatever else is mounted or written there is not the kernel's word. */
	if (trust || mincore2_fs_magic(dir) == SYSFS_MAGIC)
		err = mincore2_device_at(dir, path, device);
	close(dir);
	return err;
}
