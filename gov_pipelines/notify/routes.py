"""From the names a policy notifies to the addresses that receive."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DEFAULT_ROUTE = "default"
VARIABLE = "GOV_ALERT_URLS"
Routes = Mapping[str, Sequence[str]]
"""Route to its URLs, as `routes_from` reads them."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """One address of a route.

    Attributes:
        name: what may be logged, such as `route credit-risk-oncall, receiver 1 of 2`.
        fingerprint: 8 hex digits of the address's SHA-256: enough to tell the receivers of a route apart, too few to
            find a token by trying.
        url: Apprise URL, or `webhook+https://...#whsec_...`. It holds tokens, and is never shown, logged or stored.
    """

    name: str = field(compare=False)
    fingerprint: str
    url: str = field(repr=False, compare=False)


def routes_from(environ: Mapping[str, str]) -> dict[str, list[str]]:
    """Read the routes: `GOV_ALERT_URLS` for the default one, `GOV_ALERT_URLS_<ROUTE>` for the others.

    Args:
        environ: the environment. URLs are separated by white space.

    Returns:
        Route in the variable's spelling, lower case, to its URLs.
    """
    routes = {}
    for variable, value in environ.items():
        if variable == VARIABLE and value.split():
            routes[DEFAULT_ROUTE] = value.split()
        elif variable.startswith(f"{VARIABLE}_") and value.split():
            routes[_spelled(variable.removeprefix(f"{VARIABLE}_"))] = value.split()
    return routes


def receivers_of(notify: Sequence[str], routes: Routes) -> tuple[dict[str, Receiver], list[str]]:
    """Find who receives an alert.

    Args:
        notify: names of routes as the policy writes them; empty for the default route.
        routes: route to URLs. A route without any falls to the default one.

    Returns:
        Receivers by fingerprint, each address once; and for each route that leads nowhere, what to do.
    """
    known = {_spelled(name): list(urls) for name, urls in routes.items() if urls}
    found: dict[str, Receiver] = {}
    nowhere = []
    for name in notify or (DEFAULT_ROUTE,):
        route = name if _spelled(name) in known else DEFAULT_ROUTE
        urls = known.get(_spelled(route), [])
        for place, url in enumerate(urls, start=1):
            fingerprint = hashlib.sha256(url.encode()).hexdigest()[:8]
            title = f"route {route}, receiver {place} of {len(urls)}"
            found.setdefault(fingerprint, Receiver(title, fingerprint, url))
        if not urls:
            variables = VARIABLE if name == DEFAULT_ROUTE else f"{VARIABLE}_{_spelled(name).upper()} or {VARIABLE}"
            nowhere.append(f"route {name} has no receiver; set {variables} to an address")
    return found, nowhere


def _spelled(name: str) -> str:
    """Spell a route as an environment variable can: `Credit-Risk on-call` and `CREDIT_RISK_ON_CALL` are one."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())
