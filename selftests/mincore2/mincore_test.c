// SPDX-License-Identifier: GPL-2.0
/*
 * mincore(2) itself, which shares its rules with mincore2(): entries that go, come
 * and are split while it looks at them do not move its answers about other pages,
 * and it writes to nothing but its vector.
 */
#define MC2_NEEDS_NO_CALL
#include "helpers.h"

#include <pthread.h>

/* Pages that are looked at, on each side of the boundary between two PUDs. */
#define BELOW		8
#define ABOVE		24
#define CANARY		0x5a

struct race {
	size_t page;
	char *boundary;		/* a multiple of 1 GiB in the middle of a mapping */
	size_t below, above;	/* bytes of it on each side */
	void (*change)(struct race *r, unsigned long n);
	bool (*stays)(size_t i);	/* what the pages above are, always */
	volatile bool stop;
	volatile unsigned long changes;
};

static void *changer(void *arg)
{
	struct race *r = arg;

	while (!r->stop)
		r->change(r, r->changes++);
	return NULL;
}

/*
 * A mapping around a multiple of 1 GiB: wherever there is room, as a program of 32
 * bits has few of these. False, and errno, if there is none.
 */
static bool map_around(struct race *r, int flags, int fd)
{
	uint64_t at, most = sizeof(void *) == 8 ? 1ULL << 46 : 1ULL << 32;

	for (at = GIB(2); at + r->above < most; at += GIB(1)) {
		char *p = mmap(mc2_ptr(at - r->below), r->below + r->above,
			       PROT_READ | PROT_WRITE,
			       flags | MAP_FIXED_NOREPLACE, fd, 0);

		r->boundary = mc2_ptr(at);
		if (p == r->boundary - r->below)
			return true;
		if (p != MAP_FAILED)
			munmap(p, r->below + r->above);
		else if (errno != EEXIST)
			return false;
	}
	errno = ENOMEM;
	return false;
}

/* The huge zero page or a huge page comes, is split, and goes. */
static void change_huge(struct race *r, unsigned long n)
{
	volatile char *p = r->boundary - r->page;

	switch (n % 256) {
	case 253:
		*p = 1;
		break;
	case 254:
		madvise((char *)p, r->page, MADV_DONTNEED);
		break;
	case 255:	/* takes long */
		*p = 1;
		madvise(r->boundary - r->below, r->below, MADV_COLLAPSE);
		break;
	default:
		if (n % 2)
			(void)*p;
		else
			madvise(r->boundary - r->below, r->below, MADV_DONTNEED);
	}
}

/* Of the pages above one in three is there. */
static bool every_third(size_t i)
{
	return i % 3 == 1;
}

static bool make_huge(struct race *r)
{
	size_t i;

	r->below = mc2_thp_size();
	/* Too little for a huge page. */
	r->above = ABOVE * r->page;
	r->change = change_huge;
	r->stays = every_third;
	if (!map_around(r, MAP_PRIVATE | MAP_ANONYMOUS, -1) ||
	    madvise(r->boundary - r->below, r->below + r->above, MADV_HUGEPAGE))
		return false;
	for (i = 0; i < ABOVE; i++)
		if (every_third(i))
			r->boundary[i * r->page] = 1;
	return true;
}

/* A PUD entry of device-dax comes, goes, and is split, which takes it away. */
static void change_pud(struct race *r, unsigned long n)
{
	volatile char *p = r->boundary - r->page;

	if (n % 2)
		(void)*p;
	else if (n % 4)
		madvise((char *)p, r->page, MADV_DONTNEED);
	else
		madvise(r->boundary - r->below, r->below, MADV_DONTNEED);
}

static bool all_there(size_t i)
{
	return i < ABOVE;
}

static bool make_pud(struct race *r, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool made;

	r->below = GIB(1);
	r->above = GIB(1);
	r->change = change_pud;
	r->stays = all_there;
	made = fd >= 0 && map_around(r, MAP_SHARED, fd);
	if (made)
		*(volatile char *)r->boundary = 1;
	close(fd);
	return made;
}

