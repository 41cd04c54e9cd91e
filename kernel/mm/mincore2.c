// SPDX-License-Identifier: GPL-2.0
/*
 * mincore2(): what backs each page of a process's memory, how it is mapped, and whether a
 * store to it is persistence-safe. The pages are looked at in mincore_walk.c.
 * Documentation/userspace-api/mincore2.rst is the contract.
 */
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <uapi/linux/mincore.h>

#include "mincore_walk.h"

#define MINCORE2_STATES		(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | \
				 MINCORE_PERSIST | MINCORE_WRITABLE | \
				 MINCORE_ZERO | MINCORE_DENIED | \
				 MINCORE_UNMAPPED | MINCORE_PINNABLE)
/* As many regions are gathered on the stack. */
#define MINCORE2_FEW		8

/* Report pages of @mm from w->addr on, up to @end or until there was enough work. */
static long walk_chunk(struct mm_struct *mm, struct mincore_walk *w, unsigned long end)
{
	VMA_ITERATOR(vmi, mm, w->addr);
	struct vm_area_struct *vma;
	long ret = 0;

	/* The page for bytes is full then. */
	if (w->byte && (end - w->addr) >> PAGE_SHIFT > PAGE_SIZE)
		end = w->addr + PAGE_SIZE * PAGE_SIZE;
	if (signal_pending(current))
		return -ERESTARTSYS;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	w->work = MINCORE_WORK;
	for_each_vma_range(vmi, vma, end) {
		if (w->addr < vma->vm_start &&
		    mincore_walk_gap(w, vma->vm_start))
			break;
		ret = mincore_walk_vma(w, vma, min(end, vma->vm_end));
		if (ret)
			break;
	}
	if (!vma && w->addr < end)
		mincore_walk_gap(w, end);
	mmap_read_unlock(mm);
	return min(ret, 0);
}

/* Copy out @n regions. Returns how many of them are not there. */
static size_t put_regions(struct mincore_region __user *to,
			  const struct mincore_region *from, size_t n)
{
	u64 start = from->start, end;

	if (!user_write_access_begin(to, n * sizeof(*to)))
		return n;
	for (; n; n--, to++, start = end) {
		unsafe_put_user(start, &to->start, out);
		unsafe_put_user(from->state, &to->state, out);
		end = (++from)->start;
		unsafe_put_user(end, &to->end, out);
	}
out:
	user_write_access_end();
	return n;
}

/*
 * The call proper, with arguments that have been checked. Elements are gathered in @buf,
 * and copied out while no lock is held. Its first region stands for none.
 */
static long do_mincore2(struct mm_struct *mm, struct mincore_walk *w, unsigned long end,
			void __user *vec, size_t nr, void *buf)
{
	struct mincore_region *none = buf;
	size_t stored = 0, n, left;
	long err = 0;

	while (w->addr < end && stored < nr && !err) {
		err = walk_chunk(mm, w, end);
		if (w->byte) {
			n = w->byte - (u8 *)buf;
			left = copy_to_user(vec + stored, buf, n);
			w->byte = buf;
		} else {
			w->region[1].start = w->addr;
			n = w->region - none;
			/* The last region may go on behind w->addr. */
			if (n && w->addr < end && !err)
				n--;
			n = min(n, nr - stored);
			left = put_regions(vec + stored * sizeof(*none), none + 1, n);
			if (w->region != none) {
				none[1] = *w->region;
				w->region = none + 1;
			}
		}
		stored += n - left;
		if (left)
			err = -EFAULT;
		if (w->addr < end)
			cond_resched();
	}
	return stored ?: err;
}

/* The address space of another process, by the rule of /proc/PID/pagemap. */
static struct mm_struct *mm_of(int pidfd)
{
	unsigned int pidfd_flags;
	struct task_struct *task = pidfd_get_task(pidfd, &pidfd_flags);
	struct mm_struct *mm;

	if (IS_ERR(task))
		return ERR_CAST(task);
	mm = mm_access(task, PTRACE_MODE_READ_FSCREDS);
	put_task_struct(task);
	if (mm == ERR_PTR(-EACCES))
		return ERR_PTR(-EPERM);
	/* Before 6.12.99, mm_access() returns NULL for a task without memory. */
	return mm ?: ERR_PTR(-ESRCH);
}

