/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cryptsetup.c - one request to cryptsetup(8), which may take several runs; see cryptsetup.h.
 * Enforcer only. Holds secrets while a request lasts, and overwrites them then.
 */
#include "platform/cryptsetup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/fs.h"
#include "agent/util/locked.h"
#include "platform/backend.h"
#include "platform/cryptsetup_output.h"
#include "policies/luks2.h"

#define ARGUMENTS_MAX 16
#define ARGUMENT_BYTES 48
#define DUMP_ATTEMPTS 3
/* A type that no token has: without it cryptsetup asks tokens before it looks at the secret, and
 * what a TPM opened would pass for a right passphrase. */
#define NO_TOKEN "--token-type=mdm-agent-none"

struct secret {
	uint8_t bytes[LIMIT_CHILD_SECRET_BYTES];
	size_t n_bytes;
	bool given;
};

struct cryptsetup {
	sd_event *event; /* borrowed */
	struct cryptsetup **place;
	cryptsetup_done_fn done;
	void *userdata;
	struct child *child;
	sd_event_source *answer_source;

	enum cryptsetup_action action;
	int root_fd; /* borrowed */
	char *program, *device, *json;
	uint32_t deadline_s;
	int slot;
	bool drawn;
	struct secret secret, new_secret;

	uint32_t left; /* TEST: keyslots that are still to be tried */
	bool named;    /* TEST: these, not cryptsetup's choice */
	bool checked;  /* KILL_SLOT: the header was looked at */
	unsigned int n_dumps;
	uint8_t start[LUKS_BINARY_BYTES];
	ssize_t n_start;
	struct luks_header header;
	struct cryptsetup_result result;
};

/* The arguments of one run; text that is made lies in it. */
struct arguments {
	const char *argv[ARGUMENTS_MAX + 1];
	char made[ARGUMENTS_MAX][ARGUMENT_BYTES];
	size_t n;
};

static int cryptsetup_run(struct cryptsetup *c);

const char *cryptsetup_verdict_name(enum cryptsetup_verdict verdict)
{
	static const char *const names[CRYPTSETUP_VERDICT_MAX] = {
		[CRYPTSETUP_OK] = "ok",
		[CRYPTSETUP_FAILED] = "failed",
		[CRYPTSETUP_WRONG_KEY] = "wrong_key",
		[CRYPTSETUP_NO_MEMORY] = "no_memory",
		[CRYPTSETUP_WRONG_DEVICE] = "wrong_device",
		[CRYPTSETUP_BUSY] = "busy",
		[CRYPTSETUP_DEADLINE] = "deadline",
		[CRYPTSETUP_GARBLED] = "garbled",
	};

	return names[verdict];
}

