// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mincore2_persist() and mincore2_persistv() on a kernel that does not have
 * mincore2(): nothing is persistence-safe, so everything goes through msync,
 * fdatasync or io_uring.
 *
 *   t_persist [no-query] [no-uring=ERRNO] [valgrind]
 *
 * no-query: without PROCMAP_QUERY; no-uring: io_uring_setup() fails. Both by a
 * seccomp filter, so that it is the kernel that refuses.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "faults.h"
#include "files.h"
#include "tap.h"

#define QUERY	0xc0686611u	/* PROCMAP_QUERY */

static bool no_uring, in_valgrind;

static void deny(int nr, bool by_arg, unsigned int arg, int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arg, 0, by_arg),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 6, filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0)) {
		perror("seccomp");
		exit(1);
	}
}

static void test_arguments(void)
{
	struct mincore2_range range = range_of("x", 1, -1);

	faults_reset();
	ok(mincore2_persist("x", 1, 4) == -EINVAL, "an unknown flag is EINVAL");
	ok(mincore2_persistv(&range, 1, 1U << 31, -1) == -EINVAL &&
	   range.error == 12345, "and nothing is stored");
	ok(mincore2_persistv(&range, 1, 0, -2) == -EINVAL && range.error == 12345,
	   "a negative limit other than -1 is EINVAL");
	range.reserved[1] = 1;
	ok(mincore2_persistv(&range, 1, 0, -1) == -EINVAL && range.error == 12345,
	   "so is what is reserved and not 0");
	ok(mincore2_persistv(NULL, 1, 0, -1) == -EINVAL,
	   "no ranges, but a number of them, is EINVAL");
	ok(mincore2_persistv(NULL, 0, 0, -1) == 0, "no ranges are durable");
	ok(mincore2_persist(NULL, 0, 0) == 0, "no bytes are durable");
	ok(!faults.msync && !faults.fdatasync && !faults.rings,
	   "nothing of this asks the kernel to sync");
}

static void test_gaps(void)
{
	struct file file = file_new();

	faults_reset();
	munmap(file.map + 4 * PAGE, PAGE);
	ok(mincore2_persist(file.map, LENGTH, 0) == -ENOMEM,
	   "a gap within is ENOMEM");
	ok(mincore2_persist(file.map + 4 * PAGE, 1, 0) == -ENOMEM,
	   "nothing mapped is ENOMEM");
	munmap(file.map + 15 * PAGE, PAGE);
	ok(mincore2_persist(file.map + 5 * PAGE, 10 * PAGE + 1, 0) == -ENOMEM,
	   "a byte of a gap behind the mapping is ENOMEM");
	ok(mincore2_persist(file.map + 5 * PAGE, 10 * PAGE, 0) == 0,
	   "and without it the range is durable");
	ok(mincore2_persist(file.map + 3, 4 * PAGE - 3, 0) == 0,
	   "the bytes up to the gap are durable");
	ok(mincore2_persist((void *)-(uintptr_t)8, 16, 0) == -ENOMEM,
	   "a range that wraps is ENOMEM");
	ok(mincore2_persist((void *)-(uintptr_t)8, 4, 0) == -ENOMEM,
	   "an end that wraps when rounded is ENOMEM");
	ok(mincore2_persist(NULL, SIZE_MAX, 0) == -ENOMEM,
	   "all of memory is ENOMEM");
	file_end(&file);
}

static void test_not_shared(void)
{
	struct file file = file_new();
	char *private, *anonymous, *shared;

	faults_reset();
	private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.fd, 0);
	anonymous = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*private = *anonymous = *shared = 1;
	ok(mincore2_persist(private, 1, 0) == -EOPNOTSUPP,
	   "a private mapping can not be made durable");
	ok(mincore2_persist(anonymous, PAGE, 0) == -EOPNOTSUPP,
	   "private memory of no file can not");
	ok(mincore2_persist(&file, 1, 0) == -EOPNOTSUPP, "the stack can not");
	ok(!faults.msync && !faults.fdatasync, "and msync, which says yes, is not asked");
	ok(mincore2_persist(shared, PAGE, 0) == 0,
	   "shared memory is what fsync makes of it");
	munmap(private, PAGE);
	munmap(anonymous, PAGE);
	munmap(shared, PAGE);
	file_end(&file);
}

