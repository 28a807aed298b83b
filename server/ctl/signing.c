/* SPDX-License-Identifier: Apache-2.0 */
/* signing.c - uses the organisation's signing keys; see signing.h. */
#include "server/ctl/signing.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "agent/util/codec.h"
#include "server/ctl/expiry.h"

void signing_key_done(struct signing_key *key)
{
	if (key->key.pkey)
		key_done(&key->key);
	*key = (struct signing_key){0};
}

void signing_key_path(const char *name, char *ret_path, size_t size)
{
	snprintf(ret_path, size, "%s/%s.pem", ORG_KEYS, name);
}

static bool signing_key_here(const struct org *org, const char *name)
{
	char path[LIMIT_NAME_BYTES + 16];

	signing_key_path(name, path, sizeof(path));
	return faccessat(org->fd, path, R_OK, 0) == 0;
}

/* The row of the keyset for a name, or for the default. NULL with the fault filled. */
static const struct keyset_key *signing_row(
	const struct org *org, const char *name, uint32_t roles, struct fault *fault)
{
	const struct keyset *keyset = org->keyset;

	for (size_t i = 0; i < keyset->n_keys; i++) {
		const struct keyset_key *row = &keyset->keys[i];

		if (name ? strcmp(row->name, name) == 0
			 : (row->roles & roles) && signing_key_here(org, row->name))
			return row;
	}
	if (name)
		fault_set(fault, FAULT_KEY,
			"there is no key named %.64s in the keyset; 'mdmctl key list' shows them",
			name);
	else
		fault_set(fault, FAULT_KEY,
			"no key that may sign this has its file in %s/%s; use the machine that has it",
			org->path, ORG_KEYS);
	return NULL;
}

static int signing_check_role(const struct keyset_key *row, uint32_t roles, struct fault *fault)
{
	char wanted[64] = "";
	size_t n = 0;

	if (row->roles & roles)
		return 0;
	for (int role = 0; role < TRUST_ROLE_MAX; role++)
		if (roles & 1u << role)
			n += (size_t)snprintf(wanted + n, sizeof(wanted) - n, "%s%s",
				n ? " or " : "", trust_role_name((enum trust_role)role));
	return fault_set(fault, FAULT_KEY,
		"key %s does not have the role %s; its signature would not count", row->name,
		wanted);
}

/* A key file outside the organisation directory: the second person's, on a stick perhaps. */
static int signing_key_from_path(
	struct ctl *ctl, const char *path, EVP_PKEY **ret_pkey, struct fault *fault)
{
	_cleanup_free_ char *pem = NULL;
	_cleanup_secret_ struct secret secret = {0};
	size_t n_bytes;
	int r = ctl_read_file(path, LIMIT_PEM_BYTES, &pem, &n_bytes, fault);

	if (r)
		return fault->code = FAULT_KEY;
	r = ctl->passphrase_file ? secret_from_file(ctl->passphrase_file, &secret, fault)
				 : secret_ask("Passphrase of the key file", false, &secret, fault);
	if (!r)
		r = keyfile_decrypt(pem, n_bytes, &secret, path, ret_pkey, NULL, fault);
	if (!r)
		expiry_warn(ctl);
	return r;
}

int signing_key_open(struct ctl *ctl, const char *name, uint32_t roles, struct signing_key *ret_key,
	struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *pkey = NULL;
	char path[LIMIT_NAME_BYTES + 16], what[LIMIT_NAME_BYTES + 16];
	const struct keyset_key *row = NULL;
	struct key key;
	int r;

	if (name && strchr(name, '/')) {
		r = signing_key_from_path(ctl, name, &pkey, fault);
	} else {
		row = signing_row(&ctl->org, name, roles, fault);
		if (!row)
			return fault->code;
		r = signing_check_role(row, roles, fault);
		if (r)
			return r;
		signing_key_path(row->name, path, sizeof(path));
		snprintf(what, sizeof(what), "signing key %s", row->name);
		r = ctl_unlock(ctl, path, what, &pkey, fault);
	}
	if (r)
		return r;
	if (key_from_pkey(pkey, &key) < 0)
		return fault_set(fault, FAULT_KEY, "%s is neither an Ed25519 nor a P-256 key",
			name ? name : row->name);
	if (row && strcmp(row->key.kid, key.kid) != 0) {
		r = fault_set(fault, FAULT_KEY,
			"%s does not hold the key %s of the keyset; restore it from your copy",
			path, row->name);
	} else if (!row) {
		row = keyset_find(ctl->org.keyset, key.kid);
		r = row ? signing_check_role(row, roles, fault)
			: fault_set(fault, FAULT_KEY,
				  "the key in %s is not in the organisation's keyset; phones would "
				  "refuse its signature",
				  name);
	}
	if (r) {
		key_done(&key);
		return r;
	}
	ret_key->key = key;
	ret_key->row = row;
	return 0;
}

