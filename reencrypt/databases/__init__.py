"""Grafana's database behind one protocol, with named SQL in `.sql` files and a folder for each engine."""
