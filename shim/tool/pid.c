// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * map --pid: all mappings of a process, a row each, and their sums.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emu.h"
#include "show.h"

/* How often a mapping that was listed may be met again, because it has grown. */
#define MOST_GROWN	1000

#define BITS	(MINCORE_DAX | MINCORE_LEVEL | MINCORE_PERSIST | MINCORE_PINNABLE)

struct row {
	struct mincore2_vma vma;	/* without the name */
	char *name;
	const char *backing;
	struct sums sums;
};

struct listing {
	struct process process;
	char name[64];			/* of its program */
	struct row *row;
	size_t nr;
	struct sums total;
	char error[ERROR_SIZE];
};

static const char *backing_without_dax(const struct mincore2_vma *vma,
				       const struct mincore2_emu_facts *facts)
{
	if (vma->page_size > page_size() || facts->hugetlb == MINCORE2_YES)
		return "huge pages";
	if (facts->cached)
		return "page cache";
	if (facts->anon)
		return "anonymous";
	/* [vdso], [vvar] */
	if (!strncmp(vma->name, "[v", 2) || !strcmp(vma->name, "[uprobes]"))
		return "kernel";
	return "?";
}

/* The state has DAX only; what else there is follows from the file. */
static const char *find_backing(const struct listing *listing, const struct row *row,
				bool native)
{
	const struct part *dax = &row->sums.dax;
	struct mincore2_emu_facts facts;
	const char *backing = "?";
	char proc[64];
	const struct mincore2_emu_env env = {
		.proc = proc, .sys = "/sys", .other = true, .no_server = native,
	};

	if (dax->yes || dax->unknown)
		return dax->yes ? "DAX" : "?";
	snprintf(proc, sizeof(proc), "/proc/%d/task/%d", (int)listing->process.pid,
		 (int)listing->process.pid);
	if (!mincore2_emu_facts(&env, &row->vma, &facts))
		backing = backing_without_dax(&row->vma, &facts);
	mincore2_emu_facts_end(&facts);
	return backing;
}

/* A mapping that has gone meanwhile has nothing mapped: it is left out. */
static void add_mapped(struct sums *sums, const struct region *region)
{
	if (!(region->state & MINCORE_UNMAPPED))
		sums_add(sums, region, region_bytes(region));
}

/* Ask about a mapping, and keep it if it is wanted. 0 or a negative errno. */
static int add_row(struct listing *listing, const struct mincore2_vma *vma,
		   const struct options *options)
{
	struct mapping mapping = {
		.process = &listing->process, .start = vma->start,
		.len = (size_t)(vma->end - vma->start),
	};
	struct row row = { .vma = *vma };
	struct region_list list = { 0 };
	int err = process_reach(vma, listing->error);
	bool wanted;

	if (err)
		return err;
	err = mapping_query(&mapping, options->way, BITS, options->cancelled,
			    &list, listing->error);
	for (size_t i = 0; i < list.nr; i++)
		add_mapped(&row.sums, &list.region[i]);
	wanted = !err && row.sums.bytes &&
		 (!(options->need & MINCORE_DAX) || row.sums.dax.yes);
	for (size_t i = 0; i < list.nr && wanted; i++)
		add_mapped(&listing->total, &list.region[i]);
	region_list_free(&list);
	if (!wanted)
		return err;
	row.backing = find_backing(listing, &row,
				   options->way == MINCORE2_WAY_NATIVE);
	row.name = text_of("%s", vma->name);
	row.vma.name = NULL;	/* that will be gone */
	array_add(&listing->row, &listing->nr, &row, sizeof(row));
	return 0;
}

