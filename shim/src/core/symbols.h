/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CORE_SYMBOLS_H
#define RSH_CORE_SYMBOLS_H

/*
 * Names of functions, from the symbol tables of object files: .symtab, .dynsym, and .symtab of the
 * separate file with debugging information, where distributions install it. What has no file, as the
 * vDSO, or none any more, has the names that it exports, from memory.
 *
 * A file that is not the one that was mapped is refused, and so is one that makes no sense. Outside
 * handlers; no lock is taken.
 */

#include "mappings.h"

#define RSHI_SYMBOL_NAME_MAX 4096 /* of longer names this is the beginning */

/* A place to be named. The caller fills in the first two. */
struct rshi_symbol {
	uint64_t offset; /* in the file */
	uint32_t user;   /* the caller's */

	uint32_t rank;    /* of the function found so far: 0 is none */
	uint32_t is_stub; /* it is only called from there: "name@plt" */
	uint32_t outside; /* it is in no segment of code */
	uint64_t at;      /* the address that the file was linked for; ascending */
	uint64_t start;
	uint64_t name;  /* where in the file */
	uint64_t limit; /* and where the names end */

	uint64_t near; /* the last symbol before it that has no size */
	uint64_t near_name;
	uint64_t near_limit;
	uint32_t near_section; /* 0: there is none, or a symbol with a size follows */
	uint32_t near_sized;
};

/*
 * Name the places in one object; @symbols are sorted by offset. @found is called for those that
 * have a name, in this order, and may stop the search by something else than 0, which is then
 * returned.
 *
 * Otherwise 0; or why there are no names: ENOENT, EACCES, ...: the file cannot be read. ESTALE: it
 * has been replaced since. ENOEXEC: it makes no sense. ENODATA: it has no symbols. ENOMEM.
 */
int rshi_symbols_find(const struct rshi_mappings *mappings, uint32_t object,
                      struct rshi_symbol *symbols, size_t n,
                      int (*found)(void *arg, const struct rshi_symbol *symbol, const char *name,
                                   size_t length),
                      void *arg);

/* The length of a mapping's name without what the kernel adds to those of removed files. */
size_t rshi_path_length(const char *name, size_t n);

/* Is this the name of the program's own file? */
int rshi_is_exe_path(const char *name, size_t n);

#endif /* RSH_CORE_SYMBOLS_H */
