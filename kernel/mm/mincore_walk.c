// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of mincore() and mincore2(): what backs each page of a process's memory, at
 * which level it is mapped, and whether a store to it is persistence-safe. What is
 * resident, and who may know, is in mincore.c; the system call mincore2() in mincore2.c.
 * Documentation/userspace-api/mincore2.rst is the contract.
 */
#include <linux/dax.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pagewalk.h>
#include <uapi/linux/mincore.h>

#include "internal.h"
#include "mincore_walk.h"

#define MINCORE_PTE_ENTRY	MINCORE_ENTRY(MINCORE_PTE, PAGE_SHIFT)
/* Not for user space: RESIDENT is wanted, and is what the file's page cache says. */
#define MINCORE_ASK_FILE	BIT_ULL(30)
/* So many PTEs are one piece of work; and so much work is done under a page-table lock. */
#define MINCORE_PTES		24
#define MINCORE_TABLE_WORK	32

/* Begin the region behind @region. Returns it. */
static __always_inline struct mincore_region *
begin_region(struct mincore_region *region, unsigned long addr, u64 state)
{
	region++;
	region->start = addr;
	region->state = state;
	return region;
}

/* The pages from w->addr up to @end have @state. */
static __always_inline void emit(struct mincore_walk *w, unsigned long end, u64 state)
{
	size_t nr = (end - w->addr) >> PAGE_SHIFT;

	state &= w->want;
	if (!w->byte) {
		if (state != w->region->state) {
			w->region = begin_region(w->region, w->addr, state);
			if (w->region == w->last)
				w->work = -MINCORE_WORK;
		}
	} else if (nr == 1) {
		*w->byte++ = state;
	} else {
		memset(w->byte, state, nr);
		w->byte += nr;
	}
	w->addr = end;
}

/*
 * Report pages up to @end: @state, and resident if the page cache says so. Or report
 * fewer, and then the walk has to stop: nonzero.
 */
static __always_inline int report(struct mincore_walk *w, unsigned long end, u64 state)
{
	unsigned long nr;
	bool resident;

	if (likely(!(state & MINCORE_ASK_FILE))) {
		emit(w, end, state);
		return --w->work <= 0;
	}
	do {
		nr = mincore_cached(&w->xas, linear_page_index(w->vma, w->addr),
				    (end - w->addr) >> PAGE_SHIFT, &w->work, &resident);
		emit(w, w->addr + nr * PAGE_SIZE, state | (resident ? MINCORE_RESIDENT : 0));
	} while (--w->work > 0 && w->addr != end);
	return w->work <= 0;
}

/*
 * The state of a page that one entry maps. A huge entry of a private DAX mapping
 * maps no copy, as dax_fault_check_fallback() refuses to copy at its level.
 */
static __always_inline u64 entry_state(const struct mincore_walk *w, u64 entry, bool write)
{
	return w->page_state | entry | (write ? w->writable : 0) |
	       (w->private_dax ? MINCORE_DAX : 0);
}

static __always_inline bool maps_zero_page(pte_t pte)
{
	return (!IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL) || pte_special(pte)) &&
	       is_zero_pfn(pte_pfn(pte));
}

/* Else the compiler would compute the address for each PTE, to use it for few. */
static __always_inline unsigned long page_before(unsigned long end, long i)
{
	OPTIMIZER_HIDE_VAR(i);
	return end + i * PAGE_SIZE;
}

/*
 * Report the pages from w->addr up to @end, or up to the first that is not present.
 * The innermost loop: compiled for each format, it counts up to 0, and looks at two
 * bits of most PTEs. One with write permission does not map the zero page.
 */
