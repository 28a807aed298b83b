#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A locked out phone, and who helps: unlock codes from the policy to the phone and back, the commands
unlock-attempts and set-passcode. Real agents, the real server, the real mdmctl, chpasswd(8) of this
system on the phone's own files.

Usage: unlock.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import base64
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, check, run_tests
from agent_rig import wait_for
from auth_rig import (ATTEMPT, CHECK, GO, LOCKED_OUT, OWNER, RIGHT, UNLOCKED, WAIT, WRONG_CODE, as_user,
                      hashed, with_phone)

LOCKS = {"free_attempts": 1, "first_delay": 1, "longest_delay": 1, "max_attempts": 4}


def lock_out(phone):
    for n in range(4):
        wait_for("attempt %d" % n, lambda: phone.ask(CHECK).verdict == GO)
        phone.ask(ATTEMPT, password="no %d %f" % (n, time.time()))
    check(phone.ask(CHECK).verdict == LOCKED_OUT, phone.account())


def escrowed(phone):
    """Waits until the phone takes codes; its device id."""
    wait_for("the sealed secret\n" + phone.agent.log(),
             lambda: (phone.agent.status().get("unlock_code") or {}).get("ready"))
    return phone.agent.status()["device"]


def code(phone, device, *more):
    return phone.admin.json("unlock-code", device, *more)


def unlock(phone, text):
    return phone.agent.run("unlock", stdin=text + "\n")


def counter(phone):
    return phone.agent.status()["unlock_code"]["counter"]


@with_phone(LOCKS)
def test_from_policy_to_code(phone):
    """The policy names the escrow key by itself, the server has the blob, a code helps once."""
    device = escrowed(phone)
    check(unlock(phone, "1234 5678").returncode == 5, "nothing is locked")
    lock_out(phone)
    first = code(phone, device)
    check(first["counter"] == 0 and len(first["code"]) == 8, first)
    text = phone.admin.ok("unlock-code", device)
    check("%s %s" % (first["code"][:4], first["code"][4:]) in getattr(text, "stdout", text), text)
    # As it was read out; whoever holds the phone may enter it.
    r = as_user(OWNER, unlock, phone, " %s-%s " % (first["code"][:4], first["code"][4:]))
    check(r.returncode == 0 and "zero" in r.stdout, r)
    check(phone.ask(CHECK).verdict == GO and counter(phone) == 1)
    check(phone.log_in(RIGHT).verdict == GO)
    # Not twice, not after a restart.
    lock_out(phone)
    r = unlock(phone, first["code"])
    check(r.returncode == 7 and "not the code" in r.stderr, r)
    check(phone.ask(CHECK).verdict == LOCKED_OUT)
    r = unlock(phone, code(phone, device, "--counter", "1")["code"])
    check(r.returncode == 1 and "after a wrong code" in r.stderr, r)
    # The phone told how far it is.
    phone.agent.sync()
    wait_for("the counter", lambda: code(phone, device)["counter"] == 1)
    check([e for e in phone.agent.journal() if "unlock" in e["type"]], "not in the journal")


@with_phone(LOCKS)
def test_at_the_prompt(phone):
    """The same code where the passcode is asked for; no authentication by it."""
    device = escrowed(phone)
    lock_out(phone)
    text = code(phone, device, "--counter", "7")["code"]
    check(phone.ask(ATTEMPT, password=text).verdict == UNLOCKED, phone.agent.log())
    check(counter(phone) == 8)
    check(phone.log_in(RIGHT).verdict == GO)
    lock_out(phone)
    answer = phone.ask(ATTEMPT, password=text)
    check(answer.verdict == WRONG_CODE and 0 < answer.wait_s <= 30, answer)
    check(phone.ask(ATTEMPT, password=code(phone, device, "--counter", "8")["code"]).verdict == WAIT)
    phone.agent.stop(9)
    phone.agent.start()
    check(phone.ask(ATTEMPT, password=code(phone, device, "--counter", "8")["code"]).verdict == WAIT)


@with_phone(LOCKS)
def test_beyond_the_window(phone):
    device = escrowed(phone)
    lock_out(phone)
    check(phone.ask(ATTEMPT, password=code(phone, device, "--counter", "8")["code"]).verdict == WRONG_CODE)


@with_phone(LOCKS)
def test_malformed_codes(phone):
    escrowed(phone)
    lock_out(phone)
    for text in ("", "1234567", "123456789", "1234 567x", "x" * 100, "-" * 20):
        r = unlock(phone, text)
        check(r.returncode == 2 and "8 digits" in r.stderr, text, r)
    check(unlock(phone, "00000000").returncode == 7, "they were no attempts")


