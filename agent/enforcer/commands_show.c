/* SPDX-License-Identifier: Apache-2.0 */
/* commands_show.c - what people may see of the commands; see commands.h. Enforcer: writes JSON,
 * reads none. Arguments are not shown: a message is for whom it was shown to. */
#include "agent/enforcer/commands_private.h"
#include "agent/util/jsonw.h"

#define SHOW_FAILED_S (24 * 3600)

static void show_entry(const struct ledger_entry *entry, struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "id", entry->id);
	jsonw_string(w, "verb", entry->verb);
	jsonw_string(w, "state", command_state_name(entry->state));
	jsonw_string(w, "reason", entry->reason);
	jsonw_string(w, "detail", entry->detail);
	jsonw_int(w, "accepted", entry->accepted_s);
	jsonw_int(w, "changed", entry->changed_s);
	jsonw_int(w, "expires", entry->expires_s);
	jsonw_object_end(w);
}

void commands_write(const struct enforcer *e, struct jsonw *w, const char *key)
{
	const struct commands *c = e->commands;

	jsonw_object(w, key);
	jsonw_array(w, "commands");
	for (size_t i = c->ledger.n_entries; i-- > 0;)
		show_entry(&c->ledger.entries[i], w, NULL);
	jsonw_array_end(w);
	jsonw_int(w, "nonce_age_s", (clock_boottime_us() - c->nonces.made_us) / USEC_PER_SEC);
	jsonw_object_end(w);
}

static bool show_is_failure(const struct ledger_entry *entry)
{
	switch (entry->state) {
	case COMMAND_FAILED:
	case COMMAND_REFUSED:
	case COMMAND_EXPIRED:
	case COMMAND_INTERRUPTED:
		return true;
	case COMMAND_QUEUED:
	case COMMAND_DELIVERED:
	case COMMAND_ACCEPTED:
	case COMMAND_RUNNING:
	case COMMAND_DONE:
	case COMMAND_CANCELLED:
	case COMMAND_STATE_MAX:
		break;
	}
	return false;
}

void commands_write_status(const struct enforcer *e, struct jsonw *w, const char *key)
{
	const struct ledger *ledger = &e->commands->ledger;
	const struct ledger_entry *running = NULL, *failed = NULL;
	int64_t now_s = clock_realtime_s();

	for (size_t i = 0; i < ledger->n_entries; i++) {
		const struct ledger_entry *entry = &ledger->entries[i];

		if (entry->state == COMMAND_RUNNING)
			running = entry;
		if (show_is_failure(entry) && now_s - entry->changed_s < SHOW_FAILED_S)
			failed = entry;
	}
	jsonw_object(w, key);
	if (running)
		show_entry(running, w, "running");
	else
		jsonw_null(w, "running");
	if (failed)
		show_entry(failed, w, "failed");
	else
		jsonw_null(w, "failed");
	jsonw_object_end(w);
}
