/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_policy_sign.c - "mdmctl policy sign, cosign". Runs as the administrator, where the keys are.
 */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "server/ctl/api.h"
#include "server/ctl/commands.h"
#include "server/ctl/envelope.h"
#include "server/ctl/escrow.h"
#include "server/ctl/policy_file.h"
#include "server/ctl/serials.h"
#include "server/ctl/signing.h"

/* A document goes to -o FILE, or to the output. */
static int sign_write(
	struct ctl *ctl, const char *path, const struct buf *text, struct fault *fault)
{
	if (path && strcmp(path, "-") != 0)
		return ctl_write_file(path, text->data, text->n_bytes, fault);
	fwrite(text->data, 1, text->n_bytes, ctl->out);
	return ctl_flush(ctl, fault);
}

/* The server's newest serial of the stream; not reaching it is no failure, as memory is here too.
 */
static int sign_ask_server(
	struct ctl *ctl, const char *stream, int64_t *ret_serial, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	int r = api_open(ctl, &api, fault);

	*ret_serial = 0;
	if (!r)
		r = api_newest_serial(
			api, ctl, DOCUMENT_POLICY, "stream", stream, ret_serial, fault);
	if (r != FAULT_UNREACHABLE)
		return r;
	fprintf(ctl->err, "mdmctl: note: the serial comes from %s alone: %s\n", ctl->org.path,
		fault->text);
	return 0;
}

static int sign_serial_option(const struct args *args, int64_t *ret_serial, struct fault *fault)
{
	const char *text = args_get(args, "serial");

	*ret_serial = 0;
	if (text && parse_int64(text, 1, SERIAL_MAX, ret_serial) < 0)
		return fault_set(fault, FAULT_USAGE,
			"--serial %.40s is not a number from 1 to %" PRId64, text, SERIAL_MAX);
	return 0;
}

/*
 * Phones that can be locked out get codes for the day without a network, unless somebody said
 * otherwise. Other policies name no certificate: there is nothing to escrow for.
 */
static int sign_escrow(struct ctl *ctl, const struct args *args, const struct policy *policy,
	struct buf *out, struct fault *fault)
{
	struct escrow_certificate certificate;
	_cleanup_x509_ X509 *x509 = NULL;
	bool limits = false, keys = false;
	int r;

	for (size_t i = 0; i < policy->n_profiles; i++)
		limits |= policy->profiles[i].has[SETTING_PASSWORD_MAX_ATTEMPTS];
	for (size_t i = 0; i < policy->n_profiles; i++)
		keys |= policy->profiles[i].has[SETTING_ENCRYPTION_ESCROW] &&
			policy->profiles[i].values[SETTING_ENCRYPTION_ESCROW].number;
	if ((!limits && !keys) || policy->n_escrow || args_has(args, "no-escrow"))
		return 0;
	if (!escrow_exists(ctl)) {
		fprintf(ctl->err,
			"mdmctl: note: %s, because "
			"this directory has no escrow certificate; 'mdmctl escrow init' makes one\n",
			keys ? "phones can make no recovery keys"
			     : "phones that are locked out will have no unlock codes");
		return 0;
	}
	r = escrow_certificate_read(ctl, &x509, &certificate, fault);
	return r ? r : escrow_member(&certificate, out, fault);
}

/* Everything that needs no key: arguments, the organisation, the policy itself. */
static int sign_prepare(struct ctl *ctl, const struct args *args, char **ret_text, size_t *ret_n,
	int64_t *ret_valid_s, int64_t *ret_serial, struct buf *escrow, struct fault *fault)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	const char *stream = args_get(args, "stream"), *path = args->operands[0];
	int r;

	if (!stream || !name_is_valid(stream))
		return fault_set(fault, FAULT_USAGE,
			"name the group that the policy is for: --stream NAME "
			"(letters, digits, '.', '_', '-')");
	r = ctl_span_option(args, "expires", "365d", ret_valid_s, fault);
	if (!r)
		r = sign_serial_option(args, ret_serial, fault);
	if (!r)
		r = ctl_read_file(path, LIMIT_PAYLOAD_BYTES, ret_text, ret_n, fault);
	if (!r)
		r = ctl_open(ctl, fault);
	if (!r && policy_file_is_signed(*ret_text))
		return fault_set(fault, FAULT_FAILURE,
			"%s is signed already; 'mdmctl policy cosign' adds a second signature",
			path);
	if (!r)
		r = policy_file_check(path, *ret_text, *ret_n, &policy, fault);
	if (!r)
		policy_file_warn(ctl->err, policy);
	return r ? r : sign_escrow(ctl, args, policy, escrow, fault);
}

/* What is there must be whole: each line by a key of ours. Missing signatures are why we are here.
 */
static int sign_check(struct ctl *ctl, const char *path, const struct buf *text,
	struct document **ret_document, struct fault *fault)
{
	enum document_reason reason;
	int r = signing_verify(
		&ctl->org, text->data, text->n_bytes, ctl->now_s, ret_document, &reason, fault);
	char words[sizeof(fault->text)];

	if (!r || reason == DOCUMENT_E_THRESHOLD)
		return 0;
	memcpy(words, fault->text, sizeof(words));
	return fault_set(fault, fault->code, "%s: %s", path, words);
}