static __always_inline void emit_present(struct mincore_walk *w, pte_t *ptep,
					 unsigned long end, const bool bytes,
					 const bool plain)
{
	const u64 readonly = w->want & (w->page_state | MINCORE_PTE_ENTRY);
	const u64 writable = readonly | (w->want & w->writable);
	const u64 zero = readonly | (w->want & MINCORE_ZERO);
	const long max = (end - w->addr) >> PAGE_SHIFT;
	struct mincore_region *region = w->region;
	u8 *byte = w->byte + max;
	pte_t zero_pte = __pte(0);	/* the last that was seen */
	long i, nr;

	ptep += max;
	for (i = -max; i < 0; i += nr) {
		pte_t pte = ptep_get(ptep + i);
		u64 state = plain ? readonly : writable;

		if (!pte_present(pte))
			break;
		/* To read each PTE of a contiguous range can be slow. */
		nr = pte_batch_hint(ptep + i, pte);
		if (nr > 1)
			nr = min(nr, -i);
		if (!plain && !pte_write(pte)) {
			state = readonly;
			pte = ptep_get(ptep + i);
			if (!bytes && (pte_same(pte, zero_pte) || maps_zero_page(pte))) {
				state = zero;
				zero_pte = pte;
			}
		}
		if (bytes) {
			memset(byte + i, state, nr);
		} else if (unlikely(state != region->state)) {
			region = begin_region(region, page_before(end, i), state);
			if (region == w->last) {
				i += nr;
				break;
			}
		}
	}
	w->addr = end + i * PAGE_SIZE;
	w->work -= (unsigned long)(max + i) / MINCORE_PTES;
	if (bytes) {
		w->byte = byte + i;
	} else {
		w->region = region;
		if (region == w->last)
			w->work = -MINCORE_WORK;
	}
}

/* Report the page at w->addr, where its PTE does not say all that is wanted. */
static void emit_one(struct mincore_walk *w, pte_t pte)
{
	u64 state = entry_state(w, MINCORE_PTE_ENTRY, pte_write(pte));
	struct page *page = NULL;

	if (maps_zero_page(pte))
		state |= MINCORE_ZERO;
	if (w->private_dax && !pte_special(pte))
		page = vm_normal_page(w->vma, w->addr, pte);
	/* A copy; not the device, or a hole of it. */
	if (page && PageAnon(page))
		state &= ~(u64)MINCORE_DAX;
	report(w, w->addr + PAGE_SIZE, state);
}

/* Report the page at w->addr, or as many without a PTE as there are up to @end. */
static __always_inline void emit_not_present(struct mincore_walk *w, pte_t *ptep,
					     pte_t pte, unsigned long end)
{
	unsigned long next = w->addr + PAGE_SIZE;
	u64 state = w->page_state;

	/* A marker is no page. */
	if (pte_none(pte) || mincore_marker(pte)) {
		state = w->unmapped_state;
		while (next != end && pte_none(ptep_get(++ptep))) {
			next += PAGE_SIZE;
			if ((state & MINCORE_ASK_FILE) &&
			    next - w->addr >= MINCORE_TABLE_WORK * PAGE_SIZE)
				break;
		}
	} else if (state & w->want & MINCORE_RESIDENT) {
		w->work--;
		if (!mincore_swap_pte(pte))
			state &= ~(u64)MINCORE_RESIDENT;
	}
	report(w, next, state);
}

/* Report the pages of one table, or fewer: none if there is no such table any more. */
static noinline int walk_ptes(struct mincore_walk *w, pmd_t *pmdp, unsigned long end)
{
	/* Nothing is wanted that two present PTEs may differ in. */
	bool plain = !(w->want & (MINCORE_WRITABLE | MINCORE_ZERO));
	bool one = (w->page_state & MINCORE_ASK_FILE) ||
		   (w->private_dax && (w->want & MINCORE_DAX));
	unsigned long start = w->addr;
	spinlock_t *ptl;	/* of the table */
	pte_t *table, *ptep, pte;
	int later;		/* work that has to wait until it was let go */

	w->work--;
	table = pte_offset_map_lock(w->vma->vm_mm, pmdp, start, &ptl);
	if (!table)
		return w->work <= 0;
	__acquire(RCU);	/* sparse cannot see a conditional lock */
	later = max(w->work - MINCORE_TABLE_WORK, 0);
	w->work -= later;
	do {
		ptep = table + ((w->addr - start) >> PAGE_SHIFT);
		pte = ptep_get(ptep);
		if (!pte_present(pte))
			emit_not_present(w, ptep, pte, end);
		else if (one)
			emit_one(w, pte);
		else if (!w->byte)
			emit_present(w, ptep, end, false, false);
		else if (plain)
			emit_present(w, ptep, end, true, true);
		else
			emit_present(w, ptep, end, true, false);
	} while (w->addr != end && w->work > 0);
	pte_unmap_unlock(table, ptl);
	w->work += later;
	return w->work <= 0 || mmap_lock_is_contended(w->vma->vm_mm);
}

