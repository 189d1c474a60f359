"""All families of faults, by name."""

from tests.campaign import books, builds, environment, inputs, models, names, processes

ROOMS = (models, inputs, books, names, builds, processes, environment)
FAMILIES = {family.name: family for room in ROOMS for family in room.FAMILIES}
