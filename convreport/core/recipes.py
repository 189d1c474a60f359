"""The named ways of maximizing an objective, each after its source, with the source's numbers."""

from convreport.core.types import Recipe

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "fourier",
            rotate=10.0,
            zoom=0.1,
            shift=1 / 16,
            source="after Olah, Mordvintsev and Schubert, Feature Visualization, Distill 2017: Fourier coefficients, "
            "decorrelated colour, random warps, Adam, on the mean before the activation",
        ),
        Recipe(
            "book",
            canvas="raw",
            step="rms",
            rate=1.0,
            steps=40,
            size=64,
            preactivation=False,
            border=0,
            start=(128.0, 148.0),
            contrast=0.1,
            source="Chollet, Deep Learning with Python, section 5.4: raw pixels, gradient over its root mean square",
        ),
        Recipe(
            "keras-example",
            canvas="raw",
            step="l2",
            rate=10.0,
            steps=30,
            size=180,
            preactivation=False,
            border=2,
            start=(-0.125, 0.125),
            contrast=0.15,
            trim=25,
            source="Keras example 'Visualizing what convnets learn': raw pixels, gradient over its L2 norm",
        ),
    )
}
