/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.c - the net role; see net.h. It lives for one exchange, so that each one starts from a fresh
 * address space. It says nothing to the enforcer but messages of the table, and the enforcer
 * believes nothing beyond them.
 */
#include "agent/net/net.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/ipc/channel.h"
#include "agent/net/checkin.h"
#include "agent/net/enrol.h"
#include "agent/net/hardware_key.h"
#include "agent/net/renew.h"
#include "agent/net/wait.h"
#include "agent/sandbox/sandbox.h"
#include "agent/util/log.h"

#define DNS_PORT 53
/* The deadline of the loop ends every exchange before this; it is for a library that hangs. */
#define ALARM_MARGIN_S 5

struct net {
	int channel_fd;
	struct sandbox_facts facts;
	struct message request;
	struct exchange exchange;
};

static int send_failure(const struct net *net, const struct failure *failure)
{
	struct msg_net_failed body = {
		.stage = failure->stage,
		.http_status = failure->http_status,
		.retry_after_s = failure->retry_after_s,
	};
	int r;

	memcpy(body.message, failure->message, sizeof(body.message));
	/* A name cut in the middle of a sequence, or an odd locale, must not end the channel. */
	for (char *p = body.message; *p; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			*p = '?';
	log_warning("%s: %s", net_stage_name(failure->stage), body.message);
	r = channel_send(net->channel_fd, ROLE_NET, MESSAGE_NET_FAILED, &body, NULL, 0);
	if (r < 0)
		log_error("the enforcer does not take the result: %s", strerror(-r));
	return r;
}

static int send_sandbox_failure(const struct net *net, const struct sandbox_error *error)
{
	struct failure failure;

	failure_set(&failure, NET_STAGE_SANDBOX, "%.200s", error->message);
	return send_failure(net, &failure);
}

static int send_facts(const struct net *net)
{
	struct msg_net_facts body = {
		.landlock_abi = net->facts.landlock_abi,
		.seccomp = net->facts.seccomp,
		.rlimits = net->facts.n_limits,
		.no_new_privs = net->facts.no_new_privs,
		.uid = net->facts.uid,
		.gid = net->facts.gid,
	};

	memcpy(body.note, net->facts.note, sizeof(body.note));
	return channel_send(net->channel_fd, ROLE_NET, MESSAGE_NET_FACTS, &body, NULL, 0);
}

static int receive_request(struct net *net)
{
	struct pollfd wait = {.fd = net->channel_fd, .events = POLLIN};
	int r;

	do
		r = poll(&wait, 1, LIMIT_EXCHANGE_SECONDS * 1000);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (r == 0)
		return -ETIMEDOUT;
	return channel_receive(net->channel_fd, ROLE_NET, ROLE_ENFORCER, &net->request);
}

static bool is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Everything that the table cannot say about a request. */
static int check_request(struct net *net)
{
	const struct message *request = &net->request;
	int r = -EBADMSG;

	if (!is_directory(request->fds[0]))
		return r;
	if (request->type == MESSAGE_NET_ENROL)
		r = exchange_of_enrol(&request->body.as_1, &net->exchange);
	else if (request->type == MESSAGE_NET_RENEW)
		r = exchange_of_renew(&request->body.as_7, &net->exchange);
	else if (request->type == MESSAGE_NET_WAIT)
		r = exchange_of_wait(&request->body.as_9, &net->exchange);
	else if (request->type == MESSAGE_NET_CHECKIN && is_file(request->fds[1]) &&
		 is_file(request->fds[2]))
		r = exchange_of_checkin(&request->body.as_2, &net->exchange);
	net->exchange.cancel_fd = net->channel_fd;
	return r;
}

static int seal(struct net *net, struct sandbox_error *ret_error)
{
	const struct exchange *exchange = &net->exchange;
	bool est = net->request.type == MESSAGE_NET_ENROL || net->request.type == MESSAGE_NET_RENEW;
	const struct url *to = est ? &exchange->est : &exchange->server;
	struct sandbox_grant grant = {
		.directory_fd = net->request.fds[0],
		/* A check-in that is taken over must not be able to plant another CA. */
		.directory_writable = est,
		.ports = {to->port, DNS_PORT},
		.n_ports = to->literal ? 1 : 2,
	};

	char token[256] = "";

	if (exchange->hardware && hardware_key_directory(token) == 0 && token[0])
		grant.token_directory = token;
	if (exchange->hardware && hardware_key_port(&grant.ports[grant.n_ports]) == 0)
		grant.n_ports++;
	return sandbox_seal(&sandbox_role_net, &grant, &net->facts, ret_error);
}

static const char *key_uri(const struct message *request)
{
	switch (request->type) {
	case MESSAGE_NET_ENROL:
		return request->body.as_1.key_uri;
	case MESSAGE_NET_RENEW:
		return request->body.as_7.identity.key_uri;
	case MESSAGE_NET_WAIT:
		return request->body.as_9.identity.key_uri;
	default: /* check_request() let nothing else pass */
		return request->body.as_2.identity.key_uri;
	}
}

/*
 * A key in hardware is opened before the sandbox is closed: the provider is code that has to be
 * mapped, from paths that are out of reach afterwards. Its address is the enforcer's word alone:
 * nothing that an earlier role may have written chooses that code. 0 or NET_E_FAILED.
 */
static int open_hardware(struct net *net, struct failure *ret_failure)
{
	const char *uri = key_uri(&net->request);
	int r;

	if (!uri[0])
		return 0;
	r = http_setup(ret_failure);
	return r == 0 ? hardware_key_open(uri, &net->exchange.hardware, ret_failure) : r;
}

static int serve_enrol(const struct net *net, struct failure *ret_failure)
{
	struct msg_net_enrolled body;
	int r;

	r = enrol_run(
		&net->exchange, &net->request.body.as_1, net->request.fds[0], &body, ret_failure);
	if (r != 0)
		return r;
	return channel_send(net->channel_fd, ROLE_NET, MESSAGE_NET_ENROLLED, &body, NULL, 0);
}

static int serve_renew(const struct net *net, struct failure *ret_failure)
{
	struct msg_net_renewed body;
	int r;

	r = renew_run(
		&net->exchange, &net->request.body.as_7, net->request.fds[0], &body, ret_failure);
	if (r != 0)
		return r;
	return channel_send(net->channel_fd, ROLE_NET, MESSAGE_NET_RENEWED, &body, NULL, 0);
}

static int serve_checkin(const struct net *net, struct failure *ret_failure)
{
	struct checkin_fds fds = {net->request.fds[0], net->request.fds[1], net->request.fds[2]};
	struct msg_net_exchanged body;
	int r;

	r = checkin_run(&net->exchange, &net->request.body.as_2, &fds, &body, ret_failure);
	if (r != 0)
		return r;
	return channel_send(net->channel_fd, ROLE_NET, MESSAGE_NET_EXCHANGED, &body, NULL, 0);
}

static int serve_wait(const struct net *net, struct failure *ret_failure)
{
	struct msg_net_woken body;
	int r;

	r = wait_run(
		&net->exchange, &net->request.body.as_9, net->request.fds[0], &body, ret_failure);
	if (r != 0)
		return r;
	return channel_send(net->channel_fd, ROLE_NET, MESSAGE_NET_WOKEN, &body, NULL, 0);
}

static int serve_request(const struct net *net, struct failure *ret_failure)
{
	switch (net->request.type) {
	case MESSAGE_NET_ENROL:
		return serve_enrol(net, ret_failure);
	case MESSAGE_NET_RENEW:
		return serve_renew(net, ret_failure);
	case MESSAGE_NET_WAIT:
		return serve_wait(net, ret_failure);
	default: /* check_request() let nothing else pass */
		return serve_checkin(net, ret_failure);
	}
}

static int serve(struct net *net)
{
	struct failure failure;
	int r = http_setup(&failure);

	if (r == 0)
		r = serve_request(net, &failure);
	if (r == NET_E_FAILED)
		r = send_failure(net, &failure);
	else if (r == -ECANCELED)
		log_info("the enforcer ended the exchange");
	else if (r < 0)
		log_error("the enforcer does not take the result: %s", strerror(-r));
	return r;
}

int net_run(const struct net_options *options)
{
	struct net net = {.channel_fd = options->channel_fd};
	struct sandbox_error error;
	struct failure failure;
	int r;

	if (sandbox_enter(&sandbox_role_net, options->user, &net.facts, &error) < 0) {
		send_sandbox_failure(&net, &error);
		return 1;
	}
	r = receive_request(&net);
	if (r == -ECONNRESET)
		return 1; /* changed its mind */
	if (r == 0)
		r = check_request(&net);
	if (r < 0) {
		log_error("no valid request from the enforcer: %s", strerror(-r));
		return 1;
	}
	alarm((net.request.type == MESSAGE_NET_WAIT ? LIMIT_WAIT_SECONDS : LIMIT_EXCHANGE_SECONDS) +
		ALARM_MARGIN_S);
	if (open_hardware(&net, &failure) != 0)
		return send_failure(&net, &failure) == 0 ? 0 : 1;
	if (seal(&net, &error) < 0) {
		send_sandbox_failure(&net, &error);
		return 1;
	}
	r = send_facts(&net);
	if (r == 0)
		r = serve(&net);
	EVP_PKEY_free(net.exchange.hardware);
	message_done(&net.request);
	return r == 0 ? 0 : 1;
}
