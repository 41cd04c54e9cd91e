/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The address space of fuzz_test: an arena that random changes are made to. For each of
 * its pages it is known whether a mapping that may be persistence-safe was put there.
 */
#ifndef MINCORE2_SELFTESTS_FUZZ_H
#define MINCORE2_SELFTESTS_FUZZ_H

#include "mapping.h"
#include "process.h"

#include <linux/userfaultfd.h>
#include <pthread.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif

#define ARENA_PAGES	16384UL
#define HUGE_PAGES	512UL
#define FILE_SIZE	MIB(8)
#define HISTORY		20
#define MAX_FILES	48

/* One change, as it is printed. */
struct change {
	unsigned long step;
	const char *what;
	size_t first, count;
	long detail;
};

struct arena {
	char *base;
	size_t page;
	unsigned char *may;	/* a page: may be PERSIST; shared with children */
	bool racing;		/* then @may only grows */
	pthread_rwlock_t lock;	/* written: pages and their @may move */
	struct mc2_file files[MAX_FILES];
	size_t nr_files;
	int memfd, uffd;
};

/* One who changes: a thread's numbers and what it did last. */
struct changer {
	struct arena *a;
	uint64_t seed;
	unsigned long step;
	struct change history[HISTORY];
};

static inline void note(struct changer *c, const char *what, size_t first, size_t count,
			long detail)
{
	c->history[c->step % HISTORY] = (struct change){ c->step, what, first, count, detail };
}

static inline void print_history(const struct changer *c)
{
	unsigned long i = c->step < HISTORY ? 0 : c->step - HISTORY + 1;

	for (; i <= c->step; i++) {
		const struct change *h = &c->history[i % HISTORY];

		if (h->what)
			printf("#   step %lu: %s pages %zu+%zu %#lx\n", h->step, h->what,
			       h->first, h->count, h->detail);
	}
}

/* Some pages of the arena: mostly few, some of them as huge pages lie. */
static inline void some_pages(uint64_t *seed, size_t *first, size_t *count)
{
	uint64_t kind = mc2_below(seed, 8);
	size_t left;

	*first = mc2_below(seed, ARENA_PAGES);
	if (kind < 2)
		*first -= *first % HUGE_PAGES;
	left = ARENA_PAGES - *first;
	if (kind < 2)
		*count = HUGE_PAGES * (1 + mc2_below(seed, 2));
	else
		*count = 1 + mc2_below(seed, kind == 2 ? left : kind < 5 ? 600 : 24);
	if (*count > left)
		*count = left;
}

/* What is mapped there now, or from now on as well, may be PERSIST or not. */
static inline void set_may(struct arena *a, size_t first, size_t count, bool may)
{
	if (may || !a->racing)
		memset(a->may + first, may, count);
}

static inline bool change_map(struct changer *c, size_t first, size_t count, int prot,
			      int flags, int fd, off_t offset, bool may)
{
	struct arena *a = c->a;
	bool done;

	pthread_rwlock_rdlock(&a->lock);
	if (may)
		set_may(a, first, count, true);
	done = mmap(a->base + first * a->page, count * a->page, prot,
		    flags | MAP_FIXED | MAP_NORESERVE, fd, offset) != MAP_FAILED;
	if (done)
		set_may(a, first, count, may);
	pthread_rwlock_unlock(&a->lock);
	return done;
}

static inline int some_prot(uint64_t *seed)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE };

	return prots[mc2_below(seed, ARRAY_SIZE(prots))];
}

static inline void change_anon(struct changer *c, size_t first, size_t count)
{
	uint64_t kind = mc2_below(&c->seed, 8);
	int flags = MAP_ANONYMOUS | (kind == 1 ? MAP_SHARED : MAP_PRIVATE);

	if (!kind) {
		flags |= MAP_HUGETLB;
		first -= first % HUGE_PAGES;
		count = HUGE_PAGES;
	}
	note(c, "anonymous", first, count, flags);
	change_map(c, first, count, some_prot(&c->seed), flags, -1, 0, false);
}

