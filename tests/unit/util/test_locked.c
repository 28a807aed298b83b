/* SPDX-License-Identifier: Apache-2.0 */
/* test_locked.c - memory that is not swapped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/util/locked.h"
#include "tests/lib/check.h"

#define SIZE_BYTES 5000

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true /* whose mlock(2) does nothing */
#else
#define SANITIZED false
#endif

static long locked_kib(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long kib = -1;

	if (!file)
		abort();
	while (kib < 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, "VmLck: %ld kB", &kib);
	fclose(file);
	return kib;
}

static void test_locked(void)
{
	long before = locked_kib();
	struct rlimit limit;
	char *memory = locked_new(SIZE_BYTES);

	CHECK(memory);
	for (size_t i = 0; i < SIZE_BYTES; i++)
		if (memory[i])
			abort();
	memset(memory, 'x', SIZE_BYTES);
	CHECK_INT(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	if (limit.rlim_cur >= 65536 && !SANITIZED && !check_emulated())
		CHECK(locked_kib() >= before + 4);
	locked_free(memory, SIZE_BYTES);
	CHECK_INT(locked_kib(), before);
	locked_free(NULL, SIZE_BYTES);
}

/* A process that may lock nothing gets memory all the same. */
static void test_not_allowed(void)
{
	const struct rlimit none = {0, 0};
	char *memory;

	CHECK_INT(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	memory = locked_new(SIZE_BYTES);
	CHECK(memory);
	memset(memory, 'x', SIZE_BYTES);
	locked_free(memory, SIZE_BYTES);
}

static const struct check_test tests[] = {
	{"locked", test_locked},
	{"not_allowed", test_not_allowed},
};
CHECK_MAIN(tests)
