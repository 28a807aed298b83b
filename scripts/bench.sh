#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measurements: bench.sh OBJECT-TREE [PART…]
#
# Prints "bench NAME VALUE UNIT" for each figure, all of them measured in this run, and at the end
# each beside its budget; ends with 1 if one was missed. In the contained system of contained.sh: the
# machine stays untouched, only loopback is used. PARTs: documents apps geo pam wipe guard agent checkin wake
# server waiting idle; without any, all of them. The part "fleet" takes minutes and runs only if it
# is named.
# docs/benchmarks.md says what is measured how. IDLE_SECONDS (180), CHECKIN_RUNS (40), FLEET_PHONES
# (10000) and FLEET_ROUNDS (3) may be set.
set -eu
export LC_ALL=C
tree=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
what=bench
. scripts/contained.sh

MDM_BENCH_PARTS=${MDM_BENCH_PARTS:-$(shift && echo "$*")}
export MDM_BENCH_PARTS
[ "$MDM_BENCH_PARTS" ] || MDM_BENCH_PARTS="documents apps geo pam wipe guard agent checkin wake server waiting idle"
contained_enter scripts/bench.sh

libexec=/usr/libexec/mdm-agent
state=/var/lib/mdm-agent
idle_seconds=${IDLE_SECONDS:-180}
checkin_runs=${CHECKIN_RUNS:-40}
devices=1000      # of the fleet
connections=8     # of the load at once
exchanges=2000    # of each run of the load; a multiple of the devices
rounds=5          # runs of the load
pushes=7          # policies pushed one after the other
waiters=4000      # phones that wait at once
floor_pid='' handshake_pid='' peer_pid='' waiting_pid='' mixed_pid=''
over=0
server_core='' load_core=''
if [ "$(nproc)" -gt 1 ] && taskset -c 0 true && taskset -c 1 true; then
	server_core="taskset -c 0" load_core="taskset -c 1"
fi
server_prefix=$server_core
server_options=''
. scripts/bench_fleet.sh

finish() {
	status=$?
	for pid in $floor_pid $handshake_pid $peer_pid $waiting_pid $mixed_pid; do
		kill "$pid" 2>/dev/null || true
	done
	# A missed budget is no failure to measure: what was said last tells nothing about it.
	[ "$over" -eq 0 ] || status=0
	contained_finish "$status"
}
trap finish EXIT

wanted() { # PART
	case " $MDM_BENCH_PARTS " in
	*" $1 "*) ;;
	*) return 1 ;;
	esac
}

# --- figures -------------------------------------------------------------------------------------
figure() { # NAME VALUE UNIT [at-most|at-least BUDGET]
	case $2 in
	'' | *[!0-9.]*) fail "$1 could not be measured (got '$2')" ;;
	esac
	echo "bench $1 $2 $3"
	[ $# -eq 5 ] || return 0
	awk -v name="$1" -v value="$2" -v unit="$3" -v kind="$4" -v budget="$5" 'BEGIN {
		ok = kind == "at-most" ? value <= budget : value >= budget
		printf "# %s %s %s, budget %s %s: %s\n", name, value, unit, kind, budget,
			ok ? "ok" : "OVER" }' >>"$work/summary"
}
quotient() { # A B
	awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.3f", a / b }'
}
median() { # of the numbers on standard input
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
}
value_of() { # NAME FILE: of a line "NAME VALUE"
	awk -v name="$1" '$1 == name { print $2 }' "$2"
}
member() { # NAME: a number from JSON on standard input that holds it once
	sed -n "s/.*\"$1\": *\\([0-9][0-9]*\\).*/\\1/p" | head -n 1
}

machine() {
	echo "# $(sed -n 's/^model name.*: *//p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
		"Linux $(uname -r), load $(cut -d ' ' -f 1-3 /proc/loadavg)," \
		"state on $(stat -f -c %T "$work/disk")"
}

# --- documents -----------------------------------------------------------------------------------
measure_documents() {
	$load_core "$tree/bench/verify_bench" >"$work/verify" || fail "verify_bench ended badly"
	for name in verify.us verify.bare_us merge.us merge.bare_us; do
		figure "$name" "$(value_of "$name" "$work/verify")" us
	done
	figure verify.ratio "$(quotient "$(value_of verify.us "$work/verify")" \
		"$(value_of verify.bare_us "$work/verify")")" ratio
}

