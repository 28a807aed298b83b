#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Wi-Fi networks in sight, the one in use, and signs of moving, by doubles of NetworkManager and
ModemManager. The tests run side by side.

Usage: location_networks.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import os
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import check
from location_rig import MOTION, NETWORK, NETWORKS, OFFICE, Phone, run_tests, wait_for

TESTS = []


def test(function):
    TESTS.append(function)
    return function


# --- signs of moving --------------------------------------------------------------------------------

@test
def test_cell(base):
    """Another cell is a sign of moving, where something asks."""
    with Phone(base) as phone:
        phone.modem(capabilities=1)
        phone.wifi(OFFICE, "a")
        phone.start()
        phone.say("watch %d" % MOTION)
        time.sleep(1)
        phone.see_sky(cell="26201,4D2,FFFFFF,1A2B")
        phone.quiet(2, "moved")
        check(phone.facts()["teller"] == "wifi", phone.facts())
        phone.say("want coarse 5")
        phone.expect("moved", unless=())
        phone.wifi_connect(None)
        phone.expect("connected", unless=())
        check(phone.facts()["teller"] == "nothing", phone.facts())


@test
def test_cell_is_told(base):
    """Where somebody has ModemManager tell everybody of cells, the agent hears it as well."""
    with Phone(base) as phone:
        phone.modem(capabilities=1, signals=True)
        phone.start()
        phone.say("watch %d" % MOTION)
        wait_for("the modem", lambda: phone.facts()["teller"] == "cell")
        phone.modem_tells()
        phone.quiet(1, "moved")
        phone.see_sky(cell="26201,4D2,FFFFFF,1A2B")
        phone.modem_tells()
        phone.expect("moved")


# --- networks ---------------------------------------------------------------------------------------

@test
def test_networks(base):
    with Phone(base) as phone:
        phone.wifi(OFFICE, "a")
        phone.start()
        phone.say("watch %d" % NETWORKS)
        found = phone.expect("connected")
        check(found[1:] == ["2", "-1", "02:00:00:00:00:01+*/4f6666696365",
                            "02:00:00:00:00:02*/436166e9"], found)
        phone.expect("networks")
        # One more, open; a hotspot of the phone's own and WEP among others.
        phone.wifi_add("c", b"", "02:00:00:00:00:03", RsnFlags=0, Flags=0)
        phone.wifi_add("d", b"Mine", "02:00:00:00:00:04", Mode=3)
        found = phone.expect("networks")
        check(found[1] == "3" and "02:00:00:00:00:03/" in found, found)
        # Another one in use, of which being in it proves nothing.
        phone.wifi_connect("c")
        found = phone.expect("connected")
        check(found[3] == "02:00:00:00:00:03+/", found)
        phone.wifi_connect(None)
        check("+" not in " ".join(phone.expect("connected")))
        phone.bus.end(NETWORK)
        wait_for("its end", lambda: phone.detail("networkmanager") == "NetworkManager is not running")
        phone.wifi(OFFICE)
        while phone.expect("networks")[1] != "2":
            pass
        phone.say("watch 0")
        wait_for("the bus to be left", lambda: not phone.is_on_the_bus())


@test
def test_what_is_secured(base):
    """Personal WPA is a proof of whose network it is. WEP, OWE and a company's are not, by
    themselves."""
    flags = {"1": 0x100, "2": 0x400, "3": 0x200, "4": 0x800, "5": 0x1000, "6": 0x20}
    with Phone(base) as phone:
        phone.wifi({})
        for name, value in flags.items():
            phone.wifi_add(name, b"n", "02:00:00:00:00:0" + name, RsnFlags=value)
        phone.wifi_add("7", b"n", "02:00:00:00:00:07", RsnFlags=0, WpaFlags=0x104)
        phone.start()
        phone.say("watch %d" % NETWORKS)
        found = phone.expect("networks")
        secured = sorted(word.split("*")[0][-1] for word in found[3:] if "*" in word)
        check(secured == ["1", "2", "7"], found)


