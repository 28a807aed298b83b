/* SPDX-License-Identifier: Apache-2.0 */
/* test_modem.c - who asks for the IMEI may free the question in the answer, and then read it. */
#include <stdio.h>
#include <stdlib.h>

#include <systemd/sd-event.h>

#include "platform/modem.h"
#include "tests/lib/check.h"

#define DISPATCHES 100

struct asker {
	struct modem_query *query;
	int n_answers;
	char imei[MODEM_IMEI_LENGTH + 1];
};

static void asker_on_imei(const char *imei, void *userdata)
{
	struct asker *asker = userdata;

	modem_query_free(asker->query);
	asker->query = NULL;
	asker->n_answers++;
	snprintf(asker->imei, sizeof(asker->imei), "%s", imei);
}

static void test_no_bus(void)
{
	struct asker asker = {.imei = "before"};
	sd_event *event = NULL;

	CHECK(sd_event_new(&event) >= 0);
	CHECK(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1) == 0);
	CHECK_INT(modem_query_imei(event, asker_on_imei, &asker, &asker.query), 0);
	CHECK_INT(asker.n_answers, 0);
	for (int i = 0; i < DISPATCHES && asker.n_answers == 0; i++)
		CHECK(sd_event_run(event, 1000 * 1000) >= 0);
	CHECK_INT(asker.n_answers, 1);
	CHECK_STR(asker.imei, "");
	CHECK(!asker.query);
	sd_event_unref(event);
}

static const struct check_test tests[] = {
	{"no_bus", test_no_bus},
};

CHECK_MAIN(tests)