static void test_one_range(void)
{
	struct file file = file_new(), other = file_new();
	struct mincore2_range range = range_of(file.map + 5000, 3, file.fd);
	int saved;

	faults_reset();
	errno = 77;
	ok(mincore2_persist(file.map + 17, 9000, 0) == 0 && faults.msync == 1 &&
	   !faults.fdatasync, "without a descriptor: one msync");
	ok(errno == 77, "errno is left alone");
	faults_reset();
	ok(mincore2_persistv(&range, 1, 0, -1) == 0 && !range.error &&
	   faults.fdatasync == 1 && !faults.msync && !faults.rings,
	   "with one: one fdatasync");
	faults_reset();
	range.offset = 5000;
	ok(mincore2_persistv(&range, 1, MINCORE2_PERSIST_TRUSTED, -1) == 0 &&
	   faults.fdatasync == 1 && !faults.msync, "trusted: one fdatasync");
	faults_reset();
	range.fd = other.fd;
	ok(mincore2_persistv(&range, 1, 0, -1) == 0 && faults.msync == 1 &&
	   !faults.fdatasync, "with that of another file: msync");
	saved = range.fd = dup(file.fd);
	close(saved);
	range.error = 0;
	faults_reset();
	ok(mincore2_persistv(&range, 1, 0, -1) == -EBADF && range.error == -EBADF,
	   "a closed descriptor is EBADF");
	ok(mincore2_persistv(&range, 1, MINCORE2_PERSIST_TRUSTED, -1) == -EBADF,
	   "trusted, too");
	range.fd = open("/", O_PATH | O_CLOEXEC);
	ok(mincore2_persistv(&range, 1, MINCORE2_PERSIST_TRUSTED, -1) == -EBADF,
	   "one that is not for this is what fdatasync says");
	close(range.fd);
	file_end(&file);
	file_end(&other);
}

static void test_protection(void)
{
	struct file file = file_new();
	struct mincore2_range range = range_of(file.map, LENGTH, file.fd);

	mprotect(file.map + 4 * PAGE, 4 * PAGE, PROT_READ);
	mprotect(file.map + 8 * PAGE, 4 * PAGE, PROT_NONE);
	faults_reset();
	ok(mincore2_persistv(&range, 1, 0, -1) == 0 && faults.fdatasync == 1,
	   "over four mappings of a file: one fdatasync");
	faults_reset();
	ok(mincore2_persist(file.map, LENGTH, 0) == 0 && faults.msync >= 1,
	   "read-only and inaccessible pages are synced");
	file_end(&file);
}

enum { MANY = 1000, FILES = 8 };

static void test_batch(void)
{
	static struct mincore2_range ranges[MANY];
	struct file files[FILES];
	int bad = 0;

	for (int i = 0; i < FILES; i++)
		files[i] = file_new();
	for (int i = 0; i < MANY; i++)
		ranges[i] = range_of(files[0].map + (i * 61) % (LENGTH - 64), 64,
				     files[0].fd);
	faults_reset();
	ok(mincore2_persistv(ranges, MANY, 0, -1) == 0 && faults.fdatasync == 1 &&
	   !faults.msync, "1000 ranges of a file: one request");
	for (int i = 0; i < MANY; i++)
		ranges[i].fd = -1;
	faults_reset();
	ok(mincore2_persistv(ranges, MANY, 0, -1) == 0 && faults.msync == 1,
	   "without its descriptor: one msync");
	faults_reset();
	ok(mincore2_persistv(ranges, MANY, MINCORE2_PERSIST_TRUSTED, -1) == 0 &&
	   faults.msync == 1, "trusted: what touches is one msync");
	for (int i = 0; i < MANY; i++)
		ranges[i] = range_of(files[i % FILES].map + i * 7, 1,
				     files[i % FILES].fd);
	faults_reset();
	ok(mincore2_persistv(ranges, MANY, 0, -1) == 0, "1000 ranges of 8 files");
	if (no_uring)
		ok(faults.fdatasync == FILES && !faults.submits,
		   "without io_uring: 8 times fdatasync");
	else
		ok(faults.submits == 1 && faults.requests == FILES &&
		   !faults.fdatasync && !faults.msync,
		   "8 requests in one submission");
	ranges[500].addr = NULL;
	for (int i = 0; i < MANY; i += 100)
		ranges[i].fd = -1;
	ok(mincore2_persistv(ranges, MANY, 0, 60000) == -ENOMEM,
	   "one bad range of 1000: its error is returned");
	for (int i = 0; i < MANY; i++)
		bad += ranges[i].error != (i == 500 ? -ENOMEM : 0);
	ok(!bad, "and it is the one that has it");
	for (int i = 0; i < FILES; i++)
		file_end(&files[i]);
}

