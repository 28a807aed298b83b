#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pam_mdm.so in front of the real pam_unix, for root and for a user, with an agent that answers this or that (a
stand-in, which is not the agent: pam_agent.py has the real one), lies, hangs or is not there.

Usage: pam.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""

import os
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import check, run_tests
from pam_rig import (ANSWER, ATTEMPT, AUTH_ERR, AUTHTOK_ERR, CHANGE, CHECK, GO, LOCKED_OUT, MODULE, REFUSED, RIGHT, SUCCESS,
                     UID, UNCOUNTED, UNLOCKED, WAIT, WRONG, WRONG_CODE, Etc, Stacks, StandIn, answer, enter, fresh, line, talk)

GOES = {CHECK: answer(GO), ATTEMPT: answer(GO), CHANGE: answer(GO)}


def with_stacks(function):
    def run(base):
        os.chmod(base, 0o755)
        etc = Etc(base)
        try:
            function(base, Stacks(base, os.path.join(base, "auth.sock")))
        finally:
            etc.close()
    run.__name__ = function.__name__
    return run


def expect(told, result, prompts=1, said=()):
    check(told.results[-1] == result and len(told.prompts) == prompts, "not %d with %d prompts:" % (result, prompts), told)
    check(told.said == list(said), "not said: %r" % (said,), told)
    check(not set(told.rest) - {"copies"}, told)


@with_stacks
def allowed(base, stacks):
    for uid in (None, UID):
        for password, result in ((RIGHT, SUCCESS), (WRONG, AUTH_ERR)):
            with StandIn(base, GOES) as agent:
                expect(talk(stacks, [password], uid=uid), result)
                check(agent.asked == [(CHECK, "owner", "plain"), (ATTEMPT, "owner", "plain")], agent.asked)
                check(agent.passwords == [None, password.encode()], agent.passwords)
    with StandIn(base, GOES):
        told = talk(stacks, [RIGHT], "authenticate", "account", "setcred")
        check(told.results == [0, 0, 0], told)
    # pam_unix uses what was typed here whatever its options are, and asks nobody again.
    for options in ("", "try_first_pass", "use_first_pass", "likeauth nullok"):
        with StandIn(base, GOES):
            expect(talk(stacks, [RIGHT, WRONG], service=stacks.write("x", stacks.unix(unix_options=options))), SUCCESS)


@with_stacks
def where_somebody_comes_from(base, stacks):
    # sudo says that it is this machine, which is nowhere else.
    for host, remote in (("192.0.2.7", 1), (socket.gethostname(), 0), ("", 0)):
        with StandIn(base, GOES) as agent:
            expect(talk(stacks, [RIGHT], options=["--host", host]), SUCCESS)
            check(agent.remote == [remote] * 2, host, agent.remote)


@with_stacks
def none_of_its_business(base, stacks):
    with StandIn(base, {CHECK: answer(UNCOUNTED)}) as agent:
        expect(talk(stacks, [RIGHT]), SUCCESS)
        expect(talk(stacks, [WRONG]), AUTH_ERR)
        expect(talk(stacks, [""], user="blank"), SUCCESS, prompts=0)
        expect(talk(stacks, [RIGHT], user="nobody-of-that-name"), 10)
        check(agent.kinds() == [CHECK] * 4, agent.asked)
    with StandIn(base, GOES) as agent:
        # No account that can be counted has such a name; nothing is asked.
        for name in ("x" * 33, "a\x01b"):
            talk(stacks, [RIGHT], user=name)
        check(agent.asked == [], agent.asked)


