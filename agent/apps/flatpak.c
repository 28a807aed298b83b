/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flatpak.c - everything that mdm-agent-apps knows of flatpak: command line, words of its output
 * and where its installation of the system says what is installed. Seen with 1.14. Run as root.
 *
 * A deployment of flatpak's is replaced by one rename: it may be ended at any moment, and has no
 * state between two.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "agent/apps/run.h"
#include "agent/util/fs.h"
#include "agent/util/mem.h"

#define SYSTEM_DIR "var/lib/flatpak"
#define LIMIT_CONFIG_BYTES LIMIT_FLATPAK_FILE_BYTES

/* --- state ---------------------------------------------------------------------------------- */

/* A file could be named by what is no id. */
static bool is_id(const char *id)
{
	return id[0] != '.' && !strchr(id, '/') && !strstr(id, "..") && strlen(id) < 256;
}

/* What stands for the deployed version of an app: a commit; "" if it is not installed. */
static void read_commit(const struct apps_run *run, const char *id, char ret_commit[PATH_MAX])
{
	char path[PATH_MAX], current[PATH_MAX];

	ret_commit[0] = '\0';
	snprintf(path, sizeof(path), SYSTEM_DIR "/app/%.255s/current", id);
	if (!is_id(id) || fs_read_link(run->root_fd, path, current, sizeof(current)) < 0)
		return;
	if (snprintf(path, sizeof(path), SYSTEM_DIR "/app/%.255s/%.1024s/active", id, current) <
			0 ||
		fs_read_link(run->root_fd, path, ret_commit, PATH_MAX) < 0)
		ret_commit[0] = '\0';
}

/* 1: the remote's section has that line; 0: not; -ENOENT: there is no such remote. */
static int remote_says(const struct apps_run *run, const char *remote, const char *line)
{
	_cleanup_free_ char *text = NULL;
	char head[LIMIT_TEXT_BYTES + 16];
	const char *at;
	size_t n, n_line = strlen(line);
	int r = fs_read(run->root_fd, SYSTEM_DIR "/repo/config", LIMIT_CONFIG_BYTES, &text, &n);

	if (r < 0)
		return r;
	snprintf(head, sizeof(head), "[remote \"%s\"]\n", remote);
	at = strstr(text, head);
	if (!at || (at > text && at[-1] != '\n'))
		return -ENOENT;
	for (at += strlen(head); *at && *at != '['; at += strcspn(at, "\n"), at += *at == '\n')
		if (strncmp(at, line, n_line) == 0 && (!at[n_line] || at[n_line] == '\n'))
			return 1;
	return 0;
}

static int is_disabled(const struct apps_run *run, const char *remote)
{
	return remote_says(run, remote, "xa.disable=true");
}

/* --- asking --------------------------------------------------------------------------------- */

static bool on_line(void *userdata, const char *line)
{
	if (strncmp(line, "Installing", 10) == 0 || strncmp(line, "Updating", 8) == 0 ||
		strncmp(line, "Uninstalling", 12) == 0)
		apps_run_say(userdata, -1, line);
	return false;
}

static void on_tick(void *userdata)
{
	apps_run_tick(userdata);
}

