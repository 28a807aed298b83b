/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol.c - EST over HTTP (RFC 7030): cacerts and simpleenroll with a ticket. mdm-server only.
 *
 * The ticket is used up, the device recorded and its certificate kept in one transaction before
 * the answer. A phone that lost the answer asks again with the same ticket and key, and gets the
 * same certificate; another key does not.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <strings.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "server/est.h"
#include "server/server.h"
#include "server/zero_touch.h"

#define ENROL_HEADERS "Content-Transfer-Encoding: base64\r\n"
#define ENROL_CHALLENGE "WWW-Authenticate: Basic realm=\"mdm ticket\", charset=\"UTF-8\"\r\n"

enum enrol_verdict {
	ENROL_NEW,
	ENROL_AGAIN, /* same ticket, same key */
	ENROL_UNKNOWN,
	ENROL_EXPIRED,
	ENROL_USED, /* by another key */
	ENROL_WITHDRAWN,
	ENROL_UNLISTED, /* zero-touch: the allow-list has no such phone … */
	ENROL_TAKEN,	/* … or it enrolled already */
};

struct enrol {
	struct est_credentials credentials;
	struct est_csr csr;
	struct store_ticket ticket;
	struct zero_touch claim; /* if it is one for zero-touch */
	struct guard_asker asker;
	int64_t now_s;
};

void enrol_cacerts(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct server *server = userdata;

	(void)request;
	http_answer(conn, &(struct http_answer){
				  .status = 200,
				  .content_type = "application/pkcs7-mime",
				  .headers = ENROL_HEADERS,
				  .body = server->cacerts,
				  .n_body = server->n_cacerts,
			  });
}

/* Reads the ticket and compares the secret. 0 with *ret_right, or negative trouble of the store. */
static int enrol_authenticate(struct server *server, struct enrol *e, bool *ret_right)
{
	uint8_t digest[SHA256_BYTES];
	int r = store_ticket_get(server->store, e->credentials.id, &e->ticket);
	bool known = r == 0, equal;

	if (r < 0)
		return r;
	if (sha256(e->credentials.secret, strlen(e->credentials.secret), digest) < 0)
		return -EIO;
	/* The same work for a ticket that is not there, so that ids cannot be probed by time. */
	equal = CRYPTO_memcmp(digest, e->ticket.secret_sha256, sizeof(digest)) == 0;
	*ret_right = known && equal;
	return 0;
}

/* The ticket of an image: its allow-list says who may use it, each entry once. */
static int enrol_judge_zero_touch(
	struct server *server, struct enrol *e, enum enrol_verdict *ret_verdict)
{
	static const enum enrol_verdict verdicts[] = {
		[ZERO_TOUCH_NEW] = ENROL_NEW,
		[ZERO_TOUCH_AGAIN] = ENROL_AGAIN,
		[ZERO_TOUCH_UNLISTED] = ENROL_UNLISTED,
		[ZERO_TOUCH_TAKEN] = ENROL_TAKEN,
	};
	enum zero_touch_verdict verdict;
	int r = zero_touch_judge(server->store, e->ticket.id, e->csr.device, &e->claim, &verdict);

	if (r == 0)
		*ret_verdict = verdicts[verdict];
	return r;
}

/*
 * Who was withdrawn needs a ticket that an administrator made since: neither the old answer once
 * more nor a ticket that lies in every image.
 */
static int enrol_judge_withdrawn(
	struct server *server, struct enrol *e, enum enrol_verdict *ret_verdict)
{
	struct store_device device;
	int r = store_device_get(server->store, e->csr.device, &device);

	if (r == STORE_E_NOT_FOUND && *ret_verdict == ENROL_NEW)
		return 0;
	if (r == 0 && device.withdrawn_s)
		*ret_verdict = ENROL_WITHDRAWN;
	return r <= 0 ? r : -EBADMSG;
}

/* Inside a transaction. 0 with a verdict, or negative trouble of the store. */
static int enrol_judge(struct server *server, struct enrol *e, enum enrol_verdict *ret_verdict)
{
	bool right;
	int r = enrol_authenticate(server, e, &right);

	if (r < 0)
		return r;
	if (!right)
		*ret_verdict = ENROL_UNKNOWN;
	else if (e->ticket.expires_s <= e->now_s)
		*ret_verdict = ENROL_EXPIRED;
	else if (e->ticket.zero_touch)
		r = enrol_judge_zero_touch(server, e, ret_verdict);
	else if (!e->ticket.used_s)
		*ret_verdict = ENROL_NEW;
	else if (strcmp(e->ticket.device, e->csr.device) == 0)
		*ret_verdict = ENROL_AGAIN;
	else
		*ret_verdict = ENROL_USED;
	if (r == 0 && (*ret_verdict == ENROL_AGAIN ||
			      (*ret_verdict == ENROL_NEW && e->ticket.zero_touch)))
		r = enrol_judge_withdrawn(server, e, ret_verdict);
	return r;
}

