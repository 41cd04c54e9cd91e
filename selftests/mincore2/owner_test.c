// SPDX-License-Identifier: GPL-2.0
/*
 * XFS: whoever writes in place to a block that another file has let go of waits until
 * the log says so, and does not wait otherwise. A crash before that would give the
 * block back to the other file.
 *
 * The log is on a device that is suspended: who needs it waits, who does not goes on.
 * No power is cut here; selftests/powerfail has what is lost without the wait.
 */
#define _FILE_OFFSET_BITS 64
#define MC2_NEEDS_NO_CALL
#include "xfs_dm.h"
#include "xfs_ioctl.h"

#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE		KIB(4)
#define PAGES		16UL
#define WAIT_SECONDS	60	/* for what has to come */
#define WAITS_MS	500	/* what is not done after this waits */

enum how { WRITE, DIRECT, STORE, STORE_SYNC, SWAPON, SWAPEXT, NOWAIT };

static const char * const how_names[] = {
	"write(2)", "O_DIRECT", "store", "MAP_SYNC store",
};

/* What is written to page @page of a file, and what for. */
struct writer {
	int fd;
	int how;		/* enum how */
	unsigned long page;
	char value;
	int partner;		/* the other file of an exchange */
	void *buf;		/* aligned for O_DIRECT */
	char *map;
	int result;		/* negative errno */
	atomic_bool done;
	pthread_t thread;
};

/* Two files that share all their blocks; the second one lets go of some. */
struct files {
	char path[2][64];
	int fd[2];
};

FIXTURE(owner) {
	struct files f;
};

FIXTURE_VARIANT(owner) {
	bool dax;
};

FIXTURE_VARIANT_ADD(owner, dax) { .dax = true };
FIXTURE_VARIANT_ADD(owner, block) { .dax = false };

static int make_file(const char *path, char value)
{
	static char page[PAGE];
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	unsigned long i;

	memset(page, value, PAGE);
	for (i = 0; fd >= 0 && i < PAGES; i++)
		if (pwrite(fd, page, PAGE, (off_t)(i * PAGE)) != (ssize_t)PAGE)
			return -1;
	return fd >= 0 && fsync(fd) ? -1 : fd;
}

static void make_files(struct __test_metadata *_metadata, struct files *f)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		snprintf(f->path[i], sizeof(f->path[i]), DM_DIR "/%u", i);
		f->fd[i] = make_file(f->path[i], (char)('a' + i));
		ASSERT_LE(0, f->fd[i]);
	}
	ASSERT_EQ(0, ioctl(f->fd[1], FICLONE, f->fd[0]));
	ASSERT_EQ(0, fsync(f->fd[0]));
	ASSERT_EQ(0, syncfs(f->fd[0]));
}

FIXTURE_SETUP(owner)
{
	DM_SETUP(variant->dax ? "always" : "never");
	make_files(_metadata, &self->f);
}

/* In the parent, when all that a test has open is closed, however it ended. */
FIXTURE_TEARDOWN_PARENT(owner)
{
	EXPECT_EQ(0, dm_end());
}

/* What only one of them has: RWF_NOWAIT; direct I/O beside each other, and swapon(). */
#define FIXTURE_OF(fixture, mount)					\
	FIXTURE(fixture) { struct files f; };				\
	FIXTURE_SETUP(fixture)						\
	{								\
		DM_SETUP(mount);					\
		make_files(_metadata, &self->f);			\
	}								\
	FIXTURE_TEARDOWN_PARENT(fixture)				\
	{								\
		EXPECT_EQ(0, dm_end());					\
	}
FIXTURE_OF(dax, "always")
FIXTURE_OF(disk, "never")

/* ---- Writers ---- */

static int exchange(int fd, int partner)
{
	struct swapext x = { .target = fd, .tmp = partner,
			     .length = PAGES * PAGE };
	struct bulk_request r = { .count = 1, .buffer = &x.stat };
	struct stat st;
	uint64_t ino;

	if (fstat(fd, &st))
		return -errno;
	ino = st.st_ino;
	r.last = &ino;
	if (ioctl(fd, IOC_BULKSTAT_SINGLE, &r) || ioctl(fd, IOC_SWAPEXT, &x))
		return -errno;
	return 0;
}

