"""Reads every secret as Grafana would."""
