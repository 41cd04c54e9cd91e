// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where mincore2() says persistence-safe: run under fake-kernel, which says so
 * of plain files. Cache lines are written back then, and SIGBUS stays inside.
 *
 *   fake-kernel SCRIPT t_flush safe|no-flush|auto-flush|mixed|unmapped|unusable|never
 *
 * safe: all is persistence-safe; no-flush: but nothing is written back; auto-flush: caches are, too; mixed: of each mapping pages 4 to 7 are not;
 * unmapped: it says that nothing is mapped; unusable: its answers are nonsense;
 * never: there is no such call.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "faults.h"
#include "files.h"
#include "mincore2.h"
#include "tap.h"

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
	(void)sig;
	signals++;
}

static void catch(int sig)
{
	struct sigaction action = { .sa_handler = count_signal };

	sigaction(sig, &action, NULL);
}

static void test_flush(void)
{
	struct file file = file_new();
	struct mincore2_range ranges[100];

	faults_reset();
	ok(mincore2_persist(file.map + 100, 9000, 0) == 0 && faults.clone == 1 &&
	   !faults.msync, "a range is flushed under guard, not synced");
	ok(!faults.sigaction,
	   "without sigaction(): what wraps it (libjsig) has its records in memory that the child shares");
	faults_reset();
	ok(mincore2_persist(file.map + 100, 9000, MINCORE2_PERSIST_TRUSTED) == 0 &&
	   !faults.clone && !faults.msync, "trusted: without a guard");
	for (int i = 0; i < 100; i++)
		ranges[i] = range_of(file.map + i * 64, 64, file.fd);
	faults_reset();
	ok(mincore2_persistv(ranges, 100, 0, -1) == 0 && faults.clone == 1 &&
	   !faults.msync && !faults.fdatasync && !faults.rings,
	   "100 ranges: one guard");
	faults_reset();
	faults.clone_error = EAGAIN;
	ok(mincore2_persistv(ranges, 100, 0, -1) == 0 && faults.fdatasync == 1,
	   "if there can be no guard, the file is synced (%d, %d, %d)",
	   ranges[0].error, faults.fdatasync, faults.msync);
	faults_reset();
	mprotect(file.map + 2 * PAGE, PAGE, PROT_READ);
	ok(mincore2_persist(file.map, LENGTH, 0) == 0 && !faults.msync,
	   "a page that may only be read is flushed");
	mprotect(file.map + 2 * PAGE, PAGE, PROT_NONE);
	ok(mincore2_persist(file.map, LENGTH, 0) == -EFAULT,
	   "one that may not be accessed is EFAULT");
	file_end(&file);
}

static void test_shrunk(void)
{
	struct file a = file_new(), b = file_new();
	struct mincore2_range ranges[] = {
		range_of(b.map, 64, -1), range_of(a.map + 8 * PAGE, 1, a.fd),
		range_of(b.map, LENGTH, b.fd), range_of(a.map + 9 * PAGE, 1, a.fd),
		range_of(a.map, 8 * PAGE, a.fd),
	};
	int ret;

	catch(SIGBUS);
	catch(SIGSEGV);
	catch(SIGCHLD);
	if (ftruncate(a.fd, 8 * PAGE))
		return;
	faults_reset();
	ret = mincore2_persistv(ranges, 5, 0, -1);
	ok(ret == -EFAULT && ranges[1].error == -EFAULT && ranges[3].error == -EFAULT,
	   "what the file has not any more is EFAULT");
	ok(!ranges[0].error && !ranges[2].error && !ranges[4].error,
	   "the other ranges are durable");
	ok(!signals, "no signal reaches the program: SIGBUS, SIGSEGV, SIGCHLD");
	ok(faults.clone, "there was a guard");
	ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
	file_end(&a);
	file_end(&b);
}

static atomic_bool stop;

static void *resize(void *arg)
{
	const struct file *file = arg;

	while (!stop)
		if (ftruncate(file->fd, PAGE) || ftruncate(file->fd, LENGTH))
			return (void *)1;
	return NULL;
}

static void test_race(void)
{
	struct file file = file_new();
	int durable = 0, gone = 0, other = 0;
	pthread_t thread;

	faults_reset();
	stop = false;
	pthread_create(&thread, NULL, resize, &file);
	for (int i = 0; i < 300; i++) {
		int ret = mincore2_persist(file.map, LENGTH, 0);

		if (!ret)
			durable++;
		else if (ret == -EFAULT)
			gone++;
		else
			other++;
	}
	stop = true;
	pthread_join(thread, NULL);
	ok(durable + gone == 300 && !other && !signals,
	   "a file that shrinks and grows meanwhile: %d durable, %d EFAULT, no signal",
	   durable, gone);
	file_end(&file);
}

