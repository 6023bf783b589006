"""Every command of docs/howto/cluster.md, as it is written there, typed in the lab: at the desk, or on a machine where
the page says so. Addresses and the place of `cluster.yaml` are the lab's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from cluster.deployment import MACHINES, WORKERS, Deployment, deployed, until
from cluster.lab import ROOT, USER, HostSaid, why_not

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=f"no lab here: {why_not()}"),
    pytest.mark.long,
    pytest.mark.timeout(900),
]
PAGE = (ROOT / "docs" / "howto" / "cluster.md").read_text()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""Those of a language that is not named are commands."""
UP, TAIL, DOCTOR, STOP_HEAD, STOP_WORKERS = range(5)
COMMANDS = [
    line.partition(" #")[0].strip()
    for language, block in BLOCK.findall(PAGE)
    if not language
    for line in block.splitlines()
]


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with deployed() as (made, _):
        yield made


def at_the_desk(deployment: Deployment, command: str) -> str:
    of_the_page = {f"192.0.2.{10 + number}": name for number, name in enumerate(MACHINES)}
    for address, name in of_the_page.items():
        command = command.replace(address, deployment.lab[name].address)
    command = re.sub(r"\bray (\w+) cluster\.yaml", r"ray \1 --yes ~/cluster.yaml", command)
    command = command.replace("ray exec --yes", "ray exec").replace(f"ssh {USER}", f"ssh -o BatchMode=yes {USER}")
    asked = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    return deployment.lab["desk"].ssh(f"cd {ROOT} && {command.replace('ssh -o', f'ssh {asked} -o')}", within_s=300)


def on_the_head(deployment: Deployment, words: str) -> str:
    """As somebody says it who sits there."""
    return deployment.exec(f"cd ~/tavola && set -a && . ./.env && RAY_ADDRESS=localhost:6379 .venv/bin/tavola {words}")


def test_the_page_has_these_commands() -> None:
    assert len(COMMANDS) == STOP_WORKERS + 1
    for which, words in (
        (UP, "ray up cluster.yaml"),
        (TAIL, "tail -n 50"),
        (DOCTOR, "tavola doctor"),
        (STOP_HEAD, "ray exec cluster.yaml 'cd ~/tavola && TAVOLA_STACK=$PWD .venv/bin/tavola node stop'"),
        (STOP_WORKERS, "for host in 192.0.2.11 192.0.2.12; do ssh ubuntu@$host"),
    ):
        assert words in COMMANDS[which]


def test_ray_up_again_restarts_what_has_changed(deployment: Deployment) -> None:
    before = edges(deployment)
    assert len(before) == len(MACHINES)
    assert "nothing has changed" in at_the_desk(deployment, COMMANDS[UP])
    assert edges(deployment) == before
    deployment.change_settings(TAVOLA_LOG_LEVEL="debug")
    assert "nothing has changed" not in at_the_desk(deployment, COMMANDS[UP])
    until(lambda: edges(deployment).isdisjoint(before), "others in place of all edges", 90)
    for name in MACHINES:
        deployment.until_ready(name)


def test_a_machine_that_was_booted_comes_back_by_itself(deployment: Deployment) -> None:
    worker = deployment.lab[WORKERS[1]]
    worker.off()
    worker.on()
    deployment.until_ready(worker.name)
    until(lambda: deployment.nodes() == {*MACHINES}, "its steward", 90)


def test_logs_and_the_doctor(deployment: Deployment) -> None:
    told = at_the_desk(deployment, COMMANDS[TAIL])
    assert all(f"==> /home/{USER}/tavola/{each}.log <==" in told for each in ("node", "steward", "edge"))
    addresses = [deployment.lab[name].address for name in MACHINES]

    def joined() -> bool:
        try:
            said = at_the_desk(deployment, COMMANDS[DOCTOR])
        except HostSaid as error:  # It has found something: a node that was booted just now, say.
            print(error.output)
            return False
        return all(f"{address} " in said for address in addresses)

    until(joined, "all nodes are there", 90)


def test_a_machine_is_drained_and_may_come_back(deployment: Deployment) -> None:
    address = deployment.lab[WORKERS[0]].address
    assert f"node {address} is drained" in on_the_head(deployment, f"drain --within 30 {address}")
    assert f"node {address} is drained no more" in on_the_head(deployment, f"drain --undo {address}")


def test_games_and_logs_are_told_there(deployment: Deployment) -> None:
    assert "holdem" in on_the_head(deployment, "games")
    # Of room actors; the head need not have one.
    told = [deployment.lab[name].ssh("cd ~/tavola && .venv/bin/tavola logs") for name in MACHINES]
    assert "room-actor" in "".join(told)


def test_all_of_it_is_stopped(deployment: Deployment) -> None:
    at_the_desk(deployment, COMMANDS[STOP_HEAD])
    at_the_desk(deployment, COMMANDS[STOP_WORKERS])
    for name in MACHINES:
        assert "tavola" not in deployment.lab[name].ssh("crontab -l")
        left = deployment.lab[name].ssh("grep -lz TAVOLA_STACK= /proc/[0-9]*/environ 2>/dev/null | wc -l")
        assert left == "0\n", deployment.lab[name].ssh("ps -ef")
        with deployment.lab["desk"].network(), pytest.raises(httpx.ConnectError):
            httpx.get(f"{deployment.urls[name]}/readyz", timeout=2.0)


def edges(deployment: Deployment) -> set[str]:
    """The processes, as each machine numbers them, by when they began."""
    return {
        f"{name} {began}"
        for name in MACHINES
        for began in deployment.lab[name]
        .ssh("ps -eo lstart,args | grep 'python [^ ]*[t]avola edge' | cut -c1-24")
        .splitlines()
    }
