// SPDX-License-Identifier: GPL-2.0-or-later
/* decode.c - see decode.h. Numbers of opcodes are those of Intel's manual, volume 2. */
#include <string.h>

#include "decode.h"
#include "deltas.h"

struct reader {
	const uint8_t *code;
	size_t size, at;
};

/* What comes before the opcode. */
struct prefixes {
	bool operand_size, repne, rep, lock, narrow;
	char segment;
	uint8_t rex;
};

/* The part of a VEX or EVEX prefix that tells instructions apart. */
struct vector_prefix {
	unsigned int map, pp;
};

static int peek(const struct reader *r, size_t ahead)
{
	return r->at + ahead < r->size ? r->code[r->at + ahead] : -1;
}

static void read_prefixes(struct reader *r, struct prefixes *p)
{
	for (;; r->at++) {
		int byte = peek(r, 0);

		switch (byte) {
		case 0x66: p->operand_size = true; break;
		case 0x67: p->narrow = true; break;
		case 0xf0: p->lock = true; break;
		/* Of these two the last one counts. */
		case 0xf2: p->repne = true; p->rep = false; break;
		case 0xf3: p->rep = true; p->repne = false; break;
		case 0x64: p->segment = 'f'; break;
		case 0x65: p->segment = 'g'; break;
		/* Without meaning in 64-bit code; they do not cancel 64 and 65. */
		case 0x26: case 0x2e: case 0x36: case 0x3e: break;
		default:
			/* A REX that another prefix follows has no meaning. */
			if (byte < 0x40 || byte > 0x4f)
				return;
			p->rex = byte;
			continue;
		}
		p->rex = 0;
	}
}

static int32_t read_displacement(struct reader *r, int bytes)
{
	uint32_t value = 0;

	for (int i = 0; i < bytes; i++)
		value |= (uint32_t)(peek(r, i) & 0xff) << 8 * i;
	r->at += bytes;
	return bytes == 1 ? (int8_t)value : (int32_t)value;
}

/* From ModRM on; mod is not 3. */
static struct operand read_operand(struct reader *r, const struct prefixes *p)
{
	struct operand o = {
		.base = REG_NONE, .index = REG_NONE, .scale = 1, .segment = p->segment, .narrow = p->narrow
	};
	int modrm = peek(r, 0), mod = modrm >> 6, rm = modrm & 7, bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	int rex_b = p->rex & 1 ? 8 : 0, rex_x = p->rex & 2 ? 8 : 0;

	r->at++;
	if (rm == 4) {
		int sib = peek(r, 0), index = (sib >> 3 & 7) | rex_x;

		r->at++;
		o.scale = 1 << (sib >> 6 & 3);
		/* R12 can be an index, RSP can not. */
		o.index = index == REG_RSP ? REG_NONE : index;
		if ((sib & 7) == 5 && mod == 0)
			bytes = 4;
		else
			o.base = (sib & 7) | rex_b;
	} else if (rm == 5 && mod == 0) {
		o.relative = true;
		bytes = 4;
	} else {
		o.base = rm | rex_b;
	}
	o.displacement = read_displacement(r, bytes);
	return o;
}

/* 0F AE: the opcode that most flushes and fences share. */
static void decode_0fae(struct insn *insn, struct reader *r, const struct prefixes *p)
{
	int modrm = peek(r, 0), reg = modrm >> 3 & 7;

	if (modrm < 0 || p->rep || p->repne)
		return; /* UMONITOR, RDFSBASE and the like */
	if (modrm >> 6 == 3) {
		if (!p->operand_size && (reg == 6 || reg == 7))
			insn->kind = INSN_FENCE;
		return;
	}
	if (reg == 7 && !p->operand_size)
		insn->kind = INSN_CLFLUSH;
	else if ((reg == 6 || reg == 7) && p->operand_size)
		insn->kind = INSN_WRITE_BACK;
	else
		return;
	insn->operand = read_operand(r, p);
	insn->length = r->at;
}

/* 0F 00, 0F 01: LLDT, LTR; LGDT, LIDT, INVLPG, SERIALIZE. */
static bool system_is_serial(int opcode, int modrm, const struct prefixes *p)
{
	int reg = modrm >> 3 & 7;

	if (modrm < 0)
		return false;
	if (opcode == 0x00)
		return reg == 2 || reg == 3;
	if (modrm == 0xe8)
		return !p->operand_size && !p->rep && !p->repne;
	return modrm >> 6 != 3 && (reg == 2 || reg == 3 || reg == 7);
}

/* 0F 38: MOVDIRI, MOVDIR64B, INVPCID. */
static enum insn_kind kind_0f38(int opcode, int modrm, const struct prefixes *p)
{
	if (modrm < 0 || modrm >> 6 == 3 || p->rep || p->repne)
		return INSN_OTHER;
	if ((opcode == 0xf8 && p->operand_size) || (opcode == 0xf9 && !p->operand_size))
		return INSN_NON_TEMPORAL;
	return opcode == 0x82 && p->operand_size ? INSN_SERIAL : INSN_OTHER;
}

