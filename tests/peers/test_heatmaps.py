"""Heatmap methods against tf-keras-vis where it has them, and against their papers' formulas written out plainly."""

import numpy as np
import pytest

from convreport.core.explain import heatmaps as explain
from convreport.core.explain import saliency
from convreport.core.seam import Targets
from convreport.demo import scenes
from tests.models import copy_of, sample

LAYER = "block4_conv2"  # several cells, and not the last layer, where most methods agree


@pytest.fixture(scope="module")
def scene():
    return scenes.scene(7, seed=scenes.SHOWN)


@pytest.fixture(scope="module")
def look(demo, scene):
    return demo.look([sample(scene.pixels)], [LAYER], fit="stretch", targets=Targets(classes=(scene.label,)))


def ours(name, demo, scene, look):
    return explain.heatmap(name, demo, sample(scene.pixels), "stretch", LAYER, look, scene.label)


def even(heat):
    return (heat - heat.min()) / (heat.max() - heat.min())


@pytest.mark.parametrize(
    ("name", "module", "kind"),
    [
        ("gradcam", "gradcam", "Gradcam"),
        ("gradcam++", "gradcam_plus_plus", "GradcamPlusPlus"),
        ("layercam", "layercam", "Layercam"),
    ],
)
def test_methods_of_a_map_are_those_of_tf_keras_vis(demo, scene, look, name, module, kind):
    import importlib

    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    found = importlib.import_module(f"tf_keras_vis.{module}")
    referee = getattr(found, kind)(copy_of(demo.model, 96), model_modifier=ReplaceToLinear(), clone=False)
    theirs = referee(
        CategoricalScore([scene.label]), scene.pixels[None].astype(np.float32), penultimate_layer=LAYER,
        seek_penultimate_conv_layer=False, expand_cam=False, normalize_cam=True,
    )  # fmt: skip
    mine = ours(name, demo, scene, look)
    np.testing.assert_allclose(even(mine), even(np.asarray(theirs).reshape(mine.shape)), atol=2e-3)


def test_scorecam_is_that_of_tf_keras_vis_but_for_how_masks_are_enlarged(demo, scene, look):
    from tf_keras_vis.scorecam import Scorecam

    # It applies a softmax to what the model answers, which is right for a model that answers with logits.
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    referee = Scorecam(copy_of(demo.model, 96), model_modifier=ReplaceToLinear(), clone=False)
    theirs = np.asarray(
        referee(
            CategoricalScore([scene.label]), scene.pixels[None].astype(np.float32), penultimate_layer=LAYER,
            seek_penultimate_conv_layer=False, expand_cam=False,
        )
    )  # fmt: skip
    mine = ours("scorecam", demo, scene, look)
    assert np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] > 0.97


def test_the_gradient_is_that_of_tf_keras_vis(demo, scene, look):
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    referee = Saliency(copy_of(demo.model, 96), model_modifier=ReplaceToLinear(), clone=False)
    theirs = np.asarray(referee(CategoricalScore([scene.label]), scene.pixels[None].astype(np.float32)))[0]
    np.testing.assert_allclose(even(ours("gradient", demo, scene, look)), even(theirs), atol=2e-3)


def slopes(demo, pictures, label):
    """The derivative of the logit, with a tape of one's own."""
    import keras
    import tensorflow as tf

    model = copy_of(demo.model, 96)
    head = model.layers[-1]
    logits = keras.Model(model.inputs, head.input)
    with tf.GradientTape() as tape:
        x = tf.constant(pictures)
        tape.watch(x)
        score = tf.reduce_sum((logits(x) @ head.kernel + head.bias)[:, label])
    return np.asarray(tape.gradient(score, x))


def test_smoothgrad_is_the_mean_gradient_of_noisy_pictures(demo, scene, look):
    picture = scene.pixels.astype(np.float32)
    noise = np.random.default_rng([0, scene.label]).normal(0, 0.15 * np.ptp(picture), (16, *picture.shape))
    plain = np.abs(slopes(demo, (picture + noise).astype(np.float32), scene.label).mean(0)).max(2)
    np.testing.assert_allclose(ours("smoothgrad", demo, scene, look), plain, atol=1e-3 * plain.max())


