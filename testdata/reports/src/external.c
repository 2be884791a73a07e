/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A race on a tagged external object: the kind is free text, the verbs are other ones.
 * machine: yes
 */
#include <pthread.h>
#include <stdlib.h>
#include "order.h"

void *__tsan_external_register_tag(const char *type);
void __tsan_external_register_header(void *tag, const char *header);
void __tsan_external_assign_tag(void *addr, void *tag);
void __tsan_external_read(void *addr, void *caller_pc, void *tag);
void __tsan_external_write(void *addr, void *caller_pc, void *tag);

static void *tag;
static void *object;

static __attribute__((noinline)) void object_get(void)
{
	__tsan_external_read(object, __builtin_return_address(0), tag);
}

static __attribute__((noinline)) void object_set(void)
{
	__tsan_external_write(object, __builtin_return_address(0), tag);
}

static void *reads(void *arg)
{
	object_get();
	order_step();
	return arg;
}

int main(void)
{
	pthread_t t;

	tag = __tsan_external_register_tag("my queue");
	object = malloc(64);
	__tsan_external_assign_tag(object, tag);
	pthread_create(&t, NULL, reads, NULL);
	order_wait(1);
	object_set();
	pthread_join(t, NULL);
	free(object);
	return 0;
}