int cmd_policy_sign(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_signing_key_ struct signing_key key = {0};
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_buf_ struct buf payload = BUF_INIT, signed_text = BUF_INIT, escrow = BUF_INIT;
	_cleanup_free_ char *text = NULL;
	const char *stream = args_get(args, "stream");
	char address[LIMIT_NAME_BYTES + 16], until[24];
	int64_t valid_s = 0, wanted = 0, held = 0;
	struct envelope envelope = {.target = stream};
	size_t n_bytes = 0;
	int r = sign_prepare(ctl, args, &text, &n_bytes, &valid_s, &wanted, &escrow, fault);

	if (!r)
		r = signing_key_open(
			ctl, args_get(args, "key"), 1u << TRUST_ROLE_POLICY, &key, fault);
	if (!r && !wanted && !args_has(args, "offline"))
		r = sign_ask_server(ctl, stream, &held, fault);
	if (r)
		return r;
	envelope.escrow = escrow.n_bytes ? escrow.data : NULL;
	envelope.org = ctl->org.id;
	envelope.issued_s = ctl->now_s;
	envelope.expires_s = ctl->now_s + valid_s;
	serial_address(DOCUMENT_POLICY, stream, address, sizeof(address));
	r = serial_take(ctl->org.fd, address, held, wanted, &envelope.serial, fault);
	if (!r)
		r = envelope_policy(&envelope, text, n_bytes, &payload, &policy, fault);
	if (!r)
		r = signing_line(
			DOCUMENT_POLICY, payload.data, payload.n_bytes, &key, &signed_text, fault);
	if (!r)
		r = sign_check(ctl, args->operands[0], &signed_text, &document, fault);
	if (!r)
		r = sign_write(ctl, args_get(args, "output"), &signed_text, fault);
	if (r)
		return r;
	clock_format(envelope.expires_s, until);
	fprintf(ctl->err,
		"mdmctl: signed policy %s, serial %" PRId64 ", with key %s, valid until %s\n",
		stream, envelope.serial, key.row->name, until);
	policy_file_missing(ctl, ctl->err, document, policy);
	return 0;
}

static int cosign_confirm(struct ctl *ctl, struct json_object *payload, const struct policy *policy,
	const struct signing_key *key, struct fault *fault)
{
	char question[LIMIT_NAME_BYTES + 64];
	FILE *out = ctl->out;

	/* The document itself may go to standard output. */
	ctl->out = ctl->err;
	policy_file_print(ctl, payload);
	ctl->out = out;
	policy_file_warn(ctl->err, policy);
	snprintf(question, sizeof(question), "Sign this policy with key %s?", key->row->name);
	return ctl_confirm(ctl, question, fault);
}

static int cosign_append(struct ctl *ctl, const char *path, struct buf *text,
	const struct signing_key *key, struct document **ret_document, struct fault *fault)
{
	struct jws jws;
	int r = jws_split(text->data, text->n_bytes, &jws);

	if (r)
		return fault_set(fault, FAULT_FAILURE, "%s is not a signed document", path);
	if (text->data[text->n_bytes - 1] != '\n')
		buf_puts(text, "\n");
	r = signing_line(DOCUMENT_POLICY, jws.payload, jws.n_payload, key, text, fault);
	jws_done(&jws);
	return r ? r : sign_check(ctl, path, text, ret_document, fault);
}

static int cosign_parse(const char *path, struct json_object *payload, struct policy **ret_policy,
	struct fault *fault)
{
	struct json_error error = {0};
	int r = policy_parse(payload, ret_policy, &error);

	if (r == -EBADMSG)
		return fault_set(fault, FAULT_FAILURE, "%s: %s%s%s", path, error.path,
			*error.path ? ": " : "", error.message);
	return r < 0 ? fault_errno(fault, r, "%s", path) : 0;
}

static bool cosign_has(const struct document *document, const char *kid)
{
	for (size_t i = 0; document && i < document->n_signers; i++)
		if (strcmp(document->signers[i], kid) == 0)
			return true;
	return false;
}

int cmd_policy_cosign(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_signing_key_ struct signing_key key = {0};
	_cleanup_(document_freep) struct document *document = NULL, *cosigned = NULL;
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_json_ struct json_object *payload = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_free_ char *file = NULL;
	const char *path = args->operands[0], *output = args_get(args, "output"), *type;
	size_t n_bytes = 0;
	int r = ctl_read_file(path, LIMIT_DOCUMENT_BYTES, &file, &n_bytes, fault);

	if (!r)
		r = ctl_open(ctl, fault);
	if (r)
		return r;
	buf_append(&text, file, n_bytes);
	if (text.error)
		return fault_errno(fault, text.error, "%s", path);
	r = sign_check(ctl, path, &text, &document, fault);
	if (!r)
		r = policy_file_payload(path, file, n_bytes, &payload, fault);
	if (r)
		return r;
	if (json_get_string(payload, "", "type", LIMIT_NAME_BYTES, &type, NULL) < 0 ||
		strcmp(type, document_type_name(DOCUMENT_POLICY)) != 0)
		return fault_set(fault, FAULT_FAILURE, "%s is not a policy", path);
	r = cosign_parse(path, payload, &policy, fault);
	if (r)
		return r;
	r = signing_key_open(ctl, args_get(args, "key"),
		1u << TRUST_ROLE_POLICY | 1u << TRUST_ROLE_DESTROY, &key, fault);
	if (r)
		return r;
	if (cosign_has(document, key.key.kid))
		return fault_set(fault, FAULT_FAILURE,
			"%s is signed by key %s already; a second signature of one key does not count",
			path, key.row->name);
	r = cosign_confirm(ctl, payload, policy, &key, fault);
	if (!r)
		r = cosign_append(ctl, path, &text, &key, &cosigned, fault);
	if (!r)
		r = sign_write(ctl, output ? output : path, &text, fault);
	if (r)
		return r;
	fprintf(ctl->err, "mdmctl: signed %s with key %s\n", path, key.row->name);
	policy_file_missing(ctl, ctl->err, cosigned, policy);
	return 0;
}
