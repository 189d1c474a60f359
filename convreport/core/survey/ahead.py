"""Pictures read by the block: the next block while this one is looked at."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from convreport.core.base.errors import ImageError

T = TypeVar("T")
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
