"""A delivery as an email, the same for every peer's worker."""

from email.mime.text import MIMEText
from email.utils import formatdate


def write_email(delivery_id: str, to: str, subject: str, text: str) -> MIMEText:
    """to: `email:ada@example.com`."""
    message = MIMEText(text, "plain", "utf-8" if not text.isascii() else "us-ascii")
    message["From"] = "gateway@example.com"
    message["To"] = to.partition(":")[2]
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{delivery_id}@example.com>"
    return message
