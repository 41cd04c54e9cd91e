// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * random.c - a task stores while another changes the file, until the power is cut
 *
 * One process of each kind a case. What they do follows from the seed; when the power is
 * cut, too, but for the host's clock. Everything is logged: see log.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "linux/mincore.h"
#include "dice.h"
#include "log.h"
#include "pf.h"

#define LOG_BYTES (56 * MB)
#define MAX_RECORDS ((LOG_BYTES - sizeof(struct log)) / sizeof(struct record))
#define START_PAGES 48

static struct log *logged;
static int case_id;

static bool open_log(bool write)
{
	char path[120], line[200], key[64];
	FILE *f = fopen("/run/devmap", "r");
	int fd = -1;

	while (f && fd < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %119s", key, path) == 2 && !strcmp(key, "log"))
			fd = open(path, O_RDWR);
	if (f)
		fclose(f);
	if (fd < 0)
		return false;
	logged = mmap(NULL, LOG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (logged == MAP_FAILED)
		return false;
	if (write)
		logged->head = 0;
	return true;
}

/* Adds a record; the log being full ends the task. */
static void put(struct record r)
{
	uint64_t i = __atomic_fetch_add(&logged->head, 1, __ATOMIC_SEQ_CST);

	if (i >= MAX_RECORDS)
		for (;;)
			pause();
	r.id = case_id;
	r.valid = 0;
	logged->records[i] = r;
	__atomic_store_n(&logged->records[i].valid, 1, __ATOMIC_SEQ_CST);
}

static sigjmp_buf on_fault;
static void fault(int sig)
{
	(void)sig;
	siglongjmp(on_fault, 1);
}

/*
 * Makes the cache line durable; SIGBUS when there is none any more. The other task may have
 * unmapped the page. A processor would fault it in for the write-back; QEMU does not, but
 * does for a load. With the two side by side (in one block of QEMU's translation) nothing
 * is lost in between: see on_touch() in cache/plugin.c.
 */
static void write_back(void *line)
{
	if (__builtin_cpu_supports("clwb"))
		asm volatile(".p2align 4\n\tmovb (%0), %%al\n\tclwb (%0)\n\tsfence" : : "r"(line) : "rax", "memory");
	else
		asm volatile(".p2align 4\n\tmovb (%0), %%al\n\tclflush (%0)\n\tsfence" : : "r"(line) : "rax", "memory");
}

/* The storing task: pages at random, for ever. */
static void __attribute__((noreturn)) store_for_ever(struct pfcase *c)
{
	volatile uint64_t generation = 0;

	signal(SIGBUS, fault);
	for (;;) {
		volatile uint16_t page = roll(RANDOM_PAGES);
		uint64_t *to = (uint64_t *)(c->addr + RANDOM_SPOT(page));
		struct record r = { .kind = STORE_BEGIN, .page = page };
		unsigned int bits = ask(to);

		generation++;
		r.generation = generation;
		r.persist = bits != PF_NOT_ASKED && bits & MINCORE_PERSIST;
		put(r);
		if (sigsetjmp(on_fault, 1)) {
			r.kind = STORE_FAULT;
		} else {
			for (int w = 0; w < RANDOM_WORDS; w++)
				__atomic_store_n(&to[w], generation, __ATOMIC_RELAXED);
			write_back(to);
			r.kind = STORE_DONE;
		}
		r.page = page;
		r.generation = generation;
		put(r);
	}
}

static uint32_t change_number;

/* Says that pages from..to are about to be removed or overwritten. */
static void begin(uint16_t from, uint16_t to)
{
	put((struct record){ .kind = CHANGE_BEGIN, .page = from, .to = to, .number = ++change_number });
}

/* The same for bytes: in which pages are they where stores go to? */
static void begin_bytes(int64_t from, int64_t to)
{
	uint16_t first = from / PAGE, last = (to - 1) / PAGE;

	if (RANDOM_SPOT(first) + RANDOM_BYTES <= from)
		first++;
	if (RANDOM_SPOT(last) >= to)
		last--;
	begin(first, last);
}

static void done(int64_t size)
{
	put((struct record){ .kind = CHANGE_DONE, .number = change_number, .size = size });
}

static int64_t file_size(struct pfcase *c)
{
	struct stat st;

	return fstat(c->fd, &st) ? 0 : st.st_size;
}

static void append(struct pfcase *c)
{
	int64_t size = file_size(c), len = 1 + roll(3000);

	if (size + len > RANDOM_PAGES * PAGE)
		return;
	begin_bytes(size, size + len);
	done(write_all(c->fd, size, len, 0) ? -1 : size + len);
}

static void grow(struct pfcase *c)
{
	int64_t size = file_size(c), len = 1 + roll(6000);
	int result;

	if (size + len > RANDOM_PAGES * PAGE)
		return;
	/* Nothing that is below the old size changes, and nothing behind it counts yet. */
	begin(1, 0);
	result = roll(2) ? fallocate(c->fd, 0, size, len) : ftruncate(c->fd, size + len);
	done(result ? -1 : size + len);
}

static void shrink(struct pfcase *c)
{
	int64_t size = file_size(c), to = size - roll(8 * PAGE);

	/* Seldom, as all that it removes proves nothing; and then there has to be something. */
	if (to < START_PAGES / 2 * PAGE || roll(4))
		return;
	begin(to / PAGE + (RANDOM_SPOT(to / PAGE) + RANDOM_BYTES <= to), ALL_PAGES);
	done(ftruncate(c->fd, to) ? -1 : to);
}

static void punch(struct pfcase *c)
{
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_KEEP_SIZE
	};
	uint16_t from = roll(RANDOM_PAGES), n = 1 + roll(4);

	begin(from, from + n - 1);
	(void)!fallocate(c->fd, modes[roll(3)], from * PAGE, n * PAGE);
	done(-1);
}

/* write(2) into the file, and fsync: commits what others did, too. */
static void write_within(struct pfcase *c)
{
	uint16_t page = roll(file_size(c) / PAGE);

	begin(page, page);
	write_all(c->fd, page * PAGE, PAGE, 0);
	done(-1);
	if (!roll(4))
		fsync(c->fd);
}

/* The file gets a clone: it is to copy at each next store. */
static void clone(struct pfcase *c)
{
	(void)!ioctl(c->other, FICLONE, c->fd);
}

static void clone_within(struct pfcase *c)
{
	uint16_t from = roll(START_PAGES / 2), to = START_PAGES / 2 + roll(START_PAGES / 4);
	struct file_clone_range range = {
		.src_fd = c->fd, .src_offset = from * PAGE, .src_length = 2 * PAGE,
		.dest_offset = to * PAGE
	};

	begin(to, to + 1);
	(void)!ioctl(c->fd, FICLONERANGE, &range);
	done(-1);
}

static void attribute(struct pfcase *c)
{
	char value[2000] = { 0 };

	value[0] = roll(100);
	fsetxattr(c->other, "user.pf", value, sizeof(value), 0);
}

static void sync_other(struct pfcase *c)
{
	write_all(c->other, roll(100) * PAGE, PAGE, 'o');
	fsync(c->other);
}

/* The changing task. */
static void __attribute__((noreturn)) change_for_ever(struct pfcase *c)
{
	static void (*const changes[])(struct pfcase *) = {
		append, append, append, append, grow, shrink, punch, write_within, clone, clone,
		clone_within, attribute, sync_other,
	};

	for (;;) {
		changes[roll(sizeof(changes) / sizeof(changes[0]))](c);
		usleep(roll(5000));
	}
}

static int setup(struct pfcase *c)
{
	char path[sizeof(c->path) + 16];

	snprintf(path, sizeof(path), "%s-other", c->path);
	c->fd = open(c->path, O_RDWR | O_CREAT, 0644);
	c->other = open(path, O_RDWR | O_CREAT, 0644);
	if (c->fd < 0 || c->other < 0)
		return failed(c, "create");
	if (write_all(c->fd, 0, START_PAGES * PAGE, 0) || fsync(c->fd) || fsync(c->other))
		return failed(c, "write and fsync");
	c->len = RANDOM_PAGES * PAGE;
	return map_case(c);
}

static int begin_case(struct pfcase *c, uint64_t seed, int id)
{
	if (setup(c))
		return 0;
	report("random-case %d %d %s", c->index, id, c->where);
	for (int task = 0; task < 2; task++) {
		pid_t pid = fork();

		if (pid < 0)
			return failed(c, "fork");
		if (pid)
			continue;
		case_id = id;
		dice = (seed + 1) * 0x9e3779b97f4a7c15ULL + id * 2 + task;
		roll(2);
		if (task)
			change_for_ever(c);
		store_for_ever(c);
	}
	return 0;
}

/* The case of a line, if it is one that goes on until the end; its seed. */
static bool parse_line(const char *line, struct pfcase *c, char *history, unsigned long long *seed)
{
	memset(c, 0, sizeof(*c));
	c->fd = c->other = -1;
	if (sscanf(line, "%d %159s %47s %23s %31s seed-%llu %23s", &c->index, c->name, c->slot,
		   c->map, history, seed, c->by) != 7)
		return false;
	snprintf(c->dir, sizeof(c->dir), "/mnt/%s", c->slot);
	snprintf(c->path, sizeof(c->path), "%s/r%d", c->dir, c->index);
	snprintf(c->where, sizeof(c->where), "%s/r%d", c->slot, c->index);
	return true;
}

/* Starts the cases of the list that have a seed; they run until the end. */
int random_crash(const char *list)
{
	unsigned long long seed = 0, last = 0;
	char line[400], history[32];
	int id = 0, count = 0;
	FILE *f = fopen(list, "r");

	while (f && fgets(line, sizeof(line), f)) {
		static struct pfcase c;

		if (!parse_line(line, &c, history, &seed))
			continue;
		last = seed;
		count++;
		if (!strcmp(history, "example-log")) {
			log_crash(&c, seed);
			continue;
		}
		if (!id && !open_log(true)) {
			failed(&c, "the log");
			break;
		}
		begin_case(&c, seed, id++);
	}
	if (f)
		fclose(f);
	if (!count)
		return 0;
	dice = (last + 7) * 0x9e3779b97f4a7c15ULL;
	roll(2);
	report("begin 100 random cases, seed %llu", last);
	log_await(60);
	report("announce %u.%03u", 2 + roll(3), roll(1000));
	for (;;)
		pause();
}

/* After the crash: compares a case's file with the log. */
void random_recover(int index, int id, const char *where)
{
	static uint64_t content[RANDOM_PAGES][RANDOM_WORDS];
	struct verdict v;
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "/mnt/%s", where);
	fd = open(path, O_RDONLY);
	if (fd < 0 || (!logged && !open_log(false))) {
		report("error %d %s: %s", index, path, strerrorname_np(errno) ?: "?");
		return;
	}
	memset(content, 0, sizeof(content));
	for (int p = 0; p < RANDOM_PAGES; p++)
		(void)!pread(fd, content[p], sizeof(content[p]), RANDOM_SPOT(p));
	close(fd);
	v = judge_log(logged->records, logged->head < MAX_RECORDS ? logged->head : MAX_RECORDS, id,
		      START_PAGES * PAGE, content);
	report("random %d %ld %ld %ld %ld %ld", index, v.stores, v.pages, v.safe, v.lost, v.broken);
	if (v.example >= 0)
		report("random-lost %d page %ld: generation %llu there, %llu or later wanted", index,
		       v.example, (unsigned long long)v.got, (unsigned long long)v.want);
}
