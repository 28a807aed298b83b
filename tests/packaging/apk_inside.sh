#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program apk of a root of the tests: it only answers "apk --simulate" of the command that apk.py is
# about to carry out, as it would be answered; any other question is an error.
asked=''
simulate=''
for word; do
	case $word in
	--simulate | -s) simulate=1 ;;
	-*) ;;
	*) asked="$asked${asked:+ }$word" ;;
	esac
done
file=/lib/apk/exec/.simulation
if [ -z "$simulate" ] || [ ! -r "$file" ] || [ "$(head -n 1 "$file")" != "$asked" ]; then
	echo "apk: this stand-in knows nothing of: $*" >&2
	exit 1
fi
sed 1d "$file"
