/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_policy.c - "mdmctl policy new, check, show, push": policies that are not signed here; see
 * cmd_policy_sign.c for those that are. Runs as the administrator.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "agent/util/jsonw.h"
#include "server/ctl/api.h"
#include "server/ctl/commands.h"
#include "server/ctl/envelope.h"
#include "server/ctl/policy_file.h"
#include "server/ctl/serials.h"
#include "server/ctl/signing.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

/* Strict enough to matter, nothing that a person with a phone would fight. */
static const char policy_start[] =
	"{\n"
	"  \"comment\": \"A start for a small organisation. Lines like this one are for people; "
	"phones skip them.\",\n"
	"  \"checkin\": {\n"
	"    \"interval\": 3600,\n"
	"    \"jitter\": 600\n"
	"  },\n"
	"  \"profiles\": [\n"
	"    {\n"
	"      \"id\": \"basics\",\n"
	"      \"comment\": \"Always: the screen locks itself 5 minutes after the last touch and "
	"asks for the passcode, which is none that everybody tries first; all data is encrypted.\",\n"
	"      \"settings\": {\n"
	"        \"screen_lock\": {\n"
	"          \"enabled\": true,\n"
	"          \"idle_delay\": 300,\n"
	"          \"lock_delay\": 0,\n"
	"          \"require_unlock\": true\n"
	"        },\n"
	"        \"password\": {\n"
	"          \"min_length\": 6,\n"
	"          \"forbid_common\": true,\n"
	"          \"forbid_user_name\": true,\n"
	"          \"forbid_empty\": true,\n"
	"          \"free_attempts\": 5\n"
	"        },\n"
	"        \"encryption\": {\n"
	"          \"storage\": true,\n"
	"          \"swap\": true\n"
	"        }\n"
	"      }\n"
	"    },\n"
	"    {\n"
	"      \"id\": \"unencrypted-for-a-week\",\n"
	"      \"comment\": \"Where profiles differ the strictest value wins: a phone that stays "
	"unencrypted for 7 days locks after 1 minute.\",\n"
	"      \"when\": {\n"
	"        \"noncompliant\": {\n"
	"          \"area\": \"encryption\",\n"
	"          \"for\": 604800\n"
	"        }\n"
	"      },\n"
	"      \"settings\": {\n"
	"        \"screen_lock\": {\n"
	"          \"idle_delay\": 60\n"
	"        }\n"
	"      }\n"
	"    }\n"
	"  ]\n"
	"}\n";

int cmd_policy_new(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	const char *path = args->n_operands ? args->operands[0] : "-";
	struct stat st;
	int r;

	if (strcmp(path, "-") == 0) {
		fputs(policy_start, ctl->out);
		return ctl_flush(ctl, fault);
	}
	if (lstat(path, &st) == 0)
		return fault_set(fault, FAULT_FAILURE,
			"%s exists; nothing was changed. Name another file", path);
	r = ctl_write_file(path, policy_start, strlen(policy_start), fault);
	if (r)
		return r;
	fprintf(ctl->out,
		"%s is a start. Change it, then: mdmctl policy check %s\n"
		"All settings are described in docs/policy-reference.md.\n",
		path, path);
	return ctl_flush(ctl, fault);
}

static int check_print(struct ctl *ctl, const char *path, const struct policy *policy,
	const struct document *document, struct fault *fault)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);

	if (!ctl->json) {
		policy_file_warn(ctl->out, policy);
		fprintf(ctl->out, "%s: ok, %zu profile%s%s%s\n", path, policy->n_profiles,
			policy->n_profiles == 1 ? "" : "s", document ? ", signed for " : "",
			document ? document->stream : "");
		return ctl_flush(ctl, fault);
	}
	jsonw_object(&w, NULL);
	jsonw_bool(&w, "ok", true);
	jsonw_int(&w, "profiles", (int64_t)policy->n_profiles);
	jsonw_bool(&w, "destroys", policy_destroys(policy) != NULL);
	jsonw_array(&w, "unsupported");
	for (size_t i = 0; i < policy->n_unsupported; i++)
		jsonw_string(&w, NULL, policy->unsupported[i]);
	jsonw_array_end(&w);
	if (document) {
		jsonw_string(&w, "stream", document->stream);
		jsonw_int(&w, "serial", document->serial);
	}
	jsonw_object_end(&w);
	return ctl_print_json(ctl, &json, fault);
}

