/* SPDX-License-Identifier: Apache-2.0 */
/* serials.c - durable memory of serials; see serials.h. */
#include "server/ctl/serials.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "server/ctl/org.h"

void serial_address(enum document_type type, const char *target, char *ret_address, size_t size)
{
	snprintf(ret_address, size, "%s.%s", document_type_name(type), target);
}

static void serial_path(const char *address, char *ret_path, size_t size)
{
	snprintf(ret_path, size, "%s/%s", ORG_SERIALS, address);
}

int serial_remembered(int org_fd, const char *address, int64_t *ret_serial, struct fault *fault)
{
	_cleanup_free_ char *text = NULL;
	char path[LIMIT_NAME_BYTES + 32];
	size_t n_bytes;
	int64_t serial;
	int r;

	serial_path(address, path, sizeof(path));
	r = fs_read(org_fd, path, 64, &text, &n_bytes);
	if (r == -ENOENT) {
		*ret_serial = 0;
		return 0;
	}
	if (r < 0 && r != -EFBIG)
		return fault_errno(fault, r, "cannot read the remembered serial %s", path);
	if (!r && n_bytes && text[n_bytes - 1] == '\n')
		text[n_bytes - 1] = 0;
	if (r || strlen(text) + 1 != n_bytes || parse_int64(text, 1, SERIAL_MAX, &serial) < 0)
		return fault_set(fault, FAULT_FAILURE,
			"%s in the organisation directory is damaged: it must hold one number, the "
			"highest serial used; write that number into it, or restore it from your copy",
			path);
	*ret_serial = serial;
	return 0;
}

static int serial_write(int org_fd, const char *address, int64_t serial, struct fault *fault)
{
	char path[LIMIT_NAME_BYTES + 32], text[32];
	int n = snprintf(text, sizeof(text), "%" PRId64 "\n", serial);
	int r = fs_make_dirs(org_fd, ORG_SERIALS, 0700);

	if (r < 0)
		return fault_errno(
			fault, r, "cannot make %s in the organisation directory", ORG_SERIALS);
	serial_path(address, path, sizeof(path));
	return org_write(org_fd, path, text, (size_t)n, fault);
}

static int serial_take_locked(int org_fd, const char *address, int64_t at_least, int64_t wanted,
	int64_t *ret_serial, struct fault *fault)
{
	int64_t held, serial;
	int r = serial_remembered(org_fd, address, &held, fault);

	if (r)
		return r;
	if (at_least > held)
		held = at_least;
	if (wanted && wanted <= held)
		return fault_set(fault, FAULT_USAGE,
			"serial %" PRId64 " of %s is not above %" PRId64
			", which was used already; phones would refuse it. "
			"Leave out --serial to take the next one",
			wanted, address, held);
	if (held >= SERIAL_MAX)
		return fault_set(fault, FAULT_FAILURE, "%s has used its last serial", address);
	serial = wanted ? wanted : held + 1;
	r = serial_write(org_fd, address, serial, fault);
	if (!r)
		*ret_serial = serial;
	return r;
}

int serial_take(int org_fd, const char *address, int64_t at_least, int64_t wanted,
	int64_t *ret_serial, struct fault *fault)
{
	_cleanup_close_ int lock_fd = -1;
	int r = org_lock(org_fd, &lock_fd, fault);

	return r ? r : serial_take_locked(org_fd, address, at_least, wanted, ret_serial, fault);
}

int serial_raise(int org_fd, const char *address, int64_t serial, struct fault *fault)
{
	_cleanup_close_ int lock_fd = -1;
	int64_t held;
	int r = org_lock(org_fd, &lock_fd, fault);

	if (!r)
		r = serial_remembered(org_fd, address, &held, fault);
	if (r || held >= serial)
		return r;
	return serial_write(org_fd, address, serial, fault);
}