static void expect_errors(struct mincore2_range *ranges, int first, int second,
			  const char *what)
{
	int ret = mincore2_persistv(ranges, 2, 0, faults.stuck ? 200 : -1);

	ok(ret == (first ? first : second) && ranges[0].error == first &&
	   ranges[1].error == second, "%s (%d, %d)", what, ranges[0].error,
	   ranges[1].error);
}

static void test_errors(void)
{
	struct file a = file_new(), b = file_new();
	struct mincore2_range ranges[] = {
		range_of(a.map, 1, a.fd), range_of(b.map, LENGTH, b.fd),
	};

	faults_reset();
	faults.ring_error = ENOMEM;
	faults.fdatasync_error = EIO;
	faults.fail_fd = b.fd;
	expect_errors(ranges, 0, -EIO, "EIO of fdatasync: the ranges of that file");
	ranges[0].fd = ranges[1].fd = -1;
	faults_reset();
	faults.msync_error = ENOSPC;
	expect_errors(ranges, -ENOSPC, -ENOSPC, "an error of msync");
	faults.msync_error = EINVAL;
	expect_errors(ranges, -EOPNOTSUPP, -EOPNOTSUPP,
		      "what can not be synced is EOPNOTSUPP");
	ftruncate(a.fd, 0);
	faults_reset();
	expect_errors(ranges, -EFAULT, 0, "a file that has shrunk is EFAULT");
	ranges[0].fd = a.fd;
	expect_errors(ranges, -EFAULT, 0, "with its descriptor, too");
	ftruncate(a.fd, 2 * PAGE);
	ranges[0].length = 2 * PAGE;
	expect_errors(ranges, 0, 0, "up to its new end it is durable");
	ranges[0].length++;
	expect_errors(ranges, -EFAULT, 0, "and a byte more is EFAULT");
	file_end(&a);
	file_end(&b);
}

/* The kernel tells an error once: whoever gets it, all of the file may be lost. */
static void test_told_once(void)
{
	struct file a = file_new(), b = file_new();
	char *again = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, a.fd, 0);
	int same = dup(a.fd);
	struct mincore2_range ranges[] = {
		range_of(a.map, 1, -1), range_of(again + 8 * PAGE, 1, -1),
		range_of(b.map, 1, -1),
	};
	int ret;

	faults_reset();
	faults.once = true;
	faults.msync_error = EIO;
	faults.fail_addr = a.map;
	ret = mincore2_persistv(ranges, 3, 0, -1);
	ok(ret == -EIO && ranges[0].error == -EIO && ranges[1].error == -EIO &&
	   faults.msync == 3, "EIO of one mapping is that of all of the file (%d, %d)",
	   ranges[0].error, ranges[1].error);
	ok(!ranges[2].error, "but not of another file");
	ranges[1].fd = a.fd;
	faults_reset();
	faults.once = true;
	faults.msync_error = EIO;
	faults.fail_addr = a.map;
	ret = mincore2_persistv(ranges, 3, 0, -1);
	ok(ranges[0].error == -EIO && ranges[1].error == -EIO && !ranges[2].error,
	   "EIO of a mapping is that of its file's descriptor (%d)", ranges[1].error);
	faults_reset();
	faults.once = true;
	faults.fdatasync_error = EIO;
	ret = mincore2_persistv(ranges, 3, 0, -1);
	ok(ranges[0].error == -EIO && ranges[1].error == -EIO && !ranges[2].error,
	   "and the other way round (%d)", ranges[0].error);
	ranges[0].fd = same;
	faults_reset();
	faults.ring_error = ENOSYS;
	faults.once = true;
	faults.fdatasync_error = EIO;
	faults.fail_fd = a.fd;
	ret = mincore2_persistv(ranges, 3, 0, -1);
	ok(faults.fdatasync == 2 && ranges[0].error == -EIO && ranges[1].error == -EIO,
	   "two descriptors of a file: both are asked, the error is of both (%d, %d)",
	   ranges[0].error, ranges[1].error);
	ranges[0].fd = ranges[1].fd = -1;
	faults_reset();
	faults.once = true;
	faults.msync_error = EIO;
	ret = mincore2_persistv(ranges, 3, MINCORE2_PERSIST_TRUSTED, -1);
	ok(ret == -EIO && ranges[0].error == -EIO && ranges[1].error == -EIO &&
	   ranges[2].error == -EIO,
	   "trusted, without descriptors: nobody knows whose it is");
	ranges[1].fd = a.fd;
	ranges[1].offset = 8 * PAGE;
	ranges[2].fd = b.fd;
	ranges[2].offset = 0;
	faults_reset();
	faults.once = true;
	faults.ring_error = ENOSYS;
	faults.fdatasync_error = EIO;
	faults.fail_fd = a.fd;
	mincore2_persistv(ranges, 3, MINCORE2_PERSIST_TRUSTED, -1);
	ok(ranges[0].error == -EIO && ranges[1].error == -EIO && !ranges[2].error,
	   "an error of a descriptor may be that of a mapping (%d, %d, %d)",
	   ranges[0].error, ranges[1].error, ranges[2].error);
	close(same);
	munmap(again, LENGTH);
	file_end(&a);
	file_end(&b);
}

