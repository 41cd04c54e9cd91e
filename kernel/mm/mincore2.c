// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of mincore() and mincore2(), and mincore2() itself: what backs each page of
 * the caller's memory, at which level it is mapped, and whether a store to it is
 * persistence-safe. Documentation/userspace-api/mincore2.rst is the contract. What is
 * resident, and who may know, is in mincore.c.
 */
#include <linux/dax.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pagewalk.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <uapi/linux/mincore.h>

#include "internal.h"

/* The level of an entry, and in the uppermost byte the size that it maps. */
#define MINCORE_ENTRY(level, shift)	((level) | (u64)(shift) << 56)
#define MINCORE_PTE_ENTRY		MINCORE_ENTRY(MINCORE_PTE, PAGE_SHIFT)
/* Not for user space: RESIDENT is wanted, and is what the file's page cache says. */
#define MINCORE_ASK_FILE		BIT_ULL(30)
/* No page has this state. */
#define MINCORE_NO_STATE		U64_MAX
/* Work under one hold of mmap_lock: VMAs, tables, huge entries, look-ups, 8 PTEs each. */
#define MINCORE_WORK			256
#define MINCORE_PTES			8

/* A call in progress. */
struct mincore_walk {
	unsigned long addr;	/* all pages below have been reported */
	u64 want;		/* the bits to report; all others are cleared */
	int work;		/* may still be done before mmap_lock is dropped */
	bool private_dax;	/* @vma is DAX, and copies a page that is written */
	struct vm_area_struct *vma;	/* is walked; what its pages have: */
	u64 page_state;		/* if they are in memory, whatever maps them */
	u64 unmapped_state;	/* without an entry */
	u64 writable;		/* with an entry that has write permission */
	u8 *byte;		/* where the next one goes; NULL: regions are wanted */
	struct mincore_region *region;	/* is being gathered, and ends at @addr */
	struct mincore_region *last;	/* when this one begins, @work is over */
};

/* A region with another state begins at @addr. */
static __always_inline void begin_region(struct mincore_walk *w,
					 unsigned long addr, u64 state)
{
	struct mincore_region *region = w->region;

	region[0].end = addr;
	region[1].start = addr;
	region[1].state = state;
	w->region = region + 1;
	if (region + 1 == w->last)
		w->work = 0;
}

/* The pages from w->addr up to @end have @state. */
static __always_inline void emit(struct mincore_walk *w, unsigned long end, u64 state)
{
	size_t nr = (end - w->addr) >> PAGE_SHIFT;

	state &= w->want;
	w->work--;
	if (!w->byte) {
		if (state != w->region->state)
			begin_region(w, w->addr, state);
	} else if (nr == 1) {
		*w->byte++ = state;
	} else {
		memset(w->byte, state, nr);
		w->byte += nr;
	}
	w->addr = end;
}

/*
 * Is the page of a file resident, as mincore_page() has it? @xas is at it, and found
 * @folio there. The answer holds for the first of *@nr pages from there on.
 *
 * The folio is not referenced, so it may be freed and used otherwise at any time. But
 * if it is this page after its flags were read, then it was all the time; or it left
 * the page cache and came back, and had been up to date unless reading it failed. How
 * long a large folio is the page cache knows: while it is split it itself does not.
 */
static __always_inline bool cached_resident(struct xa_state *xas,
					    struct address_space *mapping,
					    struct folio *folio, unsigned long *nr)
{
	pgoff_t index = xas->xa_index, first = index;
	unsigned long flags;

	*nr = 1;
	if (!xa_pointer_tag(folio)) {
		flags = READ_ONCE(folio->flags);
		if (unlikely(flags & BIT(PG_head))) {
			*nr = 1UL << xas_get_order(xas);
			first = index & -*nr;
			*nr -= index - first;
		}
		smp_rmb();	/* the flags before the rest */
		if (likely(READ_ONCE(folio->mapping) == mapping &&
			   READ_ONCE(folio->index) == first))
			return flags & BIT(PG_uptodate);
		*nr = 1;
	}
	/* A swap entry, or just changing. */
	return mincore_page(mapping, index);
}

/* How many pages from w->addr on, at least one, of @max are alike in the page cache? */
static unsigned long cached_run(struct mincore_walk *w, unsigned long max,
				bool *resident)
{
	struct address_space *mapping = w->vma->vm_file->f_mapping;
	pgoff_t index = linear_page_index(w->vma, w->addr);
	XA_STATE(xas, &mapping->i_pages, index);
	struct folio *folio = xas_load(&xas);
	unsigned long nr, done;

	*resident = false;
	if (!folio) {
		folio = xas_find(&xas, index + max - 1);
		return folio ? xas.xa_index - index : max;
	}
	*resident = cached_resident(&xas, mapping, folio, &nr);
	if (nr > 1)
		return min(nr, max);
	max = min_t(unsigned long, max, w->work);
	for (done = 1; done < max; done++) {
		folio = xas_next(&xas);
		if (!folio || nr > 1 ||
		    cached_resident(&xas, mapping, folio, &nr) != *resident)
			break;
	}
	w->work -= done;
	return done;
}

