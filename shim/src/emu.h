/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The emulation: what its files share.
 *
 * A call (emulate.c) asks for the mappings (maps.c), or reads maps as far as it
 * has to.
 * For each mapping it finds out what the file is (emu_file.c), and for
 * device-dax what memory it is made of (device.c); then it looks at the
 * pages (emu_pages.c), with smaps (emu_smaps.c) where the kernel has nothing
 * better. Everything is found out anew by each call, and kept on its stack.
 *
 * The one rule: a bit is set, or is 0 without being "unknown", only if that
 * follows from what was read.
 */
#ifndef MINCORE2_EMU_H
#define MINCORE2_EMU_H

#include <stdbool.h>

#include "device.h"
#include "internal.h"
#include "maps.h"

/**
 * struct mincore2_emu_env - where the emulation looks
 * @proc: the directory of the calling thread in procfs
 * @sys: where sysfs is mounted
 * @other: that is of another process
 * @trust: take these for procfs and sysfs without asking what they are
 * @no_scan: do without PAGEMAP_SCAN, as kernels before 6.7 have to
 * @no_query: do without PROCMAP_QUERY, as kernels before 6.11 have to
 * @no_server: ask no filesystem, which may ask a server that never answers: of files
 *	only @cached is found out, and for sysfs and procfs by the path. A file whose
 *	path takes a server to find is not known
 *
 * @no_scan and @no_query are for tests.
 */
struct mincore2_emu_env {
	const char *proc;
	const char *sys;
	bool other;
	bool trust;
	bool no_scan;
	bool no_query;
	bool no_server;
};

/* ---- emu_smaps.c ---- */

/**
 * struct mincore2_emu_smaps - what smaps says about a mapping
 * @page_size: KernelPageSize in bytes; 0: not said
 * @huge: bytes mapped by PMD entries of THP (anonymous, shmem or file)
 * @rss: bytes present
 * @has_huge: @huge and @rss were said, all of them
 * @hugetlb: VmFlags "ht"
 * @pfnmap: VmFlags "pf"
 * @sync: VmFlags "sf", MAP_SYNC
 * @has_flags: VmFlags were said
 */
struct mincore2_emu_smaps {
	uint64_t page_size, huge, rss;
	bool has_huge, hugetlb, pfnmap, sync, has_flags;
	unsigned int seen;	/* which of the sums */
};

/**
 * mincore2_emu_parse_smaps() - take up one line that is not the head
 * @line: the line
 * @smaps: what is known so far, {0} at first
 */
void mincore2_emu_parse_smaps(const char *line,
			      struct mincore2_emu_smaps *smaps);

/**
 * mincore2_emu_find_smaps() - read on in smaps to a mapping
 * @lines: smaps, read so far at most to this mapping
 * @line: MINCORE2_LINE bytes to work with
 * @start: where the mapping starts
 * @end: where it ends
 * @smaps: receives it
 *
 * Return: 1; 0, there is no such mapping (any more); or a negative errno.
 */
int mincore2_emu_find_smaps(struct mincore2_lines *lines, char *line,
			    uint64_t start, uint64_t end,
			    struct mincore2_emu_smaps *smaps);

/* ---- emu_file.c ---- */

/* Open a file of the calling thread in procfs; a negative errno if none. */
int mincore2_emu_open(const struct mincore2_emu_env *env, const char *name);

/**
 * mincore2_emu_pid() - the number that a process has in /proc
 * @pidfd: of it
 *
 * That is another one than the caller's where /proc is of another PID namespace.
 *
 * Return: the number; 0, that /proc does not show it; or a negative errno, -ESRCH: it
 * has ended, or is a thread that is not the first; -EBADF: it is no pidfd.
 */
int mincore2_emu_pid(int pidfd);

/* Room for what tells programs apart. */
#define MINCORE2_PROGRAM	80

