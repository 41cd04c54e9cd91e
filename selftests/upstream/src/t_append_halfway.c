// SPDX-License-Identifier: GPL-2.0
/*
 * t_append_halfway FILE OTHER
 *
 * Append to FILE from memory whose second page is not there for as long as userfaultfd
 * has it wait. Meanwhile have OTHER written and synced, and shut the filesystem down.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE		4096
#define WAIT_MS		10000
#define SHUTDOWN	_IOR('X', 125, uint32_t)
#define NO_LOG_FLUSH	2

static int fd;
static char *buf;

static void *append(void *arg)
{
	/* Whatever it returns: the filesystem is down by then. */
	if (pwrite(fd, buf, 2 * PAGE, lseek(fd, 0, SEEK_END)) == 2 * PAGE)
		warnx("the write went through");
	return arg;
}

/* Memory whose first page is full of 'h', and whose second one whoever reads it waits for. */
static int halfway(void)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	/* A descriptor that blocks cannot be polled. */
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	buf = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (uffd < 0 || buf == MAP_FAILED)
		err(2, "userfaultfd");
	memset(buf, 'h', PAGE);
	range.range.start = (uintptr_t)buf + PAGE;
	range.range.len = PAGE;
	if (ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &range))
		err(2, "userfaultfd: register");
	return uffd;
}

int main(int argc, char **argv)
{
	uint32_t how = NO_LOG_FLUSH;
	struct pollfd waits = { .events = POLLIN };
	pthread_t thread;
	int other;

	if (argc != 3)
		errx(2, "usage: %s FILE OTHER", argv[0]);
	fd = open(argv[1], O_RDWR);
	other = open(argv[2], O_RDWR);
	if (fd < 0 || other < 0)
		err(2, "open");
	waits.fd = halfway();
	if (pthread_create(&thread, NULL, append, NULL))
		errx(2, "pthread_create");
	if (poll(&waits, 1, WAIT_MS) != 1 || waits.revents != POLLIN)
		errx(2, "nobody has asked for the second page in %d ms", WAIT_MS);
	if (pwrite(other, "x", 1, 0) != 1 || fsync(other))
		err(2, "%s", argv[2]);
	if (ioctl(other, SHUTDOWN, &how))
		err(2, "shutdown");
	close(waits.fd);	/* lets the writer go on */
	pthread_join(thread, NULL);
	return 0;
}
