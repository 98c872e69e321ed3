"""Faults of servers, clouds and operators as data: what each command answers, and with which exit code."""
