"""Gives back what a run replaced, from its journal."""
