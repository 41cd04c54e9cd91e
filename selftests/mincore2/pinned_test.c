// SPDX-License-Identifier: GPL-2.0
/*
 * XFS with DAX: two files share a block, its page is pinned, by vmsplice(2) to a pipe, and
 * one of the files changes it, which takes the page from that file. The other file may
 * have the page in its page cache, too: then the pin stays known, and there is nothing to
 * wait for. Else, on Linux 7, the change waits for the pin, and can be interrupted.
 *
 * Uses, and destroys the contents of, the namespace spare-nvdimm.
 */
#define _FILE_OFFSET_BITS 64
#include "own_xfs.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PAGE		10UL			/* of the file: this one is pinned */
#define AT		(PAGE * OWN_PAGE)	/* where it begins */
#define LIMIT_MS	20000	/* for what has to come */
#define WAITS_MS	1000	/* what is not done after this waits */

enum access { STORE, WRITE, READ };

/* Ways to change a page. */
static const struct how {
	const char *name;
	enum access access;
	enum own_map map;
	size_t from, len;
} hows[] = {
	{ "store", STORE, OWN_BESIDE, AT + 100, 1 },
	{ "store where a PMD fits", STORE, OWN_ALIGNED, AT + 100, 1 },
	{ "write(2) of a part", WRITE, 0, AT + 100, 2000 },
	{ "write(2) of the page", WRITE, 0, AT, OWN_PAGE },
};

static const struct how reading = { "read(2)", READ, 0, 0, OWN_PAGE };

/* Two files that share all their blocks, and what pins a page of one of them. */
FIXTURE(pinned) {
	struct own_xfs x;
	struct own_file a, b;
	int pipe[2];
	unsigned char want[OWN_PAGE];	/* in the pipe */
};

struct child {
	pid_t pid;
	int pidfd;
};

FIXTURE_SETUP(pinned)
{
	self->a.fd = -1;
	self->b.fd = -1;
	OWN_SETUP(&self->x);
}

/* In the parent, when all that a test has open is closed, however it ended. */
FIXTURE_TEARDOWN_PARENT(pinned)
{
	EXPECT_EQ(0, own_end(&self->x));
}

/* Do the files share the block of the page? -1: unknown. */
static int shared(const FIXTURE_DATA(pinned) *self)
{
	uint64_t a[OWN_PAGES], b[OWN_PAGES];

	if (own_blocks(&self->a, a) || own_blocks(&self->b, b) || !a[PAGE])
		return -1;
	return a[PAGE] == b[PAGE];
}

static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(pinned) *self)
{
	ASSERT_EQ(0, own_create(&self->x, &self->a, 1, MAP_SHARED));
	ASSERT_EQ(0, own_create(&self->x, &self->b, 2, MAP_SHARED));
	ASSERT_EQ(0, own_clone(&self->b, &self->a, OWN_LEN));
	ASSERT_EQ(1, shared(self));
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC | O_NONBLOCK));
}

/* Each file has its own bytes, however it is looked at. Then they go. */
static void end(struct __test_metadata *_metadata, FIXTURE_DATA(pinned) *self,
		const char *what)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	OWN_CHECK(&self->x, &self->a, true, what);
	OWN_CHECK(&self->x, &self->b, true, what);
	own_close(&self->a, true);
	own_close(&self->b, true);
}

/* The page of a file gets into its page cache. */
static void load(struct own_file *f)
{
	(void)*(volatile unsigned char *)(f->map[OWN_BESIDE] + AT);
}

static void pin(struct __test_metadata *_metadata, FIXTURE_DATA(pinned) *self,
		const struct own_file *f)
{
	struct iovec v = { f->map[OWN_BESIDE] + AT, OWN_PAGE };

	memcpy(self->want, f->want + AT, OWN_PAGE);
	ASSERT_EQ((ssize_t)OWN_PAGE, vmsplice(self->pipe[1], &v, 1, 0));
}

/* End the pin: the pipe has what the page had. */
static void unpin(struct __test_metadata *_metadata, FIXTURE_DATA(pinned) *self,
		  const char *what)
{
	unsigned char got[OWN_PAGE];

	ASSERT_EQ((ssize_t)OWN_PAGE, read(self->pipe[0], got, OWN_PAGE));
	EXPECT_EQ(0, memcmp(got, self->want, OWN_PAGE))
		TH_LOG("%s: another content in the pipe", what);
}

