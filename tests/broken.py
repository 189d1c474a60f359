"""Model files in every format, and ways to break them."""

import zipfile

import h5py
import numpy as np

from tests import old_keras

SECRET = 4711.0


def save_all(folder):
    """One model in every format, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model = old_keras.small()
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    model.save_weights(folder / "m.weights.h5")
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(folder / "old.h5", "w") as tree:
        save_weights_to_hdf5_group(tree, model)


def copied(saved, name, folder):
    return (folder / name, (folder / name).write_bytes((saved / name).read_bytes()))[0]


def first_data_set(tree):
    found = []
    tree.visititems(lambda name, one: found.append(name) if isinstance(one, h5py.Dataset) and one.ndim == 4 else None)
    return found[0]


def external_link(tree, name, other):
    del tree[name]
    tree[name] = h5py.ExternalLink(str(other), "/secret")


def external_group(tree, name, other):
    group = name.split("/")[0]
    del tree[group]
    tree[group] = h5py.ExternalLink(str(other), "/")


def external_storage(tree, name, other):
    shape = tree[name].shape
    raw = other.with_suffix(".raw")
    raw.write_bytes(np.full(shape, SECRET, "<f4").tobytes())
    del tree[name]
    tree.create_dataset(name, shape, "<f4", external=[(str(raw), 0, h5py.h5f.UNLIMITED)])


def virtual(tree, name, other):
    shape = tree[name].shape
    layout = h5py.VirtualLayout(shape, "<f4")
    layout[:] = h5py.VirtualSource(str(other), "/secret", shape)
    del tree[name]
    tree.create_virtual_dataset(name, layout)


def dangling(tree, name, other):
    del tree[name]
    tree[name] = h5py.SoftLink("/nowhere")


OUTSIDE = {
    external_link: "is a link into another file",
    external_group: "is a link into another file",
    external_storage: "is stored in another file",
    virtual: "is a virtual data set",
    dangling: "is a link to /nowhere, which is not there",
}


def rewritten(saved, folder, method, change=lambda name, data: data):
    """The archive packed by a method, its members changed."""
    with zipfile.ZipFile(saved / "m.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    file = folder / "packed.keras"
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, change(name, data))
    return file
