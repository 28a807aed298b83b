/* SPDX-License-Identifier: Apache-2.0 */
/* test_client.c - answers that are believed and answers that are not; deadlines. */
#include "agent/ctl/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "agent/ipc/channel.h"
#include "agent/util/buf.h"
#include "agent/util/fs.h"
#include "tests/lib/check.h"

static int read_text(const char *text, size_t stated, struct client_answer *ret_answer)
{
	_cleanup_close_ int fd = fs_memfd("answer", text, strlen(text));

	return fd < 0 ? fd : client_read_answer(fd, stated, ret_answer);
}

static void test_good_answer(void)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	static const char json[] = "{\"a\":[1,\"x\"]}";

	CHECK_INT(read_text(json, strlen(json), &answer), 0);
	CHECK_STR(answer.json, json);
	CHECK_INT(answer.n_json, strlen(json));
	CHECK(json_object_is_type(answer.object, json_type_object));
}

static void test_json_that_is_not_one_object(void)
{
	static const char *const cases[] = {"[]", "null", "1", "{", "{}x", "{} {}",
		"{\"a\":\"\xff\"}", "{'a':1}", "{\"a\":1,}", "nonsense", "{\"a\":NaN}",
		"{\"a\":-Infinity}", "{\"a\":\"\033\"}", "{\"a\":\"\n\"}", "{/**/}", "{\"a\":True}",
		"{\"a\":01}"};
	struct client_answer answer = CLIENT_ANSWER_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (read_text(cases[i], strlen(cases[i]), &answer) != CLIENT_E_NONSENSE)
			check_fail(__FILE__, __LINE__, "taken: %s", cases[i]);
	CHECK(!answer.json && !answer.object);
}

static void test_stated_size_must_be_the_size(void)
{
	struct client_answer answer = CLIENT_ANSWER_INIT;

	CHECK_INT(read_text("{}", 0, &answer), CLIENT_E_NONSENSE);
	CHECK_INT(read_text("{}", 1, &answer), CLIENT_E_NONSENSE);
	CHECK_INT(read_text("{}", 3, &answer), CLIENT_E_NONSENSE);
}

static int read_of_size(size_t n_bytes, struct client_answer *ret_answer)
{
	_cleanup_free_ char *text = malloc(n_bytes + 1);

	if (!text)
		return -ENOMEM;
	memset(text, 'x', n_bytes);
	text[n_bytes] = 0;
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + n_bytes - 2, "\"}", 2);
	return read_text(text, n_bytes, ret_answer);
}

static void test_size_limit(void)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;

	CHECK_INT(read_of_size(LIMIT_LOCAL_ANSWER_BYTES + 1, &answer), CLIENT_E_NONSENSE);
	CHECK_INT(read_of_size(LIMIT_LOCAL_ANSWER_BYTES, &answer), 0);
}

static int read_of_depth(size_t depth, struct client_answer *ret_answer)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, "{\"a\":");
	for (size_t i = 1; i < depth; i++)
		buf_puts(&text, "[");
	buf_puts(&text, "1");
	for (size_t i = 1; i < depth; i++)
		buf_puts(&text, "]");
	buf_puts(&text, "}");
	return read_text(text.data, text.n_bytes, ret_answer);
}

static void test_depth_limit(void)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;

	CHECK_INT(read_of_depth(CLIENT_JSON_DEPTH + 1, &answer), CLIENT_E_NONSENSE);
	CHECK_INT(read_of_depth(CLIENT_JSON_DEPTH - 1, &answer), 0);
}

static int read_sealed_with(int seals)
{
	_cleanup_(client_answer_done) struct client_answer answer = CLIENT_ANSWER_INIT;
	_cleanup_close_ int fd = memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || fs_write_all(fd, "{}", 2) < 0 || (seals && fcntl(fd, F_ADD_SEALS, seals) < 0))
		return -EIO;
	return client_read_answer(fd, 2, &answer);
}

