/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot.h - what an init does */
#ifndef HISTORIES_BOOT_H
#define HISTORIES_BOOT_H

#include <stdbool.h>
#include <stddef.h>

bool set_up_guest(char *port, size_t size);
void quiet_filesystems(void);
int mount_at(const char *kind, const char *device, const char *dir);
bool find_slot(const char *slot, char *device, size_t size);

#endif
