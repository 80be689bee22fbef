"""The demo: everything on this machine, with a few agents and people at work. The service never
imports it."""
