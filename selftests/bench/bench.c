// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs to ask about memory: every rival, on every mapping, at every
 * size from one page up by powers of 8. In a guest whose clock counts
 * instructions (QEMU -icount) a nanosecond is an instruction; elsewhere it is
 * time. Each figure is the minimum over repetitions, since an interrupt can
 * only add.
 *
 *	bench [MAPPING]...	"library": what making data durable costs
 *	bench --contention	what scans cost a neighbour, see contention.c
 *	bench --judge		are the answers right? See judge.c
 *
 * Lines on standard output, to be read by report.py:
 *	map|NAME|WHAT|BYTES AN ENTRY
 *	cost|MAPPING|RIVAL|PAGES|ENTRIES|COST|ANSWER
 *	hold|MAPPING|CALL|PAGES|MMAP MAX|PTL MAX|MMAP HOLDS|PTL HOLDS|OVERHEAD
 *	library|WHAT|RANGES|COST
 *	skip|MAPPING|RIVAL|REASON
 *	judge|RANGES|WRONG|PAGES OUT|PAGES IN|PAGES DENIED|RANGES WITH GAPS
 *	contention|RUN|ROUNDS ALONE|BESIDE MINCORE|MINCORE2 BYTES|MINCORE2 REGIONS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define REPETITIONS	20
/* Enough for one figure, in units of the clock; the guest's are real work. */
#define ENOUGH		(40 * 1000 * 1000LL)
/* A rival for which the next size would take longer is not asked. */
#define TOO_LONG	(2000 * 1000 * 1000LL)

int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int64_t clock_cost(void)
{
	static int64_t best = INT64_MAX;

	static int tried;

	for (; tried < 1000; tried++) {
		int64_t start = now(), took = now() - start;

		if (took < best)
			best = took;
	}
	return best;
}

/* The least of several; negative: the rival cannot be asked. */
static int64_t measure(const struct rival *r, struct mapping *m, char *addr,
		       size_t length, long *answer)
{
	int64_t best = INT64_MAX, spent = 0, overhead = clock_cost();

	for (int n = 0; n < REPETITIONS && (n < 2 || spent < ENOUGH); n++) {
		int64_t start, took;

		if (m->again)
			m->again(m, addr);
		start = now();
		*answer = r->ask(r, m, addr, length);
		took = now() - start - overhead;
		if (rival_took(r) >= 0)
			took = rival_took(r);
		if (*answer < 0)
			return -1;
		if (r->undo)
			r->undo();
		spent += took;
		if (took < best)
			best = took;
		if (took > TOO_LONG / 8)
			break;
	}
	return best;
}

static void compare(struct mapping *m, const struct rival *r, char *addr)
{
	size_t length = PAGE;

	for (;;) {
		size_t entries = (length + m->entry - 1) / m->entry;
		long answer;
		int64_t cost = measure(r, m, addr, length, &answer);

		if (cost < 0)
			return;
		printf("cost|%s|%s|%zu|%zu|%lld|%ld\n", m->name, r->name,
		       length / PAGE, entries, (long long)cost, answer);
		fflush(stdout);
		if (length == m->length)
			return;
		if (cost * 8 > TOO_LONG) {
			printf("skip|%s|%s|more than %zu pages take too long\n",
			       m->name, r->name, length / PAGE);
			return;
		}
		length *= 8;
		if (length > m->length)
			length = m->length;
	}
}

/* Only some of its pages have the level that the first has. */
static bool is_mixed(const struct mapping *m)
{
	return !strcmp(m->name, "half-mapped") || !strcmp(m->name, "few-mapped");
}

/* The state that was meant, in the whole mapping: else all figures are wrong. */
static bool state_is_right(const struct mapping *m, char *addr)
{
	struct mincore_region r;
	char *end = addr + m->length;

	while (addr < end) {
		if (syscall(__NR_mincore2, addr, end - addr, &r, 1,
			    MINCORE_REGIONS | MINCORE_LEVEL) != 1) {
			fprintf(stderr, "%s: mincore2: %s\n", m->name, strerror(errno));
			return false;
		}
		if ((r.state & (MINCORE_LEVEL | MINCORE_UNMAPPED)) != m->level &&
		    !is_mixed(m)) {
			fprintf(stderr, "%s: at %#llx the state is %#llx\n", m->name,
				(unsigned long long)r.start,
				(unsigned long long)r.state);
			return false;
		}
		addr = (char *)(uintptr_t)r.end;
	}
	return true;
}

static bool chosen(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 2 && !strcmp(argv[1], "--contention"))
		return contention();
	if (argc == 2 && !strcmp(argv[1], "--judge"))
		return judge();
	rivals_init();
	for (size_t i = 0; i < nr_mappings; i++) {
		struct mapping *m = &mappings[i];
		const char *why = "";
		char *addr;

		if (!chosen(m->name, argv + 1))
			continue;
		fprintf(stderr, "mapping %zu/%zu: %s\n", i + 1, nr_mappings, m->what);
		printf("map|%s|%s|%zu\n", m->name, m->what, m->entry);
		addr = m->make(m, &why);
		if (!addr || !state_is_right(m, addr)) {
			printf("skip|%s|all|%s\n", m->name, why);
			fprintf(stderr, "%s: cannot be made: %s\n", m->name, why);
			status = 1;
			continue;
		}
		for (size_t j = 0; j < nr_rivals; j++)
			compare(m, &rivals[j], addr);
		report_holds(m, addr, m->length);
		munmap(addr, m->length);
		if (m->fd >= 0)
			close(m->fd);
		if (m->file)
			unlink(m->file);
	}
	if (chosen("library", argv + 1) && library())
		status = 1;
	printf("end\n");
	return status;
}
