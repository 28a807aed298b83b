/* SPDX-License-Identifier: Apache-2.0 */
/* ctl.c - terminal, requests and endings of agentctl; see ctl.h. Any user. */
#include "agent/ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "agent/ctl/glyph.h"
#include "agent/ctl/verbs.h"
#include "agent/util/clock.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"

static void ctl_set_terminal(struct ctl *ctl)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size = {0};

	ctl->out_is_tty = isatty(STDOUT_FILENO);
	if (!ctl->out_is_tty || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		size.ws_col = 0;
	ctl->width = page_width(getenv("COLUMNS"), size.ws_col);
	ctl->colour = ctl->out_is_tty && !(no_color && no_color[0]) &&
		      !options_given(&ctl->options, OPTION_NO_COLOR) &&
		      !(term && strcmp(term, "dumb") == 0);
}

enum ctl_exit ctl_write(struct ctl *ctl, const struct buf *out, enum ctl_exit code)
{
	int r = out->error;

	(void)ctl;
	if (r == 0 && out->n_bytes > 0)
		r = fs_write_all(STDOUT_FILENO, out->data, out->n_bytes);
	if (r == 0)
		return code;
	/* Nobody reads on (head, a pager that was left): not worth a word. */
	if (r != -EPIPE)
		fprintf(stderr, "agentctl: The output could not be written: %s.\n", strerror(-r));
	return CTL_EXIT_FAILURE;
}

enum ctl_exit ctl_write_json(struct ctl *ctl, const char *json, size_t n_bytes, enum ctl_exit code)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (ctl->out_is_tty)
		glyph_escape_json(json, n_bytes, &out);
	else
		buf_append(&out, json, n_bytes);
	buf_puts(&out, "\n");
	return ctl_write(ctl, &out, code);
}

static void _printf_(3, 0)
	ctl_say(struct ctl *ctl, const char *prefix, const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page page = {0};

	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
		return;
	}
	page_init(&page, &out, ctl->width, false);
	page_open(&page, 0, 2);
	page_add(&page, PAGE_PLAIN, "%s%s", prefix, text);
	page_close(&page);
	/* There is nowhere left to complain if standard error is gone. */
	if (out.error == 0)
		(void)fs_write_all(STDERR_FILENO, out.data, out.n_bytes);
}

void ctl_note(struct ctl *ctl, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ctl_say(ctl, "", format, args);
	va_end(args);
}

static enum ctl_exit _printf_(3, 0)
	ctl_fail_list(struct ctl *ctl, enum ctl_exit code, const char *format, va_list args)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	char text[1024];
	va_list copy;

	va_copy(copy, args);
	vsnprintf(text, sizeof(text), format, copy);
	va_end(copy);
	if (options_given(&ctl->options, OPTION_JSON)) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "error", ctl_exit_name(code));
		jsonw_string(&w, "message", text);
		jsonw_object_end(&w);
		if (json.error == 0)
			(void)ctl_write_json(ctl, json.data, json.n_bytes, code);
	}
	ctl_say(ctl, "agentctl: ", format, args);
	return code;
}

enum ctl_exit ctl_fail(struct ctl *ctl, enum ctl_exit code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	code = ctl_fail_list(ctl, code, format, args);
	va_end(args);
	return code;
}

/* The exchange itself failed. */
static enum ctl_exit ctl_fail_exchange(struct ctl *ctl, const struct client_request *request, int r)
{
	const char *path = request->socket_path;

