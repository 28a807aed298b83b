/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c - entries of the audit log, their chain and its check; see audit.h. mdm-server only. */
#include "server/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"
#include "server/admin.h"
#include "server/store_audit.h"

#define AUDIT_HOUR_S 3600
#define AUDIT_STEP 500 /* entries that are read at once */

/* --- writing ----------------------------------------------------------------------------- */

static const char *audit_role(const struct tls_peer *peer)
{
	if (peer->kind != TLS_PEER_ADMIN)
		return "none";
	return peer->viewer ? "viewer" : "operator";
}

static int audit_write_body(struct jsonw *w, const struct http_request *request)
{
	char text[2 * SHA256_BYTES + 1];
	uint8_t digest[SHA256_BYTES];

	if (!request->body) {
		jsonw_null(w, "body_sha256");
		return 0;
	}
	if (sha256(request->body, request->n_body, digest) < 0)
		return -EIO;
	hex_encode(digest, sizeof(digest), text);
	jsonw_string(w, "body_sha256", text);
	return 0;
}

static int audit_write(int64_t n, const struct http_request *request, int status, struct buf *out)
{
	const struct http_head *head = request->head;
	_cleanup_buf_ struct buf target = BUF_INIT;
	struct jsonw w = JSONW_INIT(out);
	int r;

	/* The parser took none but characters that JSON has as they are. */
	buf_printf(&target, "%s%s%s", head->path, *head->query ? "?" : "", head->query);
	if (target.error)
		return target.error;
	jsonw_object(&w, NULL);
	jsonw_int(&w, "n", n);
	jsonw_int(&w, "time", clock_realtime_s());
	jsonw_string(&w, "who", request->peer->name);
	jsonw_string(&w, "certificate", request->peer->serial);
	jsonw_string(&w, "role", audit_role(request->peer));
	jsonw_string(&w, "method", http_method_name(request->head->method));
	jsonw_string(&w, "target", target.data);
	r = audit_write_body(&w, request);
	jsonw_int(&w, "status", status);
	jsonw_object_end(&w);
	return r < 0 ? r : out->error;
}

int audit_chain(
	const uint8_t before[SHA256_BYTES], struct span json, uint8_t ret_chain[SHA256_BYTES])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool well = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(context, before, SHA256_BYTES) == 1 &&
		    EVP_DigestUpdate(context, json.at, json.n) == 1 &&
		    EVP_DigestFinal_ex(context, ret_chain, NULL) == 1;

	EVP_MD_CTX_free(context);
	return well ? 0 : -EIO;
}

int audit_append(struct server *server, const struct http_request *request, int status)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct store_audit last, entry;
	int r = store_audit_last(server->store, &last);

	if (r < 0)
		return r;
	entry.n = last.n + 1;
	r = audit_write(entry.n, request, status, &json);
	if (r < 0)
		return r;
	entry.json = (struct span){json.data, json.n_bytes};
	r = audit_chain(last.chain, entry.json, entry.chain);
	return r < 0 ? r : store_audit_append(server->store, &entry);
}

/* Requests that changed nothing, within the hour that began with the first of them. */
static bool audit_has_room(struct server *server)
{
	int64_t now_s = clock_boottime_us() / USEC_PER_SEC;

	if (!server->refusals || now_s - server->refusals_since_s >= AUDIT_HOUR_S) {
		server->refusals = 0;
		server->refusals_since_s = now_s;
	}
	if (server->refusals < BOUND_REFUSALS_PER_HOUR) {
		server->refusals++;
		return true;
	}
	if (server->refusals++ == BOUND_REFUSALS_PER_HOUR)
		log_warning(
			"more than %d requests of administrators changed nothing within an hour; "
			"those that follow are not in the audit log",
			BOUND_REFUSALS_PER_HOUR);
	return false;
}

int audit_record(void *userdata, const struct http_request *request, int status)
{
	struct server *server = userdata;
	int r;

	/* What comes here has changed nothing: it was refused, or said again what is so already. */
	if (!audit_has_room(server)) {
		server->counts.audit_dropped++;
		/* A 403 of a GET says it better, and nothing could have been done with it. */
		return request->head->method == HTTP_GET ? 0 : 429;
	}
	r = store_begin(server->store, STORE_SURVIVES_POWER);
	if (r == 0) {
		r = audit_append(server, request, status);
		if (r == 0)
			r = store_commit(server->store);
		else
			store_rollback(server->store);
	}
	if (r == 0)
		return 0;
	server_note_store(server, r, "write the audit log");
	return 503;
}

/* --- reading ----------------------------------------------------------------------------- */

/* The entry with its chain as its last member, so that who takes that away has what was chained. */
static void audit_write_chained(const struct store_audit *entry, struct buf *out)
{
	char chain[2 * SHA256_BYTES + 1];
	size_t n = entry->json.n ? entry->json.n - 1 : 0; /* without the brace */

	hex_encode(entry->chain, SHA256_BYTES, chain);
	buf_append(out, entry->json.at, n);
	buf_printf(out, ",\"chain\":\"%s\"}", chain);
}

static int audit_write_entry(const struct store_audit *entry, void *userdata)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct admin_page *page = userdata;

	audit_write_chained(entry, &text);
	if (text.error)
		return text.error;
	jsonw_raw(&page->w, NULL, text.data, text.n_bytes);
	page->last_row = entry->n;
	return admin_page_count(page);
}

