# SPDX-License-Identifier: Apache-2.0
"""What tests of a phone's identity stand on: a real agent, the real server and mdmctl at a date
that can be moved forward. A preloaded clock shows agent and server that date; the net role is left
with the real one and the agent's floor."""

import json
import os
import re
import subprocess
import sys
import time

from mdmctl_rig import Admin, SERVER, check
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
        # The phone's processor may be another one (scripts/aarch64.sh).
        self.shim = self.make_shim("clock_shim.so", "cc")
        self.phone_shim = self.make_shim("phone_shim.so", os.environ.get("MDM_CC", "cc"))
        self.admin = Admin(base)
        self.server = None
        self.start_server()
        self.phone = self.make_phone("phone", "11111111111111111111111111111112")

    def make_shim(self, name, compiler):
        path = os.path.join(self.base, name)
        subprocess.run([compiler, "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path,
                        os.path.join(HERE, "../lib/clock_shim.c")], check=True)
        return path

    def env(self, shim=None):
        return {"LD_PRELOAD": shim or self.shim, "CLOCK_SHIM_OFFSET": str(self.days * DAY),
                "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0",
                "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}

    def make_phone(self, name, machine_id):
        return Agent(self.base, name, {"etc/machine-id": machine_id + "\n"},
                     env=self.env(self.phone_shim))

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
        self.phone.env = self.env(self.phone_shim)
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

    def order(self, verb):
        """A command of this date; its id."""
        env = self.admin.env
        self.admin.env = lambda *args, **kwargs: dict(env(*args, **kwargs), **self.env())
        try:
            return self.admin.json("command", verb, "--device", self.id)["id"]
        finally:
            self.admin.env = env

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
