#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pam_mdm.so with the real mdm-agentd and mdm-agent-verify: wrong passwords delay and lock, the right one lets in and is
judged, and an agent that is killed, stopped or gone at whatever moment locks nobody out.

Usage: pam_agent.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from mdmctl_rig import check, run_tests
from agent_rig import wait_for
from auth_rig import Phone
from pam_rig import AUTH_ERR, AUTHTOK_ERR, RIGHT, SUCCESS, UID, WRONG, Etc, Stacks, enter, talk

LIMITS = {"free_attempts": 3, "first_delay": 3, "longest_delay": 3600, "max_attempts": 10}
PATIENT = {"free_attempts": 20, "first_delay": 1, "longest_delay": 1}


class World:
    """A phone whose /etc is the one that libpam sees."""

    def __init__(self, base, settings):
        # On the machine's own /etc as yet: the administrator's part needs none of this.
        self.phone = Phone(base, {"password": settings})
        self.agent = self.phone.agent
        self.agent.stop()
        self.etc = Etc(base)
        subprocess.run(["cp", "-an", self.agent.path("etc") + "/.", "/etc"], check=True)
        subprocess.run(["mount", "--bind", self.etc.path, self.agent.path("etc")], check=True)
        self.agent.start()
        self.phone.settled()
        self.stacks = Stacks(base, self.phone.path)

    def talk(self, *args, **options):
        return talk(self.stacks, *args, **options)

    def row(self):
        return self.phone.account()

    def close(self):
        self.phone.close()
        subprocess.run(["umount", "-l", self.agent.path("etc")], check=False)
        self.etc.close()


def with_world(settings):
    def decorate(function):
        def run(base):
            world = World(base, settings)
            try:
                function(world)
            finally:
                world.close()
        run.__name__ = function.__name__
        return run
    return decorate


@with_world(dict(LIMITS, min_length=8))
def right_and_wrong(world):
    """In a locker, as the user, and in a service of root's: one count."""
    for uid in (UID, None):
        told = world.talk([RIGHT], uid=uid)
        check(told.results == [SUCCESS], told, world.agent.log(), world.agent.status()["passwords"])
        wait_for("the count", lambda: world.row()["failed"] == 0)
    for uid in (UID, None, UID):
        told = world.talk([WRONG], uid=uid)
        check(told.results == [AUTH_ERR] and not told.said, told)
    for uid in (UID, None):
        told = world.talk([RIGHT], uid=uid)
        check(told.results == [AUTH_ERR] and not told.prompts and told.said[0].startswith("Too many wrong attempts."), told)
    wait_for("the end of the wait", lambda: world.talk([RIGHT], uid=UID).results == [SUCCESS])
    wait_for("the count", lambda: world.row()["failed"] == 0)
    # Others are not affected, nor is who has no password, nor who is no person.
    told = world.talk([""], user="blank")
    check(told.results == [SUCCESS], told)
    told = world.talk([WRONG], user="other")
    check(told.results == [SUCCESS], told, world.agent.status()["passwords"])
    # A user asks about the other one: that counts nothing.
    for _round in range(5):
        told = world.talk([WRONG], uid=UID + 1)
        check(told.results[0] != SUCCESS, told)
    check(world.row()["failed"] == 0, world.row())


@with_world({"free_attempts": 1, "first_delay": 1, "longest_delay": 1, "max_attempts": 4})
def locked_out(world):
    def guess():
        told = world.talk([WRONG], uid=UID)
        check(told.results == [AUTH_ERR], told)
        return told if told.said and told.said[0].startswith("No attempts are left.") else None

    told = wait_for("the end of the attempts", guess)
    check("Ask Example Org for an unlock code" in told.said[0], told)
    for uid in (UID, None):
        check(world.talk([RIGHT], uid=uid).results == [AUTH_ERR], "the right one still works")
    world.agent.stop(signal.SIGKILL)
    # The rule for an agent that is not there; and what was counted is still so when it is back.
    check(world.talk([RIGHT], uid=UID).results == [SUCCESS])
    world.agent.start()
    wait_for("the agent", lambda: world.talk([RIGHT], uid=UID).results == [AUTH_ERR])


