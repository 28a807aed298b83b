/* SPDX-License-Identifier: Apache-2.0 */
/* apps_work.c - where jobs are left and by what they are carried out; see apps_work.h. Enforcer
 * only. */
#include "agent/enforcer/apps_work.h"

#include <errno.h>
#include <string.h>

#include "agent/enforcer/apps_work_private.h"
#include "agent/enforcer/enforcer.h"
#include "agent/util/jsonw.h"

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

int apps_work_new(struct enforcer *e, struct apps_work **ret_work)
{
	const struct enforcer_options *o = &e->options;
	struct apps_work *work = calloc(1, sizeof(*work));
	int r;

	if (!work)
		return -ENOMEM;
	work->e = e;
	r = name_directory(work, o->socket_path);
	if (r == 0) {
		const struct apps_jobs_options options = {
			.platform = &e->platform,
			.directory = work->directory,
			.program = o->apps_program,
			.sysroot = o->sysroot,
			.apk = o->apk_program,
			.flatpak = o->flatpak_program,
			/* The unit knows no other places and programs than the usual ones. */
			.is_installed =
				strcmp(o->sysroot, "/") == 0 && !o->apk_program &&
				!o->flatpak_program && strcmp(work->directory, MDM_RUN_DIR) == 0 &&
				strcmp(o->apps_program, MDM_LIBEXEC_DIR "/mdm-agent-apps") == 0,
		};

		r = apps_jobs_new(&options, &work->jobs);
	}
	if (r < 0) {
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
	free(work);
}

void apps_work_write_status(const struct enforcer *e, struct jsonw *w, const char *key)
{
	const struct apps_work *work = e->apps_work;
	const struct apps_progress *progress = NULL;
	bool is_running = work && apps_jobs_is_running(work->jobs, &progress);

	jsonw_object(w, key);
	jsonw_bool(w, "running", is_running);
	if (progress && progress->is_running) {
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
