/* SPDX-License-Identifier: BSD-2-Clause */
/* Arrays of counters that the program registers. */

#include <errno.h>

#include <raceshim/cover.h>

#include "core/detector.h"
#include "registry.h"

static int layout_of(struct rshi_unit *u);
static void identity_of(const struct rshi_unit *u, struct rshi_sink *s);
#define LAYOUT   layout_of
#define IDENTITY identity_of
#include "array.h"

static struct array *arrays; /* guarded by `list` */
static struct rshi_lock list;

static int layout_of(struct rshi_unit *u)
{
	const struct array *a = (const struct array *)u->live;

	u->functions = 1;
	u->counters = a->n;
	u->copy_size = a->n * sizeof(uint64_t);
	u->live_layout = (void *)a;
	u->live_layout_size = 0; /* not the registry's to take away */
	return 0;
}

static void identity_of(const struct rshi_unit *u, struct rshi_sink *s)
{
	const struct array *a = (const struct array *)u->live;

	rshi_put_bytes(s, a->identity, a->identity_size);
}

static size_t length(const char *text)
{
	size_t n = 0;

	while (text && text[n]) {
		n++;
		RSHI_OPAQUE(n);
	}
	return n;
}

/* The caller's memory is read: the struct, its texts, and its lines. */
static void announce_text(const struct rshi_caller *caller, const char *text)
{
	if (text)
		rshi_will_read(caller, text, length(text) + 1);
}

static void announce(const struct rshi_caller *caller, const struct rsh_cover_array *a)
{
	announce_text(caller, a->name);
	if (!a->lines)
		return;
	rshi_will_read(caller, a->lines, a->n * sizeof(*a->lines));
	for (uint64_t i = 0; i < a->n; i++) {
		announce_text(caller, a->lines[i].function);
		announce_text(caller, a->lines[i].file);
	}
}

static int check(const struct rsh_cover_array *a)
{
	if (!a->name || !a->counters || a->n == 0 || a->mode < RSH_COVER_SET ||
	    a->mode > RSH_COVER_ATOMIC || (a->bits != 8 && a->bits != 32 && a->bits != 64))
		return EINVAL;
	if ((uintptr_t)a->counters % (a->bits / 8))
		return RSH_EMISALIGNED;
	if (a->n > SIZE_MAX / sizeof(struct rsh_cover_line))
		return EOVERFLOW;
	return 0;
}

static void put_identity(struct rshi_sink *s, const struct rsh_cover_array *a)
{
	rshi_put_str(s, a->name);
	rshi_put_var(s, a->n);
	rshi_put_var(s, a->bits);
	for (uint64_t i = 0; i < a->n; i++) {
		rshi_put_str(s, a->lines ? a->lines[i].function : NULL);
		rshi_put_str(s, a->lines ? a->lines[i].file : NULL);
		rshi_put_var(s, a->lines ? a->lines[i].line : 0);
	}
}

static struct array *make(const struct rsh_cover_array *a)
{
	struct rshi_sink s;
	struct array *made;
	size_t size;

	rshi_sink_count(&s);
	put_identity(&s, a);
	/* Room for one more number, so that the sink is never full. */
	size = sizeof(*made) + (size_t)s.total + RSHI_VAR_MAX;
	made = rshi_cover_map(size);
	if (!made)
		return NULL;
	made->size = size;
	made->identity_size = (size_t)s.total;
	rshi_sink_init(&s, made->identity, made->identity_size + RSHI_VAR_MAX, NULL, NULL);
	put_identity(&s, a);
	made->counters = a->counters;
	made->n = a->n;
	made->bits = a->bits;
	made->unit.abi = sizeof(made->unit);
	made->unit.engine = RSH_COVER_ARRAY;
	made->unit.mode = (uint8_t)a->mode;
	made->unit.counter_size = (uint8_t)(a->bits / 8);
	return made;
}

static struct array **find(const void *counters)
{
	struct array **at = &arrays;

	while (*at && (*at)->counters != counters)
		at = &(*at)->next;
	return at;
}

/* The registered array with these counters, no longer in the list. */
static struct array *take_out(const void *counters)
{
	struct array **at, *found;

	rshi_lock(&list);
	at = find(counters);
	found = *at;
	if (found)
		*at = found->next;
	rshi_unlock(&list);
	return found;
}

static int add(struct array *made)
{
	int err = EBUSY;

	rshi_lock(&list);
	if (!*find(made->counters)) {
		made->next = arrays;
		arrays = made;
		err = 0;
	}
	rshi_unlock(&list);
	if (err)
		return err;
	err = rshi_cover_add(&made->unit, &engine, rshi_cover_array_sig());
	if (err)
		take_out(made->counters);
	return err;
}

void rshi_cover_array_forked(void)
{
	/* Its holder is not in this process; the list is whole at any time. */
	if (!rshi_lock_is_mine(&list))
		rshi_lock_release(&list);
}

__attribute__((noinline)) int rsh_cover_register(const struct rsh_cover_array *array)
{
	const struct rshi_caller caller = RSHI_CALLER(rsh_cover_register);
	struct array *made = NULL;
	int err = EINVAL;

	rshi_frame_push(&caller);
	if (array) {
		rshi_will_read(&caller, array, sizeof(*array));
		err = check(array);
	}
	if (!err) {
		announce(&caller, array);
		made = make(array);
		err = made ? add(made) : ENOMEM;
	}
	if (err && made)
		rshi_cover_unmap(made, made->size);
	rshi_frame_pop();
	return err;
}

int rsh_cover_unregister(const void *counters)
{
	struct array *found = counters ? take_out(counters) : NULL;
	int err;

	if (!found)
		return EINVAL;
	err = rshi_cover_remove(&found->unit);
	rshi_cover_unmap(found, found->size);
	return err;
}
