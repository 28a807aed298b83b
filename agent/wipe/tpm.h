/* SPDX-License-Identifier: Apache-2.0 */
/* tpm.h - removes a persistent object of the owner from a TPM 2.0: keys that are sealed there. */
#ifndef MDM_WIPE_TPM_H
#define MDM_WIPE_TPM_H

#include <stddef.h>
#include <stdint.h>

#define TPM_EVICT_BYTES 35

/* TPM2_EvictControl (TPM 2.0 Library, part 3, 28.5) by the owner, who has no password. Pure. */
void tpm_evict_command(uint32_t handle, uint8_t ret_command[TPM_EVICT_BYTES]);

/* Sends it. 0: the object is gone, or was not there; -EACCES: the TPM refuses; -errno. */
int tpm_evict(int fd, uint32_t handle);

/*
 * The persistent objects that there are, at most max (TPM2_GetCapability). fd: /dev/tpmrm0, opened
 * with O_NONBLOCK, so that a TPM that hangs costs patience_ms and no more. 0 or -errno.
 */
int tpm_list(int fd, int patience_ms, uint32_t *ret_handles, size_t max, size_t *ret_n);

#endif
