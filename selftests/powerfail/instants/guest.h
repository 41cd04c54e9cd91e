/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.h - an operation during which the power fails at every instant: the guest's part
 *
 * A filesystem with a history of which every instant of the last operation counts has a
 * file for itself, "control": to one line of it is stored, and that is promised; to another is
 * stored, and that is never written back.
 */
#ifndef INSTANTS_GUEST_H
#define INSTANTS_GUEST_H

#include "../cache/deltas.h"
#include "../histories/act.h"

/* The plugin in QEMU sees it; to a processor it is nothing. The kind is a constant. */
#define mark(kind, number) do {							\
	_Static_assert((kind) > DELTA_DURABLE && (kind) < DELTA_KINDS, "no mark");	\
	asm volatile("nopl %c1(%%rdi)"						\
		     : : "D"((uint64_t)(number)), "i"(MARK_DISPLACEMENT + (kind)) : "memory");	\
} while (0)

bool control_begin(struct world *w);
void control_store(struct world *w);
const char *control_judge(const char *dir, bool *lost);
int remount(struct world *w, bool shut_down);
int grow(struct world *w);

#endif
