"""Importing people from a CSV file of any size: read line by line, decided in memory, written a batch at a time.

- A line belongs to the person with its (bot, user_id), else to the only person with its phone (of the named bot, of
  any bot where none is named), else to a new person.
- An empty cell and a missing column leave what is known; nothing is ever emptied by an import.
- A line that cannot be read or is ambiguous is reported with its number, and all the others are imported.
- Each batch is a transaction of its own: what was answered as imported is there, also if a later batch fails.
"""

from app.services.csv_import.columns import HeaderError, ImportRow
from app.services.csv_import.reading import Record, RecordReader
from app.services.csv_import.running import BATCH, MAX_ERRORS, Report, run

__all__ = ["BATCH", "MAX_ERRORS", "HeaderError", "ImportRow", "Record", "RecordReader", "Report", "run"]
