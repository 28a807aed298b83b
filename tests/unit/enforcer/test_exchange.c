/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_exchange.c - a net role that misbehaves: this program is started again in its place. The
 * enforcer's loop has to go on and the role has to be ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/enforcer/exchange.h"
#include "agent/util/fs.h"
#include "agent/util/limits.h"
#include "tests/lib/check.h"

#define DISPATCHES 20000	     /* until an exchange must have ended */
#define LAST_S INT64_C(253402300799) /* 31 December 9999 */

/* --- the other side ---------------------------------------------------------------------- */

static void role_facts(int fd)
{
	struct msg_net_facts facts = {.seccomp = 1};

	(void)channel_send(fd, ROLE_NET, MESSAGE_NET_FACTS, &facts, NULL, 0);
}

/* Facts without end: as fast as the socket takes them. */
static void role_talks(int fd)
{
	struct msg_net_facts facts = {.seccomp = 1};

	while (channel_send(fd, ROLE_NET, MESSAGE_NET_FACTS, &facts, NULL, 0) == 0)
		;
}

/* Answers as a role that is what it should be gives them. */
static const struct msg_net_exchanged good_exchanged = {
	.http_status = 204,
	.retry_after_s = -1,
	.next_checkin_s = -1,
	.ack_seq = -1,
	.mark = -1,
	.server_date_s = 1800000000,
	.server_cert_until_s = LAST_S,
	.certificate_from_s = 0,
	.certificate_until_s = LAST_S,
};
static const struct msg_net_enrolled good_enrolled = {
	.device_id = "0123456789abcdef0123456789abcdef",
	.certificate_from_s = 0,
	.certificate_until_s = LAST_S,
	.server_date_s = LAST_S,
	.server_cert_until_s = LAST_S,
	.n_anchors = LIMIT_EST_CERTIFICATES,
};
static const struct msg_net_renewed good_renewed = {
	.certificate_from_s = LAST_S - 1,
	.certificate_until_s = LAST_S,
	.n_anchors = 1,
};

static void role_answers(int fd, uint32_t response_bytes)
{
	struct msg_net_exchanged exchanged = good_exchanged;

	exchanged.response_bytes = response_bytes;
	(void)channel_send(fd, ROLE_NET, MESSAGE_NET_EXCHANGED, &exchanged, NULL, 0);
}

static void role_claims_enrolment(int fd)
{
	struct msg_net_enrolled enrolled = good_enrolled;

	(void)channel_send(fd, ROLE_NET, MESSAGE_NET_ENROLLED, &enrolled, NULL, 0);
}

static void role_wakes(int fd)
{
	struct msg_net_woken woken = {.news = 1, .retry_after_s = -1};

	(void)channel_send(fd, ROLE_NET, MESSAGE_NET_WOKEN, &woken, NULL, 0);
}

static void role_unknown_stage(int fd)
{
	struct msg_net_failed failed = {.stage = NET_STAGE_MAX, .message = "x"};

	(void)channel_send(fd, ROLE_NET, MESSAGE_NET_FAILED, &failed, NULL, 0);
}

static void role_fills_response(int fd, const struct message *order)
{
	char block[4096] = {0};

	for (size_t n = 0; n <= LIMIT_RESPONSE_BYTES; n += sizeof(block))
		if (fs_write_all(order->fds[2], block, sizeof(block)) < 0)
			return;
	role_answers(fd, LIMIT_RESPONSE_BYTES + sizeof(block));
}

/* What cannot be, one number at a time; the others are those of a good answer. */
enum lie_type {
	LIE_ENROLLED,
	LIE_RENEWED,
	LIE_EXCHANGED,
	LIE_WOKEN,
	LIE_FAILED,
};

