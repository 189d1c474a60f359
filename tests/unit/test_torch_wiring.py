"""What is understood of PyTorch models: their layers, fields, heads, tokens and inputs; skipped where there is no PyTorch."""

import numpy as np
import pytest

from tests.tools import needs

torch = needs.torch()

from torch import nn  # noqa: E402

from convreport.core.network import layers  # noqa: E402
from convreport.core.seam import Targets  # noqa: E402
from convreport.engines.request import Request  # noqa: E402
from convreport.engines.torch.load import load  # noqa: E402
from tests.torch_models import Functional, ResNet, Tiny, card, network, picture, seeded  # noqa: E402


def test_functions_that_no_hook_sees_are_layers_too():
    found = card(seeded(Functional))
    kinds = {layer.path: (layer.kind, layer.inputs) for layer in found.layers}
    assert kinds["relu()"] == ("ReLU", ("first",))
    assert kinds["relu()@2"] == ("ReLU", ("second",))
    assert kinds["add()"] == ("Add", ("relu()@2", "relu()"))
    assert kinds["shared@2"] == ("Conv2D", ("shared",)), "a module called twice has two entries"
    assert kinds["cat()"] == ("Concatenate", ("shared@2", "relu()"))
    assert kinds["dense"] == ("Dense", ("flatten()",))
    assert found.layer("cat()").receptive_field.size == (13, 13)
    assert found.layer("max_pool2d()").receptive_field.stride == (2, 2)
    assert (found.head, found.classes, found.end) == ("logits", 5, "dense")


def test_blocks_are_layers_and_fields_pass_through_them():
    found = card(seeded(lambda: ResNet((2, 1), 4, 5)), (3, 64, 64))
    assert [layer.path for layer in layers.telling(found)][-2:] == ["layer1/1", "layer2/0"]
    assert found.layer("layer1/1").receptive_field.size == (27, 27)
    assert layers.cam_layer(found).path == "layer2/0/relu@3"
    (last,) = layers.choose(found, ["layer2"])
    assert last.path == "layer2/0", "a container is known by what it ends with"
    assert layers.choose(found, ["layer1.0.conv2"])[0].path == "layer1/0/conv2"


@pytest.mark.parametrize(
    ("end", "head", "classes"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), "softmax", 3),
        (lambda: nn.Sequential(nn.Linear(4, 1), nn.Sigmoid()), "binary", 2),
        (lambda: nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()), "sigmoid", 3),
        (lambda: nn.Linear(4, 3), "logits", 3),
        (lambda: nn.Linear(4, 1), "regression", 1),
        (nn.Identity, "none", 0),
    ],
)
def test_heads(end, head, classes):
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = card(nn.Sequential(body, end()))
    assert (found.head, found.classes) == (head, classes)


def test_a_dense_head_is_channels_last():
    net = network(nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 5, 2, 2)))
    assert (net.card.head, net.card.dense, net.card.classes) == ("logits", True, 5)
    look = net.look([picture()], ["1"], fit="stretch", targets=Targets(top=2))
    assert look.regions.shape == (1, 32, 32) and look.scores.shape == (1, 5)
    assert net.card.layer("2").receptive_field is not None


def test_tokens_of_a_transformer_are_folded():
    net = network(seeded(Tiny))
    layer = net.card.layer("block/norm2")
    assert layer.grid == (4, 4) and layer.spatial
    look = net.look([picture()], ["block/norm1"], fit="stretch", targets=Targets(top=1))
    assert look.gradients["block/norm1"].shape == (1, 1, 4, 4, 8)
    assert net.card.cam, "found by a gradient: the class token makes the scores"


def test_digests_change_with_weights_below_and_not_above():
    def made(first, last):
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
        with torch.no_grad():
            body[0].weight.mul_(first), body[4].weight.mul_(last)
        return {layer.path: layer.digest for layer in card(body).layers}

    plain, head, foot = made(1, 1), made(1, 2), made(2, 1)
    assert [path for path in plain if plain[path] != head[path]] == ["4"]
    assert {path for path in plain if plain[path] != foot[path]} == {*plain} - {"input"}


def test_the_input_is_tried_where_nobody_says_it():
    fixed = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 26 * 26, 2))
    found = load(Request("x", live=fixed)).card
    assert found.input == (28, 28, 1) and "28 x 28" in found.origin


