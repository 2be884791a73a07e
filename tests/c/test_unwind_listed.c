/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects on a libc without _dl_find_object, which this program is linked not to find. */

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "core/dwarf.h"
#include "core/unwind.h"
#include "core/unwind_objects.h"

static int objects;

/* What the list says of an object is what the loader says. */
static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	objects++;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + header->p_vaddr;
		struct rshi_object object;

		if (header->p_type == PT_LOAD) {
			CHECK_EQ(rshi_object_find_sig(start, &object), 0);
			CHECK(object.start <= start && start + header->p_memsz <= object.end);
			CHECK_EQ(rshi_object_find_sig(start + header->p_memsz - 1, &object), 0);
			CHECK(object.start <= start);
		} else if (header->p_type == PT_GNU_EH_FRAME) {
			CHECK_EQ(rshi_object_find_sig(start, &object), 0);
			CHECK((uintptr_t)object.index == start);
			CHECK_EQ(object.tag, 0);
		}
	}
	return 0;
}

static void test_loaded_objects_are_found(void)
{
	struct rshi_object object;
	struct rshi_fde fde;

	/* Not before somebody has listed them. */
	CHECK_EQ(rshi_object_find_sig((uintptr_t)look_at, &object), RSHI_END_NO_CFI);
	CHECK_EQ(rshi_unwind_list_objects(), 0);
	dl_iterate_phdr(look_at, NULL);
	CHECK(objects >= 3);
	CHECK_EQ(rshi_listed.n, objects);
	CHECK_EQ(rshi_object_find_sig(0, &object), RSHI_END_NO_CFI);
	CHECK_EQ(rshi_object_find_sig((uintptr_t)&fde, &object), RSHI_END_NO_CFI);

	/* With their tables. */
	CHECK_EQ(rshi_object_find_sig((uintptr_t)look_at, &object), 0);
	CHECK_EQ(rshi_fde_find_sig(&object, (uintptr_t)look_at, &fde), 0);
	CHECK(fde.pc == (uintptr_t)look_at);
}

static void test_lists_change(void)
{
	struct rshi_object object;

	CHECK_EQ(rshi_unwind_list_objects(), 0);
	CHECK_EQ(rshi_listed.n, objects);
	/* Somebody is at it: nobody else is, and handlers trust nothing. */
	rshi_listed.version++;
	CHECK_EQ(rshi_unwind_list_objects(), EAGAIN);
	CHECK_EQ(rshi_object_find_sig((uintptr_t)look_at, &object), RSHI_END_NO_CFI);
	rshi_listed.version++;
	CHECK_EQ(rshi_object_find_sig((uintptr_t)look_at, &object), 0);
}

/* The same library under many names is as many objects. */
static void test_too_many_objects(void)
{
	static char bytes[1 << 17], path[4096];
	struct rshi_object object;
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *name;
	FILE *file;
	size_t n;

	CHECK(length > 0);
	path[length] = '\0';
	name = strrchr(path, '/') + 1;
	strcpy(name, "reload_264.so");
	file = fopen(path, "rb");
	CHECK(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	CHECK(n > 0 && n < sizeof(bytes) && fclose(file) == 0);
	for (int i = 0; objects + i <= RSHI_LISTED_MAX; i++) {
		snprintf(name, 32, "listed_%d_%d.so", (int)getpid(), i);
		file = fopen(path, "wb");
		CHECK(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0);
		CHECK(dlopen(path, RTLD_NOW));
		CHECK_EQ(unlink(path), 0);
	}
	CHECK_EQ(rshi_unwind_list_objects(), ENOSPC);
	CHECK_EQ(rshi_listed.n, RSHI_LISTED_MAX);
	CHECK_EQ(rshi_listed.version % 2, 0);
	/* The first ones are there: the program's own. */
	CHECK_EQ(rshi_object_find_sig((uintptr_t)look_at, &object), 0);
}

int main(void)
{
	test_loaded_objects_are_found();
	test_lists_change();
	test_too_many_objects();
	return 0;
}
