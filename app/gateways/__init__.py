"""The outside world: one Protocol each, real implementations, time-outs, error translation."""
