/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_COVER_FIND_H
#define RSH_COVER_FIND_H

/* Which file a piece of the program's memory comes from. */

#include <stddef.h>

/* The absolute path of the file mapped at @address, with a NUL; empty if the system does not say. */
void rshi_find_path(const void *address, char *path, size_t size);

/* The GNU build id in hexadecimal digits of the ELF image at @image; empty without one. */
void rshi_find_build_id(const void *image, char *hex, size_t size);

/* Is @image the program itself, and not one of its shared libraries? */
int rshi_is_program(const void *image);

/* The path of the program. */
void rshi_find_program(char *path, size_t size);

#endif /* RSH_COVER_FIND_H */
