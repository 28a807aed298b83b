/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-agent-wipe: destroys what a plan names, the keys first, and ends the system. Started
 * by its own service, out of everything that belongs to the agent, or from early boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/mem.h"
#include "agent/util/process.h"
#include "agent/wipe/finish.h"
#include "agent/wipe/intent.h"
#include "agent/wipe/run.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if SANITIZED
/* What is in use when the system ends is not given back. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static const char usage[] =
	"Usage: mdm-agent-wipe [OPTION]... PLAN\n"
	"       mdm-agent-wipe --check PLAN\n"
	"       mdm-agent-wipe [OPTION]... --resume\n"
	"\n"
	"Destroys what the file PLAN names, the keys of encrypted storage first, and ends the\n"
	"system as it says. There is no way back. mdm-agentd writes the plan, for a command that\n"
	"two administrators signed; by hand it is of use for --check.\n"
	"\n"
	"  --check             say what would be destroyed and what cannot be, and touch nothing\n"
	"  --resume            carry out the plan that is stored; without one, do nothing\n"
	"  --boot DIRECTORY    early boot: look for it there, where the boot partition is mounted\n"
	"  --root DIRECTORY    everything is below there instead of /\n"
	"  --wait SECONDS      for devices that appear late, with --resume (0)\n"
	"  --patience SECONDS  until a device that hangs is given up (30)\n"
	"  --progress-fd N     say on this descriptor, too, how far it is\n"
	"  --detach            go on in a session and a control group of its own\n"
	"  --version           print the version\n"
	"  --help              print this\n";

struct arguments {
	struct wipe_options options;
	const char *plan_path;
	bool check, resume, detach;
};

static int read_seconds(const char *text, int64_t min, int64_t max, unsigned int *ret)
{
	int64_t value;

	if (parse_int64(text, min, max, &value) < 0)
		return -EINVAL;
	*ret = (unsigned int)value;
	return 0;
}

static int read_option(int c, struct arguments *a, const char **root)
{
	int64_t fd;

	switch (c) {
	case 'c':
		a->check = true;
		return 0;
	case 'r':
		a->resume = true;
		return 0;
	case 'b':
		a->options.boot_path = optarg;
		return 0;
	case 'R':
		*root = optarg;
		return 0;
	case 'w':
		return read_seconds(optarg, 0, 300, &a->options.wait_s);
	case 'p':
		return read_seconds(optarg, 2, 600, &a->options.patience_s);
	case 'f':
		if (parse_int64(optarg, 3, 1023, &fd) < 0)
			return -EINVAL;
		a->options.listener_fd = (int)fd;
		return fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
	case 'd':
		a->detach = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Not to be told to stop, by anybody; SIGKILL is for the service manager to hold back. */
static void mask_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

static int load_plan(const char *path, struct wipe_plan *ret_plan)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *reason = NULL;
	size_t n_bytes;
	int r = fd < 0 ? -errno : fs_read_fd(fd, LIMIT_WIPE_PLAN_BYTES, &text, &n_bytes);

	if (r == 0)
		r = wipe_plan_parse(text, n_bytes, ret_plan, &reason);
	if (r < 0)
		fprintf(stderr, "mdm-agent-wipe: %s: %s; nothing was touched\n", path,
			reason ? reason : strerror(-r));
	return r;
}

/* 1: there is one; 0: none. */
static int load_intent(struct arguments *a, struct wipe_plan *ret_plan)
{
	_cleanup_(wipe_places_done) struct wipe_places places;
	const char *reason = "";
	int r;

	wipe_places_open(a->options.root_fd, a->options.boot_path, &places);
	r = wipe_intent_read(&places, ret_plan, &reason);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		fprintf(stderr, "mdm-agent-wipe: the stored plan: %s; nothing was touched\n",
			r == -EBADMSG ? reason : strerror(-r));
		return r;
	}
	a->options.is_started = wipe_intent_was_started(&places, ret_plan->id);
	return 1;
}

static int run(struct arguments *a)
{
	/* Threads look at it until the process is gone. */
	static struct wipe_plan plan;
	int r;

	if (geteuid() != 0) {
		fputs("mdm-agent-wipe: only root can do this; nothing was touched\n", stderr);
		return WIPE_EXIT_REFUSED;
	}
	r = a->resume ? load_intent(a, &plan) : load_plan(a->plan_path, &plan);
	if (r < 0)
		return WIPE_EXIT_REFUSED;
	if (a->resume && r == 0)
		return WIPE_EXIT_DONE;
	if (a->check)
		return wipe_check(&plan, &a->options);
	mask_signals();
	if (a->detach && process_detach(WIPE_EXIT_DONE, WIPE_EXIT_REFUSED) < 0)
		return WIPE_EXIT_REFUSED;
	finish_prepare(a->options.root_fd);
	/* What it runs on may be what it destroys. The shadow of a sanitizer does not fit in. */
	if (!SANITIZED && mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		fprintf(stderr, "mdm-agent-wipe: memory cannot be locked (%s); going on\n",
			strerror(errno));
	return wipe_run(&plan, &a->options);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"check", no_argument, NULL, 'c'},
		{"resume", no_argument, NULL, 'r'},
		{"boot", required_argument, NULL, 'b'},
		{"root", required_argument, NULL, 'R'},
		{"wait", required_argument, NULL, 'w'},
		{"patience", required_argument, NULL, 'p'},
		{"progress-fd", required_argument, NULL, 'f'},
		{"detach", no_argument, NULL, 'd'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	static struct arguments a = {
		.options = {.listener_fd = -1, .patience_s = 30, .finish = finish_now}};
	const char *root = "/";
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		if (c == 'V') {
			puts("mdm-agent-wipe " MDM_VERSION);
			return 0;
		}
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (read_option(c, &a, &root) < 0) {
			fputs(usage, stderr);
			return WIPE_EXIT_USAGE;
		}
	}
	if (argc - optind != (a.resume ? 0 : 1) || (a.check && a.resume) ||
		(a.options.boot_path && !a.resume)) {
		fputs(usage, stderr);
		return WIPE_EXIT_USAGE;
	}
	a.plan_path = argv[optind];
	a.options.root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a.options.root_fd < 0) {
		fprintf(stderr, "mdm-agent-wipe: %s: %s\n", root, strerror(errno));
		return WIPE_EXIT_USAGE;
	}
	/* Threads that hang are not waited for. */
	fflush(stdout);
	c = run(&a);
	fflush(stdout);
	_exit(c);
}
