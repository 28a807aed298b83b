/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local.c - requests of agentctl; see local.h. Enforcer, root: takes messages of the closed table
 * from any local user, checks who asks by SO_PEERCRED, parses nothing but a ticket.
 */
#include "agent/enforcer/local.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "agent/enforcer/answers.h"
#include "agent/enforcer/auth.h"
#include "agent/enforcer/checkin.h"
#include "agent/enforcer/local_private.h"
#include "agent/enforcer/location_sources.h"
#include "agent/enforcer/renewal.h"
#include "agent/util/fs.h"

#define LOCAL_PEER_GROUPS_MAX 256
/* Places that are kept for root, whatever others do. */
#define LOCAL_ROOT_PLACES (LIMIT_LOCAL_CLIENTS / 4)

static void local_drop(struct local_client *c)
{
	c->source = sd_event_source_unref(c->source);
	c->deadline = sd_event_source_unref(c->deadline);
	closep(&c->fd);
	c->fd = -1;
	c->waits_for = 0;
	c->waits_until = 0;
}

void local_answer(
	struct local_client *c, enum ctl_code code, const char *message, const struct buf *json)
{
	struct msg_ctl_answer answer = {.code = code};
	_cleanup_close_ int fd = -1;

	snprintf(answer.message, sizeof(answer.message), "%s", message);
	if (json) {
		fd = fs_memfd("mdm-answer", json->data, json->n_bytes);
		if (fd < 0) {
			answer.code = CTL_E_INTERNAL;
			snprintf(answer.message, sizeof(answer.message),
				"the answer could not be written: %s", strerror(-fd));
		} else {
			answer.answer_bytes = (uint32_t)json->n_bytes;
		}
	}
	/* A client that does not read its one answer loses it. */
	(void)channel_send(c->fd, ROLE_ENFORCER, MESSAGE_CTL_ANSWER, &answer, &fd, fd >= 0);
}

void local_answer_all(struct local *local, enum message_type type, enum ctl_code code,
	const char *message, const struct buf *json)
{
	for (size_t i = 0; i < LIMIT_LOCAL_CLIENTS; i++) {
		struct local_client *c = &local->clients[i];

		if (c->fd < 0 || c->waits_for != type || c->waits_until > local->n_exchanges)
			continue;
		local_answer(c, code, message, json);
		local_drop(c);
	}
}

/* --- ends of what clients wait for ------------------------------------------------------- */

void local_enrolled(struct local *local, enum ctl_code code, const char *message)
{
	if (local)
		local_answer_all(local, MESSAGE_CTL_ENROL, code, message, NULL);
}

void local_synced(struct local *local, bool reached)
{
	struct enforcer *e;

	if (!local)
		return;
	e = local->e;
	local->n_exchanges++;
	local->settled_code = CTL_OK;
	local->settled_message[0] = 0;
	if (!reached) {
		/* The next one may be far away: everybody hears of this. */
		for (size_t i = 0; i < LIMIT_LOCAL_CLIENTS; i++)
			local->clients[i].waits_until = 0;
		local->settled_code = e->last_error_code;
		snprintf(local->settled_message, sizeof(local->settled_message), "%s",
			e->last_error);
	} else if (!e->documents.keyset) {
		local->settled_code = CTL_E_REFUSED;
		snprintf(local->settled_message, sizeof(local->settled_message),
			"the server sent no keyset that the ticket names: %s",
			e->documents.n_refusals
				? e->documents.refusals[0].why.detail
				: "none was sent; the administrator has to push it");
	}
	local->settling = true;
	if (e->reconcile.current == RECONCILE_IDLE && !e->reconcile.defer)
		local_settled(local);
}

void local_settled(struct local *local)
{
	if (!local || !local->settling)
		return;
	local->settling = false;
	local_answer_all(
		local, MESSAGE_CTL_SYNC, local->settled_code, local->settled_message, NULL);
	local_answer_all(
		local, MESSAGE_CTL_ENROL, local->settled_code, local->settled_message, NULL);
}

