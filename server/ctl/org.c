/* SPDX-License-Identifier: Apache-2.0 */
/* org.c - the organisation directory; see org.h. */
#include "server/ctl/org.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "agent/util/jsonw.h"
#include "agent/util/url.h"

#define ORG_VERSION 1
#define ORG_LOCK_TRIES 200 /* ten seconds */

char *org_default_path(void)
{
	const char *path = getenv("MDMCTL_ORG"), *home = getenv("HOME");
	const char *config = getenv("XDG_CONFIG_HOME");
	char *joined;

	if (path && *path)
		return strdup(path);
	if (config && *config == '/')
		return asprintf(&joined, "%s/mdmctl", config) < 0 ? NULL : joined;
	if (home && *home)
		return asprintf(&joined, "%s/.config/mdmctl", home) < 0 ? NULL : joined;
	return NULL;
}

void org_done(struct org *org)
{
	closep(&org->fd);
	free(org->path);
	free(org->keyset_text);
	keyset_free(org->keyset);
	*org = ORG_INIT;
}

static int org_bad_config(
	const struct org *org, const struct json_error *error, struct fault *fault)
{
	return fault_set(fault, FAULT_FAILURE, "%s/%s: %s%s%s; restore the file from your copy",
		org->path, ORG_CONFIG, error->path, *error->path ? " " : "", error->message);
}

static int org_get(struct json_object *object, const char *name, char *ret_text, size_t size,
	struct json_error *error)
{
	const char *text;
	int r = json_required(
		json_get_string(object, "", name, size - 1, &text, error), "", name, error);

	if (r < 0)
		return r;
	snprintf(ret_text, size, "%s", text);
	return 0;
}

static int org_parse_config(struct org *org, const char *text, size_t n_bytes, struct fault *fault)
{
	_cleanup_json_ struct json_object *object = NULL;
	struct json_error error = {0};
	int64_t version;
	int r = json_parse(text, n_bytes, &object, &error);

	if (r == -ENOMEM)
		return fault_errno(fault, r, "%s", org->path);
	if (!r)
		r = json_required(json_get_int(object, "", "v", 1, INT64_MAX, &version, &error), "",
			"v", &error);
	if (!r && version != ORG_VERSION)
		return fault_set(fault, FAULT_FAILURE,
			"%s was made by a newer mdmctl (layout %" PRId64 "); update mdmctl",
			org->path, version);
	if (!r)
		r = org_get(object, "org", org->id, sizeof(org->id), &error);
	if (!r)
		r = org_get(object, "name", org->name, sizeof(org->name), &error);
	if (!r)
		r = org_get(object, "server", org->server, sizeof(org->server), &error);
	if (!r)
		r = org_get(object, "admin", org->admin, sizeof(org->admin), &error);
	if (!r && !hex_is_valid(org->id, 16))
		r = json_fail(&error, "org", "must be 32 hexadecimal digits");
	if (!r && !(url_is_valid(org->server, false) && url_is_valid(org->admin, false)))
		r = json_fail(&error, "server, admin", "must be https://HOST[:PORT]");
	return r ? org_bad_config(org, &error, fault) : 0;
}

/* The keys are encrypted; still nobody else has any business in here. */
static int org_check_owner(const struct org *org, struct fault *fault)
{
	struct stat st;

	if (fstat(org->fd, &st) < 0)
		return fault_errno(fault, errno, "%s", org->path);
	if (st.st_uid != geteuid() && geteuid() != 0)
		return fault_set(fault, FAULT_FAILURE, "%s belongs to another user", org->path);
	if (st.st_mode & 022)
		return fault_set(fault, FAULT_FAILURE,
			"%s can be written by others (mode %04o), who could exchange its keys; "
			"run: chmod 700 %s",
			org->path, (unsigned int)(st.st_mode & 07777), org->path);
	return 0;
}

int org_open(const char *path, struct org *ret_org, struct fault *fault)
{
	_cleanup_org_ struct org org = ORG_INIT;
	_cleanup_free_ char *text = NULL;
	size_t n_bytes;
	int r;

	org.path = strdup(path);
	if (!org.path)
		return fault_errno(fault, ENOMEM, "%s", path);
	org.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (org.fd < 0 && errno == ENOENT)
		return fault_set(fault, FAULT_FAILURE,
			"there is no organisation in %s; make one with 'mdmctl init', "
			"or name its directory with --org or MDMCTL_ORG",
			path);
	if (org.fd < 0)
		return fault_errno(fault, errno, "cannot open the organisation directory %s", path);
	r = org_check_owner(&org, fault);
	if (r)
		return r;
	r = fs_read(org.fd, ORG_CONFIG, LIMIT_STATE_BYTES, &text, &n_bytes);
	if (r == -ENOENT)
		return fault_set(fault, FAULT_FAILURE,
			"%s is not an organisation directory: it has no %s", path, ORG_CONFIG);
	if (r < 0)
		return fault_errno(fault, r, "cannot read %s/%s", path, ORG_CONFIG);
	r = org_parse_config(&org, text, n_bytes, fault);
	if (r)
		return r;
	*ret_org = org;
	org = ORG_INIT;
	return 0;
}

int org_read(const struct org *org, const char *name, char **ret_data, size_t *ret_n_bytes,
	struct fault *fault)
{
	int r = fs_read(org->fd, name, LIMIT_DOCUMENT_BYTES, ret_data, ret_n_bytes);

