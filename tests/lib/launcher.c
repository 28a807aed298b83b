/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher.c - stands where tests expect a program and runs the same program of another processor
 * by user-mode emulation (scripts/aarch64.sh). It needs no binfmt_misc, which a container may not
 * register, and whoever starts, copies or links to it need not know.
 * LAUNCHER_EMULATOR and LAUNCHER_PROGRAM are absolute paths.
 */
#include <stdio.h>
#include <unistd.h>

#define MAX_ARGUMENTS 1024

int main(int argc, char **argv)
{
	static char *arguments[MAX_ARGUMENTS + 5];
	int n = 0;

	if (argc < 1 || argc > MAX_ARGUMENTS) {
		fprintf(stderr, "launcher: %d arguments are none or too many\n", argc);
		return 126;
	}
	arguments[n++] = (char *)LAUNCHER_EMULATOR;
	arguments[n++] = (char *)"-0";
	arguments[n++] = argv[0];
	arguments[n++] = (char *)LAUNCHER_PROGRAM;
	for (int i = 1; i < argc; i++)
		arguments[n++] = argv[i];
	execv(LAUNCHER_EMULATOR, arguments);
	perror(LAUNCHER_EMULATOR);
	return 126;
}
