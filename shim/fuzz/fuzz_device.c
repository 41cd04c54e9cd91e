// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: the attributes of a region and its NVDIMMs in sysfs, separated by
 * newlines. Persistence may be claimed for one set of words only.
 */
#include "fuzz.h"

#include <string.h>

#include "device.h"

/* The next line of the input, cut to @size. */
static void take(const uint8_t **data, size_t *left, char *text, size_t size)
{
	const uint8_t *newline = memchr(*data, '\n', *left);
	size_t len = newline ? (size_t)(newline - *data) : *left;
	size_t keep = len < size - 1 ? len : size - 1;

	memcpy(text, *data, keep);
	text[keep] = '\0';
	if (newline)
		len++;
	*data += len;
	*left -= len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mincore2_region_text r;
	bool sound;
	char text[128], name[16];

	/* No bytes after the terminators that a look too far would find good. */
	memset(&r, '?', sizeof(r));
	take(&data, &size, r.provider, sizeof(r.provider));
	take(&data, &size, r.devtype, sizeof(r.devtype));
	take(&data, &size, r.persistence_domain, sizeof(r.persistence_domain));
	take(&data, &size, r.deep_flush, sizeof(r.deep_flush));
	take(&data, &size, r.read_only, sizeof(r.read_only));
	if (mincore2_device_kind(&r, MINCORE2_YES, &sound) != DEVICE_PMEM && sound)
		abort();
	if (sound &&
	    (strcmp(r.provider, "ACPI.NFIT") || strcmp(r.devtype, "nd_pmem") ||
	     strcmp(r.read_only, "0") || !*r.deep_flush ||
	     (strcmp(r.persistence_domain, "cpu_cache") &&
	      strcmp(r.persistence_domain, "memory_controller"))))
		abort();
	take(&data, &size, text, sizeof(text));
	if (mincore2_device_mapping(text, name, sizeof(name)) &&
	    (strchr(name, '/') || strncmp(name, "nmem", 4) ||
	     strlen(name) >= sizeof(name)))
		abort();
	take(&data, &size, text, sizeof(text));
	if (mincore2_device_dimm(text) == MINCORE2_YES &&
	    (strstr(text, "not_armed") == text || strstr(text, " not_armed ")))
		abort();
	return 0;
}