/* ---- who changes the page: a child, which may have to be killed ---- */

/* A store would be tried again after the handler. */
static void leave(int signal)
{
	(void)signal;
	_exit(EINTR);
}

static void go_on(int signal)
{
	(void)signal;
}

/* 0 or an error number. */
static int change(const struct how *how, struct own_file *f)
{
	struct sigaction action = { .sa_handler = how->access == STORE ? leave : go_on };
	unsigned char data[OWN_PAGE];
	off_t at = (off_t)how->from;
	ssize_t done = 1;

	sigaction(SIGUSR1, &action, NULL);
	memset(data, 'w', sizeof(data));
	if (how->access == STORE)
		*(volatile unsigned char *)(f->map[how->map] + at) = 'w';
	else if (how->access == WRITE)
		done = pwrite(f->fd, data, how->len, at);
	else
		done = pread(f->fd, data, how->len, at);
	return done == (ssize_t)how->len ? 0 : errno;
}

/* After that: what has to be in the file. */
static void changed(const struct how *how, struct own_file *f)
{
	memset(f->want + how->from, 'w', how->len);
}

/* Write the page to the file that it is of. */
static int splice_back(int from, const struct own_file *f)
{
	loff_t at = AT;

	return splice(from, NULL, f->fd, &at, OWN_PAGE, 0) == (ssize_t)OWN_PAGE ? 0 : errno;
}

/*
 * With a file to be changed, or NULL: splice_back(). Returns when the child is about to do
 * it; one with pid -1: error.
 */
static struct child start(const struct how *how, struct own_file *f, int pipe)
{
	struct child c = { .pid = -1, .pidfd = -1 };
	struct pollfd p = { .events = POLLIN };
	int about[2];

	if (pipe2(about, O_CLOEXEC))
		return c;
	c.pid = fork();
	if (!c.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(about[1], "", 1) != 1)
			_exit(EPIPE);
		_exit(how ? change(how, f) : splice_back(pipe, f));
	}
	p.fd = about[0];
	if (c.pid > 0)
		c.pidfd = (int)syscall(__NR_pidfd_open, c.pid, 0);
	if (c.pidfd < 0 || poll(&p, 1, LIMIT_MS) != 1) {
		if (c.pid > 0)
			kill(c.pid, SIGKILL);
		c.pid = -1;
	}
	close(about[0]);
	close(about[1]);
	return c;
}

#define RUNS	(-1)

/* How it has ended, as waitpid() says, after at most @ms milliseconds; or RUNS. */
static int ended(struct child *c, int ms)
{
	struct pollfd p = { .fd = c->pidfd, .events = POLLIN };
	int status;

	if (c->pid <= 0 || poll(&p, 1, ms) != 1 ||
	    waitpid(c->pid, &status, WNOHANG) != c->pid)
		return RUNS;
	close(c->pidfd);
	c->pid = 0;
	return status;
}

/* A child that should have ended must not keep the test from going on. */
static void clear_away(struct child *c)
{
	if (c->pid <= 0)
		return;
	kill(c->pid, SIGKILL);
	ended(c, LIMIT_MS);
}

#define EXITED(status)	((status) << 8)

/*
 * A file whose page the other one has in its page cache, too, changes it while @pinner
 * has it pinned.
 */
static void change_beside(struct __test_metadata *_metadata, FIXTURE_DATA(pinned) *self,
			  const struct how *how, const struct own_file *pinner)
{
	struct child c;

	begin(_metadata, self);
	load(&self->a);
	load(&self->b);
	pin(_metadata, self, pinner);
	c = start(how, &self->a, -1);
	ASSERT_LT(0, c.pid);
	EXPECT_EQ(EXITED(0), ended(&c, LIMIT_MS))
		TH_LOG("%s did not end while the page was pinned", how->name);
	clear_away(&c);
	EXPECT_EQ(0, shared(self));
	changed(how, &self->a);
	unpin(_metadata, self, how->name);
	end(_metadata, self, how->name);
}

