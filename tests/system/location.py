#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the phone is, by the real GeoClue, ModemManager and gpsd, and by a double of a modem with a
receiver; as they appear, refuse, fall silent, fall and lie. The tests run side by side.

Usage: location.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import os
import subprocess
import sys
import time

import dbus

sys.dont_write_bytecode = True
from mdmctl_rig import Skip, check
from location_rig import (ACTIVE, GEOCLUE, MODEMS, MOTION, NETWORK, NETWORKS, OFFICE, PYTHON, Phone,
                          copy_schemas, dconf_set, run_tests, wait_for)

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def near(found, latitude, longitude):
    return abs(float(found[3]) - latitude) < 1e-4 and abs(float(found[4]) - longitude) < 1e-4


# --- GeoClue ----------------------------------------------------------------------------------------

@test
def test_geoclue(base):
    """The real one: a fix, and nothing of it left afterwards; then again."""
    with Phone(base) as phone:
        receiver, _ = phone.geoclue()
        phone.start()
        time.sleep(0.3)
        check(not phone.is_on_the_bus(), "something is asked while nothing is wanted")
        for position in ((52.5, 13.4), (-33.875, -151.25)):
            receiver.position = position
            phone.say("want fine 60")
            # GeoClue begins with what it knew last.
            found = phone.expect("fix")
            while not near(found, *position):
                found = phone.expect("fix")
            check(found[1] == "geoclue" and found[2] in ("gnss", "network"), found)
            check(4 <= float(found[5]) <= 50 and int(found[7]) < 30000, found)
            wait_for("the receiver to be let go", lambda: receiver.n_clients == 0)
            wait_for("the bus to be left", lambda: not phone.is_on_the_bus())
            # What GeoClue knows from the first time is no answer to the second.
            time.sleep(31)
        check("Number of connected clients: 0" in phone.log("geoclue.log"))
        check(phone.facts()["geoclue"] == ("present", "idle", ""), phone.facts())


@test
def test_geoclue_on_a_shared_bus(base):
    """The agent is on the bus for other reasons, too, and stays: GeoClue is told that it is done."""
    with Phone(base) as phone:
        receiver, _ = phone.geoclue()
        phone.start()
        phone.say("stay")
        phone.say("want fine 60")
        phone.expect("fix")
        wait_for("the receiver to be let go", lambda: receiver.n_clients == 0)
        wait_for("the client to go", lambda: "Number of connected clients: 0" in phone.log("geoclue.log"))
        check(phone.is_on_the_bus())
        # Taken back as well, before and after it has begun.
        for wait_s in (0, 0.05, 0.5, 2):
            n_starts = phone.log("geoclue.log").count("Number of connected clients: 1")
            phone.say("want fine 60")
            time.sleep(wait_s)
            phone.say("want off 0")
            wait_for("the receiver to be let go", lambda: receiver.n_clients == 0)
            wait_for("the client to go", lambda n=n_starts: phone.geoclue_is_idle())
            check(phone.log("geoclue.log").count("Number of connected clients: 1") <= n_starts + 1)


@test
def test_geoclue_client_on_its_way(base):
    """A client that GeoClue was still making when it came out of use is taken away; it would count as
    a use of GeoClue."""
    with Phone(base) as phone:
        phone.geoclue_client(slow_s=1)
        phone.start()
        phone.say("stay")
        phone.say("want fine 60")
        wait_for("the call", lambda: "GetClient" in phone.log("mock.log"))
        phone.say("want off 0")
        wait_for("the end", lambda: "DeleteClient" in phone.geoclue_calls())
        check("Start" not in phone.geoclue_calls())


@test
def test_geoclue_coarse(base):
    """Asked for less, GeoClue switches no receiver on, until it turns out that it knows nothing else."""
    with Phone(base) as phone:
        receiver, _ = phone.geoclue()
        phone.start()
        phone.say("want coarse 60")
        found = phone.expect("fix")
        check(found[1] == "geoclue" and near(found, *receiver.position), found)
        log = phone.log("geoclue.log")
        check("Not starting GClueNMEASource" in log[:log.index("GClueNMEASource now active")], log)
        wait_for("the receiver to be let go", lambda: receiver.n_clients == 0)


