// SPDX-License-Identifier: GPL-2.0
/*
 * t_aio_write FILE BYTE: write a page full of BYTE (a number) to the beginning of FILE by
 * asynchronous direct I/O, whose submission does not wait for the device; then wait for it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LEN		4096
#define WAIT_SECONDS	60

int main(int argc, char **argv)
{
	struct timespec limit = { .tv_sec = WAIT_SECONDS };
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_nbytes = LEN };
	struct iocb *list = &cb;
	struct io_event event = { 0 };
	aio_context_t aio = 0;
	void *buf;
	int fd;

	if (argc != 3)
		errx(2, "usage: %s FILE BYTE", argv[0]);
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0 || posix_memalign(&buf, LEN, LEN))
		err(2, "%s", argv[1]);
	memset(buf, (int)strtol(argv[2], NULL, 0), LEN);
	cb.aio_fildes = (uint32_t)fd;
	cb.aio_buf = (uintptr_t)buf;
	if (syscall(SYS_io_setup, 1, &aio) || syscall(SYS_io_submit, aio, 1, &list) != 1)
		err(2, "io_submit");
	if (syscall(SYS_io_getevents, aio, 1, 1, &event, &limit) != 1)
		errx(2, "the write has not ended in %d s", WAIT_SECONDS);
	if (event.res != LEN)
		errx(1, "the write returned %lld", (long long)event.res);
	return 0;
}
