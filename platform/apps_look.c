/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_look.c - see apps_look.h. Which packages go, come and stay is decided by
 * policies/apps_plan.c; Flatpaks, which depend on nothing of the system, are decided here. Enforcer
 * only.
 */
#include "platform/apps_look.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/apps_known.h"
#include "platform/backend.h"
#include "platform/flatpak_remotes.h"
#include "policies/app_forms.h"
#include "policies/apps_base.h"

void apps_look_done(struct apps_look *look)
{
	apps_snapshot_free(look->snapshot);
	free(look->items);
	for (size_t i = 0; i < look->n_steps; i++)
		free(look->steps[i].words);
	free(look->steps);
	free(look->held);
	*look = (struct apps_look){0};
}

int apps_steps_add(
	struct apps_step **steps, size_t *n_steps, enum apps_step_kind kind, const char *words)
{
	struct apps_step *more;
	char *copy;

	if (*n_steps == LIMIT_APPS_STEPS)
		return -E2BIG;
	copy = strdup(words);
	more = realloc(*steps, (*n_steps + 1) * sizeof(**steps));
	if (more)
		*steps = more;
	if (!copy || !more) {
		free(copy);
		return -ENOMEM;
	}
	more[(*n_steps)++] = (struct apps_step){kind, copy};
	return 0;
}

