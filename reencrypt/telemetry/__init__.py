"""Metrics and traces: listeners to the events of a command, for the monitoring that an operator has already."""
