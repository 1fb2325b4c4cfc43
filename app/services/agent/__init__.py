"""Accounts, what they own, and what a new task can be made of."""
