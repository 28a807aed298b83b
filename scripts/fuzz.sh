#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzzer for a time, as many at once as there are processors: fuzz.sh OBJECT-TREE SECONDS
# New inputs go to a temporary directory; a crash is kept in OBJECT-TREE/crashes.
set -u
tree=$1 seconds=$2
cd "$(dirname "$0")/.." || exit 1
mkdir -p "$tree/crashes"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

one() {
	name=$1
	corpus=tests/corpus/${name#fuzz_}
	mkdir -p "$fresh/$name"
	if "$tree/tests/fuzz/$name" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 \
		-artifact_prefix="$tree/crashes/$name-" -print_final_stats=1 \
		"$fresh/$name" "$corpus" >"$fresh/$name.log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$fresh/$name.log")
		echo "$name: $runs runs" >"$fresh/$name.ok"
	fi
}

names=$(for f in tests/fuzz/fuzz_*.c; do basename "$f" .c; done)
slots=$(nproc)
running=0
for name in $names; do
	one "$name" &
	running=$((running + 1))
	if [ "$running" -ge "$slots" ]; then
		wait
		running=0
	fi
done
wait
passed=0 failed=0
for name in $names; do
	if [ -f "$fresh/$name.ok" ]; then
		cat "$fresh/$name.ok"
		passed=$((passed + 1))
	else
		tail -n 40 "$fresh/$name.log"
		echo "FAILED $name (input kept in $tree/crashes)"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
