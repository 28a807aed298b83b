/* SPDX-License-Identifier: Apache-2.0 */
/* test_command_state.c - every arrow of the state machine of commands, and no other. */
#include "agent/util/command_state.h"

#include <string.h>

#include "tests/lib/check.h"

static const char *const arrows[][2] = {
	{"queued", "delivered"},
	{"queued", "cancelled"},
	{"queued", "expired"},
	{"delivered", "accepted"},
	{"delivered", "refused"},
	{"delivered", "expired"},
	{"accepted", "running"},
	{"accepted", "expired"},
	{"accepted", "interrupted"},
	{"running", "done"},
	{"running", "failed"},
	{"running", "refused"},
	{"running", "interrupted"},
};

static bool is_arrow(enum command_state from, enum command_state to)
{
	for (size_t i = 0; i < sizeof(arrows) / sizeof(arrows[0]); i++)
		if (strcmp(arrows[i][0], command_state_name(from)) == 0 &&
			strcmp(arrows[i][1], command_state_name(to)) == 0)
			return true;
	return false;
}

static void test_names(void)
{
	for (int i = 0; i < COMMAND_STATE_MAX; i++) {
		const char *name = command_state_name((enum command_state)i);

		CHECK(name && *name);
		CHECK_INT(command_state_find(name), i);
	}
	CHECK_INT(command_state_find(""), COMMAND_STATE_MAX);
	CHECK_INT(command_state_find("Done"), COMMAND_STATE_MAX);
	CHECK_INT(command_state_find("done "), COMMAND_STATE_MAX);
}

static void test_arrows(void)
{
	for (int i = 0; i < COMMAND_STATE_MAX; i++)
		for (int k = 0; k < COMMAND_STATE_MAX; k++) {
			enum command_state from = (enum command_state)i;
			enum command_state to = (enum command_state)k;

			if (command_state_may_follow(from, to) != is_arrow(from, to))
				check_fail(__FILE__, __LINE__, "%s -> %s", command_state_name(from),
					command_state_name(to));
		}
}

/* From a final state nothing leads anywhere, and no state can be reached twice. */
static void test_ends(void)
{
	for (int i = 0; i < COMMAND_STATE_MAX; i++) {
		bool leads = false;

		for (int k = 0; k < COMMAND_STATE_MAX; k++) {
			leads |= command_state_may_follow(
				(enum command_state)i, (enum command_state)k);
			CHECK(!(command_state_may_follow(
					(enum command_state)i, (enum command_state)k) &&
				command_state_may_follow(
					(enum command_state)k, (enum command_state)i)));
		}
		CHECK_INT(command_state_is_final((enum command_state)i), !leads);
	}
	CHECK(command_state_is_final(COMMAND_DONE) && command_state_is_final(COMMAND_CANCELLED));
	CHECK(!command_state_is_final(COMMAND_QUEUED));
}

/* What a phone may say: never a word of the server, never after an end, never of what it cannot
 * have. */
static void test_told(void)
{
	for (int from = 0; from < COMMAND_STATE_MAX; from++)
		for (int to = 0; to < COMMAND_STATE_MAX; to++) {
			bool told = command_state_may_be_told(
				(enum command_state)from, (enum command_state)to);

			if (to == COMMAND_QUEUED || to == COMMAND_DELIVERED ||
				to == COMMAND_CANCELLED ||
				command_state_is_final((enum command_state)from) ||
				(from == COMMAND_QUEUED && to != COMMAND_EXPIRED) ||
				(from == COMMAND_RUNNING && to == COMMAND_EXPIRED))
				CHECK(!told);
			else
				CHECK(told == (to > from || (from == COMMAND_RUNNING &&
								    to == COMMAND_RUNNING)));
		}
}

static const struct check_test tests[] = {
	{"names", test_names},
	{"arrows", test_arrows},
	{"ends", test_ends},
	{"told", test_told},
};
CHECK_MAIN(tests)
