# SPDX-License-Identifier: Apache-2.0
"""What tests with a real phone stand on: mdm-agentd and mdm-agent-net as they are installed, on a
small root file system of their own in the shape of Plasma Mobile, driven with agentctl. Beside
mdmctl_rig, which has the administrator and the server. Runs as root and as a plain user."""

import json
import os
import signal
import socket
import subprocess
import time

from mdmctl_rig import BUILD, check

PATIENCE = 60
LOCKER = "etc/xdg/kscreenlockerrc"


def wait_for(what, condition, patience=PATIENCE):
    """The first true value of condition(); fails with what was waited for."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, "nothing came of it in %d s:" % patience, what)
        time.sleep(0.05)


class Agent:
    """A phone. Its directory survives stop() and start(), so that it can be rebooted."""

    def __init__(self, base, name="phone", files=(), options=(), env=None):
        self.base = os.path.join(base, name)
        self.root = os.path.join(self.base, "root")
        self.state = os.path.join(self.base, "state")
        self.socket = os.path.join(self.base, "agent.sock")
        self.log_path = os.path.join(self.base, "log")
        self.options, self.env = list(options), env
        os.makedirs(self.root)
        os.chmod(self.base, 0o755)
        self.write("etc/os-release", "ID=postmarketos\nVERSION_ID=26.06\nPRETTY_NAME=\"postmarketOS\"\n")
        self.write("usr/bin/plasmashell", "")
        self.write(LOCKER, "[Daemon]\nAutolock=false\nTimeout=30\n")
        for path, text in dict(files).items():
            self.write(path, text)
        self.process = None

    def path(self, name):
        return os.path.join(self.root, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as f:
            f.write(text)

    def read(self, name=LOCKER):
        with open(self.path(name)) as f:
            return f.read()

    def log(self):
        with open(self.log_path) as f:
            return f.read()

    def start(self):
        argv = [os.path.join(BUILD, "mdm-agentd"), "--state-dir", self.state, "--socket", self.socket,
                "--sysroot", self.root, "--net-program", os.path.join(BUILD, "mdm-agent-net")]
        if os.geteuid() == 0:
            argv += ["--net-user", "nobody"]
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(argv + self.options, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL,
                                            env=dict(os.environ, **(self.env or {})))
        wait_for("the agent's socket\n" + self.log(),
                 lambda: self.is_listening() or self.process.poll() is not None)
        check(self.process.poll() is None, "the agent ended:", self.log())
        return self

    def is_listening(self):
        """A socket is there a moment before anybody listens."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            try:
                s.connect(self.socket)
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return True

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def __enter__(self):
        return self.start()

    def __exit__(self, *args):
        self.stop(signal.SIGKILL)

    # --- agentctl ---

    def run(self, *args, stdin=""):
        return subprocess.run([os.path.join(BUILD, "agentctl"), "--socket", self.socket, *args],
                              input=stdin, text=True, capture_output=True, timeout=180)

    def ok(self, *args, **options):
        r = self.run(*args, **options)
        check(r.returncode == 0, args, r.returncode, r.stderr, self.log())
        return r.stdout

    def json(self, *args):
        r = self.run(*args, "--json")
        check(r.stdout, args, r.returncode, r.stderr)
        return json.loads(r.stdout)

    def status(self):
        return self.json("status")

    def enrol(self, ticket):
        return self.ok("enroll", "--yes", "-", stdin=ticket)

    def sync(self):
        """Checks in; the exit status (compliance has no say in it)."""
        return self.run("sync").returncode

    def journal(self, kind=None):
        records = self.json("journal", "show", "--lines", "1000")["records"]
        return [r for r in records if kind in (None, r["type"])]

    def told(self):
        """The journal as people read it, which is in sentences."""
        text = self.ok("journal", "show", "--lines", "1000")
        check(not set(text) & set("{}[]"), "JSON for people:", text)
        return text

    def effective(self):
        return {"%s.%s" % (row["area"], row["setting"]): row["value"]
                for row in self.json("policy", "show")["effective"]}
