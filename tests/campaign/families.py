"""All families of faults, by name."""

from tests.campaign import builds, inputs, models

FAMILIES = {family.name: family for family in (*models.FAMILIES, *inputs.FAMILIES, *builds.FAMILIES)}
