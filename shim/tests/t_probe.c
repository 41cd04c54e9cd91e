// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probe, against every kind of kernel: a seccomp filter turns the call at
 * our number into SIGSYS, and the handler answers as that kernel would. Each
 * case runs in a process of its own, as the library asks once a process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"
#include "number.h"
#include "tap.h"

#if defined(__x86_64__)
#define RESULT(uc)	((uc)->uc_mcontext.gregs[REG_RAX])
#define ARG(uc, n)	((unsigned long)(uc)->uc_mcontext.gregs[		\
			 (const int[]){ REG_RDI, REG_RSI, REG_RDX, REG_R10,	\
					REG_R8 }[n]])
#elif defined(__i386__)
#define RESULT(uc)	((uc)->uc_mcontext.gregs[REG_EAX])
#define ARG(uc, n)	((unsigned long)(uc)->uc_mcontext.gregs[		\
			 (const int[]){ REG_EBX, REG_ECX, REG_EDX, REG_ESI,	\
					REG_EDI }[n]])
#elif defined(__aarch64__)
#define RESULT(uc)	((uc)->uc_mcontext.regs[0])
#define ARG(uc, n)	((unsigned long)(uc)->uc_mcontext.regs[n])
#else
#error "say where the registers of a system call are"
#endif

/* A kernel: what it answers, as a kernel does: -errno for an error. */
typedef long kernel_fn(unsigned long length, unsigned int flags);

static kernel_fn *kernel;
static atomic_int calls, calls_with_length;
static _Thread_local unsigned long last_args[5];

static void answer(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	for (int i = 0; i < 5; i++)
		last_args[i] = ARG(uc, i);
	atomic_fetch_add(&calls, 1);
	if (ARG(uc, 0) || ARG(uc, 1) || ARG(uc, 2) || ARG(uc, 3))
		atomic_fetch_add(&calls_with_length, 1);
	RESULT(uc) = kernel(ARG(uc, 1), (unsigned int)ARG(uc, 4));
}

static void boot(kernel_fn *fn)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MINCORE2_NR, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, filter };
	struct sigaction action = { .sa_sigaction = answer,
				    .sa_flags = SA_SIGINFO | SA_NODEFER };

	kernel = fn;
	sigaction(SIGSYS, &action, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
		perror("seccomp");
		_exit(99);
	}
}

/* The real one, mincore2(2): flags are checked before all else. */
static long real(unsigned long length, unsigned int flags)
{
	if (flags & MINCORE2_RESERVED_FLAGS ||
	    !(flags & MINCORE2_STATE_BITS) ||
	    ((flags & MINCORE_LEVEL) && (flags & MINCORE_LEVEL) != MINCORE_LEVEL))
		return -EINVAL;
	return length ? 7 : 0;
}

/* A later version of it: one of today's reserved bits has a meaning. */
static long later(unsigned long length, unsigned int flags)
{
	return real(length, flags & ~0x200U);
}

static long enosys(unsigned long length, unsigned int flags)
{
	(void)length, (void)flags;
	return -ENOSYS;
}

static long eperm(unsigned long length, unsigned int flags)
{
	(void)length, (void)flags;
	return -EPERM;
}

static long all_zero(unsigned long length, unsigned int flags)
{
	(void)length, (void)flags;
	return 0;
}

static long all_einval(unsigned long length, unsigned int flags)
{
	(void)length, (void)flags;
	return -EINVAL;
}

static long all_efault(unsigned long length, unsigned int flags)
{
	(void)length, (void)flags;
	return -EFAULT;
}

static long all_positive(unsigned long length, unsigned int flags)
{
	(void)length, (void)flags;
	return 3;
}

/* Another call that checks flags: its own 8 lowest bits, none needed. */
static long other_flags(unsigned long length, unsigned int flags)
{
	(void)length;
	return flags & ~0xffU ? -EINVAL : 0;
}

/* Another call whose flags look like ours, but one must be given. */
static long other_mode(unsigned long length, unsigned int flags)
{
	(void)length;
	return !flags || flags & ~0x8000000fU ? -EINVAL : 0;
}

/* Another call that takes the known flag only: no LEVEL. */
static long other_one(unsigned long length, unsigned int flags)
{
	(void)length;
	return flags == MINCORE_RESIDENT ? 0 : -EINVAL;
}

