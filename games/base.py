"""A game is a set of pure functions over a small state.

A game knows seats, moves and chance. It knows no users, no sockets, no clock and no database: the room calls it,
commits what it says, and redacts what it shows. Everything a game may depend on comes in as an argument, so the same
arguments always give the same outcome; that is what makes a logged room replayable.

To write one, subclass `Game` of its two types (state and options), and fill in the functions below.
`games/tictactoe.py` is the smallest complete example. A game that is changed while its rooms are played says so by its
`version`, and how to read what the version before stored by an `Upcaster`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any, ClassVar, Generic, NewType, Self, TypeVar, get_args, get_origin

import msgspec

SeatIndex = NewType("SeatIndex", int)
"""A place at the table, counted from 0."""

Entropy = NewType("Entropy", bytes)
"""32 random bytes drawn by the host for one command and logged with it. The only source of chance a game has."""

NO_CHANCE = Entropy(b"")
"""The entropy of what needs none."""

Json = Any
"""A value that JSON can carry."""

S = TypeVar("S", bound=msgspec.Struct)
O = TypeVar("O", bound=msgspec.Struct)


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A "no" with a code of protocol.md section 5: nothing changed. `message` is one sentence for a person; it tells no
    secrets. `retry_after_ms`: the same may be asked again after so long, and may be accepted then.

    This is also how an actor tells it to an edge: hence the tag, among those of `actors.wire.messages`.
    """

    code: str
    message: str
    details: dict[str, Json] | None = None
    retry_after_ms: int | None = None


class Move(msgspec.Struct, frozen=True):
    """A move that a player asks for: a name and the move's own arguments, those that `Game.moves` names. Their values
    are as they came from the client (unchecked)."""

    name: str
    arguments: Mapping[str, Json] = {}


class Event(msgspec.Struct, frozen=True):
    """A fact. `fields` is what everybody may know; `private[seat]` is added to it for the player in that seat only.
    `kind` names it on the wire, in the log and in the game's table of events, such as `player_action`."""

    kind: str
    fields: dict[str, Json] = {}
    private: dict[SeatIndex, dict[str, Json]] = {}


class Round(msgspec.Struct, frozen=True):
    """A stretch of play that is recorded as one row of `hands`: one deal of cards, or a whole game of tic-tac-toe.

    Given in the outcome that starts it (`ended=False`) and in the one that ends it (`ended=True`). `record` is public.
    """

    number: int
    ended: bool
    record: dict[str, Json]


class Clock(msgspec.Struct, frozen=True):
    """How long a player may think, in milliseconds. The timebank is a reserve that refills when a round starts.

    Each turn has its own time; with the kinds below each player has theirs, for the whole of a round. Theirs runs in
    their turns alone, and also while they are away: a chess clock goes no faster because a socket was lost. When it is
    over the game's `timeout_move` is played, with which such a game usually resigns.
    """

    turn_ms: int
    timebank_ms: int = 0
    refill_ms: int = 0

    @property
    def first_ms(self) -> int:
        """The time that a player has for the first turn of a round, when nothing of it is used up."""
        return self.turn_ms


class _OwnTime(msgspec.Struct, frozen=True, tag_field="kind"):
    """A rule for time that each player has of their own; the view shows it beside the turn: `kind` and its times."""


class Fischer(_OwnTime, frozen=True, tag="fischer"):
    """`base_ms` for the round, and `increment_ms` more after each of one's turns."""

    base_ms: int
    increment_ms: int = 0

    @property
    def first_ms(self) -> int:
        return self.base_ms


class Bronstein(_OwnTime, frozen=True, tag="bronstein"):
    """`base_ms` for the round; after each of one's turns what it took is given back, at most `delay_ms`."""

    base_ms: int
    delay_ms: int = 0

    @property
    def first_ms(self) -> int:
        return self.base_ms


