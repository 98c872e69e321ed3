"""Locations of Grafana's secrets as data, and codecs that find and replace secrets in a column.

Knows nothing of databases (an engine renders a location into its SQL) and nothing of Azure.
"""
