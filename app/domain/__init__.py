"""Pure decisions: frozen values in, a decision out; no I/O, no framework."""
