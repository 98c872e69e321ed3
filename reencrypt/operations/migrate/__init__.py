"""Moves secrets page by page: read, resolve keys, transform, commit, sweep."""
