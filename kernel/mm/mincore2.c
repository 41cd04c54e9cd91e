// SPDX-License-Identifier: GPL-2.0
/*
 * The mincore2() system call: what backs each page of the caller's memory,
 * at which level it is mapped, and whether a store to it is persistence-safe.
 *
 * Documentation/userspace-api/mincore2.rst is the contract.
 */
#include <linux/dax.h>
#include <linux/gfp.h>
#include <linux/huge_mm.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pagewalk.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <uapi/linux/mincore.h>

#include "internal.h"

#define MINCORE2_STATUS		(MINCORE_DENIED | MINCORE_UNMAPPED)
#define MINCORE2_STATES		(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | \
				 MINCORE_PERSIST | MINCORE_WRITABLE | \
				 MINCORE_ZERO | MINCORE2_STATUS)
/* What an element of a byte vector has room for. */
#define MINCORE2_BYTE		0xffU

#define MINCORE2_SHIFT(shift)	((u64)(shift) << 56)

/*
 * The work done under one hold of mmap_lock, in page-table entries, page cache
 * look-ups and gaps: as much as mincore() does.
 */
#define MINCORE2_BATCH		PAGE_SIZE
/* To ask about permission and persistence, in the same unit. */
#define MINCORE2_VMA_WORK	8

/**
 * struct mincore2_walk - a mincore2() call in progress
 * @addr:	all pages below have been reported
 * @want:	the bits to report; all others are cleared
 * @budget:	work that may still be done before mmap_lock is dropped
 * @regions:	report regions, not bytes
 * @denied:	mincore() would not look into the page cache for this VMA
 * @private_dax: this VMA maps DAX memory, and copies a page when it is written
 * @pfnmap:	this VMA's residency is its file's, whatever its entries say
 * @mapping:	where to look up pages of this VMA that no entry maps (@pfnmap:
 *		all pages), or NULL
 * @vma_state:	bits that each page of this VMA has
 * @hole_state:	bits that each page of this VMA has which no entry maps
 * @region:	the region being gathered; empty if start == end
 * @buf:	the elements to be copied out next
 * @nr:		how many there are
 * @room:	how many there may be
 */
struct mincore2_walk {
	unsigned long addr;
	u64 want;
	int budget;
	bool regions;
	bool denied;
	bool private_dax;
	bool pfnmap;
	struct address_space *mapping;
	u64 vma_state;
	u64 hole_state;
	struct mincore_region region;
	union {
		void *page;
		u8 *bytes;
		struct mincore_region *regions;
	} buf;
	size_t nr;
	size_t room;
};

static size_t mincore2_elem_size(const struct mincore2_walk *w)
{
	return w->regions ? sizeof(struct mincore_region) : sizeof(u8);
}

/*
 * Report that the pages from w->addr up to @end have @state. Returns nonzero
 * when the walk has to stop, after these pages.
 */
static int mincore2_report(struct mincore2_walk *w, unsigned long end, u64 state)
{
	struct mincore_region *r = &w->region;
	bool full = false;

	state &= w->want;
	if (!w->regions) {
		size_t nr = (end - w->addr) >> PAGE_SHIFT;

		memset(w->buf.bytes + w->nr, state, nr);
		w->nr += nr;
	} else if (r->start != r->end && r->state == state) {
		r->end = end;
	} else {
		if (r->start != r->end) {
			w->buf.regions[w->nr++] = *r;
			full = w->nr == w->room;
		}
		*r = (struct mincore_region) {
			.start = w->addr, .end = end, .state = state,
		};
	}
	w->addr = end;
	return --w->budget <= 0 || full;
}

/*
 * Report pages whose residency is that of the file: see mincore_page(). Runs
 * without anything in the cache are stepped over, however long they are.
 */