def test_integrated_gradients_sum_to_what_the_score_rises(demo, scene, look):
    """Completeness (Sundararajan et al., proposition 1), before what is negative is cut off."""
    picture = scene.pixels.astype(np.float32)
    along = picture[None] * ((np.arange(explain.STEPS) + 0.5) / explain.STEPS)[:, None, None, None].astype(np.float32)
    gradients = demo.slope(along, scene.label)
    scores, _ = demo.answer(np.stack([picture, np.zeros_like(picture)]))
    whole = float((gradients.mean(0) * picture).sum())
    assert whole == pytest.approx(float(scores[0, scene.label] - scores[1, scene.label]), rel=0.05)
    mine = ours("integrated", demo, scene, look)
    np.testing.assert_allclose(mine, np.maximum((gradients.mean(0) * picture).sum(2), 0), atol=1e-4 * mine.max())


def test_formulas_by_pencil():
    """Two channels on a map of two cells; every number below can be checked by hand."""
    activation = np.array([[[1.0, 2.0], [3.0, 0.0]]], np.float32)
    gradient = np.array([[[2.0, -1.0], [0.0, 1.0]]], np.float32)
    np.testing.assert_allclose(saliency.gradcam(activation, gradient), [[0.5, 1.5]])  # weights 1, 0; mean of channels
    np.testing.assert_allclose(saliency.hirescam(activation, gradient), [[0.0, 0.0]])  # 2 - 2; 0 + 0
    np.testing.assert_allclose(saliency.layercam(activation, gradient), [[2.0, 0.0]])
    np.testing.assert_allclose(saliency.xgradcam(activation, gradient), [[0.0, 1.5]])  # weights 2/4, -2/2
    np.testing.assert_allclose(saliency.scorecam(activation, np.array([0.5, 0.25])), [[1.0, 1.5]])
    np.testing.assert_allclose(saliency.of_gradient(gradient), [[2.0, 1.0]])
    # Grad-CAM++: g^2 / (2 g^2 + sum(A) g^3), sum(A) = 4, 2: channel 0: 4 / (8 + 32), 0 -> shares 1, 0: weight 2.
    # Channel 1: 1 / (2 - 2) is left out, 1 / (2 + 2) -> shares 0, 1: weight 1.
    np.testing.assert_allclose(saliency.gradcam_plus_plus(activation, gradient), [[4.0, 6.0]])


def test_where_the_score_is_linear_in_the_map_hirescam_adds_up_to_it(demo, scene):
    """Behind block5_conv2 come a mean and one dense layer: the signed map sums to the logit without its bias."""
    look = demo.look([sample(scene.pixels)], ["block5_conv2"], fit="stretch", targets=Targets(classes=(scene.label,)))
    signed = (look.activations["block5_conv2"][0] * look.gradients["block5_conv2"][0, 0]).sum()
    bias = float(demo.model.layers[-1].bias.numpy()[scene.label])
    assert float(signed) + bias == pytest.approx(float(look.scores[0, scene.label]), rel=1e-4)


def test_a_map_is_shown_of_its_maximum_and_fine_ones_without_their_hottest_pixels():
    coarse = np.array([[0.0, 1.0], [2.0, 4.0]], np.float32)
    np.testing.assert_allclose(saliency.shares(coarse), coarse / 4)
    fine = np.ones((200, 200), np.float32)
    fine[0, 0] = 1e6
    np.testing.assert_allclose(saliency.shares(fine), 1)
    assert (saliency.shares(np.zeros((3, 3), np.float32)) == 0).all()


def test_an_unknown_method_is_told():
    from convreport.core.base.errors import UsageError

    with pytest.raises(UsageError, match="no heatmap method 'gradcam2'") as caught:
        saliency.find("gradcam2")
    assert "gradcam" in caught.value.hint
