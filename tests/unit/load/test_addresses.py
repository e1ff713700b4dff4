import pytest


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:50050", "http://127.8.9.1:8080", "localhost:1", "[::1]:50050", "http://localhost:8080/"],
)
def test_loopback_may_be_loaded(addresses, address):
    assert addresses.is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1:50050",
        "http://example.org:8080",
        "0.0.0.0:1",
        "localhost.example.org:1",
        "http://127.0.0.1@example.org",
    ],
)
def test_nothing_else_may(addresses, address):
    assert not addresses.is_loopback(address)


def test_an_address_without_a_host_is_refused(addresses):
    with pytest.raises(ValueError, match="names no host"):
        addresses.is_loopback("http://")
