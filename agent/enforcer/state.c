/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.c - what the enforcer must not forget; see state.h. Runs as root in the enforcer; the
 * directory is its own. Does not judge documents: they are bytes here.
 */
#include "agent/enforcer/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/state_text.h"
#include "agent/util/buf.h"
#include "agent/util/fs.h"

#define STATE_DOCUMENTS "documents"
/* Stands while an enrolment is being forgotten, so that a crash in the middle is made good. */
#define STATE_FORGETTING "forgetting"

/* Everything that belongs to one enrolment. */
static const char *const state_enrolment_names[] = {
	STATE_DOCUMENTS,
	"net",
	"reports",
	"unlock",
	"attempts",
	"passwords",
	"facts.broken",
	"commands.broken",
	"passwords.broken",
	"apps-base",
	"apps-base.broken",
	"destroying",
	"location",
	"location.broken",
	"places",
	"places.broken",
	"activations.broken",
};

int state_write(struct state *state, const char *path, const void *data, size_t n_bytes)
{
	struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = 0600};

	return fs_replace(state->dir_fd, path, data, n_bytes, &owner);
}

void state_keep_broken(struct state *state, const char *name, const char *kept)
{
	/* On a read-only file system it stays where it is, and is damaged at the next start again.
	 */
	if (renameat(state->dir_fd, name, state->dir_fd, kept) == 0)
		(void)fsync(state->dir_fd);
}

/* --- opening ---------------------------------------------------------------------------- */

static int state_read_facts(struct state *state)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(state->dir_fd, "facts", LIMIT_STATE_BYTES, &text, &n);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = state_facts_parse(text, n, &state->facts);
	return r == -EFBIG ? -EBADMSG : r;
}

static int state_load_facts(struct state *state)
{
	int r = state_read_facts(state);

	if (r == -EBADMSG)
		state_keep_broken(state, "facts", "facts.broken");
	return r;
}

static int state_load_serials(struct state *state)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(state->dir_fd, "serials", LIMIT_STATE_BYTES, &text, &n);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = state_serials_parse(text, n, &state->serials, &state->n_serials);
	if (r == -EFBIG)
		r = -EBADMSG;
	if (r == -EBADMSG)
		state_keep_broken(state, "serials", "serials.broken");
	return r;
}

