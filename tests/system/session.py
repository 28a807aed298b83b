#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""session.py BUILD_DIR - locking, notifying and restarting against doubles of logind and of a
notification service on buses of their own. The last line is "N passed, N failed"."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import dbus

from session_rig import (Bus, IGNORES, LATER, LIES, LOGIN, LOGIN_PATH, MANAGER, NOBODY, PATIENCE, SESSION, SILENT,
                         STRANGER, run_tests, slow, wait_for)

EMULATED = "MDM_EMULATED" in os.environ
# The loop was not waiting, even on a busy machine. An emulated one may take as long as one that waits
# (5 s, for an answer of logind) for what it runs for the first time, so that nothing follows from that.
HELD_UP_MS = float("inf") if EMULATED else 1000


def lock(place, **more):
    word, sentence, held_up = place.run("lock", **more)
    assert held_up < HELD_UP_MS, "the loop stood still for %d ms" % held_up
    return word, sentence


# --- lock: what is locked, and when it counts -----------------------------------------------------

def test_lock(place):
    login = place.login()
    session = login.session("c2")
    begin = time.monotonic()
    assert lock(place) == ("done", "1 session is locked")
    print("session.lock_done %d ms" % ((time.monotonic() - begin) * 1000))
    assert len(login.calls(session, "Lock")) == 1


def test_lock_concerns_people(place):
    """Greeters, services, shells over the network and what has ended are left alone."""
    login = place.login()
    people = [login.session("c2"), login.session("c3", Type="x11", Remote=True),
              login.session("c4", Class="user-light")]
    others = [login.session("c5", lock=IGNORES, Class="greeter"),
              login.session("c6", lock=IGNORES, Class="background", Type="unspecified"),
              login.session("c7", lock=IGNORES, Type="tty", Remote=True),
              login.session("c8", lock=IGNORES, State="closing"),
              login.session("c9", lock=IGNORES, Class="manager")]
    assert lock(place) == ("done", "3 sessions are locked")
    assert [len(login.calls(s, "Lock")) for s in people] == [1] * 3
    assert [len(login.calls(s, "Lock")) for s in others] == [0] * 5


def test_lock_of_a_locked_session(place):
    login = place.login()
    session = login.session("c2", lock=IGNORES, LockedHint=True)
    assert lock(place) == ("done", "1 session is locked")
    assert login.calls(session, "Lock") == []


def test_lock_takes_its_time(place):
    """Done is not what Lock() answers."""
    login = place.login()
    session = login.session("c2", lock=LATER % (1500, "True"))
    process = place.start("lock")
    wait_for(lambda: login.calls(session, "Lock"), "a Lock")
    assert process.poll() is None
    assert place.finish(process)[:2] == ("done", "1 session is locked")


def test_lock_of_nobody(place):
    login = place.login()
    login.session("c1", Class="greeter")
    assert lock(place) == ("nobody", "no session is open")


def test_lock_of_a_new_session(place):
    """Whoever logs in while others are being locked is locked, too."""
    login = place.login()
    first = login.session("c2", lock=LATER % (2000, "True"))
    process = place.start("lock")
    wait_for(lambda: login.calls(first, "Lock"), "a Lock")
    second = login.session("c3", announce=True)
    assert place.finish(process)[:2] == ("done", "2 sessions are locked")
    assert len(login.calls(second, "Lock")) == 1


def test_lock_of_a_session_that_ends(place):
    login = place.login()
    session = login.session("c2", lock=IGNORES)
    process = place.start("lock")
    wait_for(lambda: login.calls(session, "Lock"), "a Lock")
    login.remove("c2")
    assert place.finish(process)[:2] == ("nobody", "no session is open")


def test_lock_of_a_session_that_ended(place):
    """It is in the list, but no more when it is asked about."""
    login = place.login()
    login.session("c2")
    gone = LOGIN_PATH + "/session/gone"
    login.manager.AddMethod(MANAGER, "ListSessions", "", "a(susso)",
                            "ret = [('gone', dbus.UInt32(1), 'x', '', dbus.ObjectPath('%s')), "
                            "('c2', dbus.UInt32(1), 'x', '', dbus.ObjectPath('%s'))]"
                            % (gone, LOGIN_PATH + "/session/c2"))
    assert lock(place) == ("done", "1 session is locked")


