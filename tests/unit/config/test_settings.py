"""Settings: what is read, what is refused, and that secrets stay out of sight."""

import json
import os
import pickle
import stat
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tavola.config.settings import (
    Settings,
    SettingsError,
    kept_secret,
    load,
    lock,
    read_stack,
    without_secrets,
    write_private,
)

SECRET = "s" * 32
OURS = ("TAVOLA_", "DATABASE_", "REDIS_", "RAY_")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.rooms_per_actor, settings.spares) == ("127.0.0.1", 8000, 1, 1)
    assert (settings.room_timeout_ms, settings.disconnected_after_s, settings.seat_freed_after_s) == (1500, 300, 600)
    assert settings.data_dir == Path.cwd() / ".tavola"
    assert settings.database_url == settings.redis_url == settings.ray_address == ""


def test_an_empty_number_of_days_is_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    assert (settings.keep_log_days, settings.keep_closed_rooms_days, settings.keep_hands_days) == (30, 7, 0)
    for name in ("LOG", "CLOSED_ROOMS", "HANDS"):
        monkeypatch.setenv(f"TAVOLA_KEEP_{name}_DAYS", "")
    settings = Settings()
    assert (settings.keep_log_days, settings.keep_closed_rooms_days, settings.keep_hands_days) == (0, 0, 0)


@pytest.mark.parametrize(
    "url", ["collector:4318", "127.0.0.1", "grpc://collector:4317", "http://", "http:///v1/traces"]
)
def test_a_collector_has_a_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVOLA_TRACES", url)
    with pytest.raises(SettingsError, match=r"^TAVOLA_TRACES: must be the URL of a collector, such as http://127"):
        Settings()


@pytest.mark.parametrize("missing", ["opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"])
def test_traces_need_their_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVOLA_TRACES", "http://127.0.0.1:4318")
    assert Settings().traces == "http://127.0.0.1:4318"
    for module in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SettingsError, match=r'^TAVOLA_TRACES: needs opentelemetry: pip install "tavola\[traces\]"$'):
        Settings()


@pytest.mark.parametrize("share", ["-0.1", "1.5", "much", "nan"])
def test_the_part_that_is_traced_is_a_part(share: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVOLA_TRACES_SAMPLE", share)
    with pytest.raises(SettingsError, match=r"^TAVOLA_TRACES_SAMPLE: "):
        Settings()


def test_a_dotenv_file_is_read_and_the_environment_beats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("TAVOLA_PORT=9001\nTAVOLA_SPARES=7\nSOMEBODY_ELSES=1\n")
    monkeypatch.setenv("TAVOLA_PORT", "9002")
    settings = Settings()
    assert (settings.port, settings.spares) == (9002, 7)


@pytest.mark.parametrize(
    ("name", "value", "also"),
    [
        ("TAVOLA_PORT", "abc", {}),
        ("TAVOLA_PORT", "65536", {}),
        ("TAVOLA_ROOMS_PER_ACTOR", "0", {}),
        ("TAVOLA_SPARES", "-1", {}),
        ("TAVOLA_ROOM_TIMEOUT_MS", "1", {}),
        ("TAVOLA_KEEP_LOG_DAYS", "-1", {}),
        ("TAVOLA_NAMESPACE", "", {}),
        ("TAVOLA_ALLOWED_ORIGINS", "example.org", {}),
        ("TAVOLA_ALLOWED_ORIGINS", "https://example.org/", {}),
        ("TAVOLA_ALLOWED_ORIGINS", "*", {}),
        ("TAVOLA_FRAME_ORIGINS", "https://example.org;script-src", {}),
        ("TAVOLA_SEAT_FREED_AFTER_S", "10", {}),
        ("TAVOLA_JWT_SECRET", "too-short-secret", {}),
        ("TAVOLA_JWT_SECRET_OTHER", "too-short-secret", {}),
        ("TAVOLA_ADMIN_SECRET", "fifteen bytes..", {}),
        ("DATABASE_URL", "mysql://root:hunter2@db", {"TAVOLA_JWT_SECRET": SECRET}),
        ("REDIS_URL", "http://:hunter2@cache", {}),
        ("REDIS_URL", "redis+sentinel://:hunter2@one,two", {}),
        ("REDIS_PORT", "many", {}),
        ("REDIS_CA", __file__, {"REDIS_URL": "redis://:hunter2@cache"}),
        ("REDIS_CA", "/no/such/file", {"REDIS_URL": "rediss://:hunter2@cache"}),
        ("REDIS_CERT", __file__, {"REDIS_URL": "redis://cache", "REDIS_KEY": __file__}),
        ("RAY_ADDRESS", "ray://head:10001", {}),
        ("TAVOLA_TRUSTED_PROXIES", "10.0.0.1, proxy.example", {}),
        ("TAVOLA_CONNECTIONS_PER_ADDRESS", "-1", {}),
        ("TAVOLA_SOCKETS_PER_EDGE", "-1", {}),
        ("TAVOLA_DRAIN_SOCKETS_PER_SECOND", "0", {}),
        ("TAVOLA_DRAIN_S", "-1", {}),
        ("TAVOLA_GAMES", "nim.game", {}),
        ("TAVOLA_GAMES", "nim.game:Nim, nim/game.py:Nim", {}),
    ],
)
def test_a_bad_value_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, also: dict[str, str]
) -> None:
    for key, given in {name: value, **also}.items():
        monkeypatch.setenv(key, given)
    with pytest.raises(SettingsError) as error:
        Settings()
    assert error.value.setting == name
    assert str(error.value).startswith(f"{name}: ")
    assert "\n" not in str(error.value)
    assert "hunter2" not in str(error.value)
    assert "too-short-secret" not in str(error.value)
    assert "fifteen" not in str(error.value)


