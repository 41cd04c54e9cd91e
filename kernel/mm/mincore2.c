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
#include <linux/sizes.h>
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
 * The work done under one hold of mmap_lock: no more than mincore() does, which
 * looks at as many PTEs. One unit is a PTE that is like the one before it.
 */
#define MINCORE2_BATCH		PAGE_SIZE
/* In this unit: to report a run of pages, be it one entry, */
#define MINCORE2_REPORT_WORK	4
/* to begin with a VMA, */
#define MINCORE2_VMA_WORK	48
/* to look at an entry of the page cache, in passing or by mincore_page(), */
#define MINCORE2_CACHE_WORK	3
#define MINCORE2_LOOKUP_WORK	16
/* and to find the next one there. */
#define MINCORE2_FIND_WORK	64
/* The work done under one hold of a page-table lock. */
#define MINCORE2_TABLE_WORK	1024

/* No region is being gathered. */
#define MINCORE2_NO_STATE	U64_MAX
/* Regions for which no bounce page is allocated. */
#define MINCORE2_FEW		8

/**
 * struct mincore2_piece - a region, which starts where the one before ended
 * @end:	first address behind it
 * @state:	of all its pages
 */
struct mincore2_piece {
	unsigned long end;
	u64 state;
};

/**
 * struct mincore2_walk - a mincore2() call in progress
 * @addr:	all pages below have been reported
 * @want:	the bits to report; all others are cleared
 * @budget:	work that may still be done before mmap_lock is dropped
 * @regions:	report regions, not bytes
 * @denied:	mincore() would not look into the page cache for this VMA; negative:
 *		not asked yet, see mincore2_denied()
 * @private_dax: this VMA maps DAX memory, and copies a page when it is written
 * @pfnmap:	this VMA's residency is its file's, whatever its entries say
 * @mapping:	where to look up pages of this VMA that no entry maps (@pfnmap:
 *		all pages), or NULL
 * @vma_state:	bits that each page of this VMA has
 * @hole_state:	bits that each page of this VMA has which no entry maps
 * @state:	of the region being gathered, which ends at @addr; never that of
 *		a page in a byte vector
 * @start:	where the first region starts that is not copied out
 * @buf:	the elements to be copied out next
 * @nr:		how many there are
 * @room:	how many there may be
 */
struct mincore2_walk {
	unsigned long addr;
	u64 want;
	int budget;
	bool regions;
	s8 denied;
	bool private_dax;
	bool pfnmap;
	struct address_space *mapping;
	u64 vma_state;
	u64 hole_state;
	u64 state;
	unsigned long start;
	union {
		void *page;
		u8 *bytes;
		struct mincore2_piece *pieces;
	} buf;
	size_t nr;
	size_t room;
};

/*
 * Bits in which two present PTEs have to agree to be sure of the same state. The
 * accessed and dirty bits never count. For a @normal page only the other flags
 * do. Where it matters if the pfn is a device's (special entries, and private DAX
 * mappings) so does the @section of memory, as a device has it whole. Near the
 * zero page the pfn has to be the same: @exact.
 */
static struct {
	u64 normal;
	u64 section;
	u64 exact;
} mincore2_like __ro_after_init;

/* A device's memory comes and goes in units of this: SUBSECTION_SIZE. */
#define MINCORE2_SECTION	(SZ_2M >> PAGE_SHIFT)

/*
 * Find these bits by trying, as each architecture has its own. A bit that is not
 * found to be without meaning counts: that can cost time, but is never wrong.
 */
static int __init mincore2_init(void)
{
	pgprot_t ro = vm_get_page_prot(VM_READ);
	pgprot_t rw = vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED);
	pte_t r = pte_mkold(pte_mkclean(pfn_pte(0, ro)));
	pte_t w = pte_mkold(pte_mkclean(pfn_pte(0, rw)));
	unsigned long pfns = (1UL << fls_long(highest_memmap_pfn)) - 1;
	u64 ignore = (pte_val(pte_mkyoung(r)) | pte_val(pte_mkdirty(r)) |
		      pte_val(pte_mkyoung(w)) | pte_val(pte_mkdirty(w))) &
		     ~(u64)(pte_val(r) | pte_val(w));

	mincore2_like.exact = ~ignore;
	ignore |= pte_val(pfn_pte(MINCORE2_SECTION - 1, ro)) ^
		  pte_val(pfn_pte(0, ro));
	mincore2_like.section = ~ignore;
	ignore |= pte_val(pfn_pte(pfns, ro)) ^ pte_val(pfn_pte(0, ro));
	mincore2_like.normal = ~ignore;
	return 0;
}
core_initcall(mincore2_init);