# --- lock: whose word counts ----------------------------------------------------------------------

def signal_of(member, name):
    return LOGIN_PATH, MANAGER, member, "so", name, dbus.ObjectPath(LOGIN_PATH + "/session/" + name)


def owner(new):
    return "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", LOGIN, "", new


def test_lock_and_strangers(place):
    """Every user may send signals to the agent. Nobody's session ends by that, none begins."""
    for signals in ([signal_of("SessionRemoved", "c2")],
                    [owner(STRANGER), signal_of("SessionRemoved", "c2")],
                    [signal_of("SessionNew", "x%d" % i) for i in range(70)],
                    [owner(STRANGER)] + [signal_of("SessionNew", "x%d" % i) for i in range(70)]):
        login = place.login()
        session = login.session("c2", lock=LATER % (1500, "True"))
        process = place.start("lock")
        wait_for(lambda s=session: login.calls(s, "Lock"), "a Lock")
        login.forge(*signals)
        assert place.finish(process)[:2] == ("done", "1 session is locked"), signals
        place.open.remove(login)
        login.close()


def test_lock_and_a_stranger_who_is_faster(place):
    """All the time, so that some fall between the list of sessions and the first look at one."""
    login = place.login()
    session = login.session("c2")
    login.manager.AddMethod(MANAGER, "ListSessions", "", "a(susso)",
                            "import time\nfrom gi.repository import GLib\n"
                            "GLib.timeout_add(0, lambda: time.sleep(1))\n"
                            "ret = [('c2', dbus.UInt32(1), 'x', '', dbus.ObjectPath('%s/session/c2'))]" % LOGIN_PATH)
    process = place.start("lock")
    while process.poll() is None:
        login.forge(signal_of("SessionRemoved", "c2"), owner(STRANGER), owner(""))
    assert place.finish(process)[:2] == ("done", "1 session is locked")
    assert len(login.calls(session, "Lock")) == 1


def test_lock_looks_before_it_believes_an_end(place):
    """Of a session that is still there even logind's own signal is a reason to look."""
    login = place.login()
    session = login.session("c2", lock=LATER % (1500, "True"))
    process = place.start("lock")
    wait_for(lambda: login.calls(session, "Lock"), "a Lock")
    login.manager.EmitSignal(MANAGER, "SessionRemoved", "so", list(signal_of("SessionRemoved", "c2")[4:]))
    assert place.finish(process)[:2] == ("done", "1 session is locked")


def test_lock_and_another_logind(place):
    """It restarts in the middle: its successor is asked, and heard."""
    login = place.login()
    first = login.session("c2", lock=IGNORES)
    process = place.start("lock")
    wait_for(lambda: login.calls(first, "Lock"), "a Lock")
    process.send_signal(signal.SIGSTOP)
    login.restart()
    second = login.session("c3")
    process.send_signal(signal.SIGCONT)
    assert place.finish(process)[:2] == ("done", "1 session is locked")
    assert len(login.calls(second, "Lock")) == 1


# --- lock: why not --------------------------------------------------------------------------------

@slow
def test_lock_without_a_locker(place):
    login = place.login()
    login.session("c2")
    session = login.session("c3", lock=IGNORES)
    word, sentence = lock(place)
    assert word == "no_answer" and "1 of 2 sessions" in sentence, sentence
    assert "session c3 of type wayland" in sentence, sentence
    assert len(login.calls(session, "Lock")) == 1


@slow
def test_lock_of_a_console(place):
    login = place.login()
    login.session("7", lock=IGNORES, Type="tty")
    word, sentence = lock(place)
    assert word == "no_answer" and "session 7 of type tty" in sentence, sentence


