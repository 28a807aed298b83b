#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A contained system, for the demonstration and the measurements; sourced, not run.
#
# A real server on loopback, a real agent over an overlay of this machine's root file system in
# private mount and process namespaces: it enforces on real files, and the machine stays untouched.
# Everything is made in a temporary directory and gone at the end.
#
# Who sources this sets `tree` (absolute) and `what` ("demo"), then calls contained_enter.
# shellcheck disable=SC2154 # tree and what
# Where the programs are in the contained system; a user namespace has no write access to its /usr.
programs=/usr/bin net_programs=/usr/libexec/mdm-agent
work='' root='' server_dir='' server_pid='' agent_pid=''
address='' admin=''

fail() {
	echo "$what: FAILED: $*" >&2
	exit 1
}

# Starts the script again inside of namespaces and ends with its status; returns when inside.
contained_enter() { # SCRIPT
	# The first process of a namespace is only interrupted if it asks for it.
	trap 'exit 130' HUP INT TERM
	if [ "${MDM_CONTAINED_WORK:-}" ]; then
		work=$MDM_CONTAINED_WORK
		root=$work/root
		server_dir=$work/server
		return
	fi
	mountpoint -q / || fail "/ is not a mount point here (a plain chroot?), so that no private mounts" \
		"can be made: use a container, or bind-mount the chroot on itself and pivot_root into it"
	command -v unshare >/dev/null || fail "unshare is missing; run make deps"
	work=$(mktemp -d "${TMPDIR:-/tmp}/mdm-$what.XXXXXX")
	trap contained_clean EXIT
	MDM_CONTAINED_WORK=$work
	export MDM_CONTAINED_WORK
	status=0
	if [ "$(id -u)" -eq 0 ]; then
		unshare --mount --pid --fork --kill-child "$1" "$tree" || status=$?
	elif unshare --user --map-root-user --map-auto --mount true 2>/dev/null; then
		echo "$what: not root: running as root of a user namespace"
		unshare --user --map-root-user --map-auto --mount --pid --fork --kill-child \
			"$1" "$tree" || status=$?
	else
		fail "this needs root, or user namespaces with a range of user ids (newuidmap," \
			"/etc/subuid); try: sudo make $what"
	fi
	exit $status
}

contained_clean() {
	# The overlay leaves a directory that only its owner may enter.
	chmod -R u+rwx "$work" 2>/dev/null || true
	rm -rf "$work"
}

# To be called at the end, with the status; ends what runs.
contained_finish() { # STATUS
	for pid in $agent_pid $server_pid; do
		kill "$pid" 2>/dev/null || true
	done
	if [ "$1" -ne 0 ]; then
		echo "--- the server's last lines"
		tail -n 15 "$work/server.log" 2>/dev/null || true
		echo "--- the agent's last lines"
		tail -n 15 "$work/agent.log" 2>/dev/null || true
	fi
}

contained_overlay() { # DIRECTORY-OF-THE-MACHINE
	name=$(echo "$1" | tr / _)
	mkdir -p "$work/upper$name" "$work/work$name" "$root$1"
	mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/upper$name,workdir=$work/work$name" \
		"$root$1" || fail "no overlay of $1 can be mounted here"
}

# In a user namespace the files of the machine's root belong to nobody and cannot be changed through
# an overlay; copies belong to us. What may not be read (shadow) is left out.
contained_etc() {
	if grep -q '^ *0 *0 *4294967295$' /proc/self/uid_map; then
		contained_overlay /etc
	else
		cp -a /etc "$root/" 2>/dev/null || true
		programs=/opt/mdm-agent net_programs=/opt/mdm-agent
	fi
}

