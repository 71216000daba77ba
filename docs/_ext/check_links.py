"""Say which links of a built site lead nowhere: ``check_links.py FOLDER``.

Pages, pictures, scripts and anchors within the site; addresses elsewhere are not asked.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """Targets and names of one page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.links += [attrs[name] for name in ("href", "src") if attrs.get(name)]
        self.names |= {attrs[name] for name in ("id", "name") if attrs.get(name)}


def broken_links(folder):
    """Return (page, link) of every link that leads nowhere within `folder`."""
    paths = folder.resolve().rglob("*.html")
    pages = {path: _Page(path) for path in paths if "_static" not in path.parts}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (
                (path.parent / unquote(parts.path)).resolve() if parts.path else path
            )
            anchor = unquote(parts.fragment)
            missing = anchor and target in pages and anchor not in pages[target].names
            if missing or not target.exists():
                broken.append((path.relative_to(folder.resolve()), link))
    return sorted(set(broken))


if __name__ == "__main__":
    found = broken_links(Path(sys.argv[1]))
    sys.exit("\n".join(f"{page}: {link}" for page, link in found) if found else 0)
