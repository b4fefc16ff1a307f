"""The sentences that commissioning shows to installers, in English and Dutch."""

from __future__ import annotations

import os

from agent.commissioning.findings import Finding

LANGUAGES = ("en", "nl")

_FINDINGS: dict[str, tuple[str, str]] = {
    "addressGiven": (
        "{subject}: gear given short address {address}",
        "{subject}: voorschakelapparaat heeft kort adres {address} gekregen",
    ),
    "whichLamp": (
        "new gear: {new}; which lamp has which address is for you to see: use --identify",
        "nieuwe voorschakelapparaten: {new}; kijk welke lamp welk adres heeft met --identify",
    ),
    "noEnergyReport": (
        "{subject}: does not report energy (part 252); its savings are modelled, not metered",
        "{subject}: meldt geen energie (deel 252); de besparing wordt berekend, niet gemeten",
    ),
    "unaddressed": (
        "{subject}: there is gear without a short address",
        "{subject}: er zijn voorschakelapparaten zonder kort adres",
    ),
    "failSafeWritten": (
        "{subject}: all gear was told to show level {level} after a power cut and when the bus fails",
        "{subject}: stand {level} ingesteld in alle voorschakelapparaten, voor stroomuitval en voor busstoring",
    ),
    "lightLimited": (
        "{subject}: its MAX LEVEL {found} keeps the light below level {wanted}: raise it, unless that is intended",
        "{subject}: MAX LEVEL {found} houdt het licht onder stand {wanted}: verhoog die, tenzij het zo bedoeld is",
    ),
    "lampExchanged": (
        "{subject}: new light source; the counters of its gear begin anew (before: {hours} h, switched on {starts} x)",
        "{subject}: nieuwe lichtbron; de tellers van het voorschakelapparaat beginnen opnieuw"
        " (eerst: {hours} uur, {starts} x ingeschakeld)",
    ),
    "gearMissing": (
        "{subject}: the board has it at address {address}, and no gear answers there: check its mains and DALI wires",
        "{subject}: volgens het bordbestand op adres {address}, maar daar antwoordt niets:"
        " controleer netspanning en DALI-draden",
    ),
    "gearUnknown": (
        "address {address}: gear answers that the board does not name: add a luminaire to the board, or remove it",
        "adres {address}: hier antwoordt een voorschakelapparaat dat niet in het bordbestand staat:"
        " voeg het armatuur toe, of verwijder het",
    ),
    "whichReplaced": (
        "new gear ({new}) took the first free addresses while {missing} still lack an answer: identify the lamp; had it"
        " another place, run this again with --replaced NAME after deleting its address",
        "nieuw voorschakelapparaat ({new}) kreeg het eerste vrije adres, terwijl {missing} niet antwoordt: laat de lamp"
        " knipperen; hoort zij ergens anders, wis dan haar adres en herhaal dit met --replaced NAAM",
    ),
    "nominalPowerDiffers": (
        "{subject}: its nameplate says {nominal_w:g} W, the board {declared_w:g} W: correct power_w in the board",
        "{subject}: het typeplaatje zegt {nominal_w:g} W, het bordbestand {declared_w:g} W: verbeter power_w",
    ),
    "settingDiffers": (
        "{subject}: {setting} is {found}, wanted {wanted}",
        "{subject}: {setting} is {found}, gewenst {wanted}",
    ),
    "addressShared": (
        "address {address}: several gear answer there: run this again; if it stays so, take one of them off the bus",
        "adres {address}: hier antwoorden meerdere voorschakelapparaten: herhaal dit; blijft het zo, neem er dan een"
        " van de bus",
    ),
    "gearTrouble": ("{subject}: {text}", "{subject}: lezen of schrijven is mislukt: {text}"),
    "nonsenseAnswered": (
        "{subject}: the gear at address {address} answers what the standard does not know: switch its mains off and on,"
        " and replace it if it goes on",
        "{subject}: het voorschakelapparaat op adres {address} antwoordt wat de norm niet kent: schakel de netspanning"
        " uit en aan, en vervang het als het zo blijft",
    ),
    "gearVanished": (
        "{text}",
        "{subject}: een voorschakelapparaat (willekeurig adres {random_address}) antwoordde en toen niet meer:"
        " controleer aansluiting en netspanning en herhaal dit",
    ),
    "nonsenseAddress": (
        "{text}",
        "{subject}: het voorschakelapparaat met willekeurig adres {random_address} noemt een kort adres dat niet"
        " bestaat; het krijgt een nieuw; vervang het als dit terugkomt",
    ),
    "addressNotTaken": (
        "{text}",
        "{subject}: het voorschakelapparaat met willekeurig adres {random_address} onthoudt kort adres {address} niet:"
        " schakel de netspanning uit en aan en herhaal dit; vervang het als het blijft",
    ),
    "sameRandomAddress": (
        "{text}",
        "{subject}: meerdere voorschakelapparaten houden willekeurig adres {random_address}, of een ervan antwoordt"
        " gestoord: sluit ze een voor een aan en herhaal dit na elk",
    ),
    "tooManyGear": (
        "{text}",
        "{subject}: geen kort adres meer vrij voor het voorschakelapparaat met willekeurig adres {random_address}: een"
        " bus draagt er 64, zet de andere op een andere bus",
    ),
    "noIsFrame": (
        "{text}",
        "{subject}: meerdere voorschakelapparaten zeggen nee met een telegram, zodat zoeken ze niet kan onderscheiden:"
        " sluit ze een voor een aan en herhaal dit na elk",
    ),
    "answersContradict": (
        "{text}",
        "{subject}: de antwoorden op deze bus spreken elkaar tegen bij willekeurig adres {random_address}: neem elke"
        " andere besturing los, zoek een slecht contact, en herhaal dit",
    ),
    "tooManySupplies": (
        "{text}",
        "{subject}: de ingebouwde voedingen geven samen meer dan de 250 mA die een bus verdraagt: schakel die van"
        " {lamps} uit",
    ),
    "tooLittleSupply": (
        "{text}",
        "{subject}: de ingebouwde voedingen ({lamps}) geven minder dan er wordt gevraagd: schakel er een bij, of plaats"
        " een voeding",
    ),
    "supplyUnknown": (
        "{text}",
        "{subject}: {lamps} meldt niet wat de ingebouwde voeding geeft: zoek het op in het gegevensblad",
    ),
    "busLost": (
        "{text}; what was done so far is kept: run this again",
        "{text}; wat gedaan is blijft bewaard: herhaal dit",
    ),
}

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Commissioning record", "Inbedrijfstellingsrapport"),
    "dry run": ("dry run: nothing was written", "proef: er is niets geschreven"),
    "bus": ("Bus", "Bus"),
    "board": ("Board", "Bord"),
    "interface": ("Interface", "Interface"),
    "date": ("Date", "Datum"),
    "took": ("Took", "Duur"),
    "frames": ("forward frames", "telegrammen"),
    "gear count": ("Gear found", "Gevonden voorschakelapparaten"),
    "version": ("Software", "Software"),
    "findings": ("Findings", "Bevindingen"),
    "none": ("Bus and board agree.", "Bus en bordbestand stemmen overeen."),
    "gear": ("Gear", "Voorschakelapparaten"),
    "address": ("Address", "Adres"),
    "luminaire": ("Luminaire", "Armatuur"),
    "not on the board": ("not on the board", "niet in het bordbestand"),
    "new": ("new", "nieuw"),
    "types": ("Device types", "Apparaattypen"),
    "groups": ("Groups", "Groepen"),
    "power on level": ("After power cut", "Na stroomuitval"),
    "system failure level": ("Bus failure", "Busstoring"),
    "fade time": ("Fade code", "Dimtijdcode"),
    "GTIN": ("GTIN", "GTIN"),
    "serial number": ("Serial number", "Serienummer"),
    "nominal power": ("Nominal power", "Nominaal vermogen"),
    "details": ("Nameplates", "Typeplaatjes"),
    "unknown": ("not stated", "niet vermeld"),
    "signature": ("Installer, date, signature", "Installateur, datum, handtekening"),
    "note": ("note", "melding"),
    "difference": ("difference", "verschil"),
    "trouble": ("trouble", "storing"),
    "stage fail-safe": ("fail-safe levels", "veilige standen"),
    "stage survey": ("what is there", "wat er is"),
    "stage addresses": ("addresses", "adressen"),
    "stage gear": ("reading gear", "apparaten lezen"),
    "written": ("record", "rapport"),
    "stopped": (
        "stopped; finished: {done}; not finished: {left}; run it again",
        "gestopt; klaar: {done}; niet klaar: {left}; herhaal dit",
    ),
    "nothing": ("none", "geen"),
    "identifying": (
        "{name} (bus {bus}, address {address}) shows itself for 10 s",
        "{name} (bus {bus}, adres {address}) knippert 10 s",
    ),
}


def default_language() -> str:
    """Returns the language of the environment: "nl" or "en", by the first of LC_ALL, LC_MESSAGES and LANG that is
    set."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "nl" if value.lower().startswith("nl") else "en"
    return "en"


def word(key: str, language: str) -> str:
    """Returns a word or phrase of pages and lines. Raises KeyError for a key that is not in the table."""
    return _WORDS[key][LANGUAGES.index(language)]


def sentence(finding: Finding, language: str) -> str:
    """Returns the finding as a sentence in the language "en" or "nl"."""
    text = _FINDINGS[finding.name][LANGUAGES.index(language)]
    return text.format_map({"subject": finding.subject, **finding.facts})