@test
def test_geoclue_without_leave(base):
    """A GeoClue whose configuration does not know the agent asks the agent of root's programs."""
    with Phone(base) as phone:
        receiver, _ = phone.geoclue(allowed=None)
        phone.start()
        phone.say("want fine 60")
        found = phone.expect("fix")
        check(found[1] == "geoclue" and near(found, *receiver.position), found)


@test
def test_geoclue_refuses(base):
    with Phone(base) as phone:
        phone.geoclue(allowed=False)
        phone.start()
        phone.say("want fine 60")
        check(phone.expect("missed", unless=())[1] == "no_source")
        check("GeoClue refuses the agent" in phone.detail("geoclue"), phone.facts())


@test
def test_geoclue_falls(base):
    """In the middle of a want; another one is asked when it comes."""
    with Phone(base) as phone:
        receiver, process = phone.geoclue()
        receiver.position = (1, 1)
        gnss = phone.gnss_share()
        phone.start()
        phone.say("want fine 60")
        phone.expect("fix")
        wait_for("the end", lambda: receiver.n_clients == 0 and gnss.n_clients == 0)
        # It switches no receiver on for this, and there is nothing else that costs little.
        begin = time.monotonic()
        phone.say("want coarse 600")
        wait_for("the client", lambda: phone.log("geoclue.log").count("'mdm-agent' started") > 1 or
                 phone.facts()["geoclue"][1] == "active" and time.monotonic() - begin > 2)
        check(gnss.n_clients == 0, "a receiver was asked")
        process.kill()
        process.wait()
        check(phone.expect("fix")[1] == "gnss-share")
        phone.say("want fine 60")
        check(phone.expect("fix")[1] == "gnss-share")


def place(latitude, longitude, accuracy, description, age_s=0, **more):
    now_s = int(time.time()) - age_s
    return dict({"Latitude": float(latitude), "Longitude": float(longitude), "Accuracy": float(accuracy),
                 "Description": description, "Speed": -1.0,
                 "Timestamp": dbus.Struct((dbus.UInt64(now_s), dbus.UInt64(0)), signature="tt")}, **more)


@test
def test_geoclue_says(base):
    """What a GeoClue with other sources would say, by a double: of a device at rest, of receivers, of
    what was looked up; and what makes no sense."""
    nan, huge = float("nan"), dbus.Struct((dbus.UInt64(2**63), dbus.UInt64(0)), signature="tt")
    nonsense = [place(91, 1, 10, "GPS"), place(nan, 1, 10, "GPS"), place(1, 181, 10, ""),
                place(1, 1, nan, ""), place(1, 1, -5, ""), place(1, 1, 1e9, ""),
                place(1, 1, float("inf"), ""), place(1, 1, 10, "", Timestamp=huge),
                {"Latitude": 1.0, "Accuracy": 10.0}, {"Latitude": "1", "Longitude": "2", "Accuracy": "3"}]
    good = [place(10, 20, 2500, "WiFi"), place(10.5, 20, 60, "GPS RMC"), place(10.5, 20, 1, "GPS GGA")]
    with Phone(base) as phone:
        phone.geoclue_client(*nonsense, *good)
        phone.start()
        phone.say("want fine 120")
        wait_for("the client", lambda: "Start" in phone.geoclue_calls())
        for n in range(len(nonsense)):
            phone.geoclue_says(n)
            time.sleep(0.1)
        phone.quiet(1, "fix", "missed")
        for n, (source, accuracy) in enumerate((("network", 2500), ("gnss", 60), ("gnss", 4))):
            phone.geoclue_says(len(nonsense) + n)
            found = phone.expect("fix")
            check(found[1:3] == ["geoclue", source] and float(found[5]) == accuracy, found)
        wait_for("the end", lambda: {"Stop", "DeleteClient"} <= set(phone.geoclue_calls()))
        wait_for("the bus to be left", lambda: not phone.is_on_the_bus())
    with Phone(os.path.join(base, "rest")) as phone:
        phone.geoclue_client(place(10, 20, 500, "GPS", age_s=3600),
                             place(11, 20, 500, "Static location", age_s=-3600))
        phone.start()
        phone.say("want fine 120")
        wait_for("the client", lambda: "Start" in phone.geoclue_calls())
        # An old one is told as old and ends nothing; of a clock that is ahead nothing is believed.
        phone.geoclue_says(0)
        found = phone.expect("fix")
        check(found[2] == "gnss" and abs(int(found[7]) - 3600000) < 10000, found)
        check(phone.facts()["geoclue"][1] == "active")
        phone.geoclue_says(1)
        found = phone.expect("fix")
        check(found[2] == "fixed" and float(found[5]) == 500 and 0 <= int(found[7]) < 10000, found)
        wait_for("the bus to be left", lambda: not phone.is_on_the_bus())


