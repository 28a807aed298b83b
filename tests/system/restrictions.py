#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The restrictions of a policy, each on and off, on a phone that is made up, through the real agent. What a kernel, an
udevd and the real services do: tests/vm/suites/restrictions.sh.

Usage: restrictions.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import os
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
from mdmctl_rig import check, run_tests
from agent_rig import LOCKER, wait_for
from device_rig import Bus
from restrictions_rig import (BUS_RULE, NODES_RULE, OPEN, POLKIT_RULE, ROWS, USB_RULE, is_root, with_field)

USB = "sys/devices/soc/usb1"
UDC = "sys/kernel/config/usb_gadget/g1/UDC"
SSH_DROP_IN = "etc/systemd/system/ssh.service.d/90-mdm-agent-restrictions.conf"
LOCKABLE = {"camera", "microphone", "bluetooth", "nfc", "usb_host", "usb_gadget"}
NEEDS_ROOT = {"camera", "microphone", "usb_host"}  # nodes, and udevadm in another root directory
MODEM_OFF = {"Enable", "SetPowerState", "Reset", "DeleteBearer", "Simple.Disconnect", "HangupAll"}
DIALING, RINGING, ACTIVE, TERMINATED = 1, 3, 4, 7  # MMCallState
TESTS = []


def test(**options):
    def decorate(function):
        TESTS.append(with_field(**options)(function))
        return function
    return decorate


def possible():
    return [row for row in ROWS if is_root() or row not in NEEDS_ROOT]


def has(field, name):
    return os.path.exists(field.phone.path(name))


def read(field, name):
    return field.phone.read(name).strip()


def in_force(field, row):
    """Whether a restriction shows on the phone, besides in what the agent says."""
    return {
        "camera": lambda: field.nodes.is_shut("video0", "v4l-subdev0") and has(field, NODES_RULE) and
        field.nodes.mode("video1") == 0o660 and read(field, USB + "/1-4/1-4:1.0/authorized") == "0",
        "microphone": lambda: field.nodes.is_shut("pcmC0D0c") and field.nodes.mode("pcmC0D0p") == 0o660,
        "bluetooth": lambda: field.radios.off(1),
        "nfc": lambda: field.radios.off(3),
        "wifi": lambda: field.radios.off(0),
        "usb_host": lambda: read(field, USB + "/authorized_default") == "0" and has(field, USB_RULE) and
        [read(field, "%s/1-%d/authorized" % (USB, n)) for n in (1, 2, 3)] == ["0", "1", "1"],
        "usb_gadget": lambda: read(field, UDC) == "",
        "mobile_data": lambda: "mobile" not in field.doubles.actives(),
        "hotspot": lambda: not {"hotspot", "nap", "cable"} & set(field.doubles.actives()) and has(field, POLKIT_RULE),
        "location": lambda: "deny" in read(field, BUS_RULE),
        "ssh": lambda: field.doubles.units()["ssh.service"] == "inactive" and has(field, SSH_DROP_IN),
        "airplane_mode": lambda: True,
    }[row]()


def wait_in_force(field, *rows):
    for row in rows:
        try:
            wait_for("%s off on the phone" % row, lambda row=row: in_force(field, row))
        except AssertionError as error:
            raise AssertionError("%s\n%s\n%s" % (error, field.rows().get(row), field.phone.log())) from error
    return field.wait_state("compliant", *rows)


def untouched_modem(field):
    """Nor is its switch turned off: an emergency call needs all of it."""
    calls = field.doubles.calls()
    check((2, 1) not in field.radios.orders, field.radios.orders)
    check(not [c for c in calls if c[0] in MODEM_OFF], calls)
    check(["Set", "WwanEnabled", False] not in calls and ["Set", "WirelessEnabled", False] not in calls, calls)


# --- on and off

@test()
def each_goes_on_and_off(field):
    """And leaves everything as it was, whatever its user had it at."""
    field.doubles.up("wifi")
    field.doubles.up("mobile")
    before = field.snapshot()
    for row in possible():
        field.policy({row: "off"})
        shown = wait_in_force(field, row)[row]
        check(shown["reason"] == "ok" and shown["observed"] == "off", shown)
        field.policy({})
        field.same(before)
    untouched_modem(field)


