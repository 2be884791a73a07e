/* SPDX-License-Identifier: BSD-2-Clause */
/* Events, with the names that a batch has not used yet. */

#include <errno.h>

#include "perfetto_packet.h"

int rshi_perfetto_is_new(struct rshi_perfetto *p, const struct rshi_perfetto_name *name, int as)
{
	struct used_name *used = (struct used_name *)p->names.p + name->number;

	if (used->as[as] == p->batch)
		return 0;
	used->as[as] = p->batch;
	return 1;
}

int rshi_perfetto_know(struct rshi_perfetto *p, const struct rshi_perfetto_name *name)
{
	size_t need = ((size_t)name->number + 1) * sizeof(struct used_name);
	int err;

	if (need <= p->names.used)
		return 0;
	err = rshi_grow_reserve(&p->names, need - p->names.used);
	if (!err)
		p->names.used = need;
	return err;
}

void rshi_perfetto_add_time(struct rshi_perfetto *p, uint64_t time)
{
	rshi_add_number(&p->out, PACKET_TIMESTAMP, time > p->time ? time - p->time : 0);
	p->time = time > p->time ? time : p->time;
}

static void intern(struct rshi_perfetto *p, unsigned int field, uint64_t id, const char *text,
                   size_t n, size_t max)
{
	size_t part = rshi_message_open(&p->out, PACKET_INTERNED);
	size_t entry = rshi_message_open(&p->out, field);

	rshi_add_number(&p->out, INTERNED_ID, id);
	rshi_perfetto_text(&p->out, INTERNED_TEXT, text, n, max);
	rshi_message_close(&p->out, entry);
	rshi_message_close(&p->out, part);
}

static void intern_name(struct rshi_perfetto *p, unsigned int field,
                        const struct rshi_perfetto_name *name, int as)
{
	if (name->text && name->number && rshi_perfetto_is_new(p, name, as))
		intern(p, field, name->number, name->text, name->n, RSHI_PERFETTO_NAME_MAX);
}

void rshi_perfetto_refer(struct rshi_message *m, unsigned int by_id, unsigned int by_text,
                         const struct rshi_perfetto_name *name)
{
	if (!name->text)
		return;
	if (name->number)
		rshi_add_number(m, by_id, name->number);
	else
		rshi_perfetto_text(m, by_text, name->text, name->n, RSHI_PERFETTO_NAME_MAX);
}

static uint64_t counter_track(const struct rshi_perfetto *p, const struct rshi_perfetto_name *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < name->n; i++)
		hash = (hash ^ (unsigned char)name->text[i]) * UINT64_C(0x100000001b3);
	return rshi_perfetto_track(p, COUNTER, hash);
}

static void put_counter_track(struct rshi_perfetto *p, const struct rshi_perfetto_name *name)
{
	size_t part = rshi_perfetto_open_track(p, counter_track(p, name), p->track);

	rshi_perfetto_text(&p->out, TRACK_NAME, name->text, name->n, RSHI_PERFETTO_NAME_MAX);
	rshi_message_close(&p->out, rshi_message_open(&p->out, TRACK_COUNTER));
	rshi_perfetto_close_track(p, part);
}

static void put_task_track(struct rshi_perfetto *p, const struct rshi_perfetto_event *e)
{
	uint64_t parent = e->parent ? rshi_perfetto_track(p, TASK, e->parent) : p->track;
	size_t part = rshi_perfetto_open_track(p, rshi_perfetto_track(p, TASK, e->task), parent);

	if (e->name.text)
		rshi_perfetto_text(&p->out, TRACK_NAME, e->name.text, e->name.n,
		                   RSHI_PERFETTO_NAME_MAX);
	rshi_perfetto_close_track(p, part);
}

void rshi_perfetto_add_arg(struct rshi_message *m, const struct rshi_perfetto_arg *arg)
{
	size_t part = rshi_message_open(m, EVENT_ARG);

	rshi_perfetto_refer(m, ARG_NAME_ID, ARG_NAME, &arg->name);
	if (arg->text)
		rshi_perfetto_text(m, ARG_TEXT, arg->text, arg->n, RSHI_PERFETTO_NAME_MAX);
	else
		rshi_add_number(m, arg->is_address ? ARG_ADDRESS : ARG_NUMBER,
		                (uint64_t)arg->number);
	rshi_message_close(m, part);
}

