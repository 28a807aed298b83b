/* SPDX-License-Identifier: Apache-2.0 */
/* tpm.c - see tpm.h. */
#include "agent/wipe/tpm.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define RESPONSE_HEADER_BYTES 10
#define LIST_RESPONSE_BYTES 1024
#define PERSISTENT_FIRST UINT32_C(0x81000000)
#define PERSISTENT_LAST UINT32_C(0x81ffffff)
#define CAP_HANDLES 1
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

static uint32_t be32_get(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

int tpm_list(int fd, int patience_ms, uint32_t *ret_handles, size_t max, size_t *ret_n)
{
	uint8_t response[LIST_RESPONSE_BYTES],
		command[] = {
			0x80, 0x01, 0, 0, 0, 22,	     /* TPM_ST_NO_SESSIONS, length */
			0, 0, 0x01, 0x7a,		     /* TPM_CC_GetCapability */
			0, 0, 0, CAP_HANDLES, 0x81, 0, 0, 0, /* from the first persistent one on */
			0, 0, 0, 0,			     /* as many as there is room for */
		};
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint32_t n_handles;
	ssize_t n;

	*ret_n = 0;
	be32(command + 18, (uint32_t)max);
	n = write(fd, command, sizeof(command));
	if (n != (ssize_t)sizeof(command))
		return n < 0 ? -errno : -EIO;
	if (poll(&wait, 1, patience_ms) != 1)
		return -ETIMEDOUT;
	n = read(fd, response, sizeof(response));
	/* Header, more, capability, count. */
	if (n < RESPONSE_HEADER_BYTES + 9 || be32_get(response + 6) != 0 ||
		be32_get(response + 11) != CAP_HANDLES)
		return -EIO;
	n_handles = be32_get(response + 15);
	if (n_handles > max || (size_t)n < RESPONSE_HEADER_BYTES + 9 + n_handles * 4)
		return -EIO;
	for (uint32_t i = 0; i < n_handles; i++) {
		uint32_t handle = be32_get(response + RESPONSE_HEADER_BYTES + 9 + i * 4);

		if (handle >= PERSISTENT_FIRST && handle <= PERSISTENT_LAST)
			ret_handles[(*ret_n)++] = handle;
	}
	return 0;
}
