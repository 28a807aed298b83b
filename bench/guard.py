#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What mdm-agent-guard costs the start of a program: guard.py OBJECT-TREE. A static program on four tmpfs of a mount
namespace of its own, in turns: unwatched, behind the guard, behind a bare listener that allows everything, and, where
it is installed, behind fapolicyd. Started again and again, and once each. Prints "NAME VALUE" lines, microseconds and
medians of all rounds."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../tests/system"))
from guard_rig import BUILD, Rig, alone  # pylint: disable=wrong-import-position

BENCH = os.path.join(BUILD, "bench/guard_bench")
FAPOLICYD = "/usr/sbin/fapolicyd"
ROUNDS, FIRSTS = 3000, 600
# As many as a phone's packages have.
KNOWN = 5000


def build_program(top):
    path = os.path.join(top, "program")
    source = os.path.join(top, "program.c")
    with open(source, "w", encoding="ascii") as f:
        f.write("int main(void) { return 0; }\n")
    subprocess.run(shlex.split(os.environ.get("CC", "cc")) + ["-O2", "-static", "-o", path, source], check=True)
    return path


def fill(directory, program):
    os.chmod(directory, 0o755)
    for i in range(FIRSTS):
        shutil.copyfile(program, os.path.join(directory, "p%d" % i))
        os.chmod(os.path.join(directory, "p%d" % i), 0o755)
    shutil.copyfile(program, os.path.join(directory, "again"))
    os.chmod(os.path.join(directory, "again"), 0o755)


def start_fapolicyd(top, directory):
    """Its own configuration and rules over the system's, in this namespace; it watches one tmpfs by its mount."""
    if not os.path.exists(FAPOLICYD):
        return None
    # /run has its file of who runs already, which it leaves when it is killed.
    for name in ("/etc/fapolicyd", "/var/lib/fapolicyd", "/run"):
        if not os.path.isdir(name):
            return None
        subprocess.run(["mount", "-t", "tmpfs", "none", name], check=True)
    with open("/etc/fapolicyd/fapolicyd.conf", "w", encoding="ascii") as f:
        f.write("permissive = 0\nnice_val = 14\nq_size = 640\nuid = root\ngid = root\ndb_max_size = 50\nsubj_cache_size = 1549\n"
                "obj_cache_size = 8191\nwatch_fs = ramfs\ntrust = file\nintegrity = none\nsyslog_format = rule,dec,perm,pid,exe,:,path\n"
                "rpm_sha256_only = 0\nallow_filesystem_mark = 0\n")
    os.mkdir("/run/fapolicyd")
    os.mkdir("/etc/fapolicyd/trust.d")
    os.mkdir("/etc/fapolicyd/rules.d")
    with open("/etc/fapolicyd/fapolicyd.trust", "w", encoding="ascii") as f:
        f.write("# none\n")
    for name in ("/etc/fapolicyd/compiled.rules", "/etc/fapolicyd/fapolicyd.rules"):
        with open(name, "w", encoding="ascii") as f:
            f.write("allow perm=any all : all\n")
    with open(os.path.join(top, "fapolicyd.log"), "wb") as log:
        process = subprocess.Popen([FAPOLICYD, "--debug-deny"], stdout=log, stderr=log)
    for _ in range(100):
        time.sleep(0.1)
        if process.poll() is not None:
            with open(os.path.join(top, "fapolicyd.log"), encoding="utf-8", errors="replace") as f:
                print("# fapolicyd did not start: " + f.read().strip()[-300:].replace("\n", " | "), file=sys.stderr)
            return None
        with open(os.path.join(top, "fapolicyd.log"), "rb") as f:
            if b"Starting to listen for events" in f.read():
                return process
    process.kill()
    return None


def measure(rounds, series):
    done = subprocess.run([BENCH, "time", str(rounds), *("%s=%s" % item for item in series.items())], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        sys.exit("guard.py: " + done.stderr)
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}


def main():
    alone()
    with Rig() as r, tempfile.TemporaryDirectory() as build_top:
        places = {"guard": r.area}
        for name, kind in (("bare", "tmpfs"), ("listener", "tmpfs"), ("fapolicyd", "ramfs")):
            places[name] = os.path.join(r.top, name)
            os.mkdir(places[name])
            r.mount(kind, places[name])
        program = build_program(build_top)
        for place in places.values():
            fill(place, program)
        r.table("set flags 1", *("inode 99 %d allow p%d" % (i + 1, i) for i in range(KNOWN)),
                *("path /usr/bin/refused-%d x" % i for i in range(50)))
        listener = subprocess.Popen([BENCH, "listen", places["listener"]], stdout=subprocess.PIPE)
        listener.stdout.readline()
        fapolicyd = start_fapolicyd(build_top, places["fapolicyd"])
        if not fapolicyd:
            del places["fapolicyd"]
        try:
            again = measure(ROUNDS, {name: place + "/again" for name, place in places.items()})
            first = measure(FIRSTS, {name: place + "/p#" for name, place in places.items()})
        finally:
            for process in (listener, fapolicyd):
                if process:
                    process.kill()
                    process.wait()
        for name, value in again.items():
            print("%s_again_us %.1f" % (name, value))
        for name, value in first.items():
            print("%s_first_us %.1f" % (name, value))
        print("repeat_ratio %.4f" % (again["guard"] / again["bare"]))
        print("first_over_listener_us %.1f" % max(0.0, first["guard"] - first["listener"]))


main()
