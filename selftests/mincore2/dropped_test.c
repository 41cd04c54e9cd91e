// SPDX-License-Identifier: GPL-2.0
/*
 * A daemon opens its file as root, and drops its privileges: from then on
 * mincore(2) refuses to tell it which pages of the file are in memory. Whether
 * stores are persistence-safe is none of that: the answer is one region, without
 * MINCORE_DENIED, and neither file permissions nor security modules are asked.
 */
#define _FILE_OFFSET_BITS 64
#include "helpers.h"
#include "mapping.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TRACING		"/sys/kernel/tracing/"
#define OTHER_UID	1001
#define LENGTH		MIB(8)
/* Every bit that has nothing to do with who may know about residency. */
#define OPEN_BITS	(MC2_ALL & ~(MINCORE_RESIDENT | MINCORE_DENIED))

/* What the kernel calls where it asks whether residency may be told. */
static const char * const hooks[] = {
	"can_do_mincore", "inode_owner_or_capable", "security_capable",
	"inode_permission", "security_inode_permission",
};

#define NR_HOOKS	ARRAY_SIZE(hooks)
/* Instead of bits: ask for the permission of a directory that all may read. */
#define ACCESS		0U

FIXTURE(dropped) {
	struct mc2_backing b;
	struct mc2_file f;
};

FIXTURE_VARIANT(dropped) {
	struct mc2_contract c;
};

FIXTURE_VARIANT_ADD(dropped, ext4) { .c = {
	.name = "ext4", .dax = 1, .persist = MC2_SYNC, .level = MINCORE_PMD,
} };
FIXTURE_VARIANT_ADD(dropped, xfs) { .c = {
	.name = "xfs", .dax = 1, .persist = MC2_SYNC, .level = MINCORE_PMD,
} };
FIXTURE_VARIANT_ADD(dropped, devdax_2m) { .c = {
	.name = "devdax-2m", .kind = MC2_DEV, .dax = 1, .persist = MC2_ALWAYS,
	.level = MINCORE_PMD,
} };
FIXTURE_VARIANT_ADD(dropped, devdax_1g) { .c = {
	.name = "devdax-1g", .kind = MC2_DEV, .dax = 1, .persist = MC2_ALWAYS,
	.level = MINCORE_PUD,
} };

FIXTURE_SETUP(dropped)
{
	struct stat st;

	if (geteuid())
		SKIP(return, "needs root, to become somebody else");
	MC2_SETUP_BACKING(&variant->c, &self->b);
	ASSERT_EQ(0, mc2_file_open_full(&self->f, &self->b,
					mc2_fit(&self->b, LENGTH)));
	/* Nobody else's to write: a device node as well. */
	ASSERT_EQ(0, fstat(self->f.fd, &st));
	ASSERT_EQ(0, st.st_uid);
	ASSERT_EQ(0, st.st_mode & 0022);
}

FIXTURE_TEARDOWN(dropped)
{
	mc2_file_close(&self->f);
}

/* Become somebody without any capability, for good. */
static bool become_other(void)
{
	return !setgroups(0, NULL) &&
	       !setresgid(OTHER_UID, OTHER_UID, OTHER_UID) &&
	       !setresuid(OTHER_UID, OTHER_UID, OTHER_UID);
}

/*
 * The file as the other user maps it: where an entry is smaller than the file,
 * one page in eight MiB is in the page tables, and the rest is not.
 */
static char *map_as_other(const struct mc2_file *f)
{
	char *map = become_other() ? mc2_file_map(f, MC2_SHARED_SYNC) :
		    MAP_FAILED;

	if (map == MAP_FAILED)
		return NULL;
	if (mc2_level_size(f->b->level) < f->len)
		*(volatile char *)(map + f->len / 2) = 1;
	return map;
}

/* A child's verdict on the answers that it gets; 0: all is right. */
static int judge(const struct mc2_file *f)
{
	static const unsigned int asks[] = {
		MINCORE_PERSIST, MINCORE_DAX | MINCORE_PERSIST,
		MINCORE_PERSIST | MINCORE_UNMAPPED,
	};
	static unsigned char bytes[4096];
	struct mincore_region r[8];
	char *map = map_as_other(f);
	size_t i, k, pages = LENGTH / mc2_page_size();
	ssize_t n;

	if (!map)
		return 1;
	for (i = 0; i < ARRAY_SIZE(asks); i++) {
		unsigned int want = asks[i] & ~MINCORE_UNMAPPED;

		n = do_mincore2(map, f->len, r, 8, MINCORE_REGIONS | asks[i]);
		if (n != 1 || r[0].end != (uintptr_t)map + f->len ||
		    r[0].state != want) {
			ksft_print_msg("bits %#x: %zd regions, state %#llx up to %#llx\n",
				       asks[i], n, (unsigned long long)r[0].state,
				       (unsigned long long)(r[0].end - r[0].start));
			return 2;
		}
		n = do_mincore2(map, LENGTH, bytes, pages, asks[i]);
		for (k = 0; k < pages; k++)
			if (n != (ssize_t)pages || bytes[k] != want)
				return 3;
	}
	/* No other bit brings DENIED with it. */
	if (mc2_deviant_regions(map, f->len, OPEN_BITS, MINCORE_DENIED, 0,
				(char[MC2_WHY]) { 0 }))
		return 4;
	return 0;
}

