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

#define MINCORE2_STATES		(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | \
				 MINCORE_PERSIST | MINCORE_WRITABLE | \
				 MINCORE_ZERO | MINCORE_DENIED | MINCORE_UNMAPPED)
/* What an element of a byte vector has room for. */
#define MINCORE2_BYTE		0xffU

#define MINCORE2_SHIFT(shift)	((u64)(shift) << 56)
#define MINCORE2_PTE		(MINCORE_PTE | MINCORE2_SHIFT(PAGE_SHIFT))
#define MINCORE2_PMD		(MINCORE_PMD | MINCORE2_SHIFT(PMD_SHIFT))
#define MINCORE2_PUD		(MINCORE_PUD | MINCORE2_SHIFT(PUD_SHIFT))

/*
 * The work done under one hold of mmap_lock: no more than mincore() does, which
 * looks at as many PTEs. One unit is a PTE that is like the one before it.
 */
#define MINCORE2_BATCH		PAGE_SIZE
/* In this unit: to report a run of pages, be it one entry, */
#define MINCORE2_REPORT_WORK	6
/* to begin with a VMA, */
#define MINCORE2_VMA_WORK	100
/* to find out what a PTE means, */
#define MINCORE2_SEE_WORK	15
/* to look at the next entry of the page cache, or at one by mincore_page(), */
#define MINCORE2_CACHE_WORK	9
#define MINCORE2_LOOKUP_WORK	30
/* and to find the next page that is in the page cache at all. */
#define MINCORE2_FIND_WORK	250
/* The work done under one hold of a page-table lock, look-ups included. */
#define MINCORE2_TABLE_WORK	800

/*
 * In the states below, not for user space: RESIDENT is what the page cache says.
 * Only set where RESIDENT is wanted. No flag of a state, so no bit of one either.
 */
#define MINCORE2_LOOKUP		BIT(30)
/* No page has this state. */
#define MINCORE2_NO_STATE	U64_MAX
/*
 * Pieces for which no page is allocated: for eight regions, what precedes them,
 * and what follows.
 */
#define MINCORE2_FEW		10

/**
 * struct mincore2_piece - a region, which starts where the one before it ends
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
 * @pause:	what @budget falls to before a page-table lock is let go; else 0
 * @private_dax: @vma maps DAX memory, and copies a page when it is written
 * @vma:	the mapping that is walked
 * @page_state:	what each of its pages has that is in memory, whatever maps it
 * @hole_state:	what each of its pages has without an entry
 * @bytes:	where the next byte goes; NULL: regions are wanted
 * @piece:	the region that is being gathered: its @end is set when it does end
 * @full:	no room is left behind this piece
 * @buf:	the elements to be copied out next, in a page or, few pieces, on the
 *		stack. The first piece is none: it ends where the next one starts
 */