/* May residency not be told? Can sleep, as filesystems are asked. */
static bool mincore2_denied(struct mincore2_walk *w, struct vm_area_struct *vma)
{
	if (w->denied < 0)
		w->denied = !can_do_mincore(vma);
	return w->denied;
}

/* The region that was being gathered ends: it is to be copied out. */
static void mincore2_flush(struct mincore2_walk *w)
{
	w->buf.pieces[w->nr++] = (struct mincore2_piece) {
		.end = w->addr, .state = w->state,
	};
	w->state = MINCORE2_NO_STATE;
}

/* See mincore2_report(): another state than that of the pages before. */
static noinline int mincore2_report_new(struct mincore2_walk *w,
					unsigned long end, u64 state)
{
	if (!w->regions) {
		size_t nr = (end - w->addr) >> PAGE_SHIFT;

		memset(w->buf.bytes + w->nr, state, nr);
		w->nr += nr;
	} else {
		if (w->state != MINCORE2_NO_STATE)
			mincore2_flush(w);
		w->state = state;
	}
	w->addr = end;
	w->budget -= MINCORE2_REPORT_WORK;
	return w->budget <= 0 || w->nr == w->room;
}

/*
 * Report that the pages from w->addr up to @end have @state. Returns nonzero
 * when the walk has to stop, after these pages.
 */
static __always_inline int mincore2_report(struct mincore2_walk *w,
					   unsigned long end, u64 state)
{
	state &= w->want;
	if (state != w->state)
		return mincore2_report_new(w, end, state);
	w->addr = end;
	w->budget -= MINCORE2_REPORT_WORK;
	return w->budget <= 0;
}

/*
 * How many pages the folio in the page cache has from @index on; 0: it is no
 * longer there. It is not referenced: what was read of it holds if the entry
 * is still the same afterwards.
 */
static unsigned long mincore2_folio(struct xa_state *xas, struct folio *folio,
				    pgoff_t index, bool *uptodate)
{
	unsigned long nr = folio_nr_pages(folio);
	pgoff_t first = READ_ONCE(folio->index);

	*uptodate = folio_test_uptodate(folio);
	if (unlikely(xas_reload(xas) != folio) || index - first >= nr)
		return 0;
	return first + nr - index;
}

/*
 * Is the page @index of the file resident, as mincore_page() has it? In *@end,
 * where the run of pages that have the same answer ends, not behind @last; it
 * may go on there.
 */
static bool mincore2_lookup(struct mincore2_walk *w, pgoff_t index, pgoff_t last,
			    pgoff_t *end)
{
	XA_STATE(xas, &w->mapping->i_pages, index);
	bool resident = false;
	struct folio *folio;
	int work = 0;

	*end = index;
	rcu_read_lock();
	do {
		folio = xas_find(&xas, last);
	} while (xas_retry(&xas, folio));
	if (!folio || xas.xa_index > index) {
		*end = folio ? xas.xa_index : last + 1;
		work = MINCORE2_FIND_WORK;
		folio = NULL;
	}
	while (folio && !xa_is_internal(folio)) {
		unsigned long nr = 0;
		bool uptodate;

		work += MINCORE2_CACHE_WORK;
		if (!xa_is_value(folio))
			nr = mincore2_folio(&xas, folio, *end, &uptodate);
		if (unlikely(!nr)) {
			/* In swap, evicted, or just changing. */
			uptodate = mincore_page(w->mapping, *end);
			work += MINCORE2_LOOKUP_WORK;
		}
		if (*end > index && uptodate != resident)
			break;
		resident = uptodate;
		*end += nr ?: 1;
		if (*end > last || work >= w->budget)
			break;
		if (likely(nr == 1)) {
			folio = xas_next(&xas);
		} else {
			xas_set(&xas, *end);
			folio = xas_load(&xas);
		}
	}
	rcu_read_unlock();

	*end = min(*end, last + 1);
	w->budget -= work;
	return resident;
}

/*
 * Report pages whose residency is that of the file: see mincore_page(). Runs
 * are stepped over as a whole; those without anything in the cache however long
 * they are.
 */
