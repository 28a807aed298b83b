#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the package may go: `mdm-agentd --prepare-removal` on phones that are managed, that left,
and that left half; with the agent running and without. Real agents, the real server.

Usage: removal.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import os
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Skip, check, run_tests, tree
from agent_rig import LOCKER, PATIENCE, Agent
from commands import Fleet, with_fleet

# What may be left in the state directory of a phone that nobody manages; docs/man/mdm-agentd.8.scd.
STAYS = {"commands", "facts", "journal", "serials", "vault"}


def prepare(root, state, prefix=(), **options):
    """Exit status and what was said on standard error."""
    r = subprocess.run([*prefix, os.path.join(BUILD, "mdm-agentd"), "--prepare-removal", "--state-dir",
                        state, "--sysroot", root], capture_output=True, text=True, timeout=PATIENCE,
                       env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent"),
                       stdin=subprocess.DEVNULL, **options)
    check(r.stdout == "", "something on standard output:", r.stdout)
    return r.returncode, r.stderr


def expect(phone, status, *says, **options):
    """Checks how it ends and what it says; nothing said means silence."""
    code, told = prepare(phone.root, phone.state, **options)
    check(code == status, "status %d, not %d:" % (code, status), told)
    check(says or not told, "not silent:", told)
    for text in says:
        check(text in told, "does not say %r:" % text, told)


def unchanged(phone, status, *says, **options):
    before = tree(phone.root), tree(phone.state)
    expect(phone, status, *says, **options)
    check((tree(phone.root), tree(phone.state)) == before, "something was changed")


def leave_half(fleet):
    """Unenrols while the file that was overridden cannot be written: a directory is in its place."""
    phone = fleet.phone
    os.rename(phone.path(LOCKER), phone.path("kept"))
    os.mkdir(phone.path(LOCKER))
    r = phone.run("unenroll", "--yes")
    check(not phone.status().get("enrolled"), r.stdout, r.stderr)
    check(os.listdir(os.path.join(phone.state, "vault")), "nothing is left in the vault")


def give_way(phone):
    os.rmdir(phone.path(LOCKER))
    os.rename(phone.path("kept"), phone.path(LOCKER))


@with_fleet
def managed_refuses(fleet):
    phone = fleet.phone
    says = "managed by Example Org (%s)" % fleet.server.url, "agentctl unenroll", "Nothing was changed"
    check("Autolock[$i]=true" in phone.read(), phone.read())
    expect(phone, 3, *says)
    phone.stop()
    unchanged(phone, 3, *says)
    # Without the keyset nobody knows the name; the server's address says enough.
    os.unlink(os.path.join(phone.state, "documents", "keyset"))
    unchanged(phone, 3, "managed by an organisation (%s)" % fleet.server.url)


@with_fleet
def left_is_silent(fleet):
    phone = fleet.phone
    phone.ok("unenroll", "--yes")
    check(phone.read() == fleet.before, phone.read())
    expect(phone, 0)
    phone.stop()
    unchanged(phone, 0)
    left = set(os.listdir(phone.state))
    check(left <= STAYS, "these stay, too:", left - STAYS)
    check(not os.listdir(os.path.join(phone.state, "vault")))


@with_fleet
def nobody_manages_it(fleet):
    """Never, or no longer: agentctl says so, and no page that looks takes it for a fault."""
    def look(phone):
        for words, status in ((("status",), 0), (("policy", "show"), 0), (("policy", "explain"), 0),
                              (("policy", "explain", "apps.blocked"), 0), (("apps",), 0), (("compliance",), 5)):
            r = phone.run(*words)
            check(r.returncode == status and r.stdout.startswith("This phone is not managed.") and not r.stderr,
                  words, r.returncode, r.stdout, r.stderr)
        for words in (("command", "list"), ("journal", "show"), ("journal", "verify"), ("privacy",)):
            r = phone.run(*words)
            check(r.returncode == 0 and r.stdout and not r.stderr, words, r.returncode, r.stderr)
        for words in (("sync",), ("unenroll", "--yes"), ("escrow", "verify")):
            r = phone.run(*words)
            check(r.returncode == 5 and "not enrolled" in r.stderr, words, r.returncode, r.stderr)

    phone = fleet.phone
    check("Accepted: the policy \"staff\"" in phone.told(), phone.told())
    check("enrolled" not in phone.json("compliance"), phone.json("compliance"))
    phone.ok("unenroll", "--yes")
    look(phone)
    with Agent(fleet.base, "another") as another:
        look(another)


def never_there(base):
    phone = type("Phone", (), {"root": base, "state": os.path.join(base, "none")})
    expect(phone, 0)
    check(not os.path.exists(phone.state), "it made a state directory")


