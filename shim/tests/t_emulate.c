// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The emulation on real mappings of this machine, whatever its kernel: against
 * mincore(2), with PAGEMAP_SCAN and without; bad input; ranges that change
 * meanwhile; without /proc, without file descriptors, in threads and children.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "emu.h"
#include "tap.h"

#define ALL	MINCORE2_STATE_BITS
#define PAGES	64

static size_t page;
static struct mincore2_emu_env env = {
	.proc = "/proc/thread-self", .sys = "/sys",
};

static bool tiling(const struct mincore_region *r, ssize_t nr, const void *start,
		   size_t length)
{
	return nr > 0 && mincore2_tiles((uintptr_t)start, length, r, (size_t)nr);
}

/* The state of one page; ~0: an error. */
static uint64_t state_of(const void *addr, unsigned int flags, uint64_t *unknown)
{
	struct mincore_region r;

	if (mincore2_emu_run(&env, (void *)(uintptr_t)addr, page, &r, 1, flags, 0,
			     unknown) != 1)
		return ~(uint64_t)0;
	return r.state;
}

/* Each page: RESIDENT as mincore(2) says; returns the pages that differ. */
static size_t unlike_mincore(char *map, size_t pages)
{
	unsigned char core[PAGES];
	uint64_t unknown;
	size_t wrong = 0;

	if (mincore(map, pages * page, core))
		return pages;
	for (size_t i = 0; i < pages; i++) {
		uint64_t state = state_of(map + i * page, ALL, &unknown);

		wrong += (state & MINCORE_RESIDENT) != (core[i] & 1U) ||
			 unknown & MINCORE_RESIDENT;
	}
	return wrong;
}

static char *map_of(int flags, int fd)
{
	char *map = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (map == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	madvise(map, PAGES * page, MADV_NOHUGEPAGE);
	return map;
}

static int temporary_file(void)
{
	char path[] = "/tmp/mincore2-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, (off_t)(PAGES * page))) {
		perror(path);
		exit(1);
	}
	/* The name stays for as long as a user may have to find it by that. */
	if (geteuid() == 0)
		unlink(path);
	return fd;
}

static void mapping(const char *name, char *map)
{
	uint64_t unknown, untouched, read_only, written;

	untouched = state_of(map, ALL, &unknown);
	ok(!(untouched & (MINCORE_LEVEL | MINCORE_UNMAPPED | MINCORE_PERSIST)) &&
	   !(unknown & (MINCORE_LEVEL | MINCORE_WRITABLE)),
	   "%s: untouched: no entry, and that is known", name);
	for (size_t i = 0; i < PAGES / 2; i++)
		((volatile char *)map)[i * page] = 1;
	written = state_of(map, ALL, &unknown);
	ok((written & MINCORE_RESIDENT) && !(written & MINCORE_WRITABLE) &&
	   unknown & MINCORE_WRITABLE,
	   "%s: written: resident; writable is unknown, and reads 0", name);
	ok((written & MINCORE_LEVEL) == MINCORE_PTE &&
	   1U << MINCORE_ENTRY_SHIFT(written) == page,
	   "%s: written: mapped by a PTE", name);
	ok(!unlike_mincore(map, PAGES), "%s: residency as of mincore(2)", name);
	ok(!(written & (MINCORE_DAX | MINCORE_PERSIST)),
	   "%s: neither DAX nor persistence-safe", name);
	mprotect(map, PAGES * page, PROT_READ);
	read_only = state_of(map, ALL, &unknown);
	ok(!(read_only & MINCORE_WRITABLE) && !(unknown & MINCORE_WRITABLE),
	   "%s: without write permission: known not to be writable", name);
	ok(!((read_only | unknown) & MINCORE_PINNABLE),
	   "%s: nor can it be pinned for writing, and that is known", name);
	mprotect(map, PAGES * page, PROT_READ | PROT_WRITE);
}

