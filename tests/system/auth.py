#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attempts at passwords, as pam_mdm.so asks about them: counted, delayed, locked out, judged. The real
mdm-agentd and mdm-agent-verify, on accounts and a shadow file of the test's own; the peer is a stand-in
for the module that speaks its protocol, and for whoever wants to harm it.

Usage: auth.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import concurrent.futures
import glob
import hashlib
import multiprocessing
import os
import select
import signal
import struct
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import Skip, check, run_tests
from agent_rig import wait_for
from auth_rig import (ATTEMPT, CHANGE, CHECK, GO, LOCKED_OUT, OTHER, OWNER, REFUSED, RIGHT, UNCOUNTED, WAIT, WRONG_CODE,
                      Phone, as_user, ask, connect, hashed, log_in, pipe_with, receive, request, send, with_phone)

LIMITS = {"free_attempts": 3, "first_delay": 2, "longest_delay": 3600, "max_attempts": 10}
# Waits so long that nothing ends by itself while a test looks.
SLOW = {"free_attempts": 20, "first_delay": 3600, "longest_delay": 3600}
HISTORY_BIT, LENGTH_BIT = 1 << 7, 1 << 0
# The module's patience: in that time every question is answered, whatever others of the same user do.
HONEST_S = 3


def timed_log_in(path, user, password):
    """What the lock screen does, and how long its slower question took."""
    begin = time.monotonic()
    answer = ask(path, CHECK, user)
    middle = end = time.monotonic()
    if answer and answer.verdict == GO:
        answer = ask(path, ATTEMPT, user, password)
        end = time.monotonic()
    return answer, max(middle - begin, end - middle)


def honest(phone, password):
    return as_user(OWNER, timed_log_in, phone.path, "owner", password)


@with_phone(dict(LIMITS, min_length=8))
def test_right_and_wrong(phone):
    """A right password costs nothing; wrong ones count, make people wait, and one right one ends it."""
    check(phone.log_in(RIGHT).verdict == GO)
    check(phone.failed() == 0, phone.account())
    for n in range(3):
        answer = phone.log_in("wrong %d" % n)
        check(answer.verdict == GO, n, answer)
    answer = phone.ask(CHECK)
    check(answer.verdict == WAIT and 1 <= answer.wait_s <= 2, answer)
    check(answer.contact == "Example Org", answer.contact)
    check(phone.failed() == 3, phone.account())
    # Not even the right one is looked at before its time, nor does asking make it worse.
    check(phone.ask(ATTEMPT, password=RIGHT).verdict == WAIT)
    check(phone.failed() == 3, phone.account())
    wait_for("the end of the wait", lambda: phone.ask(CHECK).verdict == GO)
    check(phone.log_in(RIGHT).verdict == GO)
    check(phone.failed() == 0, phone.account())
    # The account beside it has its own count.
    check(phone.failed("other") == 0)


@with_phone({"free_attempts": 1, "first_delay": 1, "longest_delay": 1, "max_attempts": 4})
def test_locked_out(phone):
    """No attempts are left: not after a restart, not with the right password, for that account only."""
    for n in range(4):
        wait_for("attempt %d" % n, lambda: phone.ask(CHECK).verdict == GO)
        check(phone.ask(ATTEMPT, password="no %d" % n).verdict == GO)
    check(phone.ask(CHECK).verdict == LOCKED_OUT, phone.account())
    # What is typed now can only be an unlock code, which the right password is not.
    check(phone.ask(ATTEMPT, password=RIGHT).verdict in (LOCKED_OUT, WRONG_CODE))
    check(phone.account()["locked_out"] and phone.account()["failed"] == 4, phone.account())
    check([r["data"] for r in phone.agent.journal("auth_locked_out")] == [{"user": "owner", "failed": 4}])
    check("locked out" in phone.agent.ok("status"), phone.agent.ok("status"))
    phone.agent.stop(signal.SIGKILL)
    phone.agent.start()
    check(phone.ask(CHECK).verdict == LOCKED_OUT)
    check(log_in(phone.path, "other", "other's own 9").verdict == GO)
    # A policy that allows more gives more.
    phone.push({"password": {"free_attempts": 1, "first_delay": 1, "longest_delay": 1, "max_attempts": 5}})
    phone.agent.sync()
    phone.settled()
    wait_for("one more", lambda: phone.ask(CHECK).verdict == GO)
    check(phone.log_in(RIGHT).verdict == GO)
    check(phone.failed() == 0)


