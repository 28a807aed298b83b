/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: wipe */
/*
 * wipe_tpm_tool.c - sends a TPM what a wipe sends to /dev/tpmrm0, for tests/system/wipe_tpm.py:
 * wipe_tpm_tool PORT HANDLE|list. A simulated one listens on 127.0.0.1 and speaks the same bytes.
 * Prints what came of it.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/util/limits.h"
#include "agent/wipe/tpm.h"

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd, r;

	if (argc != 3)
		return 2;
	address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("wipe_tpm_tool");
		return 1;
	}
	if (strcmp(argv[2], "list") == 0) {
		uint32_t handles[LIMIT_WIPE_TPM_HANDLES];
		size_t n;

		r = tpm_list(fd, 5000, handles, LIMIT_WIPE_TPM_HANDLES, &n);
		for (size_t i = 0; i < n; i++)
			printf("%08" PRIx32 "\n", handles[i]);
		return r < 0;
	}
	r = tpm_evict(fd, (uint32_t)strtoul(argv[2], NULL, 16));
	puts(r < 0 ? strerror(-r) : "gone");
	return r < 0;
}
