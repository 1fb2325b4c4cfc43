"""O2: a call task is dialled to its end, the simulator at full speed."""