static noinline int mincore2_report_cached(struct mincore2_walk *w,
					   struct vm_area_struct *vma,
					   unsigned long end, u64 state)
{
	while (w->addr < end) {
		pgoff_t index = linear_page_index(vma, w->addr);
		pgoff_t last = index + ((end - w->addr) >> PAGE_SHIFT) - 1;
		pgoff_t next;
		u64 resident = 0;
		int stop;

		if (mincore2_lookup(w, index, last, &next))
			resident = MINCORE_RESIDENT;
		stop = mincore2_report(w, w->addr + ((next - index) << PAGE_SHIFT),
				       state | resident);
		if (stop)
			return stop;
	}
	return 0;
}

/* Report pages that no entry of the caller's page tables maps. */
static noinline int mincore2_report_hole(struct mincore2_walk *w,
					 struct vm_area_struct *vma,
					 unsigned long end)
{
	if (unlikely(mincore2_denied(w, vma)))
		return mincore2_report(w, end, w->hole_state | MINCORE_DENIED);
	if (w->mapping)
		return mincore2_report_cached(w, vma, end, w->hole_state);
	return mincore2_report(w, end, w->hole_state);
}

/* Report pages that a present entry maps. */
static __always_inline int mincore2_report_present(struct mincore2_walk *w,
						   struct vm_area_struct *vma,
						   unsigned long end, u64 state)
{
	if (likely(!w->pfnmap))
		return mincore2_report(w, end, state | MINCORE_RESIDENT);
	if (w->mapping)
		return mincore2_report_cached(w, vma, end, state);
	return mincore2_report(w, end, state);
}

/*
 * The state that a present entry gives, without residency. @page is what
 * vm_normal_page() made of the entry of a private DAX mapping: a copy is
 * anonymous, and all else there is the device or a hole of it.
 */
static __always_inline u64 mincore2_present(const struct mincore2_walk *w,
					    const struct vm_area_struct *vma,
					    u64 level, bool write, bool zero,
					    const struct page *page)
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

/*
 * What an entry says is taken from one reading of it: to have its lock would not
 * make that truer, and a huge entry that is being split or moved is either as it
 * was or none. The lock is for looking at the page, which may go otherwise.
 */
static int mincore2_pud_entry(pud_t *pudp, unsigned long addr,
			      unsigned long end, struct mm_walk *walk)
{
	struct mincore2_walk *w = walk->private;
	pud_t pud = pudp_get(pudp);
	u64 state;

	/*
	 * The page walk splits a huge entry before it descends, so let it do
	 * that only where there is a table: one that is there stays while
	 * mmap_lock is held.
	 */
	if (pud_none(pud)) {
		walk->action = ACTION_AGAIN;
		return 0;
	}
	if (!pud_leaf(pud))
		return 0;
	state = mincore2_present(w, walk->vma,
				 MINCORE_PUD | MINCORE2_SHIFT(PUD_SHIFT),
				 pud_write(pud), false, NULL);
	walk->action = ACTION_CONTINUE;
	return mincore2_report_present(w, walk->vma, end, state);
}

/* Report a huge PMD entry; its lock is held if @w->private_dax. */
static __always_inline int mincore2_huge_pmd(struct mincore2_walk *w,
					     struct vm_area_struct *vma,
					     unsigned long end, pmd_t pmd,
					     const struct page *page)
{
	u64 state = mincore2_present(w, vma,
				     MINCORE_PMD | MINCORE2_SHIFT(PMD_SHIFT),
				     pmd_write(pmd), is_huge_zero_pmd(pmd), page);

	return mincore2_report_present(w, vma, end, state);
}

/* A huge PMD entry of a private DAX mapping, or one that is being migrated. */
static noinline int mincore2_locked_pmd(struct mm_walk *walk, pmd_t *pmdp,
					unsigned long addr, unsigned long end)
{
	struct vm_area_struct *vma = walk->vma;
	struct mincore2_walk *w = walk->private;
	spinlock_t *ptl = pmd_trans_huge_lock(pmdp, vma);
	pmd_t pmd;
	int stop;

	if (!ptl) {
		walk->action = ACTION_AGAIN;
		return 0;
	}
	__acquire(ptl);	/* sparse cannot see a conditional lock */
	pmd = pmdp_get(pmdp);
	/* Being migrated: in memory, and a copy if the mapping is private. */
	if (!pmd_present(pmd))
		stop = mincore2_report(w, end, w->vma_state | MINCORE_RESIDENT);
	else
		stop = mincore2_huge_pmd(w, vma, end, pmd,
					 vm_normal_page_pmd(vma, addr, pmd));
	spin_unlock(ptl);
	return stop;
}

