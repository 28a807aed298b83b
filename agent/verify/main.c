/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - mdm-agent-verify, started by mdm-agentd only. */
#include <stdio.h>

int main(void)
{
	fprintf(stderr, "mdm-agent-verify: mdm-agentd starts this program; there is nothing to "
			"do with it by hand\n");
	return 2;
}
