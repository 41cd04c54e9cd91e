// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plugin.c - a CPU cache for QEMU's TCG, as a plugin: cache.so,config=FILE
 *
 * Feeds the model (model.h) with what the guest executes. The files of the devices are the
 * durable image: QEMU has them mapped privately, so what the guest stores does not get
 * there, and the plugin puts there what would be durable. Lines of the configuration:
 *   table FILE               made anew; what is known of all lines when the power is cut
 *   ram SIZE                 from physical address 0; QEMU has it from memory-backend-memfd
 *   device START SIZE FILE   where the guest sees that many bytes of FILE
 *   shared START SIZE        a part of a device that is outside of the model: what is
 *                            stored there is in the file at once
 *   shared-rest              the same for what lies in a file behind a device (labels)
 *   evict SEED               lines leave the cache by themselves
 *   ignore CLASS             without effect; see class_names
 *   drop CLASS NUMBER        the same for one useful event
 *   deltas FILE              made anew; a log of all that becomes durable (deltas.h)
 * QEMU takes write-backs for instructions that do nothing. So their addresses are worked
 * out from the registers, and translated here by the guest's page tables.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decode.h"
#include "model.h"
#include "paging.h"
#include "plugin-api.h"

#define RAM_NAME "/memfd:memory-backend-memfd (deleted)"

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API;

/* The registers that addresses are made of: the general ones in the order of struct registers. */
enum { FS_BASE = REG_COUNT, GS_BASE, CR3, CR4, WANTED };
static const char *const register_names[WANTED] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
	"r13", "r14", "r15", "fs_base", "gs_base", "cr3", "cr4"
};
static const char *const class_names[EVENT_CLASSES] = {
	"user-write-back", "kernel-write-back", "user-fence", "kernel-fence", "user-serial",
	"kernel-serial", "user-non-temporal", "kernel-non-temporal"
};

/* @linear, @physical: a line that was read by the instruction before a flush; 0: none */
static struct cpu {
	struct qemu_plugin_register *registers[WANTED];
	GByteArray *bytes;
	uint64_t linear, physical;
} cpus[MAX_CPUS];

/* A flush or a mark in the guest's code. */
struct site {
	uint64_t at;
	struct insn insn;
};

static struct model model;
static struct file { char *path; uint8_t *guest; } files[MAX_DEVICES];
static char *table_path, *deltas_path;
static struct deltas deltas;
static struct ram ram;
static bool share_rest;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	fputs("cache plugin: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	/* A model with a fault would look like a loss, or hide one. */
	abort();
}

static bool in_kernel(uint64_t at) { return at >> 63; }

/* ---- the configuration ---- */

static enum event_class find_class(const char *name)
{
	for (int i = 0; i < EVENT_CLASSES; i++)
		if (!strcmp(class_names[i], name))
			return i;
	die("no class of events is called \"%s\"", name);
}

static char *copy(const char *text)
{
	char *result = strdup(text);

	if (!result)
		die("out of memory");
	return result;
}

static bool configure_line(const char *line)
{
	unsigned long long a, b;
	char name[40];
	int at = 0;

	if (sscanf(line, "device %llx %llx %n", &a, &b, &at) == 2 && at && model.device_count < MAX_DEVICES) {
		files[model.device_count].path = copy(line + at);
		model.devices[model.device_count++] = (struct device){ .start = a, .size = b };
	} else if (sscanf(line, "shared %llx %llx", &a, &b) == 2 && model.outside_count < MAX_OUTSIDE) {
		model.outside[model.outside_count].start = a;
		model.outside[model.outside_count++].size = b;
	} else if (!strcmp(line, "shared-rest")) {
		share_rest = true;
	} else if (!strncmp(line, "table ", 6)) {
		table_path = copy(line + 6);
	} else if (!strncmp(line, "deltas ", 7)) {
		deltas_path = copy(line + 7);
	} else if (sscanf(line, "ram %llx", &a) == 1) {
		ram.size = a;
	} else if (sscanf(line, "evict %llu", &a) == 1) {
		model.random = (a + 1) * 0x9e3779b97f4a7c15UL;
	} else if (sscanf(line, "ignore %39s", name) == 1) {
		model.ignored |= 1 << find_class(name);
	} else if (sscanf(line, "drop %39s %llu", name, &a) == 2) {
		model.drop_class = find_class(name);
		model.drop_number = a;
	} else {
		return false;
	}
	return true;
}

static void configure(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[PATH_MAX + 60];

	if (!f)
		die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!configure_line(line))
			die("%s: cannot read the line \"%s\"", path, line);
	}
	fclose(f);
	if (!table_path || !ram.size || !model.device_count)
		die("%s: no table, ram or device", path);
}

