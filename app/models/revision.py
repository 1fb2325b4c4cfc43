"""The newest revision under ``alembic/versions``, known without reading them; a test holds it true."""

HEAD = "0009"
