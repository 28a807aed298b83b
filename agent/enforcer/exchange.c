/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.c - starting and reaping the net role; see exchange.h. Enforcer, root. The role gets
 * its channel as descriptor 3, nothing else and an environment that is empty but for key hardware;
 * what it fetched comes back in a memory file that only documents.c looks into.
 */
#include "agent/enforcer/exchange.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/enforcer/highwater.h"
#include "agent/enforcer/role.h"
#include "agent/util/child.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"

#define EXCHANGE_GRACE_S 5 /* beyond the role's own deadline, then it is killed */

struct exchange {
	struct exchange_start start;
	pid_t pid;
	int channel_fd;
	int response_fd;	    /* -1 but for a check-in */
	enum message_type expected; /* the answer that belongs to the order */
	sd_event_source *channel_source, *child_source, *deadline_source;
	bool answered, timed_out, broke_protocol;
	struct exchange_result result;
};

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	sd_event_source_unref(x->channel_source);
	sd_event_source_unref(x->child_source);
	sd_event_source_unref(x->deadline_source);
	if (x->pid > 0)
		child_abandon(x->start.event, x->pid);
	closep(&x->channel_fd);
	closep(&x->response_fd);
	*x->start.slot = NULL;
	free(x);
}
DEFINE_CLEANUP(struct exchange *, exchange_free)

/* --- the end ----------------------------------------------------------------------------- */

static void exchange_explain(struct exchange *x, int status)
{
	struct msg_net_failed *failed = &x->result.failed;

	x->result.end = EXCHANGE_FAILED;
	*failed = (struct msg_net_failed){.stage = NET_STAGE_SANDBOX, .retry_after_s = -1};
	if (x->timed_out)
		snprintf(failed->message, sizeof(failed->message),
			"the exchange with the server took too long and was ended");
	else if (x->broke_protocol)
		snprintf(failed->message, sizeof(failed->message),
			"mdm-agent-net sent a message that does not fit the table and was ended; "
			"are mdm-agentd and mdm-agent-net of the same version?");
	else if (WIFSIGNALED(status))
		snprintf(failed->message, sizeof(failed->message),
			"mdm-agent-net was killed by signal %d (%s); signal 31 is its system call "
			"filter",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 127)
		snprintf(failed->message, sizeof(failed->message),
			"%s could not be started; reinstall the agent", x->start.options->program);
	else
		snprintf(failed->message, sizeof(failed->message),
			"mdm-agent-net ended with status %d without an answer",
			WEXITSTATUS(status));
}

/* The answer as our own copy: the role may still hold the descriptor, not the bytes. */
static int exchange_read_body(struct exchange *x, char **ret_body)
{
	size_t n;
	int r;

	r = fs_read_fd(x->response_fd, LIMIT_RESPONSE_BYTES, ret_body, &n);
	if (r < 0)
		return r;
	if (n != x->result.exchanged.response_bytes) {
		free(TAKE_PTR(*ret_body));
		return -EPROTO;
	}
	x->result.n_body = n;
	return 0;
}

static int exchange_on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	_cleanup_(exchange_freep) struct exchange *x = userdata;
	_cleanup_free_ char *body = NULL;
	exchange_done_fn done = x->start.done;
	void *done_userdata = x->start.userdata;
	struct exchange_result result;
	int status;

	(void)source;
	status = info->si_code == CLD_EXITED ? (info->si_status & 0xff) << 8
					     : info->si_status & 0x7f;
	x->pid = 0; /* sd-event reaps it */
	if (!x->answered)
		exchange_explain(x, status);
	if (x->result.end == EXCHANGE_ANSWERED && exchange_read_body(x, &body) < 0) {
		x->broke_protocol = true;
		exchange_explain(x, status);
	}
	result = x->result;
	result.body = body;
	exchange_free(TAKE_PTR(x));
	done(&result, done_userdata);
	return 0;
}

static int exchange_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct exchange *x = userdata;

	(void)source;
	(void)usec;
	x->timed_out = true;
	kill(x->pid, SIGKILL);
	return 0;
}

/* --- messages ---------------------------------------------------------------------------- */

/*
 * Numbers go into facts, timers and subtractions. Whoever took the role over must not stop the
 * facts from being stored with a date that cannot be, nor have a difference overflow.
 */
static bool exchange_is_date(int64_t date_s)
{
	return date_s >= 0 && date_s <= HIGHWATER_MAX_S;
}

/* Of a certificate: there always is one where these are told. */
static bool exchange_is_span(int64_t from_s, int64_t until_s)
{
	return exchange_is_date(from_s) && exchange_is_date(until_s) && from_s < until_s;
}

static bool exchange_is_anchors(uint32_t n_anchors)
{
	return n_anchors >= 1 && n_anchors <= LIMIT_EST_CERTIFICATES;
}