static int ask(struct apps_run *run, const char *const *words, size_t n_words,
	struct program_said *ret_said)
{
	_cleanup_free_ const char **argv = calloc(n_words + 2, sizeof(*argv));
	char directory[PATH_MAX + 64];
	const char *env[] = {
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root", NULL, NULL};
	struct program program = {.env = env,
		.deadline_us = &run->deadline_us,
		.line = on_line,
		.tick = on_tick,
		.userdata = run};

	if (!argv)
		return -ENOMEM;
	if (strcmp(run->root, "/") != 0) {
		snprintf(directory, sizeof(directory), "FLATPAK_SYSTEM_DIR=%s/" SYSTEM_DIR,
			run->root);
		env[3] = directory;
	}
	argv[0] = run->flatpak;
	memcpy(argv + 1, words, n_words * sizeof(*words));
	program.argv = argv;
	return program_run(&program, ret_said);
}

/* --- why ------------------------------------------------------------------------------------ */

static const struct {
	const char *words;
	enum apps_result result;
} reasons[] = {
	{"No space left on device", APPS_E_DISK_FULL},
	{"min-free-space", APPS_E_DISK_FULL},
	{"Not enough disk space", APPS_E_DISK_FULL},
	{"disabled remote", APPS_E_CONFLICT},
	{"GPG", APPS_E_UNTRUSTED},
	{"signature", APPS_E_UNTRUSTED},
	{"Read-only file system", APPS_E_READ_ONLY},
	{"Could not resolve", APPS_E_NETWORK},
	{"Couldn't resolve", APPS_E_NETWORK},
	{"Could not connect", APPS_E_NETWORK},
	{"Couldn't connect", APPS_E_NETWORK},
	{"Failed to connect", APPS_E_NETWORK},
	{"onnection refused", APPS_E_NETWORK},
	{"timed out", APPS_E_NETWORK},
	{"Timeout was reached", APPS_E_NETWORK},
	{"nreachable", APPS_E_NETWORK},
	{"While fetching", APPS_E_NETWORK},
	{"Server returned", APPS_E_NETWORK},
	{"Nothing matches", APPS_E_UNKNOWN},
	{"No remote refs found", APPS_E_UNKNOWN},
	{"No such ref", APPS_E_UNKNOWN},
	{"not found", APPS_E_UNKNOWN}, /* a remote, a runtime */
	{"nable to load summary", APPS_E_NETWORK},
};

static enum apps_result why(const struct program_said *said, char ret_detail[LIMIT_TEXT_BYTES + 1])
{
	const char *output = said->output.data ? said->output.data : "";
	const char *error = NULL, *at = output;

	ret_detail[0] = '\0';
	if (said->end == PROGRAM_NONE)
		return APPS_E_NO_MANAGER;
	if (said->end != PROGRAM_EXITED)
		return APPS_E_DEADLINE;
	/* The last error says what came of it; warnings stand before. */
	while ((at = strcasestr(at, "error: "))) {
		error = at;
		at++;
	}
	snprintf(ret_detail, LIMIT_TEXT_BYTES + 1, "%.*s",
		error ? (int)strcspn(error + 7, "\n") : 0, error ? error + 7 : "");
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (strstr(output, reasons[i].words))
			return reasons[i].result;
	return APPS_E_FAILED;
}

/* --- steps ---------------------------------------------------------------------------------- */

static int end_item(
	struct apps_run *run, const char *name, enum apps_result result, const char *detail)
{
	int r = apps_run_end(run, name, result, detail);

	return r < 0 ? r : apps_run_end(run, "", result, detail);
}

static int install(struct apps_run *run, const struct apps_words *words)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	const char *const asked[] = {
		"install", "--system", "--noninteractive", "-y", words->words[0], words->words[1]};
	char commit[PATH_MAX], detail[LIMIT_TEXT_BYTES + 1];
	int r;

	read_commit(run, words->words[1], commit);
	if (commit[0])
		return end_item(run, words->words[1], APPS_NOTHING_TO_DO, "");
	r = ask(run, asked, ARRAY_SIZE(asked), &said);
	if (r < 0)
		return r;
	read_commit(run, words->words[1], commit);
	if (commit[0])
		return end_item(run, words->words[1], APPS_DONE, "");
	return end_item(run, words->words[1], why(&said, detail), detail);
}

