/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autologin.c - who is logged in without being asked, as the settings of display managers and of
 * consoles tell; see accounts.h. Reads only. Enforcer only.
 *
 * A file that cannot be read or understood tells of nobody: its program could not, either.
 */
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "agent/util/account.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/accounts.h"
#include "platform/backend.h"
#include "platform/listing.h"

#define FILES_MAX 64 /* in one directory of settings */
/* greeters run as accounts of the system, sessions as people */
#define PERSON_UID_MIN 1000
#define TINYDM_UID_DEFAULT 1000

/* One entry: [section] key = value, without quotes. */
struct entry {
	const char *section, *key, *value;
};

typedef void (*entry_fn)(const struct entry *entry, void *userdata);

static char *trim(char *text)
{
	size_t n;

	text += strspn(text, " \t\r");
	n = strlen(text);
	while (n > 0 && strchr(" \t\r", text[n - 1]))
		text[--n] = 0;
	return text;
}

/* A value without quotes around it; what follows the closing one is a comment. */
static char *unquote(char *text)
{
	char *end;

	if (*text != '"' && *text != '\'')
		return text;
	end = strchr(text + 1, *text);
	if (end)
		*end = 0;
	return text + 1;
}

/* Reads TOML, INI and assignments of a shell, as far as one line tells. */
static void read_entries(char *text, entry_fn each, void *userdata)
{
	const char *section = "";
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char *equals;

		line = trim(line);
		if (*line == '[') {
			section = line + 1;
			line[strcspn(line, "]")] = 0;
			continue;
		}
		equals = strchr(line, '=');
		if (*line == '#' || *line == ';' || !equals)
			continue;
		*equals = 0;
		each(&(struct entry){section, trim(line), unquote(trim(equals + 1))}, userdata);
	}
}

/* --- display managers --------------------------------------------------------------------- */

struct manager {
	const char *name;
	const char *programs[3];
	const char *paths[4]; /* later ones count; a directory ends in '/' */
	const char *section;  /* begins with it */
	const char *user;     /* key */
	const char *enable;   /* key that has to be true, too; NULL: none */
};

static const struct manager managers[] = {
	{"greetd", {"usr/bin/greetd", "usr/sbin/greetd"},
		{"etc/greetd/config.toml", "etc/phrog/greetd-config.toml"}, "initial_session",
		"user", NULL},
	{"greetd", {"usr/bin/greetd", "usr/sbin/greetd"},
		{"etc/greetd/config.toml", "etc/phrog/greetd-config.toml"}, "default_session",
		"user", NULL},
	{"gdm", {"usr/sbin/gdm", "usr/bin/gdm", "usr/sbin/gdm3"},
		{"etc/gdm/custom.conf", "etc/gdm3/custom.conf", "etc/gdm3/daemon.conf"}, "daemon",
		"AutomaticLogin", "AutomaticLoginEnable"},
	{"gdm", {"usr/sbin/gdm", "usr/bin/gdm", "usr/sbin/gdm3"},
		{"etc/gdm/custom.conf", "etc/gdm3/custom.conf", "etc/gdm3/daemon.conf"}, "daemon",
		"TimedLogin", "TimedLoginEnable"},
	{"sddm", {"usr/bin/sddm"},
		{"usr/lib/sddm/sddm.conf.d/", "etc/sddm.conf.d/", "etc/sddm.conf"}, "Autologin",
		"User", NULL},
	{"plasmalogin", {"usr/bin/plasmalogin"},
		{"usr/lib/plasmalogin/plasmalogin.conf.d/", "etc/plasmalogin.conf.d/",
			"etc/plasmalogin.conf"},
		"Autologin", "User", NULL},
	{"lightdm", {"usr/sbin/lightdm", "usr/bin/lightdm"},
		{"usr/share/lightdm/lightdm.conf.d/", "etc/lightdm/lightdm.conf.d/",
			"etc/lightdm/lightdm.conf"},
		"Seat", "autologin-user", NULL},
};

struct search {
	const struct manager *manager;
	int root_fd;
	const char *path; /* of the file that is being read */
	char user[LIMIT_USER_BYTES + 1];
	char path_of_user[LIMIT_TEXT_BYTES + 1];
	bool enabled;
};

static bool is_true(const char *value)
{
	return strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0 ||
	       strcasecmp(value, "yes") == 0;
}

