"""What a user asks for, one module each. Only these know settings, keys, databases and the worker together."""
