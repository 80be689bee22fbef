"""The only room where both sides meet: observe, decide, act."""
