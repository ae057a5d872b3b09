"""Texts by which a client could try to write more of an email than the field it was given."""

LINE_ENDS = ["\r", "\n", "\r\n", "\r\n ", "\r\n\t", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
UNICODE_LINE_ENDS = ["\x85", "\u2028", "\u2029"]

HIDDEN = [
    f"=?{charset}?{encoding}?{text}?="
    for charset in ("utf-8", "iso-8859-1", "us-ascii", "UTF-8*en")
    for encoding, text in (
        ("q", "Invoice=0D=0ABcc:_eve@example.net"),
        ("Q", "Invoice=0ABcc:_eve@example.net"),
        ("q", "Invoice=0DBcc:_eve@example.net"),
        ("q", "Invoice=0D=0A=0D=0A<h1>phish</h1>"),
        ("q", "a@example.net=2C_eve@example.net"),
        ("q", "=C2=85Bcc:_eve@example.net"),
        ("b", "SW52b2ljZQ0KQmNjOiBldmVAZXhhbXBsZS5uZXQ="),  # Invoice CRLF Bcc: eve@example.net
        ("B", "YUBleGFtcGxlLm5ldCwgZXZlQGV4YW1wbGUubmV0"),  # a@example.net, eve@example.net
        ("b", "SW52b2ljZQpCY2M6IGV2ZQ"),  # not padded
    )
]
"""Encoded words in which a reader that decodes finds a line break or a second address."""

LITERALS = [
    *HIDDEN,
    *(f"before {word} after" for word in HIDDEN[:9]),
    HIDDEN[0] + HIDDEN[1],
    f"{HIDDEN[0]} {HIDDEN[6]}",
    "=?utf-8?q?a",
    "=?utf-8?q?a b?=",
    "=?x?q?a?==?x?q?b?=",
    '"=?utf-8?q?a=0D=0ABcc:_x?="',
    "(=?utf-8?q?a?=)",
    "<eve@example.net>, Bcc: eve@example.net",
    'Eve" <eve@example.net>, "',
    "Eve\\",
    "(comment",
    ':;@,<>[]\\"()',
    "  two  spaces  ",
    "x" * 900,
    "=?" * 300,
    "\u202egpj.exe",
    "ёжик 📦 " * 30,
]
"""Texts that the door lets through as a subject, and that must arrive as they are."""
