"""Where Grafana keeps its secrets, as data, and how to find and replace them inside a column.

Knows nothing of databases (an engine renders a location into its SQL) and nothing of Azure.
"""
