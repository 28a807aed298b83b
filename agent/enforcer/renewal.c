/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renewal.c - renewing the phone's certificate; see renewal.h. Enforcer, root: starts the net role,
 * renames in its directory, reads nothing of what is there.
 */
#include "agent/enforcer/renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/renewal_machine.h"
#include "agent/enforcer/wake.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"

#define RENEWAL_CANDIDATE "certificate-new.pem" /* as agent/net/identity.c writes it */
#define RENEWAL_CERTIFICATE "certificate.pem"

/* Below these parts of a certificate's life people are told. */
#define RENEWAL_ALARM_PART 3
#define RENEWAL_TIMER_MAX_US (INT64_C(86400) * USEC_PER_SEC)
#define RENEWAL_JOURNAL_S 86400 /* at most one warning a day */

enum renewal_alarm {
	RENEWAL_FINE,
	RENEWAL_EXPIRING,
	RENEWAL_EXPIRED,
};

struct renewal {
	struct renewal_machine machine;
	sd_event_source *timer;
	char reason[LIMIT_TEXT_BYTES + 1]; /* why the last attempt failed; "": it did not */
	enum renewal_alarm alarm;	   /* last one in the journal */
	int64_t alarm_us;		   /* and when; 0: never */
};

/* --- facts ------------------------------------------------------------------------------- */

int64_t renewal_now_s(const struct enforcer *e)
{
	/* A clock that runs ahead must not make a certificate look old. */
	if (e->server_date_s)
		return e->server_date_s +
		       (clock_boottime_us() - e->server_date_at_us) / USEC_PER_SEC;
	return highwater_tls_now(&e->state.facts.highwater, clock_realtime_s());
}

static struct renewal_now renewal_now(const struct enforcer *e)
{
	return (struct renewal_now){
		.now_s = renewal_now_s(e),
		.now_us = clock_boottime_us(),
		.random = checkin_random(),
	};
}

/* The pins to follow: the keyset's, else the ticket's. How many; 0: an older agent enrolled. */
static size_t renewal_pins(
	const struct enforcer *e, uint8_t ret_pins[LIMIT_TICKET_PINS][SHA256_BYTES])
{
	static const uint8_t none[SHA256_BYTES];
	const struct keyset *keyset = e->documents.keyset;
	size_t n = 0;

	if (keyset && keyset->n_ca_pins) {
		memcpy(ret_pins, keyset->ca_pins, sizeof(keyset->ca_pins));
		return keyset->n_ca_pins;
	}
	for (size_t i = 0; i < LIMIT_TICKET_PINS; i++)
		if (memcmp(e->state.facts.ca_pins[i], none, SHA256_BYTES) != 0)
			memcpy(ret_pins[n++], e->state.facts.ca_pins[i], SHA256_BYTES);
	return n;
}

void renewal_identity(const struct enforcer *e, struct msg_net_identity *ret_identity)
{
	*ret_identity = (struct msg_net_identity){0};
	snprintf(
		ret_identity->key_uri, sizeof(ret_identity->key_uri), "%s", e->state.facts.key_uri);
	ret_identity->n_ca_pins = (uint32_t)renewal_pins(e, ret_identity->ca_pins);
}

/* Whether the anchors that are held were chosen by these pins; they are noted if nobody knows. */
static bool renewal_follows(struct enforcer *e, const void *pins, size_t n_pins, bool note)
{
	static const uint8_t unknown[SHA256_BYTES];
	uint8_t digest[SHA256_BYTES];

	if (sha256(pins, n_pins * SHA256_BYTES, digest) < 0)
		return true;
	if (note || memcmp(e->state.facts.anchors_pins, unknown, sizeof(unknown)) == 0)
		memcpy(e->state.facts.anchors_pins, digest, sizeof(digest));
	return memcmp(e->state.facts.anchors_pins, digest, sizeof(digest)) == 0;
}

