/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment.c - joining and leaving an organisation; see checkin.h. Enforcer: the exchange itself
 * is the net role's, what it means for the state is decided here.
 */
#include <errno.h>
#include <string.h>

#include "agent/enforcer/apps_inventory.h"
#include "agent/enforcer/auth.h"
#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/enforcer/clone.h"
#include "agent/enforcer/empty_trials.h"
#include "agent/enforcer/local.h"
#include "agent/enforcer/places.h"
#include "agent/enforcer/wake.h"
#include "agent/enforcer/recovery.h"
#include "agent/enforcer/reminder.h"
#include "agent/enforcer/renewal.h"
#include "agent/enforcer/unlock_code.h"
#include "agent/enforcer/zerotouch.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "agent/util/log.h"

static int checkin_adopt(struct enforcer *e, const struct exchange_result *result)
{
	struct state_facts *facts = &e->state.facts, before = *facts;
	uint8_t random[16];
	int r = random_bytes(random, sizeof(random));

	if (r < 0)
		return r;
	if (!hex_is_valid(result->enrolled.device_id, 16))
		return -EPROTO;
	facts->enrolled = true;
	snprintf(facts->server, sizeof(facts->server), "%s", e->ticket.server);
	snprintf(facts->est, sizeof(facts->est), "%s", e->ticket.est);
	snprintf(facts->key_uri, sizeof(facts->key_uri), "%s",
		e->options.identity_key ? e->options.identity_key : "");
	memset(facts->ca_pins, 0, sizeof(facts->ca_pins));
	memcpy(facts->ca_pins, e->ticket.ca_pins, e->ticket.n_ca_pins * SHA256_BYTES);
	memset(facts->anchors_pins, 0, sizeof(facts->anchors_pins));
	facts->n_anchors = result->enrolled.n_anchors;
	facts->certificate_from_s = result->enrolled.certificate_from_s;
	facts->certificate_until_s = result->enrolled.certificate_until_s;
	facts->candidate_from_s = facts->candidate_until_s = facts->renewal_failing_s = 0;
	snprintf(facts->ticket_id, sizeof(facts->ticket_id), "%s", e->ticket.id);
	snprintf(facts->device_id, sizeof(facts->device_id), "%s", result->enrolled.device_id);
	hex_encode(random, sizeof(random), facts->enrolment_id);
	clone_enrolled(e);
	memcpy(facts->pinned_keyset, e->ticket.keyset_sha256, SHA256_BYTES);
	facts->enrolled_s = clock_realtime_s();
	zerotouch_remember(e, facts->zero_touch);
	/* What happened before does not concern the organisation. */
	facts->acked_seq = e->journal ? journal_last_seq(e->journal) : 0;
	r = state_save_facts(&e->state);
	if (r < 0)
		*facts = before;
	return r;
}

static void checkin_enrolled(const struct exchange_result *result, void *userdata)
{
	struct enforcer *e = userdata;
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	char message[LIMIT_TEXT_BYTES + 1];
	int r;

	reactions_release(e, REACTIONS_EXCHANGE);
	checkin_note_facts(e, result);
	if (result->end != EXCHANGE_ENROLLED) {
		log_warning("enrolment failed: %s", result->failed.message);
		explicit_bzero(&e->ticket, sizeof(e->ticket));
		zerotouch_ended(e, checkin_failure_code(&result->failed), result->failed.message);
		local_enrolled(
			e->local, checkin_failure_code(&result->failed), result->failed.message);
		return;
	}
	r = checkin_adopt(e, result);
	explicit_bzero(e->ticket.secret, sizeof(e->ticket.secret));
	if (r < 0) {
		(void)fs_remove_tree(e->state.dir_fd, CHECKIN_IDENTITY_DIR);
		snprintf(message, sizeof(message),
			"the enrolment could not be stored in %s: %s; the ticket is used up, ask "
			"for a new one",
			e->options.state_dir, strerror(-r));
		zerotouch_ended(e, CTL_E_INTERNAL, message);
		local_enrolled(e->local, CTL_E_INTERNAL, message);
		return;
	}
	renewal_reset(e);
	renewal_note_problem(e);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "server", e->state.facts.server);
	jsonw_string(&w, "device", e->state.facts.device_id);
	jsonw_bool(&w, "zero_touch", zerotouch_is_enrolling(e));
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_ENROLLED, &payload);
	zerotouch_ended(e, CTL_OK, "");
	apps_inventory_enrolled(e);
	places_enrolled(e);
	log_info("enrolled at %s as %s", e->state.facts.server, e->state.facts.device_id);
	checkin_note_time(e, result->enrolled.server_date_s, result->enrolled.server_cert_until_s);
	pacing_init(&e->pacing, e->state.facts.device_id);
	enforcer_configure_pacing(e);
	wake_forget(e);
	pacing_start(&e->pacing, clock_boottime_us(), checkin_random(), true);
	/* The answer to agentctl waits for the first check-in, which brings the keyset. */
	checkin_begin(e);
}

