"""One task: observe, decide, act."""