void audit_list(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	static const char *const allowed[] = {"after", "limit", NULL};
	struct server *server = userdata;
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct admin_page page = {.server = server, .w = JSONW_INIT(&body)};
	struct http_query query;
	int r;

	if (!admin_page_by_row(conn, request, allowed, &query, &page))
		return;
	jsonw_object(&page.w, NULL);
	jsonw_array(&page.w, "entries");
	r = store_audit_list(server->store, page.last_row, page.limit, audit_write_entry, &page);
	admin_page_end(conn, &page, r, ADMIN_NEXT_ALWAYS, "read the audit log");
}

struct audit_check {
	struct audit_verdict *verdict;
	int64_t known_n, seen;
};

static int audit_check_entry(const struct store_audit *entry, void *userdata)
{
	struct audit_check *check = userdata;
	struct audit_verdict *v = check->verdict;
	uint8_t chain[SHA256_BYTES];
	char begin[32];
	int n = snprintf(begin, sizeof(begin), "{\"n\":%" PRId64 ",", v->entries + 1);
	int r = audit_chain(v->chain, entry->json, chain);

	check->seen++;
	if (r < 0)
		return r;
	/* The number in the text, which is chained, and the number it is stored under. */
	if (entry->n != v->entries + 1 || entry->json.n < (size_t)n ||
		memcmp(entry->json.at, begin, (size_t)n) != 0 ||
		CRYPTO_memcmp(chain, entry->chain, SHA256_BYTES) != 0) {
		v->bad = v->entries + 1;
		return STORE_E_STOP;
	}
	v->entries++;
	memcpy(v->chain, chain, SHA256_BYTES);
	if (entry->n == check->known_n) {
		v->known = true;
		memcpy(v->known_chain, chain, SHA256_BYTES);
	}
	return 0;
}

int audit_verify(struct store *store, int64_t known_n, struct audit_verdict *ret_verdict)
{
	struct audit_verdict verdict = {0};
	struct audit_check check = {.verdict = &verdict, .known_n = known_n};
	int r;

	/* In steps, so that no reader holds up a server that is writing. */
	do {
		check.seen = 0;
		r = store_audit_list(store, verdict.entries, AUDIT_STEP, audit_check_entry, &check);
	} while (r == 0 && check.seen == AUDIT_STEP);
	if (r < 0)
		return r;
	*ret_verdict = verdict;
	return 0;
}

/* --- subcommands ------------------------------------------------------------------------- */

/* "N:CHAIN" */
static int audit_known_parse(const char *text, int64_t *ret_n, uint8_t ret_chain[SHA256_BYTES])
{
	const char *colon = strchr(text, ':');
	char number[24];

	if (!colon || (size_t)(colon - text) >= sizeof(number) ||
		hex_decode(colon + 1, ret_chain, SHA256_BYTES) < 0)
		return -EINVAL;
	memcpy(number, text, (size_t)(colon - text));
	number[colon - text] = 0;
	return parse_int64(number, 1, INT64_MAX, ret_n);
}

static int audit_report(const struct audit_verdict *v, int64_t known_n, const uint8_t *known_chain)
{
	char chain[2 * SHA256_BYTES + 1];

	hex_encode(v->chain, SHA256_BYTES, chain);
	if (v->bad) {
		printf("the audit log was changed: entry %" PRId64
		       " does not fit what is before it; the %" PRId64
		       " entries up to there are as they were written\n",
			v->bad, v->entries);
		return 1;
	}
	if (known_n &&
		(!v->known || CRYPTO_memcmp(v->known_chain, known_chain, SHA256_BYTES) != 0)) {
		printf("the audit log was %s: entry %" PRId64 " is not the one that was noted\n",
			v->known ? "rewritten" : "shortened", known_n);
		return 1;
	}
	printf("the audit log is whole: %" PRId64 " entries\n", v->entries);
	if (v->entries)
		printf("note this to notice later if it is shortened: %" PRId64 ":%s\n", v->entries,
			chain);
	return 0;
}

int audit_main_verify(const char *directory, const char *known)
{
	_cleanup_(store_closep) struct store *store = NULL;
	uint8_t known_chain[SHA256_BYTES] = {0};
	struct audit_verdict verdict;
	int64_t known_n = 0;
	char problem[512];
	int r;

	if (known && audit_known_parse(known, &known_n, known_chain) < 0) {
		log_error("\"%.100s\" is not what \"audit verify\" said to note: a number, a "
			  "colon and 64 hexadecimal digits",
			known);
		return 2;
	}
	if (store_open_reading(directory, &store, problem) < 0) {
		log_error("%s", problem);
		return 1;
	}
	r = audit_verify(store, known_n, &verdict);
	if (r < 0) {
		log_error("cannot read the audit log: %s; restore a backup", store_trouble(store));
		return 1;
	}
	return audit_report(&verdict, known_n, known_chain);
}

static int audit_print(const struct store_audit *entry, void *userdata)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	audit_write_chained(entry, &text);
	buf_puts(&text, "\n");
	if (text.error || fwrite(text.data, 1, text.n_bytes, stdout) != text.n_bytes)
		return text.error ? text.error : -EIO;
	*(int64_t *)userdata = entry->n;
	return 0;
}

int audit_main_export(const char *directory)
{
	_cleanup_(store_closep) struct store *store = NULL;
	int64_t last = 0, before;
	char problem[512];
	int r;

	if (store_open_reading(directory, &store, problem) < 0) {
		log_error("%s", problem);
		return 1;
	}
	do {
		before = last;
		r = store_audit_list(store, last, AUDIT_STEP, audit_print, &last);
	} while (r == 0 && last > before);
	if (r == 0 && fflush(stdout) == 0)
		return 0;
	log_error("cannot export the audit log: %s",
		r == -EIO ? "writing to standard output failed" : store_trouble(store));
	return 1;
}
