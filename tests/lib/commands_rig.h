/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands_rig.h - an enrolled phone without network, whose sessions are pretended: locking them is
 * counted in memory that outlives the process. Time is what the test says. Included by exactly one
 * file of a test program, because it takes the place of clock_gettime(2). Tests only.
 */
#ifndef MDM_TESTS_COMMANDS_RIG_H
#define MDM_TESTS_COMMANDS_RIG_H

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/enforcer/commands_private.h"
#include "agent/util/fs.h"
#include "platform/session.h"
#include "tests/lib/check.h"
#include "tests/lib/document_fixture.h"

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

enum rig_answer {
	RIG_ANSWERS,
	RIG_IS_SILENT,
};

struct rig_shared {
	unsigned int n_locks;
};

struct rig {
	char path[256];
	struct enforcer e;
	struct fixture fixture;
	enum rig_answer answer;
	sd_event_source *answering;
	session_done_fn done;
	void *userdata;
};

static int64_t rig_now_s = NOW;
static struct rig_shared *rig_shared;
static struct rig *rig_current;

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	if (clock != CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, clock, ret);
	*ret = (struct timespec){.tv_sec = (time_t)rig_now_s};
	return 0;
}

/* --- sessions ---------------------------------------------------------------------------- */

static int rig_on_answer(sd_event_source *source, void *userdata)
{
	const struct session_answer answer = {.result = SESSION_DONE, .detail = "locked"};
	struct rig *rig = userdata;

	(void)source;
	rig->answering = sd_event_source_unref(rig->answering);
	rig->done(&answer, rig->userdata);
	return 0;
}

static int rig_lock(const struct session_start *start)
{
	struct rig *rig = rig_current;

	rig_shared->n_locks++;
	rig->done = start->done;
	rig->userdata = start->userdata;
	if (rig->answer == RIG_IS_SILENT)
		return 0;
	return sd_event_add_defer(rig->e.event, &rig->answering, rig_on_answer, rig) < 0 ? -ENOMEM
											 : 0;
}

static int rig_notify(const struct session_start *start, const struct session_note *note)
{
	(void)start;
	(void)note;
	return -EOPNOTSUPP;
}

static int rig_reboot(const struct session_start *start)
{
	(void)start;
	return -EOPNOTSUPP;
}

static const struct session_ops rig_sessions = {rig_lock, rig_notify, rig_reboot};

/* --- the phone --------------------------------------------------------------------------- */

static int rig_take_command(
	void *userdata, const struct document *document, struct document_refusal *ret_refusal)
{
	return commands_take(userdata, document, ret_refusal);
}

static bool rig_knows_command(void *userdata, const char *id)
{
	return commands_knows(userdata, id);
}

static void rig_refused_command(void *userdata, const struct document_refusal *why)
{
	commands_refused(userdata, why);
}

/* Starts the agent on rig->path. */
static void rig_start(struct rig *rig)
{
	struct journal_recovery recovery;
	struct enforcer *e = &rig->e;

	memset(e, 0, sizeof(*e));
	rig_current = rig;
	fixture_init(&rig->fixture);
	e->options.state_dir = rig->path;
	e->sysroot_fd = e->vault_fd = e->lock_fd = -1;
	signer_must(sd_event_new(&e->event) >= 0);
	e->platform = (struct platform){.event = e->event, .sysroot_fd = -1, .vault_fd = -1};
	signer_must(state_open(rig->path, &e->state) == 0);
	signer_must(journal_open(e->state.dir_fd, 0, &e->journal, &recovery) == 0);
	documents_init(&e->documents, &e->state, e->journal);
	e->documents.commands = (struct documents_commands){
		rig_take_command, rig_knows_command, rig_refused_command, e};
	e->documents.keyset = TAKE_PTR(rig->fixture.keyset);
	e->effects.ops = &rig_sessions;
	signer_must(commands_new(e, &e->commands) == 0);
}

static void rig_stop(struct rig *rig)
{
	struct enforcer *e = &rig->e;

	if (!e->event)
		return;
	effects_stop(e);
	rig->answering = sd_event_source_unref(rig->answering);
	commands_free(e->commands);
	documents_done(&e->documents);
	journal_free(e->journal);
	state_done(&e->state);
	sd_event_unref(e->event);
	fixture_done(&rig->fixture);
	e->event = NULL;
}

__attribute__((unused)) static void rig_restart(struct rig *rig)
{
	rig_stop(rig);
	rig_start(rig);
}

