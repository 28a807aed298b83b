/* SPDX-License-Identifier: Apache-2.0 */
/* test_child.c - external programs: what they are given, how they end, what stays behind. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/child.h"
#include "agent/util/limits.h"
#include "tests/lib/check.h"

struct run {
	sd_event *event;
	struct child *child;
	unsigned int n_done;
	enum child_end end;
	int code;
	size_t n_output;
	char output[4096];
	bool slot_was_empty;
};

static void on_done(const struct child_result *result, void *userdata)
{
	struct run *run = userdata;

	run->n_done++;
	run->end = result->end;
	run->code = result->code;
	run->n_output = result->n_output;
	run->slot_was_empty = run->child == NULL;
	snprintf(run->output, sizeof(run->output), "%s", result->output);
}

static void run_open(struct run *run)
{
	sigset_t set;

	memset(run, 0, sizeof(*run));
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (sd_event_new(&run->event) < 0)
		abort();
}

/* Starts and runs the loop until done was called. */
static int run_program(struct run *run, const char *const *argv, const struct child_spec *base)
{
	struct child_spec spec =
		base ? *base : (struct child_spec){.root_fd = -1, .deadline_s = 20};
	int r;

	spec.argv = argv;
	run->n_done = 0;
	r = child_start(run->event, &spec, on_done, run, &run->child);
	if (r < 0)
		return r;
	while (run->n_done == 0 && sd_event_run(run->event, UINT64_MAX) >= 0)
		;
	return 0;
}

/* Lets the loop reap what was killed. True if no process is left. */
static bool nothing_left(struct run *run)
{
	siginfo_t info;

	for (int i = 0; i < 100; i++) {
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
			return true;
		sd_event_run(run->event, 100000);
	}
	return false;
}

static void test_exit_and_output(void)
{
	const char *const argv[] = {"/bin/sh", "-c", "echo one; echo two >&2; exit 7", NULL};
	const struct child_spec merged = {.root_fd = -1, .deadline_s = 20, .merge_stderr = true};
	struct run run;

	run_open(&run);
	CHECK_INT(run_program(&run, argv, &merged), 0);
	CHECK_INT(run.end, CHILD_EXITED);
	CHECK_INT(run.code, 7);
	CHECK_STR(run.output, "one\ntwo\n");
	CHECK_INT(run.n_output, 8);
	CHECK(run.slot_was_empty);
	CHECK(nothing_left(&run));
	/* done is called once: another turn of the loop changes nothing. */
	sd_event_run(run.event, 0);
	CHECK_INT(run.n_done, 1);
	sd_event_unref(run.event);
}

static void test_no_output(void)
{
	const char *const argv[] = {"/bin/sh", "-c", ":", NULL};
	struct run run;

	run_open(&run);
	CHECK_INT(run_program(&run, argv, NULL), 0);
	CHECK_INT(run.code, 0);
	CHECK_STR(run.output, "");
	CHECK_INT(run.n_output, 0);
	sd_event_unref(run.event);
}

static void test_missing_program(void)
{
	const char *const argv[] = {"/nonexistent/program", NULL};
	const char *const relative[] = {"sh", NULL};
	const char *const nothing[] = {NULL};
	struct child_spec spec = {.root_fd = -1, .deadline_s = 20};
	struct run run;

	run_open(&run);
	CHECK_INT(run_program(&run, argv, NULL), -ENOENT);
	CHECK(!run.child);
	CHECK_INT(run_program(&run, relative, NULL), -EINVAL);
	CHECK_INT(run_program(&run, nothing, NULL), -EINVAL);
	spec.deadline_s = 0;
	CHECK_INT(run_program(&run, argv, &spec), -EINVAL);
	spec.deadline_s = 3601;
	CHECK_INT(run_program(&run, argv, &spec), -EINVAL);
	CHECK(nothing_left(&run));
	sd_event_unref(run.event);
}

static void test_signal(void)
{
	const char *const argv[] = {"/bin/sh", "-c", "kill -TERM $$", NULL};
	struct run run;

	run_open(&run);
	CHECK_INT(run_program(&run, argv, NULL), 0);
	CHECK_INT(run.end, CHILD_KILLED);
	CHECK_INT(run.code, SIGTERM);
	sd_event_unref(run.event);
}

