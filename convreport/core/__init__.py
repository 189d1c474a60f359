"""What every other room speaks of: values, arithmetic on them, and the seam to a framework.

Needs nothing but numpy, Pillow, msgspec and the standard library (tifffile and scikit-image where they are met), knows no
framework, no web page and no command line. Inside, from left to right, each imports only what stands before it:

    base -> pictures -> network -> ascent -> seam -> explain, survey -> drawing
"""
