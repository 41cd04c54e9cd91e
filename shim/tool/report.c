// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From an operand to a report.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "judge.h"

/*
 * Are stores asked for, or whether a device may store, that the file has to be opened
 * for writing for? Who explains leaves it alone.
 */
static bool stores(const struct options *options)
{
	return !options->private_map &&
	       (options->populate || options->nr_write_pages ||
		(options->bits & MINCORE_PINNABLE &&
		 options->command != COMMAND_EXPLAIN));
}

/* The mapping of another process. */
static int open_process(struct report *report, const char *operand,
			const struct options *options)
{
	struct process *process = &report->process;
	pid_t pid = process_operand(operand);
	int pidfd = process_pidfd(pid, report->error);
	int sync = 0;
	int err = pidfd < 0 ? pidfd : process_find(process, operand, "", report->error);

	process->pid = pid;
	process->pidfd = pidfd;
	if (!err)
		err = process_open(process, &report->target, report->error);
	report->target.path = operand;
	if (!err && (options->populate || options->read ||
		     options->nr_write_pages))
		err = fail(report->error, EINVAL, "pages of another process are not faulted in");
	if (err)
		return err;
	/* Device-dax does not care about MAP_SYNC, and smaps would split it. */
	if (report->target.kind == TARGET_FILE && process->vma.shared)
		sync = process_sync(process, "");
	if (sync < 0)
		fail(report->warning, -sync, sync == -EBUSY ?
		     "taken as mapped without MAP_SYNC: reading smaps would split the 1 GiB device-dax entries of the process" :
		     "taken as mapped without MAP_SYNC: %m");
	process->sync = sync > 0;
	return 0;
}

int report_open(struct report *report, const char *path,
		const struct options *options)
{
	bool process = process_operand(path);
	int err;

	*report = (struct report) {
		.bits = options->bits, .way = options->way,
		.process = { .pidfd = -1 },
	};
	report->target.path = path;
	report->target.fd = -1;
	if (process)
		err = open_process(report, path, options);
	else
		err = target_open(&report->target, path, stores(options),
				  report->error);
	if (!err && (options->has_offset || options->has_length))
		err = target_cut(&report->target, options, report->error);
	if (!err && process)
		mapping_of_process(&report->mapping, &report->process,
				   &report->target);
	else if (!err)
		err = mapping_create(&report->mapping, &report->target, options,
				     report->error);
	/* A mapping for reading has one answer only, which says nothing. */
	if (!report->mapping.writable && report->bits != MINCORE_WRITABLE)
		report->bits &= ~MINCORE_WRITABLE;
	if (!err)
		facts_collect(&report->facts, &report->target, "");
	return err;
}

bool report_is_dax(const struct report *report)
{
	return report->target.kind == TARGET_DEVDAX ||
	       report->facts.dax_attr == YES;
}

/* Where the filesystem does not tell, the verdict says so. */
static void ask_extents(struct report *report)
{
	extent_list_free(&report->extents);
	if (report->target.kind == TARGET_FILE && report->bits & MINCORE_LEVEL &&
	    report->facts.dax_attr == YES)
		extents_read(&report->extents, report->target.fd,
			     report->target.offset, report->mapping.len);
}

/* What is larger takes long, and much memory for page tables. */
#define MOST_LOOK	((uint64_t)64 << 30)

/*
 * What a fault gives is known after it only. For DAX one for reading moves no data,
 * if there are data: in a hole it leaves an entry behind, which is in the way of
 * larger ones. Elsewhere it would fill the page cache.
 */
static void look(struct report *report, const struct options *options)
{
	const struct mapping *mapping = &report->mapping;
	const struct extent_list *list = &report->extents;
	uint64_t all = mapping->len;

	if (!options->look || options->populate || options->read ||
	    mapping->process ||
	    !report_is_dax(report) || all > MOST_LOOK ||
	    !(report->bits & MINCORE_LEVEL))
		return;
	ask_extents(report);
	if (!list->known)
		mapping_fault(mapping, 0, mapping->len, false, options->cancelled);
	for (size_t i = 0; i < list->nr; i++) {
		uint64_t start = list->extent[i].logical - mapping->offset;
		uint64_t length = overlap(0, mapping->len, start,
					  start + list->extent[i].length);

		if (!list->extent[i].unwritten)
			mapping_fault(mapping, (size_t)start, (size_t)length,
				      false, options->cancelled);
	}
}

int report_ask(struct report *report, const struct options *options)
{
	int touch_err;
	int err;

	look(report, options);
	touch_err = report->mapping.process ? 0 :
		    mapping_touch(&report->mapping, options, report->warning);
	region_list_free(&report->regions);
	err = mapping_query(&report->mapping, report->way, report->bits,
			    options->cancelled, &report->regions,
			    report->error);
	if (err)
		return err;
	ask_extents(report);
	if (report->process.pid &&
	    !process_same(&report->process, report->target.path, ""))
		return fail(report->error, EAGAIN, "the process has changed its mappings meanwhile");
	return touch_err;
}

/* What can be let go of once nothing more is asked. */
static void report_close(struct report *report)
{
	mapping_destroy(&report->mapping);
	target_close(&report->target);
	if (report->process.pid && report->process.pidfd >= 0)
		close(report->process.pidfd);
	report->process.pidfd = -1;
}

void report_free(struct report *report)
{
	report_close(report);
	region_list_free(&report->regions);
	extent_list_free(&report->extents);
}

int report_examine(struct report *report, const char *path,
		   const struct options *options)
{
	int err = report_open(report, path, options);

	if (!err)
		err = report_ask(report, options);
	/* The report stays good without them. */
	report_close(report);
	complain(path, report->warning);
	complain(path, report->error);
	return err;
}
