"""Placing calls and learning what became of them, whatever asked for them.

A source (``source.py``) knows what is due. For every call the way is the same: reserve (lock, gate, row committed with
our job id) → ask the provider, no transaction open → write its answer → poll until it is over → write the end and what
follows, in one transaction.
"""