static void add_log(struct rshi_perfetto *p, const struct rshi_perfetto_event *e)
{
	size_t part = rshi_message_open(&p->out, EVENT_LOG);

	rshi_add_number(&p->out, LOG_BODY, p->logged);
	if (e->priority)
		rshi_add_number(&p->out, LOG_PRIORITY, (uint64_t)e->priority);
	rshi_message_close(&p->out, part);
}

static void add_event(struct rshi_perfetto *p, const struct rshi_perfetto_event *e, size_t n_args)
{
	struct rshi_message *m = &p->out;
	size_t part = rshi_message_open(m, PACKET_EVENT);

	rshi_add_number(m, EVENT_TYPE, (uint64_t)e->kind);
	if (e->kind == RSHI_PERFETTO_COUNTER) {
		rshi_add_number(m, EVENT_TRACK, counter_track(p, &e->name));
		rshi_add_number(m, EVENT_VALUE, (uint64_t)e->value);
	} else {
		rshi_perfetto_refer(m, EVENT_NAME_ID, EVENT_NAME, &e->name);
		if (e->task)
			rshi_add_number(m, EVENT_TRACK, rshi_perfetto_track(p, TASK, e->task));
	}
	rshi_perfetto_refer(m, EVENT_CATEGORY_ID, EVENT_CATEGORY, &e->category);
	for (size_t i = 0; i < rshi_perfetto_min(e->n_flows, RSHI_PERFETTO_FLOWS_MAX); i++)
		rshi_add_fixed64(m, EVENT_FLOW, e->flows[i]);
	for (size_t i = 0; i < rshi_perfetto_min(e->n_ends, RSHI_PERFETTO_FLOWS_MAX); i++)
		rshi_add_fixed64(m, EVENT_FLOW_END, e->ends[i]);
	if (e->log)
		add_log(p, e);
	for (size_t i = 0; i < n_args; i++)
		rshi_perfetto_add_arg(m, &e->args[i]);
	rshi_message_close(m, part);
}

static int know_all(struct rshi_perfetto *p, const struct rshi_perfetto_event *e, size_t n_args)
{
	int err = rshi_perfetto_know(p, &e->name);

	if (!err)
		err = rshi_perfetto_know(p, &e->category);
	for (size_t i = 0; i < n_args && !err; i++)
		err = rshi_perfetto_know(p, &e->args[i].name);
	return err;
}

int rshi_perfetto_put(struct rshi_perfetto *p, const struct rshi_perfetto_event *e)
{
	size_t n_args = rshi_perfetto_min(e->n_args, RSHI_PERFETTO_ARGS_MAX);
	int err;

	if (e->kind < RSHI_PERFETTO_BEGIN || e->kind > RSHI_PERFETTO_COUNTER)
		return EINVAL;
	err = know_all(p, e, n_args);
	if (err)
		return err;
	if (e->kind == RSHI_PERFETTO_COUNTER &&
	    (!e->name.number || rshi_perfetto_is_new(p, &e->name, AS_COUNTER)))
		put_counter_track(p, &e->name);
	if (e->task && e->kind == RSHI_PERFETTO_BEGIN)
		put_task_track(p, e);
	rshi_perfetto_open(p, NEEDS_STATE);
	rshi_perfetto_add_time(p, e->time);
	if (e->kind != RSHI_PERFETTO_COUNTER)
		intern_name(p, INTERNED_NAME, &e->name, AS_NAME);
	intern_name(p, INTERNED_CATEGORY, &e->category, AS_CATEGORY);
	for (size_t i = 0; i < n_args; i++)
		intern_name(p, INTERNED_ARG, &e->args[i].name, AS_ARG);
	if (e->log)
		intern(p, INTERNED_LOG, ++p->logged, e->log, e->n_log, RSHI_PERFETTO_TEXT_MAX);
	add_event(p, e, n_args);
	return rshi_perfetto_close(p);
}