/*
 * Report the pages of a PMD entry, or fewer. What a huge entry says is taken from one
 * reading of it: to have its lock would not make that truer, and an entry that is
 * being split or moved is either as it was or none.
 */
static __always_inline int walk_pmd(struct mincore_walk *w, pmd_t *pmdp, unsigned long end)
{
	pmd_t pmd = pmdp_get_lockless(pmdp);
	u64 entry = MINCORE_ENTRY(MINCORE_PMD, PMD_SHIFT);

	if (pmd_present(pmd)) {
		if (!pmd_leaf(pmd))
			return walk_ptes(w, pmdp, end);
		if (!pmd_write(pmd) && is_huge_zero_pmd(pmd))
			entry |= MINCORE_ZERO;
		return report(w, end, entry_state(w, entry, pmd_write(pmd)));
	}
	/* Else being migrated: in memory, and a copy if the mapping is private. */
	return report(w, end, pmd_none(pmd) ? w->unmapped_state : w->page_state);
}

static int walk_pmds(struct mincore_walk *w, pud_t *pudp, unsigned long end)
{
	pmd_t *pmdp = pmd_offset(pudp, w->addr);
	unsigned long next;
	int stop;

	w->work--;
	do {
		next = pmd_addr_end(w->addr, end);
		stop = walk_pmd(w, pmdp, next);
		pmdp += w->addr == next;
	} while (!stop && w->addr != end);
	return stop;
}

/*
 * The page walk would call back for each entry of the levels below, which takes longer.
 * A table of PMDs stays while mmap_lock is held. A second call for a range does nothing.
 */
static int walk_pud(pud_t *pudp, unsigned long addr, unsigned long end,
		    struct mm_walk *walk)
{
	struct mincore_walk *w = walk->private;
	u64 entry = MINCORE_ENTRY(MINCORE_PUD, PUD_SHIFT);
	pud_t pud = pudp_get(pudp);
	int stop;

	if (w->addr >= end)
		return 0;
	rcu_read_lock();	/* for the page cache */
	xas_reset(&w->xas);
	if (pud_present(pud) && !pud_leaf(pud))
		stop = walk_pmds(w, pudp, end);
	else
		stop = report(w, end, pud_leaf(pud) ?
			      entry_state(w, entry, pud_write(pud)) : w->unmapped_state);
	rcu_read_unlock();
	return stop;
}

static int walk_hole(unsigned long addr, unsigned long end, int depth,
		     struct mm_walk *walk)
{
	struct mincore_walk *w = walk->private;
	int stop = 0;

	rcu_read_lock();	/* for the page cache */
	xas_reset(&w->xas);
	if (w->addr < end)
		stop = report(w, end, w->unmapped_state);
	rcu_read_unlock();
	return stop;
}

#ifdef CONFIG_HUGETLB_PAGE
static int walk_hugetlb(pte_t *ptep, unsigned long hmask, unsigned long addr,
			unsigned long end, struct mm_walk *walk)
{
	struct mincore_walk *w = walk->private;
	struct hstate *h = hstate_vma(w->vma);
	spinlock_t *ptl = huge_pte_lock(h, walk->mm, ptep);
	unsigned int shift = huge_page_shift(h);
	u64 state = w->page_state, level;
	pte_t pte;

	pte = huge_ptep_get(walk->mm, addr & hmask, ptep);
	spin_unlock(ptl);

	/* Folded levels have the shift of the one above: prefer the lowest. */
	level = shift < PMD_SHIFT ? MINCORE_PTE :
		shift == PMD_SHIFT || shift < PUD_SHIFT ? MINCORE_PMD :
		shift == PUD_SHIFT ? MINCORE_PUD : 0;
	/* mincore() always had it that this is not resident, be it in the file. */
	if (huge_pte_none(pte) || mincore_marker(pte))
		state = w->unmapped_state & ~MINCORE_ASK_FILE;
	/* Else it is being migrated, or poisoned. */
	else if (pte_present(pte))
		state = entry_state(w, MINCORE_ENTRY(level, shift),
				    huge_pte_write(pte));
	return w->addr < end ? report(w, end, state) : 0;
}
#else
#define walk_hugetlb	NULL
#endif