/* The call, with flags that have been checked, on @mm. */
static long mincore2_mm(struct mm_struct *mm, unsigned long addr, size_t length,
			void __user *vec, size_t nr, unsigned int flags)
{
	/* Only what was written is read. */
	struct mincore_region few[MINCORE2_FEW] __uninitialized, *buf = few;
	size_t room = MINCORE2_FEW;
	struct mincore_walk w = {
		.want = (flags & MINCORE2_STATES) | MINCORE_UNMAPPED,
	};
	bool regions = flags & MINCORE_REGIONS;
	long ret;

	if (mm == current->mm) {
		addr = untagged_addr(addr);
	} else {
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		addr = untagged_addr_remote(mm, addr);
		mmap_read_unlock(mm);
	}
	/*
	 * PAGE_ALIGN() may wrap around, and task_size need not be a multiple of
	 * PAGE_SIZE: MIPS's TASK_SIZE32 is none with pages of 64 KiB.
	 */
	if (length > mm->task_size || PAGE_ALIGN(length) > mm->task_size ||
	    addr > mm->task_size - PAGE_ALIGN(length))
		return -ENOMEM;
	/* No more elements than pages: @nr may be anything. */
	nr = min(nr, PAGE_ALIGN(length) >> PAGE_SHIFT);
	if (!nr)
		return 0;

	if (flags & MINCORE_LEVEL)
		w.want |= MINCORE_ENTRY(0, 0xff);
	/* A residency that is withheld must not look like "not in memory". */
	if (flags & MINCORE_RESIDENT)
		w.want |= MINCORE_DENIED;
	if (!regions || nr > MINCORE2_FEW - 3) {
		buf = (void *)__get_free_page(GFP_USER);
		if (!buf)
			return -EAGAIN;
		room = PAGE_SIZE / sizeof(*buf);
	}
	w.addr = addr;
	if (regions) {
		buf->state = U64_MAX;	/* of no page */
		w.region = buf;
		/* A region is complete when the next one begins. */
		w.last = buf + min(room - 2, nr + 1);
	} else {
		w.byte = (u8 *)buf;
		length = nr << PAGE_SHIFT;
	}
	ret = do_mincore2(mm, &w, addr + PAGE_ALIGN(length), vec, nr, buf);
	if (buf != few)
		free_page((unsigned long)buf);
	return ret;
}

/**
 * sys_mincore2 - report what backs a process's memory, and how it is mapped
 * @addr:	first address of the range, page aligned
 * @length:	bytes in the range, rounded up to whole pages
 * @vec:	a byte a page; with MINCORE_REGIONS, a struct mincore_region for each
 *		run of pages with the same state
 * @nr:		elements that @vec has room for
 * @flags:	MINCORE_* state bits to report, and modifiers; checked before all else
 * @pidfd:	with MINCORE_PIDFD the process; else it is the caller
 *
 * Return: how many elements were stored, which may be fewer than asked for: the
 * next call starts where they end. If none was, %-EINVAL (unknown or not aligned),
 * %-EBADF, %-ESRCH, %-EPERM (@pidfd), %-ENOMEM (no such range), %-EFAULT, %-EAGAIN
 * (no memory) or %-EINTR.
 */
SYSCALL_DEFINE6(mincore2, unsigned long, addr, size_t, length,
		void __user *, vec, size_t, nr, unsigned int, flags, int, pidfd)
{
	unsigned int states = flags & MINCORE2_STATES, level = flags & MINCORE_LEVEL;
	bool regions = flags & MINCORE_REGIONS;
	struct mm_struct *mm;
	long ret;

	if (!states || (flags & ~(states | MINCORE_REGIONS | MINCORE_PIDFD)) ||
	    (level && level != MINCORE_LEVEL) || (!regions && states > U8_MAX))
		return -EINVAL;
	if (!PAGE_ALIGNED(addr) || (regions && (unsigned long)vec % sizeof(u64)))
		return -EINVAL;
	if (!(flags & MINCORE_PIDFD))
		return mincore2_mm(current->mm, addr, length, vec, nr, flags);
	mm = mm_of(pidfd);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	ret = mincore2_mm(mm, addr, length, vec, nr, flags);
	mmput(mm);
	return ret;
}
