/* SPDX-License-Identifier: Apache-2.0 */
/* render.c - pieces that several pages use; see render.h. Pure; agentctl. */
#include "agent/ctl/render.h"

#include "agent/ctl/peek.h"
#include "policies/compliance.h"

static const struct render_words render_states[COMPLIANCE_STATE_MAX] = {
	[COMPLIANCE_COMPLIANT] = {"as it should be", PAGE_GOOD},
	[COMPLIANCE_NONCOMPLIANT] = {"NOT as it should be", PAGE_BAD},
	[COMPLIANCE_PENDING] = {"set, but not seen in force yet", PAGE_WARN},
	[COMPLIANCE_UNSUPPORTED] = {"not possible on this phone", PAGE_WARN},
	[COMPLIANCE_ERROR] = {"failed", PAGE_BAD},
	[COMPLIANCE_UNKNOWN] = {"not looked at yet", PAGE_WARN},
};

struct render_words render_state(const char *state)
{
	if (!state)
		return (struct render_words){"unknown", PAGE_WARN};
	for (int i = 0; i < COMPLIANCE_STATE_MAX; i++)
		if (strcmp(state, compliance_state_name((enum compliance_state)i)) == 0)
			return render_states[i];
	return (struct render_words){state, PAGE_WARN};
}

bool render_is_compliant(struct json_object *compliance)
{
	return strcmp(peek_text(compliance, "state", ""),
		       compliance_state_name(COMPLIANCE_COMPLIANT)) == 0;
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