@with_fleet
def half_left_is_finished(fleet):
    phone = fleet.phone
    leave_half(fleet)
    unchanged(phone, 1, "mdm-agentd is running", "Stop it")
    phone.stop()
    expect(phone, 1, "plasma: ", LOCKER, "remove again")
    give_way(phone)
    expect(phone, 0, "plasma: what was there before is back")
    check(phone.read() == fleet.before, phone.read())
    unchanged(phone, 0)


@with_fleet
def killed_while_leaving(fleet):
    """Whenever kill -9 comes: still managed and nothing changed, or everything is put back."""
    phone = fleet.phone
    for delay in (0, 0.002, 0.005, 0.01, 0.02, 0.05):
        if not phone.status().get("enrolled"):
            fleet.enrol()
        with subprocess.Popen([os.path.join(BUILD, "agentctl"), "--socket", phone.socket, "unenroll",
                               "--yes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asking:
            time.sleep(delay)
            fleet.kill()
            asking.wait(PATIENCE)
        code, told = prepare(phone.root, phone.state)
        check(code in (0, 3), "status", code, told)
        if code == 0:
            check(phone.read() == fleet.before, phone.read())
        phone.start()
    if phone.status().get("enrolled"):
        phone.ok("unenroll", "--yes")
    phone.stop()
    expect(phone, 0)
    check(phone.read() == fleet.before, phone.read())


@with_fleet
def lost_state_is_no_excuse(fleet):
    """Who removes the state directory by hand does not keep the rules for ever."""
    phone = fleet.phone
    phone.stop()
    shutil.rmtree(phone.state)
    expect(phone, 0, "plasma: what was there before is back")
    check(phone.read() == fleet.before, phone.read())
    check(not os.path.exists(phone.state), "it made a state directory")
    expect(phone, 0)


@with_fleet
def damaged_refuses(fleet):
    phone = fleet.phone
    phone.stop()
    with open(os.path.join(phone.state, "facts"), "a") as f:
        f.write("garbage\n")
    unchanged(phone, 1, "facts is damaged", "Start mdm-agentd", "nothing was changed")
    # What it says to do works: the agent puts the file aside, and what was overridden comes back.
    phone.start()
    phone.stop()
    expect(phone, 0, "plasma: what was there before is back")
    check(phone.read() == fleet.before, phone.read())


@with_fleet
def unknown_entry_refuses(fleet):
    phone = fleet.phone
    phone.ok("unenroll", "--yes")
    phone.stop()
    entry = os.path.join(phone.state, "vault", "later.override")
    with open(entry, "w") as f:
        f.write("mdm-agent override 2\n")
    unchanged(phone, 1, entry, "another version")
    os.unlink(entry)
    expect(phone, 0)


def read_only(place):
    """What runs a command with that directory read-only, for it alone."""
    prefix = ["unshare", "--mount", "sh", "-ec",
              'mount --bind "$0" "$0"; mount -o remount,bind,ro "$0"; exec "$@"', place]
    if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
        raise Skip("nothing can be mounted here")
    return prefix


@with_fleet
def read_only_refuses(fleet):
    if os.geteuid() != 0:
        raise Skip("mounting takes root")
    phone = fleet.phone
    leave_half(fleet)
    phone.stop()
    give_way(phone)
    expect(phone, 1, "Read-only file system", "remove again", prefix=read_only(phone.root))
    check(phone.read() != fleet.before, "it was not there to be put back")
    # The file comes back, but that this was done cannot be recorded.
    expect(phone, 1, "Read-only file system", "remove again", prefix=read_only(phone.state))
    check(phone.read() == fleet.before, phone.read())
    expect(phone, 0)
    check(not os.listdir(os.path.join(phone.state, "vault")))


def not_root(base):
    if os.geteuid() != 0:
        raise Skip("becoming another user takes root")
    program = shutil.copy(os.path.join(BUILD, "mdm-agentd"), base)
    os.chmod(base, 0o755)
    r = subprocess.run([program, "--prepare-removal", "--state-dir", base], capture_output=True, text=True,
                       user=65534, group=65534, extra_groups=[], timeout=PATIENCE)
    check(r.returncode == 1 and "run this as root" in r.stderr, r.returncode, r.stderr)


if __name__ == "__main__":
    sys.exit(run_tests([managed_refuses, left_is_silent, nobody_manages_it, never_there, half_left_is_finished,
                        killed_while_leaving, lost_state_is_no_excuse, damaged_refuses,
                        unknown_entry_refuses, read_only_refuses, not_root], 2))
