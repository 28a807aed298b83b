/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removal.c - putting back what is left before the package goes; see removal.h. Root. Uses neither
 * the network nor the agent's socket. It has no way of its own to put anything back: that is the
 * reconcile_revert() of unenrolment.
 *
 * What stays in the state directory afterwards: the journal, the serials and floors that protect
 * against old documents and commands. They are for the day on which this phone is enrolled again.
 */
#include "agent/enforcer/removal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>

#include "agent/enforcer/state_text.h"
#include "agent/util/fs.h"
#include "platform/vault.h"

#define REMOVAL_DEADLINE_US (60 * USEC_PER_SEC)
/* Programs that run are told over the bus that their settings changed; as long as that may take. */
#define REMOVAL_TELL_US (1 * USEC_PER_SEC)

struct removal {
	const struct enforcer_options *options;
	sd_event *event;
	struct state state;
	struct documents documents;
	struct platform platform;
	struct reconcile reconcile;
	bool reverted, failed;
};

/* --- looking ------------------------------------------------------------------------------ */

static enum removal_status removal_unreadable(const struct removal *m, int error)
{
	const char *dir = m->options->state_dir;

	if (error == -EBADMSG)
		log_error(
			"%s/facts is damaged, so that nobody can tell whether this phone is managed; "
			"nothing was changed. Start mdm-agentd, which puts the file aside, look at "
			"`agentctl status`, then remove again",
			dir);
	else if (geteuid() != 0 && (error == -EPERM || error == -EACCES))
		log_error("%s cannot be read: run this as root", dir);
	else
		log_error("%s cannot be read: %s; nothing was changed. Make it readable, then "
			  "remove again",
			dir, strerror(-error));
	return REMOVAL_FAILED;
}

static enum removal_status removal_managed(struct removal *m)
{
	char name[LIMIT_TEXT_BYTES + 1] = "an organisation";

	(void)documents_organisation(&m->documents, name);
	log_error("this phone is managed by %s (%s): removing the agent would leave their rules in "
		  "force with nothing to lift them. Nothing was changed. End the management with "
		  "`agentctl unenroll`, or ask them to, then remove again",
		name, m->state.facts.server);
	return REMOVAL_MANAGED;
}

static int removal_open_vault(const struct removal *m)
{
	int fd = fs_open_nofollow(m->state.dir_fd, STATE_VAULT, O_RDONLY | O_DIRECTORY, 0);

	return fd == -ENOENT ? -1 : fd;
}

/* Another agent has this state directory, and the phone is not enrolled. */
static enum removal_status removal_beside_agent(const struct removal *m)
{
	_cleanup_close_ int vault_fd = removal_open_vault(m);
	char name[LIMIT_NAME_BYTES + 16];

	if (vault_fd >= -1 && vault_first(vault_fd, name) == -ENOENT &&
		!state_is_forgetting(&m->state))
		return REMOVAL_READY;
	log_error("mdm-agentd is running, and not everything is put back that it changed. Stop it "
		  "(rc-service mdm-agentd stop, or systemctl stop mdm-agentd), then remove again");
	return REMOVAL_FAILED;
}

/* --- putting back ------------------------------------------------------------------------- */

static int removal_on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct removal *m = userdata;

	(void)source;
	(void)usec;
	return sd_event_exit(m->event, 0);
}

static int removal_end_in(struct removal *m, int64_t delay_us)
{
	return sd_event_add_time(m->event, NULL, CLOCK_BOOTTIME,
		(uint64_t)(clock_boottime_us() + delay_us), 0, removal_on_time, m);
}

static bool removal_changed(const struct removal *m)
{
	for (size_t i = 0; i < m->reconcile.n_backends; i++)
		if (m->reconcile.backends[i].backend->apply_changed)
			return true;
	return false;
}

static void removal_on_reverted(struct reconcile *r, bool failed, void *userdata)
{
	struct removal *m = userdata;

	(void)r;
	m->reverted = true;
	m->failed = failed;
	if (!m->platform.sysroot_is_root || !removal_changed(m) ||
		removal_end_in(m, REMOVAL_TELL_US) < 0)
		(void)sd_event_exit(m->event, 0);
}

/* One line for each mechanism that had something to put back, or could not. */
static void removal_tell(const struct removal *m)
{
	for (size_t i = 0; i < m->reconcile.n_backends; i++) {
		const struct reconcile_backend *rb = &m->reconcile.backends[i];

		if (rb->failures[RECONCILE_APPLY][0])
			log_error("%s: %s", rb->backend->ops->name, rb->failures[RECONCILE_APPLY]);
		else if (rb->backend->apply_changed)
			log_info("%s: what was there before is back", rb->backend->ops->name);
	}
}