static void renewal_journal(
	struct enforcer *e, const char *what, int64_t until_s, const char *reason)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", what);
	jsonw_int(&w, "until", until_s);
	if (reason && reason[0])
		jsonw_string(&w, "reason", reason);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_CERTIFICATE, &payload);
}

/* --- people ------------------------------------------------------------------------------ */

static void renewal_journal_alarm(struct enforcer *e, enum renewal_alarm alarm)
{
	struct renewal *renewal = e->renewal;
	int64_t now_us = clock_boottime_us();
	bool soon =
		renewal->alarm_us && now_us - renewal->alarm_us < RENEWAL_JOURNAL_S * USEC_PER_SEC;

	if (alarm == RENEWAL_FINE || (alarm <= renewal->alarm && soon))
		return;
	renewal->alarm = alarm;
	renewal->alarm_us = now_us;
	renewal_journal(e, alarm == RENEWAL_EXPIRED ? "expired" : "expiring",
		renewal->machine.until_s, renewal->reason);
}

/* "; renewing fails since …: reason", or nothing. */
static void renewal_explain(const struct enforcer *e, char ret_text[LIMIT_TEXT_BYTES + 1])
{
	const struct renewal *renewal = e->renewal;
	char since[24];

	ret_text[0] = 0;
	if (!e->state.facts.renewal_failing_s)
		return;
	clock_format(e->state.facts.renewal_failing_s, since);
	snprintf(ret_text, LIMIT_TEXT_BYTES + 1, "; renewing it fails since %s%s%.180s", since,
		renewal->reason[0] ? ": " : "", renewal->reason);
}

void renewal_note_problem(struct enforcer *e)
{
	const struct renewal_machine *m = &e->renewal->machine;
	int64_t left_s = m->until_s - renewal_now_s(e), life_s = m->until_s - m->from_s;
	uint8_t pins[LIMIT_TICKET_PINS][SHA256_BYTES];
	char until[24], why[LIMIT_TEXT_BYTES + 1];
	enum renewal_alarm alarm = RENEWAL_FINE;
	bool possible = renewal_pins(e, pins) > 0;

	if (m->until_s && left_s <= 0)
		alarm = RENEWAL_EXPIRED;
	else if (m->until_s && left_s < life_s / RENEWAL_ALARM_PART &&
		 (e->state.facts.renewal_failing_s || !possible))
		alarm = RENEWAL_EXPIRING;
	if (alarm == RENEWAL_FINE) {
		enforcer_problem(e, PROBLEM_CERTIFICATE, NULL, NULL);
		return;
	}
	clock_format(m->until_s, until);
	renewal_explain(e, why);
	enforcer_problem(e, PROBLEM_CERTIFICATE,
		!possible
			? "An older agent enrolled this phone without keeping what renewing needs: "
			  "unenrol and enrol again with a new ticket."
		: alarm == RENEWAL_EXPIRED
			? "The policy stays in force and the agent goes on trying; if the server "
			  "refuses it for good, unenrol and enrol again with a new ticket."
			: "The agent goes on trying; `agentctl sync` tries at once.",
		"the phone's certificate %s on %s%.150s",
		alarm == RENEWAL_EXPIRED ? "expired" : "expires", until, why);
	renewal_journal_alarm(e, alarm);
}

void renewal_write(struct enforcer *e, struct jsonw *w, const char *key)
{
	struct renewal_machine *m = &e->renewal->machine;
	struct renewal_now now = renewal_now(e);
	int64_t due_us = renewal_machine_due_us(m, &now);

	jsonw_object(w, key);
	jsonw_string(w, "state", renewal_state_name(m->state));
	if (due_us >= 0)
		jsonw_int(w, "next_in_s", due_us / USEC_PER_SEC);
	else
		jsonw_null(w, "next_in_s");
	if (e->state.facts.renewal_failing_s)
		jsonw_int(w, "failing_since", e->state.facts.renewal_failing_s);
	else
		jsonw_null(w, "failing_since");
	jsonw_string(w, "reason", e->renewal->reason[0] ? e->renewal->reason : NULL);
	jsonw_object_end(w);
}