/* As ours, but it takes flags that we do not know. */
static long takes_unknown(unsigned long length, unsigned int flags)
{
	return real(length, flags & ~MINCORE2_RESERVED_FLAGS);
}

/* As ours, but it needs no flags. */
static long takes_none(unsigned long length, unsigned int flags)
{
	return flags ? real(length, flags) : 0;
}

/* As ours, but without LEVEL. */
static long takes_no_level(unsigned long length, unsigned int flags)
{
	return flags & MINCORE_LEVEL ? -EINVAL : real(length, flags);
}

static long einval_then_enosys(unsigned long length, unsigned int flags)
{
	(void)length;
	return flags == MINCORE_RESIDENT ? -ENOSYS : -EINVAL;
}

static const struct {
	kernel_fn *fn;
	int supported;
	const char *what;
} kernels[] = {
	{ real, 1, "the real call" },
	{ later, 1, "a later version that knows one more flag" },
	{ enosys, 0, "ENOSYS (a kernel without the call)" },
	{ eperm, 0, "EPERM (a seccomp sandbox)" },
	{ all_zero, 0, "a foreign call that returns 0 for everything" },
	{ all_einval, 0, "a foreign call that returns EINVAL for everything" },
	{ all_efault, 0, "a foreign call that returns EFAULT for everything" },
	{ all_positive, 0, "a foreign call that returns 3 for everything" },
	{ other_flags, 0, "a foreign call with 8 flags of its own" },
	{ other_mode, 0, "a foreign call with flags of its own, one needed" },
	{ other_one, 0, "a foreign call that knows flag 1 only" },
	{ takes_unknown, 0, "a foreign call like ours that takes unknown flags" },
	{ takes_none, 0, "a foreign call like ours that takes no flags" },
	{ takes_no_level, 0, "a foreign call like ours without LEVEL" },
	{ einval_then_enosys, 0, "EINVAL for bad flags, ENOSYS for good ones" },
};

/* Run @fn in a child; its exit status, -1 when a signal ended it. */
static int in_child(int (*fn)(size_t), size_t arg)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum { RIGHT, WRONG_ANSWER, ERRNO_CHANGED, CALL_GOT_THROUGH, WRONG_RESULT,
       ASKED_TWICE, WRONG_ARGUMENTS };

/* One kernel: is it recognised, and what does mincore2() do on it? */
static int one_kernel(size_t i)
{
	unsigned char vec[8];
	ssize_t ret;
	int asked;

	boot(kernels[i].fn);
	errno = 123;
	if (mincore2_supported() != kernels[i].supported)
		return WRONG_ANSWER;
	if (errno != 123)
		return ERRNO_CHANGED;
	if (atomic_load(&calls_with_length))
		return CALL_GOT_THROUGH;
	asked = atomic_load(&calls);
	ret = mincore2((void *)4096, 4096, vec, sizeof(vec), MINCORE_RESIDENT);
	if (kernels[i].supported)
		return atomic_load(&calls) != asked + 1 ? ASKED_TWICE :
		       ret != 7 ? WRONG_RESULT : RIGHT;
	if (ret != -1 || errno != ENOSYS)
		return WRONG_RESULT;
	/* ENOSYS comes first, whatever the arguments. */
	errno = 0;
	if (mincore2((void *)1, 1, NULL, 1, 0) != -1 || errno != ENOSYS)
		return WRONG_RESULT;
	return atomic_load(&calls) != asked ? CALL_GOT_THROUGH : RIGHT;
}

/* The first thing a process does is mincore2(), without asking. */
static int call_first(size_t i)
{
	unsigned char vec[8];

	boot(kernels[i].fn);
	if (mincore2((void *)4096, 4096, vec, 8, MINCORE_RESIDENT) !=
	    (kernels[i].supported ? 7 : -1))
		return WRONG_RESULT;
	return atomic_load(&calls_with_length) != kernels[i].supported ?
	       CALL_GOT_THROUGH : RIGHT;
}

