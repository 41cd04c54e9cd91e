// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The call and its emulation side by side, over every backing, way of mapping
 * and state of the pages, as root, as another user, without PAGEMAP_SCAN, and
 * without pagemap. Proves that
 *
 * - the emulation never claims a PERSIST that the kernel denies, and does claim
 *   it where it can be proven, so that the first is not true of nothing;
 * - what it does not call unknown is what the kernel says, but for the
 *   differences that are listed below, with their reasons;
 * - it changes nothing: the kernel says the same afterwards, PUD entries
 *   included, unless it is told that it may split these.
 */
#define MINCORE2_VIA_LIBRARY
#define MC2_NEEDS_NO_CALL
#include "mapping.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include "emu.h"

/* Without DENIED as an expectation of its own: see the list. */
#define ALL	(MC2_ALL | MINCORE_PINNABLE)

enum who { ROOT, USER, NO_SCAN, BLIND, NR_WHO };

static const char * const who_names[] = { "root", "user", "no-scan", "blind" };
static const char * const how_names[] = {
	"shared-sync", "shared", "shared-legacy", "private", "private-sync",
};
static const char * const touch_names[] = { "untouched", "read", "written" };

/*
 * Where the two may differ, in which bits, and why. @who: 1 << each of enum who.
 */
static const struct difference {
	const char *name;
	unsigned int who;
	uint64_t bits;
	const char *why;
} allowed[] = {
	{ "tmpfs-deleted", 1 << USER, MINCORE_DENIED | MINCORE_RESIDENT,
	  "a file that has lost its name can not be found without a capability. "
	  "All of it is in memory, and that is also what mincore(2) says when it "
	  "refuses to tell, so DENIED is the answer" },
};

/* An exit status of a child: a difference, but a listed one. */
#define LISTED	10

static bool seen_listed;

static unsigned int failed, cases;

static void result(bool passed, const char *name, const char *why)
{
	cases++;
	failed += !passed;
	printf("%sok %u %s%s%s\n", passed ? "" : "not ", cases, name,
	       passed ? "" : " # ", passed ? "" : why);
	fflush(stdout);
}

struct scan {
	uint64_t *state;	/* a page each */
	uint64_t *unknown;	/* NULL: native */
	size_t nr;
};

/* Spread regions over pages. */
static void spread(struct scan *scan, const char *base,
		   const struct mincore_region *r, uint64_t unknown)
{
	size_t page = mc2_page_size();
	size_t i = (size_t)(r->start - (uintptr_t)base) / page;
	size_t end = (size_t)(r->end - (uintptr_t)base) / page;

	for (; i < end && i < scan->nr; i++) {
		scan->state[i] = r->state;
		if (scan->unknown)
			scan->unknown[i] = unknown;
	}
}

static bool scan_native(char *base, size_t len, struct scan *scan)
{
	struct mincore_region r[64];
	size_t done = 0;

	while (done < len) {
		ssize_t i, n = mincore2(base + done, len - done, r, 64,
					MINCORE_REGIONS | ALL);

		if (n <= 0)
			return false;
		for (i = 0; i < n; i++)
			spread(scan, base, &r[i], 0);
		done = (size_t)(r[n - 1].end - (uintptr_t)base);
	}
	return true;
}

static bool scan_emulated(char *base, size_t len, struct scan *scan,
			  enum who who, unsigned int options)
{
	const struct mincore2_emu_env env = {
		.proc = "/proc/thread-self", .sys = "/sys",
		.no_scan = who == NO_SCAN,
	};
	struct mincore_region r[64];
	size_t done = 0;

	while (done < len) {
		uint64_t unknown;
		ssize_t i, n = mincore2_emu_run(&env, base + done, len - done,
						r, 64, ALL, options, &unknown);

		if (n <= 0) {
			printf("# emulation: %zd\n", n);
			return false;
		}
		if (!mincore2_tiles((uintptr_t)base + done, len - done, r,
				    (size_t)n))
			return false;
		for (i = 0; i < n; i++)
			spread(scan, base, &r[i], unknown);
		done = (size_t)(r[n - 1].end - (uintptr_t)base);
	}
	return true;
}

/* The bits in which two states differ, the size of the entry as LEVEL. */
static uint64_t differ(uint64_t a, uint64_t b)
{
	uint64_t bits = (a ^ b) & ALL;

	if (bits & MINCORE_LEVEL || (a ^ b) >> 56)
		bits |= MINCORE_LEVEL;
	return bits;
}

static bool listed(const char *name, enum who who, uint64_t bits)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (!strcmp(allowed[i].name, name) &&
		    allowed[i].who & 1U << who && !(bits & ~allowed[i].bits))
			return true;
	return false;
}

