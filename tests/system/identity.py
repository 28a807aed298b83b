#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A phone's certificate: renewed at half life, proven, refused, failing; copied state directories.

Usage: identity.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import PASSPHRASE, check, run_tests
from identity_rig import DAY, in_world, openssl
from agent_rig import wait_for


def half_life_renewed_proven(world):
    world.enrol()
    first = world.phone.status()["certificate"]
    check(abs(first["until"] - first["from"] - 90 * DAY) < 2 * 3600 + DAY, first)
    check(world.renewal()["state"] == "idle", world.renewal())
    check(44 * DAY < world.renewal()["next_in_s"] < 53 * DAY, world.renewal())
    world.attempt()
    check(world.events("renewed") == [], "renewed on the first day")
    check(re.search(r"Renewal +in \d+ (days|weeks|months)", world.phone.run("status").stdout), world.phone.run("status").stdout)
    # A restart remembers the dates before any exchange.
    world.phone.stop()
    world.phone.start()
    check(world.phone.status()["certificate"] == first, world.phone.status())
    world.move(53)
    check(world.renewal()["state"] == "due", world.renewal())
    world.renew()
    second = world.phone.status()["certificate"]
    check(abs(second["until"] - world.now() - 90 * DAY) < DAY, second)
    check("certificate" not in world.problems(), world.problems())
    check(world.device()["certificate_until"] == second["until"], world.device())
    # The same key, the same device.
    check(len([d for d in world.admin.ok("device", "list", "--json").splitlines() if d.strip()]) == 1)


def restarts_in_between(world):
    world.enrol()
    before = world.serial()
    world.move(53)
    world.attempt()
    check(world.renewal()["state"] == "proving", world.renewal())
    # Server and agent come back; the candidate is not forgotten.
    world.restart_server()
    world.phone.stop(9)
    world.phone.start()
    check(world.renewal()["state"] == "proving", world.renewal())
    world.phone.sync()
    check(world.renewal()["state"] == "idle" and world.serial() != before, world.renewal())
    # The server is away: nothing is given up, the old certificate stays.
    world.move(53)
    world.attempt()
    before = world.serial()
    world.stop_server()
    for _ in range(2):
        check(world.phone.sync() != 0, "a check-in without a server")
    check(world.renewal()["state"] == "proving", world.renewal())
    check(world.serial() == before and os.path.exists(world.file("certificate-new.pem")))
    world.start_server()
    for _ in range(3):
        world.phone.sync()
    check(world.renewal()["state"] == "idle" and world.serial() != before, world.renewal())
    check(world.events("candidate_refused") == [], world.events("candidate_refused"))


def other_device_ca(world):
    """A device CA of the same root, in place of the server's; the present files."""
    files = ("device-ca.pem", "device-ca-key.pem")
    kept = {name: open(world.path(name)).read() for name in files}
    new = os.path.join(world.base, "other-ca")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", new + "-key.pem")
    openssl("req", "-new", "-key", new + "-key.pem", "-subj", "/CN=other devices", "-out", new + ".csr")
    with open(new + ".ext", "w") as f:
        f.write("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
                "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    openssl("x509", "-req", "-in", new + ".csr", "-CA", os.path.join(world.admin.org, "root.pem"),
            "-CAkey", os.path.join(world.admin.org, "root-key.pem"), "-passin", "pass:" + PASSPHRASE,
            "-days", "1000", "-extfile", new + ".ext", "-out", new + ".pem", "-set_serial", "77")
    shutil.copy(new + ".pem", world.path("device-ca.pem"))
    shutil.copy(new + "-key.pem", world.path("device-ca-key.pem"))
    return kept


def a_refused_candidate_is_dropped(world):
    world.enrol()
    world.move(53)
    world.stop_server()
    kept = other_device_ca(world)
    with open(world.path("previous.pem"), "w") as f:
        f.write(kept["device-ca.pem"])
    world.start_server()
    before = world.serial()
    world.attempt()
    check(world.renewal()["state"] == "proving", world.renewal(), world.phone.log())
    # An administrator takes it back: what that CA issued is worth nothing.
    world.stop_server()
    for name, text in kept.items():
        with open(world.path(name), "w") as f:
            f.write(text)
    os.unlink(world.path("previous.pem"))
    world.start_server()
    world.phone.sync()
    wait_for("the candidate's end\n" + world.phone.log(), lambda: world.events("candidate_refused"))
    check(world.serial() == before and not os.path.exists(world.file("certificate-new.pem")))
    # The old one is used at once, by itself.
    wait_for("a check-in with the old certificate",
             lambda: world.phone.status()["checkin"]["last_error"] is None)
    check(world.renewal()["failing_since"], world.renewal())
    check("fails, first" in world.phone.run("status").stdout, world.phone.run("status").stdout)
    check(world.renewal()["next_in_s"] > 60, "it would try without end", world.renewal())
    # Plenty of life is left: no alarm. A person's request tries again.
    check("certificate" not in world.problems(), world.problems())
    world.renew()
    check(world.renewal()["failing_since"] is None, world.renewal())


def a_copied_state_directory(world):
    world.enrol()
    world.phone.sync()
    world.phone.stop()
    world.phone.start()
    check("another device" not in world.problems(), world.problems())
    clone = world.make_phone("clone", "11111111111111111111111111111113")
    world.phone.stop()
    subprocess.run(["cp", "-a", world.phone.state, clone.state], check=True)
    clone.start()
    try:
        problems = json.dumps(clone.status()["problems"])
        check("another device" in problems and "new ticket" in problems, problems)
        check(len(clone.journal("clone")) == 1, clone.journal("clone"))
        # What is in force stays in force, and the organisation hears of it.
        clone.sync()
        check(clone.status()["enrolled"], "the clone left by itself")
        section = json.dumps(world.device())
        check('"clone": true' in section, section)
        check(world.device()["clone"] == 0, "counted as two before there were two")
        # Both talk: the second one's number does not grow.
        world.phone.start()
        world.phone.sync()
        check(world.device()["clone"] > 0, world.device())
        check("another device" not in world.problems(), world.problems())
        # Enrolled anew, it is a phone of its own.
        ticket = world.admin.json("ticket", "new")["uri"]
        clone.ok("unenroll", "--yes")
        clone.enrol(ticket)
        check("another device" not in json.dumps(clone.status()["problems"]))
        check(clone.status()["device"] != world.phone.status()["device"])
    finally:
        clone.stop()


TESTS = [
    in_world(half_life_renewed_proven),
    in_world(restarts_in_between),
    in_world(a_refused_candidate_is_dropped),
    in_world(a_copied_state_directory),
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
