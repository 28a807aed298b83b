#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdmctl and the brake on destructive commands: what is held is said to whoever gave it, another
administrator sees what it does and lets it through or not. The real server; what a server makes up,
by a false one.

Usage: mdmctl_brake.py BUILD_DIR [NAME]...        the last line is "N passed, N failed, N skipped"
"""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, Fake, Phone, Server, check, run_tests

TESTS = []
DEVICE = "ab" * 16


def test(function):
    TESTS.append(function)
    return function


class Office:
    """alice and bob, a server that lets one destructive command an hour through, and a phone."""

    def __init__(self, base):
        self.alice = Admin(base, options=("--admin-name", "alice"))
        self.alice.cheapen()
        self.server = Server(self.alice, "--destructive-per-hour", "1")
        self.bob = self.admin("bob")
        self.phone = Phone(self.alice, self.server, self.alice.json("ticket", "new"), "phone")
        self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.server.__exit__()

    def admin(self, name, directory=None):
        """The directory of another operator."""
        directory = directory or name
        self.alice.ok("admin", "new", name, "--role", "operator", "--output", directory, "--new-passphrase-file",
                      self.alice.passphrase_file)
        return os.path.join(self.alice.home, directory)

    def answer(self):
        """The commands that the phone is given when it comes."""
        have = {"keyset": 1, "assignment": 9, "policy": {}}
        return [d for d in self.phone.checkin(have, "compliant") if d.count(".") >= 4]

    def signed(self, name="c.jws", *options):
        """An order that destroys, signed by two."""
        a = self.alice
        a.ok("command", "set-passcode", "--device", self.phone.id, "-o", "one.jws", *options)
        a.ok("command", "cosign", "one.jws", "--key", "second", "--yes", "-o", name)
        return name

    def given(self, *options):
        return self.alice.json("command", "push", self.signed("c.jws", *options))

    def as_bob(self, code, *args, says=""):
        r = self.alice.run("--org", self.bob, *args)
        check(r.returncode == code and says in r.stderr, args, r.returncode, r.stdout, r.stderr)
        return r


@test
def one_passes_and_the_next_waits_for_bob(base):
    with Office(base) as office:
        a = office.alice
        first = office.given()
        check(first["held"] is False, first)
        said = a.ok("command", "push", office.signed())
        check("is held" in said and "mdmctl command approve" in said and "before 2" in said, said)
        (held,) = [c["id"] for c in a.json("command", "list")["commands"] if c["held"]]
        check(office.given()["held"] is True)
        check(len(office.answer()) == 1)
        # What the list and the page show.
        table = a.ok("command", "list")
        check(re.search(r"^%s +set-passcode +\S+ +held " % held[:12], table, re.M), table)
        check(len(a.json("command", "list", "--held")["commands"]) == 2)
        check(first["id"][:12] not in a.ok("command", "list", "--held"))
        page = a.ok("command", "show", held)
        check("given by   alice" in page and "mdmctl command approve " + held in page, page)
        check("approved" not in page.split("state")[0], page)
        # Not by whoever gave it, not without a yes, not what is not held.
        a.fails(4, "command", "approve", held, "--yes", says="you gave this command yourself")
        office.as_bob(2, "command", "approve", held, says="answer it with --yes")
        office.as_bob(4, "command", "approve", first["id"], "--yes", says="is not held")
        check(office.answer() and not any(c["approved_by"] for c in a.json("command", "list")["commands"]))
        r = office.as_bob(0, "command", "approve", held[:12], "--yes")
        check("set-passcode" in r.stderr and office.phone.id in r.stderr and "given by   alice" in r.stderr, r.stderr)
        check("is approved" in r.stdout, r.stdout)
        shown = a.json("command", "show", held)
        check((shown["held"], shown["given_by"], shown["approved_by"]) == (False, "alice", "bob"), shown)
        check("approved   bob" in a.ok("command", "show", held))
        check(len(office.answer()) == 2)
        check(a.json("command", "show", held)["state"] == "delivered")
        office.as_bob(4, "command", "approve", held, "--yes", says="is not held")
        check(len(a.json("command", "list", "--held")["commands"]) == 1)


@test
def bob_rejects_and_alice_takes_back(base):
    with Office(base) as office:
        a = office.alice
        office.given()
        one, two, three = (office.given()["id"] for _ in range(3))
        said = office.as_bob(0, "command", "reject", one).stdout
        check("is rejected; the phone never saw it" in said, said)
        check(json.loads(office.as_bob(0, "command", "reject", two, "--json").stdout) == {"id": two, "state": "cancelled"})
        a.ok("command", "cancel", three)
        states = {c["id"]: (c["state"], c["reason"], c["detail"]) for c in a.json("command", "list")["commands"]}
        check(states[one] == states[two] == ("cancelled", "rejected", "by administrator bob"), states)
        check("No command waits for another administrator" in a.ok("command", "list", "--held"))
        for id in (one, three):
            office.as_bob(4, "command", "reject", id, says="nothing to decide")
        check(len(office.answer()) == 1)
        # Everything is on record, also what was held: 202.
        log = a.ok("audit", "list")
        check(len(re.findall(r"\b202\b", log)) >= 3 and "bob" in log and "approvals" in log, log)


@test
def another_alice_is_alice(base):
    """A certificate of the same name is the same administrator, whoever has it."""
    with Office(base) as office:
        office.given()
        held = office.given()["id"]
        office.bob = office.admin("Alice", "other")
        office.as_bob(4, "command", "approve", held, "--yes", says="you gave this command yourself")
        check(office.alice.json("command", "show", held)["held"] is True)


@test
def what_expires_is_over(base):
    with Office(base) as office:
        a = office.alice
        office.given()
        r = a.run("command", "push", office.signed("c.jws", "--expires", "15s"), "--wait")
        check(r.returncode == 4 and "is held" in r.stderr, r.stdout, r.stderr)
        check("no other administrator approved it" in r.stdout or "has not answered in time" in r.stderr, r.stdout, r.stderr)
        (command,) = [c for c in a.json("command", "list")["commands"] if c["state"] == "expired"]
        check(command["detail"] == "no other administrator approved it before its end", command)
        office.as_bob(4, "command", "approve", command["id"], "--yes", says="is not held")
        office.as_bob(4, "command", "reject", command["id"], says="expired while it was held")
        check(len(office.answer()) == 1)


def record(id, document, **more):
    return dict({"id": id, "row": 1, "device": DEVICE, "enrolment": "ee" * 16, "verb": "set-passcode", "state": "queued",
                 "created": 1800000000, "expires": 1800000900, "changed": 1800000000, "reason": None, "detail": None,
                 "held": True, "given_by": "alice", "approved_by": None, "history": [], "document": document}, **more)


@test
def what_is_approved_is_what_was_signed(base):
    """The server may tell what it likes: the document is looked at here, before anybody is asked."""
    a = Admin(base)
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/devices/" + DEVICE] = (200, json.dumps({
            "id": DEVICE, "enrolment": "ee" * 16, "nonce": "AAAAAAAAAAAAAAAAAAAAAA", "withdrawn": 0}))
        ids, texts = [], []
        for name in ("a.jws", "b.jws"):
            ids.append(a.json("command", "set-passcode", "--device", DEVICE, "-o", "one.jws")["id"])
            a.ok("command", "cosign", "one.jws", "--key", "second", "--yes", "-o", name)
            with open(os.path.join(a.home, name)) as f:
                texts.append(f.read())
        half = texts[0].split("\n")[0] + "\n"
        altered = texts[0].replace(".", ".A", 1)
        path = "/v1/admin/commands/" + ids[0]
        for code, document, says in ((4, texts[1], "taken over"), (1, altered, "phones would refuse"), (4, half, "lacks 1 signature"),
                                     (1, "", ""), (1, None, "has no document"), (1, 7, "has no document")):
            fake.answers["GET", path] = (200, json.dumps(record(ids[0], document)))
            a.fails(code, "command", "approve", ids[0], "--yes", says=says)
        fake.answers["GET", path] = (200, json.dumps(record(ids[1], texts[1])))
        a.fails(4, "command", "approve", ids[0], "--yes", says="taken over")
        check(not [r for r in fake.requests if r[0] != "GET"], fake.requests)
        # The verb that the server tells is nobody's; that of the document is shown.
        fake.answers["GET", path] = (200, json.dumps(record(ids[0], texts[0], verb="lock", device="cd" * 16)))
        fake.answers["POST", "/v1/admin/approvals/" + ids[0]] = (200, "{}")
        r = a.run("command", "approve", ids[0], "--yes")
        check(r.returncode == 0 and "set-passcode" in r.stderr and DEVICE in r.stderr, r.stderr)
        check("lock" not in re.sub("unlock[a-z-]*", "", r.stderr) and "cdcd" not in r.stderr, r.stderr)
        check([r[:2] for r in fake.requests if r[0] != "GET"] == [("POST", "/v1/admin/approvals/" + ids[0])], fake.requests)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
