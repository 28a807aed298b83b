/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flatpak_deploy.h - the files that Flatpak keeps of an app and of its remotes. Pure: bytes in,
 * clean texts out. In a home every byte is a stranger's choice.
 */
#ifndef MDM_PLATFORM_FLATPAK_DEPLOY_H
#define MDM_PLATFORM_FLATPAK_DEPLOY_H

#include "platform/flatpak_db.h"

/*
 * "deploy" of a deployed commit: a GVariant (ssasta{sv}) in normal form, of origin, commit,
 * subpaths, installed size (big-endian) and more by name. Fills remote, commit, version, title and
 * installed_bytes of the app; what is not there is "" and 0. 0 or -EBADMSG.
 */
int flatpak_deploy_read(const void *data, size_t n_bytes, struct flatpak_app *app);

/* "metadata": group [Application]. Fills runtime; name goes to ret_id. 0 or -EBADMSG: no name. */
int flatpak_metadata_read(const char *text, size_t n_bytes, struct flatpak_app *app, char *ret_id,
	size_t id_size_bytes);

/*
 * "repo/config": the groups [remote "NAME"], as ostree reads them. At most max are written;
 * *ret_more says whether there were more. Returns how many were.
 */
size_t flatpak_config_read(const char *text, size_t n_bytes, struct flatpak_remote *ret_remotes,
	size_t max, bool *ret_more);

#endif