static void test_deadline(void)
{
	/* Ignores what can be ignored, and has a child of its own that holds the output open. */
	const char *const argv[] = {
		"/bin/sh", "-c", "trap '' TERM HUP INT; echo begun; sleep 600; sleep 600", NULL};
	const struct child_spec spec = {.root_fd = -1, .deadline_s = 1};
	struct run run;

	run_open(&run);
	CHECK_INT(run_program(&run, argv, &spec), 0);
	CHECK_INT(run.end, CHILD_DEADLINE);
	CHECK_STR(run.output, "begun\n");
	CHECK(nothing_left(&run));
	sd_event_unref(run.event);
}

static void test_flood(void)
{
	char command[128];
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};
	const char *const endless[] = {"/bin/sh", "-c", "while :; do echo flood; done", NULL};
	struct run run;

	run_open(&run);
	/* Exactly the limit is fine, one byte above it is not. */
	snprintf(command, sizeof(command), "head -c %d /dev/zero", LIMIT_CHILD_OUTPUT_BYTES);
	CHECK_INT(run_program(&run, argv, NULL), 0);
	CHECK_INT(run.end, CHILD_EXITED);
	CHECK_INT(run.n_output, LIMIT_CHILD_OUTPUT_BYTES);
	snprintf(command, sizeof(command), "head -c %d /dev/zero", LIMIT_CHILD_OUTPUT_BYTES + 1);
	CHECK_INT(run_program(&run, argv, NULL), 0);
	CHECK_INT(run.end, CHILD_FLOODED);
	CHECK_INT(run.n_output, LIMIT_CHILD_OUTPUT_BYTES);
	CHECK_INT(run_program(&run, endless, NULL), 0);
	CHECK_INT(run.end, CHILD_FLOODED);
	CHECK(nothing_left(&run));
	sd_event_unref(run.event);
}

static void test_descriptors_closed(void)
{
	const char *const argv[] = {
		"/bin/sh", "-c", "ls /proc/self/fd; readlink /proc/self/fd/0", NULL};
	struct run run;
	int leaks[8];

	run_open(&run);
	for (size_t i = 0; i < 8; i++)
		leaks[i] = open("/dev/null", O_RDONLY); /* inheritable on purpose */
	leaks[7] = dup2(leaks[7], 100);
	CHECK_INT(run_program(&run, argv, NULL), 0);
	CHECK_INT(run.code, 0);
	/* 3 is the directory that ls itself reads. */
	CHECK_STR(run.output, "0\n1\n2\n3\n/dev/null\n");
	for (size_t i = 0; i < 8; i++)
		close(leaks[i]);
	sd_event_unref(run.event);
}

static void test_environment(void)
{
	static const char *const given[] = {"LANG=C", "A=b c", NULL};
	const char *const argv[] = {"/usr/bin/env", NULL};
	struct child_spec spec = {.root_fd = -1, .deadline_s = 20};
	struct run run;

	run_open(&run);
	setenv("MDM_TEST_LEAK", "yes", 1);
	CHECK_INT(run_program(&run, argv, &spec), 0);
	CHECK_STR(run.output, "");
	spec.env = given;
	CHECK_INT(run_program(&run, argv, &spec), 0);
	CHECK_STR(run.output, "LANG=C\nA=b c\n");
	sd_event_unref(run.event);
}

static void test_state_of_process(void)
{
	const char *const argv[] = {
		"/bin/sh", "-c", "umask; pwd; grep -E '^(SigBlk|SigIgn)' /proc/self/status", NULL};
	struct run run;
	const char *ignored;
	mode_t mask = umask(077);

	run_open(&run);
	signal(SIGPIPE, SIG_IGN);
	CHECK_INT(run_program(&run, argv, NULL), 0);
	umask(mask);
	CHECK(strncmp(run.output, "0022\n/\n", 7) == 0);
	CHECK(strstr(run.output, "SigBlk:\t0000000000000000\n") != NULL);
	ignored = strstr(run.output, "SigIgn:\t");
	CHECK(ignored != NULL);
	/* 32 and 33 belong to the C library, cannot be changed, and are inherited from make. */
	CHECK_INT(strtoull(ignored + 8, NULL, 16) & ~UINT64_C(0x180000000), 0);
	signal(SIGPIPE, SIG_DFL);
	sd_event_unref(run.event);
}

