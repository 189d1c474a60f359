"""The embedded model: a small VGG-like network trained on drawn scenes, so that a first build needs no download."""
