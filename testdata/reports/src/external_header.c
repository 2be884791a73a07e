/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tagged external object with a header text of its own: `race on <text>` of any wording.
 */
#include <pthread.h>
#include <stdlib.h>
#include "order.h"

void *__tsan_external_register_tag(const char *type);
void __tsan_external_register_header(void *tag, const char *header);
void __tsan_external_assign_tag(void *addr, void *tag);
void __tsan_external_write(void *addr, void *caller_pc, void *tag);

static void *tag;
static void *object;

static void *writes(void *arg)
{
	__tsan_external_write(object, __builtin_return_address(0), tag);
	order_step();
	return arg;
}

int main(void)
{
	pthread_t t;

	tag = __tsan_external_register_tag("list (of (lists))");
	__tsan_external_register_header(tag, "two users (at once) of a list");
	object = malloc(64);
	__tsan_external_assign_tag(object, tag);
	pthread_create(&t, NULL, writes, NULL);
	order_wait(1);
	__tsan_external_write(object, __builtin_return_address(0), tag);
	pthread_join(t, NULL);
	free(object);
	return 0;
}
