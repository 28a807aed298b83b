#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent's own failures do to its owner: mdm-agent-verify that dies while it judges, the agent that
dies while it waits for that. Nobody is locked out by them; wrong passwords still do that. The agent is the
real one, and so is mdm-agent-verify where nothing else is said; the other ones are stand-ins."""

import os
import signal
import struct
import sys

from auth_rig import ATTEMPT, CHECK, GO, LOCKED_OUT, OWNER, RIGHT, as_user, ask, connect, hashed, pipe_with, receive, send, with_phone
from mdmctl_rig import check, run_tests
from agent_rig import wait_for

# Nobody waits before the end, so that what is counted is seen at once.
FEW = {"free_attempts": 20, "max_attempts": 4}
VERIFY_ANSWER, SAME, SAME_SO_FAR = 29, 1, 4


def use_program(phone, text):
    """Another program takes the place of mdm-agent-verify; None: the real one again."""
    option = phone.agent.options.index("--verify-program") + 1
    phone.agent.stop()
    if not hasattr(phone, "verify"):
        phone.verify = phone.agent.options[option]
    path = os.path.join(phone.base, "stand-in")
    if text:
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o755)
    phone.agent.options[option] = path if text else phone.verify
    phone.agent.start()


def answers(*matches):
    """A stand-in that says these, and dies of what the rest would have been."""
    messages = [struct.pack("<IIIIiI", VERIFY_ANSWER, 16, match, 0, -1, 0) for match in matches]
    return "#!%s\nimport os, socket\ns = socket.socket(fileno=3)\ns.recv(65536)\n%s\nos.abort()\n" % (
        sys.executable, "\n".join("s.send(%r)" % m for m in messages))


@with_phone(FEW)
def test_verifier_that_dies(phone):
    """Right passwords that nobody could judge: counted, and the last attempt stays."""
    use_program(phone, "#!/bin/sh\nkill -9 $$\n")
    for n in range(7):
        check(phone.log_in(RIGHT).verdict == GO, n, phone.account())
        check(phone.failed() == min(n + 1, 3), n, phone.account())
    check(not phone.account()["locked_out"])
    use_program(phone, None)
    check(phone.failed() == 3, "a restart gave attempts back, or took one")
    check(phone.log_in("no").verdict == GO)
    wait_for("the end", lambda: phone.account()["locked_out"])
    check(phone.ask(CHECK).verdict == LOCKED_OUT)
    phone.agent.stop(signal.SIGKILL)
    phone.agent.start()
    check(phone.ask(CHECK).verdict == LOCKED_OUT, "a restart gave attempts back")


@with_phone(FEW)
def test_agent_that_dies(phone):
    """kill -9 of the agent at each unlock, the verification still under way: the owner is not locked out."""
    use_program(phone, "#!/bin/sh\nexec sleep 30\n")
    for n in range(6):
        peer = connect(phone.path)
        fd = pipe_with(RIGHT)
        send(peer, ATTEMPT, "owner", [fd])
        answer = receive(peer)
        check(answer.verdict == GO, n, answer)
        os.close(fd)
        peer.close()
        phone.agent.stop(signal.SIGKILL if n % 2 else signal.SIGTERM)
        phone.agent.start()
        check(phone.failed() == min(n + 1, 3), n, phone.account())
    use_program(phone, None)
    check(phone.log_in(RIGHT).verdict == GO and phone.failed() == 0)


@with_phone(FEW)
def test_guesses_over_the_network(phone):
    """Whoever guesses at an sshd is counted, but leaves the owner the last attempt; so does a reboot."""
    for n in range(6):
        check(phone.log_in("no", is_remote=1).verdict == GO, n, phone.account())
        wait_for("the count", lambda: phone.failed() == min(n + 1, 3))
        check(not phone.account()["locked_out"], n)
    phone.agent.stop(signal.SIGKILL)
    phone.agent.start()
    check(phone.log_in(RIGHT).verdict == GO and phone.failed() == 0)
    for n in range(4):
        phone.log_in("no", is_remote=1)
    check(phone.log_in("no").verdict == GO)
    wait_for("the end", lambda: phone.account()["locked_out"])


def guess_as_if_remote(path):
    return ask(path, ATTEMPT, "owner", "no", is_remote=1)


@with_phone(FEW)
def test_remote_is_roots_word(phone):
    """What a process of the owner says of itself does not keep it from the last attempt."""
    for n in range(4):
        as_user(OWNER, guess_as_if_remote, phone.path)
        wait_for("the count", lambda: phone.failed() == n + 1)
    wait_for("the end", lambda: phone.account()["locked_out"])


@with_phone(dict(FEW, history=1, forbid_common=True))
def test_rules_that_cannot_be_judged(phone):
    """A right password is one, whatever becomes of the word lists and of earlier hashes."""
    check(phone.log_in("no").verdict == GO and phone.failed() == 1)
    use_program(phone, answers(SAME_SO_FAR))
    for n in range(6):
        check(phone.log_in(RIGHT).verdict == GO)
        check(phone.failed() == 0, n, phone.account())
        check(not phone.account()["judged"], phone.account())
    use_program(phone, answers(SAME_SO_FAR, SAME))
    check(phone.log_in(RIGHT).verdict == GO)
    wait_for("the verdict", lambda: phone.account()["judged"])


@with_phone(dict(FEW, history=2))
def test_earlier_hash_that_takes_for_ever(phone):
    """mdm-agent-verify itself: an earlier hash of very many rounds keeps no right password from being one."""
    phone.set_password("owner", RIGHT)
    wait_for("the hash", lambda: phone.log_in(RIGHT) and phone.account()["judged"])
    phone.hashes["owner"] = "$6$rounds=999999999$saltsalt$" + hashed(RIGHT).split("$")[-1]
    phone.write_accounts()
    wait_for("the change", lambda: not phone.account()["judged"])
    phone.set_password("owner", "another one 5")
    wait_for("the change", lambda: len(phone.agent.journal("password_changed")) >= 3)
    check(phone.log_in("another one 5").verdict == GO)
    check(phone.failed() == 0)
    wait_for("its end", lambda: phone.ask(CHECK).verdict == GO, 60)
    check(phone.failed() == 0, phone.account())


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("  skipped: accounts of their own need root")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
