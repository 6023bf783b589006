"""A mistake that was found in a game, and the kinds of them."""

from __future__ import annotations

from enum import StrEnum


class Promise(StrEnum):
    """The promises of `Game` that are checked, by what breaks them."""

    RAISES = "raises"
    """A method raises, whatever came from a client."""
    OFFERED_REFUSED = "offered-refused"
    """`play` refuses a move that `legal` offers."""
    UNOFFERED_ACCEPTED = "unoffered-accepted"
    """`play` accepts a move that `legal` does not offer."""
    TIMEOUT_REFUSED = "timeout-refused"
    """`timeout_move` gives a move that `play` refuses, or that leaves the game as it was."""
    ADVANCE_REFUSED = "advance-refused"
    """`advance` refuses when `advance_after_ms` says that the game goes on, or goes on while a turn runs."""
    ROUND_TRIP = "round-trip"
    """A state, or options, are not the same after they were stored."""
    TOO_LARGE = "too-large"
    """A state takes more bytes than it may."""
    NOT_THE_SAME_TWICE = "not-the-same-twice"
    """The same arguments gave something else: in the same process, from a stored state, or in another process."""
    CHANGES_ARGUMENTS = "changes-arguments"
    """A method changes the state that it was given."""
    CLOCK = "clock"
    """A method reads a clock, or sleeps."""
    RANDOM = "random"
    """A method draws by chance from elsewhere than its `entropy`."""
    IO = "input-output"
    """A method opens a file or a socket, starts something, or prints."""
    SECRET_SHOWN = "secret-shown"
    """A seat is shown something that depends on what only another one may know."""
    NEVER_ENDS = "never-ends"
    """No round ends, however long it is played."""


class BrokenPromise(AssertionError):
    """A promise that a game broke: `found` names it, `told` says how in one line."""

    def __init__(self, found: Promise, told: str) -> None:
        super().__init__(f"{found}: {told}")
        self.found, self.told = found, told