static int write_in_place(struct writer *w)
{
	struct iovec v = { .iov_base = w->buf, .iov_len = PAGE };
	off_t at = (off_t)(w->page * PAGE);

	switch (w->how) {
	case NOWAIT:
		memset(w->buf, w->value, PAGE);
		return pwritev2(w->fd, &v, 1, at, RWF_NOWAIT) == (ssize_t)PAGE ?
		       0 : -errno;
	case WRITE:
	case DIRECT:
		memset(w->buf, w->value, PAGE);
		return pwrite(w->fd, w->buf, PAGE, at) == (ssize_t)PAGE ? 0 : -errno;
	case STORE:
	case STORE_SYNC:
		*(volatile char *)(w->map + at) = w->value;
		return 0;
	case SWAPON:
		snprintf(w->buf, PAGE, "/proc/self/fd/%d", w->fd);
		return swapon(w->buf, 0) ? -errno : 0;
	default:
		return exchange(w->fd, w->partner);
	}
}

static void *writer_thread(void *arg)
{
	struct writer *w = arg;

	w->result = write_in_place(w);
	atomic_store(&w->done, true);
	return NULL;
}

/* Everything that the log might be needed for, but the write itself. */
static int writer_prepare(struct writer *w, const char *path, int how,
			  unsigned long page)
{
	int flags = how == STORE_SYNC ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED;

	memset(w, 0, sizeof(*w));
	w->how = how;
	w->page = page;
	w->value = 'w';
	w->fd = open(path, O_RDWR | O_CLOEXEC | (how == DIRECT ? O_DIRECT : 0));
	if (w->fd < 0 || posix_memalign(&w->buf, PAGE, PAGE))
		return -1;
	if (how == STORE || how == STORE_SYNC)
		w->map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags,
			      w->fd, 0);
	return w->map == MAP_FAILED ? -1 : 0;
}

static int writer_start(struct writer *w)
{
	return -pthread_create(&w->thread, NULL, writer_thread, w);
}

static bool writer_waits(struct writer *w)
{
	usleep(WAITS_MS * 1000);
	return !atomic_load(&w->done);
}

/* Its result; -ETIMEDOUT if it does not end. */
static int writer_end(struct writer *w)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += WAIT_SECONDS;
	if (pthread_timedjoin_np(w->thread, NULL, &limit))
		return -ETIMEDOUT;
	if (w->map)
		munmap(w->map, PAGES * PAGE);
	close(w->fd);
	free(w->buf);
	return w->result;
}

static int let_go(int fd, unsigned long page, unsigned long pages)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)(page * PAGE), (off_t)(pages * PAGE)) ? -errno : 0;
}

/* The first byte of a page, as read(2) has it; -1: error. */
static int first_byte(int fd, unsigned long page)
{
	char c;

	return pread(fd, &c, 1, (off_t)(page * PAGE)) == 1 ? c : -1;
}

/* Does a filesystem with DAX, or without, have such writers? */
static bool writer_exists(bool dax, int how)
{
	return dax ? how != DIRECT && how != SWAPON : how != STORE_SYNC;
}

/* ---- Tests ---- */

/* Proves: with nothing pending nobody needs the log to write in place. */
TEST_F_TIMEOUT(owner, nothing_pending, 300)
{
	struct writer w;
	int how, result;

	for (how = WRITE; how <= STORE_SYNC; how++) {
		if (!writer_exists(variant->dax, how))
			continue;
		ASSERT_EQ(0, let_go(self->f.fd[1], how, 1));
		/* The file is not dirty either, which a MAP_SYNC fault looks at. */
		ASSERT_EQ(0, fsync(self->f.fd[0]));
		ASSERT_EQ(0, syncfs(self->f.fd[0]));
		ASSERT_EQ(0, writer_prepare(&w, self->f.path[0], how, how));
		ASSERT_EQ(0, dm_suspend(DM_LOG));
		ASSERT_EQ(0, writer_start(&w));
		result = writer_end(&w);
		ASSERT_EQ(0, dm_resume(DM_LOG));
		ASSERT_EQ(0, result)
			TH_LOG("%s with nothing pending", how_names[how]);
		EXPECT_EQ('w', first_byte(self->f.fd[0], how));
	}
}