void local_unenrolled(struct local *local, bool revert_failed, int error)
{
	char message[LIMIT_TEXT_BYTES + 1] = "";

	if (!local)
		return;
	if (error < 0)
		snprintf(message, sizeof(message),
			"the phone is no longer managed, but the state directory could not be "
			"cleared: %s; remove it by hand",
			strerror(-error));
	else if (revert_failed)
		snprintf(message, sizeof(message),
			"the phone is no longer managed, but not every setting could be restored; "
			"`agentctl journal show` names them");
	local_answer_all(local, MESSAGE_CTL_UNENROL,
		error < 0 || revert_failed ? CTL_E_INTERNAL : CTL_OK, message, NULL);
}

/* --- requests ---------------------------------------------------------------------------- */

static void local_enrol(struct local_client *c, const struct msg_ctl_enrol *request)
{
	struct enforcer *e = c->local->e;
	struct ticket_error error = {0};
	struct ticket ticket;
	char message[2 * LIMIT_TEXT_BYTES + 1];
	int r = ticket_parse(request->ticket, strlen(request->ticket), &ticket, &error);

	if (r < 0) {
		local_answer(c, CTL_E_INPUT, error.message, NULL);
		return;
	}
	if (ticket.expires_s <=
		highwater_document_now(&e->state.facts.highwater, clock_realtime_s())) {
		local_answer(c, CTL_E_INPUT, "this ticket has expired; ask for a new one", NULL);
		return;
	}
	r = checkin_enrol(e, &ticket, NULL);
	explicit_bzero(&ticket, sizeof(ticket));
	if (r == 0) {
		c->waits_for = MESSAGE_CTL_ENROL;
	} else if (r == -EALREADY) {
		snprintf(message, sizeof(message), "this phone is managed by %s already",
			e->state.facts.server);
		local_answer(c, CTL_E_STATE, message, NULL);
	} else if (r == -EBUSY) {
		local_answer(c, CTL_E_BUSY, "an enrolment is under way already", NULL);
	} else if (r == -ENOKEY) {
		snprintf(message, sizeof(message),
			"there is no user %s on this system; reinstall the package or add it",
			e->options.net_user);
		local_answer(c, CTL_E_INTERNAL, message, NULL);
	} else {
		snprintf(message, sizeof(message), "enrolment could not be started in %s: %s",
			e->options.state_dir, strerror(-r));
		local_answer(c, CTL_E_INTERNAL, message, NULL);
	}
}

static void local_act(struct local_client *c, const struct message *m)
{
	struct enforcer *e = c->local->e;

	if (!c->may_act) {
		char message[LIMIT_TEXT_BYTES + 1];

		snprintf(message, sizeof(message), "this needs root or membership in the group %s",
			e->options.admin_group);
		local_answer(c, CTL_E_DENIED, message, NULL);
		return;
	}
	if (m->type == MESSAGE_CTL_ENROL) {
		local_enrol(c, (const struct msg_ctl_enrol *)&m->body);
		return;
	}
	if (!e->state.facts.enrolled) {
		local_answer(c, CTL_E_STATE, "this phone is not enrolled", NULL);
		return;
	}
	if (m->type == MESSAGE_CTL_SYNC && checkin_is_leaving(e)) {
		local_answer(c, CTL_E_BUSY, "this phone is being unenrolled", NULL);
		return;
	}
	c->waits_for = m->type;
	if (m->type == MESSAGE_CTL_UNENROL) {
		(void)checkin_unenrol(e);
		return;
	}
	/* A check-in under way may have asked the server before this was wanted. */
	c->waits_until = c->local->n_exchanges + (e->pacing.state == PACING_RUNNING ? 2 : 1);
	pacing_request(&e->pacing, clock_boottime_us(), 0, true);
	renewal_hurry(e);
	checkin_begin(e);
}

/*
 * Whoever sits in front of a locked out phone may give a code: it proves itself, gives nothing but
 * attempts, and auth.c paces those that are wrong.
 */
static void local_unlock(struct local_client *c, const struct msg_ctl_unlock *request)
{
	char message[LIMIT_TEXT_BYTES + 1];
	uint32_t wait_s = 0;

	switch (auth_unlock(c->local->e, request->code, &wait_s)) {
	case AUTH_UNLOCKED:
		local_answer(
			c, CTL_OK, "attempts count from zero again; enter the passcode now", NULL);
		return;
	case AUTH_WRONG_CODE:
		snprintf(message, sizeof(message),
			"this is not the code that is right now; the next one counts in %" PRIu32
			" s",
			wait_s);
		local_answer(c, CTL_E_REFUSED, message, NULL);
		return;
	case AUTH_WAIT:
		snprintf(message, sizeof(message),
			"after a wrong code the next one counts in %" PRIu32 " s", wait_s);
		local_answer(c, CTL_E_BUSY, message, NULL);
		return;
	case AUTH_LOCKED_OUT:
		local_answer(c, CTL_E_STATE,
			"this phone takes no codes: its policy names nobody who could read them, or "
			"the server has not confirmed them yet",
			NULL);
		return;
	case AUTH_GO:
	case AUTH_UNCOUNTED:
	case AUTH_REFUSED:
	case AUTH_VERDICT_MAX:
		break;
	}
	local_answer(c, CTL_E_STATE, "nobody is locked out of this phone", NULL);
}

