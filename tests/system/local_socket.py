#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""local_socket.py BUILD_DIR - the real mdm-agentd and local users who do not behave.

The agent runs on an empty tree, not enrolled. The last line is "N passed, N failed".
"""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

STATUS = struct.pack("=II8x", 32, 8)  # agent/ipc/message.h: CTL_STATUS
REQUESTS = 50
PLACES = 16  # LIMIT_LOCAL_CLIENTS
IDLE = 10  # LIMIT_LOCAL_IDLE_SECONDS
NOBODY = 65534


class Agent:
    def __init__(self, build, directory):
        os.chmod(directory, 0o755)
        self.path = os.path.join(directory, "socket")
        sysroot = os.path.join(directory, "root")
        os.mkdir(sysroot)
        self.process = subprocess.Popen(
            [os.path.join(build, "mdm-agentd"), "--state-dir", os.path.join(directory, "state"),
             "--socket", self.path, "--sysroot", sysroot, "--net-program", "/bin/false"])
        while not os.path.exists(self.path):
            assert self.process.poll() is None, "mdm-agentd ended"
            time.sleep(0.01)

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)

    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(30)
        for _ in range(1000):
            try:
                s.connect(self.path)
                return s
            # An agent that starts has made the socket, but not yet opened it to everybody nor listened.
            except (BlockingIOError, ConnectionRefusedError, PermissionError):
                time.sleep(0.01)
        raise AssertionError("nobody listens at " + self.path)

    def is_answered(self):
        with self.connect() as s:
            try:
                s.send(STATUS)
                data, fds, _, _ = socket.recv_fds(s, 4096, 4)
            except (BrokenPipeError, ConnectionResetError):
                return False
            for fd in fds:
                os.close(fd)
            return len(data) > 0


def answers(s):
    """All that lie there."""
    n = 0
    s.setblocking(False)
    while True:
        try:
            data, fds, _, _ = socket.recv_fds(s, 4096, 4)
        except (BlockingIOError, ConnectionResetError):
            return n
        if not data:
            return n
        for fd in fds:
            os.close(fd)
        n += 1


def as_other_user(function, *arguments):
    """In a process of an ordinary user; in this one if it is none."""
    if os.geteuid() != 0:
        return function(*arguments)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            function(*arguments)
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def leave_unread(agent):
    s = agent.connect()
    for _ in range(REQUESTS):
        s.send(STATUS)
    # Each of these takes the loop round at least once.
    for _ in range(2 * REQUESTS):
        assert agent.is_answered()
    n = answers(s)
    assert n == 1, "%d answers lie in memory for one client" % n
    s.close()


def fill_places(agent, ready, go):
    held = [agent.connect() for _ in range(PLACES)]
    for s in held:
        try:
            s.send(STATUS)
        except BrokenPipeError:
            pass
    os.write(ready, b"x")
    os.read(go, 1)
    served = sum(answers(s) for s in held)
    assert 0 < served <= PLACES // 2, "%d places for one user" % served


def test_unread_answers(agent):
    as_other_user(leave_unread, agent)
    assert agent.is_answered()


def test_all_places(agent):
    """Somebody who reads nothing does not keep root from an answer."""
    if os.geteuid() != 0:
        return
    ready, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            as_other_user(fill_places, agent, ready[1], go[0])
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    os.read(ready[0], 1)
    for _ in range(PLACES):
        assert agent.is_answered()
    os.write(go[1], b"x")
    assert os.waitpid(pid, 0)[1] == 0
    for fd in ready + go:
        os.close(fd)


def test_silent_client(agent):
    """Who says nothing is dropped, not at once, and others are answered meanwhile."""
    silent = agent.connect()
    started = time.monotonic()
    silent.settimeout(IDLE / 2)
    try:
        data = silent.recv(4096)
        raise AssertionError("dropped after %.1f s with %r" %
                             (time.monotonic() - started, data))
    except socket.timeout:
        pass
    assert agent.is_answered()
    # Far beyond the limit, for a machine that is busy; a client that is kept ends in a timeout.
    silent.settimeout(60)
    try:
        data = silent.recv(4096)
    except ConnectionResetError:
        data = b""
    assert data == b"", data
    # sd-event may be late, never early.
    assert time.monotonic() - started >= IDLE - 1
    silent.close()
    assert agent.is_answered()


def main():
    passed = failed = 0
    for test in (test_unread_answers, test_all_places, test_silent_client):
        with tempfile.TemporaryDirectory() as directory:
            agent = Agent(os.path.abspath(sys.argv[1]), directory)
            try:
                test(agent)
                assert agent.stop() == 0
                passed += 1
            except Exception:
                traceback.print_exc()
                print("FAILED", test.__name__)
                failed += 1
                agent.process.kill()
                agent.process.wait()
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


sys.exit(main())
