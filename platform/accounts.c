/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accounts.c - who can log in, and by what; see accounts.h. Reads only. Enforcer only.
 *
 * Lines are read as libc reads them: empty ones, comments, NIS lines and malformed ones are no
 * accounts there either, and of two lines of one name the first counts.
 */
#include "platform/accounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"

/* Where login.defs(5) does not say; shadow's own defaults. */
#define UID_MIN_DEFAULT 1000
#define UID_PEOPLE_LEAST 100 /* below are accounts that distributions fix */
#define UID_NOBODY 65534
#define UID_MAX_DEFAULT 60000
/* What login.defs(5) calls never: passwords that live for centuries. */
#define DAYS_NEVER 99999

/* A line of passwd(5), pointing into the file's text. */
struct passwd_line {
	const char *name, *password, *home, *shell;
	uid_t uid;
	gid_t gid;
	size_t order; /* in the file */
	const struct shadow_line *shadow;
};

/* A line of shadow(5), likewise. */
struct shadow_line {
	const char *name, *password;
	int64_t changed_day, max_days, expires_day; /* -1: not said */
	size_t order;
};

struct accounts_files {
	char *passwd, *shadow;
	size_t n_shadow_bytes;
	struct passwd_line *passwd_lines;
	size_t n_passwd_lines;
	struct shadow_line *shadow_lines;
	size_t n_shadow_lines;
	uid_t uid_min, uid_max;
};

static void accounts_files_done(struct accounts_files *files)
{
	free(files->passwd);
	secret_free(files->shadow, files->n_shadow_bytes);
	free(files->passwd_lines);
	free(files->shadow_lines);
}

/* Splits a line in place. False unless it has that many fields. */
static bool split_fields(char *line, char **ret_fields, size_t n_fields)
{
	size_t n = 0;

	while (n < n_fields && line)
		ret_fields[n++] = strsep(&line, ":");
	return n == n_fields && !line;
}

