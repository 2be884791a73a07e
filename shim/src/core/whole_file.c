/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that is complete when it has its name. */

#include <errno.h>

#include <raceshim/sigsafe.h>

#include "files.h"
#include "sys.h"
#include "text.h"
#include "whole_file.h"

static int write_bytes(void *fd, const void *buf, size_t n)
{
	return rshi_write_sig(*(const int *)fd, buf, n);
}

/* Another one for each process and moment, beside the file. */
static int name_temporary(char *name, size_t size, const char *path)
{
	struct rshi_text t;

	rshi_text_begin(&t, name, size);
	rshi_text_add(&t, path);
	rshi_text_byte(&t, '.');
	rshi_text_number(&t, (uint64_t)rshi_gettid_sig());
	rshi_text_byte(&t, '.');
	rshi_text_number(&t, rshi_now_sig());
	rshi_text_add(&t, ".tmp");
	return t.is_cut ? ENAMETOOLONG : 0;
}

int rshi_whole_file(const char *path, int (*write)(const struct rsh_writer *w))
{
	char temporary[RSHI_PATH_MAX];
	struct rsh_writer w = {write_bytes, NULL};
	int fd, err, err_of_close;

	err = name_temporary(temporary, sizeof(temporary), path);
	if (!err)
		err = rshi_create_sig(RSHI_CWD, temporary, &fd);
	if (err)
		return err;
	w.arg = &fd;
	err = write(&w);
	/* Some file systems tell at the close that there was no room. */
	err_of_close = rshi_close_sig(fd);
	if (!err && err_of_close != EINTR)
		err = err_of_close;
	if (!err)
		err = rshi_rename_sig(RSHI_CWD, temporary, path, 0);
	if (err)
		rshi_unlink_sig(RSHI_CWD, temporary);
	return err;
}

int rshi_keep(void *arg, const void *buf, size_t n)
{
	struct rshi_grow *kept = arg;
	int err = rshi_grow_reserve(kept, n);

	if (err)
		return err;
	rsh_memcpy_sig(kept->p + kept->used, buf, n);
	kept->used += n;
	return 0;
}

int rshi_hand_over(struct rshi_grow *kept, int err, const struct rsh_writer *w)
{
	if (!err)
		err = w->write(w->arg, kept->p, kept->used);
	rshi_grow_free(kept);
	return err;
}
