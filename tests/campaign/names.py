"""Names and labels that would be markup, code, paths or addresses: in every page of a whole atlas, looked at in Chromium."""

import numpy as np
from PIL import Image

from tests.campaign.bench import Family, command
from tests.campaign.pages import MARKER, looked_at

RUN = f"window.{MARKER}=1"
HOSTILE = (
    f"<img src=x onerror={RUN}>", f'"><script>{RUN}</script>', f"</script><script>{RUN}</script>", f"';{RUN};//",
    f"</style><script>{RUN}</script>", f"<svg onload={RUN}>", f"]]><script>{RUN}</script>", f"<!--><script>{RUN}</script>",
    f"[a](javascript:{RUN})", f"<javascript:{RUN}>", f"{{: onclick={RUN} }}", f"x' onload={RUN} class='{MARKER}",
    "<iframe src=https://evil.example>", "![x](https://evil.example/x.png)", "<http://evil.example>", "//evil.example/x",
    "<link rel=stylesheet href=//evil.example/x.css>", "<style>@import '//evil.example/x.css'</style>",
    "{{ 7 * 7 }}", "{% include '/etc/passwd' %}", "{# x", "{{ self.__init__ }}", "{% raw %}", "${7*7}",
    "!!python/object/apply:os.system [touch x]", "- a: b", "': x", "&a *a", "| x", "> x", "%YAML 2", "? x", "@x", "!include x",
    "# head", "[l](x)", "[x]: y", "[^1]", "[TOC]", "| a | b |", "---", "```", "<!-- ", "&lt;b&gt;", "&#60;b&#62;", "*x* __y__",
    "a'b\"c", "a\\b", "../../up", "..", ".", "con", "nul.png", "index", "404", "x?y#z", "%2e%2e%2f", "a:b", "~", " x ",
    "\u202egnp", "\u2028", "\u0000", "\x1b[31m", "\u200b", "İ", "ﬁ", "e\u0301", "\U0001f40c", "x" * 180, "0",
    "constructor", "__proto__",
)  # fmt: skip


def hostile(rng):
    """One such name, or two in one."""
    return "".join(rng.sample(HOSTILE, rng.choice((1, 1, 2))))


def names(state, rng, folder):
    """A network, its layers, classes and pictures of such names: built, exported, and every page opened."""
    import keras

    layers, taken = keras.layers, set()

    def layer():
        while (name := hostile(rng).replace("/", "∕").replace("\0", "")) in taken or not name:
            pass
        taken.add(name)
        return name

    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(2, 3, activation="relu", name=layer()),
            layers.Conv2D(2, 3, activation="relu", name=layer()),
            layers.GlobalAveragePooling2D(name=layer()),
            layers.Dense(3, activation="softmax", name=layer()),
        ]
    )
    model.save(folder / "m.keras")
    labels = [hostile(rng).replace("\u2028", "") for _ in range(3)]
    (folder / "labels.txt").write_text("".join(f"{one.strip() or 'x'}\n" for one in labels))
    for place in range(3):
        try:
            at = folder / "pictures" / f"{place}{hostile(rng)[:90].replace('/', '∕')}"
            at.mkdir(parents=True)
            pixels = np.random.default_rng(place).integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(at / f"{hostile(rng)[:90].replace('/', '∕')}.png")
        except (OSError, ValueError):  # a name that this disk cannot have
            continue
    atlas = folder / "atlas"
    code, said, problem = command(
        "build", folder / "m.keras", "--name", hostile(rng), "--labels", folder / "labels.txt", "--out", atlas, "--quiet",
        *(("--images", folder / "pictures") if any((folder / "pictures").rglob("*.png")) else ()),
        "--preset", "draft", "--layers", "0", "--layers", "1", "--filters", "2", "--skip", "sanity", "--precision", "float32",
    )  # fmt: skip
    if problem or code:
        return problem if problem or code in (2, 4) else f"exit code {code}: {said[-300:]}"
    for form in ("html", "md", "zip"):
        if problem := command("export", atlas, "--format", form, "-o", folder / f"out.{form}")[2]:
            return problem
    (atlas / "site/exported.html").write_bytes((folder / "out.html").read_bytes())
    return "; ".join(looked_at(atlas / "site")[:3]) or None


def nothing(folder):
    """Nothing is shared."""


FAMILIES = (Family("names", nothing, names, few=1, many=2),)
