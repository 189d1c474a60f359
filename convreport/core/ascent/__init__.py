"""Activation maximization in the grammar of Lucid: objective x parameterization x transforms x optimizer x schedule.

After Olah, Mordvintsev and Schubert, Feature Visualization, Distill 2017. A Recipe puts the pieces together; what a framework
computes is asked of it through `ops` and `heights`. Imports `core.base`, `core.pictures` and `core.network`; belongs here what
every framework shares of an ascent.
"""