void renewal_write_report(const struct enforcer *e, struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_int(w, "until", e->renewal->machine.until_s);
	jsonw_int(w, "failing_since", e->state.facts.renewal_failing_s);
	jsonw_object_end(w);
}

/* --- an attempt -------------------------------------------------------------------------- */

static void renewal_failed(struct enforcer *e, const char *message, int64_t retry_after_s)
{
	struct renewal *renewal = e->renewal;
	struct renewal_now now = renewal_now(e);

	log_warning("renewing the phone's certificate failed: %s", message);
	snprintf(renewal->reason, sizeof(renewal->reason), "%s", message);
	if (!e->state.facts.renewal_failing_s) {
		e->state.facts.renewal_failing_s = now.now_s;
		enforcer_save(e);
	}
	renewal_machine_failed(&renewal->machine, &now, retry_after_s);
	renewal_note_problem(e);
}

static void renewal_succeeded(struct enforcer *e, const struct msg_net_renewed *renewed)
{
	struct state_facts *facts = &e->state.facts;
	uint8_t pins[LIMIT_TICKET_PINS][SHA256_BYTES] = {0};
	size_t n_pins = renewal_pins(e, pins);

	checkin_note_time(e, renewed->server_date_s, renewed->server_cert_until_s);
	facts->candidate_from_s = renewed->certificate_from_s;
	facts->candidate_until_s = renewed->certificate_until_s;
	facts->n_anchors = renewed->n_anchors;
	(void)renewal_follows(e, pins, n_pins, true);
	enforcer_save(e);
	renewal_machine_renewed(&e->renewal->machine);
	renewal_journal(e, "renewed", facts->candidate_until_s, NULL);
	log_info("a new certificate is here and will be proven by the next check-in");
	pacing_request(&e->pacing, clock_boottime_us(), checkin_random(), false);
}

static void renewal_done(const struct exchange_result *result, void *userdata)
{
	struct enforcer *e = userdata;

	reactions_release(e, REACTIONS_EXCHANGE);
	checkin_note_facts(e, result);
	if (result->end == EXCHANGE_RENEWED)
		renewal_succeeded(e, &result->renewed);
	else
		renewal_failed(e, result->failed.message, result->failed.retry_after_s);
	checkin_schedule(e);
	renewal_update(e);
}

static void renewal_start(struct enforcer *e)
{
	_cleanup_close_ int identity_fd = checkin_identity_dir(e);
	struct msg_net_renew order = {.timeout_s = LIMIT_EXCHANGE_SECONDS};
	struct exchange_start start = {
		.event = e->event,
		.options = &e->exchange_options,
		.identity_fd = identity_fd,
		.done = renewal_done,
		.userdata = e,
		.slot = &e->exchange,
	};
	int r = identity_fd;

	renewal_machine_begin(&e->renewal->machine);
	if (r >= 0) {
		snprintf(order.server, sizeof(order.server), "%s", e->state.facts.server);
		snprintf(order.est, sizeof(order.est), "%s", e->state.facts.est);
		renewal_identity(e, &order.identity);
		order.floor_s = highwater_tls_now(&e->state.facts.highwater, 0);
		r = exchange_renew(&start, &order);
	}
	if (r < 0) {
		renewal_failed(e, strerror(-r), -1);
		return;
	}
	reactions_hold(e, REACTIONS_EXCHANGE);
	wake_update(e);
}

static int renewal_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct enforcer *e = userdata;

	(void)source;
	(void)usec;
	renewal_update(e);
	return 0;
}