static void test_group_is_killed(void)
{
	/* What the program leaves in the background does not outlive it. The background process
	 * holds the write end of a FIFO: end of file there proves that it is gone. */
	char path[256], command[600], byte;
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};
	int dir_fd = check_tmpdir(path), reader;
	struct run run;
	ssize_t n;

	run_open(&run);
	CHECK_INT(mkfifoat(dir_fd, "fifo", 0600), 0);
	reader = openat(dir_fd, "fifo", O_RDONLY | O_NONBLOCK);
	CHECK(reader >= 0);
	snprintf(command, sizeof(command), "sleep 600 > %s/fifo & echo left > %s/fifo", path, path);
	CHECK_INT(run_program(&run, argv, NULL), 0);
	CHECK_INT(run.end, CHILD_EXITED);
	fcntl(reader, F_SETFL, 0);
	do
		n = read(reader, &byte, 1);
	while (n == 1);
	CHECK_INT(n, 0);
	close(reader);
	close(dir_fd);
	sd_event_unref(run.event);
}

static void test_free_while_running(void)
{
	const char *const argv[] = {"/bin/sh", "-c", "sleep 600", NULL};
	const struct child_spec spec = {.argv = argv, .root_fd = -1, .deadline_s = 600};
	struct run run;

	run_open(&run);
	CHECK_INT(child_start(run.event, &spec, on_done, &run, &run.child), 0);
	CHECK(run.child != NULL);
	child_free(run.child);
	child_free(NULL);
	CHECK(nothing_left(&run));
	CHECK_INT(run.n_done, 0);
	sd_event_unref(run.event);
}

static void on_done_free_owner(const struct child_result *result, void *userdata)
{
	(void)result;
	free(userdata);
}

static void test_owner_freed_in_done(void)
{
	const char *const argv[] = {"/bin/sh", "-c", "echo x", NULL};
	const struct child_spec spec = {.argv = argv, .root_fd = -1, .deadline_s = 20};
	struct owner {
		struct child *child;
	} *owner = calloc(1, sizeof(*owner));
	struct run run;

	CHECK(owner);
	run_open(&run);
	CHECK_INT(child_start(run.event, &spec, on_done_free_owner, owner, &owner->child), 0);
	CHECK(nothing_left(&run));
	sd_event_unref(run.event);
}