int apps_look_add(struct apps_look *look, const struct look_item *item)
{
	struct look_item *more = realloc(look->items, (look->n_items + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	look->items = more;
	more[look->n_items++] = *item;
	return 0;
}

static bool is_present(const struct effective *desired, enum setting_id id)
{
	return desired && desired->settings[id].present;
}

/* Where what the mode allow does not let be is told of. */
static enum setting_id setting_of_allowed(const struct effective *desired)
{
	return is_present(desired, SETTING_APPS_ALLOWED) ? SETTING_APPS_ALLOWED : SETTING_APPS_MODE;
}

/* --- what is there -------------------------------------------------------------------------- */

/* Without a record everything that an image has counts as base: rather too much than too little. */
static int make_base(const struct apps_snapshot *snapshot, char **ret_lines, size_t *ret_n)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	int r = apps_base_make(&snapshot->db, snapshot->world, app_is_protected, &lines);

	buf_append(&lines, "", 0);
	return r < 0 ? r : buf_take(&lines, ret_lines, ret_n);
}

static int take_snapshot(struct platform *platform, struct apps_snapshot **ret_snapshot)
{
	struct apps_request request = {.root_fd = platform->sysroot_fd};
	_cleanup_(apps_snapshot_freep) struct apps_snapshot *snapshot = NULL;
	_cleanup_free_ char *lines = NULL;
	size_t n = 0;
	int r = -ENOENT;

	if (platform->apps)
		r = platform->apps->base(&lines, &n, platform->apps->userdata);
	if (r < 0) {
		r = apps_collect(&request, &snapshot);
		if (r == 0)
			r = make_base(snapshot, &lines, &n);
		if (r < 0)
			return r;
		apps_snapshot_free(TAKE_PTR(snapshot));
	}
	request.base = (struct apk_text){lines, n};
	return apps_collect(&request, ret_snapshot);
}

/* --- packages ------------------------------------------------------------------------------- */

static enum compliance_reason reason_of(const struct apps_item *item)
{
	if (item->why_not == APPS_WHY_CONFLICT)
		return REASON_APP_CONFLICT;
	if (item->why_not != APPS_CAN)
		return REASON_APP_PROTECTED;
	switch (item->wish) {
	case APPS_WISH_BAN:
	case APPS_WISH_REMOVE:
		return REASON_APP_PRESENT;
	case APPS_WISH_INSTALL:
		return REASON_APP_MISSING;
	case APPS_WISH_PIN:
		return REASON_APP_VERSION;
	case APPS_WISH_MAX:
		break;
	}
	return REASON_APP_FAILED;
}

static void place_package(const struct apps_look *look, const struct effective *desired,
	const struct apps_item *item, struct look_item *out)
{
	out->kind = APPS_STEP_POLICY;
	switch (item->wish) {
	case APPS_WISH_BAN:
		out->setting = SETTING_APPS_BLOCKED;
		snprintf(out->word, sizeof(out->word), "!%s", item->name);
		break;
	case APPS_WISH_REMOVE:
		out->setting = look->policy.mode == APPS_ALLOW ? setting_of_allowed(desired)
							       : SETTING_APPS_BLOCKED;
		out->kind = APPS_STEP_REMOVE;
		snprintf(out->word, sizeof(out->word), "%s", item->name);
		break;
	case APPS_WISH_INSTALL:
		out->setting = SETTING_APPS_REQUIRED;
		snprintf(out->word, sizeof(out->word), "%s", item->name);
		break;
	case APPS_WISH_PIN:
	case APPS_WISH_MAX:
		out->setting = SETTING_APPS_PINNED;
		snprintf(out->word, sizeof(out->word), "%s=%s", item->name, item->version);
		break;
	}
	out->is_removal = item->wish == APPS_WISH_BAN || item->wish == APPS_WISH_REMOVE;
}

static int take_package(
	struct apps_look *look, const struct effective *desired, const struct apps_item *item)
{
	struct look_item out = {.is_refused = item->why_not != APPS_CAN,
		.is_later = item->is_later,
		.reason = reason_of(item)};

	if (item->is_done && !out.is_refused)
		return 0;
	look->n_undone += !out.is_refused && !item->is_later;
	place_package(look, desired, item, &out);
	snprintf(out.name, sizeof(out.name), "%s", item->name);
	if (item->chain[0])
		snprintf(out.detail, sizeof(out.detail), "%s", item->chain);
	else if (out.is_refused)
		snprintf(out.detail, sizeof(out.detail), "%s", apps_why_not_help(item->why_not));
	else if (item->wish == APPS_WISH_PIN)
		snprintf(out.detail, sizeof(out.detail), "has to be %s", item->version);
	return apps_look_add(look, &out);
}

int apps_steps_keep(struct apps_step **steps, size_t *n_steps, const struct apps_snapshot *snapshot)
{
	/* Beside it there has to be room for all else that a job may have. */
	_cleanup_buf_ struct buf strays = {.max_bytes = LIMIT_APPS_JOB_BYTES / 8 * 3};
	_cleanup_buf_ struct buf words = BUF_INIT;
	int r = apps_base_strays(&snapshot->db, snapshot->world, snapshot->is_base, &strays);

	buf_append(&strays, "", 0);
	for (const char *at = strays.data; r == 0 && at && *at;) {
		size_t n = strcspn(at, " ");

		/* One strange name does not spoil the job. */
		if (apps_word_is_valid(at, n) && *at != '!') {
			buf_puts(&words, words.n_bytes ? " " : "");
			buf_append(&words, at, n);
		}
		at += n + (at[n] == ' ');
	}
	if (r < 0 || strays.error || words.error)
		return r < 0 ? r : strays.error ? strays.error : words.error;
	return words.n_bytes ? apps_steps_add(steps, n_steps, APPS_STEP_KEEP, words.data) : 0;
}

static int step_removals(struct apps_look *look, const struct apps_plan *plan)
{
	_cleanup_buf_ struct buf words = {.max_bytes = LIMIT_APPS_JOB_BYTES};

	for (size_t i = 0; i < plan->n_items; i++) {
		const struct apps_item *item = &plan->items[i];

		if (item->wish == APPS_WISH_REMOVE && item->why_not == APPS_CAN && !item->is_done &&
			!item->is_later)
			buf_printf(&words, "%s%s", words.n_bytes ? " " : "", item->name);
	}
	if (words.error || !words.n_bytes)
		return words.error;
	return apps_steps_add(&look->steps, &look->n_steps, APPS_STEP_REMOVE, words.data);
}

static int step_policy(struct apps_look *look, const struct apps_plan *plan)
{
	_cleanup_buf_ struct buf words = {.max_bytes = LIMIT_APPS_JOB_BYTES};
	int r = apps_plan_words(plan, &words);

	buf_append(&words, "", 0);
	if (r == 0)
		r = words.error;
	return r < 0 ? r
		     : apps_steps_add(&look->steps, &look->n_steps, APPS_STEP_POLICY, words.data);
}

/*
 * What leaves the world first: the virtual package would be against it otherwise. Where there is
 * more to do than one job does, what keeps more from coming first, with bans that wait for nothing.
 */
static int plan_steps(struct apps_look *look, const struct apps_plan *plan)
{
	bool is_settled;
	int r = apps_plan_is_settled(plan, &look->snapshot->db, &is_settled);

	if (r < 0 || is_settled)
		return r;
	r = apps_steps_keep(&look->steps, &look->n_steps, look->snapshot);
	if (r == 0 && plan->n_later)
		r = step_policy(look, plan);
	if (r == 0)
		r = step_removals(look, plan);
	return r < 0 || plan->n_later ? r : step_policy(look, plan);
}

static char *read_held(const struct platform *platform)
{
	char *text = NULL;

	if (platform->state_fd <= 0 ||
		fs_read(platform->state_fd, APPS_BANS_FILE, LIMIT_STATE_BYTES, &text, NULL) < 0)
		return NULL;
	return text;
}

int apps_look_remember(struct platform *platform, const struct apps_look *look)
{
	const struct fs_owner owner = {geteuid(), getegid(), 0600};
	_cleanup_free_ char *before = read_held(platform);
	const char *held = look->held ? look->held : "";
	int r;

	if (platform->state_fd <= 0 || strcmp(before ? before : "", held) == 0)
		return 0;
	if (*held)
		return fs_replace(platform->state_fd, APPS_BANS_FILE, held, strlen(held), &owner);
	r = fs_remove(platform->state_fd, APPS_BANS_FILE);
	return r == -ENOENT ? 0 : r;
}

/* What found no place in the plan is told as a number. */
static int take_unlisted(struct apps_look *look, const struct apps_plan *plan)
{
	struct look_item out = {
		.setting = SETTING_APPS_BLOCKED,
		.is_removal = true,
		.is_later = true,
		.reason = REASON_APP_PRESENT,
		.kind = APPS_STEP_POLICY,
	};
	size_t n = plan->n_later;

	for (size_t i = 0; i < plan->n_items; i++)
		n -= plan->items[i].is_later;
	if (!n)
		return 0;
	snprintf(out.name, sizeof(out.name), "%zu more", n);
	return apps_look_add(look, &out);
}

static int look_at_packages(
	struct platform *platform, struct apps_look *look, const struct effective *desired)
{
	const struct apps_snapshot *snapshot = look->snapshot;
	_cleanup_free_ char *held = read_held(platform);
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	const struct apps_plan_input input = {
		.policy = &look->policy,
		.db = &snapshot->db,
		.world = snapshot->world,
		.base = snapshot->is_base,
		.has_desktop = snapshot->has_desktop,
		.held = {held, held ? strlen(held) : 0},
	};
	struct apps_plan plan = {0};
	size_t n;
	int r;

	if (snapshot->manager != APPS_MANAGER_APK)
		return 0;
	r = apps_plan_make(&input, &plan);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < plan.n_items; i++)
		r = take_package(look, desired, &plan.items[i]);
	if (r == 0)
		r = take_unlisted(look, &plan);
	if (r == 0)
		r = plan_steps(look, &plan);
	/* What does not fit is forgotten: such bans end with what they were about. */
	if (r == 0 && apps_plan_held(&plan, &text) == 0)
		r = buf_take(&text, &look->held, &n);
	look->n_later += plan.n_later;
	look->n_undone += plan.n_later;
	apps_plan_done(&plan);
	return r;
}