/* Proves: whoever writes in place to a block that may get an owner back waits. */
TEST_F_TIMEOUT(owner, waits_for_the_log, 300)
{
	struct writer w;
	int how;

	for (how = WRITE; how <= STORE_SYNC; how++) {
		if (!writer_exists(variant->dax, how))
			continue;
		ASSERT_EQ(0, writer_prepare(&w, self->f.path[0], how, how));
		ASSERT_EQ(0, let_go(self->f.fd[1], how, 1));
		ASSERT_EQ(0, dm_suspend(DM_LOG));
		ASSERT_EQ(0, writer_start(&w));
		EXPECT_TRUE(writer_waits(&w))
			TH_LOG("%s did not wait for the log", how_names[how]);
		ASSERT_EQ(0, dm_resume(DM_LOG));
		EXPECT_EQ(0, writer_end(&w))
			TH_LOG("%s", how_names[how]);
		EXPECT_EQ('w', first_byte(self->f.fd[0], how));
	}
}

/* Proves: so does swapon(), all of whose blocks are written in place later. */
TEST_F_TIMEOUT(disk, swapon_waits_for_the_log, 300)
{
	static char header[PAGE];
	struct writer w;

	header[1024] = 1;	/* version; then the number of the last page */
	header[1028] = PAGES - 1;
	memcpy(header + PAGE - 10, "SWAPSPACE2", 10);
	ASSERT_EQ((ssize_t)PAGE, pwrite(self->f.fd[0], header, PAGE, 0));
	ASSERT_EQ(0, fsync(self->f.fd[0]));
	ASSERT_EQ(0, let_go(self->f.fd[1], 0, PAGES));
	ASSERT_EQ(0, syncfs(self->f.fd[0]));
	ASSERT_EQ(0, ioctl(self->f.fd[1], FICLONE, self->f.fd[0]));
	ASSERT_EQ(0, syncfs(self->f.fd[0]));
	ASSERT_EQ(0, writer_prepare(&w, self->f.path[0], SWAPON, 0));
	ASSERT_EQ(0, let_go(self->f.fd[1], 0, PAGES));
	ASSERT_EQ(0, dm_suspend(DM_LOG));
	ASSERT_EQ(0, writer_start(&w));
	EXPECT_TRUE(writer_waits(&w))
		TH_LOG("swapon() did not wait for the log");
	ASSERT_EQ(0, dm_resume(DM_LOG));
	EXPECT_EQ(0, writer_end(&w));
	EXPECT_EQ(0, swapoff(self->f.path[0]));
}

/* Proves: an exchange of extents is on stable storage before anybody writes. */
TEST_F_TIMEOUT(owner, exchange_waits_for_the_log, 300)
{
	struct writer w;

	ASSERT_EQ(0, writer_prepare(&w, self->f.path[0], SWAPEXT, 0));
	w.partner = make_file(DM_DIR "/partner", 'p');
	ASSERT_LE(0, w.partner);
	ASSERT_EQ(0, syncfs(self->f.fd[0]));
	ASSERT_EQ(0, dm_suspend(DM_LOG));
	ASSERT_EQ(0, writer_start(&w));
	EXPECT_TRUE(writer_waits(&w))
		TH_LOG("the exchange did not wait for the log");
	ASSERT_EQ(0, dm_resume(DM_LOG));
	EXPECT_EQ(0, writer_end(&w));
	EXPECT_EQ('p', first_byte(self->f.fd[0], 3));
	EXPECT_EQ('a', first_byte(w.partner, 3));
	close(w.partner);
}

/*
 * Open a file such that writing to it does not change its times: that can need a
 * transaction, and be refused with RWF_NOWAIT for its own reason.
 */
static int open_timeless(int fd)
{
	int dir = open(DM_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t size = 0;
	char handle[64];
	struct handle_request r = {
		.fd = (uint32_t)fd, .out = handle, .out_size = &size,
	};

	if (dir < 0 || ioctl(fd, IOC_FD_TO_HANDLE, &r))
		return -1;
	r = (struct handle_request){
		.flags = O_RDWR | O_DIRECT, .in = handle, .in_size = size,
	};
	fd = ioctl(dir, IOC_OPEN_BY_HANDLE, &r);
	close(dir);
	return fd;
}

/* Such a write, while nobody may wait for it. */
static int write_nowait(struct __test_metadata *_metadata, const char *path,
			unsigned long page)
{
	struct writer w;
	int fd;

	ASSERT_EQ(0, writer_prepare(&w, path, NOWAIT, page));
	fd = open_timeless(w.fd);
	ASSERT_LE(0, fd);
	close(w.fd);
	w.fd = fd;
	ASSERT_EQ(0, writer_start(&w));
	if (writer_waits(&w))
		TH_LOG("RWF_NOWAIT waits");
	return writer_end(&w);
}

static void *sync_thread(void *arg)
{
	syncfs(*(int *)arg);
	return NULL;
}

/*
 * Begin to force the log, with more to write than its buffers hold: this does not
 * end while the log is suspended, and nothing is left for another checkpoint.
 */
static void begin_checkpoint(struct __test_metadata *_metadata, int *fd,
			     pthread_t *thread)
{
	char path[64];
	int i, file;

	for (i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), DM_DIR "/many%d", i);
		file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		ASSERT_LE(0, file);
		close(file);
	}
	ASSERT_EQ(0, dm_suspend(DM_LOG));
	ASSERT_EQ(0, pthread_create(thread, NULL, sync_thread, fd));
	usleep(WAITS_MS * 1000);
}

