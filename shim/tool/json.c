// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A report for programs; mincore2(1) describes it. Addresses and states are
 * strings: many JSON readers keep numbers in 53 bits.
 */
#include <inttypes.h>

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

void json_string(FILE *out, const char *text)
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

/* @before, as it is; then a string, or null for NULL and "". */
static void json_value(FILE *out, const char *before, const char *value)
{
	fputs(before, out);
	if (value && *value)
		json_string(out, value);
	else
		fputs("null", out);
}

/* Ends with a comma: never the last member. */
static void json_text(FILE *out, const char *indent, const char *key,
		      const char *value)
{
	fprintf(out, "%s\"%s\": ", indent, key);
	json_value(out, "", value);
	fputs(",\n", out);
}

static const char *truth(uint64_t bit)
{
	return bit ? "true" : "false";
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
			known & bits[i].bit ? truth(region->state & bits[i].bit) :
			"null");
		separator = ", ";
	}
	fputs(",\n         \"unknown\": [", out);
	separator = "";
	for (size_t i = 0; i < nr; i++) {
		if (!(region->unknown & bits[i].bit))
			continue;
		fprintf(out, "%s\"%s\"", separator, bits[i].name);
		separator = ", ";
	}
	fputs("],\n", out);
}

static void json_region(FILE *out, const struct report *report,
			const struct region *region)
{
	unsigned int shift = MINCORE_ENTRY_SHIFT(region->state);
	enum backing backing = region_backing(report, region);
	struct reason reason = { 0 };

	fprintf(out, "        {\"address\": \"0x%" PRIx64 "\", \"offset\": %" PRIu64 ", \"size\": %" PRIu64 ", \"state\": \"0x%" PRIx64 "\",\n",
		report_address(report, region->start),
		report_offset(report, region->start), region_bytes(region),
		region->state);
	json_value(out, "         \"backing\": ", report->bits & MINCORE_DAX &&
		   backing != BACKING_UNKNOWN ? backing_name(backing) : NULL);
	json_value(out, ", \"level\": ", level_name(region->state));
	fprintf(out, ", \"entry_size\": %" PRIu64 ",\n",
		shift && shift < 64 ? (uint64_t)1 << shift : 0);
	json_bits(out, report, region);
	if (report->bits & MINCORE_PERSIST)
		region_reason(report, region, &reason);
	if (!reason.code) {
		fputs("         \"reason\": null}", out);
		return;
	}
	json_value(out, "         \"reason\": {\"code\": ", reason.code);
	json_value(out, ", \"text\": ", reason.text);
	json_value(out, ", \"advice\": ", reason_advice(report, reason.code));
	fputs("}}", out);
}

void json_levels(FILE *out, const struct sums *sums)
{
	fprintf(out, "{\"none\": %" PRIu64 ", \"PTE\": %" PRIu64 ", \"PMD\": %" PRIu64 ", \"PUD\": %" PRIu64 ", \"unknown\": %" PRIu64 "}",
		sums->level[0], sums->level[1], sums->level[2], sums->level[3],
		sums->level[LEVEL_UNKNOWN]);
}

/* Sum in bytes, and why not; null where it was not asked for. */
static void json_pinnable(FILE *out, const struct report *report,
			  const struct part *pinnable)
{
	struct reason reason;

	if (!(report->bits & MINCORE_PINNABLE)) {
		fputs("        \"pinnable\": null, \"not_pinnable\": null,\n", out);
		return;
	}
	fprintf(out, "        \"pinnable\": %" PRIu64 ", \"not_pinnable\": ",
		pinnable->yes);
	if (pinnable->yes || pinnable->unknown) {
		fputs("null,\n", out);
		return;
	}
	pin_reason(report, &reason);
	json_value(out, "{\"code\": ", reason.code);
	json_value(out, ", \"text\": ", reason.text);
	json_value(out, ", \"advice\": ", reason_advice(report, reason.code));
	fputs("},\n", out);
}

static void json_fallback(FILE *out, const struct report *report,
			  const struct fallback *fallback)
{
	const struct extent *extent = &fallback->extent;
	struct misfit misfit;
	char text[512];

	fprintf(out, "          {\"offset\": %" PRIu64 ", \"size\": %" PRIu64 ", \"cause\": \"%s\",\n           \"extent\": ",
		fallback->offset, fallback->size, cause_code(fallback->cause));
	if (extent->length)
		fprintf(out, "{\"offset\": %" PRIu64 ", \"size\": %" PRIu64 ", \"physical\": %" PRIu64 ", \"unwritten\": %s}",
			extent->logical, extent->length, extent->physical,
			truth(extent->unwritten));
	else
		fputs("null", out);
	fallback_text(report, fallback, true, text, sizeof(text));
	json_value(out, ", \"text\": ", text);
	json_value(out, ", \"advice\": ", cause_advice(report, fallback->cause));
	if (fallback_misfit(report, fallback, &misfit))
		fprintf(out, ", \"modulo_pmd\": {\"offset\": %" PRIu64 ", \"address\": %" PRIu64 ", \"block\": %" PRIu64 ", \"partition\": %" PRIu64 "}",
			misfit.offset, misfit.address, misfit.block,
			misfit.partition);
	fputc('}', out);
}

