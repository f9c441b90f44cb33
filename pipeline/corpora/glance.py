"""A folder that every layout looks at, listed once for all of them.

A store lists a thousand names a request: a flat folder of a million files, listed for each question of each layout,
would take tens of thousands of requests before the first item is found.
"""

from functools import cached_property

from pipeline.storage import Location


class Glance(Location):
    """A place whose listings are kept as long as it is; files below it are listed anew each time, as far as asked."""

    def __truediv__(self, relative: str) -> "Glance":
        """A place below this one, of the same kind."""
        return Glance(Location.__truediv__(self, relative).uri)

    @cached_property
    def _names(self) -> list[str]:
        return Location.names(self)

    @cached_property
    def _folder_names(self) -> list[str]:
        return Location.folder_names(self)

    def names(self) -> list[str]:
        """Sorted names right below."""
        return self._names

    def folder_names(self) -> list[str]:
        """Sorted names of the folders right below."""
        return self._folder_names