@with_phone({"free_attempts": 1, "first_delay": 3600, "longest_delay": 3600, "max_attempts": 4},
            root=hashed("root's own"))
def test_root_waits_a_minute(phone):
    """Root is delayed, a minute at most, and never locked out."""
    phone.agent.stop()
    rewrite_counts(phone, lambda rows: [("root", 50, 0)], boot=b"another boot, so")
    phone.agent.start()
    answer = phone.ask(CHECK, "root")
    check(answer.verdict == WAIT and 50 < answer.wait_s <= 60, answer)
    check(phone.account("root")["failed"] == 50 and not phone.account("root")["locked_out"])


def rewrite_counts(phone, change, boot=None):
    """Writes the file of counts anew, as another boot or as many attempts would have left it."""
    path = os.path.join(phone.agent.state, "attempts")
    with open(path, "rb") as f:
        data = f.read()
    slots = [data[:4096], data[4096:]]
    good = [s for s in slots if hashlib.sha256(s[:-32]).digest() == s[-32:]]
    newest = max(good, key=lambda s: struct.unpack("<Q", s[8:16]))
    head, n_rows = bytearray(newest[:48]), struct.unpack("<I", newest[36:40])[0]
    rows = [(row[:40].rstrip(b"\0").decode(), *struct.unpack("<I4xq", row[40:56]))
            for row in (newest[48 + 56 * i:104 + 56 * i] for i in range(n_rows))]
    rows = change(rows)
    if boot:
        head[16:32] = boot
    head[36:40] = struct.pack("<I", len(rows))
    slot = bytes(head) + b"".join(user.encode().ljust(40, b"\0") + struct.pack("<I4xq", n, at)
                                  for user, n, at in rows)
    slot = slot.ljust(4096 - 32, b"\0")
    with open(path, "wb") as f:
        f.write((slot + hashlib.sha256(slot).digest()) * 2)


@with_phone({"free_attempts": 3, "first_delay": 60, "longest_delay": 60})
def test_boots(phone):
    """A restart of the agent changes nothing; after a boot a wait begins anew, whole."""
    for n in range(3):
        phone.log_in("no %d" % n)
    check(phone.ask(CHECK).verdict == WAIT)
    time.sleep(3)
    phone.agent.stop(signal.SIGKILL)
    phone.agent.start()
    answer = phone.ask(CHECK)
    check(answer.verdict == WAIT and answer.wait_s <= 57, answer)
    phone.agent.stop()
    rewrite_counts(phone, lambda rows: rows, boot=b"another boot, so")
    phone.agent.start()
    answer = phone.ask(CHECK)
    check(answer.verdict == WAIT and answer.wait_s >= 59, answer)
    check(phone.failed() == 3)


@with_phone(SLOW)
def test_killed_in_every_phase(phone):
    """kill -9 of the agent at any moment: what was let through is counted, and the owner gets in."""
    went = 0
    for n in range(6):
        before = phone.failed()
        peer = connect(phone.path)
        fd = pipe_with(RIGHT if n % 2 else "no %d" % n)
        if n < 4:
            send(peer, ATTEMPT, "owner", [fd])
        if n in (2, 3):
            went = receive(peer).verdict == GO
        if n in (1, 3):
            time.sleep(0.02)
        phone.agent.stop(signal.SIGKILL)
        os.close(fd)
        peer.close()
        phone.agent.start()
        after = phone.failed()
        check(after in (0, before, before + 1), n, before, after)
        if n == 2:
            check(went and after == before + 1, "a wrong attempt that went on was forgotten", before, after)
        if n >= 4:
            check(after == before, n, before, after)
        check(phone.log_in(RIGHT).verdict == GO)
        check(phone.failed() == 0, n)


