#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A phone's certificate over years: ten renewals, a server that renews nothing, a shelf.

Usage: identity_years.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import sqlite3
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import check, run_tests
from agent_rig import wait_for
from identity_rig import in_world


def ten_renewals_in_a_row(world):
    world.enrol()
    key = open(world.file("key.pem")).read()
    for i in range(10):
        world.move(53)
        world.renew()
    check(open(world.file("key.pem")).read() == key, "another key")
    check(sorted(os.listdir(os.path.dirname(world.file("key.pem")))) == [
        "anchors.pem", "certificate.pem", "key.pem"], "files are left over")
    check(world.reached(), world.phone.status()["checkin"])


def sql(database, *statements):
    """Of a server that is stopped."""
    connection = sqlite3.connect(database)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def a_server_that_does_not_renew(world):
    """The alarm comes before the end, and says why."""
    world.enrol()
    world.move(75)
    world.stop_server()
    database = os.path.join(world.state, "mdm.db")
    sql(database, *("CREATE TRIGGER no_%s BEFORE %s ON certificates BEGIN SELECT RAISE(ABORT, 'full'); END"
                    % (verb, verb) for verb in ("INSERT", "UPDATE")))
    world.start_server()
    world.attempt()
    check("certificate expires on" in world.problems(), world.problems(), world.phone.log())
    check("renewing it fails since" in world.problems(), world.problems())
    check("HTTP 503" in world.renewal()["reason"], world.renewal())
    check(len(world.events("expiring")) == 1, world.events("expiring"))
    world.attempt()
    check(len(world.events("expiring")) == 1, "an alarm at each attempt")
    # The server sees it, too.
    section = json.dumps(world.device())
    check("failing_since" in section, section)
    since = world.renewal()["failing_since"]
    world.move(16)
    world.attempt()
    check("certificate expired on" in world.problems(), world.problems())
    check(len(world.events("expired")) == 1, world.events("expired"))
    check(world.renewal()["failing_since"] == since, "the beginning was forgotten")
    check(world.reached(), "an expired phone does not check in")
    order = world.order("sync")
    world.phone.sync()
    wait_for("the command at the expired phone", lambda: world.phone.sync() == 0 and any(
        r["data"]["id"] == order and r["data"]["state"] == "done" for r in world.phone.journal("command")))
    world.stop_server()
    sql(database, "DROP TRIGGER no_INSERT", "DROP TRIGGER no_UPDATE")
    world.start_server()
    world.renew()
    check("certificate" not in world.problems(), world.problems())


def back_within_the_grace(world):
    """Ten months on a shelf."""
    world.enrol()
    world.move(390)
    check(world.renewal()["state"] == "due", world.renewal())
    world.renew()
    check("certificate" not in world.problems(), world.problems())


def beyond_the_grace(world):
    world.enrol()
    before = world.serial()
    world.move(90 + 31)
    world.attempt()
    check(world.phone.status()["checkin"]["last_error"], "it was let in")
    check("certificate expired on" in world.problems(), world.problems())
    check("new ticket" in world.problems(), world.problems())
    check(world.serial() == before and not os.path.exists(world.file("certificate-new.pem")))
    # It never gives up.
    check(world.renewal()["state"] == "due", world.renewal())
    # An administrator who is patient brings it back.
    world.options = ["--expired-grace-days", "60"]
    world.restart_server()
    world.renew()


TESTS = [
    in_world(ten_renewals_in_a_row),
    in_world(a_server_that_does_not_renew),
    in_world(back_within_the_grace),
    in_world(beyond_the_grace, "--expired-grace-days", "30"),
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