/**
 * mincore2_emu_program() - what tells the program of a process from the one before it
 * @env: where to look
 * @program: receives a text, MINCORE2_PROGRAM bytes
 *
 * The text is where its code begins and ends and where its stack began, of stat. They do
 * not change while the process runs that program, whatever it maps. If nothing makes
 * addresses random, the same program (of a script, the interpreter) has the same text again,
 * where its path, arguments and environment take about as much room: the stack begins at a
 * multiple of 16.
 *
 * Return: 0, or a negative errno.
 */
int mincore2_emu_program(const struct mincore2_emu_env *env, char *program);

/**
 * mincore2_emu_left() - does a process seem to have left an address space?
 * @env: where to look
 * @program: the program that it had before @maps was opened
 * @maps: an open maps of it
 *
 * Another process may have that address space as well, as after vfork(2): that @maps still
 * has mappings does not show that the process is still there.
 *
 * Return: 1, it has executed another program, or ended; 0; or a negative errno: that
 * cannot be found out.
 */
int mincore2_emu_left(const struct mincore2_emu_env *env, const char *program, int maps);

/**
 * struct mincore2_emu_facts - what is behind a mapping
 * @dax: a file with DAX
 * @persist: stores are durable when written back
 * @pin: the mapping allows long-term pins for writing
 * @may_look: mincore(2) tells about pages that only the file has
 * @anon: no file, and no page cache
 * @cached: a file that is kept in the page cache
 * @pfnmap: it may have entries that pagemap does not show
 * @pud: it may be mapped by PUD entries that are split when looked at
 * @hugetlb: huge pages of hugetlbfs
 * @asked_smaps: @smaps has been filled in as far as that is possible
 * @huge_size: their size; 0: not known
 * @align: bytes that each entry of device-dax has; 0: not known, or another file
 * @shmem: its pages may be swapped out
 * @fd: the file, opened with O_PATH; -1: none
 * @cache_fd: the file, to ask about its cache; -1: none
 * @asked_cache: @cache_fd has been filled in as far as that is possible
 * @smaps: what smaps says
 */
struct mincore2_emu_facts {
	enum mincore2_tri dax, persist, pin, may_look, hugetlb;
	bool anon, cached, pfnmap, pud, shmem;
	bool asked_smaps, asked_cache;
	int fd, cache_fd;
	uint64_t huge_size, align;
	struct mincore2_emu_smaps smaps;
};

/**
 * mincore2_emu_facts() - find out what is behind a mapping
 * @env: where to look
 * @vma: the mapping
 * @facts: receives it; mincore2_emu_facts_end() in any case
 *
 * Return: 0, or -EMFILE, -ENFILE, -ENOMEM.
 */
int mincore2_emu_facts(const struct mincore2_emu_env *env,
		       const struct mincore2_vma *vma,
		       struct mincore2_emu_facts *facts);

/* Close what the facts have open. */
void mincore2_emu_facts_end(struct mincore2_emu_facts *facts);

/* ---- emu_cache.c ---- */

/**
 * mincore2_emu_uncached() - are no pages of a range in the page cache?
 * @vma: a mapping of a regular file
 * @facts: of it
 * @start: first address
 * @end: and the one behind, in the mapping
 *
 * Return: whether that is known. False where the kernel can not say so (before
 * Linux 6.5) or would not to mincore(2).
 */
bool mincore2_emu_uncached(const struct mincore2_vma *vma,
			   struct mincore2_emu_facts *facts, uint64_t start,
			   uint64_t end);

/* ---- emu_pages.c ---- */

/* What the page tables say about a run of pages. */
enum {
	MINCORE2_RUN_PRESENT = 1,
	MINCORE2_RUN_SWAPPED = 2,	/* an entry that is not present */
	MINCORE2_RUN_HUGE = 4,		/* a PMD entry, or hugetlb */
	MINCORE2_RUN_ZERO = 8,		/* the zero page */
	MINCORE2_RUN_FILE = 16,		/* a page of a file, not a copy */
	MINCORE2_RUN_EXACT = 32		/* HUGE, ZERO and FILE are known */
};

struct mincore2_emu_run {
	uint64_t end;
	unsigned int bits;
};

