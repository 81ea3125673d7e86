"""What came of replaying journals, as JSON and back: so that a verdict can be judged again where
there are neither cores nor journals.

Files, events and buckets stand as numbers in lists of their own, since there may be a hundred
thousand lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from replay.explaining.claims.claim import Claim
from replay.findings.severity import Severity
from replay.gate.journals import Bucket, Differing, Mark, Recorded, Replayed
from replay.gate.known_causes import NO_CAUSES, KnownCause, KnownCauses
from replay.streams.model import Rejected, Unread
from replay.targets.base import CoreIdentity


class _Numbered:
    """Texts by number, in the order in which they were first named."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))


def record_document(replayed: Replayed) -> dict[str, Any]:
    """All that a verdict is made of."""
    number = _Numbered()
    document = {
        "files": list(replayed.files),
        "authority": _core_document(replayed.authority),
        "shadow": _core_document(replayed.shadow),
        "steps": dict(sorted(replayed.steps.items())),
        "differed": dict(sorted(replayed.differed.items())),
        "unmarked": replayed.unmarked,
        "marked": replayed.marked,
        "failed": replayed.failed,
        "doubled": replayed.doubled,
        "uncompared": replayed.uncompared,
        "detects": replayed.detects,
        "marks": [
            [number(one.file), one.line, one.at, one.agreed, number(one.error)]
            for one in replayed.marks
        ],
        "differing": [
            [number(one.file), one.line, number(one.event), number(one.kind), number(one.bucket)]
            for one in replayed.differing
        ],
        "agreed_before": sorted([number(file), line] for file, line in replayed.agreed_before),
        "buckets": [
            {**asdict(one), "severity": str(one.severity)} for one in replayed.buckets.values()
        ],
        "claims": [claim.document() for claim in replayed.claims],
        "rejected": [[number(one.file), one.line, one.reason] for one in replayed.rejected],
        "rejected_count": replayed.rejected_count,
        "unread": unread_rows(replayed.unread),
        "known_causes": replayed.known_causes.document(),
        "recorded": [list(one) for one in replayed.recorded],
    }
    return {**document, "texts": list(number.texts)}


def _core_document(core: CoreIdentity | None) -> dict[str, Any] | None:
    return None if core is None else core.document()


def record_of(document: Mapping[str, Any]) -> Replayed:
    """The same from JSON. Raises ValueError, TypeError, LookupError or AttributeError where it is
    something else."""
    texts: list[str] = [_of(str, text) for text in document["texts"]]

    def text(number: Any) -> str:
        place: int = _of(int, number)
        if place < 0:
            raise IndexError(place)
        return texts[place]

    return Replayed(
        files=tuple(_of(str, name) for name in document["files"]),
        authority=_core(document["authority"]),
        shadow=_core(document["shadow"]),
        steps=Counter({_of(str, name): _of(int, n) for name, n in document["steps"].items()}),
        differed=Counter({_of(str, name): _of(int, n) for name, n in document["differed"].items()}),
        unmarked=_of(int, document["unmarked"]),
        marked=_of(int, document["marked"]),
        failed=_of(int, document["failed"]),
        doubled=_of(int, document["doubled"]),
        uncompared=_of(int, document.get("uncompared", 0)),
        detects=_of(bool, document["detects"]),
        marks=[
            Mark(text(file), _of(int, line), _time(at), _of(bool, agreed), text(error))
            for file, line, at, agreed, error in document["marks"]
        ],
        differing=[
            Differing(text(file), _of(int, line), text(event), text(kind), text(bucket))
            for file, line, event, kind, bucket in document["differing"]
        ],
        agreed_before={(text(file), _of(int, line)) for file, line in document["agreed_before"]},
        buckets={_of(str, one["id"]): _bucket(one) for one in document["buckets"]},
        claims=tuple(_claim(one) for one in document["claims"]),
        rejected=[
            Rejected(text(file), _of(int, line), _of(str, reason))
            for file, line, reason in document["rejected"]
        ],
        rejected_count=_of(int, document["rejected_count"]),
        unread=unread_of(document.get("unread", [])),
        known_causes=_known_causes(document.get("known_causes")),
        recorded=tuple(
            Recorded(
                _of(str, authority),
                _of(str, shadow),
                _of(int, lines),
                _of(str, place),
                _time(begin),
                _time(end),
            )
            for authority, shadow, lines, place, begin, end in document.get("recorded", [])
        ),
    )


def unread_rows(unread: Sequence[Unread]) -> list[list[Any]]:
    """What was left out, for JSON: in the former form where nothing is new about it, so that
    packages of before are still what they were."""
    return [list(one if one.is_partial else one[:-1]) for one in unread]


def unread_of(rows: Any) -> tuple[Unread, ...]:
    """What was left out, from JSON. Raises as `record_of` does."""
    return tuple(
        Unread(_of(str, file), _of(str, reason), *(_of(bool, flag) for flag in flags))
        for file, reason, *flags in _of(list, rows)
    )


def _of(kind: type[Any], value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!a:.40} is no {kind.__name__}")
    return value


def _time(value: Any) -> float | None:
    return (
        None if value is None else float(_of(type(value) if type(value) is int else float, value))
    )


def _core(document: Any) -> CoreIdentity | None:
    if document is None:
        return None
    names = ("kind", "path", "sha256", "version", "revision")
    methods: Sequence[Any] = document["methods"]
    return CoreIdentity(
        **{name: _of(str, document[name]) for name in names},
        methods=tuple(_of(str, one) for one in methods),
    )


def _bucket(document: Mapping[str, Any]) -> Bucket:
    texts = ("id", "event", "rule", "status", "explained_by", "rate")
    flags = ("hot", "weaker", "reproduced", "is_triaged", "stored")
    return Bucket(
        **{name: _of(str, document[name]) for name in texts},
        **{name: _of(bool, document[name]) for name in flags},
        severity=Severity(document["severity"]),
        occurrences=_of(int, document["occurrences"]),
    )


def _known_causes(document: Any) -> KnownCauses:
    if document is None:
        return NO_CAUSES
    texts = ("id", "kind", "says", "rule", "status", "owner", "note")
    return KnownCauses(
        tuple(
            KnownCause(
                **{name: _of(str, one[name]) for name in texts},
                **{name: _of(int, one[name]) for name in ("needed_at", "doubtful")},
                is_verified=_of(bool, one["is_verified"]),
                findings=tuple(_of(str, finding) for finding in one["findings"]),
            )
            for one in document["causes"]
        ),
        _of(str, document["accounted"]),
        _of(str, document["at"]),
    )


def _claim(document: Mapping[str, Any]) -> Claim:
    return Claim(
        _of(str, document["name"]),
        _of(bool, document["ok"]),
        _of(str, document["why"]),
        tuple(_of(str, one) for one in document["ids"]),
        _of(int, document["checked"]),
        _of(bool, document["weaker"]),
    )
