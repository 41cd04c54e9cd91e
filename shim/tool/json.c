// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A report for programs; mincore2(1) describes it. Addresses and states are
 * strings: many JSON readers keep numbers in 53 bits.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"

/*
 * The character that @text begins with, if that is UTF-8 (RFC 3629): its bytes, or 0 if
 * it is not.
 */
static size_t utf8_character(const unsigned char *text, unsigned int *c)
{
	size_t len = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] <= 0xdf ? 2 :
		     (text[0] & 0xf0) == 0xe0 ? 3 :
		     text[0] >= 0xf0 && text[0] <= 0xf4 ? 4 : 0;

	*c = len == 1 ? text[0] : text[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (text[i] & 0x3f);
	}
	/* overlong forms, surrogates, and beyond U+10FFFF */
	if ((len == 3 && *c < 0x800) || (*c >= 0xd800 && *c <= 0xdfff) ||
	    (len == 4 && (*c < 0x10000 || *c > 0x10ffff)))
		return 0;
	return len;
}

static void json_string(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', out);
	for (size_t len; *at; at += len ? len : 1) {
		unsigned int c;

		len = utf8_character(at, &c);
		if (!len)	/* A file name can be any bytes; JSON cannot. */
			fputs("\\ufffd", out);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (int)c);
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || turns_text(c))
			fprintf(out, "\\u%04x", c);	/* A terminal obeys it. */
		else
			fwrite(at, 1, len, out);
	}
	fputc('"', out);
}

/* What a format has "%" for; numbers have 64 bits. */
static void json_argument(FILE *out, char conversion, va_list *args)
{
	const char *text;

	switch (conversion) {
	case 's':
		text = va_arg(*args, const char *);
		if (text)
			json_string(out, text);
		else
			fputs("null", out);
		break;
	case 'd':
		fputs(va_arg(*args, int) ? "true" : "false", out);
		break;
	case 'x':
		fprintf(out, "\"0x%" PRIx64 "\"", va_arg(*args, uint64_t));
		break;
	case 'u':
		fprintf(out, "%" PRIu64, va_arg(*args, uint64_t));
		break;
	default:
		abort();
	}
}

void json(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	for (; *format; format++) {
		if (*format == '\'') {
			fputc('"', out);
		} else if (*format == '%') {
			format += 1 + strspn(format + 1, "l");
			json_argument(out, *format, &args);
		} else {
			fputc(*format, out);
		}
	}
	va_end(args);
}

/*
 * Members for the bits of a state, null where not asked for or not known; and which. The
 * order is documented.
 */
static void json_bits(FILE *out, const struct report *report,
		      const struct region *region)
{
	static const struct { const char *name; unsigned int bit; } bits[] = {
		{ "resident", MINCORE_RESIDENT }, { "dax", MINCORE_DAX },
		{ "level", MINCORE_LEVEL }, { "persist", MINCORE_PERSIST },
		{ "writable", MINCORE_WRITABLE }, { "denied", MINCORE_DENIED },
		{ "unmapped", MINCORE_UNMAPPED }, { "zero", MINCORE_ZERO },
		{ "pinnable", MINCORE_PINNABLE },
	};
	const size_t nr = sizeof(bits) / sizeof(bits[0]);
	const char *separator = "         ";
	/* One is always reported, one comes with another. */
	uint64_t known = report->bits | MINCORE_UNMAPPED;

	if (known & MINCORE_RESIDENT)
		known |= MINCORE_DENIED;
	known &= ~region->unknown;
	for (size_t i = 0; i < nr; i++) {
		if (bits[i].bit == MINCORE_LEVEL)
			continue;	/* a member that is no bool */
		fprintf(out, "%s\"%s\": %s", separator, bits[i].name,
			!(known & bits[i].bit) ? "null" :
			region->state & bits[i].bit ? "true" : "false");
		separator = ", ";
	}
	json(out, ",\n         'unknown': [");
	separator = "";
	for (size_t i = 0; i < nr; i++) {
		if (!(region->unknown & bits[i].bit))
			continue;
		fprintf(out, "%s\"%s\"", separator, bits[i].name);
		separator = ", ";
	}
	fputs("],\n", out);
}

