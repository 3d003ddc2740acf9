"""
A journal in a store of its own kind. It writes a little, closes the file, and reads it again.

    pip install reflekt-journal
    python custom_store journal.db
"""

import argparse
import sys

from reflekt_core import Reflekt, ReflektError
from reflekt_core.stores import STORES

# From here on, addresses that begin with documents:// are of this store.
STORES["documents"] = "store:DocumentStore"


def main() -> None:
    """Write and read."""
    parser = argparse.ArgumentParser(description="A journal in a store of its own kind.")
    parser.add_argument("journal", nargs="?", default="journal.db", help="file of the journal")
    url = f"documents:///{parser.parse_args().journal}"
    try:
        with Reflekt.open(url) as reflekt:
            reflekt.entries.create("Swam to the buoy. Cold, then wonderful.", mood=5, tags=["sea"])
        with Reflekt.open(url) as reflekt:
            for hit in reflekt.entries.search("buoy"):
                print("found:", hit.snippet)
            days = reflekt.analytics.trends().streaks.current.days
            print("days in a row:", days)
    except ReflektError as error:
        sys.exit(f"custom_store: {error}")


if __name__ == "__main__":
    main()
