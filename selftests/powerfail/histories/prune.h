/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prune.h - which histories there are, and which of them tell nothing new */
#ifndef HISTORIES_PRUNE_H
#define HISTORIES_PRUNE_H

#include "model.h"

/* Why a history is left out. */
enum reason {
	KEEP,
	IMPOSSIBLE,	/* an operation cannot be done, or would not be what it says */
	NOTHING,	/* one has no effect */
	UNDONE,		/* the next operation throws away what one has done */
	ORDER,		/* the same as one with two operations in the other order */
	NAMES,		/* the same as one with other names of the files */
	APART,		/* what is done to a file cannot be noticed by another */
	REASONS
};

#define MAX_ALPHABET 100

int alphabet(struct op *to, int files, bool shares);
enum reason prune_last(const struct model *m, const struct sequence *h);
enum reason prune_whole(const struct sequence *h);
enum reason prune(const struct sequence *h);

#endif
