# SPDX-License-Identifier: Apache-2.0
"""What tests of pam_mdm.so stand on: a private copy of /etc in a mount namespace of their own, with users,
passwords and service files, so that the real pam_unix and its setgid helper work on them; the tool that
authenticates; and a stand-in for the agent, which answers what it is told to and knows no password."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

from mdmctl_rig import BUILD, check
# What the tests of the module call them, as well.
from auth_rig import (ATTEMPT, CHANGE, CHECK, GO, LOCKED_OUT, REFUSED, UNCOUNTED, UNLOCKED, WAIT,  # noqa: F401
                      WRONG_CODE, hashed)

MODULE = os.path.join(BUILD, "pam_mdm.so")
TOOL = os.path.join(BUILD, "tests/lib/pam_tool")
CHECKER = os.path.join(BUILD, "mdm-agent-pamcheck")
INSIDE = "MDM_PAM_INSIDE"
CONTROL = "[ignore=ignore module_unknown=ignore default=die]"
RIGHT, WRONG = "2580-right-horse", "1379-wrong-horse"
UID = 20001
SUCCESS, AUTH_ERR, AUTHTOK_ERR, IGNORE = 0, 7, 20, 25
ANSWER = 27


def enter():
    """Starts this program again where /etc is its own; returns when there, False where that is impossible."""
    if os.environ.get(INSIDE):
        return True
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        return False
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


class Etc:
    """A copy of /etc over the real one, in this namespace only. Gone with it."""

    def __init__(self, base):
        self.path = os.path.join(base, "etc")
        subprocess.run(["cp", "-a", "/etc", self.path], check=True)
        subprocess.run(["mount", "--bind", self.path, "/etc"], check=True)
        users = {"owner": (UID, hashed(RIGHT)), "other": (UID + 1, hashed(WRONG)), "blank": (UID + 2, ""),
                 "mdm-agent": (890, "!")}
        for name in ("passwd", "shadow", "group"):
            with open("/etc/" + name, encoding="utf-8") as f:
                kept = [line for line in f if line.split(":", 1)[0] not in users]
            for user, (uid, field) in users.items():
                kept.append({"passwd": "%s:x:%d:%d::/:/bin/sh\n" % (user, uid, uid), "group": "%s:x:%d:\n" % (user, uid),
                             "shadow": "%s:%s:20000:0:99999:7:::\n" % (user, field)}[name])
            with open("/etc/" + name, "w", encoding="utf-8") as f:
                f.writelines(kept)

    def close(self):
        subprocess.run(["umount", "-l", "/etc"], check=False)


def line(kind, options="", module=MODULE, control=CONTROL):
    return "-%s %s %s %s\n" % (kind, control, module, options)


class Stacks:
    """A directory of service files for pam_start_confdir(3)."""

    def __init__(self, base, sock):
        self.path = os.path.join(base, "pam.d")
        os.makedirs(self.path, exist_ok=True)
        self.options = "socket=" + sock
        self.write("other", "auth required pam_deny.so\naccount required pam_deny.so\n")
        self.write("plain", self.unix())
        self.write("bare", self.unix(own=False))

    def unix(self, options="", own=True, unix_options="nullok"):
        options = self.options + " " + options
        return ((line("auth", options) if own else "") + "auth required pam_unix.so %s\n" % unix_options +
                "account required pam_unix.so\n" + (line("password", options) if own else "") +
                "password required pam_unix.so %s sha512 %s\n" % (unix_options, "use_authtok" if own else ""))

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w", encoding="utf-8") as f:
            f.write(text)
        return name


class Talk:
    """What the tool printed."""

    def __init__(self, done, seconds):
        self.text, self.seconds = done.stdout + done.stderr, seconds
        rows = [row.split(": ", 1) for row in done.stdout.splitlines() if ": " in row]
        self.prompts = [text for kind, text in rows if kind == "prompt"]
        self.said = [text for kind, text in rows if kind in ("info", "error")]
        self.results = [int(text.split()[0]) for kind, text in rows
                        if kind in ("authenticate", "account", "setcred", "chauthtok")]
        self.rest = {kind: text for kind, text in rows if kind in ("copies", "descriptors", "signals", "start")}

    def __repr__(self):
        return self.text


def talk(stacks, answers, *steps, service="plain", user="owner", options=(), uid=None, timeout=60):
    """Authenticates with pam_tool. answers: lines; uid: as that user instead of root."""
    start = time.monotonic()
    argv = [TOOL, *(["--confdir", stacks.path] if stacks else []), *options, service, user, *(steps or ["authenticate"])]
    more = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    done = subprocess.run(argv, input="\n".join(answers) + "\n", capture_output=True, text=True, timeout=timeout, **more)
    return Talk(done, time.monotonic() - start)


def answer(verdict, wait_s=0, broken=0, rules=(), contact=""):
    rules = (list(rules) + [0] * 16)[:16]
    return struct.pack("=III16I257s3x", verdict, wait_s, broken, *rules, contact.encode())


class StandIn:
    """Not the agent: answers each question with what the test says, and keeps what it was asked. say: from the
    type of a question to an answer, bytes to be sent as they are, None for silence, "close", or a list of
    these for one question after the other."""

    def __init__(self, base, say):
        self.path = os.path.join(base, "auth.sock")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.say = {kind: list(what) if isinstance(what, list) else what for kind, what in say.items()}
        self.asked, self.missed, self.kept, self.passwords, self.remote = [], [], [], [], []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen(64)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.kept.append(peer)
            try:
                self.one(peer)
            except OSError:
                pass

    def one(self, peer):
        data, fds, _flags, _address = socket.recv_fds(peer, 4096, 4)
        kind, size = struct.unpack_from("=II", data)
        check(size == 104 and len(data) == 112, "a question of another size", len(data))
        user, service, remote, missed = struct.unpack_from("=33s65sBxI", data, 8)
        password = None
        for fd in fds:
            with os.fdopen(fd, "rb") as pipe:
                password = pipe.read()
        self.asked.append((kind, user.rstrip(b"\0").decode(), service.rstrip(b"\0").decode()))
        self.missed.append(missed)
        self.remote.append(remote)
        self.passwords.append(password)
        what = self.say.get(kind)
        if isinstance(what, list):
            what = what.pop(0)
        if what == "close":
            peer.close()
        elif isinstance(what, bytes) and len(what) == 336:
            peer.send(struct.pack("=II", ANSWER, len(what)) + what)
        elif what is not None:
            peer.send(what)

    def kinds(self):
        return [kind for kind, _user, _service in self.asked]

    def __enter__(self):
        return self

    def __exit__(self, *_args):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.kept:
            peer.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


def fresh(base):
    """Whatever another test left there."""
    for name in ("auth-missed", "auth.sock"):
        path = os.path.join(base, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