# A tree of its own, the same in every run.
measure_apps() {
	$load_core "$tree/bench/apps_bench" >"$work/apps" || fail "apps_bench ended badly"
	for name in apps.inventory_us apps.bare_us apps.unchanged_us; do
		figure "$name" "$(value_of "$name" "$work/apps")" us
	done
	figure apps.inventory_ratio "$(quotient "$(value_of apps.inventory_us "$work/apps")" \
		"$(value_of apps.bare_us "$work/apps")")" ratio at-most 3
}

# Beside what is installed of the libraries that others use for it.
measure_geo() {
	$load_core "$tree/bench/geo_bench" >"$work/geo" || fail "geo_bench ended badly"
	figure geo.point_ns "$(value_of geo.point_ns "$work/geo")" ns at-most 300
	figure geo.point_near_ns "$(value_of geo.point_near_ns "$work/geo")" ns at-most 1000
	figure geo.polygon_ns "$(value_of geo.polygon_ns "$work/geo")" ns at-most 1000
	figure geo.polygon_worst_ns "$(value_of geo.polygon_worst_ns "$work/geo")" ns at-most 1000
	for name in round_ns disc_ns disc_worst_ns geodesic_ns geos_round_ns geos_ns geos_worst_ns; do
		value=$(value_of "geo.$name" "$work/geo")
		[ -z "$value" ] || figure "geo.$name" "$value" ns
	done
	figure geo.prepare_worst_ms "$(value_of geo.prepare_worst_ms "$work/geo")" ms
	figure geo.worst_kib "$(value_of geo.worst_kib "$work/geo")" KiB
	[ -z "$(value_of geo.geodesic_ns "$work/geo")" ] ||
		figure geo.point_ratio "$(quotient "$(value_of geo.point_near_ns "$work/geo")" \
			"$(value_of geo.geodesic_ns "$work/geo")")" ratio
	[ -z "$(value_of geo.geos_ns "$work/geo")" ] ||
		figure geo.polygon_ratio "$(quotient "$(value_of geo.polygon_ns "$work/geo")" \
			"$(value_of geo.geos_ns "$work/geo")")" ratio
}

# A phone of its own: what authenticates people and what the agent reads have to be the same files.
measure_pam() {
	python3 bench/pam.py "$tree" >"$work/pam" || fail "authentications could not be measured"
	for name in pam.with_ms pam.bare_ms; do
		figure "$name" "$(value_of "$name" "$work/pam")" ms
	done
	figure pam.added_ms "$(value_of pam.added_ms "$work/pam" | sed 's/^-.*/0/')" ms at-most 5
}

# In a file of the disk: cells of flash are not measured, their driver and file system are.
measure_wipe() {
	python3 bench/wipe.py "$tree" "$work/disk" >"$work/wipe" || fail "a wipe could not be measured"
	figure wipe.bare_ms "$(value_of wipe.bare_ms "$work/wipe")" ms
	figure wipe.keys_ms "$(value_of wipe.keys_ms "$work/wipe")" ms at-most 5000
}

# Needs root of the machine itself, and a kernel that asks: elsewhere there is nothing to measure.
measure_guard() {
	if ! python3 bench/guard.py "$tree" >"$work/guard" || ! [ "$(value_of repeat_ratio "$work/guard")" ]; then
		echo "# guard: not measured here"
		return
	fi
	for name in bare guard listener fapolicyd; do
		for which in again first; do
			value=$(value_of "${name}_${which}_us" "$work/guard")
			[ -z "$value" ] || figure "guard.${name}_${which}_us" "$value" us
		done
	done
	figure guard.exec_repeat_ratio "$(value_of repeat_ratio "$work/guard")" ratio at-most 1.03
	figure guard.exec_first_us "$(value_of first_over_listener_us "$work/guard")" us at-most 30
}

