#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The part "fleet" of bench.sh; sourced by it, not run.
#
# mdm-server with its default configuration. Every phone of the load has an address of its own in
# 127.0.0.0/8, so that no limit by address has to be raised for a fleet behind one machine.
# shellcheck disable=SC2154 # server_dir and others are of contained.sh and bench.sh
fleet_phones=${FLEET_PHONES:-10000}
fleet_rounds=${FLEET_ROUNDS:-3}
fleet_connections=8
herd_factor=60 # in the eyes of the phones' pacing a minute has one second

fleet_make() { # COUNT: enrols a new fleet; the server is stopped before
	rm -f "$work/fleet"
	"$tree/bench/fleet_tool" make "$server_dir" "$1" "$work/fleet" ||
		fail "the fleet could not be enrolled"
}
server_port() {
	echo "${address##*:}"
}
server_kib() { # MEMBER of /proc/PID/status
	awk -v key="$1:" '$1 == key { print $2 }' "/proc/$server_pid/status"
}
server_written() { # bytes that it gave the disk
	awk '$1 == "write_bytes:" { print $2 }' "/proc/$server_pid/io"
}
database_bytes() { # of a server that does not run: its log is in the file then
	stat -c %s "$server_dir/mdm.db"
}
fleet_load() { # KIND ROUND COUNT OUT
	load "$(server_port)" "$server_pid" "$2" "$1" "$3" "$4" "$fleet_connections"
}
per() { # SUM N
	awk -v sum="$1" -v n="$2" 'BEGIN { printf "%.0f", sum / n }'
}
figures() { # FILE PREFIX NAME UNIT …: lines of a load
	from=$1 prefix=$2
	shift 2
	while [ $# -ge 2 ]; do
		figure "$prefix$1" "$(value_of "$1" "$from")" "$2"
		shift 2
	done
}

# --- a fleet -------------------------------------------------------------------------------------
fleet_first() {
	fleet_load first 0 "$fleet_phones" "$work/one"
	figure fleet.first_rate "$(value_of rate "$work/one")" per-second
	figure fleet.first_p99_ms "$(value_of p99_ms "$work/one")" ms
	figure fleet.first_cpu_us "$(value_of server_us "$work/one")" us
	figures "$work/one" fleet.first_ wire_up bytes wire_down bytes
	server_stop
	full=$(database_bytes)
	figure fleet.database_bytes "$(per $((full - empty)) "$fleet_phones")" per-phone
	server_start
	round=1
}

# Rounds of the whole fleet, before each as many bare handshakes with a server that does nothing else.
fleet_steady() {
	$server_core "$tree/bench/handshake_tool" "$server_dir" >"$work/handshake" &
	handshake_pid=$!
	wait_for 10 "the start of the bare server" test -s "$work/handshake"
	: >"$work/handshakes"
	: >"$work/checkins"
	before_kib=$(server_kib VmRSS)
	written=$(server_written)
	for _ in $(seq "$fleet_rounds"); do
		load "$(cat "$work/handshake")" "$handshake_pid" 0 handshake "$fleet_phones" \
			"$work/one" "$fleet_connections"
		tr '\n' ' ' <"$work/one" >>"$work/handshakes"
		echo >>"$work/handshakes"
		fleet_load steady "$round" "$fleet_phones" "$work/one"
		round=$((round + 1))
		tr '\n' ' ' <"$work/one" >>"$work/checkins"
		echo >>"$work/checkins"
	done
	after_kib=$(server_kib VmRSS)
	written=$(($(server_written) - written))
	kill "$handshake_pid"
	wait "$handshake_pid" 2>/dev/null || true
	handshake_pid=''
	server_stop
	"$tree/bench/fleet_tool" check "$server_dir" $((round - 1)) "$work/fleet" ||
		fail "the server did not store every report"
	n=$((fleet_phones * fleet_rounds))
	figure fleet.steady_rate "$(awk '{ print $2 }' "$work/checkins" | median)" per-second
	figure fleet.steady_p50_ms "$(awk '{ print $4 }' "$work/checkins" | median)" ms
	figure fleet.steady_p99_ms "$(awk '{ print $6 }' "$work/checkins" | median)" ms
	checkin_us=$(awk '{ print $8 }' "$work/checkins" | median)
	handshake_us=$(awk '{ print $8 }' "$work/handshakes" | median)
	figure fleet.steady_cpu_us "$checkin_us" us
	figure fleet.handshake_cpu_us "$handshake_us" us
	figure fleet.steady_cpu_ratio "$(quotient "$handshake_us" "$checkin_us")" ratio at-least 0.6
	figure fleet.steady_busy "$(awk '{ print $10 }' "$work/checkins" | median)" ratio
	figures "$work/one" fleet.steady_ wire_up bytes wire_down bytes
	figure fleet.rss_before "$before_kib" KiB
	figure fleet.rss_after "$after_kib" KiB
	figure fleet.database_growth "$(per $(($(database_bytes) - full)) "$n")" bytes-per-check-in
	figure fleet.disk_written "$(per "$written" "$n")" bytes-per-check-in
}

# The server comes back, and everybody with it.
fleet_herd() {
	server_start
	$load_core "$tree/bench/herd_bench" "$(server_port)" "$work/fleet" "$fleet_phones" \
		"$server_pid" "$round" "$herd_factor" "${admin##*:}" "$work/org" \
		"$work/passphrase" >"$work/herd" || fail "the herd was not served"
	round=$((round + 1))
	server_stop
	"$tree/bench/fleet_tool" check "$server_dir" $((round - 1)) "$work/fleet" ||
		fail "the server did not store every report of the herd"
	figures "$work/herd" fleet.herd_ served_s s rate per-second p50_ms ms p99_ms ms \
		attempts attempts refused answers broken connections late attempts \
		at_once connections connected_at_once connections server_us us busy ratio \
		rss_before_kib KiB rss_peak_kib KiB admin_n requests admin_failed requests \
		admin_first_ms ms admin_p50_ms ms admin_max_ms ms
}

# A policy wakes the half that waits, while the other half checks in.
fleet_mixed() {
	server_start
	policy_sign 1200
	$load_core "$tree/bench/mixed_bench" "$(server_port)" "$work/fleet" "$fleet_phones" "$round" \
		"$fleet_connections" >"$work/mixed" &
	mixed_pid=$!
	wait_for 300 "the waiting of the phones" mixed_is_ready
	began=$(now_ms)
	policy_upload
	wait "$mixed_pid" || fail "the phones were not woken"
	mixed_pid=''
	figures "$work/mixed" fleet.mixed_ waiting phones turned_away phones
	figure fleet.mixed_last_woken_s "$(awk -v from="$began" \
		-v to="$(value_of last_woken_at_ms "$work/mixed")" \
		'BEGIN { printf "%.2f", (to - from) / 1000 }')" s
	figures "$work/mixed" fleet.mixed_ wake_spread_s s told_spread_s s told_p99_ms ms \
		others_rate per-second others_p50_ms ms others_p99_ms ms
}
mixed_is_ready() {
	grep -q ready "$work/mixed" || ! kill -0 "$mixed_pid"
}

measure_fleet() {
	[ -z "$server_pid" ] || server_stop
	empty=$(database_bytes)
	fleet_make "$fleet_phones"
	server_start
	echo "# a fleet of $fleet_phones, server with its default configuration"
	fleet_first
	fleet_steady
	fleet_herd
	fleet_mixed
}
