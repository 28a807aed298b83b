/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - agentctl: looks at the agent of this phone and administers it. Runs as any user. */
#include "agent/ctl/ctl.h"

int main(int argc, char **argv)
{
	return ctl_main(argc, argv);
}