/* A second try would succeed, as the first has taken the error away. */
static void test_not_tried_again(void)
{
	struct file a = file_new(), b = file_new();
	struct mincore2_range ranges[] = {
		range_of(a.map, 1, a.fd), range_of(b.map, LENGTH, b.fd),
	};

	faults_reset();
	faults.once = true;
	faults.fdatasync_error = EINTR;
	ok(mincore2_persistv(ranges, 1, 0, -1) == -EINTR && faults.fdatasync == 1,
	   "EINTR of fdatasync is final");
	ranges[0].fd = -1;
	faults_reset();
	faults.once = true;
	faults.msync_error = EINTR;
	ok(mincore2_persistv(ranges, 1, 0, -1) == -EINTR && faults.msync == 1,
	   "EINTR of msync is final");
	ranges[0].fd = a.fd;
	if (!no_uring) {
		faults_reset();
		faults.result = -ECANCELED;
		faults.fs_type = EXT4_SUPER_MAGIC;
		expect_errors(ranges, 0, 0, "requests that io_uring cancelled");
		ok(faults.fdatasync == 2, "are made by fdatasync: they were not begun");
		faults_reset();
		faults.result = -ECANCELED;
		faults.fs_type = EXT4_SUPER_MAGIC;
		faults.fdatasync_error = EIO;
		expect_errors(ranges, -EIO, -EIO, "  whose error is final");
		ok(faults.fdatasync == 2, "  and not tried again");
		faults_reset();
		faults.result = -ECANCELED;
		faults.fs_type = 0x65735546;	/* FUSE */
		expect_errors(ranges, -ECANCELED, -ECANCELED, "ECANCELED that may be a server's");
		ok(!faults.fdatasync, "is final");
		faults_reset();
		faults.result = -EINVAL;
		expect_errors(ranges, -EOPNOTSUPP, -EOPNOTSUPP, "EINVAL of requests");
		ok(!faults.fdatasync, "is final");
	}
	file_end(&a);
	file_end(&b);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test_ring(void)
{
	struct file a = file_new(), b = file_new();
	struct mincore2_range ranges[] = {
		range_of(a.map, 1, a.fd), range_of(b.map, LENGTH, b.fd),
	};
	double start;

	faults_reset();
	faults.result = -EIO;
	expect_errors(ranges, -EIO, -EIO, "EIO of requests");
	ok(!faults.fdatasync, "they are not tried again: the error is told once");
	faults_reset();
	faults.submit_error = EPERM;
	expect_errors(ranges, 0, 0, "io_uring_enter that is forbidden");
	ok(faults.fdatasync == 2, "is replaced by fdatasync");
	faults_reset();
	faults.at_most = 1;
	expect_errors(ranges, 0, 0, "a submission that is cut short");
	ok(faults.fdatasync == 1 && faults.requests == 1, "the rest by fdatasync");
	faults_reset();
	faults.stuck = true;
	faults.fail_fd = b.fd;
	start = seconds();
	expect_errors(ranges, 0, -ETIMEDOUT, "a request that does not end");
	start = seconds() - start;
	ok(start > 0.19 && start < 5, "is given up after 0.2 s (%.3f)", start);
	ok(!faults.fdatasync, "and not tried again");
	faults_reset();
	ok(mincore2_persistv(ranges, 1, 0, 10000) == 0 && faults.requests == 1,
	   "one request with a limit goes through io_uring");
	file_end(&a);
	file_end(&b);
}

static void test_no_time(void)
{
	struct file a = file_new(), b = file_new();
	struct mincore2_range ranges[] = {
		range_of(a.map, 1, a.fd), range_of(b.map, 1, -1),
	};

	faults_reset();
	faults.ring_error = ENOSYS;
	ok(mincore2_persistv(ranges, 2, 0, 0) == -ETIMEDOUT &&
	   ranges[0].error == -ETIMEDOUT && !ranges[1].error,
	   "no time at all: ETIMEDOUT, but msync is done");
	ok(!faults.fdatasync, "and no request is begun");
	file_end(&a);
	file_end(&b);
}

static void *persist_often(void *arg)
{
	struct file *files = arg;
	long bad = 0;

	for (int i = 0; i < 50; i++) {
		struct mincore2_range ranges[] = {
			range_of(files[0].map + i, 100, files[0].fd),
			range_of(files[1].map + i, 100, files[1].fd),
			range_of(files[2].map + i, 100, -1),
		};

		bad += mincore2_persistv(ranges, 3, 0, 30000) != 0;
	}
	return (void *)bad;
}

static void test_threads_and_fork(void)
{
	struct file files[] = { file_new(), file_new(), file_new() };
	pthread_t threads[4];
	void *bad;
	long all = 0;
	int status;
	pid_t pid;

	faults_reset();
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, persist_often, files);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &bad);
		all += (long)bad;
	}
	ok(!all, "four threads at a time");
	pid = fork();
	if (!pid)
		_exit(persist_often(files) != NULL);
	ok(waitpid(pid, &status, 0) == pid && status == 0, "a child of fork()");
	for (int i = 0; i < 3; i++)
		file_end(&files[i]);
}

