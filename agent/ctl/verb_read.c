/* SPDX-License-Identifier: Apache-2.0 */
/* verb_read.c - the questions that everybody may ask; changes nothing. Any user; agentctl. */
#include "agent/ctl/ctl.h"
#include "agent/ctl/peek.h"
#include "agent/ctl/render.h"
#include "agent/ctl/verbs.h"
#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "policies/settings.h"

typedef void (*render_fn)(struct page *p, struct json_object *answer, int64_t now_s);

static enum ctl_exit read_show(
	struct ctl *ctl, const struct client_answer *answer, render_fn render, enum ctl_exit code)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};

	if (options_given(&ctl->options, OPTION_JSON))
		return ctl_write_json(ctl, answer->json, answer->n_json, code);
	page_init(&page, &out, ctl->width, ctl->colour);
	render(&page, answer->object, ctl->now_s);
	return ctl_write(ctl, &out, code);
}

static enum ctl_exit read_run(struct ctl *ctl, enum message_type type, render_fn render)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	enum ctl_exit code = ctl_ask_json(ctl, type, &answer);

	return code == CTL_EXIT_OK ? read_show(ctl, &answer, render, code) : code;
}

enum ctl_exit verb_status(struct ctl *ctl)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	_cleanup_(client_answer_done) struct client_answer compliance = CLIENT_ANSWER_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};
	enum ctl_exit code = ctl_ask_json(ctl, MESSAGE_CTL_STATUS, &answer);

	page_init(&page, &out, ctl->width, ctl->colour);
	if (code != CTL_EXIT_OK)
		return code;
	if (options_given(&ctl->options, OPTION_JSON))
		return ctl_write_json(ctl, answer.json, answer.n_json, code);
	/* For the list of settings; without it the page names areas only. */
	(void)ctl_ask_quietly(ctl, MESSAGE_CTL_COMPLIANCE, &compliance);
	render_status(&page, answer.object, compliance.object, ctl->now_s);
	return ctl_write(ctl, &out, code);
}

enum ctl_exit verb_policy_show(struct ctl *ctl)
{
	return read_run(ctl, MESSAGE_CTL_POLICY_SHOW, render_policy_show);
}

enum ctl_exit verb_command_list(struct ctl *ctl)
{
	return read_run(ctl, MESSAGE_CTL_COMMANDS, render_commands);
}

enum ctl_exit verb_privacy(struct ctl *ctl)
{
	return read_run(ctl, MESSAGE_CTL_PRIVACY, render_privacy);
}

enum ctl_exit verb_apps(struct ctl *ctl)
{
	return read_run(ctl, MESSAGE_CTL_APPS, render_apps);
}

enum ctl_exit verb_compliance(struct ctl *ctl)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	enum ctl_exit code = ctl_ask_json(ctl, MESSAGE_CTL_COMPLIANCE, &answer);

	if (code != CTL_EXIT_OK)
		return code;
	/* Not 0: a script that lets in what meets its policy is not to let in what has none. */
	code = render_is_unmanaged(answer.object)   ? CTL_EXIT_STATE
	       : render_is_compliant(answer.object) ? CTL_EXIT_OK
						    : CTL_EXIT_NONCOMPLIANT;
	return read_show(ctl, &answer, render_compliance, code);
}

/* "area" or "area.setting" taken apart and looked up in the table. */
struct selection {
	char area[LIMIT_NAME_BYTES + 1], setting[LIMIT_NAME_BYTES + 1];
};

static enum ctl_exit explain_select(struct ctl *ctl, struct selection *ret_selection)
{
	const char *argument = ctl->options.n_arguments ? ctl->options.arguments[0] : "";
	size_t n_area = strcspn(argument, ".");
	_cleanup_buf_ struct buf names = BUF_INIT;
	const struct area_row *area;
	struct selection s = {{0}, {0}};

	if (!argument[0]) {
		*ret_selection = s;
		return CTL_EXIT_OK;
	}
	snprintf(s.area, sizeof(s.area), "%.*s", (int)(n_area < 64 ? n_area : 64), argument);
	if (argument[n_area])
		snprintf(s.setting, sizeof(s.setting), "%s", argument + n_area + 1);
	area = area_find(s.area);
	if (n_area <= LIMIT_NAME_BYTES && area &&
		(!argument[n_area] || setting_find(area->id, argument + n_area + 1))) {
		*ret_selection = s;
		return CTL_EXIT_OK;
	}
	for (int i = 0; area && i < SETTING_MAX; i++)
		if (setting_row((enum setting_id)i)->area == area->id)
			buf_printf(&names, " %s.%s", area->name,
				setting_row((enum setting_id)i)->name);
	for (int i = 0; !area && i < AREA_MAX; i++)
		buf_printf(&names, " %s", area_row((enum area_id)i)->name);
	return ctl_fail(ctl, CTL_EXIT_USAGE, "There is no %s \"%.130s\". There are:%s",
		area ? "setting" : "area", argument, names.data ? names.data : "");
}

/* The chosen settings as a document of their own, each as the agent wrote it. */
static enum ctl_exit explain_json(
	struct ctl *ctl, const struct client_answer *answer, const struct selection *s)
{
	struct json_object *settings = peek_array(answer->object, "settings");
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct jsonw w = JSONW_INIT(&out);

	if (!s->area[0])
		return ctl_write_json(ctl, answer->json, answer->n_json, CTL_EXIT_OK);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "settings");
	for (size_t i = 0; i < peek_length(settings); i++) {
		struct json_object *one = peek_at(settings, i);
		const char *json;

		if (!one || strcmp(peek_text(one, "area", ""), s->area) != 0 ||
			(s->setting[0] && strcmp(peek_text(one, "setting", ""), s->setting) != 0))
			continue;
		json = json_object_to_json_string_ext(
			one, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		jsonw_raw(&w, NULL, json, strlen(json));
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (out.error != 0)
		return ctl_write(ctl, &out, CTL_EXIT_FAILURE);
	return ctl_write_json(ctl, out.data, out.n_bytes, CTL_EXIT_OK);
}

enum ctl_exit verb_policy_explain(struct ctl *ctl)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};
	struct selection s;
	enum ctl_exit code;

	page_init(&page, &out, ctl->width, ctl->colour);
	code = explain_select(ctl, &s);
	if (code == CTL_EXIT_OK)
		code = ctl_ask_json(ctl, MESSAGE_CTL_POLICY_EXPLAIN, &answer);
	if (code != CTL_EXIT_OK)
		return code;
	if (options_given(&ctl->options, OPTION_JSON))
		return explain_json(ctl, &answer, &s);
	if (render_policy_explain(&page, answer.object, s.area[0] ? s.area : NULL,
		    s.setting[0] ? s.setting : NULL) == 0)
		page_line(&page, 0, PAGE_PLAIN, "No profile of this phone sets %s.",
			s.area[0] ? ctl->options.arguments[0] : "anything");
	return ctl_write(ctl, &out, CTL_EXIT_OK);
}
