// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer: the parsers of the tool. The first byte chooses: the arguments of
 * options, an operand, a line of maps, a line of mountinfo. What is accepted has to be
 * well-formed.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "judge.h"

static void arguments(const char *text)
{
	struct page_range *ranges;
	unsigned int bits;
	uint64_t number;
	double seconds;
	size_t nr;

	if (!parse_page_list(text, &ranges, &nr)) {
		for (size_t i = 0; i < nr; i++)
			if (ranges[i].first > ranges[i].last)
				abort();
		if (!nr)
			abort();
		free(ranges);
	} else if (ranges || nr) {
		abort();
	}
	if (!parse_bits(text, &bits) &&
	    (!bits || bits & ~(unsigned int)(ALL_BITS | MINCORE_PINNABLE)))
		abort();
	parse_size(text, &number);
	if (!parse_real(text, 0.05, MOST_SECONDS, &seconds) && !(seconds >= 0.05))
		abort();
}

static void line_of_maps(const char *line)
{
	struct process process;

	/* Nothing beyond the terminators that a look too far would find good. */
	memset(&process, '?', sizeof(process));
	process.start = 0x7f0000000000;
	if (process_parse_map(&process, line) &&
	    (process.start < process.vma.start || process.start >= process.vma.end))
		abort();
}

static void line_of_mountinfo(char *line)
{
	struct facts facts;

	memset(&facts, '?', sizeof(facts));
	if (facts_parse_mount(&facts, line, 36) &&
	    (!memchr(facts.fstype, 0, sizeof(facts.fstype)) ||
	     !memchr(facts.source, 0, sizeof(facts.source)) ||
	     !memchr(facts.options, 0, sizeof(facts.options))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		abort();
	switch (data[0] % 4) {
	case 0:
		arguments(text);
		break;
	case 1:
		process_operand(text);
		break;
	case 2:
		line_of_maps(text);
		break;
	default:
		line_of_mountinfo(text);
	}
	free(text);
	return 0;
}
