/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_cryptsetup_hostile.c - programs in the place of cryptsetup(8), that hang, lie, or tell what
 * they were given; and what it may have written.
 */
#include "platform/cryptsetup_output.h"
#include "tests/unit/platform/cryptsetup_lab.h"

/* A shell script in the place of the program. Its path, in a buffer that the next call reuses. */
static const char *stand_in(struct lab *lab, const char *script)
{
	static char path[320];
	FILE *file;

	snprintf(path, sizeof(path), "%s/program", lab->directory);
	file = fopen(path, "we");
	if (!file || fprintf(file, "#!/bin/sh\n%s\n", script) < 0 ||
		fchmod(fileno(file), 0755) < 0 || fclose(file) != 0)
		abort();
	return path;
}

/* Everything that others may see of it, written down by the program itself. */
static void test_nothing_is_seen(void)
{
	_cleanup_free_ char *seen = NULL, *read_back = NULL;
	char script[1024];
	struct lab lab;
	size_t n;

	if (check_emulated()) {
		check_skip("emulation cannot start programs");
		return;
	}
	lab_open(&lab);
	setenv("MDM_TEST_LEAK", "yes", 1);
	snprintf(script, sizeof(script),
		"cat /proc/$$/cmdline /proc/$$/environ >%s/seen\n"
		"ls -l /proc/$$/fd >>%s/seen\n"
		"cat /proc/self/fd/3 /proc/self/fd/4 >%s/read\n"
		"echo 'Key slot 3 created.'",
		lab.directory, lab.directory, lab.directory);
	CHECK_INT(ask(&lab, (struct cryptsetup_request){.action = CRYPTSETUP_ADD_KEY,
				    .program = stand_in(&lab, script),
				    .slot = 3,
				    .secret = SECRET("sesame1"),
				    .new_secret = SECRET("sesame2\n")}),
		CRYPTSETUP_OK);
	CHECK_INT(lab.result.slot, 3);
	CHECK_INT(fs_read(lab.fd, "seen", 65536, &seen, &n), 0);
	CHECK(memmem(seen, n, "luksAddKey", 10) != NULL);
	CHECK(memmem(seen, n, "--keyfile-size=7", 17) != NULL); /* with the end of the word */
	CHECK(memmem(seen, n, "sesame", 6) == NULL);
	CHECK(memmem(seen, n, "MDM_TEST_LEAK", 13) == NULL);
	CHECK(memmem(seen, n, "memfd", 5) == NULL);
	CHECK_INT(fs_read(lab.fd, "read", 65536, &read_back, &n), 0);
	CHECK_STR(read_back, "sesame1sesame2\n");
	lab_close(&lab);
}

static void test_ends(void)
{
	static const struct {
		const char *script;
		enum cryptsetup_verdict verdict;
		const char *said;
	} ends[] = {
		{"sleep 600", CRYPTSETUP_DEADLINE, "cryptsetup did not end within 1 seconds"},
		{"kill -KILL $$", CRYPTSETUP_FAILED,
			"cryptsetup was ended by signal 9, perhaps for lack of memory"},
		{"exit 5", CRYPTSETUP_BUSY, "cryptsetup ended with status 5"},
		{"exit 6", CRYPTSETUP_FAILED, "cryptsetup ended with status 6"},
		{"echo Not enough available memory; exit 3", CRYPTSETUP_NO_MEMORY,
			"Not enough available memory"},
		{"exit 0", CRYPTSETUP_GARBLED, "cryptsetup does not say which keyslot was opened"},
	};

	if (check_emulated()) {
		check_skip("emulation cannot start programs");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct lab lab;

		lab_open(&lab);
		CHECK_INT(ask(&lab, (struct cryptsetup_request){.action = CRYPTSETUP_TEST,
					    .program = stand_in(&lab, ends[i].script),
					    .deadline_s = i == 0 ? 1 : 60,
					    .secret = SECRET("zero")}),
			ends[i].verdict);
		CHECK_STR(lab.result.said, ends[i].said);
		lab_close(&lab);
	}
}

/* One keyslot that cannot be tried does not keep the others from being tried, and is not hidden by
 * one that another passphrase opens. */
static void test_true_error(void)
{
	static const char script[] = "case \" $* \" in\n"
				     "*--key-slot=1\\ *) exit 3 ;;\n"
				     "*--key-slot=2\\ *) echo 'Key slot 2 unlocked.' ;;\n"
				     "*) exit 2 ;;\n"
				     "esac";
	struct cryptsetup_request test = {
		.action = CRYPTSETUP_TEST, .slots = 0xb, .secret = SECRET("zero")};
	struct lab lab;

	if (check_emulated()) {
		check_skip("emulation cannot start programs");
		return;
	}
	lab_open(&lab);
	test.program = stand_in(&lab, script);
	CHECK_INT(ask(&lab, test), CRYPTSETUP_NO_MEMORY);
	CHECK_INT(lab.result.slot, 1);
	CHECK_STR(lab.result.said, "keyslot 1: cryptsetup ended with status 3");
	test.slots = 0xf;
	CHECK_INT(ask(&lab, test), CRYPTSETUP_OK);
	CHECK_INT(lab.result.slot, 2);
	lab_close(&lab);
}

