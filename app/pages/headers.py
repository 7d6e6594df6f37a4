"""What every page tells the browser: believe nothing from elsewhere, and keep nothing about a person."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; "
    "style-src 'self'; "
    "img-src 'self' data:; "
    "form-action 'self'; "
    "base-uri 'none'; "
    "frame-ancestors 'none'"
)

# For whatever names a person: nothing of it may stay behind in a browser, a proxy or a search engine.
SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
        "Vary": "Accept-Language",
    }
)

# The page that verifies by itself: one script of our own, which can run nothing that is only text.
SHELL_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **SECURITY_HEADERS,
        "Content-Security-Policy": (
            "default-src 'none'; "
            "script-src 'self'; "
            "style-src 'self'; "
            "img-src 'self' data:; "
            "connect-src 'self'; "
            "worker-src 'self'; "
            "form-action 'self'; "
            "base-uri 'none'; "
            "frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; "
            "trusted-types sigillo"
        ),
        "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), browsing-topics=()",
    }
)
# For its service worker, which is asked for anew each time, and fetches from here and nowhere else.
WORKER_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; connect-src 'self'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
)

# For pages that are the same for everybody.
PUBLIC_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {**SECURITY_HEADERS, "Cache-Control": "public, max-age=3600"}
)

# For the files whose name carries the hash of their content.
ASSET_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "public, max-age=31536000, immutable",
    }
)