static int list_mappings(struct listing *listing, const struct options *options)
{
	struct mincore2_lines maps = { .fd = -1 };
	char proc[64], program[MINCORE2_PROGRAM], line[MINCORE2_LINE];
	const struct mincore2_emu_env env = {
		.proc = proc, .other = true, .trust = true,
	};
	struct mincore2_vma vma;
	bool query = true;
	uint64_t at = 0;
	int ret, left, err = 0, grown = 0;

	snprintf(proc, sizeof(proc), "/proc/%d", (int)options->pid);
	ret = mincore2_emu_program(&env, program);
	if (!ret)
		ret = maps.fd = mincore2_emu_open(&env, "maps");
	if (ret < 0)
		return fail(listing->error, process_errno(options->pid, -ret),
			    "cannot see its mappings: %m");
	/* Asked for, it also has the size of its pages; not all kernels tell. */
	while (!err && (ret = mincore2_maps_next(&maps, &query, at, &vma, line)) > 0) {
		/* The page of [vsyscall] belongs to no process, and no call knows it. */
		if (vma.start >= at && strcmp(vma.name, "[vsyscall]"))
			err = add_row(listing, &vma, options);
		else if (vma.start < at && ++grown == MOST_GROWN)
			err = fail(listing->error, EAGAIN, "a mapping of it grows faster than the list can be read: %m");
		at = vma.end;
	}
	left = mincore2_emu_left(&env, program, maps.fd);
	if (!at && (!ret || ret == -ESRCH))
		err = fail(listing->error, ESRCH, "it has no memory: %m");
	else if (left > 0)
		err = fail(listing->error, EAGAIN, "it has executed another program meanwhile: %m");
	else if (ret < 0 && !err)
		err = fail(listing->error, -ret, "cannot see its mappings: %m");
	else if (left < 0 && !err)
		err = fail(listing->error, -left, "it may have executed another program meanwhile, and that cannot be found out: %m");
	close(maps.fd);
	return err;
}

static int look_at_process(struct listing *listing, const struct options *options)
{
	struct mincore2_iter it;
	char path[PATH_MAX];
	int err;

	listing->process.pid = options->pid;
	listing->process.pidfd = process_pidfd(options->pid, listing->error);
	if (listing->process.pidfd < 0)
		return listing->process.pidfd;
	err = list_mappings(listing, options);
	path_print(path, "/proc/%d", (int)options->pid);
	if (read_line(path, "comm", listing->name, sizeof(listing->name)) <= 0)
		strcpy(listing->name, "?");
	/* The last question: nothing above was of another process with its number. */
	if (mincore2_iter_init_process(&it, listing->process.pidfd, 0, 0, MINCORE_DAX,
				       MINCORE2_EMULATE) == -ESRCH)
		err = fail(listing->error, ESRCH, "it has ended: %m");
	return err;
}

static const char *answer_of(const struct part *part, uint64_t bytes)
{
	return part->yes == bytes ? "yes" : part->unknown ? "?" :
	       part->yes ? "part" : "no";
}

/* "PMD 14 MiB, PTE 2 MiB", to free(). */
static char *levels_text(const struct sums *sums, const struct terminal *terminal)
{
	char *text = text_of("%s", "");
	char size[24];

	for (int i = NR_LEVELS - 1; i >= 0; i--) {
		/* MINCORE_PTE is 1 in the bits that have the level. */
		const char *name = i ? level_name((uint64_t)i * MINCORE_PTE) : "?";
		uint64_t bytes = i ? sums->level[i] : sums->level[LEVEL_UNKNOWN];
		char *more;

		if (!bytes)
			continue;
		more = text_of("%s%s%s %s", text, text[0] ? ", " : "", name,
			       size_text(terminal, bytes, size));
		free(text);
		text = more;
	}
	if (text[0])
		return text;
	free(text);
	return text_of("-");
}

enum { RANGE, SIZE, BACKING, PERSIST, PINNABLE, LEVELS, FILE_NAME, NR_CELLS };

static void fill_cells(char *cell[NR_CELLS], const struct row *row,
		       const struct terminal *terminal)
{
	char size[24];

	cell[RANGE] = text_of("%" PRIx64 "-%" PRIx64, row->vma.start, row->vma.end);
	cell[SIZE] = text_of("%s", size_text(terminal, row->sums.bytes, size));
	cell[BACKING] = text_of("%s", row->backing);
	cell[PERSIST] = text_of("%s", answer_of(&row->sums.persist, row->sums.bytes));
	cell[PINNABLE] = text_of("%s", answer_of(&row->sums.pinnable, row->sums.bytes));
	cell[LEVELS] = levels_text(&row->sums, terminal);
	cell[FILE_NAME] = text_of("%s", row->name[0] ? row->name : "-");
}

