/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a device is, by what sysfs says about it: the one judgement, which the
 * library and the tool both have in them. The library claims PERSIST by it, and
 * the tool says why not; so they cannot contradict each other.
 */
#ifndef MINCORE2_DEVICE_H
#define MINCORE2_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mincore2_tri { MINCORE2_UNKNOWN, MINCORE2_NO, MINCORE2_YES };

/* The memory that a device is made of. */
enum device_kind {
	DEVICE_UNKNOWN,		/* nothing known to be special about it */
	DEVICE_PMEM,		/* region of the nvdimm bus, persistent */
	DEVICE_VIRTIO_PMEM,
	DEVICE_E820,		/* legacy type 12, memmap=nn!ss */
	DEVICE_UNARMED,		/* an NVDIMM whose energy source is dead */
	DEVICE_NO_FLUSH,	/* the region's driver cannot guarantee persistence */
	DEVICE_NO_DOMAIN,	/* the platform states no persistence domain */
	DEVICE_VOLATILE,	/* volatile region, soft-reserved, CXL RAM */
	DEVICE_MAPPER,
	DEVICE_MD,
};

/**
 * struct mincore2_region_text - the attributes of a region in sysfs, as text
 *
 * Without the newline; an attribute that is not there is "".
 */
struct mincore2_region_text {
	char provider[32];		/* of the bus above it */
	char devtype[32];
	char persistence_domain[32];
	char deep_flush[32];
	char read_only[32];
	char mappings[32];
};

/**
 * struct mincore2_device - what is known of a device
 * @name: its name in the kernel, as "pmem0"; "": it is not in sysfs
 * @kind: what its memory is
 * @dax: is it a device-dax
 * @persist: of a device-dax: are stores durable when they are written back
 * @align: of a device-dax: bytes of each of its page-table entries; 0: not known
 * @size: of a device-dax: its bytes; 0: not known
 * @region: name of the region of memory that it is in, or ""
 * @on_bus: that is one of the nvdimm bus
 * @decoder: of CXL: the name of the decoder above that, or ""
 * @text: what the region says, if it is one of the nvdimm bus
 */
struct mincore2_device {
	char name[64];
	enum device_kind kind;
	enum mincore2_tri dax, persist;
	uint64_t align, size;
	char region[24], decoder[24];
	bool on_bus;
	struct mincore2_region_text text;
};

/**
 * mincore2_device_kind() - what memory is a region of the nvdimm bus?
 * @text: its attributes
 * @armed: are its NVDIMMs armed
 * @sound: receives whether it keeps what is written back, all of that is stated
 *	and nothing speaks against it
 */
enum device_kind mincore2_device_kind(const struct mincore2_region_text *text,
				      enum mincore2_tri armed, bool *sound);

/**
 * mincore2_device_dimm() - is an NVDIMM armed?
 * @flags: the attribute nfit/flags, without the newline
 *
 * Return: NO if it is not; YES if nothing is wrong with it; else UNKNOWN.
 */
enum mincore2_tri mincore2_device_dimm(const char *flags);

/**
 * mincore2_device_mapping() - which NVDIMM is behind a mapping of a region?
 * @text: the attribute mappingN, as "nmem0,0,4294967296,0"
 * @name: receives "nmem0"
 * @size: bytes at @name
 *
 * Return: whether it is a well-formed one.
 */
bool mincore2_device_mapping(const char *text, char *name, size_t size);

/**
 * mincore2_device_look() - look a device up by its number
 * @sys: where sysfs is mounted
 * @trust: take that for sysfs without asking what it is; for tests
 * @class: "char" or "block"
 * @dev_major: number of the device
 * @dev_minor: the same
 * @device: receives what can be found out
 *
 * Return: 0, or -EMFILE, -ENFILE, -ENOMEM.
 */
int mincore2_device_look(const char *sys, bool trust, const char *class,
			 unsigned int dev_major, unsigned int dev_minor,
			 struct mincore2_device *device);

/**
 * mincore2_device_at() - the same of a directory in sysfs
 * @dir: the directory of the device, opened
 * @path: its path, by which what is above it is found
 * @device: receives what can be found out
 *
 * Return: 0, or -EMFILE, -ENFILE, -ENOMEM.
 */
int mincore2_device_at(int dir, const char *path,
		       struct mincore2_device *device);

#endif /* MINCORE2_DEVICE_H */
