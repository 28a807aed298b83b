#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an administrator does with orders: through files, with two keys, cancelled, waited for; phones
that are withdrawn, the log of administrators and who tampers with it, the list of hardware. mdmctl,
the real server, a real phone.

Usage: mdmctl_orders.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import json
import os
import re
import sqlite3
import subprocess
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import MDMCTL, Admin, Server, check, run_tests
from agent_rig import wait_for
from commands import with_fleet

DONE = ["queued", "delivered", "accepted", "running", "done"]


# --- through files -------------------------------------------------------------------------------

@with_fleet
def orders_through_a_file(fleet):
    """Signed here and now, sent when somebody wants to: nothing reaches the server in between."""
    a = fleet.admin
    check("No command was given yet" in a.ok("command", "list"))
    said = a.ok("command", "sync", "--device", fleet.device, "-o", "order.jws")
    check("mdmctl command push order.jws" in said, said)
    check(a.json("command", "list")["commands"] == [], a.ok("command", "list"))
    check(fleet.phone.sync() == 0 and fleet.phone.json("command", "list")["commands"] == [])
    command = a.json("command", "push", "order.jws")["id"]
    # The same again changes nothing.
    check(a.json("command", "push", "order.jws")["id"] == command)
    (row,) = a.json("command", "list", "--device", fleet.device)["commands"]
    check((row["id"], row["verb"], row["device"], row["state"]) ==
          (command, "sync", fleet.device, "queued"), row)
    fleet.phone.sync()
    fleet.wait_state(command, "done")
    fleet.phone.sync()
    check(fleet.states(command) == DONE, fleet.told(command))
    table = a.ok("command", "list")
    check(re.search(r"^%s +sync +%s +done" % (command[:12], fleet.device[:12]), table, re.M), table)
    page = a.ok("command", "show", command[:10])
    check(command in page and all(re.search(r"Z  %s" % s, page) for s in DONE), page)
    a.fails(4, "command", "show", "0" * 32, says="knows no command")
    a.fails(2, "command", "show", "xyz", says="not the beginning of a command's id")
    # One letter of the payload is another one.
    with open(os.path.join(a.home, "order.jws")) as f:
        text = f.read()
    a.file("altered.jws", re.sub(r"\.(.)", lambda m: ".B" if m.group(1) == "A" else ".A", text, count=1))
    a.fails(1, "command", "push", "altered.jws", says="phones would refuse this document")


@with_fleet
def orders_of_two_keys(fleet):
    """Where orders take two, each person signs on a machine that has one key; one person cannot."""
    a = fleet.admin
    a.ok("keyset", "threshold", "command", "2")
    a.ok("keyset", "sign", "--yes")
    a.ok("keyset", "sign", "--yes", "--key", "second")
    a.ok("keyset", "push")
    other = os.path.join(a.home, "other")
    a.ok("key", "give", "second", other, "--new-passphrase-file", a.passphrase_file)
    check(fleet.phone.sync() == 0)
    said = a.ok("command", "sync", "--device", fleet.device)
    path = re.search(r"command-[0-9a-f]{12}\.jws", said).group(0)
    check("needs 1 more signature" in said, said)
    told = a.json("command", "sync", "--device", fleet.device, "-o", "told.jws")
    check(told["missing"] == 1 and told["file"] == "told.jws" and len(told["id"]) == 32, told)
    a.fails(1, "command", "push", path, says="needs 1 more signature")
    a.fails(1, "command", "cosign", path, "--key", "admin", "--yes", says="signed this command already")
    # Without its owner's yes nothing is signed.
    r = a.run("--org", other, "command", "cosign", path, "--key", "second", "-o", "both.jws")
    check(r.returncode != 0 and not os.path.exists(os.path.join(a.home, "both.jws")), r.stderr)
    r = a.run("--org", other, "command", "cosign", path, "--key", "second", "--yes", "-o", "both.jws")
    check(r.returncode == 0 and "both.jws is signed" in r.stdout, r.stdout, r.stderr)
    check(fleet.device in r.stderr and "sync" in r.stderr, "what is signed is not shown:", r.stderr)
    a.fails(1, "command", "cosign", "both.jws", "--key", "admin", "--yes",
            says="signed this command already")
    command = a.json("command", "push", "both.jws")["id"]
    fleet.phone.sync()
    fleet.wait_state(command, "done")
    signers = [r["data"]["signers"] for r in fleet.phone.journal("document_accepted")
               if r["data"]["type"] == "command"]
    check(len(signers) == 1 and len(set(signers[0])) == 2, signers)


# --- cancelled, waited for, withdrawn -------------------------------------------------------------