@with_phone(dict(min_length=8, forbid_common=True))
def test_quality(phone):
    """The state of an existing password becomes known at the next unlock, and again after a change."""
    check(phone.account()["judged"] is False, phone.account())
    phone.set_password("owner", "1234")
    check(phone.log_in("1234").verdict == GO)
    row = wait_for("the verdict", lambda: (lambda r: r["judged"] and r)(phone.account()))
    check(set(row["broken"]) == {"min_length", "forbid_common"}, row)
    # Nothing is counted where the policy says nothing about attempts.
    for n in range(30):
        check(phone.log_in("wrong").verdict == GO)
    check(phone.failed() == 0 and phone.account()["judged"])
    phone.agent.stop(signal.SIGKILL)
    phone.agent.start()
    check(phone.account()["judged"], "forgotten by a restart")
    phone.set_password("owner", RIGHT)
    check(wait_for("the change", lambda: (lambda r: not r["judged"] and r)(phone.account()))["broken"] == [])
    check(phone.log_in("1234").verdict == GO)
    check(not phone.account()["judged"], "a wrong password was judged")
    check(phone.log_in(RIGHT).verdict == GO)
    row = wait_for("the verdict", lambda: (lambda r: r["judged"] and r)(phone.account()))
    check(row["broken"] == [], row)
    check(phone.agent.journal("password_changed")[-1]["data"] == {"user": "owner"})
    # Other rules: the verdict was about those before.
    phone.push({"password": {"min_length": 30}})
    phone.agent.sync()
    wait_for("the other rules", lambda: not phone.account()["judged"])
    check(phone.log_in(RIGHT).verdict == GO)
    row = wait_for("the verdict", lambda: (lambda r: r["judged"] and r)(phone.account()))
    check(row["broken"] == ["min_length"], row)


@with_phone(dict(min_length=6, history=2))
def test_change(phone):
    """A new password: its rules by name, not the present one, not an earlier one; no oracle for users."""
    answer = phone.ask(CHANGE, password="1a")
    check(answer.verdict == REFUSED and answer.broken == LENGTH_BIT and answer.rules[0] == 6, answer)
    answer = phone.ask(CHANGE, password=RIGHT)
    check(answer.verdict == REFUSED and answer.broken == HISTORY_BIT and answer.rules[7] == 2, answer)
    check(phone.ask(CHANGE, password="quite another").verdict == GO)
    for new in ("quite another", "and a third", "and a fourth"):
        phone.set_password("owner", new)
        wait_for("the change to " + new, lambda: phone.ask(CHECK).verdict == GO and
                 phone.ask(CHANGE, password=new).broken == HISTORY_BIT)
    check(phone.ask(CHANGE, password="quite another").broken == HISTORY_BIT)
    check(phone.ask(CHANGE, password=RIGHT).verdict == GO, "more is remembered than the policy wants")
    # Whoever is not root would learn for free whether a guess is right.
    # Who cannot change it is told nothing of it, not even by how long an answer takes.
    check(as_user(OWNER, ask, phone.path, CHANGE, "owner", "and a fourth").verdict == UNCOUNTED)
    check(as_user(OWNER, ask, phone.path, CHANGE, "owner", "1a").verdict == UNCOUNTED)


