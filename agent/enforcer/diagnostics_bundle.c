/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnostics_bundle.c - what goes into the bundle; see diagnostics.h. Only what is listed here
 * goes in, and every sentence passes redact.c: no names of users, no secrets, no paths below home
 * directories, no addresses. It reads JSON that this process wrote itself, and none of others.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#include "agent/enforcer/answers.h"
#include "agent/enforcer/diagnostics.h"
#include "agent/enforcer/enforcer.h"
#include "agent/enforcer/redact.h"
#include "agent/json/json_read.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"

#define RECORDS_MAX                                                                                \
	100 /* of the journal: what fits a reader's LIMIT_JSON_MEMBERS with the rest               \
	     */
#define USERS_MAX (REDACT_WORDS / 2)
#define USER_UID_MIN 1000
#define USER_UID_MAX 60000

/* Members of the status that say nothing of whose phone this is. */
static const char *const status_members[] = {"version", "enrolled", "keyset", "policies",
	"certificate", "checkin", "compliance", "refusals", "backends", "sandbox", "clock",
	"journal", "problems", "renewal", "wake", "device_facts", NULL};

/* Members of the payloads of journal records. Not there: devices, servers, names of signers. */
static const char *const record_members[] = {"area", "backend", "bytes", "clock", "detail",
	"everything_restored", "failures", "first", "from", "id", "kept_as", "last", "message",
	"not_journalled_before", "offset", "reason", "records", "security", "serial", "setting",
	"settings", "stage", "state", "stream", "total", "type", "until", "verb", "verdict",
	"version", "what", NULL};

struct bundle {
	struct enforcer *e;
	struct jsonw *w;
	struct redact redact;
};

/* --- text and JSON of our own --------------------------------------------------------------- */

static void bundle_text(struct bundle *b, const char *key, const char *text)
{
	_cleanup_buf_ struct buf clean = BUF_INIT;

	redact_text(&b->redact, text, &clean);
	if (clean.error)
		b->w->out->error = clean.error;
	else
		jsonw_text(b->w, key, clean.data, clean.n_bytes);
}

static bool bundle_lists(const char *const *members, const char *name)
{
	for (; *members; members++)
		if (strcmp(*members, name) == 0)
			return true;
	return false;
}

/* inner: members that may appear below; NULL: all of them. */
static void bundle_copy(
	struct bundle *b, const char *key, struct json_object *value, const char *const *inner)
{
	switch (json_object_get_type(value)) {
	case json_type_null:
		jsonw_null(b->w, key);
		break;
	case json_type_boolean:
		jsonw_bool(b->w, key, json_object_get_boolean(value));
		break;
	case json_type_int:
		jsonw_int(b->w, key, json_object_get_int64(value));
		break;
	case json_type_double: /* the agent writes none */
		jsonw_null(b->w, key);
		break;
	case json_type_string:
		/* The id of a command is made up by its signer, and how it is found again. */
		if (key && strcmp(key, "id") == 0 &&
			hex_is_valid(json_object_get_string(value), 16))
			jsonw_string(b->w, key, json_object_get_string(value));
		else
			bundle_text(b, key, json_object_get_string(value));
		break;
	case json_type_array:
		jsonw_array(b->w, key);
		for (size_t i = 0; i < json_object_array_length(value); i++)
			bundle_copy(b, NULL, json_object_array_get_idx(value, i), inner);
		jsonw_array_end(b->w);
		break;
	case json_type_object:
		jsonw_object(b->w, key);
		json_object_object_foreach(
			value, name, member) if (!inner || bundle_lists(inner, name))
			bundle_copy(b, name, member, inner);
		jsonw_object_end(b->w);
		break;
	}
}

/* --- what goes in --------------------------------------------------------------------------- */

static int bundle_status(struct bundle *b)
{
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_LOCAL_ANSWER_BYTES};
	_cleanup_json_ struct json_object *status = NULL;
	int r;

	answer_status(b->e, &text);
	if (text.error)
		return text.error;
	r = json_parse(text.data, text.n_bytes, &status, NULL);
	if (r < 0)
		return r;
	jsonw_object(b->w, "status");
	json_object_object_foreach(status, name, member) if (bundle_lists(status_members, name))
		bundle_copy(b, name, member, NULL);
	jsonw_object_end(b->w);
	return 0;
}

static void bundle_versions(struct bundle *b)
{
	struct platform_inventory inventory = {0};

	platform_inventory(&b->e->platform, &inventory);
	jsonw_object(b->w, "versions");
	jsonw_string(b->w, "agent", MDM_VERSION);
	jsonw_string(b->w, "os", inventory.os_id);
	jsonw_string(b->w, "os_version", inventory.os_version);
	jsonw_string(b->w, "kernel", inventory.kernel);
	jsonw_string(b->w, "arch", inventory.arch);
	jsonw_string(b->w, "init", inventory.init);
	jsonw_string(b->w, "libcrypto", OpenSSL_version(OPENSSL_VERSION));
	jsonw_string(b->w, "json_c", json_c_version());
	jsonw_object_end(b->w);
}

