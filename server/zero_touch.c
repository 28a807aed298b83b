/* SPDX-License-Identifier: Apache-2.0 */
/* zero_touch.c - enrolment with the ticket of an image; see zero_touch.h. mdm-server only. */
#include "server/zero_touch.h"

#include <errno.h>

#define ZERO_TOUCH_IMEI "imei:"

/* One attribute as text. 0 or -EBADMSG. */
static int zero_touch_text(
	const X509_NAME_ENTRY *attribute, char ret_text[LIMIT_HARDWARE_BYTES + 1])
{
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(attribute);
	const unsigned char *at = ASN1_STRING_get0_data(value);
	int n = ASN1_STRING_length(value), type = ASN1_STRING_type(value);

	/* Types of one byte a character; with printable ASCII only, they all mean the same. */
	if (type != V_ASN1_PRINTABLESTRING && type != V_ASN1_UTF8STRING && type != V_ASN1_IA5STRING)
		return -EBADMSG;
	if (n < 1 || n > LIMIT_HARDWARE_BYTES)
		return -EBADMSG;
	for (int i = 0; i < n; i++)
		if (at[i] < 0x20 || at[i] > 0x7e)
			return -EBADMSG;
	memcpy(ret_text, at, (size_t)n);
	ret_text[n] = 0;
	return 0;
}

int zero_touch_read(const X509_REQ *request, struct zero_touch *ret_claim)
{
	X509_NAME *subject = X509_REQ_get_subject_name(request);
	bool has_serial = false, has_imei = false;
	struct zero_touch claim = {0};
	char text[LIMIT_HARDWARE_BYTES + 1];
	int i = -1;

	while ((i = X509_NAME_get_index_by_NID(subject, NID_serialNumber, i)) >= 0) {
		size_t n_prefix = strlen(ZERO_TOUCH_IMEI);
		bool is_imei;

		if (zero_touch_text(X509_NAME_get_entry(subject, i), text) < 0)
			return -EBADMSG;
		is_imei = strncmp(text, ZERO_TOUCH_IMEI, n_prefix) == 0;
		if (is_imei ? has_imei : has_serial)
			return -EBADMSG;
		has_imei |= is_imei;
		has_serial |= !is_imei;
		if (is_imei && hardware_imei_is_valid(text + n_prefix))
			memcpy(claim.imei, text + n_prefix, sizeof(claim.imei));
		else if (!is_imei && !hardware_serial_is_placeholder(text))
			memcpy(claim.serial, text, strlen(text) + 1);
	}
	*ret_claim = claim;
	return 0;
}

/* Adds the entry of one number to the free ones, or makes the verdict worse. */
static int zero_touch_match(struct store *store, struct store_hardware *wanted, const char *device,
	struct zero_touch *claim, enum zero_touch_verdict *verdict)
{
	struct store_hardware entry;
	int r;

	if (!wanted->value[0])
		return 0;
	/* A phone has its numbers whatever ticket lists them. */
	r = store_hardware_is_taken(store, wanted, device);
	if (r == 0)
		*verdict = ZERO_TOUCH_TAKEN;
	if (r < 0)
		return r;
	r = store_hardware_find(store, wanted, &entry);
	if (r)
		return r < 0 ? r : 0;
	claim->is_listed = true;
	if (!entry.used_s)
		claim->entries[claim->n_entries++] = entry;
	else if (*verdict != ZERO_TOUCH_TAKEN)
		*verdict = ZERO_TOUCH_AGAIN;
	return 0;
}

static void zero_touch_numbers(
	const struct zero_touch *claim, const char *ticket, struct store_hardware ret_numbers[2])
{
	ret_numbers[0] = (struct store_hardware){0};
	ret_numbers[1] = (struct store_hardware){.is_imei = true};
	for (int i = 0; i < 2; i++) {
		struct store_hardware *number = &ret_numbers[i];

		snprintf(number->ticket, sizeof(number->ticket), "%s", ticket);
		snprintf(number->value, sizeof(number->value), "%s",
			number->is_imei ? claim->imei : claim->serial);
	}
}

int zero_touch_judge(struct store *store, const char *ticket, const char *device,
	struct zero_touch *claim, enum zero_touch_verdict *ret_verdict)
{
	enum zero_touch_verdict verdict = ZERO_TOUCH_UNLISTED;
	struct store_hardware numbers[2];
	int r = 0;

	zero_touch_numbers(claim, ticket, numbers);
	claim->n_entries = 0;
	claim->is_listed = false;
	for (int i = 0; i < 2 && r == 0; i++)
		r = zero_touch_match(store, &numbers[i], device, claim, &verdict);
	if (r)
		return r;
	if (!claim->is_listed)
		verdict = ZERO_TOUCH_UNLISTED;
	else if (verdict == ZERO_TOUCH_UNLISTED)
		verdict = ZERO_TOUCH_NEW;
	*ret_verdict = verdict;
	return 0;
}

int zero_touch_use(struct store *store, const char *ticket, const struct zero_touch *claim,
	const char *device, int64_t now_s)
{
	struct store_hardware numbers[2];
	int r = 0;

	for (size_t i = 0; i < claim->n_entries && r == 0; i++)
		r = store_hardware_use(store, claim->entries[i].row, device, now_s);
	zero_touch_numbers(claim, ticket, numbers);
	for (int i = 0; i < 2 && r == 0; i++) {
		if (!numbers[i].value[0])
			continue;
		numbers[i].used_s = now_s;
		snprintf(numbers[i].device, sizeof(numbers[i].device), "%s", device);
		r = store_hardware_link(store, &numbers[i]);
	}
	return r <= 0 ? r : -EIO; /* they were free in this very transaction */
}