@with_phone(SLOW, other="")
def test_uncounted(phone):
    """Whom the agent has no business with: nothing is asked, counted or kept."""
    for user in ("nobody", "other", "root", "", "x" * 32, "../etc"):
        check(phone.ask(CHECK, user).verdict == UNCOUNTED, user)
        check(phone.ask(ATTEMPT, user, "guess").verdict == UNCOUNTED, user)
    check(phone.ask(ATTEMPT, password=b"").verdict == GO)
    check(phone.failed() == 0, "an empty password is no attempt")
    phone.log_in("wrong")
    check(phone.failed() == 1)
    phone.push({"screen_lock": {"enabled": True}})
    phone.agent.sync()
    wait_for("the policy without passwords", lambda: phone.agent.status()["passwords"] is None)
    check(phone.ask(CHECK).verdict == UNCOUNTED)
    # Lifting a policy for a while must not be a way to new attempts.
    phone.push({"password": SLOW})
    phone.agent.sync()
    phone.settled()
    check(phone.failed() == 1)
    phone.agent.ok("unenroll", "--yes")
    check(phone.ask(CHECK).verdict == UNCOUNTED)
    check(not {"attempts", "passwords"} & set(os.listdir(phone.agent.state)), os.listdir(phone.agent.state))


@with_phone({"free_attempts": 3, "first_delay": 3600, "longest_delay": 3600})
def test_guesses_beside_each_other(phone):
    """However many guess at once: no more go on than the policy lets."""
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda n: phone.ask(ATTEMPT, password="guess %d" % n), range(24)))
    verdicts = [a.verdict for a in answers]
    check(verdicts.count(GO) == 3 and set(verdicts) == {GO, WAIT}, verdicts)
    check(phone.failed() == 3)


@with_phone(SLOW)
def test_of_other_accounts(phone):
    """A process of one user can neither ask nor count against another, nor against root."""
    for user in ("other", "root"):
        check(as_user(OWNER, ask, phone.path, CHECK, user).verdict == UNCOUNTED)
        check(as_user(OWNER, ask, phone.path, ATTEMPT, user, "guess").verdict == UNCOUNTED)
    check(phone.failed("other") == 0)
    check(as_user(OTHER, ask, phone.path, ATTEMPT, "other", "guess").verdict == GO)
    check(phone.failed("other") == 1 and phone.failed() == 0)


def hold_connections(path, count, ready, end):
    held = []
    for _ in range(count):
        try:
            held.append(connect(path, 1))
        except OSError:
            pass
    ready.set()
    end.wait(60)
    return len(held)


def flood(path, how, ready, end):
    """Connects, or asks, as often as it can."""
    ready.set()
    n = 0
    while not end.is_set():
        try:
            peer = connect(path, 1)
            if how == "check":
                peer.sendmsg([request(CHECK, "owner")])
            elif how == "garbage":
                peer.send(os.urandom(112))
            elif how == "empty":
                fd = pipe_with(b"")
                send(peer, ATTEMPT, "owner", [fd])
                os.close(fd)
            peer.close()
        except OSError:
            pass
        n += 1
    return n


def empty(attempt):
    read, write, peer = attempt
    if select.select([read], [], [], 0)[0]:
        os.read(read, 100)
    os.close(read), os.close(write), peer.close()


def open_pipes(path, ready, end):
    """Attempts whose pipes nobody closes, or that are none."""
    kept = []
    ready.set()
    while not end.is_set():
        try:
            read, write = os.pipe()
            peer = connect(path, 1)
            os.write(write, b"half a pass")
            zero = os.open("/dev/zero", os.O_RDONLY)
            send(peer, ATTEMPT, "owner", [read if len(kept) % 3 else zero])
            os.close(zero)
            kept.append((read, write, peer))
        except OSError:
            pass
        for old in kept[:-50]:
            # Closed with something in it, it would be a guess.
            empty(old)
        kept = kept[-50:]
        time.sleep(0.01)
    for old in kept:
        empty(old)
    return len(kept)