static const struct lie {
	enum lie_type type;
	size_t offset, size_bytes;
	int64_t value;
} lies[] = {
#define LIE(type, body, member, value)                                                             \
	{                                                                                          \
		type, offsetof(body, member), sizeof(((body *)NULL)->member), value                \
	}
#define LIE_DATES(type, body)                                                                      \
	LIE(type, body, certificate_from_s, -1), LIE(type, body, certificate_from_s, INT64_MIN),   \
		LIE(type, body, certificate_from_s, LAST_S),                                       \
		LIE(type, body, certificate_from_s, INT64_MAX),                                    \
		LIE(type, body, certificate_until_s, -1), LIE(type, body, certificate_until_s, 0), \
		LIE(type, body, certificate_until_s, LAST_S + 1),                                  \
		LIE(type, body, certificate_until_s, INT64_MAX),                                   \
		LIE(type, body, server_date_s, -1), LIE(type, body, server_date_s, LAST_S + 1),    \
		LIE(type, body, server_cert_until_s, INT64_MIN),                                   \
		LIE(type, body, server_cert_until_s, LAST_S + 1)
	LIE_DATES(LIE_ENROLLED, struct msg_net_enrolled),
	LIE_DATES(LIE_RENEWED, struct msg_net_renewed),
	LIE_DATES(LIE_EXCHANGED, struct msg_net_exchanged),
	LIE(LIE_ENROLLED, struct msg_net_enrolled, n_anchors, 0),
	LIE(LIE_ENROLLED, struct msg_net_enrolled, n_anchors, LIMIT_EST_CERTIFICATES + 1),
	LIE(LIE_RENEWED, struct msg_net_renewed, n_anchors, 0),
	LIE(LIE_RENEWED, struct msg_net_renewed, n_anchors, UINT32_MAX),
	LIE(LIE_EXCHANGED, struct msg_net_exchanged, retry_after_s, -2),
	LIE(LIE_EXCHANGED, struct msg_net_exchanged, next_checkin_s, INT64_MAX),
	LIE(LIE_EXCHANGED, struct msg_net_exchanged, ack_seq, INT64_MIN),
	LIE(LIE_EXCHANGED, struct msg_net_exchanged, mark, INT64_MAX),
	LIE(LIE_EXCHANGED, struct msg_net_exchanged, bytes_up, -1),
	LIE(LIE_EXCHANGED, struct msg_net_exchanged, bytes_down, INT64_MIN),
	LIE(LIE_WOKEN, struct msg_net_woken, retry_after_s, INT64_MAX),
	LIE(LIE_FAILED, struct msg_net_failed, retry_after_s, INT64_MIN),
	LIE(LIE_FAILED, struct msg_net_failed, http_status, 1000),
#undef LIE_DATES
#undef LIE
};

/* lie NULL: the truth of that type. */
static void role_tells(int fd, enum lie_type type, const struct lie *lie)
{
	struct msg_net_enrolled enrolled = good_enrolled;
	struct msg_net_renewed renewed = good_renewed;
	struct msg_net_exchanged exchanged = good_exchanged;
	struct msg_net_woken woken = {.retry_after_s = -1};
	struct msg_net_failed failed = {.retry_after_s = -1, .message = "x"};
	const struct {
		enum message_type message;
		void *body;
	} told[] = {
		[LIE_ENROLLED] = {MESSAGE_NET_ENROLLED, &enrolled},
		[LIE_RENEWED] = {MESSAGE_NET_RENEWED, &renewed},
		[LIE_EXCHANGED] = {MESSAGE_NET_EXCHANGED, &exchanged},
		[LIE_WOKEN] = {MESSAGE_NET_WOKEN, &woken},
		[LIE_FAILED] = {MESSAGE_NET_FAILED, &failed},
	};
	char *member = lie ? (char *)told[type].body + lie->offset : NULL;
	uint32_t small = lie ? (uint32_t)lie->value : 0;

	if (lie && lie->size_bytes == sizeof(small))
		memcpy(member, &small, sizeof(small));
	else if (lie)
		memcpy(member, &lie->value, sizeof(lie->value));
	(void)channel_send(fd, ROLE_NET, told[type].message, told[type].body, NULL, 0);
}

/*
 * A process that was killed and does not end for its parent: it is traced by one that does not look
 * at it, as it would hang in a file system that does not answer. Tells the test by a signal,
 * SIGUSR1, or SIGUSR2 where tracing is not allowed.
 */
static void role_hangs(pid_t test)
{
	pid_t role = getpid(), tracer;

	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	tracer = fork();
	if (tracer != 0)
		return;
	/* Not of the group that is killed with the role. */
	setsid();
	alarm(20);
	kill(test, ptrace(PTRACE_SEIZE, role, NULL, NULL) == 0 ? SIGUSR1 : SIGUSR2);
	for (;;)
		pause();
}

