"""Pure values: numpy, Pillow and the standard library only; imports nothing else of convreport."""
