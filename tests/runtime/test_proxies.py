from __future__ import annotations

import pytest

from facematch.runtime.proxies import forget_proxies, is_direct, proxy_for

PROXY = "http://proxy.example:3128"
BEHIND = {"http_proxy": PROXY, "https_proxy": "http://tls-proxy.example:3128"}


@pytest.mark.parametrize(
    "url", ["ws://localhost:7880", "ws://127.0.0.1:7880", "ws://[::1]:7880", "http://a.localhost/"]
)
def test_this_machine_is_reached_directly(url: str) -> None:
    assert proxy_for(url, BEHIND) is None


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("ws://lk.example.com:7880", BEHIND, PROXY),
        ("wss://lk.example.com", BEHIND, "http://tls-proxy.example:3128"),
        ("http://hook.example.com/", {"HTTP_PROXY": PROXY}, PROXY),
        ("https://hook.example.com/", {"HTTP_PROXY": PROXY}, None),
        ("https://hook.example.com/", {"ALL_PROXY": PROXY}, PROXY),
        ("https://hook.example.com/", {"HTTPS_PROXY": "", "all_proxy": PROXY}, PROXY),
        ("https://hook.example.com/", {}, None),
        ("https://hook.example.com/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "example.com"}, None),
        ("https://hook.example.com/", {"HTTPS_PROXY": PROXY, "no_proxy": "other.com", "NO_PROXY": "example.com"}, None),
    ],
)
def test_elsewhere_the_proxy_of_the_scheme(url: str, environment: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(
    ("entry", "url", "direct"),
    [
        ("*", "ws://anything.example", True),
        ("lk.example.com", "ws://lk.example.com:7880", True),
        ("example.com", "ws://lk.example.com", True),
        (".example.com", "ws://lk.example.com", True),
        (".example.com", "ws://example.com", True),
        ("*.example.com", "ws://a.b.example.com", True),
        ("EXAMPLE.com.", "ws://LK.Example.COM", True),
        ("example.com", "ws://badexample.com", False),
        ("example.com", "ws://example.com.evil.example", False),
        ("lk.example.com", "ws://example.com", False),
        ("bücher.example", "ws://xn--bcher-kva.example", True),
        ("xn--bcher-kva.example", "ws://lk.bücher.example", True),
        ("a, b.example  c.example", "ws://c.example", True),
        (",,", "ws://c.example", False),
        (".", "ws://c.example", False),
        ("", "ws://c.example", False),
        ("lk.example.com:7880", "ws://lk.example.com:7880", True),
        ("lk.example.com:7880", "ws://lk.example.com", False),
        ("example.com:443", "wss://lk.example.com", True),
        ("example.com:80", "wss://lk.example.com", False),
        ("10.1.2.3", "ws://10.1.2.3:7880", True),
        ("10.1.2.3:7880", "ws://10.1.2.3:7880", True),
        ("10.1.2.3:7881", "ws://10.1.2.3:7880", False),
        ("10.1.2.3", "ws://10.1.2.30", False),
        ("10.0.0.0/8", "ws://10.1.2.3", True),
        ("10.1.2.3/8", "ws://10.9.9.9", True),
        ("10.0.0.0/8", "ws://11.1.2.3", False),
        ("10.0.0.0/99", "ws://10.1.2.3", False),
        ("10.0.0.0/8", "ws://10.example.com", False),
        ("2001:db8::/32", "ws://[2001:db8::7]:7880", True),
        ("2001:db8::7", "ws://[2001:db8::7]:7880", True),
        ("[2001:db8::7]", "ws://[2001:DB8:0::7]:7880", True),
        ("[2001:db8::7]:7880", "ws://[2001:db8::7]:7880", True),
        ("[2001:db8::7]:1", "ws://[2001:db8::7]:7880", False),
        ("2001:db8::/32", "ws://10.1.2.3", False),
    ],
)
def test_what_no_proxy_covers(entry: str, url: str, direct: bool, variable: str) -> None:
    assert is_direct(url, {variable: entry}) is direct
    assert proxy_for(url, {"ALL_PROXY": PROXY, variable: entry}) == (None if direct else PROXY)


def test_proxies_can_be_taken_out_of_an_environment() -> None:
    environment = {"HTTP_PROXY": "a", "https_proxy": "b", "All_Proxy": "c", "NO_PROXY": "d", "PATH": "e"}
    forget_proxies(environment)
    assert environment == {"NO_PROXY": "d", "PATH": "e"}
