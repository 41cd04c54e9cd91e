// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * decode_test generate | check FILE
 *
 * Tests decode.c against the assembler. "generate" prints assembler text: an instruction
 * for each form, in a slot of SLOT bytes, whose last byte is its length as the assembler
 * knows it. "check" takes these slots, as bytes, and compares what decode() says with what
 * the form stands for. The addresses are worked out from the text's parts, not from bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../decode.h"

#define SLOT 32
#define START 0x400000UL	/* where the code is taken to be */

static const char *const names[2][16] = {
	{ "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	  "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" },
	{ "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
	  "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d" },
};
static const char *const segments[] = { "", "%cs:", "%ds:", "%es:", "%ss:", "%fs:", "%gs:" };

static FILE *code;		/* NULL: generate */
static size_t slot;
static long failures, flushes, others;
static struct registers regs = { .fs_base = 0x7f1200340000, .gs_base = 0xffff888123450000 };

/* The next form: prints it, or returns its bytes, with the length that it has. */
static const uint8_t *next_form(const char *text, size_t *length)
{
	static uint8_t bytes[SLOT];

	if (!code) {
		printf("\t.balign %d\n1:\t%s\n2:\t.skip %d - (2b - 1b)\n\t.byte 2b - 1b\n", SLOT, text,
		       SLOT - 1);
		return NULL;
	}
	if (fread(bytes, 1, SLOT, code) != SLOT) {
		printf("the code ends before \"%s\"\n", text);
		exit(1);
	}
	*length = bytes[SLOT - 1];
	slot++;
	return bytes;
}

static void fail(const char *text, const char *what, unsigned long got, unsigned long wanted)
{
	if (failures++ < 20)
		printf("%s: %s is %#lx, not %#lx\n", text, what, got, wanted);
}

/* A flush, whose address has to be "wanted"; with "relative", from the next instruction. */
static void flush(const char *text, enum insn_kind kind, uint64_t wanted, bool relative)
{
	size_t length;
	const uint8_t *bytes = next_form(text, &length);
	struct insn insn;
	uint64_t next, got;

	if (!bytes)
		return;
	flushes++;
	next = START + (slot - 1) * SLOT + length;
	if (relative)
		wanted += next;
	insn = decode(bytes, length);
	if (insn.kind != kind) {
		fail(text, "the kind", insn.kind, kind);
		return;
	}
	if (insn.length != length)
		fail(text, "the length", insn.length, length);
	got = operand_address(&insn.operand, &regs, START + (slot - 1) * SLOT + insn.length);
	if (got != wanted)
		fail(text, "the address", got, wanted);
}

static void other(const char *text, enum insn_kind kind)
{
	size_t length;
	const uint8_t *bytes = next_form(text, &length);
	struct insn insn;

	if (!bytes)
		return;
	others++;
	insn = decode(bytes, length);
	if (insn.kind != kind)
		fail(text, "the kind", insn.kind, kind);
	/* What is cut off is no instruction, and nothing behind its end may be read. */
	for (size_t size = 0; size < length; size++) {
		uint8_t *cut = malloc(size ? size : 1);

		memcpy(cut, bytes, size);
		insn = decode(cut, size);
		free(cut);
		if (insn.kind == INSN_WRITE_BACK || insn.kind == INSN_CLFLUSH)
			fail(text, "the kind when it is cut off", insn.kind, INSN_OTHER);
	}
}

static uint64_t segment_base(size_t i)
{
	return i == 5 ? regs.fs_base : i == 6 ? regs.gs_base : 0;
}

/* base, index: -1 for none. */
static void form(const char *name, enum insn_kind kind, size_t segment, bool narrow, int base, int index,
		 int scale, long displacement)
{
	uint64_t wanted = displacement;
	char text[100], part[40] = "";

	if (index >= 0) {
		snprintf(part, sizeof(part), ",%%%s,%d", names[narrow][index], scale);
		wanted += regs.general[index] * scale;
	}
	if (base >= 0)
		wanted += regs.general[base];
	if (narrow)
		wanted &= 0xffffffff;
	wanted += segment_base(segment);
	snprintf(text, sizeof(text), "%s %s%ld(%s%s%s)", name, segments[segment], displacement,
		 base >= 0 ? "%" : "", base >= 0 ? names[narrow][base] : "", part);
	flush(text, kind, wanted, false);
}

static void addressing_forms(const char *name, enum insn_kind kind)
{
	static const long displacements[] = { 0, 1, 127, -128, 128, -129, 0x12345678, -0x12345678 };

	for (size_t s = 0; s < sizeof(segments) / sizeof(segments[0]); s++)
		for (int narrow = 0; narrow < 2; narrow++)
			for (size_t d = 0; d < sizeof(displacements) / sizeof(displacements[0]); d++)
				for (int base = -1; base < 16; base++)
					for (int index = -1; index < 16; index++) {
						if (index == REG_RSP || (base < 0 && index < 0))
							continue;
						form(name, kind, s, narrow, base, index,
						     index < 0 ? 1 : 1 << (base + index + d) % 4, displacements[d]);
					}
}

/* Without registers, and relative to the next instruction. */
static void absolute_forms(const char *name, enum insn_kind kind)
{
	char text[100];

	for (size_t s = 0; s < sizeof(segments) / sizeof(segments[0]); s++) {
		snprintf(text, sizeof(text), "%s %s0x12345", name, segments[s]);
		flush(text, kind, 0x12345 + segment_base(s), false);
		snprintf(text, sizeof(text), "%s %s-0x1000", name, segments[s]);
		flush(text, kind, (uint64_t)-0x1000 + segment_base(s), false);
		snprintf(text, sizeof(text), "%s %s0x7654321(%%rip)", name, segments[s]);
		flush(text, kind, 0x7654321 + segment_base(s), true);
		snprintf(text, sizeof(text), "%s %s-64(%%eip)", name, segments[s]);
		flush(text, kind, -64 + segment_base(s), true);
	}
}

/* Instructions that have no address to be worked out. */
static const struct { enum insn_kind kind; const char *text; } plain[] = {
	{ INSN_FENCE, "sfence" }, { INSN_FENCE, "mfence" }, { INSN_OTHER, "lfence" },
	/* Other encodings of the same fences. */
	{ INSN_FENCE, ".byte 0x0f, 0xae, 0xff" }, { INSN_FENCE, ".byte 0x0f, 0xae, 0xf7" },
	{ INSN_FENCE, ".byte 0x40, 0x0f, 0xae, 0xf8" },
	{ INSN_SERIAL, "lock incl (%rax)" }, { INSN_SERIAL, "lock cmpxchg16b 8(%r12)" },
	{ INSN_SERIAL, "lock orb $0, %gs:(%rsp)" }, { INSN_SERIAL, "lock xaddq %r9, (%r8,%r9,8)" },
	{ INSN_SERIAL, "lock addl $0, -4(%rsp)" },
	{ INSN_SERIAL, "xchgb %al, (%rdx)" }, { INSN_SERIAL, "xchgq %r15, %fs:8(%r13)" },
	{ INSN_SERIAL, "xchgw %ax, 3(%rip)" },
	{ INSN_OTHER, "xchgb %al, %dl" }, { INSN_OTHER, "xchgq %r15, %r14" }, { INSN_OTHER, "nop" },
	{ INSN_SERIAL, "iretq" }, { INSN_SERIAL, "iretl" }, { INSN_SERIAL, "cpuid" },
	{ INSN_SERIAL, "mov %rax, %cr0" }, { INSN_SERIAL, "mov %r9, %cr3" }, { INSN_SERIAL, "mov %rbx, %db7" },
	{ INSN_OTHER, "mov %cr3, %rax" }, { INSN_OTHER, "mov %db6, %rax" },
	{ INSN_SERIAL, "wrmsr" }, { INSN_OTHER, "rdmsr" }, { INSN_SERIAL, "wbinvd" }, { INSN_SERIAL, "invd" },
	{ INSN_SERIAL, "invlpg (%rdi)" }, { INSN_SERIAL, "invlpg 8(%r15,%rax,2)" }, { INSN_OTHER, "swapgs" },
	{ INSN_SERIAL, "invpcid (%rdi), %rax" }, { INSN_SERIAL, "serialize" }, { INSN_SERIAL, "rsm" },
	{ INSN_SERIAL, "lgdt (%rax)" }, { INSN_SERIAL, "lidt (%rax)" }, { INSN_SERIAL, "lldt %ax" },
	{ INSN_SERIAL, "ltr %ax" }, { INSN_OTHER, "sgdt (%rax)" }, { INSN_OTHER, "sidt (%rax)" },
	{ INSN_OTHER, "str %ax" }, { INSN_OTHER, "rdtscp" }, { INSN_OTHER, "monitor" }, { INSN_OTHER, "syscall" },

	{ INSN_NON_TEMPORAL, "movntil %eax, (%rdi)" }, { INSN_NON_TEMPORAL, "movntiq %rax, 8(%rdi)" },
	{ INSN_NON_TEMPORAL, "movntiq %r15, 0x1234(%r14,%r13,8)" },
	{ INSN_NON_TEMPORAL, "movntil %r9d, %gs:(%eax)" },
	{ INSN_NON_TEMPORAL, "movntiq %rbx, 64(%rip)" },
	{ INSN_NON_TEMPORAL, "movntps %xmm0, (%rdi)" }, { INSN_NON_TEMPORAL, "movntps %xmm12, 16(%r9)" },
	{ INSN_NON_TEMPORAL, "movntpd %xmm3, (%rdi)" }, { INSN_NON_TEMPORAL, "movntpd %xmm13, %fs:(%r8)" },
	{ INSN_NON_TEMPORAL, "movntdq %xmm0, (%rdi)" }, { INSN_NON_TEMPORAL, "movntdq %xmm8, -16(%r11,%r12)" },
	{ INSN_NON_TEMPORAL, "movntq %mm1, (%rdi)" }, { INSN_NON_TEMPORAL, "movntss %xmm1, (%rdi)" },
	{ INSN_NON_TEMPORAL, "movntsd %xmm1, (%rdi)" },
	{ INSN_NON_TEMPORAL, "maskmovq %mm0, %mm1" }, { INSN_NON_TEMPORAL, "maskmovdqu %xmm0, %xmm1" },
	{ INSN_NON_TEMPORAL, "vmaskmovdqu %xmm0, %xmm9" },
	{ INSN_NON_TEMPORAL, "vmovntps %xmm0, (%rdi)" }, { INSN_NON_TEMPORAL, "vmovntps %ymm9, (%r8,%r9)" },
	{ INSN_NON_TEMPORAL, "vmovntpd %xmm0, (%rdi)" }, { INSN_NON_TEMPORAL, "vmovntpd %ymm9, 32(%r8)" },
	{ INSN_NON_TEMPORAL, "vmovntdq %xmm0, (%rdi)" }, { INSN_NON_TEMPORAL, "vmovntdq %ymm1, 32(%rdi)" },
	{ INSN_NON_TEMPORAL, "vmovntdq %ymm9, %gs:32(%r15)" },
	{ INSN_NON_TEMPORAL, "vmovntps %zmm0, (%rdi)" }, { INSN_NON_TEMPORAL, "vmovntpd %zmm17, 64(%r8)" },
	{ INSN_NON_TEMPORAL, "vmovntdq %zmm31, 0x40(%r15,%r14)" }, { INSN_NON_TEMPORAL, "vmovntdq %xmm17, (%rdi)" },
	{ INSN_NON_TEMPORAL, "vmovntdq %ymm17, 8(%rdi)" }, { INSN_NON_TEMPORAL, "{evex} vmovntps %xmm1, (%rdi)" },
	{ INSN_NON_TEMPORAL, "movdir64b (%rsi), %rdi" }, { INSN_NON_TEMPORAL, "movdir64b 64(%r9,%rax), %r8" },
	{ INSN_NON_TEMPORAL, "movdiri %eax, (%rdi)" }, { INSN_NON_TEMPORAL, "movdiri %r9, 8(%r10)" },

	/* Near in their opcodes, and nothing of the kind. */
	{ INSN_OTHER, "xsaveopt (%rax)" }, { INSN_OTHER, "xsave 64(%r8)" }, { INSN_OTHER, "xrstor (%rax)" },
	{ INSN_OTHER, "fxsave (%rax)" }, { INSN_OTHER, "ldmxcsr (%rax)" }, { INSN_OTHER, "stmxcsr (%rax)" },
	{ INSN_OTHER, "rdfsbase %rax" }, { INSN_OTHER, "wrgsbase %rax" }, { INSN_OTHER, "umonitor %rax" },
	{ INSN_OTHER, "tpause %eax" }, { INSN_OTHER, "umwait %eax" }, { INSN_OTHER, "clrssbsy (%rax)" },
	{ INSN_OTHER, "incsspq %rax" }, { INSN_OTHER, "ptwriteq (%rax)" },
	{ INSN_OTHER, "cldemote (%rax)" }, { INSN_OTHER, "prefetchw (%rax)" }, { INSN_OTHER, "prefetchnta (%rax)" },
	{ INSN_OTHER, "movntdqa (%rsi), %xmm0" }, { INSN_OTHER, "vmovntdqa (%rsi), %ymm0" },
	{ INSN_OTHER, "vmovntdqa (%rsi), %zmm0" }, { INSN_OTHER, "movaps %xmm0, (%rdi)" },
	{ INSN_OTHER, "movdqa %xmm0, (%rdi)" }, { INSN_OTHER, "vmovdqa %ymm0, (%rdi)" },
	{ INSN_OTHER, "vmovdqa64 %zmm0, (%rdi)" }, { INSN_OTHER, "movups %xmm0, (%rdi)" },
	{ INSN_OTHER, "cvtdq2pd (%rax), %xmm1" }, { INSN_OTHER, "cvttpd2dq (%rax), %xmm1" },
	{ INSN_OTHER, "cvtpd2dq (%rax), %xmm1" }, { INSN_OTHER, "vcvttpd2dqx (%rax), %xmm1" },
	{ INSN_OTHER, "psadbw (%rax), %xmm1" }, { INSN_OTHER, "vpsadbw (%rax), %xmm2, %xmm1" },
	{ INSN_OTHER, "movq %rax, (%rdi)" }, { INSN_OTHER, "movl $0xf0, 0xae0f(%rdi)" }, { INSN_OTHER, "rep movsq" },
	{ INSN_OTHER, "ret" }, { INSN_OTHER, "crc32b (%rax), %ecx" }, { INSN_OTHER, "movbe (%rax), %ecx" },
	{ INSN_OTHER, "adcx (%rax), %ecx" }, { INSN_OTHER, "nopw %cs:0x12345678(%rax,%rax,1)" },
	{ INSN_MARK, "nopl 0x6d633201(%rdi)" }, { INSN_MARK, "nopl 0x6d633204(%rdi)" },
	{ INSN_OTHER, "nopl 0x6d633200(%rdi)" }, { INSN_OTHER, "nopl 0x6d633205(%rdi)" },
	{ INSN_OTHER, "nopl 0x6d633201(%rsi)" }, { INSN_OTHER, "nopw 0x6d633201(%rdi)" },
	{ INSN_OTHER, "vaddps %ymm0, %ymm1, %ymm2" }, { INSN_OTHER, "cmpxchg %rax, (%rdx)" },
	{ INSN_OTHER, "shrd $3, %eax, (%rdx)" }, { INSN_OTHER, "imul (%rdx), %eax" },
};

int main(int argc, char **argv)
{
	static const struct { const char *name; enum insn_kind kind; } flush_names[] = {
		{ "clwb", INSN_WRITE_BACK }, { "clflushopt", INSN_WRITE_BACK }, { "clflush", INSN_CLFLUSH },
		/* The kernel's spellings, which alternatives patch: see clwb() in special_insns.h. */
		{ ".byte 0x66; xsaveopt", INSN_WRITE_BACK }, { ".byte 0x66; clflush", INSN_WRITE_BACK },
		{ ".byte 0x3e; clflush", INSN_CLFLUSH },
	};

	if (argc == 3 && !strcmp(argv[1], "check"))
		code = fopen(argv[2], "rb");
	if (!code && (argc != 2 || strcmp(argv[1], "generate"))) {
		fprintf(stderr, "usage: decode_test generate | check FILE\n");
		return 2;
	}
	for (int i = 0; i < REG_COUNT; i++)
		regs.general[i] = 0x0123456789abcdefUL * (i + 1) + 0x1111UL * i;
	for (size_t i = 0; i < sizeof(flush_names) / sizeof(flush_names[0]); i++) {
		addressing_forms(flush_names[i].name, flush_names[i].kind);
		absolute_forms(flush_names[i].name, flush_names[i].kind);
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		other(plain[i].text, plain[i].kind);
	if (!code)
		return 0;
	printf("%ld flushes, %ld other instructions, %ld wrong\n", flushes, others, failures);
	return failures || flushes < 100000;
}
