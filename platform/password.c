/* SPDX-License-Identifier: Apache-2.0 */
/*
 * password.c - backend "password": keeps pam_mdm.so in front of pam_unix.so in the PAM service
 * files, and says what is known of the passwords in use. Enforcer only. It writes no password
 * and no line of shadow(5).
 *
 * No file goes live before a program tried it out through libpam itself: who breaks these files
 * locks everybody out. A set that failed is not tried again until something in it changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "agent/util/child.h"
#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/backends.h"
#include "platform/pam_switch.h"
#include "platform/password_observe.h"
#include "platform/watch.h"

/* Beside the sockets: in memory, and gone after a restart of the phone. */
#define TRIAL_DIRECTORY "run/mdm-agent/pam-trial"
/* All services one after the other; a module may wait for a finger for some seconds. */
#define TRIAL_DEADLINE_S 300

struct password_backend {
	struct backend_call call;
	struct watch *watch;
	backend_changed_fn changed;
	void *changed_userdata;
	/* The set that is being tried, and the program that does it. */
	struct pam_services services;
	struct child *child;
	/* The last set that failed, and what was said of it. */
	bool has_failed;
	uint8_t failed_digest[SHA256_BYTES];
	char trial[LIMIT_TEXT_BYTES + 1];
};

static void password_probe(struct backend *b, struct backend_fact *ret_fact)
{
	char directory[LIMIT_TEXT_BYTES + 1];
	int root_fd = b->platform->sysroot_fd;

	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	password_module_directory(root_fd, directory);
	ret_fact->present = directory[0] && (backend_file_exists(root_fd, PAM_ETC) ||
						    backend_file_exists(root_fd, PAM_VENDOR));
	if (ret_fact->present)
		ret_fact->reason = REASON_NONE;
	else
		text_printf(ret_fact->detail, "PAM is not installed");
}

/* --- observe ------------------------------------------------------------------------------ */

static int password_look(struct backend *b, const char **ret_what)
{
	struct password_backend *p = b->state;
	struct password_view view = {.trial = p->trial};
	int r;

	password_view_take(b->platform->sysroot_fd, &view);
	r = password_observe(b, &view);
	*ret_what = r < 0 ? "out of memory" : "";
	if (r == 0 && view.accounts_error) {
		r = view.accounts_error;
		*ret_what = "/etc/passwd and /etc/shadow cannot be read";
	} else if (r == 0 && view.services_error) {
		r = view.services_error;
		*ret_what = "the PAM service files cannot be read";
	}
	password_view_done(&view);
	return r;
}

static int password_backend_observe(struct backend *b, backend_done_fn done, void *userdata)
{
	struct password_backend *p = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	const char *what;
	int r = password_look(b, &what);

	backend_call_begin(&p->call, b, done, userdata);
	if (r < 0)
		text_printf(message, "%s: %s", what, strerror(-r));
	return backend_call_end(&p->call, r, message);
}

/* --- apply -------------------------------------------------------------------------------- */

static void password_settle(struct backend *b)
{
	struct password_backend *p = b->state;

	pam_services_done(&p->services);
	(void)fs_remove_tree(b->platform->sysroot_fd, TRIAL_DIRECTORY);
	watch_settle(p->watch);
}

static int password_finish_now(struct backend *b, int r, const char *what)
{
	struct password_backend *p = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";

	if (r < 0)
		text_printf(message, "%s: %s", what, strerror(-r));
	password_settle(b);
	return backend_call_end(&p->call, r, message);
}

/* A failed trial is no failed operation: the files are as they were, and observe says why. */
static void password_note_failure(struct password_backend *p, const struct child_result *result)
{
	const char *end = strpbrk(result->output, "\n");
	int n = end ? (int)(end - result->output) : (int)result->n_output;

	if (result->end == CHILD_EXITED && n > 0)
		text_printf(p->trial, "%.*s", n, result->output);
	else if (result->end == CHILD_EXITED)
		text_printf(p->trial, "the trial of the PAM service files ended with status %d",
			result->code);
	else
		text_printf(p->trial, "the trial of the PAM service files did not end by itself");
	/* Status 2: nothing was found out, the next round may. */
	p->has_failed = !(result->end == CHILD_EXITED && result->code == 2) &&
			pam_services_digest(&p->services, p->failed_digest) == 0;
}

