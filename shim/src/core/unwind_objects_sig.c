/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which loaded object a pc is in.
 *
 * glibc tells since 2.35: _dl_find_object reads a table that dlopen and dlclose replace without a
 * lock, in the dynamic linker, which no detector intercepts. It is called through the pointer that
 * the linker has put into the global offset table: a call through the PLT could be the first one,
 * and would look the symbol up, in a handler.
 *
 * What is remembered of an object's tables has to be forgotten when another object comes to the
 * same addresses. Its build id tells the two apart, read anew for each walk, since the loader may
 * give the new object the old one's link map. The main program stays; other objects without a build
 * id in their first page are never remembered.
 */

#include "dwarf.h"
#include "unwind.h"
#include "unwind_objects.h"

#define PAGE       4096
#define SLOTS      64
#define NOTE       16 /* its header and the name "GNU" */
#define ID_MAX     64
#define NO_ID      1 /* in place of an offset */
#define TAG_OF_EXE 1

#define PT_NOTE         4
#define NT_GNU_BUILD_ID 3

typedef uint16_t u16 __attribute__((may_alias));
typedef uint32_t u32 __attribute__((may_alias));
typedef uint64_t u64 __attribute__((may_alias));

/* glibc's struct dl_find_object and the public part of its struct link_map, for 64-bit machines. */
struct link_map {
	uintptr_t l_addr;
	char *l_name;
	void *l_ld;
	struct link_map *l_next, *l_prev;
};

struct found {
	unsigned long long flags;
	void *start, *end;
	struct link_map *map;
	void *index;
	unsigned long long reserved[7];
};

extern int rshi_dl_find_object(void *pc, struct found *result) __asm__("_dl_find_object")
        __attribute__((weak, visibility("default")));

/*
 * Where the build id of the object that starts at a page is: the page's address, with the offset in
 * the low bits. Atomic; each word is complete in itself, so relaxed accesses do.
 */
static uint64_t ids[SLOTS];

static int is_build_id(const uint8_t *note)
{
	const u32 *header = (const u32 *)note;

	return header[0] == 4 && header[1] >= 8 && header[1] <= ID_MAX && header[1] % 4 == 0 &&
	       header[2] == NT_GNU_BUILD_ID && header[3] == 0x00554e47 /* "GNU" */;
}

/* Offset of the build id's note in the object's first page, or NO_ID. Only that page is read. */
static uint64_t find_build_id(const uint8_t *start)
{
	uint64_t at, headers = *(const u64 *)(start + 32);
	unsigned int size = *(const u16 *)(start + 54), n = *(const u16 *)(start + 56);

	if (*(const u32 *)start != 0x464c457f || size < 56 || headers % 8 || headers > PAGE ||
	    (uint64_t)size * n > PAGE - headers)
		return NO_ID;
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *header = start + headers + (size_t)size * i;
		uint64_t from = *(const u64 *)(header + 8), length = *(const u64 *)(header + 32);

		/* Offset and address are the same in the first page. */
		if (*(const u32 *)header != PT_NOTE || from > PAGE || from % 4)
			continue;
		for (at = from; at - from < length && at + NOTE + ID_MAX <= PAGE;) {
			const u32 *note = (const u32 *)(start + at);

			if (is_build_id(start + at))
				return at;
			if (note[0] > PAGE || note[1] > PAGE)
				break;
			at += 12 + ((note[0] + 3) & ~3u) + ((note[1] + 3) & ~3u);
		}
	}
	return NO_ID;
}

/* What cannot be unloaded, as far as that is easy to tell. */
uintptr_t rshi_libc_start_sig;

static int is_main_program(const struct link_map *map)
{
	return map && !map->l_prev && !*map->l_name;
}

static int stays(uintptr_t start, const struct link_map *map)
{
	uintptr_t libc = __atomic_load_n(&rshi_libc_start_sig, __ATOMIC_RELAXED);

	return (libc && start == libc) || is_main_program(map);
}

