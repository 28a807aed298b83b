/* SPDX-License-Identifier: Apache-2.0 */
/* draft.c - the next keyset in the making; see draft.h. Runs as the administrator. */
#include "server/ctl/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "agent/util/fs.h"
#include "server/ctl/envelope.h"
#include "server/ctl/rehearsal.h"
#include "server/ctl/rollover.h"

void draft_done(struct draft *draft)
{
	keyset_free(draft->keyset);
	buf_done(&draft->payload);
	buf_done(&draft->text);
	closep(&draft->lock_fd);
	*draft = DRAFT_INIT;
}

int draft_payload(const struct keyset *keyset, struct buf *out, struct fault *fault)
{
	struct envelope envelope = {
		.org = keyset->org,
		.serial = keyset->version,
		.issued_s = keyset->issued_s,
		.expires_s = keyset->expires_s,
	};
	struct envelope_key keys[LIMIT_KEYSET_KEYS];
	struct envelope_keyset members = {
		.org_name = keyset->org_name,
		.keys = keys,
		.n_keys = keyset->n_keys,
		.ca_pins = (const uint8_t(*)[SHA256_BYTES])keyset->ca_pins,
		.n_ca_pins = keyset->n_ca_pins,
	};

	for (size_t i = 0; i < keyset->n_keys; i++)
		keys[i] = (struct envelope_key){.name = keyset->keys[i].name,
			.key = &keyset->keys[i].key,
			.roles = keyset->keys[i].roles};
	memcpy(members.threshold, keyset->threshold, sizeof(members.threshold));
	return envelope_keyset(&envelope, &members, out, fault);
}

static int draft_read_file(
	const struct org *org, const char *name, struct buf *out, struct fault *fault)
{
	_cleanup_free_ char *data = NULL;
	size_t n_bytes;
	int r = fs_read(org->fd, name, LIMIT_DOCUMENT_BYTES, &data, &n_bytes);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fault_errno(fault, r, "cannot read %s/%s", org->path, name);
	buf_append(out, data, n_bytes);
	return out->error ? fault_errno(fault, out->error, "%s", name) : 0;
}

/* Lines over other bytes than the draft's are those of an earlier state of it. */
static int draft_read_lines(const struct org *org, struct draft *draft, struct fault *fault)
{
	struct jws jws;
	int r = draft_read_file(org, ORG_DRAFT_SIGNED, &draft->text, fault);

	if (r || draft->text.n_bytes == 0)
		return r;
	r = jws_split(draft->text.data, draft->text.n_bytes, &jws);
	if (r < 0)
		return fault_errno(fault, r, "%s", ORG_DRAFT_SIGNED);
	if (r == 0) {
		if (jws.n_payload == draft->payload.n_bytes &&
			memcmp(jws.payload, draft->payload.data, jws.n_payload) == 0) {
			jws_done(&jws);
			return 0;
		}
		jws_done(&jws);
	}
	buf_reset(&draft->text);
	return 0;
}

static int draft_begin(struct ctl *ctl, bool earlier, struct draft *draft, struct fault *fault)
{
	const struct keyset *held = ctl->org.keyset;
	struct json_error error = {0};
	struct jws jws;
	int r = jws_split(ctl->org.keyset_text, ctl->org.n_keyset_text, &jws);

	if (r)
		return fault_set(
			fault, FAULT_FAILURE, "keyset %" PRId64 " is damaged", held->version);
	r = keyset_parse(jws.payload, jws.n_payload, &draft->keyset, &error);
	jws_done(&jws);
	if (r < 0)
		return fault_errno(fault, r, "keyset %" PRId64, held->version);
	if (!earlier && rehearsal_is_ahead(held->issued_s, ctl->now_s))
		return fault_set(fault, FAULT_FAILURE,
			"this machine's clock is before the day keyset %" PRId64
			" was made; set it. If it is right, the clock was wrong when that keyset "
			"was made: 'mdmctl keyset renew' begins with the next one",
			held->version);
	draft->keyset->version++;
	draft->keyset->issued_s = ctl->now_s;
	draft->keyset->expires_s = ctl->now_s + (held->expires_s - held->issued_s);
	draft->is_new = true;
	return 0;
}