# --- receivers --------------------------------------------------------------------------------------

@test
def test_gnss_share(base):
    with Phone(base) as phone:
        receiver = phone.gnss_share()
        phone.start()
        phone.say("want fine 60")
        found = phone.expect("fix")
        check(found[1:3] == ["gnss-share", "gnss"] and near(found, 52.5, 13.4), found)
        check(abs(float(found[5]) - 1.2 * 6 * 1.07) < 0.1, found)
        wait_for("the receiver to be let go", lambda: receiver.n_clients == 0)


@test
def test_gpsd(base):
    """The real one, at a pseudo-terminal."""
    with Phone(base) as phone:
        position = phone.gpsd()
        phone.start()
        phone.say("want fine 90")
        found = phone.expect("fix")
        check(found[1:3] == ["gpsd", "gnss"] and near(found, *position), found)
        check(4 <= float(found[5]) <= 50, found)
        check(phone.facts()["gpsd"][:2] == ("present", "idle"), phone.facts())


@test
def test_gpsd_of_a_user(base):
    """Whoever listens on gpsd's port while gpsd does not is not gpsd."""
    if os.geteuid() != 0:
        raise Skip("needs root, to be somebody else")
    with Phone(base) as phone:
        code = ("import socket, time\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen(5)\n"
                "print(s.getsockname()[1], flush=True)\ntime.sleep(60)\n")
        # pylint: disable=consider-using-with
        stranger = subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True, user=12345,
                                    group=12345, extra_groups=[], cwd="/")
        phone.processes.append(stranger)
        phone.gpsd_port = int(stranger.stdout.readline())
        phone.write("usr/sbin/gpsd", "")
        phone.start()
        phone.say("want fine 60")
        check(phone.expect("missed", unless=())[1] == "no_source")
        check("somebody's own program" in phone.detail("gpsd"), phone.facts())


# --- the modem --------------------------------------------------------------------------------------

@test
def test_modem_manager(base):
    """The real one, without a modem: there, and of no use; gone, and it says so."""
    with Phone(base) as phone:
        process = phone.modem_manager()
        phone.start()
        phone.say("want fine 60")
        check(phone.expect("missed", unless=())[1] == "no_source")
        phone.say("watch %d" % MOTION)
        wait_for("ModemManager", lambda: phone.facts()["modemmanager"][0] == "present")
        wait_for("its answer", lambda: "no modem" in phone.detail("modemmanager"))
        phone.stop_process(process)
        wait_for("its end", lambda: phone.facts()["modemmanager"][0] == "absent")


def modem_gives_a_fix(phone, capabilities, mask, accuracy):
    """The mask is that of others and the receiver's, then that of others again."""
    phone.modem(capabilities=capabilities, enabled=1)
    phone.see_sky((40.5, -3.75))
    phone.start()
    phone.say("want fine 60")
    found = phone.expect("fix")
    check(found[1:3] == ["modemmanager", "gnss"] and near(found, 40.5, -3.75), found)
    check(abs(float(found[5]) - accuracy) < 0.1, found)
    wait_for("the mask to be given back", lambda: phone.modem_get("Enabled") == 1)
    check(phone.modem_setups() == [(1 | mask, False), (1, False)], phone.modem_setups())
    wait_for("the record to go", lambda: not os.listdir(phone.state))
    wait_for("the bus to be left", lambda: not phone.is_on_the_bus())


