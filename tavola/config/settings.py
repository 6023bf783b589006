"""The environment's settings, read once at the root of a process and frozen.

`Settings()` is the environment (or a `.env` file) alone: what `tavola dev` starts from. `load()` is for everything that
needs a running stack: what the environment leaves out it takes from the `stack.json` that `tavola dev` keeps in the
data folder. A bad value is a `SettingsError`, whose text is one line that names the setting and shows no secret.
"""

import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tavola.config.checkpoints import CheckpointEvery
from tavola.config.failures import Failure

if TYPE_CHECKING:
    from tavola.config.keys import Secrets

STACK_FILE = "stack.json"
_SECRET_BYTES = 32
_ADMIN_BYTES = 16
_PRIVATE_FILE = stat.S_IFREG | 0o600
_OUR_ISSUER = "tavola"
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._-]+(?::\d+)?|[a-z][a-z0-9+.-]*://\[[0-9a-f:.]+\](?::\d+)?")
"""As browsers write one: in small letters, without a path."""
_SHARED = ("HS256", "HS384", "HS512")
_PUBLIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class SettingsError(Failure):
    """A setting that cannot be used: `setting` is its name in the environment."""

    exit_code = 2

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting, self.problem = setting, problem

    def __reduce__(self) -> tuple[Any, ...]:
        # An actor that may not start says so to another process.
        return type(self), (self.setting, self.problem)


