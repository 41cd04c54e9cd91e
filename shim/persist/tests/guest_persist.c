// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libmincore2-persist on each backing of the guest: which way it takes (cache
 * lines under guard, or a request), and what it says where nothing helps. That the
 * bytes do survive is the power-failure test's to show.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "faults.h"
#include "files.h"
#include "mincore2.h"
#include "tap.h"

struct backing {
	char name[32], kind[8], path[128], persist[16], attr[64];
	int dax, sync;
	unsigned long align;
	int fd;
	size_t length;
};

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
	(void)sig;
	signals++;
}

static bool parse(const char *line, struct backing *b)
{
	char level[8];
	unsigned long size;

	return sscanf(line, "name=%31s kind=%7s path=%127s dax=%d sync=%d persist=%15s level=%7s size=%lu align=%lu attr=%63s",
		      b->name, b->kind, b->path, &b->dax, &b->sync, b->persist,
		      level, &size, &b->align, b->attr) == 10;
}

static bool is_dev(const struct backing *b)
{
	return !strcmp(b->kind, "dev");
}

static bool open_backing(struct backing *b)
{
	char path[160];

	b->length = b->align > 65536 ? b->align : 65536;
	if (is_dev(b)) {
		b->fd = open(b->path, O_RDWR | O_CLOEXEC);
		return b->fd >= 0;
	}
	snprintf(path, sizeof(path), "%s/persist", b->path);
	b->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	unlink(path);
	return b->fd >= 0 && !ftruncate(b->fd, (off_t)b->length);
}

static char *map_it(const struct backing *b, bool sync)
{
	int flags = sync ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED;

	return mmap(NULL, b->length, PROT_READ | PROT_WRITE, flags, b->fd, 0);
}

/* One mapping, made by the test: expected to be safe or not. */
static void test_mapping(const struct backing *b, bool sync, bool safe)
{
	const char *how = sync ? "MAP_SYNC" : "MAP_SHARED";
	struct mincore2_range range;
	char *map = map_it(b, sync);
	int want = safe || !is_dev(b) ? 0 : -EOPNOTSUPP;
	int ret;

	if (map == MAP_FAILED) {
		ok(false, "%s %s: mmap: %s", b->name, how, strerror(errno));
		return;
	}
	faults_reset();
	memset(map + 4000, 1, 5000);
	ret = mincore2_persist(map + 4000, 5000, 0);
	ok(ret == want && (faults.clone == 1) == safe &&
	   (faults.msync == 0) == safe,
	   "%s %s: %s (%d)", b->name, how, safe ? "cache lines" : want ?
	   "nothing makes it durable" : "msync", ret);
	/* Not touched: their first touch is the flush. */
	range = range_of(map + b->length - 100, 100, b->fd);
	faults_reset();
	ret = mincore2_persistv(&range, 1, 0, -1);
	ok(ret == want && range.error == want && (faults.clone == 1) == safe,
	   "%s %s: untouched, with a descriptor (%d)", b->name, how, ret);
	if (want)
		goto out;
	faults_reset();
	range.offset = (int64_t)b->length - 100;
	ret = mincore2_persistv(&range, 1, MINCORE2_PERSIST_TRUSTED, -1);
	ok(!ret && !faults.clone && faults.fdatasync == !safe,
	   "%s %s: trusted (%d)", b->name, how, ret);
	if (!is_dev(b) && !strstr(b->attr, "hugetlb")) {
		if (ftruncate(b->fd, 4096))
			perror("ftruncate");
		ret = mincore2_persistv(&range, 1, 0, -1);
		ok(ret == -EFAULT && !signals,
		   "%s %s: a file that has shrunk (%d)", b->name, how, ret);
		if (ftruncate(b->fd, (off_t)b->length))
			perror("ftruncate");
	}
out:
	munmap(map, b->length);
}

static void test_private(const struct backing *b)
{
	char *map = mmap(NULL, b->length, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			 b->fd, 0);

	/* Device-dax has none. */
	if (map == MAP_FAILED)
		return;
	map[0] = 1;
	ok(mincore2_persist(map, 1, 0) == -EOPNOTSUPP,
	   "%s private: nothing makes it durable", b->name);
	munmap(map, b->length);
}

/* Is all of it one persistence-safe region? */
static int kernel_says_safe(const void *addr, size_t length)
{
	struct mincore_region region;

	return mincore2((void *)(uintptr_t)addr, length, &region, 1,
			MINCORE_PERSIST | MINCORE_REGIONS) == 1 &&
	       region.end >= (uintptr_t)addr + length &&
	       region.state & MINCORE_PERSIST;
}

