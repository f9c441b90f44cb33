"""Paths and URIs as texts."""

ARCHIVES = ("zip://", "tar://")


def is_uri(text: str) -> bool:
    """Whether the text names a protocol, as in s3://bucket/key or zip://inner::outer."""
    return "://" in text or "::" in text


def join(uri: str, relative: str) -> str:
    """Append to the path part of a URI; in a chained one (zip://inner::outer) to the first."""
    first, *rest = uri.split("::")
    separator = "" if first.endswith("/") else "/"
    return "::".join([first + separator + relative, *rest])