/**
 * struct mincore2_emu_pages - the page tables, being read
 * @fd: pagemap; -1: there is none
 * @scan: PAGEMAP_SCAN works
 * @start: what is in the buffer begins here
 * @end: and ends here
 * @nr: elements in it
 * @pos: first element of it that may still be of use
 */
struct mincore2_emu_pages {
	int fd;
	bool scan;
	uint64_t start, end;
	size_t nr, pos;
	union {
		uint64_t entries[384];
		struct { uint64_t start, end, bits; } ranges[128];
	} buf;
};

/**
 * mincore2_emu_next_run() - the next pages of a mapping that are alike
 * @pages: the page tables
 * @start: first address
 * @end: where the run has to end at the latest, in the same mapping
 * @run: receives it
 *
 * Return: 0, or -ENODATA: there is no pagemap, or it does not tell.
 */
int mincore2_emu_next_run(struct mincore2_emu_pages *pages, uint64_t start,
			  uint64_t end, struct mincore2_emu_run *run);

/* ---- emu_report.c ---- */

/**
 * struct mincore2_emu_call - a call in progress
 * @env: where to look
 * @bits: state bits asked for
 * @options: MINCORE2_MAY_SPLIT
 * @at: all below has been reported
 * @end: of the range
 * @vec: the caller's
 * @nr: its room
 * @stored: regions in it
 * @unknown: bits asked for that are not known of these
 * @pages: the page tables
 * @maps: maps, being read
 * @query: mappings can be asked for, without reading
 * @smaps: smaps, being read; fd -1: not opened
 * @may_smaps: smaps can be read without splitting anything
 * @line: line of maps
 * @other_line: line of another file
 * @core: for mincore(2)
 */
struct mincore2_emu_call {
	const struct mincore2_emu_env *env;
	unsigned int bits, options;
	uint64_t at, end;
	struct mincore_region *vec;
	size_t nr, stored;
	uint64_t unknown;
	struct mincore2_emu_pages pages;
	struct mincore2_lines maps, smaps;
	bool query;
	enum mincore2_tri may_smaps;
	char line[MINCORE2_LINE], other_line[MINCORE2_LINE];
	unsigned char core[2048];
};

/**
 * mincore2_emu_put() - report pages
 * @call: the call; they begin where what was reported ends
 * @end: and end here
 * @state: their state
 * @unknown: bits of it that are not known
 *
 * Return: 0; or 1, they were not taken: the call has to end before them.
 */
int mincore2_emu_put(struct mincore2_emu_call *call, uint64_t end,
		     uint64_t state, uint64_t unknown);

/**
 * mincore2_emu_report() - report a mapping
 * @call: the call; where it is at lies in the mapping
 * @vma: the mapping
 * @end: up to here
 *
 * Return: 0; 1, the call has to end; -ESTALE, the mapping is not there any
 * more; or another negative errno.
 */
int mincore2_emu_report(struct mincore2_emu_call *call,
			const struct mincore2_vma *vma, uint64_t end);

/* ---- emu_level.c ---- */

/**
 * mincore2_emu_level() - at which level are present pages mapped?
 * @call: the call
 * @vma: their mapping
 * @facts: what is behind it; what is found out is added
 * @bits: what the page tables say, MINCORE2_RUN_*
 *
 * Return: LEVEL and ENTRY_SHIFT of a state; 0: not known.
 */
uint64_t mincore2_emu_level(struct mincore2_emu_call *call,
			    const struct mincore2_vma *vma,
			    struct mincore2_emu_facts *facts,
			    unsigned int bits);

/* ---- emulate.c ---- */

/* What a call returns if a file of /proc cannot be opened, for @err. */
int mincore2_emu_open_error(int err);

/* mincore2_emulate() that looks where it is told to. */
ssize_t mincore2_emu_run(const struct mincore2_emu_env *env, void *addr,
			 size_t length, struct mincore_region *vec, size_t nr,
			 unsigned int bits, unsigned int options,
			 uint64_t *unknown);

#endif /* MINCORE2_EMU_H */