/* /proc can not be asked then. In a child, as it can not be undone. */
static int without_descriptors(struct mincore2_mapping *map, char *addr)
{
	const struct rlimit none = { 0, 0 };
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_NOFILE, &none);
		_exit(mincore2_map_persist(map, addr, 100) != 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void test_handle(void)
{
	struct mincore2_mapping *map = (void *)1;
	struct file file = file_new();
	char *addr;
	int fd = file.fd;

	ok(mincore2_map(LENGTH, PROT_READ | PROT_WRITE, fd, 0, NULL) == -EINVAL &&
	   mincore2_map(0, PROT_READ, fd, 0, &map) == -EINVAL &&
	   mincore2_map(LENGTH, PROT_NONE, fd, 0, &map) == -EINVAL &&
	   mincore2_map(LENGTH, PROT_READ, fd, 1, &map) == -EINVAL &&
	   mincore2_map(LENGTH, PROT_READ, -1, 0, &map) == -EBADF &&
	   mincore2_map(SIZE_MAX, PROT_READ, fd, 0, &map) == -ENOMEM &&
	   map == (void *)1, "mincore2_map: bad arguments change nothing");
	ok(mincore2_map(LENGTH - 5, PROT_READ | PROT_WRITE, fd, 0, &map) == 0,
	   "mincore2_map");
	close(file.fd);
	file.fd = -1;
	addr = mincore2_map_addr(map);
	ok(mincore2_map_length(map) == LENGTH - 5, "mincore2_map_length");
	addr[5] = 1;
	faults_reset();
	ok(mincore2_map_persist(map, addr + 5, 1) == 0 &&
	   mincore2_map_persist(map, addr, LENGTH - 5) == 0 &&
	   mincore2_map_persist(map, addr + LENGTH - 5, 0) == 0,
	   "mincore2_map_persist");
	ok(mincore2_map_safe(map) ? !faults.clone && !faults.msync :
	   faults.msync == 2, "%s", mincore2_map_safe(map) ?
	   "safe: neither guard nor msync" : "not safe: msync each time");
	ok(!without_descriptors(map, addr), "asks nobody: works without descriptors");
	ok(mincore2_map_persist(map, addr - 1, 1) == -ERANGE &&
	   mincore2_map_persist(map, addr, LENGTH - 4) == -ERANGE &&
	   mincore2_map_persist(map, addr + 1, SIZE_MAX) == -ERANGE,
	   "outside of the mapping is ERANGE");
	ok(mincore2_map_check(map) == mincore2_map_safe(map), "mincore2_map_check");
	ok(mincore2_unmap(map) == 0 && mincore2_unmap(NULL) == 0, "mincore2_unmap");
	ok(mincore2_persist(addr, 1, 0) == (mincore2_supported() ? -EFAULT : -ENOMEM),
	   "it is not mapped any more, whatever the kernel says");
	file_end(&file);
}

/* What was stored while the handle was not safe has not been committed. */
static void test_becomes_safe(void)
{
	struct mincore2_mapping *map;
	struct file file = file_new();
	char *addr;

	faults_reset();
	faults.not_safe = true;
	if (mincore2_map(LENGTH, PROT_READ | PROT_WRITE, file.fd, 0, &map)) {
		ok(false, "mincore2_map");
		return;
	}
	addr = mincore2_map_addr(map);
	addr[0] = 1;
	ok(!mincore2_map_safe(map) && !mincore2_map_check(map) && !faults.msync,
	   "a handle that is not safe, and is not after a check");
	faults.not_safe = false;
	faults.msync_error = EIO;
	ok(!mincore2_map_check(map) && !mincore2_map_safe(map) && faults.msync == 1,
	   "the kernel says safe, but what was stored before can not be synced: it stays so");
	faults.msync_error = 0;
	ok(mincore2_map_check(map) == 1 && mincore2_map_safe(map) && faults.msync == 2,
	   "it becomes safe once what was stored before is synced");
	ok(mincore2_map_check(map) == 1 && faults.msync == 2, "and not again");
	faults.not_safe = true;
	ok(!mincore2_map_check(map) && !mincore2_map_safe(map), "and it can end");
	mincore2_unmap(map);
	file_end(&file);
}

static void test_mixed(void)
{
	struct file file = file_new();

	faults_reset();
	ok(mincore2_persist(file.map + 5, LENGTH - 5, 0) == 0 &&
	   faults.clone == 1 && faults.msync == 1,
	   "partly safe: these bytes flushed, the others synced");
	faults_reset();
	ok(mincore2_persist(file.map + 3 * PAGE, PAGE, 0) == 0 && !faults.msync,
	   "only safe bytes: no sync");
	faults_reset();
	ok(mincore2_persist(file.map + 4 * PAGE - 1, 2, 0) == 0 && faults.msync == 1 &&
	   faults.clone == 1, "two bytes, of which one is safe");
	faults.msync_error = EIO;
	ok(mincore2_persist(file.map + 5, LENGTH - 5, 0) == -EIO,
	   "an error of a part is that of the range");
	file_end(&file);
}

static void test_unusable(void)
{
	struct file file = file_new();

	faults_reset();
	ok(mincore2_persist(file.map, LENGTH, 0) == 0 && faults.msync == 1 &&
	   !faults.clone, "an answer that breaks the rules is none: synced");
	file_end(&file);
}

static void test_unmapped(void)
{
	struct file file = file_new();

	faults_reset();
	ok(mincore2_persist(file.map, LENGTH, 0) == -ENOMEM && !faults.msync &&
	   !faults.clone, "unmapped is ENOMEM");
	file_end(&file);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "safe")) {
		test_flush();
		test_shrunk();
		test_race();
		test_handle();
		test_becomes_safe();
	} else if (!strcmp(what, "mixed")) {
		test_mixed();
	} else if (!strcmp(what, "unmapped")) {
		test_unmapped();
	} else if (!strcmp(what, "unusable")) {
		test_unusable();
	} else if (!strcmp(what, "never")) {
		test_handle();
	} else {
		fputs("t_flush: say what the kernel does\n", stderr);
		return 2;
	}
	return tap_done();
}
