"""One module for each command; each holds a `command` and imports its operation only when it runs."""