# --- the phone -----------------------------------------------------------------------------------
policy_sign() { # IDLE-DELAY
	cat >"$work/policy.json" <<POLICY
{
  "checkin": {"interval": 3600${long_poll:-}},
  "profiles": [
    {"id": "base", "settings": {
      "screen_lock": {"enabled": true, "idle_delay": 3600, "lock_delay": 0, "require_unlock": true}}},
    {"id": "office", "when": {"time": {"days": ["mon","tue","wed","thu","fri","sat","sun"]}},
     "settings": {"screen_lock": {"idle_delay": $1}}}
  ]
}
POLICY
	mdmctl policy sign "$work/policy.json" --stream bench -o "$work/policy.jws" \
		>/dev/null 2>"$work/mdmctl.log" ||
		fail "the policy could not be signed"
}
policy_upload() {
	pushed_ms=$(now_ms)
	mdmctl policy push "$work/policy.jws" >/dev/null || fail "the policy could not be pushed"
}
policy_push() { # IDLE-DELAY
	policy_sign "$1"
	policy_upload
}
enforced() { # IDLE-DELAY
	agentctl compliance --json >"$work/compliance"
	grep -q '"state":"compliant","settings"' "$work/compliance" &&
		grep -q "\"idle_delay\",\"state\":\"compliant\",[^}]*\"desired\":$1," "$work/compliance"
}

# Programs in memory would count as dirty: they have to be where they are on a phone, on the disk.
install_on_disk() {
	mkdir "$work/disk/bin"
	cp "$tree/mdm-agentd" "$tree/mdm-agent-net" "$tree/bench/floor_tool" \
		"$tree/bench/curl_bench" "$tree/bench/checkin_bench" "$work/disk/bin/"
	sync -f "$work/disk/bin"
	mount --bind "$work/disk/bin" "$root$libexec"
	mount --bind "$work/disk/bin/mdm-agentd" "$root/usr/bin/mdm-agentd"
}

prepare_organisation() {
	server_dir=$work/disk/server
	organisation_passphrase
	mdmctl init --name "Benchmark" --server https://127.0.0.1:8443 \
		--admin https://127.0.0.1:8444 --server-dir "$server_dir" --admin-name admin \
		>/dev/null || fail "mdmctl init failed"
	server_start
	policy_push 900
}

prepare_phone() {
	install_on_disk
	mkdir -m 0700 "$work/disk/state"
	mount --bind "$work/disk/state" "$root$state"
	ticket_make bench
	agent_start
	agentctl enroll --yes /tmp/ticket >"$work/enroll.log" 2>&1 || fail "the phone could not be enrolled"
	wait_for 20 "the first policy" enforced 900
}

# From a policy's record document_accepted to the next compliance_changed that says compliant.
apply_times() {
	agentctl journal show --json -n 1000 | sed 's/{"seq":/\n&/g' | awk '
		!match($0, /"uptime_us": *[0-9]+/) { next }
		{ us = substr($0, RSTART, RLENGTH); sub(/.*: */, "", us) }
		/"type": *"document_accepted"/ && /"policy"/ { since = us; next }
		/"type": *"compliance_changed"/ && /"state": *"compliant", *"settings"/ && since {
			printf "%.1f\n", (us - since) / 1000; since = 0 }'
}

measure_apply() {
	delay=800
	before=$(apply_times | wc -l)
	for _ in $(seq "$pushes"); do
		policy_push "$delay"
		agentctl sync >/dev/null || fail "the phone could not check in"
		wait_for 20 "the policy with idle_delay $delay" enforced "$delay"
		delay=$((delay - 10))
	done
	apply_times | tail -n +$((before + 1)) >"$work/apply"
	[ "$(wc -l <"$work/apply")" -eq "$pushes" ] ||
		fail "the journal tells of $(wc -l <"$work/apply") policies applied, $pushes were pushed"
	figure policy.apply_ms "$(sort -n "$work/apply" | tail -n 1)" ms at-most 1000
	figure policy.apply_median_ms "$(median <"$work/apply")" ms
}

