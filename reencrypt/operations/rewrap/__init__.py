"""Wraps data keys anew; no secret changes."""
