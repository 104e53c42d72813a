"""The page at `/`: try a prompt with tools, a schema or a grammar, and see what the grammar did.

Plain HTML, CSS and JavaScript, as they lie here; nothing is built, and nothing is fetched from elsewhere: the
policy that is sent along forbids it. The page talks to this server's own /v1/chat/completions.
"""

from pathlib import Path

from starlette.responses import Response

PAGES = {
    "/": ("index.html", "text/html"),
    "/playground.css": ("playground.css", "text/css"),
    "/playground.js": ("playground.js", "text/javascript"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page(path: str) -> Response:
    """One of `PAGES`."""
    name, kind = PAGES[path]
    content = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return Response(content, media_type=f"{kind}; charset=utf-8", headers=HEADERS)