/* NULL, or what is wrong. */
static const char *compare(const struct mc2_backing *b, enum who who,
			   const struct scan *native, const struct scan *emu,
			   bool may_claim, bool *is_listed)
{
	static char why[256];
	bool claimed = true;

	for (size_t i = 0; i < native->nr; i++) {
		uint64_t n = native->state[i], e = emu->state[i];
		uint64_t bits = differ(n, e) & ~emu->unknown[i];
		const char *what = NULL;

		if (e & MINCORE_PERSIST && !(n & MINCORE_PERSIST))
			what = "PERSIST claimed, and denied by the kernel";
		else if (e & emu->unknown[i])
			what = "a bit is set and unknown";
		else if (bits && !listed(b->name, who, bits))
			what = "differs, and is not listed";
		if (what) {
			snprintf(why, sizeof(why), "page %zu: %s: native %#llx, emulated %#llx, unknown %#llx",
				 i, what, (unsigned long long)n,
				 (unsigned long long)e,
				 (unsigned long long)emu->unknown[i]);
			return why;
		}
		claimed &= !!(e & MINCORE_PERSIST);
		*is_listed |= bits != 0;
	}
	if (may_claim && !claimed)
		return "PERSIST could be proven, and is not claimed";
	return NULL;
}

static bool alloc_scans(struct scan scans[3], size_t nr)
{
	for (int i = 0; i < 3; i++) {
		scans[i].nr = nr;
		scans[i].state = calloc(nr, sizeof(uint64_t));
		scans[i].unknown = i == 1 ? calloc(nr, sizeof(uint64_t)) : NULL;
		if (!scans[i].state || (i == 1 && !scans[i].unknown))
			return false;
	}
	return true;
}

static void become(enum who who)
{
	if (who != USER && who != BLIND)
		return;
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		_exit(3);
	/* Not dumpable as it is now, its pagemap is root's. */
	if (who == USER)
		prctl(PR_SET_DUMPABLE, 1);
}

static void touch_pages(char *map, size_t len, size_t step, int touch)
{
	if (touch == 1)
		mc2_touch(map, len / 2, step, false);
	else if (touch == 2)
		mc2_store(map, len / 4, step);
}

/*
 * In a process of its own, as somebody. It has to touch the pages itself:
 * fork() does not copy the entries of shared mappings. Exit status 0: well.
 */
static void one_look(const struct mc2_backing *b, const struct mc2_file *f,
		     enum mc2_how how, enum who who, int touch, int out)
{
	size_t len = f ? f->len : MIB(4);
	char *map = f ? mc2_file_map(f, how) :
		    mmap(NULL, len, PROT_READ | PROT_WRITE,
			 mc2_map_flags(how) | MAP_ANONYMOUS, -1, 0);
	bool may_claim = b->persist == MC2_ALWAYS, is_listed = false;
	struct scan scans[3];
	const char *why = NULL;

	if (map == MAP_FAILED)
		_exit(2);
	touch_pages(map, len, b->level == MINCORE_PUD ? MIB(2) : KIB(4), touch);
	become(who);
	if (!alloc_scans(scans, len / mc2_page_size()))
		why = "no memory";
	else if (!scan_native(map, len, &scans[0]) ||
		 !scan_emulated(map, len, &scans[1], who, 0) ||
		 !scan_native(map, len, &scans[2]))
		why = "a scan failed";
	else
		why = compare(b, who, &scans[0], &scans[1], may_claim,
			      &is_listed);
	if (!why && memcmp(scans[0].state, scans[2].state,
			   scans[0].nr * sizeof(uint64_t)))
		why = "the emulation has changed what the kernel says";
	if (why && write(out, why, strlen(why)) < 0)
		_exit(4);
	_exit(why ? 1 : is_listed ? LISTED : 0);
}

/* @f: NULL for anonymous memory. */
static void look(const struct mc2_backing *b, const struct mc2_file *f,
		 enum mc2_how how, int touch, enum who who)
{
	char name[128], why[512] = "died";
	int pipes[2], status = -1;
	ssize_t got;
	pid_t pid;

	snprintf(name, sizeof(name), "%s %s %s: as %s", b->name,
		 how_names[how], touch_names[touch], who_names[who]);
	if (pipe(pipes))
		exit(1);
	fflush(stdout);
	pid = fork();
	if (!pid)
		one_look(b, f, how, who, touch, pipes[1]);
	close(pipes[1]);
	got = read(pipes[0], why, sizeof(why) - 1);
	if (got > 0)
		why[got] = '\0';
	close(pipes[0]);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == LISTED) {
		seen_listed = true;
		status = 0;
	}
	result(status == 0, name, why);
}

/*
 * As root in each state, as the others in the last; the two ways to map that
 * only have VM_SYNC set unchecked, as root in the last.
 */
