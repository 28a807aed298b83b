/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escrow_disk.c - recovery keys of a phone's disks, opened with the organisation's escrow key. Runs
 * as the administrator, where that key is.
 */
#include "server/ctl/escrow_disk.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "server/ctl/device.h"
#include "server/ctl/escrow.h"
#include "server/ctl/escrow_fetch.h"

/* Generations that are opened at once, the newest. One volume seldom has more than a few. */
#define DISK_KEYS_MAX 64

struct disk_keys {
	const char *device;
	char certificate[2 * SHA256_BYTES + 1];
	struct response_sealed rows[DISK_KEYS_MAX]; /* a ring: the oldest go first */
	size_t n_seen;				    /* also those that went */
	bool other_key;				    /* there is one, sealed to others */
};

static int disk_consider(const struct response_sealed *row, void *userdata, struct fault *fault)
{
	struct disk_keys *keys = userdata;

	(void)fault;
	if (strcmp(row->kind, ESCROW_KIND_DISK) != 0)
		return 0;
	if (response_sealed_to(row, keys->certificate))
		keys->rows[keys->n_seen++ % DISK_KEYS_MAX] = *row;
	else
		keys->other_key = true;
	return 0;
}

static int disk_none(const struct disk_keys *keys, struct fault *fault)
{
	if (keys->other_key)
		return fault_set(fault, FAULT_KEY,
			"device %.12s has sealed its recovery keys to other escrow keys, not to the "
			"one of this directory (%s); ask whoever has one of those",
			keys->device, ESCROW_CERT_FILE);
	return fault_set(fault, FAULT_REFUSED,
		"device %.12s has no recovery key with the organisation: its policy names no escrow "
		"certificate, nobody has run 'agentctl escrow' on it, or it has not checked in since",
		keys->device);
}

static int disk_open(struct api *api, EVP_PKEY *key, X509 *x509, const struct disk_keys *keys,
	const struct response_sealed *row, struct escrow_opened *ret_opened, struct fault *fault)
{
	_cleanup_(response_escrow_done) struct response_escrow sealed = {0};
	int r = escrow_fetch(api, keys->device, row->row, &sealed, fault);

	if (!r)
		r = escrow_open(key, x509, ESCROW_KIND_DISK, sealed.rows[0].cms,
			sealed.rows[0].n_cms, ret_opened, fault);
	/* Sealing shows nobody who sealed. */
	if (!r && (strcmp(ret_opened->device, keys->device) != 0 ||
			  strcmp(ret_opened->enrolment, row->enrolment) != 0 ||
			  ret_opened->generation != row->generation ||
			  !escrow_key_is_whole(ret_opened->secret)))
		r = fault_set(fault, FAULT_REFUSED,
			"what the server sent as a recovery key of device %.12s was sealed by another "
			"one, or is none that a phone makes. Take the server for taken over; no key "
			"is shown",
			keys->device);
	if (r)
		explicit_bzero(ret_opened, sizeof(*ret_opened));
	return r;
}

static void disk_print(struct ctl *ctl, const struct response_sealed *row,
	const struct escrow_opened *opened, struct jsonw *w)
{
	char when[24];

	if (ctl->json) {
		jsonw_object(w, NULL);
		jsonw_string(w, "volume", opened->volume);
		jsonw_int(w, "slot", opened->slot);
		jsonw_int(w, "generation", opened->generation);
		jsonw_int(w, "received", row->received_s);
		jsonw_string(w, "enrolment", opened->enrolment);
		jsonw_string(w, "key", opened->secret);
		jsonw_object_end(w);
		return;
	}
	clock_format(row->received_s, when);
	fprintf(ctl->out,
		"volume      %s\nreceived    %s (number %" PRId64 ", keyslot %" PRId64
		")\nkey        ",
		opened->volume, when, opened->generation, opened->slot);
	for (size_t i = 0; i < ESCROW_KEY_DIGITS; i += ESCROW_KEY_GROUP)
		fprintf(ctl->out, " %.6s", opened->secret + i);
	fprintf(ctl->out, "\n\n");
}

/* Whether a newer key of the same volume was shown. */
static bool disk_is_shown(char (*shown)[LIMIT_NAME_BYTES + 1], size_t n_shown, const char *volume)
{
	for (size_t i = 0; i < n_shown; i++)
		if (strcmp(shown[i], volume) == 0)
			return true;
	return false;
}

static int disk_show(struct ctl *ctl, bool all, struct api *api, X509 *x509,
	const struct disk_keys *keys, struct fault *fault)
{
	size_t n = keys->n_seen < DISK_KEYS_MAX ? keys->n_seen : DISK_KEYS_MAX, n_shown = 0;
	_cleanup_free_ char(*shown)[LIMIT_NAME_BYTES + 1] = calloc(n, sizeof(*shown));
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	_cleanup_pkey_ EVP_PKEY *key = NULL;
	int64_t newest = 0;
	int r = shown ? ctl_unlock(ctl, ESCROW_KEY_FILE, "escrow key", &key, fault)
		      : fault_errno(fault, ENOMEM, "recovery keys");

	jsonw_object(&w, NULL);
	jsonw_string(&w, "device", keys->device);
	jsonw_array(&w, "keys");
	for (size_t i = 0; i < n && !r; i++) {
		const struct response_sealed *row =
			&keys->rows[(keys->n_seen - 1 - i) % DISK_KEYS_MAX];
		struct escrow_opened opened = {.generation = 0};

		r = disk_open(api, key, x509, keys, row, &opened, fault);
		if (!r && (all || !disk_is_shown(shown, n_shown, opened.volume))) {
			disk_print(ctl, row, &opened, &w);
			if (opened.generation > newest)
				newest = opened.generation;
			memcpy(shown[n_shown++], opened.volume, sizeof(opened.volume));
		}
		explicit_bzero(&opened, sizeof(opened));
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (!r && ctl->json)
		r = ctl_print_json(ctl, &json, fault);
	else if (!r)
		fprintf(ctl->out,
			"Typed without spaces where the phone asks for the passphrase of its disk. The "
			"server has\nrecorded that you asked. When it has done its work, have the phone "
			"make another:\n\n"
			"    mdmctl command rotate-recovery-key --device %s generation=%" PRId64
			"\n",
			keys->device, newest);
	if (json.data)
		explicit_bzero(json.data, json.capacity);
	return r ? r : ctl_flush(ctl, fault);
}

int escrow_show_disks(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(response_devices_done) struct response_devices devices = {0};
	_cleanup_free_ struct disk_keys *keys = calloc(1, sizeof(*keys));
	_cleanup_(api_freep) struct api *api = NULL;
	_cleanup_x509_ X509 *x509 = NULL;
	struct escrow_certificate certificate;
	uint8_t digest[SHA256_BYTES];
	int r = keys ? escrow_certificate_read(ctl, &x509, &certificate, fault)
		     : fault_errno(fault, ENOMEM, "recovery keys");

	if (!r && escrow_certificate_digest(&certificate, digest) < 0)
		r = fault_errno(fault, EIO, "%s", ESCROW_CERT_FILE);
	if (!r)
		r = api_open(ctl, &api, fault);
	if (!r)
		r = device_find(api, args->operands[0], &devices, fault);
	if (r)
		return r;
	hex_encode(digest, sizeof(digest), keys->certificate);
	keys->device = devices.rows[0].id;
	r = escrow_walk(api, keys->device, disk_consider, keys, fault);
	if (!r && keys->n_seen == 0)
		r = disk_none(keys, fault);
	return r ? r : disk_show(ctl, args_has(args, "all"), api, x509, keys, fault);
}
