/* SPDX-License-Identifier: Apache-2.0 */
/* backends.h - the constructors behind the array platform_backends[]. */
#ifndef MDM_PLATFORM_BACKENDS_H
#define MDM_PLATFORM_BACKENDS_H

#include "platform/platform.h"

int dconf_backend_new(struct platform *platform, struct backend **ret_backend);
int plasma_backend_new(struct platform *platform, struct backend **ret_backend);
int sxmo_backend_new(struct platform *platform, struct backend **ret_backend);
int storage_backend_new(struct platform *platform, struct backend **ret_backend);
int luks_backend_new(struct platform *platform, struct backend **ret_backend);
int removable_backend_new(struct platform *platform, struct backend **ret_backend);
int escrow_backend_new(struct platform *platform, struct backend **ret_backend);
int accounts_backend_new(struct platform *platform, struct backend **ret_backend);
int password_backend_new(struct platform *platform, struct backend **ret_backend);
int guard_backend_new(struct platform *platform, struct backend **ret_backend);
int noexec_backend_new(struct platform *platform, struct backend **ret_backend);
int apps_backend_new(struct platform *platform, struct backend **ret_backend);
int launcher_backend_new(struct platform *platform, struct backend **ret_backend);
int apk_sources_backend_new(struct platform *platform, struct backend **ret_backend);
int rfkill_backend_new(struct platform *platform, struct backend **ret_backend);
int nodes_backend_new(struct platform *platform, struct backend **ret_backend);
int usb_host_backend_new(struct platform *platform, struct backend **ret_backend);
int usb_gadget_backend_new(struct platform *platform, struct backend **ret_backend);
int connections_backend_new(struct platform *platform, struct backend **ret_backend);
int location_service_backend_new(struct platform *platform, struct backend **ret_backend);
int ssh_backend_new(struct platform *platform, struct backend **ret_backend);

#endif