int cmd_policy_check(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_free_ char *text = NULL;
	const char *path = args->operands[0];
	size_t n_bytes;
	int r = ctl_read_file(path, LIMIT_DOCUMENT_BYTES, &text, &n_bytes, fault);

	if (r)
		return r;
	if (policy_file_is_signed(text)) {
		r = ctl_open(ctl, fault);
		if (!r)
			r = policy_file_verify(ctl, path, text, n_bytes, &document, &policy, fault);
	} else {
		r = policy_file_check(path, text, n_bytes, &policy, fault);
	}
	return r ? r : check_print(ctl, path, policy, document, fault);
}

int cmd_policy_push(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	const char *path = args->operands[0];
	char address[LIMIT_NAME_BYTES + 16];
	size_t n_bytes;
	int r = ctl_read_file(path, LIMIT_DOCUMENT_BYTES, &text, &n_bytes, fault);

	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = policy_file_verify(ctl, path, text, n_bytes, &document, &policy, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = api_push_keysets(api, ctl, fault);
	if (!r)
		r = api_push_document(api, document, text, n_bytes, NULL, fault);
	if (r)
		return r;
	serial_address(DOCUMENT_POLICY, document->stream, address, sizeof(address));
	r = serial_raise(ctl->org.fd, address, document->serial, fault);
	if (r)
		return r;
	if (!ctl->json) {
		fprintf(ctl->out,
			"Policy %s, serial %" PRId64
			", is on the server; phones of the group take it "
			"at their next check-in.\n",
			document->stream, document->serial);
		return ctl_flush(ctl, fault);
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "stream", document->stream);
	jsonw_int(&w, "serial", document->serial);
	jsonw_object_end(&w);
	return ctl_print_json(ctl, &json, fault);
}

static void show_json(struct ctl *ctl, const struct document *document, enum document_reason reason,
	const char *payload, size_t n_payload, struct buf *json)
{
	struct jsonw w = JSONW_INIT(json);

	jsonw_object(&w, NULL);
	jsonw_bool(&w, "verified", reason == DOCUMENT_OK);
	if (reason != DOCUMENT_OK)
		jsonw_string(&w, "reason", document_reason_name(reason));
	jsonw_array(&w, "signers");
	for (size_t i = 0; document && i < document->n_signers; i++) {
		const struct keyset_key *row = keyset_find(ctl->org.keyset, document->signers[i]);

		jsonw_string(&w, NULL, row ? row->name : document->signers[i]);
	}
	jsonw_array_end(&w);
	jsonw_raw(&w, "payload", payload, n_payload);
	jsonw_object_end(&w);
}

int cmd_policy_show(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_json_ struct json_object *payload = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf json = BUF_INIT;
	enum document_reason reason = DOCUMENT_OK;
	const char *path = args->operands[0];
	struct fault refusal = {0};
	size_t n_bytes;
	int r = ctl_read_file(path, LIMIT_DOCUMENT_BYTES, &text, &n_bytes, fault);

	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = policy_file_payload(path, text, n_bytes, &payload, fault);
	if (r)
		return r;
	r = signing_verify(&ctl->org, text, n_bytes, ctl->now_s, &document, &reason, &refusal);
	if (!r && document->type == DOCUMENT_POLICY)
		r = policy_file_judge(ctl, document, &policy, &reason, &refusal);
	if (r && reason == DOCUMENT_OK) {
		*fault = refusal;
		return r;
	}
	if (ctl->json) {
		const char *compact = json_object_to_json_string_ext(
			payload, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

		show_json(ctl, document, reason, compact, strlen(compact), &json);
		return ctl_print_json(ctl, &json, fault);
	}
	if (r)
		fprintf(ctl->out, "NOT VALID: %s\n\n", refusal.text);
	else
		policy_file_print_signers(ctl, document);
	policy_file_print(ctl, payload);
	return ctl_flush(ctl, fault);
}