static uint32_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(a >> 32) ^ (uint32_t)a;
}

static uint32_t tag_of(const uint8_t *start, const struct link_map *map)
{
	uint64_t page = (uintptr_t)start, *slot = &ids[(page >> 12) * 37 % SLOTS];
	uint64_t known = __atomic_load_n(slot, __ATOMIC_RELAXED);
	uint32_t tag;
	const u32 *id;

	if (page % PAGE)
		return 0;
	if (known - page >= PAGE || (known % PAGE != NO_ID && !is_build_id(start + known % PAGE))) {
		known = page + find_build_id(start);
		__atomic_store_n(slot, known, __ATOMIC_RELAXED);
	}
	known %= PAGE;
	if (known == NO_ID)
		return is_main_program(map) ? TAG_OF_EXE : 0;
	id = (const u32 *)(start + known);
	tag = mix(page, id[1]);
	for (unsigned int i = 0; i < id[1] / 4; i += 2)
		tag = mix(tag, (uint64_t)id[4 + i] << 32 | (i + 1 < id[1] / 4 ? id[5 + i] : 0));
	return tag > TAG_OF_EXE ? tag : TAG_OF_EXE + 1;
}

/* Without _dl_find_object; written by rshi_unwind_list_objects(). */
struct rshi_listed rshi_listed;

int rshi_listed_object_sig(uintptr_t pc, struct rshi_object *object)
{
	/* [L1] acquire, pairs with [L2]: the objects are at least as new as this version. */
	uint32_t version = __atomic_load_n(&rshi_listed.version, __ATOMIC_ACQUIRE);
	uint64_t n = __atomic_load_n(&rshi_listed.n, __ATOMIC_RELAXED);

	for (uint64_t i = 0; i < n && i < RSHI_LISTED_MAX; i++) {
		/* [L3] acquire, pairs with [L4]: what of a newer list is seen shows in its version.
		 */
		object->start = __atomic_load_n(&rshi_listed.objects[i].start, __ATOMIC_ACQUIRE);
		object->end = __atomic_load_n(&rshi_listed.objects[i].end, __ATOMIC_ACQUIRE);
		object->index = __atomic_load_n(&rshi_listed.objects[i].index, __ATOMIC_ACQUIRE);
		object->tag = 0;
		object->stays = 0;
		if (pc - object->start >= object->end - object->start)
			continue;
		if (version % 2 ||
		    __atomic_load_n(&rshi_listed.version, __ATOMIC_RELAXED) != version)
			break;
		return 0;
	}
	return RSHI_END_NO_CFI;
}

/* The linker's names for the ends of what this is linked into, which need not be in memory. */
extern const uint8_t rshi_own_start[] __asm__("__ehdr_start")
        __attribute__((weak, visibility("hidden")));
extern const uint8_t rshi_own_end[] __asm__("_end") __attribute__((weak, visibility("hidden")));

/* Of an executable that is linked statically glibc knows the code, and not what is behind it. */
static void correct_extent(uintptr_t pc, struct found *found)
{
	uintptr_t start = (uintptr_t)rshi_own_start, end = (uintptr_t)rshi_own_end;

	if ((uintptr_t)found->index < (uintptr_t)found->end || !start || pc - start >= end - start)
		return;
	found->start = (void *)start;
	found->end = (void *)end;
}

int rshi_object_find_sig(uintptr_t pc, struct rshi_object *object)
{
	int (*find)(void *, struct found *) = rshi_dl_find_object;
	struct found found;

	__asm__ volatile("" : "+r"(find)); /* a call by the pointer, not by the symbol */
	if (!find)
		return rshi_listed_object_sig(pc, object);
	if (find((void *)pc, &found))
		return RSHI_END_NO_CFI;
	correct_extent(pc, &found);
	object->start = (uintptr_t)found.start;
	object->end = (uintptr_t)found.end;
	object->index = found.index;
	object->tag = tag_of(found.start, found.map);
	object->stays = (uint32_t)stays(object->start, found.map);
	return 0;
}