def test_a_database_of_ones_own_needs_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@db/tavola")
    with pytest.raises(SettingsError, match=r"^TAVOLA_JWT_SECRET: is required with DATABASE_URL"):
        Settings()
    monkeypatch.setenv("TAVOLA_JWT_SECRET", SECRET)
    assert Settings().database_url == "postgresql://u:p@db/tavola"


def test_there_is_no_operator_unless_there_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().admin_secret.get_secret_value() == ""
    monkeypatch.setenv("TAVOLA_ADMIN_SECRET", "sixteen bytes...")
    assert Settings().admin_secret.get_secret_value() == "sixteen bytes..."


def test_redis_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "cache", "PORT": "6380", "PASSWORD": "p@ss/word", "DB": "3"}.items():
        monkeypatch.setenv(f"REDIS_{name}", value)
    assert Settings().redis_url == "redis://:p%40ss%2Fword@cache:6380/3"
    monkeypatch.setenv("REDIS_URL", "rediss://elsewhere")
    assert Settings().redis_url == "rediss://elsewhere"


def test_games_in_a_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert (Settings().games, Settings().games_path) == ((), tmp_path)
    monkeypatch.setenv("TAVOLA_GAMES", "nim.game:Nim, dice:Liars.Dice")
    monkeypatch.setenv("TAVOLA_GAMES_PATH", "elsewhere")
    assert (Settings().games, Settings().games_path) == (("nim.game:Nim", "dice:Liars.Dice"), tmp_path / "elsewhere")


def test_tls_to_redis_is_part_of_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "rediss://:p@cache/1?ssl_keyfile=/elsewhere")
    for name in ("CA", "CERT", "KEY"):
        monkeypatch.setenv(f"REDIS_{name}", __file__)
    monkeypatch.setenv("REDIS_CHECK_HOSTNAME", "no")
    parts = urlsplit(Settings().redis_url)
    assert parts.netloc == ":p@cache"
    assert dict(parse_qsl(parts.query)) == {
        "ssl_ca_certs": __file__,
        "ssl_certfile": __file__,
        "ssl_keyfile": "/elsewhere",  # The URL's own option counts.
        "ssl_check_hostname": "no",
    }


@pytest.mark.parametrize(("given", "missing"), [("CERT", "KEY"), ("KEY", "CERT")])
def test_a_certificate_for_redis_by_halves(monkeypatch: pytest.MonkeyPatch, given: str, missing: str) -> None:
    monkeypatch.setenv("REDIS_URL", "rediss://cache")
    monkeypatch.setenv(f"REDIS_{given}", __file__)
    with pytest.raises(SettingsError) as error:
        Settings()
    assert error.value.setting == f"REDIS_{missing}"


def test_origins_in_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVOLA_ALLOWED_ORIGINS", "https://a.example, http://b.example:8080")
    monkeypatch.setenv("TAVOLA_FRAME_ORIGINS", "capacitor://localhost http://[::1]:8080")
    assert Settings().allowed_origins == ("https://a.example", "http://b.example:8080")
    assert Settings().frame_origins == ("capacitor://localhost", "http://[::1]:8080")


def test_proxies_in_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().trusted_proxies == ()
    monkeypatch.setenv("TAVOLA_TRUSTED_PROXIES", "10.0.0.1, 192.168.0.0/16 ::1")
    assert Settings().trusted_proxies == ("10.0.0.1", "192.168.0.0/16", "::1")