/* ---- finding the guest's memory in this process ---- */

/* Where that file is mapped from its beginning. NULL: nowhere. */
static uint8_t *find_mapping(const char *path)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[PATH_MAX + 120];
	unsigned long start, offset;
	uint8_t *found = NULL;
	int at;

	while (f && !found && fgets(line, sizeof(line), f)) {
		at = 0;
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%lx-%*x %*s %lx %*s %*s %n", &start, &offset, &at) == 2 && at &&
		    !offset && !strcmp(line + at, path))
			found = (uint8_t *)start;
	}
	if (f)
		fclose(f);
	return found;
}

/* The guest's stores to this part of a file go into the file from now on. */
static void share(const struct file *file, int fd, uint64_t offset, uint64_t size)
{
	uint8_t *at = file->guest + offset;

	if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset) != at)
		die("mmap of a part of %s: %s", file->path, strerror(errno));
}

static void attach_device(size_t number)
{
	struct device *d = &model.devices[number];
	struct file *file = &files[number];
	int fd = open(file->path, O_RDWR | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	file->guest = find_mapping(file->path);
	if (!file->guest || size < (off_t)d->size)
		die("%s is not there, or not mapped by QEMU, or too short", file->path);
	for (size_t i = 0; i < model.outside_count; i++)
		if (model.outside[i].start - d->start < d->size)
			share(file, fd, model.outside[i].start - d->start, model.outside[i].size);
	if (share_rest && size > (off_t)d->size)
		share(file, fd, d->size, size - d->size);
	d->visible = file->guest;
	d->durable = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (d->durable == MAP_FAILED)
		die("mmap of %s: %s", file->path, strerror(errno));
	close(fd);
}

/* When the guest begins to run; then QEMU has made all devices. */
static void attach(void)
{
	int fd = open(table_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t size = model_table_size(&model);
	void *table = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, size))
		table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED)
		die("%s: %s", table_path, strerror(errno));
	close(fd);
	if (deltas_path) {
		if (deltas_open(&deltas, deltas_path))
			die("%s: %s", deltas_path, strerror(errno));
		model.deltas = &deltas;
	}
	ram.bytes = find_mapping(RAM_NAME);
	if (!ram.bytes)
		die("the guest's memory is not from memory-backend-memfd");
	for (size_t i = 0; i < model.device_count; i++)
		attach_device(i);
	model_start(&model, table);
}

/* ---- what the guest executes ---- */

static uint64_t read_register(struct cpu *cpu, int number)
{
	uint64_t value = 0;

	g_byte_array_set_size(cpu->bytes, 0);
	if (qemu_plugin_read_register(cpu->registers[number], cpu->bytes) < 8)
		die("register %s cannot be read", register_names[number]);
	memcpy(&value, cpu->bytes->data, sizeof(value));
	return value;
}

/* By what the processor has just used, or by the page tables. */
static bool resolve(struct cpu *cpu, uint64_t linear, uint64_t *physical)
{
	bool touched = cpu->linear && cpu->linear == (linear & -LINE_BYTES);

	cpu->linear = 0;
	if (touched)
		*physical = cpu->physical;
	return touched || translate(&ram, read_register(cpu, CR3), read_register(cpu, CR4), linear, physical);
}

static void on_flush(unsigned int vcpu, void *data)
{
	const struct site *site = data;
	struct cpu *cpu = &cpus[vcpu];
	struct registers r;
	uint64_t linear, physical;

	for (int i = 0; i < REG_COUNT; i++)
		r.general[i] = read_register(cpu, i);
	r.fs_base = read_register(cpu, FS_BASE);
	r.gs_base = read_register(cpu, GS_BASE);
	linear = operand_address(&site->insn.operand, &r, site->at + site->insn.length);
	if (resolve(cpu, linear, &physical))
		model_write_back(&model, vcpu, physical, site->at,
				 in_kernel(site->at) ? KERNEL_WRITE_BACK : USER_WRITE_BACK,
				 site->insn.kind == INSN_CLFLUSH);
	else
		model_unresolved(&model, linear, site->at);
}

static void on_fence(unsigned int vcpu, void *at)
{
	model_fence(&model, vcpu, (uintptr_t)at, in_kernel((uintptr_t)at) ? KERNEL_FENCE : USER_FENCE);
}

static void on_serial(unsigned int vcpu, void *at)
{
	model_fence(&model, vcpu, (uintptr_t)at, in_kernel((uintptr_t)at) ? KERNEL_SERIAL : USER_SERIAL);
}