@test()
def all_of_them_at_once(field):
    """With what shares the network, and NFC that was off already; the phone is unenrolled."""
    for kind in ("wifi", "mobile", "cable", "nap", "hotspot"):
        field.doubles.up(kind)
    before = field.snapshot()
    field.policy({row: "off" for row in possible()})
    wait_in_force(field, *possible())
    check(field.doubles.actives() == ["wifi"], field.doubles.actives())
    field.phone.ok("unenroll", "--yes")
    # Sharing that was ended is not begun again by itself.
    field.doubles.up("cable")
    field.doubles.up("nap")
    field.doubles.up("hotspot")
    field.same(before, but=LOCKER)
    untouched_modem(field)


@test(hardware=False, services=(), users=False)
def a_phone_without_any(field):
    """Says for each row what is missing, and is not accused of what it does not have."""
    field.policy({row: "off" for row in ROWS})
    rows = wait_for("all rows", lambda: len(field.rows()) == len(ROWS) and field.rows())
    for name, row in rows.items():
        check(row["state"] in ("compliant", "unsupported") and row["detail"], name, row)
    without = {name for name, row in rows.items() if row["state"] == "unsupported"}
    # No udev, no NetworkManager, no init, no bus; no radio, and no plug for a device.
    check(without == {"camera", "microphone", "usb_host", "mobile_data", "hotspot", "ssh", "location"}, rows)
    check("udevadm" in rows["camera"]["detail"] and "NetworkManager" in rows["hotspot"]["detail"], rows)
    field.policy({})


# --- people who turn things on again

@test()
def a_radio_that_is_turned_on_again(field):
    field.policy({"wifi": "off"})
    wait_in_force(field, "wifi")
    field.radios.turn(0, False)
    wait_for("Wi-Fi off again", lambda: field.radios.off(0))
    field.wait_state("compliant", "wifi")
    wait_for("a record of it", lambda: [r for r in field.phone.journal("drift_repaired")
                                        if r["data"].get("backend") == "rfkill"])
    # Another radio is its user's own.
    field.radios.turn(1, True)
    field.radios.turn(1, False)
    check(not field.radios.off(1) and (1, 1) not in field.radios.orders, field.radios.orders)
    field.policy({})
    wait_for("Wi-Fi back", lambda: not field.radios.off(0))


@test()
def a_fight_does_not_spin(field):
    """Somebody turns it on in the moment that it goes off: at most ten times at once, then every second and a half."""
    field.policy({"bluetooth": "off"})
    wait_in_force(field, "bluetooth")
    n = len(field.radios.orders)
    began = time.monotonic()
    field.radios.fighting = 1
    field.radios.turn(1, False)
    time.sleep(6)
    orders = len(field.radios.orders) - n
    lasted = time.monotonic() - began
    # A round of the reconciler turns it, too, and there are few of those.
    check(3 <= orders <= 10 + 2 * (lasted / 1.5 + 1), orders, "orders in", lasted, "s")
    wait_for("it to be told", lambda: "keeps switching" in field.rows()["bluetooth"]["detail"])
    field.radios.fighting = None
    wait_for("the end of it", lambda: field.radios.off(1))
    field.wait_state("compliant", "bluetooth")


@test()
def a_gadget_that_is_bound_again(field):
    field.policy({"usb_gadget": "off"})
    wait_in_force(field, "usb_gadget")
    for _ in range(3):
        field.write(UDC, "ci_hdrc.0\n")
        wait_for("it unbound", lambda: read(field, UDC) == "")
    # One that is made after the policy; it is there with all its files at once, and bound a moment later.
    other = "sys/kernel/config/usb_gadget/g2"
    field.write("made/UDC", "\n")
    os.rename(field.phone.path("made"), field.phone.path(other))
    field.write(other + "/UDC", "ci_hdrc.0\n")
    wait_for("the new one unbound", lambda: read(field, other + "/UDC") == "")
    field.wait_state("compliant", "usb_gadget")


@test(root=True)
def a_node_that_somebody_opens(field):
    field.policy({"camera": "off"})
    wait_in_force(field, "camera")
    os.chmod(field.nodes.all["video0"][0], 0o666)
    wait_for("it shut again", lambda: field.nodes.is_shut("video0"))
    # Rules that are gone come back.
    os.unlink(field.phone.path(NODES_RULE))
    wait_for("the rules", lambda: has(field, NODES_RULE))
    wait_in_force(field, "camera")


