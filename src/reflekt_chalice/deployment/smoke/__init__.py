"""
The smoke test: every operation of a service that runs, asked as a client asks it.

Each request and each answer is held against the OpenAPI document that the service itself serves.
"""

from reflekt_chalice.deployment.smoke.client import Exchange
from reflekt_chalice.deployment.smoke.running import Outcome, Plan, smoke
from reflekt_chalice.deployment.smoke.sections import SECTIONS, section_of

__all__ = ["SECTIONS", "Exchange", "Outcome", "Plan", "section_of", "smoke"]