bool state_is_forgetting(const struct state *state)
{
	struct stat st;

	return fstatat(state->dir_fd, STATE_FORGETTING, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Removes what a kill in the middle of fs_replace() left beside these. */
static void state_sweep(struct state *state)
{
	static const char *const files[] = {"facts", STATE_DOCUMENTS "/keyset", "net/key.pem",
		"reports/last", STATE_VAULT "/entry"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)fs_sweep(state->dir_fd, files[i]);
}

/* Opens the directory, makes it if only it is missing, and makes it private. fd or -errno. */
static int state_open_dir(const char *path)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM;
	if ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int state_open(const char *path, struct state *ret_state)
{
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	int facts, serials;

	state_facts_init(&state.facts);
	state.dir_fd = state_open_dir(path);
	if (state.dir_fd < 0)
		return state.dir_fd;
	state_sweep(&state);
	facts = state_load_facts(&state);
	if (facts < 0 && facts != -EBADMSG)
		return facts;
	serials = state_load_serials(&state);
	if (serials < 0 && serials != -EBADMSG)
		return serials;
	/* What cannot be finished now (a disk that is read-only) keeps state_save_facts() from
	 * storing a new enrolment, but not the agent from starting. */
	if (state_is_forgetting(&state))
		(void)state_forget_enrolment(&state);
	*ret_state = state;
	state = (struct state){.dir_fd = -1};
	return facts < 0 ? facts : serials;
}

int state_peek(const char *path, struct state *ret_state)
{
	_cleanup_(state_done) struct state state = {.dir_fd = -1};
	struct stat st;
	int r;

	state_facts_init(&state.facts);
	state.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state.dir_fd < 0 || fstat(state.dir_fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid())
		return -EPERM;
	r = state_read_facts(&state);
	if (r < 0)
		return r;
	*ret_state = state;
	state = (struct state){.dir_fd = -1};
	return 0;
}

void state_done(struct state *state)
{
	closep(&state->dir_fd);
	free(state->serials);
	*state = (struct state){.dir_fd = -1};
}

int state_save_facts(struct state *state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r;

	/* The next start would sweep the new enrolment away together with the old one. */
	if (state->facts.enrolled && state_is_forgetting(state))
		return -EBUSY;
	r = state_facts_write(&state->facts, &text);
	return r < 0 ? r : state_write(state, "facts", text.data, text.n_bytes);
}

/* --- documents -------------------------------------------------------------------------- */

static int state_document_path(const char *name, char ret_path[LIMIT_NAME_BYTES + 32])
{
	if (!state_document_name_is_valid(name))
		return -EINVAL;
	snprintf(ret_path, LIMIT_NAME_BYTES + 32, STATE_DOCUMENTS "/%s", name);
	return 0;
}

int state_store_document(struct state *state, const char *name, const char *text, size_t n_bytes)
{
	char path[LIMIT_NAME_BYTES + 32];
	int r = state_document_path(name, path);

	if (r < 0)
		return r;
	if (n_bytes > LIMIT_DOCUMENT_BYTES)
		return -EFBIG;
	r = fs_make_dirs(state->dir_fd, STATE_DOCUMENTS, 0700);
	return r < 0 ? r : state_write(state, path, text, n_bytes);
}

int state_load_document(struct state *state, const char *name, char **ret_text, size_t *ret_n_bytes)
{
	char path[LIMIT_NAME_BYTES + 32];
	int r = state_document_path(name, path);

	if (r < 0)
		return r;
	return fs_read(state->dir_fd, path, LIMIT_DOCUMENT_BYTES, ret_text, ret_n_bytes);
}

int state_remove_document(struct state *state, const char *name)
{
	char path[LIMIT_NAME_BYTES + 32];
	int r = state_document_path(name, path);

	return r < 0 ? r : fs_remove(state->dir_fd, path);
}

struct state_names {
	char (*names)[LIMIT_NAME_BYTES + 17]; /* owned */
	size_t n_names;
};

static void state_names_done(struct state_names *names)
{
	free(names->names);
}

static int state_names_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int state_list_documents(DIR *dir, struct state_names *names)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		void *grown;

		if (!state_document_name_is_valid(entry->d_name))
			continue;
		grown = realloc(names->names, (names->n_names + 1) * sizeof(names->names[0]));
		if (!grown)
			return -ENOMEM;
		names->names = grown;
		/* A valid name fits. */
		memcpy(names->names[names->n_names++], entry->d_name, strlen(entry->d_name) + 1);
	}
	if (names->n_names)
		qsort(names->names, names->n_names, sizeof(names->names[0]), state_names_compare);
	return 0;
}

int state_each_document(
	struct state *state, int (*visit)(const char *name, void *userdata), void *userdata)
{
	_cleanup_(state_names_done) struct state_names names = {0};
	_cleanup_close_ int fd =
		fs_open_nofollow(state->dir_fd, STATE_DOCUMENTS, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_(closedirp) DIR *dir = NULL;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)TAKE_FD(fd);
	/* Collected first, so that a visit may remove or store. */
	r = state_list_documents(dir, &names);
	for (size_t i = 0; r == 0 && i < names.n_names; i++)
		r = visit(names.names[i], userdata);
	return r;
}

/* --- serials ---------------------------------------------------------------------------- */

static struct state_serial *state_find_serial(
	const struct state *state, const char *org, const char *name)
{
	for (size_t i = 0; i < state->n_serials; i++)
		if (strcmp(state->serials[i].org, org) == 0 &&
			strcmp(state->serials[i].name, name) == 0)
			return &state->serials[i];
	return NULL;
}