def _public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
WEAK = rsa.generate_private_key(65537, 1024)
TRUSTED = {"ISSUER": "https://issuer.example", "ALGORITHM": "ES256", "KEY": _public(P256)}


def _trusted(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> Settings:
    for name, value in {**TRUSTED, **changed}.items():
        if value is not None:
            monkeypatch.setenv(f"TAVOLA_TRUSTED_{name}", value)
    return Settings()


def test_another_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _trusted(monkeypatch, KEY=TRUSTED["KEY"].replace("\n", "\\n"))
    assert settings.trusted_key.get_secret_value() == TRUSTED["KEY"].strip()
    assert settings.trusted_audience == "tavola"
    assert "BEGIN" not in repr(settings)


@pytest.mark.parametrize(
    "changed",
    [
        {"KEY": None, "JWKS": "https://issuer.example/keys"},
        {"KEY": None, "JWKS": "/etc/keys.json"},
        {"KEY": SECRET, "ALGORITHM": "HS256", "AUDIENCE": "authenticated"},
    ],
    ids=str,
)
def test_another_issuers_keys_in_other_ways(monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | None]) -> None:
    assert _trusted(monkeypatch, **changed).trusted_issuer == TRUSTED["ISSUER"]


@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ("ISSUER", {"ISSUER": None}),
        ("ISSUER", {"ISSUER": "tavola"}),
        ("ALGORITHM", {"ALGORITHM": None}),
        ("ALGORITHM", {"ALGORITHM": "none"}),
        ("ALGORITHM", {"ALGORITHM": "es256"}),
        ("AUDIENCE", {"AUDIENCE": ""}),
        ("KEY", {"KEY": None}),
        ("KEY", {"JWKS": "https://issuer.example/keys"}),
        ("KEY", {"KEY": "s" * 31, "ALGORITHM": "HS256"}),
        ("KEY", {"KEY": "s" * 32, "ALGORITHM": "HS512"}),
        ("KEY", {"ALGORITHM": "HS256"}),
        ("KEY", {"ALGORITHM": "RS256"}),
        ("KEY", {"KEY": _public(P384)}),
        ("KEY", {"KEY": _public(WEAK), "ALGORITHM": "RS256"}),
        ("KEY", {"KEY": "nonsense"}),
        (
            "KEY",
            {"KEY": P256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()},
        ),
        ("JWKS", {"KEY": None, "JWKS": "http://issuer.example/keys"}),
        ("JWKS", {"KEY": None, "JWKS": "file:///etc/keys.json"}),
        ("JWKS", {"KEY": None, "JWKS": "https://issuer.example/keys", "ALGORITHM": "HS256"}),
    ],
)
def test_another_issuer_by_halves(
    monkeypatch: pytest.MonkeyPatch, setting: str, changed: dict[str, str | None]
) -> None:
    with pytest.raises(SettingsError) as error:
        _trusted(monkeypatch, **changed)
    assert error.value.setting == f"TAVOLA_TRUSTED_{setting}"
    assert "\n" not in str(error.value)


SIGN_IN = {"ADMIN": "true", "ADMIN_CLIENT_ID": "tavola", "ADMIN_URL": "https://play.example"}


def _signing_in(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> Settings:
    issuer = {"TRUSTED_ISSUER": changed.pop("TRUSTED_ISSUER", TRUSTED["ISSUER"])}
    given = {**{f"TRUSTED_{name}": value for name, value in TRUSTED.items()}, **issuer, **SIGN_IN, **changed}
    if given["TRUSTED_ISSUER"] is None:
        given |= dict.fromkeys(("TRUSTED_ALGORITHM", "TRUSTED_KEY"))
    for name, value in given.items():
        if value is not None:
            monkeypatch.setenv(f"TAVOLA_{name}", value)
    return Settings()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ADMIN_CLIENT_SECRET": "hunter2"},
        {"ADMIN": None, "ADMIN_SECRET": "s" * 16},
        {"TRUSTED_ISSUER": "http://127.0.0.1:8080", "ADMIN_URL": "http://localhost:8000"},
        {"TRUSTED_ISSUER": "https://issuer.example/tenant/", "ADMIN_URL": "https://play.example:8443"},
    ],
    ids=str,
)
def test_operators_sign_in_at_the_issuer(monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | None]) -> None:
    settings = _signing_in(monkeypatch, **changed)
    assert settings.admin_client_id == "tavola"
    assert "hunter2" not in repr(settings)
    assert settings.for_actors().admin_client_secret.get_secret_value() == ""