/* greetd's default session is a greeter, unless it runs as a person. */
static bool is_session_of(const struct search *search, const char *user)
{
	uid_t uid;
	gid_t gid;

	if (strcmp(search->manager->section, "default_session") != 0)
		return true;
	return account_user(search->root_fd, user, &uid, &gid) == 0 && uid >= PERSON_UID_MIN;
}

static void search_entry(const struct entry *entry, void *userdata)
{
	struct search *search = userdata;
	const struct manager *m = search->manager;

	if (strncmp(entry->section, m->section, strlen(m->section)) != 0)
		return;
	if (m->enable && strcmp(entry->key, m->enable) == 0)
		search->enabled = is_true(entry->value);
	if (strcmp(entry->key, m->user) != 0)
		return;
	snprintf(search->user, sizeof(search->user), "%s",
		is_session_of(search, entry->value) ? entry->value : "");
	snprintf(search->path_of_user, sizeof(search->path_of_user), "%s", search->path);
}

static void read_file(int root_fd, const char *path, entry_fn each, struct search *search)
{
	_cleanup_free_ char *text = NULL;

	if (fs_read(root_fd, path, LIMIT_PLATFORM_FILE_BYTES, &text, NULL) < 0)
		return;
	search->path = path;
	read_entries(text, each, search);
}

static void read_files(int root_fd, const char *path, entry_fn each, struct search *search)
{
	_cleanup_(listing_done) struct listing listing = {0};

	if (path[strlen(path) - 1] != '/') {
		read_file(root_fd, path, each, search);
		return;
	}
	if (listing_read(root_fd, path, FILES_MAX, &listing) < 0)
		return;
	for (size_t i = 0; i < listing.n_names; i++) {
		char file[LIMIT_TEXT_BYTES + 1];
		int n = snprintf(file, sizeof(file), "%s%s", path, listing.names[i]);

		if (n > 0 && (size_t)n < sizeof(file))
			read_file(root_fd, file, each, search);
	}
}

/*
 * Whether the init system starts it. Where neither OpenRC's runlevels nor systemd's alias say which
 * display manager is in use, an installed one may be.
 */
static bool is_started(int root_fd, const char *name)
{
	static const char *const aliases[] = {"etc/systemd/system/display-manager.service",
		"usr/lib/systemd/system/display-manager.service"};
	char path[LIMIT_TEXT_BYTES + 1], target[LIMIT_TEXT_BYTES + 1];
	bool told = backend_file_exists(root_fd, "etc/runlevels/default");

	snprintf(path, sizeof(path), "etc/runlevels/default/%s", name);
	if (fs_read_link(root_fd, path, target, sizeof(target)) >= 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		const char *slash;

		if (fs_read_link(root_fd, aliases[i], target, sizeof(target)) < 0)
			continue;
		slash = strrchr(target, '/');
		told = true;
		if (strncmp(slash ? slash + 1 : target, name, strlen(name)) == 0)
			return true;
	}
	return !told;
}

static bool find_manager(int root_fd, const struct manager *m, struct autologin *ret)
{
	struct search search = {.manager = m, .root_fd = root_fd, .enabled = !m->enable};
	bool installed = false;

	for (size_t i = 0; i < ARRAY_SIZE(m->programs) && m->programs[i]; i++)
		installed |= backend_file_exists(root_fd, m->programs[i]);
	if (!installed || !is_started(root_fd, m->name))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(m->paths) && m->paths[i]; i++)
		read_files(root_fd, m->paths[i], search_entry, &search);
	if (!search.enabled || !*search.user)
		return false;
	memcpy(ret->user, search.user, sizeof(ret->user));
	text_printf(ret->by, "%s: %s of [%s] in /%s", m->name, m->user, m->section,
		search.path_of_user);
	return true;
}

/* --- tinydm ------------------------------------------------------------------------------- */

static void tinydm_entry(const struct entry *entry, void *userdata)
{
	struct search *search = userdata;

	if (strcmp(entry->key, "AUTOLOGIN_UID") == 0)
		snprintf(search->user, sizeof(search->user), "%s", entry->value);
}

