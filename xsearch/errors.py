"""Every exception that xsearch raises on purpose, in one tree.

A message says what was seen, what was expected and what to do. The command line turns any of these into
one line on stderr and exit code 1.
"""


class XsearchError(Exception):
    """Root of the tree: a mistake or a condition that the user can do something about."""


class LanguageError(XsearchError):
    """A language that is unknown, or for which no module is installed."""


class ModuleError(XsearchError):
    """A language module folder that is missing, malformed, tampered with or of another format version."""


class CorpusError(XsearchError):
    """An input file that cannot be read as documents: missing, corrupt, wrong columns, invalid cells."""


class CollectionError(XsearchError):
    """A collection that is missing, exists already, is locked, damaged or of another format version."""


class QueryError(XsearchError):
    """A query that cannot be answered as asked: an unindexed space, a bad filter, a bad k."""


class DeviceError(XsearchError):
    """A device that was asked for and is not there."""


class EngineError(XsearchError):
    """Other machines that are to encode, and cannot be reached or failed."""


class MissingExtraError(XsearchError):
    """An optional dependency is needed; the message names the command that installs it."""


class EvaluationError(XsearchError):
    """Evaluation data or questions that cannot be scored."""


class ServerError(XsearchError):
    """A server that cannot be started, cannot be reached, or answers something that makes no sense."""
