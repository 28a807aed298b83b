/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_keyset_sign.c - "mdmctl keyset sign, cosign, import, push": the next keyset comes into force.
 * Runs as the administrator, and as the holder of another key on a machine that never talks.
 */
#include <errno.h>
#include <inttypes.h>

#include "server/ctl/api.h"
#include "server/ctl/commands.h"
#include "server/ctl/keyset_sign.h"
#include "server/ctl/keyset_words.h"
#include "server/ctl/rehearsal.h"

/* One keyset on its way to enough signatures. */
struct signing {
	const struct keyset *held, *next;
	struct buf *text; /* lines so far, grows */
	const char *payload;
	size_t n_payload;
	struct keyset_tally tally;
};

static bool sign_counts(const struct keyset_key *row)
{
	return row && row->roles & 1u << TRUST_ROLE_KEYSET;
}

/* The n-th key of either keyset that may sign and has not; the keys in force come first. */
static const struct keyset_key *sign_candidate(const struct signing *s, size_t n)
{
	for (size_t i = 0; i < s->held->n_keys + s->next->n_keys; i++) {
		const struct keyset_key *row = i < s->held->n_keys
						       ? &s->held->keys[i]
						       : &s->next->keys[i - s->held->n_keys];

		if (i >= s->held->n_keys && keyset_find(s->held, row->key.kid) &&
			sign_counts(keyset_find(s->held, row->key.kid)))
			continue;
		if (!sign_counts(row) || keyset_tally_has(&s->tally, row->key.kid))
			continue;
		if (n-- == 0)
			return row;
	}
	return NULL;
}

static int sign_line(
	struct ctl *ctl, struct signing *s, const struct signing_key *key, struct fault *fault)
{
	int r;

	if (s->tally.n_signers == LIMIT_DOCUMENT_LINES)
		return fault_set(fault, FAULT_FAILURE, "a document has at most %d signatures",
			LIMIT_DOCUMENT_LINES);
	r = signing_line(DOCUMENT_KEYSET, s->payload, s->n_payload, key, s->text, fault);
	if (!r)
		r = keyset_tally(s->held, s->next, s->text, &s->tally, fault);
	if (!r)
		fprintf(ctl->err, "mdmctl: signed keyset %" PRId64 " with key %s\n",
			s->next->version, key->row->name);
	return r;
}

/* A key file outside the organisation directory, on a stick perhaps. */
static int sign_with_path(struct ctl *ctl, struct signing *s, const char *path, struct fault *fault)
{
	_cleanup_signing_key_ struct signing_key key = {0};
	int r = signing_key_open(ctl, path, 1u << TRUST_ROLE_KEYSET, &key, fault);

	if (!r && keyset_tally_has(&s->tally, key.key.kid))
		r = fault_set(fault, FAULT_FAILURE, "key %s has signed already", key.row->name);
	return r ? r : sign_line(ctl, s, &key, fault);
}

/*
 * Signs with the keys of one name: the one in force, and the one that replaces it. Without a name,
 * with the first whose file is here.
 */
static int sign_with_name(struct ctl *ctl, struct signing *s, const char *name, struct fault *fault)
{
	const struct keyset_key *row;
	size_t n_signed = 0, n = 0;

	while ((row = sign_candidate(s, n))) {
		_cleanup_signing_key_ struct signing_key key = {0};
		int r;

		if ((name && strcmp(name, row->name) != 0) || !keyring_is_here(&ctl->org, row)) {
			n++;
			continue;
		}
		name = row->name;
		r = keyring_open(ctl, row, &key, fault);
		if (!r)
			r = sign_line(ctl, s, &key, fault);
		if (r)
			return r;
		n_signed++;
	}
	if (n_signed)
		return 0;
	if (name && (keyset_find_name(s->held, name) || keyset_find_name(s->next, name)))
		return fault_set(fault, FAULT_KEY,
			"key %s cannot sign this keyset here: it has signed already, does not have "
			"the role keyset, or its file is on another machine",
			name);
	if (name)
		return fault_set(fault, FAULT_KEY,
			"there is no key named %.64s; 'mdmctl key list' shows them", name);
	return fault_set(fault, FAULT_KEY,
		"no key that may sign this and has not has its file in %s/%s; send the draft to "
		"the machine that has it: 'mdmctl keyset sign --output FILE' here, 'mdmctl keyset "
		"cosign FILE' there",
		ctl->org.path, ORG_KEYS);
}

