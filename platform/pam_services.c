/* SPDX-License-Identifier: Apache-2.0 */
/* pam_services.c - the PAM service files of a phone; see pam_services.h. Enforcer only. */
#include "platform/pam_services.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/listing.h"

/* --- loading ------------------------------------------------------------------------------ */

static void service_done(struct pam_service *service)
{
	free(service->live);
	free(service->original);
	free(service->derived);
}

void pam_services_done(struct pam_services *services)
{
	for (size_t i = 0; i < services->n_services; i++)
		service_done(&services->services[i]);
	free(services->services);
	*services = (struct pam_services){0};
}

/* What package managers and editors leave beside a file. */
static bool is_leftover(const char *name)
{
	static const char *const suffixes[] = {"~", ".apk-new", ".apk-old", ".bak", ".orig", ".old",
		".dpkg-dist", ".dpkg-new", ".dpkg-old", ".dpkg-tmp", ".dpkg-bak", ".ucf-dist",
		".ucf-old", ".ucf-new", ".rpmnew", ".rpmsave", ".pacnew", ".pacsave", ".swp"};
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t n_suffix = strlen(suffixes[i]);

		if (n > n_suffix && strcmp(name + n - n_suffix, suffixes[i]) == 0)
			return true;
	}
	return false;
}

int pam_service_read(
	int root_fd, const char *directory, const char *name, char **ret_text, size_t *ret_n_bytes)
{
	char path[LIMIT_TEXT_BYTES + 1];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return fs_read(root_fd, path, LIMIT_PAM_FILE_BYTES, ret_text, ret_n_bytes);
}

bool pam_service_is_link(int root_fd, const char *name)
{
	char path[LIMIT_TEXT_BYTES + 1], target[LIMIT_TEXT_BYTES + 1];
	int r;

	snprintf(path, sizeof(path), PAM_ETC "/%s", name);
	r = fs_read_link(root_fd, path, target, sizeof(target));
	return r >= 0 || r == -ENAMETOOLONG;
}

/* Finds out what the file in /etc was without us; ours alone stands for the vendor's. */
static int find_original(int root_fd, struct pam_service *service)
{
	_cleanup_buf_ struct buf stripped = BUF_INIT;
	bool present;
	int r;

	buf_puts(&stripped, "");
	r = pam_stack_strip(service->live, service->n_live, &stripped, &present);
	if (r < 0)
		return r;
	service->marked = stripped.n_bytes != service->n_live;
	if (present)
		return buf_take(&stripped, &service->original, &service->n_original);
	service->vendor = true;
	r = pam_service_read(
		root_fd, PAM_VENDOR, service->name, &service->original, &service->n_original);
	/* The vendor took it away: so do we, by having nothing to derive. */
	return r == -ENOENT ? 0 : r;
}

static int copy_text(const char *text, size_t n_bytes, char **ret_copy)
{
	*ret_copy = malloc(n_bytes + 1);
	if (!*ret_copy)
		return -ENOMEM;
	memcpy(*ret_copy, text, n_bytes);
	(*ret_copy)[n_bytes] = 0;
	return 0;
}

static int derive_service(int root_fd, struct pam_service *service)
{
	_cleanup_buf_ struct buf derived = BUF_INIT;
	char vendor_path[LIMIT_TEXT_BYTES + 1];
	struct pam_facts facts;
	int r = pam_stack_examine(service->original, service->n_original, &facts);

	if (r < 0)
		return r;
	if (facts.unclear[0]) {
		memcpy(service->left_alone, facts.unclear, sizeof(facts.unclear));
		return 0;
	}
	if (facts.asks_auth == facts.guarded_auth && facts.asks_password == facts.guarded_password)
		return 0;
	if (pam_service_is_link(root_fd, service->name)) {
		text_printf(service->left_alone, "it is a symbolic link");
		return 0;
	}
	snprintf(vendor_path, sizeof(vendor_path), "/" PAM_VENDOR "/%s", service->name);
	r = pam_stack_derive(service->original, service->n_original,
		service->vendor ? vendor_path : NULL, &derived);
	if (r == -EBADMSG || r == -EEXIST) {
		text_printf(service->left_alone, "it has marks of mdm-agent that were changed");
		return 0;
	}
	return r < 0 ? r : buf_take(&derived, &service->derived, &service->n_derived);
}