def under_attack(phone, attack, *args, beside=3):
    """Honest attempts while processes of the same user do their worst."""
    context = multiprocessing.get_context("fork")
    readies, end = [context.Event() for _ in range(beside)], context.Event()

    def run(ready):
        os.setgroups([])
        os.setresgid(OWNER, OWNER, OWNER)
        os.setresuid(OWNER, OWNER, OWNER)
        attack(phone.path, *args, ready, end)
        os._exit(0)
    attackers = [context.Process(target=run, args=(ready,)) for ready in readies]
    for process in attackers:
        process.start()
    try:
        for ready in readies:
            check(ready.wait(60), "the attackers did not begin")
        time.sleep(0.3)
        slowest = 0
        for n in range(5):
            # The attackers may have guessed: begin with none.
            answer, took = honest(phone, "wrong %d" % n)
            check(answer is not None and answer.verdict in (GO, WAIT), n, answer)
            slowest = max(slowest, took)
            check(took < HONEST_S, "an honest attempt took", took, answer)
    finally:
        end.set()
        for process in attackers:
            process.join(30)
            if process.is_alive():
                process.kill()
    if os.environ.get("V") == "1":
        print("the slowest answer under %s %s: %.2f s" % (attack.__name__, args, slowest))


@with_phone(SLOW)
def test_half_open_connections(phone):
    under_attack(phone, hold_connections, 300)
    check(phone.failed() == 5, "attempts were not counted", phone.account())
    check(phone.log_in(RIGHT).verdict == GO and phone.failed() == 0)


@with_phone(SLOW)
def test_floods(phone):
    """Connections, questions and garbage without end: honest attempts are answered, and counted."""
    for n, how in enumerate(("connect", "check", "garbage")):
        under_attack(phone, flood, how)
        check(phone.failed() == 5, how, phone.account())
        check(phone.log_in(RIGHT).verdict == GO and phone.failed() == 0, how)


@with_phone(SLOW)
def test_pipes_that_are_none(phone):
    """Pipes that are never closed, devices, empty passwords: nobody is kept waiting for them, and they
    count for nothing."""
    for attack, args in ((open_pipes, ()), (flood, ("empty",))):
        under_attack(phone, attack, *args, beside=2)
        # What still waits in the row is soon over.
        wait_for("the end of the row", lambda: phone.ask(CHECK).verdict == GO)
        # An attempt may have been told to come back; then it did not happen.
        check(phone.failed() <= 5, "those of the attackers were counted", phone.account())
        check(phone.log_in(RIGHT).verdict == GO)
        check(phone.failed() == 0)


@with_phone(SLOW)
def test_reset_by_the_user(phone):
    """No sequence of requests of the user lowers a count but the right password."""
    for n in range(4):
        phone.log_in("no %d" % n)
    check(phone.failed() == 4)

    def worst(path):
        for kind in (CHECK, ATTEMPT, CHANGE, 27, 28, 29, 43, 0):
            for fds in (0, 1, 2, 3):
                peer = connect(path)
                pipes = [pipe_with(b"") for _ in range(fds)]
                try:
                    send(peer, kind, "owner", pipes, n_missed=0xffffffff)
                    receive(peer)
                except (OSError, AssertionError):
                    pass
                for fd in pipes:
                    os.close(fd)
                peer.close()
        for data in (b"", b"\x18", request(CHECK, "owner")[:-1], request(CHECK, "owner") + b"x",
                     request(CHECK, "owner").replace(b"owner\0", b"ownerx" * 1) + b"", os.urandom(4096)):
            peer = connect(path)
            try:
                peer.send(data)
                peer.recv(1)
            except OSError:
                pass
            peer.close()
    as_user(OWNER, worst, phone.path)
    check(phone.failed() >= 4, phone.account())
    missed = [r["data"] for r in phone.agent.journal("auth_missed")]
    check(len(missed) == 1 and missed[0]["by"] == "users", missed)
    phone.log_in(RIGHT)
    check(phone.failed() == 0)