/* Metadata that is none, and a header that is another one after it was read. */
static void test_lies(void)
{
	char script[512];
	struct cryptsetup_request dump = {.action = CRYPTSETUP_DUMP};
	struct lab lab;

	if (luks_image_skipped())
		return;
	lab_open(&lab);
	luks_image_make(lab.image, SMALL, "zero");
	dump.program = stand_in(&lab, "echo 'WARNING: so and so'; echo '{}'");
	CHECK_INT(ask(&lab, dump), CRYPTSETUP_GARBLED);
	CHECK_STR(lab.result.said, "config: is missing");
	dump.program = stand_in(&lab, "echo nothing");
	CHECK_INT(ask(&lab, dump), CRYPTSETUP_GARBLED);
	dump.program = stand_in(&lab, "head -c 70000 /dev/zero");
	CHECK_INT(ask(&lab, dump), CRYPTSETUP_GARBLED);
	CHECK_STR(lab.result.said, "cryptsetup wrote more than 64 KiB");
	/* A warning before the real answer hides nothing. */
	snprintf(script, sizeof(script), "echo WARNING; exec %s \"$@\"", luks_image_program());
	dump.program = stand_in(&lab, script);
	CHECK_INT(ask(&lab, dump), CRYPTSETUP_OK);
	snprintf(script, sizeof(script),
		"%s \"$@\"; date +%%s%%N%%s%%N | dd of=%s bs=1 count=32 seek=24 conv=notrunc "
		"2>/dev/null",
		luks_image_program(), lab.image);
	dump.program = stand_in(&lab, script);
	CHECK_INT(ask(&lab, dump), CRYPTSETUP_BUSY);
	CHECK_STR(lab.result.said, "the header changes while it is read");
	lab_close(&lab);
}

static void test_free_while_running(void)
{
	struct cryptsetup_request test = {
		.action = CRYPTSETUP_TEST, .root_fd = -1, .secret = SECRET("zero")};
	struct lab lab;

	if (check_emulated()) {
		check_skip("emulation cannot start programs");
		return;
	}
	lab_open(&lab);
	test.device = lab.image;
	test.program = stand_in(&lab, "sleep 600");
	CHECK_INT(cryptsetup_start(lab.event, &test, on_done, &lab, &lab.operation), 0);
	cryptsetup_free(lab.operation);
	cryptsetup_free(NULL);
	for (int i = 0; i < 3; i++)
		sd_event_run(lab.event, 100000);
	CHECK_INT(lab.n_done, 0);
	lab_close(&lab);
}

static void test_output(void)
{
	static const struct {
		const char *output, *said;
	} outputs[] = {
		{"No usable token is available.\nNo key available with this passphrase.\n"
		 "Command failed with code -2 (no permission or bad passphrase).\n",
			"No key available with this passphrase."},
		{"Keyslot 7 is selected for deletion.\n"
		 "Command failed with code -1 (wrong or missing parameters).\n",
			"Command failed with code -1 (wrong or missing parameters)."},
		{"Keyslot 7 is not active.\nCommand failed with code -1.\n",
			"Keyslot 7 is not active."},
		{"Usage: cryptsetup [-?VqrvyN]\n\n--bogus: unknown option",
			"--bogus: unknown option"},
		{"Bad\tnews \x1b[31m\xff\n", "Bad?news ?[31m?"},
		{"", "cryptsetup ended with status 1"},
	};
	struct cryptsetup_result result;

	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		struct child_result child = {.end = CHILD_EXITED,
			.code = 1,
			.output = outputs[i].output,
			.n_output = strlen(outputs[i].output)};

		cryptsetup_output(&child, 60, &result);
		CHECK_INT(result.verdict, CRYPTSETUP_FAILED);
		CHECK_STR(result.said, outputs[i].said);
	}
	CHECK_INT(cryptsetup_number("Key slot 31 created.", "Key slot ", " created."), 31);
	CHECK_INT(cryptsetup_number(
			  "Key slot 0 unlocked.\nKey slot 3 created.\n", "Key slot ", " created."),
		3);
	CHECK_INT(cryptsetup_number("Key slot 32 created.", "Key slot ", " created."), -1);
	CHECK_INT(cryptsetup_number("Key slot -1 created.", "Key slot ", " created."), -1);
	CHECK_INT(cryptsetup_number("Key slot  created.", "Key slot ", " created."), -1);
	CHECK_INT(cryptsetup_number("Key slot created.", "Key slot ", " created."), -1);
	CHECK_INT(cryptsetup_number("Key slot 1 created. Not.", "Key slot ", " created."), -1);
	for (int i = 0; i < CRYPTSETUP_VERDICT_MAX; i++)
		CHECK(cryptsetup_verdict_name(i) != NULL);
}

static const struct check_test tests[] = {
	{"nothing_is_seen", test_nothing_is_seen},
	{"ends", test_ends},
	{"true_error", test_true_error},
	{"lies", test_lies},
	{"free_while_running", test_free_while_running},
	{"output", test_output},
};

CHECK_MAIN(tests)
