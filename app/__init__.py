"""Huiyin 回音: reach people, and stop at the right moment."""