const char *cryptsetup_find(int root_fd)
{
	static const char *const places[] = {
		"/usr/sbin/cryptsetup", "/sbin/cryptsetup", "/usr/bin/cryptsetup"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (backend_file_exists(root_fd, places[i]))
			return places[i];
	return NULL;
}

ssize_t cryptsetup_read_start(int root_fd, const char *device, uint8_t ret_bytes[LUKS_BINARY_BYTES])
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	ssize_t n;

	/* Neither waits for somebody at the other end, nor becomes anybody's terminal. */
	if (root_fd < 0)
		fd = open(device, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	else
		fd = fs_open_in_root(root_fd, device, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return root_fd < 0 ? -errno : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return -ENOTBLK;
	do
		n = pread(fd, ret_bytes, LUKS_BINARY_BYTES, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* --- the end -------------------------------------------------------------------------------- */

static void cryptsetup_release(struct cryptsetup *c)
{
	sd_event_source_unref(c->answer_source);
	free(c->program);
	free(c->device);
	free(c->json);
	locked_free(c, sizeof(*c));
}

void cryptsetup_free(struct cryptsetup *operation)
{
	if (!operation)
		return;
	child_free(operation->child);
	cryptsetup_release(operation);
}

static void cryptsetup_answer(struct cryptsetup *c)
{
	explicit_bzero(&c->secret, sizeof(c->secret));
	explicit_bzero(&c->new_secret, sizeof(c->new_secret));
	*c->place = NULL;
	c->done(&c->result, c->userdata);
	cryptsetup_release(c);
}

static int cryptsetup_on_answer(sd_event_source *source, void *userdata)
{
	(void)source;
	cryptsetup_answer(userdata);
	return 0;
}

static void set_result(
	struct cryptsetup *c, enum cryptsetup_verdict verdict, int slot, const char *said)
{
	c->result.verdict = verdict;
	c->result.slot = slot;
	c->result.header = NULL;
	text_printf(c->result.said, "%s", said);
}

static void set_failure(struct cryptsetup *c, const char *what, int r)
{
	set_result(c, CRYPTSETUP_FAILED, -1, "");
	text_printf(c->result.said, "%s: %s", what, strerror(-r));
}

/* --- one run -------------------------------------------------------------------------------- */

static void argument(struct arguments *a, const char *text)
{
	if (a->n < ARGUMENTS_MAX)
		a->argv[a->n++] = text;
}

static void argument_number(struct arguments *a, const char *name, uint64_t number)
{
	if (a->n < ARGUMENTS_MAX) {
		snprintf(a->made[a->n], ARGUMENT_BYTES, "%s%" PRIu64, name, number);
		argument(a, a->made[a->n]);
	}
}

/* Exactly its bytes: what lies behind them, or a line end, is no question then. */
static void argument_secret(struct arguments *a, const struct secret *secret)
{
	argument(a, "--key-file=/proc/self/fd/3");
	if (secret->n_bytes)
		argument_number(a, "--keyfile-size=", secret->n_bytes);
}

static void test_arguments(struct cryptsetup *c, struct arguments *a)
{
	argument(a, "open");
	argument(a, "--type=luks");
	argument(a, "--test-passphrase");
	argument(a, "--verbose");
	argument(a, "--disable-external-tokens");
	argument(a, NO_TOKEN);
	if (c->named)
		argument_number(a, "--key-slot=", (uint64_t)c->slot);
	argument_secret(a, &c->secret);
}

static void add_arguments(struct cryptsetup *c, struct arguments *a)
{
	argument(a, "luksAddKey");
	argument(a, "--batch-mode");
	argument(a, "--verbose");
	if (c->drawn) {
		argument(a, "--pbkdf=pbkdf2");
		argument(a, "--pbkdf-force-iterations=1000"); /* the least there can be */
	}
	/* The new keyslot in all versions, as long as 2.6's --new-key-slot is not there. */
	if (c->slot >= 0)
		argument_number(a, "--key-slot=", (uint64_t)c->slot);
	argument_secret(a, &c->secret);
	argument_number(a, "--new-keyfile-size=", c->new_secret.n_bytes);
}

static void make_arguments(struct cryptsetup *c, enum cryptsetup_action action, struct arguments *a)
{
	argument(a, c->program);
	switch (action) {
	case CRYPTSETUP_DUMP:
		argument(a, "luksDump");
		argument(a, "--dump-json-metadata");
		break;
	case CRYPTSETUP_TEST:
		test_arguments(c, a);
		break;
	case CRYPTSETUP_ADD_KEY:
		add_arguments(c, a);
		break;
	case CRYPTSETUP_KILL_SLOT:
		argument(a, "luksKillSlot");
		argument(a, "--batch-mode");
		argument(a, "--verbose");
		if (c->secret.given)
			argument_secret(a, &c->secret);
		break;
	case CRYPTSETUP_ERASE:
		argument(a, "erase");
		argument(a, "--batch-mode");
		argument(a, "--verbose");
		break;
	case CRYPTSETUP_TOKEN_IMPORT:
		argument(a, "token");
		argument(a, "--verbose");
		argument(a, "--json-file=-");
		argument(a, "import");
		break;
	case CRYPTSETUP_TOKEN_REMOVE:
		argument(a, "token");
		argument(a, "--verbose");
		argument_number(a, "--token-id=", (uint64_t)c->slot);
		argument(a, "remove");
		break;
	case CRYPTSETUP_ACTION_MAX:
		break;
	}
	argument(a, "--");
	argument(a, c->device);
	if (action == CRYPTSETUP_ADD_KEY)
		argument(a, "/proc/self/fd/4");
	if (action == CRYPTSETUP_KILL_SLOT)
		argument_number(a, "", (uint64_t)c->slot);
}

static void cryptsetup_ended(const struct child_result *result, void *userdata);

static int start_child(struct cryptsetup *c, enum cryptsetup_action action)
{
	struct arguments arguments = {.n = 0};
	const struct child_secret secrets[] = {
		{c->secret.bytes, c->secret.n_bytes},
		{c->new_secret.bytes, c->new_secret.n_bytes},
	};
	struct child_spec spec = {
		.argv = arguments.argv,
		.root_fd = c->root_fd,
		.deadline_s = c->deadline_s,
		.merge_stderr = true,
		.secrets = secrets,
		.n_secrets = action == CRYPTSETUP_DUMP
				     ? 0
				     : (size_t)c->secret.given + c->new_secret.given,
	};

	if (action == CRYPTSETUP_TOKEN_IMPORT) {
		spec.input = c->json;
		spec.n_input = strlen(c->json);
	}
	make_arguments(c, action, &arguments);
	return child_start(c->event, &spec, cryptsetup_ended, c, &c->child);
}

/* --- the header ----------------------------------------------------------------------------- */

/* What can be said without cryptsetup. 1: everything; 0: its word is needed; -errno. */
static int read_start(struct cryptsetup *c)
{
	struct luks_fault fault;
	int r;

	c->n_start = cryptsetup_read_start(c->root_fd, c->device, c->start);
	if (c->n_start < 0) {
		set_failure(c, "the device cannot be read", (int)c->n_start);
		c->result.verdict = CRYPTSETUP_WRONG_DEVICE;
		return 1;
	}
	r = luks_parse(c->start, (size_t)c->n_start, &c->header, &fault);
	if (r == -EBADMSG) {
		set_result(c, CRYPTSETUP_WRONG_DEVICE, -1, fault.text);
		return 1;
	}
	if (r < 0)
		return r;
	if (c->header.version == 2)
		return 0;
	set_result(c, CRYPTSETUP_OK, -1, "");
	return 1;
}

/* Whether the header is known now; the result is set in any case. */
static void take_header(struct cryptsetup *c, const char *output)
{
	const char *json = cryptsetup_json(output);
	uint8_t now[LUKS_BINARY_BYTES];
	struct luks_fault fault;
	int r;

	/* What was read here and what cryptsetup read has to be of one state. */
	if (cryptsetup_read_start(c->root_fd, c->device, now) != c->n_start ||
		memcmp(now, c->start, (size_t)c->n_start) != 0) {
		set_result(c, CRYPTSETUP_BUSY, -1, "the header changes while it is read");
		return;
	}
	r = luks2_parse(json, strlen(json), &c->header, &fault);
	if (r == -EBADMSG) {
		set_result(c, CRYPTSETUP_GARBLED, -1, fault.text);
		return;
	}
	if (r < 0)
		set_failure(c, "the header cannot be read", r);
}

/* --- the course of a request ---------------------------------------------------------------- */

/* With the header known: whether the keyslot may go. The result says why not. */
static bool may_kill(struct cryptsetup *c)
{
	uint32_t bit = UINT32_C(1) << c->slot, opening = luks_opening_slots(&c->header);

	if (!c->header.slots[c->slot].active) {
		set_result(c, CRYPTSETUP_FAILED, c->slot, "");
		text_printf(c->result.said, "keyslot %d is not in use", c->slot);
		return false;
	}
	/* cryptsetup would remove it if its own passphrase is given. */
	if (opening == bit) {
		set_result(c, CRYPTSETUP_FAILED, c->slot, "");
		text_printf(c->result.said,
			"keyslot %d is the last that opens the volume; without "
			"it nobody could",
			c->slot);
		return false;
	}
	return true;
}

/* The next keyslot to try. False: all were. */
static bool next_slot(struct cryptsetup *c)
{
	if (c->left == 0)
		return false;
	c->slot = __builtin_ctz(c->left);
	c->left &= c->left - 1;
	return true;
}

/*
 * 1: another run has begun, or will; 0: the result stands. A keyslot that another passphrase opens
 * is none; one that cannot be tried (memory) is remembered while the others are.
 */
static int after_test(
	struct cryptsetup *c, const struct cryptsetup_result *before, const char *output)
{
	struct cryptsetup_result *r = &c->result;
	bool goes_on;

	if (r->verdict == CRYPTSETUP_OK) {
		r->slot = cryptsetup_number(output, "Key slot ", " unlocked.");
		if (r->slot < 0 || (c->named && r->slot != c->slot))
			set_result(c, CRYPTSETUP_GARBLED, -1,
				"cryptsetup does not say which keyslot was opened");
		return 0;
	}
	if (!c->named)
		return 0;
	/* Whatever ended this run ends the next as well. */
	goes_on = r->verdict == CRYPTSETUP_WRONG_KEY || r->verdict == CRYPTSETUP_NO_MEMORY ||
		  r->verdict == CRYPTSETUP_FAILED;
	if (r->verdict != CRYPTSETUP_WRONG_KEY) {
		char said[LIMIT_TEXT_BYTES + 1];

		text_printf(said, "%s", r->said);
		text_printf(r->said, "keyslot %d: %.230s", c->slot, said);
		r->slot = c->slot;
	}
	/* The first true error stands. */
	if (before->verdict != CRYPTSETUP_OK && before->verdict != CRYPTSETUP_WRONG_KEY)
		*r = *before;
	return goes_on && next_slot(c) ? 1 : 0;
}

static int after_run(struct cryptsetup *c, const struct child_result *result)
{
	const struct cryptsetup_result before = c->result;
	struct cryptsetup_result *r = &c->result;

	cryptsetup_output(result, c->deadline_s, r);
	if (c->action == CRYPTSETUP_TEST)
		return after_test(c, &before, result->output);
	if (c->action == CRYPTSETUP_DUMP || (c->action == CRYPTSETUP_KILL_SLOT && !c->checked)) {
		if (r->verdict == CRYPTSETUP_OK)
			take_header(c, result->output);
		if (r->verdict == CRYPTSETUP_BUSY && c->n_dumps < DUMP_ATTEMPTS)
			return 1;
		if (c->action == CRYPTSETUP_DUMP || r->verdict != CRYPTSETUP_OK)
			return 0;
		c->checked = true;
		return may_kill(c) ? 1 : 0;
	}
	if (r->verdict != CRYPTSETUP_OK)
		return 0;
	if (c->action == CRYPTSETUP_ADD_KEY)
		r->slot = cryptsetup_number(result->output, "Key slot ", " created.");
	if (c->action == CRYPTSETUP_TOKEN_IMPORT)
		r->slot = cryptsetup_number(result->output, "Token ", " created.");
	if (r->slot < 0 &&
		(c->action == CRYPTSETUP_ADD_KEY || c->action == CRYPTSETUP_TOKEN_IMPORT))
		set_result(c, CRYPTSETUP_GARBLED, -1, "cryptsetup does not say what it made");
	return 0;
}

static void cryptsetup_ended(const struct child_result *result, void *userdata)
{
	struct cryptsetup *c = userdata;

	if (after_run(c, result) > 0) {
		int r = cryptsetup_run(c);

		if (r > 0)
			return;
		if (r < 0)
			set_failure(c, "cryptsetup cannot be started", r);
	}
	if (c->action == CRYPTSETUP_DUMP && c->result.verdict == CRYPTSETUP_OK)
		c->result.header = &c->header;
	cryptsetup_answer(c);
}

/* 1: a run has begun; 0: the result stands; -errno. */
static int cryptsetup_run(struct cryptsetup *c)
{
	enum cryptsetup_action action = c->action;
	int r;

	if (action == CRYPTSETUP_DUMP || (action == CRYPTSETUP_KILL_SLOT && !c->checked)) {
		c->n_dumps++;
		action = CRYPTSETUP_DUMP;
		r = read_start(c);
		if (r < 0)
			return r;
		if (r > 0) {
			if (c->action == CRYPTSETUP_DUMP || c->result.verdict != CRYPTSETUP_OK)
				return 0;
			c->checked = true;
			if (!may_kill(c))
				return 0;
			action = CRYPTSETUP_KILL_SLOT;
		}
	}
	r = start_child(c, action);
	return r < 0 ? r : 1;
}

/* --- the beginning -------------------------------------------------------------------------- */

static int copy_text(const char *text, char **ret_copy)
{
	*ret_copy = text ? strdup(text) : NULL;
	return text && !*ret_copy ? -ENOMEM : 0;
}

static void copy_secret(const struct child_secret *from, struct secret *to)
{
	if (!from->bytes)
		return;
	memcpy(to->bytes, from->bytes, from->n_bytes);
	to->n_bytes = from->n_bytes;
	to->given = true;
}

static bool makes_sense(const struct cryptsetup_request *q)
{
	if (q->action >= CRYPTSETUP_ACTION_MAX || !q->program || q->program[0] != '/' ||
		!q->device || q->device[0] != '/' || q->secret.n_bytes > LIMIT_CHILD_SECRET_BYTES ||
		q->new_secret.n_bytes > LIMIT_CHILD_SECRET_BYTES)
		return false;
	switch (q->action) {
	case CRYPTSETUP_DUMP:
	case CRYPTSETUP_ERASE:
		return !q->secret.bytes && !q->new_secret.bytes;
	case CRYPTSETUP_TEST:
		return q->secret.bytes && !q->new_secret.bytes;
	case CRYPTSETUP_ADD_KEY:
		return q->secret.bytes && q->new_secret.bytes && q->new_secret.n_bytes > 0 &&
		       q->slot >= -1 && q->slot < LUKS_SLOTS_MAX;
	case CRYPTSETUP_KILL_SLOT:
		return !q->new_secret.bytes && q->slot >= 0 && q->slot < LUKS_SLOTS_MAX;
	case CRYPTSETUP_TOKEN_IMPORT:
		return !q->secret.bytes && !q->new_secret.bytes && q->json &&
		       strlen(q->json) <= LIMIT_CHILD_INPUT_BYTES;
	case CRYPTSETUP_TOKEN_REMOVE:
		return !q->secret.bytes && !q->new_secret.bytes && q->slot >= 0 &&
		       q->slot < LUKS_TOKENS_MAX;
	case CRYPTSETUP_ACTION_MAX:
		break;
	}
	return false;
}

int cryptsetup_start(sd_event *event, const struct cryptsetup_request *request,
	cryptsetup_done_fn done, void *userdata, struct cryptsetup **ret_operation)
{
	struct cryptsetup *c;
	int r;

	if (!makes_sense(request))
		return -EINVAL;
	c = locked_new(sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->event = event;
	c->place = ret_operation;
	c->done = done;
	c->userdata = userdata;
	c->action = request->action;
	c->root_fd = request->root_fd;
	c->deadline_s = request->deadline_s ? request->deadline_s : CRYPTSETUP_DEADLINE_S;
	c->slot = request->slot;
	c->drawn = request->drawn;
	c->left = request->slots;
	c->named = request->slots != 0;
	copy_secret(&request->secret, &c->secret);
	copy_secret(&request->new_secret, &c->new_secret);
	set_result(c, CRYPTSETUP_OK, -1, "");
	r = copy_text(request->program, &c->program);
	if (r == 0)
		r = copy_text(request->device, &c->device);
	if (r == 0)
		r = copy_text(request->json, &c->json);
	if (r == 0 && c->named)
		(void)next_slot(c);
	if (r == 0)
		r = cryptsetup_run(c);
	/* What stands already is answered from the loop as well. */
	if (r == 0) {
		if (c->action == CRYPTSETUP_DUMP && c->result.verdict == CRYPTSETUP_OK)
			c->result.header = &c->header;
		r = sd_event_add_defer(event, &c->answer_source, cryptsetup_on_answer, c);
	}
	if (r < 0) {
		cryptsetup_release(c);
		return r;
	}
	*ret_operation = c;
	return 0;
}