@test
def test_modem_nmea(base):
    with Phone(base) as phone:
        modem_gives_a_fix(phone, 7, 4, 1.2 * 6 * 1.07)


@test
def test_modem_raw(base):
    with Phone(base) as phone:
        modem_gives_a_fix(phone, 3, 2, 40)


@test
def test_modem_signals_stay(base):
    """Whether ModemManager tells everybody is others' business, either way; what others have on
    already is not given back."""
    with Phone(base) as phone:
        phone.modem(enabled=5, signals=True)
        phone.see_sky((40.5, -3.75))
        phone.start()
        phone.say("want fine 60")
        phone.expect("fix")
        time.sleep(1)
        check(phone.modem_setups() == [] and phone.modem_get("Enabled") == 5, phone.modem_setups())


@test
def test_modem_old_position(base):
    """A receiver keeps the last position that it had: that is none of now."""
    with Phone(base) as phone:
        phone.modem()
        phone.see_sky((40.5, -3.75), moving=False)
        phone.start()
        phone.say("want fine 12")
        check(phone.expect("missed", "fix", unless=())[0] == "missed")
        wait_for("the mask to be given back", lambda: phone.modem_get("Enabled") == 1)


@test
def test_modem_mask_is_taken_away(base):
    """Somebody else ends, and takes the receiver along: it is switched on again, not for ever."""
    with Phone(base) as phone:
        phone.modem()
        phone.start()
        phone.say("want fine 60")
        for n in (1, 2, 3):
            wait_for("the mask", lambda n=n: phone.modem_setups().count((5, False)) == n)
            phone.modem_setup(1)
        wait_for("it to be given up", lambda: "again and again" in phone.detail("modemmanager"))
        phone.say("want off 0")
        time.sleep(1)
        check(phone.modem_get("Enabled") == 1 and not os.listdir(phone.state))


@test
def test_modem_others_come(base):
    """What others switch on in the meantime stays."""
    with Phone(base) as phone:
        phone.modem()
        phone.start()
        phone.say("want fine 60")
        wait_for("the mask", lambda: phone.modem_get("Enabled") == 5)
        phone.modem_setup(7, True)
        phone.say("want off 0")
        wait_for("the mask to be given back", lambda: phone.modem_get("Enabled") == 3)
        check(phone.modem_setups()[-1] == (3, True), phone.modem_setups())


@test
def test_modem_geoclue_in_use(base):
    """GeoClue is used by others: they may rely on what the agent switched on, until they end."""
    with Phone(base) as phone:
        phone.modem()
        phone.geoclue_double(True)
        phone.start()
        phone.say("want fine 60")
        wait_for("the mask", lambda: phone.modem_get("Enabled") == 5)
        phone.say("want off 0")
        time.sleep(2)
        check(phone.modem_get("Enabled") == 5, "it was taken away from others")
        check(phone.is_on_the_bus())
        phone.geoclue_in_use(False)
        wait_for("the mask to be given back", lambda: phone.modem_get("Enabled") == 1)
        wait_for("the bus to be left", lambda: not phone.is_on_the_bus())


@test
def test_modem_beside_geoclue(base):
    """The real GeoClue has switched the same modem's receiver on: the agent, which asks both when it
    takes long, sets nothing, owes nothing, and takes nothing away."""
    with Phone(base) as phone:
        phone.modem()
        phone.geoclue(modem=True)
        phone.start()
        phone.say("stay")
        phone.say("want fine 90")
        wait_for("GeoClue's mask", lambda: phone.modem_get("Enabled") & 4)
        # The agent's own turn comes after 20 s.
        time.sleep(24)
        check(not os.listdir(phone.state) and phone.modem_get("Enabled") & 4)
        phone.see_sky((40.5, -3.75))
        found = phone.expect("fix")
        check(found[1] in ("geoclue", "modemmanager") and near(found, 40.5, -3.75), found)
        wait_for("the receiver to be let go", lambda: not phone.modem_get("Enabled") & 6)
        # GeoClue's have signals, the agent's would not: there were none before.
        check(all(signals for _, signals in phone.modem_setups()), phone.modem_setups())
        check(phone.geoclue_is_idle() and not os.listdir(phone.state))


