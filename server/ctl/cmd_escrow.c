/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_escrow.c - "mdmctl escrow init, show" and "mdmctl unlock-code": the organisation's escrow
 * key, and the codes that it makes readable. Runs as the administrator, where the key is.
 */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "policies/policy.h"
#include "server/ctl/commands.h"
#include "server/ctl/device.h"
#include "server/ctl/escrow.h"
#include "server/ctl/escrow_disk.h"
#include "server/ctl/escrow_fetch.h"
#include "server/ctl/handout.h"

/* --- escrow init, show ------------------------------------------------------------------- */

static int escrow_print(struct ctl *ctl, struct fault *fault)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	_cleanup_x509_ X509 *x509 = NULL;
	struct escrow_certificate certificate;
	uint8_t digest[SHA256_BYTES];
	char digits[2 * SHA256_BYTES + 1];
	int r = escrow_certificate_read(ctl, &x509, &certificate, fault);

	if (r)
		return r;
	if (escrow_certificate_digest(&certificate, digest) < 0)
		return fault_errno(fault, EIO, "%s", ESCROW_CERT_FILE);
	hex_encode(digest, sizeof(digest), digits);
	if (ctl->json) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "sha256", digits);
		jsonw_string(&w, "certificate", ESCROW_CERT_FILE);
		jsonw_object_end(&w);
		return ctl_print_json(ctl, &json, fault);
	}
	fprintf(ctl->out,
		"certificate  %s/%s\nsha256       %s\n"
		"Policies that limit attempts or ask for recovery keys are signed with it; phones\n"
		"seal their secrets to it. Keep a copy of %s: without it no\n"
		"unlock code and no recovery key can be read.\n",
		ctl->org.path, ESCROW_CERT_FILE, digits, ESCROW_KEY_FILE);
	return ctl_flush(ctl, fault);
}

int cmd_escrow_show(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	int r = ctl_open(ctl, fault);

	if (r)
		return r;
	return args->n_operands ? escrow_show_disks(ctl, args, fault) : escrow_print(ctl, fault);
}

int cmd_escrow_init(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	_cleanup_x509_ X509 *x509 = NULL;
	_cleanup_secret_ struct secret passphrase = {0};
	_cleanup_free_ char *pem = NULL;
	int r = ctl_open(ctl, fault);

	if (!r && escrow_exists(ctl))
		r = fault_set(fault, FAULT_FAILURE,
			"%s has an escrow key (%s) already; nothing was changed. Another one would "
			"not open what phones have sealed",
			ctl->org.path, ESCROW_CERT_FILE);
	if (!r)
		r = escrow_make(ctl->org.id, ctl->org.name, ctl->now_s, &key, &x509, fault);
	if (!r)
		r = handout_own_passphrase(
			ctl, args, "New passphrase of the escrow key", &passphrase, fault);
	if (!r)
		r = handout_key(ctl->org.fd, ESCROW_KEY_FILE, key, &passphrase, fault);
	if (!r)
		r = ca_write(x509, &pem, fault);
	/* Last: where it is, the key is. */
	if (!r)
		r = org_write(ctl->org.fd, ESCROW_CERT_FILE, pem, strlen(pem), fault);
	return r ? r : escrow_print(ctl, fault);
}

/* --- unlock-code ------------------------------------------------------------------------- */

struct unlock_search {
	const struct response_device *device;
	char certificate[2 * SHA256_BYTES + 1];
	struct response_sealed found; /* the newest that fits; row 0: none */
	bool other_key;		      /* there is one, sealed to others */
};

static int unlock_consider(const struct response_sealed *row, void *userdata, struct fault *fault)
{
	struct unlock_search *search = userdata;

	(void)fault;
	if (strcmp(row->kind, ESCROW_KIND_UNLOCK) != 0 ||
		strcmp(row->enrolment, search->device->enrolment) != 0)
		return 0;
	if (response_sealed_to(row, search->certificate))
		search->found = *row;
	else
		search->other_key = true;
	return 0;
}

static int unlock_none(const struct unlock_search *search, struct fault *fault)
{
	if (search->other_key)
		return fault_set(fault, FAULT_KEY,
			"device %.12s has sealed its secret to other escrow keys, not to the one of "
			"this directory (%s); ask whoever has one of those",
			search->device->id, ESCROW_CERT_FILE);
	return fault_set(fault, FAULT_REFUSED,
		"device %.12s has sealed no secret of unlock codes yet: its policy names no escrow "
		"certificate ('mdmctl policy sign' puts it into policies that limit attempts), or "
		"it has not checked in since",
		search->device->id);
}

