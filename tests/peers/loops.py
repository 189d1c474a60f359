"""The loops that others publish, written out plainly: the referees of the tests here and of tests/bench/ascent.

Each climbs the mean of one unit of `features`, a Keras model or any function of a batch of network inputs (n, h, w, c)
that gives the layer's maps (n, h, w, units).
"""

import time

import numpy as np

# Lucid's colour matrix, over its largest column norm.
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
COLOURS = COLOURS / np.linalg.norm(COLOURS, axis=0).max()


def book(features, unit, start, steps=40):
    """Listing 5.38 of Deep Learning with Python: gradient of the mean output over its root mean square, steps of 1."""
    import tensorflow as tf

    image = tf.constant(start[None])
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_mean(features(image)[:, :, :, unit])
        gradient = tape.gradient(loss, image)
        gradient /= tf.sqrt(tf.reduce_mean(tf.square(gradient))) + 1e-5
        image += gradient
    return image.numpy()[0]


def book_display(x):
    x = x - x.mean()
    x /= x.std() + 1e-5
    x *= 0.1
    x += 0.5
    return (np.clip(x, 0, 1) * 255).clip(0, 255).astype("uint8")


def keras_example(features, unit, start, steps=30, rate=10.0, border=2):
    """The Keras example: gradient of the mean output without a border of 2, over its L2 norm.

    Returns the canvas, and the seconds of all steps but the first, which traces.
    """
    import tensorflow as tf

    @tf.function
    def step(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            maps = features(image)
            loss = tf.reduce_mean(maps[:, border:-border, border:-border, unit])
        return image + rate * tf.math.l2_normalize(tape.gradient(loss, image))

    image, began = tf.constant(start[None]), time.perf_counter()
    for number in range(steps):
        if number == 1:
            began = time.perf_counter()
        image = step(image)
    return image[0].numpy(), time.perf_counter() - began


def keras_display(img, trim=25):
    img = img - img.mean()
    img /= img.std() + 1e-5
    img *= 0.15
    img = img[trim:-trim, trim:-trim, :] if trim else img
    img += 0.5
    return (np.clip(img, 0, 1) * 255).astype("uint8")


def multiscale(features, unit, start, scales=15, steps=20, rate=0.01, decay=1e-6, growth=1.11, box=5):
    """The PyTorch post: a fresh Adam (betas 0.9 and 0.999) at each size; then bicubic enlargement and a box blur."""
    import tensorflow as tf

    image = start[None]
    for _ in range(scales):
        first, second = np.zeros_like(image), np.zeros_like(image)
        for step in range(1, steps + 1):
            x = tf.constant(image)
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = -tf.reduce_mean(features(x)[:, :, :, unit])
            gradient = tape.gradient(loss, x).numpy() + decay * image
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            image = image - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        side = int(image.shape[1] * growth)
        image = tf.image.resize(image, (side, side), "bicubic").numpy()
        padded = np.pad(image, ((0, 0), (box // 2, box // 2), (box // 2, box // 2), (0, 0)), "reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (box, box), (1, 2))
        image = windows.mean((-2, -1), dtype=np.float32)
    return image[0]


def multiscale_display(image):
    image = np.clip(image, 0, 1)
    return ((image - image.min()) / max(image.max() - image.min(), 1e-8) * 255).astype("uint8")


def jitter(features, unit, start, rolls, steps=200, norm=10.0, variation=10.0):
    """keras-vis: RMSprop on the normalized gradient of -activation + 6-norm + total variation; the best input is kept.

    `rolls` (steps, 2) are the shifts of its Jitter, which stay in the picture.
    """
    import tensorflow as tf

    image, cache, best, least = start[None], np.zeros_like(start[None]), None, np.inf
    for step in range(steps):
        image = np.roll(image, rolls[step], (1, 2))
        x = tf.constant(image)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = -tf.reduce_mean(features(x)[:, :, :, unit])
            size = float(np.prod(image.shape[1:]))
            loss += norm * tf.reduce_sum(tf.abs(x) ** 6) ** (1 / 6) / size
            down, across = x[:, 1:, :-1] - x[:, :-1, :-1], x[:, :-1, 1:] - x[:, :-1, :-1]
            loss += variation * tf.reduce_sum(down**2 + across**2) / size
        gradient = tf.math.l2_normalize(tape.gradient(loss, x)).numpy()
        cache = 0.95 * cache + 0.05 * gradient**2
        image = image - gradient / np.sqrt(cache + 1e-7)
        if float(loss) < least:
            best, least = image, float(loss)
    return best[0]


def lucid(height, tile, count, steps=512, rate=0.05, seed=0):
    """Plain Lucid: Fourier coefficients, decorrelated colour, pad 12, jitter 8, scale, rotate, jitter 4, Adam.

    `height(pictures)` is the objective of each of `count` pictures in 0..1 (n, h, w, 3). Returns float32 pictures, and the
    seconds of all steps but the first, which traces.
    """
    import tensorflow as tf

    draw = np.random.default_rng(seed)
    down, across = np.fft.fftfreq(tile)[:, None], np.fft.rfftfreq(tile)[None]
    scale = tf.constant(tile / np.maximum(np.hypot(down, across), 1 / tile), tf.float32)
    padded, seen = tile + 24, tile + 12

    def picture(spectrum):
        scaled = spectrum * scale
        planes = tf.signal.irfft2d(tf.complex(scaled[:, 0], scaled[:, 1]), fft_length=[tile, tile]) / 4
        return tf.sigmoid(tf.transpose(planes, [0, 2, 3, 1]) @ COLOURS.T)

    @tf.function
    def step(spectrum, first, second, number, transform):
        with tf.GradientTape() as tape:
            tape.watch(spectrum)
            x = tf.pad(picture(spectrum) - 0.5, [[0, 0], [12, 12], [12, 12], [0, 0]]) + 0.5
            x = tf.raw_ops.ImageProjectiveTransformV3(
                images=x, transforms=transform, output_shape=tf.constant([seen, seen]), fill_value=0.0,
                interpolation="BILINEAR", fill_mode="REFLECT",
            )  # fmt: skip
            total = tf.reduce_sum(height(x))
        slope = tape.gradient(total, spectrum)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope * slope
        mean, spread = first / (1 - tf.pow(0.9, number)), second / (1 - tf.pow(0.999, number))
        return spectrum + rate * mean / (tf.sqrt(spread) + 1e-8), first, second

    spectrum = tf.constant(draw.normal(0, 0.01, (count, 2, 3, tile, tile // 2 + 1)), tf.float32)
    first = second = tf.zeros_like(spectrum)
    began = time.perf_counter()
    for number in range(1, steps + 1):
        if number == 2:
            began = time.perf_counter()
        angle, zoom, shift = np.radians(draw.uniform(-10, 10)), draw.uniform(0.9, 1.1), draw.uniform(-6, 6, 2)
        a, b, middle, half = np.cos(angle) * zoom, np.sin(angle) * zoom, (padded - 1) / 2, (seen - 1) / 2
        row = [a, -b, middle - half * a + half * b + shift[0], b, a, middle - half * b - half * a + shift[1], 0, 0]
        spectrum, first, second = step(
            spectrum, first, second, tf.constant(float(number)), tf.constant([row], tf.float32)
        )
    return picture(spectrum).numpy(), time.perf_counter() - began
