"""Which stored ID is meant by what somebody typed."""

from __future__ import annotations

import difflib

from replay.errors import UsageError


def names_cause(wanted: str) -> bool:
    """Whether what somebody typed is meant for the ID of a cause."""
    return wanted.strip().lower().startswith("c-")


def identity_meant(wanted: str, identities: list[str], what: str = "finding") -> str:
    """The one id that is meant: by itself, by its beginning, with or without its letter. Raises
    UsageError where there is none, naming near ones, or more than one."""
    text = wanted.strip().lower()
    if text in identities:
        return text
    named = [
        identity
        for identity in identities
        if text and (identity.startswith(text) or identity.partition("-")[2].startswith(text))
    ]
    if len(named) == 1:
        return named[0]
    if named:
        raise UsageError(
            f"{wanted!r} could be {_listed(named)}; give more of the id", id=wanted, near=named
        )
    near = difflib.get_close_matches(text, identities, n=3, cutoff=0.5)
    hint = f"did you mean {_listed(near)}?" if near else "`list` shows all ids"
    raise UsageError(f"there is no {what} {wanted!r}; {hint}", id=wanted, near=near)


def _listed(identities: list[str]) -> str:
    shown = identities[:5]
    rest = len(identities) - len(shown)
    return ", ".join(shown) + (f" or {rest} more" if rest else "")