@with_phone(LOCKS)
def test_a_taken_over_server(phone):
    """It has sealed secrets it cannot open; what it exchanges or makes up shows no code."""
    device = escrowed(phone)
    database = os.path.join(phone.admin.org, "server", "mdm.db")
    if not os.path.exists(database):
        database = next(os.path.join(d, "mdm.db") for d, _, names in os.walk(phone.base) if "mdm.db" in names)
    db = sqlite3.connect(database, timeout=30)
    sealed, = db.execute("SELECT cms FROM escrow WHERE device=?", (device,)).fetchone()
    with open(os.path.join(phone.agent.state, "unlock")) as f:
        secret = next(line.split()[2] for line in f if line.startswith("current secret"))
    check(len(secret) == 64)
    raw = bytes.fromhex(secret)
    for form in (raw, secret.encode(), base64.urlsafe_b64encode(raw).rstrip(b"=")):
        check(form not in sealed, "the secret is readable")
        for name in ("mdm.db", "mdm.db-wal"):
            path = os.path.join(os.path.dirname(database), name)
            if os.path.exists(path):
                check(form not in open(path, "rb").read(), "the server has the secret")
    check(form not in phone.agent.log().encode() and secret not in phone.agent.log())
    # Sealed by somebody else to the public certificate: for this phone's name, but another enrolment.
    inside = b'{"v":1,"kind":"unlock","device":"%s","enrolment":"%s","generation":1,"secret":"%s"}' % (
        device.encode(), b"0" * 32, base64.urlsafe_b64encode(bytes(32)).rstrip(b"="))
    forged = subprocess.run(["openssl", "cms", "-encrypt", "-aes-256-gcm", "-binary", "-outform", "DER",
                             os.path.join(phone.admin.org, "escrow.pem")], input=inside, capture_output=True)
    check(forged.returncode == 0, forged.stderr)
    db.execute("DROP TRIGGER escrow_no_update")
    for bytes_, word in ((forged.stdout, "taken over"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "does not open")):
        db.execute("UPDATE escrow SET cms=? WHERE device=?", (bytes_, device))
        db.commit()
        r = phone.admin.run("unlock-code", device)
        check(r.returncode != 0 and word in r.stderr and "code  " not in r.stdout, r)
    db.close()


@with_phone(LOCKS)
def test_unlock_attempts(phone):
    """The organisation gives the attempts back, where there is a network."""
    lock_out(phone)
    device = phone.agent.status()["device"]
    order = phone.admin.json("command", "unlock-attempts", "--device", device)["id"]
    phone.agent.sync()
    wait_for("the command\n" + phone.agent.log(), lambda: any(
        row["id"] == order and row["state"] == "done" for row in phone.agent.json("command", "list")["commands"]))
    check(phone.ask(CHECK).verdict == GO and phone.log_in(RIGHT).verdict == GO)


CHPASSWD = """#!/bin/sh
# chpasswd -e -R ROOT, which stands still where the file beside ROOT says.
mode=$(cat "$3.mode" 2>/dev/null)
[ "$mode" != before ] || { : >"$3.reached"; exec sleep 60; }
%s/chpasswd "$@" || exit 1
[ "$mode" != after ] || { : >"$3.reached"; exec sleep 60; }
"""


def chpasswd_that_can_stand_still():
    """Over this system's own, for this process and what it starts."""
    if not os.environ.get("MDM_UNLOCK_PRIVATE"):
        os.environ["MDM_UNLOCK_PRIVATE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    place = tempfile.mkdtemp(prefix="mdm-unlock-")
    try:
        shutil.copy2("/usr/sbin/chpasswd", place + "/chpasswd")
        with open(place + "/over", "w") as f:
            f.write(CHPASSWD % place)
        os.chmod(place + "/over", 0o755)
        subprocess.run(["mount", "--bind", place + "/over", "/usr/sbin/chpasswd"], check=True)
        return run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2)
    finally:
        shutil.rmtree(place)


def set_passcode(phone, *arguments):
    """Signed by two; what the first was told, and how the phone ended it."""
    device = phone.agent.status()["device"]
    phone.agent.sync()
    first = phone.admin.run("command", "set-passcode", "--device", device, *arguments, "-o", "c.jws")
    check(first.returncode == 0, first)
    r = phone.admin.run("command", "cosign", "c.jws", "--key", "second", "--yes")
    check(r.returncode == 0, r)
    phone.agent.sync()

    def ended():
        rows = [row for row in phone.agent.json("command", "list")["commands"] if row["verb"] == "set-passcode"]
        return rows[0] if rows and rows[0]["state"] not in ("accepted", "running") else None
    return first, wait_for("set-passcode\n" + phone.agent.log(), ended)


def shadow(phone, user):
    return next(line.split(":")[1] for line in phone.agent.read("etc/shadow").splitlines() if line.startswith(user + ":"))


