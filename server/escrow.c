/* SPDX-License-Identifier: Apache-2.0 */
/* escrow.c - sealed secrets as phones send them; see escrow.h. mdm-server only. */
#include "server/escrow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"

#define ESCROW_GENERATION_MAX ((INT64_C(1) << 53) - 1)
#define ESCROW_BASE64_BYTES (LIMIT_ESCROW_BYTES / 3 * 4 + 8)

struct escrow_entry {
	struct store_escrow row;
	uint8_t cms[LIMIT_ESCROW_BYTES];
};

/* What phones are sealing to is told in hexadecimal, each once, in their order. */
static int escrow_certificates(struct span value, char ret_text[STORE_ESCROW_CERTIFICATES_BYTES])
{
	char digest[2 * SHA256_BYTES + 1];
	struct json_walk walk;
	struct span key, element;
	size_t n = 0, n_bytes = 0;

	ret_text[0] = 0;
	if (!value.at || !json_is_array(value) || !json_walk_begin(value, &walk))
		return -EBADMSG;
	while (json_walk_next(&walk, &key, &element)) {
		if (n++ == LIMIT_ESCROW_CERTIFICATES ||
			json_string(element, digest, sizeof(digest)) < 0 ||
			!hex_is_valid(digest, SHA256_BYTES))
			return -EBADMSG;
		n_bytes += (size_t)snprintf(ret_text + n_bytes,
			STORE_ESCROW_CERTIFICATES_BYTES - n_bytes, "%s%s", n_bytes ? "," : "",
			digest);
	}
	return n ? 0 : -EBADMSG;
}

static int escrow_read(struct span value, struct escrow_entry *ret_entry)
{
	char text[ESCROW_BASE64_BYTES + 1];
	struct store_escrow *row = &ret_entry->row;
	struct span member;
	int64_t counter;
	size_t n = 0;

	*row = (struct store_escrow){0};
	if (!json_is_object(value))
		return -EBADMSG;
	if (json_member(value, "kind", &member) < 0 ||
		json_string(member, row->kind, sizeof(row->kind)) < 0 || !name_is_valid(row->kind))
		return -EBADMSG;
	if (json_member(value, "generation", &member) < 0 ||
		json_integer(member, 1, ESCROW_GENERATION_MAX, &row->generation) < 0)
		return -EBADMSG;
	/* Of codes, how many were used. Other kinds have none. */
	if (json_member(value, "counter", &member) < 0 ||
		(member.at && json_integer(member, 0, ESCROW_GENERATION_MAX, &counter) < 0))
		return -EBADMSG;
	if (json_member(value, "certificates", &member) < 0 ||
		escrow_certificates(member, row->certificates) < 0)
		return -EBADMSG;
	if (json_member(value, "cms", &member) < 0 || json_string(member, text, sizeof(text)) < 0 ||
		base64_decode(text, strlen(text), ret_entry->cms, sizeof(ret_entry->cms), &n) < 0 ||
		n == 0)
		return -EBADMSG;
	row->cms = (struct span){(const char *)ret_entry->cms, n};
	return 0;
}

/* The entries of a body; .at NULL where it has none. */
static int escrow_entries(struct span body, struct span *ret_entries)
{
	if (json_member(body, "entries", ret_entries) < 0)
		return -EBADMSG;
	return !ret_entries->at || json_is_array(*ret_entries) ? 0 : -EBADMSG;
}

int escrow_check(struct span body, const char **ret_problem)
{
	struct escrow_entry entry;
	struct json_walk walk;
	struct span entries, key, value;
	size_t n = 0;

	*ret_problem = "\"escrow.entries\" must be an array of at most 8 entries";
	if (escrow_entries(body, &entries) < 0)
		return -EBADMSG;
	if (!entries.at || !json_walk_begin(entries, &walk))
		return 0;
	while (json_walk_next(&walk, &key, &value)) {
		if (n++ == LIMIT_ESCROW_ENTRIES)
			return -EBADMSG;
		*ret_problem = "an entry of \"escrow\" needs kind, generation, certificates and at "
			       "most 4096 bytes of cms in base64";
		if (escrow_read(value, &entry) < 0)
			return -EBADMSG;
	}
	return 0;
}

int escrow_keep(struct store *store, const struct report *report, struct span body, int64_t now_s)
{
	struct escrow_entry entry;
	struct json_walk walk;
	struct span entries, key, value;
	bool full = false;
	int r;

	if (escrow_entries(body, &entries) < 0 || !entries.at || !json_walk_begin(entries, &walk))
		return 0;
	while (json_walk_next(&walk, &key, &value)) {
		if (escrow_read(value, &entry) < 0)
			return -EIO; /* it was checked */
		memcpy(entry.row.device, report->device, sizeof(entry.row.device));
		memcpy(entry.row.enrolment, report->enrolment, sizeof(entry.row.enrolment));
		entry.row.received_s = now_s;
		r = store_escrow_add(store, &entry.row);
		if (r < 0)
			return r;
		full |= r == STORE_E_FULL;
	}
	return full ? STORE_E_FULL : 0;
}
