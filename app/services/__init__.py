"""Use cases that decide or touch two stores; transactions are visible here."""