# The file system below $root, with the agent installed and not enrolled. All in memory but
# $work/disk, which lies where TMPDIR is.
contained_make() {
	mount --make-rprivate /
	mkdir "$work/disk"
	(
		cd "$work/disk"
		mount -t tmpfs -o mode=0755 "mdm-$what" "$work"
		mkdir "$work/disk"
		mount --no-canonicalize --bind . "$work/disk"
	) || fail "no tmpfs can be mounted here"
	# Directory by directory: an overlay of / as a whole would clone what is mounted below it, which
	# a user namespace may not do.
	mkdir -p "$root"
	for entry in /*; do
		if [ -L "$entry" ]; then
			cp -P "$entry" "$root$entry"
			continue
		fi
		case $entry in
		/usr | /bin | /sbin | /lib | /lib64) contained_overlay "$entry" ;;
		/etc) contained_etc ;;
		esac
	done
	for entry in proc sys dev run tmp mnt opt root home srv var/lib; do
		mkdir -p "$root/$entry"
	done
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount --rbind /dev "$root/dev"
	mount -t tmpfs -o mode=0755 run "$root/run"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	mkdir -p "$root$programs" "$root$net_programs" "$root/run/mdm-agent"
	cp "$tree/mdm-agentd" "$tree/agentctl" "$root$programs/"
	cp "$tree/mdm-agent-net" "$root$net_programs/"
	grep -q '^mdm-agent:' "$root/etc/passwd" || {
		echo 'mdm-agent:x:64123:64123:mdm-agent:/nonexistent:/usr/sbin/nologin' \
			>>"$root/etc/passwd"
		echo 'mdm-agent:x:64123:' >>"$root/etc/group"
	}
	# What an earlier agent of this machine may have left must not play along.
	rm -rf "$root/var/lib/mdm-agent"
	mkdir -m 0700 "$root/var/lib/mdm-agent"
}

show() { # prints a command as the user would type it, then runs it
	printf '\n$ %s\n' "$*"
	"$@"
}
mdmctl() {
	"$tree/mdmctl" --org "$work/org" --passphrase-file "$work/passphrase" "$@"
}
agentctl() {
	chroot "$root" $programs/agentctl "$@"
}
now_ms() { # not by date, whose nanoseconds busybox does not know
	awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime
}
wait_for() { # SECONDS WHAT COMMAND…: until the command succeeds
	limit=$(($(now_ms) + $1 * 1000))
	event=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$limit" ] || fail "$event did not happen in time"
		sleep 0.05
	done
}

organisation_passphrase() {
	(umask 077 && head -c 18 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/passphrase")
	mkdir -m 0700 "$server_dir"
}

# Starts the server, before it any words of $server_prefix, behind it $server_options; tells mdmctl where it listens.
server_start() {
	: >"$work/server.log"
	# shellcheck disable=SC2086 # a command and its arguments, or nothing
	${server_prefix:-} "$tree/mdm-server" --state "$server_dir" --listen 127.0.0.1:0 \
		--admin-listen 127.0.0.1:0 ${server_options:-} >"$work/server.log" 2>&1 &
	server_pid=$!
	wait_for 10 "the start of the server" grep -q 'listening on' "$work/server.log"
	address=$(sed -n 's/.*listening on \(https:[^, ]*\).*/\1/p' "$work/server.log" | head -n 1)
	admin=$(sed -n 's/.*administration on \(https:[^, ]*\).*/\1/p' "$work/server.log" |
		head -n 1)
	mdmctl config set server "$address" >/dev/null
	mdmctl config set admin "$admin" >/dev/null
}
server_stop() {
	kill "$server_pid"
	wait "$server_pid" 2>/dev/null || true
	server_pid=''
}

# Writes a ticket for a group to /tmp/ticket of the contained system.
ticket_make() { # GROUP
	mdmctl ticket new --group "$1" --json >"$work/ticket.json"
	uri=$(sed -n 's/.*"uri": *"\(mdm:[^"]*\)".*/\1/p' "$work/ticket.json" | sed 's|\\/|/|g')
	[ -n "$uri" ] || fail "mdmctl made no ticket"
	printf '%s\n' "$uri" >"$root/tmp/ticket"
}

agent_start() {
	# shellcheck disable=SC2086 # a command and its arguments, or nothing
	${agent_prefix:-} chroot "$root" $programs/mdm-agentd \
		--net-program $net_programs/mdm-agent-net \
		--state-dir /var/lib/mdm-agent --socket /run/mdm-agent/agent.sock \
		>>"$work/agent.log" 2>&1 &
	agent_pid=$!
	wait_for 10 "the start of the agent" agentctl version --json
	wait_for 10 "an answer of the agent" agentctl status
}
agent_stop() {
	kill "$agent_pid"
	wait "$agent_pid" 2>/dev/null || true
	agent_pid=''
}
