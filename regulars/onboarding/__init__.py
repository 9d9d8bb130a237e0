"""Bringing a source system of its own shape in: files are looked at, guessed, and written down as staging models."""

from regulars.onboarding.adopt import Adoption, adopt

__all__ = ["Adoption", "adopt"]