/* Inside a transaction. */
static int enrol_record(struct server *server, struct enrol *e, struct buf *der)
{
	struct est_validity validity = {.now_s = e->now_s, .days = server->certificate_days};
	struct store_device device = {.enrolled_s = e->now_s};
	int r = est_issue(&server->pki, &e->csr, validity, der, &device.certificate_until_s);

	if (r < 0)
		return r;
	memcpy(device.id, e->csr.device, sizeof(device.id));
	memcpy(device.ticket, e->ticket.id, sizeof(device.ticket));
	r = e->ticket.zero_touch
		    ? zero_touch_use(server->store, e->ticket.id, &e->claim, device.id, e->now_s)
		    : store_ticket_use(server->store, e->ticket.id, device.id, e->now_s);
	if (r)
		return r < 0 ? r : -EIO;
	return store_device_enrol(server->store, &device, der->data, der->n_bytes);
}

static int enrol_kept(struct server *server, struct enrol *e, struct buf *der)
{
	uint8_t kept[STORE_CERT_BYTES];
	size_t n;
	int r = store_certificate_get(server->store, e->csr.device, kept, &n);

	/* What it says of itself only now, or what was listed since. */
	if (r == 0 && e->ticket.zero_touch)
		r = zero_touch_use(server->store, e->ticket.id, &e->claim, e->csr.device, e->now_s);
	if (r)
		return r < 0 ? r : -EBADMSG;
	buf_append(der, kept, n);
	return der->error;
}

static int enrol_transact(
	struct server *server, struct enrol *e, enum enrol_verdict *ret_verdict, struct buf *der)
{
	int r = store_begin(server->store, STORE_SURVIVES_POWER);

	if (r < 0)
		return r;
	r = enrol_judge(server, e, ret_verdict);
	if (r == 0 && *ret_verdict == ENROL_NEW)
		r = enrol_record(server, e, der);
	else if (r == 0 && *ret_verdict == ENROL_AGAIN)
		r = enrol_kept(server, e, der);
	if (r == 0)
		return store_commit(server->store);
	store_rollback(server->store);
	return r;
}

bool enrol_can_issue(struct server *server, struct http_conn *conn, int64_t now_s)
{
	if (est_can_issue(&server->pki, now_s))
		return true;
	log_error("the device CA has expired: no certificates can be issued; replace it with "
		  "\"mdmctl ca\" and reload");
	http_refuse(conn, 503, "ca_expired",
		"the server's CA has expired; an administrator has to replace it");
	return false;
}

void enrol_answer(struct http_conn *conn, const struct buf *der)
{
	const unsigned char *at = (const unsigned char *)der->data;
	_cleanup_(X509_freep) X509 *x509 = d2i_X509(NULL, &at, (long)der->n_bytes);
	_cleanup_buf_ struct buf body = BUF_INIT;

	if (!x509 || est_certs_only(&x509, 1, &body) < 0) {
		log_error("cannot write an issued certificate; the device will ask again");
		http_refuse(conn, 503, "failed", "the server could not answer; try again");
		return;
	}
	http_answer(conn, &(struct http_answer){
				  .status = 200,
				  .content_type = "application/pkcs7-mime; smime-type=certs-only",
				  .headers = ENROL_HEADERS,
				  .body = body.data,
				  .n_body = body.n_bytes,
			  });
}

static void enrol_unknown(struct server *server, struct http_conn *conn, const struct enrol *e)
{
	guard_count_failure(&server->guard, &e->asker, clock_boottime_us());
	log_warning("enrolment refused: ticket %s is unknown or its secret is wrong",
		e->credentials.id);
	http_refuse_with(conn, 401, ENROL_CHALLENGE,
		"the ticket is not known here or its secret is wrong; ask for a new one");
}

static void enrol_unlisted(struct server *server, struct http_conn *conn, const struct enrol *e)
{
	/* By address alone: one phone that is not listed must not lock out those that are. */
	struct guard_asker asker = {.address = e->asker.address, .ticket = ""};

	guard_count_failure(&server->guard, &asker, clock_boottime_us());
	server->counts.hardware_refused++;
	log_warning("enrolment refused: ticket %s is not for a phone with serial number \"%s\", "
		    "IMEI \"%s\"",
		e->ticket.id, e->claim.serial, e->claim.imei);
	http_refuse(conn, 403, "unlisted",
		*e->claim.serial || *e->claim.imei
			? "this phone is not on the list of those that enrol by themselves; ask "
			  "for a ticket"
			: "this phone says neither a serial number nor an IMEI of its own; ask for "
			  "a ticket");
}