static void rig_enrol(struct rig *rig, const char *enrolment)
{
	struct state_facts *facts = &rig->e.state.facts;

	facts->enrolled = true;
	snprintf(facts->server, sizeof(facts->server), "https://127.0.0.1");
	memcpy(facts->device_id, DEVICE, 33);
	memcpy(facts->ticket_id, TICKET, 33);
	memcpy(facts->enrolment_id, enrolment, 33);
	signer_must(state_save_facts(&rig->e.state) == 0);
}

/* A phone that has just enrolled. */
static void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	rig_now_s = NOW;
	if (!rig_shared)
		rig_shared = mmap(NULL, sizeof(*rig_shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signer_must(rig_shared != MAP_FAILED);
	memset(rig_shared, 0, sizeof(*rig_shared));
	close(check_tmpdir(rig->path));
	rig_start(rig);
	rig_enrol(rig, ENROLMENT);
}
#define _rig_ _cleanup_(rig_stop)

/* Runs the loop until nothing is left to do at once. */
static void rig_run(struct rig *rig)
{
	for (int i = 0; i < 1000 && sd_event_run(rig->e.event, 0) > 0; i++)
		;
}

/* --- commands ---------------------------------------------------------------------------- */

struct rig_command {
	unsigned int number;					 /* makes the id */
	const char *device, *enrolment, *verb, *nonce, *signers; /* NULL: what is right */
	int64_t issued_s, valid_s, not_before_s;		 /* 0: now, a day, none */
};

static void rig_id(unsigned int number, char ret_id[33])
{
	snprintf(ret_id, 33, "%032x", number);
}

static void rig_write(const struct rig *rig, const struct rig_command *c, struct buf *out)
{
	_cleanup_buf_ struct buf payload = BUF_INIT;
	struct jsonw w = JSONW_INIT(&payload);
	int64_t issued_s = c->issued_s ? c->issued_s : rig_now_s;
	char id[33];

	rig_id(c->number, id);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "command");
	jsonw_string(&w, "org", ORG);
	jsonw_int(&w, "serial", 1);
	jsonw_int(&w, "issued", issued_s);
	if (c->not_before_s)
		jsonw_int(&w, "not_before", c->not_before_s);
	jsonw_int(&w, "expires", issued_s + (c->valid_s ? c->valid_s : DAY));
	jsonw_object(&w, "target");
	jsonw_string(&w, "device", c->device ? c->device : DEVICE);
	jsonw_string(&w, "enrolment", c->enrolment ? c->enrolment : ENROLMENT);
	jsonw_object_end(&w);
	jsonw_string(&w, "id", id);
	jsonw_string(&w, "verb", c->verb ? c->verb : "lock");
	if (c->nonce)
		jsonw_string(&w, "nonce", c->nonce);
	jsonw_object_end(&w);
	signer_must(payload.error == 0);
	if (out->n_bytes)
		buf_puts(out, "\n");
	sign_with(
		&rig->fixture, DOCUMENT_COMMAND, payload.data, c->signers ? c->signers : "4", out);
}

static struct documents_change rig_take(struct rig *rig, const struct buf *text)
{
	struct documents_change change = {0};

	signer_must(documents_take(
			    &rig->e.documents, text->data, text->n_bytes, rig_now_s, &change) == 0);
	return change;
}

__attribute__((unused)) static struct documents_change rig_order(
	struct rig *rig, const struct rig_command *c)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	rig_write(rig, c, &text);
	return rig_take(rig, &text);
}

/* The state that the phone remembers; COMMAND_STATE_MAX: none. */
static enum command_state rig_state(const struct rig *rig, unsigned int number)
{
	const struct ledger_entry *entry;
	char id[33];

	rig_id(number, id);
	entry = ledger_find(&rig->e.commands->ledger, id);
	return entry ? entry->state : COMMAND_STATE_MAX;
}

struct rig_told {
	char id[33];
	const char *state; /* NULL: any */
	unsigned int n;
	char last[LIMIT_JOURNAL_RECORD_BYTES];
};

static int rig_on_record(const struct journal_record *record, void *userdata)
{
	struct rig_told *told = userdata;
	char state[64];

	if (record->type != JOURNAL_COMMAND || !strstr(record->payload, told->id))
		return 0;
	snprintf(state, sizeof(state), "\"state\":\"%s\"", told->state ? told->state : "");
	if (told->state && !strstr(record->payload, state))
		return 0;
	told->n++;
	snprintf(told->last, sizeof(told->last), "%s", record->payload);
	return 0;
}

/* How often the journal, and so the server, was told that a command has this state. */
static unsigned int rig_told(const struct rig *rig, unsigned int number, const char *state)
{
	struct rig_told told = {.state = state};

	rig_id(number, told.id);
	signer_must(journal_each(rig->e.journal, 0, rig_on_record, &told) == 0);
	return told.n;
}

#endif