static int without_proc(struct file *file)
{
	struct mincore2_range range = range_of(file->map, 1, file->fd);
	char dir[] = "/tmp/t_persist.XXXXXX";

	/* The working directory stays outside. */
	if (!mkdtemp(dir) || chdir("/") || chroot(dir) || rmdir(dir + 1))
		return 2;
	range.offset = 0;
	if (mincore2_persist(file->map, 1, 0) != -ENOENT)
		return 3;
	if (mincore2_persist(file->map, 1, MINCORE2_PERSIST_TRUSTED))
		return 4;
	return mincore2_persistv(&range, 1, MINCORE2_PERSIST_TRUSTED, -1) ? 5 : 0;
}

static void test_without_proc(void)
{
	struct file file = file_new();
	int status;
	pid_t pid;

	if (geteuid()) {
		printf("ok %d - # SKIP without /proc: not root\n", ++tap_count);
		return;
	}
	faults_reset();
	pid = fork();
	if (!pid)
		_exit(without_proc(&file));
	waitpid(pid, &status, 0);
	ok(status == 0, "without /proc: ENOENT, unless trusted (%#x)", status);
	file_end(&file);
}

static int lines_of_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int lines = 0;

	for (int c; maps && (c = getc(maps)) != EOF;)
		lines += c == '\n';
	if (maps)
		fclose(maps);
	return lines;
}

static int lowest_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static void test_leaks(void)
{
	struct file a = file_new(), b = file_new();
	struct mincore2_range ranges[] = {
		range_of(a.map, 1, a.fd), range_of(b.map, LENGTH, b.fd),
	};
	int fd = lowest_fd(), lines;

	faults_reset();
	mincore2_persistv(ranges, 2, 0, -1);
	lines = lines_of_maps();
	for (int i = 0; i < 20; i++)
		mincore2_persistv(ranges, 2, 0, i % 2 ? -1 : 1000);
	ok(lowest_fd() == fd, "no descriptor is left open");
	ok(in_valgrind || lines_of_maps() == lines, "no mapping is left");
	file_end(&a);
	file_end(&b);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "no-query"))
			deny(SYS_ioctl, true, QUERY, ENOTTY);
		else if (!strncmp(argv[i], "no-uring=", 9))
			deny(SYS_io_uring_setup, false, 0, atoi(argv[i] + 9));
		/* Which has mappings of its own. */
		in_valgrind |= !strcmp(argv[i], "valgrind");
		no_uring |= !strncmp(argv[i], "no-uring=", 9);
	}
	test_arguments();
	test_gaps();
	test_not_shared();
	test_one_range();
	test_protection();
	test_batch();
	test_errors();
	test_told_once();
	test_not_tried_again();
	if (!no_uring)
		test_ring();
	test_no_time();
	test_threads_and_fork();
	test_without_proc();
	test_leaks();
	return tap_done();
}
