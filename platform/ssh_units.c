/* SPDX-License-Identifier: Apache-2.0 */
/* ssh_units.c - services of SSH; see ssh_units.h. Enforcer only. */
#include "platform/ssh_units.h"

#include <errno.h>
#include <string.h>

#include "agent/util/fs.h"
#include "agent/util/mem.h"
#include "platform/backend.h"
#include "platform/restrict.h"

#define SSH_PORT 22
#define TCP_TABLE_BYTES (4 * 1024 * 1024)
#define STATE_LISTEN "0A"

/* A condition that never holds: the unit is passed by, and nothing fails. */
#define DROP_IN RESTRICT_MARK "[Unit]\nConditionPathExists=!/\n"
#define DROP_IN_DIRECTORY "etc/systemd/system"
#define DROP_IN_FILE "90-mdm-agent-restrictions.conf"
#define RC_CONF "etc/rc.conf.d/mdm-agent-restrictions.conf"
#define RC_STARTED "run/openrc/started"

static const char *const systemd_names[] = {"ssh.service", "sshd.service", "ssh@.service",
	"sshd@.service", "ssh.socket", "sshd.socket", "sshd-unix-local.socket", "sshd-vsock.socket",
	"dropbear.service", "dropbear@.service", "dropbear.socket"};
static const char *const openrc_names[] = {"sshd", "ssh", "dropbear", "tinysshd"};

enum ssh_init ssh_init_find(int root_fd)
{
	if (backend_file_exists(root_fd, "run/systemd/system"))
		return SSH_SYSTEMD;
	return backend_file_exists(root_fd, "run/openrc") ? SSH_OPENRC : SSH_NO_INIT;
}

void ssh_units_add(struct ssh_units *units, const char *name)
{
	if (units->n < SSH_UNITS_MAX && strlen(name) < SSH_NAME_BYTES &&
		!ssh_units_has(units, name))
		snprintf(units->names[units->n++], SSH_NAME_BYTES, "%s", name);
}

bool ssh_units_has(const struct ssh_units *units, const char *name)
{
	for (size_t i = 0; i < units->n; i++)
		if (strcmp(units->names[i], name) == 0)
			return true;
	return false;
}

void ssh_units_find(int root_fd, enum ssh_init init, struct ssh_units *ret_units)
{
	static const char *const places[] = {"usr/lib/systemd/system", "lib/systemd/system",
		"etc/systemd/system", "run/systemd/generator"};
	char path[128];

	*ret_units = (struct ssh_units){0};
	for (size_t i = 0; init == SSH_OPENRC && i < ARRAY_SIZE(openrc_names); i++) {
		snprintf(path, sizeof(path), "etc/init.d/%s", openrc_names[i]);
		if (backend_file_exists(root_fd, path))
			ssh_units_add(ret_units, openrc_names[i]);
	}
	for (size_t i = 0; init == SSH_SYSTEMD && i < ARRAY_SIZE(systemd_names); i++)
		for (size_t k = 0; k < ARRAY_SIZE(places); k++) {
			snprintf(path, sizeof(path), "%s/%s", places[k], systemd_names[i]);
			if (backend_file_exists(root_fd, path))
				ssh_units_add(ret_units, systemd_names[i]);
		}
}

void ssh_units_started(int root_fd, const struct ssh_units *units, struct ssh_units *ret_started)
{
	*ret_started = (struct ssh_units){0};
	for (size_t i = 0; i < units->n; i++) {
		char path[128], target[256];

		snprintf(path, sizeof(path), RC_STARTED "/%s", units->names[i]);
		/* A link to the script, which a package may have taken along. */
		if (fs_read_link(root_fd, path, target, sizeof(target)) == 0)
			ssh_units_add(ret_started, units->names[i]);
	}
}

int ssh_units_write(const struct ssh_units *units, struct buf *out)
{
	for (size_t i = 0; i < units->n; i++)
		buf_printf(out, "%s\n", units->names[i]);
	return out->error;
}

void ssh_units_read(const char *text, struct ssh_units *ret_units)
{
	*ret_units = (struct ssh_units){0};
	while (*text) {
		size_t n = strcspn(text, "\n");

		for (size_t i = 0; i < ARRAY_SIZE(systemd_names); i++)
			if (strlen(systemd_names[i]) == n && memcmp(text, systemd_names[i], n) == 0)
				ssh_units_add(ret_units, systemd_names[i]);
		for (size_t i = 0; i < ARRAY_SIZE(openrc_names); i++)
			if (strlen(openrc_names[i]) == n && memcmp(text, openrc_names[i], n) == 0)
				ssh_units_add(ret_units, openrc_names[i]);
		text += n + (text[n] == '\n');
	}
}

/* --- files --------------------------------------------------------------------------------- */

static int derive_drop_in(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	(void)original;
	(void)n_bytes;
	(void)userdata;
	buf_puts(out, DROP_IN);
	return out->error;
}

