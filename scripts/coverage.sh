#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the suites that ran in a tree of VARIANT=coverage reached: coverage.sh OBJECT-TREE
# Prints "coverage FOLDER PERCENT %" for every folder of the programs and for their total; where
# lcov is installed, OBJECT-TREE/coverage/index.html shows every line.
set -u
tree=${1:?coverage.sh OBJECT-TREE}
tree=$(cd "$tree" && pwd) || exit 1
cd "$(dirname "$0")/.." || exit 1
source_dir=$PWD
out=$tree/coverage
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Tests and benchmarks are not what is measured. What runs confined as another user (the net role)
# can write no counts, on purpose; its code counts as far as tests call it unconfined.
folders=
for folder in agent policies platform server; do
	[ -z "$(find "$tree/$folder" -name '*.gcno' 2>/dev/null | head -n 1)" ] ||
		folders="$folders $folder"
done
# shellcheck disable=SC2086 # names without spaces
if [ -z "$folders" ] || [ -z "$(cd "$tree" && find $folders -name '*.gcda' | head -n 1)" ]; then
	echo "coverage.sh: nothing ran in $tree: make VARIANT=coverage check-unit, for example" >&2
	exit 1
fi

# Both ways end in lines "FILE INSTRUMENTED HIT". Files that no test ran count with no hit, else
# an untested file would raise the percentage.
with_lcov() {
	for folder in $folders; do
		for when in initial ran; do
			option=
			[ "$when" = ran ] || option=--initial
			# shellcheck disable=SC2086 # an option or nothing
			lcov --quiet --capture $option --no-external --base-directory "$source_dir" \
				--directory "$tree/$folder" --output-file "$work/$folder.$when" \
				>>"$work/log" 2>&1 || return 1
			[ ! -s "$work/$folder.$when" ] || set -- "$@" --add-tracefile "$work/$folder.$when"
		done
	done
	lcov --quiet "$@" --output-file "$work/all" >>"$work/log" 2>&1 || return 1
	awk -F: -v top="$source_dir/" '
		/^SF:/ { file = substr($0, 4); if (index(file, top) == 1) file = substr(file, length(top) + 1) }
		/^LF:/ { lines = $2 }
		/^LH:/ { hit = $2 }
		/^end_of_record/ { print file, lines, hit; lines = hit = 0 }' "$work/all" >"$work/files"
	mkdir -p "$out"
	cp "$work/all" "$out/lcov.info"
	if command -v genhtml >/dev/null; then
		genhtml --quiet --prefix "$source_dir" --title mdm-agent --output-directory "$out" \
			"$work/all" >>"$work/log" 2>&1 || return 1
		echo "coverage.sh: every line: $out/index.html" >&2
	fi
}

with_gcov() {
	# shellcheck disable=SC2086
	(cd "$tree" && find $folders -name '*.gcno') |
		while read -r notes; do
			notes=$tree/$notes
			# Headers have lines too, but each object counts them anew: sources alone are summed.
			gcov --no-output --object-file "$notes" "$notes" 2>>"$work/log" |
				awk -v top="$source_dir/" '
					/^File / { file = substr($0, 7, length($0) - 7)
						if (index(file, top) == 1) file = substr(file, length(top) + 1) }
					/^Lines executed:/ && file ~ /\.c$/ && file !~ /^\// {
						split($2, part, /[:%]/)
						print file, $4, int(part[2] * $4 / 100 + 0.5)
						file = "" }'
		done | sort -u >"$work/files"
}

if command -v lcov >/dev/null; then
	with_lcov
elif command -v gcov >/dev/null; then
	echo "coverage.sh: lcov is missing (make deps): numbers by gcov, no report" >&2
	with_gcov
else
	echo "coverage.sh: neither lcov nor gcov is installed: make deps" >&2
	exit 1
fi || {
	cat "$work/log" >&2
	exit 1
}

awk '{ folder = $1; sub("/[^/]*$", "", folder); lines[folder] += $2; hit[folder] += $3
		all_lines += $2; all_hit += $3 }
	END { for (folder in lines) if (lines[folder])
			printf "coverage %s %.1f %%\n", folder, 100 * hit[folder] / lines[folder] | "sort"
		close("sort")
		if (!all_lines) exit 1
		printf "coverage total %.1f %%\n", 100 * all_hit / all_lines }' "$work/files"