static void all_looks(const struct mc2_backing *b, const struct mc2_file *f,
		      enum mc2_how how)
{
	bool strange = how == MC2_SHARED_LEGACY || how == MC2_PRIVATE_SYNC;
	bool read_only = f && b->kind == MC2_ROFS && !mc2_is_private(how);
	int last = read_only ? 1 : 2;

	for (int touch = strange ? last : 0; touch < last; touch++)
		look(b, f, how, touch, ROOT);
	for (enum who who = ROOT; who < (strange ? USER : NR_WHO); who++)
		look(b, f, how, last, who);
}

static void one_mapping(const struct mc2_backing *b, enum mc2_how how)
{
	struct mc2_file f;
	int err = mc2_file_open(&f, b, mc2_fit(b, MIB(4)));
	char name[128], *map;

	if (err) {
		snprintf(name, sizeof(name), "%s: open", b->name);
		result(false, name, strerror(-err));
		return;
	}
	if (!mc2_has_attr(b, "hugetlb") && b->kind == MC2_FS)
		mc2_fill_zero(f.fd, 0, (off_t)f.len / 2);
	map = mc2_file_map(&f, how);
	if (map != MAP_FAILED) {	/* else refused, and tested elsewhere */
		munmap(map, f.len);
		all_looks(b, &f, how);
	}
	mc2_file_close(&f);
}

/* A file of the other user's own, without a name, in memory as a whole. */
static void deleted_file(const struct mc2_backings *all)
{
	const struct mc2_backing *tmpfs = mc2_find(all, "tmpfs");
	struct mc2_backing b;
	struct mc2_file f;

	/* Written: what is only allocated does not count as being in memory. */
	if (!tmpfs || mc2_file_open(&f, tmpfs, MIB(4)) ||
	    mc2_fill_zero(f.fd, 0, (off_t)f.len) || fchown(f.fd, 1000, 1000)) {
		result(false, "tmpfs-deleted: a file", strerror(errno));
		return;
	}
	unlink(f.path);
	f.ours = false;
	b = *tmpfs;
	strcpy(b.name, "tmpfs-deleted");
	f.b = &b;
	look(&b, &f, MC2_SHARED, 0, ROOT);
	look(&b, &f, MC2_SHARED, 0, USER);
	mc2_file_close(&f);
}

/* With leave to split, the PUD entry is gone, and the levels are known. */
static void may_split(const struct mc2_backing *b)
{
	struct mc2_file f;
	struct mincore_region r;
	uint64_t unknown, before, after;
	char *map;

	if (mc2_file_open(&f, b, mc2_fit(b, 0)))
		return;
	map = mc2_file_map(&f, MC2_SHARED);
	if (map != MAP_FAILED) {
		mc2_touch(map, 1, 1, true);
		before = mc2_page(map);
		mincore2_emulate(map, f.len, &r, 1, MINCORE_LEVEL, 0, &unknown);
		result(unknown == MINCORE_LEVEL && mc2_page(map) == before &&
		       (before & MINCORE_LEVEL) == MINCORE_PUD,
		       "devdax-1g: without leave a PUD entry is unknown, and stays",
		       "it did not");
		mincore2_emulate(map, f.len, &r, 1,
				 MINCORE_LEVEL, MINCORE2_MAY_SPLIT, &unknown);
		after = mc2_page(map);
		result(!unknown && !(after & MINCORE_LEVEL),
		       "devdax-1g: with leave it is split, as documented",
		       "it was not");
		munmap(map, f.len);
	}
	mc2_file_close(&f);
}

int main(void)
{
	static struct mc2_backings all;

	puts("TAP version 13");
	if (mc2_read_backings(&all)) {
		printf("1..0 # SKIP no backings: %s\n", all.error);
		return 4;
	}
	for (size_t i = 0; i < all.nr; i++) {
		if (all.list[i].kind == MC2_SPARE)
			continue;
		for (enum mc2_how how = 0; how <= MC2_PRIVATE_SYNC; how++)
			/* Each copy there is a GiB to clear; hugetlb-2m has them. */
			if (strcmp(all.list[i].name, "hugetlb-1g") ||
			    how == MC2_SHARED)
				one_mapping(&all.list[i], how);
		if (all.list[i].level == MINCORE_PUD &&
		    all.list[i].kind == MC2_DEV)
			may_split(&all.list[i]);
	}
	all_looks(&(struct mc2_backing) { .name = "anonymous" }, NULL,
		  MC2_SHARED);
	all_looks(&(struct mc2_backing) { .name = "anonymous" }, NULL,
		  MC2_PRIVATE);
	deleted_file(&all);
	result(seen_listed, "each listed difference is still seen",
	       allowed[0].why);
	printf("1..%u\n", cases);
	return failed != 0;
}
