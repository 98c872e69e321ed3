"""Contents of our own in the forms that were found in a Grafana database: equal values stay equal."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from collections.abc import Callable, Iterable
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.grafana.datakeys import IdStyle, make_id
from tests.grafana.releases import forms

_FIRST_DAY: Final = dt.date(2025, 1, 31)
#: Further apart than a month is long: an id of a signing key names its month.
_DAYS_APART: Final = 32
_FIRST_MOMENT: Final = 1_738_310_400
_ID_STYLES: Final[dict[str, IdStyle]] = {forms.UUID: "uuid", forms.UID: "new14", forms.SHORT_UID: "short"}
#: Names that Grafana and its plugins give to secrets; a new one is added here by a person who has looked at it.
_FIELDS: Final = frozenset(("password", "basicAuthPassword"))
#: What Grafana begins with: a contact point without a secret.
_ALERTING: Final = {
    "alertmanager_config": {
        "route": {"receiver": "Kontakt ☃"},
        "receivers": [
            {
                "name": "Kontakt ☃",
                "grafana_managed_receiver_configs": [
                    {"uid": "", "name": "Kontakt ☃", "type": "email", "settings": {"singleEmail": False}}
                ],
            }
        ],
    }
}
_LONG_NAME: Final = "mit einem Namen, der länger ist als eine Spalte breit "


class Inventor:
    """Invents the contents of one database; the same `seed` invents the same.

    `times` are all times that it will be asked about, of the form `YYYY-MM-DD hh:mm:ss…`: their order is kept.
    """

    def __init__(self, seed: str, times: Iterable[str]) -> None:
        self.rng = random.Random(seed)
        self._times = dict(self._moved(sorted(set(times))))
        self._known: dict[object, str] = {}
        self._names: dict[str, list[str]] = {}
        self._moments: dict[int, int] = {}

    def text(self, table: str, column: str, value: str) -> str:
        """A text of the same form as the one that was found in a column."""
        form = forms.form_of(table, column, value)
        if form == value:
            return value
        if column == "type":
            return self._once((column, value), lambda: f"vendor-{len(self._known)}-datasource")
        if form in (forms.TEXT, forms.LONG_TEXT):
            return self._name(value, is_long=form == forms.LONG_TEXT)
        makers: dict[str, Callable[[], str]] = {
            forms.TIME: lambda: self._times[value],
            forms.PRECISE_TIME: lambda: self._times[value],
            forms.LABEL: lambda: self._day(value[:10]) + value[10:],
            forms.PROVISIONED_UID: lambda: f"P{self.rng.getrandbits(64):016X}",
            forms.ADDRESS: lambda: f"http://graphite-{len(self._known)}.example.org:8080",
            forms.INDENTED: lambda: json.dumps(_ALERTING, indent="\t", ensure_ascii=False),
            forms.JSON: lambda: f'{{"keepCookies":["cookie-{len(self._known)}"]}}',
        }
        style = _ID_STYLES.get(form)
        make = makers[form] if style is None else lambda: make_id(style, "", self.rng)
        return self._once((table, column, form, value) if form == forms.ADDRESS else value, make)

    def hash_of(self, value: str, text: str) -> str:
        """The MD5 of a text that was invented; `value` is the one of the text that was found."""
        return self._once(value, hashlib.md5(text.encode(), usedforsecurity=False).hexdigest)

    def signing_key_id(self, added: str) -> str:
        """The id of a signing key that was added at that time."""
        return f"id-{self._times[added][:7]}-es256"

    def number(self, column: str, value: int) -> int:
        """A number of the same form."""
        if forms.is_kept(column, value):
            return value
        if forms.is_moment(value):
            return self._moments.setdefault(value, _FIRST_MOMENT + 1000 * len(self._moments))
        return self.rng.randint(2, 40)

    def plaintext(self, value: bytes) -> bytes:
        """What a secret says, in as many bytes."""
        text = value.decode()
        if text.startswith("-----BEGIN PRIVATE KEY-----"):
            key = ec.derive_private_key(self.rng.getrandbits(255) + 1, ec.SECP256R1())
            return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        if text in forms.WORDS:
            return value
        if not text.startswith("{"):
            return self._password(text).encode()
        fields = {self.field(name): self._password(each) for name, each in json.loads(text).items()}
        return json.dumps(fields, separators=(",", ":")).encode()

    def field(self, name: str) -> str:
        """The name of a secret, which is Grafana's or a plugin's own."""
        if name not in _FIELDS:
            raise ValueError(f"is {name!r} a name of Grafana's or of a plugin's own? Then add it to _FIELDS")
        return name

    def _password(self, value: str) -> str:
        alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
        return self._once(("password", value), lambda: "".join(self.rng.choices(alphabet, k=len(value))))

    def _once(self, value: object, make: Callable[[], str]) -> str:
        if value not in self._known:
            self._known[value] = make()
        return self._known[value]

    def _name(self, value: str, *, is_long: bool) -> str:
        """A name; two that differ in the case of their letters alone still do."""
        alike = self._names.setdefault(value.casefold(), [])
        if value not in alike:
            alike.append(value)
        number = list(self._names).index(value.casefold()) + 1
        name = f"Quelle {number} für ☃"
        if is_long:
            name += f", {_LONG_NAME}"
        return (name, name.lower(), name.upper())[alike.index(value)]

    def _day(self, day: str) -> str:
        return self._days[day]

    def _moved(self, times: list[str]) -> Iterable[tuple[str, str]]:
        days = dict.fromkeys(time[:10] for time in times)
        self._days = {day: str(_FIRST_DAY + dt.timedelta(days=_DAYS_APART * number)) for number, day in enumerate(days)}
        for number, time in enumerate(times):
            clock = dt.datetime(2025, 1, 1, 6, tzinfo=dt.UTC) + dt.timedelta(seconds=77 * number)
            # Go writes no zeros at the end.
            fraction = f".{self.rng.randint(1, 99_999_999):08d}7+00:00" if "." in time else ""
            yield time, f"{self._days[time[:10]]} {clock:%H:%M:%S}{fraction}"
