// SPDX-License-Identifier: GPL-2.0-or-later
/* memory.c - mapping, asking mincore2, storing */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux/mincore.h"
#include "pf.h"

#define NR_MINCORE2 499
#ifndef MAP_SYNC
#error MAP_SYNC is missing
#endif

/* The bits of the page at addr; PF_NOT_ASKED where the kernel has no mincore2. */
unsigned int ask(const void *addr)
{
	void *page = (void *)((uintptr_t)addr & -PAGE);
	unsigned char bits;

	if (syscall(NR_MINCORE2, page, PAGE, &bits, 1L,
		    MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | MINCORE_PERSIST |
		    MINCORE_WRITABLE) != 1)
		return PF_NOT_ASKED;
	return bits;
}

static const struct { const char *name; int flags; } kinds[] = {
	{ "sync", MAP_SHARED_VALIDATE | MAP_SYNC },
	{ "plain", MAP_SHARED },
	{ "private", MAP_PRIVATE },
	{ "legacy", MAP_SHARED | MAP_SYNC },
	{ "legacy-private", MAP_PRIVATE | MAP_SYNC },
};

/*
 * Maps len bytes at offset of fd, the way that "map" says, at an address that is
 * as far from a multiple of 2 MiB as offset is, so that a PMD entry fits. Returns NULL
 * after failed().
 */
unsigned char *map_file(struct pfcase *c, const char *map, int fd, off_t offset, size_t len)
{
	uintptr_t start;
	void *hole, *addr;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, map))
			break;
	if (i == sizeof(kinds) / sizeof(kinds[0])) {
		errno = EINVAL;
		failed(c, "unknown kind of mapping");
		return NULL;
	}
	hole = mmap(NULL, len + 4 * MB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hole == MAP_FAILED) {
		failed(c, "mmap of address space");
		return NULL;
	}
	start = (((uintptr_t)hole + 2 * MB - 1) & -(2 * MB)) + (offset & (2 * MB - 1));
	addr = mmap((void *)start, len, PROT_READ | PROT_WRITE, kinds[i].flags | MAP_FIXED, fd, offset);
	if (addr == MAP_FAILED) {
		failed(c, "mmap");
		return NULL;
	}
	return addr;
}

/* Maps the file of the case. */
int map_case(struct pfcase *c)
{
	if (!strcmp(c->map, "library"))
		return map_by_library(c);
	c->addr = map_file(c, c->map, c->fd, c->shift, c->len);
	return c->addr ? 0 : -1;
}

/* Reads the byte at a file offset through the mapping. */
void touch(struct pfcase *c, off_t offset)
{
	(void)*(volatile unsigned char *)(c->addr + offset);
}

/*
 * len bytes that no other seed gives. A seed may have a class in its highest byte: the two
 * highest bits of all bytes are those of the class then.
 */
void pattern(unsigned char *to, size_t len, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 0x1234567;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		to[i] = seed >> 56 ? (x >> 32 & 0x3f) | seed >> 56 : x >> 32;
	}
}

static sigjmp_buf on_fault;

static void fault(int sig)
{
	(void)sig;
	siglongjmp(on_fault, 1);
}

/* Stores, by the CPU unless the history does it otherwise. False: SIGBUS. */
static bool try_store(struct pfcase *c, unsigned char *to, const unsigned char *from, size_t len)
{
	struct sigaction action = { .sa_handler = fault }, old, old_segv;
	bool done = false;

	sigaction(SIGBUS, &action, &old);
	sigaction(SIGSEGV, &action, &old_segv);
	if (!sigsetjmp(on_fault, 1)) {
		if (c->history->store)
			c->history->store(c, to, from, len);
		else if (stores_by_write(c))
			store_by_write(c, to - c->addr, from, len);
		else
			memcpy(to, from, len);
		done = true;
	}
	sigaction(SIGBUS, &old, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	return done;
}

static const char *hex(char *to, unsigned int bits)
{
	static const char digits[] = "0123456789abcdef";

	if (bits == PF_NOT_ASKED)
		return "-";
	to[0] = digits[bits >> 4 & 15];
	to[1] = digits[bits & 15];
	to[2] = 0;
	return to;
}

/* The physical address of addr, for people who look for a lost line; 0: not known. */
static unsigned long long physical(const void *addr)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : pread(fd, &entry, sizeof(entry), (uintptr_t)addr / PAGE * sizeof(entry));

	if (fd >= 0)
		close(fd);
	/* Bits 0 to 54 are the number of the page, bit 63 says that there is one. */
	if (n != sizeof(entry) || !(entry >> 63))
		return 0;
	return (entry & ((1ULL << 55) - 1)) * PAGE + (uintptr_t)addr % PAGE;
}

/*
 * A store to be found after the crash: asks mincore2 and its emulation, stores, makes
 * durable, asks again, reports. The claim is what was reported when the case's page was first asked for.
 */
void store(struct pfcase *c, off_t offset)
{
	unsigned char *to = c->addr + offset, from[PF_STORE_LEN];
	uint64_t seed = (uint64_t)c->bytes << 56 | (c->index * 100 + c->watches);
	unsigned int before, after;
	const char *guess;
	char text[3][4];
	bool done;

	if (c->broken)
		return;
	pattern(from, sizeof(from), seed);
	guess = emulated(to);
	before = ask(to);
	done = try_store(c, to, from, sizeof(from));
	if (c->broken || (done && make_durable(c, offset, sizeof(from))))
		return;
	after = ask(to);
	report("%s %d %d %s %lld %zu %llu %s %s %s %s %#llx", done ? "store" : "fault", c->index, c->watches,
	       c->where, (long long)(offset + c->shift), sizeof(from), (unsigned long long)seed,
	       hex(text[0], c->claim), hex(text[1], before), hex(text[2], after), guess,
	       physical(to));
	c->watches++;
}

/* That store was removed or overwritten since. */
void forget(struct pfcase *c, int watch)
{
	report("forget %d %d", c->index, watch);
}