/* Report pages up to @end, or fewer: @state, and resident if the page cache says so. */
static noinline void emit_cached(struct mincore_walk *w, unsigned long end, u64 state)
{
	unsigned long nr;
	bool resident;

	rcu_read_lock();
	do {
		nr = cached_run(w, (end - w->addr) >> PAGE_SHIFT, &resident);
		emit(w, w->addr + nr * PAGE_SIZE,
		     state | (resident ? MINCORE_RESIDENT : 0));
	} while (w->addr != end && w->work > 0);
	rcu_read_unlock();
}

/* The same, where the page cache may have to be asked. Nonzero: the walk has to stop. */
static __always_inline int report(struct mincore_walk *w, unsigned long end, u64 state)
{
	if (unlikely(state & MINCORE_ASK_FILE))
		emit_cached(w, end, state & ~MINCORE_ASK_FILE);
	else
		emit(w, end, state);
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
 * bits of most PTEs. One with write permission does not map the zero page, and in a
 * private mapping it maps a copy; one without is read again to find out.
 */
static __always_inline void emit_present(struct mincore_walk *w, pte_t *ptep,
					 unsigned long end, const bool bytes,
					 const bool plain)
{
	const u64 readonly = w->want & (w->page_state | MINCORE_PTE_ENTRY);
	const u64 writable = readonly | (w->want & w->writable);
	const long max = (end - w->addr) >> PAGE_SHIFT;
	struct mincore_region *region = w->region;
	u8 *byte = w->byte + max;
	struct page *page;
	long i, nr;

	ptep += max;
	for (i = -max; i < 0; i += nr) {
		pte_t pte = ptep_get(ptep + i);
		u64 state = writable;

		if (!pte_present(pte))
			break;
		/* To read each PTE of a contiguous range can be slow. */
		nr = pte_batch_hint(ptep + i, pte);
		if (nr > 1)
			nr = min(nr, -i);
		if (!plain && !pte_write(pte)) {
			state = readonly;
			if (!bytes && maps_zero_page(ptep_get(ptep + i)))
				state |= w->want & MINCORE_ZERO;
			if (unlikely(w->private_dax)) {
				if (w->work-- <= 0)
					break;
				pte = ptep_get(ptep + i);
				page = pte_special(pte) ? NULL :
				       vm_normal_page(w->vma, page_before(end, i), pte);
				/* The device, or a hole of it. */
				if (!page || !PageAnon(page))
					state |= w->want & MINCORE_DAX;
			}
		}
		if (bytes) {
			memset(byte + i, state, nr);
		} else if (unlikely(state != region->state)) {
			begin_region(w, page_before(end, i), state);
			region = w->region;
			if (region == w->last) {
				i += nr;
				break;
			}
		}
	}
	if (bytes)
		w->byte = byte + i;
	w->addr = end + i * PAGE_SIZE;
	w->work -= (max + i) / MINCORE_PTES;
}

/* Report the page at w->addr, or as many without a PTE as there are up to @end. */
static __always_inline void emit_not_present(struct mincore_walk *w, pte_t *ptep,
					     unsigned long end)
{
	unsigned long next = w->addr + PAGE_SIZE;
	u64 state = w->page_state;
	pte_t pte = ptep_get(ptep);

	/* A marker is no page: see mincore_swap(). */
	if (pte_none_mostly(pte)) {
		state = w->unmapped_state;
		while (next != end && pte_none(ptep_get(++ptep)))
			next += PAGE_SIZE;
	} else if (state & w->want & MINCORE_RESIDENT) {
		w->work--;
		if (!mincore_swap(pte))
			state &= ~MINCORE_RESIDENT;
	}
	report(w, next, state);
}

/* Report the pages of one table, or fewer: none if there is no such table any more. */
static noinline int walk_ptes(struct mincore_walk *w, pmd_t *pmdp, unsigned long end)
{
	/* Nothing is wanted that two present PTEs may differ in. */
	bool plain = !(w->want & (MINCORE_WRITABLE | MINCORE_ZERO)) && !w->private_dax;
	unsigned long start = w->addr;
	spinlock_t *ptl;	/* of the table */
	pte_t *table, *ptep, pte;

	w->work--;
	table = pte_offset_map_lock(w->vma->vm_mm, pmdp, start, &ptl);
	if (!table)
		return w->work <= 0;
	__acquire(RCU);	/* sparse cannot see a conditional lock */
	do {
		ptep = table + ((w->addr - start) >> PAGE_SHIFT);
		pte = ptep_get(ptep);
		if (!pte_present(pte))
			emit_not_present(w, ptep, end);
		else if (w->page_state & MINCORE_ASK_FILE)
			report(w, w->addr + PAGE_SIZE,
			       entry_state(w, MINCORE_PTE_ENTRY, pte_write(pte)) |
			       (maps_zero_page(pte) ? MINCORE_ZERO : 0));
		else if (!w->byte)
			emit_present(w, ptep, end, false, false);
		else if (plain)
			emit_present(w, ptep, end, true, true);
		else
			emit_present(w, ptep, end, true, false);
	} while (w->addr != end && w->work > 0);
	pte_unmap_unlock(table, ptl);
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

	if (pmd_none(pmd))
		return report(w, end, w->unmapped_state);
	/* Being migrated: in memory, and a copy if the mapping is private. */
	if (!pmd_present(pmd))
		return report(w, end, w->page_state);
	if (!pmd_leaf(pmd))
		return walk_ptes(w, pmdp, end);
	if (!pmd_write(pmd) && is_huge_zero_pmd(pmd))
		entry |= MINCORE_ZERO;
	return report(w, end, entry_state(w, entry, pmd_write(pmd)));
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
	int stop = 0;

	if (w->addr >= end)
		return 0;
	if (pud_leaf(pud))
		return report(w, end, entry_state(w, entry, pud_write(pud)));
	if (!pud_present(pud))
		return report(w, end, w->unmapped_state);
	w->work--;
	while (w->addr != end && !stop)
		stop = walk_pmd(w, pmd_offset(pudp, w->addr),
				pmd_addr_end(w->addr, end));
	return stop;
}

static int walk_hole(unsigned long addr, unsigned long end, int depth,
		     struct mm_walk *walk)
{
	struct mincore_walk *w = walk->private;

	return w->addr < end ? report(w, end, w->unmapped_state) : 0;
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
	if (huge_pte_none_mostly(pte))
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

/*
 * Report the pages of @vma. Only the owner of the mapping knows whether a store is
 * durable: neither VM_SYNC, which mmap() sets unchecked, nor the page says it.
 */
static int walk_vma(struct mincore_walk *w, struct vm_area_struct *vma,
		    unsigned long end)
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
	/* What the owner says needs no walk. */
	if (!(w->want & walked) && !denied)
		return report(w, end, state);

	/* The page cache of a DAX file holds no folios. */
	if ((w->want & MINCORE_RESIDENT) && vma->vm_file && !dax)
		ask_file = MINCORE_ASK_FILE;
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
 * mincore_resident - which pages of a mapping are in memory?
 * @vma: the mapping; mmap_lock is held
 * @start: first page
 * @end: end of the last page
 * @vec: a byte for each page: 1 if it is in memory, else 0
 *
 * Return: how many pages were answered, one at least; then mmap_lock should be dropped.
 */
unsigned long mincore_resident(struct vm_area_struct *vma, unsigned long start,
			       unsigned long end, u8 *vec)
{
	struct mincore_walk w = {
		.addr = start, .want = MINCORE_RESIDENT, .byte = vec,
	};

	/* Nothing is reported where a table has just gone. */
	while (w.addr == start) {
		w.work = MINCORE_WORK;
		walk_vma(&w, vma, end);
	}
	return (w.addr - start) >> PAGE_SHIFT;
}

#ifdef CONFIG_MINCORE2
#define MINCORE2_STATES		(MINCORE_RESIDENT | MINCORE_DAX | MINCORE_LEVEL | \
				 MINCORE_PERSIST | MINCORE_WRITABLE | \
				 MINCORE_ZERO | MINCORE_DENIED | MINCORE_UNMAPPED)
/* What an element of a byte vector has room for. */
#define MINCORE2_BYTE		0xffU
/* As many regions are gathered on the stack. */
#define MINCORE2_FEW		8

/* Report pages from w->addr on, up to @end or until there was enough work. */
static long walk_chunk(struct mincore_walk *w, unsigned long end)
{
	VMA_ITERATOR(vmi, current->mm, w->addr);
	struct vm_area_struct *vma;
	long ret = 0;

	/* The page for bytes is full then. */
	if (w->byte && (end - w->addr) >> PAGE_SHIFT > PAGE_SIZE)
		end = w->addr + PAGE_SIZE * PAGE_SIZE;
	if (signal_pending(current))
		return -ERESTARTSYS;
	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	w->work = MINCORE_WORK;
	for_each_vma_range(vmi, vma, end) {
		if (w->addr < vma->vm_start &&
		    report(w, vma->vm_start, MINCORE_UNMAPPED))
			break;
		ret = walk_vma(w, vma, min(end, vma->vm_end));
		if (ret)
			break;
	}
	if (!vma && w->addr < end)
		report(w, end, MINCORE_UNMAPPED);
	mmap_read_unlock(current->mm);
	return min(ret, 0);
}

/* Copy out @n regions. Returns how many of them are not there. */
static size_t put_regions(struct mincore_region __user *to,
			  const struct mincore_region *from, size_t n)
{
	if (!user_write_access_begin(to, n * sizeof(*to)))
		return n;
	for (; n; n--, to++, from++) {
		unsafe_put_user(from->start, &to->start, out);
		unsafe_put_user(from->end, &to->end, out);
		unsafe_put_user(from->state, &to->state, out);
	}
out:
	user_write_access_end();
	return n;
}

/*
 * The call proper, with arguments that have been checked. Elements are gathered in @buf,
 * and copied out while no lock is held. Its first region stands for none.
 */
static long do_mincore2(struct mincore_walk *w, unsigned long end,
			void __user *vec, size_t nr, void *buf)
{
	struct mincore_region *none = buf;
	size_t stored = 0, n, left;
	long err = 0;

	while (w->addr < end && stored < nr && !err) {
		err = walk_chunk(w, end);
		if (w->byte) {
			n = w->byte - (u8 *)buf;
			left = copy_to_user(vec + stored, buf, n);
			w->byte = buf;
		} else {
			w->region->end = w->addr;
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

/**
 * sys_mincore2 - report what backs the caller's memory, and how it is mapped
 * @addr:	first address of the range, page aligned
 * @length:	bytes in the range, rounded up to whole pages
 * @vec:	a byte a page; with MINCORE_REGIONS, a struct mincore_region for each
 *		run of pages with the same state
 * @nr:		elements that @vec has room for
 * @flags:	MINCORE_* state bits to report, and modifiers; checked before all else
 *
 * Return: how many elements were stored, which may be fewer than asked for: the
 * next call starts where they end. If none was, %-EINVAL (unknown or not aligned),
 * %-ENOMEM (no such range), %-EFAULT, %-EAGAIN (no memory) or %-EINTR.
 */
SYSCALL_DEFINE5(mincore2, unsigned long, addr, size_t, length,
		void __user *, vec, size_t, nr, unsigned int, flags)
{
	/* Only what was written is read. */
	struct mincore_region few[MINCORE2_FEW] __uninitialized, *buf = few;
	size_t room = MINCORE2_FEW;
	unsigned int states = flags & MINCORE2_STATES, level = flags & MINCORE_LEVEL;
	struct mincore_walk w = { .want = states | MINCORE_UNMAPPED };
	bool regions = flags & MINCORE_REGIONS;
	long ret;

	if (!states || (flags & ~(states | MINCORE_REGIONS)) ||
	    (level && level != MINCORE_LEVEL) || (!regions && states > MINCORE2_BYTE))
		return -EINVAL;
	addr = untagged_addr(addr);
	if (!PAGE_ALIGNED(addr) || (regions && (unsigned long)vec % sizeof(u64)))
		return -EINVAL;
	/* PAGE_ALIGN() may wrap around. */
	if (length > TASK_SIZE || PAGE_ALIGN(length) > TASK_SIZE ||
	    addr > TASK_SIZE - PAGE_ALIGN(length))
		return -ENOMEM;
	/* No more elements than pages: @nr may be anything. */
	nr = min(nr, PAGE_ALIGN(length) >> PAGE_SHIFT);
	if (!nr)
		return 0;

	if (level)
		w.want |= MINCORE_ENTRY(0, 0xff);
	/* A residency that is withheld must not look like "not in memory". */
	if (flags & MINCORE_RESIDENT)
		w.want |= MINCORE_DENIED;
	if (!regions || nr > MINCORE2_FEW - 2) {
		buf = (void *)__get_free_page(GFP_USER);
		if (!buf)
			return -EAGAIN;
		room = PAGE_SIZE / sizeof(*buf);
	}
	w.addr = addr;
	if (regions) {
		buf->state = MINCORE_NO_STATE;
		w.region = buf;
		/* A region is complete when the next one begins. */
		w.last = buf + min(room - 1, nr + 1);
	} else {
		w.byte = (u8 *)buf;
		length = nr << PAGE_SHIFT;
	}
	ret = do_mincore2(&w, addr + PAGE_ALIGN(length), vec, nr, buf);
	if (buf != few)
		free_page((unsigned long)buf);
	return ret;
}
#endif /* CONFIG_MINCORE2 */