@with_world(dict(PATIENT, min_length=20, history=2))
def a_weak_one_and_its_change(world):
    better = "a much better horse 2580"
    check(world.talk([RIGHT], uid=UID).results == [SUCCESS])
    weak = wait_for("the verdict", lambda: world.row()["judged"] and world.row()["broken"])
    told = world.talk(["too short"], "chauthtok")
    check(told.results == [AUTHTOK_ERR] and len(told.said) == 3 and "at least 20" in told.said[0], told, weak)
    told = world.talk(["too short", "too short", better], "chauthtok")
    check(told.results == [SUCCESS], told)
    check(world.talk([better], uid=UID).results == [SUCCESS] and world.talk([RIGHT], uid=UID).results == [AUTH_ERR])
    wait_for("a verdict without fault", lambda: world.row()["judged"] and not world.row()["broken"])
    # The one before is in the history; the agent has seen the file change.
    told = wait_for("the history", lambda: (lambda t: t if t.results == [AUTHTOK_ERR] else None)(
        world.talk([better], "chauthtok")))
    check("cannot be used" in told.said[0], told)


@with_world(PATIENT)
def killed_at_any_moment(world):
    """Again and again while somebody logs in: whoever types the right password gets in."""
    stop, rng = threading.Event(), random.Random(7)

    def kill():
        while not stop.is_set():
            time.sleep(rng.uniform(0, 0.4))
            world.agent.process.kill()
            world.agent.process.wait()
            world.agent.process = None
            for path in (world.agent.socket,):
                if os.path.exists(path):
                    os.unlink(path)
            world.agent.start()

    killer = threading.Thread(target=kill)
    killer.start()
    slowest = 0
    try:
        for n in range(25):
            told = world.talk([RIGHT], uid=UID if n % 2 else None)
            check(told.results == [SUCCESS], n, told, world.agent.log()[-1500:])
            slowest = max(slowest, told.seconds)
    finally:
        stop.set()
        killer.join()
    check(slowest < 30, slowest)
    # And is counted as right when all is quiet again.
    wait_for("the count", lambda: world.talk([RIGHT]).results == [SUCCESS] and world.row()["failed"] == 0)


@with_world(PATIENT)
def stopped(world):
    """An agent that hangs holds nobody up for longer than three seconds, and says later what it missed."""
    world.agent.process.send_signal(signal.SIGSTOP)
    try:
        for uid in (None, UID):
            told = world.talk([RIGHT], uid=uid)
            check(told.results == [SUCCESS] and 2.5 < told.seconds < 20, told, told.seconds)
            told = world.talk([WRONG], uid=uid)
            check(told.results == [AUTH_ERR], told)
    finally:
        world.agent.process.send_signal(signal.SIGCONT)
    check(world.talk([RIGHT]).results == [SUCCESS])
    wait_for("the record of what was missed", lambda: world.agent.journal("auth_missed"))


@with_world(PATIENT)
def nothing_is_left_of_it(world):
    """Neither the agent nor the program around the module has the password afterwards."""
    alone = world.stacks.write("alone", "".join(
        row for row in world.stacks.unix().splitlines(True) if "pam_mdm" in row and "auth" in row.split()[0]) +
        "auth required pam_permit.so\n")
    for password in (RIGHT, WRONG):
        told = world.talk([password], service=alone, options=["--search"])
        check(told.results == [SUCCESS] and told.rest["copies"] == "0", told)
    wait_for("the end of the verification", lambda: world.row()["failed"] == 1)
    pid = world.agent.process.pid
    with open("/proc/%d/maps" % pid, encoding="utf-8") as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for row in maps:
            span, mode = row.split()[:2]
            start, end = (int(x, 16) for x in span.split("-"))
            if not mode.startswith("rw"):
                continue
            memory.seek(start)
            data = memory.read(end - start)
            for password in (RIGHT, WRONG):
                check(password.encode() not in data, "in the agent's memory", row)


TESTS = [right_and_wrong, locked_out, a_weak_one_and_its_change, killed_at_any_moment, stopped, nothing_is_left_of_it]

if __name__ == "__main__":
    if not enter():
        print("  skipped: service files and passwords of one's own need root and a mount namespace")
        print("0 passed, 0 failed, %d skipped" % len(TESTS))
        sys.exit(0)
    sys.exit(run_tests(TESTS))
