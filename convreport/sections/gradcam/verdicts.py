"""Right and wrong: what became of the pictures whose true class is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from convreport.book.values import Book, Drawing, ShownFigure, ShownSample
from convreport.sections.gradcam.facts import Answer, CamFacts, Explained
from convreport.sections.telling import Result

Drawn = Sequence[Drawing[CamFacts]]


@dataclass(frozen=True)
class Judged:
    """How many pictures it was right about, of all whose true class is known, and the drawings of the wrong ones."""

    all: int
    right: int
    wrong: tuple[Drawing[CamFacts], ...]


@dataclass(frozen=True)
class Claim:
    """A class with the evidence for it laid over the picture."""

    answer: Explained
    overlay: ShownFigure


@dataclass(frozen=True)
class Mistake:
    """A picture with what was said of it, what it is, and how many classes were at least as likely as that."""

    sample: ShownSample
    said: Claim
    truth: Claim
    rank: int


@dataclass(frozen=True)
class OfClass:
    """One picture as a class sees it: what is said of that class, the evidence if it was drawn, and what was said first."""

    sample: str
    measure: str
    answer: Answer
    overlay: ShownFigure | None
    predicted: bool
    truth: int | None
    said: Answer


def judged(drawn: Drawn) -> Judged | None:
    """None where no picture's true class is known."""
    known = [one for one in drawn if one.facts.right is not None]
    wrong = tuple(one for one in known if not one.facts.right)
    return Judged(len(known), len(known) - len(wrong), wrong) if known else None


def mistakes(wrong: Drawn, book: Book) -> list[Mistake]:
    """The surest first."""
    found = []
    for one in wrong:
        facts = one.facts
        assert facts.truth is not None
        said, truth = (
            Claim(facts.classes[place], one.figures[f"overlay{place}"])
            for place in (facts.place_of(facts.top[0].index) or 0, facts.place_of(facts.truth.index) or 0)
        )
        found.append(Mistake(book.by_slug[one.sample or ""], said, truth, facts.truth.rank))
    return sorted(found, key=lambda one: -one.said.answer.probability)


def named(drawn: Drawn) -> dict[int, Answer]:
    """The classes that were predicted first for a picture, or are the truth of one."""
    found = {}
    for one in drawn:
        truth = [one.facts.truth.index] if one.facts.truth is not None else []
        for index in dict.fromkeys([one.facts.top[0].index, *truth]):
            found[index] = one.facts.answer_of(index)
    return found


def by_class(drawn: Drawn) -> dict[int, list[OfClass]]:
    """Of each class the pictures that were predicted as it or are of it, the surest first."""
    found: dict[int, list[OfClass]] = {}
    for one in drawn:
        facts = one.facts
        truth = facts.truth.index if facts.truth is not None else None
        said = facts.top[0]
        for index in dict.fromkeys([said.index, *([] if truth is None else [truth])]):
            place = facts.place_of(index)
            overlay = None if place is None else one.figures[f"overlay{place}"]
            seen = OfClass(
                one.sample or "", facts.measure, facts.answer_of(index), overlay, said.index == index, truth, said
            )
            found.setdefault(index, []).append(seen)
    return {index: sorted(some, key=lambda one: -one.answer.probability) for index, some in found.items()}


def lost(now: Book, drawn: Drawn, before: Book, earlier: Drawn) -> Result:
    """Pictures of both books that went from right to wrong."""
    home = f"{now.slug}/index.html"
    then, later = (
        {book.by_slug[one.sample or ""].digest: one for one in some} for book, some in ((before, earlier), (now, drawn))
    )
    shared = [digest for digest in later if digest in then]
    if not shared:
        said = "the two atlases share no picture with a prediction"
        return Result("baseline", "error", None, None, said, home)
    gone = [later[one].sample for one in shared if then[one].facts.right and later[one].facts.right is False]
    changed = [one for one in shared if then[one].facts.top[0].name != later[one].facts.top[0].name]
    said = f"{len(gone)} of {len(shared)} shared pictures went from right to wrong"
    said += "".join(f", {one}" for one in gone) + f"; {len(changed)} have a different prediction"
    link = f"{now.slug}/pictures/{gone[0]}.html" if gone else home
    return Result("baseline_lost", "failed" if gone else "passed", len(gone), 0, said, link)