static int removal_run(struct removal *m)
{
	int r = reconcile_init(&m->reconcile, m->event, &m->platform, &m->documents,
		platform_backends, platform_n_backends);

	if (r >= 0)
		r = removal_end_in(m, REMOVAL_DEADLINE_US);
	if (r >= 0) {
		m->reconcile.reverted = removal_on_reverted;
		m->reconcile.userdata = m;
		reconcile_revert(&m->reconcile);
		r = sd_event_loop(m->event);
	}
	if (r >= 0 && !m->reverted)
		r = -ETIMEDOUT;
	if (r >= 0)
		removal_tell(m);
	reconcile_done(&m->reconcile);
	return r < 0 ? r : 0;
}

static enum removal_status removal_put_back(struct removal *m)
{
	char left[LIMIT_NAME_BYTES + 16];
	int r;

	/* Programs that a mechanism starts are waited for in the loop. */
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	r = sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ? -errno : sd_event_default(&m->event);
	if (r >= 0) {
		m->platform.event = m->event;
		r = removal_run(m);
	}
	sd_event_unref(m->event);
	if (r < 0)
		log_error("what the agent changed could not be put back: %s", strerror(-r));
	if (r < 0 || m->failed) {
		log_error("the agent stays, or nothing could put that back any more. Free space or "
			  "make the file system writable, then remove again");
		return REMOVAL_FAILED;
	}
	r = vault_first(m->platform.vault_fd, left);
	if (r == 0) {
		log_error("%s/" STATE_VAULT "/%s is of another version of the agent and was not "
			  "put back. It is a text that says which file it was: restore that by "
			  "hand, delete it here, then remove again",
			m->options->state_dir, left);
		return REMOVAL_FAILED;
	}
	if (r != -ENOENT)
		return removal_unreadable(m, r);
	return REMOVAL_READY;
}

/* --- the whole ---------------------------------------------------------------------------- */

/* The lock of the state directory is ours, or there is no such directory. */
static enum removal_status removal_alone(struct removal *m)
{
	enum removal_status status;
	int r = 0;

	if (m->state.dir_fd >= 0) {
		state_done(&m->state);
		/* Finishes the forgetting of an enrolment, too. Serials say nothing of removal. */
		r = state_open(m->options->state_dir, &m->state);
		if (r < 0 && r != -EBADMSG)
			return removal_unreadable(m, r);
		if (state_is_forgetting(&m->state)) {
			log_error("files of the former enrolment in %s cannot be removed. Free "
				  "space or make it writable, then remove again",
				m->options->state_dir);
			return REMOVAL_FAILED;
		}
		m->platform.vault_fd = removal_open_vault(m);
		if (m->platform.vault_fd < -1)
			return removal_unreadable(m, m->platform.vault_fd);
	}
	m->platform.sysroot_fd = open(m->options->sysroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->platform.sysroot_fd < 0) {
		log_error("%s cannot be opened: %s", m->options->sysroot, strerror(errno));
		return REMOVAL_FAILED;
	}
	m->platform.sysroot_is_root = strcmp(m->options->sysroot, "/") == 0;
	status = removal_put_back(m);
	closep(&m->platform.sysroot_fd);
	return status;
}

enum removal_status removal_prepare(const struct enforcer_options *options)
{
	struct removal m = {
		.options = options,
		.state = {.dir_fd = -1},
		.platform = {.sysroot_fd = -1, .vault_fd = -1},
	};
	_cleanup_close_ int lock_fd = -1;
	enum removal_status status;
	int r;

	if (geteuid() != 0 && strcmp(options->sysroot, "/") == 0) {
		log_error("run this as root");
		return REMOVAL_FAILED;
	}
	/* The lock comes first: an agent that starts now waits for nobody, it ends. */
	lock_fd = open(options->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock_fd < 0 && errno != ENOENT)
		return removal_unreadable(&m, -errno);
	r = lock_fd >= 0 && flock(lock_fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (r < 0 && r != -EWOULDBLOCK)
		return removal_unreadable(&m, r);
	documents_init(&m.documents, &m.state, NULL);
	if (lock_fd >= 0) {
		int error = state_peek(options->state_dir, &m.state);

		if (error < 0)
			return removal_unreadable(&m, error);
	} else {
		state_facts_init(&m.state.facts);
	}
	if (m.state.facts.enrolled)
		status = removal_managed(&m);
	else
		status = r < 0 ? removal_beside_agent(&m) : removal_alone(&m);
	documents_done(&m.documents);
	state_done(&m.state);
	if (m.platform.vault_fd >= 0)
		closep(&m.platform.vault_fd);
	return status;
}