/* A need that nobody can meet: the service does not start, and says why. */
static int derive_rc_conf(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	const struct ssh_units *units = userdata;

	(void)original;
	(void)n_bytes;
	buf_puts(out, RESTRICT_MARK);
	for (size_t i = 0; i < units->n; i++)
		buf_printf(out, "rc_%s_need=\"forbidden-by-mdm-agent\"\n", units->names[i]);
	return out->error;
}

static void drop_in_path(const char *name, char ret_path[128])
{
	snprintf(ret_path, 128, DROP_IN_DIRECTORY "/%s.d/" DROP_IN_FILE, name);
}

/* Names of the vault's entries have no '@'. */
static void drop_in_entry(const char *name, char ret_entry[64])
{
	snprintf(ret_entry, 64, "ssh-%.40s", name);
	for (char *p = ret_entry; *p; p++)
		if (*p == '@')
			*p = '_';
}

static int set_drop_in(
	const struct override_place *place, const char *name, bool shut, bool *ret_changed)
{
	char path[128], entry[64];
	const struct override_spec spec = {
		.name = entry,
		.path = path,
		.mode = 0644,
		.derive = derive_drop_in,
		.mark = RESTRICT_MARK,
	};
	bool changed = false;
	int r;

	drop_in_path(name, path);
	drop_in_entry(name, entry);
	r = shut ? override_apply(place, &spec, &changed) : override_revert(place, &spec, &changed);
	*ret_changed |= changed;
	return r;
}

int ssh_files_set(const struct override_place *place, enum ssh_init init,
	const struct ssh_units *units, bool shut, bool *ret_changed)
{
	struct ssh_units copy = *units;
	struct override_spec rc_conf = {
		.name = "ssh-rc-conf",
		.path = RC_CONF,
		.mode = 0644,
		.derive = derive_rc_conf,
		.mark = RESTRICT_MARK,
		.userdata = &copy,
	};
	bool changed = false;
	int r = 0, error;

	*ret_changed = false;
	for (size_t i = 0; i < ARRAY_SIZE(systemd_names); i++) {
		bool one = shut && init == SSH_SYSTEMD && ssh_units_has(units, systemd_names[i]);

		error = set_drop_in(place, systemd_names[i], one, ret_changed);
		r = r < 0 ? r : error;
	}
	error = shut && init == SSH_OPENRC && units->n ? override_apply(place, &rc_conf, &changed)
						       : override_revert(place, &rc_conf, &changed);
	*ret_changed |= changed;
	return r < 0 ? r : error;
}

static bool file_is(int root_fd, const char *path, const struct buf *wanted)
{
	_cleanup_free_ char *text = NULL;
	size_t n;

	return fs_read(root_fd, path, LIMIT_PLATFORM_FILE_BYTES, &text, &n) == 0 &&
	       n == wanted->n_bytes && memcmp(text, wanted->data, n) == 0;
}

bool ssh_files_are_set(int root_fd, enum ssh_init init, const struct ssh_units *units)
{
	_cleanup_buf_ struct buf wanted = BUF_INIT;
	struct ssh_units copy = *units;
	char path[128];

	if (init == SSH_OPENRC)
		return derive_rc_conf(NULL, 0, &copy, &wanted) == 0 &&
		       file_is(root_fd, RC_CONF, &wanted);
	if (init != SSH_SYSTEMD || derive_drop_in(NULL, 0, NULL, &wanted) < 0)
		return false;
	for (size_t i = 0; i < units->n; i++) {
		drop_in_path(units->names[i], path);
		if (!file_is(root_fd, path, &wanted))
			return false;
	}
	return true;
}

/* --- who listens --------------------------------------------------------------------------- */

/* "  0: 00000000:0016 00000000:0000 0A …": number, own address, other's, state. */
static bool line_listens(const char *line, size_t n, const char *port)
{
	char text[160], *rest, *own, *colon, *state;

	if (n >= sizeof(text)) {
		n = sizeof(text) - 1;
	}
	memcpy(text, line, n);
	text[n] = 0;
	if (!strtok_r(text, " ", &rest))
		return false;
	own = strtok_r(NULL, " ", &rest);
	if (!own || !strtok_r(NULL, " ", &rest))
		return false;
	state = strtok_r(NULL, " ", &rest);
	colon = strrchr(own, ':');
	return state && colon && strcmp(state, STATE_LISTEN) == 0 && strcmp(colon + 1, port) == 0;
}

bool tcp_table_listens(const char *text, unsigned int port)
{
	char word[8];

	snprintf(word, sizeof(word), "%04X", port & 0xffff);
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (line_listens(text, n, word))
			return true;
		text += n + (text[n] == '\n');
	}
	return false;
}

bool ssh_port_is_open(int root_fd)
{
	static const char *const tables[] = {"proc/net/tcp", "proc/net/tcp6"};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		_cleanup_free_ char *text = NULL;

		if (fs_read(root_fd, tables[i], TCP_TABLE_BYTES, &text, NULL) == 0 &&
			tcp_table_listens(text, SSH_PORT))
			return true;
	}
	return false;
}