/* The state that a present PTE gives. */
static u64 mincore2_present_pte(const struct mincore2_walk *w,
				struct vm_area_struct *vma, unsigned long addr,
				pte_t pte)
{
	struct page *page = w->private_dax ? vm_normal_page(vma, addr, pte) : NULL;

	return mincore2_present(w, vma, MINCORE_PTE | MINCORE2_SHIFT(PAGE_SHIFT),
				pte_write(pte), is_zero_pfn(pte_pfn(pte)), page);
}

/*
 * How many of up to @max entries from @ptep on have the state of the first, @pte,
 * which is present.
 */
static unsigned long mincore2_run(const struct mincore2_walk *w, pte_t *ptep,
				  pte_t pte, unsigned long max)
{
	u64 val = pte_val(pte), like = mincore2_like.normal;
	pte_t *end = ptep + max, *p;

	if (!IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL) || pte_special(pte) ||
	    w->private_dax) {
		like = mincore2_like.section;
		if ((pte_pfn(pte) ^ my_zero_pfn(0)) < MINCORE2_SECTION)
			like = mincore2_like.exact;
	}
	for (p = ptep + 1; p < end; p++)
		if ((pte_val(ptep_get(p)) ^ val) & like)
			break;
	return p - ptep;
}

/*
 * Report the PTEs from @ptep on that have the same state as the first, which is
 * not none; there are up to @max.
 */
static int mincore2_ptes(struct mm_walk *walk, pte_t *ptep, pte_t pte,
			 unsigned long max)
{
	struct vm_area_struct *vma = walk->vma;
	struct mincore2_walk *w = walk->private;
	unsigned long next = w->addr + PAGE_SIZE;
	u64 state = w->vma_state;

	if (!pte_present(pte)) {
		/* A private DAX page with such an entry is a copy. */
		if (unlikely(w->pfnmap && w->mapping))
			return mincore2_report_cached(w, vma, next, state);
		if ((w->want & MINCORE_RESIDENT) && !w->pfnmap) {
			w->budget -= MINCORE2_LOOKUP_WORK;
			if (mincore_swap(pte))
				state |= MINCORE_RESIDENT;
		}
		return mincore2_report(w, next, state);
	}
	max = mincore2_run(w, ptep, pte, max);
	w->budget -= max;
	state = mincore2_present_pte(w, vma, w->addr, pte);
	return mincore2_report_present(w, vma, w->addr + max * PAGE_SIZE, state);
}

/*
 * Report the PTEs of one table from w->addr up to @end. Returns also when the
 * lock was held long enough, or when it has to be known, before the next page
 * is reported, if residency is denied.
 */
static int mincore2_table(struct mm_walk *walk, pte_t *table, unsigned long addr,
			  unsigned long end)
{
	struct mincore2_walk *w = walk->private;
	int pause = w->budget - MINCORE2_TABLE_WORK;
	int stop = 0;

	while (w->addr != end && !stop && w->budget > pause) {
		pte_t *ptep = table + ((w->addr - addr) >> PAGE_SHIFT);
		unsigned long max = (end - w->addr) >> PAGE_SHIFT;
		unsigned long n = 0;
		pte_t pte = ptep_get(ptep);

		if (!pte_none_mostly(pte)) {
			stop = mincore2_ptes(walk, ptep, pte, max);
			continue;
		}
		if (w->denied < 0)
			break;
		/* A marker is not a page: see mincore_pte_range(). */
		do {
			n++;
		} while (n < max && pte_none_mostly(ptep_get(ptep + n)));
		w->budget -= n;
		stop = mincore2_report_hole(w, walk->vma, w->addr + n * PAGE_SIZE);
	}
	return stop;
}

static noinline int mincore2_pte_range(struct mm_walk *walk, pmd_t *pmdp,
				       unsigned long addr, unsigned long end)
{
	struct mincore2_walk *w = walk->private;
	spinlock_t *ptl;
	pte_t *table;
	int stop;

	table = pte_offset_map_lock(walk->mm, pmdp, addr, &ptl);
	if (!table) {
		walk->action = ACTION_AGAIN;
		return 0;
	}
	__acquire(RCU);	/* sparse cannot see a conditional lock */
	stop = mincore2_table(walk, table, addr, end);
	pte_unmap_unlock(table, ptl);

	/* To ask who may know can sleep. Go on with the rest then. */
	if (w->addr != end && !stop) {
		mincore2_denied(w, walk->vma);
		walk->action = ACTION_AGAIN;
	}
	return stop;
}