static void print_rows(const struct listing *listing, const struct terminal *terminal)
{
	static const char *const headings[NR_CELLS] = {
		"RANGE", "SIZE", "BACKING", "PERSIST", "PINNABLE", "LEVELS", "FILE",
	};
	size_t width[NR_CELLS];
	char *(*cells)[NR_CELLS] = zeroed(listing->nr, sizeof(*cells));

	for (int c = 0; c < NR_CELLS; c++)
		width[c] = strlen(headings[c]);
	for (size_t i = 0; i < listing->nr; i++) {
		fill_cells(cells[i], &listing->row[i], terminal);
		for (int c = 0; c < NR_CELLS; c++)
			if (strlen(cells[i][c]) > width[c])
				width[c] = strlen(cells[i][c]);
	}
	for (size_t i = 0; i <= listing->nr; i++) {
		for (int c = 0; c < NR_CELLS; c++) {
			const char *text = i ? cells[i - 1][c] : headings[c];
			int pad = (int)(width[c] - strlen(text));

			printf("  %*s", c == SIZE ? pad : 0, "");
			print_clean(stdout, text);
			if (c != SIZE && c != FILE_NAME)
				printf("%*s", pad, "");
			if (i)
				free(cells[i - 1][c]);
		}
		putchar('\n');
	}
	free(cells);
}

static void print_total(const char *label, const struct part *part,
			const struct terminal *terminal)
{
	char yes[24], unknown[24];

	print_label(stdout, label);
	fputs(size_text(terminal, part->yes, yes), stdout);
	if (part->unknown)
		printf(", not known of %s", size_text(terminal, part->unknown, unknown));
	putchar('\n');
}

static void print_text(const struct listing *listing, const struct options *options)
{
	struct terminal terminal;
	const char *note = way_note(options->way);
	char size[24];
	char *levels;

	terminal_detect(&terminal, options->bytes, options->summary);
	printf("process %d, ", (int)options->pid);
	print_clean(stdout, listing->name);
	putchar('\n');
	if (note)
		paragraph(stdout, &terminal, MARGIN, "%s", note);
	putchar('\n');
	levels = levels_text(&listing->total, &terminal);
	print_label(stdout, "mappings");
	printf("%zu, %s\n", listing->nr,
	       size_text(&terminal, listing->total.bytes, size));
	print_label(stdout, "mapped by");
	puts(levels);
	free(levels);
	print_total("DAX", &listing->total.dax, &terminal);
	print_total("persistent", &listing->total.persist, &terminal);
	print_total("pinnable", &listing->total.pinnable, &terminal);
	if (options->summary || !listing->nr)
		return;
	putchar('\n');
	print_rows(listing, &terminal);
}

static void json_sums(const struct sums *sums)
{
	json(stdout, "'size': %" PRIu64 ", 'levels': ", sums->bytes);
	json_levels(stdout, sums);
	json(stdout, ", 'dax': %" PRIu64 ", 'dax_unknown': %" PRIu64 ", 'persist': %" PRIu64 ", 'persist_unknown': %" PRIu64 ", 'pinnable': %" PRIu64 ", 'pinnable_unknown': %" PRIu64,
	     sums->dax.yes, sums->dax.unknown, sums->persist.yes,
	     sums->persist.unknown, sums->pinnable.yes, sums->pinnable.unknown);
}

static void print_json(const struct listing *listing, const struct options *options)
{
	json(stdout, JSON_HEAD "'process': {'pid': %" PRIu64 ", ", (uint64_t)options->pid);
	if (listing->error[0]) {
		json(stdout, "'error': %s}\n}\n", listing->error);
		return;
	}
	json(stdout, "'way': %s, 'total': {", mincore2_way_string(options->way));
	json_sums(&listing->total);
	json(stdout, "}, 'mappings': [\n");
	for (size_t i = 0; i < listing->nr; i++) {
		const struct row *row = &listing->row[i];

		json(stdout, "    {'address': %" PRIx64 ", 'offset': %" PRIu64 ", 'file': %s, 'shared': %d, 'writable': %d, 'backing': %s,\n     ",
		     row->vma.start, row->vma.offset, row->name[0] ? row->name : NULL,
		     row->vma.shared, row->vma.write, row->backing);
		json_sums(&row->sums);
		fputs(i + 1 < listing->nr ? "},\n" : "}\n", stdout);
	}
	fputs("  ]}\n}\n", stdout);
}

int pid_map(const struct options *options)
{
	struct listing listing = { .process = { .pidfd = -1 } };
	int err = look_at_process(&listing, options);
	char name[32];

	snprintf(name, sizeof(name), "process %d", (int)options->pid);
	complain(name, listing.error);
	if (options->json)
		print_json(&listing, options);
	else if (!err)
		print_text(&listing, options);
	for (size_t i = 0; i < listing.nr; i++)
		free(listing.row[i].name);
	free(listing.row);
	if (listing.process.pidfd >= 0)
		close(listing.process.pidfd);
	return finish_output(err ? STATUS_FAILED : STATUS_OK);
}
