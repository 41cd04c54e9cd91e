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
#define MINCORE2_VERSION_MINOR	4
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
 * mincore2_process() - the same for the memory of another process
 * @pidfd: the process, as from pidfd_open(2); must not be one of a single thread
 * @addr: as for mincore2(), in the address space of the process
 * @length: the same
 * @vec: the same, in the caller's memory
 * @nr: the same
 * @flags: the same; MINCORE_PIDFD is implied
 *
 * Who may read /proc/PID/pagemap may ask. Nothing is changed in the process.
 *
 * Return: as mincore2(); further errors are EBADF (no pidfd), ESRCH (the process has
 * ended, or has no memory), EPERM (may not be looked at). EINVAL is also what a kernel
 * says that has mincore2() without MINCORE_PIDFD.
 */
ssize_t mincore2_process(int pidfd, uint64_t addr, size_t length, void *vec,
			 size_t nr, unsigned int flags);

/**
 * mincore2_version() - the version of the library that runs
 *
 * Return: as "0.4.0"; a string that is never freed.
 */
const char *mincore2_version(void);

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

/**
 * mincore2_bits_string() - the names of bits that are asked for, or not known
 * @bits: as flags of mincore2(), or from mincore2_iter_unknown()
 * @buf: as for mincore2_state_string()
 * @size: the same
 *
 * The same but for the field of the level, which is "LEVEL": in a state its value
 * is that of MINCORE_PUD.
 *
 * Return: as mincore2_state_string().
 */
int mincore2_bits_string(uint64_t bits, char *buf, size_t size);

/**
 * mincore2_state_parse() - state bits from their names
 * @text: names as mincore2_state_string() gives them, joined by "|" or ","
 * @bits: receives MINCORE_* bits; untouched on error
 *
 * In upper or lower case, with or without "MINCORE_", with blanks around them;
 * LEVEL is the whole field, a number begins with "0x", "0" is no bit.
 * ENTRY_SHIFT=n is checked and left out, as @bits has no room for it.
 *
 * Return: 0, or -EINVAL for a NULL pointer, an unknown or empty name, a number
 * of more than 32 bits, or two levels that differ.
 */
int mincore2_state_parse(const char *text, unsigned int *bits);

/*
 * Options of the functions below, in an argument of their own. No state bit has the
 * same value, so that bits in place of options, or the reverse, get -EINVAL.
 */

/* Where the kernel does not have the call: emulate it, mincore2_emulate(). */
#define MINCORE2_EMULATE	0x01000000U
/*
 * The emulation may look at everything. Without it, it does not look at what
 * may be mapped by PUD entries, as the kernel splits these when looked at by
 * any other means than mincore2(): it reports RESIDENT, LEVEL, WRITABLE and
 * ZERO of such memory as unknown.
 */
#define MINCORE2_MAY_SPLIT	0x02000000U
/* Emulate it in any case, also where the kernel has the call. */
#define MINCORE2_EMULATE_ALWAYS	0x04000000U

/* Where answers come from. */
enum mincore2_way {
	MINCORE2_WAY_NONE,	/* nowhere: calls fail */
	MINCORE2_WAY_NATIVE,	/* the system call */
	MINCORE2_WAY_EMULATED	/* mincore2_emulate() */
};

/**
 * mincore2_way() - where answers would come from
 * @options: as for mincore2_iter_init()
 *
 * Native wherever the kernel has the call, unless MINCORE2_EMULATE_ALWAYS is given.
 * Emulated only if @options allow it, and if /proc is there. errno is left alone.
 *
 * Return: one of enum mincore2_way.
 */
enum mincore2_way mincore2_way(unsigned int options);

/**
 * mincore2_way_string() - "none", "native" or "emulated"
 * @way: of enum mincore2_way
 *
 * Return: a string that is never freed; "unknown" for any other value.
 */
const char *mincore2_way_string(enum mincore2_way way);

/**
 * mincore2_check() - do all pages of a range have these bits?
 * @addr: start of the range, need not be aligned
 * @length: bytes; the range is widened to whole pages
 * @want: state bits that each page has to have, at least one; a level in it
 *	(MINCORE_PTE, _PMD, _PUD) stands for "at least this level"
 * @first: receives the address of the first page that has not; may be NULL;
 *	untouched unless 0 is returned
 *
 * Asks the kernel, and is never emulated. Pages where nothing is mapped have
 * MINCORE_UNMAPPED only. No pages have all bits: @length 0 gives 1. Allocates
 * nothing. It goes on after signals, and where the call stops early.
 *
 * Return: 1, all pages have them; 0, a page has not; or -EINVAL (@want is 0 or
 * has unknown bits: checked first), -ENOSYS (the kernel does not have the call),
 * -ENOMEM (the range wraps, or passes the end of the user address space),
 * -EAGAIN, or -EIO (the kernel's answer breaks its own rules).
 */
int mincore2_check(const void *addr, size_t length, unsigned int want,
		   const void **first);

/**
 * mincore2_check_process() - the same of another process
 * @pidfd: the process, as for mincore2_process()
 * @addr: start of the range in its address space, need not be aligned
 * @length: bytes; the range is widened to whole pages
 * @want: as for mincore2_check()
 * @first: receives the address of the first page that has not; may be NULL;
 *	untouched unless 0 is returned
 *
 * Return: as mincore2_check(), or -EBADF, -ESRCH, -EPERM.
 */
int mincore2_check_process(int pidfd, uint64_t addr, uint64_t length,
			   unsigned int want, uint64_t *first);