@test()
def connections_that_come_up_again(field):
    """Mobile data and hotspots, from NetworkManager or past it; refused, too. What calls need stays up."""
    field.policy({"mobile_data": "off", "hotspot": "off"})
    wait_in_force(field, "mobile_data", "hotspot")
    field.doubles.connect("attach", "voice", "emergency", "messages", "ims", "data", "untold")
    kept = ["attach", "emergency", "ims", "messages", "voice"]
    wait_for("data gone, and nothing else", lambda: field.doubles.connected() == kept)
    field.doubles.refuse(1)
    field.doubles.up("mobile")
    field.doubles.up("hotspot")
    field.doubles.up("wifi")
    wait_for("both gone", lambda: field.doubles.actives() == ["wifi"])
    wait_in_force(field, "mobile_data", "hotspot")
    # A service that is started anew has them up already.
    field.doubles.leave("network")
    field.doubles.up("hotspot")
    field.doubles.serve("network")
    wait_for("it gone", lambda: field.doubles.actives() == ["wifi"])
    check(field.doubles.connected() == kept, field.doubles.connected())
    untouched_modem(field)


@test()
def flying_is_not_for_everybody(field):
    """Airplane mode is ended, and single radios may be off."""
    field.policy({"airplane_mode": "off"})
    field.wait_state("compliant", "airplane_mode")
    time.sleep(3.5)  # what is as it is for so long is what its user wants
    field.radios.turn(0, True)
    field.radios.turn(0, False)
    for index in (0, 1, 2):
        field.radios.turn(index, True)
    wait_for("the radios back", lambda: field.radios.states()[:3] == [False, False, False])
    field.doubles.network_set("WirelessEnabled", False)
    field.doubles.network_set("WwanEnabled", False)
    wait_for("the modem back", lambda: field.doubles.network_get("WwanEnabled"))
    field.wait_state("compliant", "airplane_mode")
    untouched_modem(field)


# --- calls

@test(root=True)
def a_call_opens_the_microphone(field):
    """From the first ring or digit to the end, whoever calls; nothing hangs up, and no node is shut meanwhile."""
    field.policy({"microphone": "off", "camera": "off"})
    wait_in_force(field, "microphone", "camera")
    for first in (DIALING, RINGING):
        call = field.doubles.ring(first)
        wait_for("it open", lambda: field.nodes.mode("pcmC0D0c") == 0o660)
        shown = field.wait_state("compliant", "microphone")["microphone"]
        # It is said the same way with a call and without: reports tell of no calls.
        check(shown["detail"] == "calls open it" and shown["items"][0]["detail"] == "shut", shown)
        field.doubles.call_state(call, ACTIVE)
        # Another one waits, and is refused.
        other = field.doubles.ring(RINGING)
        field.doubles.call_state(other, TERMINATED)
        field.doubles.call_delete(other)
        check(field.phone.sync() == 0 and field.nodes.mode("pcmC0D0c") == 0o660)
        check(field.nodes.is_shut("video0"))
        field.doubles.call_state(call, TERMINATED)
        wait_for("it shut", lambda: field.nodes.is_shut("pcmC0D0c"))
        field.doubles.call_delete(call)
    untouched_modem(field)


@test(root=True)
def calls_that_nobody_begins(field):
    """Made and left there, as whoever may call can: they open nothing, however many; begun they do."""
    field.policy({"microphone": "off"})
    wait_in_force(field, "microphone")
    calls = []
    for _ in range(40):
        calls.append(field.doubles.ring(0))
        check(field.phone.sync() == 0)
        wait_for("it shut", lambda: field.nodes.is_shut("pcmC0D0c"))
    for call in (calls[0], calls[-1]):
        field.doubles.call_state(call, DIALING)
        wait_for("it open", lambda: field.nodes.mode("pcmC0D0c") == 0o660)
        field.doubles.call_state(call, TERMINATED)
        wait_for("it shut again", lambda: field.nodes.is_shut("pcmC0D0c"))