/* The name of the uid, if it has one; else the number stays. */
static void name_uid(int root_fd, char user[LIMIT_USER_BYTES + 1])
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;

	if (fs_read(root_fd, "etc/passwd", LIMIT_PLATFORM_FILE_BYTES, &text, NULL) < 0)
		return;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		const char *name = strsep(&line, ":"), *uid;

		if (!line)
			continue;
		strsep(&line, ":");
		uid = line ? strsep(&line, ":") : "";
		if (strcmp(uid, user) != 0 || strlen(name) > LIMIT_USER_BYTES)
			continue;
		memcpy(user, name, strlen(name) + 1);
		return;
	}
}

/* It knows nothing but to log somebody in. */
static bool find_tinydm(int root_fd, struct autologin *ret)
{
	struct search search = {.root_fd = root_fd};

	if (!backend_file_exists(root_fd, "usr/bin/tinydm-run-session") ||
		!is_started(root_fd, "tinydm"))
		return false;
	snprintf(search.user, sizeof(search.user), "%d", TINYDM_UID_DEFAULT);
	read_file(root_fd, "etc/conf.d/tinydm", tinydm_entry, &search);
	name_uid(root_fd, search.user);
	memcpy(ret->user, search.user, sizeof(ret->user));
	text_printf(ret->by, "tinydm: AUTOLOGIN_UID in /etc/conf.d/tinydm");
	return true;
}

/* --- consoles ----------------------------------------------------------------------------- */

/* The name behind an option in the words of a line: "--autologin user", "--autologin=user". */
static bool find_option(const char *line, const char *option, char ret_user[LIMIT_USER_BYTES + 1])
{
	static const char blanks[] = " \t\"'=";
	size_t n_option = strlen(option);

	for (const char *at = line; *at;) {
		size_t n = strcspn(at, blanks);

		if (n == n_option && strncmp(at, option, n) == 0) {
			at += n;
			at += strspn(at, blanks);
			n = strcspn(at, blanks);
			snprintf(ret_user, LIMIT_USER_BYTES + 1, "%.*s", (int)n, at);
			return n > 0;
		}
		at += n;
		at += strspn(at, blanks);
	}
	return false;
}

static bool find_in_lines(int root_fd, const char *path, struct autologin *ret)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;

	if (fs_read(root_fd, path, LIMIT_PLATFORM_FILE_BYTES, &text, NULL) < 0)
		return false;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		line = trim(line);
		if (*line == '#' || *line == ';')
			continue;
		if ((strstr(line, "getty") && (find_option(line, "--autologin", ret->user) ||
						      find_option(line, "-a", ret->user))) ||
			(strstr(line, "login -f") && find_option(line, "-f", ret->user))) {
			text_printf(ret->by, "console: /%s", path);
			return true;
		}
	}
	return false;
}

/* Files of a directory whose names have getty in them, or autologin. */
static bool find_in_directory(int root_fd, const char *path, bool drop_ins, struct autologin *ret)
{
	_cleanup_(listing_done) struct listing listing = {0};

	if (listing_read(root_fd, path, 4096, &listing) < 0)
		return false;
	for (size_t i = 0; i < listing.n_names; i++) {
		const char *name = listing.names[i];
		size_t n = strlen(name);
		char below[LIMIT_TEXT_BYTES + 1];
		int n_below = snprintf(below, sizeof(below), "%s/%s", path, name);

		if (n_below < 0 || (size_t)n_below >= sizeof(below) ||
			(!strstr(name, "getty") && !strstr(name, "autologin") &&
				!strstr(path, ".service.d")))
			continue;
		if (find_in_lines(root_fd, below, ret))
			return true;
		if (drop_ins && n > 2 && strcmp(name + n - 2, ".d") == 0 &&
			find_in_directory(root_fd, below, false, ret))
			return true;
	}
	return false;
}

void autologin_find(int root_fd, struct autologin *ret_autologin)
{
	static const char *const directories[] = {
		"etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "etc/conf.d"};
	struct autologin found = {.user = ""};
	bool is_found = find_tinydm(root_fd, &found);

	for (size_t i = 0; i < ARRAY_SIZE(managers) && !is_found; i++)
		is_found = find_manager(root_fd, &managers[i], &found);
	is_found = is_found || find_in_lines(root_fd, "etc/inittab", &found);
	for (size_t i = 0; i < ARRAY_SIZE(directories) && !is_found; i++)
		is_found = find_in_directory(root_fd, directories[i], true, &found);
	*ret_autologin = is_found ? found : (struct autologin){.user = ""};
}
