/* SPDX-License-Identifier: Apache-2.0 */
/* apps_work.c - where jobs are left and by what they are carried out; see apps_work.h. Enforcer
 * only. */
#include "agent/enforcer/apps_work.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/apps_work_private.h"
#include "platform/apps_known.h"
#include "agent/enforcer/enforcer.h"
#include "agent/util/jsonw.h"

/* What one record tells of a job: well below LIMIT_JOURNAL_RECORD_BYTES. */
#define STEPS_MAX 8
#define FAILED_MAX 8
#define WORDS_BYTES 120

static int name_directory(struct apps_work *work, const char *socket_path)
{
	const char *slash = strrchr(socket_path, '/');
	int n;

	n = snprintf(work->directory, sizeof(work->directory), "%.*s",
		slash == socket_path ? 1
		: slash		     ? (int)(slash - socket_path)
				     : 1,
		slash ? socket_path : ".");
	return n < (int)sizeof(work->directory) ? 0 : -ENAMETOOLONG;
}

/* --- the journal --------------------------------------------------------------------------- */

/* A list of names can be long, and a record is not. */
static void write_cut(struct jsonw *w, const char *key, const char *text)
{
	char cut[WORDS_BYTES + 4];
	size_t n = strlen(text);

	if (n <= WORDS_BYTES) {
		jsonw_string(w, key, text);
		return;
	}
	n = WORDS_BYTES;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	snprintf(cut, sizeof(cut), "%.*s...", (int)n, text);
	jsonw_string(w, key, cut);
}

static void write_failed(struct jsonw *w, const struct apps_progress *progress)
{
	size_t n = 0;

	jsonw_array(w, "failed");
	for (size_t i = 0; progress && i < progress->n_outcomes && n < FAILED_MAX; i++) {
		const struct apps_outcome *outcome = &progress->outcomes[i];

		if (outcome->result == APPS_DONE || outcome->result == APPS_NOTHING_TO_DO)
			continue;
		jsonw_object(w, NULL);
		write_cut(w, "name", outcome->name);
		jsonw_string(w, "result", apps_result_names[outcome->result]);
		write_cut(w, "detail", outcome->detail);
		jsonw_object_end(w);
		n++;
	}
	jsonw_array_end(w);
}

/* "policy-0123…", "update-…", "command-…" of the id. */
static void name_cause(const char *id, char ret_cause[LIMIT_NAME_BYTES + 1])
{
	snprintf(ret_cause, LIMIT_NAME_BYTES + 1, "%.*s", (int)strcspn(id, "-"), id);
}

static void on_told(const struct apps_job *job, const struct apps_progress *progress,
	const char *failure, void *userdata)
{
	struct apps_work *work = userdata;
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	char cause[LIMIT_NAME_BYTES + 1];

	name_cause(job->id, cause);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", "job");
	jsonw_string(&w, "cause", cause);
	/* The end of an enrolment removes as well, and is no rule. */
	if (strcmp(cause, "policy") == 0 && work->e->state.facts.enrolled)
		apps_notice_take(work->notice, progress);
	jsonw_array(&w, "steps");
	for (size_t i = 0; i < job->n_steps && i < STEPS_MAX; i++) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "step", apps_step_names[job->steps[i].kind]);
		write_cut(&w, "words", job->steps[i].words);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_int(&w, "more", job->n_steps > STEPS_MAX ? (int64_t)job->n_steps - STEPS_MAX : 0);
	write_failed(&w, progress);
	jsonw_string(&w, "failure", failure);
	jsonw_object_end(&w);
	enforcer_journal(work->e, JOURNAL_APP, &payload);
	/* Whoever gave it: what it changed is nobody else's doing. */
	if (work->e->platform.apps)
		work->e->platform.apps->acting(false, work->e->platform.apps->userdata);
}

/* --- life ---------------------------------------------------------------------------------- */

int apps_work_new(struct enforcer *e, struct apps_work **ret_work)
{
	const struct enforcer_options *o = &e->options;
	struct apps_work *work = calloc(1, sizeof(*work));
	int r;

	if (!work)
		return -ENOMEM;
	work->e = e;
	r = name_directory(work, o->socket_path);
	if (r == 0)
		r = apps_notice_new(e, &work->notice);
	if (r == 0) {
		const struct apps_jobs_options options = {
			.platform = &e->platform,
			.directory = work->directory,
			.program = o->apps_program,
			.sysroot = o->sysroot,
			.apk = o->apk_program,
			.flatpak = o->flatpak_program,
			.told = on_told,
			.userdata = work,
			/* The unit knows no other places and programs than the usual ones. */
			.is_installed =
				strcmp(o->sysroot, "/") == 0 && !o->apk_program &&
				!o->flatpak_program && strcmp(work->directory, MDM_RUN_DIR) == 0 &&
				strcmp(o->apps_program, MDM_LIBEXEC_DIR "/mdm-agent-apps") == 0,
		};

		r = apps_jobs_new(&options, &work->jobs);
	}
	if (r < 0) {
		apps_notice_free(work->notice);
		free(work);
		return r;
	}
	e->platform.apps_jobs = work->jobs;
	*ret_work = work;
	return 0;
}

void apps_work_free(struct apps_work *work)
{
	if (!work)
		return;
	work->e->platform.apps_jobs = NULL;
	apps_jobs_forget(work->jobs, &work->order);
	apps_job_done(&work->order.job);
	apps_jobs_free(work->jobs);
	apps_notice_free(work->notice);
	free(work);
}

/* The job was left in its directory when it began, perhaps by an agent before this one. */
static void write_since(const struct apps_work *work, struct jsonw *w)
{
	struct stat st;

	if (fstatat(apps_jobs_directory(work->jobs), APPS_JOB_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		jsonw_int(w, "since", st.st_mtime);
}

bool apps_work_is_running(const struct enforcer *e)
{
	return e->apps_work && apps_jobs_is_running(e->apps_work->jobs, NULL);
}

void apps_work_write_status(const struct enforcer *e, struct jsonw *w, const char *key)
{
	const struct apps_work *work = e->apps_work;
	const struct apps_progress *progress = NULL;
	bool is_running = work && apps_jobs_is_running(work->jobs, &progress);
	char cause[LIMIT_NAME_BYTES + 1];

	jsonw_object(w, key);
	jsonw_bool(w, "running", is_running);
	if (is_running)
		write_since(work, w);
	if (progress && progress->is_running) {
		name_cause(progress->id, cause);
		jsonw_string(w, "cause", cause);
		jsonw_string(w, "step", apps_step_names[progress->step]);
		jsonw_string(w, "doing", progress->doing);
		if (progress->percent >= 0)
			jsonw_int(w, "percent", progress->percent);
		else
			jsonw_null(w, "percent");
	}
	jsonw_int(w, "waiting", work ? (int64_t)apps_jobs_waiting(work->jobs) : 0);
	jsonw_object_end(w);
}
