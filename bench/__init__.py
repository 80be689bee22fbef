"""Measures what the project promises about speed, each against something anybody can run: `make
bench`."""