static int uninstall(struct apps_run *run, const char *id)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	const char *const asked[] = {
		"uninstall", "--system", "--noninteractive", "-y", "--app", id};
	char commit[PATH_MAX], detail[LIMIT_TEXT_BYTES + 1];
	int r;

	read_commit(run, id, commit);
	if (!commit[0])
		return end_item(run, id, APPS_NOTHING_TO_DO, "");
	r = ask(run, asked, ARRAY_SIZE(asked), &said);
	if (r < 0)
		return r;
	read_commit(run, id, commit);
	if (!commit[0])
		return end_item(run, id, APPS_DONE, "");
	return end_item(run, id, why(&said, detail), detail);
}

/* One after the other where some are named: one that fails is not in the way of the others. */
static int update_one(struct apps_run *run, const char *id, enum apps_result *ret_worst)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	const char *const asked[] = {"update", "--system", "--noninteractive", "-y", "--app", id};
	char before[PATH_MAX], after[PATH_MAX], detail[LIMIT_TEXT_BYTES + 1] = "";
	enum apps_result result = APPS_DONE;
	int r;

	read_commit(run, id, before);
	if (!before[0]) {
		*ret_worst = APPS_E_UNKNOWN;
		return apps_run_end(run, id, APPS_E_UNKNOWN, "it is not installed");
	}
	r = ask(run, asked, ARRAY_SIZE(asked), &said);
	if (r < 0)
		return r;
	read_commit(run, id, after);
	if (strcmp(before, after) == 0)
		result = said.end == PROGRAM_EXITED && said.status == 0 ? APPS_NOTHING_TO_DO
									: why(&said, detail);
	if (result > APPS_NOTHING_TO_DO ||
		(result == APPS_DONE && *ret_worst == APPS_NOTHING_TO_DO))
		*ret_worst = result;
	return apps_run_end(run, id, result, detail);
}

static int update(struct apps_run *run, const struct apps_words *words)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	static const char *const asked[] = {"update", "--system", "--noninteractive", "-y"};
	enum apps_result worst = APPS_NOTHING_TO_DO;
	char detail[LIMIT_TEXT_BYTES + 1];
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->n; i++)
		r = update_one(run, words->words[i], &worst);
	if (r < 0 || words->n > 0)
		return r < 0 ? r : apps_run_end(run, "", worst, "");
	r = ask(run, asked, ARRAY_SIZE(asked), &said);
	if (r < 0)
		return r;
	if (said.end != PROGRAM_EXITED || said.status != 0)
		return apps_run_end(run, "", why(&said, detail), detail);
	return apps_run_end(run, "",
		said.output.data && strstr(said.output.data, "Nothing to do") ? APPS_NOTHING_TO_DO
									      : APPS_DONE,
		"");
}

static int set_remote(struct apps_run *run, const char *remote, bool disable)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	const char *const asked[] = {
		"remote-modify", "--system", disable ? "--disable" : "--enable", remote};
	char detail[LIMIT_TEXT_BYTES + 1];
	int is = is_disabled(run, remote), r;

	if (is < 0)
		return end_item(run, remote, APPS_E_UNKNOWN, "there is no such remote");
	if (is == disable)
		return end_item(run, remote, APPS_NOTHING_TO_DO, "");
	r = ask(run, asked, ARRAY_SIZE(asked), &said);
	if (r < 0)
		return r;
	if (is_disabled(run, remote) == disable)
		return end_item(run, remote, APPS_DONE, "");
	return end_item(run, remote, why(&said, detail), detail);
}

/* What is in the file may have changed: flatpak looks at it when it is named again. path "": of
 * none. */
static int ask_filter(
	struct apps_run *run, const char *remote, const char *path, struct program_said *ret_said)
{
	char option[PATH_MAX + 16] = "--no-filter";
	const char *const asked[] = {"remote-modify", "--system", option, remote};

	if (*path)
		snprintf(option, sizeof(option), "--filter=%s", path);
	return ask(run, asked, ARRAY_SIZE(asked), ret_said);
}

static int has_filter(const struct apps_run *run, const char *remote, const char *path)
{
	char line[PATH_MAX + 16];

	snprintf(line, sizeof(line), "xa.filter=%s", path);
	return remote_says(run, remote, line);
}

