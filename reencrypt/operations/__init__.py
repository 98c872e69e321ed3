"""The operations, a folder or module each. Only these know settings, keys, databases and state together."""
