"""`cluster.yaml`, and the AWS keys of howto/cluster.md: Ray takes them, a shell can read them, no secret is in them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from ray.autoscaler._private.util import prepare_config, validate_config

from tavola.actors.scaling.demand import ROOM_ACTOR
from tavola.config.failures import Failure
from tavola.config.settings import Settings
from tavola.node import DECLARED, declared

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "cluster.yaml").read_text()
SECRETS = ("DATABASE_URL", "REDIS_URL", "REDIS_PASSWORD", "TAVOLA_JWT_SECRET", "TAVOLA_ADMIN_SECRET", "RAY_AUTH_TOKEN")


def on_premise() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(TEXT)
    return config


def of_the_page(key: str) -> dict[str, Any]:
    """Its keys, of which one is this, in place of ours of the same name."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/howto/cluster.md").read_text(), re.DOTALL)
    [block] = [block for block in map(yaml.safe_load, blocks) if key in block]
    return {**on_premise(), **block}


def on_aws() -> dict[str, Any]:
    return of_the_page("available_node_types")


@pytest.mark.parametrize("config", [on_premise(), on_aws()], ids=["on premise", "AWS"])
def test_ray_takes_it(config: dict[str, Any]) -> None:
    prepared = prepare_config(config)
    validate_config(prepared)
    types = prepared["available_node_types"].values()
    least, most = (sum(each[bound] for each in types) for bound in ("min_workers", "max_workers"))
    assert least > 0
    # Those that do not declare what room actors hold would be ended, and no other would come.
    declared = all(each["resources"].get(ROOM_ACTOR) for each in types)
    assert prepared["max_workers"] == (most if declared else least)
    assert declared == (config["provider"]["type"] != "local")


def test_machines_of_ones_own_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare_config(of_the_page("min_workers"))
    validate_config(prepared)
    (tmp_path / "ray_bootstrap_config.yaml").write_text(yaml.safe_dump(prepared))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(DECLARED, '{"ours": 1}')
    given = ["--head", "--room-actors=50", "--autoscaling-config=~/ray_bootstrap_config.yaml", "--block"]
    head, autoscaling, block = declared(given, tmp_path)
    assert (head, block) == ("--head", "--block")
    told = yaml.safe_load(Path(autoscaling.removeprefix("--autoscaling-config=")).read_text())
    validate_config(told)
    [kind] = told["available_node_types"].values()
    assert (kind["min_workers"], kind["max_workers"], kind["resources"]) == (0, 2, {ROOM_ACTOR: 50})
    assert told == {**prepared, "available_node_types": told["available_node_types"]}
    assert json.loads(os.environ[DECLARED]) == {"ours": 1, ROOM_ACTOR: 50}
    assert declared(["--address=192.0.2.10:6379"], tmp_path) == ["--address=192.0.2.10:6379"]
    with pytest.raises(Failure, match="how many"):
        declared(["--room-actors=many"], tmp_path)


@pytest.mark.parametrize("role", ["head", "worker"])
def test_the_shell_can_read_its_commands(role: str) -> None:
    prepared = prepare_config(on_premise())
    commands = [*prepared[f"{role}_setup_commands"], *prepared[f"{role}_start_ray_commands"]]
    for command in commands:
        subprocess.run(["bash", "-n", "-c", f"({command})"], check=True)
        assert "ray stop" not in command
    for part in ("tavola node keep --", "tavola steward --wait"):
        assert any(part in command for command in commands), part


def test_all_of_the_project_goes_along() -> None:
    mounts: dict[str, str] = on_premise()["file_mounts"]
    here = {source for place, source in mounts.items() if place != "~/tavola/.env"}
    assert all(place == f"~/tavola/{source}" for place, source in mounts.items() if source in here)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    packages |= {path.readlink().parts[1] for path in (ROOT / "tavola").iterdir() if path.is_symlink()}
    assert here == packages | {"pyproject.toml", "constraints.txt", project["project"]["readme"]}
    assert all((ROOT / source).exists() for source in here)


def test_no_secret_is_in_it() -> None:
    assert not [name for name in SECRETS if f"{name}=" in TEXT]


def test_the_settings_on_the_page_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/howto/cluster.md").read_text(), re.DOTALL)
    (tmp_path / ".env").write_text(block)
    monkeypatch.chdir(tmp_path)
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)
    settings = Settings()
    script = """set -a; . ./.env; printf '%s\\n' "$DATABASE_URL" "$REDIS_URL\""""
    told = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == [settings.database_url, settings.redis_url]
    assert settings.host == "0.0.0.0"