static inline void change_file(struct changer *c, size_t first, size_t count)
{
	struct mc2_file *f = &c->a->files[mc2_below(&c->seed, c->a->nr_files)];
	enum mc2_how how = mc2_below(&c->seed, MC2_PRIVATE_SYNC + 1);
	size_t align = mc2_max(f->b->align, c->a->page) / c->a->page, at;
	int prot = some_prot(&c->seed);

	if (mc2_has_attr(f->b, "hugetlb"))
		align = mc2_level_size(f->b->level) / c->a->page;
	if (align > HUGE_PAGES)
		return;
	first -= first % align;
	count = (count + align - 1) / align * align;
	if (count > FILE_SIZE / c->a->page)
		count = FILE_SIZE / c->a->page;
	if (count > ARENA_PAGES - first)
		count = ARENA_PAGES - first;
	/* Often where a huge entry is possible, and sometimes behind the end. */
	at = mc2_below(&c->seed, 2) ? first % HUGE_PAGES : mc2_below(&c->seed, 2500);
	at -= at % align;
	if (f->b->kind == MC2_ROFS && !mc2_is_private(how))
		prot &= ~PROT_WRITE;
	note(c, f->b->name, first, count, how);
	change_map(c, first, count, prot, mc2_map_flags(how), f->fd,
		   (off_t)(at * c->a->page), mc2_persist(f->b, how));
}

static inline void change_unmap(struct changer *c, size_t first, size_t count)
{
	struct arena *a = c->a;

	note(c, "munmap", first, count, 0);
	if (!munmap(a->base + first * a->page, count * a->page))
		set_may(a, first, count, false);
}

static inline void change_advice(struct changer *c, size_t first, size_t count)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_FREE, MADV_PAGEOUT, MADV_COLD, MADV_WILLNEED,
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLLAPSE, MADV_GUARD_INSTALL,
		MADV_GUARD_REMOVE, MADV_REMOVE,
	};
	int advice = advices[mc2_below(&c->seed, ARRAY_SIZE(advices))];

	note(c, "madvise", first, count, advice);
	madvise(c->a->base + first * c->a->page, count * c->a->page, advice);
}

/* Faults without signals: what can not be had is an error. */
static inline void change_touch(struct changer *c, size_t first, size_t count)
{
	int advice = mc2_below(&c->seed, 2) ? MADV_POPULATE_READ : MADV_POPULATE_WRITE;

	note(c, "populate", first, count, advice);
	madvise(c->a->base + first * c->a->page, count * c->a->page, advice);
}

static inline void change_protect(struct changer *c, size_t first, size_t count)
{
	int prot = some_prot(&c->seed);

	note(c, "mprotect", first, count, prot);
	mprotect(c->a->base + first * c->a->page, count * c->a->page, prot);
}

static inline void change_move(struct changer *c, size_t first, size_t count)
{
	size_t to = mc2_below(&c->seed, ARENA_PAGES - count + 1), i;
	struct arena *a = c->a;
	char *p;

	if (first % HUGE_PAGES == 0)
		to -= to % HUGE_PAGES;
	note(c, "mremap", first, count, (long)to);
	pthread_rwlock_wrlock(&a->lock);
	/* A move that fails may have unmapped its target, or have moved a part. */
	if (first + count <= to || to + count <= first) {
		for (i = 0; i < count; i++)
			a->may[to + i] |= a->may[first + i];
		p = mremap(a->base + first * a->page, count * a->page, count * a->page,
			   MREMAP_MAYMOVE | MREMAP_FIXED, a->base + to * a->page);
		if (p != MAP_FAILED && !a->racing) {
			memcpy(a->may + to, a->may + first, count);
			set_may(a, first, count, false);
		}
	}
	pthread_rwlock_unlock(&a->lock);
}

/* A file gets shorter, longer, or a hole; or is written to. */
static inline void change_file_itself(struct changer *c, size_t first, size_t count)
{
	struct mc2_file *f = &c->a->files[mc2_below(&c->seed, c->a->nr_files)];
	size_t page = c->a->page, at = first % (FILE_SIZE / page);
	uint64_t kind = mc2_below(&c->seed, 4);
	off_t len = (off_t)((count > 64 ? 64 : count) * page);
	static const char data[4096] = "x";

	if (f->b->kind != MC2_FS)
		return;
	note(c, f->b->name, at, count, 0x100 + (long)kind);
	if (kind == 0 && ftruncate(f->fd, (off_t)(at * page)))
		return;
	if (kind == 1 && ftruncate(f->fd, (off_t)FILE_SIZE))
		return;
	if (kind == 2)
		fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)(at * page), len);
	if (kind == 3 && pwrite(f->fd, data, sizeof(data), (off_t)(at * page)) < 0)
		return;
}