static const char *text_or_null(const char *text)
{
	return text[0] ? text : NULL;
}

/* An object; null where there is no reason. */
static void json_reason(FILE *out, const struct report *report,
			const struct reason *reason)
{
	if (reason->code)
		json(out, "{'code': %s, 'text': %s, 'advice': %s}", reason->code,
		     reason->text, reason_advice(report, reason->code));
	else
		fputs("null", out);
}

static void json_region(FILE *out, const struct report *report,
			const struct region *region)
{
	unsigned int shift = MINCORE_ENTRY_SHIFT(region->state);
	enum backing backing = region_backing(report, region);
	struct reason reason = { 0 };

	json(out, "        {'address': %" PRIx64 ", 'offset': %" PRIu64 ", 'size': %" PRIu64 ", 'state': %" PRIx64 ",\n",
	     report_address(report, region->start),
	     report_offset(report, region->start), region_bytes(region),
	     region->state);
	json(out, "         'backing': %s, 'level': %s, 'entry_size': %" PRIu64 ",\n",
	     report->bits & MINCORE_DAX && backing != BACKING_UNKNOWN ?
	     backing_name(backing) : NULL, level_name(region->state),
	     shift && shift < 64 ? (uint64_t)1 << shift : 0);
	json_bits(out, report, region);
	if (report->bits & MINCORE_PERSIST)
		region_reason(report, region, &reason);
	json(out, "         'reason': ");
	json_reason(out, report, &reason);
	fputc('}', out);
}

void json_levels(FILE *out, const struct sums *sums)
{
	json(out, "{'none': %" PRIu64 ", 'PTE': %" PRIu64 ", 'PMD': %" PRIu64 ", 'PUD': %" PRIu64 ", 'unknown': %" PRIu64 "}",
	     sums->level[0], sums->level[1], sums->level[2], sums->level[3],
	     sums->level[LEVEL_UNKNOWN]);
}

/* Sum in bytes, and why not; null where it was not asked for. */
static void json_pinnable(FILE *out, const struct report *report,
			  const struct part *pinnable)
{
	struct reason reason = { 0 };

	if (!(report->bits & MINCORE_PINNABLE)) {
		json(out, "        'pinnable': null, 'not_pinnable': null,\n");
		return;
	}
	if (!pinnable->yes && !pinnable->unknown)
		pin_reason(report, &reason);
	json(out, "        'pinnable': %" PRIu64 ", 'not_pinnable': ", pinnable->yes);
	json_reason(out, report, &reason);
	fputs(",\n", out);
}

static void json_fallback(FILE *out, const struct report *report,
			  const struct fallback *fallback)
{
	const struct extent *extent = &fallback->extent;
	struct misfit misfit;
	char text[512];

	json(out, "          {'offset': %" PRIu64 ", 'size': %" PRIu64 ", 'cause': %s,\n           'extent': ",
	     fallback->offset, fallback->size, cause_code(fallback->cause));
	if (extent->length)
		json(out, "{'offset': %" PRIu64 ", 'size': %" PRIu64 ", 'physical': %" PRIu64 ", 'unwritten': %d}",
		     extent->logical, extent->length, extent->physical,
		     extent->unwritten);
	else
		fputs("null", out);
	fallback_text(report, fallback, true, text, sizeof(text));
	json(out, ", 'text': %s, 'advice': %s", text,
	     cause_advice(report, fallback->cause));
	if (fallback_misfit(report, fallback, &misfit))
		json(out, ", 'modulo_pmd': {'offset': %" PRIu64 ", 'address': %" PRIu64 ", 'block': %" PRIu64 ", 'partition': %" PRIu64 "}",
		     misfit.offset, misfit.address, misfit.block, misfit.partition);
	fputc('}', out);
}