@with_stacks
def waiting(base, stacks):
    for seconds, words in ((1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (61, "2 minutes"), (120, "2 minutes"),
                           (3600, "1 hour"), (7200, "2 hours"), (7201, "3 hours")):
        with StandIn(base, {CHECK: answer(WAIT, seconds)}) as agent:
            for password in (RIGHT, WRONG):
                told = talk(stacks, [password])
                expect(told, AUTH_ERR, 0, ["Too many wrong attempts. Try again in %s." % words])
            check(agent.kinds() == [CHECK, CHECK], agent.asked)
    with StandIn(base, {CHECK: answer(GO), ATTEMPT: answer(WAIT, 30)}):
        expect(talk(stacks, [RIGHT]), AUTH_ERR, 1, ["Too many wrong attempts. Try again in 30 seconds."])
    with StandIn(base, {CHECK: answer(WAIT, 30)}):
        expect(talk(stacks, [RIGHT], options=["--style", "phosh"]), AUTH_ERR, 0)
        expect(talk(stacks, [RIGHT], service=stacks.write("quiet", stacks.unix("quiet"))), AUTH_ERR, 0)
        # Before the stack is asked again at once a moment passes, the same for right and wrong.
        told = talk(stacks, [RIGHT], options=["--delays"])
        check(0.4 < told.seconds < 10, told.seconds)


@with_stacks
def locked_out(base, stacks):
    locked = answer(LOCKED_OUT, contact="Example Org")
    ask = "No attempts are left. Ask Example Org for an unlock code, and enter it here."
    with StandIn(base, {CHECK: locked, ATTEMPT: answer(UNLOCKED)}) as agent:
        expect(talk(stacks, ["1234 5678"]), AUTH_ERR, 1, [ask, "Unlocked. Now enter your password as you always do."])
        check(agent.passwords == [None, b"1234 5678"], agent.passwords)
        # What is no code does not leave this process, be it the right password.
        for text in (RIGHT, "1234567", "123456789", "1234567x", "", " "):
            expect(talk(stacks, [text]), AUTH_ERR, 1, [ask])
        check(agent.kinds().count(ATTEMPT) == 1, agent.asked)
        # The keypad of a phone: the code is typed where the PIN belongs.
        expect(talk(stacks, ["12345678"], options=["--style", "phosh"]), AUTH_ERR, 1)
        check(agent.passwords[-1] == b"12345678", agent.passwords)
        expect(talk(stacks, [RIGHT], options=["--style", "broken"]), AUTH_ERR, 1, [ask])
        expect(talk(stacks, [RIGHT], uid=UID), AUTH_ERR, 1, [ask])
    with StandIn(base, {CHECK: locked, ATTEMPT: answer(WRONG_CODE, 60)}):
        expect(talk(stacks, ["12345678"]), AUTH_ERR, 1, [ask, "That is not the unlock code. Try again in 1 minute."])
    with StandIn(base, {CHECK: answer(LOCKED_OUT, 90, contact="Example Org")}):
        expect(talk(stacks, ["12345678"]), AUTH_ERR, 0,
               ["No attempts are left. The next unlock code of Example Org can be entered in 2 minutes."])
    # An agent that falls between the two does not open what it has just closed.
    for what in ("close", b"garbage", answer(GO), answer(UNCOUNTED), answer(REFUSED)):
        with StandIn(base, {CHECK: locked, ATTEMPT: what}):
            expect(talk(stacks, ["12345678"]), AUTH_ERR, 1, [ask])
    # Who asked before: his answer is the code.
    service = stacks.write("late", "auth optional pam_unix.so\n" + stacks.unix())
    with StandIn(base, {CHECK: locked, ATTEMPT: answer(UNLOCKED)}) as agent:
        told = talk(stacks, ["12345678"], service=service)
        check(told.results == [AUTH_ERR] and len(told.prompts) == 1 and agent.passwords[-1] == b"12345678", told)
        told = talk(stacks, [RIGHT], service=service)
        check(told.results == [AUTH_ERR] and told.said == [ask], told)


@with_stacks
def lengths(base, stacks):
    with StandIn(base, GOES) as agent:
        for n in (1, 511, 512, 513, 700):
            expect(talk(stacks, ["x" * n]), AUTH_ERR)
            check(agent.passwords[-1] == b"x" * min(n, 512), n)
        # Nothing typed is no attempt.
        count = len(agent.asked)
        expect(talk(stacks, [""]), AUTH_ERR)
        check(agent.kinds()[count:] == [CHECK], agent.asked)
        expect(talk(stacks, ["\u00e4\u20ac\u5b57 x"]), AUTH_ERR)
        check(agent.passwords[-1] == "\u00e4\u20ac\u5b57 x".encode(), agent.passwords[-1])


@with_stacks
def nobody_answers(base, stacks):
    def goes_on(patience, **options):
        for password, result in ((RIGHT, SUCCESS), (WRONG, AUTH_ERR)):
            told = talk(stacks, [password], **options)
            expect(told, result)
            check(told.seconds < patience, "took %.1f s" % told.seconds)

    missed = os.path.join(base, "auth-missed")
    goes_on(10)
    check(os.path.getsize(missed) == 2, "not counted")
    goes_on(10, uid=UID)
    check(os.path.getsize(missed) == 2, "counted by a user")
    with open(missed, "w", encoding="utf-8") as f:
        f.write("+" * 4096)
    goes_on(10)
    check(os.path.getsize(missed) == 4096, "grows without an end")
    for odd in (lambda: os.symlink("/etc/shadow", missed), lambda: os.mkfifo(missed), lambda: os.mkdir(missed)):
        fresh(base)
        odd()
        before = os.path.getsize("/etc/shadow")
        goes_on(10)
        check(os.path.getsize("/etc/shadow") == before, "written through a link")
    fresh(base)
    wrong = [b"garbage", b"", b"\x1b\0\0\0\x50\1\0\0", answer(GO)[:-1], answer(7), answer(0xffffffff), answer(UNLOCKED), "close"]
    for what in wrong:
        with StandIn(base, {CHECK: what}):
            goes_on(10)
        with StandIn(base, {CHECK: answer(GO), ATTEMPT: what}):
            if what != answer(UNLOCKED):
                goes_on(10)
    # What is answered in 2 s is answered; silence ends after 3.
    with StandIn(base, {CHECK: None}):
        goes_on(20)
    with StandIn(base, {CHECK: answer(GO), ATTEMPT: None}):
        goes_on(20)
    refuses = stacks.write("refuses", stacks.unix("unreachable=refuse"))
    told = talk(stacks, [RIGHT], service=refuses)
    check(told.results == [AUTH_ERR] and not told.prompts and "does not answer" in told.said[0], told)
    with StandIn(base, GOES):
        expect(talk(stacks, [RIGHT], service=refuses), SUCCESS)


@with_stacks
def somebody_else_answers(base, stacks):
    """A socket of another user than root and oneself is told no password."""
    code = ("import socket,sys,os,time\ns=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET)\n"
            "s.bind(sys.argv[1])\nos.chmod(sys.argv[1],0o666)\ns.listen(9)\nprint('up',flush=True)\n"
            "while True:\n p,_=s.accept()\n print(len(p.recv(999)),flush=True)\n p.close()\n")
    os.chmod(base, 0o777)
    path = os.path.join(base, "auth.sock")
    with subprocess.Popen(["/usr/bin/python3", "-c", code, path], stdout=subprocess.PIPE, text=True, user=UID + 1, group=UID + 1,
                          extra_groups=[]) as thief:
        thief.stdout.readline()
        expect(talk(stacks, [RIGHT], uid=UID), SUCCESS)
        expect(talk(stacks, [RIGHT]), SUCCESS)
        thief.kill()
        got = thief.stdout.read().split()
        check(set(got) <= {"0"}, "was told something:", got)


@with_stacks
def a_lost_place_is_taken_again(base, stacks):
    """Closed instead of answered, as by an agent under a flood: asked again, but not for ever."""
    with StandIn(base, {CHECK: ["close"] * 5 + [answer(GO)], ATTEMPT: ["close", answer(GO)]}) as agent:
        expect(talk(stacks, [RIGHT]), SUCCESS)
        check(agent.kinds() == [CHECK] * 6 + [ATTEMPT] * 2, agent.kinds())
    with StandIn(base, {CHECK: "close"}) as agent:
        expect(talk(stacks, [RIGHT]), SUCCESS)
        check(2 <= len(agent.asked) <= 20, len(agent.asked))


@with_stacks
def missed_are_told(base, stacks):
    """A locker that lives on: what one of its authentications missed, the next one says."""
    with StandIn(base, {CHECK: [b"garbage", b"garbage", answer(UNCOUNTED), answer(UNCOUNTED)]}) as agent:
        talk(stacks, [RIGHT], *["authenticate"] * 4, uid=UID)
        check(agent.missed == [0, 1, 2, 0], agent.missed)


@with_stacks
def hanging(base, stacks):
    """Stopped in the middle: a backlog that nobody empties, full or not."""
    path = os.path.join(base, "auth.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(1)
        held = []
        for _round in range(2):
            told = talk(stacks, [RIGHT], uid=UID)
            expect(told, SUCCESS)
            check(2.5 < told.seconds < 20, told.seconds)
            while True:
                one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
                held.append(one)
                try:
                    one.connect(path)
                except BlockingIOError:
                    break
        for one in held:
            one.close()


@with_stacks
def changing(base, stacks):
    better = "a better horse 77"
    rules = [6, 1, 2, 3, 3, 1, 1, 5]

    def field():
        with open("/etc/shadow", encoding="utf-8") as f:
            return next(row.split(":")[1] for row in f if row.startswith("owner:"))

    for n in range(8):
        before = field()
        with StandIn(base, {CHECK: answer(GO), CHANGE: answer(REFUSED, broken=1 << n, rules=rules)}) as agent:
            told = talk(stacks, ["weak"], "chauthtok")
            check(told.results == [AUTHTOK_ERR] and len(told.prompts) == 6 and len(told.said) == 3, told)
            text = told.said[0]
            check(text.startswith("This password cannot be used: ") and text.endswith(".") and len(text) > 40, text)
            check(agent.kinds() == [CHECK, CHANGE, CHANGE, CHANGE] and agent.passwords[1] == b"weak", agent.asked)
        check(field() == before, "it was changed")
    # Two rules in one sentence; the second try is taken, by pam_unix as well.
    with StandIn(base, {CHECK: answer(GO), CHANGE: [answer(REFUSED, broken=0x21, rules=rules), answer(GO)]}):
        told = talk(stacks, ["weak", "weak", better], "chauthtok")
        check(told.results == [SUCCESS] and len(told.prompts) == 4 and "; " in told.said[0], told)
    check(field() != before and field().startswith("$6$"), field())
    with StandIn(base, {CHECK: answer(UNCOUNTED)}):
        check(talk(stacks, [better]).results == [SUCCESS], "the new one is not the one")
    # Mistyped, aborted, refused by the agent's mood.
    with StandIn(base, GOES):
        told = talk(stacks, ["one", "two", RIGHT], "chauthtok")
        check(told.results == [SUCCESS] and "Sorry, passwords do not match." in told.said, told)
        check(talk(stacks, [better], "chauthtok", options=["--style", "broken"]).results == [AUTHTOK_ERR], told)
    with StandIn(base, {CHECK: answer(GO), CHANGE: answer(WAIT, 5)}):
        check(talk(stacks, [better], "chauthtok").results == [AUTHTOK_ERR], "busy")
    # Nobody there, nobody's business, locked out: a change still works, and is asked for once.
    for say in ({}, {CHECK: answer(UNCOUNTED)}, {CHECK: answer(LOCKED_OUT), CHANGE: answer(GO)},
                {CHECK: answer(WAIT, 99), CHANGE: answer(GO)}, {CHECK: answer(GO), CHANGE: "close"}):
        with StandIn(base, say or {CHECK: "close"}):
            told = talk(stacks, [better], "chauthtok")
            check(told.results == [SUCCESS] and len(told.prompts) == 2, say, told)
    # What a module in front asked for is judged once.
    ahead = "password required pam_unix.so sha512\n"
    with StandIn(base, {CHECK: answer(GO), CHANGE: answer(REFUSED, broken=1, rules=rules)}) as agent:
        told = talk(stacks, ["weak"], "chauthtok", service=stacks.write("ahead", ahead + stacks.unix()))
        check(told.results == [AUTHTOK_ERR] and len(told.prompts) == 2 and agent.kinds() == [CHECK, CHANGE], told)


@with_stacks
def the_old_password(base, stacks):
    """Where it has to be said, it counts; who waits elsewhere waits here."""
    # The real setuid program, over stacks of the system's name.
    for name in ("passwd", "chpasswd", "su"):
        with open("/etc/pam.d/" + name, "w", encoding="utf-8") as f:
            f.write(("auth sufficient pam_rootok.so\n" if name == "su" else "") + stacks.unix() +
                    "session required pam_permit.so\n")

    def passwd(*answers):
        return subprocess.run(["passwd"], input="\n".join(answers) + "\n", capture_output=True, text=True, timeout=60, user=UID,
                              group=UID, extra_groups=[])

    better = "a better horse 77"
    with StandIn(base, GOES) as agent:
        r = passwd(RIGHT, better, better)
        check(r.returncode == 0, r)
        check(agent.kinds() == [CHECK, ATTEMPT, CHECK, CHANGE] and agent.passwords[1] == RIGHT.encode(), agent.asked)
        check(passwd(RIGHT, better, better).returncode != 0, "the old one still works")
        check(agent.kinds()[4:] == [CHECK, ATTEMPT], agent.asked)
    for say in (answer(WAIT, 30), answer(LOCKED_OUT, contact="Example Org")):
        with StandIn(base, {CHECK: say}) as agent:
            r = passwd(better, RIGHT, RIGHT)
            check(r.returncode != 0 and ("Try again in" in r.stderr + r.stdout or "No attempts" in r.stderr + r.stdout), r)
            check(agent.kinds() == [CHECK], agent.asked)
    # By root, with a locked out account: that is the help.
    with StandIn(base, {CHECK: answer(LOCKED_OUT), CHANGE: answer(GO)}):
        r = subprocess.run(["chpasswd"], input="owner:" + RIGHT, capture_output=True, text=True, timeout=60)
        check(r.returncode == 0, r)
    with StandIn(base, {CHECK: answer(GO), CHANGE: answer(REFUSED, broken=1, rules=[6])}):
        r = subprocess.run(["chpasswd"], input="owner:1234", capture_output=True, text=True, timeout=60)
        check(r.returncode != 0 and "cannot be used" in r.stderr + r.stdout, r)
    # su, from one user to the other.
    with StandIn(base, GOES) as agent:
        for password, code in ((RIGHT, 0), (WRONG, 1)):
            r = subprocess.run(["su", "owner", "-c", "id -u"], input=password + "\n", capture_output=True, text=True, timeout=60,
                               user=UID + 1, group=UID + 1, extra_groups=[])
            check(r.returncode == code and (str(UID) in r.stdout) == (code == 0), r)
        check(agent.asked[0] == (CHECK, "owner", "su"), agent.asked)


@with_stacks
def odd_programs(base, stacks):
    for style in ("phosh", "ssh", "odd"):
        for options in ([], ["--no-fds"]):
            with StandIn(base, GOES):
                expect(talk(stacks, [RIGHT], options=["--style", style, *options]), SUCCESS)
                expect(talk(stacks, [WRONG], options=["--style", style, *options], uid=UID), AUTH_ERR)
    with StandIn(base, GOES) as agent:
        told = talk(stacks, [RIGHT], options=["--style", "broken"])
        check(told.results[0] != SUCCESS and len(told.prompts) == 1 and agent.kinds() == [CHECK], told)
    # Several in a row, as sudo and login do; what was typed the last time is not there any more.
    with StandIn(base, GOES) as agent:
        told = talk(stacks, [WRONG, WRONG, RIGHT], *["authenticate"] * 3)
        check(told.results == [AUTH_ERR, AUTH_ERR, SUCCESS] and len(told.prompts) == 3, told)
    with StandIn(base, {CHECK: answer(GO), ATTEMPT: answer(WAIT, 30)}):
        check(talk(stacks, [RIGHT], options=["--style", "odd"]).results == [AUTH_ERR], "odd")
    # As a locker without pam_unix (fingerprint): no prompt for a password.
    with StandIn(base, GOES) as agent:
        finger = stacks.write("finger", "auth sufficient pam_permit.so\n" + line("auth", stacks.options))
        told = talk(stacks, [RIGHT], service=finger)
        check(told.results == [SUCCESS] and not told.prompts and not agent.asked, told)


@with_stacks
def options_of_the_line(base, stacks):
    with StandIn(base, GOES) as agent:
        told = talk(stacks, [RIGHT], "authenticate", "chauthtok", service=stacks.write("dry", stacks.unix("dry")))
        check(told.results == [SUCCESS, SUCCESS] and agent.asked == [], told)
        expect(talk(stacks, [RIGHT], service=stacks.write("unknown", stacks.unix("no-such-option"))), SUCCESS)
    # Without the file the stack is as it was, for who has to get in.
    gone = stacks.write("gone", stacks.unix().replace(MODULE, "/nonexistent/pam_mdm.so"))
    expect(talk(stacks, [RIGHT], service=gone), SUCCESS)
    expect(talk(stacks, [WRONG], service=gone), AUTH_ERR)
    # The hyphen alone does not do that.
    hyphen = stacks.write("hyphen", "-auth requisite /nonexistent/pam_mdm.so\n" + stacks.unix(own=False))
    check(talk(stacks, [RIGHT], service=hyphen).results != [SUCCESS], "documentation is wrong")


@with_stacks
def copies_in_memory(base, stacks):
    """Nothing of what was typed is left when it is over; pam_permit instead of pam_unix, whose own hash leaves what it likes."""
    alone = stacks.write("alone", line("auth", stacks.options) + "auth required pam_permit.so\n")
    secret = "a-secret-that-is-nowhere-else"
    with StandIn(base, GOES) as agent:
        for style in ("plain", "phosh", "odd"):
            told = talk(stacks, [secret], service=alone, options=["--search", "--style", style])
            check(told.results == [SUCCESS] and told.rest.get("copies") == "0", told)
        check(agent.passwords[1] == secret.encode(), agent.passwords)
    with StandIn(base, {CHECK: answer(LOCKED_OUT), ATTEMPT: answer(WRONG_CODE, 3)}):
        told = talk(stacks, ["7351 9264"], service=alone, options=["--search"])
        check(told.rest.get("copies") == "0", told)


@with_stacks
def through_the_wrapper(base, stacks):
    """pamtester, which knows nothing of all this, over libpam-wrapper."""
    with StandIn(base, GOES) as agent:
        for password, code in ((RIGHT, 0), (WRONG, 1)):
            r = subprocess.run(["pamtester", "plain", "owner", "authenticate"], input=password + "\n",
                               capture_output=True, text=True, timeout=60,
                               env=dict(os.environ, LD_PRELOAD="libpam_wrapper.so", PAM_WRAPPER="1",
                                        PAM_WRAPPER_SERVICE_DIR=stacks.path))
            check((r.returncode != 0) == (code != 0), r)
        check(agent.kinds() == [CHECK, ATTEMPT] * 2, agent.asked)


TESTS = [allowed, none_of_its_business, waiting, locked_out, lengths, nobody_answers, somebody_else_answers,
         a_lost_place_is_taken_again, missed_are_told, hanging, changing, the_old_password, odd_programs,
         options_of_the_line, copies_in_memory, through_the_wrapper]

if __name__ == "__main__":
    if not enter():
        print("  skipped: service files and passwords of one's own need root and a mount namespace")
        print("0 passed, 0 failed, %d skipped" % len(TESTS))
        sys.exit(0)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    check(ANSWER == 27)
    sys.exit(run_tests(TESTS))