int signing_line(enum document_type type, const char *payload, size_t n_payload,
	const struct signing_key *key, struct buf *out, struct fault *fault)
{
	_cleanup_free_ char *line = NULL;
	int r = document_sign(type, payload, n_payload, &key->key, &line);

	if (r < 0)
		return fault_set(fault, FAULT_KEY, "key %s cannot sign: %s",
			key->row ? key->row->name : key->key.kid, strerror(-r));
	buf_printf(out, "%s\n", line);
	return out->error ? fault_errno(fault, out->error, "document") : 0;
}

uint32_t signing_missing(
	const struct document *document, const struct keyset *keyset, enum trust_role role)
{
	uint32_t n = 0;

	/* Every signer of a verified document is another key. */
	for (size_t i = 0; i < document->n_signers; i++) {
		const struct keyset_key *row = keyset_find(keyset, document->signers[i]);

		n += row && (row->roles & 1u << role);
	}
	return n < keyset->threshold[role] ? keyset->threshold[role] - n : 0;
}

int signing_verify(const struct org *org, const char *text, size_t n_bytes, int64_t now_s,
	struct document **ret_document, enum document_reason *ret_reason, struct fault *fault)
{
	struct document_context context = {
		.keyset = org->keyset,
		.device_id = "",
		.ticket_id = "",
		.enrolment_id = "",
		.any_target = true,
		.now_s = now_s,
	};
	struct document_refusal refusal = {0};
	int r = document_verify(text, n_bytes, &context, ret_document, &refusal);

	if (ret_reason)
		*ret_reason = r > 0 ? refusal.reason : DOCUMENT_OK;
	if (r < 0)
		return fault_errno(fault, r, "document");
	if (!r)
		return 0;
	return fault_set(fault, FAULT_FAILURE, "phones would refuse this document (%s): %s. %s",
		document_reason_name(refusal.reason), refusal.detail,
		document_reason_advice(refusal.reason));
}

/* A keyset of the directory, the newest excepted, which is open. */
static int signing_past_keyset(
	const struct org *org, int64_t version, struct keyset **ret_keyset, struct fault *fault)
{
	_cleanup_free_ char *text = NULL;
	struct json_error error = {0};
	struct jws jws;
	size_t n_bytes;
	int r = org_read_keyset(org, version, &text, &n_bytes, fault);

	if (r)
		return r;
	if (jws_split(text, n_bytes, &jws) != 0)
		return fault_set(fault, FAULT_FAILURE,
			"keyset %" PRId64 " is damaged; restore it "
			"from your copy",
			version);
	r = keyset_parse(jws.payload, jws.n_payload, ret_keyset, &error);
	jws_done(&jws);
	return r < 0 ? fault_set(fault, FAULT_FAILURE, "keyset %" PRId64 " is damaged: %s", version,
			       error.message)
		     : 0;
}

int signing_verify_past(const struct org *org, const char *text, size_t n_bytes,
	struct document **ret_document, enum document_reason *ret_reason, struct fault *fault)
{
	int r = signing_verify(org, text, n_bytes, 0, ret_document, ret_reason, fault);
	enum document_reason reason = *ret_reason;

	for (int64_t version = org->keyset->version - 1;
		r && reason == DOCUMENT_E_SIGNATURE && version > 0; version--) {
		_cleanup_(keyset_freep) struct keyset *keyset = NULL;
		struct fault of_past = {0};
		struct org past = *org;

		/* What is missing here cannot vouch; the verdict of the newest one stands. */
		if (signing_past_keyset(org, version, &keyset, &of_past))
			break;
		past.keyset = keyset;
		r = signing_verify(&past, text, n_bytes, 0, ret_document, &reason, &of_past);
	}
	if (!r)
		*ret_reason = DOCUMENT_OK;
	return r;
}
