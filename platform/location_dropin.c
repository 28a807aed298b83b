/* SPDX-License-Identifier: Apache-2.0 */
/*
 * location_dropin.c - GeoClue's leave for the agent to ask where the phone is: a file of the
 * agent's own beside GeoClue's configuration, for root alone, as the packages bring it. Where they
 * did it is left alone. Enforcer only.
 */
#include <errno.h>

#include "platform/backend.h"
#include "platform/location.h"
#include "platform/override.h"

#define GEOCLUE_DIRECTORY "etc/geoclue"
#define DROPIN_PATH GEOCLUE_DIRECTORY "/conf.d/90-mdm-agent.conf"
#define DROPIN_MARK "# Written by mdm-agent, which takes it away again.\n"

static int dropin_derive(const char *original, size_t n_bytes, void *userdata, struct buf *out)
{
	(void)original;
	(void)n_bytes;
	(void)userdata;
	/* Root alone: with an empty list of users any program could go by that name. */
	buf_puts(out, DROPIN_MARK "[mdm-agent]\nallowed=true\nsystem=true\nusers=0\n");
	return out->error;
}

static const struct override_spec dropin_spec = {
	.name = "geoclue-dropin",
	.path = DROPIN_PATH,
	.mode = 0644,
	.derive = dropin_derive,
	.mark = DROPIN_MARK,
};

int location_allow(struct platform *platform)
{
	const struct override_place place = {platform->sysroot_fd, platform->vault_fd};

	if (!backend_file_exists(platform->sysroot_fd, GEOCLUE_DIRECTORY))
		return 0;
	/* Of the package, or of an administrator who wants it otherwise. */
	if (!override_is_applied(&place, dropin_spec.name) &&
		backend_file_exists(platform->sysroot_fd, DROPIN_PATH))
		return 0;
	return override_apply(&place, &dropin_spec, NULL);
}

int location_revert(struct platform *platform)
{
	const struct override_place place = {platform->sysroot_fd, platform->vault_fd};

	return override_revert(&place, &dropin_spec, NULL);
}