/* 0; -ENOENT: there is no such file for libpam; -errno. */
static int load_service(int root_fd, const char *name, struct pam_service *ret_service)
{
	struct pam_service service = {0};
	int r;

	memcpy(service.name, name, strlen(name) + 1);
	r = pam_service_read(root_fd, PAM_ETC, name, &service.live, &service.n_live);
	if (r == 0) {
		r = find_original(root_fd, &service);
	} else if (r == -ENOENT || r == -ENOTDIR) {
		service.vendor = true;
		r = pam_service_read(root_fd, PAM_VENDOR, name, &service.live, &service.n_live);
		if (r == 0)
			r = copy_text(service.live, service.n_live, &service.original);
		service.n_original = service.n_live;
	}
	if (r == 0)
		r = pam_stack_examine(service.live, service.n_live, &service.facts);
	if (r == 0 && service.original)
		r = derive_service(root_fd, &service);
	if (r < 0) {
		service_done(&service);
		return r;
	}
	*ret_service = service;
	return 0;
}

static int compare_services(const void *a, const void *b)
{
	return strcmp(((const struct pam_service *)a)->name, ((const struct pam_service *)b)->name);
}

static struct pam_service *find_service(const struct pam_services *services, const char *name)
{
	struct pam_service key = {0};

	/* A file that is included by its place in one of the two directories. */
	if (strncmp(name, "/" PAM_ETC "/", strlen("/" PAM_ETC "/")) == 0)
		name += strlen("/" PAM_ETC "/");
	if (strlen(name) > PAM_NAME_BYTES)
		return NULL;
	memcpy(key.name, name, strlen(name) + 1);
	return bsearch(
		&key, services->services, services->n_services, sizeof(key), compare_services);
}

static int load_directory(int root_fd, const char *directory, struct pam_services *services)
{
	_cleanup_(listing_done) struct listing listing = {0};
	size_t n_before = services->n_services;
	int r = listing_read(root_fd, directory, PAM_NAMES_MAX, &listing);

	if (r < 0)
		return r;
	services->more |= listing.more;
	for (size_t i = 0; i < listing.n_names; i++) {
		const char *name = listing.names[i];
		struct pam_service *next = &services->services[services->n_services];
		struct pam_services known = {services->services, n_before, false};

		if (is_leftover(name) || find_service(&known, name))
			continue;
		if (!name_is_valid(name) || strlen(name) > PAM_NAME_BYTES ||
			services->n_services == LIMIT_PAM_SERVICES) {
			services->more = true;
			continue;
		}
		r = load_service(root_fd, name, next);
		/* A directory or a link to nowhere is none for libpam, either. */
		if (r == -ENOENT || r == -EBADF || r == -EISDIR || r == -ELOOP)
			continue;
		if (r == -EFBIG) {
			services->more = true;
			continue;
		}
		if (r < 0)
			return r;
		services->n_services++;
	}
	qsort(services->services, services->n_services, sizeof(*services->services),
		compare_services);
	return 0;
}

/* --- jumps over the lines of other files -------------------------------------------------- */

struct keeping {
	struct pam_services *services;
	const struct pam_service *from;
	bool all;	    /* of everything that is included, not only what a jump leads over */
	unsigned int depth; /* files that include each other come to an end */
};

/* The file must keep its number of lines, and what it includes as well. */
static void keep_included(const char *name, bool jumped, void *userdata)
{
	const struct keeping *keeping = userdata;
	struct pam_service *service = find_service(keeping->services, name);
	struct keeping below = {keeping->services, keeping->from, true, keeping->depth + 1};

	if (!service || keeping->depth > 8 || (!jumped && !keeping->all))
		return;
	if (service->derived) {
		free(service->derived);
		service->derived = NULL;
		text_printf(service->left_alone, "a jump in %s leads over its lines",
			keeping->from->name);
	}
	(void)pam_stack_includes(service->original, service->n_original, keep_included, &below);
}

