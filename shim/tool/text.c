// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text: sizes and levels for people, what the terminal can show, errors.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <langinfo.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "digits.h"
#include "maps.h"
#include "text.h"

enum { DEFAULT_WIDTH = 80, LEAST_WIDTH = 40 };

void terminal_detect(struct terminal *terminal, bool bytes, bool summary)
{
	const char *no_color = getenv("NO_COLOR");
	const char *columns = getenv("COLUMNS");
	const char *term = getenv("TERM");
	bool is_terminal = isatty(STDOUT_FILENO);
	bool is_dumb = term && !strcmp(term, "dumb");
	struct winsize size;
	uint64_t width = 0;

	*terminal = (struct terminal) { .bytes = bytes, .summary = summary };
	if (is_terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		width = size.ws_col;
	/* A dumb terminal cannot be drawn upon. */
	if (width && !is_dumb)
		terminal->height = size.ws_row;
	if (!width && (!columns || !mincore2_number(columns, &width) || !width))
		width = DEFAULT_WIDTH;
	terminal->width = width < LEAST_WIDTH ? LEAST_WIDTH :
			  width > MOST_WIDTH ? MOST_WIDTH : width;
	terminal->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	/* no-color.org: set and not empty, whatever the value */
	terminal->colour = is_terminal && !(no_color && *no_color) &&
			   !is_dumb;
}

const char *human_size(uint64_t bytes, char buf[24])
{
	static const char units[] = "KMGTPE";
	unsigned int shift = 10;

	if (bytes < 1024) {
		snprintf(buf, 24, "%" PRIu64 " B", bytes);
		return buf;
	}
	while (shift < 60 && bytes >> shift >= 1024)
		shift += 10;
	if (bytes & (((uint64_t)1 << shift) - 1)) {
		/* Truncated, so that it never reads "1024.0". */
		uint64_t tenths = (bytes >> (shift - 10)) * 10 / 1024;

		snprintf(buf, 24, "%" PRIu64 ".%u %ciB", tenths / 10,
			 (unsigned int)(tenths % 10), units[shift / 10 - 1]);
	} else {
		snprintf(buf, 24, "%" PRIu64 " %ciB", bytes >> shift,
			 units[shift / 10 - 1]);
	}
	return buf;
}

const char *size_text(const struct terminal *terminal, uint64_t bytes,
		      char buf[24])
{
	if (!terminal->bytes)
		return human_size(bytes, buf);
	snprintf(buf, 24, "%" PRIu64, bytes);
	return buf;
}

const char *level_name(uint64_t state)
{
	static const char *const names[NR_LEVELS] = { NULL, "PTE", "PMD", "PUD" };

	return names[level_of(state)];
}

const char *level_text(uint64_t state, char buf[24])
{
	static const char units[] = "BKMGTPE";
	const char *name = level_name(state);
	unsigned int shift = MINCORE_ENTRY_SHIFT(state);

	if (!name)
		return "-";
	if (shift == 0 || shift >= 64)
		snprintf(buf, 24, "%s", name);
	else
		snprintf(buf, 24, "%s %u%c", name, 1U << shift % 10,
			 units[shift / 10]);
	return buf;
}

bool turns_text(unsigned int c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* Bytes of the first character at @text; 0: none, also half of a character. */
static size_t character(const char *text, size_t bytes, wchar_t *c)
{
	mbstate_t state = { 0 };
	size_t len = mbrtowc(c, text, bytes, &state);

	return len == (size_t)-1 || len == (size_t)-2 ? 0 : len;
}

/*
 * Print the first @bytes of @text, but what is no character or is not to be printed
 * as "?". Returns how many characters these are. @out NULL: only count.
 */
static size_t print_bytes(FILE *out, const char *text, size_t bytes)
{
	size_t characters = 0;

	for (size_t at = 0, len; at < bytes; at += len ? len : 1, characters++) {
		wchar_t c;

		len = character(text + at, bytes - at, &c);
		if (!out)
			continue;
		if (!len || !iswprint((wint_t)c) || turns_text((unsigned int)c))
			fputc('?', out);
		else
			fwrite(text + at, 1, len, out);
	}
	return characters;
}

void print_clean(FILE *out, const char *text)
{
	print_bytes(out, text, strlen(text));
}

void print_wrapped(FILE *out, const char *text, size_t column, size_t indent,
		   size_t width)
{
	bool first = true;

	while (*text) {
		size_t bytes = strcspn(text, " ");

		if (!first && column + 1 + print_bytes(NULL, text, bytes) > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', out);
			column++;
		}
		column += print_bytes(out, text, bytes);
		first = false;
		text += bytes;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

void (*before_the_end)(void);

void out_of_memory(void)
{
	if (before_the_end)
		before_the_end();
	fprintf(stderr, "mincore2: %s\n", strerror(ENOMEM));
	exit(STATUS_USAGE);
}

void *zeroed(size_t nr, size_t size)
{
	void *memory = calloc(nr, size);

	if (!memory)
		out_of_memory();
	return memory;
}

char *text_of_list(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	return text;
}

char *text_of(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = text_of_list(format, args);
	va_end(args);
	return text;
}

size_t print_label(FILE *out, const char *label)
{
	return (size_t)fprintf(out, "%*s%-*s", MARGIN, "", LABEL_WIDTH, label);
}

void paragraph(FILE *out, const struct terminal *terminal, size_t indent,
	       const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = text_of_list(format, args);
	va_end(args);
	fprintf(out, "%*s", (int)indent, "");
	print_wrapped(out, text, indent, indent, terminal->width);
	free(text);
}

int fail(char *error, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	errno = err;
	vsnprintf(error, ERROR_SIZE, format, args);
	va_end(args);
	return -err;
}

void complain(const char *name, const char *text)
{
	if (!text[0])
		return;
	fflush(stdout);
	fputs("mincore2: ", stderr);
	print_clean(stderr, name);
	fputs(": ", stderr);
	print_clean(stderr, text);
	fputc('\n', stderr);
}

int finish_output(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "mincore2: cannot write the output: %s\n",
			strerror(errno));
		return status > STATUS_FAILED ? status : STATUS_FAILED;
	}
	return status;
}

void path_print(char *path, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(path, PATH_MAX, format, args);
	va_end(args);
	if (len < 0 || len >= PATH_MAX)
		path[0] = '\0';
}

bool is_there(const char *dir, const char *name)
{
	char path[PATH_MAX];

	path_print(path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

ssize_t read_line(const char *dir, const char *name, char *buf, size_t size)
{
	struct mincore2_lines lines = { .fd = -1 };
	char path[PATH_MAX];
	int ret;

	buf[0] = '\0';
	path_print(path, "%s/%s", dir, name);
	lines.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (lines.fd < 0)
		return -errno;
	ret = mincore2_maps_line(&lines, buf, size);
	close(lines.fd);
	return ret < 0 ? ret : (ssize_t)strlen(buf);
}

double seconds_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void array_add(void *array, size_t *nr, const void *element, size_t size)
{
	char *elements;

	memcpy(&elements, array, sizeof(elements));
	/* It has room for a power of two of them: it is full at these. */
	if (!(*nr & (*nr - 1))) {
		elements = reallocarray(elements, *nr ? *nr * 2 : 1, size);
		if (!elements)
			out_of_memory();
		memcpy(array, &elements, sizeof(elements));
	}
	memcpy(elements + size * (*nr)++, element, size);
}
