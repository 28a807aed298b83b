/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - PAM service files tried out; see check.h.
 *
 * Of both sets copies are made in which pam_unix.so takes every password, and none; what libpam
 * then says tells whether each line is still reached as it was (jump counts, includes, controls).
 * In the third copy everything is real, and a random password for an account without one has to
 * fail in both in the same way.
 */
#include "platform/pam/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>

#include <security/pam_appl.h>

#include "agent/util/buf.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/pam/stage.h"
#include "platform/pam/trial.h"

#define CHECK_FILES_MAX 256
#define CHECK_FILE_BYTES (64 * 1024)
/* One trial; a module that waits for a finger or for the network takes that long. */
#define CHECK_PATIENCE_US (INT64_C(10) * 1000 * 1000)
#define CHECK_SET_LIVE "live"
#define CHECK_SET_STAGED "staged"

struct check {
	const struct check_order *order;
	char work[PATH_MAX]; /* of the copies */
	int work_fd;
	char password[33];
	struct stage_modules modules; /* of the new set */
	size_t n_findings;
};

static const char *const live_directories[] = {"/etc/pam.d", "/usr/lib/pam.d"};

_printf_(2, 3) static void finding(struct check *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	c->n_findings++;
}

static const char *result_text(int32_t result)
{
	return result == TRIAL_NOT_RUN ? "nothing" : pam_strerror(NULL, result);
}

/* --- the copies --------------------------------------------------------------------------------
 */

