"""Everything of a pipeline that is signed: walked, and signed anew after a change of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tasks.errors import IntegrityError, PerennialError, PreconditionFailed
from tasks.ledger.verified import accept_lines, look_at_ledger, refuse_faults, sign_head_again
from tasks.policy.reading import count_text
from tasks.promotion import pointer, trials
from tasks.promotion.deciding import find_anchor
from tasks.promotion.manifest import sign_again
from tasks.promotion.versions import check_files, manifest_of, published
from tasks.signatures import Keyring
from tasks.store.bucket import Bucket
from tasks.store.exchange import steady
from tasks.store.layout import is_name
from tasks.workspace import Place

ROUNDS = 5


@dataclass(frozen=True)
class Verified:
    """What was looked at, whether it is as it was signed, and a sentence about it."""

    what: str
    whole: bool
    told: str


def verify_place(place: Place) -> tuple[Verified, ...]:
    """Look at whatever is signed: the pointers, each version's manifest, the ledger."""
    looks: list[tuple[str, Callable[[Place], str]]] = [
        ("champion", _tell_champion),
        ("trial", _tell_trial),
        *((f"version {version}", _telling(version)) for version in published(place)),
        ("ledger", _tell_ledger),
    ]
    return tuple(_look(place, what, tell) for what, tell in looks)


def accept_pointers(place: Place) -> tuple[str, ...]:
    """Sign pointers that an earlier release left without a signature; say what they say.

    A champion's pointer that was lost, or is older than the ledger, becomes what that tells.

    Raises:
        IntegrityError: one is damaged, or signed with a key that is not believed.
    """
    accepted = []
    champion = _unless_signed(place, _accept_champion)
    if champion is not None:
        pointer.swap(place, *champion)
        accepted.append(_words(champion[0]))
    trial = _unless_signed(place, trials.read)
    if trial is not None:
        trials.swap(place, *trial)
        accepted.append(f"trial of version {trial[0].version}, by {trial[0].by}")
    return tuple(accepted)


def accept_ledger(place: Place, by: str) -> tuple[str, ...]:
    """Take a ledger that does not hold as it is, because a person says so; say what was taken.

    Its lines are decided by again for as long as they stay the same; later ones are verified.
    """
    lines = accept_lines(place.ledger, by, find_anchor(place))
    return () if lines is None else (f"ledger as it is, {count_text(lines, 'line', 'lines')}",)


def accept_everywhere(bucket: Bucket, keyring: Keyring, say: Callable[[str], None]) -> None:
    """Do so for every pipeline of a bucket; what cannot be accepted is said, and stops none."""
    for name in filter(is_name, bucket.folders()):
        try:
            for told in accept_pointers(Place(bucket, name, keyring)):
                say(f"{name}: signed what an earlier release left: {told}")
        except PerennialError as error:
            say(f"{name}: {error}")


def sign_anew(place: Place) -> int:
    """Sign what lies in the bucket with the key that signs now; return how many objects it was.

    Raises:
        IntegrityError: something was not signed with a key that is believed.
        PreconditionFailed: a pointer was moved at every try.
    """
    keys = [place.layout.manifest(version) for version in published(place)]
    signed = sum(_sign_manifest(place, key) for key in keys)
    sign_head_again(place.ledger)
    for _ in range(ROUNDS):
        try:
            return signed + _sign_pointers(place)
        # somebody promoted meanwhile
        except PreconditionFailed:
            continue
    raise PreconditionFailed(place.name, "its pointers stay while they are signed")


def sign_everywhere(bucket: Bucket, keyring: Keyring) -> dict[str, int]:
    """Do so for every pipeline of a bucket, and return the counts by name; raises as that."""
    names = filter(is_name, bucket.folders())
    return {name: sign_anew(Place(bucket, name, keyring)) for name in names}


def _sign_manifest(place: Place, key: str) -> bool:
    found = steady(place.bucket, key)
    data = None if found is None else sign_again(found[0], place.keyring, key)
    if found is None or data is None:
        return False
    place.bucket.put(key, data, if_match=found[1], content_type="application/json")
    return True


def _sign_pointers(place: Place) -> int:
    champion, trial = pointer.read(place), trials.read(place)
    if champion is not None:
        pointer.swap(place, *champion)
    if trial is not None:
        trials.swap(place, *trial)
    return (champion is not None) + (trial is not None)


def _accept_champion(place: Place, *, accept: bool = False) -> tuple[pointer.Champion, str] | None:
    """Return the champion; where it was lost or put back, as the ledger tells it."""
    if not accept:
        return pointer.read_newest(place)
    found, entries = pointer.read(place, accept=True), place.ledger.entries()
    told = pointer.rebuild(entries, place.layout.champion)
    if found is None or told is None or told.since <= found[0].since:
        return found
    return told, found[1]


def _unless_signed(place: Place, read: Callable[..., Any]) -> Any:
    """Return what a pointer says, and its entity tag, where it has no signature; else None."""
    try:
        read(place)
    except IntegrityError:
        return read(place, accept=True)
    return None


def _look(place: Place, what: str, tell: Callable[[Place], str]) -> Verified:
    try:
        return Verified(what, True, tell(place))
    except PerennialError as error:
        return Verified(what, False, str(error))


def _tell_champion(place: Place) -> str:
    found = pointer.read_newest(place)
    return "none yet" if found is None else _words(found[0])


def _words(champion: pointer.Champion) -> str:
    since = champion.since.isoformat(timespec="seconds")
    return f"version {champion.version}, since {since}, by {champion.by}"


def _tell_trial(place: Place) -> str:
    found = trials.read(place)
    if found is None:
        return "none yet"
    return f"version {found[0].version}, {found[0].words}{', ended' if found[0].ended else ''}"


def _telling(version: int) -> Callable[[Place], str]:
    def tell(place: Place) -> str:
        manifest = manifest_of(place, version)
        check_files(place, manifest)
        verdict = manifest.verdict
        return "passed the gate" if verdict.passed else "refused by the gate"

    return tell


def _tell_ledger(place: Place) -> str:
    look = look_at_ledger(place.ledger, find_anchor(place), whole=True)
    refuse_faults(place.name, (*look.faults, *_tell_lacking(place)))
    if not look.rows.num_rows:
        return "none yet"
    head = look.head
    before = f", after {head.before} of a release that linked none" if head.before else ""
    accepted = f"; some were accepted as they are by {head.accepted}" if head.accepted else ""
    return f"{head.linked} lines, each linked to the one before{before}{accepted}"


def _tell_lacking(place: Place) -> Iterator[str]:
    """Yield a sentence where the change is missing that the champion's pointer is of."""
    found = pointer.read(place)
    if found is None:
        return
    champion, changes = found[0], {entry.id for entry in place.ledger.entries()}
    if f"{champion.kind}-{champion.id}" not in changes:
        yield f"it does not tell of the {champion.kind} of version {champion.version}"
