/* SPDX-License-Identifier: Apache-2.0 */
/* test_state_forget.c - what belongs to places goes with the enrolment; the rest: test_state.c. */
#include <unistd.h>

#include "agent/enforcer/state.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"

/* Where the phone was, and whether it is lost, is one organisation's; and copies that were damaged.
 */
static void test_whereabouts_are_forgotten(void)
{
	static const char *const names[] = {"location", "location.broken", "places",
		"places.broken", "activations.broken", "destroying"};
	const struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = 0600};
	char path[256];
	_cleanup_close_ int dir_fd = check_tmpdir(path);
	_cleanup_(state_done) struct state state = {.dir_fd = -1};

	CHECK_INT(state_open(path, &state), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		CHECK_INT(fs_replace(dir_fd, names[i], "x", 1, &owner), 0);
	CHECK_INT(state_forget_enrolment(&state), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		CHECK(!check_exists(dir_fd, names[i]));
}

/* --- forgetting ----------------------------------------------------------------------------- */

static const struct check_test tests[] = {
	{"whereabouts_are_forgotten", test_whereabouts_are_forgotten},
};

CHECK_MAIN(tests)