struct mincore2_walk {
	unsigned long addr;
	u64 want;
	int budget;
	int pause;
	bool private_dax;
	struct vm_area_struct *vma;
	u64 page_state;
	u64 hole_state;
	u8 *bytes;
	struct mincore2_piece *piece;
	struct mincore2_piece *full;
	union {
		u8 *bytes;
		struct mincore2_piece *pieces;
	} buf;
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

/* Bytes instead of a region, which is more work. */
static noinline void mincore2_put_bytes(struct mincore2_walk *w,
					unsigned long end, u64 state)
{
	size_t nr = (end - w->addr) >> PAGE_SHIFT;

	memset(w->bytes, state, nr);
	w->bytes += nr;
	w->budget -= MINCORE2_REPORT_WORK;
}

/* The pages from w->addr up to @end have @state. */
static __always_inline void mincore2_put(struct mincore2_walk *w,
					 unsigned long end, u64 state)
{
	struct mincore2_piece *piece = w->piece;

	state &= w->want;
	if (state != piece->state) {
		if (likely(!w->bytes)) {
			piece->end = w->addr;
			piece[1].state = state;
			w->piece = piece + 1;
		} else {
			mincore2_put_bytes(w, end, state);
		}
	}
	w->addr = end;
	w->budget -= MINCORE2_REPORT_WORK;
}

/* Does the walk have to stop, before the next page is put? */
static __always_inline int mincore2_stop(const struct mincore2_walk *w)
{
	return w->budget <= 0 || w->piece == w->full;
}

/* Or is there a page-table lock to be let go before that? */
static __always_inline bool mincore2_pause(const struct mincore2_walk *w)
{
	return w->budget <= w->pause || w->piece == w->full;
}

/*
 * Is the page @index of a file resident, for which the page cache holds @folio, or
 * a value? The answer holds for *@nr pages from there on. What is found without a
 * lock may be freed at any time, and used otherwise; once it is referenced it
 * stays, and is not split, but need not be the file's any more.
 */
static __always_inline bool mincore2_cached(struct mincore2_walk *w,
					    struct address_space *mapping,
					    struct folio *folio, pgoff_t index,
					    unsigned long *nr)
{
	if (likely(!xa_is_value(folio) && folio_try_get(folio))) {
		unsigned long offset = index - folio->index;
		unsigned long size = folio_nr_pages(folio);
		bool uptodate = folio_test_uptodate(folio);

		if (unlikely(folio->mapping != mapping))
			size = 0;
		folio_put(folio);
		if (likely(offset < size)) {
			*nr = size - offset;
			return uptodate;
		}
	}
	/* In swap, evicted, or just changing. */
	w->budget -= MINCORE2_LOOKUP_WORK;
	*nr = 1;
	return mincore_page(mapping, index);
}

/*
 * Is the page @index of the file resident, as mincore_page() has it? The answer
 * holds for the first of *@nr pages from there on: how many replaces *@nr.
 */
static bool mincore2_lookup(struct mincore2_walk *w, pgoff_t index,
			    unsigned long *nr)
{
	struct address_space *mapping = w->vma->vm_file->f_mapping;
	XA_STATE(xas, &mapping->i_pages, index);
	pgoff_t next = index, end = index + *nr;
	bool resident = false;
	struct folio *folio;
	unsigned long size;

	rcu_read_lock();
	w->budget -= MINCORE2_LOOKUP_WORK;
	do {
		folio = xas_find(&xas, end - 1);
	} while (xas_retry(&xas, folio));
	if (!folio || xas.xa_index > index) {
		w->budget -= MINCORE2_FIND_WORK;
		next = folio ? xas.xa_index : end;
		goto out;
	}
	resident = mincore2_cached(w, mapping, folio, index, &size);
	do {
		next += size;
		w->budget -= MINCORE2_CACHE_WORK;
		if (next >= end || w->budget <= w->pause)
			break;
		if (likely(size == 1)) {
			folio = xas_next(&xas);
		} else {
			xas_set(&xas, next);
			folio = xas_load(&xas);
		}
	} while (folio && !xa_is_internal(folio) &&
		 mincore2_cached(w, mapping, folio, next, &size) == resident);
out:
	rcu_read_unlock();
	*nr = min(next, end) - index;
	return resident;
}

/*
 * Report pages whose residency is that of the file: see mincore_page(). Runs
 * are stepped over as a whole; those without anything in the cache however long
 * they are.
 */
static noinline void mincore2_put_cached(struct mincore2_walk *w,
					 unsigned long end, u64 state)
{
	do {
		unsigned long nr = (end - w->addr) >> PAGE_SHIFT;
		bool resident = mincore2_lookup(w, linear_page_index(w->vma, w->addr),
						&nr);

		mincore2_put(w, w->addr + nr * PAGE_SIZE,
			     state | (resident ? MINCORE_RESIDENT : 0));
	} while (w->addr < end && !mincore2_pause(w));
}

/*
 * Report that the pages from w->addr up to @end, which are of w->vma or belong to
 * no mapping, have @state. Returns nonzero when the walk has to stop; not all of
 * these pages need to be reported then.
 */
static __always_inline int mincore2_report(struct mincore2_walk *w,
					   unsigned long end, u64 state)
{
	if (unlikely(state & MINCORE2_LOOKUP))
		mincore2_put_cached(w, end, state & ~MINCORE2_LOOKUP);
	else
		mincore2_put(w, end, state);
	return mincore2_stop(w);
}

/*
 * The state that a present entry gives. @page is what vm_normal_page() made of the
 * entry of a private DAX mapping: a copy is anonymous, and all else there is the
 * device or a hole of it.
 */
static __always_inline u64 mincore2_present(const struct mincore2_walk *w,
					    u64 level, bool write, bool zero,
					    const struct page *page)
{
	u64 state = w->page_state | level;

	/* A store to a shadow stack faults although pte_write() is true. */
	if (write && !(w->vma->vm_flags & VM_SHADOW_STACK))
		state |= MINCORE_WRITABLE;
	if (zero)
		state |= MINCORE_ZERO;
	if (w->private_dax && !(page && PageAnon(page)))
		state |= MINCORE_DAX;
	return state;
}

/**
 * struct mincore2_seen - a PTE whose state is known, and with it that of others
 * @like:	bits in which these agree
 * @bits:	what they are there
 * @state:	of their pages
 * @other:	another one
 */
struct mincore2_seen {
	u64 like;
	u64 bits;
	u64 state;
	struct mincore2_seen *other;
};

static __always_inline bool mincore2_is_like(pte_t pte,
					     const struct mincore2_seen *seen)
{
	return (pte_val(pte) & seen->like) == seen->bits;
}

/* In which bits PTEs have to agree with @pte, which is present. */
static u64 mincore2_bits(const struct mincore2_walk *w, pte_t pte)
{
	if (IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL) && !pte_special(pte) &&
	    !w->private_dax)
		return mincore2_like.normal;
	if ((pte_pfn(pte) ^ my_zero_pfn(0)) < MINCORE2_SECTION)
		return mincore2_like.exact;
	return mincore2_like.section;
}

