"""The verbs of the command line, one file each: add_arguments(parser), and `async run(arguments, clock)`.

A verb's file is imported when the verb is used: `run` must not carry what only `demo` needs.
"""

VERBS = {
    "demo": "one accelerated night of an emulated street; shows and saves the result",
    "run": "the agent: dims, measures, reports, until it is stopped",
    "check": "validate board and program files; show tonight's times",
    "preview": "what programs will do in a night or a year: curve, hours, kWh, saving, CO2, euros, side by side",
    "schema": "print the JSON Schema of a board or a program, for editors",
    "commission": "find the gear of each bus, give addresses, set and read what each keeps; a record to print",
    "emulate": "the devices of a board, emulated, as serial ports",
    "monitor": "each frame on the buses as it passes, by name, with its answer",
    "dali": "one DALI command by the standard's name, and what comes back",
    "hil": "the stories of lamp-posts, on emulated or on real hardware; a line a story, and a report",
    "contract": "whether a DALI interface, yours too, keeps the contract of them all; a line a test",
    "new": "lay out the files of a DALI interface of your own",
    "override": "a level by hand for some luminaires and for a while, or the program again",
    "collect": "the receiving end: MQTT to SQLite, acknowledging what is committed",
    "bench": "the performance table: each figure beside the bound asked for",
}
"""Each verb with its one line of help; the verb's module has the same name."""
