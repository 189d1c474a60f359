"""Words in, sentences out: the command `convreport`.

Imports every room, and is imported by none. Typer and Rich are known here alone. A command imports what it needs when it runs,
so that `convreport --help` answers at once.
"""
