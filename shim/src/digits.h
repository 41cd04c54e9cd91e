/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one parser of whole numbers, in what a user says and in what the kernel
 * prints. It takes digits only: strtoull() takes blanks and a sign as well, and goes
 * on after an overflow. Both libraries and the tool include this file.
 */
#ifndef MINCORE2_DIGITS_H
#define MINCORE2_DIGITS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * mincore2_digits() - read digits
 * @text: where they begin; moved to the first character that is none
 * @base: 10 or 16; letters of either case
 * @value: receives the number, or 0
 *
 * Return: false if there is no digit, or for more than 64 bits.
 */
static inline bool mincore2_digits(const char **text, unsigned int base,
				   uint64_t *value)
{
	const char *at = *text;

	*value = 0;
	for (;; at++) {
		unsigned int digit;

		if (*at >= '0' && *at <= '9')
			digit = (unsigned int)(*at - '0');
		else if (base == 16 && *at >= 'a' && *at <= 'f')
			digit = (unsigned int)(*at - 'a') + 10;
		else if (base == 16 && *at >= 'A' && *at <= 'F')
			digit = (unsigned int)(*at - 'A') + 10;
		else
			break;
		if (*value > (UINT64_MAX - digit) / base) {
			*value = 0;
			return false;
		}
		*value = *value * base + digit;
	}
	if (at == *text)
		return false;
	*text = at;
	return true;
}

/* The same of a text that is a decimal number and nothing else. */
static inline bool mincore2_number(const char *text, uint64_t *value)
{
	if (mincore2_digits(&text, 10, value) && !*text)
		return true;
	*value = 0;
	return false;
}

#endif /* MINCORE2_DIGITS_H */