	if (r == -ENOENT)
		return fault_set(fault, FAULT_FAILURE,
			"%s/%s is missing; restore it from your copy, or use the machine that has it",
			org->path, name);
	if (r < 0)
		return fault_errno(fault, r, "cannot read %s/%s", org->path, name);
	return 0;
}

int org_write(int dir_fd, const char *name, const void *data, size_t n_bytes, struct fault *fault)
{
	struct fs_owner owner = {.uid = geteuid(), .gid = getegid(), .mode = 0600};
	int r = fs_replace(dir_fd, name, data, n_bytes, &owner);

	return r < 0 ? fault_errno(fault, r, "cannot write %s", name) : 0;
}

int org_write_config(const struct org *org, int dir_fd, struct fault *fault)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct jsonw w = JSONW_INIT(&text);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", ORG_VERSION);
	jsonw_string(&w, "org", org->id);
	jsonw_string(&w, "name", org->name);
	jsonw_string(&w, "server", org->server);
	jsonw_string(&w, "admin", org->admin);
	jsonw_object_end(&w);
	buf_puts(&text, "\n");
	if (text.error)
		return fault_errno(fault, text.error, "%s", ORG_CONFIG);
	return org_write(dir_fd, ORG_CONFIG, text.data, text.n_bytes, fault);
}

/* The highest N of keysets/N.jose. 0: none. */
static int64_t org_newest_keyset(const struct org *org)
{
	int fd = openat(org->fd, ORG_KEYSETS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int64_t newest = 0, version;
	struct dirent *entry;

	if (!dir) {
		closep(&fd);
		return 0;
	}
	while ((entry = readdir(dir))) {
		char digits[24];
		const char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, ".jose") != 0 ||
			(size_t)(dot - entry->d_name) >= sizeof(digits))
			continue;
		memcpy(digits, entry->d_name, (size_t)(dot - entry->d_name));
		digits[dot - entry->d_name] = 0;
		if (parse_int64(digits, 1, INT64_MAX, &version) == 0 && version > newest)
			newest = version;
	}
	return newest;
}

int org_read_keyset(const struct org *org, int64_t version, char **ret_text, size_t *ret_n_bytes,
	struct fault *fault)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/%" PRId64 ".jose", ORG_KEYSETS, version);
	return org_read(org, name, ret_text, ret_n_bytes, fault);
}

void org_forget_keyset(struct org *org)
{
	free(TAKE_PTR(org->keyset_text));
	keyset_free(TAKE_PTR(org->keyset));
}

/* An open of its own, so that the lock is of this call and not of the process. */
int org_lock(int org_fd, int *ret_fd, struct fault *fault)
{
	_cleanup_close_ int fd = openat(org_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct timespec pause = {.tv_nsec = 50000000};

	if (fd < 0)
		return fault_errno(fault, errno, "cannot lock the organisation directory");
	/* Another mdmctl may hold it while it asks somebody a question. */
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fault_errno(fault, errno, "cannot lock the organisation directory");
		if (tries == ORG_LOCK_TRIES)
			return fault_set(fault, FAULT_FAILURE,
				"another mdmctl is at work in the organisation directory, perhaps "
				"asking a question on another terminal; end it, then try again");
		nanosleep(&pause, NULL);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int org_keyset(struct org *org, struct fault *fault)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(keyset_freep) struct keyset *keyset = NULL;
	struct json_error error = {0};
	struct jws jws;
	char name[64];
	int64_t newest;
	size_t n_bytes;
	int r;

	if (org->keyset)
		return 0;
	newest = org_newest_keyset(org);
	if (!newest)
		return fault_set(fault, FAULT_FAILURE,
			"%s has no keyset (%s/1.jose); restore it from your copy", org->path,
			ORG_KEYSETS);
	snprintf(name, sizeof(name), "%s/%" PRId64 ".jose", ORG_KEYSETS, newest);
	r = org_read_keyset(org, newest, &text, &n_bytes, fault);
	if (r)
		return r;
	r = jws_split(text, n_bytes, &jws);
	if (r)
		return fault_set(fault, FAULT_FAILURE,
			"%s/%s is damaged: not a signed document; restore it from your copy",
			org->path, name);
	r = keyset_parse(jws.payload, jws.n_payload, &keyset, &error);
	if (!r)
		r = sha256(jws.payload, jws.n_payload, org->keyset_sha256);
	jws_done(&jws);
	if (r)
		return fault_set(fault, FAULT_FAILURE, "%s/%s is damaged: %s %s", org->path, name,
			error.path, error.message);
	if (strcmp(keyset->org, org->id) != 0)
		return fault_set(fault, FAULT_FAILURE, "%s/%s belongs to another organisation",
			org->path, name);
	org->keyset = TAKE_PTR(keyset);
	org->keyset_text = TAKE_PTR(text);
	org->n_keyset_text = n_bytes;
	return 0;
}

int org_url_host(const char *url, char *ret_host, size_t size)
{
	const char *start = url + strlen("https://");
	size_t n;

	if (!url_is_valid(url, false))
		return -EINVAL;
	if (*start == '[') {
		start++;
		n = strcspn(start, "]");
	} else {
		n = strcspn(start, ":");
	}
	if (n >= size)
		return -EINVAL;
	memcpy(ret_host, start, n);
	ret_host[n] = 0;
	return 0;
}
