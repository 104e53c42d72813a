"""String formats as regular languages over decoded text (UTF-8), and ranges of number formats.

    format_dfa("date")          the automaton of 2024-02-29, ...
    format_dfa("my-format")     None: unknown formats are annotations
    NUMBER_FORMATS["int32"]     (-2147483648, 2147483647)

Judges disagree about formats, so each has up to three languages, one inside the other:

    common     <=   standard    <=   superset
    what its standard, the official     what the standard      every text that anyone (a loose
    test suite and `jsonschema` all     and the suite          validator included) might
    accept                              accept                 call valid

* *common* is what we generate: whoever validates the output will accept it.
* *standard* differs where `jsonschema` is known to refuse valid texts: leap seconds, an upper-case IPvFuture,
  some templates, some regular expressions. Everywhere else it is the same automaton.
* *superset* is for the schema `{"not": {"format": ...}}`: only what lies outside of it is surely not of the format.

Where the valid texts are not a regular language, or only of a huge automaton, common and standard are
a part of them, never more; `Format.narrower` says what they leave out.

Deliberate differences from `jsonschema` (its format checkers of drafts 7 to 2020-12): it accepts any text with
an @ as email, A-labels without looking inside, a final dot in host names, trailing newlines in dates
and URIs, signs and fractions in durations, non-ASCII digits in several; the common reading refuses them all.
Its global `FormatChecker()` has draft 3's meaning of `time` (`12:00:00`, without offset); ours is RFC 3339's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from types import MappingProxyType
from typing import Literal

from constrained.automata import algebra
from constrained.automata.dfa import Dfa
from constrained.automata.regex import compile_rust
from grammars.json_schema import formats_idn, formats_net, formats_regex, formats_time, formats_uri

Reading = Literal["common", "standard"]
_ANY = "(?s).*"


@dataclass(frozen=True, slots=True)
class Format:
    """One string format: where it is defined, and its automata, built on first use and then shared."""

    name: str
    source: str  # the defining document
    common: Callable[[], Dfa]
    standard: Callable[[], Dfa]
    superset_pattern: str = _ANY  # Rust syntax, whole text
    narrower: str = ""  # which valid texts the standard reading leaves out
    exact: bool = False  # are the three languages one?

    def dfa(self, reading: Reading = "common") -> Dfa:
        """The automaton over decoded text, of the given reading."""
        return self.common() if reading == "common" else self.standard()

    def superset(self) -> Dfa:
        """Every text that some validator might call valid (perhaps every text)."""
        return _compiled(self.superset_pattern)


def known_format(name: str, draft: int = 2020) -> Format | None:
    """The format of that name in a draft (4 to 2020), None for one that is not known (an annotation)."""
    found = FORMATS.get(name)
    return _HOSTNAME_BEFORE_7 if draft < 7 and found is _BY_NAME["hostname"] else found


def format_dfa(name: str, reading: Reading = "common") -> Dfa | None:
    """The automaton of a format in the latest draft, None for one that is not known."""
    known = known_format(name)
    return known.dfa(reading) if known else None


@cache
def _compiled(pattern: str) -> Dfa:
    return compile_rust(pattern)


def base64_dfa() -> Dfa:
    """RFC 4648, section 4: padded, no line breaks, unused bits zero as encoders must leave them."""
    digit = "[A-Za-z0-9+/]"
    return _compiled(f"(?:{digit}{{4}})*(?:{digit}[AQgw]==|{digit}{{2}}[AEIMQUYcgkosw048]=)?")


# The colour keywords of CSS Color Module Level 3, section 4.3.
_COLORS = (
    "aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown burlywood"
    " cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgoldenrod"
    " darkgray darkgreen darkgrey darkkhaki darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon"
    " darkseagreen darkslateblue darkslategray darkslategrey darkturquoise darkviolet deeppink deepskyblue dimgray"
    " dimgrey dodgerblue firebrick floralwhite forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray grey"
    " green greenyellow honeydew hotpink indianred indigo ivory khaki lavender lavenderblush lawngreen lemonchiffon"
    " lightblue lightcoral lightcyan lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon"
    " lightseagreen lightskyblue lightslategray lightslategrey lightsteelblue lightyellow lime limegreen linen"
    " magenta maroon mediumaquamarine mediumblue mediumorchid mediumpurple mediumseagreen mediumslateblue"
    " mediumspringgreen mediumturquoise mediumvioletred midnightblue mintcream mistyrose moccasin navajowhite navy"
    " oldlace olive olivedrab orange orangered orchid palegoldenrod palegreen paleturquoise palevioletred papayawhip"
    " peachpuff peru pink plum powderblue purple red rosybrown royalblue saddlebrown salmon sandybrown seagreen"
    " seashell sienna silver skyblue slateblue slategray slategrey snow springgreen steelblue tan teal thistle tomato"
    " turquoise violet wheat white whitesmoke yellow yellowgreen"
).split()


@cache
def _color() -> Dfa:
    """A keyword in letters of either case, or a number."""
    small = algebra.literals([name.encode() for name in _COLORS])
    classes = small.classes.copy()
    classes[ord("A") : ord("Z") + 1] = classes[ord("a") : ord("z") + 1]
    return algebra.union(_compiled("#(?:[0-9a-fA-F]{3}){1,2}"), Dfa(classes, small.step, small.labels))


def _same(name: str, source: str, build: Callable[[], Dfa], superset: str = _ANY, narrower: str = "") -> Format:
    """A format whose common and standard readings agree."""
    return Format(name, source, build, build, superset, narrower)


def _exactly(name: str, source: str, pattern: str) -> Format:
    """A format that everybody reads alike."""
    build = partial(_compiled, pattern)
    return Format(name, source, build, build, pattern, exact=True)


_HOST_SUPERSET = r"(?:[A-Za-z0-9.\-]|[^\x00-\x7f])+\n?"
_LENGTHS = "names of more than eight labels, or whose labels of 32 and more characters are many"
_LEAP_OFFSETS = "leap seconds at offsets that are not quarters of an hour, and the year 0000"

_ALL = (
    Format(
        "date-time",
        "RFC 3339, section 5.6",
        formats_time.date_time,
        partial(formats_time.date_time, leap_seconds=True),
        r"[^T]*[Tt][0-9]{2}:(?s:.)*",
        _LEAP_OFFSETS,
    ),
    _same("date", "RFC 3339, section 5.6", formats_time.date, r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "the year 0000"),
    Format(
        "time",
        "RFC 3339, section 5.6",
        formats_time.time,
        partial(formats_time.time, leap_seconds=True),
        r"[^:]+:[^:]+:(?s:.)*",
        _LEAP_OFFSETS,
    ),
    _same("duration", "RFC 3339, appendix A", formats_time.duration, r"[+-]?P(?s:.)*"),
    _same("email", "RFC 5321, section 4.1.2", formats_net.email, "(?s:.)*@(?s:.)*", f"general literals; {_LENGTHS}"),
    _same(
        "idn-email",
        "RFC 6531, section 3.3",
        formats_net.idn_email,
        "(?s:.)*@(?s:.)*",
        "as email; beyond ASCII a domain of four labels, longer ones than 14 characters, or of rare scripts",
    ),
    _same(
        "hostname",
        "RFC 1123, section 2.1; RFC 5891",
        formats_net.hostname,
        _HOST_SUPERSET,
        f"A-labels (xn--...); {_LENGTHS}",
    ),
    _same(
        "idn-hostname",
        "RFC 5890, section 2.3.2.3",
        formats_idn.idn_hostname,
        _HOST_SUPERSET,
        "A-labels, a third label, long labels and rare scripts (see formats_idn)",
    ),
    _exactly("ipv4", "RFC 2673, section 3.2", formats_net.IPV4),
    _same("ipv6", "RFC 4291, section 2.2", formats_net.ipv6, r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"),
    Format(
        "uri",
        "RFC 3986, appendix A",
        formats_uri.uri,
        partial(formats_uri.uri, standard=True),
        r"[A-Za-z][A-Za-z0-9+.\-]*:(?s:.)*",
    ),
    Format(
        "uri-reference",
        "RFC 3986, appendix A",
        partial(formats_uri.uri, relative=True),
        partial(formats_uri.uri, relative=True, standard=True),
    ),
    Format(
        "iri",
        "RFC 3987, section 2.2",
        formats_uri.iri,
        partial(formats_uri.iri, standard=True),
        r"[A-Za-z][A-Za-z0-9+.\-]*:(?s:.)*",
    ),
    Format(
        "iri-reference",
        "RFC 3987, section 2.2",
        partial(formats_uri.iri, relative=True),
        partial(formats_uri.iri, relative=True, standard=True),
    ),
    Format(
        "uri-template",
        "RFC 6570, section 2",
        formats_uri.uri_template,
        partial(formats_uri.uri_template, standard=True),
    ),
    _same("uuid", "RFC 4122, section 3", formats_net.uuid, r"(?s:.)*-(?s:.)*"),
    _exactly("json-pointer", "RFC 6901, section 3", formats_uri.POINTER),
    Format(
        "relative-json-pointer",
        "draft-handrews-relative-json-pointer-01",
        formats_uri.relative_json_pointer,
        partial(formats_uri.relative_json_pointer, standard=True),
        r"(?:[0-9]|[^\x00-\x7f])(?s:.)*",
    ),
    Format(
        "regex",
        "ECMA-262, section 22.2.1",
        formats_regex.regex,
        partial(formats_regex.regex, standard=True),
        narrower="groups nested more than three deep, and what dialects disagree about (see formats_regex)",
    ),
    _same("byte", "OpenAPI; RFC 4648, section 4", base64_dfa),
    _exactly("binary", "OpenAPI", _ANY),
    _exactly("password", "OpenAPI", _ANY),
    _exactly("char", "OpenAPI format registry", "(?s:.)"),
    _same("color", "JSON Schema draft 3; CSS Color Module Level 3", _color, narrower="functional notation, rgb(...)"),
)
_HOSTNAME_BEFORE_7 = _same(
    "hostname", "RFC 1034, section 3.1; RFC 1123, section 2.1", formats_net.ascii_hostname, _HOST_SUPERSET, _LENGTHS
)
_BY_NAME = {known.name: known for known in _ALL}
# Names of older drafts and of common use.
_ALIASES = {"url": "uri", "ip-address": "ipv4", "host-name": "hostname"}

FORMATS: Mapping[str, Format] = MappingProxyType(_BY_NAME | {alias: _BY_NAME[name] for alias, name in _ALIASES.items()})

# Formats of numbers: (least, greatest), or None where every JSON number will do (OpenAPI).
NUMBER_FORMATS: Mapping[str, tuple[Decimal, Decimal] | None] = MappingProxyType(
    {f"int{bits}": (Decimal(-(2 ** (bits - 1))), Decimal(2 ** (bits - 1) - 1)) for bits in (8, 16, 32, 64)}
    | {f"uint{bits}": (Decimal(0), Decimal(2**bits - 1)) for bits in (8, 16, 32, 64)}
    | {"float": None, "double": None}
)
