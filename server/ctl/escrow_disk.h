/* SPDX-License-Identifier: Apache-2.0 */
/* escrow_disk.h - "mdmctl escrow show DEVICE": the recovery keys of a phone's disks. */
#ifndef MDM_MDMCTL_ESCROW_DISK_H
#define MDM_MDMCTL_ESCROW_DISK_H

#include "server/ctl/args.h"
#include "server/ctl/ctl.h"

int escrow_show_disks(struct ctl *ctl, const struct args *args, struct fault *fault);

#endif
