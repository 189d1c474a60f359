"""What every other room speaks of: values, arithmetic on them, and the seam to a framework.

Needs nothing but numpy, Pillow and the standard library (tifffile where a TIFF of many channels is met), knows no framework,
no web page and no command line. Inside, from left to right, each imports only what stands before it:

    base -> pictures -> network -> ascent -> seam -> explain, survey -> drawing
"""
