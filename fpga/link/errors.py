"""What can go wrong between host and image."""

from weft.gen.errors import WeftError


class LinkError(WeftError):
    """The image answers, but not as it should."""


class NoAnswer(LinkError):
    """The image does not answer."""