/* Shows what is to be signed, tries it out, asks, signs. */
static int sign_run(
	struct ctl *ctl, const struct args *args, struct signing *s, struct fault *fault)
{
	const char *name = args_get(args, "key");
	char question[LIMIT_NAME_BYTES + 96];
	int r = keyset_tally(s->held, s->next, s->text, &s->tally, fault);

	if (!r)
		r = draft_check_pins(&ctl->org, s->next, fault);
	if (!r)
		r = rehearsal_run(s->held, s->next, ctl->now_s, fault);
	if (r)
		return r;
	fprintf(ctl->err, "Keyset %" PRId64 ", against keyset %" PRId64 " in force:\n",
		s->next->version, s->held->version);
	if (keyset_tell_difference(ctl, ctl->err, s->next) == 0)
		fprintf(ctl->err, "  nothing but its version and its day changes\n");
	keyset_words_warn(ctl->err, s->next, ctl->now_s);
	snprintf(question, sizeof(question), "Sign keyset %" PRId64 "%s%.64s?", s->next->version,
		name ? " with key " : "", name ? name : "");
	r = ctl_confirm(ctl, question, fault);
	if (r)
		return r;
	return name && strchr(name, '/') ? sign_with_path(ctl, s, name, fault)
					 : sign_with_name(ctl, s, name, fault);
}

static int sign_tell(struct ctl *ctl, const struct signing *s, const char *complete)
{
	_cleanup_buf_ struct buf missing = BUF_INIT;

	keyset_tally_missing(&s->tally, s->held, s->next, &missing);
	if (missing.n_bytes)
		fprintf(ctl->err, "mdmctl: %s\n", missing.data);
	else
		fprintf(ctl->err, "mdmctl: enough keys have signed; %s\n", complete);
	return missing.error;
}

int cmd_keyset_sign(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	const char *output = args_get(args, "output");
	struct signing s = {0};
	int r = ctl_open(ctl, fault);

	if (!r)
		r = draft_open(ctl, DRAFT_MUST_EXIST, &draft, fault);
	if (r)
		return r;
	s = (struct signing){
		.held = ctl->org.keyset,
		.next = draft.keyset,
		.text = &draft.text,
		.payload = draft.payload.data,
		.n_payload = draft.payload.n_bytes,
	};
	r = sign_run(ctl, args, &s, fault);
	if (!r && keyset_tally_is_complete(&s.tally))
		r = keyset_accept(s.held, draft.text.data, draft.text.n_bytes, ctl->now_s, fault);
	if (!r)
		r = draft_save_lines(ctl, &draft, fault);
	if (!r && output)
		r = ctl_write_file(output, draft.text.data, draft.text.n_bytes, fault);
	if (!r)
		sign_tell(ctl, &s, "'mdmctl keyset push' brings it to the server and in force");
	return r;
}

/* Reads a keyset as somebody sent it: payload and lines, nothing believed yet. */
struct incoming {
	char *text; /* owned */
	size_t n_bytes;
	struct jws jws;
	struct keyset *keyset; /* owned */
};

static void incoming_done(struct incoming *in)
{
	free(in->text);
	jws_done(&in->jws);
	keyset_free(in->keyset);
}
#define _cleanup_incoming_ _cleanup_(incoming_done)

static int incoming_read(const char *path, struct incoming *in, struct fault *fault)
{
	struct json_error error = {0};
	int r = ctl_read_file(path, LIMIT_DOCUMENT_BYTES, &in->text, &in->n_bytes, fault);

	if (r)
		return r;
	if (jws_split(in->text, in->n_bytes, &in->jws) != 0)
		return fault_set(fault, FAULT_FAILURE, "%s is not a signed document", path);
	r = keyset_parse(in->jws.payload, in->jws.n_payload, &in->keyset, &error);
	if (r == -EBADMSG)
		return fault_set(fault, FAULT_FAILURE, "%s is not a keyset phones take: %s%s%s",
			path, error.path, *error.path ? ": " : "", error.message);
	return r < 0 ? fault_errno(fault, r, "%s", path) : 0;
}

