// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A report for programs; mincore2(1) describes it. Addresses and states are
 * strings: many JSON readers keep numbers in 53 bits.
 */
#include <inttypes.h>
#include <string.h>

#include "tool.h"

/* Bytes of the valid UTF-8 sequence at @text (RFC 3629), or 0. */
static size_t utf8_length(const unsigned char *text)
{
	unsigned char c = text[0];
	size_t len = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 :
		     (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;

	for (size_t i = 1; i < len; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, and beyond U+10FFFF */
	if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) ||
	    (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f))
		return 0;
	return len;
}

static void json_string(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', out);
	while (*at) {
		size_t len = utf8_length(at);

		if (!len) {
			/* A file name can be any bytes; JSON cannot. */
			fputs("\\ufffd", out);
			at++;
			continue;
		}
		if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else
			fwrite(at, 1, len, out);
		at += len;
	}
	fputc('"', out);
}

static void json_key(FILE *out, const char *indent, const char *key)
{
	fprintf(out, "%s\"%s\": ", indent, key);
}

/* Ends with a comma: never the last member. */
static void json_text(FILE *out, const char *indent, const char *key,
		      const char *value)
{
	json_key(out, indent, key);
	if (value && *value)
		json_string(out, value);
	else
		fputs("null", out);
	fputs(",\n", out);
}

static const char *truth(uint64_t bit)
{
	return bit ? "true" : "false";
}

static void json_region(FILE *out, const struct report *report,
			const struct mincore_region *region)
{
	uint64_t start = region->start;
	uint64_t state = region->state;
	unsigned int shift = MINCORE_ENTRY_SHIFT(state);
	struct reason reason;

	fprintf(out, "        {\"address\": \"0x%" PRIx64 "\", \"offset\": %" PRIu64 ", \"size\": %" PRIu64 ", \"state\": \"0x%" PRIx64 "\",\n",
		start, start - report->mapping.start,
		(uint64_t)region->end - start, state);
	fprintf(out, "         \"backing\": \"%s\", \"level\": ",
		backing_name(state_backing(report, state)));
	if (level_name(state))
		fprintf(out, "\"%s\"", level_name(state));
	else
		fputs("null", out);
	fprintf(out, ", \"entry_size\": %" PRIu64 ",\n",
		shift && shift < 64 ? (uint64_t)1 << shift : 0);
	fprintf(out, "         \"resident\": %s, \"dax\": %s, \"persist\": %s, \"writable\": %s, \"denied\": %s, \"unmapped\": %s, \"zero\": %s,\n",
		truth(state & MINCORE_RESIDENT), truth(state & MINCORE_DAX),
		truth(state & MINCORE_PERSIST), truth(state & MINCORE_WRITABLE),
		truth(state & MINCORE_DENIED), truth(state & MINCORE_UNMAPPED),
		truth(state & MINCORE_ZERO));
	state_reason(report, state, &reason);
	fputs("         \"reason\": ", out);
	if (reason.code) {
		fprintf(out, "{\"code\": \"%s\", \"text\": ", reason.code);
		json_string(out, reason.text);
		fputs("}}", out);
	} else {
		fputs("null}", out);
	}
}

static void json_mapping(FILE *out, const struct mapping *mapping)
{
	fprintf(out, "      \"mapping\": {\"address\": \"0x%" PRIx64 "\", \"size\": %zu, \"shared\": %s, \"sync\": %s, \"sync_refused\": %s, \"writable\": %s},\n",
		mapping->start, mapping->len,
		truth(mapping->type != MAPPING_PRIVATE),
		truth(mapping->type == MAPPING_SYNC),
		truth(mapping->sync_errno != 0), truth(mapping->writable));
}

static void json_report(FILE *out, const struct report *report)
{
	const struct facts *facts = &report->facts;
	const char *indent = "      ";

	fputs("    {\n", out);
	json_text(out, indent, "path", report->target.path);
	if (report->error[0]) {
		json_key(out, indent, "error");
		json_string(out, report->error);
		fputs("\n    }", out);
		return;
	}
	json_text(out, indent, "kind", report->target.kind == TARGET_DEVDAX ?
		  "device-dax" : "file");
	fprintf(out, "      \"size\": %" PRIu64 ",\n", report->target.size);
	json_text(out, indent, "filesystem", facts->fstype);
	json_text(out, indent, "source", facts->source);
	json_text(out, indent, "device", facts->device);
	json_text(out, indent, "persistence_domain", facts->persistence_domain);
	json_mapping(out, &report->mapping);
	json_text(out, indent, "warning", report->warning);
	fputs("      \"regions\": [\n", out);
	for (size_t i = 0; i < report->regions.nr; i++) {
		json_region(out, report, &report->regions.region[i]);
		fputs(i + 1 < report->regions.nr ? ",\n" : "\n", out);
	}
	fputs("      ]\n    }", out);
}

void json_print(FILE *out, const struct report *reports, size_t nr)
{
	fputs("{\n  \"files\": [\n", out);
	for (size_t i = 0; i < nr; i++) {
		json_report(out, &reports[i]);
		fputs(i + 1 < nr ? ",\n" : "\n", out);
	}
	fputs("  ]\n}\n", out);
}
