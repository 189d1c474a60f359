import json
import os
import subprocess
import sys
import threading
import time

import numpy as np

from convreport.core.base.files import digest
from convreport.core.drawing.figures import Drawing, Figure
from convreport.core.drawing.store import KEPT_UNUSED, Store, pack


def drawing(value=0, fact=1):
    return Drawing((Figure("tile", np.full((2, 3, 3), value, np.uint8), "a tile", kind="map"),), {"fact": fact})


def test_what_goes_in_comes_out(tmp_path):
    store = Store(tmp_path)
    key = digest("some", {"subject": 1})
    assert store.get(key) is None
    store.put(key, pack(drawing(7, 3)))
    record = Store(tmp_path).get(key)
    assert record.facts == {"fact": 3}
    assert record.figures[0].size == (2, 3)
    assert (store.picture(record.figures[0].picture) == 7).all()


def test_the_digest_depends_on_everything_and_not_on_order():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert len({digest(1), digest("1"), digest([1]), digest({"a": 1}), digest({"a": 2})}) == 5


def test_a_lost_or_broken_entry_is_a_miss(tmp_path):
    store = Store(tmp_path)
    record = store.put("k" * 8, pack(drawing()))
    path = next((tmp_path / "pictures").glob("*/*.png"))
    path.unlink()
    assert store.get("k" * 8) is None
    store.put("k" * 8, pack(drawing()))
    next((tmp_path / "records").glob("*/*.json")).write_text("{ half a rec")
    assert store.get("k" * 8) is None
    assert record.figures[0].picture == path.stem


def test_pruning_spares_what_is_referred_to_or_fresh(tmp_path):
    store = Store(tmp_path)
    store.put("kept", pack(drawing(1)))
    store.put("fresh", pack(drawing(2)))
    store.put("gone", pack(drawing(3)))
    long_ago = time.time() - KEPT_UNUSED - 60
    for path in [*tmp_path.rglob("*.png"), *tmp_path.rglob("kept.json"), *tmp_path.rglob("gone.json")]:
        os.utime(path, (long_ago, long_ago))
    assert store.prune(["kept"]) == 1
    assert store.get("kept") and store.get("fresh")
    assert store.get("gone") is None
    assert len(list(tmp_path.rglob("*.png"))) == 2


def test_two_writers_of_the_same_key_agree(tmp_path):
    store = Store(tmp_path)
    threads = [
        threading.Thread(target=lambda: [store.put("same", pack(drawing(5))) for _ in range(40)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = store.get("same")
    assert (store.picture(record.figures[0].picture) == 5).all()
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_writer_killed_at_any_moment_leaves_whole_entries_or_none(tmp_path):
    code = (
        "import sys, itertools, numpy as np; from pathlib import Path; from convreport.core.drawing.store import pack, Store;"
        "from convreport.core.drawing.figures import Drawing, Figure; store = Store(Path(sys.argv[1]));"
        "print('go', flush=True);\n"
        "for n in itertools.count():\n"
        "    px = np.random.default_rng(n).integers(0, 256, (64, 64, 3), np.uint8)\n"
        "    store.put(f'{n:08x}', pack(Drawing((Figure('tile', px, 'x'),), {'n': n})))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    writer.stdout.readline()
    time.sleep(0.5)
    writer.kill()
    writer.wait()
    store = Store(tmp_path)
    records = list(tmp_path.glob("records/*/*.json"))
    assert len(records) > 5
    for path in records:
        n = json.loads(path.read_bytes())["facts"]["n"]
        expected = np.random.default_rng(n).integers(0, 256, (64, 64, 3), np.uint8)
        assert (store.picture(store.get(path.stem).figures[0].picture) == expected).all()