@test
def test_modem_after_a_fall(base):
    """An agent that falls leaves the receiver on; the next one gives it back, unasked. One that is
    stopped gives it back itself."""
    with Phone(base) as phone:
        phone.modem()
        phone.start()
        phone.say("want fine 60")
        wait_for("the mask", lambda: phone.modem_get("Enabled") == 5)
        phone.stop("die")
        check(phone.modem_get("Enabled") == 5 and os.listdir(phone.state) == ["location-modem"])
        phone.start()
        wait_for("the mask to be given back", lambda: phone.modem_get("Enabled") == 1)
        wait_for("the record to go", lambda: not os.listdir(phone.state))
        phone.say("want fine 60")
        wait_for("the mask", lambda: phone.modem_get("Enabled") == 5)
        phone.stop()
        wait_for("the mask to be given back", lambda: phone.modem_get("Enabled") == 1)
        check(not os.listdir(phone.state))


@test
def test_modem_of_another_manager(base):
    """Of a ModemManager that was started anew nothing is owed."""
    with Phone(base) as phone:
        phone.modem()
        phone.start()
        phone.say("want fine 60")
        wait_for("the mask", lambda: phone.modem_get("Enabled") == 5)
        phone.stop("die")
        phone.bus.end(MODEMS)
        phone.modem(enabled=5)
        phone.start()
        wait_for("the record to go", lambda: not os.listdir(phone.state))
        check(phone.modem_get("Enabled") == 5 and not phone.modem_setups())
        # A record that is none is thrown away.
        phone.stop()
        with open(os.path.join(phone.state, "location-modem"), "w") as f:
            f.write("x" * 200)
        phone.start()
        wait_for("the record to go", lambda: not os.listdir(phone.state))


@test
def test_modem_refuses(base):
    with Phone(base) as phone:
        phone.modem(refuse="org.freedesktop.ModemManager1.Error.Core.WrongState")
        phone.start()
        phone.say("want fine 60")
        check(phone.expect("missed", unless=())[1] == "no_source")
        phone.say("watch %d" % MOTION)
        time.sleep(0.5)
        check(not os.listdir(phone.state))
    with Phone(os.path.join(base, "unmanaged")) as phone:
        phone.modem(capabilities=23, enabled=17)
        phone.start()
        phone.say("want fine 60")
        check(phone.expect("missed", unless=())[1] == "no_source")
        check(phone.modem_setups() == [])


# --- strangers, silence, the bus ----------------------------------------------------------------------

@test
def test_strangers_are_not_believed(base):
    """Everybody may send signals to the agent; only the owner of a service's name is heard."""
    with Phone(base) as phone:
        phone.modem(enabled=1)
        phone.wifi(OFFICE, "a")
        phone.start()
        phone.say("watch %d" % (NETWORKS | MOTION))
        phone.expect("networks")
        mine = phone.bus.STRANGER
        stranger = phone.bus.forge(
            phone.tool.pid,
            ("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", NETWORK, "", mine),
            ("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", GEOCLUE, "", mine),
            ("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", MODEMS, "", ""),
            ("/x", "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", ACTIVE, {"State": 1}, []),
            ("/org/freedesktop/GeoClue2/Client/1", GEOCLUE + ".Client", "LocationUpdated", "oo", "/", "/x"))
        phone.quiet(4, "networks", "connected", "moved", "fix")
        facts = phone.facts()
        check(facts["geoclue"][0] == "absent" and facts["modemmanager"][0] == "present", facts)
        stranger.close()