static void test_seals(void)
{
	char path[256];
	_cleanup_close_ int dir = check_tmpdir(path), file = -1;
	struct client_answer answer = CLIENT_ANSWER_INIT;

	CHECK_INT(read_sealed_with(F_SEAL_SHRINK | F_SEAL_WRITE), 0);
	CHECK_INT(read_sealed_with(F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL), 0);
	CHECK_INT(read_sealed_with(0), CLIENT_E_NONSENSE);
	CHECK_INT(read_sealed_with(F_SEAL_SHRINK), CLIENT_E_NONSENSE);
	CHECK_INT(read_sealed_with(F_SEAL_WRITE), CLIENT_E_NONSENSE);
	/* An ordinary file cannot be sealed at all. */
	file = openat(dir, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(file >= 0);
	CHECK_INT(fs_write_all(file, "{}", 2), 0);
	CHECK_INT(client_read_answer(file, 2, &answer), CLIENT_E_NONSENSE);
}

/* --- a listener in a child process ------------------------------------------------------- */

struct listener {
	char path[300];
	pid_t pid;
};

enum behaviour {
	ANSWERS,
	HANGS,
	HANGS_UP,
	SENDS_BYTES,
	SENDS_REQUEST,
	PROMISES_JSON,
	IS_A_STRANGER, /* listens as another user; only root can play that */
};

static void listener_serve(int fd, enum behaviour behaviour)
{
	struct msg_ctl_answer answer = {.code = CTL_E_STATE, .message = "not enrolled"};
	_cleanup_(message_done) struct message message = {.fds = {-1, -1, -1}};
	struct msg_none none = {{0}};
	int client = accept(fd, NULL, NULL);

	if (client < 0 || channel_receive(client, ROLE_ENFORCER, ROLE_CTL, &message) < 0)
		return;
	switch (behaviour) {
	case HANGS:
		pause();
		break;
	case HANGS_UP:
		break;
	case SENDS_BYTES:
		(void)!write(client, "hello", 5);
		break;
	case SENDS_REQUEST:
		(void)channel_send(client, ROLE_CTL, MESSAGE_CTL_STATUS, &none, NULL, 0);
		break;
	case PROMISES_JSON:
		answer.answer_bytes = 10;
		(void)channel_send(client, ROLE_ENFORCER, MESSAGE_CTL_ANSWER, &answer, NULL, 0);
		break;
	case ANSWERS:
	case IS_A_STRANGER:
		(void)channel_send(client, ROLE_ENFORCER, MESSAGE_CTL_ANSWER, &answer, NULL, 0);
		break;
	}
	close(client);
}

static bool listener_start(struct listener *l, enum behaviour behaviour)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[256];
	int fd;

	close(check_tmpdir(path));
	snprintf(l->path, sizeof(l->path), "%s/s", path);
	if (strlen(l->path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, l->path, strlen(l->path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return false;
	/* SO_PEERCRED tells who called listen(). */
	if ((behaviour == IS_A_STRANGER && seteuid(65534) < 0) || listen(fd, 4) < 0 ||
		(behaviour == IS_A_STRANGER && seteuid(0) < 0))
		return false;
	l->pid = fork();
	if (l->pid == 0) {
		listener_serve(fd, behaviour);
		_exit(0);
	}
	close(fd);
	return l->pid > 0;
}

static int listener_ask(enum behaviour behaviour, uint32_t timeout_s, struct client_answer *answer)
{
	struct msg_none none = {{0}};
	struct listener l;
	struct client_request request = {
		.socket_path = l.path,
		.type = MESSAGE_CTL_STATUS,
		.body = &none,
		.timeout_s = timeout_s,
	};
	int r;

	if (!listener_start(&l, behaviour))
		return -EIO;
	r = client_ask(&request, answer);
	kill(l.pid, SIGKILL);
	waitpid(l.pid, NULL, 0);
	return r;
}

static void test_conversations(void)
{
	struct client_answer answer = CLIENT_ANSWER_INIT;

	CHECK_INT(listener_ask(ANSWERS, 60, &answer), 0);
	CHECK_INT(answer.code, CTL_E_STATE);
	CHECK_STR(answer.message, "not enrolled");
	CHECK(!answer.json);
	CHECK_INT(listener_ask(HANGS, 1, &answer), CLIENT_E_TIMEOUT);
	CHECK_INT(listener_ask(HANGS_UP, 60, &answer), CLIENT_E_CLOSED);
	CHECK_INT(listener_ask(SENDS_BYTES, 60, &answer), CLIENT_E_NONSENSE);
	CHECK_INT(listener_ask(SENDS_REQUEST, 60, &answer), CLIENT_E_NONSENSE);
	CHECK_INT(listener_ask(PROMISES_JSON, 60, &answer), CLIENT_E_NONSENSE);
}

static void test_strangers_get_nothing(void)
{
	struct client_answer answer = CLIENT_ANSWER_INIT;

	if (geteuid() != 0) {
		check_skip("only root can listen as somebody else");
		return;
	}
	CHECK_INT(listener_ask(IS_A_STRANGER, 60, &answer), CLIENT_E_STRANGER);
}

static void test_nobody_listens(void)
{
	struct msg_none none = {{0}};
	char path[256], name[300], longest[200];
	struct client_request request = {
		.socket_path = name, .type = MESSAGE_CTL_STATUS, .body = &none, .timeout_s = 60};
	struct client_answer answer = CLIENT_ANSWER_INIT;
	_cleanup_close_ int dir = check_tmpdir(path), file = -1;

	snprintf(name, sizeof(name), "%s/none", path);
	CHECK_INT(client_ask(&request, &answer), CLIENT_E_NOT_RUNNING);
	file = openat(dir, "none", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(file >= 0);
	CHECK_INT(client_ask(&request, &answer), CLIENT_E_NOT_RUNNING);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	request.socket_path = longest;
	CHECK_INT(client_ask(&request, &answer), -ENAMETOOLONG);
	request.socket_path = "";
	CHECK_INT(client_ask(&request, &answer), -ENAMETOOLONG);
}

static void test_signal_ends_the_wait(void)
{
	struct client_answer answer = CLIENT_ANSWER_INIT;
	pid_t self = getpid(), pid;
	sigset_t caught, before;

	/* Blocked first: the signal must not end the test before the wait begins. */
	sigemptyset(&caught);
	sigaddset(&caught, SIGINT);
	sigprocmask(SIG_BLOCK, &caught, &before);
	pid = fork();
	if (pid == 0) {
		kill(self, SIGINT);
		_exit(0);
	}
	CHECK(pid > 0);
	CHECK_INT(listener_ask(HANGS, 60, &answer), CLIENT_E_INTERRUPTED);
	waitpid(pid, NULL, 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void test_every_error_has_a_text(void)
{
	for (int i = 1; i < CLIENT_E_MAX; i++)
		CHECK(client_error_text((enum client_error)i));
}

static const struct check_test tests[] = {
	{"good_answer", test_good_answer},
	{"json_that_is_not_one_object", test_json_that_is_not_one_object},
	{"stated_size_must_be_the_size", test_stated_size_must_be_the_size},
	{"size_limit", test_size_limit},
	{"depth_limit", test_depth_limit},
	{"seals", test_seals},
	{"conversations", test_conversations},
	{"strangers_get_nothing", test_strangers_get_nothing},
	{"nobody_listens", test_nobody_listens},
	{"signal_ends_the_wait", test_signal_ends_the_wait},
	{"every_error_has_a_text", test_every_error_has_a_text},
};
CHECK_MAIN(tests)