/* One look with mincore(): NULL, or what is wrong about the answer. */
static const char *look(struct race *r, bool *seen)
{
	static unsigned char buf[3 * (BELOW + ABOVE)];
	unsigned char *vec = buf + BELOW + ABOVE;
	char *from = r->boundary - BELOW * r->page;
	size_t i;

	memset(buf, CANARY, sizeof(buf));
	if (mincore(from, (BELOW + ABOVE) * r->page, vec))
		return strerror(errno);
	for (i = 0; i < BELOW + ABOVE; i++)
		if (buf[i] != CANARY || vec[BELOW + ABOVE + i] != CANARY)
			return "written beside the vector";
	for (i = 0; i < BELOW; i++) {
		if (vec[i] > 1)
			return "neither 0 nor 1, below the boundary";
		seen[vec[i]] = true;
	}
	for (i = 0; i < ABOVE; i++)
		if (vec[BELOW + i] != r->stays(i))
			return "wrong about a page that nobody touches";
	return NULL;
}

/* The same with mincore2(), where the kernel has it. */
static const char *look2(struct race *r)
{
	static unsigned char vec[BELOW + ABOVE];
	char *from = r->boundary - BELOW * r->page;
	size_t i;

	if (!mc2_supported())
		return NULL;
	if (mc2_call(from, (BELOW + ABOVE) * r->page, vec, BELOW + ABOVE,
		     MINCORE_RESIDENT) != BELOW + ABOVE)
		return "mincore2: not all answered";
	for (i = 0; i < ABOVE; i++)
		if ((vec[BELOW + i] & MINCORE_RESIDENT) != r->stays(i))
			return "mincore2: wrong about a page that nobody touches";
	return NULL;
}

static double race_seconds(void)
{
	const char *s = getenv("MINCORE2_RACE_SECONDS");

	return s ? strtod(s, NULL) : 4;
}

/* Has enough happened for a race, on a machine however slow? */
static bool is_enough(const struct race *r, const bool *seen)
{
	return r->changes >= 300 && seen[0] && seen[1];
}

/* Look until the time is over; what was wrong, or NULL. */
static const char *run_race(struct race *r, unsigned long *looks)
{
	double until = mc2_now() + 2 * race_seconds(), limit = until + 120;
	const char *wrong = NULL;
	bool seen[2] = { false };
	pthread_t thread;

	if (pthread_create(&thread, NULL, changer, r))
		return "no thread";
	for (*looks = 0; !wrong && mc2_now() < limit; (*looks)++) {
		if (mc2_now() >= until && is_enough(r, seen))
			break;
		wrong = look(r, seen);
		if (!wrong && *looks % 8 == 0)
			wrong = look2(r);
	}
	r->stop = true;
	pthread_join(thread, NULL);
	if (!wrong && !is_enough(r, seen))
		wrong = "the pages below the boundary hardly changed: no race";
	return wrong;
}

FIXTURE(beside) {
	struct race r;
};

FIXTURE_VARIANT(beside) {
	bool pud;
};

FIXTURE_VARIANT_ADD(beside, huge_pages) { .pud = false };
FIXTURE_VARIANT_ADD(beside, pud_entries) { .pud = true };

FIXTURE_SETUP(beside)
{
	char path[256];

	self->r.page = mc2_page_size();
	if (!variant->pud && !mc2_thp_size())
		SKIP(return, "no transparent huge pages");
	if (variant->pud &&
	    !mc2_backing("name=devdax-1g", "path", path, sizeof(path)))
		SKIP(return, "no device-dax with an alignment of 1 GiB");
	ASSERT_TRUE(variant->pud ? make_pud(&self->r, path) :
		    make_huge(&self->r))
		TH_LOG("%s", strerror(errno));
}

FIXTURE_TEARDOWN(beside)
{
	munmap(self->r.boundary - self->r.below, self->r.below + self->r.above);
}

/*
 * Proves that what happens to the last entry of a gigabyte while mincore() looks
 * at it (it comes, goes, is split) does not change the answers about pages of the
 * next one.
 */
TEST_F_TIMEOUT(beside, answers_stay_in_place, 300)
{
	unsigned long looks = 0;
	const char *wrong = run_race(&self->r, &looks);

	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s, after %lu looks and %lu changes", wrong, looks,
		       self->r.changes);
	TH_LOG("%lu looks, %lu changes", looks, self->r.changes);
}

TEST_HARNESS_MAIN