/* What headers told; -1: nothing. */
static bool exchange_is_told(int64_t value)
{
	return value >= -1 && value <= INT64_C(1) << 53;
}

static bool exchange_enrolled_is_valid(const struct msg_net_enrolled *m)
{
	return exchange_is_span(m->certificate_from_s, m->certificate_until_s) &&
	       exchange_is_date(m->server_date_s) && exchange_is_date(m->server_cert_until_s) &&
	       exchange_is_anchors(m->n_anchors);
}

static bool exchange_renewed_is_valid(const struct msg_net_renewed *m)
{
	return exchange_is_span(m->certificate_from_s, m->certificate_until_s) &&
	       exchange_is_date(m->server_date_s) && exchange_is_date(m->server_cert_until_s) &&
	       exchange_is_anchors(m->n_anchors);
}

static bool exchange_exchanged_is_valid(const struct msg_net_exchanged *m)
{
	return exchange_is_span(m->certificate_from_s, m->certificate_until_s) &&
	       exchange_is_date(m->server_date_s) && exchange_is_date(m->server_cert_until_s) &&
	       exchange_is_told(m->retry_after_s) && exchange_is_told(m->next_checkin_s) &&
	       exchange_is_told(m->ack_seq) && exchange_is_told(m->mark) &&
	       m->bytes_up <= INT64_MAX && m->bytes_down <= INT64_MAX;
}

static bool exchange_failed_is_valid(const struct msg_net_failed *m)
{
	return m->stage < NET_STAGE_MAX && m->http_status <= 999 &&
	       exchange_is_told(m->retry_after_s);
}

/* Whether what the answer says can be at all. */
static bool exchange_is_valid(const struct exchange *x)
{
	switch (x->result.end) {
	case EXCHANGE_ENROLLED:
		return exchange_enrolled_is_valid(&x->result.enrolled);
	case EXCHANGE_ANSWERED:
		return exchange_exchanged_is_valid(&x->result.exchanged);
	case EXCHANGE_RENEWED:
		return exchange_renewed_is_valid(&x->result.renewed);
	case EXCHANGE_WOKEN:
		return exchange_is_told(x->result.woken.retry_after_s);
	case EXCHANGE_FAILED:
		return exchange_failed_is_valid(&x->result.failed);
	case EXCHANGE_END_MAX:
		break;
	}
	return false;
}

static int exchange_on_message(struct exchange *x, const struct message *m)
{
	if (m->type != MESSAGE_NET_FACTS && m->type != MESSAGE_NET_FAILED && m->type != x->expected)
		return -EPROTO;
	if (m->type != MESSAGE_NET_FACTS && x->answered)
		return -EPROTO;
	switch (m->type) {
	case MESSAGE_NET_FACTS:
		/* Once: a role that talks without end must not keep the loop from its deadline. */
		if (x->result.has_facts)
			return -EPROTO;
		x->result.has_facts = true;
		memcpy(&x->result.facts, &m->body, sizeof(x->result.facts));
		return 0;
	case MESSAGE_NET_ENROLLED:
		x->result.end = EXCHANGE_ENROLLED;
		memcpy(&x->result.enrolled, &m->body, sizeof(x->result.enrolled));
		break;
	case MESSAGE_NET_EXCHANGED:
		x->result.end = EXCHANGE_ANSWERED;
		memcpy(&x->result.exchanged, &m->body, sizeof(x->result.exchanged));
		break;
	case MESSAGE_NET_RENEWED:
		x->result.end = EXCHANGE_RENEWED;
		memcpy(&x->result.renewed, &m->body, sizeof(x->result.renewed));
		break;
	case MESSAGE_NET_WOKEN:
		x->result.end = EXCHANGE_WOKEN;
		memcpy(&x->result.woken, &m->body, sizeof(x->result.woken));
		break;
	case MESSAGE_NET_FAILED:
		x->result.end = EXCHANGE_FAILED;
		memcpy(&x->result.failed, &m->body, sizeof(x->result.failed));
		break;
	default:
		return -EPROTO;
	}
	if (!exchange_is_valid(x))
		return -EPROTO;
	x->answered = true;
	return 0;
}

static int exchange_on_channel(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct exchange *x = userdata;
	struct message m;
	int r = channel_receive(fd, ROLE_ENFORCER, ROLE_NET, &m);

	(void)source;
	(void)events;
	if (r == -EAGAIN)
		return 0;
	if (r == 0) {
		r = exchange_on_message(x, &m);
		message_done(&m);
	}
	if (r < 0) {
		x->channel_source = sd_event_source_unref(x->channel_source);
		if (r == -EPROTO) {
			x->broke_protocol = true;
			x->answered = false;
			kill(x->pid, SIGKILL);
		}
	}
	return 0;
}

