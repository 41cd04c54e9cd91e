/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libmincore2: the mincore2(2) system call from user space.
 *
 * The constants and struct mincore_region are the kernel's own header,
 * installed as <mincore2/linux-mincore.h>: where a kernel with the call has
 * installed <linux/mincore.h>, both may be included, in any order.
 */
#ifndef MINCORE2_H
#define MINCORE2_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <mincore2/linux-mincore.h>

/* Version of the library that this header belongs to. */
#define MINCORE2_VERSION_MAJOR	0
#define MINCORE2_VERSION_MINOR	1
#define MINCORE2_VERSION_PATCH	0

#ifdef __cplusplus
extern "C" {
#endif

/**
 * mincore2() - what backs the caller's memory, page by page
 * @addr: start of the range, page aligned
 * @length: bytes, rounded up to whole pages
 * @vec: unsigned char[@nr], or with MINCORE_REGIONS struct mincore_region[@nr]
 * @nr: elements, not bytes, that @vec has room for
 * @flags: state bits wanted (at least one), and MINCORE_REGIONS
 *
 * The system call and nothing else: see mincore2(2) for every rule.
 *
 * Return: elements stored (as read(2), it may stop early), or -1 and errno:
 * EINVAL, ENOMEM, EFAULT, EAGAIN, EINTR, or ENOSYS when the running kernel
 * does not have the call.
 */
ssize_t mincore2(void *addr, size_t length, void *vec, size_t nr,
		 unsigned int flags);

/**
 * mincore2_supported() - does the running kernel have mincore2()?
 *
 * Asks the kernel once in the life of the process; errno is left alone.
 *
 * Return: 1 or 0.
 */
int mincore2_supported(void);

/**
 * mincore2_state_string() - the names of the bits of a state
 * @state: a byte of the byte format, or the state of a region
 * @buf: room for the text, always terminated; may be NULL when @size is 0
 * @size: bytes at @buf
 *
 * The text is the names without "MINCORE_", joined by "|", as in
 * "RESIDENT|DAX|PMD|PERSIST|ENTRY_SHIFT=21"; bits without a name come as one
 * hexadecimal number; no bits at all is "0".
 *
 * Return: bytes of the whole text without the terminator (when this is not
 * less than @size, the text was cut), or -EINVAL for a NULL @buf with a @size.
 */
int mincore2_state_string(uint64_t state, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* MINCORE2_H */