/* The one after the newest here, of this organisation. */
static int incoming_check(
	struct ctl *ctl, const char *path, const struct incoming *in, struct fault *fault)
{
	int64_t version = ctl->org.keyset->version;

	if (strcmp(in->keyset->org, ctl->org.id) != 0)
		return fault_set(
			fault, FAULT_FAILURE, "%s is the keyset of another organisation", path);
	if (in->keyset->version == version + 1)
		return 0;
	return fault_set(fault, FAULT_FAILURE,
		in->keyset->version > version
			? "%s is keyset %" PRId64 ", but the newest one here is %" PRId64
			  "; have those in between sent, and 'mdmctl keyset import' them first"
			: "%s is keyset %" PRId64 ", but keyset %" PRId64 " is in force here",
		path, in->keyset->version, version);
}

static bool incoming_is_held(const struct ctl *ctl, const struct incoming *in)
{
	uint8_t digest[SHA256_BYTES];

	return in->keyset->version == ctl->org.keyset->version &&
	       sha256(in->jws.payload, in->jws.n_payload, digest) == 0 &&
	       memcmp(digest, ctl->org.keyset_sha256, sizeof(digest)) == 0;
}

int cmd_keyset_cosign(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_incoming_ struct incoming in = {0};
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *path = args->operands[0], *output = args_get(args, "output");
	struct signing s = {0};
	int r = incoming_read(path, &in, fault);

	if (!r)
		r = ctl_open(ctl, fault);
	if (!r)
		r = incoming_check(ctl, path, &in, fault);
	if (r)
		return r;
	buf_append(&text, in.text, in.n_bytes);
	if (in.text[in.n_bytes - 1] != '\n')
		buf_puts(&text, "\n");
	if (text.error)
		return fault_errno(fault, text.error, "%s", path);
	s = (struct signing){
		.held = ctl->org.keyset,
		.next = in.keyset,
		.text = &text,
		.payload = in.jws.payload,
		.n_payload = in.jws.n_payload,
	};
	r = sign_run(ctl, args, &s, fault);
	if (!r && keyset_tally_is_complete(&s.tally))
		r = keyset_accept(s.held, text.data, text.n_bytes, ctl->now_s, fault);
	if (!r)
		r = ctl_write_file(output ? output : path, text.data, text.n_bytes, fault);
	if (r)
		return r;
	sign_tell(ctl, &s,
		"send the file back: 'mdmctl keyset push FILE' brings it to the server; it is kept "
		"here, too");
	/* Behind the words: they speak of the keyset that was in force until now. */
	return keyset_tally_is_complete(&s.tally)
		       ? keyset_adopt(ctl, text.data, text.n_bytes, ctl->now_s, fault)
		       : 0;
}

/*
 * Whether the one behind a keyset, signed by it and with honest dates, is among the files: then a
 * wrong clock has been mended already, and who comes later has to follow.
 */
static bool import_is_mended(struct ctl *ctl, const struct args *args, const struct incoming *in)
{
	for (size_t i = 0; i < args->n_operands; i++) {
		_cleanup_incoming_ struct incoming behind = {0};
		struct fault ignored = {0};

		if (incoming_read(args->operands[i], &behind, &ignored) == 0 &&
			behind.keyset->version == in->keyset->version + 1 &&
			keyset_accept(
				in->keyset, behind.text, behind.n_bytes, ctl->now_s, &ignored) == 0)
			return true;
	}
	return false;
}

/* One file; *ret_taken says whether it was the one after the newest here. */
static int import_one(struct ctl *ctl, const struct args *args, const char *path, bool *ret_taken,
	struct fault *fault)
{
	int64_t now_s = ctl->now_s;
	_cleanup_incoming_ struct incoming in = {0};
	int r = incoming_read(path, &in, fault);

