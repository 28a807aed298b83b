#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Format, lengths, forbidden functions, left-over marks, shell scripts.
set -u
cd "$(dirname "$0")/.." || exit 1
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
sources=$(find agent policies platform server tools tests bench -name '*.[ch]')
scripts=$(find scripts tests bench -name '*.sh' -o -name '*.py')
shell=$(printf '%s\n' "$scripts" | grep '\.sh$'
	find packaging -name '*.sh' -o -name '*.apk-hook' -o -path '*/apkbuild/mdm-agent/mdm-agent*')
formatter=$(command -v clang-format-14 || command -v clang-format)

if [ -n "$formatter" ]; then
	# shellcheck disable=SC2086 # a list of files on purpose
	"$formatter" --dry-run $sources 2>&1 | sed -n 's/^\([^ :]*:[0-9]*\):.*warning.*/\1: format/p' |
		sort -u >>"$errors"
else
	echo "lint: clang-format is missing; run make deps" >>"$errors"
fi
# shellcheck disable=SC2129 # one question after the other
for file in $sources $scripts; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 600 ] || echo "$file: $lines lines, 600 are allowed"
	# A script's first line may name its interpreter.
	case $file in
	*.[ch]) first=1 ;;
	*) first=2 ;;
	esac
	head -n "$first" "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0\|-layer:' ||
		echo "$file: the first line (of scripts: or the second) names no licence"
done >>"$errors"
# A function ends at the first "}" in the first column after "{" in the first column.
# shellcheck disable=SC2086
awk 'FNR == 1 { start = 0 } /^{/ { start = FNR }
	/^}/ { if (start && FNR - start > 100) print FILENAME ":" start ": a function of " FNR - start " lines"; start = 0 }' \
	$sources >>"$errors"
# shellcheck disable=SC2086
grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtol|strtoul|atoi|atol|system|popen|alloca|tmpnam|mktemp|strtok)\(' \
	$sources | grep -v '^tests/' | sed 's/$/   <- not used here/' >>"$errors"
# shellcheck disable=SC2086
grep -nE '<(execinfo|argp|error|fts)\.h>|\b(TODO|FIXME|XXX|HACK)\b' $sources $scripts Makefile >>"$errors.marks"
grep -v '^scripts/lint.sh' "$errors.marks" >>"$errors"
rm -f "$errors.marks"
if command -v shellcheck >/dev/null; then
	# shellcheck disable=SC2086
	shellcheck -s sh $shell .ci/run >>"$errors"
fi
cat "$errors"
if [ -s "$errors" ]; then
	echo "0 passed, $(wc -l <"$errors") failed"
	exit 1
fi
echo "1 passed, 0 failed"