static void on_mark(unsigned int vcpu, void *data)
{
	const struct site *site = data;

	model_mark(&model, vcpu, site->at, site->insn.mark, read_register(&cpus[vcpu], REG_RDI));
}

/* The physical address of a load or store. False: it is not in memory. */
static bool memory_address(qemu_plugin_meminfo_t info, uint64_t linear, uint64_t *physical)
{
	struct qemu_plugin_hwaddr *hw = qemu_plugin_get_hwaddr(info, linear);

	if (!hw || qemu_plugin_hwaddr_is_io(hw))
		return false;
	*physical = qemu_plugin_hwaddr_phys_addr(hw);
	return true;
}

static void on_store(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t linear, void *at)
{
	uint64_t physical;

	if (memory_address(info, linear, &physical))
		model_store(&model, vcpu, physical, 1UL << qemu_plugin_mem_size_shift(info), (uintptr_t)at);
}

static void on_non_temporal(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t linear, void *at)
{
	uint64_t physical;

	if (memory_address(info, linear, &physical))
		model_non_temporal(&model, vcpu, physical, 1UL << qemu_plugin_mem_size_shift(info),
				   (uintptr_t)at,
				   in_kernel((uintptr_t)at) ? KERNEL_NON_TEMPORAL : USER_NON_TEMPORAL);
}

/*
 * The instruction before a flush reads a line. Another processor may take the page away in
 * between; a processor would still have it in its TLB, as no interrupt comes within a block.
 */
static void on_touch(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t linear, void *data)
{
	uint64_t physical;

	(void)data;
	if (!memory_address(info, linear, &physical))
		return;
	cpus[vcpu].linear = linear & -LINE_BYTES;
	cpus[vcpu].physical = physical & -LINE_BYTES;
}

/* As long as QEMU runs: nobody tells when a block is forgotten. They are few. */
static struct site *new_site(uint64_t at, const struct insn *insn)
{
	struct site *site = malloc(sizeof(*site));

	if (!site)
		die("out of memory");
	*site = (struct site){ .at = at, .insn = *insn };
	return site;
}

/* before: the instruction before it in its block, or NULL. */
static void instrument(struct qemu_plugin_insn *insn, struct qemu_plugin_insn *before)
{
	uint8_t code[16];
	size_t size = qemu_plugin_insn_data(insn, code, sizeof(code));
	uint64_t at = qemu_plugin_insn_vaddr(insn);
	struct insn decoded = decode(code, size);
	qemu_plugin_vcpu_mem_cb_t on_memory = on_store;
	struct site *site;

	switch (decoded.kind) {
	case INSN_MARK:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_R_REGS,
						       new_site(at, &decoded));
		return;
	case INSN_WRITE_BACK:
	case INSN_CLFLUSH:
		site = new_site(at, &decoded);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_flush, QEMU_PLUGIN_CB_R_REGS, site);
		if (before)
			qemu_plugin_register_vcpu_mem_cb(before, on_touch, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_R, NULL);
		return;
	case INSN_FENCE:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_fence, QEMU_PLUGIN_CB_NO_REGS, (void *)at);
		return;
	case INSN_SERIAL:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_serial, QEMU_PLUGIN_CB_NO_REGS, (void *)at);
		break;
	case INSN_NON_TEMPORAL:
		on_memory = on_non_temporal;
		break;
	case INSN_OTHER:
		break;
	}
	qemu_plugin_register_vcpu_mem_cb(insn, on_memory, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W,
					 (void *)at);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	struct qemu_plugin_insn *before = NULL;

	(void)id;
	pthread_once(&once, attach);
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		instrument(insn, before);
		before = insn;
	}
}

static void on_cpu(qemu_plugin_id_t id, unsigned int vcpu)
{
	const GArray *all = qemu_plugin_get_registers();
	const qemu_plugin_reg_descriptor *known = (const void *)all->data;

	(void)id;
	if (vcpu >= MAX_CPUS)
		die("more than %d processors", MAX_CPUS);
	cpus[vcpu].bytes = g_byte_array_new();
	for (int i = 0; i < WANTED; i++) {
		for (size_t k = 0; k < all->len; k++)
			if (!strcmp(known[k].name, register_names[i]))
				cpus[vcpu].registers[i] = known[k].handle;
		if (!cpus[vcpu].registers[i])
			die("QEMU has no register %s", register_names[i]);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	if (strcmp(info->target_name, "x86_64") || !info->system_emulation)
		die("this is for whole machines of x86_64");
	if (argc != 1 || strncmp(argv[0], "config=", 7))
		die("the argument is config=FILE");
	configure(argv[0] + 7);
	qemu_plugin_register_vcpu_init_cb(id, on_cpu);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