static int copy_file(struct check *c, const char *set, const char *name, const char *text,
	size_t n_text, enum stage_variant variant, enum stage_own own)
{
	_cleanup_buf_ struct buf out = {.max_bytes = 2 * CHECK_FILE_BYTES};
	_cleanup_close_ int fd = -1;
	char path[NAME_MAX + 64], directory[PATH_MAX + 64];
	int r;

	snprintf(directory, sizeof(directory), "%s/%s-%s", c->work, set,
		stage_variant_name(variant));
	r = stage_text(text, n_text, variant, own, directory, &out,
		strcmp(set, CHECK_SET_STAGED) == 0 ? &c->modules : NULL);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s-%s/%s", set, stage_variant_name(variant), name);
	fd = fs_open_nofollow(c->work_fd, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	/* The set of the first directory hides that of the second. */
	if (fd == -EEXIST)
		return 0;
	if (fd < 0)
		return fd;
	return fs_write_all(fd, out.data ? out.data : "", out.n_bytes);
}

static int copy_directory(struct check *c, const char *set, const char *directory)
{
	bool staged = strcmp(set, CHECK_SET_STAGED) == 0;
	_cleanup_(closedirp) DIR *dir = opendir(directory);
	size_t n_files = 0;

	if (!dir)
		return -errno;
	for (struct dirent *entry; (entry = readdir(dir));) {
		_cleanup_free_ char *text = NULL;
		_cleanup_close_ int fd = -1;
		size_t n_text;
		int r;

		if (entry->d_name[0] == '.')
			continue;
		fd = openat(
			dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		r = fd < 0 ? -errno : fs_read_fd(fd, CHECK_FILE_BYTES, &text, &n_text);
		/* Directories and links to nowhere are no services for libpam either. */
		if (r == -EISDIR || r == -ENOENT)
			continue;
		if (r == 0 && ++n_files > CHECK_FILES_MAX)
			r = -EMFILE;
		for (enum stage_variant v = 0; r == 0 && v < STAGE_VARIANT_MAX; v++)
			r = copy_file(c, set, entry->d_name, text, n_text, v,
				!staged		  ? STAGE_OWN_SILENT
				: v == STAGE_REAL ? STAGE_OWN_REAL
						  : STAGE_OWN_DRY);
		if (r < 0) {
			fprintf(stderr, "mdm-agent-pamcheck: %s/%s cannot be copied: %s\n",
				directory, entry->d_name, strerror(-r));
			return r;
		}
	}
	return 0;
}

static int copies_make(struct check *c)
{
	static const char *const sets[] = {CHECK_SET_LIVE, CHECK_SET_STAGED};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		for (enum stage_variant v = 0; v < STAGE_VARIANT_MAX; v++) {
			char name[64];

			snprintf(name, sizeof(name), "%s-%s", sets[i], stage_variant_name(v));
			if (mkdirat(c->work_fd, name, 0700) < 0)
				return -errno;
		}
	r = copy_directory(c, CHECK_SET_STAGED, c->order->staged);
	if (r < 0)
		return r;
	if (c->order->live)
		return copy_directory(c, CHECK_SET_LIVE, c->order->live);
	for (size_t i = 0; i < ARRAY_SIZE(live_directories); i++) {
		r = copy_directory(c, CHECK_SET_LIVE, live_directories[i]);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

/* --- the trials --------------------------------------------------------------------------------
 */

/* 0 with the result, in which begin says what became of a process that gave none; else -errno. */
static int trial(struct check *c, const char *set, enum stage_variant variant, const char *service,
	struct trial_result *ret_result)
{
	char confdir[PATH_MAX + 64];
	struct trial order = {
		.confdir = confdir,
		.service = service,
		.user = c->order->user,
		.password = c->password,
		.changes = variant != STAGE_REAL,
	};
	struct trial_result result = TRIAL_RESULT_NONE;
	int r;

	snprintf(confdir, sizeof(confdir), "%s/%s-%s", c->work, set, stage_variant_name(variant));
	r = trial_run(&order, CHECK_PATIENCE_US, &result);
	/* That a module of somebody else hangs or dies is no finding if it did so before. */
	if (r == -ETIMEDOUT || r == -ECHILD)
		result.begin = r;
	else if (r < 0)
		return r;
	*ret_result = result;
	return 0;
}

static void compare(struct check *c, const char *service, enum stage_variant variant,
	const char *step, int32_t staged, int32_t live)
{
	static const char *const with[STAGE_VARIANT_MAX] = {
		[STAGE_RIGHT] = "with the right password",
		[STAGE_WRONG] = "with a wrong password",
		[STAGE_REAL] = "for an account that cannot log in",
	};

	if (staged != live)
		finding(c,
			"%s: %s %s ends with \"%s\" in the new stack, with \"%s\" in the present one",
			service, step, with[variant], result_text(staged), result_text(live));
}

static int check_service(struct check *c, const char *service)
{
	for (enum stage_variant v = 0; v < STAGE_VARIANT_MAX; v++) {
		struct trial_result staged, live;
		int r;

		r = trial(c, CHECK_SET_LIVE, v, service, &live);
		if (r == 0)
			r = trial(c, CHECK_SET_STAGED, v, service, &staged);
		if (r < 0) {
			fprintf(stderr, "mdm-agent-pamcheck: %s cannot be tried: %s\n", service,
				strerror(-r));
			return r;
		}
		if (live.begin == -ETIMEDOUT && staged.begin == -ETIMEDOUT) {
			/* So it would be with the rest. */
			printf("%s: note: does not come to an end, so that less could be tried\n",
				service);
			return 0;
		}
		if (staged.begin == -ETIMEDOUT && live.begin == 0)
			finding(c, "%s: the new stack does not come to an end", service);
		else if (staged.begin == -ECHILD && live.begin == 0)
			finding(c, "%s: a program that uses the new stack crashes", service);
		else
			compare(c, service, v, "starting", staged.begin, live.begin);
		if (staged.begin != live.begin)
			continue;
		compare(c, service, v, "an authentication", staged.auth, live.auth);
		compare(c, service, v, "the account's check", staged.account, live.account);
		compare(c, service, v, "a change of the password", staged.change, live.change);
		if (v == STAGE_RIGHT && live.begin == 0 && live.auth != PAM_SUCCESS)
			printf("%s: note: whatever the password, %s is not let in (\"%s\"), so that "
			       "less could be tried\n",
				service, c->order->user, result_text(live.auth));
	}
	return 0;
}

/* Lines of pam_mdm.so do no harm where it cannot be loaded, so that nothing else would show it. */
static int check_module(struct check *c, const char *module)
{
	static const char name[] = "module";
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_close_ int fd = -1;
	struct trial_result result;
	struct trial order = {
		.confdir = c->work,
		.service = name,
		.user = c->order->user,
		.password = c->password,
		.changes = true,
	};
	int r;

	for (size_t i = 0; i < 3; i++) {
		static const char *const types[] = {"auth", "account", "password"};

		buf_printf(&text, "%s required %s dry\n%s required pam_permit.so\n", types[i],
			module, types[i]);
	}
	if (text.error)
		return text.error;
	fd = fs_open_nofollow(c->work_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	r = fd < 0 ? fd : fs_write_all(fd, text.data, text.n_bytes);
	if (r == 0)
		r = trial_run(&order, CHECK_PATIENCE_US, &result);
	if (r == -ETIMEDOUT || r == -ECHILD) {
		finding(c, "%s does not come to an end, or crashes", module);
		return 0;
	}
	if (r < 0)
		return r;
	if (result.auth != PAM_SUCCESS || result.account != PAM_SUCCESS ||
		result.change != PAM_SUCCESS)
		finding(c, "%s cannot be used by libpam (\"%s\"); see the system's log", module,
			result_text(result.auth	     ? result.auth
				    : result.account ? result.account
						     : result.change));
	return 0;
}

static int check_begin(struct check *c)
{
	uint8_t random[16];
	char path[PATH_MAX];
	int n;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	hex_encode(random, sizeof(random), c->password);
	/* Private to whoever staged the files, as these are. */
	if (!realpath(c->order->staged, path))
		return -errno;
	n = snprintf(c->work, sizeof(c->work), "%s/.pamcheck-XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(c->work))
		return -ENAMETOOLONG;
	/* As it is named in files whose words white space separates. */
	if (strpbrk(c->work, " \t\n#\\[]"))
		return -EINVAL;
	if (!mkdtemp(c->work))
		return -errno;
	c->work_fd = open(c->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->work_fd < 0 ? -errno : 0;
}

static void check_end(struct check *c)
{
	_cleanup_close_ int staged_fd = open(c->order->staged, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (c->work_fd < 0)
		return;
	close(c->work_fd);
	if (staged_fd < 0 || fs_remove_tree(staged_fd, strrchr(c->work, '/') + 1) < 0)
		fprintf(stderr, "mdm-agent-pamcheck: %s is left behind\n", c->work);
}

int check_run(const struct check_order *order)
{
	struct check c = {.order = order, .work_fd = -1};
	int r;

	r = check_begin(&c);
	if (r < 0) {
		fprintf(stderr, "mdm-agent-pamcheck: %s cannot be worked in: %s\n", order->staged,
			strerror(-r));
		return r;
	}
	r = copies_make(&c);
	for (size_t i = 0; r == 0 && i < c.modules.n; i++)
		r = check_module(&c, c.modules.paths[i]);
	for (size_t i = 0; r == 0 && i < order->n_services; i++)
		r = check_service(&c, order->services[i]);
	check_end(&c);
	return r < 0 ? r : c.n_findings > 0;
}