int checkin_enrol(
	struct enforcer *e, const struct ticket *ticket, const struct enrolment_hardware *hardware)
{
	_cleanup_close_ int identity_fd = -1;
	struct msg_net_enrol order = {.timeout_s = LIMIT_EXCHANGE_SECONDS};
	struct exchange_start start = {
		.event = e->event,
		.options = &e->exchange_options,
		.done = checkin_enrolled,
		.userdata = e,
		.slot = &e->exchange,
	};
	int r;

	if (e->state.facts.enrolled)
		return -EALREADY;
	if (e->exchange)
		return -EBUSY;
	identity_fd = checkin_identity_dir(e);
	if (identity_fd < 0)
		return identity_fd;
	start.identity_fd = identity_fd;
	e->ticket = *ticket;
	snprintf(order.server, sizeof(order.server), "%s", ticket->server);
	if (ticket->est[0])
		snprintf(order.est, sizeof(order.est), "%s", ticket->est);
	else if (snprintf(order.est, sizeof(order.est), "%s/.well-known/est", ticket->server) >=
		 (int)sizeof(order.est))
		return -ENAMETOOLONG;
	snprintf(order.user, sizeof(order.user), "%s", ticket->id);
	snprintf(order.secret, sizeof(order.secret), "%s", ticket->secret);
	if (hardware) {
		snprintf(order.serial, sizeof(order.serial), "%s", hardware->serial);
		snprintf(order.imei, sizeof(order.imei), "%s", hardware->imei);
	}
	if (e->options.identity_key)
		snprintf(order.key_uri, sizeof(order.key_uri), "%s", e->options.identity_key);
	memcpy(order.ca_pins, ticket->ca_pins, sizeof(order.ca_pins));
	order.n_ca_pins = (uint32_t)ticket->n_ca_pins;
	order.floor_s = highwater_tls_now(&e->state.facts.highwater, 0);
	r = exchange_enrol(&start, &order);
	explicit_bzero(&order, sizeof(order));
	if (r < 0)
		explicit_bzero(&e->ticket, sizeof(e->ticket));
	else
		reactions_hold(e, REACTIONS_EXCHANGE);
	return r;
}

/* --- unenrolment ------------------------------------------------------------------------- */

int checkin_unenrol(struct enforcer *e)
{
	if (!e->state.facts.enrolled)
		return -ENOENT;
	/* Ordered already: whoever asks for it here waits for the end of that. */
	if (!commands_is_leaving(e))
		checkin_revert(e);
	return 0;
}

void checkin_revert(struct enforcer *e)
{
	exchange_free(e->exchange);
	reactions_release(e, REACTIONS_EXCHANGE);
	e->checkin_pending = e->checkin_after_round = false;
	pacing_stop(&e->pacing);
	e->checkin_timer = sd_event_source_unref(e->checkin_timer);
	wake_update(e);
	/* It goes on here when that has ended. */
	if (!recovery_unkeep(e))
		reconcile_revert(&e->reconcile);
}

void checkin_reverted(struct enforcer *e, bool failed)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "server", e->state.facts.server);
	jsonw_bool(&w, "everything_restored", !failed);
	jsonw_object_end(&w);
	enforcer_journal(e, JOURNAL_UNENROLLED, &payload);
	if (!commands_reverted(e, failed))
		checkin_left(e, failed);
}

void checkin_left(struct enforcer *e, bool failed)
{
	int r;

	pacing_stop(&e->pacing);
	e->checkin_timer = sd_event_source_unref(e->checkin_timer);
	effects_stop(e);
	crypto_lock_stop(e);
	reminder_stop(e);
	places_release(e);
	documents_forget(&e->documents);
	memset(&e->report, 0, sizeof(e->report));
	e->last_success_s = 0;
	e->last_error[0] = 0;
	for (size_t i = 0; i < PROBLEM_MAX; i++)
		if (i != PROBLEM_STATE && i != PROBLEM_JOURNAL)
			enforcer_problem(e, (enum problem)i, NULL, NULL);
	r = state_forget_enrolment(&e->state);
	auth_forget(e);
	unlock_code_forget(e);
	recovery_forget(e);
	empty_trials_forget(e);
	apps_inventory_forget(e);
	wake_forget(e);
	renewal_reset(e);
	clone_check(e);
	/* In this order: as long as the enrolment stands, so does the order to end it. */
	if (r == 0) {
		places_forget(e);
		commands_forget(e);
	}
	local_unenrolled(e->local, failed, r);
}
