/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pf.h - the program that runs in the guest whose power is cut
 *
 * A case is a history (struct history) on a filesystem or device, through one kind of
 * mapping, with the event of the history before or after the first store. All that
 * happens is reported over a virtio-serial port, one line each; see report.c.
 */
#ifndef PF_H
#define PF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE 4096L
#define KB 1024L
#define MB (1024 * KB)
#define PF_FILE_SIZE (1 * MB)	/* of most files */
#define PF_TARGET (256 * KB)	/* the page that most stores go to */
#define PF_STORE_LEN 64		/* bytes of a store that is watched */
#define PF_NOT_ASKED (~0U)	/* bits: the kernel has no mincore2 */

struct pfcase;
struct mincore2_mapping;

/* When the event of a history comes. */
enum order {
	BEFORE,		/* event, store */
	TOUCHED,	/* read the page, event, store */
	AFTER,		/* store, event, store */
	EARLY,		/* event, map the file, store */
};

/**
 * struct history - what happens to a file
 * @name: as in the table of cases
 * @setup: makes the file and opens c->fd; what it leaves unsynced is synced by it.
 *	Returns 0, or -1 after failed()
 * @event: what happens; may be NULL. Returns as @setup
 * @store: how the watched store is done; NULL: by the CPU, in this thread
 * @size: of the file that @setup makes
 * @first: offset of the store before the event (order AFTER)
 * @then: offset of the store after it; -1: there is none
 * @removes_first: the event removes or overwrites what was stored at @first
 * @everywhere: the event concerns the whole guest (a letter for sysrq): it comes once,
 *	when all cases have got to it
 */
struct history {
	const char *name;
	int (*setup)(struct pfcase *c);
	int (*event)(struct pfcase *c);
	void (*store)(struct pfcase *c, unsigned char *to, const unsigned char *from, size_t len);
	off_t size;
	off_t first, then;
	bool removes_first;
	char everywhere;
};

/**
 * struct pfcase - a case in progress
 * @map: sync, plain, private, legacy (MAP_SHARED|MAP_SYNC), legacy-private, library
 *	(made by mincore2_map())
 * @by: how a store is made durable: flush (write back the cache lines), fsync, msync,
 *	write (write(2), fdatasync), direct (the same with O_DIRECT),
 *	or by the library: persist, persistv, trusted, handle; see durable.c
 * @path: of the file or device; what is reported instead of it is @where
 * @shift: where in a device the "file" begins
 * @handle: of a mapping that the library made; NULL
 * @claim: bits that mincore2 reported when the page to be stored to was mapped
 * @other: a second descriptor, for events that need it; -1
 * @bytes: class of the bytes that are stored, see pattern(); 0: any
 */
struct pfcase {
	int index;
	char name[160], slot[48], map[24], by[24];
	enum order order;
	const struct history *history;
	char dir[80], path[160], where[160];
	int fd, other;
	unsigned char *addr;
	struct mincore2_mapping *handle;
	size_t len;
	off_t shift;
	unsigned int claim;
	int watches;
	unsigned char bytes;
	bool is_dev, broken;
};

/* report.c */
void report_open(const char *port);
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
int failed(struct pfcase *c, const char *what);
int refused(struct pfcase *c, const char *what, int result);

/* memory.c */
unsigned int ask(const void *addr);
int map_case(struct pfcase *c);
unsigned char *map_file(struct pfcase *c, const char *map, int fd, off_t offset, size_t len);
void touch(struct pfcase *c, off_t offset);
void store(struct pfcase *c, off_t offset);
void forget(struct pfcase *c, int watch);
void pattern(unsigned char *to, size_t len, uint64_t seed);

/* durable.c */
int make_durable(struct pfcase *c, off_t offset, size_t len);
bool stores_by_write(struct pfcase *c);
int store_by_write(struct pfcase *c, off_t offset, const unsigned char *from, size_t len);
int map_by_library(struct pfcase *c);
const char *emulated(const void *addr);

/* files.c */
int write_all(int fd, off_t offset, size_t len, int byte);
int setup_written(struct pfcase *c);
int setup_hole(struct pfcase *c);
int setup_allocated(struct pfcase *c);
int setup_device(struct pfcase *c);
int open_other(struct pfcase *c, const char *suffix, off_t size);

/* histories, each list ends with a NULL name */
extern const struct history layout_histories[], eof_histories[], mapping_histories[],
	filesystem_histories[], device_histories[], owner_histories[];
const struct history *find_history(const char *name);
/* exchange.c */
int exchange_extents(int fd, int donor, off_t size);
/* owner.c */
void owner_recover(int index, const char *leaver, const char *keeper);

/* recover.c */
int recover(const char *list);
/* examplelog.c */
void log_crash(struct pfcase *c, unsigned int seed);
void log_await(int seconds);
bool log_line(const char *line);
void log_recover(void);
/* random.c */
int random_crash(const char *list);
void random_recover(int index, int id, const char *where);

#endif
