/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RSH_CPUPROF_FILE_H
#define RSH_CPUPROF_FILE_H

/* The profile as a file. */

#include <stddef.h>

#define RSHI_PATH_MAX 4096

/* Write it to @path, which has it complete or is as it was. As rsh_cpuprof_write_file(). */
int rshi_file_write(const char *path);

#endif /* RSH_CPUPROF_FILE_H */