def test_the_preprocessing_is_that_of_the_statistics_it_remembers():
    body = seeded(lambda: nn.Sequential(nn.Conv2d(3, 8, 5), nn.BatchNorm2d(8), nn.ReLU()))
    net = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    from convreport.core.network.preprocessing import MODES
    from convreport.core.pictures import samples

    photos = np.stack([one.pixels[:64, :64] for one in samples.natural(3).samples]).astype(np.float32)
    fed = torch.from_numpy(MODES["torch"].apply(photos).astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        maps = body[0](fed)
    body[1].running_mean.copy_(maps.mean((0, 2, 3))), body[1].running_var.copy_(maps.var((0, 2, 3)))
    assert card(net, (3, 64, 64)).preprocessing.mode == "torch"


# -- what convolutional networks do with axes


class Shuffled(nn.Module):
    """ShuffleNet's: groups of channels change places."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 4, 3, padding=1)

    def forward(self, x):
        x = self.first(x)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.second(x).mean((2, 3))


def test_cells_stay_themselves_where_channels_change_places():
    assert card(seeded(Shuffled)).layer("second").receptive_field.size == (7, 7)


class Windows(nn.Module):
    """Attention in windows of a map that lies channels last, as in Swin, with as few channels as confuse with sides."""

    def __init__(self):
        super().__init__()
        self.patches, self.norm, self.query = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), nn.Linear(8, 24)
        self.out, self.last, self.head = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.norm(self.patches(x).permute(0, 2, 3, 1))
        n, h, w, c = x.shape
        cut = x.view(n, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(n, -1, 16, c)
        q, k, v = self.query(cut).chunk(3, -1)
        mixed = self.out(torch.softmax(q @ k.transpose(-2, -1), -1) @ v)
        back = mixed.reshape(n, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        return self.head(self.last(x + back).mean((1, 2)))


def test_windows_are_no_maps_and_what_is_put_together_of_them_is_one():
    net = network(seeded(Windows), (3, 96, 96))
    assert not net.card.layer("query").spatial and not net.card.layer("out").spatial
    assert net.card.layer("add()").shape == net.card.layer("last").shape == (24, 24, 8)
    assert layers.cam_layer(net.card).path == "last"
    look = net.look([picture(96)], ["last"], fit="stretch", targets=Targets(top=1))
    assert look.gradients["last"].shape == (1, 1, 24, 24, 8)


class Heads(nn.Module):
    """A vision transformer whose attention is written out."""

    def __init__(self):
        super().__init__()
        self.patches, self.norm, self.query = nn.Conv2d(3, 8, 8, 8), nn.LayerNorm(8), nn.Linear(8, 24)
        self.drop, self.out, self.head = nn.Dropout(0.1), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        n, tokens, width = x.shape
        q, k, v = self.query(self.norm(x)).reshape(n, tokens, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        share = self.drop(torch.softmax(q @ k.transpose(-2, -1), -1))
        x = x + self.out((share @ v).transpose(1, 2).reshape(n, tokens, width))
        return self.head(x.mean(1))


def test_the_heads_of_an_attention_are_no_maps():
    found = card(seeded(Heads))
    assert not found.layer("softmax()").spatial and not found.layer("drop").spatial
    assert found.layer("add()").grid == (4, 4)
    assert layers.cam_layer(found).path == "add()", "and not what is asked of tokens within a block"


def test_a_map_for_each_class_that_is_averaged_is_a_head():
    def made(*ends):
        return card(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *ends, nn.AdaptiveAvgPool2d(1), nn.Flatten()))

    found = made(nn.Conv2d(4, 7, 1), nn.ReLU())  # as SqueezeNet does it
    assert (found.head, found.classes, found.end) == ("logits", 7, "4")
    assert made(nn.Conv2d(4, 7, 3), nn.ReLU()).head == "none", "the features of a backbone"
    assert made(nn.Conv2d(4, 7, 1, bias=False), nn.BatchNorm2d(7), nn.ReLU()).head == "none"


def test_as_many_numbers_as_the_user_has_names_for_are_classes():
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert card(body).head == "none"
    assert card(body, labels=("a", "b", "c", "d")).head == "logits"


def test_models_that_look_at_how_maps_lie_in_memory_are_run():
    class View(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.dense = nn.Conv2d(3, 4, 3, 2, 1), nn.Linear(4 * 256, 2)

        def forward(self, x):
            return self.dense(torch.relu(self.conv(x)).view(len(x), -1))

    net = network(seeded(View))
    look = net.look([picture()], ["relu()"], fit="stretch", targets=Targets(top=1))
    assert look.gradients["relu()"].shape == (1, 1, 16, 16, 4) and net.card.head == "logits"


def test_torch_fx_confirms_a_wiring_that_no_picture_can_change():
    class Choosing(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return (self.one(x) if x.mean() > 0 else self.other(x)).mean((2, 3))

    assert card(seeded(Functional)).wiring == "symbolic"
    assert card(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(), nn.Flatten()).train()).wiring == "symbolic"
    assert card(Choosing()).wiring == "traced"


def test_videos_are_refused():
    from convreport.core.base.errors import ModelError

    with pytest.raises(ModelError, match="three-dimensional"):
        card(nn.Sequential(nn.Conv3d(3, 4, 3), nn.ReLU()))
