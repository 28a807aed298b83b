/* SPDX-License-Identifier: Apache-2.0 */
/* pam_switch.c - PAM service files staged, replaced and put back; see pam_switch.h. Enforcer only.
 */
#include "platform/pam_switch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/listing.h"
#include "platform/vault.h"

/* Overrides of these files are entries of the vault with this in front of the name. */
#define PAM_VAULT_PREFIX "pam-"
_Static_assert(sizeof(PAM_VAULT_PREFIX) - 1 + PAM_NAME_BYTES <= LIMIT_NAME_BYTES,
	"every service has a name in the vault");
#define VAULT_SUFFIX ".override"
/* Entries of all backends together. */
#define VAULT_NAMES_MAX 4096

static int stage_file(int root_fd, const char *directory, const char *set, const char *name,
	const char *text, size_t n_bytes)
{
	char path[LIMIT_TEXT_BYTES + 1];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, set, name);
	fd = fs_open_nofollow(root_fd, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	return fd < 0 ? fd : fs_write_all(fd, text, n_bytes);
}

int pam_services_stage(const struct pam_services *services, int root_fd, const char *directory)
{
	static const char *const sets[] = {"live", "new"};
	char path[LIMIT_TEXT_BYTES + 1];
	int r = fs_remove_tree(root_fd, directory);

	for (size_t i = 0; i < ARRAY_SIZE(sets) && (r == 0 || r == -ENOENT); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, sets[i]);
		r = fs_make_dirs(root_fd, path, 0700);
	}
	for (size_t i = 0; i < services->n_services && r == 0; i++) {
		const struct pam_service *service = &services->services[i];
		size_t n;
		const char *text = pam_service_wanted(service, &n);

		r = stage_file(
			root_fd, directory, "live", service->name, service->live, service->n_live);
		if (r == 0 && text)
			r = stage_file(root_fd, directory, "new", service->name, text, n);
	}
	return r;
}

static int derive_loaded(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	const struct pam_service *service = userdata;

	/* What was tried out is what is written, or nothing is. */
	if ((original == NULL) != service->vendor)
		return -ESTALE;
	if (original && (n_bytes != service->n_original ||
				memcmp(original, service->original, n_bytes) != 0))
		return -ESTALE;
	buf_append(out, service->derived, service->n_derived);
	return out->error;
}

struct pam_override {
	struct override_spec spec;
	char name[LIMIT_NAME_BYTES + 1];
	char path[LIMIT_TEXT_BYTES + 1];
};

static void override_of(
	const char *name, const struct pam_service *service, struct pam_override *ret_override)
{
	snprintf(ret_override->name, sizeof(ret_override->name), PAM_VAULT_PREFIX "%s", name);
	snprintf(ret_override->path, sizeof(ret_override->path), PAM_ETC "/%s", name);
	ret_override->spec = (struct override_spec){
		.name = ret_override->name,
		.path = ret_override->path,
		.mode = 0644,
		.derive = derive_loaded,
		.strip = pam_stack_strip,
		.userdata = (void *)(uintptr_t)service,
	};
}

/* Calls each with every name that has an entry in the vault. 0 or -errno; the first failure counts,
 * and the others are done nevertheless. */
static int each_entry(const struct override_place *place,
	int (*each)(const struct override_place *place, const char *name, bool *changed),
	bool *changed)
{
	_cleanup_(listing_done) struct listing listing = {0};
	int result = place->vault_fd < 0
			     ? 0
			     : listing_read(place->vault_fd, ".", VAULT_NAMES_MAX, &listing);

	for (size_t i = 0; i < listing.n_names; i++) {
		const char *file = listing.names[i];
		size_t n_prefix = strlen(PAM_VAULT_PREFIX), n_suffix = strlen(VAULT_SUFFIX);
		size_t n = strlen(file);
		char name[PAM_NAME_BYTES + 1];
		int r;

		if (n <= n_prefix + n_suffix || n - n_prefix - n_suffix > PAM_NAME_BYTES ||
			memcmp(file, PAM_VAULT_PREFIX, n_prefix) != 0 ||
			strcmp(file + n - n_suffix, VAULT_SUFFIX) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(n - n_prefix - n_suffix),
			file + n_prefix);
		r = each(place, name, changed);
		result = result < 0 ? result : r;
	}
	return result;
}

/*
 * A file that somebody deleted since it was overridden is not to come back: the next one of that
 * name, the vendor's for example, is the original then.
 */
static int forget_deleted(const struct override_place *place, const char *name, bool *changed)
{
	_cleanup_(vault_entry_done) struct vault_entry entry = {0};
	struct pam_override override;
	int r;

	(void)changed;
	override_of(name, NULL, &override);
	if (backend_file_exists(place->root_fd, override.path) ||
		pam_service_is_link(place->root_fd, name))
		return 0;
	r = vault_load(place->vault_fd, override.name, &entry);
	if (r < 0 || entry.kind == VAULT_ABSENT)
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	return vault_remove(place->vault_fd, override.name);
}

int pam_services_switch(
	const struct pam_services *services, const struct override_place *place, bool *ret_changed)
{
	int result = each_entry(place, forget_deleted, ret_changed);

	for (size_t i = 0; i < services->n_services; i++) {
		const struct pam_service *service = &services->services[i];
		struct pam_override override;
		bool changed = false;
		int r = 0;

		override_of(service->name, service, &override);
		if (service->derived)
			r = override_apply(place, &override.spec, &changed);
		else if (service->marked)
			r = override_revert(place, &override.spec, &changed);
		*ret_changed |= changed;
		result = result < 0 ? result : r;
	}
	return result;
}

static int revert_entry(const struct override_place *place, const char *name, bool *changed)
{
	struct pam_override override;
	bool is_changed = false;
	int r;

	override_of(name, NULL, &override);
	r = override_revert(place, &override.spec, &is_changed);
	*changed |= is_changed;
	return r;
}

/* Files with our marks whose entry was lost. */
static int revert_marked(const struct override_place *place, bool *changed)
{
	_cleanup_(listing_done) struct listing listing = {0};
	int result = listing_read(place->root_fd, PAM_ETC, PAM_NAMES_MAX, &listing);

	for (size_t i = 0; i < listing.n_names; i++) {
		_cleanup_buf_ struct buf stripped = BUF_INIT;
		_cleanup_free_ char *text = NULL;
		bool present;
		size_t n;
		int r;

		if (!name_is_valid(listing.names[i]) || strlen(listing.names[i]) > PAM_NAME_BYTES ||
			pam_service_read(place->root_fd, PAM_ETC, listing.names[i], &text, &n) < 0)
			continue;
		r = pam_stack_strip(text, n, &stripped, &present);
		if (r == 0 && stripped.n_bytes != n)
			r = revert_entry(place, listing.names[i], changed);
		result = result < 0 ? result : r;
	}
	return result;
}

int pam_services_revert(const struct override_place *place, bool *ret_changed)
{
	int forgotten = each_entry(place, forget_deleted, ret_changed);
	int reverted = each_entry(place, revert_entry, ret_changed);
	int marked = revert_marked(place, ret_changed);

	if (forgotten < 0)
		return forgotten;
	return reverted < 0 ? reverted : marked;
}
