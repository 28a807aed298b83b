/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.c - what could be enforced here; see probe.h. Any user. It asks the backends that the
 * enforcer uses and has compliance_evaluate() judge a policy that wants everything, so that nothing
 * is decided in two places. It never applies: reconcile_request() would.
 */
#include "agent/enforcer/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/guard/group.h"
#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "platform/guard_known.h"

#define PROBE_DEADLINE_US (60 * USEC_PER_SEC)

struct probe {
	sd_event *event;
	struct platform platform;
	struct reconcile_backend backends[RECONCILE_BACKENDS_MAX];
	size_t n_backends, n_busy;
	struct effective everything;
	struct observation *own; /* of what the enforcer sees to itself */
	struct compliance compliance;
	struct platform_inventory inventory;
	struct guard_known guard;
};

const char *probe_support_name(enum probe_support support)
{
	static const char *const names[PROBE_SUPPORT_MAX] = {
		[PROBE_WORKS] = "works",
		[PROBE_OBSERVED] = "observed only",
		[PROBE_MISSING] = "missing",
		[PROBE_ERROR] = "error",
	};

	return support < PROBE_SUPPORT_MAX ? names[support] : NULL;
}

/* --- looking ------------------------------------------------------------------------------ */

static void probe_on_observed(struct backend *b, int error, const char *message, void *userdata)
{
	struct probe *p = userdata;

	(void)b;
	(void)error;
	(void)message; /* The observations say so, too. */
	if (--p->n_busy == 0)
		(void)sd_event_exit(p->event, 0);
}

static int probe_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	(void)userdata;
	return -ETIMEDOUT;
}

/* Asks every backend. 0 or -errno. */
static int probe_observe(struct probe *p)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < platform_n_backends; i++) {
		struct reconcile_backend *rb = &p->backends[i];

		r = platform_backends[i](&p->platform, &rb->backend);
		if (r < 0)
			break;
		p->n_backends++;
		rb->backend->ops->probe(rb->backend, &rb->fact);
		if (!rb->fact.present) {
			reconcile_absent(rb);
			continue;
		}
		r = rb->backend->ops->observe(rb->backend, probe_on_observed, p);
		if (r >= 0)
			p->n_busy++;
	}
	if (r >= 0)
		r = sd_event_add_time(p->event, NULL, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + PROBE_DEADLINE_US), 0, probe_on_deadline,
			p);
	if (r >= 0 && p->n_busy)
		r = sd_event_loop(p->event);
	return r < 0 ? r : 0;
}

/* A policy that has every setting, with a value that demands something. */
static void probe_want_everything(struct effective *ret)
{
	static char *anything[] = {(char *)"anything"};

	*ret = (struct effective){.next_change_s = INT64_MAX};
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_row *row = setting_row((enum setting_id)i);
		struct value *value = &ret->settings[i].value;

		ret->settings[i].present = true;
		value->type = row->type;
		if (row->type == VALUE_BOOL)
			value->number = row->merge == MERGE_OR;
		else if (row->type == VALUE_INT || row->type == VALUE_CHOICE)
			value->number = row->merge == MERGE_MIN ? row->min : row->max;
		else
			value->set = (struct string_set){anything, ARRAY_SIZE(anything)};
	}
}

static int probe_judge(struct probe *p)
{
	struct compliance_input inputs[RECONCILE_BACKENDS_MAX + 1];
	struct observation *seen[SETTING_MAX];
	size_t n = 0;

	for (size_t i = 0; i < p->n_backends; i++)
		inputs[n++] = (struct compliance_input){
			.backend = p->backends[i].backend->ops->name,
			.observations = p->backends[i].backend->observations,
		};
	probe_want_everything(&p->everything);
	p->own = reconcile_own(&p->everything, seen);
	if (!p->own)
		return -ENOMEM;
	inputs[n++] = (struct compliance_input){.backend = "agent", .observations = seen};
	return compliance_evaluate(
		&p->everything, inputs, n, NULL, clock_realtime_s(), &p->compliance);
}