@slow
def test_lock_that_lies(place):
    """True for a moment, then false, each time it is told: not locked, and not told without end."""
    login = place.login()
    session = login.session("c2", lock=LIES)
    # The other one keeps the lie from being the last thing that is looked at.
    login.session("c3", lock=LATER % (4000, "True"))
    word, sentence = lock(place)
    assert word == "no_answer" and "1 of 2" in sentence and "session c2" in sentence, sentence
    # It may have been false again each time before that was seen.
    assert 1 <= len(login.calls(session, "Lock")) <= 4


@slow
def test_lock_that_is_only_announced(place):
    """A signal that says true is a reason to look, not to believe."""
    login = place.login()
    login.session("c2", lock="self.EmitSignal('org.freedesktop.DBus.Properties', 'PropertiesChanged', 'sa{sv}as', "
                             "['%s', dbus.Dictionary({'LockedHint': True}, signature='sv'), "
                             "dbus.Array([], signature='s')])" % SESSION)
    word, sentence = lock(place)
    assert word == "no_answer" and "session c2" in sentence, sentence


@slow
def test_lock_without_a_signal(place):
    """A hint that was set without telling is found at the end."""
    login = place.login()
    login.session("c2", lock=SILENT)
    assert lock(place) == ("done", "1 session is locked")


def test_lock_without_logind(place):
    place.keep(Bus(os.path.join(place.directory, "system")))
    word, sentence = lock(place)
    assert word == "no_logind" and "login service" in sentence, sentence


def test_lock_without_a_bus(place):
    assert lock(place) == ("no_logind", "there is no system bus")


def test_lock_with_a_bus_that_talks_rubbish(place):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(place.directory, "system"))
    listener.listen(4)

    def rubbish():
        for _ in range(4):
            peer, _ = listener.accept()
            peer.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n" + os.urandom(4096))
            peer.close()

    threading.Thread(target=rubbish, daemon=True).start()
    word, _ = lock(place)
    assert word in ("no_logind", "no_answer"), word
    listener.close()


@slow
def test_lock_with_a_silent_bus(place):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(place.directory, "system"))
    listener.listen(4)
    assert lock(place) == ("no_answer", "the login service does not answer")
    listener.close()


@slow
def test_lock_with_a_silent_logind(place):
    login = place.login()
    login.manager.AddMethod(MANAGER, "ListSessions", "", "a(susso)", "import time; time.sleep(8); ret = []")
    assert lock(place) == ("no_answer", "the login service does not answer")


def test_lock_with_a_list_of_other_things(place):
    login = place.login()
    login.manager.AddMethod(MANAGER, "ListSessions", "", "as", "ret = ['c2']")
    word, sentence = lock(place)
    assert word == "trouble" and "list of sessions" in sentence, sentence


def crowd(login, n):
    login.manager.AddMethod(MANAGER, "ListSessions", "", "a(susso)",
                            "ret = [(str(i), dbus.UInt32(i), 'x', '', dbus.ObjectPath('%s/session/_%%d' %% i)) "
                            "for i in range(%d)]" % (LOGIN_PATH, n))


def test_lock_of_ten_thousand(place):
    """All are told, none is believed."""
    login = place.login()
    crowd(login, 10000)
    word, sentence = lock(place)
    assert word == "too_many_sessions" and "more than 64" in sentence, sentence
    assert len(login.calls(login.manager, "LockSessions")) == 1


def test_lock_of_one_too_many(place):
    login = place.login()
    crowd(login, 65)
    assert lock(place)[0] == "too_many_sessions"


def test_lock_of_as_many_as_may_be(place):
    """They are in the list and gone when asked about."""
    login = place.login()
    crowd(login, 64)
    assert lock(place) == ("nobody", "no session is open")


# --- notifications --------------------------------------------------------------------------------

def desktop(place, **arguments):
    login = place.login()
    there = place.desktop(**arguments)
    login.session("c2", uid=there.uid)
    return there


def shown(there):
    return json.loads(there.ask("calls"))


