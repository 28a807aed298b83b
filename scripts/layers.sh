#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Who may include whom, and which libraries a program may load: layers.sh OBJECT-TREE
# The table is the one of docs/architecture.md.
set -u
tree=$1
cd "$(dirname "$0")/.." || exit 1
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# Own headers: FOLDER may include from the folders that follow it.
cat <<'TABLE' | while read -r folder may; do
agent/util
agent/json agent/util
agent/ipc agent/util
agent/trust agent/json agent/util
agent/sandbox agent/util
policies agent/json agent/util
platform policies agent/apps agent/wipe agent/util
platform/helper agent/sandbox agent/ipc agent/util
platform/media platform agent/util
platform/pam policies agent/ipc agent/util
agent/verify policies agent/sandbox agent/ipc agent/util
agent/wipe agent/util
agent/apps policies agent/util
agent/enforcer platform policies agent/trust agent/json agent/sandbox agent/apps agent/guard agent/wipe agent/ipc agent/util
agent/net agent/sandbox agent/ipc agent/util
agent/guard agent/sandbox agent/ipc agent/util
agent/ctl policies agent/trust agent/json agent/ipc agent/util
server agent/util
server/ctl policies agent/trust agent/json agent/util
TABLE
	for file in "$folder"/*.[ch]; do
		[ -e "$file" ] || continue
		sed -n 's/^#include "\(.*\)\/[^/]*"$/\1/p' "$file" | sort -u | while read -r from; do
			case " $folder $may " in
			*" $from "*) ;;
			*) echo "$file includes from $from" ;;
			esac
		done
	done
done >"$errors"

# shellcheck disable=SC2129 # three tables, three questions
# Headers of the system: PATTERN only in the folders or files that follow it.
cat <<'TABLE' | while read -r pattern only; do
curl/ agent/net server/ctl
json-c/ agent/json agent/trust policies agent/enforcer agent/ctl server/ctl
systemd/sd-bus platform
systemd/sd-event agent/util/child platform agent/enforcer
systemd/sd-daemon agent/enforcer
libudev platform
seccomp agent/sandbox
event2/ server/
sqlite3 server/
qrencode server/ctl
openssl/ssl agent/net server
security/ platform/pam
TABLE
	grep -rln "^#include <$pattern" agent policies platform server 2>/dev/null |
		while read -r file; do
			ok=
			for where in $only; do
				case $file in "$where"*) ok=1 ;; esac
			done
			[ -n "$ok" ] || echo "$file includes <$pattern…>"
		done
done >>"$errors"

# Pure code makes no system calls.
grep -nE '^#include <(fcntl|unistd|sys/|dirent|spawn|signal|pthread|netdb|arpa/)' policies/*.[ch] \
	>>"$errors"
# Few files see effects, each a part of the enforcer at its edge; of these only reconcile.h sees
# decisions as well.
edges='^agent/enforcer/(reconcile|effects|reactions|auth|auth_accounts|guard_host_private|recovery_private|apps_private|apps_work_private|places_private)\.h$|^agent/enforcer/(clone|command_passcode|empty_trials|guard_sources|guard_start|probe|recovery|recovery_keep|recovery_run|removal|wipe_find|wipe_run|zerotouch|apps_work|command_apps)\.c$'
# shellcheck disable=SC2129 # one question after the other
{
	grep -ln '^#include "platform/' agent/*/*.[ch] | grep -vE "$edges" |
		sed 's/$/ includes from platform; few files of agent\/enforcer may/'
	grep -ln '^#include "platform/' agent/enforcer/*.[ch] | xargs grep -ln '^#include "policies/' |
		grep -v '^agent/enforcer/reconcile\.h$' |
		sed 's/$/ includes from platform and policies; only reconcile.h may/'
} >>"$errors"

# Libraries: a program may not load those that follow it.
cat <<'TABLE' | while read -r program never; do
mdm-agentd libpam libcrypt.so libcurl libssl libsqlite3 libevent
mdm-agent-net libjson-c libsystemd libelogind libsqlite3 libevent
mdm-agent-verify libcurl libssl libjson-c libsystemd libelogind libsqlite3 libevent libpam
mdm-agent-wipe libcrypto libcurl libssl libjson-c libsystemd libelogind libsqlite3 libevent libpam libseccomp
mdm-agent-apps libcurl libssl libjson-c libsystemd libelogind libsqlite3 libevent libpam libseccomp
mdm-agent-guard libcrypto libcurl libssl libjson-c libsystemd libelogind libsqlite3 libevent libpam libseccomp libcap libaudit
mdm-agent-session libcurl libssl libjson-c libsqlite3 libevent
mdm-agent-media libcurl libssl libjson-c libsystemd libelogind libsqlite3 libevent libseccomp libpam
mdm-agent-pamcheck libcurl libssl libjson-c libsystemd libelogind libsqlite3 libevent libseccomp
pam_mdm.so libcrypto libcrypt libcurl libssl libjson-c libsystemd libelogind libseccomp libpam_misc
agentctl libcurl libssl libsystemd libelogind libsqlite3 libevent
mdm-server libcurl libjson-c libsystemd libelogind
mdmctl libsystemd libelogind libsqlite3 libevent
TABLE
	needed=$(readelf -d "$tree/$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
	for library in $never; do
		case $needed in
		*"$library"*) echo "$program links $library" ;;
		esac
	done
done >>"$errors"

# What is loaded into other people's programs shows them nothing but what libpam looks for.
nm -D --defined-only "$tree/pam_mdm.so" | sed 's/.* //' |
	grep -vxE 'pam_sm_(authenticate|setcred|acct_mgmt|chauthtok)' |
	sed 's/^/pam_mdm.so exports /' >>"$errors"

cat "$errors"
n=$(wc -l <"$errors")
if [ "$n" -eq 0 ]; then
	echo "1 passed, 0 failed"
else
	echo "0 passed, $n failed"
	exit 1
fi