static int role_main(const char *what)
{
	int fd = CHANNEL_FD;
	struct message order;

	/* Whatever goes wrong here, the process does not outlive the test. */
	alarm(60);
	/* Unread, it would make the kernel reset the channel at the end. */
	if (channel_receive(fd, ROLE_NET, ROLE_ENFORCER, &order) < 0 ||
		order.n_fds != (order.type == MESSAGE_NET_CHECKIN ? 3 : 1))
		return 1;
	if (strcmp(what, "good") == 0) {
		role_facts(fd);
		role_answers(fd, 0);
	} else if (strcmp(what, "talks") == 0) {
		role_talks(fd);
		pause();
	} else if (strcmp(what, "sleeps") == 0) {
		role_facts(fd);
		pause();
	} else if (strcmp(what, "answers-twice") == 0) {
		role_answers(fd, 0);
		role_answers(fd, 0);
		pause();
	} else if (strcmp(what, "lies-about-size") == 0) {
		role_answers(fd, 1);
	} else if (strcmp(what, "claims-enrolment") == 0) {
		role_claims_enrolment(fd);
		pause();
	} else if (strcmp(what, "woken") == 0) {
		role_facts(fd);
		role_wakes(fd);
	} else if (strcmp(what, "woken-twice") == 0) {
		role_wakes(fd);
		role_wakes(fd);
		pause();
	} else if (strcmp(what, "unknown-stage") == 0) {
		role_unknown_stage(fd);
		pause();
	} else if (strcmp(what, "fills-response") == 0) {
		role_fills_response(fd, &order);
	} else if (strncmp(what, "hangs-", 6) == 0) {
		role_hangs((pid_t)strtol(what + 6, NULL, 10));
		pause();
	} else if (strncmp(what, "lie-", 4) == 0) {
		const struct lie *lie = &lies[strtoul(what + 4, NULL, 10)];

		role_tells(fd, lie->type, lie);
	} else if (strncmp(what, "truth-", 6) == 0) {
		role_tells(fd, (enum lie_type)strtoul(what + 6, NULL, 10), NULL);
	}
	message_done(&order);
	return 0;
}

/* --- this side --------------------------------------------------------------------------- */

struct rig {
	sd_event *event;
	struct exchange *exchange;
	struct exchange_result result;
	char self[512];
	bool ended;
};

static void rig_on_done(const struct exchange_result *result, void *userdata)
{
	struct rig *rig = userdata;

	rig->result = *result;
	rig->result.body = NULL;
	rig->ended = true;
}

static bool rig_init(struct rig *rig)
{
	ssize_t n;
	sigset_t mask;

	memset(rig, 0, sizeof(*rig));
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	n = readlink("/proc/self/exe", rig->self, sizeof(rig->self) - 1);
	return n > 0 && sd_event_new(&rig->event) >= 0;
}

static void rig_done(struct rig *rig)
{
	exchange_free(rig->exchange);
	sd_event_unref(rig->event);
}

/* One check-in with a role that does this and has that long; true if it ended. */
static bool rig_checkin_within(struct rig *rig, const char *what, uint32_t timeout_s)
{
	struct exchange_options options = {.program = rig->self, .user = what};
	struct msg_net_checkin order = {.timeout_s = timeout_s, .report_bytes = 2};
	_cleanup_close_ int identity_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct exchange_start start = {
		.event = rig->event,
		.options = &options,
		.identity_fd = identity_fd,
		.done = rig_on_done,
		.userdata = rig,
		.slot = &rig->exchange,
	};

	rig->ended = false;
	if (exchange_checkin(&start, &order, "{}", 2) < 0)
		return false;
	for (int i = 0; i < DISPATCHES && !rig->ended; i++)
		if (sd_event_run(rig->event, 10 * 1000 * 1000) < 0)
			return false;
	return rig->ended && !rig->exchange;
}

static bool rig_checkin(struct rig *rig, const char *what)
{
	return rig_checkin_within(rig, what, LIMIT_EXCHANGE_SECONDS);
}

/* The role of these tests is this program itself, started by the enforcer's own code. */
static bool cannot_start_role(void)
{
	if (check_emulated())
		check_skip("a program of another processor cannot be started from here");
	return check_emulated();
}

