/* SPDX-License-Identifier: Apache-2.0 */
/* backends.c - the list of mechanisms; a new one is a row here. Enforcer only. */
#include "platform/backends.h"

#include "agent/util/mem.h"

const backend_new_fn platform_backends[] = {
	dconf_backend_new,
	plasma_backend_new,
	sxmo_backend_new,
	storage_backend_new,
	luks_backend_new,
	removable_backend_new,
	escrow_backend_new,
	accounts_backend_new,
	password_backend_new,
	guard_backend_new,
	noexec_backend_new,
	apps_backend_new,
	launcher_backend_new,
	apk_sources_backend_new,
	rfkill_backend_new,
	nodes_backend_new,
	usb_host_backend_new,
	usb_gadget_backend_new,
	connections_backend_new,
	location_service_backend_new,
	ssh_backend_new,
};
const size_t platform_n_backends = ARRAY_SIZE(platform_backends);

void backend_free(struct backend *backend)
{
	if (!backend)
		return;
	backend->ops->free(backend);
	for (size_t i = 0; i < SETTING_MAX; i++)
		if (backend->observations[i])
			observation_done(backend->observations[i]);
	free(backend);
}
