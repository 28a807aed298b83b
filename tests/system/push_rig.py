# SPDX-License-Identifier: Apache-2.0
"""A double of a push service (a distributor of UnifiedPush) on the session bus of a user. Run as a
program by that user it serves; what the test orders comes as files, what it saw goes to a log."""

import os
import subprocess
import sys
import time

SERVICE = "org.unifiedpush.Distributor.double"
PATH = "/org/unifiedpush/Distributor"
CONNECTOR = "/org/unifiedpush/Connector"
PATIENCE = 60


class Distributor:
    """Started as the user of the bus; version is that of the D-Bus interfaces."""

    def __init__(self, desktop, directory, version=2, endpoint="https://push.example.org/up/1?up=1", refuse=False):
        self.directory = os.path.join(directory, "distributor-%d" % time.monotonic_ns())
        os.makedirs(self.directory)
        if os.geteuid() == 0:
            os.chown(self.directory, desktop.uid, -1)
        env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1",
               "DBUS_SESSION_BUS_ADDRESS": desktop.bus.address}
        other = {"user": desktop.uid, "group": desktop.uid, "extra_groups": []} if os.geteuid() == 0 else {}
        with open(os.path.abspath(__file__)) as f:
            code = f.read()
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", code, self.directory, str(version), endpoint, "refuse" if refuse else "take"],
            env=env, cwd="/", **other)
        self.until("serving")

    def log(self):
        try:
            with open(os.path.join(self.directory, "log")) as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def until(self, word, n=1):
        end = time.monotonic() + PATIENCE
        while sum(line.split()[0] == word for line in self.log()) < n:
            assert time.monotonic() < end, "the distributor did not see %s: %r" % (word, self.log())
            time.sleep(0.05)
        return [line for line in self.log() if line.split()[0] == word][-1].split()

    def order(self, *words):
        path = os.path.join(self.directory, "order-%d" % time.monotonic_ns())
        with open(path + ".new", "w") as f:
            f.write(" ".join(words))
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)

    def close(self):
        self.process.kill()
        self.process.wait()


def serve(directory, version, endpoint, refuse):
    import dbus
    import dbus.mainloop.glib
    import dbus.service
    from gi.repository import GLib

    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    known = {}

    def log(*words):
        with open(os.path.join(directory, "log"), "a") as f:
            f.write(" ".join(map(str, words)) + "\n")

    def call(method, token, *more, names=()):
        """As the specification wants it: no answer is waited for."""
        service = known.get("service")
        if version == 1:
            signature, args = {"Message": "says", "NewEndpoint": "ss", "Unregistered": "s"}[method], (token, *more)
        else:
            signature, args = "a{sv}", (dbus.Dictionary(dict(zip(("token", *names), (token, *more))), signature="sv"),)
        bus.call_async(service, CONNECTOR, "org.unifiedpush.Connector%d" % version, method, signature, args,
                       lambda *a: log("answered", method), lambda e: log("error", method, e.get_dbus_name()))

    def register(service, token):
        known.update(service=str(service), token=str(token))
        log("register", service, token)
        if refuse:
            return False
        GLib.timeout_add(50, lambda: call("NewEndpoint", token, endpoint, names=("endpoint",)))
        return True

    class One(dbus.service.Object):
        @dbus.service.method("org.unifiedpush.Distributor1", in_signature="sss", out_signature="ss")
        def Register(self, service, token, description):
            return ("REGISTRATION_SUCCEEDED", "") if register(service, token) else ("REGISTRATION_FAILED", "no")

        @dbus.service.method("org.unifiedpush.Distributor1", in_signature="s", out_signature="")
        def Unregister(self, token):
            log("unregister", token)

    class Two(dbus.service.Object):
        @dbus.service.method("org.unifiedpush.Distributor2", in_signature="a{sv}", out_signature="a{sv}")
        def Register(self, args):
            good = register(args["service"], args["token"])
            return dbus.Dictionary({"success": "REGISTRATION_SUCCEEDED" if good else "REGISTRATION_FAILED",
                                    "reason": "UNAUTHORIZED"}, signature="sv")

        @dbus.service.method("org.unifiedpush.Distributor2", in_signature="a{sv}", out_signature="a{sv}")
        def Unregister(self, args):
            log("unregister", args["token"])
            return dbus.Dictionary({}, signature="sv")

    def obey():
        for name in sorted(os.listdir(directory)):
            if not name.startswith("order-") or name.endswith(".new"):
                continue
            with open(os.path.join(directory, name)) as f:
                words = f.read().split()
            os.unlink(os.path.join(directory, name))
            token = known.get("token", "")
            if words[0] == "push":
                for _ in range(int(words[1])):
                    call("Message", token, dbus.ByteArray(b"x" * int(words[2])), "id", names=("message", "id"))
            elif words[0] == "stranger":
                call("Message", "somebody", dbus.ByteArray(b"x"), "id", names=("message", "id"))
            elif words[0] == "endpoint":
                call("NewEndpoint", token, " ".join(words[1:]), names=("endpoint",))
            elif words[0] == "unregistered":
                call("Unregistered", token)
            log("obeyed", *words)
        return True

    known["name"] = dbus.service.BusName(SERVICE, bus)
    known["object"] = (One if version == 1 else Two)(bus, PATH)
    GLib.timeout_add(50, obey)
    log("serving")
    GLib.MainLoop().run()


if __name__ == "__main__" and len(sys.argv) == 5:
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "refuse")
