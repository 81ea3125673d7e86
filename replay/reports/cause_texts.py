"""What is said of causes and of what they come to, the same wherever it is told."""

from __future__ import annotations

from replay.counting import counted
from replay.findings.account import CauseAccount, StoredCause
from replay.safe_text import clean

MAX_SAYS = 400
"""Characters of what a cause says."""


def account_words(account: CauseAccount) -> str:
    """What all causes together come to."""
    told = answered_words(account)
    return f"{told}; not accounted for: {left_words(account)}" if account.left else told


def answered_words(account: CauseAccount) -> str:
    """At how much the corrected core gives the shadow's answers. Without a cause in force it is the
    core as it is: then what is told is where the cores differ. An occurrence is asked as one step,
    so not each of them shows what it showed in its stream, or on the cores it was met on."""
    count = account.in_force
    kept, generated = counted(account.kept, "kept occurrence"), counted(account.generated, "step")
    if not count:
        differing = account.kept - account.kept_right
        return (
            f"no cause was found: asked again, each as one step, {differing:,} of {kept} "
            f"{'differs' if differing == 1 else 'differ'}; of {generated} generated afterwards "
            f"{account.generated - account.generated_right:,}"
        )
    return (
        f"with {counted(count, 'cause')} the Python core gave the shadow's answer at "
        f"{account.kept_right:,} of {kept} and at {account.generated_right:,} of {generated} "
        "generated afterwards"
    )


def left_words(account: CauseAccount) -> str:
    """How much is not accounted for: steps of stored buckets, and those in none."""
    told = []
    if buckets := account.left_buckets:
        steps = counted(sum(buckets.values()), "step")
        told.append(f"{steps} of {counted(len(buckets), 'bucket')}")
    if account.left_generated:
        steps = counted(account.left_generated, "step")
        told.append(f"{steps} in no bucket, generated to tell causes apart or afterwards")
    return ", and ".join(told)


def needed_words(steps: int) -> str:
    """How many steps need a cause."""
    return f"{counted(steps, 'step')} {'needs' if steps == 1 else 'need'} it"


def support_words(needed: int, doubtful: int) -> str:
    """How many steps need a cause, and how many that it changes are not accounted for."""
    told = needed_words(needed)
    if not doubtful:
        return told
    are = "is" if doubtful == 1 else "are"
    return f"{told}, and {doubtful:,} that it changes {are} not accounted for"


def cause_words(cause: StoredCause) -> str:
    """A cause in one sentence."""
    doubt = "" if cause.is_verified else "not verified: "
    return f"{doubt}the shadow answers as if {cause.says}"


def when_words(account: CauseAccount) -> str:
    """When the causes were looked for, to the minute."""
    return f"{account.at[:16].replace('T', ' ')} UTC"


def part_in_words(cause: StoredCause) -> str:
    """A cause on one line, as it is told of a finding that it has part in."""
    doubt = "" if cause.is_verified else "not verified, "
    return f"cause      {clean(cause.id)}: {doubt}as if {clean(cause.says, MAX_SAYS)}"


def known_lines(account: CauseAccount | None, finding: str) -> list[str]:
    """What the stored causes say of a finding; nothing where none has part in it."""
    causes = () if account is None else account.causes_of(finding)
    if account is None or not causes:
        return []
    whole = "all that was" if account.is_accounted_for(finding) else "not all that was"
    head = f"{clean(finding)}: `causes` found at {when_words(account)}, for {whole} asked of it:"
    return [head, *map(part_in_words, causes)]
