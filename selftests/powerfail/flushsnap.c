// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flushsnap.c - what a virtio-pmem device would keep when the host's power fails
 *
 * Preloaded into QEMU. Killing QEMU shows nothing for virtio-pmem, as all stores are
 * in the host's page cache, which survives. But a flush request of the guest ends in
 * an fsync of the backing file: each of these leaves a copy of the file as it was,
 * FILE.snap, from which the guest is recovered. Files of other devices are left alone.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *path)
{
	/* A snapshot that is missing would look like a loss. */
	fprintf(stderr, "flushsnap: %s: %m\n", path);
	abort();
}

/* Copies the parts of a file that are not holes. */
static int copy(int from, int to)
{
	off_t data = 0, hole;
	struct stat st;

	if (fstat(from, &st) || ftruncate(to, st.st_size))
		return -1;
	while ((data = lseek(from, data, SEEK_DATA)) >= 0) {
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return -1;
		while (data < hole) {
			off_t at = data;
			ssize_t n = copy_file_range(from, &data, to, &at, hole - data, 0);

			if (n <= 0)
				return -1;
		}
	}
	return 0;
}

static void snapshot(int fd)
{
	char link[40], path[4000], new[4096], snap[4096];
	ssize_t len;
	int from, to;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return;
	path[len] = 0;
	if (!strrchr(path, '/') || !strstr(strrchr(path, '/'), "vpmem"))
		return;
	snprintf(new, sizeof(new), "%s.new", path);
	snprintf(snap, sizeof(snap), "%s.snap", path);
	pthread_mutex_lock(&lock);
	from = open(path, O_RDONLY | O_CLOEXEC);
	to = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (from < 0 || to < 0 || copy(from, to) || rename(new, snap))
		die(path);
	close(from);
	close(to);
	pthread_mutex_unlock(&lock);
}

int fsync(int fd)
{
	static int (*real)(int);

	if (!real)
		real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	snapshot(fd);
	return real(fd);
}

int fdatasync(int fd)
{
	static int (*real)(int);

	if (!real)
		real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	snapshot(fd);
	return real(fd);
}
