/* SPDX-License-Identifier: Apache-2.0 */
/* tpm.c - see tpm.h. */
#include "agent/wipe/tpm.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RESPONSE_HEADER_BYTES 10
/* TPM_RC_HANDLE, for the second handle: there is no such object. */
#define RC_NO_OBJECT 0x28b

static void be32(uint8_t *out, uint32_t value)
{
	out[0] = (uint8_t)(value >> 24);
	out[1] = (uint8_t)(value >> 16);
	out[2] = (uint8_t)(value >> 8);
	out[3] = (uint8_t)value;
}

void tpm_evict_command(uint32_t handle, uint8_t ret_command[TPM_EVICT_BYTES])
{
	static const uint8_t frame[TPM_EVICT_BYTES] = {
		0x80, 0x02, 0, 0, 0, TPM_EVICT_BYTES, /* TPM_ST_SESSIONS, length */
		0, 0, 0x01, 0x20,		      /* TPM_CC_EvictControl */
		0x40, 0, 0, 0x01,		      /* TPM_RH_OWNER */
		0, 0, 0, 0,			      /* the object */
		0, 0, 0, 9,			      /* one authorisation: */
		0x40, 0, 0, 0x09, 0, 0, 0, 0, 0,      /* TPM_RS_PW, without a password */
		0, 0, 0, 0,			      /* where it is persistent */
	};

	memcpy(ret_command, frame, TPM_EVICT_BYTES);
	be32(ret_command + 14, handle);
	be32(ret_command + 31, handle);
}

int tpm_evict(int fd, uint32_t handle)
{
	uint8_t command[TPM_EVICT_BYTES], response[64];
	uint32_t code;
	ssize_t n;

	tpm_evict_command(handle, command);
	n = write(fd, command, sizeof(command));
	if (n != TPM_EVICT_BYTES)
		return n < 0 ? -errno : -EIO;
	n = read(fd, response, sizeof(response));
	if (n < RESPONSE_HEADER_BYTES)
		return n < 0 ? -errno : -EIO;
	code = (uint32_t)response[6] << 24 | (uint32_t)response[7] << 16 |
	       (uint32_t)response[8] << 8 | response[9];
	return code == 0 || code == RC_NO_OBJECT ? 0 : -EACCES;
}
