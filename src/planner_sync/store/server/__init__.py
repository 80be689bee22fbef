"""How Redis is opened. Knows no key."""
