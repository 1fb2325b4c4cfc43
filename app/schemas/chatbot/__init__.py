"""Wire shapes of the chatbot family: camelCase, ``rc`` in every answer, moments with milliseconds."""
