/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.c - the life of one mdm-agent-verify; see verify.h. Gives up its rights, takes the order
 * of the enforcer, seals itself, and only then touches what came from a user.
 */
#include "agent/verify/verify.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/ipc/channel.h"
#include "agent/sandbox/sandbox.h"
#include "agent/util/log.h"
#include "agent/util/mem.h"
#include "agent/verify/dictionary.h"
#include "policies/password.h"

#define ORDER_PATIENCE_MS 5000
/* Taking the password never waits, unless whoever sent it plays with the pipe meanwhile. */
#define PASSWORD_PATIENCE_S 1

struct verify {
	struct message order;
	struct message request; /* of pam_mdm.so */
	struct password password;
	struct dictionary *dictionary;
};

/* The enforcer sends its order at once. 0 or -errno. */
static int take_order(struct verify *v, int channel_fd)
{
	struct pollfd ready = {.fd = channel_fd, .events = POLLIN};
	int r = poll(&ready, 1, ORDER_PATIENCE_MS);

	if (r < 1)
		return r < 0 ? -errno : -ETIMEDOUT;
	r = channel_receive(channel_fd, ROLE_VERIFY, ROLE_ENFORCER, &v->order);
	if (r == 0 && v->order.body.as_28.n_history > LIMIT_PASSWORD_HISTORY)
		r = -EBADMSG;
	return r;
}

/* The message that the enforcer has looked at already. 0 or -errno. */
static int take_request(struct verify *v)
{
	int r = channel_receive(v->order.fds[0], ROLE_ENFORCER, ROLE_PAM, &v->request);

	/* Once for a sender that is gone already; what it sent is still there. */
	if (r == -ECONNRESET)
		r = channel_receive(v->order.fds[0], ROLE_ENFORCER, ROLE_PAM, &v->request);
	if (r == 0 && v->request.type != MESSAGE_AUTH_ATTEMPT &&
		v->request.type != MESSAGE_AUTH_CHANGE)
		r = -EBADMSG;
	return r;
}

static int send_answer(int channel_fd, const struct msg_verify_answer *answer)
{
	return channel_send(channel_fd, ROLE_VERIFY, MESSAGE_VERIFY_ANSWER, answer, NULL, 0);
}

/*
 * That a password is right is said before earlier hashes and word lists are looked at: neither many
 * slow ones nor a list that is damaged may make a wrong attempt of it.
 */
static int judge(struct verify *v, int channel_fd, struct msg_verify_answer *ret_answer)
{
	const struct msg_verify_order *order = &v->order.body.as_28;
	bool is_change = v->request.type == MESSAGE_AUTH_CHANGE;
	struct msg_verify_answer answer, so_far;
	int r = verify_compare(order, &v->password, &answer);

	if (r == 0 && !is_change && answer.match == VERIFY_SAME &&
		(order->n_history || v->dictionary)) {
		so_far = answer;
		so_far.match = VERIFY_SAME_SO_FAR;
		r = send_answer(channel_fd, &so_far);
	}
	if (r == 0)
		r = verify_judge(order, &v->password, is_change, v->dictionary, &answer);
	if (r == 0)
		*ret_answer = answer;
	return r;
}

static int answer(struct verify *v, int channel_fd)
{
	const struct msg_verify_order *order = &v->order.body.as_28;
	struct msg_verify_answer answer = {.match = VERIFY_EMPTY, .code = -1};
	int r;

	alarm(PASSWORD_PATIENCE_S);
	r = take_request(v);
	if (r < 0)
		return r;
	r = password_take(v->request.fds[0], &v->password);
	alarm(order->timeout_s < LIMIT_VERIFY_SECONDS ? order->timeout_s : LIMIT_VERIFY_SECONDS);
	if (r == 0)
		r = judge(v, channel_fd, &answer);
	else if (r == -ENODATA)
		r = 0;
	explicit_bzero(&v->password, sizeof(v->password));
	return r < 0 ? r : send_answer(channel_fd, &answer);
}

/* 0 or -errno. */
static int seal(struct verify *v, struct sandbox_facts *facts, struct sandbox_error *ret_error)
{
	const struct sandbox_grant grant = {.directory_fd = -1};

	/* Code to be mapped: later that is forbidden. */
	if (v->order.body.as_28.rules[PASSWORD_NOT_COMMON])
		v->dictionary = dictionary_open();
	return sandbox_seal(v->dictionary ? &sandbox_role_verify_words : &sandbox_role_verify,
		&grant, facts, ret_error);
}

int verify_run(int channel_fd, const char *user)
{
	struct verify v = {.order.fds = {-1, -1, -1}, .request.fds = {-1, -1, -1}};
	struct sandbox_error error;
	struct sandbox_facts facts;
	int r;

	if (sandbox_enter(&sandbox_role_verify, user, &facts, &error) < 0) {
		log_error("%s", error.message);
		return VERIFY_EXIT_SANDBOX;
	}
	r = take_order(&v, channel_fd);
	if (r == -ECONNRESET)
		return VERIFY_EXIT_FAILED; /* changed its mind */
	if (r < 0) {
		log_error("no valid order from the enforcer: %s", strerror(-r));
		return VERIFY_EXIT_FAILED;
	}
	/* Nothing of it on the disk; where that is not allowed, swap is encrypted or it is not. */
	(void)mlock(&v, sizeof(v));
	if (seal(&v, &facts, &error) < 0) {
		log_error("%s", error.message);
		return VERIFY_EXIT_SANDBOX;
	}
	r = answer(&v, channel_fd);
	explicit_bzero(&v.order.body, sizeof(v.order.body));
	dictionary_free(v.dictionary);
	if (r < 0)
		log_error("the password could not be judged: %s", strerror(-r));
	return r < 0 ? VERIFY_EXIT_FAILED : VERIFY_EXIT_ANSWERED;
}
