"""Pictures read by the block: the next block while this one is looked at."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from convreport.core.base.errors import ImageError
from convreport.core.pictures.sample import Sample

T = TypeVar("T")


def blocks(
    samples: Callable[[Iterable[int]], Iterator[Sample | None]], read: Callable[[Sample], T], numbers: range, size: int
) -> Iterator[list[tuple[int, T | ImageError]]]:
    """(number, what `read` makes of that picture, or the ImageError why nothing), `size` pictures at a time, in order.

    `samples` gives pictures by their numbers, None for what is none.
    """

    def one(number: int, sample: Sample | None) -> tuple[int, T | ImageError]:
        if sample is None:
            return number, ImageError("it cannot be read as a picture")
        try:
            return number, read(sample)
        except ImageError as error:
            return number, error

    def block(some: range) -> list[tuple[int, T | ImageError]]:
        return [one(number, sample) for number, sample in zip(some, samples(some), strict=True)]

    with ThreadPoolExecutor(1) as pool:
        ahead: Future[list[tuple[int, T | ImageError]]] | None = None
        for first in range(0, len(numbers), size):
            found, ahead = ahead, pool.submit(block, numbers[first : first + size])
            if found is not None:
                yield found.result()
        if ahead is not None:
            yield ahead.result()