class ByoYomi(_OwnTime, frozen=True, tag="byo_yomi"):
    """`main_ms` for the round, then `periods` of `period_ms`: one that a turn ends within is whole again, one that a
    turn uses up is gone."""

    main_ms: int
    periods: int
    period_ms: int

    @property
    def first_ms(self) -> int:
        return self.main_ms + self.periods * self.period_ms


class Hourglass(_OwnTime, frozen=True, tag="hourglass"):
    """`base_ms` for each at first; what one's turn took the others gain, in equal parts."""

    base_ms: int

    @property
    def first_ms(self) -> int:
        return self.base_ms


class Correspondence(_OwnTime, frozen=True, tag="correspondence"):
    """`move_ms` for each turn, usually days, whether the player is there or not."""

    move_ms: int

    @property
    def first_ms(self) -> int:
        return self.move_ms


OwnTime = Fischer | Bronstein | ByoYomi | Hourglass | Correspondence
"""The clocks of which each player has their own."""


class Outcome(msgspec.Struct, Generic[S], frozen=True):
    """The next state and what happened on the way. Every field but `state` may be left out."""

    state: S
    events: tuple[Event, ...] = ()
    new_turn: bool = False
    """The turn was given anew (even if it is the same seat's again): the turn clock starts afresh. Where several seats
    are to act, each one's does."""
    rounds: tuple[Round, ...] = ()
    """Rounds that started or ended here, in order."""
    vacated: tuple[SeatIndex, ...] = ()
    """Seats whose players have now left the game; the room frees them."""
    result: dict[str, Json] | None = None
    """Given when the whole game is over. A later `advance` begins another one."""
    anew: tuple[SeatIndex, ...] = ()
    """Of several seats that are to act, those whose turn alone was given anew; the others' clocks run on. A seat that
    is to act from now on, or no more, need not be named."""


def same(raw: Json) -> Json:
    """The upcaster of what is in both versions alike."""
    return raw


class Upcaster(msgspec.Struct, frozen=True):
    """From what one version of a game stored to what the next one stores. Each function is pure: it takes the JSON as
    it was stored (a dict, or the list of an `array_like` struct) and gives that of the next version. One that is left
    out: that part is the same in both."""

    state: Callable[[Json], Json] = same
    options: Callable[[Json], Json] = same
    move: Callable[[Json], Json] = same
    """Of a logged move: `{"move": …, "arguments": {…}}`."""