static int mincore2_pmd_entry(pmd_t *pmdp, unsigned long addr,
			      unsigned long end, struct mm_walk *walk)
{
	struct mincore2_walk *w = walk->private;
	pmd_t pmd = pmdp_get_lockless(pmdp);

	if (pmd_present(pmd) ? !pmd_leaf(pmd) : pmd_none(pmd))
		return mincore2_pte_range(walk, pmdp, addr, end);
	if (w->private_dax || !pmd_present(pmd))
		return mincore2_locked_pmd(walk, pmdp, addr, end);
	return mincore2_huge_pmd(w, walk->vma, end, pmd, NULL);
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
				       (mincore2_denied(w, vma) ?
				MINCORE_DENIED : 0));
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
	struct mincore2_walk *w = walk->private;

	if (likely(!w->denied && !w->mapping))
		return mincore2_report(w, end, w->hole_state);
	return mincore2_report_hole(w, walk->vma, end);
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
	w->denied = -1;
	w->private_dax = dax && !shared;
	w->pfnmap = (vma->vm_flags & VM_PFNMAP) && !mincore2_denied(w, vma);
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
	if (!(w->want & walked) && !mincore2_denied(w, vma))
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
static size_t mincore2_copy_out(struct mincore2_walk *w, void __user *vec,
				size_t stored)
{
	struct mincore_region __user *r = vec;
	size_t i = 0;

	if (!w->regions)
		return w->nr - copy_to_user(vec + stored, w->buf.bytes, w->nr);

	r += stored;
	if (!user_write_access_begin(r, w->nr * sizeof(*r)))
		return 0;
	for (; i < w->nr; i++, r++) {
		unsafe_put_user(w->start, &r->start, out);
		unsafe_put_user(w->buf.pieces[i].end, &r->end, out);
		unsafe_put_user(w->buf.pieces[i].state, &r->state, out);
		w->start = w->buf.pieces[i].end;
	}
out:
	user_write_access_end();
	return i;
}

/*
 * The call proper, with arguments that have been checked: fill @vec with up
 * to @nr elements. Nothing is copied out while a lock is held. Without a page
 * (*@page is NULL), one is allocated when regions do not fit in w->buf, which has
 * room for a few; if that fails it is done with these.
 */
static long do_mincore2(struct mincore2_walk *w, unsigned long end,
			void __user *vec, size_t nr, void **page)
{
	size_t capacity = w->regions ? MINCORE2_FEW : PAGE_SIZE;
	size_t stored = 0;
	long err = 0;

	while (w->addr < end && stored < nr && !err) {
		unsigned long chunk = end;
		size_t copied;

		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		if (!*page && w->nr == capacity) {
			*page = (void *)__get_free_page(GFP_USER);
			if (*page) {
				w->buf.page = *page;
				capacity = PAGE_SIZE / sizeof(struct mincore2_piece);
			}
		}
		w->nr = 0;
		w->room = min(nr - stored, capacity);
		if (!w->regions && (end - w->addr) >> PAGE_SHIFT > w->room)
			chunk = w->addr + (w->room << PAGE_SHIFT);

		err = mmap_read_lock_killable(current->mm);
		if (err)
			break;
		err = mincore2_chunk(w, chunk);
		mmap_read_unlock(current->mm);

		if (w->regions && w->addr == end && w->nr < w->room)
			mincore2_flush(w);
		copied = mincore2_copy_out(w, vec, stored);
		stored += copied;
		if (copied != w->nr)
			return stored ?: -EFAULT;
		cond_resched();
	}

	/* The region that was being gathered, which an early stop cuts. */
	if (w->state != MINCORE2_NO_STATE && stored < nr) {
		w->nr = 0;
		mincore2_flush(w);
		if (mincore2_copy_out(w, vec, stored))
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
		.state = MINCORE2_NO_STATE,
	};
	struct mincore2_piece few[MINCORE2_FEW];
	void *page = NULL;
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
	w.start = addr;
	if (level)
		w.want |= MINCORE2_SHIFT(0xff);
	w.buf.pieces = few;
	if (!w.regions) {
		/* A byte a page: it is known what is needed. */
		page = (void *)__get_free_page(GFP_USER);
		if (!page)
			return -EAGAIN;
		w.buf.page = page;
	}
	ret = do_mincore2(&w, addr + length, vec, nr, &page);
	if (page)
		free_page((unsigned long)page);
	return ret;
}