def test_notify(place):
    there = desktop(place)
    word, sentence, held_up = place.notify("Call <b>us</b> & wait", "A < B")
    assert (word, sentence) == ("done", "shown to the active session as notification 1"), sentence
    assert held_up < HELD_UP_MS
    # Bodies are markup there, so that the text is escaped; titles are plain.
    assert shown(there) == [["Muster GmbH", 0, "", "A < B", "Call &lt;b&gt;us&lt;/b&gt; &amp; wait", [],
                             {"urgency": 2}, 0]]


def test_notify_without_markup(place):
    there = desktop(place, capabilities="body")
    assert place.notify("1 < 2 & 3")[0] == "done"
    assert shown(there)[0][4] == "1 < 2 & 3"


def test_notify_the_person_at_the_screen(place):
    """Not the greeter, nobody far away, nobody who switched away."""
    there = desktop(place)
    login = place.open[0]
    for name, more in (("c5", {"Class": "greeter"}), ("c6", {"Remote": True}), ("c7", {"Active": False})):
        login.session(name, uid=there.uid + 1, **more)
    assert place.notify()[0] == "done"
    assert len(shown(there)) == 1


def test_notify_nobody(place):
    login = place.login()
    login.session("c5", Class="greeter")
    login.session("c6", Remote=True)
    login.session("c7", active=False)
    assert place.notify()[:2] == ("no_session", "nobody is logged in at the screen")


def test_notify_root(place):
    place.login().session("c2", uid=0)
    assert place.notify()[0] == "no_session"


def test_notify_without_logind(place):
    assert place.notify()[0] == "no_logind"


def test_notify_without_a_service(place):
    desktop(place, service=False)
    word, sentence, _ = place.notify()
    assert word == "no_notifications" and "shows notifications" in sentence, sentence


def test_notify_without_a_session_bus(place):
    login = place.login()
    login.session("c2", uid=NOBODY if os.geteuid() == 0 else os.geteuid())
    word, sentence, _ = place.notify()
    assert (word, sentence) == ("no_notifications", "the active session has no session bus")


def test_notify_refused(place):
    for answer in ("ret = 0", "raise dbus.exceptions.DBusException('no', name='org.example.No')"):
        there = desktop(place, notify=answer)
        word, sentence, _ = place.notify()
        assert word == "no_notifications" and "refused" in sentence, sentence
        place.close()
        place.__init__(place.build)
        del there


@slow
def test_notify_without_an_answer(place):
    desktop(place, notify="import time; time.sleep(8); ret = 1")
    word, sentence, _ = place.notify()
    assert word == "no_notifications" and "does not answer" in sentence, sentence


@slow
def test_notify_on_a_silent_bus(place):
    """A user's own socket that takes connections and says nothing."""
    login = place.login()
    uid = NOBODY if os.geteuid() == 0 else os.geteuid()
    login.session("c2", uid=uid)
    own = os.path.join(place.directory, "runtime", str(uid))
    os.makedirs(own)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(own, "bus"))
    os.chmod(os.path.join(own, "bus"), 0o777)
    listener.listen(4)
    word, sentence, _ = place.notify()
    assert word == "no_notifications" and "does not answer" in sentence, sentence
    listener.close()


