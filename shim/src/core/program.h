/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_PROGRAM_H
#define RSH_CORE_PROGRAM_H

/*
 * The program among what is loaded. A program that is linked with the archive does not tell its
 * libraries so; but it has a note, which does.
 */

#include <stdint.h>

/* Is what is at @p the program's? */
int rshi_program_holds(const void *p);

/* Has the program a note of RSHI_NOTE(), of @type? */
int rshi_program_notes(uint32_t type);

#define RSHI_NOTE_NAME  "raceshim"
#define RSHI_NOTE_TRACE 1 /* what emits events is in here */

struct rshi_note {
	uint32_t name_size, size, type;
	char name[12];
};

/* Define one, in whose object file it is. */
#define RSHI_NOTE(of_type)                                                                         \
	__attribute__((used, aligned(4),                                                           \
	               section(".note.raceshim"))) static const struct rshi_note rshi_note = {     \
	        sizeof(RSHI_NOTE_NAME), 0, of_type, RSHI_NOTE_NAME}

#endif /* RSH_CORE_PROGRAM_H */