/* Find out the state of the page at w->addr, and which PTEs have the same. */
static noinline void mincore2_see(struct mincore2_walk *w, pte_t pte,
				  struct mincore2_seen *seen)
{
	struct page *page = NULL;

	w->budget -= MINCORE2_SEE_WORK;
	seen->state = w->page_state;
	seen->like = ~0ULL;
	if (pte_none_mostly(pte)) {
		/* A marker is not a page: see mincore_pte_range(). */
		seen->state = w->hole_state;
	} else if (!pte_present(pte)) {
		/* A private DAX page with such an entry is a copy. */
		if (seen->state & w->want & MINCORE_RESIDENT) {
			w->budget -= MINCORE2_LOOKUP_WORK;
			if (!mincore_swap(pte))
				seen->state &= ~MINCORE_RESIDENT;
		}
	} else {
		seen->like = mincore2_bits(w, pte);
		if (w->private_dax)
			page = vm_normal_page(w->vma, w->addr, pte);
		seen->state = mincore2_present(w, MINCORE2_PTE, pte_write(pte),
					       is_zero_pfn(pte_pfn(pte)), page);
	}
	seen->bits = pte_val(pte) & seen->like;
}

/*
 * Report the PTEs of one table from w->addr up to @end, or fewer if that is much
 * work under one hold of the lock. The two states before are kept, so that those
 * which alternate are found out once.
 */
static int mincore2_table(struct mincore2_walk *w, pte_t *ptep, unsigned long end)
{
	/* No entry is like these. */
	struct mincore2_seen seen[] = {
		{ .bits = 1, .other = &seen[1] }, { .bits = 1, .other = &seen[0] },
	};
	struct mincore2_seen *s = seen;
	pte_t *begin = ptep, *last = ptep + ((end - w->addr) >> PAGE_SHIFT);

	w->pause = max(w->budget - MINCORE2_TABLE_WORK, 0);
	do {
		pte_t pte = ptep_get(ptep);

		s = s->other;
		if (!mincore2_is_like(pte, s))
			mincore2_see(w, pte, s);
		do {
			/* These are alike, and to read each can be slow. */
			ptep += pte_batch_hint(ptep, pte);
			if (ptep >= last)
				break;
			pte = ptep_get(ptep);
		} while (mincore2_is_like(pte, s));
		/* A batch may go on behind the range. */
		if (ptep > last)
			ptep = last;
		mincore2_report(w, end - (last - ptep) * PAGE_SIZE, s->state);
	} while (ptep != last && !mincore2_pause(w));
	w->pause = 0;

	w->budget -= ptep - begin;
	return mincore2_stop(w);
}