@with_fleet
def orders_are_cancelled_in_time_or_not(fleet):
    a = fleet.admin
    early, late = fleet.order("sync"), fleet.order("reboot", "delay=3600")
    said = a.ok("command", "cancel", early[:12])
    check("is cancelled; the phone never saw it" in said, said)
    check(fleet.states(early) == ["queued", "cancelled"], fleet.told(early))
    check(fleet.told(early)["detail"].startswith("by administrator "), fleet.told(early))
    a.fails(4, "command", "cancel", early, says="cancelled already; nothing is left to cancel")
    fleet.phone.sync()
    fleet.wait_state(late, "running")
    check(fleet.on_phone(early) is None, fleet.on_phone(early))
    a.fails(4, "command", "cancel", late, says="the phone has it, and what it does cannot be taken back")
    a.fails(4, "command", "cancel", "0" * 32)
    check(fleet.on_phone(late)["state"] == "running")


def waiting(fleet, *words):
    # pylint: disable=consider-using-with
    return subprocess.Popen([MDMCTL, "command", *words, "--device", fleet.device, "--wait"],
                            env=fleet.admin.env(), cwd=fleet.admin.home, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def waited(fleet, process):
    """The phone checks in until whoever waits is content."""
    wait_for("mdmctl --wait", lambda: fleet.phone.sync() == 0 and process.poll() is not None)
    return process.communicate()


@with_fleet
def orders_are_waited_for(fleet):
    """--wait ends when the phone said how it ended, and says so to scripts, too."""
    process = waiting(fleet, "sync")
    out, err = waited(fleet, process)
    check(process.returncode == 0 and re.search(r"^state +done", out, re.M), out, err)
    # This phone has no system bus.
    process = waiting(fleet, "lock")
    out, err = waited(fleet, process)
    check(process.returncode == 4 and "the command was not done" in err, process.returncode, err)
    check(re.search(r"^state +refused \(no logind\)|^state +refused \(no_logind\)", out, re.M), out)


@with_fleet
def orders_to_a_lost_phone(fleet):
    """Withdrawn: told at its next check-in, its orders cancelled, its rules in force."""
    a = fleet.admin
    queued = fleet.order("sync")
    a.fails(2, "device", "withdraw", fleet.device, says="answer it with --yes")
    check(fleet.states(queued) == ["queued"], fleet.told(queued))
    said = a.ok("device", "withdraw", fleet.device, "--yes")
    check("commands are cancelled" in said and "stay in force" in said, said)
    told = fleet.told(queued)
    check(told["state"] == "cancelled" and told["detail"] == "the phone was withdrawn", told)
    check(fleet.phone.sync() != 0)
    error = json.dumps(fleet.phone.status()["checkin"]["last_error"])
    check("403" in error or "withdrawn" in error, error)
    status = fleet.phone.status()
    check(status["enrolled"] and fleet.phone.effective()["screen_lock.idle_delay"] == 120, status)
    check(fleet.phone.read() != fleet.before, "its rules are not in force any more")
    check(fleet.on_phone(queued) is None)
    check(a.json("device", "show", fleet.device)["withdrawn"], a.json("device", "show", fleet.device))
    a.fails(4, "command", "sync", "--device", fleet.device, says="was withdrawn")
    # Twice is once.
    a.ok("device", "withdraw", fleet.device, "--yes")


# --- the log of administrators ---------------------------------------------------------------------

class Logged:
    """A server, and what somebody who owns its disk does to it while it stands still."""

    def __init__(self, base):
        self.admin = Admin(base)
        self.server = Server(self.admin)

    def act(self, n=3):
        """So many entries more, but for the first: it brings the keyset along."""
        for _ in range(n):
            self.admin.ok("ticket", "new")

    def entries(self):
        return [json.loads(line) for line in self.admin.ok("audit", "list", "--json").splitlines()]

    def tamper(self, *statements):
        self.server.__exit__()
        self.server = None
        db = sqlite3.connect(os.path.join(self.admin.org, "server", "mdm.db"))
        for statement in ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete", *statements):
            db.execute(statement)
        db.commit()
        db.close()
        self.server = Server(self.admin)

    def close(self):
        if self.server:
            self.server.__exit__()


def logged(function):
    def run(base):
        log = Logged(base)
        try:
            function(log)
        finally:
            log.close()
    run.__name__ = function.__name__
    return run


@logged
def audit_tells_who_did_what(log):
    a = log.admin
    log.act()
    lines = a.ok("audit", "list").splitlines()
    check(len(lines) == 4 and all(" 201  " in line and "(operator)  " in line for line in lines), lines)
    check(all("POST /v1/admin/tickets" in line for line in lines[1:]), lines)
    check([e["n"] for e in log.entries()] == [1, 2, 3, 4], log.entries())
    check(len(a.ok("audit", "list", "--after", "3").splitlines()) == 1)
    check(a.json("audit", "verify") == {"ok": True, "entries": 4, "new": 4})
    # Looking is not an act.
    a.ok("device", "list")
    check(a.json("audit", "verify") == {"ok": True, "entries": 4, "new": 0})
    log.act(1)
    check("5 entries, 1 of them new" in a.ok("audit", "verify"))


def altered(log, n):
    log.tamper("UPDATE audit SET json=replace(json, 'tickets', 'nothing') WHERE n=%d" % n)
    check("nothing" in log.entries()[n - 1]["target"], log.entries())


@logged
def audit_notices_an_altered_entry(log):
    a = log.admin
    log.act()
    a.ok("audit", "verify")
    log.act()
    altered(log, 6)
    a.fails(4, "audit", "verify", says="entry 6 of the audit log does not follow")
    # Also for whoever looks for the first time.
    os.unlink(os.path.join(a.org, "audit-head"))
    a.fails(4, "audit", "verify", says="entry 6 of the audit log does not follow")


@logged
def audit_notices_an_entry_altered_after_it_was_checked(log):
    a = log.admin
    log.act(4)
    check(a.json("audit", "verify")["entries"] == 5)
    altered(log, 3)
    a.fails(4, "audit", "verify", says="entry 3 of the audit log does not follow")


@logged
def audit_notices_a_hole(log):
    log.act(4)
    log.tamper("DELETE FROM audit WHERE n=3")
    log.admin.fails(4, "audit", "verify", says="entries were removed")


@logged
def audit_notices_a_cut_end(log):
    """A chain that was cut is whole: only who remembers its head knows better."""
    a = log.admin
    log.act(4)
    check(a.json("audit", "verify")["entries"] == 5)
    log.tamper("DELETE FROM audit WHERE n>3")
    a.fails(4, "audit", "verify", says="entry 5 of the audit log is not what it was at the last check")
    # Nor does a log that grows over the cut hide it.
    log.act(4)
    check(len(log.entries()) > 5, log.entries())
    a.fails(4, "audit", "verify", says="entry 5 of the audit log is not what it was at the last check")


# --- hardware ------------------------------------------------------------------------------------

def imei(beginning):
    digits = [int(d) for d in beginning]
    total = sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    return beginning + str(-total % 10)


@logged
def hardware_comes_and_goes(log):
    a = log.admin
    check("No phone is on the list" in a.ok("hardware", "list"))
    ticket = a.json("ticket", "new", "--zero-touch", "--group", "staff", "-o", "image.conf")["id"]
    number = imei("35912406712458")
    a.file("list", "# a lot\n\nPX26-0001-A7 # on a shelf\n  %s\nserial:864209753186420\n" % number)
    check("3 phones may enrol" in a.ok("hardware", "add", ticket, "list"))
    rows = [json.loads(line) for line in a.ok("hardware", "list", "--json").splitlines()]
    check([(r["serial"] or "", r["imei"] or "", r["used"] or 0, r["ticket"]) for r in rows] == [
        ("PX26-0001-A7", "", 0, ticket), ("", number, 0, ticket), ("864209753186420", "", 0, ticket)],
        rows)
    # The same again adds nobody.
    check(a.json("hardware", "add", ticket, "list")["added"] == 0)
    check(a.run("hardware", "add", ticket, "-", stdin="PX26-0002-A7\n").returncode == 0)
    table = a.ok("hardware", "list")
    check(table.count("open") == 4 and "imei:" + number in table, table)
    a.ok("hardware", "remove", str(rows[1]["row"]))
    check(number not in a.ok("hardware", "list"))
    a.fails(4, "hardware", "remove", str(rows[1]["row"]))
    a.fails(2, "hardware", "remove", "0", says="not a row")
    # A ticket that is for one phone, none at all, and a number that is none.
    one = a.json("ticket", "new", "--group", "staff")["id"]
    a.fails(4, "hardware", "add", one, "list")
    a.fails(4, "hardware", "add", "0" * 32, "list")
    a.fails(2, "hardware", "add", "short", "list", says="not the id of a ticket")
    a.file("bad", "PX26-0003-A7\n%s\n" % (number[:-1] + str((int(number[-1]) + 1) % 10)))
    a.fails(4, "hardware", "add", ticket, "bad")
    check("PX26-0003-A7" not in a.ok("hardware", "list"), "half of a list was taken")


TESTS = [f for n, f in list(globals().items()) if re.match("(orders|audit|hardware)_", n)]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, beside=4))