/* Packages that are wanted where there is nothing that could bring them. */
static int look_at_lost_packages(struct apps_look *look)
{
	const struct string_set *required = look->policy.required;
	bool immutable = look->snapshot->manager == APPS_MANAGER_IMMUTABLE;
	struct app_flatpak_name flatpak;
	int r = 0;

	if (look->snapshot->manager == APPS_MANAGER_APK || look->policy.mode == APPS_OFF)
		return 0;
	for (size_t i = 0; r == 0 && required && i < required->n_strings; i++) {
		struct look_item out = {
			.setting = SETTING_APPS_REQUIRED,
			.is_refused = true,
			.reason = immutable ? REASON_READ_ONLY_SYSTEM : REASON_APP_MISSING,
		};

		if (app_flatpak_read(required->strings[i], &flatpak))
			continue;
		snprintf(out.name, sizeof(out.name), "%s", required->strings[i]);
		snprintf(out.detail, sizeof(out.detail), "%s",
			immutable ? "packages cannot be installed on this system; Flatpaks can"
				  : look->snapshot->manager_detail);
		r = apps_look_add(look, &out);
	}
	return r;
}

/* --- Flatpaks -------------------------------------------------------------------------------- */

/* As many as one job does: each takes a program of its own. Bans of packages do not wait for them.
 */