static void test_chroot(void)
{
	const char *const argv[] = {"/program", NULL};
	struct child_spec spec = {.deadline_s = 20};
	char path[256];
	struct run run;

	if (geteuid() != 0) {
		check_skip("chroot(2) needs root");
		return;
	}
	run_open(&run);
	spec.root_fd = check_tmpdir(path);
	/* The host's /bin/sh is not to be seen from inside. */
	CHECK_INT(run_program(&run, (const char *const[]){"/bin/sh", NULL}, &spec), -ENOENT);
	/* A text without interpreter line is found, and refused by the kernel. */
	close(openat(spec.root_fd, "program", O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
	CHECK_INT(run_program(&run, argv, &spec), -ENOEXEC);
	CHECK(nothing_left(&run));
	close(spec.root_fd);
	sd_event_unref(run.event);
}

/* Exactly the bytes, and no more than LIMIT_CHILD_INPUT_BYTES. */
static void test_input(void)
{
	const char *argv[] = {"/bin/sh", "-c", "wc -c; : > /dev/fd/0", NULL};
	static char input[LIMIT_CHILD_INPUT_BYTES + 1];
	struct child_spec spec = {.root_fd = -1, .deadline_s = 20, .input = input};
	struct run run;

	memset(input, 'x', sizeof(input));
	run_open(&run);
	spec.n_input = LIMIT_CHILD_INPUT_BYTES;
	CHECK_INT(run_program(&run, argv, &spec), 0);
	CHECK_INT(atoi(run.output), LIMIT_CHILD_INPUT_BYTES);
	/* The file is sealed: what was given cannot be changed. */
	CHECK(run.end == CHILD_EXITED && run.code != 0);
	spec.n_input = 0;
	CHECK_INT(run_program(&run, argv, &spec), 0);
	CHECK_INT(atoi(run.output), 0);
	spec.n_input = LIMIT_CHILD_INPUT_BYTES + 1;
	CHECK_INT(run_program(&run, argv, &spec), -EINVAL);
	sd_event_unref(run.event);
}

/* Each at its own descriptor, whole and with an end; nothing else of them is to be seen. */
static void test_secrets(void)
{
	const char *const argv[] = {"/bin/sh", "-c",
		"cat /proc/self/fd/3; echo .; cat <&4 | wc -c; test -p /proc/self/fd/3 && echo pipe; "
		"tr '\\0' '\\n' </proc/$$/environ; ls /proc/$$/fd",
		NULL};
	static char longest[LIMIT_CHILD_SECRET_BYTES + 1];
	struct child_secret secrets[] = {{"open sesame\n", 12}, {longest, sizeof(longest) - 1}};
	struct child_spec spec = {.root_fd = -1, .deadline_s = 20, .secrets = secrets};
	struct run run;
	int leak;

	memset(longest, 'x', sizeof(longest));
	run_open(&run);
	leak = open("/dev/null", O_RDONLY); /* where the first secret goes, perhaps */
	spec.n_secrets = 2;
	CHECK_INT(run_program(&run, argv, &spec), 0);
	CHECK_STR(run.output, "open sesame\n.\n512\npipe\n0\n1\n2\n3\n4\n");
	/* One more byte, one more secret, none at all. */
	secrets[1].n_bytes = sizeof(longest);
	CHECK_INT(run_program(&run, argv, &spec), -EINVAL);
	spec.n_secrets = LIMIT_CHILD_SECRETS + 1;
	CHECK_INT(run_program(&run, argv, &spec), -EINVAL);
	spec.n_secrets = 1;
	secrets[0].bytes = NULL;
	CHECK_INT(run_program(&run, argv, &spec), -EINVAL);
	close(leak);
	sd_event_unref(run.event);
}

static void test_empty_secret(void)
{
	const char *const argv[] = {
		"/bin/sh", "-c", "test -f /proc/self/fd/3 && wc -c </proc/self/fd/3", NULL};
	const struct child_secret empty = {"", 0};
	const struct child_spec spec = {
		.root_fd = -1, .deadline_s = 20, .secrets = &empty, .n_secrets = 1};
	struct run run;

	run_open(&run);
	CHECK_INT(run_program(&run, argv, &spec), 0);
	CHECK_STR(run.output, "0\n");
	sd_event_unref(run.event);
}

/* A program that does not start leaves none of them open. */
static void test_secrets_of_nobody(void)
{
	const char *const argv[] = {"/nonexistent/program", NULL};
	const struct child_secret secrets[] = {{"a", 1}, {"", 0}};
	const struct child_spec spec = {
		.root_fd = -1, .deadline_s = 20, .secrets = secrets, .n_secrets = 2};
	struct run run;
	int before, after;

	run_open(&run);
	before = dup(0);
	close(before);
	CHECK_INT(run_program(&run, argv, &spec), -ENOENT);
	after = dup(0);
	close(after);
	CHECK_INT(after, before);
	sd_event_unref(run.event);
}

static const struct check_test tests[] = {
	{"exit_and_output", test_exit_and_output},
	{"no_output", test_no_output},
	{"missing_program", test_missing_program},
	{"signal", test_signal},
	{"deadline", test_deadline},
	{"flood", test_flood},
	{"descriptors_closed", test_descriptors_closed},
	{"environment", test_environment},
	{"state_of_process", test_state_of_process},
	{"group_is_killed", test_group_is_killed},
	{"free_while_running", test_free_while_running},
	{"owner_freed_in_done", test_owner_freed_in_done},
	{"chroot", test_chroot},
	{"input", test_input},
	{"secrets", test_secrets},
	{"empty_secret", test_empty_secret},
	{"secrets_of_nobody", test_secrets_of_nobody},
};

CHECK_MAIN(tests)