static int keep_jumped_over(struct pam_services *services)
{
	for (size_t i = 0; i < services->n_services; i++) {
		const struct pam_service *service = &services->services[i];
		struct keeping keeping = {services, service, false, 0};
		int r;

		if (!service->original)
			continue;
		r = pam_stack_includes(
			service->original, service->n_original, keep_included, &keeping);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- files elsewhere ---------------------------------------------------------------------- */

struct elsewhere {
	int root_fd;
	struct pam_services *services;
	struct pam_service *from;
};

/* A file that is included by another path than the one where we could put ours. */
static void note_elsewhere(const char *name, bool jumped, void *userdata)
{
	const struct elsewhere *elsewhere = userdata;
	_cleanup_free_ char *text = NULL;
	struct pam_facts facts;
	size_t n;

	(void)jumped;
	if (name[0] != '/' || find_service(elsewhere->services, name) ||
		fs_read(elsewhere->root_fd, name, LIMIT_PAM_FILE_BYTES, &text, &n) < 0 ||
		pam_stack_examine(text, n, &facts) < 0)
		return;
	if (facts.asks_auth != facts.guarded_auth || facts.unclear[0])
		text_printf(elsewhere->from->left_alone, "it includes %.200s by its path", name);
}

static int note_all_elsewhere(int root_fd, struct pam_services *services)
{
	for (size_t i = 0; i < services->n_services; i++) {
		struct pam_service *service = &services->services[i];
		struct elsewhere elsewhere = {root_fd, services, service};
		int r;

		if (!service->original)
			continue;
		r = pam_stack_includes(
			service->original, service->n_original, note_elsewhere, &elsewhere);
		if (r < 0)
			return r;
	}
	return 0;
}

int pam_services_load(int root_fd, struct pam_services *ret_services)
{
	_cleanup_(pam_services_done) struct pam_services services = {0};
	int r;

	services.services = calloc(LIMIT_PAM_SERVICES + 1, sizeof(*services.services));
	if (!services.services)
		return -ENOMEM;
	r = load_directory(root_fd, PAM_ETC, &services);
	if (r == 0)
		r = load_directory(root_fd, PAM_VENDOR, &services);
	if (r == 0)
		r = keep_jumped_over(&services);
	if (r == 0)
		r = note_all_elsewhere(root_fd, &services);
	if (r < 0)
		return r;
	*ret_services = services;
	services = (struct pam_services){0};
	return 0;
}

/* --- comparing ---------------------------------------------------------------------------- */

const char *pam_service_wanted(const struct pam_service *service, size_t *ret_n_bytes)
{
	*ret_n_bytes = service->derived ? service->n_derived : service->n_original;
	return service->derived ? service->derived : service->original;
}

static bool service_differs(const struct pam_service *service)
{
	size_t n;
	const char *text = pam_service_wanted(service, &n);

	/* A file that was never ours and is not to be is not ours to compare. */
	if (!service->derived && !service->marked)
		return false;
	return !text || n != service->n_live || memcmp(text, service->live, n) != 0;
}

bool pam_services_differ(const struct pam_services *services)
{
	for (size_t i = 0; i < services->n_services; i++)
		if (service_differs(&services->services[i]))
			return true;
	return false;
}

int pam_services_digest(const struct pam_services *services, uint8_t ret_digest[SHA256_BYTES])
{
	_cleanup_buf_ struct buf all = BUF_INIT;

	buf_puts(&all, "");
	for (size_t i = 0; i < services->n_services; i++) {
		const struct pam_service *service = &services->services[i];
		size_t n;
		const char *text = pam_service_wanted(service, &n);

		buf_printf(&all, "%s %zu %zu\n", service->name, service->n_live, text ? n : 0);
		buf_append(&all, service->live, service->n_live);
		buf_append(&all, text ? text : "", text ? n : 0);
	}
	return all.error ? all.error : sha256(all.data, all.n_bytes, ret_digest);
}

struct touching {
	const struct pam_services *services;
	bool is_touched;
	unsigned int depth;
};

static void note_touched(const char *name, bool jumped, void *userdata)
{
	struct touching *touching = userdata;
	const struct pam_service *service = find_service(touching->services, name);

	(void)jumped;
	if (!service || !service->original || touching->is_touched || touching->depth > 8)
		return;
	touching->is_touched = service->derived;
	touching->depth++;
	(void)pam_stack_includes(service->original, service->n_original, note_touched, touching);
	touching->depth--;
}

bool pam_service_is_touched(const struct pam_services *services, const struct pam_service *service)
{
	struct touching touching = {.services = services, .is_touched = service->derived};

	if (service->original && !touching.is_touched)
		(void)pam_stack_includes(
			service->original, service->n_original, note_touched, &touching);
	return touching.is_touched;
}
