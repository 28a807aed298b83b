/* SPDX-License-Identifier: Apache-2.0 */
/* guard_sources.c - what a table is made of, as this phone has it now; see guard_host.h. Enforcer
 * only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/guard_host.h"
#include "platform/accounts.h"
#include "platform/apps.h"
#include "platform/apps_known.h"
#include "platform/exec_mounts.h"
#include "platform/watch.h"

struct guard_sources {
	struct enforcer *e;
	guard_sources_changed_fn changed;
	void *userdata;
	struct watch *watch;
	struct mounts_watch *mounts;
	uint64_t devices[LIMIT_GUARD_DEVICES];
	size_t n_devices;
	struct apps_snapshot *snapshot; /* of the last table */
};

static void sources_on_files(void *userdata)
{
	struct guard_sources *s = userdata;

	s->changed(s->userdata);
}

/* Mounts come and go with every session; few of them are other people's. */
static void sources_on_mounts(void *userdata)
{
	struct guard_sources *s = userdata;
	uint64_t devices[LIMIT_GUARD_DEVICES];
	size_t n = 0;

	if (exec_foreign_devices(s->e->sysroot_fd, devices, &n) < 0 || n != s->n_devices ||
		memcmp(devices, s->devices, n * sizeof(*devices)) != 0)
		s->changed(s->userdata);
}

int guard_sources_new(struct enforcer *e, guard_sources_changed_fn changed, void *userdata,
	struct guard_sources **ret_sources)
{
	struct guard_sources *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->e = e;
	s->changed = changed;
	s->userdata = userdata;
	r = watch_new(e->event, e->sysroot_fd, apps_watch_paths, apps_n_watch_paths,
		sources_on_files, s, &s->watch);
	if (r < 0)
		log_warning("guard: packages cannot be watched: %s; they are looked at when the "
			    "policy changes",
			strerror(-r));
	/* Files of a fixture tree do not signal. */
	if (e->platform.sysroot_is_root) {
		r = exec_mounts_watch(e->event, e->sysroot_fd, sources_on_mounts, s, &s->mounts);
		if (r < 0)
			log_warning("guard: mounts cannot be watched: %s", strerror(-r));
	}
	*ret_sources = s;
	return 0;
}

void guard_sources_free(struct guard_sources *s)
{
	if (!s)
		return;
	watch_free(s->watch);
	mounts_watch_free(s->mounts);
	apps_snapshot_free(s->snapshot);
	free(s);
}

int guard_sources_build(struct guard_sources *s, struct guard_build **ret_build)
{
	struct enforcer *e = s->e;
	_cleanup_free_ char *base = NULL;
	struct apps_request request = {.root_fd = e->sysroot_fd};
	struct guard_inputs inputs;
	size_t n_base = 0;
	const struct apps_known *known = e->platform.apps;
	int r = known ? known->base(&base, &n_base, known->userdata) : -ENOENT;
	bool has_record = r == 0;

	/* Without a record nobody can tell what the phone came with; one may be empty. */
	if (has_record)
		request.base = (struct apk_text){base, n_base};
	apps_snapshot_free(TAKE_PTR(s->snapshot));
	r = apps_collect(&request, &s->snapshot);
	if (r < 0)
		return r;
	r = exec_foreign_devices(e->sysroot_fd, s->devices, &s->n_devices);
	if (r < 0 && r != -ENOENT && r != -E2BIG)
		log_warning("guard: mounts are not known: %s", strerror(-r));
	if (r < 0 && r != -E2BIG)
		s->n_devices = 0;
	/* What happens from here on is seen. */
	inputs = (struct guard_inputs){
		.root_fd = e->sysroot_fd,
		.effective = &e->reconcile.effective,
		.db = &s->snapshot->db,
		.apps = s->snapshot->apps,
		.n_apps = s->snapshot->n_apps,
		.is_base = has_record ? s->snapshot->is_base : NULL,
		.devices = s->devices,
		.n_devices = s->n_devices,
		.devices_are_cut = r < 0 && r != -ENOENT,
		.uid_min = accounts_first_person(e->sysroot_fd),
	};
	return guard_build_new(&inputs, ret_build);
}

const char *guard_sources_title(const struct guard_sources *s, const char *owner)
{
	const struct apps_snapshot *snapshot = s->snapshot;

	for (size_t i = 0; snapshot && *owner && i < snapshot->n_apps; i++)
		if (snapshot->apps[i].kind != APP_FILE &&
			strcmp(snapshot->apps[i].name, owner) == 0)
			return snapshot->apps[i].title;
	return "";
}