static int child_status(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/*
 * Proves that the one-region question about PERSIST is answered "yes" to a user
 * to whom residency is denied, whatever is in his page tables.
 */
TEST_F_TIMEOUT(dropped, one_region_no_denied, 120)
{
	pid_t child = fork();

	if (!child)
		_exit(judge(&self->f));
	EXPECT_EQ(0, child_status(child));
}

/*
 * Proves that RESIDENT is still withheld from that user, page by page, and that
 * DENIED asked for by itself says where.
 */
TEST_F_TIMEOUT(dropped, residency_is_withheld, 120)
{
	pid_t child = fork();

	if (!child) {
		const unsigned int ask[] = { MINCORE_RESIDENT, MINCORE_DENIED };
		char why[MC2_WHY], *map = map_as_other(&self->f);
		size_t i, some = mc2_level_size(self->b.level);

		if (!map)
			_exit(1);
		for (i = 0; i < 2; i++)
			if (mc2_deviant_regions(map, some, ask[i],
						MINCORE_DENIED | MINCORE_RESIDENT,
						MINCORE_DENIED, why) ||
			    mc2_deviant_bytes(map, mc2_page_size(), ask[i],
					      MINCORE_DENIED | MINCORE_RESIDENT,
					      MINCORE_DENIED, why))
				_exit(2);
		/* His own page is his to know. */
		*(volatile char *)map = 1;
		for (i = 0; i < 2; i++)
			if (mc2_deviant_regions(map, mc2_page_size(), ask[i],
						MINCORE_DENIED, 0, why))
				_exit(3);
		_exit(0);
	}
	EXPECT_EQ(0, child_status(child));
}

/* ---- Does the kernel ask for permission? ---- */

/*
 * Has this process made use of a capability since it was forked? The kernel notes
 * it where a security module grants one. (Field 9 of the line, PF_SUPERPRIV.)
 */
static int used_a_capability(int stat)
{
	char line[1024], *p;
	ssize_t n = pread(stat, line, sizeof(line) - 1, 0);
	unsigned int flags;

	line[n > 0 ? n : 0] = 0;
	p = strrchr(line, ')');
	if (!p || sscanf(p, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
		return -1;
	return !!(flags & 0x100);
}

/* Become the other user, but keep what lets a user act as a file's owner. */
static bool become_capable(void)
{
	const uint32_t caps = 1U << CAP_FOWNER | 1U << CAP_DAC_OVERRIDE;
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
	};

	return !prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) && become_other() &&
	       !syscall(SYS_capset, &head, data);
}

/* The child of the other user: did the kernel have to ask, to answer for @bits? */
static int ask_watched(const struct mc2_file *f, unsigned int bits)
{
	int stat = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	char *map = mc2_file_map(f, MC2_SHARED_SYNC);
	struct mincore_region r[8];

	if (stat < 0 || map == MAP_FAILED)
		return 2;
	*(volatile char *)(map + f->len / 2) = 1;
	if (used_a_capability(stat))
		return 3;
	if (do_mincore2(map, f->len, r, 8, MINCORE_REGIONS | bits) <= 0)
		return 4;
	return used_a_capability(stat);
}

/* 1: the kernel asked for a permission; 0: it did not; else something failed. */
static int asks_permission(const struct mc2_file *f, unsigned int bits)
{
	pid_t child = fork();

	if (!child) {
		if (!become_capable())
			_exit(5);
		/* A new process has not used any yet. */
		child = fork();
		if (!child)
			_exit(ask_watched(f, bits));
		_exit(child_status(child));
	}
	return child_status(child);
}

/*
 * Proves that no question but that about residency asks for the permission to act
 * as the file's owner or to write to it: neither the file's mode nor a security
 * module. The user has it by capabilities only, and to use one leaves a trace, as
 * the questions show that do ask.
 */
TEST_F_TIMEOUT(dropped, no_permission_is_asked_for, 120)
{
	EXPECT_EQ(0, asks_permission(&self->f, MINCORE_PERSIST));
	EXPECT_EQ(0, asks_permission(&self->f, MINCORE_DAX | MINCORE_PERSIST));
	EXPECT_EQ(0, asks_permission(&self->f, OPEN_BITS));
	EXPECT_EQ(1, asks_permission(&self->f, MINCORE_RESIDENT));
	EXPECT_EQ(1, asks_permission(&self->f, MINCORE_DENIED));
}

/* ---- Calls of the hooks, counted by kprobe events ---- */

static void remove_probes(void)
{
	mc2_write_file(TRACING "tracing_on", 0, "0");
	mc2_write_file(TRACING "events/mincore2/enable", 0, "0");
	mc2_write_file(TRACING "kprobe_events", O_APPEND, "-:mincore2/");
}

/* A probe at each hook; the name of one that can not be probed, or NULL. */
static const char *set_probes(void)
{
	char line[128];
	size_t i;

	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	remove_probes();
	for (i = 0; i < NR_HOOKS; i++) {
		snprintf(line, sizeof(line), "p:mincore2/%s %s", hooks[i],
			 hooks[i]);
		if (!mc2_write_file(TRACING "kprobe_events", O_APPEND, line))
			return hooks[i];
	}
	return NULL;
}

/* Count what is recorded of each hook. */
static bool read_counts(unsigned int counts[NR_HOOKS])
{
	FILE *trace = fopen(TRACING "trace", "re");
	char line[512], name[64];
	size_t i;

	memset(counts, 0, NR_HOOKS * sizeof(*counts));
	if (!trace)
		return false;
	while (fgets(line, sizeof(line), trace)) {
		if (line[0] == '#')
			continue;
		for (i = 0; i < NR_HOOKS; i++) {
			snprintf(name, sizeof(name), ": %s: ", hooks[i]);
			counts[i] += !!strstr(line, name);
		}
	}
	fclose(trace);
	return true;
}

/* The child: records while it asks for @bits, and does nothing else meanwhile. */
static int ask_recorded(const struct mc2_file *f, unsigned int bits, int on,
			int go)
{
	struct mincore_region r[64];
	char *map, c;
	ssize_t n;

	map = map_as_other(f);
	if (!map || read(go, &c, 1) != 1)
		return 1;
	/* What comes first time is no matter of this. */
	do_mincore2(map, f->len, r, 64, MINCORE_REGIONS | bits);
	if (write(on, "1", 1) != 1)
		return 2;
	n = bits == ACCESS ? access("/", R_OK) + 1 :
		do_mincore2(map, f->len, r, 64, MINCORE_REGIONS | bits);
	if (write(on, "0", 1) != 1)
		return 3;
	return n <= 0;
}

/* Calls of each hook while another user asks for @bits. */
static bool count_calls(const struct mc2_file *f, unsigned int bits,
			unsigned int counts[NR_HOOKS])
{
	int go[2], on = open(TRACING "tracing_on", O_WRONLY | O_CLOEXEC);
	bool ready = on >= 0 && !pipe(go);
	char filter[64];
	pid_t child = ready ? fork() : -1;

	if (!child) {
		close(go[1]);
		_exit(ask_recorded(f, bits, on, go[0]));
	}
	snprintf(filter, sizeof(filter), "common_pid == %d", (int)child);
	ready = child > 0 &&
		mc2_write_file(TRACING "events/mincore2/filter", 0, filter) &&
		mc2_write_file(TRACING "events/mincore2/enable", 0, "1") &&
		mc2_write_file(TRACING "trace", O_TRUNC, "\n") &&
		write(go[1], "x", 1) == 1;
	if (child > 0) {
		close(go[0]);
		close(go[1]);	/* if it was not told to go, its read ends */
	}
	if (on >= 0)
		close(on);
	return !child_status(child) && ready && read_counts(counts);
}

/* The first of @nr hooks that was called, or was not; "": there is none. */
static const char *first_hook(const unsigned int counts[NR_HOOKS], size_t nr,
			      bool called)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (!!counts[i] == called)
			return hooks[i];
	return "";
}