static const struct mm_walk_ops walk_ops = {
	.pud_entry	= walk_pud,
	.pte_hole	= walk_hole,
	.hugetlb_entry	= walk_hugetlb,
	.walk_lock	= PGWALK_RDLOCK,
};

/**
 * mincore_walk_vma - report the pages of a mapping
 * @w: the walk; goes on at w->addr
 * @vma: the mapping; mmap_lock is held
 * @end: end of the last page, in @vma
 *
 * Only the owner of the mapping knows whether a store is durable: neither VM_SYNC, which
 * mmap() sets unchecked, nor the page says it.
 *
 * Return: nonzero if mmap_lock should be dropped; maybe not all pages were reported then.
 */
int mincore_walk_vma(struct mincore_walk *w, struct vm_area_struct *vma, unsigned long end)
{
	bool dax = vma_is_dax(vma), shared_dax = dax && (vma->vm_flags & VM_MAYSHARE);
	/* Only asked if somebody wants to know, as file systems may sleep over it. */
	bool denied = (w->want & MINCORE_DENIED) && !can_do_mincore(vma);
	u64 walked = MINCORE_RESIDENT | MINCORE_LEVEL | MINCORE_WRITABLE |
		     MINCORE_ZERO | (dax && !shared_dax ? MINCORE_DAX : 0);
	u64 state = shared_dax ? MINCORE_DAX : 0, ask_file = 0;

	w->work--;
	w->vma = vma;
	w->private_dax = dax && !shared_dax;
	if ((w->want & MINCORE_PERSIST) && shared_dax && vma->vm_ops &&
	    vma->vm_ops->persistence_safe && vma->vm_ops->persistence_safe(vma))
		state |= MINCORE_PERSIST;
	if ((w->want & MINCORE_PINNABLE) && vma_may_pin_longterm(vma))
		state |= MINCORE_PINNABLE;
	/* What holds for all of the mapping needs no walk. */
	if (!(w->want & walked) && !denied)
		return report(w, end, state);

	/* The page cache of a DAX file holds no folios. */
	if ((w->want & MINCORE_RESIDENT) && vma->vm_file && !dax) {
		ask_file = MINCORE_ASK_FILE;
		w->xas.xa = &vma->vm_file->f_mapping->i_pages;
	}
	w->unmapped_state = state | (dax ? MINCORE_DAX : 0) |
			    (denied ? MINCORE_DENIED : ask_file);
	/* mincore() never looked at PFN mappings, and asked the file instead. */
	w->page_state = state | MINCORE_RESIDENT;
	if ((vma->vm_flags & VM_PFNMAP) && !denied)
		w->page_state = state | ask_file;
	/* A store to a shadow stack faults although pte_write() is true. */
	w->writable = vma->vm_flags & VM_SHADOW_STACK ? 0 : MINCORE_WRITABLE;
	return walk_page_range_vma(vma, w->addr, end, &walk_ops, w);
}

/**
 * mincore_walk_gap - report pages where nothing is mapped
 * @w: the walk; goes on at w->addr
 * @end: end of the last page
 *
 * Return: nonzero if mmap_lock should be dropped.
 */
int mincore_walk_gap(struct mincore_walk *w, unsigned long end)
{
	return report(w, end, MINCORE_UNMAPPED);
}

/**
 * mincore_resident - which pages of a mapping are in memory?
 * @vma: the mapping; mmap_lock is held
 * @start: first page
 * @end: end of the last page
 * @vec: a byte for each page: 1 if it is in memory, else 0
 *
 * Return: how many pages were answered; then mmap_lock should be dropped. None, if a page
 * table has just gone: ask again.
 */
unsigned long mincore_resident(struct vm_area_struct *vma, unsigned long start,
			       unsigned long end, u8 *vec)
{
	struct mincore_walk w = {
		.addr = start, .want = MINCORE_RESIDENT, .byte = vec,
		.work = MINCORE_WORK,
	};

	mincore_walk_vma(&w, vma, end);
	return (w.addr - start) >> PAGE_SHIFT;
}