static void enrol_decide(struct server *server, struct http_conn *conn, struct enrol *e)
{
	_cleanup_buf_ struct buf der = BUF_INIT;
	enum enrol_verdict verdict = ENROL_UNKNOWN;
	int r = enrol_transact(server, e, &verdict, &der);

	if (r < 0) {
		server_store_failed(server, conn, r, "enrol a device");
		return;
	}
	server_note_store(server, 0, NULL);
	switch (verdict) {
	case ENROL_NEW:
		log_info("device %s enrolled with ticket %s", e->csr.device, e->ticket.id);
		enrol_answer(conn, &der);
		break;
	case ENROL_AGAIN:
		log_info("device %s asked again with ticket %s", e->csr.device, e->ticket.id);
		enrol_answer(conn, &der);
		break;
	case ENROL_UNKNOWN:
		enrol_unknown(server, conn, e);
		break;
	case ENROL_EXPIRED:
		log_warning("enrolment refused: ticket %s has expired", e->ticket.id);
		http_refuse(conn, 403, "expired", "the ticket has expired; ask for a new one");
		break;
	case ENROL_USED:
		log_warning("enrolment refused: ticket %s was used by device %s, now comes %s",
			e->ticket.id, e->ticket.device, e->csr.device);
		http_refuse(conn, 403, "used",
			"the ticket has been used by another device; ask for a new one");
		break;
	case ENROL_WITHDRAWN:
		log_warning("enrolment refused: device %s was withdrawn", e->csr.device);
		http_refuse(
			conn, 403, "withdrawn", "this device was withdrawn; it needs a new ticket");
		break;
	case ENROL_UNLISTED:
		enrol_unlisted(server, conn, e);
		break;
	case ENROL_TAKEN:
		server->counts.hardware_refused++;
		log_warning("enrolment refused: a phone with serial number \"%s\", IMEI \"%s\" "
			    "enrolled already with ticket %s, now comes %s",
			e->claim.serial, e->claim.imei, e->ticket.id, e->csr.device);
		http_refuse(conn, 403, "used",
			"a phone with this serial number or IMEI was already used to enrol; an "
			"administrator can free its entry");
		break;
	}
}

/* "application/pkcs10", with or without parameters, in any case. */
bool enrol_is_pkcs10(const char *content_type)
{
	static const char wanted[] = "application/pkcs10";
	size_t n = strcspn(content_type, "; \t");

	return n == strlen(wanted) && strncasecmp(content_type, wanted, n) == 0;
}

/* Not after too many wrong secrets: then even the right one has to wait. */
static bool enrol_may_try(struct server *server, struct http_conn *conn, const struct enrol *e)
{
	char header[48];
	int64_t wait_s;

	if (guard_admits_enrolment(&server->guard, &e->asker, clock_boottime_us(), &wait_s))
		return true;
	snprintf(header, sizeof(header), "Retry-After: %" PRId64 "\r\n", wait_s);
	http_refuse_with(conn, 429, header,
		"too many wrong secrets came from this address or for this ticket; try again later");
	return false;
}

static void enrol_read(struct server *server, struct http_conn *conn,
	const struct http_request *request, struct enrol *e)
{
	bool right;
	int r;

	e->asker = (struct guard_asker){.address = request->address, .ticket = e->credentials.id};
	/* Before the ticket is looked at: it must not be used up for nothing. */
	if (!enrol_may_try(server, conn, e) || !enrol_can_issue(server, conn, e->now_s))
		return;
	r = enrol_authenticate(server, e, &right);
	if (r < 0) {
		server_store_failed(server, conn, r, "read a ticket");
		return;
	}
	/* Who has no ticket does not get a request parsed. */
	if (!right) {
		enrol_unknown(server, conn, e);
		return;
	}
	r = est_csr_parse(request->body, request->n_body, &e->csr);
	if (r < 0)
		http_refuse(
			conn, 503, "failed", "the server could not read the request; try again");
	else if (r > 0)
		http_refuse(conn, 400, "request", est_problem_text((enum est_problem)r));
	else if (e->ticket.zero_touch && zero_touch_read(e->csr.request, &e->claim) < 0)
		http_refuse(conn, 400, "request",
			"the subject of the request must have one serial number and one IMEI at "
			"most, as text");
	else
		enrol_decide(server, conn, e);
}

void enrol_simple(void *userdata, struct http_conn *conn, const struct http_request *request)
{
	struct enrol e = {.now_s = clock_realtime_s()};

	if (!enrol_is_pkcs10(request->head->content_type))
		http_refuse(conn, 415, "type", "the content type must be application/pkcs10");
	else if (est_credentials_parse(request->head->authorization, &e.credentials) < 0)
		http_refuse_with(conn, 401, ENROL_CHALLENGE,
			"HTTP Basic with ticket id and secret is needed here");
	else
		enrol_read(userdata, conn, request, &e);
	explicit_bzero(&e.credentials, sizeof(e.credentials));
	est_csr_done(&e.csr);
}
