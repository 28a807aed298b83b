#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs suites and adds up their last lines: check.sh OBJECT-TREE SUITE…
# A suite is a program whose last line is "N passed, N failed[, N skipped]". They run beside each other,
# as many at once as there are processors; those of the system and of the packages, which wait more than
# they work, twice as many, or JOBS. UNIT and SYSTEM name some of the units' and of the system's instead
# of all. PACKAGES is where tests/packaging/build.sh made them. The time at the end of a line is that on
# the wall, then that of the processors.
set -u
tree=$1
shift
cd "$(dirname "$0")/.." || exit 1
MDM_SOURCE_DIR=$PWD
MDM_BUILD_DIR=$tree
export MDM_SOURCE_DIR MDM_BUILD_DIR
PATH=/usr/bin:/usr/sbin:/bin:/sbin:$PATH
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log" "$log.before" "$log.after"' EXIT

# What the ended children have cost up to now; "times" knows only in the shell itself.
spent() {
	times >"$log.$1"
}

# run NAME SECONDS COMMAND…
run() {
	name=$1 seconds=$2
	shift 2
	start=$(date +%s)
	spent before
	# Emulated processors are several times as slow.
	[ -z "${MDM_EMULATED:-}" ] || seconds=$((4 * seconds))
	# shellcheck disable=SC2086 # the runner is a command with arguments
	timeout -k 10 "$seconds" ${RUNNER:-} "$@" >"$log" 2>&1 </dev/null
	status=$?
	spent after
	line=$(tail -n 1 "$log")
	counts=$(printf '%s\n' "$line" |
		sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)\{0,1\}$/\1 \2 \4/p')
	if [ -z "$counts" ]; then
		cat "$log"
		echo "FAILED $name: ended with status $status and without counting its tests"
		failed=$((failed + 1))
		return
	fi
	# shellcheck disable=SC2086 # three numbers on purpose
	set -- $counts
	if [ "$status" -ne 0 ] || [ "$2" -ne 0 ]; then
		cat "$log"
		[ "$2" -ne 0 ] || set -- "$1" 1 "${3:-0}"
	elif [ "${V:-0}" = 1 ]; then
		cat "$log"
	else
		grep '^ *skipped: ' "$log" | sort -u
	fi
	cpu=$(awk -F '[ms ]+' 'FNR == 2 { all = 60 * ($1 + $3) + $2 + $4; if (NR == 2) before = all }
		END { printf "%.1f", all - before }' "$log.before" "$log.after")
	printf '%-44s %s, %s s, cpu %s s\n' "$name" "$line" $(($(date +%s) - start)) "$cpu"
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + ${3:-0}))
}

