#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A manual page in scdoc with its generated parts: manpage.sh TOOLS-DIRECTORY PAGE.scd
# A line "@TOOL PART@" stands for what TOOLS-DIRECTORY/TOOL_tool prints for PART.
set -eu
tools=$1 page=$2
while IFS= read -r line || [ -n "$line" ]; do
	case $line in
	@*' '*@)
		what=${line#@}
		what=${what%@}
		"$tools/${what%% *}_tool" "${what#* }"
		;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$page"