/*
 * Proves: with RWF_NOWAIT such a write is refused, at once, also while a checkpoint
 * is under way; and what it would have waited for is begun, so that it succeeds some
 * time later. That it can succeed at all, with nothing pending, is shown first. (Direct
 * I/O to a file with the reflink flag is always refused.)
 */
TEST_F_TIMEOUT(dax, nowait_is_refused, 300)
{
	unsigned int tries = 0;
	pthread_t thread;
	int result;

	ASSERT_EQ(0, let_go(self->f.fd[1], 3, 1));
	ASSERT_EQ(0, syncfs(self->f.fd[0]));
	EXPECT_EQ(0, write_nowait(_metadata, self->f.path[0], 3));

	ASSERT_EQ(0, let_go(self->f.fd[1], 4, 1));
	ASSERT_EQ(0, dm_suspend(DM_LOG));
	result = write_nowait(_metadata, self->f.path[0], 4);
	ASSERT_EQ(0, dm_resume(DM_LOG));
	EXPECT_EQ(-EAGAIN, result);
	do {
		result = write_nowait(_metadata, self->f.path[0], 4);
	} while (result == -EAGAIN && ++tries < WAIT_SECONDS);
	EXPECT_EQ(0, result)
		TH_LOG("RWF_NOWAIT is refused for ever");
	EXPECT_EQ('w', first_byte(self->f.fd[0], 4));

	ASSERT_EQ(0, let_go(self->f.fd[1], 5, 1));
	begin_checkpoint(_metadata, &self->f.fd[0], &thread);
	result = write_nowait(_metadata, self->f.path[0], 5);
	ASSERT_EQ(0, dm_resume(DM_LOG));
	EXPECT_EQ(-EAGAIN, result)
		TH_LOG("while a checkpoint is under way");
	pthread_join(thread, NULL);
}

/*
 * Proves: who has waited looks its block up again. Direct I/O holds no lock that
 * keeps others from remapping the file meanwhile. One writer waits; a second one
 * makes copies for a range around that block; a third one writes to the copy of it,
 * and the file has the copy from then on.
 */
TEST_F_TIMEOUT(disk, looks_again_after_the_wait, 300)
{
	struct writer waiting, other;
	struct fsxattr attr;

	ASSERT_EQ(0, ioctl(self->f.fd[0], FS_IOC_FSGETXATTR, &attr));
	attr.fsx_xflags |= FS_XFLAG_COWEXTSIZE;
	attr.fsx_cowextsize = PAGES * PAGE;
	ASSERT_EQ(0, ioctl(self->f.fd[0], FS_IOC_FSSETXATTR, &attr));
	ASSERT_EQ(0, syncfs(self->f.fd[0]));
	ASSERT_EQ(0, writer_prepare(&waiting, self->f.path[0], DIRECT, 5));
	ASSERT_EQ(0, writer_prepare(&other, self->f.path[0], DIRECT, 4));
	ASSERT_EQ(0, let_go(self->f.fd[1], 5, 1));
	ASSERT_EQ(0, dm_suspend(DM_LOG));
	ASSERT_EQ(0, writer_start(&waiting));
	EXPECT_TRUE(writer_waits(&waiting))
		TH_LOG("the first writer did not wait for the log");
	other.value = 'o';
	EXPECT_EQ(0, write_in_place(&other));	/* makes copies of pages 0 to 15 */
	other.page = 5;
	EXPECT_EQ(0, write_in_place(&other));
	EXPECT_EQ('o', first_byte(self->f.fd[0], 5));
	ASSERT_EQ(0, dm_resume(DM_LOG));
	EXPECT_EQ(0, writer_end(&waiting));
	EXPECT_EQ('o', first_byte(self->f.fd[0], 4));
	EXPECT_EQ('w', first_byte(self->f.fd[0], 5))
		TH_LOG("written to a block that the file had before");
}

