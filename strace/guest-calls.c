// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guest-calls LOG [BACKING]...
 *
 * Makes mincore2 calls of every kind, and writes to LOG what it passed and what it got, a line
 * a call, in the form of strace/parse-back. BACKING is a directory (a file is created there, and
 * mapped with MAP_SYNC if that is possible) or a device-dax. The last line of LOG is
 * "# seen BITS": all the state bits that were reported in any call.
 * As it changes its user at the end, which shows MINCORE_DENIED, it is to be started as root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/mincore.h>

#ifndef __NR_mincore2
#define __NR_mincore2 499
#endif

#define BYTE_STATES (MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | MINCORE_PERSIST | \
		     MINCORE_WRITABLE)
#define ALL_STATES (BYTE_STATES | MINCORE_ZERO | MINCORE_PINNABLE)
#define FAR_TOO_MANY 70 /* elements: more than strace shows in abbreviated form */
#define MIB (1UL << 20)

static FILE *log_file;
static uint64_t seen;
static size_t page;
static union {
	unsigned char bytes[4096];
	struct mincore_region regions[FAR_TOO_MANY + 2];
} vec __attribute__((aligned(4096)));

static void die(const char *what)
{
	fprintf(stderr, "guest-calls: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The elements that the kernel stored in v, as parse-back prints them. */
static void log_elements(const void *v, long count, unsigned int flags)
{
	const struct mincore_region *r = v;
	const unsigned char *b = v;

	if (!count) {
		fprintf(log_file, "empty");
		return;
	}
	fprintf(log_file, flags & MINCORE_REGIONS ? "regions:" : "bytes:");
	for (long i = 0; i < count; i++) {
		if (i)
			fputc(',', log_file);
		if (flags & MINCORE_REGIONS) {
			fprintf(log_file, "%#llx-%#llx/%016llx", (unsigned long long)r[i].start,
				(unsigned long long)r[i].end, (unsigned long long)r[i].state);
			seen |= r[i].state;
		} else {
			fprintf(log_file, "%02x", b[i]);
			seen |= b[i];
		}
	}
}

/* Zero has no "0x" with "%#lx". */
static void log_address(const char *name, uintptr_t a)
{
	fprintf(log_file, "%s=0x%lx", name, (unsigned long)a);
}

/* The pidfd counts with MINCORE_PIDFD only, and is logged only then. */
static long ask_of(int pidfd, uintptr_t addr, size_t length, void *v, size_t nr,
		   unsigned int flags)
{
	long ret = syscall(__NR_mincore2, addr, length, v, nr, flags, pidfd);
	int error = errno;

	log_address("addr", addr);
	fprintf(log_file, " length=%zu ", length);
	if (ret < 0 || !v) {
		log_address("vec", (uintptr_t)v);
	} else {
		fprintf(log_file, "vec=");
		log_elements(v, ret, flags);
	}
	fprintf(log_file, " nr=%zu flags=%08x", nr, flags);
	if (flags & MINCORE_PIDFD)
		fprintf(log_file, " pidfd=%d", pidfd);
	fprintf(log_file, " ret=%ld errno=%s\n", ret, ret < 0 ? strerrorname_np(error) : "0");
	return ret;
}

static long ask(uintptr_t addr, size_t length, void *v, size_t nr, unsigned int flags)
{
	return ask_of(77, addr, length, v, nr, flags);
}

/* Both formats, each with room for everything, for a part, and for one element. */
static void ask_all_ways(void *map, size_t length)
{
	uintptr_t addr = (uintptr_t)map;
	size_t pages = length / page;

	if (pages > sizeof(vec.bytes))
		pages = sizeof(vec.bytes);
	ask(addr, length, vec.bytes, pages, BYTE_STATES);
	ask(addr, length, vec.bytes, 1, BYTE_STATES);
	ask(addr, length, vec.regions, FAR_TOO_MANY, MINCORE_REGIONS | ALL_STATES);
	ask(addr, length, vec.regions, 1, MINCORE_REGIONS | ALL_STATES);
	ask(addr, length, vec.regions, 1, MINCORE_REGIONS | MINCORE_PERSIST);
}

static void *map(size_t length, int prot, int flags, int fd)
{
	void *m = mmap(NULL, length, prot, flags, fd, 0);

	if (m == MAP_FAILED)
		die("mmap");
	return m;
}

/* Each state bit and each modifier alone, then what is not allowed. */
static void check_flags(void)
{
	volatile char *m = map(4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uintptr_t addr = (uintptr_t)m;
	static const unsigned int wanted[] = {
		MINCORE_RESIDENT, MINCORE_DAX, MINCORE_LEVEL, MINCORE_PERSIST, MINCORE_WRITABLE,
		MINCORE_DENIED, MINCORE_UNMAPPED, MINCORE_ZERO, MINCORE_PINNABLE, BYTE_STATES,
	};

	m[0] = 1;
	(void)m[page];
	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		ask(addr, 4 * page, vec.bytes, 4, wanted[i]); /* ZERO, PINNABLE: EINVAL */
		ask(addr, 4 * page, vec.regions, 4, wanted[i] | MINCORE_REGIONS);
	}
	for (int bit = 10; bit < 31; bit++)
		ask(addr, page, vec.bytes, 1, 1U << bit | MINCORE_DAX);
	ask(addr, page, vec.bytes, 1, 0);
	ask(addr, page, vec.bytes, 1, MINCORE_PTE);
	ask(addr, page, vec.bytes, 1, MINCORE_PMD | MINCORE_DAX);
	ask(addr, page, vec.regions, 1, MINCORE_REGIONS);
	munmap((void *)m, 4 * page);
}

/* Oneself through a pidfd, and what is none. */
static void check_process(void)
{
	char *m = map(2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int pidfd = (int)syscall(__NR_pidfd_open, getpid(), 0);

	if (pidfd < 0)
		die("pidfd_open");
	m[0] = 1;
	ask_of(pidfd, (uintptr_t)m, 2 * page, vec.bytes, 2, MINCORE_PIDFD | BYTE_STATES);
	ask_of(pidfd, (uintptr_t)m, 2 * page, vec.regions, 2,
	       MINCORE_PIDFD | MINCORE_REGIONS | ALL_STATES);
	ask_of(-1, (uintptr_t)m, 2 * page, vec.bytes, 2, MINCORE_PIDFD | BYTE_STATES);
	ask_of(pidfd, 0, 0, NULL, 0, MINCORE_PIDFD | BYTE_STATES);
	close(pidfd);
	ask_of(pidfd, 0, 0, NULL, 0, MINCORE_PIDFD | BYTE_STATES);
	munmap(m, 2 * page);
}

static void check_errors(void)
{
	char *m = map(4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *read_only = map(page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uintptr_t addr = (uintptr_t)m;

	memset(m, 1, 4 * page);
	ask(0, 0, NULL, 0, BYTE_STATES); /* the probe */
	ask(0, 0, NULL, 0, MINCORE_REGIONS | 0x00800000U);
	ask(addr, 4 * page, NULL, 0, BYTE_STATES);
	ask(addr, 0, vec.bytes, 4, BYTE_STATES);
	ask(addr, 4 * page, vec.bytes, 0, BYTE_STATES);
	ask(addr + 1, page, vec.bytes, 4, BYTE_STATES);
	ask(addr, page + 1, vec.bytes, 4, BYTE_STATES);
	ask(addr, SIZE_MAX, vec.bytes, 4, BYTE_STATES);
	ask(addr, 4 * page, NULL, 4, BYTE_STATES);
	ask(addr, 4 * page, read_only, 4, BYTE_STATES);
	ask(addr, 4 * page, vec.bytes + 4, 1, MINCORE_REGIONS | ALL_STATES);
	ask(addr, 4 * page, (char *)1, 1, MINCORE_REGIONS | ALL_STATES);
	/* The vector ends in the middle: what was stored in full counts. */
	munmap(m + 3 * page, page);
	ask(addr, 3 * page, m + 3 * page - 2, 3, BYTE_STATES);
	ask(addr, 3 * page, m + 3 * page - sizeof(vec.regions[0]), 2, MINCORE_REGIONS | ALL_STATES);
	munmap(m, 3 * page);
	munmap(read_only, page);
}

/* Untouched, touched, zero page, read-only, PROT_NONE, and a gap. */
static void check_anonymous(void)
{
	volatile char *m = map(16 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	m[0] = m[page] = m[8 * page] = m[9 * page] = 1;
	(void)m[4 * page];
	munmap((char *)m + 6 * page, 2 * page);
	mprotect((char *)m + 8 * page, page, PROT_READ);
	mprotect((char *)m + 9 * page, page, PROT_NONE);
	ask_all_ways((void *)m, 16 * page);
	munmap((void *)m, 16 * page);
}

/* A page touched, a page not, in turn: more elements than strace shows unless told to. */
static void check_many(void)
{
	size_t length = (FAR_TOO_MANY + 1) * page;
	volatile char *m = map(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	madvise((void *)m, length, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < length; i += 2 * page)
		m[i] = 1;
	ask_all_ways((void *)m, length);
	munmap((void *)m, length);
}

static void check_huge(void)
{
	char *m = map(6 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *aligned = (char *)(((uintptr_t)m + 2 * MIB - 1) & ~(2 * MIB - 1));

	madvise(aligned, 4 * MIB, MADV_HUGEPAGE);
	memset(aligned, 1, 2 * MIB);
	ask_all_ways(aligned, 4 * MIB);
	munmap(m, 6 * MIB);
}

/* A new file: not mapped pages and mapped ones, shared, then private and copied. */
static void check_file(const char *dir)
{
	char name[4096];
	size_t length = 4 * MIB;
	int fd;
	volatile char *m;

	snprintf(name, sizeof(name), "%s/guest-calls.tmp", dir);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || posix_fallocate(fd, 0, length))
		die(name);
	m = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
	if (m == MAP_FAILED)
		m = map(length, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	ask_all_ways((void *)m, length);
	m[0] = m[2 * MIB] = 1;
	(void)m[3 * page];
	ask_all_ways((void *)m, length);
	munmap((void *)m, length);
	m = map(length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	(void)m[0];
	m[page] = 1;
	ask_all_ways((void *)m, length);
	munmap((void *)m, length);
	close(fd);
	unlink(name);
}

static void check_device(const char *name, dev_t dev)
{
	char link[64], text[32] = "";
	size_t align;
	int fd;
	char *m;

	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/align", major(dev), minor(dev));
	fd = open(link, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		die(link);
	close(fd);
	align = strtoul(text, NULL, 0);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(name);
	m = map(align, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	ask_all_ways(m, align);
	*(volatile char *)m = 1;
	ask_all_ways(m, align);
	munmap(m, align);
	close(fd);
}

/* A file of another user's, not to be written, of which no page is mapped here. */
static void check_denied(const char *self)
{
	int fd = open(self, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(self);
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		die("cannot become another user");
	ask_all_ways(map(16 * page, PROT_READ, MAP_SHARED, fd), 16 * page);
}

int main(int argc, char **argv)
{
	struct stat st;

	if (argc < 2) {
		fprintf(stderr, "usage: guest-calls LOG [BACKING]...\n");
		return 2;
	}
	page = sysconf(_SC_PAGESIZE);
	log_file = fopen(argv[1], "we");
	if (!log_file)
		die(argv[1]);
	check_flags();
	check_process();
	check_errors();
	check_anonymous();
	check_many();
	check_huge();
	for (int i = 2; i < argc; i++) {
		if (stat(argv[i], &st))
			die(argv[i]);
		if (S_ISDIR(st.st_mode))
			check_file(argv[i]);
		else
			check_device(argv[i], st.st_rdev);
	}
	check_denied(argv[0]);
	fprintf(log_file, "# seen %016llx\n", (unsigned long long)seen);
	if (fclose(log_file))
		die("cannot write the log");
	return 0;
}
