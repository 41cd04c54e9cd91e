// SPDX-License-Identifier: GPL-2.0
/*
 * For measuring only: the floor under any walk of page tables, and how long
 * mincore() and mincore2() hold their locks. See selftests/bench.
 *
 * The two calls, and the old walk of mincore(), are compiled here a second time, with a
 * clock at each lock, so that the first copy, whose cost is measured, has none.
 */
#include <linux/dax.h>
#include <linux/hugetlb.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/pagewalk.h>
#include <linux/pgtable.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/syscalls.h>
#include <linux/timex.h>
#include <linux/uaccess.h>
#include "internal.h"
#include "swap.h"
#include "mincore2_bench.h"

static struct {
	cycles_t mmap_since, ptl_since;
	cycles_t mmap_max, ptl_max;
	unsigned long mmap_holds, ptl_holds;
} bench_hold;

static void bench_mmap_end(void)
{
	bench_hold.mmap_max = max(bench_hold.mmap_max,
				  get_cycles() - bench_hold.mmap_since);
	bench_hold.mmap_holds++;
}

static void bench_ptl_end(void)
{
	bench_hold.ptl_max = max(bench_hold.ptl_max,
				 get_cycles() - bench_hold.ptl_since);
	bench_hold.ptl_holds++;
}

#define bench_since(which, expr)					\
({									\
	typeof(expr) __ret = (expr);					\
	bench_hold.which##_since = get_cycles();			\
	__ret;								\
})

/* The locks, as the files below take them. */
#define mmap_read_lock(mm)						\
do {									\
	(mmap_read_lock)(mm);						\
	bench_hold.mmap_since = get_cycles();				\
} while (0)
#define mmap_read_lock_killable(mm)					\
	bench_since(mmap, (mmap_read_lock_killable)(mm))
#define mmap_read_unlock(mm)						\
do {									\
	bench_mmap_end();						\
	(mmap_read_unlock)(mm);						\
} while (0)
#undef pte_offset_map_lock
#define pte_offset_map_lock(mm, pmd, addr, ptlp)			\
	bench_since(ptl, (__pte_offset_map_lock)(mm, pmd, addr, ptlp))
#undef pte_unmap_unlock
#define pte_unmap_unlock(pte, ptl)					\
do {									\
	bench_ptl_end();						\
	(spin_unlock)(ptl);						\
	pte_unmap(pte);							\
} while (0)
#define pmd_trans_huge_lock(pmd, vma)					\
	bench_since(ptl, (pmd_trans_huge_lock)(pmd, vma))
#define pud_trans_huge_lock(pud, vma)					\
	bench_since(ptl, (pud_trans_huge_lock)(pud, vma))
#define huge_pte_lock(h, mm, pte)					\
	bench_since(ptl, (huge_pte_lock)(h, mm, pte))
#define spin_unlock(ptl)						\
do {									\
	bench_ptl_end();						\
	(spin_unlock)(ptl);						\
} while (0)

/* Functions instead of system calls, and no second symbols. */
#undef SYSCALL_DEFINE3
#define SYSCALL_DEFINE3(name, t1, a1, t2, a2, t3, a3)			\
	static long bench_##name(t1 a1, t2 a2, t3 a3)
#undef SYSCALL_DEFINE6
#define SYSCALL_DEFINE6(name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6)	\
	static long bench_##name(t1 a1, t2 a2, t3 a3, t4 a4, t5 a5, t6 a6)
#define mincore_cached		bench_mincore_cached
#define mincore_swap_pte	bench_mincore_swap_pte
#define can_do_mincore		bench_can_do_mincore
#define mincore_resident	bench_mincore_resident
#define mincore_walk_vma	bench_mincore_walk_vma
#define mincore_walk_gap	bench_mincore_walk_gap
#define old_mincore		bench_old_mincore
unsigned long mincore_cached(struct xa_state *xas, pgoff_t index, unsigned long max,
			     int *work, bool *resident);
unsigned char mincore_swap_pte(pte_t pte);
bool can_do_mincore(struct vm_area_struct *vma);
unsigned long mincore_resident(struct vm_area_struct *vma, unsigned long start,
			       unsigned long end, u8 *vec);
long old_mincore(unsigned long start, size_t len, unsigned char __user *vec);

