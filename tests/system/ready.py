#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The order of a start: when the agent says that it is ready, and service managers let people in, what
was changed while it was off has been put right; and what programs give up before that, whoever starts them.
Real agents, the real server, mdmctl.

Usage: ready.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import fcntl
import os
import signal
import socket
import sys
import threading

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, Server, check, run_tests
from agent_rig import PATIENCE, Agent, wait_for

ROUNDS = 4


class Manager:
    """As much of a service manager as sd_notify(3) talks to."""

    def __init__(self, base):
        self.path = os.path.join(base, "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)

    def ready(self):
        self.socket.settimeout(PATIENCE)
        while b"READY=1" not in self.socket.recv(4096).split(b"\n"):
            pass

    def be_deaf(self):
        """Fills the queue: whoever says something now waits until ready() has read what lies before."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            try:
                while True:
                    other.sendto(b"STATUS=", self.path)
            except BlockingIOError:
                pass


def test_ready_means_enforced(base):
    os.chmod(base, 0o755)
    admin, manager = Admin(base), Manager(base)
    phone = Agent(base, env={"NOTIFY_SOCKET": manager.path})
    with Server(admin):
        admin.policy("p.json", {"screen_lock": {"enabled": True, "idle_delay": 120}})
        admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        admin.ok("policy", "push", "p.jws")
        with phone:
            manager.ready()
            check(phone.status()["ready"], "not enrolled, there is nothing to wait for")
            phone.enrol(admin.json("ticket", "new", "--group", "staff")["uri"])
            wait_for("the policy", lambda: "Autolock[$i]=true" in phone.read())
    for i in range(ROUNDS):
        phone.write("etc/xdg/kscreenlockerrc", "[Daemon]\nAutolock=false\nTimeout=30\n")
        manager.be_deaf()
        phone.start()
        # What would come behind READY=1 does not come now.
        wait_for("the policy before READY=1", lambda: "Autolock[$i]=true" in phone.read())
        manager.ready()
        check(phone.status()["ready"], "service managers hear more than agentctl")
        phone.stop(signal.SIGTERM if i % 2 else signal.SIGKILL)


def gains_nothing(process):
    with open("/proc/%d/status" % process.pid) as f:
        return "NoNewPrivs:\t1\n" in f.read()


def test_programs_gain_nothing(base):
    """The daemons see to it themselves: not every service manager does."""
    os.chmod(base, 0o755)
    with Server(Admin(base)) as server, Agent(base) as phone:
        check(gains_nothing(server.process), "mdm-server and its children could gain privileges")
        check(gains_nothing(phone.process), "mdm-agentd and its children could gain privileges")


def test_predecessor_still_dies(base):
    """What an agent was starting when it was killed holds its lock for a moment longer."""
    os.chmod(base, 0o755)
    phone = Agent(base)
    os.makedirs(phone.state, exist_ok=True)
    held = os.open(phone.state, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(held, fcntl.LOCK_EX)
    threading.Timer(0.5, os.close, (held,)).start()
    with phone:
        check("version" in phone.status())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(run_tests([test_ready_means_enforced, test_programs_gain_nothing, test_predecessor_still_dies]))