	if (r == -ENAMETOOLONG)
		return ctl_fail(
			ctl, CTL_EXIT_USAGE, "The path of the socket is too long: %.200s", path);
	if (r < 0)
		return ctl_fail(ctl, CTL_EXIT_FAILURE, "Asking the agent failed (%.200s): %s.",
			path, strerror(-r));
	switch ((enum client_error)r) {
	case CLIENT_E_NOT_RUNNING:
		return ctl_fail(ctl, CTL_EXIT_NO_AGENT,
			"The agent is not running: nobody listens on %.200s. Start the service " CTL_SERVICE
			" (as root: rc-service " CTL_SERVICE
			" start, or systemctl start " CTL_SERVICE ").",
			path);
	case CLIENT_E_TIMEOUT:
		return ctl_fail(ctl, CTL_EXIT_NO_AGENT,
			"The agent did not answer within %u s. It may be busy: try again; if it stays "
			"silent, restart the service " CTL_SERVICE " and look at its log.",
			request->timeout_s);
	case CLIENT_E_CLOSED:
		return ctl_fail(ctl, CTL_EXIT_NO_AGENT,
			"%s. It may be restarting, or serve too many at once: try again.",
			client_error_text(CLIENT_E_CLOSED));
	case CLIENT_E_NONSENSE:
		return ctl_fail(ctl, CTL_EXIT_NO_AGENT,
			"%s. Perhaps agent and agentctl are of different versions: restart the service " CTL_SERVICE
			" after an update.",
			client_error_text(CLIENT_E_NONSENSE));
	case CLIENT_E_DENIED:
		return ctl_fail(ctl, CTL_EXIT_DENIED,
			"%s: %.200s. Ask the administrator of this phone.",
			client_error_text(CLIENT_E_DENIED), path);
	case CLIENT_E_STRANGER:
		return ctl_fail(ctl, CTL_EXIT_NO_AGENT,
			"%s: %.200s. If you did not give this path "
			"yourself, tell the administrator.",
			client_error_text(CLIENT_E_STRANGER), path);
	case CLIENT_E_INTERRUPTED:
		ctl->interrupted = true;
		return ctl_fail(ctl, CTL_EXIT_FAILURE,
			"Interrupted. The agent may finish what was "
			"asked all the same; agentctl status tells.");
	case CLIENT_E_MAX:
		break;
	}
	return ctl_fail(ctl, CTL_EXIT_FAILURE, "Asking the agent failed.");
}

/* What happened where the agent does not say, and what now, by exit code. */
static const struct {
	const char *what, *now;
} ctl_refusals[CTL_EXIT_MAX] = {
	[CTL_EXIT_FAILURE] = {"the agent could not do it",
		"What it noted: agentctl journal show. Then try again."},
	[CTL_EXIT_STATE] = {"this does not fit the state of the phone",
		"Nothing was changed. How things stand: agentctl status."},
	[CTL_EXIT_UNREACHABLE] = {"the server could not be reached",
		"Check the network and try again; what is in force stays in force."},
	[CTL_EXIT_REFUSED] = {"it was refused",
		"Ask the organisation; how things stand: agentctl status."},
};

static enum ctl_exit ctl_refused(struct ctl *ctl, const struct client_answer *answer)
{
	enum ctl_exit code = ctl_exit_of(answer->code);
	size_t n = strlen(answer->message);
	const char *stop;

	if (code == CTL_EXIT_DENIED)
		return ctl_fail(ctl, code,
			"Not permitted: \"%s\" needs root or membership in the group " CTL_GROUP
			". Nothing was changed. Try it with doas or sudo.",
			ctl->options.verb->name);
	/* The agent's sentence may end in a full stop, or may not; a question keeps its own mark.
	 */
	while (n > 0 && answer->message[n - 1] == '.')
		n--;
	stop = n > 0 && strchr("?!", answer->message[n - 1]) ? "" : ".";
	if (answer->code == CTL_E_BUSY && n == 0)
		return ctl_fail(ctl, code,
			"the agent is busy with such a request already. Nothing was changed; wait a "
			"little and try again.");
	if (answer->code == CTL_E_BUSY)
		return ctl_fail(ctl, code,
			"%.*s%s Nothing was changed; wait a little and try again.", (int)n,
			answer->message, stop);
	if (n == 0)
		return ctl_fail(
			ctl, code, "%s. %s", ctl_refusals[code].what, ctl_refusals[code].now);
	return ctl_fail(
		ctl, code, "%.*s%s %s", (int)n, answer->message, stop, ctl_refusals[code].now);
}

