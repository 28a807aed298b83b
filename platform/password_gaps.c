/* SPDX-License-Identifier: Apache-2.0 */
/* password_gaps.c - who asks past PAM; see password_gaps.h. Reads only. Enforcer only. */
#include "platform/password_gaps.h"

#include <string.h>
#include <strings.h>

#include "agent/util/fs.h"
#include "agent/util/limits.h"
#include "platform/backend.h"
#include "platform/listing.h"

#define FILES_MAX 64 /* that one directory of settings may have */
#define BLANKS " \t\r"

typedef void (*word_fn)(char *line, void *userdata);

static void each_line(int root_fd, const char *path, word_fn each, void *userdata)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;

	if (fs_read(root_fd, path, LIMIT_PLATFORM_FILE_BYTES, &text, NULL) < 0)
		return;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		line += strspn(line, BLANKS);
		if (*line && *line != '#')
			each(line, userdata);
	}
}

static void each_line_below(int root_fd, const char *directory, word_fn each, void *userdata)
{
	_cleanup_(listing_done) struct listing listing = {0};

	if (listing_read(root_fd, directory, FILES_MAX, &listing) < 0)
		return;
	for (size_t i = 0; i < listing.n_names; i++) {
		size_t n = strlen(listing.names[i]);
		char path[LIMIT_TEXT_BYTES + 1];

		if (n < 5 || n > 128 || strcmp(listing.names[i] + n - 5, ".conf") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, listing.names[i]);
		each_line(root_fd, path, each, userdata);
	}
}

/* --- doas --------------------------------------------------------------------------------- */

static void note_rule(char *line, void *userdata)
{
	bool *asks = userdata;
	char *word = strsep(&line, BLANKS);

	if (strcmp(word, "permit") != 0)
		return;
	while ((word = strsep(&line, BLANKS)))
		if (strcmp(word, "nopass") == 0)
			return;
	*asks = true;
}

/* Alpine builds it without PAM; who builds it with brings a service file. */
static bool doas_asks(int root_fd)
{
	bool asks = false;

	if ((!backend_file_exists(root_fd, "usr/bin/doas") &&
		    !backend_file_exists(root_fd, "bin/doas")) ||
		backend_file_exists(root_fd, "etc/pam.d/doas") ||
		backend_file_exists(root_fd, "usr/lib/pam.d/doas"))
		return false;
	each_line(root_fd, "etc/doas.conf", note_rule, &asks);
	each_line_below(root_fd, "etc/doas.d", note_rule, &asks);
	return asks;
}

/* --- sshd --------------------------------------------------------------------------------- */

/* The first word about a key counts in sshd_config(5). */
struct sshd {
	int root_fd;
	bool has_pam, has_password;
	bool pam, password;
	unsigned int depth; /* files that include each other come to an end */
	bool matching;	    /* behind Match: of some connections only */
};

static void note_sshd(char *line, void *userdata)
{
	struct sshd *sshd = userdata;
	size_t n = strcspn(line, BLANKS "=");
	char *value = line + n + strspn(line + n, BLANKS "=\"");

	value[strcspn(value, BLANKS "\"")] = 0;
	line[n] = 0;
	if (strcasecmp(line, "Match") == 0) {
		sshd->matching = strcasecmp(value, "all") != 0;
	} else if (sshd->matching) {
		return;
	} else if (strcasecmp(line, "UsePAM") == 0 && !sshd->has_pam) {
		sshd->has_pam = true;
		sshd->pam = strcasecmp(value, "yes") == 0;
	} else if (strcasecmp(line, "PasswordAuthentication") == 0 && !sshd->has_password) {
		sshd->has_password = true;
		sshd->password = strcasecmp(value, "yes") == 0;
	} else if (strcasecmp(line, "Include") == 0 && sshd->depth < 4) {
		char *pattern = strstr(value, "/*.conf");

		sshd->depth++;
		if (pattern && !pattern[strlen("/*.conf")]) {
			*pattern = 0;
			each_line_below(sshd->root_fd, value, note_sshd, sshd);
		} else if (*value == '/') {
			each_line(sshd->root_fd, value, note_sshd, sshd);
		}
		sshd->depth--;
	}
}

static bool is_started(int root_fd, const char *name)
{
	static const char *const directories[] = {"etc/runlevels/default",
		"etc/systemd/system/multi-user.target.wants",
		"etc/systemd/system/sockets.target.wants"};
	static const char *const suffixes[] = {"", ".service", ".socket"};
	char path[LIMIT_TEXT_BYTES + 1], target[LIMIT_TEXT_BYTES + 1];

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		snprintf(path, sizeof(path), "%s/%s%s", directories[i], name, suffixes[i]);
		if (fs_read_link(root_fd, path, target, sizeof(target)) >= 0)
			return true;
	}
	return false;
}

/* Without a word about it, upstream's sshd asks for passwords, and does so itself. */
static bool sshd_asks(int root_fd)
{
	struct sshd sshd = {.root_fd = root_fd, .password = true};

	if (!is_started(root_fd, "sshd") && !is_started(root_fd, "ssh"))
		return false;
	each_line(root_fd, "etc/ssh/sshd_config", note_sshd, &sshd);
	return !sshd.pam && sshd.password;
}

/* --- busybox ------------------------------------------------------------------------------ */

static bool is_busybox(int root_fd, const char *path)
{
	char target[LIMIT_TEXT_BYTES + 1];
	const char *slash;

	if (fs_read_link(root_fd, path, target, sizeof(target)) < 0)
		return false;
	slash = strrchr(target, '/');
	slash = slash ? slash + 1 : target;
	return strcmp(slash, "busybox") == 0 || strcmp(slash, "bbsuid") == 0;
}

void password_gaps_find(int root_fd,
	void (*each)(const char *name, const char *detail, void *userdata), void *userdata)
{
	if (doas_asks(root_fd))
		each("doas", "it asks without PAM, nobody counts there", userdata);
	if (sshd_asks(root_fd))
		each("sshd", "UsePAM is not \"yes\" in /etc/ssh/sshd_config: it asks without PAM",
			userdata);
	if (is_busybox(root_fd, "bin/login") || is_busybox(root_fd, "usr/bin/login"))
		each("login", "busybox has it, which asks without PAM", userdata);
	if (is_busybox(root_fd, "bin/su") || is_busybox(root_fd, "usr/bin/su"))
		each("su", "busybox has it, which asks without PAM", userdata);
}
