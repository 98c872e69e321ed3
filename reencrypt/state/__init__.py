"""Stores of the state that survives a process: one module for each state table."""