static void bundle_net(struct bundle *b)
{
	const struct enforcer *e = b->e;

	jsonw_object(b->w, "net");
	jsonw_int(b->w, "failures", e->pacing.failures);
	if (e->last_error[0]) {
		jsonw_string(b->w, "code", ctl_code_name(e->last_error_code));
		bundle_text(b, "message", e->last_error);
	}
	jsonw_object_end(b->w);
}

static void bundle_log(struct bundle *b)
{
	const struct log_ring *ring = &b->e->log;
	size_t n = ring->n_ever < LIMIT_LOG_LINES ? ring->n_ever : LIMIT_LOG_LINES;

	jsonw_array(b->w, "log");
	for (size_t i = ring->n_ever - n; i < ring->n_ever; i++) {
		jsonw_object(b->w, NULL);
		jsonw_int(b->w, "time", ring->times_s[i % LIMIT_LOG_LINES]);
		bundle_text(b, "line", ring->lines[i % LIMIT_LOG_LINES]);
		jsonw_object_end(b->w);
	}
	jsonw_array_end(b->w);
}

static int bundle_record(const struct journal_record *record, void *userdata)
{
	struct bundle *b = userdata;
	_cleanup_json_ struct json_object *data = NULL;
	char boot[9];

	hex_encode(record->boot_id, 4, boot);
	jsonw_object(b->w, NULL);
	jsonw_int(b->w, "seq", (int64_t)record->seq);
	jsonw_int(b->w, "time", record->realtime_us / USEC_PER_SEC);
	jsonw_string(b->w, "boot", boot);
	jsonw_string(b->w, "type", journal_type_name(record->type));
	if (json_parse(record->payload, record->n_payload, &data, NULL) == 0)
		bundle_copy(b, "data", data, record_members);
	jsonw_object_end(b->w);
	return b->w->out->error ? 1 : 0;
}

static void bundle_journal(struct bundle *b, uint64_t n_records)
{
	struct journal *journal = b->e->journal;
	uint64_t last = journal ? journal_last_seq(journal) : 0;

	jsonw_array(b->w, "journal");
	if (journal && n_records)
		(void)journal_each(
			journal, last > n_records ? last - n_records : 0, bundle_record, b);
	jsonw_array_end(b->w);
}

/* --- what must not -------------------------------------------------------------------------- */

/* People's own accounts. */
static int bundle_forbid_users(struct bundle *b)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest;
	size_t n = 0;
	int r = fs_read(b->e->sysroot_fd, "etc/passwd", LIMIT_PLATFORM_FILE_BYTES, &text, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (rest = text; (line = strsep(&rest, "\n")) && n < USERS_MAX && r >= 0;) {
		const char *name = strsep(&line, ":");
		const char *uid_text = (strsep(&line, ":"), line ? strsep(&line, ":") : "");
		int64_t uid;

		if (parse_int64(uid_text, USER_UID_MIN, USER_UID_MAX, &uid) < 0)
			continue;
		r = redact_add(&b->redact, name);
		n++;
	}
	return r;
}

/* Also each part of a name, for sentences rarely have the whole. */
static int bundle_forbid_name(struct bundle *b, const char *name)
{
	char parts[LIMIT_TEXT_BYTES + 1], *rest = parts, *part;
	int r = redact_add(&b->redact, name);

	snprintf(parts, sizeof(parts), "%s", name);
	while (r == 0 && (part = strsep(&rest, " ,;@<>")))
		r = redact_add(&b->redact, part);
	return r;
}

static int bundle_forbid(struct bundle *b)
{
	const struct enforcer *e = b->e;
	int r = 0;

	if (e->documents.has_assignment)
		r = bundle_forbid_name(b, e->documents.assignment.user);
	if (r == 0)
		r = redact_add(&b->redact, e->ticket.secret);
	if (r == 0)
		r = bundle_forbid_users(b);
	return r;
}

/* --- the whole ------------------------------------------------------------------------------ */

static int bundle_write(struct bundle *b, const char *command_id, uint64_t n_records)
{
	struct jsonw w = JSONW_INIT(b->w->out);
	int r;

	*b->w = w;
	jsonw_object(b->w, NULL);
	jsonw_int(b->w, "v", 1);
	jsonw_string(b->w, "command", command_id);
	jsonw_int(b->w, "time", clock_realtime_s());
	bundle_versions(b);
	r = bundle_status(b);
	if (r < 0)
		return r;
	bundle_net(b);
	bundle_log(b);
	bundle_journal(b, n_records);
	jsonw_object_end(b->w);
	return b->w->out->error;
}

int diagnostics_write(struct enforcer *e, const char *command_id, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);
	struct bundle b = {.e = e, .w = &w};
	uint64_t n_records = RECORDS_MAX;
	int r = bundle_forbid(&b);

	out->max_bytes = LIMIT_DIAGNOSTICS_BYTES;
	while (r == 0) {
		buf_reset(out);
		r = bundle_write(&b, command_id, n_records);
		if (r != -EFBIG || n_records == 0)
			break;
		/* The newest half of them still tells most. */
		n_records /= 2;
		r = 0;
	}
	redact_done(&b.redact);
	return r;
}