static int mincore2_report_cached(struct mincore2_walk *w,
				  struct vm_area_struct *vma,
				  unsigned long end, u64 state)
{
	if (!w->mapping)
		return mincore2_report(w, end, state);

	while (w->addr < end) {
		pgoff_t index = linear_page_index(vma, w->addr);
		pgoff_t last = index + ((end - w->addr) >> PAGE_SHIFT) - 1;
		unsigned long next = index + 1;
		u64 resident = 0;
		int stop;

		if (mincore_page(w->mapping, index))
			resident = MINCORE_RESIDENT;
		else if (index == last ||
			 !xa_find(&w->mapping->i_pages, &next, last, XA_PRESENT))
			next = last + 1;

		stop = mincore2_report(w, w->addr + ((next - index) << PAGE_SHIFT),
				       state | resident);
		if (stop)
			return stop;
	}
	return 0;
}

/* Report pages that no entry of the caller's page tables maps. */
static int mincore2_report_hole(struct mincore2_walk *w,
				struct vm_area_struct *vma, unsigned long end)
{
	if (w->denied)
		return mincore2_report(w, end, w->hole_state | MINCORE_DENIED);
	return mincore2_report_cached(w, vma, end, w->hole_state);
}

/* Report pages that a present entry maps. */
static int mincore2_report_present(struct mincore2_walk *w,
				   struct vm_area_struct *vma,
				   unsigned long end, u64 state)
{
	if (unlikely(w->pfnmap))
		return mincore2_report_cached(w, vma, end, state);
	return mincore2_report(w, end, state | MINCORE_RESIDENT);
}

/*
 * The state that a present entry gives, without residency. @page is what
 * vm_normal_page() made of the entry of a private DAX mapping: a copy is
 * anonymous, and all else there is the device or a hole of it.
 */
static u64 mincore2_present(const struct mincore2_walk *w,
			    const struct vm_area_struct *vma, u64 level,
			    bool write, bool zero, const struct page *page)
{
	u64 state = w->vma_state | level;

	/* A store to a shadow stack faults although pte_write() is true. */
	if (write && !(vma->vm_flags & VM_SHADOW_STACK))
		state |= MINCORE_WRITABLE;
	if (zero)
		state |= MINCORE_ZERO;
	if (w->private_dax && !(page && PageAnon(page)))
		state |= MINCORE_DAX;
	return state;
}

static int mincore2_pud_entry(pud_t *pudp, unsigned long addr,
			      unsigned long end, struct mm_walk *walk)
{
	struct vm_area_struct *vma = walk->vma;
	struct mincore2_walk *w = walk->private;
	spinlock_t *ptl = pud_trans_huge_lock(pudp, vma);
	pud_t pud;
	u64 state;

	if (!ptl) {
		/*
		 * The page walk splits a huge entry before it descends, so let
		 * it do that only where there is a table: one that is there
		 * stays while mmap_lock is held.
		 */
		pud = pudp_get(pudp);
		if (pud_none(pud) || pud_leaf(pud))
			walk->action = ACTION_AGAIN;
		return 0;
	}
	__acquire(ptl);	/* sparse cannot see a conditional lock */
	pud = pudp_get(pudp);
	state = mincore2_present(w, vma, MINCORE_PUD | MINCORE2_SHIFT(PUD_SHIFT),
				 pud_write(pud), false, NULL);
	spin_unlock(ptl);

	walk->action = ACTION_CONTINUE;
	return mincore2_report_present(w, vma, end, state);
}

/* The state that a huge PMD entry gives; its lock is held. */
static u64 mincore2_huge_pmd(const struct mincore2_walk *w,
			     struct vm_area_struct *vma, unsigned long addr,
			     pmd_t pmd)
{
	struct page *page = NULL;

	/* Being migrated: in memory, and a copy if the mapping is private. */
	if (!pmd_present(pmd))
		return w->vma_state | MINCORE_RESIDENT;

	if (w->private_dax)
		page = vm_normal_page_pmd(vma, addr, pmd);
	return mincore2_present(w, vma, MINCORE_PMD | MINCORE2_SHIFT(PMD_SHIFT),
				pmd_write(pmd), is_huge_zero_pmd(pmd), page);
}