@test
def test_silent_services(base):
    """Who does not answer holds nobody up, and is heard when he speaks again."""
    with Phone(base) as phone:
        phone.modem()
        phone.wifi(OFFICE, "a")
        phone.bus.pause(MODEMS, True)
        phone.bus.pause(NETWORK, True)
        phone.start()
        phone.say("watch %d" % NETWORKS)
        begin = time.monotonic()
        phone.say("want fine 8")
        check(phone.expect("missed", unless=())[0] == "missed" and time.monotonic() - begin < 30)
        wait_for("patience to end", lambda: "does not answer" in phone.detail("networkmanager"))
        phone.bus.pause(NETWORK, False)
        phone.bus.pause(MODEMS, False)
        phone.wifi_connect("b")
        phone.expect("networks")


@test
def test_bus(base):
    """It goes and comes again in the middle of everything; without one receivers serve."""
    with Phone(base) as phone:
        phone.wifi(OFFICE, "a")
        receiver = phone.gnss_share()
        phone.start()
        phone.say("watch %d" % NETWORKS)
        phone.expect("networks")
        phone.bus.stop()
        phone.say("want coarse 60")
        check(phone.expect("fix")[1] == "gnss-share")
        wait_for("the receiver to be let go", lambda: receiver.n_clients == 0)
        check("no connection to the system bus" in phone.detail("networkmanager"), phone.facts())
        phone.bus.start()
        phone.wifi(OFFICE, "b")
        # The double is there before its networks are.
        found = phone.expect("connected")
        while len(found) < 4 or not found[3].startswith("02:00:00:00:00:02+"):
            found = phone.expect("connected")


@test
def test_lives_long(base):
    """A hundred wants leave nothing behind."""
    with Phone(base) as phone:
        phone.modem()
        phone.wifi(OFFICE, "a")
        receiver = phone.gnss_share()
        phone.start()
        for i in range(100):
            phone.say("want fine 60")
            if i % 3:
                phone.say("want off 0")
            else:
                phone.expect("fix")
        wait_for("the receiver to be let go", lambda: receiver.n_clients == 0)
        wait_for("the bus to be left", lambda: not phone.is_on_the_bus())
        fds = os.listdir("/proc/%d/fd" % phone.tool.pid)
        check(len(fds) < 16, fds)
        check(phone.modem_get("Enabled") == 1)


# --- the user's switch --------------------------------------------------------------------------------

@test
def test_switch(base):
    """Of the person in front of the screen, as phosh shows it."""
    if os.geteuid() != 0:
        raise Skip("needs root, to have homes of others")
    with Phone(base) as phone:
        copy_schemas(phone)
        phone.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n"
                    "a:x:1001:1001::/home/a:/bin/sh\nb:x:1002:1002::/home/b:/bin/sh\n")
        phone.write("etc/shadow", "root:!:1::::::\na:x:1::::::\nb:x:1::::::\n")
        for name, uid, enabled in (("a", 1001, False), ("b", 1002, True)):
            dconf_set(phone, "home/" + name, enabled)
            os.chown(os.path.join(phone.root, "home", name), uid, uid)
        phone.bus.logind()
        phone.bus.mock("org.freedesktop.login1", "/org/freedesktop/login1")
        manager = dbus.Interface(phone.bus.connection.get_object(
            "org.freedesktop.login1", "/org/freedesktop/login1", introspect=False),
            "org.freedesktop.DBus.Mock")
        path = manager.AddSession("c1", "seat0", dbus.UInt32(1001), "a", True)
        phone.bus.mock("org.freedesktop.login1", path).UpdateProperties(
            "org.freedesktop.login1.Session", dbus.Dictionary({"Type": "wayland"}, signature="sv"))
        receiver = phone.gnss_share()
        phone.start()
        phone.say("want fine 60")
        check(phone.expect("missed", unless=())[1] == "switched_off")
        phone.say("scan 60")
        check(phone.expect("no_scan", unless=())[1] == "switched_off")
        check(receiver.n_served == 0)
        phone.say("watch %d" % MOTION)
        wait_for("the switch", lambda: phone.facts()["switch"] == ("false", ""))
        dconf_set(phone, "home/a", True)
        phone.expect("switched")
        phone.say("want fine 60")
        phone.expect("fix")
        dconf_set(phone, "home/a", False)
        phone.expect("switched")
        # The policy overrides it.
        phone.say("honour 0")
        phone.say("want fine 60")
        phone.expect("fix")


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