# The bytes of a check-in without news, counted by libcurl and by a peer that ends the TLS.
measure_steady() {
	for _ in 1 2 3; do
		agentctl sync >/dev/null || fail "the phone could not check in"
		sleep 0.5
	done
	agentctl status --json >"$work/status"
	up=$(member bytes_up <"$work/status")
	down=$(member bytes_down <"$work/status")
	figure checkin.steady_up "$up" bytes at-most 1024
	figure checkin.steady_down "$down" bytes at-most 512
	cp "$root$state/reports/last" "$root/tmp/report"
	"$tree/bench/peer_tool" "$server_dir" "$root$state/net" "${address##*:}" >"$work/peer" &
	peer_pid=$!
	wait_for 10 "the start of the peer" test -s "$work/peer"
	chroot "$root" "$libexec/checkin_bench" 0 "$libexec/mdm-agent-net" \
		"https://127.0.0.1:$(head -n 1 "$work/peer")" "$state/net" /tmp/report \
		>"$work/told" || fail "the check-in through the peer failed"
	wait "$peer_pid" || fail "the peer could not count"
	peer_pid=''
	echo "# counted inside of TLS: $(value_of up "$work/peer") up," \
		"$(value_of down "$work/peer") down; told by the agent: $up up, $down down"
	[ "$(value_of up "$work/peer")" = "$(value_of bytes_up "$work/told")" ] ||
		fail "mdm-agent-net tells other bytes up than were counted: $(cat "$work/told")"
	[ "$(value_of down "$work/peer")" = "$(value_of bytes_down "$work/told")" ] ||
		fail "mdm-agent-net tells other bytes down than were counted: $(cat "$work/told")"
	[ "$up" = "$(value_of up "$work/peer")" ] ||
		fail "agentctl tells $up bytes up, the same report counts otherwise"
}

measure_checkin() {
	$load_core chroot "$root" "$libexec/checkin_bench" "$checkin_runs" \
		"$libexec/mdm-agent-net" "$address" "$state/net" /tmp/report \
		"$libexec/curl_bench" >"$work/checkin" || fail "the check-ins failed"
	net=$(value_of net_ms "$work/checkin")
	curl=$(value_of curl_ms "$work/checkin")
	figure checkin.cpu_ms "$net" ms
	figure checkin.bare_cpu_ms "$curl" ms
	figure checkin.cpu_ratio "$(quotient "$net" "$curl")" ratio at-most 1.5
}

# --- news ----------------------------------------------------------------------------------------
phone_waits() {
	agentctl status --json | grep -q '"transport": *"long_poll", *"state": *"waiting"'
}

# From mdmctl sending a policy to the phone having it in force, with a phone that waits.
measure_wake() {
	long_poll=', "long_poll": {"time": {"days": ["mon","tue","wed","thu","fri","sat","sun"]}}'
	delay=600
	policy_push "$delay"
	agentctl sync >/dev/null || fail "the phone could not check in"
	: >"$work/wake"
	for _ in 1 2 3 4 5; do
		wait_for 20 "a phone that waits" phone_waits
		delay=$((delay - 10))
		policy_push "$delay"
		wait_for 20 "the policy with idle_delay $delay" enforced "$delay"
		echo $(($(now_ms) - pushed_ms)) >>"$work/wake"
	done
	figure wake.order_ms "$(sort -n "$work/wake" | tail -n 1)" ms at-most 2000
	figure wake.order_median_ms "$(median <"$work/wake")" ms
	long_poll=
	policy_push 500
	wait_for 20 "the policy with idle_delay 500" enforced 500
}

# --- idle ----------------------------------------------------------------------------------------
agent_pids() {
	for comm in "$root"/proc/[0-9]*/comm; do
		read -r name <"$comm" 2>/dev/null || continue
		case $name in
		mdm-agent*) basename "$(dirname "$comm")" ;;
		esac
	done
}
memory() { # MEMBER PID…: KiB
	sum=0
	key=$1
	shift
	for pid in "$@"; do
		sum=$((sum + $(awk -v key="$key:" '$1 == key { print $2 }' \
			"$root/proc/$pid/smaps_rollup")))
	done
	echo "$sum"
}
memory_both() { # MEMBER: of the agent and of the bare process, read at once
	files=
	for pid in $agent_all "$floor_pid"; do
		files="$files $root/proc/$pid/smaps_rollup"
	done
	# shellcheck disable=SC2086 # a list of files
	awk -v key="$1:" -v bare="$root/proc/$floor_pid/smaps_rollup" '
		$1 == key { if (FILENAME == bare) b = $2; else a += $2 } END { print a, b }' $files
}
switches() { # PID…
	for pid in "$@"; do
		cat "$root/proc/$pid/status"
	done | awk '/ctxt_switches/ { n += $2 } END { print n }'
}