static void renewal_arm(struct enforcer *e, int64_t due_us)
{
	struct renewal *renewal = e->renewal;
	uint64_t at_us;

	renewal->timer = sd_event_source_unref(renewal->timer);
	if (due_us < 0)
		return;
	/* What it waits for is told by a clock that may be set meanwhile. */
	if (due_us > RENEWAL_TIMER_MAX_US)
		due_us = RENEWAL_TIMER_MAX_US;
	at_us = (uint64_t)(clock_boottime_us() + due_us);
	/* Late by up to a quarter: the next check-in wakes the phone anyway. */
	if (sd_event_add_time(e->event, &renewal->timer, CLOCK_BOOTTIME, at_us,
		    (uint64_t)due_us / 4 + 1, renewal_on_timer, e) < 0)
		log_error("the renewal of the certificate could not be scheduled: out of memory; "
			  "it is looked at again after the next check-in");
}

void renewal_update(struct enforcer *e)
{
	uint8_t pins[LIMIT_TICKET_PINS][SHA256_BYTES] = {0};
	struct renewal_machine *m = &e->renewal->machine;
	struct renewal_now now = renewal_now(e);
	size_t n_pins = renewal_pins(e, pins);
	int64_t due_us;

	renewal_arm(e, -1);
	if (!e->state.facts.enrolled || checkin_is_leaving(e) || n_pins == 0)
		return;
	if (!renewal_follows(e, pins, n_pins, false))
		renewal_machine_want(m, now.now_s, RENEWAL_WANTED_SPREAD_S);
	due_us = renewal_machine_due_us(m, &now);
	/* The first exchange of a boot is a check-in: those are spread after a power cut. */
	if (e->exchange || e->checkin_pending || e->pacing.ended_us == 0)
		return;
	if (due_us == 0)
		renewal_start(e);
	else
		renewal_arm(e, due_us);
}

void renewal_hurry(struct enforcer *e)
{
	renewal_machine_hurry(&e->renewal->machine);
}

/* --- proving ----------------------------------------------------------------------------- */

bool renewal_wants_candidate(const struct enforcer *e)
{
	return renewal_machine_wants_candidate(&e->renewal->machine);
}

