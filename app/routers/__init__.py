"""HTTP handlers of a few lines: parse, call one thing, shape the answer."""