static bool probe_is_own(const struct compliance_result *result)
{
	return strcmp(result->backend, "agent") == 0;
}

/* What the enforcer sees to itself is so once it is wanted, and by nobody yet. */
static const struct value *probe_observed(const struct compliance_result *result)
{
	return result->has_observed && !probe_is_own(result) ? &result->observed : NULL;
}

static const char *probe_detail(const struct compliance_result *result)
{
	return probe_is_own(result) && !result->detail[0] ? "not so before a policy says it"
							  : result->detail;
}

static enum probe_support probe_support(const struct probe *p, enum setting_id id)
{
	const struct compliance_result *result = compliance_result(&p->compliance, id);

	if (result->state == COMPLIANCE_UNSUPPORTED)
		return PROBE_MISSING;
	if (result->state == COMPLIANCE_ERROR)
		return PROBE_ERROR;
	for (size_t i = 0; i < p->n_backends; i++)
		if (strcmp(p->backends[i].backend->ops->name, result->backend) == 0 &&
			p->backends[i].backend->ops->apply)
			return PROBE_WORKS;
	if (probe_is_own(result))
		return PROBE_WORKS;
	/* Nobody said anything at all: no backend serves it. */
	return result->backend[0] ? PROBE_OBSERVED : PROBE_MISSING;
}

/* --- showing ------------------------------------------------------------------------------ */

static void probe_write_inventory(const struct platform_inventory *inventory, struct jsonw *w)
{
	jsonw_object(w, "system");
	jsonw_string(w, "os", inventory->os_id);
	jsonw_string(w, "version", inventory->os_version);
	jsonw_string(w, "name", inventory->os_name);
	jsonw_string(w, "model", inventory->model);
	jsonw_string(w, "manufacturer", inventory->manufacturer);
	jsonw_string(w, "codename", inventory->codename);
	jsonw_string(w, "init", inventory->init);
	jsonw_object_end(w);
}