/* -1 for what is empty, negative or no number: shadow(5) takes that for "not said". */
static int64_t parse_days(const char *field)
{
	int64_t days;

	return parse_int64(field, 0, INT32_MAX, &days) < 0 ? -1 : days;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* The whole text file; -EBADMSG where a NUL hides the rest from whoever reads it as text. */
static int read_text(int root_fd, const char *path, char **ret_text, size_t *ret_n_bytes)
{
	char *text;
	size_t n;
	int r = fs_read(root_fd, path, LIMIT_PLATFORM_FILE_BYTES, &text, &n);

	if (r < 0)
		return r;
	if (strlen(text) != n) {
		secret_free(text, n);
		return -EBADMSG;
	}
	*ret_text = text;
	*ret_n_bytes = n;
	return 0;
}

static bool is_account_line(const char *line)
{
	return *line && !strchr("#+-: \t", *line);
}

static int compare_passwd(const void *a, const void *b)
{
	const struct passwd_line *la = a, *lb = b;
	int order = strcmp(la->name, lb->name);

	return order ? order : (la->order > lb->order) - (la->order < lb->order);
}

static int compare_shadow(const void *a, const void *b)
{
	const struct shadow_line *la = a, *lb = b;
	int order = strcmp(la->name, lb->name);

	return order ? order : (la->order > lb->order) - (la->order < lb->order);
}

static int compare_order(const void *a, const void *b)
{
	const struct passwd_line *la = a, *lb = b;

	return (la->order > lb->order) - (la->order < lb->order);
}

static int parse_passwd(struct accounts_files *files)
{
	size_t n_max = count_lines(files->passwd);
	char *rest = files->passwd, *line, *fields[7];

	files->passwd_lines = calloc(n_max, sizeof(*files->passwd_lines));
	if (!files->passwd_lines)
		return -ENOMEM;
	while ((line = strsep(&rest, "\n"))) {
		struct passwd_line *next = &files->passwd_lines[files->n_passwd_lines];
		int64_t uid, gid;

		if (!is_account_line(line) || !split_fields(line, fields, 7) ||
			parse_int64(fields[2], 0, UINT32_MAX - 1, &uid) < 0 ||
			parse_int64(fields[3], 0, UINT32_MAX - 1, &gid) < 0)
			continue;
		*next = (struct passwd_line){.name = fields[0],
			.password = fields[1],
			.home = fields[5],
			.shell = *fields[6] ? fields[6] : "/bin/sh",
			.uid = (uid_t)uid,
			.gid = (gid_t)gid,
			.order = files->n_passwd_lines++};
	}
	return files->n_passwd_lines ? 0 : -EBADMSG;
}

static int parse_shadow(struct accounts_files *files)
{
	size_t n_max = count_lines(files->shadow);
	char *rest = files->shadow, *line, *fields[9];

	files->shadow_lines = calloc(n_max, sizeof(*files->shadow_lines));
	if (!files->shadow_lines)
		return -ENOMEM;
	while ((line = strsep(&rest, "\n"))) {
		struct shadow_line *next = &files->shadow_lines[files->n_shadow_lines];

		if (!is_account_line(line) || !split_fields(line, fields, 9))
			continue;
		*next = (struct shadow_line){.name = fields[0],
			.password = fields[1],
			.changed_day = parse_days(fields[2]),
			.max_days = parse_days(fields[4]),
			.expires_day = parse_days(fields[7]),
			.order = files->n_shadow_lines++};
	}
	return 0;
}

/* Gives each account its line of shadow(5), and leaves the first of each name, in the file's order.
 * Sorted, so that ten thousand users cost no hundred million comparisons. */
static void join(struct accounts_files *files)
{
	size_t n_kept = 0, k = 0;

	qsort(files->passwd_lines, files->n_passwd_lines, sizeof(*files->passwd_lines),
		compare_passwd);
	if (files->n_shadow_lines)
		qsort(files->shadow_lines, files->n_shadow_lines, sizeof(*files->shadow_lines),
			compare_shadow);
	for (size_t i = 0; i < files->n_passwd_lines; i++) {
		struct passwd_line *line = &files->passwd_lines[i];

		if (n_kept && strcmp(files->passwd_lines[n_kept - 1].name, line->name) == 0)
			continue;
		while (k < files->n_shadow_lines &&
			strcmp(files->shadow_lines[k].name, line->name) < 0)
			k++;
		if (k < files->n_shadow_lines &&
			strcmp(files->shadow_lines[k].name, line->name) == 0)
			line->shadow = &files->shadow_lines[k];
		files->passwd_lines[n_kept++] = *line;
	}
	files->n_passwd_lines = n_kept;
	qsort(files->passwd_lines, n_kept, sizeof(*files->passwd_lines), compare_order);
}

/* The first file that is there; a number that is none leaves the default. */
static int read_login_defs(int root_fd, struct accounts_files *files)
{
	static const char *const paths[] = {"etc/login.defs", "usr/etc/login.defs"};
	_cleanup_free_ char *text = NULL;
	char *rest, *line;
	int r = -ENOENT;

	files->uid_min = UID_MIN_DEFAULT;
	files->uid_max = UID_MAX_DEFAULT;
	for (size_t i = 0; i < ARRAY_SIZE(paths) && (r == -ENOENT || r == -ENOTDIR); i++)
		r = fs_read(root_fd, paths[i], LIMIT_PLATFORM_FILE_BYTES, &text, NULL);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return r;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *state = NULL, *key = strtok_r(line, " \t\r", &state);
		char *word = key ? strtok_r(NULL, " \t\r", &state) : NULL;
		int64_t number;

		if (!word || parse_int64(word, 0, UINT32_MAX - 1, &number) < 0)
			continue;
		if (strcmp(key, "UID_MIN") == 0)
			files->uid_min = (uid_t)number;
		else if (strcmp(key, "UID_MAX") == 0)
			files->uid_max = (uid_t)number;
	}
	return 0;
}

uid_t accounts_first_person(int root_fd)
{
	struct accounts_files files = {0};

	/* 0 would make a person of root, who then could start nothing. */
	return read_login_defs(root_fd, &files) == 0 && files.uid_min >= UID_PEOPLE_LEAST &&
			       files.uid_min < UID_NOBODY
		       ? files.uid_min
		       : UID_MIN_DEFAULT;
}

