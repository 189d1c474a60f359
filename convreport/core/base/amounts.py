"""Times, sizes and shapes as people write them: 90s, 10m, 1h30m; 512M, 4G; 3,224,224."""

import re

from convreport.core.base.errors import UsageError

_SECONDS = {"h": 3600, "m": 60, "s": 1}
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def seconds(words: str, option: str = "--budget") -> float:
    """The seconds of `10m`, `1h30m` or `90` (seconds); UsageError, which names the option, for anything else, and for nothing."""
    text = words.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", text):
        total = float(text)
    elif re.fullmatch(r"(\d+(\.\d+)?[hms])+", text):
        total = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)([hms])", text))
    else:
        total = 0.0
    if total <= 0:
        raise UsageError(f"{option} cannot be '{words}'.", "Write a time such as 90s, 10m or 1h30m.")
    return total


def size(words: str) -> int:
    """The bytes of `4G`, `512M` or a plain number; UsageError for anything else, and for less than a megabyte."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", words.strip().lower())
    total = int(float(match[1]) * _BYTES[match[2]]) if match else 0
    if total < 1 << 20:
        raise UsageError(f"--memory cannot be '{words}'.", "Write a size such as 4G or 512M.")
    return total


def shape(words: str) -> tuple[int, int, int]:
    """The (channels, height, width) of `3,224,224` or `3x224x224`; UsageError for anything else."""
    match = re.fullmatch(r"[(\[]?\s*([1-9]\d*)\s*[,x]\s*([1-9]\d*)\s*[,x]\s*([1-9]\d*)\s*[)\]]?", words.strip().lower())
    if match is None:
        raise UsageError(
            f"--input-shape cannot be '{words}'.", "Write the channels, height and width, such as 3,224,224."
        )
    return int(match[1]), int(match[2]), int(match[3])


def in_words(duration: float) -> str:
    """A duration in seconds as a reader says it: `40 s`, `6 min`, `1 h 20 min`."""
    if duration < 90:
        return f"{max(round(duration), 1)} s"
    minutes = round(duration / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h" + (f" {rest} min" if rest else "")