static int step_flatpak(struct apps_look *look, struct look_item *item, const char *words)
{
	size_t n = 0;

	for (size_t i = 0; i < look->n_steps; i++)
		n += look->steps[i].kind == APPS_STEP_FLATPAK_INSTALL ||
		     look->steps[i].kind == APPS_STEP_FLATPAK_REMOVE;
	look->n_undone++;
	item->is_later = n >= LIMIT_APPS_PORTION_FLATPAKS;
	look->n_later += item->is_later;
	return item->is_later ? 0 : apps_steps_add(&look->steps, &look->n_steps, item->kind, words);
}

/* One that may not be there. What is a person's own the agent leaves to them, and says so;
 * not who it is: this goes into the report. */
static int take_bad_flatpak(struct apps_look *look, const struct app *app, enum setting_id setting)
{
	struct look_item out = {
		.setting = setting,
		.reason = REASON_APP_PRESENT,
		.is_removal = true,
		.kind = APPS_STEP_FLATPAK_REMOVE,
		.is_refused = app->user && *app->user,
	};
	int r;

	snprintf(out.name, sizeof(out.name), "%s", app->name);
	snprintf(out.word, sizeof(out.word), "%s", app->name);
	if (out.is_refused)
		snprintf(out.detail, sizeof(out.detail),
			"somebody's own Flatpak: only they can remove it");
	if (!out.is_refused && apps_word_is_valid(app->name, strlen(app->name))) {
		r = step_flatpak(look, &out, app->name);
		if (r < 0)
			return r;
	}
	return apps_look_add(look, &out);
}

static int look_at_flatpak(
	struct apps_look *look, const struct effective *desired, const struct app *app)
{
	bool is_own = app->user && *app->user;
	enum app_verdict verdict = apps_judge(&look->policy, app);

	if (verdict == APP_BLOCKED)
		return take_bad_flatpak(look, app, SETTING_APPS_BLOCKED);
	if (is_own && is_present(desired, SETTING_APPS_USER_FLATPAKS) &&
		!look->policy.user_flatpaks)
		return take_bad_flatpak(look, app, SETTING_APPS_USER_FLATPAKS);
	if (verdict == APP_NOT_ALLOWED)
		return take_bad_flatpak(look, app, setting_of_allowed(desired));
	return 0;
}

bool apps_has_flatpak(const struct apps_snapshot *snapshot, const char *id)
{
	for (size_t i = 0; i < snapshot->flatpaks.n_apps; i++)
		if (!snapshot->flatpaks.apps[i].user[0] &&
			strcmp(snapshot->flatpaks.apps[i].id, id) == 0)
			return true;
	return false;
}

