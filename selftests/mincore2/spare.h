/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tests that need a device of their own: the namespaces that the backings file
 * calls spare, whose contents they destroy.
 */
#ifndef MINCORE2_SELFTESTS_SPARE_H
#define MINCORE2_SELFTESTS_SPARE_H

#include "backings.h"

#include <dirent.h>

/* Run a command; its output goes to the log of the test. */
static inline int run(const char *format, const char *arg)
{
	char command[512];

	snprintf(command, sizeof(command), format, arg);
	return system(command);
}

/*
 * The block device of a namespace (pmem3), by sysfs, as ndctl takes seconds for it: what
 * the namespace is held by, if it has structures of its own, has the disk. 0 or -errno.
 */
static inline int namespace_disk(const char *namespace, char *out, size_t size)
{
	char path[256], holder[64] = "";
	const struct dirent *entry;
	int fd, err = -ENOENT;
	ssize_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/nd/devices/%.64s/holder", namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, holder, sizeof(holder) - 1);
	close(fd);
	holder[n > 0 ? n : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	snprintf(path, sizeof(path), "/sys/bus/nd/devices/%.64s/block",
		 holder[0] ? holder : namespace);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strlen(entry->d_name) < size) {
			snprintf(out, size, "%s", entry->d_name);
			err = 0;
		}
	closedir(dir);
	return err;
}

/* The value of "@key":"..." in what ndctl says about a namespace. */
static inline int ndctl_value(const char *namespace, const char *key, char *out,
			      size_t size)
{
	char command[512], text[4096], want[64], *p;
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "ndctl list -N -X -i -n '%s'", namespace);
	f = popen(command, "re");
	if (!f)
		return -errno;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	if (pclose(f))
		return -EIO;
	snprintf(want, sizeof(want), "\"%s\":\"", key);
	p = strstr(text, want);
	if (!p)
		return -ENOENT;
	p += strlen(want);
	n = strcspn(p, "\"");
	if (n >= size)
		return -ENAMETOOLONG;
	memcpy(out, p, n);
	out[n] = '\0';
	return 0;
}

/*
 * For a fixture's set-up: something made on spare-nvdimm by @make, a call that takes
 * the backing @spare_ and returns NULL or what went wrong; or a skip without it.
 */
#define SPARE_SETUP(make) do {						\
	static struct mc2_backings all_;				\
	const struct mc2_backing *spare_;				\
	const char *bad_;						\
	int err_ = mc2_read_backings(&all_);				\
									\
	if (err_ == -ENOENT)						\
		SKIP(return, "no backings: %s", all_.error);		\
	ASSERT_EQ(0, err_)						\
		TH_LOG("%s", all_.error);				\
	spare_ = mc2_find(&all_, "spare-nvdimm");			\
	if (!spare_)							\
		SKIP(return, "this guest has no spare-nvdimm");		\
	bad_ = make;							\
	ASSERT_EQ(NULL, bad_)						\
		TH_LOG("%s", bad_);					\
} while (0)

#endif /* MINCORE2_SELFTESTS_SPARE_H */
