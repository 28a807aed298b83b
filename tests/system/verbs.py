#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What commands do, from `mdmctl command VERB` through the real server and a real phone to doubles
of logind and of a notification service, and back to `mdmctl command show`. The tests run side by
side: some have to wait until the phone gives up.

Usage: verbs.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import json
import os
import re
import shutil
import subprocess
import sys
import uuid

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Admin, Server, Skip, check, run_tests
from agent_rig import LOCKER, Agent, wait_for
from commands import Fleet

try:
    from session_rig import IGNORES, LATER, LOGIN, LOGIN_PATH, MANAGER, SESSION, Desktop, Login
except ImportError:
    Login = None

HERE = os.path.dirname(os.path.abspath(__file__))


class Occupied(Fleet):
    """A fleet whose phone has a system bus with a double of logind on it, and a desktop."""

    def __init__(self, base, user_interface=None):  # pylint: disable=super-init-not-called
        if not Login:
            raise Skip("python3-dbus or python3-dbusmock is not installed")
        os.chmod(base, 0o755)
        self.base, self.open, self.server, self.phone = base, [], None, None
        try:
            self.login = self.keep(Login(base))
            # A build directory that only root can enter is closed to the users that helpers become.
            self.helper = shutil.copy(os.path.join(BUILD, "mdm-agent-session"), base)
            self.runtime = os.path.join(base, "runtime")
            self.admin = Admin(base)
            self.server = Server(self.admin)
            self.admin.policy("p.json", {"screen_lock": {"enabled": True, "idle_delay": 120}})
            self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
            self.admin.ok("policy", "push", "p.jws")
            self.phone = Agent(
                base, options=["--session-program", self.helper, "--runtime-dir", self.runtime],
                env={"DBUS_SYSTEM_BUS_ADDRESS": self.login.bus.address, **self.boot_shim()})
            if user_interface:
                user_interface(self.phone)
            self.phone.start()
            self.enrol()
        except BaseException:
            self.close()
            raise

    def keep(self, thing):
        self.open.append(thing)
        return thing

    # --- the kernel's boot id

    def boot_shim(self):
        shim = os.path.join(self.base, "boot_shim.so")
        subprocess.run([os.environ.get("MDM_CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", shim,
                        os.path.join(HERE, "../lib/boot_shim.c")], check=True)
        self.boot()
        return {"LD_PRELOAD": shim, "BOOT_SHIM_ID": self.boot_file,
                "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}

    def boot(self):
        """The kernel is another one."""
        with open(self.boot_file, "w") as f:
            f.write("%s\n" % uuid.uuid4())

    @property
    def boot_file(self):
        return os.path.join(self.base, "boot_id")

    def calls(self, method):
        return self.login.calls(self.login.manager, method)

    def ends(self, command, state):
        """On the phone, then told to the administrator; how it is told."""
        self.wait_state(command, state)
        check(self.phone.sync() == 0, self.phone.log())
        told = self.told(command)
        check(told["state"] == state and self.states(command)[-1] == state, told)
        return told

    def order_now(self, *words):
        command = self.order(*words)
        check(self.phone.sync() == 0, self.phone.log())
        return command

    def close(self):
        if self.phone:
            self.phone.stop()
        if self.server:
            self.server.__exit__()
        for thing in reversed(self.open):
            thing.close()


def occupied(function, **options):
    def run(base):
        fleet = Occupied(base, **options)
        try:
            function(fleet)
        finally:
            fleet.close()
    run.__name__ = function.__name__
    return run


DONE = ["queued", "delivered", "accepted", "running", "done"]


def ended(state):
    return DONE[:-1] + [state]


# --- lock --------------------------------------------------------------------------------------

@occupied
def lock_waits_for_the_hint(fleet):
    """Asked is not locked: done is told when every session says that it is, and not before."""
    quick = fleet.login.session("c1")
    slow = fleet.login.session("c2", lock=IGNORES)
    command = fleet.order_now("lock")
    wait_for("both to be asked", lambda: all(fleet.login.calls(s, "Lock") for s in (quick, slow)))
    check(fleet.on_phone(command)["state"] == "running", fleet.on_phone(command))
    check(fleet.phone.sync() == 0)
    check(fleet.states(command) == DONE[:-1], fleet.told(command))
    slow.UpdateProperties(SESSION, {"LockedHint": True})
    told = fleet.ends(command, "done")
    check(fleet.states(command) == DONE, told)
    check(told["detail"] == "2 sessions are locked", told)
    check("2 sessions are locked" in fleet.admin.ok("command", "show", command))


@occupied
def lock_of_a_shell_that_does_not(fleet):
    """No locker says so: failed, with the session that it was."""
    fleet.login.session("c1")
    fleet.login.session("c7", lock=IGNORES)
    command = fleet.order_now("lock")
    told = fleet.ends(command, "failed")
    check(fleet.states(command) == ended("failed"), told)
    check(told["reason"] == "no_answer", told)
    check("1 of 2 sessions" in told["detail"] and "session c7 of type wayland" in told["detail"], told)
    check(fleet.phone.status()["commands"]["failed"]["id"] == command, fleet.phone.status())


def only_sxmo(phone):
    os.unlink(phone.path("usr/bin/plasmashell"))
    os.unlink(phone.path(LOCKER))
    phone.write("usr/bin/sxmo_winit.sh", "")


def lock_without_a_locker(fleet):
    """A user interface that has no lock screen: refused in these words, not a failure of today."""
    session = fleet.login.session("c1", lock=IGNORES)
    command = fleet.order_now("lock")
    told = fleet.ends(command, "refused")
    check(fleet.login.calls(session, "Lock"), "a locker that the user installed was not asked")
    check(fleet.states(command) == ended("refused"), told)
    check(told["reason"] == "no_locker" and "no lock screen" in told["detail"], told)


@occupied
def lock_with_nobody_there(fleet):
    told = fleet.ends(fleet.order_now("lock"), "done")
    check(told["detail"] == "no session is open", told)


@occupied
def lock_without_a_login_service(fleet):
    fleet.login.close()
    told = fleet.ends(fleet.order_now("lock"), "refused")
    check(told["reason"] == "no_logind", told)
    fleet.open.remove(fleet.login)


# --- message -----------------------------------------------------------------------------------

@occupied
def message_is_shown(fleet):
    """The text of the administrator, to the letter, in the name of the organisation."""
    desktop = fleet.keep(Desktop(fleet.base))
    fleet.login.session("c1", uid=desktop.uid)
    text = "Bring it back <b>to</b> the office & call. Thank you - ä€"
    command = fleet.order_now("message", "text=" + text)
    titled = fleet.order_now("message", "text=Second.", "title=Lost property")
    told = fleet.ends(titled, "done")
    check(fleet.states(command) == DONE and fleet.states(titled) == DONE, told)
    shown = json.loads(desktop.ask("calls"))
    check(len(shown) == 2, shown)
    first, second = ((s[0], s[3], s[4]) for s in shown)
    # The double says that it reads markup.
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    check(first == ("Example Org", "Example Org", escaped), first)
    check(second == ("Example Org", "Lost property", "Second."), second)
    check("Bring it back" not in json.dumps(fleet.phone.journal()), "the journal keeps the text")


@occupied
def message_to_nobody(fleet):
    """Nobody is logged in, then nothing shows notifications: failed, and why."""
    command = fleet.order_now("message", "text=Anybody?")
    told = fleet.ends(command, "failed")
    check(told["reason"] == "no_session", told)
    desktop = fleet.keep(Desktop(fleet.base, service=False))
    fleet.login.session("c1", uid=desktop.uid)
    told = fleet.ends(fleet.order_now("message", "text=Anybody?"), "failed")
    check(told["reason"] == "no_notifications", told)


# --- reboot ------------------------------------------------------------------------------------

@occupied
def reboot_is_done_after_the_restart(fleet):
    """logind is asked once; it runs until the phone has started again, and is told as done then."""
    fleet.login.manager.AddMethod(MANAGER, "Reboot", "b", "", "")
    command = fleet.order_now("reboot")
    wait_for("the order to logind", lambda: fleet.calls("Reboot"))
    check(fleet.phone.sync() == 0)
    check(fleet.states(command) == DONE[:-1], fleet.told(command))
    fleet.phone.stop()
    fleet.boot()
    fleet.phone.start()
    check(fleet.wait_state(command, "done")["detail"] == "the phone has started again")
    fleet.ends(command, "done")
    check(fleet.states(command) == DONE, fleet.told(command))
    # Neither the restart nor the next check-ins order it again.
    check(fleet.phone.sync() == 0)
    check(len(fleet.calls("Reboot")) == 1, fleet.calls("Reboot"))


@occupied
def reboot_that_did_not_happen(fleet):
    """The agent was started again, the phone was not: interrupted, and not tried once more."""
    fleet.login.manager.AddMethod(MANAGER, "Reboot", "b", "", "")
    command = fleet.order_now("reboot")
    wait_for("the order to logind", lambda: fleet.calls("Reboot"))
    fleet.kill()
    fleet.phone.start()
    check(fleet.wait_state(command, "interrupted")["reason"] == "same_boot")
    told = fleet.ends(command, "interrupted")
    check(fleet.states(command) == ended("interrupted"), told)
    check(len(fleet.calls("Reboot")) == 1, fleet.calls("Reboot"))


@occupied
def reboot_warns_and_waits(fleet):
    """The user is told, and logind hears nothing before the delay is over."""
    desktop = fleet.keep(Desktop(fleet.base))
    fleet.login.session("c1", uid=desktop.uid)
    fleet.login.manager.AddMethod(MANAGER, "Reboot", "b", "", "")
    waiting = fleet.order_now("reboot", "delay=3600")
    wait_for("the warning", lambda: json.loads(desktop.ask("calls")))
    check("60 minutes" in json.loads(desktop.ask("calls"))[0][4], desktop.ask("calls"))
    check(not fleet.calls("Reboot") and fleet.on_phone(waiting)["state"] == "running")


@occupied
def reboot_that_is_refused(fleet):
    fleet.login.manager.AddMethod(
        MANAGER, "Reboot", "b", "",
        "raise dbus.exceptions.DBusException('no', name='org.freedesktop.DBus.Error.AccessDenied')")
    told = fleet.ends(fleet.order_now("reboot"), "failed")
    check(told["reason"] == "denied" and "AccessDenied" in told["detail"], told)


# --- diagnostics -------------------------------------------------------------------------------

@occupied
def diagnostics_reach_the_server(fleet):
    """Done means that the server has the bundle: it is in the phone's record there."""
    secret = "text=not for a bundle"
    fleet.order_now("message", secret)
    command = fleet.order_now("diagnostics")
    told = fleet.ends(command, "done")
    check(fleet.states(command) == DONE and told["detail"] == "the server has the bundle", told)
    section = fleet.admin.json("device", "show", fleet.device)["sections"]["diagnostics"]
    body = section.get("body", section)
    check(body["command"] == command and body["v"] == 1, body)
    check("not for a bundle" not in json.dumps(body), "the text of a message left in a bundle")
    # The user can read what was sent.
    sent = fleet.phone.json("privacy")["last_report"]
    check("diagnostics" in json.dumps(sent["sections"]) or fleet.phone.sync() == 0, sent)
    # And it is sent once.
    check(fleet.phone.sync() == 0)
    check("diagnostics" not in fleet.phone.json("privacy")["last_report"]["sections"] or
          "body" not in fleet.phone.json("privacy")["last_report"]["sections"]["diagnostics"])


lock_without_a_locker = occupied(lock_without_a_locker, user_interface=only_sxmo)

TESTS = [f for n, f in list(globals().items())
         if re.match("(lock|message|reboot|diagnostics)_", n)]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, beside=len(TESTS)))