static inline void change_uffd(struct changer *c, size_t first, size_t count)
{
	struct uffdio_range range = { mc2_addr(c->a->base + first * c->a->page),
				      count * c->a->page };
	struct uffdio_register reg = { .range = range };
	struct uffdio_writeprotect wp = { .range = range };
	uint64_t kind = mc2_below(&c->seed, 5);

	note(c, "userfaultfd", first, count, (long)kind);
	reg.mode = kind ? UFFDIO_REGISTER_MODE_WP : UFFDIO_REGISTER_MODE_MISSING;
	wp.mode = kind == 2 ? UFFDIO_WRITEPROTECT_MODE_WP : 0;
	if (kind < 2)
		ioctl(c->a->uffd, UFFDIO_REGISTER, &reg);
	else if (kind < 4)
		ioctl(c->a->uffd, UFFDIO_WRITEPROTECT, &wp);
	else
		ioctl(c->a->uffd, UFFDIO_UNREGISTER, &range);
}

/* A child shares the pages for a moment: they are copied on write from now on. */
static inline void change_fork(struct changer *c, size_t first, size_t count)
{
	pid_t pid;

	note(c, "fork", first, count, 0);
	pid = fork();
	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* One random change. */
static inline void change(struct changer *c)
{
	static void (*const kinds[])(struct changer *, size_t, size_t) = {
		change_anon, change_anon, change_file, change_file, change_file,
		change_unmap, change_advice, change_advice, change_touch, change_touch,
		change_touch, change_protect, change_move, change_file_itself, change_uffd,
	};
	size_t first, count;

	c->step++;
	some_pages(&c->seed, &first, &count);
	if (!mc2_below(&c->seed, 64))
		change_fork(c, first, count);
	else
		kinds[mc2_below(&c->seed, ARRAY_SIZE(kinds))](c, first, count);
}

/* A userfaultfd whose faults are signals, or errors of MADV_POPULATE_*: nobody waits. */
static inline int quiet_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_SIGBUS };
	int fd = (int)syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		ioctl(fd, UFFDIO_API, &api);
	return fd;
}

/* All backings that can be opened, each with one file; a memfd if there is none. */
static inline bool arena_init(struct arena *a, const struct mc2_backings *all)
{
	static const struct mc2_backing memfd = { .name = "memfd", .kind = MC2_FS,
						  .level = MINCORE_PTE, .align = 1, .attr = "-" };
	size_t i;

	a->page = mc2_page_size();
	pthread_rwlock_init(&a->lock, NULL);
	a->uffd = quiet_uffd();
	a->may = mmap(NULL, ARENA_PAGES, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	a->base = mc2_map_aligned(ARENA_PAGES * a->page, MIB(2), 0, PROT_NONE, MAP_PRIVATE |
				  MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (i = 0; i < all->nr && a->nr_files < MAX_FILES - 1; i++)
		if (!mc2_file_open(&a->files[a->nr_files], &all->list[i],
				   all->list[i].kind == MC2_FS ? FILE_SIZE : a->page))
			a->nr_files++;
	a->memfd = memfd_create("mincore2", MFD_CLOEXEC);
	a->files[a->nr_files++] = (struct mc2_file){ .b = &memfd, .fd = a->memfd };
	return a->may != MAP_FAILED && (void *)a->base != MAP_FAILED && a->memfd >= 0 &&
	       !ftruncate(a->memfd, (off_t)FILE_SIZE);
}

/* Everything is as at the start of a round: nothing is mapped, files are all hole. */
static inline void arena_reset(struct arena *a)
{
	size_t i;

	for (i = 0; i < a->nr_files; i++)
		if (a->files[i].b->kind == MC2_FS && !ftruncate(a->files[i].fd, 0) &&
		    ftruncate(a->files[i].fd, (off_t)FILE_SIZE))
			abort();
	/* So that nothing else is placed there. */
	mmap(a->base, ARENA_PAGES * a->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
	     MAP_NORESERVE | MAP_FIXED, -1, 0);
	memset(a->may, 0, ARENA_PAGES);
}

#endif /* MINCORE2_SELFTESTS_FUZZ_H */
