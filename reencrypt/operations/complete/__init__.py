"""Answers whether an old key-encryption key may go, with evidence."""