/* The same, taking the lock. Nothing is reported if there is no such table any more. */
static noinline int mincore2_pte_range(struct mincore2_walk *w, pmd_t *pmdp,
				       unsigned long end)
{
	spinlock_t *ptl;	/* of the table */
	pte_t *ptep;
	int stop;

	ptep = pte_offset_map_lock(w->vma->vm_mm, pmdp, w->addr, &ptl);
	if (!ptep) {
		/* To try again is work, too. */
		w->budget -= MINCORE2_SEE_WORK;
		return mincore2_stop(w);
	}
	__acquire(RCU);	/* sparse cannot see a conditional lock */
	stop = mincore2_table(w, ptep, end);
	pte_unmap_unlock(ptep, ptl);
	return stop;
}

/*
 * Report the pages of a PMD entry from w->addr up to @end, or fewer: not if it has
 * changed meanwhile, and not all if that is much work.
 *
 * What a huge entry says is taken from one reading of it: to have its lock would
 * not make that truer, and an entry that is being split or moved is either as it
 * was or none. The page need not be looked at, which would take the lock: none of a
 * private DAX mapping is a copy, as dax_fault_check_fallback() refuses to copy at
 * this level.
 */
static int mincore2_pmd(struct mincore2_walk *w, pmd_t *pmdp, unsigned long end)
{
	pmd_t pmd = pmdp_get_lockless(pmdp);
	bool write = pmd_write(pmd);

	if (pmd_none(pmd))
		return mincore2_report(w, end, w->hole_state);
	/* Being migrated: in memory, and a copy if the mapping is private. */
	if (!pmd_present(pmd))
		return mincore2_report(w, end, w->page_state);
	if (!pmd_leaf(pmd))
		return mincore2_pte_range(w, pmdp, end);
	/* No entry that can be written maps the zero page: spare the look. */
	return mincore2_report(w, end,
			       mincore2_present(w, MINCORE2_PMD, write,
						!write && is_huge_zero_pmd(pmd),
						NULL));
}

/*
 * The levels below are walked here, as the page walk would call back for each
 * entry. A table of PMDs that is there stays while mmap_lock is held.
 */
static int mincore2_pud_entry(pud_t *pudp, unsigned long addr,
			      unsigned long end, struct mm_walk *walk)
{
	struct mincore2_walk *w = walk->private;
	pud_t pud = pudp_get(pudp);
	pmd_t *pmdp;
	int stop;

	if (pud_leaf(pud))
		return mincore2_report(w, end,
				       mincore2_present(w, MINCORE2_PUD,
							pud_write(pud), false,
							NULL));
	if (!pud_present(pud))
		return mincore2_report(w, end, w->hole_state);

	pmdp = pmd_offset(pudp, addr);
	do {
		unsigned long next = pmd_addr_end(w->addr, end);

		stop = mincore2_pmd(w, pmdp, next);
		if (w->addr == next)
			pmdp++;
	} while (!stop && w->addr != end);
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
	struct mincore2_walk *w = walk->private;
	struct hstate *h = hstate_vma(w->vma);
	spinlock_t *ptl = huge_pte_lock(h, walk->mm, ptep);
	u64 state = w->page_state;
	pte_t pte;

	pte = huge_ptep_get(walk->mm, addr & hmask, ptep);
	spin_unlock(ptl);

	/* As mincore() has it: not resident, though it may be in the file. */
	if (huge_pte_none_mostly(pte))
		state = w->hole_state & ~MINCORE2_LOOKUP;
	/* Else it is being migrated, or poisoned. */
	else if (pte_present(pte))
		state = mincore2_present(w, mincore2_hugetlb_level(huge_page_shift(h)),
					 huge_pte_write(pte), false, NULL);
	return mincore2_report(w, end, state);
}
#else
#define mincore2_hugetlb_entry	NULL
#endif