static void probe_write_json(const struct probe *p, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	probe_write_inventory(&p->inventory, &w);
	jsonw_array(&w, "mechanisms");
	for (size_t i = 0; i < p->n_backends; i++) {
		const struct reconcile_backend *rb = &p->backends[i];

		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", rb->backend->ops->name);
		jsonw_bool(&w, "present", rb->fact.present);
		jsonw_string(&w, "detail", rb->fact.detail);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_array(&w, "settings");
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_row *row = setting_row((enum setting_id)i);
		const struct compliance_result *result =
			compliance_result(&p->compliance, (enum setting_id)i);
		enum probe_support support = probe_support(p, (enum setting_id)i);

		jsonw_object(&w, NULL);
		jsonw_string(&w, "area", area_row(row->area)->name);
		jsonw_string(&w, "setting", row->name);
		jsonw_string(&w, "support", probe_support_name(support));
		jsonw_string(&w, "by", support == PROBE_MISSING ? NULL : result->backend);
		value_write(row, probe_observed(result), &w, "observed");
		jsonw_string(&w, "detail", probe_detail(result));
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_puts(out, "\n");
}

static void probe_write_text(const struct probe *p, struct buf *out)
{
	const struct platform_inventory *inventory = &p->inventory;
	const char *name = inventory->os_name[0] ? inventory->os_name : inventory->os_id;

	buf_printf(out, "%s, %s%s%s\n\n", name[0] ? name : "unknown system",
		inventory->model[0] ? inventory->model : "unknown device",
		strcmp(inventory->init, "other") == 0 ? "" : ", ",
		strcmp(inventory->init, "other") == 0 ? "" : inventory->init);
	for (size_t i = 0; i < SETTING_MAX; i++) {
		const struct setting_row *row = setting_row((enum setting_id)i);
		const struct compliance_result *result =
			compliance_result(&p->compliance, (enum setting_id)i);
		enum probe_support support = probe_support(p, (enum setting_id)i);
		_cleanup_buf_ struct buf now = BUF_INIT;
		char setting[64];

		snprintf(setting, sizeof(setting), "%s.%s", area_row(row->area)->name, row->name);
		if (support == PROBE_MISSING) {
			buf_puts(&now, result->detail);
		} else {
			buf_printf(&now, "%s: ", result->backend);
			if (probe_observed(result))
				value_format(row, probe_observed(result), &now);
			buf_printf(&now, "%s%s",
				probe_observed(result) && result->detail[0] ? "; " : "",
				probe_detail(result));
		}
		buf_append(&now, "", 0);
		if (now.error)
			out->error = now.error;
		buf_printf(out, "%-28s %-14s %s\n", setting, probe_support_name(support),
			now.error ? "" : now.data);
	}
}

/* --- the whole ---------------------------------------------------------------------------- */

/* Nobody starts a guard to see what can be enforced: there is one, and none runs. Whether the
 * kernel would ask it is tried. */
static void probe_guard_get(struct guard_standing *ret_standing, void *userdata)
{
	const struct probe *p = userdata;
	struct guard_group_facts facts = {0};
	struct guard_standing standing = {.stand = GUARD_STANDS_OFF};
	const char *detail = "";
	int r = p->platform.sysroot_is_root ? guard_group_probe(&facts) : -ENOENT;

	if (r == 0 && !facts.has_permissions) {
		standing.stand = GUARD_STANDS_ABSENT;
		detail = "this kernel asks nobody before it starts a program "
			 "(CONFIG_FANOTIFY_ACCESS_PERMISSIONS): none can be refused; packages and "
			 "Flatpaks are still removed and kept away, and noexec holds";
	} else if (r == 0) {
		detail = "tried: the kernel asks before it starts a program";
	} else if (r == -EPERM) {
		detail = "whether the kernel asks before it starts a program can be tried by root "
			 "alone";
	} else if (r != -ENOENT) {
		detail = "whether the kernel asks before it starts a program could not be tried";
	}
	snprintf(standing.detail, sizeof(standing.detail), "%s", detail);
	*ret_standing = standing;
}

static int probe_open(struct probe *p, const struct enforcer_options *options)
{
	sigset_t mask;

	p->guard = (struct guard_known){.get = probe_guard_get, .userdata = p};
	p->platform = (struct platform){
		.sysroot_fd = open(options->sysroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.sysroot_is_root = strcmp(options->sysroot, "/") == 0,
		.cryptsetup_program = options->cryptsetup_program,
		.vault_fd = -1,
		.guard = &p->guard,
	};
	if (p->platform.sysroot_fd < 0) {
		log_error("%s cannot be opened: %s", options->sysroot, strerror(errno));
		return -errno;
	}
	/* Programs that a mechanism asks are waited for in the loop. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	return sd_event_default(&p->platform.event);
}

static void probe_done(struct probe *p)
{
	for (size_t i = 0; i < p->n_backends; i++)
		backend_free(p->backends[i].backend);
	free(p->own);
	closep(&p->platform.sysroot_fd);
	sd_event_unref(p->platform.event);
}

int probe_run(const struct enforcer_options *options)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct probe p = {.platform = {.sysroot_fd = -1}};
	int r = probe_open(&p, options);

	p.event = p.platform.event;
	if (r >= 0)
		r = probe_observe(&p);
	if (r >= 0)
		r = probe_judge(&p);
	if (r >= 0) {
		platform_inventory(&p.platform, &p.inventory);
		if (options->json)
			probe_write_json(&p, &out);
		else
			probe_write_text(&p, &out);
		compliance_done(&p.compliance);
		r = out.error;
	}
	probe_done(&p);
	if (r >= 0 && (fputs(out.data, stdout) < 0 || fflush(stdout) != 0))
		r = -EIO;
	if (r < 0)
		log_error("what works here could not be shown: %s", strerror(-r));
	return r < 0 ? 1 : 0;
}