static void test_good(void)
{
	if (cannot_start_role())
		return;

	_cleanup_(rig_done) struct rig rig;

	CHECK(rig_init(&rig));
	CHECK(rig_checkin(&rig, "good"));
	CHECK_INT(rig.result.end, EXCHANGE_ANSWERED);
	CHECK(rig.result.has_facts);
	CHECK_INT(rig.result.n_body, 0);
}

static void test_broken_protocol(void)
{
	if (cannot_start_role())
		return;

	static const char *const roles[] = {"talks", "answers-twice", "lies-about-size",
		"claims-enrolment", "unknown-stage", "fills-response"};
	_cleanup_(rig_done) struct rig rig;

	CHECK(rig_init(&rig));
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		CHECK(rig_checkin(&rig, roles[i]));
		CHECK_INT(rig.result.end, EXCHANGE_FAILED);
		CHECK_INT(rig.result.failed.stage, NET_STAGE_SANDBOX);
		CHECK(rig.result.failed.message[0] != 0);
	}
}

/* The role's own deadline is not relied upon: the enforcer has one that lies a little later. */
static void test_deadline(void)
{
	if (cannot_start_role())
		return;

	_cleanup_(rig_done) struct rig rig;

	CHECK(rig_init(&rig));
	CHECK(rig_checkin_within(&rig, "sleeps", 1));
	CHECK_INT(rig.result.end, EXCHANGE_FAILED);
	CHECK_INT(rig.result.failed.stage, NET_STAGE_SANDBOX);
	CHECK(strstr(rig.result.failed.message, "took too long"));
	CHECK(rig.result.has_facts);
	/* Nothing of it is left, not even a dead process. */
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
	CHECK_INT(errno, ECHILD);
	/* The next one is not hurt. */
	CHECK(rig_checkin(&rig, "good"));
	CHECK_INT(rig.result.end, EXCHANGE_ANSWERED);
}

static bool rig_begin_wait(struct rig *rig, const char *what, uint32_t timeout_s)
{
	struct exchange_options options = {.program = rig->self, .user = what};
	struct msg_net_wait order = {.timeout_s = timeout_s, .mark = 1, .server = "https://h"};
	_cleanup_close_ int identity_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct exchange_start start = {
		.event = rig->event,
		.options = &options,
		.identity_fd = identity_fd,
		.done = rig_on_done,
		.userdata = rig,
		.slot = &rig->exchange,
	};

	rig->ended = false;
	return identity_fd >= 0 && exchange_wait(&start, &order) == 0;
}

/* One wait; true if it ended. */
static bool rig_wait(struct rig *rig, const char *what, uint32_t timeout_s)
{
	if (!rig_begin_wait(rig, what, timeout_s))
		return false;
	for (int i = 0; i < DISPATCHES && !rig->ended; i++)
		if (sd_event_run(rig->event, UINT64_MAX) < 0)
			return false;
	return rig->ended && !rig->exchange;
}

/* The enforcer does not wait for a role that it killed and that does not end. */
static void test_role_that_does_not_end(void)
{
	const struct timespec patience = {.tv_sec = 20};
	siginfo_t told = {0}, child = {0};
	sigset_t mask;
	char what[32];

	if (cannot_start_role())
		return;

	_cleanup_(rig_done) struct rig rig;

	CHECK(rig_init(&rig));
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	snprintf(what, sizeof(what), "hangs-%d", (int)getpid());
	CHECK(rig_begin_wait(&rig, what, 60));
	CHECK(sigtimedwait(&mask, &told, &patience) > 0);
	if (told.si_signo == SIGUSR2) {
		check_skip("processes may not be traced here");
		return;
	}
	exchange_free(rig.exchange);
	CHECK(!rig.exchange);
	/* It is still there: nobody has waited for it. */
	CHECK_INT(waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT), 0);
	CHECK_INT(child.si_pid, 0);
	/* Reaping by the loop is of test_child.c: of a traced process sd-event hears too early. */
	CHECK_INT(kill(told.si_pid, SIGKILL), 0);
	CHECK(waitpid(-1, NULL, 0) > 0);
}

