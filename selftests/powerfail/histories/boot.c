// SPDX-License-Identifier: GPL-2.0-or-later
/* boot.c - what an init does: mounts what is always mounted, finds devices, stops timers */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../guest/pf.h"
#include "boot.h"

/* The first line of a file, without its end. False: there is none. */
static bool first_line(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "r");
	bool good = f && fgets(to, size, f);

	if (f)
		fclose(f);
	if (good)
		to[strcspn(to, "\n")] = 0;
	return good;
}

/* Calls "is" with each name in a directory until it is true. */
static bool each_name(const char *dir, bool (*is)(const char *name, const char *want, char *to, size_t size),
		      const char *want, char *to, size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d)))
		found = e->d_name[0] != '.' && is(e->d_name, want, to, size);
	if (d)
		closedir(d);
	return found;
}

static bool is_port(const char *name, const char *want, char *to, size_t size)
{
	char path[300], line[80];

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", name);
	snprintf(to, size, "/dev/%s", name);
	return first_line(path, line, sizeof(line)) && !strcmp(line, want);
}

/* A block device whose namespace has that name in its label. */
static bool is_slot(const char *name, const char *want, char *to, size_t size)
{
	char path[400], line[80];

	if (strncmp(name, "pmem", 4))
		return false;
	snprintf(path, sizeof(path), "/sys/block/%s/device/namespace", name);
	if (!first_line(path, line, sizeof(line)))
		return false;
	/* "device" is a link; its parent is the region. */
	snprintf(path, sizeof(path), "/sys/block/%s/device/../%s/alt_name", name, line);
	snprintf(to, size, "%s", name);
	return first_line(path, line, sizeof(line)) && !strcmp(line, want);
}

/* The device of a slot, without "/dev/". False, with errno: there is none. */
bool find_slot(const char *slot, char *device, size_t size)
{
	if (each_name("/sys/block", is_slot, slot, device, size))
		return true;
	errno = ENODEV;
	return false;
}

/* Returns as mount(2). */
int mount_at(const char *kind, const char *device, const char *dir)
{
	return mount(device, dir, kind, MS_NOATIME,
		     strcmp(kind, "xfs") ? "dax=always,commit=300" : "dax=always,nouuid");
}

/* The kernel finds a port a moment later. The host waits as well, and not for ever. */
static void await_port(const char *name, char *port, size_t size)
{
	while (!each_name("/sys/class/virtio-ports", is_port, name, port, size))
		usleep(10000);
}

/* It was only to be seen whether a kernel gets that far: ../../guest/lib/accel.sh. */
static void end_trial(char *port, size_t size)
{
	int fd;

	await_port("mincore2", port, size);
	fd = open(port, O_WRONLY);
	if (fd >= 0 && write(fd, "verdict 1 0 0\n", 14) == 14)
		close(fd);
	reboot(RB_POWER_OFF);
}

/* Returns whether the power is to be cut in this boot. "port" is where to report. */
bool set_up_guest(char *port, size_t size)
{
	char line[1000] = "";

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	first_line("/proc/cmdline", line, sizeof(line));
	if (strstr(line, "mincore2_mode=probe"))
		end_trial(port, size);
	await_port("powerfail", port, size);
	return strstr(line, "powerfail_mode=crash");
}

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		report("problem %s: %s", path, strerrorname_np(errno));
	if (fd >= 0)
		close(fd);
}

/* No write-back of its own accord, and no log force by a timer. */
void quiet_filesystems(void)
{
	set("/proc/sys/vm/dirty_writeback_centisecs", "0");
	set("/proc/sys/fs/xfs/xfssyncd_centisecs", "720000");
}