/* Absolute paths of the two sets, for a program that sees the whole file system. */
static int trial_paths(struct backend *b, char live[PATH_MAX], char staged[PATH_MAX])
{
	char link[64], root[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", b->platform->sysroot_fd);
	n = readlink(link, root, sizeof(root) - 1);
	if (n < 0)
		return -errno;
	root[n] = 0;
	if (n + sizeof(TRIAL_DIRECTORY) + sizeof("/live") >= PATH_MAX)
		return -ENAMETOOLONG;
	snprintf(live, PATH_MAX, "%.*s/" TRIAL_DIRECTORY "/live", n == 1 ? 0 : (int)n, root);
	snprintf(staged, PATH_MAX, "%.*s/" TRIAL_DIRECTORY "/new", n == 1 ? 0 : (int)n, root);
	return 0;
}

/* Replaces the files now. */
static int password_switch(struct backend *b, char ret_message[LIMIT_TEXT_BYTES + 1])
{
	struct password_backend *p = b->state;
	const struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	bool changed = false;
	int r = pam_services_switch(&p->services, &place, &changed);

	p->has_failed = false;
	p->trial[0] = 0;
	b->apply_changed = changed;
	if (r < 0)
		text_printf(ret_message, "not all files in /" PAM_ETC " could be replaced: %s",
			strerror(-r));
	return r;
}

static void password_tried(const struct child_result *result, void *userdata)
{
	struct backend *b = userdata;
	struct password_backend *p = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r = 0;

	if (result->end == CHILD_EXITED && result->code == 0)
		r = password_switch(b, message);
	else
		password_note_failure(p, result);
	password_settle(b);
	backend_call_finish(&p->call, r, message);
}

/* Starts the trial of what is in p->services. 1: started; 0: there is nothing to try, lines are
 * only taken out; -errno. */
static int password_try(struct backend *b)
{
	struct password_backend *p = b->state;
	char live[PATH_MAX], staged[PATH_MAX];
	const char *argv[LIMIT_PAM_SERVICES + 5] = {
		b->platform->pam_check_program, "--against", live, staged};
	const struct child_spec spec = {
		.argv = argv, .root_fd = -1, .deadline_s = TRIAL_DEADLINE_S, .merge_stderr = true};
	size_t n = 4;
	int r;

	for (size_t i = 0; i < p->services.n_services; i++)
		if (pam_service_is_touched(&p->services, &p->services.services[i]))
			argv[n++] = p->services.services[i].name;
	if (n == 4)
		return 0;
	r = trial_paths(b, live, staged);
	if (r == 0)
		r = pam_services_stage(&p->services, b->platform->sysroot_fd, TRIAL_DIRECTORY);
	if (r == 0)
		r = child_start(b->platform->event, &spec, password_tried, b, &p->child);
	return r < 0 ? r : 1;
}

/* Whether exactly this set was found unfit already. */
static bool has_failed_before(const struct password_backend *p)
{
	uint8_t digest[SHA256_BYTES];

	return p->has_failed && pam_services_digest(&p->services, digest) == 0 &&
	       memcmp(digest, p->failed_digest, sizeof(digest)) == 0;
}

static bool has_our_module(int root_fd)
{
	char directory[LIMIT_TEXT_BYTES + 1], path[2 * LIMIT_TEXT_BYTES];

	password_module_directory(root_fd, directory);
	snprintf(path, sizeof(path), "%s/pam_mdm.so", directory);
	return directory[0] && backend_file_exists(root_fd, path);
}

static int password_apply(
	struct backend *b, const struct effective *desired, backend_done_fn done, void *userdata)
{
	struct password_backend *p = b->state;
	char message[LIMIT_TEXT_BYTES + 1] = "";
	int r;

	(void)desired; /* the stacks are the same for all of them */
	backend_call_begin(&p->call, b, done, userdata);
	/* Without the module, or a way to try it out, the observations say so. */
	if (!b->platform->pam_check_program || !has_our_module(b->platform->sysroot_fd))
		return backend_call_end(&p->call, 0, "");
	r = pam_services_load(b->platform->sysroot_fd, &p->services);
	if (r < 0)
		return password_finish_now(b, r, "the PAM service files cannot be read");
	if (!pam_services_differ(&p->services)) {
		p->has_failed = false;
		p->trial[0] = 0;
		return password_finish_now(b, 0, "");
	}
	if (has_failed_before(p))
		return password_finish_now(b, 0, "");
	r = password_try(b);
	if (r > 0)
		return 0;
	if (r < 0)
		return password_finish_now(b, r, "the PAM service files cannot be tried out");
	r = password_switch(b, message);
	password_settle(b);
	return backend_call_end(&p->call, r, message);
}

static int password_revert(struct backend *b, backend_done_fn done, void *userdata)
{
	struct password_backend *p = b->state;
	const struct override_place place = {b->platform->sysroot_fd, b->platform->vault_fd};
	bool changed = false;
	int r;

	backend_call_begin(&p->call, b, done, userdata);
	p->has_failed = false;
	p->trial[0] = 0;
	r = pam_services_revert(&place, &changed);
	b->apply_changed = changed;
	return password_finish_now(b, r, "not all files in /" PAM_ETC " could be put back");
}

/* --- watch -------------------------------------------------------------------------------- */

static void password_on_change(void *userdata)
{
	struct backend *b = userdata;
	struct password_backend *p = b->state;

	p->changed(b, p->changed_userdata);
}

static int password_watch(struct backend *b, backend_changed_fn changed, void *userdata)
{
	static const char *const paths[] = {
		PAM_ETC "/",
		PAM_VENDOR "/",
		"etc/passwd",
		"etc/shadow",
		"etc/login.defs",
		"etc/doas.conf",
		"etc/doas.d/",
		"etc/ssh/sshd_config",
		"etc/ssh/sshd_config.d/",
	};
	struct password_backend *p = b->state;

	watch_free(TAKE_PTR(p->watch));
	p->changed = changed;
	p->changed_userdata = userdata;
	return watch_new(b->platform->event, b->platform->sysroot_fd, paths, ARRAY_SIZE(paths),
		password_on_change, b, &p->watch);
}

static void password_free(struct backend *b)
{
	struct password_backend *p = b->state;

	backend_call_cancel(&p->call);
	child_free(p->child);
	watch_free(p->watch);
	pam_services_done(&p->services);
	free(p);
}

static const struct backend_ops password_ops = {
	.name = "password",
	.help = "Passcodes: pam_mdm.so in the PAM service files, and what the accounts tell.",
	.serves =
		{
			[SETTING_PASSWORD_MIN_LENGTH] = true,
			[SETTING_PASSWORD_ALLOW_NUMERIC] = true,
			[SETTING_PASSWORD_MIN_CLASSES] = true,
			[SETTING_PASSWORD_MAX_SEQUENCE] = true,
			[SETTING_PASSWORD_MAX_REPEAT] = true,
			[SETTING_PASSWORD_FORBID_COMMON] = true,
			[SETTING_PASSWORD_FORBID_USER_NAME] = true,
			[SETTING_PASSWORD_HISTORY] = true,
			[SETTING_PASSWORD_FREE_ATTEMPTS] = true,
			[SETTING_PASSWORD_FIRST_DELAY] = true,
			[SETTING_PASSWORD_LONGEST_DELAY] = true,
			[SETTING_PASSWORD_MAX_ATTEMPTS] = true,
			[SETTING_PASSWORD_AT_MAXIMUM] = true,
		},
	.probe = password_probe,
	.observe = password_backend_observe,
	.apply = password_apply,
	.watch = password_watch,
	.revert = password_revert,
	.free = password_free,
};

int password_backend_new(struct platform *platform, struct backend **ret_backend)
{
	return backend_new(platform, &password_ops, sizeof(struct password_backend), ret_backend);
}