static int arguments(size_t unused)
{
	const size_t length = (size_t)-4096 / 2, nr = (size_t)-1 / 24;

	(void)unused;
	boot(real);
	errno = 0;
	if (mincore2(&errno, length, last_args, nr, MINCORE_REGIONS |
		     MINCORE2_STATE_BITS) != 7)
		return WRONG_RESULT;
	if (last_args[0] != (unsigned long)&errno || last_args[1] != length ||
	    last_args[2] != (unsigned long)last_args || last_args[3] != nr ||
	    last_args[4] != (MINCORE_REGIONS | MINCORE2_STATE_BITS))
		return WRONG_ARGUMENTS;
	/* An error of the call comes as it is. */
	if (mincore2(&errno, 1, NULL, 1, MINCORE_PMD & ~MINCORE_PTE) != -1 ||
	    errno != EINVAL)
		return WRONG_RESULT;
	return RIGHT;
}

static int fork_before(size_t unused)
{
	(void)unused;
	boot(real);
	/* Its copy of the calls starts at 0; it must ask by itself. */
	return in_child(one_kernel, 0);
}

static int supported_without_asking(size_t unused)
{
	int asked = atomic_load(&calls);

	(void)unused;
	return !mincore2_supported() ? WRONG_ANSWER :
	       atomic_load(&calls) != asked ? ASKED_TWICE : RIGHT;
}

static int fork_after(size_t unused)
{
	(void)unused;
	boot(real);
	if (!mincore2_supported())
		return WRONG_ANSWER;
	return in_child(supported_without_asking, 0);
}

enum { THREADS = 16 };
static pthread_barrier_t barrier;

static void *racer(void *expected)
{
	unsigned char vec[8];
	ssize_t ret;
	int answered;

	pthread_barrier_wait(&barrier);
	answered = mincore2_supported();
	ret = mincore2((void *)4096, 4096, vec, 8, MINCORE_RESIDENT);
	return (void *)(intptr_t)(answered != *(const int *)expected ||
				  ret != (answered ? 7 : -1));
}

static int threads(size_t i)
{
	pthread_t thread[THREADS];
	int expected = kernels[i].supported;
	int wrong = 0;

	boot(kernels[i].fn);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int t = 0; t < THREADS; t++)
		if (pthread_create(&thread[t], NULL, racer, &expected))
			return 98;
	for (int t = 0; t < THREADS; t++) {
		void *bad;

		pthread_join(thread[t], &bad);
		wrong |= bad != NULL;
	}
	if (atomic_load(&calls_with_length) != (expected ? THREADS : 0))
		return CALL_GOT_THROUGH;
	return wrong ? WRONG_ANSWER : RIGHT;
}

int main(int argc, char **argv)
{
	size_t nr = sizeof(kernels) / sizeof(kernels[0]);
	int status;

	/* For scripts: does the kernel they run on have the call? */
	if (argc == 2 && !strcmp(argv[1], "--here")) {
		puts(mincore2_supported() ? "yes" : "no");
		return 0;
	}
	/* For a run under the thread sanitizer: the race alone. */
	if (argc == 2 && !strcmp(argv[1], "--threads")) {
		ok(threads(0) == RIGHT, "16 threads race to the first probe (no fork)");
		return tap_done();
	}
	for (size_t i = 0; i < nr; i++) {
		status = in_child(one_kernel, i);
		ok(status == RIGHT, "%s: %s (%d)", kernels[i].what,
		   kernels[i].supported ? "supported, and calls go through" :
		   "ENOSYS, and no call gets through", status);
		status = in_child(call_first, i);
		ok(status == RIGHT, "%s: so it is when mincore2() comes first (%d)",
		   kernels[i].what, status);
	}
	status = in_child(arguments, 0);
	ok(status == RIGHT, "arguments, result and errno pass through whole (%d)", status);
	status = in_child(fork_before, 0);
	ok(status == RIGHT, "fork before the probe: the child asks (%d)", status);
	status = in_child(fork_after, 0);
	ok(status == RIGHT, "fork after the probe: the child knows (%d)", status);
	for (int round = 0; round < 20; round++) {
		status = in_child(threads, round & 1 ? 2 : 0);
		ok(status == RIGHT, "16 threads race to the first probe, %s (%d)",
		   round & 1 ? "no call" : "real call", status);
	}
	return tap_done();
}
