"""What every target offers, and what it answers: the one interface between cores and comparison.

A target takes *work* (some steps of one stream) and answers each step with an *outcome* in the
compact form of docs/replay-method.md. Work is submitted and collected apart, so that an
executable can be kept busy while the authority runs ahead in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgpack

from replay.streams.model import Start, Step
from replay.streams.packed import unpack_extension

Outcome: TypeAlias = list[Any]
"""An answer `[delta, actions, violations]` or a refusal `[kind, path]`."""


class RefusalKind(StrEnum):
    """Why a core refused a step. ERROR is any other way in which a core raised: a bot's own module,
    or an executable that only says `error`; it cannot be compared with the typed kinds. UNMADE is
    our own refusal: what was given cannot be made into a record of the bot's module, so the module
    was never asked, and whatever the other core says to it differs from nothing."""

    UNREADABLE = "unreadable"
    UNKNOWN_EVENT = "unknown_event"
    ARITHMETIC = "arithmetic"
    ERROR = "error"
    UNMADE = "unmade"


TYPED_REFUSALS = frozenset(
    {RefusalKind.UNREADABLE, RefusalKind.UNKNOWN_EVENT, RefusalKind.ARITHMETIC}
)
"""The kinds that say why, and can be compared."""


def is_unmade(result: StepResult) -> bool:
    """Whether a core was never asked, since its record could not be made."""
    return not isinstance(result, Failure) and result[0] == RefusalKind.UNMADE


class FailureKind(StrEnum):
    """How a core can fail instead of answering (protocol.md, part 1: "has failed")."""

    UNSTARTABLE = "unstartable"
    EXITED = "exited"
    TIMEOUT = "timeout"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    OVERSIZE = "oversize"
    STDERR_FLOOD = "stderr_flood"
    MISSING_KEY = "missing_key"
    TOO_MUCH = "too_much"
    OUT_OF_ORDER = "out_of_order"
    REFUSED = "refused"
    UNSTEADY = "unsteady"
    """Asked the same again, it answered something else."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A core gave no usable answer to a step. `detail` is one line, bounded in length."""

    kind: FailureKind
    detail: str


StepResult: TypeAlias = "Outcome | Failure"


class Missing:
    """Stands in an outcome for a field that a core's answer left out; None is a value."""

    def __repr__(self) -> str:
        return "(missing)"


MISSING = Missing()
"""The one such marker. It has no encoding: outcomes with it are compared as values."""


REFUSED = 2
"""How many elements a refusal has; an answer has three."""


def is_refusal(outcome: Outcome) -> bool:
    """Tells a refusal from an answer."""
    return len(outcome) == REFUSED


