/* SPDX-License-Identifier: Apache-2.0 */
/* test_paging.c - lists of a server that does not come to an end; plain process. */
#include <string.h>

#include "server/ctl/paging.h"
#include "tests/lib/check.h"

static void test_pages(void)
{
	struct paging paging = {0};
	struct fault fault = {0};

	for (int i = 0; i < PAGING_MAX_PAGES; i++)
		CHECK_INT(paging_page(&paging, 1, &fault), 0);
	CHECK_INT(paging_page(&paging, 1, &fault), FAULT_REFUSED);
	CHECK(strstr(fault.text, "does not end"));
}

static void test_bytes(void)
{
	struct paging paging = {0};
	struct fault fault = {0};

	CHECK_INT(paging_page(&paging, PAGING_MAX_BYTES - 1, &fault), 0);
	CHECK_INT(paging_page(&paging, 1, &fault), 0);
	CHECK_INT(paging_page(&paging, 1, &fault), FAULT_REFUSED);
}

static void test_time(void)
{
	struct paging paging = {0};
	struct fault fault = {0};

	CHECK_INT(paging_page(&paging, 1, &fault), 0);
	paging.began_us -= INT64_C(1000000) * PAGING_MAX_S + 1;
	CHECK_INT(paging_page(&paging, 1, &fault), FAULT_REFUSED);
}

static void test_rows(void)
{
	struct paging paging = {.row = 4};
	struct fault fault = {0};

	CHECK_INT(paging_row(&paging, 4, &fault), FAULT_REFUSED);
	CHECK_INT(paging_row(&paging, 5, &fault), 0);
	CHECK_INT(paging_row(&paging, 5, &fault), FAULT_REFUSED);
	CHECK_INT(paging_row(&paging, INT64_MAX, &fault), 0);
	CHECK_INT(paging_row(&paging, 6, &fault), FAULT_REFUSED);
}

static void test_ids(void)
{
	struct paging paging = {0};
	struct fault fault = {0};

	CHECK_INT(paging_id(&paging, "", &fault), FAULT_REFUSED);
	CHECK_INT(paging_id(&paging, "00112233445566778899aabbccddeeff", &fault), 0);
	CHECK_INT(paging_id(&paging, "00112233445566778899aabbccddeeff", &fault), FAULT_REFUSED);
	CHECK_INT(paging_id(&paging, "00112233445566778899aabbccddeefe", &fault), FAULT_REFUSED);
	CHECK_INT(paging_id(&paging, "00112233445566778899aabbccddeeff0", &fault), FAULT_REFUSED);
	CHECK_INT(paging_id(&paging, "10112233445566778899aabbccddeeff", &fault), 0);
}

static const struct check_test tests[] = {
	{"pages", test_pages},
	{"bytes", test_bytes},
	{"time", test_time},
	{"rows", test_rows},
	{"ids", test_ids},
};
CHECK_MAIN(tests)