/* Sums in bytes; null: the bit was not asked for. */
static void json_verdict(FILE *out, const struct report *report)
{
	struct verdict verdict;
	const struct sums *sums = &verdict.sums;
	char text[512];

	verdict_make(&verdict, report);
	verdict_text(report, &verdict, text, sizeof(text));
	json(out, "      'verdict': {\n        'text': %s,\n        'bytes': %" PRIu64 ", ",
	     text_or_null(text), sums->bytes);
	if (report->bits & MINCORE_PERSIST)
		json(out, "'persist': %" PRIu64 ", 'persist_unknown': %" PRIu64 ",\n",
		     sums->persist.yes, sums->persist.unknown);
	else
		json(out, "'persist': null, 'persist_unknown': null,\n");
	json_pinnable(out, report, &sums->pinnable);
	json(out, "        'levels': ");
	if (report->bits & MINCORE_LEVEL)
		json_levels(out, sums);
	else
		fputs("null", out);
	json(out, ",\n        'fallbacks': [\n");
	for (size_t i = 0; i < verdict.nr_fallbacks; i++) {
		json_fallback(out, report, &verdict.fallback[i]);
		fputs(i + 1 < verdict.nr_fallbacks ? ",\n" : "\n", out);
	}
	fputs("        ]\n      },\n", out);
	verdict_free(&verdict);
}

static void json_report(FILE *out, const struct report *report)
{
	const struct facts *facts = &report->facts;
	const struct mapping *mapping = &report->mapping;
	const struct process *process = &report->process;

	json(out, "    {\n      'path': %s,\n", report->target.path);
	if (report->error[0]) {
		json(out, "      'error': %s\n    }", report->error);
		return;
	}
	json(out, "      'way': %s,\n      'kind': %s,\n      'size': %" PRIu64 ",\n      'process': ",
	     mincore2_way_string(report->way),
	     report->target.kind == TARGET_DEVDAX ? "device-dax" : "file",
	     report->target.size);
	if (process->pid)
		json(out, "{'pid': %" PRIu64 ", 'address': %" PRIx64 ", 'sync': %d, 'file': %s}",
		     (uint64_t)process->pid, process->start, process->sync,
		     text_or_null(process->path));
	else
		fputs("null", out);
	json(out, ",\n      'filesystem': %s,\n      'source': %s,\n      'device': %s,\n",
	     text_or_null(facts->fstype), text_or_null(facts->source),
	     text_or_null(facts->device));
	json(out, "      'persistence_domain': %s,\n      'memory': %s,\n",
	     text_or_null(facts->persistence_domain), text_or_null(facts->memory));
	json(out, "      'mapping': {'address': %" PRIx64 ", 'size': %" PRIu64 ", 'shared': %d, 'sync': %d, 'sync_refused': %d, 'writable': %d},\n",
	     report_address(report, mapping->start), (uint64_t)mapping->len,
	     mapping->type != MAPPING_PRIVATE, mapping->type == MAPPING_SYNC,
	     mapping->sync_errno != 0, mapping->writable);
	json(out, "      'warning': %s,\n", text_or_null(report->warning));
	json_verdict(out, report);
	json(out, "      'regions': [\n");
	for (size_t i = 0; i < report->regions.nr; i++) {
		json_region(out, report, &report->regions.region[i]);
		fputs(i + 1 < report->regions.nr ? ",\n" : "\n", out);
	}
	fputs("      ]\n    }", out);
}

void json_print(FILE *out, const struct report *reports, size_t nr)
{
	json(out, JSON_HEAD "'files': [\n");
	for (size_t i = 0; i < nr; i++) {
		json_report(out, &reports[i]);
		fputs(i + 1 < nr ? ",\n" : "\n", out);
	}
	fputs("  ]\n}\n", out);
}
