/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_ENCODE_UTF8_H
#define RSH_ENCODE_UTF8_H

/* Texts of other people's making, which need not be UTF-8, where a format wants just that. */

#include <stddef.h>

/* How many bytes of @text are whole characters, up to the first byte that belongs to none. */
size_t rshi_utf8_valid(const char *text, size_t n);

/* Put a question mark in place of each byte that belongs to no character. */
void rshi_utf8_repair(char *text, size_t n);

#endif /* RSH_ENCODE_UTF8_H */
