# SPDX-License-Identifier: Apache-2.0
"""What the tests of sessions stand on: private message buses, doubles of logind and of a
notification service (python3-dbusmock), and session_tool, which runs one operation of
platform/session.h. Nothing here reaches the bus of the machine."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import dbus
import dbus.bus
import dbus.lowlevel

STARTED = []  # every process, so that none outlives a test that failed
PATIENCE = 30  # seconds until something that must happen is called missing
NOBODY = 65534
STRANGER = object()
LOGIN = "org.freedesktop.login1"
LOGIN_PATH = "/org/freedesktop/login1"
MANAGER = LOGIN + ".Manager"
SESSION = LOGIN + ".Session"
NOTIFICATIONS = "org.freedesktop.Notifications"
NOTIFICATIONS_PATH = "/org/freedesktop/Notifications"
MOCK = "org.freedesktop.DBus.Mock"

# Of a user other than root, whose bus talks to that user only; of everybody, as the system's.
POLICY = {
    False: '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
           '<allow eavesdrop="true"/><allow own="*"/></policy>',
    True: '<policy context="default"><allow user="*"/><allow send_destination="*"/>'
          '<allow receive_sender="*"/><allow own="*"/></policy>',
}

# What a Lock of the double does.
HINT = 'self.UpdateProperties("%s", {"LockedHint": dbus.Boolean(%%s)})' % SESSION
LOCKS = HINT % "True"
IGNORES = ""
LATER = ("from gi.repository import GLib\n"
         "GLib.timeout_add(%d, lambda s=self: s.UpdateProperties('" + SESSION + "', "
         "{'LockedHint': dbus.Boolean(%s)}))\n")
LIES = LOCKS + "\n" + LATER % (50, "False")
SILENT = "self.props['%s']['LockedHint'] = dbus.Boolean(True)" % SESSION


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "%s did not happen" % what
        time.sleep(0.02)


def answers(connection, name):
    try:
        return connection.name_has_owner(name)
    except dbus.DBusException:
        return False


class Bus:
    """A dbus-daemon of its own, at path, as user."""

    def __init__(self, path, everybody=True, user=None):
        self.path = path
        self.user = user
        self.address = "unix:path=" + path
        self.processes = []
        config = path + ".conf"
        with open(config, "w") as f:
            f.write("<busconfig><type>test</type><listen>%s</listen><auth>EXTERNAL</auth>%s</busconfig>"
                    % (self.address, POLICY[everybody]))
        os.chmod(config, 0o644)
        self.start(["dbus-daemon", "--nofork", "--nopidfile", "--nosyslog", "--config-file=" + config])
        wait_for(self.listens, "a bus at " + path)

    def listens(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.path) == 0

    def start(self, command, **environment):
        env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment}
        other = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        self.processes.append(subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL, cwd="/", **other))
        STARTED.append(self.processes[-1])

    def mock(self, system, *arguments):
        variable = "DBUS_SYSTEM_BUS_ADDRESS" if system else "DBUS_SESSION_BUS_ADDRESS"
        self.start(["/usr/bin/python3", "-m", "dbusmock", "--system" if system else "--session", *arguments],
                   **{variable: self.address})

    def connect(self):
        return dbus.bus.BusConnection(self.address)

    def close(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


class Login:
    """A system bus with a double of logind on it."""

    def __init__(self, directory):
        self.bus = Bus(os.path.join(directory, "system"))
        self.bus.mock(True, "--template", "logind")
        self.connection = self.bus.connect()
        wait_for(lambda: answers(self.connection, LOGIN), "a double of logind")
        self.manager = self.mock(LOGIN_PATH)

    def mock(self, path):
        return dbus.Interface(self.connection.get_object(LOGIN, path, introspect=False), MOCK)

    def session(self, name, uid=NOBODY, lock=LOCKS, active=True, announce=False, **properties):
        path = self.manager.AddSession(name, "seat0", dbus.UInt32(uid), "somebody", active)
        mock = self.mock(path)
        mock.AddMethod(SESSION, "Lock", "", "", lock)
        mock.UpdateProperties(SESSION, dbus.Dictionary({"Type": "wayland", **properties}, signature="sv"))
        if announce:
            self.manager.EmitSignal(MANAGER, "SessionNew", "so", [name, dbus.ObjectPath(path)])
        return mock

    def remove(self, name):
        path = LOGIN_PATH + "/session/" + name
        self.manager.RemoveObject(path)
        self.manager.EmitSignal(MANAGER, "SessionRemoved", "so", [name, dbus.ObjectPath(path)])

    def restart(self):
        """Another one takes its place, which knows nobody yet."""
        self.bus.processes.pop().kill()
        wait_for(lambda: not answers(self.connection, LOGIN), "the end of logind")
        self.bus.mock(True, "--template", "logind")
        wait_for(lambda: answers(self.connection, LOGIN), "a double of logind")
        self.manager = self.mock(LOGIN_PATH)

    def forge(self, *signals):
        """Signals sent to everybody on the bus by somebody who owns no name: (path, interface, member,
        signature, values...); STRANGER is that somebody's own unique name."""
        stranger = self.bus.connect()
        try:
            mine = stranger.get_unique_name()
            for name in stranger.list_names():
                if not name.startswith(":") or name in (mine, self.connection.get_unique_name()):
                    continue
                for path, interface, member, signature, *values in signals:
                    message = dbus.lowlevel.SignalMessage(path, interface, member)
                    message.set_destination(name)
                    message.append(signature=signature, *[mine if v is STRANGER else v for v in values])
                    stranger.send_message(message)
            stranger.get_name_owner(dbus.BUS_DAEMON_NAME)  # they have been passed on
        finally:
            stranger.close()

    def calls(self, mock, method):
        return [args for _, name, args in mock.GetCalls() if name == method]

    def close(self):
        self.connection.close()
        self.bus.close()


