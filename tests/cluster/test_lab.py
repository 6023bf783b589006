"""The lab's own hosts: they reach each other, share nothing else, and are lost as hosts are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cluster.lab import ROOT, HostSaid, Lab, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"no lab here: {why_not()}")
PING = "timeout 1 bash -c '</dev/tcp/{}/22'"
"""Nothing else for it is on every machine."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab("one", "two") as made:
        yield made


def test_hosts_reach_each_other_and_share_nothing(lab: Lab) -> None:
    one, two = lab["one"], lab["two"]
    assert two.ssh(f"{PING.format(one.address)} && hostname", at=one) == "two\n"
    one.ssh("echo mine >/tmp/it; echo mine >/dev/shm/it; echo mine >~/it")
    assert two.ssh("ls /tmp /dev/shm ~ | grep -c '^it$' || true") == "0\n"
    assert two.ssh(f"test -e {ROOT} || echo hidden") == "hidden\n"
    assert int(two.ssh("ls -d /proc/[0-9]* | wc -l")) < 20
    with pytest.raises(HostSaid, match=r"Read-only|denied"):
        one.ssh("touch /usr/it")
    assert two.ssh("python3 -c 'import sys; print(*sys.version_info[:2])'").split() == [*map(str, sys.version_info[:2])]


def test_a_link_is_cut_and_mended(lab: Lab) -> None:
    one, two = lab["one"], lab["two"]
    two.cut()
    with pytest.raises(HostSaid, match="ended with 124"):
        one.ssh(PING.format(two.address))
    assert two.ssh("echo here") == "here\n", "it goes on, for whoever sits there"
    two.mend()
    one.ssh(PING.format(two.address))


def test_power_is_lost_without_a_word_and_comes_back(lab: Lab) -> None:
    one, two = lab["one"], lab["two"]
    two.ssh("echo kept >~/disk; echo gone >/tmp/memory; setsid -f sleep 4321 >/dev/null 2>&1 </dev/null")
    sleeper = next(each for each in psutil.process_iter() if each.name() == "sleep" and each.cmdline()[-1:] == ["4321"])
    # A connection whose other end loses its power hears nothing of that.
    watch = (
        f"import socket; s = socket.create_connection(('{two.address}', 22), 1); s.recv(99); print('on', flush=True)"
    )
    watch += "; s.settimeout(1); print(s.recv(99))"
    with one.start(f'python3 -c "{watch}"') as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "on\n"
        two.off()
        assert watching.stdout.read().endswith("TimeoutError: timed out\n")
    assert not sleeper.is_running()
    two.on()
    two.wait()
    assert two.ssh("cat ~/disk; ls /tmp", at=one) == "kept\n"


MAKER = """
import os, sys
sys.path[:0] = ["tests"]
from cluster.lab import Lab
with Lab("one") as lab:
    lab["one"].ssh(f"setsid -f sleep {sys.argv[1]} >/dev/null 2>&1 </dev/null")
    print(lab.folder, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("sign", ["KILL", "INT"])
def test_nothing_is_left_of_a_lab_whose_maker_is_ended(sign: str, lab: Lab) -> None:
    argv = [sys.executable, "-c", MAKER, f"123{len(sign)}"]
    with subprocess.Popen(argv, cwd=ROOT, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True) as maker:
        assert maker.stdout is not None
        folder = Path(maker.stdout.readline().strip())
        family = psutil.Process(maker.pid).children(recursive=True)
        assert [each for each in family if each.cmdline()[-1:] == [argv[-1]]], "it runs below its maker"
        os.kill(maker.pid, {"KILL": 9, "INT": 2}[sign])
        maker.wait()
    psutil.wait_procs(family, 10)
    assert not [each for each in family if each.is_running()]
    assert folder.exists() == (sign == "KILL"), "a folder is all that can be left"
    assert lab["one"].ssh("hostname") == "one\n", "the one beside it goes on"
