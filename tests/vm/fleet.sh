# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The organisation of a suite, on the host: an administrator with keys and mdmctl, mdm-server on a free
# port of the loopback, which guests reach as $VM_HOST. Sourced by suites; everything lies below
# $VM_WORK/fleet, and the server ends with the suite.

fleet_home=$VM_WORK/fleet
fleet_py=$VM_DIR/fleet.py

fleet_mdmctl() { # ARGUMENT…: as the administrator
	(cd "$fleet_home" && HOME=$fleet_home MDMCTL_PASSPHRASE_FILE=$fleet_home/passphrase \
		timeout 120 "$VM_TREE/mdmctl" "$@" </dev/null)
}

# One member of a JSON answer: "devices.0.id", "[serial=X].row" for the first element that has it.
# Nothing, and 1, where there is none.
fleet_pick() { # PATH <JSON
	/usr/bin/python3 "$fleet_py" pick "$1"
}

fleet_server_speaks() {
	grep -q 'administration on' "$fleet_home/server.out"
}

# Makes the organisation and starts its server.
fleet_start() {
	mkdir -p "$fleet_home" || return 1
	(umask 077 && echo 'a passphrase for these tests' >"$fleet_home/passphrase")
	fleet_mdmctl init --name "Example" --server "https://$VM_HOST:1" --admin https://127.0.0.1:1 \
		--host "$VM_HOST" --server-dir server >"$fleet_home/init.log" 2>&1 || {
		diag "mdmctl init failed"
		diag "$(cat "$fleet_home/init.log")"
		return 1
	}
	setpriv --pdeathsig KILL "$VM_TREE/mdm-server" --state "$fleet_home/server" \
		--listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
		>"$fleet_home/server.out" 2>"$fleet_home/server.log" </dev/null &
	fleet_pid=$!
	vm_host_until 30 fleet_server_speaks || {
		diag "$(cat "$fleet_home/server.log")"
		return 1
	}
	fleet_phones=$(sed -n 's/.*listening on https:[^,]*:\([0-9]*\),.*/\1/p' "$fleet_home/server.out")
	fleet_admins=$(sed -n 's/.*administration on \(https:[^ ]*\)/\1/p' "$fleet_home/server.out")
	fleet_mdmctl config set server "https://$VM_HOST:$fleet_phones" >/dev/null &&
		fleet_mdmctl config set admin "$fleet_admins" >/dev/null
}

fleet_stop() {
	[ -z "${fleet_pid:-}" ] || kill "$fleet_pid" 2>/dev/null || true
	wait "${fleet_pid:-}" 2>/dev/null || true
	fleet_pid=
}

# Signs a policy for a group and hands it to the server.
fleet_policy() { # GROUP TEXT
	printf '%s\n' "$2" >"$fleet_home/$1.json"
	{ fleet_mdmctl policy sign "$1.json" --stream "$1" -o "$1.jws" && fleet_mdmctl policy push "$1.jws"; } \
		>"$fleet_home/$1.log" 2>&1 || {
		diag "$(cat "$fleet_home/$1.log")"
		return 1
	}
}

# The file that an image carries, and the phones that may use it.
fleet_zero_touch() { # GROUP FILE SERIAL…
	fleet_group=$1 fleet_image=$2
	shift 2
	fleet_ticket=$(fleet_mdmctl ticket new --zero-touch --group "$fleet_group" -o "$fleet_image" \
		--json | fleet_pick id) || return 1
	printf '%s\n' "$@" >"$fleet_home/allowed"
	fleet_mdmctl hardware add "$fleet_ticket" allowed >"$fleet_home/hardware.log" 2>&1 || {
		diag "$(cat "$fleet_home/hardware.log")"
		return 1
	}
}

# The id of the phone that enrolled by this serial number.
fleet_device() { # SERIAL
	fleet_mdmctl hardware list --json | fleet_pick "[serial=$1].device"
}

# What the server knows of a phone.
fleet_get() { # ID PATH
	fleet_mdmctl device show "$1" --json | fleet_pick "$2"
}

fleet_says() { # ID PATH VALUE
	[ "$(fleet_get "$1" "$2")" = "$3" ]
}

fleet_checked_in_after() { # ID TIME-OF-LAST-SEEN
	[ "$(fleet_get "$1" last_seen)" -gt "$2" ]
}