class Desktop:
    """The session bus of a user, where mdm-agentd looks for it, and who shows notifications there."""

    def __init__(self, directory, service=True, capabilities="body body-markup", notify=None):
        self.uid = NOBODY if os.geteuid() == 0 else os.geteuid()
        self.runtime = os.path.join(directory, "runtime")
        own = os.path.join(self.runtime, str(self.uid))
        os.makedirs(own)
        os.chmod(self.runtime, 0o755)
        os.chown(own, self.uid, -1)
        self.bus = Bus(os.path.join(own, "bus"), False, NOBODY if os.geteuid() == 0 else None)
        self.notify = notify
        if service:
            self.bus.mock(False, "--template", "notification_daemon", "--parameters",
                          '{"capabilities": "%s"}' % capabilities)
            self.ask("wait")

    def ask(self, what):
        """By a process of that user: nobody else is let onto the bus."""
        code = ("import dbus, dbus.bus, json, sys, time\n"
                "c = dbus.bus.BusConnection(%r)\n"
                "end = time.monotonic() + 30\n"
                "while not c.name_has_owner(%r) and time.monotonic() < end: time.sleep(0.02)\n"
                "m = dbus.Interface(c.get_object(%r, %r, introspect=False), %r)\n"
                % (self.bus.address, NOTIFICATIONS, NOTIFICATIONS, NOTIFICATIONS_PATH, MOCK))
        code += {
            "wait": "m.AddMethod(%r, 'Notify', 'susssasa{sv}i', 'u', %r)\n" % (NOTIFICATIONS, self.notify)
                    if self.notify is not None else "",
            "calls": "print(json.dumps([a for _, n, a in m.GetCalls() if n == 'Notify']))\n",
        }[what]
        other = {"user": self.uid, "group": self.uid, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True,
                              cwd="/", env={"PATH": os.environ["PATH"]}, timeout=PATIENCE, **other).stdout

    def close(self):
        self.bus.close()


class Place:
    """A directory, an empty root file system in it, and session_tool on a bus."""

    def __init__(self, build):
        self.build = build
        self.directory = tempfile.mkdtemp(prefix="mdm-session-")
        os.chmod(self.directory, 0o755)
        self.root = os.path.join(self.directory, "root")
        os.mkdir(self.root)
        # A build directory that only root can enter is closed to the users that helpers become.
        self.helper = os.path.join(self.directory, "mdm-agent-session")
        shutil.copy(os.path.join(build, "mdm-agent-session"), self.helper)
        self.open = []

    def keep(self, thing):
        self.open.append(thing)
        return thing

    def login(self):
        return self.keep(Login(self.directory))

    def desktop(self, **arguments):
        return self.keep(Desktop(self.directory, **arguments))

    def start(self, *arguments, address=None):
        env = {"PATH": os.environ["PATH"]}
        if "ASAN_OPTIONS" in os.environ:
            env["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]
        env["DBUS_SYSTEM_BUS_ADDRESS"] = address or "unix:path=" + os.path.join(self.directory, "system")
        return subprocess.Popen([os.path.join(self.build, "tests/lib/session_tool"), self.root, *arguments],
                                env=env, stdout=subprocess.PIPE, text=True)

    def finish(self, process):
        """The word, the sentence, how long the loop was held up in ms."""
        out, _ = process.communicate(timeout=2 * PATIENCE)
        assert process.returncode == 0, "session_tool ended with %d: %s" % (process.returncode, out)
        lines = out.splitlines()
        if lines == ["dropped"]:
            return lines[0]
        word, _, sentence = lines[0].partition(" ")
        return word, sentence, int(lines[1])

    def run(self, *arguments, **more):
        return self.finish(self.start(*arguments, **more))

    def notify(self, text="Please call.", title="Title", runtime=None, helper=None, application="Muster GmbH"):
        runtime = runtime or os.path.join(self.directory, "runtime")
        return self.run("notify", helper or self.helper, runtime, application, title, text)

    def close(self):
        for thing in reversed(self.open):
            thing.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def slow(function):
    """Waits for deadlines of the agent, and does so together with its like."""
    function.slow = True
    return function


def run_tests(build, module):
    tests = [item for item in sorted(vars(module).items()) if item[0].startswith("test_")]

    def one(item):
        name, function = item
        place = Place(build)
        try:
            function(place)
            return name, None
        except BaseException:
            return name, traceback.format_exc()
        finally:
            place.close()

    with ThreadPoolExecutor(16) as pool:
        slow = [pool.submit(one, item) for item in tests if hasattr(item[1], "slow")]
        results = [one(item) for item in tests if not hasattr(item[1], "slow")]
        results += [future.result() for future in slow]
    for process in STARTED:
        if process.poll() is None:
            process.kill()
    failed = [(name, trace) for name, trace in results if trace]
    for name, trace in failed:
        print("FAILED %s\n%s" % (name, trace), file=sys.stderr)
    print("%d passed, %d failed" % (len(results) - len(failed), len(failed)))
    return 1 if failed or not results else 0