static void decode_0f(struct insn *insn, struct reader *r, const struct prefixes *p)
{
	int opcode = peek(r, 0), modrm = peek(r, 1);
	bool memory = modrm >= 0 && modrm >> 6 != 3;

	r->at++;
	switch (opcode) {
	case 0xae:
		decode_0fae(insn, r, p);
		break;
	case 0x00: case 0x01:
		if (system_is_serial(opcode, modrm, p))
			insn->kind = INSN_SERIAL;
		break;
	/* INVD, WBINVD, MOV to a control or debug register, WRMSR, CPUID, RSM */
	case 0x08: case 0x09: case 0x22: case 0x23: case 0x30: case 0xa2: case 0xaa:
		insn->kind = INSN_SERIAL;
		break;
	case 0x2b: /* MOVNTPS, MOVNTPD, MOVNTSS, MOVNTSD */
		if (memory)
			insn->kind = INSN_NON_TEMPORAL;
		break;
	case 0xc3: /* MOVNTI */
		if (memory && !p->operand_size && !p->rep && !p->repne)
			insn->kind = INSN_NON_TEMPORAL;
		break;
	case 0xe7: /* MOVNTQ, MOVNTDQ */
		if (memory && !p->rep && !p->repne)
			insn->kind = INSN_NON_TEMPORAL;
		break;
	case 0xf7: /* MASKMOVQ, MASKMOVDQU: to where RDI points */
		if (!memory && modrm >= 0 && !p->rep && !p->repne)
			insn->kind = INSN_NON_TEMPORAL;
		break;
	case 0x38:
		insn->kind = kind_0f38(modrm, peek(r, 1), p);
		break;
	}
}

/* After C4, C5 or 62. False: the code ends. */
static bool read_vector_prefix(struct reader *r, int first, struct vector_prefix *v)
{
	int a = peek(r, 0), b = peek(r, 1), c = peek(r, 2);

	if (a < 0 || b < 0 || c < 0)
		return false;
	switch (first) {
	case 0xc5:
		*v = (struct vector_prefix){ .map = 1, .pp = a & 3 };
		r->at += 1;
		break;
	case 0xc4:
		*v = (struct vector_prefix){ .map = a & 0x1f, .pp = b & 3 };
		r->at += 2;
		break;
	default:
		*v = (struct vector_prefix){ .map = a & 7, .pp = b & 3 };
		r->at += 3;
	}
	return true;
}

static void decode_vector(struct insn *insn, struct reader *r, int first)
{
	struct vector_prefix v;
	int opcode, modrm;
	bool memory;

	if (!read_vector_prefix(r, first, &v) || v.map != 1)
		return;
	opcode = peek(r, 0);
	modrm = peek(r, 1);
	if (modrm < 0)
		return;
	memory = modrm >> 6 != 3;
	/* VMOVNTPS, VMOVNTPD; VMOVNTDQ; VMASKMOVDQU. pp is 0 for no prefix, 1 for 66. */
	if ((opcode == 0x2b && memory && v.pp <= 1) || (opcode == 0xe7 && memory && v.pp == 1) ||
	    (opcode == 0xf7 && !memory && v.pp == 1 && first != 0x62))
		insn->kind = INSN_NON_TEMPORAL;
}

/* As the guest's program has it, without prefixes: 0F 1F 87, displacement. */
static void decode_mark(struct insn *insn, const uint8_t *code, size_t size)
{
	int32_t displacement;

	if (size < 7 || code[0] != 0x0f || code[1] != 0x1f || code[2] != 0x87)
		return;
	memcpy(&displacement, code + 3, sizeof(displacement));
	if (displacement <= MARK_DISPLACEMENT || displacement >= MARK_DISPLACEMENT + DELTA_KINDS)
		return;
	insn->kind = INSN_MARK;
	insn->mark = displacement - MARK_DISPLACEMENT;
}

struct insn decode(const uint8_t *code, size_t size)
{
	struct reader r = { .code = code, .size = size };
	struct insn insn = { .kind = INSN_OTHER };
	struct prefixes p = { 0 };
	int opcode, modrm;

	read_prefixes(&r, &p);
	opcode = peek(&r, 0);
	modrm = peek(&r, 1);
	r.at++;
	if (p.lock) {
		insn.kind = INSN_SERIAL;
		return insn;
	}
	switch (opcode) {
	case 0x0f:
		decode_0f(&insn, &r, &p);
		break;
	case 0x86: case 0x87: /* XCHG with memory is locked without a prefix. */
		if (modrm >= 0 && modrm >> 6 != 3)
			insn.kind = INSN_SERIAL;
		break;
	case 0xcf: /* IRET */
		insn.kind = INSN_SERIAL;
		break;
	case 0xc4: case 0xc5: case 0x62:
		decode_vector(&insn, &r, opcode);
		break;
	}
	if (insn.kind == INSN_OTHER)
		decode_mark(&insn, code, size);
	return insn;
}

uint64_t operand_address(const struct operand *o, const struct registers *r, uint64_t next)
{
	uint64_t address = (int64_t)o->displacement;

	if (o->relative)
		address += next;
	if (o->base != REG_NONE)
		address += r->general[o->base];
	if (o->index != REG_NONE)
		address += r->general[o->index] * o->scale;
	if (o->narrow)
		address = (uint32_t)address;
	return address + (o->segment == 'f' ? r->fs_base : o->segment == 'g' ? r->gs_base : 0);
}
