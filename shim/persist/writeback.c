// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cache write-back: CLWB, CLFLUSHOPT or CLFLUSH on x86, DC CVAP on arm64. On other
 * CPUs there is none here, and files are synced.
 *
 * libpmem has this, too. It takes 4 ms of each start of a program, as it opens sysfs
 * by libndctl, libudev and libkmod, and does not exist as a whole for static linking.
 * Where caches outlive the power, it writes nothing back. Here lines always are: that
 * is a fact about a machine, and memory that is added later may be of another kind.
 */
#define _GNU_SOURCE
#include <stdatomic.h>

#include "internal.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

enum { NONE = 1, CLFLUSH, CLFLUSHOPT, CLWB, CVAP };

/*
 * How, and the bytes of a line above it: found out once, by threads that race the
 * same. It guards no other data.
 */
static atomic_uint method;

#if defined(__x86_64__) || defined(__i386__)
static unsigned int find_method(void)
{
	unsigned int a, b, c, d, how = NONE, line;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(d & 1U << 19))
		return NONE;
	line = (b >> 8 & 0xff) * 8;
	if (line < 16 || line & (line - 1))
		return NONE;
	how = CLFLUSH;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		how = b & 1U << 24 ? CLWB : b & 1U << 23 ? CLFLUSHOPT : CLFLUSH;
	return how | line << 8;
}

#define WRITE_BACK(instruction, at)	\
	__asm__ volatile(instruction " %0" : "+m" (*(volatile char *)(at)))

NOT_SANITIZED static void write_back_lines(uintptr_t at, uintptr_t end,
					   unsigned int how, uintptr_t line)
{
	if (how == CLWB)
		for (; at < end; at += line)
			WRITE_BACK("clwb", at);
	else if (how == CLFLUSHOPT)
		for (; at < end; at += line)
			WRITE_BACK("clflushopt", at);
	else
		for (; at < end; at += line)
			WRITE_BACK("clflush", at);
}

NOT_SANITIZED void fence(void)
{
	__asm__ volatile("sfence" : : : "memory");
}
#elif defined(__aarch64__)
#ifndef HWCAP_DCPOP
#define HWCAP_DCPOP	(1UL << 16)
#endif

/* DC CVAC reaches a point of coherency, which promises nothing. */
static unsigned int find_method(void)
{
	uint64_t type;

	if (!(getauxval(AT_HWCAP) & HWCAP_DCPOP))
		return NONE;
	__asm__ volatile("mrs %0, ctr_el0" : "=r" (type));
	return CVAP | 4U << (type >> 16 & 0xf) << 8;
}

NOT_SANITIZED static void write_back_lines(uintptr_t at, uintptr_t end,
					   unsigned int how, uintptr_t line)
{
	(void)how;
	/* DC CVAP, also for assemblers that do not know it. */
	for (; at < end; at += line)
		__asm__ volatile("sys #3, c7, c12, #1, %0" : : "r" (at) : "memory");
}

NOT_SANITIZED void fence(void)
{
	__asm__ volatile("dsb sy" : : : "memory");
}
#else
static unsigned int find_method(void)
{
	return NONE;
}

static void write_back_lines(uintptr_t at, uintptr_t end, unsigned int how,
			     uintptr_t line)
{
	(void)at;
	(void)end;
	(void)how;
	(void)line;
}

void fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}
#endif

NOT_SANITIZED void write_back(uintptr_t start, uintptr_t end)
{
	unsigned int how = atomic_load_explicit(&method, memory_order_relaxed);
	uintptr_t line = how >> 8;

	/* Who has not asked whether there is a way has found no safe memory. */
	if (line)
		write_back_lines(start & ~(line - 1), end, how & 0xff, line);
}

bool can_write_back(void)
{
	unsigned int how = atomic_load_explicit(&method, memory_order_relaxed);

	if (!how) {
		how = find_method();
		atomic_store_explicit(&method, how, memory_order_relaxed);
	}
	return how != NONE;
}