static int mincore2_pte(pte_t pte, unsigned long addr, struct mm_walk *walk)
{
	struct vm_area_struct *vma = walk->vma;
	struct mincore2_walk *w = walk->private;
	struct page *page = NULL;
	u64 state;

	if (!pte_present(pte)) {
		/* A private DAX page with such an entry is a copy. */
		state = w->vma_state;
		if (unlikely(w->pfnmap))
			return mincore2_report_cached(w, vma, addr + PAGE_SIZE,
						      state);
		if ((w->want & MINCORE_RESIDENT) && mincore_swap(pte))
			state |= MINCORE_RESIDENT;
		return mincore2_report(w, addr + PAGE_SIZE, state);
	}
	if (w->private_dax)
		page = vm_normal_page(vma, addr, pte);
	state = mincore2_present(w, vma, MINCORE_PTE | MINCORE2_SHIFT(PAGE_SHIFT),
				 pte_write(pte), is_zero_pfn(pte_pfn(pte)), page);
	return mincore2_report_present(w, vma, addr + PAGE_SIZE, state);
}

static int mincore2_pmd_entry(pmd_t *pmdp, unsigned long addr,
			      unsigned long end, struct mm_walk *walk)
{
	struct vm_area_struct *vma = walk->vma;
	struct mincore2_walk *w = walk->private;
	spinlock_t *ptl = pmd_trans_huge_lock(pmdp, vma);
	pte_t *ptep, *start;
	int stop = 0;

	if (ptl) {
		pmd_t pmd = pmdp_get(pmdp);
		u64 state = mincore2_huge_pmd(w, vma, addr, pmd);

		__acquire(ptl);	/* sparse cannot see a conditional lock */
		spin_unlock(ptl);
		if (!pmd_present(pmd))
			return mincore2_report(w, end, state);
		return mincore2_report_present(w, vma, end, state);
	}

	start = pte_offset_map_lock(walk->mm, pmdp, addr, &ptl);
	if (!start) {
		walk->action = ACTION_AGAIN;
		return 0;
	}
	__acquire(RCU);	/* nor this one */
	ptep = start;
	while (addr != end && !stop) {
		pte_t pte = ptep_get(ptep++);

		addr += PAGE_SIZE;
		if (!pte_none_mostly(pte)) {
			stop = mincore2_pte(pte, addr - PAGE_SIZE, walk);
			continue;
		}
		/* A marker is not a page: see mincore_pte_range(). */
		while (addr != end && pte_none_mostly(ptep_get(ptep))) {
			addr += PAGE_SIZE;
			ptep++;
			w->budget--;
		}
		stop = mincore2_report_hole(w, vma, addr);
	}
	pte_unmap_unlock(start, ptl);
	return stop;
}

#ifdef CONFIG_HUGETLB_PAGE
static u64 mincore2_hugetlb_level(unsigned int shift)
{
	/* Folded levels have the shift of the one above: prefer the lowest. */
	if (shift < PMD_SHIFT)
		return MINCORE_PTE | MINCORE2_SHIFT(shift);
	if (shift == PMD_SHIFT || shift < PUD_SHIFT)
		return MINCORE_PMD | MINCORE2_SHIFT(shift);
	if (shift == PUD_SHIFT)
		return MINCORE_PUD | MINCORE2_SHIFT(shift);
	return MINCORE2_SHIFT(shift);
}

static int mincore2_hugetlb_entry(pte_t *ptep, unsigned long hmask,
				  unsigned long addr, unsigned long end,
				  struct mm_walk *walk)
{
	struct vm_area_struct *vma = walk->vma;
	struct mincore2_walk *w = walk->private;
	struct hstate *h = hstate_vma(vma);
	spinlock_t *ptl = huge_pte_lock(h, walk->mm, ptep);
	pte_t pte;

	pte = huge_ptep_get(walk->mm, addr & hmask, ptep);
	spin_unlock(ptl);

	/* As mincore() has it: not resident, though it may be in the file. */
	if (huge_pte_none_mostly(pte))
		return mincore2_report(w, end, w->hole_state |
				       (w->denied ? MINCORE_DENIED : 0));
	/* Being migrated, or poisoned. */
	if (!pte_present(pte))
		return mincore2_report(w, end, w->vma_state | MINCORE_RESIDENT);
	return mincore2_report_present(w, vma, end,
		mincore2_present(w, vma, mincore2_hugetlb_level(huge_page_shift(h)),
				 huge_pte_write(pte), false, NULL));
}
#else
#define mincore2_hugetlb_entry	NULL
#endif

