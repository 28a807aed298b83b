# SPDX-License-Identifier: Apache-2.0
"""What the tests of agentctl stand on: a small fake enforcer that speaks the protocol of
agent/ipc/message.h over SOCK_SEQPACKET and misbehaves on demand, a directory and a terminal."""

import array
import base64
import fcntl
import os
import pty
import select
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
FIXTURES = os.path.join(TREE, "tests", "fixtures", "ctl")

# agent/ipc/message.h: type -> name, and bytes of the request's body
REQUESTS = {
    32: ("status", 8), 33: ("enrol", 961), 34: ("unenrol", 8), 35: ("sync", 8),
    36: ("policy_show", 8), 37: ("policy_explain", 8), 38: ("compliance", 8),
    39: ("journal_show", 16), 40: ("journal_verify", 8), 41: ("privacy", 8), 42: ("command_list", 8),
    45: ("apps", 8), 46: ("places", 8),
}
ANSWER = 63
ANSWER_BODY = struct.Struct("=II513s3x")  # code, answer_bytes, message
OK, DENIED, STATE, INPUT, UNREACHABLE, REFUSED, BUSY, INTERNAL = range(8)
LIMIT_ANSWER = 2 * 1024 * 1024

F_ADD_SEALS = 1033
SEAL_SEAL, SEAL_SHRINK, SEAL_GROW, SEAL_WRITE = 1, 2, 4, 8
ALL_SEALS = SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE

TICKET = "mdm://mdm.example.org:8443/?t=%s&s=%s&c=%s&k=%s&x=%d" % (
    "0123456789abcdef" * 2, "c2VjcmV0LXNlY3JldC1zZWNyZXQ", base64.urlsafe_b64encode(b"c" * 32).decode().rstrip("="),
    base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("="), int(time.time()) + 86400)


def fixture(name):
    with open(os.path.join(FIXTURES, name + ".json"), encoding="utf-8") as f:
        return f.read().strip()


class Fake(threading.Thread):
    """Answers every request by the table `answers`: name -> (code, message, json or None)."""

    def __init__(self, directory, how="well"):
        super().__init__(daemon=True)
        self.path = os.path.join(directory, "agent.sock")
        self.how = how
        self.requests = []
        self.answers = {
            "status": (OK, "", fixture("status_unmanaged")),
            "enrol": (OK, "", None),
            "unenrol": (OK, "", None),
            "sync": (OK, "", None),
            "policy_show": (OK, "", fixture("policy_show")),
            "policy_explain": (OK, "", fixture("policy_explain")),
            "compliance": (OK, "", fixture("compliance")),
            "journal_show": (OK, "", fixture("journal")),
            "journal_verify": (OK, "", fixture("verify_whole")),
            "privacy": (OK, "", fixture("privacy")),
            "command_list": (OK, "", fixture("commands")),
            "apps": (OK, "", fixture("apps")),
            "places": (OK, "", fixture("places")),
        }
        self.seals = ALL_SEALS
        self.stated = None
        self.held = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                self.serve(client)
            except OSError:
                pass

    def serve(self, client):
        packet = client.recv(65536)
        if not packet:
            return
        kind, size = struct.unpack_from("=II", packet)
        name, expected = REQUESTS[kind]
        assert size == expected == len(packet) - 8, (name, size, len(packet))
        self.requests.append((name, packet[8:]))
        if self.how == "hangs":
            self.held.append(client)
            return
        if self.how == "closes":
            client.close()
            return
        if self.how == "garbage":
            client.send(os.urandom(64))
        elif self.how == "short":
            client.send(struct.pack("=II", ANSWER, ANSWER_BODY.size) + b"abc")
        elif self.how == "unterminated":
            client.send(struct.pack("=II", ANSWER, ANSWER_BODY.size) + ANSWER_BODY.pack(OK, 0, b"x" * 513))
        else:
            self.answer(client, *self.answers[name])
        client.close()

    def answer(self, client, code, message, text):
        fds = []
        size = 0
        if text is not None:
            data = text if isinstance(text, bytes) else text.encode()
            fd = os.memfd_create("answer", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.write(fd, data)
            if self.seals:
                fcntl.fcntl(fd, F_ADD_SEALS, self.seals)
            fds.append(fd)
            size = len(data) if self.stated is None else self.stated
        body = ANSWER_BODY.pack(code, size, message.encode())
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        client.sendmsg([struct.pack("=II", ANSWER, len(body)) + body], control)
        for fd in fds:
            os.close(fd)

    def stop(self):
        # shutdown() wakes the accept(), which close() alone does not
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join()
        self.listener.close()
        for client in self.held:
            client.close()


class Case:
    """One test: a directory, a fake, and ways to run agentctl."""

    def __init__(self, program):
        self.program = program
        self.temporary = tempfile.TemporaryDirectory()
        self.directory = self.temporary.name
        self.fake = None

    def start(self, how="well"):
        self.fake = Fake(self.directory, how)
        return self.fake

    def command(self, *arguments):
        return [self.program, "--socket", os.path.join(self.directory, "agent.sock"), *arguments]

    @staticmethod
    def environment(extra=None):
        environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC0"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        environment.update(extra or {})
        return environment

    def run(self, *arguments, stdin="", env=None):
        return subprocess.run(self.command(*arguments), input=stdin, capture_output=True, text=True,
                              timeout=120, env=self.environment(env), check=False)

    def expect(self, code, *arguments, out=None, err=None, **more):
        result = self.run(*arguments, **more)
        where = "%s: %d\n%s\n%s" % (" ".join(arguments), result.returncode, result.stdout, result.stderr)
        assert result.returncode == code, where
        if out is not None:
            assert out in " ".join(result.stdout.split()), where
        if err is not None:
            assert err in " ".join(result.stderr.split()), where
        return result

    def tty(self, *arguments, typed=None, columns=40, env=None):
        """Runs on a terminal. typed: written once a question was asked. Returns code and output."""
        pid, master = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            command = self.command(*arguments)
            os.execve(command[0], command, self.environment({"TERM": "xterm", **(env or {})}))
        output = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if not select.select([master], [], [], 1)[0]:
                continue
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            output += data
            if typed is not None and b"> " in output:
                os.write(master, typed.encode())
                typed = None
        _, status = os.waitpid(pid, 0)
        os.close(master)
        return os.waitstatus_to_exitcode(status), output.decode(errors="replace").replace("\r\n", "\n")

    def done(self):
        if self.fake:
            self.fake.stop()
        self.temporary.cleanup()


READERS = (("status",), ("policy", "show"), ("policy", "explain"), ("compliance",), ("journal", "show"),
           ("journal", "verify"), ("command", "list"), ("apps",), ("place", "list"), ("place", "show", "office"), ("privacy",))
ACTORS = (("enroll", TICKET, "--yes"), ("unenroll", "--yes"), ("sync",))


def run_tests(tests, doc):
    """Runs the functions test_NAME of a suite; the suite's exit status."""
    if len(sys.argv) < 2:
        print(doc)
        return 2
    program = os.path.abspath(os.path.join(sys.argv[1], "agentctl"))
    passed = failed = skipped = 0
    for name, function in sorted(tests.items()):
        if not name.startswith("test_") or (len(sys.argv) > 2 and sys.argv[2] not in name):
            continue
        case = Case(program)
        try:
            function(case)
            passed += 1
        except unittest.SkipTest as reason:
            skipped += 1
            print("  skipped: %s: %s" % (name, reason))
        except Exception as error:  # a test may fail in any way
            failed += 1
            print("FAILED %s: %s: %s" % (name, type(error).__name__, error))
        finally:
            case.done()
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed or not passed else 0
