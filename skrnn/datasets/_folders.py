"""Which entries of a folder are the user's, and which the operating system's."""

from __future__ import annotations

#: Names, in lower case, that Windows, macOS and network drives add to folders of pictures
#: and sounds, beside those that begin with a dot.
SYSTEM_NAMES = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir"}
)


def is_system_name(name: str) -> bool:
    """Return whether a file or folder of this name is hidden or the system's.

    >>> is_system_name("Thumbs.db"), is_system_name(".DS_Store"), is_system_name("1.png")
    (True, True, False)
    """
    return name.startswith(".") or name.lower() in SYSTEM_NAMES