	*ret_taken = false;
	if (r)
		return r;
	if (strcmp(in.keyset->org, ctl->org.id) == 0 &&
		in.keyset->version != ctl->org.keyset->version + 1)
		return 0;
	r = incoming_check(ctl, path, &in, fault);
	/* As of its own day, then. */
	if (!r && rehearsal_is_ahead(in.keyset->issued_s, now_s) &&
		import_is_mended(ctl, args, &in))
		now_s = in.keyset->issued_s;
	if (!r)
		r = keyset_accept(ctl->org.keyset, in.text, in.n_bytes, now_s, fault);
	if (r)
		return r;
	fprintf(ctl->err, "Keyset %" PRId64 ":\n", in.keyset->version);
	keyset_tell_difference(ctl, ctl->err, in.keyset);
	*ret_taken = true;
	return keyset_adopt(ctl, in.text, in.n_bytes, now_s, fault);
}

/* Whatever did not come to be taken is here already, or does not follow. */
static int import_rest(struct ctl *ctl, const char *path, struct fault *fault)
{
	_cleanup_incoming_ struct incoming in = {0};
	int r = incoming_read(path, &in, fault);

	if (r || incoming_is_held(ctl, &in) || in.keyset->version < ctl->org.keyset->version)
		return r;
	return incoming_check(ctl, path, &in, fault);
}

int cmd_keyset_import(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	bool taken = true;
	int r = ctl_open(ctl, fault);

	/* In whatever order the shell names them. */
	while (!r && taken) {
		taken = false;
		for (size_t i = 0; i < args->n_operands && !r && !taken; i++)
			r = import_one(ctl, args, args->operands[i], &taken, fault);
	}
	for (size_t i = 0; i < args->n_operands && !r; i++)
		r = import_rest(ctl, args->operands[i], fault);
	if (!r)
		fprintf(ctl->err, "mdmctl: keyset %" PRId64 " is in force here\n",
			ctl->org.keyset->version);
	return r;
}

/* The document to push: a file that came back, the draft, or nothing but what is kept already. */
static int push_find(struct ctl *ctl, const char *path, struct buf *out, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	_cleanup_buf_ struct buf missing = BUF_INIT;
	struct keyset_tally tally;
	int r;

	if (path) {
		_cleanup_incoming_ struct incoming in = {0};

		r = incoming_read(path, &in, fault);
		if (!r && incoming_is_held(ctl, &in))
			return 0;
		if (!r)
			r = incoming_check(ctl, path, &in, fault);
		if (!r)
			buf_append(out, in.text, in.n_bytes);
		return !r && out->error ? fault_errno(fault, out->error, "%s", path) : r;
	}
	if (!draft_exists(&ctl->org))
		return 0;
	/* Nothing of a new one is kept. */
	r = draft_open(ctl, DRAFT_BEGIN_EARLIER, &draft, fault);
	/* It was the keyset in force already, left behind by an interruption. */
	if (r || draft.is_new)
		return r;
	r = keyset_tally(ctl->org.keyset, draft.keyset, &draft.text, &tally, fault);
	if (r)
		return r;
	keyset_tally_missing(&tally, ctl->org.keyset, draft.keyset, &missing);
	if (missing.n_bytes)
		return fault_set(fault, FAULT_FAILURE,
			"the draft cannot be pushed yet; %s. 'mdmctl keyset sign' here, 'mdmctl "
			"keyset cosign FILE' where the other key is",
			missing.data);
	buf_append(out, draft.text.data, draft.text.n_bytes);
	return out->error ? fault_errno(fault, out->error, "draft") : 0;
}

int cmd_keyset_push(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = ctl_open(ctl, fault);

	if (!r)
		r = push_find(ctl, args->n_operands ? args->operands[0] : NULL, &text, fault);
	if (!r && text.n_bytes)
		r = keyset_accept(ctl->org.keyset, text.data, text.n_bytes, ctl->now_s, fault);
	if (!r)
		r = api_open(ctl, &api, fault);
	/* The server has ours and no other before a new one comes into force here. */
	if (!r)
		r = api_push_keysets(api, ctl, fault);
	if (!r && text.n_bytes)
		r = keyset_adopt(ctl, text.data, text.n_bytes, ctl->now_s, fault);
	if (!r)
		r = api_push_keysets(api, ctl, fault);
	if (r)
		return r;
	fprintf(ctl->out,
		"Keyset %" PRId64 " is on the server; phones take it at their next check-in.\n"
		"'mdmctl keyset phones' shows which have it.\n",
		ctl->org.keyset->version);
	r = api_tell_stale_policies(api, ctl, fault);
	return r ? r : ctl_flush(ctl, fault);
}