class Settings(BaseSettings):
    """Times are in the unit that the name ends with."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, populate_by_name=True)

    database_url: str = Field("", alias="DATABASE_URL", repr=False)
    """The truth: `postgresql://…`. Empty: `tavola dev` starts its own. `?pgbouncer=true` at its end: a pooler in
    transaction mode is before it, such as PgBouncer."""
    redis_url: str = Field("", alias="REDIS_URL", repr=False)
    """The wake-up: `redis://…`, or `rediss://…` for TLS; with Sentinels `redis+sentinel://one:26379,two:26379/name/0`
    or `rediss+sentinel://…`, where `name` is the master's. Empty: `tavola dev` starts its own."""
    ray_address: str = Field("", alias="RAY_ADDRESS")
    """The cluster to join, such as `10.0.0.1:6379`. Empty: `tavola dev` starts its own."""
    jwt_secret: SecretStr = Field(SecretStr(""), alias="TAVOLA_JWT_SECRET")
    """At least 32 bytes, the same for all of a deployment; the database keeps a fingerprint of it, and what starts with
    another one is refused. Empty only when the stack is embedded and has not kept one yet."""
    jwt_secret_other: SecretStr = Field(SecretStr(""), alias="TAVOLA_JWT_SECRET_OTHER")
    """Accepted as well, while one secret takes the place of another. Empty: none is."""
    admin_secret: SecretStr = Field(SecretStr(""), alias="TAVOLA_ADMIN_SECRET")
    """At least 16 bytes: who knows it is the operator `admin`, who may do everything. Empty: there is none."""
    admin: bool = Field(False, alias="TAVOLA_ADMIN")
    """The operators' page and endpoints, without that secret: for those alone whom `tavola operator add` made."""
    admin_client_id: str = Field("", alias="TAVOLA_ADMIN_CLIENT_ID")
    """The operators' page as a client of the trusted issuer: with it they sign in there (OpenID Connect, code flow with
    PKCE). Empty: they paste tokens."""
    admin_client_secret: SecretStr = Field(SecretStr(""), alias="TAVOLA_ADMIN_CLIENT_SECRET")
    """The client's secret, if the issuer gave it one."""
    admin_url: str = Field("", alias="TAVOLA_ADMIN_URL")
    """The origin at which operators reach the page, such as `https://play.example.org`. The issuer is to be told of
    this, with `/admin/signed-in` behind it, as the address to come back to."""
    host: str = Field("127.0.0.1", alias="TAVOLA_HOST")
    """The address at which an edge listens."""
    port: int = Field(8000, alias="TAVOLA_PORT", ge=0, le=65535)
    """The port at which an edge listens. 0: any free one."""
    data_dir: Path = Field(Path(".tavola"), alias="TAVOLA_DATA_DIR")
    """The embedded servers' data, the kept secret and the logs. Made absolute."""
    namespace: str = Field("tavola", alias="TAVOLA_NAMESPACE", min_length=1)
    """Ray's namespace of the steward and the room actors."""
    rooms_per_actor: int = Field(1, alias="TAVOLA_ROOMS_PER_ACTOR", ge=1, le=100_000)
    """1: every room has an actor process of its own. More: so many rooms share one."""
    spares: int = Field(1, alias="TAVOLA_SPARES", ge=0, le=1_000)
    """Actors that are started and kept ready, so that a room need not wait for one."""
    rooms_evened_per_second: int = Field(3, alias="TAVOLA_ROOMS_EVENED_PER_SECOND", ge=0, le=100)
    """Rooms that the steward moves to nodes with less to do, while they are quiet. 0: it leaves them where they are."""
    gather_after_s: int = Field(300, alias="TAVOLA_GATHER_AFTER_S", ge=0)
    """Where nodes declare `tavola_room_actor`: when the rooms of one have had room on the others for so long, it is
    drained, so that Ray may end it. 0: none is."""
    nodes_least: int = Field(2, alias="TAVOLA_NODES_LEAST", ge=1)
    """So many nodes stay all the same: the head, and others that Ray does not end (`min_workers`)."""
    room_timeout_ms: int = Field(1_500, alias="TAVOLA_ROOM_TIMEOUT_MS", ge=100)
    """For so long an actor may not answer before its room is placed elsewhere."""
    away_turn_ms: int = Field(2_000, alias="TAVOLA_AWAY_TURN_MS", ge=0, le=3_600_000)
    """The time that a player without a socket has for a turn."""
    disconnected_after_s: int = Field(300, alias="TAVOLA_DISCONNECTED_AFTER_S", ge=1)
    """A player without a socket is `away` at once, and after this `disconnected`: they are dealt out."""
    seat_freed_after_s: int = Field(600, alias="TAVOLA_SEAT_FREED_AFTER_S", ge=1)
    """After this, between rounds, the seat of a player without a socket is freed."""
    member_leaves_after_s: int = Field(600, alias="TAVOLA_MEMBER_LEAVES_AFTER_S", ge=1)
    """After this a spectator without a socket, or somebody who was admitted and does not sit, leaves the room; a host
    without a socket counts as gone."""
    empty_room_minutes: int = Field(30, alias="TAVOLA_EMPTY_ROOM_MINUTES", ge=0, le=43_200)
    """A room where nobody has been for this long closes, if its own settings do not say otherwise. 0: none does."""
    idle_turns: int = Field(6, alias="TAVOLA_IDLE_TURNS", ge=0)
    """When all who play at a table have let so many turns on end run out, they sit out and count as not there. 0:
    never."""
    rooms_per_user: int = Field(20, alias="TAVOLA_ROOMS_PER_USER", ge=0)
    """Open rooms of which one user may be the host before they open another. 0: any number."""
    rooms_opened_per_minute: int = Field(20, alias="TAVOLA_ROOMS_OPENED_PER_MINUTE", ge=0)
    """Rooms that one user may open in a minute, and that they may have started by a command. 0: any number."""
    room_actors_per_node: int = Field(0, alias="TAVOLA_ROOM_ACTORS_PER_NODE", ge=0)
    """Room actors that a node carries; where all are full, what needs another is refused `overloaded`. 0: as many as
    half of the node's memory is for, at 50 MB each, and at least 4."""
    guests_per_minute: int = Field(120, alias="TAVOLA_GUESTS_PER_MINUTE", ge=0)
    """New guests that one address may make in a minute, at each edge. 0: any number."""
    frames_per_second: int = Field(500, alias="TAVOLA_FRAMES_PER_SECOND", ge=0)
    """Frames from one socket, moves and heartbeats among them; twice as many at once. 0: any number."""
    checkpoint_every: str = Field("hand", alias="TAVOLA_CHECKPOINT_EVERY")
    """How often a room's state is kept to replay its log from: `hand`, `5 hands` or `200 moves` (updates of any kind);
    after 1,000 moves in any case. Every move is durable, whatever this says."""
    keep_log_days: int = Field(30, alias="TAVOLA_KEEP_LOG_DAYS", ge=0)
    """Whole days (UTC) of the log that are kept; a room's last checkpoint stays. 0: all, for ever."""
    keep_closed_rooms_days: int = Field(7, alias="TAVOLA_KEEP_CLOSED_ROOMS_DAYS", ge=0)
    """Days after which a closed room is removed, with all that there is of it. 0: never."""
    keep_hands_days: int = Field(0, alias="TAVOLA_KEEP_HANDS_DAYS", ge=0)
    """Days for which the records of finished hands are kept, in rooms that are. Empty or 0: as long as their room."""
    keep_chat_days: int = Field(30, alias="TAVOLA_KEEP_CHAT_DAYS", ge=0)
    """Whole days (UTC) for which the log keeps what was said; that somebody spoke stays. The archive has none of it,
    unless this is 0: for ever."""
    archive: str = Field("", alias="TAVOLA_ARCHIVE")
    """Where finished hands are written to before they go: a folder, or a URL that fsspec knows (`s3://bucket/tavola`,
    with `pip install "tavola[archive]"` and what the URL needs). Empty: nowhere."""
    archive_logs: bool = Field(False, alias="TAVOLA_ARCHIVE_LOGS")
    """Whether days of the log, and the logs of rooms that are removed, go there too, with their checkpoints."""
    database_disk_gb: int = Field(0, alias="TAVOLA_DATABASE_DISK_GB", ge=0)
    """The size of the disk (10^9 bytes) of a Postgres of one's own, so that it can be said when it is full. 0: not
    known; of the one that `tavola dev` starts it is."""
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field((), alias="TAVOLA_ALLOWED_ORIGINS")
    """Origins whose pages may open sockets, use the REST API (with the session's cookie too) and load `/static`;
    separated by commas or blanks. Empty: the edge's own origin."""
    frame_origins: Annotated[tuple[str, ...], NoDecode] = Field((), alias="TAVOLA_FRAME_ORIGINS")
    """Origins whose pages may show ours in a frame; separated by commas or blanks. Empty: none."""
    connections_per_address: int = Field(500, alias="TAVOLA_CONNECTIONS_PER_ADDRESS", ge=0)
    """To one edge at once, sockets among them. An IPv6 network of 64 bits is one address. 0: any number."""
    sockets_per_edge: int = Field(20_000, alias="TAVOLA_SOCKETS_PER_EDGE", ge=0)
    """WebSockets that one edge holds at once; the next is closed with 1013, to try again. Leave room for those of an
    edge that ends. 0: any number."""
    drain_sockets_per_second: int = Field(1_000, alias="TAVOLA_DRAIN_SOCKETS_PER_SECOND", ge=1)
    """How many of its WebSockets an edge that ends lets go in a second at most: it goes no faster than the other edges
    are seen to take them up."""
    drain_s: int = Field(60, alias="TAVOLA_DRAIN_S", ge=0)
    """Seconds within which an edge that ends has let all go, faster than that if it must be. Kill it seven seconds
    later at the earliest."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field((), alias="TAVOLA_TRUSTED_PROXIES")
    """Addresses and networks, separated by commas or blanks: from there `X-Forwarded-For` and `-Proto` count. Their own
    connections are not counted; sockets through them are, by where they come from."""
    trusted_issuer: str = Field("", alias="TAVOLA_TRUSTED_ISSUER")
    """The `iss` of another issuer whose identity tokens are taken, such as a Supabase project's. Empty: none."""
    trusted_audience: str = Field("tavola", alias="TAVOLA_TRUSTED_AUDIENCE", min_length=1)
    """The `aud` that its tokens must have; Supabase's have `authenticated`."""
    trusted_algorithm: str = Field("", alias="TAVOLA_TRUSTED_ALGORITHM")
    """The one algorithm that its tokens are signed with."""
    trusted_key: SecretStr = Field(SecretStr(""), alias="TAVOLA_TRUSTED_KEY")
    """Its public key in PEM (line ends may be written `\\n`), or the secret shared with it. This or
    `TAVOLA_TRUSTED_JWKS`."""
    trusted_jwks: str = Field("", alias="TAVOLA_TRUSTED_JWKS")
    """Where it publishes its keys: an https URL, or the path of a file."""
    games: Annotated[tuple[str, ...], NoDecode] = Field((), alias="TAVOLA_GAMES")
    """Games to be played beside those that come with Tavola or with an installed package: `package.module:Game`,
    separated by commas or blanks. The same for all of a deployment."""
    games_path: Path = Field(Path("."), alias="TAVOLA_GAMES_PATH")
    """The folder in which the modules of `TAVOLA_GAMES` are looked for, after all other places. Made absolute."""
    games_reload: bool = Field(False, alias="TAVOLA_GAMES_RELOAD")
    """Source of games that is saved is in the next round of rooms that run. For `tavola dev --reload`."""
    log_format: Literal["text", "json"] = Field("text", alias="TAVOLA_LOG_FORMAT")
    """How every process writes its log to standard output: lines of text, or objects of JSON, one a line."""
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", alias="TAVOLA_LOG_LEVEL")
    """Events of less weight are not written, but counted in `/metrics`. Of libraries, nothing below `warning` is."""
    traces: str = Field("", alias="TAVOLA_TRACES", repr=False)
    """Where traces are told of: the URL of an OpenTelemetry collector that speaks OTLP over HTTP, such as
    `http://127.0.0.1:4318`, with `pip install "tavola[traces]"`. Empty: nowhere, and there are none."""
    traces_sample: float = Field(0.01, alias="TAVOLA_TRACES_SAMPLE", ge=0, le=1)
    """The part of all commands that is traced, by lot. 0: those alone whose client asks for it by a `traceparent`."""

    redis_host: str = Field("", alias="REDIS_HOST", exclude=True, repr=False)
    """Instead of `REDIS_URL`: the server's name or address."""
    redis_port: int = Field(6379, alias="REDIS_PORT", ge=1, le=65535, exclude=True, repr=False)
    """With `REDIS_HOST`."""
    redis_password: SecretStr = Field(SecretStr(""), alias="REDIS_PASSWORD", exclude=True, repr=False)
    """With `REDIS_HOST`."""
    redis_db: int = Field(0, alias="REDIS_DB", ge=0, exclude=True, repr=False)
    """With `REDIS_HOST`."""
    redis_ca: str = Field("", alias="REDIS_CA", exclude=True)
    """With `rediss://`: the file of the certificates by which Redis' own is judged. Empty: the machine's."""
    redis_cert: str = Field("", alias="REDIS_CERT", exclude=True)
    """With `rediss://`: the file of the certificate that Redis wants to see of us. Empty: none."""
    redis_key: str = Field("", alias="REDIS_KEY", exclude=True)
    """With `REDIS_CERT`: the file of its key."""
    redis_check_hostname: bool = Field(True, alias="REDIS_CHECK_HOSTNAME", exclude=True)
    """With `rediss://`: whether Redis' certificate must be for the name in the URL."""

    def games_environment(self) -> dict[str, str]:
        """By what another process knows the games from outside."""
        games = {"TAVOLA_GAMES": ",".join(self.games), "TAVOLA_GAMES_PATH": str(self.games_path)}
        return games | ({"TAVOLA_GAMES_RELOAD": "true"} if self.games_reload else {})

    def for_actors(self) -> Self:
        """Without the secrets that only edges need."""
        none = SecretStr("")
        return self.model_copy(update=dict.fromkeys(("admin_secret", "admin_client_secret", "trusted_key"), none))

    @property
    def secrets(self) -> "Secrets":
        """Those of the deployment. There must be one."""
        from tavola.config.keys import Secrets

        return Secrets(*(each.get_secret_value().encode() for each in (self.jwt_secret, self.jwt_secret_other)))

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            message = first["msg"].removeprefix("Value error, ")
            if not name:
                name, _, message = message.partition(": ")
            raise SettingsError(name, message[:1].lower() + message[1:]) from None

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in ("postgres", "postgresql"):
            raise ValueError("must begin with postgresql://")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: str) -> str:
        scheme = urlsplit(url).scheme
        if url and scheme not in ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"):
            raise ValueError("must begin with redis://, rediss://, redis+sentinel:// or rediss+sentinel://")
        if scheme.endswith("+sentinel") and not urlsplit(url).path.strip("/"):
            raise ValueError("must name the master after the Sentinels, as in redis+sentinel://host:26379/mymaster/0")
        return url

    @field_validator("ray_address")
    @classmethod
    def _ray(cls, address: str) -> str:
        if address.startswith("ray://"):
            raise ValueError("is a Ray Client address; give the cluster's own, such as 10.0.0.1:6379")
        return address

    @field_validator("jwt_secret", "jwt_secret_other", "admin_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr, field: ValidationInfo) -> SecretStr:
        size = len(secret.get_secret_value().encode())
        least = _ADMIN_BYTES if field.field_name == "admin_secret" else _SECRET_BYTES
        if 0 < size < least:
            raise ValueError(f"must have at least {least} bytes, has {size}")
        return secret

    @field_validator("data_dir", "games_path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().resolve()

    @field_validator("archive")
    @classmethod
    def _reachable(cls, location: str) -> str:
        if "://" not in location:
            return str(Path(location).expanduser().resolve()) if location else ""
        if find_spec("fsspec") is None:
            raise ValueError('a URL needs fsspec: pip install "tavola[archive]"')
        return location

    @field_validator("traces")
    @classmethod
    def _collector(cls, url: str) -> str:
        if not url:
            return url
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError("must be the URL of a collector, such as http://127.0.0.1:4318")
        if not all(map(_installed, ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))):
            raise ValueError('needs opentelemetry: pip install "tavola[traces]"')
        return url

    @field_validator("allowed_origins", "frame_origins", mode="before")
    @classmethod
    def _listed(cls, origins: object) -> object:
        if not isinstance(origins, str):
            return origins
        named = listed(origins)
        for origin in named:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is not an origin such as https://example.org")
        return named

    @field_validator("games", mode="before")
    @classmethod
    def _modules(cls, games: object) -> object:
        named = listed(games) if isinstance(games, str) else games
        for game in named if isinstance(named, tuple) else ():
            module, _, name = game.partition(":")
            if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
                raise ValueError(f"{game!r} is not a game such as package.module:Game")
        return named

    @field_validator("checkpoint_every")
    @classmethod
    def _interval(cls, text: str) -> str:
        CheckpointEvery.of(text)
        return text

    @field_validator("keep_log_days", "keep_closed_rooms_days", "keep_hands_days", "keep_chat_days", mode="before")
    @classmethod
    def _for_ever(cls, days: object) -> object:
        return 0 if days == "" else days

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _addresses(cls, proxies: object) -> object:
        named = listed(proxies) if isinstance(proxies, str) else proxies
        for proxy in named if isinstance(named, tuple) else ():
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is neither an address nor a network such as 10.0.0.0/8") from None
        return named

    @field_validator("trusted_key")
    @classmethod
    def _lines(cls, key: SecretStr) -> SecretStr:
        return SecretStr(key.get_secret_value().replace("\\n", "\n").strip())

    @field_validator("trusted_algorithm")
    @classmethod
    def _algorithm(cls, algorithm: str) -> str:
        if algorithm and algorithm not in (*_SHARED, *_PUBLIC):
            raise ValueError(f"must be one of {', '.join((*_PUBLIC, *_SHARED))}")
        return algorithm

    @field_validator("admin_url")
    @classmethod
    def _origin(cls, url: str) -> str:
        if url and not (_ORIGIN.fullmatch(url) and _private(url)):
            raise ValueError("must be an origin such as https://play.example.org (http on this machine alone)")
        return url

    @field_validator("trusted_jwks")
    @classmethod
    def _published(cls, location: str) -> str:
        if "://" in location and urlsplit(location).scheme != "https":
            raise ValueError("must be an https URL or the path of a file")
        return location

    @model_validator(mode="after")
    def _together(self) -> Self:
        _check_trusted(self)
        _check_sign_in(self)
        if self.redis_host and not self.redis_url:
            password = self.redis_password.get_secret_value()
            at = f":{quote(password, safe='')}@" if password else ""
            # The model is frozen to everybody else; a validator is where it is still being made.
            object.__setattr__(self, "redis_url", f"redis://{at}{self.redis_host}:{self.redis_port}/{self.redis_db}")
        object.__setattr__(self, "redis_url", _with_tls(self))
        if self.database_url and not self.jwt_secret.get_secret_value():
            raise ValueError(f"TAVOLA_JWT_SECRET: is required with DATABASE_URL: at least {_SECRET_BYTES} random bytes")
        if self.archive_logs and not self.archive:
            raise ValueError("TAVOLA_ARCHIVE_LOGS: needs TAVOLA_ARCHIVE")
        if self.seat_freed_after_s < self.disconnected_after_s:
            raise ValueError("TAVOLA_SEAT_FREED_AFTER_S: must not be less than TAVOLA_DISCONNECTED_AFTER_S")
        return self


_SECRET = {
    str(field.alias).upper()
    for field in Settings.model_fields.values()
    if field.annotation is SecretStr or not field.repr
}


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without the settings that hold a secret, or an address with one. Actors need none of it: they are
    given their settings."""
    return {name: value for name, value in environment.items() if name.upper() not in _SECRET}


def _with_tls(settings: Settings) -> str:
    """The URL of Redis with what other settings say of TLS, as options that the URL itself does not have. Raises
    `ValueError` if one cannot be used."""
    url, files = settings.redis_url, {"CA": settings.redis_ca, "CERT": settings.redis_cert, "KEY": settings.redis_key}
    if bool(settings.redis_cert) != bool(settings.redis_key):
        raise ValueError(f"REDIS_{'KEY' if settings.redis_cert else 'CERT'}: is required with the other of the two")
    options = {"CA": "ssl_ca_certs", "CERT": "ssl_certfile", "KEY": "ssl_keyfile"}
    wanted = {options[name]: str(Path(path).expanduser().resolve()) for name, path in files.items() if path}
    for name, path in files.items():
        if path and not urlsplit(url).scheme.startswith("rediss"):
            raise ValueError(f"REDIS_{name}: is for TLS, and REDIS_URL does not begin with rediss://")
        if path and not Path(path).expanduser().is_file():
            raise ValueError(f"REDIS_{name}: there is no file {path}")
    if not settings.redis_check_hostname:
        wanted["ssl_check_hostname"] = "no"
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    return urlunsplit(parts._replace(query=urlencode({**wanted, **given}))) if wanted and url else url


def _check_trusted(settings: Settings) -> None:
    """Raises `ValueError` if another issuer is named without what it takes to verify its tokens, or the reverse."""
    key, algorithm = settings.trusted_key.get_secret_value(), settings.trusted_algorithm
    if not settings.trusted_issuer:
        if key or settings.trusted_jwks or algorithm:
            raise ValueError("TAVOLA_TRUSTED_ISSUER: is required with the other TAVOLA_TRUSTED_ settings")
        return
    if settings.trusted_issuer == _OUR_ISSUER:
        raise ValueError(f"TAVOLA_TRUSTED_ISSUER: must not be {_OUR_ISSUER!r}, which is our own")
    if not algorithm:
        raise ValueError("TAVOLA_TRUSTED_ALGORITHM: is required with TAVOLA_TRUSTED_ISSUER")
    if bool(key) == bool(settings.trusted_jwks):
        raise ValueError("TAVOLA_TRUSTED_KEY: either this or TAVOLA_TRUSTED_JWKS is required")
    if settings.trusted_jwks and algorithm in _SHARED:
        raise ValueError(f"TAVOLA_TRUSTED_JWKS: publishes keys, so it cannot be for {algorithm}, which takes a secret")
    if key and (problem := _key_problem(key, algorithm)):
        raise ValueError(f"TAVOLA_TRUSTED_KEY: {problem}")


def _check_sign_in(settings: Settings) -> None:
    """Raises `ValueError` if operators are to sign in at the issuer, and something is missing for that."""
    if not settings.admin_client_id:
        for name, given in (("SECRET", settings.admin_client_secret.get_secret_value()), ("URL", settings.admin_url)):
            if given:
                setting = f"TAVOLA_ADMIN_{'CLIENT_' if name == 'SECRET' else ''}{name}"
                raise ValueError(f"TAVOLA_ADMIN_CLIENT_ID: is required with {setting}")
        return
    if not settings.admin and not settings.admin_secret.get_secret_value():
        raise ValueError("TAVOLA_ADMIN: must be true with TAVOLA_ADMIN_CLIENT_ID, or there is no page to sign in to")
    if not settings.trusted_issuer:
        raise ValueError("TAVOLA_TRUSTED_ISSUER: is required with TAVOLA_ADMIN_CLIENT_ID")
    if not _private(settings.trusted_issuer):
        raise ValueError("TAVOLA_TRUSTED_ISSUER: must be an https URL with TAVOLA_ADMIN_CLIENT_ID: people go there")
    if not settings.admin_url:
        raise ValueError("TAVOLA_ADMIN_URL: is required with TAVOLA_ADMIN_CLIENT_ID")


def _private(url: str) -> bool:
    """Whether nobody on the way reads what goes to that URL: by TLS, or because it is on this machine."""
    try:
        parts = urlsplit(url)
        on_this = parts.hostname in ("localhost", "127.0.0.1", "::1")
        return parts.netloc != "" and (parts.scheme == "https" or (parts.scheme == "http" and on_this))
    except ValueError:
        return False


def _key_problem(key: str, algorithm: str) -> str | None:
    """Why the key cannot verify what is signed with the algorithm. It never says anything of the key itself."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from jwt import InvalidKeyError, get_algorithm_by_name

    if "PRIVATE KEY" in key:
        return "is a private key; give the public one"
    verifier = get_algorithm_by_name(algorithm)
    try:
        weak = verifier.check_key_length(verifier.prepare_key(key))
    except (InvalidKeyError, UnsupportedAlgorithm, ValueError, TypeError):
        return f"is no key for {algorithm}"
    return f"is too short for {algorithm}" if weak else None


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def listed(text: str) -> tuple[str, ...]:
    """The values of a setting that is a list."""
    return tuple(text.replace(",", " ").split())


def completed() -> Settings:
    """The settings, with those of the stack that runs on the data folder, if one does."""
    environment: Mapping[str, str] = read_stack(Settings().data_dir).get("environment", {})
    os.environ.update({name: value for name, value in environment.items() if name not in os.environ})
    return Settings()


def load(*, ray: bool = False) -> Settings:
    """The settings of a stack that runs: from the environment, and where that is silent from `stack.json` of the data
    folder. `ray` says that its address is needed too. Ray reads its own variables from the process's environment, so
    those of the stack are put there."""
    settings = completed()
    for name, value, needed in (
        ("DATABASE_URL", settings.database_url, True),
        ("REDIS_URL", settings.redis_url, True),
        ("RAY_ADDRESS", settings.ray_address, ray),
    ):
        if needed and not value:
            raise SettingsError(name, f"is not set, and no `tavola dev` runs on {settings.data_dir}")
    return settings


def read_stack(folder: Path) -> Mapping[str, Any]:
    """The record that `tavola dev` wrote of the stack that runs on a data folder; empty when none does.
    `environment`: what a process needs to join it; `urls`: of its edges; `pids`: kind → process id or ids."""
    try:
        with lock(folder):
            return {}
    except FileNotFoundError:
        return {}
    except BlockingIOError:
        pass
    except PermissionError:
        raise SettingsError("TAVOLA_DATA_DIR", f"{folder} belongs to another user") from None
    try:
        stack: Mapping[str, Any] = json.loads((folder / STACK_FILE).read_text())
    except FileNotFoundError:
        return {}
    return stack


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Holds the data folder, as a stack does for as long as it runs; the kernel lets go when the process ends.
    BlockingIOError: another process holds it."""
    with open(folder / "lock", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def kept_secret(path: Path) -> str:
    """The secret in a file that only we may read: made at the first call, the same ever after."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        write_private(fresh, secrets.token_urlsafe(_SECRET_BYTES))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Replaces a file in one step with one that only we may read. One that says so already is left as it is: a disk on
    which there is no more space keeps nobody from starting again."""
    if path.exists() and path.lstat().st_mode == _PRIVATE_FILE and path.read_text() == text:
        return
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(path)
