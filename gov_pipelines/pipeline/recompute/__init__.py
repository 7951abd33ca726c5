"""Measurements and verdicts of signed nights, computed again from the files of their packages and held against what was signed.

The steps are the night's own (`measuring`, `verdicts`): packages are laid out in a scratch home one after the other in
signing order, so that each night finds of its window's other days what had been signed before it.
"""

from __future__ import annotations

from gov_pipelines.pipeline.recompute.chain import recompute

__all__ = ["recompute"]