static int mincore2_pte_hole(unsigned long addr, unsigned long end,
			     int depth, struct mm_walk *walk)
{
	return mincore2_report_hole(walk->private, walk->vma, end);
}

static const struct mm_walk_ops mincore2_walk_ops = {
	.pud_entry	= mincore2_pud_entry,
	.pmd_entry	= mincore2_pmd_entry,
	.pte_hole	= mincore2_pte_hole,
	.hugetlb_entry	= mincore2_hugetlb_entry,
	.walk_lock	= PGWALK_RDLOCK,
};

/*
 * Report the pages of @vma from w->addr up to @end. Only the owner of the
 * mapping knows whether a store is durable: neither VM_SYNC, which mmap() sets
 * unchecked, nor the page says it.
 */
static int mincore2_vma(struct mincore2_walk *w, struct vm_area_struct *vma,
			unsigned long end)
{
	bool shared = vma->vm_flags & VM_MAYSHARE;
	bool dax = vma_is_dax(vma);
	u64 walked = MINCORE_RESIDENT | MINCORE_LEVEL | MINCORE_WRITABLE |
		     MINCORE_ZERO;

	w->budget -= MINCORE2_VMA_WORK;
	w->denied = !can_do_mincore(vma);
	w->private_dax = dax && !shared;
	w->pfnmap = (vma->vm_flags & VM_PFNMAP) && !w->denied;
	w->mapping = NULL;
	/* The page cache of a DAX file holds no folios. */
	if ((w->want & MINCORE_RESIDENT) && vma->vm_file && !dax)
		w->mapping = vma->vm_file->f_mapping;

	w->vma_state = dax && shared ? MINCORE_DAX : 0;
	w->hole_state = dax ? MINCORE_DAX : 0;
	if ((w->want & MINCORE_PERSIST) && dax && shared && vma->vm_ops &&
	    vma->vm_ops->persistence_safe && vma->vm_ops->persistence_safe(vma)) {
		w->vma_state |= MINCORE_PERSIST;
		w->hole_state |= MINCORE_PERSIST;
	}

	if (w->private_dax)
		walked |= MINCORE_DAX;
	if (!(w->want & walked) && !w->denied)
		return mincore2_report(w, end, w->vma_state);
	return walk_page_range_vma(vma, w->addr, end, &mincore2_walk_ops, w);
}

/*
 * Report pages from w->addr on, not beyond @end, until the batch is done or
 * there is no room. mmap_lock is held; whatever changed since the chunk before
 * is looked up anew. Returns 0 or a negative errno.
 */
static int mincore2_chunk(struct mincore2_walk *w, unsigned long end)
{
	VMA_ITERATOR(vmi, current->mm, w->addr);
	struct vm_area_struct *vma;
	int ret;

	w->budget = MINCORE2_BATCH;
	for_each_vma_range(vmi, vma, end) {
		if (w->addr < vma->vm_start &&
		    mincore2_report(w, vma->vm_start, MINCORE_UNMAPPED))
			return 0;
		ret = mincore2_vma(w, vma, min(end, vma->vm_end));
		if (ret)
			return min(ret, 0);
	}
	if (w->addr < end)
		mincore2_report(w, end, MINCORE_UNMAPPED);
	return 0;
}

/* Copy the elements out. Returns how many of them user space now has. */
static size_t mincore2_copy_out(const struct mincore2_walk *w, void __user *vec)
{
	size_t size = w->nr * mincore2_elem_size(w);

	size -= copy_to_user(vec, w->buf.page, size);
	return size / mincore2_elem_size(w);
}

/*
 * The call proper, with arguments that have been checked: fill @vec with up
 * to @nr elements. Nothing is copied out while a lock is held.
 */