@test(root=True)
def a_call_outlives_the_agent(field):
    """One that is killed in the middle of a call and started again never shuts the microphone before the end."""
    field.policy({"microphone": "off"})
    wait_in_force(field, "microphone")
    call = field.doubles.ring(ACTIVE)
    wait_for("it open", lambda: field.nodes.mode("pcmC0D0c") == 0o660)
    shut, ended = [], threading.Event()

    def look():
        while not ended.wait(0.001):
            if field.nodes.mode("pcmC0D0c") == 0:
                shut.append(time.monotonic())
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        field.phone.stop(signal.SIGKILL)
        field.phone.start()
        wait_for("the policy", lambda: field.wanted() == {"microphone": "off"})
        check(field.phone.sync() == 0, field.phone.log())
        field.wait_state("compliant", "microphone")
        check(not shut, "it was shut during a call")
    finally:
        ended.set()
        watcher.join()
    field.doubles.call_state(call, TERMINATED)
    wait_for("it shut", lambda: field.nodes.is_shut("pcmC0D0c"))


@test(root=True)
def nobody_knows_of_calls(field):
    """oFono does not say: the microphone stays open, and that is told. A ModemManager that does not say opens it."""
    field.write("usr/sbin/ofonod", "")
    field.policy({"microphone": "off"})
    shown = field.wait_state("unsupported", "microphone")["microphone"]
    check("oFono" in shown["detail"] and field.nodes.mode("pcmC0D0c") == 0o660, shown)
    check(not has(field, NODES_RULE))
    os.unlink(field.phone.path("usr/sbin/ofonod"))
    field.policy({"microphone": "off", "ssh": "off"})
    wait_in_force(field, "microphone")
    field.doubles.leave("modems")
    field.doubles.mute(True)
    field.doubles.serve("modems")
    wait_for("it open", lambda: field.nodes.mode("pcmC0D0c") == 0o660)
    field.doubles.leave("modems")
    field.doubles.mute(False)
    field.doubles.serve("modems")
    wait_for("it shut", lambda: field.nodes.is_shut("pcmC0D0c"))


# --- the lock

@test()
def off_while_locked(field):
    """Follows the lock at once; who does not know whether it is locked takes it for locked."""
    rows = [row for row in possible() if row in LOCKABLE]
    field.policy({row: "off_while_locked" for row in rows})

    def gates(shut):
        found = {"bluetooth": field.radios.off(1) == shut, "usb_gadget": (read(field, UDC) == "") == shut}
        if is_root():
            found.update(camera=field.nodes.mode("video0") == (0 if shut else 0o660),
                         microphone=field.nodes.mode("pcmC0D0c") == (0 if shut else 0o660),
                         usb_host=(read(field, USB + "/authorized_default") == "0") == shut)
        return found

    def wait(shut, why):
        wait_for((why, shut, field.phone.log()[-2000:]), lambda: all(gates(shut).values()))
        shown = field.wait_state("compliant", *rows)
        check({shown[r]["observed"] for r in rows} == {"off_while_locked"}, shown)
        check(all(has(field, OPEN + row) != shut for row in rows), why)
    wait(False, "unlocked")
    # What was taken stays taken.
    field.doubles.lock("c1", True)
    wait(True, "locked")
    if is_root():
        check(read(field, USB + "/1-1/authorized") == "1", "what was plugged in was thrown out")
    field.doubles.lock("c1", False)
    wait(False, "unlocked again")
    field.doubles.session("c2", {"Remote": True, "Active": True, "LockedHint": False, "Type": "tty"})
    field.doubles.log_out("c1")
    wait(True, "somebody over the network only")
    field.doubles.session("c3", {"LockedHint": False})
    wait(False, "somebody logged in")
    field.doubles.leave("login")
    wait(True, "no login service")
    field.doubles.serve("login")
    wait(False, "a login service again")
    untouched_modem(field)


@test()
def strangers_open_nothing(field):
    """Signals of somebody who owns no name, sent to the agent as if logind or ModemManager had: nothing follows."""
    field.doubles.lock("c1", True)
    wanted = {"bluetooth": "off_while_locked", "usb_gadget": "off_while_locked"}
    if is_root():
        wanted["microphone"] = "off"
    field.policy(wanted)
    wait_in_force(field, *wanted)
    session, modem = "/org/freedesktop/login1/session/c1", "/org/freedesktop/ModemManager1"
    stranger = field.bus.forge(
        field.phone.process.pid,
        (session, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", "org.freedesktop.login1.Session",
         {"LockedHint": False}, []),
        ("/org/freedesktop/login1", "org.freedesktop.login1.Manager", "SessionNew", "so", "c9",
         "/org/freedesktop/login1/session/c9"),
        ("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", "org.freedesktop.login1", "",
         Bus.STRANGER),
        ("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", "org.freedesktop.ModemManager1", "",
         Bus.STRANGER),
        (modem + "/Modem/0", "org.freedesktop.ModemManager1.Modem.Voice", "CallAdded", "o", modem + "/Call/1"),
        (modem + "/Call/1", "org.freedesktop.ModemManager1.Call", "StateChanged", "iiu", 0, ACTIVE, 0))
    check(field.phone.sync() == 0)
    check(all(in_force(field, row) for row in wanted), field.rows())
    check(not os.path.exists(field.phone.path(OPEN)) or not os.listdir(field.phone.path(OPEN)))
    stranger.close()
    field.doubles.lock("c1", False)
    wait_for("it open for its owner", lambda: not field.radios.off(1))