/* How many regions an iterator fetches at a time. */
#define MINCORE2_ITER_REGIONS	64

/**
 * struct mincore2_iter - goes over the regions of a range
 *
 * For the caller's stack, and to be copied as the caller likes: a copy goes on
 * from where the original was. All members belong to the library.
 */
struct mincore2_iter {
	uint64_t next;			/* asked for next */
	uint64_t left;			/* bytes not asked for yet */
	uint64_t unknown;		/* of what was returned last */
	uint64_t buf_unknown;		/* of what is in buf */
	struct mincore_region buf[MINCORE2_ITER_REGIONS];
	unsigned int buf_nr, buf_pos;
	unsigned int bits, options;
	unsigned int way;
	unsigned int process;		/* of pidfd, not of the caller */
	int pidfd;
	uint64_t reserved[4];
};

/**
 * mincore2_iter_init() - start to go over a range
 * @it: the iterator; nothing has to be freed later
 * @addr: start of the range, page aligned
 * @length: bytes, rounded up to whole pages; may be 0
 * @bits: state bits wanted, at least one; MINCORE_REGIONS is implied
 * @options: 0, or MINCORE2_EMULATE, MINCORE2_EMULATE_ALWAYS, MINCORE2_MAY_SPLIT
 *
 * Return: 0, or -EINVAL (NULL @it, @addr not aligned, no or unknown bits, half
 * of MINCORE_LEVEL, unknown options), -ENOMEM (the range wraps), -ENOSYS (the
 * kernel does not have the call, and emulation is not allowed), -EOPNOTSUPP (it
 * is, but without /proc there is nothing to emulate with). On error @it is at its
 * end.
 */
int mincore2_iter_init(struct mincore2_iter *it, const void *addr,
		       size_t length, unsigned int bits, unsigned int options);

/**
 * mincore2_iter_init_process() - start to go over a range of another process
 * @it: the iterator; nothing has to be freed later
 * @pidfd: the process, as for mincore2_process(); has to stay open
 * @addr: start of the range in its address space, page aligned
 * @length: bytes, rounded up to whole pages; may be 0
 * @bits: as for mincore2_iter_init()
 * @options: the same
 *
 * Emulated, what is known comes from /proc/PID; residency of pages that the process
 * has not in its page tables is unknown then.
 *
 * Return: as mincore2_iter_init(), or -EBADF (no pidfd), -ESRCH (the process has
 * ended).
 */
int mincore2_iter_init_process(struct mincore2_iter *it, int pidfd,
			       uint64_t addr, uint64_t length,
			       unsigned int bits, unsigned int options);

/**
 * mincore2_iter_next() - the next region of the range
 * @it: the iterator
 * @region: receives the region; untouched unless 1 is returned
 *
 * Regions tile the range, and neighbours differ, in their state or in
 * mincore2_iter_unknown(): what an early stop cut is put together again.
 * The range may change meanwhile: each page's state was true at one moment
 * since mincore2_iter_init(), and no page is left out or reported twice.
 * It goes on after signals.
 *
 * Return: 1, @region is filled in; 0, the end; or -EINVAL (NULL pointer), the
 * errors of mincore2(2) or of mincore2_emulate(), for another process -ESRCH and
 * -EPERM, or -EIO (the answer breaks
 * the rules). After an error the next call tries again from there.
 */
int mincore2_iter_next(struct mincore2_iter *it,
		       struct mincore_region *region);

/**
 * mincore2_iter_unknown() - the bits that nothing is known of
 * @it: the iterator
 *
 * Return: those of the bits asked for which the last region reports as 0
 * because the emulation can not know them; 0 if answers are native.
 */
uint64_t mincore2_iter_unknown(const struct mincore2_iter *it);

/**
 * mincore2_iter_way() - where the answers of an iterator come from
 * @it: the iterator, initialised without an error
 *
 * Return: MINCORE2_WAY_NATIVE or MINCORE2_WAY_EMULATED.
 */
enum mincore2_way mincore2_iter_way(const struct mincore2_iter *it);

/**
 * mincore2_emulate() - what can be known without the call
 * @addr: start of the range, page aligned
 * @length: bytes, rounded up to whole pages
 * @vec: regions, as mincore2(2) stores with MINCORE_REGIONS
 * @nr: how many regions @vec has room for
 * @bits: state bits wanted, at least one; MINCORE_REGIONS is implied
 * @options: 0 or MINCORE2_MAY_SPLIT; those that allow emulation are implied
 * @unknown: untouched on error; receives those of the bits asked for that can
 *	not be known of the regions stored. They read 0 there. A bit that is not in it is as
 *	mincore2(2) would report it. A call stops where this mask would change.
 *
 * Works on any kernel, also on one that has the call, with what user space can
 * find out: mincore(2), /proc/self, statx(2) and sysfs; see
 * mincore2_emulate(3). MINCORE_PERSIST is set only where it can be proven:
 * on device-dax. On filesystems it is always unknown or 0. MINCORE_DENIED is
 * also reported where it can not be told whether residency is withheld.
 *
 * Return: how many regions were stored, as for mincore2(2); or -EINVAL,
 * -ENOMEM, -EFAULT (@vec or @unknown NULL), -EAGAIN (the address space changes
 * faster than it can be read, or there are no file descriptors left),
 * -EOPNOTSUPP (no /proc).
 */
ssize_t mincore2_emulate(void *addr, size_t length,
			 struct mincore_region *vec, size_t nr,
			 unsigned int bits, unsigned int options,
			 uint64_t *unknown);

#ifdef __cplusplus
}
#endif

#endif /* MINCORE2_H */
