// SPDX-License-Identifier: GPL-2.0-or-later
/* table FILE [resolved] - writes a table of the model, as a short run would leave it */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../model.h"

#define KERNEL 0xffffffff81000000UL
#define PROGRAM 0x555555555000UL

static struct model m;
static uint8_t visible[2][4096] __attribute__((aligned(64))), durable[2][4096] __attribute__((aligned(64)));

static void store(unsigned int cpu, int device, uint64_t offset, uint64_t by)
{
	visible[device][offset] = 1;
	model_store(&m, cpu, m.devices[device].start + offset, 1, by);
}

int main(int argc, char **argv)
{
	int fd = argc >= 2 ? open(argv[1], O_RDWR | O_CREAT | O_EXCL, 0600) : -1;
	void *table;

	for (int i = 0; i < 2; i++)
		m.devices[i] = (struct device){ .start = 0x200000000UL + 0x100000000UL * i,
			.size = 4096, .visible = visible[i], .durable = durable[i] };
	m.device_count = 2;
	if (fd < 0 || ftruncate(fd, model_table_size(&m)))
		return 2;
	table = mmap(NULL, model_table_size(&m), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED)
		return 2;
	model_start(&m, table);
	/* Of two write-backs of the third line the second is fenced. */
	store(1, 0, 192, KERNEL + 0x123);
	model_write_back(&m, 1, 0x2000000c0UL, PROGRAM + 0x1c, USER_WRITE_BACK, false);
	model_fence(&m, 1, PROGRAM + 0x24, USER_FENCE);
	visible[0][193] = 1;
	model_write_back(&m, 1, 0x2000000c0UL, PROGRAM + 0x20, USER_WRITE_BACK, false);
	store(0, 0, 64, PROGRAM + 0x10);
	store(0, 0, 128, PROGRAM + 0x14);
	model_write_back(&m, 0, 0x200000080UL, PROGRAM + 0x18, USER_WRITE_BACK, false);
	model_non_temporal(&m, 0, 0x200000140UL, 8, KERNEL + 0x200, KERNEL_NON_TEMPORAL);
	model_fence(&m, 1, PROGRAM + 0x24, USER_FENCE);
	store(1, 1, 4095, KERNEL + 0x124);
	if (argc > 2)
		return 0;
	model_unresolved(&m, 0x1234, KERNEL + 0x10);
	model_unresolved(&m, 0x5678, KERNEL + 0x10);
	return 0;
}