/* Begin a direct write, and do not wait for it; 0 or a negative errno. */
static int aio_begin(struct writer *w, aio_context_t *aio)
{
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = (uint32_t)w->fd,
		.aio_buf = (uintptr_t)w->buf, .aio_nbytes = PAGE,
		.aio_offset = (int64_t)(w->page * PAGE),
	};
	struct iocb *list = &cb;

	memset(w->buf, w->value, PAGE);
	*aio = 0;
	if (syscall(SYS_io_setup, 1, aio) ||
	    syscall(SYS_io_submit, *aio, 1, &list) != 1)
		return -errno;
	return 0;
}

/* Wait for it: what it has written, or a negative errno. */
static long aio_end(aio_context_t aio)
{
	struct timespec limit = { .tv_sec = WAIT_SECONDS };
	struct io_event event = { .res = -ETIMEDOUT };

	while (syscall(SYS_io_getevents, aio, 1, 1, &event, &limit) < 0)
		if (errno != EINTR)
			return -errno;
	syscall(SYS_io_destroy, aio);
	return (long)event.res;
}

/*
 * Proves: an exchange of extents waits for direct I/O. What is written to blocks
 * that were allocated only is there when the write has succeeded, in the file that
 * has the blocks by then.
 */
TEST_F_TIMEOUT(disk, exchange_waits_for_direct_io, 300)
{
	struct writer io, swap;
	aio_context_t aio;
	int fd;

	fd = open(DM_DIR "/allocated", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fallocate(fd, 0, 0, (off_t)(PAGES * PAGE)));
	ASSERT_EQ(0, writer_prepare(&io, DM_DIR "/allocated", DIRECT, 3));
	ASSERT_EQ(0, writer_prepare(&swap, DM_DIR "/allocated", SWAPEXT, 0));
	swap.partner = make_file(DM_DIR "/partner", 'p');
	ASSERT_LE(0, swap.partner);
	ASSERT_EQ(0, syncfs(fd));
	ASSERT_EQ(0, dm_suspend(DM_DATA));
	EXPECT_EQ(0, aio_begin(&io, &aio));
	ASSERT_EQ(0, writer_start(&swap));
	EXPECT_TRUE(writer_waits(&swap))
		TH_LOG("the exchange did not wait");
	ASSERT_EQ(0, dm_resume(DM_DATA));
	EXPECT_EQ((long)PAGE, aio_end(aio));
	EXPECT_EQ(0, writer_end(&swap));
	EXPECT_EQ('p', first_byte(fd, 3));
	EXPECT_EQ('w', first_byte(swap.partner, 3))
		TH_LOG("what was written is lost");
	close(swap.partner);
	close(fd);
}

/* ---- Two files of which one uses DAX ---- */

FIXTURE(mixed) {
};

FIXTURE_SETUP(mixed)
{
	DM_SETUP("inode");
}

FIXTURE_TEARDOWN_PARENT(mixed)
{
	EXPECT_EQ(0, dm_end());
}

/*
 * Proves: their extents are not exchanged. Whoever has pinned a page of the one that
 * uses DAX would not be waited for.
 */
TEST_F_TIMEOUT(mixed, exchange_is_refused, 120)
{
	struct fsxattr attr;
	int plain = make_file(DM_DIR "/plain", 'a'), dax;

	ASSERT_EQ(0, mkdir(DM_DIR "/dax", 0700));
	dax = open(DM_DIR "/dax", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, dax);
	ASSERT_EQ(0, ioctl(dax, FS_IOC_FSGETXATTR, &attr));
	attr.fsx_xflags |= FS_XFLAG_DAX;
	ASSERT_EQ(0, ioctl(dax, FS_IOC_FSSETXATTR, &attr));
	close(dax);
	dax = make_file(DM_DIR "/dax/file", 'b');
	ASSERT_LE(0, dax);
	ASSERT_LE(0, plain);
	EXPECT_EQ(-EINVAL, exchange(dax, plain));
	EXPECT_EQ(-EINVAL, exchange(plain, dax));
	EXPECT_EQ('a', first_byte(plain, 0));
	EXPECT_EQ('b', first_byte(dax, 0));
	close(dax);
	close(plain);
}

TEST_HARNESS_MAIN
