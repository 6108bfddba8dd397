"""What the page is built from, as one hash: written beside the built page, so that a stale one is seen without Node.

    python console/sources.py            print it
    python console/sources.py --write    write it into the built page
"""

import hashlib
import sys
from pathlib import Path

CONSOLE = Path(__file__).parent
BUILT = CONSOLE.parent / "src" / "antiphon" / "server" / "page" / "sources.sha256"
TOP = ("index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")


def sources() -> str:
    """The hash of every source's name and bytes."""
    files = [CONSOLE / name for name in TOP]
    files += [path for folder in ("src", "public") for path in (CONSOLE / folder).rglob("*") if path.is_file()]
    total = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(CONSOLE).as_posix()):
        body = path.read_bytes()
        total.update(f"{path.relative_to(CONSOLE).as_posix()} {len(body)}\n".encode() + body)
    return total.hexdigest()


if __name__ == "__main__":
    if "--write" in sys.argv:
        BUILT.write_text(sources() + "\n", encoding="ascii")
    print(sources())
