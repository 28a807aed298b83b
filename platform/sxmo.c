/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sxmo.c - backend "sxmo": says that Sxmo has no lock screen that asks for a passcode. Its "lock"
 * is a state of input and screen that a button ends. Changes nothing. Enforcer only.
 *
 * Where Sxmo is installed the backend counts as present, so that its word reaches the result; where
 * another user interface is installed too, that one's settings decide. Where it is not installed it
 * is absent and has no part in any result.
 */
#include "platform/sxmo.h"

#include <stdlib.h>

#include "platform/backend.h"
#include "platform/backends.h"

#define SXMO_EXPLANATION                                                                           \
	"Sxmo has no lock screen that asks for a passcode; its lock is ended by a button"

struct sxmo_backend {
	struct backend_call call;
};

bool sxmo_is_installed(int root_fd)
{
	static const char *const paths[] = {
		"usr/bin/sxmo_hook_lock.sh",
		"usr/share/sxmo",
		"usr/bin/sxmo_winit.sh",
		"usr/bin/sxmo_common.sh",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (backend_file_exists(root_fd, paths[i]))
			return true;
	return false;
}

static void sxmo_probe(struct backend *b, struct backend_fact *ret_fact)
{
	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	if (!sxmo_is_installed(b->platform->sysroot_fd)) {
		text_printf(ret_fact->detail, "Sxmo is not installed");
		return;
	}
	ret_fact->present = true;
	ret_fact->reason = REASON_NO_LOCKER;
	text_printf(ret_fact->detail, SXMO_EXPLANATION);
}

static int sxmo_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct sxmo_backend *s = b->state;
	bool installed = sxmo_is_installed(b->platform->sysroot_fd);

	for (size_t i = 0; i < SETTING_MAX; i++) {
		if (!b->ops->serves[i])
			continue;
		backend_saw_none(b, i, COMPLIANCE_UNSUPPORTED,
			installed ? REASON_NO_LOCKER : REASON_NO_MECHANISM);
		text_printf(b->observations[i]->detail, "%s",
			installed ? SXMO_EXPLANATION : "Sxmo is not installed");
	}
	backend_call_begin(&s->call, b, done, userdata);
	return backend_call_end(&s->call, 0, "");
}

static int sxmo_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	/* A user interface comes and goes with packages; every round looks. */
	(void)b;
	(void)changed;
	(void)userdata;
	return 0;
}

static void sxmo_free(struct backend *b)
{
	struct sxmo_backend *s = b->state;

	backend_call_cancel(&s->call);
	free(s);
}

static const struct backend_ops sxmo_ops = {
	.name = "sxmo",
	.help = "Reports that the user interface Sxmo has no lock screen.",
	.serves =
		{
			[SETTING_SCREEN_LOCK_IDLE_DELAY] = true,
			[SETTING_SCREEN_LOCK_ENABLED] = true,
			[SETTING_SCREEN_LOCK_DELAY] = true,
			[SETTING_SCREEN_LOCK_REQUIRE_UNLOCK] = true,
		},
	.probe = sxmo_probe,
	.observe = sxmo_observe,
	.watch = sxmo_watch,
	.free = sxmo_free,
};

int sxmo_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &sxmo_ops, sizeof(struct sxmo_backend), ret_backend);
}
