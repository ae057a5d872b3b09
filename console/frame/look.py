"""The look: the frame's styles and each page's own, as one file under the mark of its content."""

import hashlib
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from common.http.protocol import KEEP

_FRAME: Final = Path(__file__).parent
_FILES: Final = (_FRAME / "look.css", *sorted((_FRAME.parent / "pages").glob("*/look.css")))
_STYLE: Final = b"\n".join(one.read_bytes() for one in _FILES)
STYLE_PATH: Final = f"/look/{hashlib.sha256(_STYLE).hexdigest()[:16]}.css"


def area_of(path: str) -> str:
    """The class of a page, in which the styles of its folder stand: `dead-letters`, `now`."""
    return path.split("/")[1].strip("{}").partition(":")[0] or "now"


async def style(request: Request) -> Response:
    """The file of styles."""
    let_keep = (request.scope.get("extensions") or {}).get(KEEP)
    if let_keep is not None:
        let_keep()
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(_STYLE, headers=headers, media_type="text/css")