static void mappings(const char *how)
{
	char name[64];
	int fd;
	const struct {
		const char *name;
		int flags;
		bool file;
	} kinds[] = {
		{ "anonymous", MAP_PRIVATE | MAP_ANONYMOUS, false },
		{ "shared anonymous", MAP_SHARED | MAP_ANONYMOUS, false },
		{ "file", MAP_SHARED, true },
		{ "file, private", MAP_PRIVATE, true },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char *map;

		fd = kinds[i].file ? temporary_file() : -1;
		map = map_of(kinds[i].flags, fd);
		if (!kinds[i].file) {
			uint64_t unknown, state = state_of(map, ALL, &unknown);

			ok(state & MINCORE_PINNABLE && !(unknown & MINCORE_PINNABLE),
			   "%s, %s: can be pinned", how, kinds[i].name);
		}
		snprintf(name, sizeof(name), "%s, %s", how, kinds[i].name);
		mapping(name, map);
		munmap(map, PAGES * page);
		if (fd >= 0)
			close(fd);
	}
}

/* Gaps, neighbours, a vector of one, and where unknown changes. */
static void ranges(void)
{
	char *map = map_of(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct mincore_region r[8];
	uint64_t unknown;
	ssize_t got;
	size_t at = 0;
	int calls = 0;

	munmap(map + 4 * page, page);
	map[0] = 1;
	got = mincore2_emu_run(&env, map, 6 * page, r, 8, MINCORE_RESIDENT, 0,
			       &unknown);
	ok(got == 4 && tiling(r, got, map, 6 * page) && !unknown &&
	   r[0].state == MINCORE_RESIDENT && !r[1].state &&
	   r[2].state == MINCORE_UNMAPPED &&
	   r[2].end - r[2].start == page && !r[3].state,
	   "regions run over gaps, and tile");
	while (at < 6 * page && calls++ < 9 &&
	       mincore2_emu_run(&env, map + at, 6 * page - at, r, 1,
				MINCORE_RESIDENT, 0, &unknown) == 1)
		at = r[0].end - (uintptr_t)map;
	ok(calls == 4, "one region at a time: the same four (%d)", calls);
	got = mincore2_emu_run(&env, map, 6 * page, r, 8,
			       MINCORE_RESIDENT | MINCORE_WRITABLE, 0, &unknown);
	ok(got == 1 && unknown == MINCORE_WRITABLE && r[0].end == r[0].start + page,
	   "a call stops where the unknown bits change");
	got = mincore2_emu_run(&env, map, 1, r, 8, MINCORE_DAX, 0, &unknown);
	ok(got == 1 && r[0].end == r[0].start + page && !r[0].state,
	   "only what is asked for is reported; the length is rounded up");
	munmap(map, PAGES * page);
}

static void bad_input(void)
{
	struct mincore_region r[2];
	uint64_t unknown = 7;
	char *map = map_of(MAP_PRIVATE | MAP_ANONYMOUS, -1);

#define CALL(...)	mincore2_emulate(__VA_ARGS__)
	ok(CALL(map + 1, page, r, 2, MINCORE_DAX, 0, &unknown) == -EINVAL,
	   "misaligned: EINVAL");
	ok(CALL(map, page, r, 2, 0, 0, &unknown) == -EINVAL &&
	   CALL(map, page, r, 2, MINCORE_DAX, 0x08000000, &unknown) == -EINVAL &&
	   CALL(map, page, r, 2, MINCORE_PMD, 0, &unknown) == -EINVAL &&
	   CALL(map, page, r, 2, 0x400 | MINCORE_DAX, 0, &unknown) == -EINVAL,
	   "no bits, half of LEVEL, unknown bits, unknown options: EINVAL");
	ok(CALL(map, SIZE_MAX, r, 2, MINCORE_DAX, 0, &unknown) == -ENOMEM &&
	   CALL((void *)(UINTPTR_MAX - page + 1), page, r, 2, MINCORE_DAX, 0,
		&unknown) == -ENOMEM, "a range that wraps: ENOMEM");
	ok(CALL((void *)(UINTPTR_MAX - 2 * page + 1), page, r, 2, MINCORE_DAX, 0,
		&unknown) == -ENOMEM &&
	   CALL(map, SIZE_MAX / 2, r, 2, MINCORE_DAX, 0, &unknown) == -ENOMEM,
	   "behind user space: ENOMEM");
	ok(CALL(map, page, NULL, 2, MINCORE_DAX, 0, &unknown) == -EFAULT &&
	   CALL(map, page, r, 2, MINCORE_DAX, 0, NULL) == -EFAULT, "NULL: EFAULT");
	ok(unknown == 7, "after an error nothing has been stored");
	ok(CALL(NULL, page, r, 2, MINCORE_DAX, 0, &unknown) == 1 &&
	   r[0].state == MINCORE_UNMAPPED, "address 0 is not mapped");
	ok(!CALL(map, 0, r, 2, MINCORE_DAX, 0, &unknown) && !unknown &&
	   !CALL(map, page, NULL, 0, MINCORE_DAX, 0, &unknown),
	   "no length, no room: 0");
	errno = EXFULL;
	CALL(map, page, r, 2, ALL, 0, &unknown);
	ok(errno == EXFULL, "errno is left alone");
#undef CALL
	munmap(map, PAGES * page);
}

/* 4 TiB without a page: by what is there, not by what there could be. */
static void enormous(void)
{
	const size_t size = sizeof(void *) == 8 ? (size_t)1 << 42 : 1 << 29;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct mincore2_iter it;
	struct mincore_region r;
	int regions = 0, ret;

	if (map == MAP_FAILED) {
		ok(true, "# SKIP no such mapping");
		return;
	}
	madvise(map, size, MADV_NOHUGEPAGE);
	map[size / 2] = 1;
	ret = mincore2_iter_init(&it, map, size, MINCORE_RESIDENT |
				 MINCORE_LEVEL | MINCORE_DAX, MINCORE2_EMULATE_ALWAYS);
	while (!ret && (ret = mincore2_iter_next(&it, &r)) == 1 && regions++ < 9)
		ret = 0;
	ok(!ret && regions == 3 && mincore2_iter_way(&it) == MINCORE2_WAY_EMULATED,
	   "the iterator, emulated: %zu GiB in %d regions", size >> 30, regions);
	munmap(map, size);
}

/* Bytes that this process has read so far; 0: not known. */
static unsigned long long bytes_read(void)
{
	unsigned long long bytes = 0;
	FILE *io = fopen("/proc/self/io", "re");

	if (io && fscanf(io, "rchar: %llu", &bytes) != 1)
		bytes = 0;
	if (io)
		fclose(io);
	return bytes;
}

/*
 * Each step of an iterator asks for the mappings anew. Where the kernel has
 * PROCMAP_QUERY, maps is not read to the range each time: that took 25 s for
 * 60,000 mappings.
 */
static void many_mappings(void)
{
	const size_t nr = 4000;
	char *map = mmap(NULL, nr * page, PROT_READ, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	unsigned long long before, after;
	struct mincore2_vma vma;
	struct mincore2_iter it;
	struct mincore_region r;
	size_t regions = 0;
	char name[PATH_MAX];
	int ret, fd = open("/proc/self/maps", O_RDONLY);

	ret = mincore2_maps_query(fd, (uintptr_t)map, &vma, name, sizeof(name));
	close(fd);
	before = bytes_read();
	if (map == MAP_FAILED || mincore2_supported() || ret != 1 || !before) {
		ok(true, "# SKIP many mappings: no PROCMAP_QUERY, or answers are native");
		return;
	}
	for (size_t i = 0; i < nr; i += 2) {
		mprotect(map + i * page, page, PROT_READ | PROT_WRITE);
		*(volatile char *)(map + i * page) = 1;
	}
	before = bytes_read();
	ret = mincore2_iter_init(&it, map, nr * page, MINCORE_LEVEL,
				 MINCORE2_EMULATE);
	while (!ret && (ret = mincore2_iter_next(&it, &r)) == 1 && regions++ < nr)
		ret = 0;
	after = bytes_read();
	ok(!ret && regions == nr && after - before < 100 * nr,
	   "iterator: %zu mappings in %zu regions: %llu bytes were read", nr,
	   regions, after - before);
	munmap(map, nr * page);
}

/* What maps says of each mapping is what the kernel answers about it. */
static void query_and_text(void)
{
	struct mincore2_lines lines = { .fd = open("/proc/self/maps", O_RDONLY) };
	static char line[MINCORE2_LINE], name[MINCORE2_LINE];
	struct mincore2_vma text, asked;
	int wrong = 0, nr = 0, ret = 1;

	while (mincore2_maps_line(&lines, line, sizeof(line)) > 0) {
		if (!mincore2_maps_parse(line, &text) ||
		    !strcmp(text.name, "[vsyscall]"))
			continue;
		ret = mincore2_maps_query(lines.fd, text.start, &asked, name,
					  sizeof(name));
		if (ret < 0)
			break;
		nr++;
		wrong += ret != 1 || text.start != asked.start ||
			 text.end != asked.end || text.offset != asked.offset ||
			 text.ino != asked.ino || text.write != asked.write ||
			 text.shared != asked.shared ||
			 text.dev_major != asked.dev_major ||
			 text.dev_minor != asked.dev_minor ||
			 strcmp(text.name, asked.name) ||
			 asked.page_size != page;
	}
	close(lines.fd);
	if (ret < 0)
		ok(true, "# SKIP no PROCMAP_QUERY");
	else
		ok(!wrong && nr > 5, "maps and PROCMAP_QUERY agree on %d mappings",
		   nr);
}

/* ---- processes and threads ---- */

static int in_child(int (*test)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(test());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int without_proc(void)
{
	char dir[] = "/tmp/mincore2-root-XXXXXX";
	struct mincore2_iter it;
	struct mincore_region r;
	uint64_t unknown;
	int bad = 0;

	if (!mkdtemp(dir))
		return 77;
	if (chroot(dir) && (unshare(CLONE_NEWUSER) || chroot(dir))) {
		rmdir(dir);
		return 77;
	}
	rmdir("/");
	bad |= mincore2_emulate(NULL, page, &r, 1, MINCORE_DAX, 0, &unknown) !=
	       -EOPNOTSUPP;
	bad |= mincore2_way(MINCORE2_EMULATE_ALWAYS) != MINCORE2_WAY_NONE;
	if (!mincore2_supported()) {
		bad |= mincore2_way(MINCORE2_EMULATE) != MINCORE2_WAY_NONE;
		bad |= mincore2_iter_init(&it, NULL, page, MINCORE_DAX,
					  MINCORE2_EMULATE) != -EOPNOTSUPP;
	}
	return bad;
}

static int without_descriptors(void)
{
	struct rlimit none = { 0, 0 };
	struct mincore_region r;
	uint64_t unknown;

	setrlimit(RLIMIT_NOFILE, &none);
	return mincore2_emulate(NULL, page, &r, 1, MINCORE_DAX, 0, &unknown) !=
	       -EAGAIN;
}

/*
 * Root's file, and somebody who may only read it: DENIED is reported with RESIDENT
 * or if asked for, and does not cut the answer to another question in pieces.
 */
static int not_ones_own(void)
{
	const unsigned int with[] = { MINCORE_RESIDENT, MINCORE_DENIED };
	struct mincore_region r[8];
	int fd = open("/bin/sh", O_RDONLY), bad = 0;
	uint64_t unknown;
	char *map;

	if (fd < 0 || (!geteuid() && setresuid(65534, 65534, 65534)))
		return 77;
	map = mmap(NULL, PAGES * page, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return 77;
	prctl(PR_SET_DUMPABLE, 1);
	for (int i = 0; i < 2; i++)
		bad |= !(state_of(map, with[i], &unknown) & MINCORE_DENIED) << i;
	(void)*(volatile char *)map;
	if (mincore2_emu_run(&env, map, PAGES * page, r, 8,
			     MINCORE_PERSIST | MINCORE_DAX, 0, &unknown) != 1)
		bad |= 4;
	else if (r[0].end - r[0].start != PAGES * page ||
		 r[0].state & MINCORE_DENIED)
		bad |= 8;
	return bad;
}

/* A process whose first thread is gone has no memory in /proc/self. */
static void *last_thread(void *arg)
{
	struct mincore_region r;
	uint64_t unknown;
	struct timespec moment = { 0, 20000000 };

	nanosleep(&moment, NULL);
	_exit(mincore2_emulate(arg, page, &r, 1, ALL, 0, &unknown) != 1 ||
	      !(r.state & MINCORE_RESIDENT));
}

static int without_leader(void)
{
	pthread_t thread;
	char *map = map_of(MAP_PRIVATE | MAP_ANONYMOUS, -1);

	map[0] = 1;
	if (pthread_create(&thread, NULL, last_thread, map))
		return 98;
	pthread_exit(NULL);
}

static int not_dumpable(void)
{
	char *map = map_of(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uint64_t unknown, state;

	map[0] = 1;
	if (setresgid(65534, 65534, 65534) || setresuid(65533, 65533, 65533))
		return 77;
	state = state_of(map, ALL, &unknown);
	/* Without pagemap: residency only, and the rest is said to be unknown. */
	return !(state & MINCORE_RESIDENT && state & ~unknown) ||
	       (unknown & MINCORE_LEVEL) != MINCORE_LEVEL;
}

static void *changer(void *arg)
{
	atomic_bool *stop = ((void **)arg)[0];
	char *area = ((void **)arg)[1];

	for (unsigned int i = 0; !atomic_load(stop); i++) {
		char *at = area + i % 7 * page;

		munmap(at, 3 * page);
		mmap(at, 3 * page, PROT_READ | PROT_WRITE, MAP_FIXED |
		     MAP_ANONYMOUS | (i & 1 ? MAP_SHARED : MAP_PRIVATE), -1, 0);
		*(volatile char *)at = 1;
	}
	return NULL;
}

struct scanner {
	char *area;
	unsigned int wrong, scans;
};

static void *scanner(void *arg)
{
	struct scanner *s = arg;
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec++;
	do {
		struct mincore_region r[32];
		uint64_t unknown;
		ssize_t got = mincore2_emulate(s->area, 16 * page, r, 32, ALL, 0,
					       &unknown);

		s->scans++;
		s->wrong += got != -EAGAIN && !tiling(r, got, s->area, 16 * page);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec &&
					     now.tv_nsec < end.tv_nsec));
	return NULL;
}

/*
 * The area lies where the kernel does not put what it places by itself: what
 * is unmapped for a moment must not become a stack of somebody else.
 */
static void races(void)
{
	char *area = mmap((void *)0x40000000UL, PAGES * page,
			  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			  MAP_FIXED_NOREPLACE, -1, 0);
	struct scanner scanners[2] = { { area, 0, 0 }, { area, 0, 0 } };
	atomic_bool stop = false;
	void *args[] = { &stop, area };
	pthread_t change, scan[2];

	if (area == MAP_FAILED) {
		ok(false, "an area apart");
		return;
	}
	if (pthread_create(&change, NULL, changer, args) ||
	    pthread_create(&scan[0], NULL, scanner, &scanners[0]) ||
	    pthread_create(&scan[1], NULL, scanner, &scanners[1])) {
		ok(false, "threads");
		return;
	}
	pthread_join(scan[0], NULL);
	pthread_join(scan[1], NULL);
	atomic_store(&stop, true);
	pthread_join(change, NULL);
	ok(!scanners[0].wrong && !scanners[1].wrong &&
	   scanners[0].scans > 3 && scanners[1].scans > 3,
	   "two threads scan what a third maps and unmaps: regions tile");
}

static void report(int status, const char *name)
{
	if (status == 77)
		ok(true, "# SKIP %s: not permitted here", name);
	else
		ok(!status, "%s (%d)", name, status);
}

int main(int argc, char **argv)
{
	(void)argv;
	page = (size_t)mincore2_page_size();
	if (argc > 1) {		/* for the thread sanitizer */
		races();
		return tap_done();
	}
	mappings("scan");
	env.no_scan = true;
	mappings("no scan");
	env.no_scan = false;
	env.no_query = true;
	mappings("no query");
	ranges();
	env.no_query = false;
	query_and_text();
	many_mappings();
	ranges();
	bad_input();
	enormous();
	report(in_child(without_proc), "no /proc: EOPNOTSUPP, and no way");
	report(in_child(without_descriptors), "no descriptors left: EAGAIN");
	report(in_child(not_ones_own), "somebody else's file: denied where residency is asked for");
	report(in_child(without_leader), "the first thread has ended");
	report(in_child(not_dumpable), "pagemap is root's: residency, no level");
	races();
	return tap_done();
}
