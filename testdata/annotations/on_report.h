/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For what is in a report and is neither its kind nor a function: the program looks at its own
 * reports, through TSan's debugging interface, and aborts when it misses something.
 */
#ifndef ON_REPORT_H
#define ON_REPORT_H

/* Every report from now on must have a thread or fiber of this name. */
void insist_on_thread(const char *name);

/* Every report from now on must have a location of this type of object. */
void insist_on_type(const char *name);

/* Which of these names the last report had. */
const char *found_in_report(void);

#endif
