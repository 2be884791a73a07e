/* SPDX-License-Identifier: BSD-2-Clause */
/* Which code of which file is at which address, from the kernel's list. */

#include <errno.h>
#include <time.h>

#include <asm/unistd.h>

#include <raceshim/sigsafe.h>

#include "elf_file.h"
#include "files.h"
#include "mappings.h"
#include "sys.h"

#define TEXT_SIZE 32768 /* several times the longest line, with every byte of a path escaped */
#define AGE_MAX   2
#define NS_PER_S  1000000000u

/* A line of the kernel's. */
struct line {
	uintptr_t start;
	uintptr_t end;
	uint64_t offset;
	uint64_t device;
	uint64_t inode;
	const char *name;
	size_t name_length;
	int executable;
};

/* What is mapped of the beginning of the file whose lines are being read. */
struct head {
	uint64_t device;
	uint64_t inode;
	uintptr_t start;
	uintptr_t end;
};

static uint64_t read_clock(clockid_t clock)
{
	struct timespec t;

	if (rshi_call_sig(__NR_clock_gettime, clock, (long)&t, 0, 0, 0))
		return 0;
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void rshi_mappings_init(struct rshi_mappings *m, struct rshi_budget *budget)
{
	rshi_intern_init(&m->objects, budget);
	m->sights.budget = budget;
	m->now.budget = budget;
	m->next.budget = budget;
	m->text.budget = budget;
}

void rshi_mappings_free(struct rshi_mappings *m)
{
	rshi_intern_free(&m->objects);
	rshi_grow_free(&m->sights);
	rshi_grow_free(&m->now);
	rshi_grow_free(&m->next);
	rshi_grow_free(&m->text);
}

static const char *number(const char *at, unsigned int base, uint64_t *value)
{
	unsigned int digit;

	*value = 0;
	for (;; at++) {
		if (*at >= '0' && *at <= '9')
			digit = (unsigned int)(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			digit = (unsigned int)(*at - 'a') + 10;
		else
			return at;
		if (digit >= base)
			return at;
		*value = *value * base + digit;
	}
}

/* "7f00-7f80 r-xp 00001000 fe:01 1234   /a/path", up to @end, which is the newline. */
static void parse(const char *at, const char *end, struct line *line)
{
	uint64_t start, stop, major, minor;

	at = number(at, 16, &start);
	at = number(at + 1, 16, &stop);
	line->executable = at[3] == 'x';
	at = number(at + 6, 16, &line->offset);
	at = number(at + 1, 16, &major);
	at = number(at + 1, 16, &minor);
	at = number(at + 1, 10, &line->inode);
	while (at < end && *at == ' ')
		at++;
	line->start = start;
	line->end = stop;
	line->device = major << 32 | minor;
	line->name = at;
	line->name_length = (size_t)(end - at);
}

static int is_called(const struct line *line, const char *name, size_t n)
{
	return line->name_length == n && !rsh_memcmp_sig(line->name, name, n);
}

/* The identity of what is mapped, where its beginning is mapped too. */
static void identify(const struct line *line, const struct head *head,
                     struct rshi_mapped_object *object)
{
	struct rshi_elf_identity identity;
	struct rshi_elf elf;

	if (head->device != line->device || head->inode != line->inode)
		return;
	elf.fd = -1;
	elf.memory = (const unsigned char *)head->start;
	elf.size = head->end - head->start;
	if (rshi_elf_open(&elf) || rshi_elf_identify(&elf, &identity))
		return;
	object->tag = identity.tag;
	object->build_id_size = identity.build_id_size;
	rsh_memcpy_sig(object->build_id, identity.build_id, identity.build_id_size);
}

/* The number of the object that a line is of; @where is room for it with its name. */
static int object_of(struct rshi_mappings *m, const struct line *line, const struct head *head,
                     void *where, uint32_t *object)
{
	struct rshi_mapped_object *o = where;
	uint32_t before = m->objects.n;
	int err;

	*object = RSHI_NO_OBJECT;
	/* Code made at run time: it has no names, and its bounds move. */
	if (!line->inode && (!line->name_length || line->name[0] != '['))
		return 0;
	rsh_memset_sig(o, 0, sizeof(*o));
	o->device = line->device;
	o->inode = line->inode;
	o->offset = line->offset;
	o->size = line->end - line->start;
	identify(line, head, o);
	rsh_memcpy_sig(o->name, line->name, line->name_length);
	err = rshi_grow_reserve(&m->sights, sizeof(struct rshi_sight));
	if (!err)
		err = rshi_intern(&m->objects, o, sizeof(*o) + line->name_length, object);
	if (!err && *object == before) {
		struct rshi_sight *sight = (struct rshi_sight *)m->sights.p + before;

		sight->start = line->start;
		sight->head = o->tag ? head->start : 0;
		m->sights.used += sizeof(*sight);
	}
	return err;
}

static int add(struct rshi_grow *list, const struct line *line, uint32_t object)
{
	int err = rshi_grow_reserve(list, sizeof(struct rshi_mapping));
	struct rshi_mapping *mapping;

	if (err)
		return err;
	mapping = (struct rshi_mapping *)(list->p + list->used);
	mapping->start = line->start;
	mapping->end = line->end;
	mapping->offset = line->offset;
	mapping->object = object;
	mapping->age = 0;
	list->used += sizeof(*mapping);
	return 0;
}

/* One line of the list. */
static int look_at(struct rshi_mappings *m, const char *text, const char *end, struct head *head,
                   void *where)
{
	struct line line;
	uint32_t object;
	int err;

	parse(text, end, &line);
	if ((!line.offset && line.inode) || is_called(&line, "[vdso]", 6)) {
		head->device = line.device;
		head->inode = line.inode;
		head->start = line.start;
		head->end = line.end;
	}
	if (!line.executable)
		return 0;
	err = object_of(m, &line, head, where, &object);
	return err ? err : add(&m->next, &line, object);
}

/* Read the list, whole lines at a time, into m->next. */
static int read_list(struct rshi_mappings *m, int fd)
{
	size_t fill = 0, got, length = sizeof(struct rshi_mapped_object) + TEXT_SIZE;
	struct head head = {.start = 0};
	char *text, *line, *at;
	int err;

	m->next.used = 0;
	err = rshi_grow_reserve(&m->text, TEXT_SIZE + length);
	if (err)
		return err;
	text = (char *)m->text.p;
	for (;;) {
		err = rshi_read_sig(fd, text + fill, TEXT_SIZE - fill, &got);
		if (err || (!got && !fill))
			return err;
		fill += got;
		for (line = at = text; at < text + fill; at++) {
			if (*at != '\n')
				continue;
			err = look_at(m, line, at, &head, text + TEXT_SIZE);
			if (err)
				return err;
			line = at + 1;
		}
		if (line == text)
			return EIO;
		fill = (size_t)(text + fill - line);
		rsh_memmove_sig(text, line, fill);
	}
}

static size_t count(const struct rshi_grow *list)
{
	return list->used / sizeof(struct rshi_mapping);
}

/* The first of a list's mappings that ends behind @pc. */
static size_t first_behind(const struct rshi_grow *list, size_t n, uintptr_t pc)
{
	const struct rshi_mapping *mappings = (const struct rshi_mapping *)list->p;
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (mappings[middle].end > pc)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* What is gone, but not long, stays where nothing has come to its place. */
static int keep_gone(struct rshi_mappings *m)
{
	int err = rshi_grow_reserve(&m->next, m->now.used);
	const struct rshi_mapping *old = (const struct rshi_mapping *)m->now.p;
	struct rshi_mapping *all = (struct rshi_mapping *)m->next.p;

	if (err)
		return err;
	for (size_t i = 0; i < count(&m->now); i++) {
		size_t n = count(&m->next), to = first_behind(&m->next, n, old[i].start);

		if (old[i].age == AGE_MAX || (to < n && all[to].start < old[i].end))
			continue;
		rsh_memmove_sig(&all[to + 1], &all[to], (n - to) * sizeof(*all));
		rsh_memcpy_sig(&all[to], &old[i], sizeof(*all));
		all[to].age++;
		m->next.used += sizeof(*all);
	}
	return 0;
}

int rshi_mappings_look(struct rshi_mappings *m, unsigned int spare)
{
	uint64_t now = read_clock(CLOCK_MONOTONIC), begun = read_clock(CLOCK_THREAD_CPUTIME_ID);
	unsigned char *p = m->now.p;
	size_t size = m->now.size;
	int err, fd;

	if (m->looked && now > m->looked && now - m->looked < spare * m->took)
		return EAGAIN;
	/* Not /proc/self, where there is nothing when the process's first thread has ended. */
	err = rshi_open_sig(RSHI_CWD, "/proc/thread-self/maps", &fd);
	if (err)
		return err;
	err = read_list(m, fd);
	rshi_close_sig(fd);
	if (!err)
		err = keep_gone(m);
	if (!err) {
		m->now.p = m->next.p;
		m->now.size = m->next.size;
		m->now.used = m->next.used;
		m->next.p = p;
		m->next.size = size;
	}
	m->looked = read_clock(CLOCK_MONOTONIC);
	m->took = read_clock(CLOCK_THREAD_CPUTIME_ID) - begun;
	return err;
}

const struct rshi_mapping *rshi_mappings_find(const struct rshi_mappings *m, uintptr_t pc)
{
	const struct rshi_mapping *mappings = (const struct rshi_mapping *)m->now.p;
	size_t n = count(&m->now), i = first_behind(&m->now, n, pc);

	return i < n && mappings[i].start <= pc ? &mappings[i] : NULL;
}

const struct rshi_mapped_object *rshi_mappings_object(const struct rshi_mappings *m,
                                                      uint32_t number, size_t *name_length)
{
	const struct rshi_mapped_object *object = rshi_interned(&m->objects, number, name_length);

	*name_length -= sizeof(*object);
	return object;
}

const struct rshi_sight *rshi_mappings_sight(const struct rshi_mappings *m, uint32_t number)
{
	return (const struct rshi_sight *)m->sights.p + number;
}