static int mincore2_pte_hole(unsigned long addr, unsigned long end,
			     int depth, struct mm_walk *walk)
{
	struct mincore2_walk *w = walk->private;

	return mincore2_report(w, end, w->hole_state);
}

static const struct mm_walk_ops mincore2_walk_ops = {
	.pud_entry	= mincore2_pud_entry,
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
	/*
	 * May residency not be told? Only asked where somebody wants to know: it can
	 * sleep, as filesystems and security modules are asked, and needs a walk.
	 */
	bool denied = (w->want & MINCORE_DENIED) && !can_do_mincore(vma);
	u64 walked = MINCORE_RESIDENT | MINCORE_LEVEL | MINCORE_WRITABLE |
		     MINCORE_ZERO;
	u64 state = 0, lookup = 0;

	w->budget -= MINCORE2_VMA_WORK;
	w->vma = vma;
	w->private_dax = dax && !shared;
	if (w->private_dax)
		walked |= MINCORE_DAX;
	if (dax && shared)
		state = MINCORE_DAX;
	if ((w->want & MINCORE_PERSIST) && dax && shared && vma->vm_ops &&
	    vma->vm_ops->persistence_safe && vma->vm_ops->persistence_safe(vma))
		state |= MINCORE_PERSIST;
	if (!(w->want & walked) && !denied)
		return mincore2_report(w, end, state);

	/* The page cache of a DAX file holds no folios. */
	if ((w->want & MINCORE_RESIDENT) && vma->vm_file && !dax)
		lookup = MINCORE2_LOOKUP;
	w->hole_state = state | (dax ? MINCORE_DAX : 0) |
			(denied ? MINCORE_DENIED : lookup);
	/* mincore() does not walk a PFN mapping, and asks the file instead. */
	if ((vma->vm_flags & VM_PFNMAP) && !denied)
		w->page_state = state | lookup;
	else
		w->page_state = state | MINCORE_RESIDENT;
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

/* Copy @nr elements out. Returns how many of them user space now has. */
static size_t mincore2_copy_out(struct mincore2_walk *w, void __user *vec,
				size_t nr)
{
	struct mincore_region __user *r = vec;
	struct mincore2_piece *p = w->buf.pieces, *last = p + nr;
	unsigned long start = p->end;

	if (w->bytes) {
		w->bytes = w->buf.bytes;
		return nr - copy_to_user(vec, w->buf.bytes, nr);
	}
	if (!user_write_access_begin(r, nr * sizeof(*r)))
		return 0;
	for (; p != last; r++) {
		unsafe_put_user(start, &r->start, out);
		start = p[1].end;
		unsafe_put_user(start, &r->end, out);
		unsafe_put_user(p[1].state, &r->state, out);
		p++;
	}
out:
	user_write_access_end();
	return p - w->buf.pieces;
}

/*
 * Go on behind the first @nr pieces: with the region that is being gathered, if
 * there is one. If the few pieces on the stack were not enough, with a whole @page
 * of them, if there is memory. There is room for up to @max regions then.
 */
static void mincore2_next_pieces(struct mincore2_walk *w, size_t nr, void **page,
				 size_t max)
{
	struct mincore2_piece *old = w->buf.pieces + nr;
	size_t room = MINCORE2_FEW;
	bool gathering = w->piece != old;

	if (!*page && w->piece == w->full)
		*page = (void *)__get_free_page(GFP_USER);
	if (*page) {
		w->buf.bytes = *page;
		room = PAGE_SIZE / sizeof(*old);
	}
	w->buf.pieces[0] = old[0];
	if (gathering)
		w->buf.pieces[1] = old[1];
	w->piece = w->buf.pieces + gathering;
	w->full = w->buf.pieces + 1 + min(room - 2, max);
}

/*
 * How many regions can be copied out. Not the last one if there is @more: it may go
 * on behind @w->addr.
 */
static size_t mincore2_gathered(struct mincore2_walk *w, bool more)
{
	size_t n = w->piece - w->buf.pieces;

	w->piece->end = w->addr;
	/* A chunk reports something, or there is an error. */
	if (!more || WARN_ON_ONCE(!n))
		return n;
	return n - 1;
}

/*
 * The call proper, with arguments that have been checked: fill @vec with up to
 * @nr elements. Nothing is copied out while a lock is held.
 */
static long do_mincore2(struct mincore2_walk *w, unsigned long end,
			void __user *vec, size_t nr, void **page)
{
	size_t size = w->bytes ? sizeof(u8) : sizeof(struct mincore_region);
	size_t stored = 0, n = 0, copied;
	long err = 0;

	while (w->addr < end && stored < nr && !err) {
		unsigned long chunk = end;

		if (!w->bytes)
			mincore2_next_pieces(w, n, page, nr - stored);
		else if ((end - w->addr) >> PAGE_SHIFT > PAGE_SIZE)
			chunk = w->addr + PAGE_SIZE * PAGE_SIZE;

		if (signal_pending(current))
			err = -ERESTARTSYS;
		else
			err = mmap_read_lock_killable(current->mm);
		if (!err) {
			err = mincore2_chunk(w, chunk);
			mmap_read_unlock(current->mm);
		}

		if (w->bytes) {
			n = w->bytes - w->buf.bytes;
		} else {
			n = mincore2_gathered(w, w->addr < end && !err);
			n = min(n, nr - stored);
		}
		copied = mincore2_copy_out(w, vec + stored * size, n);
		stored += copied;
		if (copied != n)
			err = -EFAULT;
		if (w->addr < end)
			cond_resched();
	}
	return stored ?: err;
}

/* What is to be reported when @flags ask. */
static u64 mincore2_wanted(unsigned int flags)
{
	u64 want = (flags & MINCORE2_STATES) | MINCORE_UNMAPPED;

	/* A residency that is withheld must not look like "not in memory". */
	if (flags & MINCORE_RESIDENT)
		want |= MINCORE_DENIED;
	if (flags & MINCORE_LEVEL)
		want |= MINCORE2_SHIFT(0xff);
	return want;
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
	/* Only what was written is read. */
	struct mincore2_piece few[MINCORE2_FEW] __uninitialized;
	struct mincore2_walk w = {
		.want = mincore2_wanted(flags),
		.piece = few, .buf.pieces = few,
	};
	bool regions = flags & MINCORE_REGIONS;
	unsigned int level = flags & MINCORE_LEVEL;
	void *page = NULL;
	long ret;

	if (flags & ~(MINCORE2_STATES | MINCORE_REGIONS))
		return -EINVAL;
	if (!(flags & MINCORE2_STATES))
		return -EINVAL;
	if (level && level != MINCORE_LEVEL)
		return -EINVAL;
	if (!regions && (flags & ~MINCORE2_BYTE))
		return -EINVAL;

	addr = untagged_addr(addr);
	if (!PAGE_ALIGNED(addr))
		return -EINVAL;
	if (regions && !IS_ALIGNED((unsigned long)vec, sizeof(u64)))
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
	few[0] = (struct mincore2_piece) { .end = addr, .state = MINCORE2_NO_STATE };
	if (!regions) {
		/* A byte a page: it is known what is needed. */
		length = nr << PAGE_SHIFT;
		page = (void *)__get_free_page(GFP_USER);
		if (!page)
			return -EAGAIN;
		w.buf.bytes = page;
		w.bytes = page;
	}
	ret = do_mincore2(&w, addr + length, vec, nr, &page);
	if (page)
		free_page((unsigned long)page);
	return ret;
}