/* login(1) starts whatever is there; shells(5) is asked only by chsh(1) and the like. */
static bool shell_lets_in(int root_fd, const char *shell)
{
	static const char *const closed[] = {"nologin", "false", "true", "sync", "shutdown", "halt",
		"poweroff", "reboot", "git-shell"};
	const char *name = strrchr(shell, '/');
	_cleanup_close_ int fd = -1;
	struct stat st;

	name = name ? name + 1 : shell;
	for (size_t i = 0; i < ARRAY_SIZE(closed); i++)
		if (strcmp(name, closed[i]) == 0)
			return false;
	fd = fs_open_in_root(root_fd, shell, O_PATH);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

/* The field as pam_unix takes it: of passwd(5) itself, unless that says to look into shadow(5). */
static void judge_password(const struct passwd_line *line, struct account *account)
{
	const char *field = line->password;
	bool shadowed = strcmp(field, "x") == 0;

	account->changed_day = -1;
	account->expires_day = -1;
	account->password = ACCOUNT_UNKNOWN;
	if (shadowed && !line->shadow)
		return;
	if (shadowed)
		field = line->shadow->password;
	if (!*field) {
		account->password = ACCOUNT_EMPTY;
	} else if (*field == '!' || *field == '*') {
		account->password = ACCOUNT_LOCKED;
	} else if (strlen(field) < sizeof(account->hash)) {
		account->password = ACCOUNT_HAS_PASSWORD;
		memcpy(account->hash, field, strlen(field) + 1);
	}
	if (!shadowed)
		return;
	account->changed_day = line->shadow->changed_day;
	account->expires_day = line->shadow->expires_day;
	if (account->changed_day == 0) {
		account->expires_day = 0;
	} else if (account->changed_day > 0 && line->shadow->max_days >= 0 &&
		   line->shadow->max_days < DAYS_NEVER) {
		int64_t day = account->changed_day + line->shadow->max_days;

		if (account->expires_day < 0 || day < account->expires_day)
			account->expires_day = day;
	}
}

/* How much an account matters where there is no room for all: root, people, the others. */
static unsigned int account_rank(const struct account *account)
{
	if (account->uid == 0)
		return 0;
	return account->is_person ? 1 : 2;
}

/* Takes the account in, behind those of its rank; one of lower rank makes room. */
static void accounts_add(struct accounts *accounts, const struct account *account)
{
	size_t at = accounts->n_accounts;

	while (at > 0 && account_rank(&accounts->accounts[at - 1]) > account_rank(account))
		at--;
	if (accounts->n_accounts == LIMIT_ACCOUNTS) {
		accounts->more = true;
		if (at == LIMIT_ACCOUNTS)
			return;
		accounts->n_accounts--;
	}
	memmove(&accounts->accounts[at + 1], &accounts->accounts[at],
		(accounts->n_accounts - at) * sizeof(*account));
	accounts->accounts[at] = *account;
	accounts->n_accounts++;
}

static void choose(int root_fd, const struct accounts_files *files, struct accounts *accounts)
{
	for (size_t i = 0; i < files->n_passwd_lines; i++) {
		const struct passwd_line *line = &files->passwd_lines[i];
		struct account account = {.uid = line->uid, .gid = line->gid};
		bool lets_in = false;

		judge_password(line, &account);
		if (strlen(line->home) < sizeof(account.home))
			memcpy(account.home, line->home, strlen(line->home) + 1);
		account.is_person = line->uid >= files->uid_min && line->uid <= files->uid_max &&
				    shell_lets_in(root_fd, line->shell);
		if (account.password == ACCOUNT_EMPTY)
			lets_in = account.is_person || shell_lets_in(root_fd, line->shell);
		if (account.uid != 0 && !account.is_person && !lets_in &&
			account.password != ACCOUNT_HAS_PASSWORD)
			continue;
		/* The tools of shadow make no such name; it cannot be told of in a message. */
		if (strlen(line->name) > LIMIT_USER_BYTES) {
			accounts->more = true;
		} else {
			memcpy(account.name, line->name, strlen(line->name) + 1);
			accounts_add(accounts, &account);
		}
		explicit_bzero(account.hash, sizeof(account.hash));
	}
}

int accounts_read(int root_fd, struct accounts *ret_accounts)
{
	_cleanup_(accounts_files_done) struct accounts_files files = {0};
	struct accounts accounts = {0};
	size_t n_bytes;
	int r;

	r = read_text(root_fd, "etc/passwd", &files.passwd, &n_bytes);
	if (r < 0)
		return r;
	r = read_text(root_fd, "etc/shadow", &files.shadow, &files.n_shadow_bytes);
	if (r < 0 && r != -ENOENT)
		return r;
	r = parse_passwd(&files);
	if (r < 0)
		return r;
	if (files.shadow) {
		r = parse_shadow(&files);
		if (r < 0)
			return r;
	}
	r = read_login_defs(root_fd, &files);
	if (r < 0)
		return r;
	join(&files);
	accounts.accounts = calloc(LIMIT_ACCOUNTS + 1, sizeof(*accounts.accounts));
	if (!accounts.accounts)
		return -ENOMEM;
	choose(root_fd, &files, &accounts);
	*ret_accounts = accounts;
	return 0;
}

void accounts_done(struct accounts *accounts)
{
	secret_free(accounts->accounts, (LIMIT_ACCOUNTS + 1) * sizeof(*accounts->accounts));
	*accounts = (struct accounts){0};
}

const struct account *accounts_find(const struct accounts *accounts, const char *name)
{
	for (size_t i = 0; i < accounts->n_accounts; i++)
		if (strcmp(accounts->accounts[i].name, name) == 0)
			return &accounts->accounts[i];
	return NULL;
}