@with_phone(SLOW)
def test_missed(phone):
    """What root's processes let pass while nobody answered is in the journal."""
    phone.agent.stop(signal.SIGKILL)
    path = os.path.join(phone.agent.base, "auth-missed")
    with open(path, "w") as f:
        f.write("...")
    phone.agent.start()
    check(phone.ask(CHECK, n_missed=2).verdict == GO)
    told = [r["data"] for r in phone.agent.journal("auth_missed")]
    check(told == [{"by": "root", "count": 3}, {"by": "root", "count": 2}], told)
    check(not os.path.exists(path))
    # One that only hung is not started anew: it tells with the next question.
    with open(path, "w") as f:
        f.write("..")
    check(phone.ask(CHECK).verdict == GO and not os.path.exists(path))
    told = [r["data"] for r in phone.agent.journal("auth_missed")]
    check(told[2:] == [{"by": "root", "count": 2}], told)


@with_phone(SLOW)
def test_no_password_in_the_agent(phone):
    """The process that runs as root has none in its memory, right or wrong."""
    secrets = [RIGHT, "an unmistakable guess", "another one, of the user"]
    check(phone.log_in(RIGHT).verdict == GO and phone.log_in(secrets[1]).verdict == GO)
    check(honest(phone, secrets[2])[0].verdict == GO)
    check(phone.ask(CHANGE, password=secrets[1]).verdict == GO)
    check(phone.failed() == 2)
    pid = phone.agent.process.pid
    seen = 0
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as mem:
        for line in maps:
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            # Not what the kernel maps, nor the shadow of a sanitizer.
            if "r" not in line.split()[1] or "[v" in line or end - begin > 1 << 30:
                continue
            mem.seek(begin)
            try:
                data = mem.read(end - begin)
            except OSError:
                continue
            seen += phone.hashes["owner"].encode() in data
            for secret in secrets:
                check(secret.encode() not in data, "found in", line)
    check(seen, "the memory was not read: not even the hash was found")


@with_phone({"forbid_common": True})
def test_words(phone):
    """The word lists of cracklib count where libpwquality is installed, in a sandbox that lets read them."""
    if not glob.glob("/usr/lib/*/libpwquality.so.1") + glob.glob("/usr/lib/libpwquality.so.1"):
        raise Skip("libpwquality is not installed")
    for word in ("rhinoceros", "soreconihr"):
        answer = phone.ask(CHANGE, password=word)
        check(answer.verdict == REFUSED and answer.broken == 1 << 5, word, answer, phone.agent.log())
    check(phone.ask(CHANGE, password="vM4#kq!zPwX2").verdict == GO, phone.agent.log())


@with_phone(SLOW)
def test_verifier_that_does_not_work(phone):
    """A verifier that cannot start counts for nobody; one that is silent counts, and lets nobody wait long."""
    option = phone.agent.options.index("--verify-program") + 1
    works = phone.agent.options[option]

    def with_program(text):
        phone.agent.stop()
        path = os.path.join(phone.base, "stand-in")
        if text:
            with open(path, "w") as f:
                f.write(text)
            os.chmod(path, 0o755)
        elif os.path.exists(path):
            os.unlink(path)
        phone.agent.options[option] = path
        phone.agent.start()
    with_program(None)
    for n in range(25):
        check(phone.log_in("no %d" % n).verdict == GO)
    check(phone.failed() == 0)
    check(any("could not be started" in p["what"] for p in phone.agent.status()["problems"]))
    with_program("#!/bin/sh\nexit 3\n")
    check(phone.log_in("no").verdict == GO and phone.failed() == 0)
    with_program("#!/bin/sh\nexit 1\n")
    check(phone.log_in("no").verdict == GO and phone.failed() == 1)
    with_program("#!/bin/sh\nexec sleep 30\n")
    check(phone.ask(ATTEMPT, password="no").verdict == GO)
    begin = time.monotonic()
    check(phone.ask(CHECK).verdict == WAIT)
    check(time.monotonic() - begin < HONEST_S)
    phone.agent.stop(signal.SIGKILL)
    phone.agent.options[option] = works
    phone.agent.start()
    check(phone.failed() == 2, phone.account())
    check(phone.log_in(RIGHT).verdict == GO and phone.failed() == 0)
    check(not any("verif" in p["what"] for p in phone.agent.status()["problems"]))


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("  skipped: accounts of their own need root")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