@test
def test_own_hotspot(base):
    """A phone that makes a network called Office is not in the office."""
    with Phone(base) as phone:
        phone.wifi({"a": (b"Office", "02:00:00:00:00:01")}, "a", mode=3)
        phone.start()
        phone.say("watch %d" % NETWORKS)
        check("+" not in " ".join(phone.expect("networks")))


@test
def test_motion(base):
    with Phone(base) as phone:
        phone.wifi(OFFICE, "a")
        phone.start()
        phone.say("watch %d" % MOTION)
        wait_for("the networks", lambda: phone.facts()["networkmanager"][1] == "active")
        phone.quiet(3, "moved", "networks")
        phone.wifi_connect("b")
        phone.expect("moved")
        # Everything else than before.
        phone.wifi_connect(None)
        phone.expect("moved")
        phone.wifi_add("z", b"Far", "02:00:00:00:00:09")
        for name in OFFICE:
            phone.wifi_remove(name)
        phone.expect("moved")


@test
def test_idle(base):
    """While nothing changes nothing runs: the process is not even woken."""
    def wakes(phone):
        with open("/proc/%d/status" % phone.tool.pid) as f:
            return [line.split()[1] for line in f if line.startswith("voluntary_ctxt")]
    with Phone(base) as phone:
        phone.modem(signals=True)
        phone.wifi(OFFICE, "a")
        phone.start()
        time.sleep(1)
        before = wakes(phone)
        time.sleep(3)
        check(wakes(phone) == before, "it wakes while nothing is wanted")
        phone.say("watch %d" % (NETWORKS | MOTION))
        phone.expect("networks")
        time.sleep(6)
        before = wakes(phone)
        time.sleep(6)
        check(wakes(phone) == before, "it wakes while nothing changes")


@test
def test_scan(base):
    """One at a time, none while the last one is young; and none where it does not come."""
    with Phone(base) as phone:
        phone.wifi(OFFICE)
        phone.start()
        # Heard a second after the boot, and not since.
        phone.wifi_add("c", b"Gone", "02:00:00:00:00:03", LastSeen=1)
        with open("/proc/uptime") as f:
            uptime_s = float(f.read().split()[0])
        phone.say("scan 60")
        found = phone.expect("networks")
        check(found[1] == ("2" if uptime_s > 90 else "3") and 0 <= int(found[2]) <= 30 and phone.wifi_scans() == 1, found)
        for _ in range(5):
            phone.say("scan 60")
            phone.expect("networks")
        check(phone.wifi_scans() == 1, phone.wifi_scans())
        wait_for("the bus to be left", lambda: not phone.is_on_the_bus())
    with Phone(os.path.join(base, "deaf")) as phone:
        phone.wifi(OFFICE, scan=False)
        phone.start()
        phone.say("scan 8")
        check(phone.expect("no_scan", unless=())[1] == "too_late")
        check(phone.wifi_scans() == 1)
    with Phone(os.path.join(base, "none")) as phone:
        phone.start()
        phone.say("scan 60")
        check(phone.expect("no_scan", unless=())[1] == "no_source")


@test
def test_many_networks(base):
    """More access points than are told apart: the one in use and the strongest are kept."""
    with Phone(base) as phone:
        phone.wifi({})
        for i in range(600):
            phone.wifi_add("p%d" % i, b"p", "02:00:00:00:%02x:%02x" % (i >> 8, i & 255),
                           Strength=i % 90)
        phone.start()
        phone.say("watch %d" % NETWORKS)
        found = phone.expect("networks")
        check(found[1] == "128", found[:3])
        strong = {"02:00:00:00:%02x:%02x" % (i >> 8, i & 255) for i in range(600) if i % 90 >= 68}
        check({word.split("*")[0] for word in found[3:]} <= strong, found[:5])


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
