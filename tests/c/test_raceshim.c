/* SPDX-License-Identifier: BSD-2-Clause */
/* Version and error texts. */

#include <errno.h>
#include <string.h>

#include <raceshim/counters.h>
#include <raceshim/raceshim.h>
#include <raceshim/sigsafe.h>
#include <raceshim/writer.h>

#include "check.h"

static void test_version_is_that_of_the_headers(void)
{
	CHECK(strcmp(rsh_version(), RSH_VERSION) == 0);
}

static void test_every_own_error_says_what_to_do(void)
{
	static const int own[] = {RSH_ENOWRITER, RSH_EMISALIGNED, EINVAL, ENOMEM, EOVERFLOW};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		CHECK(strstr(rsh_strerror(own[i]), ": "));
		CHECK(!strstr(rsh_strerror(own[i]), "unknown"));
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(rsh_strerror(own[i]), rsh_strerror(own[j])) != 0);
	}
}

static void test_other_errors_have_a_text(void)
{
	CHECK(strcmp(rsh_strerror(0), "success") == 0);
	CHECK(strcmp(rsh_strerror(ENOENT), strerror(ENOENT)) == 0);
	CHECK(strstr(rsh_strerror(-1000), "unknown"));
	CHECK(strstr(rsh_strerror(100000), "unknown"));
}

int main(void)
{
	test_version_is_that_of_the_headers();
	test_every_own_error_says_what_to_do();
	test_other_errors_have_a_text();
	return 0;
}
