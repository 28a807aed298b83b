/* SPDX-License-Identifier: Apache-2.0 */
/* test_serials.c - serials are remembered, never given twice, never lowered, also by two at once.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/fs.h"
#include "server/ctl/serials.h"
#include "tests/lib/check.h"

#define ADDRESS "policy.staff"

static void test_counts(void)
{
	struct fault fault = {0};
	char path[256];
	int fd = check_tmpdir(path);
	int64_t serial;

	CHECK_INT(serial_remembered(fd, ADDRESS, &serial, &fault), 0);
	CHECK_INT(serial, 0);
	CHECK_INT(serial_take(fd, ADDRESS, 0, 0, &serial, &fault), 0);
	CHECK_INT(serial, 1);
	CHECK_INT(serial_take(fd, ADDRESS, 0, 0, &serial, &fault), 0);
	CHECK_INT(serial, 2);
	/* The server has more. */
	CHECK_INT(serial_take(fd, ADDRESS, 40, 0, &serial, &fault), 0);
	CHECK_INT(serial, 41);
	/* The server has less: it was rolled back, we were not. */
	CHECK_INT(serial_take(fd, ADDRESS, 3, 0, &serial, &fault), 0);
	CHECK_INT(serial, 42);
	CHECK_INT(serial_take(fd, ADDRESS, 0, 100, &serial, &fault), 0);
	CHECK_INT(serial, 100);
	CHECK_INT(serial_remembered(fd, ADDRESS, &serial, &fault), 0);
	CHECK_INT(serial, 100);
	/* Another stream has its own. */
	CHECK_INT(serial_take(fd, "policy.guests", 0, 0, &serial, &fault), 0);
	CHECK_INT(serial, 1);
}

static void test_refuses(void)
{
	struct fault fault = {0};
	char path[256];
	int fd = check_tmpdir(path);
	int64_t serial = -7;

	CHECK_INT(serial_raise(fd, ADDRESS, 10, &fault), 0);
	CHECK_INT(serial_take(fd, ADDRESS, 0, 10, &serial, &fault), FAULT_USAGE);
	CHECK_INT(serial_take(fd, ADDRESS, 0, 9, &serial, &fault), FAULT_USAGE);
	CHECK_INT(serial_take(fd, ADDRESS, 20, 20, &serial, &fault), FAULT_USAGE);
	CHECK_INT(serial_take(fd, ADDRESS, SERIAL_MAX, 0, &serial, &fault), FAULT_FAILURE);
	CHECK_INT(serial, -7);
	CHECK_INT(serial_remembered(fd, ADDRESS, &serial, &fault), 0);
	CHECK_INT(serial, 10);
	/* Raising never lowers. */
	CHECK_INT(serial_raise(fd, ADDRESS, 4, &fault), 0);
	CHECK_INT(serial_remembered(fd, ADDRESS, &serial, &fault), 0);
	CHECK_INT(serial, 10);
	CHECK_INT(serial_take(fd, ADDRESS, SERIAL_MAX - 1, 0, &serial, &fault), 0);
	CHECK_INT(serial, SERIAL_MAX);
}

/* A damaged memory must never read as "nothing used yet". */
static void test_damaged(void)
{
	static const char *const damaged[] = {"", "\n", "0\n", "-1\n", "12x\n", "12\n13\n", " 12\n",
		"9007199254740992\n", "99999999999999999999999\n", "12\r\n", "1e3\n"};
	struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = 0600};
	char path[256];
	int fd = check_tmpdir(path);

	CHECK_INT(fs_make_dirs(fd, "serials", 0700), 0);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct fault fault = {0};
		int64_t serial = -7;

		CHECK_INT(
			fs_replace(fd, "serials/" ADDRESS, damaged[i], strlen(damaged[i]), &owner),
			0);
		CHECK_INT(serial_remembered(fd, ADDRESS, &serial, &fault), FAULT_FAILURE);
		CHECK_INT(serial_take(fd, ADDRESS, 5, 0, &serial, &fault), FAULT_FAILURE);
		CHECK_INT(serial_raise(fd, ADDRESS, 50, &fault), FAULT_FAILURE);
		CHECK_INT(serial, -7);
		CHECK(*fault.text != 0);
	}
	/* A NUL inside is no end of the number. */
	{
		struct fault fault = {0};
		int64_t serial;

		CHECK_INT(fs_replace(fd, "serials/" ADDRESS, "12\0003\n", 5, &owner), 0);
		CHECK_INT(serial_remembered(fd, ADDRESS, &serial, &fault), FAULT_FAILURE);
	}
}

/* Four processes take 25 each: 100 different ones. */
static void test_many_at_once(void)
{
	struct fault fault = {0};
	char path[256];
	int fd = check_tmpdir(path), status;
	int64_t serial;
	pid_t pids[4];

	for (size_t i = 0; i < 4; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			int64_t before = 0;

			for (int n = 0; n < 25; n++) {
				if (serial_take(fd, ADDRESS, 0, 0, &serial, &fault) ||
					serial <= before)
					_exit(1);
				before = serial;
			}
			_exit(0);
		}
	}
	for (size_t i = 0; i < 4; i++) {
		CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
		CHECK_INT(status, 0);
	}
	CHECK_INT(serial_remembered(fd, ADDRESS, &serial, &fault), 0);
	CHECK_INT(serial, 100);
}

static void test_address(void)
{
	char address[LIMIT_NAME_BYTES + 16];

	serial_address(DOCUMENT_POLICY, "staff", address, sizeof(address));
	CHECK_STR(address, "policy.staff");
	serial_address(
		DOCUMENT_ASSIGNMENT, "00112233445566778899aabbccddeeff", address, sizeof(address));
	CHECK_STR(address, "assignment.00112233445566778899aabbccddeeff");
}

static const struct check_test tests[] = {
	{"counts", test_counts},
	{"refuses", test_refuses},
	{"damaged", test_damaged},
	{"many_at_once", test_many_at_once},
	{"address", test_address},
};
CHECK_MAIN(tests)
