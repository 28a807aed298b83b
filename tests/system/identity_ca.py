#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A change of the organisation's CA, with a phone through all of it.

Usage: identity_ca.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import check, run_tests
from identity_rig import in_world, openssl
from agent_rig import wait_for


def pinned(world):
    """The organisations' CA certificates that the phone believes."""
    text = open(world.file("anchors.pem")).read()
    return re.findall(r"pinned\n(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n)", text, re.S)


def push_keyset(world):
    for name in ("admin", "second"):
        world.admin.ok("keyset", "sign", "--yes", "--key", name)
    world.admin.ok("keyset", "push", "--yes")


def follow_pins(world):
    """New pins make a renewal due within the hour, and at once for a person."""
    n = len(world.events("proven"))
    world.attempt()
    # What the keyset led to is reported by itself, with the candidate; or now.
    world.phone.sync()
    check(len(world.events("proven")) == n + 1, world.events("proven"), world.phone.log())
    check(world.renewal()["state"] == "idle", world.renewal())


def another_ca(world):
    """mdmctl ca new, switch, retire, with the phone and its server through all of it."""
    world.enrol()
    one = open(os.path.join(world.admin.org, "root.pem")).read()
    world.admin.ok("ca", "new", "--new-passphrase-file", world.admin.passphrase_file)
    shutil.copy(os.path.join(world.admin.org, "next", "next.pem"), world.path("next.pem"))
    world.restart_server()
    push_keyset(world)
    follow_pins(world)
    check(len(pinned(world)) == 2 and one in pinned(world), pinned(world))

    out = os.path.join(world.base, "switched")
    world.stop_server()
    world.admin.ok("ca", "switch", "--output", out)
    for name in os.listdir(out):
        shutil.copy(os.path.join(out, name), world.path(name))
    os.unlink(world.path("next.pem"))
    world.start_server()
    two = open(os.path.join(world.admin.org, "root.pem")).read()
    check(one != two and two in pinned(world), "the switch changed nothing")
    check(world.reached(), world.phone.status()["checkin"], world.phone.log())
    world.move(53)
    world.renew()
    issuer = openssl("x509", "-in", world.file("certificate.pem"), "-noout", "-issuer")
    new_ca = openssl("x509", "-in", world.path("device-ca.pem"), "-noout", "-subject")
    check(issuer.split("=", 1)[1] == new_ca.split("=", 1)[1], issuer, new_ca)
    check(openssl("verify", "-no_check_time", "-CAfile", world.path("root.pem"), "-untrusted", world.path("device-ca.pem"),
                  world.file("certificate.pem")))

    world.admin.ok("ca", "retire")
    push_keyset(world)
    follow_pins(world)
    check([p.strip() for p in pinned(world)] == [two.strip()], "the old CA is still believed", pinned(world))
    os.unlink(world.path("previous.pem"))
    world.restart_server()
    check(world.reached(), world.phone.status()["checkin"], world.phone.log())


def asleep_through_another_ca(world):
    """The phone has the keyset with both pins, but was away when the next CA was served."""
    world.enrol()
    world.admin.ok("ca", "new", "--new-passphrase-file", world.admin.passphrase_file)
    push_keyset(world)
    world.phone.sync()
    out = os.path.join(world.base, "switched")
    world.phone.stop()
    world.stop_server()
    world.admin.ok("ca", "switch", "--output", out)
    for name in os.listdir(out):
        shutil.copy(os.path.join(out, name), world.path(name))
    # Without the certificate that the old CA gave the new one.
    chain = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n",
                       open(world.path("server-chain.pem")).read(), re.S)
    with open(world.path("server-chain.pem"), "w") as f:
        f.write(chain[0])
    world.start_server()
    world.phone.start()
    check(not world.reached(), "a server that it cannot verify was believed")
    wait_for("the new CA\n" + world.phone.log(), lambda: world.reached() or None)
    check(any(open(world.path("root.pem")).read() == p for p in pinned(world)), pinned(world))


TESTS = [
    in_world(another_ca),
    in_world(asleep_through_another_ca),
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
