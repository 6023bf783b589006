"""The files of docs/deploy: systemd takes the units, and what they and compose.yaml start and set is Tavola's."""

from __future__ import annotations

import ipaddress
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]

from kit.examples import ROOT
from tavola.cli import app
from tavola.config.settings import Settings
from tavola.edge.app import DRAIN_S

DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
FILES = sorted(DEPLOY.glob("*.env"))
PROGRAM = "/opt/tavola/.venv/bin/tavola"
SETTINGS = {str(field.alias) for field in Settings.model_fields.values()}
VERIFY = shutil.which("systemd-analyze")
STOPS_WITHIN_S = Settings.model_fields["drain_s"].default + DRAIN_S


def lines(path: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", path.read_text(), re.MULTILINE)


def values(path: Path) -> dict[str, str]:
    """Of a file of the environment, as systemd and a shell read it."""
    [*words] = shlex.split(path.read_text(), comments=True)
    return dict(word.split("=", 1) for word in words)


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return read


def ours() -> dict[str, dict[str, Any]]:
    """The services that run Tavola."""
    return {name: each for name, each in compose()["services"].items() if each["image"] == "tavola"}


def take(arguments: list[str]) -> None:
    """Fails if the command line has no such command, or it takes no such options."""
    name, *rest = arguments
    group: Any = typer.main.get_command(app)
    group.commands[name].make_context(name, rest)


def strange(names: set[str]) -> set[str]:
    """Those that are no setting of ours, nor one of Ray's own."""
    return {name for name in names - SETTINGS if not name.startswith("RAY_")}


def test_the_files_are_there() -> None:
    names = ["tavola-edge@", "tavola-migrate", "tavola-node@", "tavola-steward"]
    assert [path.name for path in UNITS] == [f"{name}.service" for name in names]
    assert [path.name for path in FILES] == ["node-head.env", "node-worker.env", "tavola.env"]


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """As they are, but for the place of the program."""
    if VERIFY is None:
        pytest.skip("no systemd-analyze on this machine")
    for unit in UNITS:
        text = unit.read_text().replace(PROGRAM, str(Path(sys.prefix) / "bin" / "tavola"))
        (tmp_path / unit.name).write_text(text)
    told = subprocess.run(
        [VERIFY, "verify", "--man=no", *(tmp_path / unit.name for unit in UNITS)],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
    )
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_a_unit_starts_what_there_is(unit: Path) -> None:
    [command] = lines(unit, "ExecStart")
    program, *arguments = shlex.split(command)
    assert program == PROGRAM
    take([word for word in arguments if word != "$RAY_START"])
    assert strange({name.partition("=")[0] for name in lines(unit, "Environment")}) == set()
    assert "/etc/tavola/tavola.env" in lines(unit, "EnvironmentFile")
    hardened = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "CapabilityBoundingSet": ""}
    assert {name: lines(unit, name) for name in hardened} == {name: [value] for name, value in hardened.items()}


@pytest.mark.parametrize("unit", [each for each in UNITS if "migrate" not in each.name], ids=lambda unit: unit.name)
def test_a_unit_comes_back_and_stops_in_order(unit: Path) -> None:
    asked = ("Restart", "StartLimitIntervalSec", "WantedBy", "KillMode")
    assert [lines(unit, name) for name in asked] == [["always"], ["0"], ["multi-user.target"], ["mixed"]]
    [seconds] = lines(unit, "TimeoutStopSec")
    assert int(seconds) > STOPS_WITHIN_S or "steward" in unit.name
    assert "network-online.target" in lines(unit, "After")[0]


def test_edge_and_steward_are_ordered_and_the_steward_is_restarted_with_either_node() -> None:
    nodes = {path.stem.replace("node-", "tavola-node@") + ".service" for path in FILES if path.stem != "tavola"}
    for name, restarted in (("edge", set()), ("steward", nodes)):
        [unit] = [unit for unit in UNITS if name in unit.name]
        [after] = lines(unit, "After")
        assert set(after.split()) - {"network-online.target"} == nodes
        assert {each for part_of in lines(unit, "PartOf") for each in part_of.split()} == restarted


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_what_a_file_sets_is_a_setting(path: Path) -> None:
    assert values(path)
    assert strange({*values(path)}) == set()
    assert all(f"{name}='{value}'" in path.read_text() for name, value in values(path).items())


def test_the_nodes_join_the_head() -> None:
    here, head, worker = (values(DEPLOY / f"{name}.env") for name in ("tavola", "node-head", "node-worker"))
    address, port = here["RAY_ADDRESS"].split(":")
    assert {f"--port={port}", f"--node-ip-address={address}", "--head"} <= set(head["RAY_START"].split())
    assert worker["RAY_START"] == f"--address={here['RAY_ADDRESS']}"


def test_what_compose_sets_is_a_setting() -> None:
    named = [set(each.get("environment", {})) for each in ours().values()]
    assert len(named) == 5
    assert all(named)
    assert [strange(names) for names in named] == [set()] * 5
    written = (DEPLOY / "compose.yaml").read_text()
    [told] = re.findall(r"with (SITE.*?)\.\n", written.replace("\n#", ""))
    assert set(re.findall(r"\$\{(\w+)", written)) == set(re.findall(r"[A-Z_]+", told))


def test_compose_starts_what_there_is() -> None:
    for each in ours().values():
        take(each["command"])
    context = DEPLOY / compose()["x-tavola"]["build"]["context"]
    assert (context / compose()["x-tavola"]["build"]["dockerfile"]).resolve() == DEPLOY / "Containerfile"


def test_in_compose_the_proxy_is_named_and_finds_the_edges() -> None:
    services, networks = compose()["services"], compose()["networks"]
    address = services["proxy"]["networks"]["front"]["ipv4_address"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network(networks["front"]["ipam"]["config"][0]["subnet"])
    named = {name: each for name, each in ours().items() if name.startswith("edge-")}
    edges = named.values()
    assert {each["environment"]["TAVOLA_TRUSTED_PROXIES"] for each in edges} == {address}
    ports = [f"{name}:{each['environment']['TAVOLA_PORT']}" for name, each in named.items()]
    assert services["proxy"]["environment"]["EDGES"].split() == ports
    assert all(f"{{${name}:" in (DEPLOY / "Caddyfile").read_text() for name in ("SITE", "EDGES"))
    assert {ours()["steward"][kind] for kind in ("network_mode", "ipc", "pid")} == {"service:node"}
    for each in edges:
        assert int(each["stop_grace_period"].removesuffix("s")) > STOPS_WITHIN_S


def test_the_image_has_all_of_the_project() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    copied = {name for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for name in line.split()}
    mounts: dict[str, str] = yaml.safe_load((ROOT / "cluster.yaml").read_text())["file_mounts"]
    assert copied == {source for place, source in mounts.items() if not place.endswith("/.env")}
    assert all((ROOT / name).exists() for name in copied)
    take([re.findall(r'^CMD \["(\w+)"\]$', text, re.MULTILINE)[0]])