/* Each order has one answer: that of another one breaks the protocol. */
static void test_wait(void)
{
	static const char *const broken[] = {"good", "claims-enrolment", "woken-twice"};

	if (cannot_start_role())
		return;

	_cleanup_(rig_done) struct rig rig;

	CHECK(rig_init(&rig));
	CHECK(rig_wait(&rig, "woken", 60));
	CHECK_INT(rig.result.end, EXCHANGE_WOKEN);
	CHECK_INT(rig.result.woken.news, 1);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		CHECK(rig_wait(&rig, broken[i], 60));
		CHECK_INT(rig.result.end, EXCHANGE_FAILED);
		CHECK(strstr(rig.result.failed.message, "does not fit the table"));
	}
	CHECK(rig_checkin(&rig, "woken"));
	CHECK_INT(rig.result.end, EXCHANGE_FAILED);
	CHECK(rig_wait(&rig, "sleeps", 1));
	CHECK_INT(rig.result.end, EXCHANGE_FAILED);
	CHECK(strstr(rig.result.failed.message, "took too long"));
}

/* One order of the kind that this type of answer belongs to; true if it ended. */
static bool rig_order(struct rig *rig, const char *what, enum lie_type type)
{
	struct exchange_options options = {.program = rig->self, .user = what};
	struct msg_net_enrol enrol = {.timeout_s = 60};
	struct msg_net_renew renew = {.timeout_s = 60};
	_cleanup_close_ int identity_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct exchange_start start = {
		.event = rig->event,
		.options = &options,
		.identity_fd = identity_fd,
		.done = rig_on_done,
		.userdata = rig,
		.slot = &rig->exchange,
	};

	if (type == LIE_EXCHANGED || type == LIE_FAILED)
		return rig_checkin(rig, what);
	if (type == LIE_WOKEN)
		return rig_wait(rig, what, 60);
	rig->ended = false;
	if (identity_fd < 0 || (type == LIE_ENROLLED ? exchange_enrol(&start, &enrol)
						     : exchange_renew(&start, &renew)) < 0)
		return false;
	for (int i = 0; i < DISPATCHES && !rig->ended; i++)
		if (sd_event_run(rig->event, UINT64_MAX) < 0)
			return false;
	return rig->ended && !rig->exchange;
}

/* Numbers that would stop the facts from being stored, or overflow a difference, go no further. */
static void test_lies(void)
{
	static const enum exchange_end ends[] = {
		[LIE_ENROLLED] = EXCHANGE_ENROLLED,
		[LIE_RENEWED] = EXCHANGE_RENEWED,
		[LIE_EXCHANGED] = EXCHANGE_ANSWERED,
		[LIE_WOKEN] = EXCHANGE_WOKEN,
		[LIE_FAILED] = EXCHANGE_FAILED,
	};
	char what[32];

	if (cannot_start_role())
		return;

	_cleanup_(rig_done) struct rig rig;

	CHECK(rig_init(&rig));
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		snprintf(what, sizeof(what), "truth-%zu", i);
		CHECK(rig_order(&rig, what, (enum lie_type)i));
		CHECK_INT(rig.result.end, ends[i]);
	}
	CHECK_STR(rig.result.failed.message, "x");
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		snprintf(what, sizeof(what), "lie-%zu", i);
		CHECK(rig_order(&rig, what, lies[i].type));
		CHECK_INT(rig.result.end, EXCHANGE_FAILED);
		CHECK(strstr(rig.result.failed.message, "does not fit the table"));
	}
}

static const struct check_test tests[] = {
	{"good", test_good},
	{"broken_protocol", test_broken_protocol},
	{"deadline", test_deadline},
	{"wait", test_wait},
	{"role_that_does_not_end", test_role_that_does_not_end},
	{"lies", test_lies},
};

int main(int argc, char **argv)
{
	/* As exchange.c starts the role: PROGRAM --user NAME */
	if (argc >= 3 && strcmp(argv[1], "--user") == 0)
		/*
		 * Not by way of exit(): the leak checker would trace this process then, and one
		 * that is killed while it is traced shows its end to sd-event before it can be
		 * reaped; a one-shot source does not look twice.
		 */
		_exit(role_main(argv[2]));
	return check_main(argc, argv, tests, ARRAY_SIZE(tests));
}