# Starts the bare process, alone or with "loop", beside the agent; memory of both.
bare_beside() { # NAME [loop]
	chroot "$root" "$libexec/floor_tool" /tmp/policy ${2:+"$2"} >"$work/floor" &
	floor_pid=$!
	wait_for 10 "the start of the bare process" grep -q ready "$work/floor"
	: >"$work/pss"
	for _ in 1 2 3 4 5 6 7 8 9; do
		# Others on this machine that use the libraries come and go; both at the same moment.
		sleep 0.3
		# shellcheck disable=SC2046 # a list of numbers
		set -- "$1" $(memory_both Pss)
		echo "$(quotient "$2" "$3") $2 $3" >>"$work/pss"
	done
	pss=$(awk '{ print $2 }' "$work/pss" | median)
	bare=$(awk '{ print $3 }' "$work/pss" | median)
	ratio=$(awk '{ print $1 }' "$work/pss" | median)
	figure "agent.$1_private_dirty" "$(memory Private_Dirty "$floor_pid")" KiB
	figure "agent.$1_pss" "$bare" KiB
	kill "$floor_pid"
	wait "$floor_pid" 2>/dev/null || true
	floor_pid=''
}

measure_memory() {
	sleep 5
	agentctl policy show --json >"$root/tmp/policy"
	# shellcheck disable=SC2046 # a list of numbers
	set -- $(agent_pids)
	[ $# -ge 1 ] || fail "there is no process of the agent"
	agent_all=$*
	figure agent.idle_processes $# processes
	figure agent.idle_private_dirty "$(memory Private_Dirty "$@")" KiB at-most 2048
	bare_beside bare
	figure agent.idle_pss "$pss" KiB
	figure agent.idle_pss_ratio "$ratio" ratio at-most 1.3
	bare_beside loop loop
	figure agent.idle_pss_loop_ratio "$ratio" ratio
}

# What one check-in takes, with the words between agentctl and the agent that ask for it.
measure_wakeups() {
	before=$(switches "$agent_pid")
	for _ in 1 2 3 4 5; do
		agentctl sync >/dev/null || fail "the phone could not check in"
	done
	sleep 1
	n=$(($(switches "$agent_pid") - before))
	figure agent.checkin_switches "$(awk -v n="$n" 'BEGIN { print n / 5 }')" per-check-in
}

idle_begin() {
	# The check-in that follows the first policy ends before.
	wanted agent || sleep 5
	idle_pids=$(agent_pids)
	# shellcheck disable=SC2086 # a list of numbers
	idle_switches=$(switches $idle_pids)
	idle_since=$(now_ms)
}
idle_end() {
	left=$((idle_seconds * 1000 - $(now_ms) + idle_since))
	[ "$left" -le 0 ] || sleep "$((left / 1000 + 1))"
	[ "$(agent_pids)" = "$idle_pids" ] || fail "the agent did not stay the same processes"
	# shellcheck disable=SC2086
	n=$(($(switches $idle_pids) - idle_switches))
	ms=$(($(now_ms) - idle_since))
	echo "# $n context switches in $((ms / 1000)) s"
	figure agent.idle_wakeups "$(awk -v n="$n" -v ms="$ms" \
		'BEGIN { printf "%.1f", n * 3600000 / ms }')" per-hour at-most 4
}

# --- the server ----------------------------------------------------------------------------------
load() { # PORT PID ROUND KIND COUNT OUT [CONNECTIONS]
	$load_core "$tree/bench/load_bench" "$1" "$work/fleet" "$5" "${7:-$connections}" "$2" "$3" \
		"$4" >"$6" || fail "the load '$4' failed"
}

measure_server() {
	[ -z "$server_pid" ] || server_stop
	fleet_make "$devices"
	server_start
	$server_core "$tree/bench/handshake_tool" "$server_dir" >"$work/handshake" &
	handshake_pid=$!
	wait_for 10 "the start of the bare server" test -s "$work/handshake"
	load "${address##*:}" "$server_pid" 0 first "$devices" "$work/first"
	figure server.first_checkins "$(value_of rate "$work/first")" per-second
	round=$(value_of rounds "$work/first")
	: >"$work/handshakes"
	: >"$work/checkins"
	for _ in $(seq "$rounds"); do
		load "$(cat "$work/handshake")" "$handshake_pid" 0 handshake "$exchanges" "$work/one"
		tr '\n' ' ' <"$work/one" >>"$work/handshakes"
		echo >>"$work/handshakes"
		load "${address##*:}" "$server_pid" "$round" steady "$exchanges" "$work/one"
		round=$(value_of rounds "$work/one")
		tr '\n' ' ' <"$work/one" >>"$work/checkins"
		echo >>"$work/checkins"
	done
	server_stop
	"$tree/bench/fleet_tool" check "$server_dir" $((round - 1)) "$work/fleet" ||
		fail "the server did not store every report"
	handshakes=$(awk '{ print $2 }' "$work/handshakes" | median)
	checkins=$(awk '{ print $2 }' "$work/checkins" | median)
	handshake_us=$(awk '{ print $8 }' "$work/handshakes" | median)
	checkin_us=$(awk '{ print $8 }' "$work/checkins" | median)
	busy=$(awk '{ print $10 }' "$work/checkins" | median)
	figure server.handshakes "$handshakes" per-second
	figure server.checkins "$checkins" per-second
	figure server.checkin_ratio "$(quotient "$checkins" "$handshakes")" ratio at-least 0.6
	figure server.checkin_p99 "$(awk '{ print $6 }' "$work/checkins" | median)" ms
	figure server.handshake_cpu_us "$handshake_us" us
	figure server.checkin_cpu_us "$checkin_us" us
	figure server.checkin_cpu_ratio "$(quotient "$handshake_us" "$checkin_us")" ratio \
		at-least 0.6
	figure server.busy "$busy" ratio
	awk -v busy="$busy" 'BEGIN { exit busy < 0.9 ? 0 : 1 }' || return 0
	echo "# the server had a core for $busy of the time only (a busy machine, or too little" \
		"load): the rates say little, the quotient of processor times counts"
}

# Many phones that wait; every one of them with a connection, handshake and certificate of its own.
measure_waiting() {
	[ -z "$server_pid" ] || server_stop
	fleet_make "$waiters"
	server_start
	mkfifo "$work/waiting.in"
	$load_core "$tree/bench/wait_bench" "${address##*:}" "$work/fleet" "$waiters" \
		"$server_pid" <"$work/waiting.in" >"$work/waiting" &
	waiting_pid=$!
	exec 9>"$work/waiting.in"
	wait_for 120 "$waiters phones that wait" grep -q ready "$work/waiting"
	figure server.waiting "$(value_of waiting "$work/waiting")" phones
	figure server.wait_bytes "$(value_of wait_bytes "$work/waiting")" bytes at-most 16384
	figure server.wait_kernel_bytes "$(value_of wait_kernel_bytes "$work/waiting")" bytes
	figure server.wait_cpu_ms "$(value_of wait_cpu_ms "$work/waiting")" ms-in-3-s
	exec 9>&-
	wait "$waiting_pid" || fail "the waiting phones failed"
	waiting_pid=''
	server_stop
}

# --- all of it -----------------------------------------------------------------------------------
contained_make
# Ids of processes are those of this namespace: what the tools read of them has to be, too.
mount -t proc proc /proc
: >"$work/summary"
machine
[ "$server_core" ] || echo "# one core: server and load share it"
prepare_organisation
if wanted agent || wanted checkin || wanted wake || wanted idle; then
	prepare_phone
fi
if wanted agent; then
	measure_apply
fi
if wanted agent || wanted checkin; then
	measure_steady
fi
if wanted agent; then
	measure_memory
	measure_wakeups
fi
if wanted wake; then
	measure_wake
fi
# The phone is idle while the rest is measured: nothing of it concerns the agent.
if wanted idle; then
	idle_begin
fi
if wanted checkin; then
	measure_checkin
fi
if wanted documents; then
	measure_documents
fi
if wanted guard; then
	measure_guard
fi
if wanted apps; then
	measure_apps
fi
if wanted geo; then
	measure_geo
fi
if wanted wipe; then
	measure_wipe
fi
if wanted pam; then
	measure_pam
fi
if wanted server; then
	measure_server
fi
if wanted waiting; then
	measure_waiting
fi
if wanted fleet; then
	measure_fleet
fi
if wanted idle; then
	idle_end
fi
machine
cat "$work/summary"
if grep -q ': OVER$' "$work/summary"; then
	over=1
	echo "bench: a budget was missed"
	exit 1
fi