/*
 * Proves: whoever may read a file, and pins a page through a clone of it, does not keep
 * others from changing the file.
 */
TEST_F_TIMEOUT(pinned, by_the_other_file, 180)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hows); i++)
		change_beside(_metadata, self, &hows[i], &self->b);
}

/* Proves: the same if the pin came through the file itself. */
TEST_F_TIMEOUT(pinned, by_both, 180)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hows); i++)
		change_beside(_metadata, self, &hows[i], &self->a);
}

/* A read of the file, which a change that waits must not keep from ending. */
static void read_beside(struct __test_metadata *_metadata, FIXTURE_DATA(pinned) *self,
			const char *what)
{
	struct child c = start(&reading, &self->a, -1);

	ASSERT_LT(0, c.pid);
	EXPECT_EQ(EXITED(0), ended(&c, LIMIT_MS))
		TH_LOG("read(2) waits for a %s that waits", what);
	clear_away(&c);
}

/*
 * Proves: if no other file has the page in its page cache, a change waits for the end of
 * the pin, and then takes place. Meanwhile the file can be read. (Linux 6.12 has no folios
 * that could go, and copies.)
 */
TEST_F_TIMEOUT(pinned, by_the_only_owner, 180)
{
	bool waits = !mc2_linux_before(7);
	struct child c;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hows); i++) {
		begin(_metadata, self);
		pin(_metadata, self, &self->a);
		c = start(&hows[i], &self->a, -1);
		ASSERT_LT(0, c.pid);
		EXPECT_EQ(waits ? RUNS : EXITED(0), ended(&c, waits ? WAITS_MS : LIMIT_MS))
			TH_LOG("%s, while the page is pinned", hows[i].name);
		read_beside(_metadata, self, hows[i].name);
		unpin(_metadata, self, hows[i].name);
		if (c.pid)
			EXPECT_EQ(EXITED(0), ended(&c, LIMIT_MS))
				TH_LOG("%s did not end when the pin had", hows[i].name);
		clear_away(&c);
		EXPECT_EQ(0, shared(self));
		changed(&hows[i], &self->a);
		end(_metadata, self, hows[i].name);
	}
}

/*
 * Proves: what waits for the end of a pin can be interrupted by a signal with a handler,
 * and killed; then nothing has changed.
 */
TEST_F_TIMEOUT(pinned, interrupted, 180)
{
	static const int signals[] = { SIGUSR1, SIGKILL };
	static const int want[] = { EXITED(EINTR), SIGKILL };
	struct child c;
	size_t i, j;

	if (mc2_linux_before(7))
		SKIP(return, "before Linux 7 a change does not wait for pins");
	for (i = 0; i < ARRAY_SIZE(hows); i++)
		for (j = 0; j < ARRAY_SIZE(signals); j++) {
			begin(_metadata, self);
			pin(_metadata, self, &self->a);
			c = start(&hows[i], &self->a, -1);
			ASSERT_LT(0, c.pid);
			EXPECT_EQ(RUNS, ended(&c, WAITS_MS))
				TH_LOG("%s did not wait for the pin", hows[i].name);
			kill(c.pid, signals[j]);
			EXPECT_EQ(want[j], ended(&c, LIMIT_MS))
				TH_LOG("%s, signal %d", hows[i].name, signals[j]);
			clear_away(&c);
			EXPECT_EQ(1, shared(self));
			unpin(_metadata, self, hows[i].name);
			end(_metadata, self, hows[i].name);
		}
}

/*
 * Proves: splice(2) of a page to the file that it is of ends. The pin is that of the pipe,
 * which the call has locked: nobody else could end it.
 */
TEST_F_TIMEOUT(pinned, spliced, 60)
{
	int want = mc2_linux_before(7) ? 0 : EAGAIN;
	struct child c;

	begin(_metadata, self);
	pin(_metadata, self, &self->a);
	c = start(NULL, &self->a, self->pipe[0]);
	ASSERT_LT(0, c.pid);
	EXPECT_EQ(EXITED(want), ended(&c, LIMIT_MS));
	clear_away(&c);
	if (want)
		unpin(_metadata, self, "splice");
	end(_metadata, self, "splice");
}

TEST_HARNESS_MAIN