/* --- the start --------------------------------------------------------------------------- */

/* What providers of hardware keys are told by, if whoever started the agent set it. */
static const char *const exchange_variables[] = {
	"TPM2OPENSSL_TCTI=",
	"PKCS11_PROVIDER_MODULE=",
	"SOFTHSM2_CONF=",
};

static void exchange_environment(const char *ret_env[ARRAY_SIZE(exchange_variables) + 1])
{
	size_t n = 0;

	for (char **variable = environ; variable && *variable; variable++)
		for (size_t i = 0; i < ARRAY_SIZE(exchange_variables); i++)
			if (n < ARRAY_SIZE(exchange_variables) &&
				strncmp(*variable, exchange_variables[i],
					strlen(exchange_variables[i])) == 0)
				ret_env[n++] = *variable;
	ret_env[n] = NULL;
}

static int exchange_launch(const struct exchange_start *start, uint32_t timeout_s,
	enum message_type expected, struct exchange **ret_exchange)
{
	_cleanup_(exchange_freep) struct exchange *x = NULL;
	const struct exchange_options *o = start->options;
	const char *argv[] = {o->program, "--user", o->user, o->verbose ? "--verbose" : NULL, NULL};
	const char *env[ARRAY_SIZE(exchange_variables) + 1];
	int r;

	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	*x = (struct exchange){
		.start = *start, .channel_fd = -1, .response_fd = -1, .expected = expected};
	exchange_environment(env);
	r = role_start(argv, env, &x->pid, &x->channel_fd);
	if (r < 0)
		return r;
	r = sd_event_add_child(
		start->event, &x->child_source, x->pid, WEXITED, exchange_on_child, x);
	if (r >= 0)
		r = sd_event_add_io(start->event, &x->channel_source, x->channel_fd, EPOLLIN,
			exchange_on_channel, x);
	if (r >= 0)
		/* Messages first: the end of the process must not overtake its last words. */
		r = sd_event_source_set_priority(x->channel_source, SD_EVENT_PRIORITY_IMPORTANT);
	if (r >= 0)
		r = sd_event_add_time(start->event, &x->deadline_source, CLOCK_BOOTTIME,
			(uint64_t)(clock_boottime_us() +
				   (timeout_s + EXCHANGE_GRACE_S) * USEC_PER_SEC),
			USEC_PER_SEC / 2, exchange_on_deadline, x);
	if (r >= 0)
		r = sd_event_source_set_priority(
			x->deadline_source, SD_EVENT_PRIORITY_IMPORTANT - 1);
	if (r < 0)
		return r;
	*start->slot = x;
	*ret_exchange = TAKE_PTR(x);
	return 0;
}

/* An order whose only descriptor is the identity directory. */
static int exchange_simple(const struct exchange_start *start, uint32_t timeout_s,
	enum message_type type, const void *order, enum message_type expected)
{
	struct exchange *x;
	int r = exchange_launch(start, timeout_s, expected, &x);

	if (r < 0)
		return r;
	r = channel_send(x->channel_fd, ROLE_ENFORCER, type, order, &start->identity_fd, 1);
	if (r < 0)
		exchange_free(x);
	return r;
}

int exchange_enrol(const struct exchange_start *start, const struct msg_net_enrol *order)
{
	return exchange_simple(
		start, order->timeout_s, MESSAGE_NET_ENROL, order, MESSAGE_NET_ENROLLED);
}

int exchange_renew(const struct exchange_start *start, const struct msg_net_renew *order)
{
	return exchange_simple(
		start, order->timeout_s, MESSAGE_NET_RENEW, order, MESSAGE_NET_RENEWED);
}

int exchange_wait(const struct exchange_start *start, const struct msg_net_wait *order)
{
	return exchange_simple(start, order->timeout_s, MESSAGE_NET_WAIT, order, MESSAGE_NET_WOKEN);
}

int exchange_checkin(const struct exchange_start *start, const struct msg_net_checkin *order,
	const char *report, size_t n_report)
{
	_cleanup_close_ int report_fd = fs_memfd("mdm-report", report, n_report);
	int fds[3] = {start->identity_fd, report_fd, -1};
	struct exchange *x;
	int r;

	if (report_fd < 0)
		return report_fd;
	r = exchange_launch(start, order->timeout_s, MESSAGE_NET_EXCHANGED, &x);
	if (r < 0)
		return r;
	x->response_fd = memfd_create("mdm-response", MFD_CLOEXEC);
	r = x->response_fd < 0 ? -errno : 0;
	fds[2] = x->response_fd;
	if (r == 0)
		r = channel_send(x->channel_fd, ROLE_ENFORCER, MESSAGE_NET_CHECKIN, order, fds, 3);
	if (r < 0)
		exchange_free(x);
	return r;
}
