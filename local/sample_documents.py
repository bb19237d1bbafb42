"""Documents as a supplier sends them: small, whole files whose content is told by a text."""

from struct import pack
from zlib import compress, crc32

HEIGHT = 16


def pdf(text: str) -> bytes:
    """Make a PDF of one page that says a text, without brackets and backslashes."""
    drawn = f"BT /F1 18 Tf 24 240 Td ({text}) Tj ET"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 420 298]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    )
    written, places = "%PDF-1.4\n", ""
    for number, each in enumerate(objects, 1):
        places += f"{len(written):010} 00000 n \n"
        written += f"{number} 0 obj\n{each}\nendobj\n"
    size = len(objects) + 1
    table = f"xref\n0 {size}\n0000000000 65535 f \n{places}trailer\n<</Size {size}/Root 1 0 R>>\n"
    return f"{written}{table}startxref\n{len(written)}\n%%EOF\n".encode("latin-1")


def png(text: str) -> bytes:
    """Make a picture of grey stripes, one for each letter of a text."""
    stripes = text.encode("latin-1")
    header = pack(">2I5B", len(stripes), HEIGHT, 8, 0, 0, 0, 0)
    rows = (b"\0" + stripes) * HEIGHT
    chunks = ((b"IHDR", header), (b"IDAT", compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return pack(">I", len(content)) + kind + content + pack(">I", crc32(kind + content))