/* Where the phone was is for the people who use it, not for whatever service runs on it. */
static bool local_may_see(const struct local_client *c)
{
	return c->may_act || location_sources_is_person(c->local->e, c->uid);
}

static void local_read(struct local_client *c, const struct message *m)
{
	_cleanup_buf_ struct buf json = {.max_bytes = LIMIT_LOCAL_ANSWER_BYTES};
	struct enforcer *e = c->local->e;
	const struct msg_ctl_journal *journal = (const struct msg_ctl_journal *)&m->body;

	switch ((int)m->type) {
	case MESSAGE_CTL_STATUS:
		answer_status(e, &json);
		break;
	case MESSAGE_CTL_POLICY_SHOW:
		answer_policy_show(e, &json);
		break;
	case MESSAGE_CTL_POLICY_EXPLAIN:
		answer_policy_explain(e, &json);
		break;
	case MESSAGE_CTL_COMPLIANCE:
		answer_compliance(e, &json);
		break;
	case MESSAGE_CTL_JOURNAL_SHOW:
		answer_journal(e, journal->after_seq, journal->count, &json);
		break;
	case MESSAGE_CTL_JOURNAL_VERIFY:
		answer_journal_verify(e, &json);
		break;
	case MESSAGE_CTL_PRIVACY:
		answer_privacy(e, local_may_see(c), &json);
		break;
	case MESSAGE_CTL_COMMANDS:
		answer_commands(e, &json);
		break;
	case MESSAGE_CTL_APPS:
		answer_apps(e, &json);
		break;
	case MESSAGE_CTL_PLACES:
		answer_places(e, &json);
		break;
	default:
		json.error = -EINVAL;
		break;
	}
	if (json.error == -EFBIG)
		local_answer(c, CTL_E_INTERNAL, "the answer is too long; ask for less", NULL);
	else if (json.error)
		local_answer(c, CTL_E_INTERNAL, "out of memory", NULL);
	else
		local_answer(c, CTL_OK, "", &json);
}

/*
 * An answer that was not read yet is memory of this process. Whoever leaves it there keeps the
 * place that it was given for, so that unread answers are as few as places.
 */
static bool local_has_unread(const struct local_client *c)
{
	int n_bytes = 0;

	return ioctl(c->fd, SIOCOUTQ, &n_bytes) == 0 && n_bytes > 0;
}

static int local_on_request(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct local_client *c = userdata;
	struct message m;
	int r;

	if (events & (EPOLLHUP | EPOLLERR)) {
		local_drop(c);
		return 0;
	}
	if (local_has_unread(c))
		/* Only its end is waited for any more. */
		return sd_event_source_set_io_events(source, 0);
	r = channel_receive(fd, ROLE_ENFORCER, ROLE_CTL, &m);
	if (r == -EAGAIN)
		return 0;
	/* One request at a time: whoever sends more while waiting is not our agentctl. */
	if (r < 0 || c->waits_for) {
		if (r == 0)
			message_done(&m);
		local_drop(c);
		return 0;
	}
	switch ((int)m.type) {
	case MESSAGE_CTL_ENROL:
	case MESSAGE_CTL_UNENROL:
	case MESSAGE_CTL_SYNC:
		local_act(c, &m);
		break;
	case MESSAGE_CTL_UNLOCK:
		local_unlock(c, (const struct msg_ctl_unlock *)&m.body);
		explicit_bzero(&m.body, sizeof(struct msg_ctl_unlock));
		break;
	case MESSAGE_CTL_ESCROW:
		local_escrow(c, (const struct msg_ctl_escrow *)&m.body);
		explicit_bzero(&m.body, sizeof(struct msg_ctl_escrow));
		break;
	default:
		local_read(c, &m);
		break;
	}
	message_done(&m);
	if (c->fd >= 0 && c->waits_for)
		c->deadline = sd_event_source_unref(c->deadline);
	return 0;
}

