/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apk.c - everything that mdm-agent-apps knows of the program apk: command line, words of its
 * output (see apk.h; its files are apk_state.c's). Seen with apk-tools 2.14.10 and 3.0.6. Run as
 * root; a program that has begun to change things is never ended.
 *
 * - Global options come first, in forms that both versions take: none with "=yes" or "=no".
 * - Exit statuses classify nothing: each package whose script failed once counts as an error in all
 *   later transactions, and 99 is the lock, a hook and much else.
 * - The virtual package gets a version of its own each time: asked twice within a second for one
 *   without a version, apk changes nothing the second time, simulates nothing, and says OK.
 * - A simulation never fetches indexes; "add" does where they are older than --cache-max-age.
 * - What fails to install stays in the world, and in the way of all that comes later.
 */
#include "agent/apps/apk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "agent/util/limits.h"
#include "agent/util/mem.h"

#define DB_FILE "lib/apk/db/installed"
#define WRAPPER "usr/local/sbin/apk" /* of immutable systems: refuses everything */
#define LOCK_WAIT_S 30
#define NO_REFRESH "525600" /* minutes: indexes are fetched by "update", when we say so */

/* --- asking --------------------------------------------------------------------------------- */

enum apps_result apk_probe(const struct apps_run *run, const char **ret_why)
{
	_cleanup_close_ int wrapper_fd = fs_open_in_root(run->root_fd, WRAPPER, O_PATH);
	_cleanup_close_ int db_fd = fs_open_in_root(run->root_fd, DB_FILE, O_PATH);
	_cleanup_close_ int usr_fd = fs_open_in_root(run->root_fd, "usr", O_PATH | O_DIRECTORY);
	struct statvfs fs;

	if (!run->apk || access(run->apk, X_OK) < 0 || db_fd < 0) {
		*ret_why = wrapper_fd >= 0 ? "the system is immutable: packages come with its image"
					   : "there is no apk on this system";
		return wrapper_fd >= 0 ? APPS_E_READ_ONLY : APPS_E_NO_MANAGER;
	}
	if (usr_fd >= 0 && fstatvfs(usr_fd, &fs) == 0 && (fs.f_flag & ST_RDONLY)) {
		*ret_why = "the system is immutable: /usr cannot be written";
		return APPS_E_READ_ONLY;
	}
	return APPS_DONE;
}

/* From the first of these lines on it changes the system; before, it only prepares. */
static bool is_change(const char *line)
{
	static const char *const words[] = {"Installing ", "Purging ", "Upgrading ", "Downgrading ",
		"Replacing ", "Reinstalling ", "Updating pinning ", "[APK unavailable"};
	const char *at = line[0] == '(' ? strstr(line, ") ") : NULL;

	for (size_t i = 0; at && i < ARRAY_SIZE(words); i++)
		if (strncmp(at + 2, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static bool on_line(void *userdata, const char *line)
{
	struct apps_run *run = userdata;
	bool changes = is_change(line);

	if (changes)
		apps_run_say(run, run->progress.percent, strstr(line, ") ") + 2);
	else if (strncmp(line, "Waiting for repository lock", 27) == 0)
		apps_run_say(run, -1, "waiting for another package manager");
	else if (strncmp(line, "fetch ", 6) == 0 || strncmp(line, "Downloading ", 12) == 0)
		apps_run_say(run, -1, line);
	return changes;
}

static void on_progress(void *userdata, uint64_t done, uint64_t total)
{
	struct apps_run *run = userdata;

	if (done <= total)
		apps_run_say(run, (int)(done / (total / 100 + 1)), run->progress.doing);
}

static void on_tick(void *userdata)
{
	apps_run_tick(userdata);
}

/* Other than any that is installed: see the head of the file. */
static void make_version(const struct apk_state *state, char *ret, size_t size)
{
	char there[64];
	time_t now = (time_t)clock_realtime_s();
	struct tm tm;

	apk_state_version(state, APPS_VIRTUAL, there, sizeof(there));
	gmtime_r(&now, &tm);
	strftime(ret, size, "%Y%m%d.%H%M%S", &tm);
	for (int i = 1; i < 1000 && strcmp(ret, there) == 0; i++) {
		size_t n = strcspn(ret, "_");

		snprintf(ret + n, size - n, "_p%d", i);
	}
}

static bool has_lock_trouble(const struct program_said *said)
{
	const char *at =
		said->output.data ? strstr(said->output.data, "Unable to lock database: ") : NULL;

	return at && strncmp(at + 25, "Read-only", 9) != 0 &&
	       strncmp(at + 25, "Permission", 10) != 0;
}

static int64_t left_s(const struct apps_run *run)
{
	int64_t left = (run->deadline_us - clock_boottime_us()) / USEC_PER_SEC;

	return left > 0 ? left : 0;
}

static int ask_once(struct apps_run *run, const struct apk_ask *ask, const char *virtual,
	struct program_said *ret_said)
{
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	static const char *const verbs[] = {[APK_UPDATE] = "update",
		[APK_ADD] = "add",
		[APK_ADD_POLICY] = "add",
		[APK_DEL] = "del",
		[APK_UPGRADE] = "upgrade"};
	_cleanup_free_ const char **argv = calloc(ask->n_words + 20, sizeof(*argv));
	/* It says itself that it could not get the lock, and is not ended before it has. */
	int64_t wait_s = left_s(run) - 2 < LOCK_WAIT_S ? left_s(run) - 2 : LOCK_WAIT_S;
	struct program program = {.env = env,
		.has_progress = true,
		.deadline_us = &run->deadline_us,
		.patience_us = run->patience_us,
		.progress = on_progress,
		.tick = on_tick,
		.userdata = run};
	char wait[24];
	size_t n = 0;

	if (!argv)
		return -ENOMEM;
	argv[n++] = run->apk;
	/* Without it scripts run where they are, and apk upgrades itself first. */
	if (strcmp(run->root, "/") != 0) {
		argv[n++] = "--root";
		argv[n++] = run->root;
	}
	argv[n++] = "--no-interactive";
	argv[n++] = "--no-progress"; /* the bar */
	argv[n++] = "--progress-fd";
	argv[n++] = "3"; /* PROGRAM_PROGRESS_FD */
	snprintf(wait, sizeof(wait), "%lld", (long long)(wait_s > 0 ? wait_s : 1));
	argv[n++] = "--wait";
	argv[n++] = wait;
	argv[n++] = "--cache-max-age";
	argv[n++] = ask->verb == APK_UPDATE ? "0" : NO_REFRESH;
	argv[n++] = verbs[ask->verb];
	if (ask->simulated)
		argv[n++] = "--simulate";
	if (ask->verb == APK_ADD_POLICY) {
		argv[n++] = "--virtual";
		argv[n++] = virtual;
	}
	for (size_t i = 0; i < ask->n_words; i++)
		argv[n++] = ask->words[i];
	program.argv = argv;
	program.line = ask->simulated ? NULL : on_line;
	return program_run(&program, ret_said);
}

void apk_wait_for_lock(struct apps_run *run, int64_t wait_us)
{
	int64_t end_us = clock_boottime_us() + wait_us;

	apps_run_say(run, -1, "waiting for another package manager");
	while (clock_boottime_us() < end_us && !apps_run_is_late(run)) {
		poll(NULL, 0, 100);
		apps_run_tick(run);
	}
}

int apk_ask(struct apps_run *run, const struct apk_ask *ask, struct program_said *ret_said)
{
	_cleanup_(apk_state_done) struct apk_state state = {0};
	char virtual[128] = APPS_VIRTUAL "=";
	int64_t wait_us = USEC_PER_SEC;
	int r;

	for (;;) {
		if (ask->verb == APK_ADD_POLICY) {
			apk_state_done(&state);
			r = apk_state_read(run->root_fd, &state);
			if (r < 0)
				return r;
			make_version(&state, virtual + strlen(APPS_VIRTUAL) + 1,
				sizeof(virtual) - strlen(APPS_VIRTUAL) - 1);
		}
		r = ask_once(run, ask, virtual, ret_said);
		if (r < 0 || ret_said->end != PROGRAM_EXITED || !has_lock_trouble(ret_said) ||
			apps_run_is_late(run))
			return r;
		apk_wait_for_lock(run, wait_us);
		if (apps_run_is_late(run))
			return 0;
		program_said_done(ret_said);
		wait_us = wait_us < 16 * USEC_PER_SEC ? 2 * wait_us : 30 * USEC_PER_SEC;
	}
}

static bool has_word(const char *words, const char *word, size_t n_word)
{
	for (size_t n; *words; words += n + (words[n] == ' ')) {
		n = strcspn(words, " ");
		if (n == n_word && memcmp(words, word, n) == 0)
			return true;
	}
	return false;
}

int apk_purged(struct apps_run *run, const struct apk_ask *ask, struct buf *ret_names)
{
	static const char purging[] = ") Purging ";
	_cleanup_(program_said_done) struct program_said said = {0};
	struct apk_ask simulation = *ask;
	int r;

	simulation.simulated = true;
	r = apk_ask(run, &simulation, &said);
	if (r < 0)
		return r;
	buf_puts(ret_names, "");
	for (const char *at = said.output.data; at && (at = strstr(at, purging));) {
		at += strlen(purging);
		buf_puts(ret_names, ret_names->n_bytes ? " " : "");
		buf_append(ret_names, at, strcspn(at, " @\n"));
	}
	return ret_names->error;
}

int apk_keep(struct apps_run *run, const struct apk_ask *ask)
{
	_cleanup_buf_ struct buf purged = BUF_INIT, lost = BUF_INIT;
	int r;

	if (!run->keep)
		return 0;
	r = apk_purged(run, ask, &purged);
	if (r < 0)
		return r;
	for (const char *at = purged.data; *at;) {
		size_t n = strcspn(at, " ");

		if (has_word(run->keep, at, n)) {
			buf_puts(&lost, lost.n_bytes ? " " : "");
			buf_append(&lost, at, n);
		}
		at += n + (at[n] == ' ');
	}
	if (lost.error)
		return lost.error;
	return lost.n_bytes ? apk_world_edit(run, NULL, lost.data, NULL) : 0;
}

bool apk_is_solved(const struct program_said *said)
{
	return said->end == PROGRAM_EXITED && said->status < 99 && said->output.data &&
	       !strstr(said->output.data, "unable to select packages") &&
	       !strstr(said->output.data, "No such package") &&
	       !strstr(said->output.data, "is not a valid ");
}

/* --- why ------------------------------------------------------------------------------------ */

/* What both versions say, and C libraries; the first that is found decides. */
static const struct {
	const char *words;
	enum apps_result result;
} reasons[] = {
	{"Unable to lock database: Read-only file system", APPS_E_READ_ONLY},
	{"Unable to lock database", APPS_E_BUSY},
	{"commit_hooks.d/", APPS_E_HOOK}, /* 3.0: its path in the error */
	{"Read-only file system", APPS_E_READ_ONLY},
	{"No space left on device", APPS_E_DISK_FULL},
	{"Disk quota exceeded", APPS_E_DISK_FULL},
	{"Quota exceeded", APPS_E_DISK_FULL},
	{"UNTRUSTED signature", APPS_E_UNTRUSTED},
	{"BAD signature", APPS_E_UNTRUSTED},
	{"integrity error", APPS_E_UNTRUSTED},
	{"could not connect", APPS_E_NETWORK},
	{"network ", APPS_E_NETWORK},
	{"DNS", APPS_E_NETWORK},
	{"timed out", APPS_E_NETWORK},
	{"temporary error", APPS_E_NETWORK},
	{"TLS: ", APPS_E_NETWORK},
	{"HTTP", APPS_E_NETWORK},
	{"onnection ", APPS_E_NETWORK}, /* refused, reset, aborted */
	{"unreachable", APPS_E_NETWORK},
	{"No route to host", APPS_E_NETWORK},
	{"remote server returned error", APPS_E_NETWORK},
	{"stale/unavailable repositories", APPS_E_NETWORK},
	{"could not find a repo", APPS_E_NETWORK},
};

/* One line of what it said; at: anywhere in it. */
static void copy_line(const struct program_said *said, const char *at, char *ret, size_t size)
{
	const char *start = at;

	while (start > said->output.data && start[-1] != '\n')
		start--;
	start += strspn(start, " ");
	if (strncmp(start, "ERROR: ", 7) == 0)
		start += 7;
	else if (strncmp(start, "WARNING: ", 9) == 0)
		start += 9;
	snprintf(ret, size, "%.*s", (int)strcspn(start, "\n"), start);
}

/* The reason in one line that begins with one of these words; APPS_RESULT_MAX: none. */
static enum apps_result reason_in(const char *line)
{
	size_t n = strcspn(line, "\n");

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		const char *at = memmem(line, n, reasons[i].words, strlen(reasons[i].words));

		if (at)
			return reasons[i].result;
	}
	return APPS_RESULT_MAX;
}

/* "ERROR: NAME-VERSION: ...", of the package with that name, or any error. */
static bool is_about(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(line, "ERROR: ", 7) != 0)
		return false;
	line += 7;
	return n == 0 || (strncmp(line, name, n) == 0 && line[n] == '-' && line[n + 1] >= '0' &&
				 line[n + 1] <= '9');
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

enum apps_result apk_source_trouble(
	const struct program_said *said, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	for (const char *line = said->output.data; line && *line; line = next_line(line)) {
		enum apps_result reason;

		if (strncmp(line, "WARNING: ", 9) != 0)
			continue;
		reason = reason_in(line);
		if (reason != APPS_RESULT_MAX) {
			copy_line(said, line, ret_detail, LIMIT_TEXT_BYTES + 1);
			return reason;
		}
	}
	return APPS_DONE;
}

/* "(no such package)": nobody has it, or nobody who could be asked; the solver's other words. */
static enum apps_result why_unsolved(
	const struct program_said *said, const char *name, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	const char *missing = strstr(said->output.data, " (no such package)");
	const char *breaks = strstr(said->output.data, "breaks: ");
	char line[LIMIT_TEXT_BYTES + 1];
	enum apps_result trouble;

	if (missing) {
		copy_line(said, missing, line, sizeof(line));
		line[strcspn(line, " ")] = '\0';
		snprintf(ret_detail, LIMIT_TEXT_BYTES + 1,
			strcmp(line, name) == 0 ? "no repository has it"
						: "no repository has %.200s, which it needs",
			line);
		trouble = apk_source_trouble(said, line);
		if (trouble != APPS_DONE)
			snprintf(ret_detail, LIMIT_TEXT_BYTES + 1, "%s", line);
		return trouble != APPS_DONE ? trouble : APPS_E_UNKNOWN;
	}
	snprintf(ret_detail, LIMIT_TEXT_BYTES + 1, "apk finds no way to have all of it");
	if (breaks) {
		const char *before = breaks;

		/* The line above names what is broken. */
		while (before > said->output.data && before[-1] != '\n')
			before--;
		if (before > said->output.data)
			copy_line(said, before - 1, line, sizeof(line));
		else
			line[0] = '\0';
		snprintf(ret_detail, LIMIT_TEXT_BYTES + 1, "%.120s %.*s", line,
			(int)strcspn(breaks, "\n"), breaks);
	}
	return APPS_E_CONFLICT;
}

/* Whether some package is what the word says, though it could not be chosen. */
static bool is_satisfied(const struct program_said *said, const char *word)
{
	char wanted[LIMIT_TEXT_BYTES + 3];
	const char *at = said->output.data;

	snprintf(wanted, sizeof(wanted), "[%s]", word);
	while ((at = strstr(at, "satisfies: "))) {
		if (memmem(at, strcspn(at, "\n"), wanted, strlen(wanted)))
			return true;
		at++;
	}
	return false;
}

enum apps_result apk_why_not(
	const struct program_said *said, const char *word, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	char name[LIMIT_TEXT_BYTES + 1];
	enum apps_result result;

	apk_word_name(word, name);
	result = apk_why(said, name, ret_detail);
	if (result == APPS_E_CONFLICT && *word != '!' && strpbrk(word, "<>=~") &&
		!is_satisfied(said, word)) {
		snprintf(ret_detail, LIMIT_TEXT_BYTES + 1, "no repository has that version");
		return APPS_E_UNKNOWN;
	}
	return result;
}

enum apps_result apk_why(
	const struct program_said *said, const char *name, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	const char *output = said->output.data ? said->output.data : "";
	const char *first = NULL;

	ret_detail[0] = '\0';
	if (said->end == PROGRAM_NONE)
		return APPS_E_NO_MANAGER;
	if (said->end == PROGRAM_LEFT)
		snprintf(ret_detail, LIMIT_TEXT_BYTES + 1,
			"apk is still at it, and was left to come to its end");
	if (said->end == PROGRAM_DEADLINE && strstr(output, "Waiting for repository lock"))
		return APPS_E_BUSY;
	if (said->end != PROGRAM_EXITED)
		return APPS_E_DEADLINE;
	if (strstr(output, "unable to select packages"))
		return why_unsolved(said, name, ret_detail);
	for (const char *line = output; *line; line = next_line(line)) {
		enum apps_result reason;

		if (!is_about(line, name))
			continue;
		first = first ? first : line;
		copy_line(said, line, ret_detail, LIMIT_TEXT_BYTES + 1);
		/* 2.14 names a hook without its path, and not as a script of a package. */
		if (strstr(ret_detail, ": script exited with error") && said->status == 99)
			return APPS_E_HOOK;
		/* The index has it, its repository does not. */
		if (strstr(ret_detail, "HTTP 404"))
			return APPS_E_UNKNOWN;
		reason = reason_in(line);
		if (reason != APPS_RESULT_MAX)
			return reason;
	}
	if (!first && name[0])
		return apk_why(said, "", ret_detail);
	if (strstr(output, "No such package") || strstr(output, "not found"))
		return APPS_E_UNKNOWN;
	return APPS_E_FAILED;
}
