"""Pictures on their way to a network: the next block is read while this one is looked at, those of one size go together, and
the network sees the next batch while what it answered to this one is summed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from itertools import groupby
from typing import Any, TypeVar

from convreport.core.base.errors import ImageError

T = TypeVar("T")
Answer = TypeVar("Answer")
S = TypeVar("S")


def blocks(
    samples: Callable[[Iterable[int]], Iterator[S | None]], read: Callable[[S], T], numbers: Sequence[int], size: int
) -> Iterator[list[tuple[int, T | ImageError]]]:
    """(number, what `read` makes of that picture, or the ImageError why nothing), `size` pictures at a time, in order.

    `samples` gives pictures by their numbers, None for what is none.
    """

    def one(number: int, sample: S | None) -> tuple[int, T | ImageError]:
        if sample is None:
            return number, ImageError("it cannot be read as a picture")
        try:
            return number, read(sample)
        except ImageError as error:
            return number, error

    def block(some: Sequence[int]) -> list[tuple[int, T | ImageError]]:
        return [one(number, sample) for number, sample in zip(some, samples(some), strict=True)]

    with ThreadPoolExecutor(1) as pool:
        ahead: Future[list[tuple[int, T | ImageError]]] | None = None
        for first in range(0, len(numbers), size):
            found, ahead = ahead, pool.submit(block, numbers[first : first + size])
            if found is not None:
                yield found.result()
        if ahead is not None:
            yield ahead.result()


def batches(pictures: Iterable[T], kind: Callable[[T], Any], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Those of one `kind` together, in their order, at most as many at a time as `size` says of the first."""
    for _, group in groupby(sorted(pictures, key=kind), key=kind):
        same = list(group)
        most = size(same[0])
        yield from (same[first : first + most] for first in range(0, len(same), most))


def answered(asked: Iterable[tuple[Callable[[], Answer], T]]) -> Iterator[tuple[Answer, T]]:
    """(what came of a question, what it was about), in order; the next one is asked meanwhile, in another thread."""
    with ThreadPoolExecutor(1) as pool:
        before: tuple[Future[Answer], T] | None = None
        for ask, about in asked:
            coming = pool.submit(copy_context().run, ask), about
            if before is not None:
                yield before[0].result(), before[1]
            before = coming
        if before is not None:
            yield before[0].result(), before[1]