static long do_mincore2(struct mincore2_walk *w, unsigned long end,
			void __user *vec, size_t nr)
{
	size_t size = mincore2_elem_size(w);
	size_t stored = 0;
	long err = 0;

	while (w->addr < end && stored < nr && !err) {
		unsigned long chunk = end;
		size_t copied;

		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		w->nr = 0;
		w->room = min(nr - stored, PAGE_SIZE / size);
		if (!w->regions && (end - w->addr) >> PAGE_SHIFT > w->room)
			chunk = w->addr + (w->room << PAGE_SHIFT);

		err = mmap_read_lock_killable(current->mm);
		if (err)
			break;
		err = mincore2_chunk(w, chunk);
		mmap_read_unlock(current->mm);

		copied = mincore2_copy_out(w, vec + stored * size);
		stored += copied;
		if (copied != w->nr)
			return stored ?: -EFAULT;
		cond_resched();
	}

	/* The region that was being gathered, which an early stop cuts. */
	if (w->region.start != w->region.end && stored < nr) {
		w->buf.regions[0] = w->region;
		w->nr = 1;
		if (mincore2_copy_out(w, vec + stored * size))
			stored++;
		else
			err = -EFAULT;
	}
	return stored ?: err;
}

/**
 * sys_mincore2 - report what backs the caller's memory, and how it is mapped
 * @addr:	first address of the range, page aligned
 * @length:	bytes in the range, rounded up to whole pages
 * @vec:	where to store the report: one byte a page, or, with
 *		MINCORE_REGIONS, one struct mincore_region for each run of pages
 *		that have the same state; the regions tile the range
 * @nr:		elements that @vec has room for
 * @flags:	MINCORE_* state bits to report, and modifiers
 *
 * Nothing is changed by the call, in the page tables or elsewhere. Each page's
 * state is true at one moment during the call; two pages may be from different
 * moments. MINCORE_PERSIST is never reported unless a store to the page is made
 * durable by writing back the CPU cache alone.
 *
 * Return: the number of elements stored, which may be fewer than asked for: the
 * next call starts where they end. If none was stored:
 *
 * * %-EINVAL - an unknown flag, no state bit or half of MINCORE_LEVEL (checked
 *   before all else, so that support can be probed for); @addr not page aligned,
 *   @vec of regions not 8-byte aligned
 * * %-ENOMEM - the range wraps or passes the end of the user address space
 * * %-EFAULT - @vec is not writable
 * * %-EAGAIN - no memory for the bounce buffer
 * * %-EINTR  - a signal came first
 */
SYSCALL_DEFINE5(mincore2, unsigned long, addr, size_t, length,
		void __user *, vec, size_t, nr, unsigned int, flags)
{
	struct mincore2_walk w = {
		.want = (flags & MINCORE2_STATES) | MINCORE2_STATUS,
		.regions = flags & MINCORE_REGIONS,
	};
	unsigned int level = flags & MINCORE_LEVEL;
	long ret;

	if (flags & ~(MINCORE2_STATES | MINCORE_REGIONS))
		return -EINVAL;
	if (!(flags & MINCORE2_STATES))
		return -EINVAL;
	if (level && level != MINCORE_LEVEL)
		return -EINVAL;
	if (!w.regions && (flags & ~MINCORE2_BYTE))
		return -EINVAL;

	addr = untagged_addr(addr);
	if (!PAGE_ALIGNED(addr))
		return -EINVAL;
	if (w.regions && !IS_ALIGNED((unsigned long)vec, sizeof(u64)))
		return -EINVAL;

	if (length > TASK_SIZE)
		return -ENOMEM;
	length = PAGE_ALIGN(length);
	if (length > TASK_SIZE || addr > TASK_SIZE - length)
		return -ENOMEM;

	/* No more elements than pages: @nr may be anything. */
	nr = min(nr, length >> PAGE_SHIFT);
	if (!nr)
		return 0;

	w.addr = addr;
	if (level)
		w.want |= MINCORE2_SHIFT(0xff);
	w.buf.page = (void *)__get_free_page(GFP_USER);
	if (!w.buf.page)
		return -EAGAIN;
	ret = do_mincore2(&w, addr + length, vec, nr);
	free_page((unsigned long)w.buf.page);
	return ret;
}