/* --- connections ------------------------------------------------------------------------- */

static bool local_may_act(struct local *local, int fd, const struct ucred *peer)
{
	gid_t groups[LOCAL_PEER_GROUPS_MAX];
	socklen_t n_bytes = sizeof(groups);
	int64_t admin = enforcer_admin_gid(local->e);

	/* Whoever runs the agent may command it: root on a phone, the tester in a test. */
	if (peer->uid == 0 || peer->uid == geteuid())
		return true;
	if (admin < 0)
		return false;
	if ((int64_t)peer->gid == admin)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n_bytes) < 0)
		return false;
	for (size_t i = 0; i < n_bytes / sizeof(groups[0]); i++)
		if ((int64_t)groups[i] == admin)
			return true;
	return false;
}

static int local_on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct local_client *c = userdata;

	(void)source;
	(void)usec;
	c->deadline = sd_event_source_unref(c->deadline);
	if (!local_has_unread(c))
		local_drop(c);
	return 0;
}

/* A free place; one user may not take all of them, and all together not those of root. */
static struct local_client *local_place(struct local *local, uid_t uid)
{
	struct local_client *place = NULL;
	size_t n_same = 0, n_free = 0;

	for (size_t i = 0; i < LIMIT_LOCAL_CLIENTS; i++) {
		if (local->clients[i].fd < 0) {
			place = &local->clients[i];
			n_free++;
		} else if (local->clients[i].uid == uid) {
			n_same++;
		}
	}
	if (uid != 0 && (n_same >= LIMIT_LOCAL_CLIENTS / 2 || n_free <= LOCAL_ROOT_PLACES))
		return NULL;
	return place;
}

static int local_on_connect(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct local *local = userdata;
	_cleanup_close_ int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t n = sizeof(peer);
	struct local_client *c;

	(void)source;
	(void)events;
	if (client_fd < 0 || getsockopt(client_fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return 0;
	c = local_place(local, peer.uid);
	if (!c)
		return 0;
	*c = (struct local_client){
		.local = local,
		.fd = client_fd,
		.uid = peer.uid,
		.may_act = local_may_act(local, client_fd, &peer),
	};
	if (sd_event_add_io(local->e->event, &c->source, client_fd, EPOLLIN, local_on_request, c) <
			0 ||
		sd_event_add_time(local->e->event, &c->deadline, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() + LIMIT_LOCAL_IDLE_SECONDS * USEC_PER_SEC),
			USEC_PER_SEC, local_on_idle, c) < 0) {
		c->fd = -1;
		local_drop(c);
		return 0;
	}
	TAKE_FD(client_fd);
	return 0;
}

void local_free(struct local *local)
{
	if (!local)
		return;
	for (size_t i = 0; i < LIMIT_LOCAL_CLIENTS; i++)
		local_drop(&local->clients[i]);
	sd_event_source_unref(local->source);
	if (local->fd >= 0)
		unlink(local->path);
	closep(&local->fd);
	free(local);
}
DEFINE_CLEANUP(struct local *, local_free)

/* Something listens behind the path: another agent is running. */
static bool local_is_served(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

int local_new(struct enforcer *e, const char *path, struct local **ret_local)
{
	_cleanup_(local_freep) struct local *local = calloc(1, sizeof(*local));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r;

	if (!local)
		return -ENOMEM;
	local->e = e;
	local->fd = -1;
	for (size_t i = 0; i < LIMIT_LOCAL_CLIENTS; i++)
		local->clients[i].fd = -1;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(local->path, path, strlen(path) + 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (local_is_served(&address))
		return -EADDRINUSE;
	unlink(path);
	local->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (local->fd < 0)
		return -errno;
	if (bind(local->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		closep(&local->fd);
		local->fd = -1;
		return r;
	}
	if (chmod(path, 0666) < 0 || listen(local->fd, LIMIT_LOCAL_CLIENTS) < 0)
		return -errno;
	r = sd_event_add_io(e->event, &local->source, local->fd, EPOLLIN, local_on_connect, local);
	if (r < 0)
		return r;
	*ret_local = TAKE_PTR(local);
	return 0;
}
