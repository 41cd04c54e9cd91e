/* SPDX-License-Identifier: GPL-2.0-or-later */
/* act.h - the files of a history, in the guest */
#ifndef HISTORIES_ACT_H
#define HISTORIES_ACT_H

#include "model.h"

/**
 * struct file - a file that is open and mapped in two ways
 * @sync, @plain: with MAP_SYNC, and without
 * @number, @generation: of the inode: what tells a file from all others
 */
struct file {
	int fd;
	unsigned char *sync, *plain;
	uint64_t number;
	uint32_t generation;
};

/**
 * struct world - a filesystem on which a history happens
 * @dir: where it is mounted; @kind, @device: of the filesystem there
 * @file: of each object of @model
 * @results: a letter for each operation: o done, P stored with PERSIST set, N with it
 *	clear, U on a kernel that cannot be asked, F SIGBUS, R refused (of an exchange; others
 *	are an error)
 * @trouble: what went wrong; empty
 * @control: see ../instants/guest.h
 */
struct world {
	const char *dir, *kind;
	char device[140];
	struct sequence history;
	struct model model;
	struct file file[MAX_OBJECTS];
	char results[MAX_OPS + 1], trouble[160];
	unsigned char *control;
};

bool trouble(struct world *w, const char *what);
void write_line_back(void *line);
bool begin_world(struct world *w);
bool act(struct world *w, const struct op *op);
bool mapped_huge(struct world *w);
bool same_as_model(struct world *w);
bool identify(int fd, uint64_t *number, uint32_t *generation);
bool promised(char result);

#endif
