import re
from struct import unpack
from zlib import crc32, decompress

from local.sample_documents import HEIGHT, pdf, png

TEXT = "Lübecker Fassaden GmbH: DE-204"


def test_a_pdf_says_the_text_and_its_table_leads_to_its_objects() -> None:
    written = pdf(TEXT)
    assert TEXT.encode("latin-1") in written
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n ", written)]
    assert [written[place:].split(b" ")[0] for place in places] == [b"1", b"2", b"3", b"4", b"5"]
    (start,) = re.findall(rb"startxref\n(\d+)\n", written)
    assert written[int(start) :].startswith(b"xref")


def test_a_png_has_a_stripe_for_each_letter() -> None:
    written = png(TEXT)
    pictured = TEXT.encode("latin-1")
    chunks = dict(chunks_of(written.removeprefix(b"\x89PNG\r\n\x1a\n")))
    assert unpack(">2I", chunks[b"IHDR"][:8]) == (len(pictured), HEIGHT)
    assert decompress(chunks[b"IDAT"]) == (b"\0" + pictured) * HEIGHT


def chunks_of(written: bytes) -> list[tuple[bytes, bytes]]:
    if not written:
        return []
    (size,) = unpack(">I", written[:4])
    kind, content, rest = written[4:8], written[8 : 8 + size], written[8 + size :]
    assert unpack(">I", rest[:4]) == (crc32(kind + content),)
    return [(kind, content), *chunks_of(rest[4:])]