/* What was kept as keyset N meanwhile is no draft any more, if it is the same. */
static int draft_is_over(
	struct ctl *ctl, const struct draft *draft, bool *ret_over, struct fault *fault)
{
	_cleanup_free_ char *text = NULL;
	struct jws jws;
	size_t n_bytes;
	int r;

	*ret_over = false;
	if (draft->keyset->version > ctl->org.keyset->version)
		return 0;
	r = org_read_keyset(&ctl->org, draft->keyset->version, &text, &n_bytes, fault);
	if (r)
		return r;
	if (jws_split(text, n_bytes, &jws) == 0) {
		*ret_over = jws.n_payload == draft->payload.n_bytes &&
			    memcmp(jws.payload, draft->payload.data, jws.n_payload) == 0;
		jws_done(&jws);
	}
	if (*ret_over)
		return draft_remove(&ctl->org, fault);
	return fault_set(fault, FAULT_FAILURE,
		"the draft is for keyset %" PRId64 ", but another keyset %" PRId64
		" is in force; 'mdmctl keyset draft discard', then make the changes again",
		draft->keyset->version, draft->keyset->version);
}

static int draft_parse(struct ctl *ctl, struct draft *draft, struct fault *fault)
{
	struct json_error error = {0};
	int r = keyset_parse(draft->payload.data, draft->payload.n_bytes, &draft->keyset, &error);

	if (r == -EBADMSG)
		return fault_set(fault, FAULT_FAILURE,
			"%s/%s is damaged: %s%s%s; 'mdmctl keyset draft discard', then make the "
			"changes again",
			ctl->org.path, ORG_DRAFT, error.path, *error.path ? ": " : "",
			error.message);
	if (r < 0)
		return fault_errno(fault, r, "%s", ORG_DRAFT);
	if (strcmp(draft->keyset->org, ctl->org.id) != 0 ||
		draft->keyset->version > ctl->org.keyset->version + 1)
		return fault_set(fault, FAULT_FAILURE,
			"%s/%s is not the draft of keyset %" PRId64
			" of this organisation; 'mdmctl keyset draft discard'",
			ctl->org.path, ORG_DRAFT, ctl->org.keyset->version + 1);
	return 0;
}

int draft_open(
	struct ctl *ctl, enum draft_start start, struct draft *ret_draft, struct fault *fault)
{
	_cleanup_draft_ struct draft draft = DRAFT_INIT;
	bool over = false;
	int r = org_lock(ctl->org.fd, &draft.lock_fd, fault);

	if (!r)
		r = draft_read_file(&ctl->org, ORG_DRAFT, &draft.payload, fault);
	if (!r && draft.payload.n_bytes)
		r = draft_parse(ctl, &draft, fault);
	if (!r && draft.keyset)
		r = draft_is_over(ctl, &draft, &over, fault);
	if (!r && over) {
		keyset_free(TAKE_PTR(draft.keyset));
		buf_reset(&draft.payload);
	}
	if (!r && draft.keyset)
		r = draft_read_lines(&ctl->org, &draft, fault);
	else if (!r && start != DRAFT_MUST_EXIST)
		r = draft_begin(ctl, start == DRAFT_BEGIN_EARLIER, &draft, fault);
	else if (!r)
		r = fault_set(fault, FAULT_FAILURE,
			"there is no draft of a keyset; 'mdmctl key new, rotate, revoke', 'mdmctl "
			"keyset renew, threshold' and 'mdmctl ca new, retire' begin one");
	if (r)
		return r;
	*ret_draft = draft;
	draft = DRAFT_INIT;
	return 0;
}

struct keyset *draft_peek(const struct org *org)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct keyset *keyset = NULL;
	struct fault ignored = {0};

	if (draft_read_file(org, ORG_DRAFT, &payload, &ignored) || payload.n_bytes == 0 ||
		keyset_parse(payload.data, payload.n_bytes, &keyset, NULL) < 0)
		return NULL;
	if (keyset->version > org->keyset->version)
		return keyset;
	keyset_free(keyset);
	return NULL;
}

