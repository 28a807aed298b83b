/* SPDX-License-Identifier: Apache-2.0 */
/* render.c - pieces that several pages use; see render.h. Pure; agentctl. */
#include "agent/ctl/render.h"

#include "agent/ctl/peek.h"
#include "policies/compliance.h"

#define RENDER_ASKED "what is asked for is "
#define RENDER_WHETHER "whether all that is asked for is in force "

static const struct render_words render_states[COMPLIANCE_STATE_MAX] = {
	[COMPLIANCE_COMPLIANT] = {"as it should be", PAGE_GOOD, RENDER_ASKED "as it should be"},
	[COMPLIANCE_NONCOMPLIANT] = {"NOT as it should be", PAGE_BAD,
		RENDER_ASKED "NOT as it should be"},
	[COMPLIANCE_PENDING] = {"set, but not seen in force yet", PAGE_WARN,
		RENDER_ASKED "set, but not seen in force yet"},
	[COMPLIANCE_UNSUPPORTED] = {"not possible on this phone", PAGE_WARN,
		RENDER_ASKED "not possible on this phone"},
	[COMPLIANCE_ERROR] = {"failed", PAGE_BAD,
		"looking at what is asked for, or putting it in force, failed"},
	[COMPLIANCE_UNKNOWN] = {"not known", PAGE_WARN, RENDER_WHETHER "is not known"},
};
/* Unknown, with a reason: before the first look, and after a look that found nothing out. */
static const struct render_words render_unseen = {
	"not looked at yet", PAGE_WARN, RENDER_WHETHER "was not looked at yet"};
static const struct render_words render_vain = {
	"cannot be told", PAGE_WARN, RENDER_WHETHER "cannot be told"};

/* Pending, and nothing was set: it is being done, or waits. */
static const struct render_words render_under_way = {
	"not done yet", PAGE_WARN, RENDER_ASKED "not done yet"};

static bool render_is_under_way(const char *reason)
{
	static const enum compliance_reason reasons[] = {
		REASON_UNDER_WAY, REASON_NO_NETWORK, REASON_BUSY};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (strcmp(reason, compliance_reason_name(reasons[i])) == 0)
			return true;
	return false;
}

static bool render_is_unseen(const char *reason)
{
	return strcmp(reason, compliance_reason_name(REASON_NOT_OBSERVED)) == 0;
}

struct render_words render_state(const char *state, const char *reason)
{
	if (!state)
		return (struct render_words){"unknown", PAGE_WARN, "how things stand is unknown"};
	if (reason && strcmp(state, compliance_state_name(COMPLIANCE_UNKNOWN)) == 0)
		return render_is_unseen(reason) ? render_unseen : render_vain;
	if (reason && strcmp(state, compliance_state_name(COMPLIANCE_PENDING)) == 0 &&
		render_is_under_way(reason))
		return render_under_way;
	for (int i = 0; i < COMPLIANCE_STATE_MAX; i++)
		if (strcmp(state, compliance_state_name((enum compliance_state)i)) == 0)
			return render_states[i];
	return (struct render_words){state, PAGE_WARN, state};
}

const char *render_reason(struct json_object *settings, const char *state)
{
	const char *found = NULL;

	for (size_t i = 0; state && i < peek_length(settings); i++) {
		struct json_object *setting = peek_at(settings, i);
		const char *reason = peek_string(setting, "reason");

		if (reason && strcmp(peek_text(setting, "state", ""), state) == 0 &&
			(!found || render_is_unseen(found)))
			found = reason;
	}
	return found;
}

bool render_is_compliant(struct json_object *compliance)
{
	return strcmp(peek_text(compliance, "state", ""),
		       compliance_state_name(COMPLIANCE_COMPLIANT)) == 0;
}

bool render_is_unmanaged(struct json_object *answer)
{
	struct json_object *enrolled;

	return json_object_is_type(answer, json_type_object) &&
	       json_object_object_get_ex(answer, "enrolled", &enrolled) &&
	       json_object_is_type(enrolled, json_type_boolean) &&
	       !json_object_get_boolean(enrolled);
}

bool render_unmanaged(struct page *p, struct json_object *answer)
{
	if (!render_is_unmanaged(answer))
		return false;
	page_line(p, 0, PAGE_BOLD, "This phone is not managed.");
	page_line(p, 0, PAGE_PLAIN,
		"There is no policy: nothing is enforced and nothing is reported.");
	return true;
}

void render_spaced(const char *name, char *ret_text, size_t size_bytes)
{
	snprintf(ret_text, size_bytes, "%s", name);
	for (char *c = ret_text; *c; c++)
		if (*c == '_')
			*c = ' ';
}

void render_value(struct json_object *object, const char *value, const char *text, char *ret_text,
	size_t size_bytes)
{
	const char *words = peek_string(object, text);
	struct json_object *member;

	if (!words && json_object_object_get_ex(object, value, &member) && member)
		words = json_object_to_json_string_ext(member, JSON_C_TO_STRING_PLAIN);
	snprintf(ret_text, size_bytes, "%s", words ? words : "none");
}