def test_notify_is_done_by_the_user(place):
    """While the service hesitates: who the process is, what it can reach."""
    there = desktop(place, notify="import time; time.sleep(3); ret = 7")
    process = place.start("notify", place.helper, there.runtime, "Muster GmbH", "Title", "Text")

    def helper():
        with open("/proc/%d/task/%d/children" % (process.pid, process.pid)) as f:
            for pid in f.read().split():
                try:
                    exe = os.readlink("/proc/%s/exe" % pid)
                    if EMULATED:  # that is the emulator, whose third word is what was started
                        with open("/proc/%s/cmdline" % pid) as f:
                            exe = f.read().split("\0")[2]
                    with open("/proc/%s/status" % pid) as f:
                        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
                except (OSError, IndexError):
                    continue
                # It has become the user, and holds its connection.
                if exe == place.helper and status["NoNewPrivs"] == "1" and len(os.listdir("/proc/%s/fd" % pid)) > 3:
                    return pid, status
        return None

    if os.geteuid() != 0:
        # It keeps its user and hides its memory even from that one.
        assert place.finish(process)[0] == "done"
        return
    wait_for(helper, "a process of " + place.helper)
    pid, status = helper()
    assert status["Uid"].split() == [str(there.uid)] * 4
    assert status["Gid"].split() == [str(there.uid)] * 4
    assert status["Groups"].split() == []
    assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    with open("/proc/%s/environ" % pid, "rb") as f:
        names = sorted(item.split(b"=")[0] for item in f.read().split(b"\0") if item)
    assert names == [b"DBUS_SESSION_BUS_ADDRESS", b"XDG_RUNTIME_DIR"], names
    with open("/proc/%s/cmdline" % pid, "rb") as f:
        assert b"Text" not in f.read(), "the message is on the command line"
    # Its user cannot look into it.
    denied = subprocess.run(["/usr/bin/python3", "-c", "open('/proc/%s/mem' %% %s, 'rb')" % ("%s", pid)],
                            user=there.uid, group=there.uid, extra_groups=[], capture_output=True)
    assert denied.returncode != 0 and b"PermissionError" in denied.stderr, denied.stderr
    assert place.finish(process)[:2] == ("done", "shown to the active session as notification 7")


def test_notify_believes_little(place):
    """What the process of the user says is a number or a known word."""
    there = desktop(place)
    lie = os.path.join(place.directory, "lie")
    for text in ("", "shown", "shown \\n", "shown 0\\n", "shown -1\\n", "shown 4294967296\\n", "shown 1",
                 "shown 1\\n\\n", "shown 1 2\\n", "shown 99999999999999999999\\n", "none\\n", "none x\\n", "\\377\\n"):
        with open(lie, "w") as f:
            f.write("#!/bin/sh\nprintf '%s'\n" % text)
        os.chmod(lie, 0o755)
        word, _, _ = place.notify(helper=lie)
        assert word == "trouble", (text, word)
    for program, more in (("#!/bin/sh\nexit 1\n", "status 1"), ("#!/bin/sh\nkill -9 $$\n", "signal 9"),
                          ("#!/bin/sh\nyes\n", "signal 9")):
        with open(lie, "w") as f:
            f.write(program)
        word, sentence, _ = place.notify(helper=lie)
        assert word == "trouble" and more in sentence, sentence
    os.unlink(lie)
    word, sentence, _ = place.notify(helper=lie)
    assert word == "trouble" and "could not be started" in sentence, sentence
    assert shown(there) == []


def test_notify_too_much(place):
    """One step above LIMIT_CHILD_INPUT_BYTES; three texts have three NULs."""
    there = desktop(place)
    most = 4096 - len("a\0b\0\0")
    assert place.notify("x" * (most + 1), "b", application="a")[0] == "trouble"
    assert place.notify("x" * most, "b", application="a")[0] == "done"
    assert [len(call[4]) for call in shown(there)] == [most]


def test_helper_alone(place):
    """Becomes nobody that it should not, and reads nothing but three texts."""

    def helper(*arguments, data=b"a\0b\0c\0"):
        return subprocess.run([place.helper, *arguments], input=data, capture_output=True,
                              env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}, timeout=PATIENCE)

    uid = str(NOBODY if os.geteuid() == 0 else os.geteuid())
    gid = str(NOBODY if os.geteuid() == 0 else os.getegid())
    for arguments in ((), ("notify",), ("notify", "0"), ("other", uid, gid), ("notify", "-1", gid),
                      ("notify", "4294967295", gid), ("notify", uid, gid, "more"), ("notify", "x", gid)):
        assert helper(*arguments).returncode == 2, arguments
    for arguments in (("notify", "0", gid), ("notify", uid, "0"), ("notify", "0", "0")):
        done = helper(*arguments)
        assert done.returncode == 1 and b"cannot be told" in done.stderr, arguments
    if os.geteuid() != 0:
        assert helper("notify", str(os.geteuid() + 1), gid).returncode == 1
    for data in (b"", b"a", b"a\0b\0", b"a\0b\0c", b"a\0b\0c\0d", b"a\0b\0c\0\0", b"a\0b\0\xff\0", b"a\0b\0c\n\0",
                 b"a" * 5000):
        done = helper("notify", uid, gid, data=data)
        assert done.returncode == 2 and done.stdout == b"", data
    assert helper("notify", uid, gid).stdout == b"none bus\n"