static int look_at_required_flatpak(struct apps_look *look, const char *required)
{
	struct look_item out = {
		.setting = SETTING_APPS_REQUIRED,
		.reason = REASON_APP_MISSING,
		.kind = APPS_STEP_FLATPAK_INSTALL,
	};
	char remote[LIMIT_TEXT_BYTES + 1], words[2 * LIMIT_TEXT_BYTES + 2];
	struct app_flatpak_name name;
	int r;

	if (!app_flatpak_read(required, &name))
		return 0;
	snprintf(remote, sizeof(remote), "%.*s", (int)name.n_remote, name.remote);
	const struct app app = {.kind = APP_FLATPAK,
		.name = name.id,
		.version = "",
		.origin = "",
		.repository = "",
		.remote = remote,
		.user = "",
		.title = "",
		.sha256 = ""};

	if (apps_blocked_by(&look->policy, &app)) {
		out.is_refused = true;
		out.reason = REASON_APP_CONFLICT;
		snprintf(out.detail, sizeof(out.detail), "it is blocked as well, which wins");
	} else if (apps_has_flatpak(look->snapshot, name.id)) {
		return 0;
	}
	snprintf(out.name, sizeof(out.name), "%s", name.id);
	snprintf(words, sizeof(words), "%s %s", remote, name.id);
	snprintf(out.word, sizeof(out.word), "%s", name.id);
	r = out.is_refused ? 0 : step_flatpak(look, &out, words);
	return r < 0 ? r : apps_look_add(look, &out);
}

bool apps_requires_flatpak(const struct apps_policy *policy, const char *id)
{
	struct app_flatpak_name name;

	for (size_t i = 0; policy->required && i < policy->required->n_strings; i++)
		if (app_flatpak_read(policy->required->strings[i], &name) &&
			strcmp(name.id, id) == 0)
			return true;
	return false;
}

/* More than anybody looks at: what the policy does not let be may be among them. */
static int take_unseen_flatpaks(struct apps_look *look, const struct effective *desired)
{
	struct look_item out = {
		.is_refused = true, .reason = REASON_APP_PRESENT, .is_removal = true};
	bool may_tell = look->policy.mode == APPS_ALLOW ||
			(look->policy.mode == APPS_DENY && look->policy.blocked);

	if (!look->snapshot->flatpaks.more || !may_tell)
		return 0;
	out.setting = look->policy.mode == APPS_ALLOW ? setting_of_allowed(desired)
						      : SETTING_APPS_BLOCKED;
	snprintf(out.name, sizeof(out.name), "flatpaks");
	snprintf(out.detail, sizeof(out.detail),
		"somebody has more Flatpaks of their own than can be looked at");
	return apps_look_add(look, &out);
}

static int look_at_flatpaks(struct apps_look *look, const struct effective *desired)
{
	const struct apps_snapshot *snapshot = look->snapshot;
	const struct string_set *required = look->policy.required;
	int r = 0;

	for (size_t i = 0; r == 0 && i < snapshot->n_apps; i++) {
		const struct app *app = &snapshot->apps[i];

		if (app->kind != APP_FLATPAK)
			continue;
		/* What is required need not be in the lists, too. */
		if (!apps_blocked_by(&look->policy, app) && !(app->user && *app->user) &&
			apps_requires_flatpak(&look->policy, app->name))
			continue;
		r = look_at_flatpak(look, desired, app);
	}
	for (size_t i = 0;
		r == 0 && required && look->policy.mode != APPS_OFF && i < required->n_strings; i++)
		r = look_at_required_flatpak(look, required->strings[i]);
	return r;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int digest_steps(struct apps_look *look)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!look->n_steps)
		return 0;
	for (size_t i = 0; i < look->n_steps; i++)
		apps_step_write(&look->steps[i], &text);
	return text.error ? text.error : sha256(text.data, text.n_bytes, look->digest);
}

int apps_look_take(
	struct platform *platform, const struct effective *desired, struct apps_look *ret_look)
{
	static const struct effective nothing;
	struct apps_look look = {0};
	int r;

	apps_policy_read(desired ? desired : &nothing, &look.policy);
	r = take_snapshot(platform, &look.snapshot);
	if (r == 0)
		r = look_at_packages(platform, &look, desired);
	if (r == 0)
		r = look_at_lost_packages(&look);
	if (r == 0)
		r = look_at_flatpaks(&look, desired);
	if (r == 0)
		r = take_unseen_flatpaks(&look, desired);
	if (r == 0)
		r = flatpak_remotes_look(platform, desired, &look);
	if (r == 0)
		r = digest_steps(&look);
	if (r < 0) {
		apps_look_done(&look);
		return r;
	}
	*ret_look = look;
	return 0;
}