static int renewal_rename(struct enforcer *e)
{
	_cleanup_close_ int fd = checkin_identity_dir(e);

	if (fd < 0)
		return fd;
	/* Neither name is followed, whatever the role's user put there. */
	if (renameat(fd, RENEWAL_CANDIDATE, fd, RENEWAL_CERTIFICATE) < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

static void renewal_promote(struct enforcer *e)
{
	struct state_facts *facts = &e->state.facts;
	struct renewal_now now = renewal_now(e);
	int r = renewal_rename(e);

	if (r < 0) {
		/* It goes on being used from where it is. */
		log_error("the renewed certificate cannot take the old one's place: %s",
			strerror(-r));
		return;
	}
	facts->certificate_from_s = facts->candidate_from_s;
	facts->certificate_until_s = facts->candidate_until_s;
	facts->candidate_from_s = facts->candidate_until_s = 0;
	facts->renewal_failing_s = 0;
	e->renewal->reason[0] = 0;
	e->renewal->alarm = RENEWAL_FINE;
	enforcer_save(e);
	renewal_machine_proven(
		&e->renewal->machine, facts->certificate_from_s, facts->certificate_until_s, &now);
	renewal_journal(e, "proven", facts->certificate_until_s, NULL);
	log_info("the renewed certificate works and has replaced the old one");
}

static void renewal_drop(struct enforcer *e, const char *reason)
{
	_cleanup_close_ int fd = checkin_identity_dir(e);
	struct state_facts *facts = &e->state.facts;

	/* If it cannot be removed, the next renewal replaces it; nobody uses it meanwhile. */
	if (fd >= 0 && unlinkat(fd, RENEWAL_CANDIDATE, 0) == 0)
		(void)fsync(fd);
	renewal_journal(e, "candidate_refused", facts->candidate_until_s, reason);
	log_warning("the renewed certificate is not accepted, the old one is used on: %s", reason);
	facts->candidate_from_s = facts->candidate_until_s = 0;
	if (!facts->renewal_failing_s)
		facts->renewal_failing_s = renewal_now_s(e);
	snprintf(e->renewal->reason, sizeof(e->renewal->reason), "%s", reason);
	enforcer_save(e);
	/* The check-in that it spoilt is repeated at once, as a person's would be. */
	pacing_request(&e->pacing, clock_boottime_us(), checkin_random(), true);
}

static enum renewal_proof renewal_judge(const struct msg_net_failed *failed)
{
	if (!failed)
		return RENEWAL_ANSWERED;
	if (failed->stage == NET_STAGE_TLS || failed->stage == NET_STAGE_IDENTITY ||
		failed->http_status == 401 || failed->http_status == 403)
		return RENEWAL_REFUSED;
	return RENEWAL_UNCLEAR;
}

void renewal_checkin_ended(struct enforcer *e, bool candidate, const struct msg_net_failed *failed)
{
	uint8_t pins[LIMIT_TICKET_PINS][SHA256_BYTES] = {0};
	struct renewal_machine *m = &e->renewal->machine;
	struct renewal_now now = renewal_now(e);
	size_t n_pins = renewal_pins(e, pins);

	if (renewal_machine_checked_in(m, candidate, renewal_judge(failed), &now))
		renewal_drop(
			e, failed ? failed->message
				  : "no check-in with it was answered, with the old one they are");
	else if (candidate && !failed)
		renewal_promote(e);
	/* Of several pinned CAs one was not there yet when the anchors were fetched: it may be the
	 * server's now. Or the keyset pins others than are held, and those count no more. */
	if (failed && failed->stage == NET_STAGE_TLS && n_pins > 0 &&
		((int64_t)n_pins > e->state.facts.n_anchors ||
			!renewal_follows(e, pins, n_pins, false)))
		renewal_machine_want(m, now.now_s, 0);
	renewal_note_problem(e);
}

void renewal_note_certificate(struct enforcer *e, int64_t from_s, int64_t until_s)
{
	e->state.facts.certificate_from_s = from_s;
	e->state.facts.certificate_until_s = until_s;
	renewal_machine_certificate(&e->renewal->machine, from_s, until_s);
}

/* --- life -------------------------------------------------------------------------------- */

void renewal_reset(struct enforcer *e)
{
	struct state_facts *facts = &e->state.facts;
	struct renewal *renewal = e->renewal;
	struct stat st;

	renewal_arm(e, -1);
	renewal_machine_init(&renewal->machine, facts->device_id);
	renewal->reason[0] = 0;
	renewal->alarm = RENEWAL_FINE;
	renewal->alarm_us = 0;
	renewal_machine_certificate(
		&renewal->machine, facts->certificate_from_s, facts->certificate_until_s);
	if (!facts->candidate_until_s)
		return;
	if (fstatat(e->state.dir_fd, CHECKIN_IDENTITY_DIR "/" RENEWAL_CANDIDATE, &st,
		    AT_SYMLINK_NOFOLLOW) == 0) {
		renewal_machine_renewed(&renewal->machine);
		return;
	}
	/* Renamed, and killed before that was noted. The next exchange shows the dates. */
	renewal_machine_certificate(
		&renewal->machine, facts->candidate_from_s, facts->candidate_until_s);
	facts->candidate_from_s = facts->candidate_until_s = 0;
}

int renewal_new(struct enforcer *e, struct renewal **ret_renewal)
{
	struct renewal *renewal = calloc(1, sizeof(*renewal));

	if (!renewal)
		return -ENOMEM;
	*ret_renewal = renewal;
	renewal_reset(e);
	return 0;
}

void renewal_free(struct renewal *renewal)
{
	if (!renewal)
		return;
	sd_event_source_unref(renewal->timer);
	free(renewal);
}
