"""The values of `api-version` that the emulated cloud knows: national clouds and Azure Stack know older ones only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from keyvault_emulator.wire import RefusalError, bad_parameter

#: The stable versions of the REST interface for keys, oldest first (azure-rest-api-specs, data-plane/Keys).
API_VERSIONS: Final = ("2016-10-01", *(f"7.{minor}" for minor in range(7)), "2025-07-01", "2026-04-01")


class ApiVersions:
    """The versions that a vault takes."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = API_VERSIONS

    def know(self, versions: Iterable[str] | None) -> None:
        """Know exactly `versions`, oldest first; None: all stable ones.

        Raises:
            ValueError: there is none.
        """
        known = API_VERSIONS if versions is None else tuple(versions)
        if not known or not all(known):
            raise ValueError("'known' is a list of at least one version, oldest first")
        self._known = known

    def check(self, asked: str) -> None:
        """Accept the version of a request, "" for none.

        Raises:
            RefusalError: 400, with the sentence of the service (azure-sdk-for-net #14788, azure-sdk-for-js #21152).
        """
        if not asked:
            raise bad_parameter("api-version must be specified")
        if asked not in self._known:
            raise _unknown(asked, self._known[-1])


def _unknown(asked: str, latest: str) -> RefusalError:
    return bad_parameter(
        f"The specified version ({asked}) is not recognized. Consider using the latest supported version ({latest})."
    )