@pytest.mark.parametrize(
    ("setting", "changed"),
    [
        ("ADMIN", {"ADMIN": None}),
        ("ADMIN_CLIENT_ID", {"ADMIN_CLIENT_ID": None}),
        ("ADMIN_CLIENT_ID", {"ADMIN_CLIENT_ID": None, "ADMIN_URL": None, "ADMIN_CLIENT_SECRET": "s"}),
        ("ADMIN_URL", {"ADMIN_URL": None}),
        ("ADMIN_URL", {"ADMIN_URL": "http://play.example"}),
        ("ADMIN_URL", {"ADMIN_URL": "https://play.example/"}),
        ("ADMIN_URL", {"ADMIN_URL": "https://play.example/admin"}),
        ("ADMIN_URL", {"ADMIN_URL": "play.example"}),
        ("ADMIN_URL", {"ADMIN_URL": "ftp://localhost"}),
        ("TRUSTED_ISSUER", {"TRUSTED_ISSUER": None}),
        ("TRUSTED_ISSUER", {"TRUSTED_ISSUER": "http://issuer.example"}),
        ("TRUSTED_ISSUER", {"TRUSTED_ISSUER": "accounts"}),
        ("TRUSTED_ISSUER", {"TRUSTED_ISSUER": "http://127.0.0.1.evil.example"}),
    ],
    ids=str,
)
def test_a_sign_in_by_halves(monkeypatch: pytest.MonkeyPatch, setting: str, changed: dict[str, str | None]) -> None:
    with pytest.raises(SettingsError) as error:
        _signing_in(monkeypatch, **changed)
    assert error.value.setting == f"TAVOLA_{setting}"
    assert "\n" not in str(error.value)


def test_nothing_secret_is_shown() -> None:
    settings = Settings(
        database_url="postgresql://u:hunter2@db/tavola",
        redis_url="redis://:hunter2@cache",
        jwt_secret="hunter2" * 8,
        jwt_secret_other="hunter2" * 9,
        admin_secret="hunter2" * 8,
    )
    assert "hunter2" not in repr(settings) + str(settings) + repr(settings.secrets)
    assert settings.secrets.all == (b"hunter2" * 8, b"hunter2" * 9)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_a_running_stack_fills_in_what_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: is not set, and no `tavola dev` runs on "):
        load()
    stack = {
        "DATABASE_URL": "postgresql://u:p@127.0.0.1:1/tavola",
        "REDIS_URL": "redis://127.0.0.1:2",
        "RAY_ADDRESS": "127.0.0.1:3",
        "TAVOLA_JWT_SECRET": SECRET,
        "TAVOLA_PORT": "8123",
    }
    # So that what `load` puts into the environment goes again with the test.
    for name in stack:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("TAVOLA_PORT", "9999")
    folder = Path(".tavola")
    folder.mkdir()
    (folder / "lock").touch()
    write_private(folder / "stack.json", json.dumps({"environment": stack}))
    assert read_stack(folder) == {}, "nobody holds the folder: what is written there is of the past"
    with lock(folder):
        settings = load()
    assert settings.database_url == stack["DATABASE_URL"]
    assert settings.port == 9999


def test_a_kept_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    first = kept_secret(path)
    assert len(first) >= 32
    assert kept_secret(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


def test_an_actor_is_told_what_it_needs_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://tavola:known@db.example.org/tavola")
    monkeypatch.setenv("TAVOLA_JWT_SECRET", SECRET)
    monkeypatch.setenv("TAVOLA_ADMIN_SECRET", "for operators only")
    told = Settings().for_actors()
    assert told.database_url == "postgresql://tavola:known@db.example.org/tavola"
    assert told.jwt_secret.get_secret_value() == SECRET
    assert told.admin_secret.get_secret_value() == told.trusted_key.get_secret_value() == ""


def test_an_environment_without_secrets_keeps_the_rest() -> None:
    rest = {"PATH": "/bin", "TAVOLA_CRASH_DIR": "/tmp", "TAVOLA_SPARES": "1", "RAY_AUTH_TOKEN": "Ray's own"}
    secrets = {
        *("DATABASE_URL", "database_url", "REDIS_URL", "REDIS_PASSWORD"),
        *("TAVOLA_JWT_SECRET", "TAVOLA_ADMIN_SECRET", "TAVOLA_ADMIN_CLIENT_SECRET", "TAVOLA_TRUSTED_KEY"),
    }
    assert without_secrets({**rest, **dict.fromkeys(secrets, "told to nobody")}) == rest


def test_a_refusal_can_be_told_by_another_process() -> None:
    """An actor that may not start tells whoever started it."""
    told = pickle.loads(pickle.dumps(SettingsError("TAVOLA_JWT_SECRET", "is another")))
    assert (str(told), told.setting) == ("TAVOLA_JWT_SECRET: is another", "TAVOLA_JWT_SECRET")