@dataclass(frozen=True, slots=True)
class CoreIdentity:
    """Which core exactly: stored with every run and finding.

    `kind` is "python", "module" or "executable"; `path` what the user gave; `sha256` of the file
    (for a Python core: of all its own source files, in order); `revision` the git revision, or
    "unknown"; `methods` what an executable says it knows.
    """

    kind: str
    path: str
    sha256: str
    version: str
    revision: str
    methods: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As `--json` has it."""
        return {
            "kind": self.kind,
            "path": self.path,
            "sha256": self.sha256,
            "version": self.version,
            "revision": self.revision,
            "methods": list(self.methods),
        }


class Work(NamedTuple):
    """Some steps of one stream, to be answered in order.

    `session` names the stream; `start` is set where it begins (or begins anew), `last` where it
    ends. `guide` has the authority's outcomes, for a shadow: each step then starts from the
    authority's state. Without it a core goes on from its own answers. `guide_blob` is their
    encoding and `guide_end` gives the authority's state after them, where these are at hand.
    """

    session: int
    start: Start | None
    steps: Sequence[Step]
    last: bool
    guide: Sequence[Outcome] | None = None
    guide_blob: bytes | None = None
    guide_end: Callable[[], list[Any]] | None = None


@dataclass(slots=True)
class Reply:
    """The outcomes of one Work, one for each step.

    `blob` is the canonical encoding of all outcomes back to back, where the target has it and
    nothing failed: equal blobs are equal outcomes, and nothing needs decoding. `results` are
    decoded when first asked for. `incidents` are failures that were noticed at a step (its index)
    whose true answer was then found by asking again: they stand beside the results. `end` gives
    the plain state after the last step where the target has it at hand and nothing was refused;
    it saves applying every delta just to know where a stream stands. `notable` are the places of
    the notable steps (differential/notable.py) where the target knows them anyway. `copied` are the
    places of steps of whose answer the delta is not the core's own but the guide's: part 1 does not
    show how check_invariants read a state. Such a step can be judged, but is no evidence.
    """

    _blob: bytes | Callable[[], bytes | None] | None
    _results: list[StepResult] | None = None
    _decode: Callable[[bytes], list[StepResult]] = field(default=lambda blob: decode_outcomes(blob))
    incidents: Sequence[tuple[int, Failure]] = ()
    end: Callable[[], list[Any]] | None = None
    notable: Sequence[int] | None = None
    copied: Sequence[int] = ()

    @property
    def blob(self) -> bytes | None:
        """The encoding of all outcomes, or None; where it is not at hand it is made when first
        asked for."""
        if callable(self._blob):
            self._blob = self._blob()
        return self._blob

    @property
    def results(self) -> list[StepResult]:
        """One outcome or failure for each step."""
        if self._results is None:
            blob = self.blob
            assert blob is not None
            self._results = self._decode(blob)
        return self._results

    def decoded(self, piece: bytes) -> StepResult:
        """The result that is encoded in a piece of the blob (split_outcomes)."""
        return self._decode(piece)[0]


class Target(Protocol):
    """A core that can be run. Not shared between threads or processes.

    `submit` may block while the core is busy; `collect` gives the reply to the oldest work not
    yet collected. Failures of single steps are results, not exceptions; FailureStorm is raised
    where going on is pointless.
    """

    @property
    def identity(self) -> CoreIdentity:
        """Which core exactly."""
        ...

    @property
    def depth(self) -> int:
        """How many works it pays to have submitted before collecting: 1 where the core runs in
        this very process."""
        ...

    def submit(self, work: Work) -> None:
        """Hands over work; the core may begin on it at once."""
        ...

    def collect(self) -> Reply:
        """Waits for the reply to the oldest work that was submitted and not yet collected."""
        ...

    def close(self) -> None:
        """Ends the core and frees what it holds; may be called twice."""
        ...


def encode_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """The canonical bytes of outcomes, back to back (docs/replay-method.md, "Answer body")."""
    packed: bytes = msgpack.packb(outcomes, use_bin_type=True)
    count = len(outcomes)
    return packed[1 if count < 16 else 3 if count < 65536 else 5 :]


def split_outcomes(blob: bytes) -> list[bytes]:
    """The encodings of the outcomes in an answer body, one by one. Raises ValueError (or an
    error of msgpack's) where it is no MessagePack; a cut off end is left out."""
    unpacker = msgpack.Unpacker(max_buffer_size=len(blob) + 1)
    unpacker.feed(blob)
    pieces, begin = [], 0
    try:
        while True:
            unpacker.skip()
            end = unpacker.tell()
            pieces.append(blob[begin:end])
            begin = end
    except msgpack.OutOfData:
        return pieces


def decode_outcomes(blob: bytes) -> list[StepResult]:
    """Takes an answer body apart. Raises ValueError where it is cut off or no MessagePack."""
    unpacker = msgpack.Unpacker(
        raw=False,
        strict_map_key=True,
        unicode_errors="surrogatepass",
        ext_hook=unpack_extension,
        max_buffer_size=len(blob) + 1,
    )
    unpacker.feed(blob)
    outcomes: list[StepResult] = list(unpacker)
    if unpacker.tell() != len(blob):
        left = len(blob) - unpacker.tell()
        raise ValueError(f"{left} bytes are left over after the last outcome")
    return outcomes