static const struct msg_none ctl_no_body = {{0}};

static struct client_request ctl_request(
	struct ctl *ctl, enum message_type type, const void *body, uint32_t timeout_s)
{
	return (struct client_request){
		.socket_path = ctl->options.socket ? ctl->options.socket : CTL_SOCKET,
		.type = type,
		.body = body ? body : &ctl_no_body,
		.timeout_s = timeout_s,
	};
}

enum ctl_exit ctl_ask(struct ctl *ctl, enum message_type type, const void *body, uint32_t timeout_s,
	struct client_answer *ret_answer)
{
	struct client_request request = ctl_request(ctl, type, body, timeout_s);
	struct client_answer answer = CLIENT_ANSWER_INIT;
	enum ctl_exit code;
	int r;

	r = client_ask(&request, &answer);
	if (r != 0)
		return ctl_fail_exchange(ctl, &request, r);
	if (answer.code != CTL_OK) {
		code = ctl_refused(ctl, &answer);
		client_answer_done(&answer);
		return code;
	}
	*ret_answer = answer;
	return CTL_EXIT_OK;
}

bool ctl_ask_quietly(struct ctl *ctl, enum message_type type, struct client_answer *ret_answer)
{
	struct client_request request = ctl_request(ctl, type, NULL, CLIENT_TIMEOUT_S);
	struct client_answer answer = CLIENT_ANSWER_INIT;

	int r;

	r = client_ask(&request, &answer);
	ctl->interrupted = ctl->interrupted || r == CLIENT_E_INTERRUPTED;
	if (r != 0)
		return false;
	if (answer.code != CTL_OK || !answer.object) {
		client_answer_done(&answer);
		return false;
	}
	*ret_answer = answer;
	return true;
}

enum ctl_exit ctl_ask_json(
	struct ctl *ctl, enum message_type type, struct client_answer *ret_answer)
{
	struct client_answer answer = CLIENT_ANSWER_INIT;
	enum ctl_exit code = ctl_ask(ctl, type, NULL, CLIENT_TIMEOUT_S, &answer);

	if (code != CTL_EXIT_OK)
		return code;
	if (!answer.object) {
		client_answer_done(&answer);
		return ctl_fail(
			ctl, CTL_EXIT_NO_AGENT, "%s.", client_error_text(CLIENT_E_NONSENSE));
	}
	*ret_answer = answer;
	return CTL_EXIT_OK;
}

/* A descriptor 0, 1 or 2 that is closed would be reused for the socket, and printed to. */
static int ctl_check_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -EBADF;
	return 0;
}

int ctl_main(int argc, char **argv)
{
	struct ctl ctl = {.width = PAGE_WIDTH_DEFAULT, .now_s = clock_realtime_s()};
	struct options_error error;
	enum ctl_exit code;

	if (ctl_check_descriptors() < 0)
		return CTL_EXIT_FAILURE;
	if (options_parse(argc, argv, &ctl.options, &error) < 0) {
		/* Options do not hold yet, but a script that asked for JSON gets JSON. */
		for (int i = 1; i < argc; i++)
			if (strcmp(argv[i], "--json") == 0)
				ctl.options.given |= OPTION_BIT(OPTION_JSON);
		ctl_set_terminal(&ctl);
		code = ctl_fail(&ctl, CTL_EXIT_USAGE, "%s", error.message);
		return code;
	}
	ctl_set_terminal(&ctl);
	if (options_given(&ctl.options, OPTION_HELP))
		code = verb_help(&ctl);
	else if (options_given(&ctl.options, OPTION_VERSION))
		code = verb_version(&ctl);
	else
		code = ctl.options.verb->run(&ctl);
	if (ctl.interrupted) {
		/* So that a shell sees what ended it. */
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return (int)code;
}