void draft_pins(const struct org *org, struct keyset_pins *ret_pins)
{
	_cleanup_x509_ X509 *root = NULL, *next = NULL;
	struct fault ignored = {0};

	*ret_pins = (struct keyset_pins){0};
	ret_pins->has_root = rollover_read(org, ORG_ROOT, &root, ret_pins->root, &ignored) == 0;
	ret_pins->has_next =
		rollover_read(org, ORG_NEXT "/" ORG_ROOT, &next, ret_pins->next, &ignored) == 0;
}

/*
 * A CA of which this machine can say that the server is of it. Where the root CA's key is, that is
 * the root; a co-signer's copy of the root may be of before a change of CAs, so that there what the
 * keyset in force pins counts, too.
 */
static bool draft_pin_serves(
	const struct org *org, const struct keyset_pins *pins, const uint8_t pin[SHA256_BYTES])
{
	if (memcmp(pin, pins->root, SHA256_BYTES) == 0)
		return true;
	if (faccessat(org->fd, ORG_ROOT_KEY, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return false;
	for (size_t i = 0; i < org->keyset->n_ca_pins; i++)
		if (memcmp(pin, org->keyset->ca_pins[i], SHA256_BYTES) == 0)
			return true;
	return false;
}

int draft_check_pins(const struct org *org, const struct keyset *keyset, struct fault *fault)
{
	_cleanup_x509_ X509 *root = NULL;
	struct keyset_pins pins = {0};
	int r;

	if (keyset->n_ca_pins == 0)
		return org->keyset->n_ca_pins == 0
			       ? 0
			       : fault_set(fault, FAULT_FAILURE,
					 "this keyset pins no CA any more: phones would go back to the "
					 "one of their ticket, which may be gone. Nothing was changed");
	r = rollover_read(org, ORG_ROOT, &root, pins.root, fault);
	if (r)
		return r;
	for (size_t i = 0; i < keyset->n_ca_pins; i++)
		if (draft_pin_serves(org, &pins, keyset->ca_pins[i]))
			return 0;
	return fault_set(fault, FAULT_FAILURE,
		"this keyset does not pin the CA of the server (%s): no phone could reach it any more. "
		"Nothing was changed",
		ORG_ROOT);
}

static int draft_check(struct ctl *ctl, const struct keyset *keyset, struct fault *fault)
{
	struct json_error error = {0};
	int r = keyset_check(keyset, &error);

	if (r < 0)
		return fault_set(fault, FAULT_FAILURE,
			"phones would refuse this keyset: %s: %s. Nothing was changed", error.path,
			error.message);
	r = draft_check_pins(&ctl->org, keyset, fault);
	return r ? r : rehearsal_run(ctl->org.keyset, keyset, ctl->now_s, fault);
}

int draft_save(struct ctl *ctl, struct draft *draft, struct fault *fault)
{
	bool had_lines = draft->text.n_bytes != 0;
	int r;

	draft->keyset->issued_s = ctl->now_s;
	r = draft_check(ctl, draft->keyset, fault);
	if (r)
		return r;
	buf_reset(&draft->payload);
	r = draft_payload(draft->keyset, &draft->payload, fault);
	if (!r)
		r = org_write(
			ctl->org.fd, ORG_DRAFT, draft->payload.data, draft->payload.n_bytes, fault);
	if (r)
		return r;
	draft->is_new = false;
	buf_reset(&draft->text);
	/* Worthless from here on; read back, it would be left aside. */
	(void)fs_remove(ctl->org.fd, ORG_DRAFT_SIGNED);
	if (had_lines)
		fprintf(ctl->err,
			"mdmctl: the draft has changed: the signatures it had are worth nothing any "
			"more; everybody signs again\n");
	return 0;
}

int draft_save_lines(struct ctl *ctl, const struct draft *draft, struct fault *fault)
{
	return org_write(
		ctl->org.fd, ORG_DRAFT_SIGNED, draft->text.data, draft->text.n_bytes, fault);
}

bool draft_exists(const struct org *org)
{
	return faccessat(org->fd, ORG_DRAFT, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int draft_remove(const struct org *org, struct fault *fault)
{
	/* The payload first: lines without one are nothing. */
	int r = fs_remove(org->fd, ORG_DRAFT);

	if (!r)
		r = fs_remove(org->fd, ORG_DRAFT_SIGNED);
	return r < 0 ? fault_errno(fault, r, "cannot remove the draft in %s", org->path) : 0;
}