class Game(ABC, Generic[S, O]):
    """The rules of one game. Methods are pure and never raise on a client's input: they return `Refusal`.

    `S` is the state and `O` the options; both are msgspec structs. The state is stored as JSON in every commit: keep it
    small (under 1 KB at a busy table) and free of anything that can be computed. Cache what is computed with
    `cached_property` on a struct declared with `dict=True`: it is not stored.
    """

    kind: ClassVar[str]
    """The name on the wire and in the database, such as `tictactoe`."""
    title: ClassVar[str]
    """The name for people, such as `Tic-tac-toe`."""
    options_type: ClassVar[type[msgspec.Struct]]
    state_type: ClassVar[type[msgspec.Struct]]
    """The types of options and state. They are those of the class's arguments, `Game[State, Options]`, and need only be
    said where these do not say them."""
    open_information: ClassVar[bool] = False
    """Whether everybody may know all that a state holds and all that chance will bring, as in noughts and crosses or
    chess. A room of such a game goes back to the middle of a round as it was; of any other, the round that ran then is
    called off (`void`), for by now somebody may know what it hid."""
    host_rolls_back: ClassVar[bool] = False
    """Whether a room's host may take it back to how it was, between rounds; the operator may in any case."""
    moves: ClassVar[Mapping[str, tuple[str, ...]]]
    """Every move's name, and the names of its arguments. Other members that a client sends reach neither game nor
    log."""
    version: ClassVar[int] = 1
    """Of what is stored: raised by one whenever a field of state, options or moves is renamed, removed or means
    something else, or the rules change. A field that is added with a default needs nothing: code that does not know it
    leaves a room alone that has it."""
    upcasters: ClassVar[Mapping[int, Upcaster]] = {}
    """Version v → the way from v to v + 1, for each version before this one."""
    replays_since: ClassVar[int] = 1
    """The oldest version whose log these rules decide as it was decided then. Raised, with `version`, where the rules
    themselves change: what was decided by older ones is still loaded and shown, and replayed no more."""

    _type_arguments: ClassVar[tuple[Any, ...]] = ()
    """Of `Game`, as far as the class says them: types, or type variables."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._type_arguments = _type_arguments(cls)
        for part, argument in zip(("state_type", "options_type"), cls._type_arguments, strict=False):
            if part not in cls.__dict__ and isinstance(argument, type) and issubclass(argument, msgspec.Struct):
                setattr(cls, part, argument)
        for part in ("state_type", "options_type"):
            if hasattr(cls, "kind") and not hasattr(cls, part):
                raise TypeError(
                    f"{cls.__qualname__} does not say its {part}: name the structs of its state and its options, as in "
                    f"`class {cls.__name__}(Game[State, Options])`, or set `{part}`"
                )
        if more := [*signature(cls.sit).parameters][4:]:
            raise TypeError(
                f"{cls.__qualname__}.sit takes `{more[0]}`, which no game is given any more: write `def sit(self, "
                "state, options, seat)`. Where players bring something to the table, the class has the capability "
                "`Stakes` as well, and what they bring is given to its `sit_with` (tavola/games/stakes.py)"
            )
        if not 1 <= cls.version < 256:
            raise TypeError(f"{cls.__qualname__}: a version is 1 to 255")
        if sorted(cls.upcasters) != list(range(1, cls.version)):
            raise TypeError(f"{cls.__qualname__} is at version {cls.version}: it needs one upcaster for each before it")
        if not 1 <= cls.replays_since <= cls.version:
            raise TypeError(f"{cls.__qualname__} replays since a version that it has not had")

    page: ClassVar[str] = ""
    """A folder beside the module that defines the class: the game's own page for browsers, the module `page.js` and
    what it loads. Without one its tables are drawn from their views, as those of any game.
    docs/howto/game-page.md has the rest."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        made = super().__new__(cls)
        if cls.turn is Game.turn and cls.to_act is Game.to_act:
            raise TypeError(f"{cls.__qualname__} says neither `turn` nor, where several act at once, `to_act`")
        return made

    chance_in_moves: ClassVar[bool] = True
    """Whether `play` may need entropy. A game in which chance comes in at `advance` alone says no: it gets none, and
    32 bytes less are logged with each of its moves."""

    # The table

    @abstractmethod
    def seats(self, options: O) -> int:
        """How many seats the table has: indexes 0 to one less."""

    @abstractmethod
    def clock(self, options: O) -> Clock | OwnTime:
        """How long a player may think: `Clock`, by the turn, or one of `OwnTime`, by the round."""

    @abstractmethod
    def open(self, options: O) -> S:
        """An empty table."""

    @abstractmethod
    def sit(self, state: S, options: O, seat: SeatIndex) -> Outcome[S] | Refusal:
        """A player takes the empty `seat`. In a game that is played for something they bring some of it:
        `games/stakes.py`."""

    @abstractmethod
    def stand(self, state: S, options: O, seat: SeatIndex) -> Outcome[S] | Refusal:
        """The player in `seat` leaves. A player who cannot leave yet (a hand is running) is named in `vacated` later
        on."""

    # Play

    @abstractmethod
    def advance_after_ms(self, state: S, options: O) -> int | None:
        """When the game should go on by itself (next hand, first deal): milliseconds from now; 0 is at once.

        None while a turn is running or while there are too few players. The room calls `advance` then.
        """

    @abstractmethod
    def advance(self, state: S, options: O, entropy: Entropy) -> Outcome[S] | Refusal:
        """Deal the next hand, or start the next game. Refused (`illegal_move`) when that cannot be now."""

    def turn(self, state: S) -> SeatIndex | None:
        """The seat to act, or None. A game in which several act at once says `to_act` instead."""
        seats = self.to_act(state)
        return seats[0] if seats else None

    def to_act(self, state: S) -> Sequence[SeatIndex]:
        """The seats to act, each once; none while nobody is. Where these are several, each has a turn and a clock of
        its own, and they act in any order: a seat that has chosen is not among them any more until the game goes on.

        Everybody is shown who is still to act, and so that a choice is made. The choice itself is the game's to keep
        secret: it stands in no event and no public view before all may know it.
        """
        seat = self.turn(state)
        return () if seat is None else (seat,)

    @abstractmethod
    def legal(self, state: S, options: O, seat: SeatIndex) -> list[dict[str, Json]]:
        """The moves that `seat` may make now, all of them and no others; empty when there are none.

        One entry a move, each of the move's arguments with its range or its choices, so that a client that knows no
        rules can still play: `{"move": "bid", "amount": {"min": 20, "max": 990}}`,
        `{"move": "mark", "cell": {"choices": [0, 4]}}`, `{"move": "pass"}`.

        Where one argument depends on another, one move has several entries: an argument that is text, a number or a
        boolean is just that, and such as are so in all are whole moves, listed one by one:
        `{"move": "take", "heap": 2, "stones": {"min": 1, "max": 5}}`, `{"move": "go", "from": "e2", "to": "e4"}`.

        Where that cannot be said, or would be too long, an entry with `"exact": False` offers more than is legal, and
        `play` refuses some of it; of other moves of that name there are none here, either.
        """

    @abstractmethod
    def play(self, state: S, options: O, seat: SeatIndex, move: Move, entropy: Entropy) -> Outcome[S] | Refusal:
        """`seat` makes `move`. The room has checked that it is seated; whose turn it is is the game's to check, also
        that a seat does not act twice where several act at once."""

    @abstractmethod
    def timeout_move(self, state: S, options: O, seat: SeatIndex) -> Move:
        """The move that is played for `seat`, which is to act, when its time has run out. It is always legal, and
        the game goes on by it; should it not be so, the round is called off (`void`).

        The room marks the outcome's events that carry this seat's `seat_index` and a `move` as `automatic`.
        """

    def void(self, state: S, options: O, seats: Sequence[SeatIndex]) -> Outcome[S] | Refusal:
        """The round that runs is called off because of a mistake in the game: the players of `seats` have what they had
        when it began, and nobody else has a seat any more. The room tells of it and records it.

        A game need not say anything here: its players sit down at a fresh table. One whose players have something that
        outlasts a round must; if it refuses, or fails, the room stands still until its host lets it go on.
        """
        fresh = self.open(options)
        for seat in seats:
            sat = self.sit(fresh, options, seat)
            if isinstance(sat, Refusal):
                return sat
            fresh = sat.state
        return Outcome(fresh, result={"voided": True})

    # Bots

    bots: ClassVar[tuple[str, ...]] = ("random",)
    """The names of the game's bots; the first is taken where none is named."""

    def bot(self, name: str, view: Mapping[str, Json], entropy: Entropy) -> Move:
        """The move of the bot of that name, which sees what a player's client sees: `view` is theirs (protocol.md
        section 4), with a move or more in `me.legal`. A bot is a client, so this runs in no room. This one is random;
        so is what a bot does whose move was refused."""
        return random_move(view["me"]["legal"], entropy)

    # Between rounds

    def between_rounds(self, state: S) -> bool:
        """Whether nothing is being played just now: what the host may do only "between hands" may be done."""
        return not self.to_act(state)

    def sit_out(self, state: S, options: O, seat: SeatIndex) -> Outcome[S] | Refusal:
        """The player in `seat` keeps it and plays no more rounds until `sit_in`; the one that runs they play to its
        end. The room tells of it; the outcome has no event for it."""
        return Refusal("illegal_move", "Nobody can sit out of this game.")

    def sit_in(self, state: S, options: O, seat: SeatIndex) -> Outcome[S] | Refusal:
        """The player in `seat` plays again from the next round on."""
        return Refusal("illegal_move", "Nobody sits out of this game.")

    def sits_out(self, state: S, seat: SeatIndex) -> bool:
        """Whether the player in `seat` has chosen to sit out."""
        return False

    def change_options(self, state: S, before: O, after: O) -> Outcome[S] | Refusal:
        """The table goes on with options `after`, between rounds. No seat that is taken is beyond the new number."""
        return Outcome(state)

    # Views

    @abstractmethod
    def public(self, state: S, options: O) -> dict[str, Json]:
        """The view that everybody at the table has of the game as a whole."""

    @abstractmethod
    def public_seat(self, state: S, options: O, seat: SeatIndex) -> dict[str, Json]:
        """The view that everybody at the table has of one taken seat."""

    def private_seat(self, state: S, options: O, seat: SeatIndex) -> dict[str, Json]:
        """The view that only the player in `seat` has, beside what is legal."""
        return {}

    def auto_start(self, options: O) -> bool:
        """Whether the first round starts by itself when it can, or waits for the host's `start`."""
        return True


