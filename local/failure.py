"""What a person is told, in one sentence, when something here cannot go on."""


class Failure(Exception):
    """Says what is wrong and what to do; the commands print it and exit with 1, without a traceback."""
