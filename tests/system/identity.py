#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A phone's identity over years: renewals, refused candidates, expired certificates, another CA,
copied state directories. Real agents, the real server and mdmctl; a preloaded clock shows agent and
server another date (the net role is left with the real one and the agent's floor).

Usage: identity.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, PASSPHRASE, SERVER, check, run_tests
from agent_rig import Agent, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
DAY = 86400


def openssl(*args):
    done = subprocess.run(["openssl", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(done.returncode == 0, args, done.stderr)
    return done.stdout


class World:
    """An organisation, its server and a phone, all at a date that can be moved forward."""

    def __init__(self, base, options=()):
        os.chmod(base, 0o755)
        self.base, self.days, self.port, self.options = base, 0, 0, list(options)
        self.shim = os.path.join(base, "clock_shim.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", self.shim,
                        os.path.join(HERE, "../lib/clock_shim.c")], check=True)
        self.admin = Admin(base)
        self.server = None
        self.start_server()
        self.phone = self.make_phone("phone", "11111111111111111111111111111112")

    def env(self):
        return {"LD_PRELOAD": self.shim, "CLOCK_SHIM_OFFSET": str(self.days * DAY),
                "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0",
                "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}

    def make_phone(self, name, machine_id):
        return Agent(self.base, name, {"etc/machine-id": machine_id + "\n"}, env=self.env())

    # --- the server

    @property
    def state(self):
        return os.path.join(self.admin.org, "server")

    def start_server(self):
        """On the port of the first time, which the phone knows."""
        with open(os.path.join(self.base, "server.log"), "a") as log:
            self.server = subprocess.Popen(
                [SERVER, "--state", self.state, "--listen", "127.0.0.1:%d" % self.port,
                 "--admin-listen", "127.0.0.1:0", *self.options], stdout=subprocess.PIPE, stderr=log,
                text=True, env=dict(os.environ, **self.env()))
        line = self.server.stdout.readline()
        match = re.search(r"listening on (https://\S+:(\d+)), administration on (https://\S+)", line)
        check(match, "mdm-server does not start:", line, open(log.name).read())
        self.port = int(match.group(2))
        self.admin.ok("config", "set", "server", match.group(1))
        self.admin.ok("config", "set", "admin", match.group(3))

    def stop_server(self):
        if self.server:
            self.server.terminate()
            self.server.wait(60)
            self.server.stdout.close()
            self.server = None

    def restart_server(self):
        self.stop_server()
        self.start_server()

    def path(self, name):
        return os.path.join(self.state, name)

    # --- time

    def move(self, days):
        """So many days later; both were switched off meanwhile."""
        self.phone.stop()
        self.stop_server()
        self.days += days
        self.start_server()
        self.phone.env = self.env()
        self.phone.start()

    def now(self):
        return time.time() + self.days * DAY

    # --- the phone

    def enrol(self):
        ticket = self.admin.json("ticket", "new", "--group", "staff")["uri"]
        self.phone.start()
        self.phone.enrol(ticket)
        self.id = self.phone.status()["device"]

    def file(self, name):
        return os.path.join(self.phone.state, "net", name)

    def serial(self):
        return openssl("x509", "-in", self.file("certificate.pem"), "-noout", "-serial")

    def renewal(self):
        return self.phone.status()["renewal"]

    def events(self, what):
        return [r["data"] for r in self.phone.journal("certificate") if r["data"]["what"] == what]

    def attempt(self):
        """A check-in, and the renewal that is due behind it."""
        self.phone.sync()
        wait_for("the end of the renewal", lambda: self.renewal()["state"] != "running")

    def renew(self):
        """Through a whole one: asked for, proven, the old one gone."""
        before, n = self.serial(), len(self.events("proven"))
        self.attempt()
        check(self.renewal()["state"] == "proving", self.renewal(), self.phone.log())
        check(os.path.exists(self.file("certificate-new.pem")), "there is no candidate")
        check(self.serial() == before, "the old certificate was replaced before an answer", self.phone.journal("certificate"), self.phone.log())
        self.phone.sync()
        check(self.renewal()["state"] == "idle", self.renewal(), self.phone.log())
        check(not os.path.exists(self.file("certificate-new.pem")), "the candidate is still there")
        check(self.serial() != before, "the old certificate is still there")
        check(len(self.events("proven")) == n + 1, self.events("proven"))

    def problems(self):
        return json.dumps(self.phone.status()["problems"])

    def reached(self):
        """Whether the last check-in was answered."""
        self.phone.sync()
        return self.phone.status()["checkin"]["last_error"] is None

    def device(self):
        return self.admin.json("device", "show", self.id)

    def close(self):
        self.phone.stop()
        self.stop_server()


def in_world(test, *options):
    def run(base):
        world = World(base, options)
        try:
            test(world)
        finally:
            world.close()
    run.__name__ = test.__name__
    return run


def half_life_renewed_proven(world):
    world.enrol()
    first = world.phone.status()["certificate"]
    check(abs(first["until"] - first["from"] - 90 * DAY) < 2 * 3600 + DAY, first)
    check(world.renewal()["state"] == "idle", world.renewal())
    check(44 * DAY < world.renewal()["next_in_s"] < 53 * DAY, world.renewal())
    world.attempt()
    check(world.events("renewed") == [], "renewed on the first day")
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


def ten_renewals_in_a_row(world):
    world.enrol()
    key = open(world.file("key.pem")).read()
    for i in range(10):
        world.move(53)
        world.renew()
    check(open(world.file("key.pem")).read() == key, "another key")
    check(sorted(os.listdir(os.path.dirname(world.file("key.pem")))) == [
        "anchors.pem", "certificate.pem", "key.pem"], "files are left over")
    check(world.reached(), world.phone.status()["checkin"])


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
    check(world.renewal()["next_in_s"] > 60, "it would try without end", world.renewal())
    # Plenty of life is left: no alarm. A person's request tries again.
    check("certificate" not in world.problems(), world.problems())
    world.renew()
    check(world.renewal()["failing_since"] is None, world.renewal())


def a_server_that_does_not_renew(world):
    """The alarm comes before the end, and says why."""
    world.enrol()
    device = world.phone.status()["device"]
    world.move(75)
    world.stop_server()
    kept = open(world.path("device-ca-key.pem")).read()
    database = os.path.join(world.state, "mdm.db")
    subprocess.run([sys.executable, "-c", "import sqlite3,sys\nd=sqlite3.connect(sys.argv[1])\n"
                    "d.execute('CREATE TRIGGER no BEFORE UPDATE ON certificates BEGIN SELECT RAISE(ABORT, 'no'); END')\n"
                    "d.execute('CREATE TRIGGER no2 BEFORE INSERT ON certificates BEGIN SELECT RAISE(ABORT, 'no'); END')\n"
                    "d.commit()", database], check=True)
    check(kept and device)
    world.start_server()
    world.attempt()
    check("certificate expires on" in world.problems(), world.problems(), world.phone.log())
    check("renewing it fails since" in world.problems(), world.problems())
    check("HTTP 503" in world.renewal()["reason"], world.renewal())
    check(len(world.events("expiring")) == 1, world.events("expiring"))
    world.attempt()
    check(len(world.events("expiring")) == 1, "an alarm at each attempt")
    # The server sees it, too.
    section = json.dumps(world.device())
    check("failing_since" in section, section)
    since = world.renewal()["failing_since"]
    world.move(16)
    world.attempt()
    check("certificate expired on" in world.problems(), world.problems())
    check(len(world.events("expired")) == 1, world.events("expired"))
    check(world.renewal()["failing_since"] == since, "the beginning was forgotten")
    check(world.reached(), "an expired phone does not check in")
    world.stop_server()
    subprocess.run([sys.executable, "-c", "import sqlite3,sys\nd=sqlite3.connect(sys.argv[1])\n"
                    "d.execute('DROP TRIGGER no')\nd.execute('DROP TRIGGER no2')\nd.commit()", database],
                   check=True)
    world.start_server()
    world.renew()
    check("certificate" not in world.problems(), world.problems())


def back_within_the_grace(world):
    """Ten months on a shelf."""
    world.enrol()
    world.move(390)
    check(world.renewal()["state"] == "due", world.renewal())
    world.renew()
    check("certificate" not in world.problems(), world.problems())


def beyond_the_grace(world):
    world.enrol()
    before = world.serial()
    world.move(90 + 31)
    world.attempt()
    check(world.phone.status()["checkin"]["last_error"], "it was let in")
    check("certificate expired on" in world.problems(), world.problems())
    check("new ticket" in world.problems(), world.problems())
    check(world.serial() == before and not os.path.exists(world.file("certificate-new.pem")))
    # It never gives up.
    check(world.renewal()["state"] == "due", world.renewal())
    # An administrator who is patient brings it back.
    world.options = ["--expired-grace-days", "60"]
    world.restart_server()
    world.renew()


def pinned(world):
    """The organisations' CA certificates that the phone believes."""
    text = open(world.file("anchors.pem")).read()
    return re.findall(r"pinned\n(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n)", text, re.S)


def push_keyset(world):
    world.admin.ok("keyset", "sign", "--yes")
    world.admin.ok("keyset", "push", "--yes")


def another_ca(world):
    """mdmctl ca new, switch, retire, with the phone and its server through all of it."""
    world.enrol()
    one = open(os.path.join(world.admin.org, "root.pem")).read()
    world.admin.ok("ca", "new", "--new-passphrase-file", world.admin.passphrase_file)
    shutil.copy(os.path.join(world.admin.org, "next", "next.pem"), world.path("next.pem"))
    world.restart_server()
    push_keyset(world)
    world.phone.sync()
    # New pins: due within the hour, and at once for a person.
    check(world.renewal()["state"] == "due", world.renewal())
    check(world.renewal()["next_in_s"] <= 3600, world.renewal())
    world.renew()
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
    check(openssl("verify", "-CAfile", world.path("root.pem"), "-untrusted", world.path("device-ca.pem"),
                  world.file("certificate.pem")))

    world.admin.ok("ca", "retire")
    push_keyset(world)
    world.phone.sync()
    check(world.renewal()["state"] == "due", world.renewal())
    world.renew()
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
    in_world(ten_renewals_in_a_row),
    in_world(a_refused_candidate_is_dropped),
    in_world(a_server_that_does_not_renew),
    in_world(back_within_the_grace),
    in_world(beyond_the_grace, "--expired-grace-days", "30"),
    in_world(another_ca),
    in_world(asleep_through_another_ca),
    in_world(a_copied_state_directory),
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
