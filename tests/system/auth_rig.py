# SPDX-License-Identifier: Apache-2.0
"""What tests of passwords stand on: a phone with a policy about them, accounts and a shadow file of its
own, and a peer that speaks what pam_mdm.so speaks to mdm-agentd. The agent and mdm-agent-verify are
the real ones; the accounts are users of nobody else on this machine."""

import array
import multiprocessing
import os
import secrets
import socket
import struct
import subprocess
import time

from mdmctl_rig import BUILD, Admin, Server, check
from agent_rig import Agent, wait_for

OWNER, OTHER = 48211, 48212  # uids
GO, UNCOUNTED, WAIT, LOCKED_OUT, UNLOCKED, WRONG_CODE, REFUSED = range(7)
CHECK, ATTEMPT, CHANGE = 24, 25, 26
ANSWER_BYTES = 3 * 4 + 16 * 4 + 257 + 3
RIGHT = "lantern-Oboe 77"


def hashed(password, salt=None):
    """A field of shadow(5), another one each time unless the salt is given: "rounds=N$SALT" or "SALT"."""
    return subprocess.run(["openssl", "passwd", "-6", "-stdin", "-salt", salt or "rounds=1000$" + secrets.token_hex(8)],
                          input=password, capture_output=True, text=True, check=True).stdout.strip()


class Answer:
    def __init__(self, data):
        check(len(data) == 8 + ANSWER_BYTES, "an answer of %d bytes" % len(data))
        kind, n_bytes, self.verdict, self.wait_s, self.broken = struct.unpack("<IIIII", data[:20])
        check((kind, n_bytes) == (27, ANSWER_BYTES), kind, n_bytes)
        self.rules = struct.unpack("<16I", data[20:84])
        self.contact = data[84:341].split(b"\0")[0].decode()

    def __repr__(self):
        return "verdict %d, %d s, broken %x" % (self.verdict, self.wait_s, self.broken)


def request(kind, user, service="test", n_missed=0, is_remote=0):
    return struct.pack("<II33s65sBxI", kind, 104, user.encode(), service.encode(), is_remote, n_missed)


def connect(path, timeout=10):
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # As the module does: a full queue in the kernel is waited for, in turn.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", timeout, 0))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", timeout, 0))
    peer.connect(path)
    return peer


def pipe_with(password):
    """The reading end of a pipe that holds the password and that nobody writes to any more."""
    read, write = os.pipe()
    os.write(write, password if isinstance(password, bytes) else password.encode())
    os.close(write)
    return read


def send(peer, kind, user, fds=(), **more):
    peer.sendmsg([request(kind, user, **more)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])


def receive(peer):
    data = peer.recv(4096)
    return Answer(data) if data else None


def ask_once(path, kind, user, fds, more):
    peer = connect(path)
    try:
        send(peer, kind, user, fds, **more)
        return receive(peer)
    except (BrokenPipeError, ConnectionResetError):
        return None
    finally:
        peer.close()


def ask(path, kind, user, password=None, **more):
    """One question on a connection of its own, as pam_mdm.so asks: again where its place was taken."""
    end = time.monotonic() + 3
    answer = None
    while answer is None and time.monotonic() < end:
        fds = [] if password is None else [pipe_with(password)]
        answer = ask_once(path, kind, user, fds, more)
        for fd in fds:
            os.close(fd)
    return answer


def log_in(path, user, password, **more):
    """What pam_mdm.so does around one authentication; the verdict on which it goes on or not."""
    first = ask(path, CHECK, user, **more)
    return first if first.verdict != GO else ask(path, ATTEMPT, user, password, **more)


def as_user(uid, function, *args):
    """Runs it in a process of that user; what it returns."""
    def run(result):
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        try:
            result.send((True, function(*args)))
        except BaseException as error:
            result.send((False, repr(error)))
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=run, args=(theirs,))
    process.start()
    theirs.close()
    check(ours.poll(120), "a process of the user did not end")
    good, value = ours.recv()
    process.join(30)
    check(good, value)
    return value


class Phone:
    """An organisation, its server and one phone with a policy about passwords in force."""

    def __init__(self, base, settings, as_root=True, **accounts):
        os.chmod(base, 0o755)
        self.base, self.admin = base, Admin(base)
        self.server = Server(self.admin)
        self.serial = 0
        self.agent = Agent(base, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
        self.agent.options += ["--verify-program", os.path.join(BUILD, "mdm-agent-verify")]
        self.agent.write("bin/sh", "")
        os.chmod(self.agent.path("bin/sh"), 0o755)
        self.agent.write("etc/login.defs", "UID_MIN 1000\nUID_MAX 60000\n")
        self.hashes = {"root": "!", "owner": hashed(RIGHT), "other": hashed("other's own 9")}
        self.hashes.update(accounts)
        self.write_accounts()
        self.path = os.path.join(self.agent.base, "auth.sock")
        self.agent.start()
        self.push(settings)
        self.agent.enrol(self.admin.json("ticket", "new", "--group", "staff")["uri"])
        self.settled()

    def write_accounts(self):
        uids = {"root": 0, "owner": OWNER, "other": OTHER}
        self.agent.write("etc/passwd.new", "nobody:x:65534:65534::/:/sbin/nologin\n" + "".join(
            "%s:x:%d:%d::/home/%s:/bin/sh\n" % (user, uid, uid, user) for user, uid in uids.items()))
        self.agent.write("etc/shadow.new", "".join(
            "%s:%s:20000:0:99999:7:::\n" % (user, self.hashes[user]) for user in uids))
        for name in ("passwd", "shadow"):
            os.rename(self.agent.path("etc/%s.new" % name), self.agent.path("etc/" + name))

    def set_password(self, user, password):
        self.hashes[user] = hashed(password)
        self.write_accounts()

    def push(self, settings):
        self.wanted = settings
        self.admin.policy("p.json", settings)
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        self.admin.ok("policy", "push", "p.jws")

    def settled(self):
        wanted = {"%s.%s" % (area, name): value for area, rows in self.wanted.items()
                  for name, value in rows.items()}
        wait_for("the policy\n" + self.agent.log(), lambda: wanted.items() <= self.agent.effective().items())

    def ask(self, kind, user="owner", password=None, **more):
        return ask(self.path, kind, user, password, **more)

    def log_in(self, password, user="owner", **more):
        return log_in(self.path, user, password, **more)

    def account(self, user="owner"):
        rows = self.agent.status()["passwords"]["accounts"]
        return next((row for row in rows if row["user"] == user), None)

    def failed(self, user="owner"):
        """Wrong attempts in a row, once nothing is under way."""
        check(self.ask(CHECK, user) is not None)
        row = self.account(user)
        return row["failed"] if row else None

    def close(self):
        self.agent.stop(9)
        self.server.__exit__()


def with_phone(settings, **options):
    def decorate(function):
        def run(base):
            phone = Phone(base, {"password": settings}, **options)
            try:
                function(phone)
            finally:
                phone.close()
        run.__name__ = function.__name__
        run.__doc__ = function.__doc__
        return run
    return decorate