#include "mincore.c"
#include "mincore_walk.c"
#include "mincore2.c"
#include "mincore_old.c"
#undef old_mincore

static int bench_walk_pud(pud_t *pudp, unsigned long addr, unsigned long end,
			  struct mm_walk *walk)
{
	pud_t pud = pudp_get(pudp);

	if (pud_leaf(pud)) {
		(*(unsigned long *)walk->private)++;
		walk->action = ACTION_CONTINUE;
	}
	return 0;
}

static int bench_walk_pmd(pmd_t *pmdp, unsigned long addr, unsigned long end,
			  struct mm_walk *walk)
{
	unsigned long *nr = walk->private;
	pte_t *ptep, *start;
	spinlock_t *ptl;

	if (pmd_leaf(pmdp_get(pmdp))) {
		(*nr)++;
		return 0;
	}
	start = (__pte_offset_map_lock)(walk->mm, pmdp, addr, &ptl);
	if (!start) {
		walk->action = ACTION_AGAIN;
		return 0;
	}
	for (ptep = start; addr != end; addr += PAGE_SIZE)
		ptep_get(ptep++);
	*nr += ptep - start;
	(spin_unlock)(ptl);
	pte_unmap(start);
	return 0;
}

static int bench_walk_hole(unsigned long addr, unsigned long end, int depth,
			   struct mm_walk *walk)
{
	(*(unsigned long *)walk->private)++;
	return 0;
}

static const struct mm_walk_ops bench_walk_ops = {
	.pud_entry	= bench_walk_pud,
	.pmd_entry	= bench_walk_pmd,
	.pte_hole	= bench_walk_hole,
	.walk_lock	= PGWALK_RDLOCK,
};

static long bench_walk(struct mincore2_bench *b)
{
	unsigned long nr = 0, end = b->addr + b->length;
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, current->mm, b->addr);
	int ret = 0;

	(mmap_read_lock)(current->mm);
	for_each_vma_range(vmi, vma, end) {
		ret = walk_page_range_vma(vma, max(b->addr, (u64)vma->vm_start),
					  min(end, vma->vm_end),
					  &bench_walk_ops, &nr);
		if (ret)
			break;
	}
	(mmap_read_unlock)(current->mm);
	b->ret = nr;
	return ret;
}

static long bench_holds(struct mincore2_bench *b)
{
	void __user *vec = u64_to_user_ptr(b->vec);

	memset(&bench_hold, 0, sizeof(bench_hold));
	bench_hold.ptl_since = get_cycles();
	bench_ptl_end();
	b->overhead = bench_hold.ptl_max;

	memset(&bench_hold, 0, sizeof(bench_hold));
	if (b->flags & MINCORE2_BENCH_OLD_WALK)
		b->ret = bench_old_mincore(b->addr, b->length, vec);
	else if (b->flags)
		b->ret = bench_mincore2(b->addr, b->length, vec, b->nr, b->flags, -1);
	else
		b->ret = bench_mincore(b->addr, b->length, vec);
	b->mmap_max = bench_hold.mmap_max;
	b->mmap_holds = bench_hold.mmap_holds;
	b->ptl_max = bench_hold.ptl_max;
	b->ptl_holds = bench_hold.ptl_holds;
	return 0;
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct mincore2_bench b;
	long ret;

	if (copy_from_user(&b, (void __user *)arg, sizeof(b)))
		return -EFAULT;
	switch (cmd) {
	case MINCORE2_BENCH_WALK:
		ret = bench_walk(&b);
		break;
	case MINCORE2_BENCH_HOLDS:
		ret = bench_holds(&b);
		break;
	case MINCORE2_BENCH_OLD:
		b.ret = old_mincore(b.addr, b.length, u64_to_user_ptr(b.vec));
		ret = 0;
		break;
	default:
		return -ENOTTY;
	}
	if (!ret && copy_to_user((void __user *)arg, &b, sizeof(b)))
		ret = -EFAULT;
	return ret;
}

static const struct proc_ops bench_ops = {
	.proc_ioctl	= bench_ioctl,
};

static int __init bench_init(void)
{
	proc_create("mincore2_bench", 0600, NULL, &bench_ops);
	return 0;
}
device_initcall(bench_init);