int64_t state_serial(const struct state *state, const char *org, const char *name,
	uint8_t ret_payload_sha256[SHA256_BYTES])
{
	const struct state_serial *held = state_find_serial(state, org, name);

	if (!held) {
		memset(ret_payload_sha256, 0, SHA256_BYTES);
		return 0;
	}
	memcpy(ret_payload_sha256, held->payload_sha256, SHA256_BYTES);
	return held->serial;
}

int state_set_serial(struct state *state, const char *org, const char *name, int64_t serial,
	const uint8_t payload_sha256[SHA256_BYTES])
{
	struct state_serial row = {.serial = serial}, before = {0}, *held, *grown;
	_cleanup_buf_ struct buf text = {.max_bytes = LIMIT_STATE_BYTES};
	int r;

	if (strlen(org) >= sizeof(row.org) || strlen(name) >= sizeof(row.name))
		return -EINVAL;
	memcpy(row.org, org, strlen(org));
	memcpy(row.name, name, strlen(name));
	memcpy(row.payload_sha256, payload_sha256, SHA256_BYTES);
	if (!state_serial_is_valid(&row))
		return -EINVAL;
	held = state_find_serial(state, org, name);
	if (held) {
		bool same = memcmp(held->payload_sha256, payload_sha256, SHA256_BYTES) == 0;

		/* Two documents of one serial: the first one stands. */
		if (serial <= held->serial)
			return serial == held->serial && same ? 0 : -EINVAL;
		before = *held;
	} else {
		grown = realloc(state->serials, (state->n_serials + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		state->serials = grown;
		held = &grown[state->n_serials++];
	}
	*held = row;
	r = state_serials_write(state->serials, state->n_serials, &text);
	if (r == 0)
		r = state_write(state, "serials", text.data, text.n_bytes);
	if (r < 0) {
		*held = before;
		if (!before.serial)
			state->n_serials--;
	}
	return r;
}

/* --- forgetting ------------------------------------------------------------------------- */

/*
 * An assignment is for one enrolment: its target is this device's key or this ticket, and neither
 * comes back, so that its serial protects nothing any more. It would keep the next enrolment's
 * assignment, which counts from one again, from being taken.
 */
static int state_drop_assignment_serials(struct state *state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	size_t kept = 0;
	int r;

	for (size_t i = 0; i < state->n_serials; i++)
		if (strcmp(state->serials[i].name, "assignment") != 0)
			state->serials[kept++] = state->serials[i];
	if (kept == state->n_serials)
		return 0;
	state->n_serials = kept;
	r = state_serials_write(state->serials, state->n_serials, &text);
	return r < 0 ? r : state_write(state, "serials", text.data, text.n_bytes);
}

int state_forget_enrolment(struct state *state)
{
	struct state_facts facts;
	int error = 0, r = state_write(state, STATE_FORGETTING, "", 0);

	if (r < 0)
		return r;
	state_facts_init(&facts);
	/* Dates of the server that is left behind go, those that key holders signed stay. */
	facts.highwater = state->facts.highwater;
	facts.highwater.tls_s = facts.highwater.signed_s;
	facts.acked_seq = state->facts.acked_seq;
	facts.report_seq = state->facts.report_seq;
	memcpy(facts.zero_touch, state->facts.zero_touch, sizeof(facts.zero_touch));
	state->facts = facts;
	/* What cannot be removed must not keep the rest. */
	for (size_t i = 0; i < ARRAY_SIZE(state_enrolment_names); i++) {
		r = fs_remove_tree(state->dir_fd, state_enrolment_names[i]);
		if (r < 0 && error == 0)
			error = r;
	}
	r = state_drop_assignment_serials(state);
	if (r < 0 && error == 0)
		error = r;
	r = state_save_facts(state);
	if (r == 0 && error == 0)
		r = fs_remove(state->dir_fd, STATE_FORGETTING);
	return error < 0 ? error : r;
}
