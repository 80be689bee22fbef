"""One plan: its passes."""
