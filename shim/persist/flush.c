// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Write back the cache lines of ranges.
 *
 * The instructions access the memory. A page without an entry in the page
 * tables is faulted in, which is just right: what is mapped there is what the
 * stores went to, and their lines may still be in the cache. A page that the
 * file has not any more raises SIGBUS, and somebody else may shrink the file
 * at any moment: no question asked before can exclude it. A handler for SIGBUS
 * would be the whole process's. So the instructions are run by a child that
 * shares the memory (and with it the physical lines: they are written back from
 * every cache) but not the signal handlers: it may fail alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

/* How the child ended. */
enum { DONE = 0, FAULTED = 1 };

/* What the child shares with its parent; its stack is below. */
struct guard {
	struct call *call;
	volatile size_t at;		/* the part that is flushed */
} __attribute__((aligned(64)));

/* A signal frame (11 KiB where the CPU has AMX, more with SME), and the rest. */
static size_t stack_size(void)
{
#ifdef _SC_MINSIGSTKSZ
	long frame = sysconf(_SC_MINSIGSTKSZ);
#else
	long frame = 0;
#endif

	return 64 * 1024 + (frame > 0 ? ((size_t)frame + 63) / 64 * 64 : 0);
}

static bool to_flush(const struct call *call, const struct part *part)
{
	return part->kind == PART_FLUSH && !part->error && !part->done &&
	       !call->ranges[part->range].error;
}

static void flush_here(struct call *call)
{
	for (size_t i = 0; i < call->nr_parts; i++) {
		struct part *part = &call->parts[i];

		if (!to_flush(call, part))
			continue;
		write_back(part->start, part->end);
		part->done = true;
	}
	fence();
}

/* What was flushed before the fault is ordered, too. */
NOT_SANITIZED static void on_fault(int sig)
{
	(void)sig;
	fence();
	syscall(SYS_exit_group, FAULTED);
}

/* What the kernel takes; not all of its architectures know a restorer. */
struct kernel_action {
	void (*handler)(int sig);
	unsigned long flags;
#if !defined(__riscv) && !defined(__loongarch__)
	void (*restorer)(int sig);
#define RESTORER	0x04000000UL
#endif
	uint64_t mask;
};

/*
 * Faults are for on_fault(), in the child alone; its other signals are blocked.
 * Not by sigaction(), which may be somebody else's (libjsig, sanitizers) that
 * keeps records in memory: there the child is no other process.
 */
NOT_SANITIZED static void handle_faults(void)
{
	static const int faults[] = { SIGBUS, SIGSEGV };
	struct kernel_action action = {
		.handler = on_fault,
#ifdef RESTORER
		/* x86 wants one, but the handler never returns to it. */
		.restorer = on_fault,
		.flags = RESTORER,
#endif
	};
	uint64_t set = 0;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		syscall(SYS_rt_sigaction, faults[i], &action, NULL,
			sizeof(action.mask));
		set |= (uint64_t)1 << (faults[i] - 1);
	}
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, sizeof(set));
}

NOT_SANITIZED static int child(void *arg)
{
	struct guard *guard = arg;
	struct call *call = guard->call;

	handle_faults();
	for (; guard->at < call->nr_parts; guard->at++) {
		struct part *part = &call->parts[guard->at];

		if (!to_flush(call, part))
			continue;
		/* Not every CPU (QEMU's, for one) does so for a write-back. */
		for (uintptr_t at = part->start; at < part->end;
		     at = page_down(call, at) + call->page)
			(void)*(const volatile char *)at;
		write_back(part->start, part->end);
	}
	fence();
	syscall(SYS_exit_group, DONE);
	return DONE;
}

/* Run the child from part guard->at on. Returns how it ended, or -EAGAIN. */
static int run_child(struct guard *guard)
{
	sigset_t all, old;
	int status = 0;
	pid_t pid, ret = -1;

	/* No handler of the program is to run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	/*
	 * No exit signal: who waits for any child does not see this one. What
	 * is not shared would have to be copied, for nothing.
	 */
	pid = clone(child, guard, CLONE_VM | CLONE_VFORK | CLONE_FILES |
		    CLONE_FS | CLONE_IO | CLONE_SYSVSEM, guard);
	if (pid > 0)
		do
			ret = waitpid(pid, &status, __WALL);
		while (ret < 0 && errno == EINTR);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid <= 0 || ret != pid || !WIFEXITED(status))
		return -EAGAIN;
	return WEXITSTATUS(status);
}

/* Parts [from, to) that were to be flushed are, or are to be synced. */
static void finish(struct call *call, size_t from, size_t to,
		   enum part_kind kind)
{
	for (size_t i = from; i < to; i++) {
		struct part *part = &call->parts[i];

		if (!to_flush(call, part))
			continue;
		part->kind = kind;
		part->done = kind == PART_FLUSH;
	}
}

static void flush_guarded(struct call *call)
{
	/* A mapping of its own would double the cost of all this. */
	size_t stack = stack_size(), from = 0;
	char *memory = aligned_alloc(_Alignof(struct guard),
				     stack + sizeof(struct guard));
	struct guard *guard;

	if (!memory) {
		finish(call, 0, call->nr_parts, PART_SYNC);
		return;
	}
	guard = (struct guard *)(void *)(memory + stack);
	guard->call = call;
	guard->at = 0;
	/*
	 * Non-temporal stores of this thread are in no cache, so the child can
	 * not write them back, and its fence is another CPU's.
	 */
	fence();
	while (from < call->nr_parts) {
		int how = run_child(guard);

		/* Where it ended otherwise nothing is known: sync all. */
		if (how != DONE && how != FAULTED) {
			finish(call, from, call->nr_parts, PART_SYNC);
			break;
		}
		/*
		 * Where clone() is made a fork() of (valgrind does so) it is not
		 * seen how far the child came: then parts before the one that
		 * failed get its error as well.
		 */
		finish(call, from, how == DONE ? call->nr_parts : guard->at,
		       PART_FLUSH);
		if (how == DONE)
			break;
		call->parts[guard->at].error =
			still_there(call, &call->parts[guard->at]) ==
			-EHWPOISON ? -EHWPOISON : -EFAULT;
		from = ++guard->at;
	}
	free(memory);
}

void flush_parts(struct call *call)
{
	bool any = false;

	for (size_t i = 0; i < call->nr_parts && !any; i++)
		any = to_flush(call, &call->parts[i]);
	if (!any)
		return;
	if (call->flags & MINCORE2_PERSIST_TRUSTED)
		flush_here(call);
	else
		flush_guarded(call);
}