# --- restarts

@test()
def killed_and_started_again(field):
    """What was opened meanwhile is shut, and what was there before the policy comes back at its end."""
    for kind in ("wifi", "mobile"):
        field.doubles.up(kind)
    before = field.snapshot()
    rows = [row for row in possible() if row != "airplane_mode"]
    field.policy({row: "off" for row in rows})
    wait_in_force(field, *rows)
    field.phone.stop(signal.SIGKILL)
    field.radios.turn(0, False)
    field.radios.turn(1, False)
    field.write(UDC, "ci_hdrc.0\n")
    field.doubles.up("mobile")
    if is_root():
        os.chmod(field.nodes.all["video0"][0], 0o666)
        field.write(USB + "/1-1/authorized", "1\n")
    field.phone.start()
    wait_in_force(field, *rows)
    field.phone.stop(signal.SIGKILL)
    field.phone.start()
    field.policy({})
    field.same(before)
    check(["nobody"] not in field.doubles.calls(), field.doubles.calls())


@test()
def shut_before_anybody_logs_in(field):
    """A start of the phone: what lies in memory is gone, nobody is logged in, and no service answers yet."""
    rows = [row for row in possible() if row in LOCKABLE]
    field.policy({row: "off_while_locked" for row in rows})
    wait_for("the gates open", lambda: all(has(field, OPEN + row) for row in rows))
    field.phone.stop(signal.SIGKILL)
    field.doubles.log_out("c1")
    for name in os.listdir(field.phone.path(OPEN)):
        os.unlink(field.phone.path(OPEN + name))
    os.rmdir(field.phone.path(OPEN))
    for name in ("login", "network", "modems"):
        field.doubles.leave(name)
    if is_root():
        # udevd was first: it shuts what the rules name.
        for name in field.nodes.all:
            field.nodes.obey(name)
        check(field.nodes.is_shut("video0", "pcmC0D0c") and field.nodes.mode("pcmC0D0p") == 0o660)
    field.write(UDC, "ci_hdrc.0\n")
    field.phone.start()
    wait_for("the gates shut", lambda: field.radios.off(1) and read(field, UDC) == "")
    shown = field.wait_state("compliant", *rows)
    check(all(shown[row]["detail"] for row in rows), shown)
    check(not any(has(field, OPEN + row) for row in rows))


# --- SSH

@test()
def the_ssh_server(field):
    """Those who are logged in over the network are logged out, and the one at the screen is not."""
    field.doubles.session("c7", {"Remote": True, "Type": "tty", "LockedHint": False})
    field.policy({"ssh": "off"})
    wait_in_force(field, "ssh")
    wait_for("them logged out", lambda: field.doubles.sessions() == ["c1"])
    field.doubles.start_unit("ssh.service")
    check(field.doubles.units() == {"ssh.service": "inactive"}, field.doubles.units())
    # Root takes the file away: it comes back, and so does the end of the server.
    os.unlink(field.phone.path(SSH_DROP_IN))
    field.doubles.unit("ssh.service", "active")
    wait_in_force(field, "ssh")
    field.policy({})
    wait_for("it running", lambda: field.doubles.units() == {"ssh.service": "active"})
    check(not has(field, os.path.dirname(SSH_DROP_IN)), "a directory stayed")
    # One that did not run is not started.
    field.doubles.unit("ssh.service", "inactive")
    field.policy({"ssh": "off"})
    wait_in_force(field, "ssh")
    field.policy({})
    wait_for("the file gone", lambda: not has(field, SSH_DROP_IN))
    check(field.doubles.units() == {"ssh.service": "inactive"}, field.doubles.units())


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, 3))
