"""The operations that commands run, a folder or module each."""