# --- restarting -----------------------------------------------------------------------------------

def test_reboot(place):
    login = place.login()
    assert place.run("reboot")[:2] == ("done", "the phone restarts")
    assert login.calls(login.manager, "Reboot") == [[False]]


def test_reboot_denied(place):
    login = place.login()
    login.manager.AddMethod(MANAGER, "Reboot", "b", "",
                            "raise dbus.exceptions.DBusException('no', name='org.freedesktop.DBus.Error.AccessDenied')")
    reboot_program(place, "exit 0")
    word, sentence, _ = place.run("reboot")
    assert word == "denied" and "AccessDenied" in sentence, sentence
    # Whoever was refused does not do it in another way.
    assert not os.path.exists(os.path.join(place.root, "called"))


@slow
def test_reboot_without_an_answer(place):
    login = place.login()
    login.manager.AddMethod(MANAGER, "Reboot", "b", "", "import time; time.sleep(20)")
    assert place.run("reboot")[0] == "no_answer"


def reboot_program(place, script):
    """A shell in the tree, and a program sbin/reboot that leaves a mark."""
    shell = os.path.realpath("/bin/sh")
    os.makedirs(place.root + "/sbin", exist_ok=True)
    os.makedirs(place.root + "/bin", exist_ok=True)
    shutil.copy(shell, place.root + "/bin/sh")
    for word in subprocess.run(["ldd", shell], capture_output=True, text=True).stdout.split():
        if word.startswith("/") and os.path.exists(word):
            os.makedirs(place.root + os.path.dirname(word), exist_ok=True)
            shutil.copy(word, place.root + word)
    with open(place.root + "/sbin/reboot", "w") as f:
        f.write("#!/bin/sh\n: > /called\n%s\n" % script)
    os.chmod(place.root + "/sbin/reboot", 0o755)


def test_reboot_without_logind(place):
    """OpenRC without elogind: the program of the system, and only where there is no logind."""
    word, sentence, _ = place.run("reboot")
    if os.geteuid() != 0:
        # Only root can enter another root.
        assert word == "trouble" and "Operation not permitted" in sentence, sentence
        return
    assert word == "no_logind" and "no program reboot" in sentence, sentence
    reboot_program(place, "exit 0")
    assert place.run("reboot")[:2] == ("done", "the phone restarts")
    assert os.path.exists(place.root + "/called")
    reboot_program(place, "exit 3")
    word, sentence, _ = place.run("reboot")
    assert word == "denied" and "status 3" in sentence, sentence


# --- the end of an operation ----------------------------------------------------------------------

def test_dropped(place):
    """The enrolment ends in the middle: no answer, and no process left behind."""
    there = desktop(place, notify="import time; time.sleep(2); ret = 1")
    login = place.open[0]
    login.session("c3", lock=IGNORES)
    assert place.run("drop", "lock") == "dropped"
    assert place.run("drop", "notify", place.helper, there.runtime, "a", "b", "c") == "dropped"
    login.manager.AddMethod(MANAGER, "Reboot", "b", "", "import time; time.sleep(2)")
    assert place.run("drop", "reboot") == "dropped"


def test_not_the_running_system(place):
    """A tree of a test never reaches the bus of the machine."""
    env = {"PATH": os.environ["PATH"]}
    tool = os.path.join(place.build, "tests/lib/session_tool")
    for what in ("lock", "reboot"):
        out = subprocess.run([tool, place.root, what], env=env, capture_output=True, text=True, timeout=PATIENCE)
        assert "not the running system" in out.stdout or "no system bus" in out.stdout, out.stdout


if __name__ == "__main__":
    sys.exit(run_tests(sys.argv[1], sys.modules["__main__"]))
