"""TLS files in URLs and settings: added, taken out, refused with a sentence when unusable."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from common.errors import SettingsError
from common.settings import load_settings
from common.tls import tls_context, tls_fault, with_tls_files, without_tls_files

URL = "amqps://user:p%40ss@broker.example.com:5671/shop"


def test_files_travel_in_the_url_and_come_out_again() -> None:
    files = {"cafile": Path("/etc/our ca.pem"), "certfile": None}
    assert with_tls_files(URL, files) == f"{URL}?cafile=/etc/our%20ca.pem"
    assert without_tls_files(with_tls_files(f"{URL}?heartbeat=5", files)) == f"{URL}?heartbeat=5"
    assert without_tls_files(with_tls_files(URL, files)) == URL


def test_file_in_the_url_wins() -> None:
    url = f"{URL}?cafile=/own.pem"
    assert with_tls_files(url, {"cafile": Path("/other.pem")}) == url


def test_settings_give_the_whole_address() -> None:
    settings = load_settings(
        {
            "GATEWAY_AMQP_URL": URL,
            "GATEWAY_AMQP_CA_FILE": "/ca.pem",
            "GATEWAY_AMQP_CERT_FILE": "/c.pem",
            "GATEWAY_AMQP_KEY_FILE": "/k.pem",
        }
    )
    assert settings.broker_url == f"{URL}?cafile=/ca.pem&certfile=/c.pem&keyfile=/k.pem"
    assert settings.broker_url_of("amqp://other/") == "amqp://other/"


def test_plain_address_has_no_context_and_keeps_its_form() -> None:
    assert tls_context("amqp://guest:guest@127.0.0.1/") is None
    assert load_settings({}).broker_url == "amqp://guest:guest@127.0.0.1:5672/"


def test_certificate_and_host_name_are_verified(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(ca)
    for url in (URL, f"{URL}?cafile={ca}", f"{URL}?no_verify_ssl=1"):
        context = tls_context(url)
        assert context is not None
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_unusable_files_are_told_in_one_sentence(tmp_path: Path) -> None:
    mine, other = (trustme.CA().issue_cert("client@example.com") for _ in range(2))
    mine.cert_chain_pems[0].write_to_path(tmp_path / "c.pem")
    mine.private_key_pem.write_to_path(tmp_path / "k.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    key = serialization.load_pem_private_key(mine.private_key_pem.bytes(), None)
    (tmp_path / "locked.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    (tmp_path / "empty.pem").write_text("")
    cases = {
        "cafile=nonesuch": r"nonesuch \(GATEWAY_AMQP_CA_FILE\) cannot be read: No such file",
        "cafile=empty.pem": r"empty.pem \(GATEWAY_AMQP_CA_FILE\) holds no certificate",
        "certfile=c.pem&keyfile=nonesuch": r"nonesuch \(GATEWAY_AMQP_KEY_FILE\) cannot be read",
        "certfile=c.pem&keyfile=other.pem": r"other.pem \(\w+\) do not belong together",
        "certfile=c.pem&keyfile=locked.pem": r"an unencrypted key in PEM form",
        "certfile=empty.pem&keyfile=k.pem": r"empty.pem \(GATEWAY_AMQP_CERT_FILE\) and its key",
    }
    for query, sentence in cases.items():
        with pytest.raises(SettingsError, match=sentence) as raised:
            tls_context(f"{URL}?{query.replace('file=', f'file={tmp_path}/')}")
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "url", "sentence"),
    [
        (OSError("refused"), URL, None),
        (ConnectionResetError(104, "reset"), "amqp://broker.example.com/", None),
        (ConnectionResetError(104, "reset"), URL, "hung up in the TLS handshake or right after it"),
        (OSError("SSLError(1, '[SSL: CERTIFICATE_REQUIRED] x')"), URL, "demands a client"),
        (OSError("SSLError(1, '[SSL: TLSV1_ALERT_UNKNOWN_CA] x')"), URL, "refuses the client"),
        (OSError("SSLError(1, '[SSL: WRONG_VERSION_NUMBER] x')"), URL, "check the URL's scheme"),
    ],
)
def test_faults_of_tls_are_told_from_others(
    error: Exception, url: str, sentence: str | None
) -> None:
    fault = tls_fault(error, url)
    assert (fault is None) if sentence is None else (sentence in (fault or ""))
