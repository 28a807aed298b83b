#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""session_end.py BUILD_DIR - ending sessions and starting a service, against doubles of logind and of systemd on a
bus of their own. The last line is "N passed, N failed"."""

import os
import sys

import dbus

from session_rig import MOCK, PATIENCE, SESSION, answers, run_tests, slow, wait_for

SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER = "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"
UNIT = "mdm-agent-wipe.service"


def session(login, name, terminate="", **properties):
    mock = login.session(name, **properties)
    mock.AddMethod(SESSION, "Terminate", "", "", terminate)
    return mock


def test_end(place):
    """Everybody's, those over the network too; not the greeter's, and not the agent's own services."""
    login = place.login()
    people = [session(login, "c2"), session(login, "c3", Type="tty", Remote=True)]
    others = [session(login, "c5", Class="greeter"), session(login, "c6", Class="background", Type="unspecified")]
    assert place.run("end")[:2] == ("done", "2 sessions are ended")
    assert [len(login.calls(s, "Terminate")) for s in people] == [1] * 2
    assert [len(login.calls(s, "Terminate")) for s in others] == [0] * 2


def test_end_of_nobody(place):
    place.login()
    assert place.run("end")[:2] == ("nobody", "no session is open")


def test_end_refused(place):
    login = place.login()
    session(login, "c2", terminate="raise dbus.exceptions.DBusException('no', name='org.freedesktop.DBus.Error.AccessDenied')")
    session(login, "c3")
    assert place.run("end")[:2] == ("denied", "1 session is ended, 1 could not be")


@slow
def test_end_without_an_answer(place):
    """It is not waited for longer than three seconds."""
    login = place.login()
    session(login, "c2", terminate="import time; time.sleep(20)")
    assert place.run("end")[0] == "no_answer"


def test_end_without_logind(place):
    assert place.run("end")[0] == "no_logind"


def systemd(place, script="ret = '/org/freedesktop/systemd1/job/7'"):
    """A tree where systemd runs, and a double of it on the bus of the login service."""
    login = place.login()
    os.makedirs(os.path.join(place.root, "run/systemd/system"))
    login.bus.mock(True, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER)
    wait_for(lambda: answers(login.connection, SYSTEMD), "a double of systemd")
    manager = dbus.Interface(login.connection.get_object(SYSTEMD, SYSTEMD_PATH, introspect=False), MOCK)
    manager.AddMethod(SYSTEMD_MANAGER, "StartUnit", "ss", "o", script)
    return login, manager


def test_service(place):
    login, manager = systemd(place)
    assert place.run("service", UNIT)[0] == "done"
    assert login.calls(manager, "StartUnit") == [[UNIT, "replace-irreversibly"]]


def test_service_refused(place):
    systemd(place, "raise dbus.exceptions.DBusException('Unit is masked.', name='org.freedesktop.systemd1.UnitMasked')")
    word, sentence, _ = place.run("service", UNIT)
    assert word == "denied" and "masked" in sentence, sentence


@slow
def test_service_without_an_answer(place):
    systemd(place, "import time; time.sleep(20)")
    assert place.run("service", UNIT)[0] == "no_answer"


def test_service_without_systemd(place):
    """Nothing is asked where nobody starts services: whoever asked starts the program."""
    place.login()
    out, _ = place.start("service", UNIT).communicate(timeout=PATIENCE)
    assert out == "not begun: No such file or directory\n", out


if __name__ == "__main__":
    sys.exit(run_tests(sys.argv[1], sys.modules["__main__"]))
