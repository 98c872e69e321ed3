"""Key-encryption keys and data keys: providers, the ring of unwrapped data keys, and the proof that a key is right.

Knows no database: operations pass it rows of `data_keys`.
"""
