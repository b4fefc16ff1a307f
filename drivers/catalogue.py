"""The drivers by their short names, as boards write them: the only registry. Each is loaded when a board names it."""

CATALOGUE = {
    "atx_hat": "drivers.dali.atx_hat:AtxHat",
    "luba": "drivers.dali.luba:Luba",
    "sci2": "drivers.dali.sci2:Sci2",
    "sci2_2": "drivers.dali.sci2:Sci2Newer",
    "sevenlab": "drivers.dali.sevenlab:SevenLab",
}


def load(name: str) -> type:
    """The class behind a short name. Raises KeyError for a name that is not in the catalogue."""
    module_name, class_name = CATALOGUE[name].split(":")
    module = __import__(module_name, None, None, (class_name,))
    driver: type = getattr(module, class_name)
    return driver
