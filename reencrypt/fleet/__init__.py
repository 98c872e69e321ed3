"""Many Grafanas under one vault: lists of members, their configuration, and one process's work in all of them."""