/*
 * Proves that no question but that about residency asks the file's permissions
 * or a security module; and that the counter counts, by one that does.
 */
TEST_F_TIMEOUT(dropped, no_hook_is_called, 120)
{
	static const unsigned int asks[] = {
		MINCORE_PERSIST, MINCORE_DAX, OPEN_BITS,
	};
	unsigned int counts[NR_HOOKS];
	const char *missing = set_probes();
	size_t i;

	if (missing)
		SKIP(return, "no kprobe event at %s(): needs CONFIG_KPROBE_EVENTS, CONFIG_SECURITY",
		     missing);
	for (i = 0; i < ARRAY_SIZE(asks); i++) {
		EXPECT_TRUE(count_calls(&self->f, asks[i], counts));
		EXPECT_STREQ("", first_hook(counts, NR_HOOKS, true))
			TH_LOG("was called for bits %#x", asks[i]);
	}
	/* The file's permissions say no before a security module is asked. */
	EXPECT_TRUE(count_calls(&self->f, MINCORE_RESIDENT, counts));
	EXPECT_STREQ("", first_hook(counts, NR_HOOKS - 1, false))
		TH_LOG("was not called for RESIDENT");
	EXPECT_TRUE(count_calls(&self->f, ACCESS, counts));
	EXPECT_LT(0, counts[NR_HOOKS - 1])
		TH_LOG("%s is not counted", hooks[NR_HOOKS - 1]);
	remove_probes();
}

TEST_HARNESS_MAIN
