"""The scheduler's table and its passes."""