/* What was kept is asked again, and taken back if the kernel does so. */
static void test_reflink(const struct backing *b, struct mincore2_mapping *map,
			 const void *addr)
{
	char path[160];
	int other, safe;

	snprintf(path, sizeof(path), "%s/clone", b->path);
	other = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	unlink(path);
	ok(other >= 0 && !ioctl(other, FICLONE, b->fd), "%s: reflink", b->name);
	close(other);
	safe = kernel_says_safe(addr, b->length);
	ok(mincore2_map_check(map) == safe && mincore2_map_safe(map) == safe,
	   "%s: after a reflink the check says what the kernel says (%d)",
	   b->name, safe);
	faults_reset();
	ok(!mincore2_map_persist(map, addr, 100) && faults.msync == !safe,
	   "%s: and what follows goes by it", b->name);
}

static void test_handle(const struct backing *b)
{
	bool safe = strcmp(b->persist, "never") != 0;
	int want = safe || !is_dev(b) ? 0 : -EOPNOTSUPP;
	struct mincore2_mapping *map;
	int ret = mincore2_map(b->length, PROT_READ | PROT_WRITE, b->fd, 0, &map);
	char *addr;

	if (ret) {
		ok(false, "%s: mincore2_map: %s", b->name, strerror(-ret));
		return;
	}
	addr = mincore2_map_addr(map);
	ok(mincore2_map_safe(map) == safe, "%s: the handle is %s", b->name,
	   safe ? "safe" : "not safe");
	faults_reset();
	addr[77] = 1;
	ret = mincore2_map_persist(map, addr + 77, 1);
	ok(ret == want && (faults.msync == 0) == safe && !faults.clone,
	   "%s: mincore2_map_persist (%d)", b->name, ret);
	if (safe && !strcmp(b->attr, "reflink"))
		test_reflink(b, map, addr);
	ok(mincore2_unmap(map) == 0, "%s: mincore2_unmap", b->name);
}

/* 100 ranges in each of four mappings, two of which are safe. */
static void test_many(const struct backing *const of[4])
{
	static struct mincore2_range ranges[400];
	char *maps[4];
	int ret;

	for (int i = 0; i < 4; i++) {
		maps[i] = map_it(of[i], i % 2);
		if (maps[i] == MAP_FAILED) {
			ok(false, "many: mmap on %s", of[i]->name);
			return;
		}
	}
	for (int i = 0; i < 400; i++) {
		char *at = maps[i % 4] + i * 64;

		*at = 1;
		ranges[i] = range_of(at, 1, of[i % 4]->fd);
	}
	faults_reset();
	ret = mincore2_persistv(ranges, 400, 0, 60000);
	ok(!ret && faults.clone == 1 && faults.submits == 1 &&
	   faults.requests == 2 && !faults.msync && !faults.fdatasync,
	   "400 ranges: one guard for those in memory, one submission of 2 requests (%d)",
	   ret);
	for (int i = 0; i < 4; i++)
		munmap(maps[i], of[i]->length);
}

int main(void)
{
	static struct backing all[64];
	const struct backing *many[4] = { NULL };
	struct sigaction action = { .sa_handler = count_signal };
	char line[1024];
	size_t nr = 0;
	FILE *table = fopen("/etc/mincore2/backings", "re");

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGCHLD, &action, NULL);
	ok(mincore2_supported(), "this kernel has mincore2()");
	while (table && nr < 64 && fgets(line, sizeof(line), table)) {
		struct backing *b = &all[nr];
		bool always;

		/* A GiB of huge pages shows nothing that 2 MiB do not. */
		if (!parse(line, b) || !strcmp(b->name, "hugetlb-1g") ||
		    (strcmp(b->kind, "fs") && !is_dev(b)))
			continue;
		nr++;
		if (!open_backing(b)) {
			ok(false, "%s: open: %s", b->name, strerror(errno));
			continue;
		}
		always = !strcmp(b->persist, "always");
		test_mapping(b, false, always);
		if (b->sync)
			test_mapping(b, true, strcmp(b->persist, "never") != 0);
		test_private(b);
		test_handle(b);
		if (!strcmp(b->name, "ext4-disk"))
			many[0] = b;
		else if (!strcmp(b->name, "ext4"))
			many[1] = b;
		else if (!strcmp(b->name, "md-raid1"))
			many[2] = b;
		else if (!strcmp(b->name, "xfs-noreflink"))
			many[3] = b;
	}
	if (ok(many[0] && many[1] && many[2] && many[3], "the table has all that is needed"))
		test_many(many);
	ok(!signals, "no SIGBUS or SIGCHLD reached the program");
	return tap_done();
}
