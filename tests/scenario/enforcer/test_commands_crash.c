/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_commands_crash.c - a command whose phone dies at every single operation that changes a file,
 * between the first byte of its record and the last of its end, and again while it recovers. It is
 * carried out at most once, and its end is in the journal.
 */
#include "tests/lib/crash_point.h"

#include <dirent.h>
#include <sys/wait.h>

#include "tests/lib/commands_rig.h"

#define ENOUGH 200 /* more operations than there are */

static void clear_directory(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = opendir(path);
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			signer_must(fs_remove_tree(fd, entry->d_name) == 0);
	closedir(dir);
}

struct crash {
	enum crash_mode mode;
	unsigned long at; /* 0: it lives */
	unsigned int part;
};

/* One life of the agent: starts, gets the command, does what there is to do. True: it lived. */
static bool live(struct rig *rig, const struct buf *text, const struct crash *crash)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		crash_begin(crash->at ? crash->mode : CRASH_NONE, crash->at, crash->part);
		rig_start(rig);
		rig_take(rig, text);
		rig_run(rig);
		crash_plan.mode = CRASH_NONE;
		_exit(0);
	}
	signer_must(pid > 0 && waitpid(pid, &status, 0) == pid);
	signer_must(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
	return WIFEXITED(status);
}

static void check_end(struct rig *rig, const struct buf *text)
{
	enum command_state state;

	rig_start(rig);
	rig_take(rig, text);
	rig_run(rig);
	state = rig_state(rig, 1);
	CHECK(command_state_is_final(state));
	CHECK(rig_shared->n_locks <= 1);
	CHECK(state == COMMAND_DONE || state == COMMAND_INTERRUPTED);
	if (state == COMMAND_DONE)
		CHECK_INT(rig_shared->n_locks, 1);
	CHECK(rig_told(rig, 1, command_state_name(state)) >= 1);
	CHECK(rig_told(rig, 1, "accepted") >= 1);
}

static void prepare(struct rig *rig)
{
	clear_directory(rig->path);
	rig_shared->n_locks = 0;
	rig_start(rig);
	rig_enrol(rig, ENROLMENT);
	rig_stop(rig);
}

/* Lives that end as the plan says, one after the other, and one that does not. */
static bool run_lives(
	struct rig *rig, const struct buf *text, const struct crash *crashes, size_t n_crashes)
{
	bool lived = true;

	prepare(rig);
	for (size_t i = 0; i < n_crashes; i++)
		lived &= live(rig, text, &crashes[i]);
	check_end(rig, text);
	rig_stop(rig);
	return lived;
}

static void setup(struct rig *rig, struct buf *text)
{
	rig_init(rig);
	rig_write(rig, &(struct rig_command){.number = 1}, text);
	rig_stop(rig);
}

static void test_once(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct rig rig;
	unsigned long n_points = 0;

	setup(&rig, &text);
	for (enum crash_mode mode = CRASH_KILL; mode <= CRASH_POWER_LATE; mode++)
		for (unsigned int part = 0; part < CRASH_PARTS; part++)
			for (unsigned long at = 1;; at++) {
				const struct crash crash = {mode, at, part};

				CHECK(at < ENOUGH);
				if (run_lives(&rig, &text, &crash, 1))
					break;
				n_points++;
			}
	/* Facts, ledger three times, journal four times: it really died in all of these. */
	CHECK(n_points > 15 * 20);
}

static void test_again_while_recovering(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct rig rig;
	unsigned int part = 0;

	setup(&rig, &text);
	for (unsigned long first = 1;; first += 3) {
		unsigned long second = 1;

		for (;; second++) {
			/* Not every part with every other: each in its turn. */
			const struct crash crashes[] = {
				{CRASH_POWER_EARLY + (second & 1), first, part % CRASH_PARTS},
				{CRASH_POWER_EARLY + (first & 1), second, (part + 1) % CRASH_PARTS},
			};
			bool lived;

			CHECK(second < ENOUGH);
			part++;
			prepare(&rig);
			lived = live(&rig, &text, &crashes[0]);
			if (lived)
				return;
			lived = live(&rig, &text, &crashes[1]);
			check_end(&rig, &text);
			rig_stop(&rig);
			if (lived)
				break;
		}
	}
}

static const struct check_test tests[] = {
	{"once", test_once},
	{"again_while_recovering", test_again_while_recovering},
};
CHECK_MAIN(tests)