@with_phone(LOCKS, other="!")
def test_set_passcode(phone):
    """A forgotten passcode: another one that only the administrator knows, to be changed."""
    before = shadow(phone, "owner")
    lock_out(phone)
    told, row = set_passcode(phone)
    check(row["state"] == "done", row, phone.agent.log())
    digits = "".join(c for c in told.stderr.split("spaces:")[1].split("mdmctl")[0] if c.isdigit())
    check(len(digits) == 20, told.stderr)
    now = shadow(phone, "owner")
    check(now != before and now.startswith("$6$rounds=100000$") and hashed(digits, "$".join(now.split("$")[2:4])) == now)
    check(shadow(phone, "other") == "!" and shadow(phone, "root") == "!")
    check(phone.log_in(digits).verdict == GO, "attempts do not count from zero")
    wait_for("temporary", lambda: (phone.account() or {}).get("temporary"))
    check(digits not in phone.agent.log() and now not in phone.agent.log())
    phone.set_password("owner", "quite another 55")
    wait_for("changed", lambda: phone.ask(CHECK) and not (phone.account() or {}).get("temporary"))


def killed_while_setting(phone, when):
    """The agent is killed while chpasswd stands still; how the command ended afterwards."""
    with open(phone.agent.root + ".mode", "w") as f:
        f.write(when)
    device = phone.agent.status()["device"]
    phone.agent.sync()
    for arguments in (("command", "set-passcode", "user=owner", "--device", device, "-o", "c.jws"),
                      ("command", "cosign", "c.jws", "--key", "second", "--yes")):
        r = phone.admin.run(*arguments)
        check(r.returncode == 0, r)
    known = {row["id"] for row in phone.agent.json("command", "list")["commands"]}
    subprocess.Popen([os.path.join(BUILD, "agentctl"), "--socket", phone.agent.socket, "sync"],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("chpasswd\n" + phone.agent.log(), lambda: os.path.exists(phone.agent.root + ".reached"))
    phone.agent.stop(signal.SIGKILL)
    for name in (".mode", ".reached"):
        os.unlink(phone.agent.root + name)
    phone.agent.start()

    def ended():
        rows = [row for row in phone.agent.json("command", "list")["commands"]
                if row["verb"] == "set-passcode" and row["id"] not in known]
        return rows[0] if rows and rows[0]["state"] not in ("accepted", "running") else None
    return wait_for("set-passcode\n" + phone.agent.log(), ended)


@with_phone(LOCKS)
def test_killed_while_it_is_set(phone):
    """What the command says of itself afterwards is what shadow says; nothing is set a second time."""
    before = shadow(phone, "owner")
    row = killed_while_setting(phone, "before")
    check((row["state"], row["reason"]) == ("interrupted", "restarted"), row)
    check(shadow(phone, "owner") == before)
    row = killed_while_setting(phone, "after")
    check(row["state"] == "done", row)
    now = shadow(phone, "owner")
    check(now != before and now.startswith("$6$rounds=100000$"))
    wait_for("temporary", lambda: (phone.account() or {}).get("temporary"))


@with_phone(LOCKS)
def test_set_passcode_of_whom(phone):
    """Two people: one has to be named. What is not there is refused, and nothing is changed."""
    before = phone.agent.read("etc/shadow")
    for arguments, reason in (((), "ambiguous_user"), (("user=nobody",), "no_user"), (("user=root",), "no_user")):
        _, row = set_passcode(phone, *arguments)
        check((row["state"], row["reason"]) == ("refused", reason), arguments, row)
        check(phone.agent.read("etc/shadow") == before)
    _, row = set_passcode(phone, "user=other")
    check(row["state"] == "done" and shadow(phone, "owner") == phone.hashes["owner"], row)
    check(shadow(phone, "other") != phone.hashes["other"])
    device = phone.agent.status()["device"]
    for bad in ("hash=x", "hash=$6$rounds=1000$saltsalt$" + "a" * 86, "hash=$6$rounds=100000$saltsalt$" + "a" * 85,
                "hash=$6$rounds=100000$salt:salt$" + "a" * 86, "user=a:b"):
        r = phone.admin.run("command", "set-passcode", bad, "--device", device, "-o", "d.jws")
        check(r.returncode != 0, bad, r)


@with_phone(LOCKS)
def test_privacy_and_leaving(phone):
    """The user sees what was sealed and why; nothing of it stays behind."""
    escrowed(phone)
    shown = phone.agent.ok("privacy")
    check("escrow" in shown and "codes" in shown, shown)
    check(phone.agent.json("privacy")["last_report"]["sections"]["escrow"]["digest"])
    check(os.stat(os.path.join(phone.agent.state, "unlock")).st_mode & 0o777 == 0o600)
    phone.agent.ok("unenroll", "--yes")
    check("unlock" not in os.listdir(phone.agent.state), os.listdir(phone.agent.state))


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("  skipped: accounts of their own need root")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    sys.exit(chpasswd_that_can_stand_still())
