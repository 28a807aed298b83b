#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The net role with a device key in hardware: a TPM 2.0 (swtpm), and a PKCS #11 token (SoftHSM) where
the OpenSSL provider for it is installed. The sandbox is on. hardware_key.py OBJECT-TREE [WORD]"""

import glob
import os
import shutil
import socket
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
from net_role_rig import (answer, expect_failed, files, Lab, NET_ENROLLED, NET_EXCHANGED, NET_FACTS,
                          NET_RENEWED, NET_WOKEN, NOW, DAY, run, run_cases, ROLE_USER)
import net_renew

assert Lab and NET_FACTS and NOW and DAY  # made and used by run_cases
HANDLE = "0x81000001"


def need(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        raise unittest.SkipTest("there is no " + ", ".join(missing))


def provider(name):
    """Where OpenSSL looks, or OPENSSL_MODULES of the environment (a directory anybody can read)."""
    paths = [path for where in ("/usr/lib/*/ossl-modules", "/usr/lib/ossl-modules", os.environ.get("OPENSSL_MODULES", "-"))
             for path in glob.glob(os.path.join(where, name + ".so"))]
    if not paths:
        raise unittest.SkipTest("there is no OpenSSL provider " + name)


def free_ports():
    """Two that follow each other, as this TCTI wants them."""
    for _ in range(200):
        with socket.socket() as a, socket.socket() as b:
            a.bind(("127.0.0.1", 0))
            port = a.getsockname()[1]
            try:
                b.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                pass
    raise AssertionError("no two ports")


class Tpm:
    """A TPM of its own with a P-256 key at HANDLE, made as docs/agentctl.md says."""

    def __init__(self, lab):
        need("swtpm", "tpm2_createprimary")
        provider("tpm2")
        self.dir = os.path.join(lab.dir, "tpm-%d" % time.monotonic_ns())
        os.mkdir(self.dir)
        port = free_ports()
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.dir, "--server",
             "type=tcp,port=%d,bindaddr=127.0.0.1" % port, "--ctrl",
             "type=tcp,port=%d,bindaddr=127.0.0.1" % (port + 1), "--flags", "not-need-init,startup-clear"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.tcti = "swtpm:host=127.0.0.1,port=%d" % port
        end = time.monotonic() + 30
        while subprocess.run(["tpm2_getrandom", "--hex", "4"], env=self.env(), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL).returncode:
            assert time.monotonic() < end, "swtpm does not start"
            time.sleep(0.1)
        self.make()

    def env(self):
        return dict(os.environ, TPM2TOOLS_TCTI=self.tcti)

    def tool(self, *argv):
        run(*argv, env=self.env(), cwd=self.dir)
        # Without a resource manager a TPM has room for three.
        run("tpm2_flushcontext", "-t", env=self.env())

    def make(self):
        self.tool("tpm2_createprimary", "-C", "o", "-c", "primary.ctx", "-g", "sha256", "-G", "ecc")
        self.tool("tpm2_create", "-C", "primary.ctx", "-G", "ecc256:ecdsa-sha256", "-u", "key.pub", "-r", "key.priv",
                  "-a", "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign")
        self.tool("tpm2_load", "-C", "primary.ctx", "-u", "key.pub", "-r", "key.priv", "-c", "key.ctx")
        self.tool("tpm2_evictcontrol", "-C", "o", "-c", "key.ctx", HANDLE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def whole_life(lab, uri):
    """Enrolled, checked in, renewed, checked in with the candidate; the key never in a file."""
    directory = lab.identity()
    with lab.est_server() as server:
        role = lab.enrol(server.url(), directory, key_uri=uri)
        result = role.finish()
    assert result and result["kind"] == NET_ENROLLED, result
    # The sandbox was closed behind the key.
    assert role.facts and (role.facts["seccomp"] or "seccomp" in role.facts["note"]), role.facts
    assert sorted(files(directory)) == ["anchors.pem", "certificate.pem"], files(directory)
    with lab.checkin_server(answer("204 No Content")) as server:
        result = lab.checkin(server.url(), directory, key_uri=uri).finish()
        assert result["kind"] == NET_EXCHANGED, result
        assert server.requests[0].peer
    with net_renew.Est(lab) as server:
        result = lab.renew(server.url(), directory, key_uri=uri).finish()
    assert result["kind"] == NET_RENEWED, result
    with lab.checkin_server(answer("204 No Content")) as server:
        result = lab.checkin(server.url(), directory, candidate=1, key_uri=uri).finish()
    assert result["kind"] == NET_EXCHANGED, result
    certificates = [run("openssl", "x509", "-in", os.path.join(directory, n), "-noout", "-pubkey")
                    for n in ("certificate.pem", "certificate-new.pem")]
    assert certificates[0] == certificates[1]
    assert b"PRIVATE" not in b"".join(files(directory).values())
    return directory


def case_tpm(lab):
    with Tpm(lab) as tpm:
        lab.env = {"TPM2OPENSSL_TCTI": tpm.tcti}
        try:
            directory = whole_life(lab, "handle:" + HANDLE)
            # Another TPM has another key: a copied directory is worth nothing there.
            with Tpm(lab) as other:
                lab.env = {"TPM2OPENSSL_TCTI": other.tcti}
                with lab.checkin_server(answer("204 No Content")) as server:
                    expect_failed(lab.checkin(server.url(), directory, key_uri="handle:" + HANDLE).finish(), "identity",
                                  "key.pem")
                    assert not server.requests
        finally:
            lab.env = {}


def case_tpm_without_the_key(lab):
    with Tpm(lab) as tpm:
        lab.env = {"TPM2OPENSSL_TCTI": tpm.tcti}
        try:
            directory = lab.identity()
            with lab.est_server() as server:
                result = lab.enrol(server.url(), directory, key_uri="handle:0x81000099").finish()
                expect_failed(result, "identity", "cannot be opened")
                assert not server.requests
            assert not os.listdir(directory)
        finally:
            lab.env = {}


def case_no_tpm(lab):
    """It fails closed, with what to do; a key is not made in a file instead."""
    provider("tpm2")
    if os.path.exists("/dev/tpmrm0"):
        raise unittest.SkipTest("this machine has a TPM")
    directory = lab.identity()
    with lab.est_server() as server:
        result = lab.enrol(server.url(), directory, key_uri="handle:" + HANDLE).finish()
        expect_failed(result, "identity")
        assert "provider" in result["message"] or "cannot be opened" in result["message"], result
        assert not server.requests
    assert not os.listdir(directory)


def case_unknown_kinds(lab):
    directory = lab.identity()
    with lab.est_server() as server:
        for uri in ("file:/etc/passwd", "key.pem", "engine:x", "HANDLE:1"):
            expect_failed(lab.enrol(server.url(), directory, key_uri=uri).finish(), "identity", "pkcs11:")
        assert not server.requests
    # Nor does a check-in fall back to a key in a file.
    directory = lab.enrolled()
    with lab.checkin_server(answer("204 No Content")) as server:
        expect_failed(lab.checkin(server.url(), directory, key_uri="file:x").finish(), "identity", "pkcs11:")
        assert not server.requests


def case_planted_uri(lab):
    """A role that was taken over writes a URI: no code is chosen by it."""
    directory = lab.enrolled()
    with open(os.path.join(directory, "key.uri"), "w") as f:
        f.write("handle:" + HANDLE)
    if os.geteuid() == 0:
        shutil.chown(os.path.join(directory, "key.uri"), ROLE_USER)
    with lab.checkin_server(answer("204 No Content")) as server:
        for exchange in (lab.checkin, lab.wait):
            assert exchange(server.url(), directory).finish()["kind"] in (NET_EXCHANGED, NET_WOKEN)


def case_token(lab):
    """SoftHSM by pkcs11-provider. Its token is files, which the sandbox hides; see docs/architecture.md."""
    need("softhsm2-util", "pkcs11-tool")
    provider("pkcs11")
    module = next(iter(glob.glob("/usr/lib/softhsm/libsofthsm2.so") + glob.glob("/usr/lib/*/softhsm/libsofthsm2.so")))
    base = os.path.join(lab.dir, "token")
    os.makedirs(os.path.join(base, "tokens"))
    conf, pin = os.path.join(base, "softhsm2.conf"), os.path.join(base, "pin")
    with open(conf, "w") as f:
        f.write("directories.tokendir = %s/tokens\nobjectstore.backend = file\n" % base)
    with open(pin, "w") as f:
        f.write("1234")
    env = dict(os.environ, SOFTHSM2_CONF=conf)
    run("softhsm2-util", "--init-token", "--free", "--label", "mdm", "--pin", "1234", "--so-pin", "5678", env=env)
    run("pkcs11-tool", "--module", module, "--login", "--pin", "1234", "--keypairgen", "--key-type", "EC:prime256v1",
        "--label", "device", "--id", "01", env=env)
    if os.geteuid() == 0:
        for directory, names, leaves in os.walk(base):
            for name in [directory] + [os.path.join(directory, n) for n in names + leaves]:
                shutil.chown(name, ROLE_USER)
        os.chmod(lab.dir, 0o755)
    lab.env = {"SOFTHSM2_CONF": conf, "PKCS11_PROVIDER_MODULE": module}
    if "OPENSSL_MODULES" in os.environ:
        lab.env["OPENSSL_MODULES"] = os.environ["OPENSSL_MODULES"]
    try:
        whole_life(lab, "pkcs11:token=mdm;object=device;type=private?pin-source=file:" + pin)
    finally:
        lab.env = {}


if __name__ == "__main__":
    sys.exit(run_cases(dict(globals())))
