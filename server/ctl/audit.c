/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c - reads and checks the audit log of mdm-server; see audit.h. Pure. */
#include "server/ctl/audit.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "server/ctl/reader.h"

void audit_page_done(struct audit_page *page)
{
	free(page->rows);
	json_object_put(page->json);
	*page = (struct audit_page){0};
}

static void read_entry(struct reader *reader, struct json_object *object, struct audit_entry *entry)
{
	char chain[2 * SHA256_BYTES + 1];

	entry->json = object;
	entry->n = reader_int(reader, object, "n");
	entry->time_s = reader_int(reader, object, "time");
	entry->status = reader_int(reader, object, "status");
	reader_text(reader, object, "who", entry->who, sizeof(entry->who));
	reader_text(reader, object, "role", entry->role, sizeof(entry->role));
	reader_text(reader, object, "method", entry->method, sizeof(entry->method));
	reader_text(reader, object, "target", entry->target, sizeof(entry->target));
	reader_text(reader, object, "chain", chain, sizeof(chain));
	if (!reader->bad && hex_decode(chain, entry->chain, SHA256_BYTES) < 0) {
		json_fail(
			&reader->error, "chain", "must be %d hexadecimal digits", 2 * SHA256_BYTES);
		reader->bad = true;
	}
}

int audit_page_read(
	const char *text, size_t n_bytes, struct audit_page *ret_page, struct fault *fault)
{
	_cleanup_(audit_page_done) struct audit_page page = {0};
	struct reader reader = {.path = ""};
	struct json_object *array = NULL;
	int r = reader_parse(&reader, text, n_bytes, &page.json, fault);

	if (!r)
		r = reader_rows(&reader, page.json, "entries", &array, &page.n_rows, fault);
	if (r)
		return r;
	page.next = reader_int(&reader, page.json, "next");
	page.rows = calloc(page.n_rows + 1, sizeof(page.rows[0]));
	if (!page.rows)
		return fault_errno(fault, ENOMEM, "answer of the server");
	for (size_t i = 0; i < page.n_rows; i++)
		read_entry(&reader, json_object_array_get_idx(array, i), &page.rows[i]);
	if (reader.bad)
		return reader_fault(&reader, fault);
	*ret_page = page;
	page = (struct audit_page){0};
	return 0;
}

/* The bytes that the server chained: the entry in the order in which it came, without its chain. */
static int audit_text(const struct audit_entry *entry, struct buf *out)
{
	_cleanup_json_ struct json_object *copy = json_object_new_object();
	const char *text;

	if (!copy)
		return -ENOMEM;
	json_object_object_foreach(entry->json, name, value)
	{
		if (strcmp(name, "chain") == 0)
			continue;
		if (json_object_object_add(copy, name, json_object_get(value)) < 0)
			return -ENOMEM;
	}
	text = json_object_to_json_string_ext(
		copy, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return -ENOMEM;
	buf_puts(out, text);
	return out->error;
}

int audit_follow(struct audit_head *head, const struct audit_entry *entry, struct fault *fault)
{
	_cleanup_buf_ struct buf chained = BUF_INIT;
	uint8_t chain[SHA256_BYTES];
	int r;

	if (entry->n != head->n + 1)
		return fault_set(fault, FAULT_REFUSED,
			"the audit log goes on with entry %" PRId64 " after entry %" PRId64
			": entries were removed. Take the server for taken over",
			entry->n, head->n);
	buf_append(&chained, head->chain, sizeof(head->chain));
	r = audit_text(entry, &chained);
	if (r == 0 && sha256(chained.data, chained.n_bytes, chain) < 0)
		r = -EIO;
	if (r < 0)
		return fault_errno(fault, r, "audit log");
	if (memcmp(chain, entry->chain, sizeof(chain)) != 0)
		return fault_set(fault, FAULT_REFUSED,
			"entry %" PRId64
			" of the audit log does not follow from the one before it: "
			"the log was altered. Take the server for taken over",
			entry->n);
	head->n = entry->n;
	memcpy(head->chain, chain, sizeof(chain));
	return 0;
}

int audit_head_parse(const char *text, struct audit_head *ret_head)
{
	const char *space = strchr(text, ' ');
	char number[24], hex[2 * SHA256_BYTES + 1];
	size_t n = space ? (size_t)(space - text) : sizeof(number);
	struct audit_head head;

	if (n >= sizeof(number) || strlen(space + 1) != 2 * SHA256_BYTES + 1 ||
		space[1 + 2 * SHA256_BYTES] != '\n')
		return -EINVAL;
	memcpy(number, text, n);
	number[n] = 0;
	memcpy(hex, space + 1, 2 * SHA256_BYTES);
	hex[2 * SHA256_BYTES] = 0;
	if (parse_int64(number, 1, INT64_MAX, &head.n) < 0 ||
		hex_decode(hex, head.chain, SHA256_BYTES) < 0)
		return -EINVAL;
	*ret_head = head;
	return 0;
}

void audit_head_format(const struct audit_head *head, char ret_text[96])
{
	char hex[2 * SHA256_BYTES + 1];

	hex_encode(head->chain, SHA256_BYTES, hex);
	snprintf(ret_text, 96, "%" PRId64 " %s\n", head->n, hex);
}