/* Sums in bytes; null: the bit was not asked for. */
static void json_verdict(FILE *out, const struct report *report)
{
	struct verdict verdict;
	char text[512];

	verdict_make(&verdict, report);
	verdict_text(report, &verdict, text, sizeof(text));
	fputs("      \"verdict\": {\n", out);
	json_text(out, "        ", "text", text);
	fprintf(out, "        \"bytes\": %" PRIu64 ", ", verdict.sums.bytes);
	if (report->bits & MINCORE_PERSIST)
		fprintf(out, "\"persist\": %" PRIu64 ", \"persist_unknown\": %" PRIu64 ",\n",
			verdict.sums.persist.yes, verdict.sums.persist.unknown);
	else
		fputs("\"persist\": null, \"persist_unknown\": null,\n", out);
	json_pinnable(out, report, &verdict.sums.pinnable);
	fputs("        \"levels\": ", out);
	if (report->bits & MINCORE_LEVEL)
		json_levels(out, &verdict.sums);
	else
		fputs("null", out);
	fputs(",\n", out);
	fputs("        \"fallbacks\": [\n", out);
	for (size_t i = 0; i < verdict.nr_fallbacks; i++) {
		json_fallback(out, report, &verdict.fallback[i]);
		fputs(i + 1 < verdict.nr_fallbacks ? ",\n" : "\n", out);
	}
	fputs("        ]\n      },\n", out);
	verdict_free(&verdict);
}

static void json_mapping(FILE *out, const struct report *report)
{
	const struct mapping *mapping = &report->mapping;

	fprintf(out, "      \"mapping\": {\"address\": \"0x%" PRIx64 "\", \"size\": %zu, \"shared\": %s, \"sync\": %s, \"sync_refused\": %s, \"writable\": %s},\n",
		report_address(report, mapping->start), mapping->len,
		truth(mapping->type != MAPPING_PRIVATE),
		truth(mapping->type == MAPPING_SYNC),
		truth(mapping->sync_errno != 0), truth(mapping->writable));
}

static void json_process(FILE *out, const struct process *process)
{
	if (!process->pid) {
		fputs("      \"process\": null,\n", out);
		return;
	}
	fprintf(out, "      \"process\": {\"pid\": %d, \"address\": \"0x%" PRIx64 "\", \"sync\": %s",
		(int)process->pid, process->start, truth(process->sync));
	json_value(out, ", \"file\": ", process->path);
	fputs("},\n", out);
}

static void json_report(FILE *out, const struct report *report)
{
	const struct facts *facts = &report->facts;
	const char *indent = "      ";

	fputs("    {\n", out);
	json_text(out, indent, "path", report->target.path);
	if (report->error[0]) {
		json_value(out, "      \"error\": ", report->error);
		fputs("\n    }", out);
		return;
	}
	json_text(out, indent, "way", mincore2_way_string(report->way));
	json_text(out, indent, "kind", report->target.kind == TARGET_DEVDAX ?
		  "device-dax" : "file");
	fprintf(out, "      \"size\": %" PRIu64 ",\n", report->target.size);
	json_process(out, &report->process);
	json_text(out, indent, "filesystem", facts->fstype);
	json_text(out, indent, "source", facts->source);
	json_text(out, indent, "device", facts->device);
	json_text(out, indent, "persistence_domain", facts->persistence_domain);
	json_text(out, indent, "memory", facts->memory);
	json_mapping(out, report);
	json_text(out, indent, "warning", report->warning);
	json_verdict(out, report);
	fputs("      \"regions\": [\n", out);
	for (size_t i = 0; i < report->regions.nr; i++) {
		json_region(out, report, &report->regions.region[i]);
		fputs(i + 1 < report->regions.nr ? ",\n" : "\n", out);
	}
	fputs("      ]\n    }", out);
}

void json_print(FILE *out, const struct report *reports, size_t nr)
{
	fprintf(out, "{\n  \"version\": %d,\n  \"files\": [\n", JSON_VERSION);
	for (size_t i = 0; i < nr; i++) {
		json_report(out, &reports[i]);
		fputs(i + 1 < nr ? ",\n" : "\n", out);
	}
	fputs("  ]\n}\n", out);
}