static void our_filter(const struct apps_run *run, const char *remote, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%.2048s/" APPS_FLATPAK_FILTER,
		strcmp(run->root, "/") == 0 ? "" : run->root, remote);
}

static int set_filter(struct apps_run *run, const char *remote)
{
	_cleanup_(program_said_done) struct program_said said = {0};
	char path[PATH_MAX], detail[LIMIT_TEXT_BYTES + 1];
	int r;

	our_filter(run, remote, path);
	if (has_filter(run, remote, path) < 0)
		return end_item(run, remote, APPS_E_UNKNOWN, "there is no such remote");
	r = ask_filter(run, remote, path, &said);
	if (r < 0)
		return r;
	if (has_filter(run, remote, path) == 1)
		return end_item(run, remote, APPS_DONE, "");
	return end_item(run, remote, why(&said, detail), detail);
}

/* What was there before comes back, if it still is what flatpak takes. */
static int end_filter(struct apps_run *run, const char *remote, const char *before)
{
	_cleanup_(program_said_done) struct program_said said = {0}, again = {0};
	char path[PATH_MAX], detail[LIMIT_TEXT_BYTES + 1] = "", old[LIMIT_TEXT_BYTES + 2] = "";
	int ours, r;

	our_filter(run, remote, path);
	ours = has_filter(run, remote, path);
	if (ours < 0)
		return end_item(run, remote, APPS_E_UNKNOWN, "there is no such remote");
	if (!ours)
		return end_item(run, remote, APPS_NOTHING_TO_DO, "");
	if (*before)
		snprintf(old, sizeof(old), "/%s", before);
	/* flatpak takes a file that is not there, and keeps to what it had last: ours. */
	if (*old && access(old, R_OK) < 0) {
		snprintf(
			detail, sizeof(detail), "its filter from before is not there: %.200s", old);
		old[0] = 0;
	}
	r = ask_filter(run, remote, old, &said);
	if (r == 0 && *old && has_filter(run, remote, old) != 1) {
		snprintf(
			detail, sizeof(detail), "its filter from before is not taken: %.200s", old);
		r = ask_filter(run, remote, "", &again);
	}
	if (r < 0)
		return r;
	if (has_filter(run, remote, path) == 0)
		return end_item(run, remote, APPS_DONE, detail);
	return end_item(run, remote, why(again.output.data ? &again : &said, detail), detail);
}

int flatpak_step(struct apps_run *run, enum apps_step_kind kind, const struct apps_words *words)
{
	if (!run->flatpak || access(run->flatpak, X_OK) < 0)
		return apps_run_end(
			run, "", APPS_E_NO_MANAGER, "there is no flatpak on this system");
	switch (kind) {
	case APPS_STEP_FLATPAK_INSTALL:
		return install(run, words);
	case APPS_STEP_FLATPAK_REMOVE:
		return uninstall(run, words->words[0]);
	case APPS_STEP_FLATPAK_UPDATE:
		return update(run, words);
	case APPS_STEP_FLATPAK_REMOTE_DISABLE:
	case APPS_STEP_FLATPAK_REMOTE_ENABLE:
		return set_remote(run, words->words[0], kind == APPS_STEP_FLATPAK_REMOTE_DISABLE);
	case APPS_STEP_FLATPAK_REMOTE_FILTER:
		return set_filter(run, words->words[0]);
	case APPS_STEP_FLATPAK_REMOTE_UNFILTER:
		return end_filter(run, words->words[0], words->n > 1 ? words->words[1] : "");
	case APPS_STEP_POLICY:
	case APPS_STEP_ADD:
	case APPS_STEP_REMOVE:
	case APPS_STEP_UPGRADE:
	case APPS_STEP_NOEXEC:
	case APPS_STEP_EXEC:
	case APPS_STEP_KEEP:
	case APPS_STEP_KIND_MAX:
		break;
	}
	return -EINVAL;
}