static int unlock_open(struct ctl *ctl, X509 *x509, const struct unlock_search *search,
	const struct response_sealed *sealed, uint8_t ret_secret[HOTP_SECRET_BYTES],
	struct fault *fault)
{
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	struct escrow_opened opened = {.generation = 0};
	int r = ctl_unlock(ctl, ESCROW_KEY_FILE, "escrow key", &key, fault);

	if (!r)
		r = escrow_open(
			key, x509, ESCROW_KIND_UNLOCK, sealed->cms, sealed->n_cms, &opened, fault);
	/* Sealing shows nobody who sealed. What another phone sealed gives codes of that one. */
	if (!r && (strcmp(opened.device, search->device->id) != 0 ||
			  strcmp(opened.enrolment, search->device->enrolment) != 0 ||
			  opened.generation != search->found.generation))
		r = fault_set(fault, FAULT_REFUSED,
			"what the server sent as the secret of device %.12s was sealed by another "
			"one, or for another enrolment. Take the server for taken over; no code is "
			"shown",
			search->device->id);
	if (!r)
		r = escrow_unlock_secret(&opened, ret_secret, fault);
	explicit_bzero(&opened, sizeof(opened));
	return r;
}

static int unlock_counter(const struct args *args, const struct unlock_search *search,
	int64_t *ret_counter, struct fault *fault)
{
	const char *text = args_get(args, "counter");

	if (!text)
		return response_unlock_counter(
			search->device, search->found.generation, ret_counter, fault);
	if (parse_int64(text, 0, POLICY_SERIAL_MAX, ret_counter) < 0)
		return fault_set(fault, FAULT_USAGE, "--counter %.40s is not a number", text);
	return 0;
}

static int unlock_print(struct ctl *ctl, const struct unlock_search *search, int64_t counter,
	const char *code, struct fault *fault)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);

	if (ctl->json) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "device", search->device->id);
		jsonw_int(&w, "generation", search->found.generation);
		jsonw_int(&w, "counter", counter);
		jsonw_string(&w, "code", code);
		jsonw_object_end(&w);
		return ctl_print_json(ctl, &json, fault);
	}
	fprintf(ctl->out,
		"device   %s\ncounter  %" PRId64 "\n\n    %.4s %.4s\n\n"
		"It is entered on the phone where the passcode is asked for, or with 'agentctl\n"
		"unlock', counts once, and gives the attempts back; the passcode stays what it is.\n"
		"If the phone says that it is not right, a code was used of which the server has\n"
		"not heard: --counter %" PRId64
		" shows the next one. The server has recorded that\n"
		"you asked.\n",
		search->device->id, counter, code, code + 4, counter + 1);
	return ctl_flush(ctl, fault);
}

static int unlock_show(struct ctl *ctl, const struct args *args, struct api *api, X509 *x509,
	struct unlock_search *search, struct fault *fault)
{
	_cleanup_(response_escrow_done) struct response_escrow sealed = {0};
	uint8_t secret[HOTP_SECRET_BYTES] = {0};
	char code[UNLOCK_CODE_DIGITS + 1] = "";
	int64_t counter = 0;
	int r = unlock_counter(args, search, &counter, fault);

	if (!r)
		r = escrow_fetch(api, search->device->id, search->found.row, &sealed, fault);
	if (!r)
		r = unlock_open(ctl, x509, search, &sealed.rows[0], secret, fault);
	if (!r && hotp_code(secret, (uint64_t)counter, code) < 0)
		r = fault_errno(fault, EIO, "unlock code");
	explicit_bzero(secret, sizeof(secret));
	if (!r)
		r = unlock_print(ctl, search, counter, code, fault);
	explicit_bzero(code, sizeof(code));
	return r;
}

int cmd_unlock_code(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices devices = {0};
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_x509_ X509 *x509 = NULL;
	struct escrow_certificate certificate;
	struct unlock_search search = {.other_key = false};
	uint8_t digest[SHA256_BYTES];
	int r = ctl_open(ctl, fault);

	if (!r)
		r = escrow_certificate_read(ctl, &x509, &certificate, fault);
	if (!r && escrow_certificate_digest(&certificate, digest) < 0)
		r = fault_errno(fault, EIO, "%s", ESCROW_CERT_FILE);
	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = device_find(api, args->operands[0], &devices, fault);
	if (r)
		return r;
	hex_encode(digest, sizeof(digest), search.certificate);
	search.device = &devices.rows[0];
	r = escrow_walk(api, search.device->id, unlock_consider, &search, fault);
	if (!r && !search.found.row)
		r = unlock_none(&search, fault);
	return r ? r : unlock_show(ctl, args, api, x509, &search, fault);
}