# run_beside LIST JOBS: the suites that LIST names, one a line, each in a check.sh of its own.
run_beside() {
	beside=$(mktemp -d)
	# shellcheck disable=SC2016 # the inner shell expands
	xargs -P "$2" -n 1 sh -c '
		result=$2/$3
		mkdir -p "${result%/*}"
		scripts/check.sh "$1" "$3" >"$result" 2>&1' \
		sh "$tree" "$beside" <"$1"
	# What failed beside others is run once more alone: a machine that is too busy shows there.
	while read -r test; do
		result=$beside/$test
		tail -n 1 "$result" | grep -q '^[0-9]* passed, 0 failed' || {
			sed '$d' "$result"
			echo "again, alone: $test"
			scripts/check.sh "$tree" "$test" >"$result" 2>&1 </dev/null
		}
		sed '$d' "$result"
		# shellcheck disable=SC2046 # three numbers on purpose
		set -- $(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' \
			"$result")
		passed=$((passed + ${1:-0}))
		failed=$((failed + ${2:-1}))
		skipped=$((skipped + ${3:-0}))
	done <"$1"
	rm -rf "$beside"
}

# one: ends a check.sh that run_beside started.
one() {
	echo "$passed passed, $failed failed, $skipped skipped"
	exit 0
}

# The longest first, so that none of them is left alone at the end.
longest="mdmctl_online mdmctl mdmctl_ca stolen_server mdmctl_keys push session zero_touch device wake main_job
	mdmctl_taken_over key_drill commands server_push server_hostile apps_trouble location restrictions"
system_suites() {
	{
		for name in $longest; do
			ls "tests/system/$name".*
		done
		ls tests/system/*.py tests/system/*.sh
	} | grep -v '_rig\.py$' | awk '!seen[$0]++'
}

twice=${JOBS:-$((2 * $(nproc)))}
for suite in "$@"; do
	case $suite in
	unit)
		list=$(mktemp)
		# shellcheck disable=SC2086 # names
		printf '%s\n' ${UNIT:-tests/unit/*/test_*.c tests/scenario/*/test_*.c} | sed 's/\.c$//' >"$list"
		run_beside "$list" "$(nproc)"
		rm -f "$list"
		;;
	corpus)
		list=$(mktemp)
		printf '%s\n' tests/fuzz/fuzz_*.c | sed 's/\.c$//' >"$list"
		run_beside "$list" "$(nproc)"
		rm -f "$list"
		;;
	tests/unit/*/test_* | tests/scenario/*/test_*)
		run "$suite" 300 "$tree/$suite"
		one
		;;
	tests/fuzz/fuzz_*)
		run "$suite" 300 "$tree/$suite" "tests/corpus/${suite##*/fuzz_}"
		one
		;;
	interop)
		run tests/interop/jws.py 300 /usr/bin/python3 tests/interop/jws.py \
			"$tree/tests/interop/jws_tool"
		run tests/interop/escrow.py 120 /usr/bin/python3 tests/interop/escrow.py \
			"$tree/tests/interop/escrow_tool"
		run tests/interop/citations.py 60 /usr/bin/python3 tests/interop/citations.py
		run tests/interop/user_guide.py 60 /usr/bin/python3 tests/interop/user_guide.py
		run tests/interop/schema.py 300 /usr/bin/python3 tests/interop/schema.py \
			"$tree/tests/lib/reference_tool"
		run tests/interop/geo.py 300 /usr/bin/python3 tests/interop/geo.py \
			"$tree/tests/interop/geo_tool"
		;;
	system)
		# The leak checker attaches to the process, which programs that hold keys forbid.
		case $tree in
		*/san) export ASAN_OPTIONS=detect_leaks=0 ;;
		esac
		list=$(mktemp)
		if [ -n "${SYSTEM:-}" ]; then
			# shellcheck disable=SC2086 # names
			printf 'tests/system/%s.py\n' $SYSTEM
		else
			system_suites
		fi >"$list"
		run_beside "$list" "$twice"
		rm -f "$list"
		;;
	packaging)
		if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
			echo "  skipped: the checks of the package need root and Debian's tools"
			skipped=$((skipped + 1))
			continue
		fi
		work=$(mktemp -d)
		run tests/packaging/build.sh 900 tests/packaging/build.sh "$work"
		printf 'tests/packaging/%s.py\n' openrc life rules contents debian >"$work/list"
		PACKAGES=$work/out
		export PACKAGES
		run_beside "$work/list" "$twice"
		rm -rf "$work"
		;;
	tests/packaging/life.py | tests/packaging/openrc.py)
		run "$suite" 600 /usr/bin/python3 "$suite" "$tree" "$PACKAGES"
		one
		;;
	tests/packaging/*.py)
		run "$suite" 600 /usr/bin/python3 "$suite" "$PACKAGES"
		one
		;;
	tests/system/*.py)
		run "$suite" 900 /usr/bin/python3 "$suite" "$tree"
		one
		;;
	tests/system/*.sh)
		run "$suite" 900 sh "$suite" "$tree"
		one
		;;
	valgrind)
		for test in tests/unit/*/test_*.c tests/scenario/*/test_*.c; do
			RUNNER="valgrind -q --error-exitcode=9 --leak-check=full --child-silent-after-fork=yes" \
				run "${test%.c}" 900 "$tree/${test%.c}"
		done
		;;
	*)
		echo "check.sh: there is no suite '$suite'" >&2
		exit 2
		;;
	esac
done
[ "$skipped" -eq 0 ] || echo "$skipped tests were skipped, for the reasons above"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