def _type_arguments(cls: type[Game[Any, Any]]) -> tuple[Any, ...]:
    """The arguments that `cls` gives to `Game`, itself or through a class between; none where its bases say nothing."""
    for base in cls.__dict__.get("__orig_bases__", ()):
        origin = get_origin(base)
        if origin is Game:
            return get_args(base)
        if isinstance(origin, type) and issubclass(origin, Game):
            given = dict(zip(origin.__parameters__, get_args(base), strict=False))  # type: ignore[attr-defined]
            return tuple(given.get(argument, argument) for argument in origin._type_arguments)
    return ()


def offers(entry: Mapping[str, Json]) -> dict[str, Json]:
    """For each argument of the move of an entry of `Game.legal`, its range, its choices or its value."""
    return {
        name: offer for name, offer in entry.items() if name != "move" and not (name == "exact" and type(offer) is bool)
    }


def is_exact(entry: Mapping[str, Json]) -> bool:
    """Whether all that an entry of `Game.legal` offers is legal."""
    return entry.get("exact") is not False


def takes(entry: Mapping[str, Json], move: Move) -> bool:
    """Whether the move's arguments are such as an entry of `Game.legal` offers, each of them and no others."""
    offered = offers(entry)
    return offered.keys() == move.arguments.keys() and all(
        _within(offer, move.arguments[name]) for name, offer in offered.items()
    )


def _within(offer: Json, value: Json) -> bool:
    match offer:
        case {"choices": [*choices]}:
            return any(type(value) is type(choice) and value == choice for choice in choices)
        case {"min": int(least), "max": int(most)}:
            return type(value) is int and least <= value <= most
        case _:
            return type(value) is type(offer) and bool(value == offer)


def random_move(legal: Sequence[Mapping[str, Json]], entropy: Entropy) -> Move:
    """Any of the moves that `Game.legal` offers, with any value that it offers for each argument: one that is legal for
    sure, if there is one."""
    legal = [entry for entry in legal if is_exact(entry)] or legal
    rest = int.from_bytes(entropy, "big")
    rest, picked = divmod(rest, len(legal))
    arguments: dict[str, Json] = {}
    for name, offer in offers(legal[picked]).items():
        match offer:
            case {"choices": [*choices]}:
                rest, at = divmod(rest, len(choices))
                arguments[name] = choices[at]
            case {"min": int(least), "max": int(most)}:
                rest, more = divmod(rest, most - least + 1)
                arguments[name] = least + more
            case _:
                arguments[name] = offer
    return Move(legal[picked]["move"], arguments)
