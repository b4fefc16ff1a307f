"""The vocabulary of alarms and notices: each name that an event record may have, with its meaning.

Names are those of TALQ 2.7.1 where it has one for the thing (`TALQ`); the others follow its spelling. A test reads the
agent's source and refuses a name that is missing here, and one that the agent does not use.
"""

from __future__ import annotations

from collections.abc import Mapping

ALARMS: Mapping[str, str] = {
    "addressConflict": "several gear answer to one short address",
    "brokerAway": "the gateway cannot reach the broker",
    "busUnusable": "a DALI bus cannot be used; it is tried again",
    "clockInvalid": "the clock cannot be believed",
    "communicationFailure": "the gateway cannot reach the DALI interface of a bus",
    "controlDeviceCommFailure": "a sensor does not answer",
    "controlGearCommFailure": "a luminaire's gear does not answer",
    "controlGearFailure": "a luminaire's gear reports its own failure",
    "dimmingFailure": "a luminaire shows another level than it was told",
    "failSafeWrong": "a luminaire's gear does not keep the safe level",
    "foreignMaster": "another master sends frames on a bus",
    "invalidConfig": "a changed board is not valid; the last good one is in force",
    "invalidProgram": "a lighting program or the schedule fails; the lamps concerned burn at the safe level",
    "lampFailure": "a luminaire's gear reports that its light source fails",
    "levelLimited": "a luminaire's gear does not go as high or as low as it is asked to",
    "levelsContested": "another master's levels overrule the agent's",
    "luminaireNotPlanned": "the plan does not have a luminaire; it burns at the safe level",
    "nameTaken": "another gateway sends under this gateway's name",
    "noEnergyRegister": "a luminaire's energy register cannot be read; its figures are modelled",
    "overrideUnreadable": "the file of the overrides cannot be read",
    "partFailed": "a part of the agent failed, and was started again",
    "photocellContradictsSun": "a photocell and the sun differ by more than an hour",
    "photocellFlickers": "a photocell flickers",
    "photocellSilent": "a photocell says nothing",
    "readingsMissed": "most energy registers of a bus were not read",
    "sunDoesNotRise": "the sun does not rise or set on this day; lamps that it switches burn through it",
    "sunDoesNotSet": "the sun does not set in this night; lamps that it switches stay off",
    "supplyLoss": "a DALI bus has no voltage",
}
"""The alarms, which begin and end, with their meanings."""

NOTICES: Mapping[str, str] = {
    "clockWasSet": "the clock was set, and quarters with a wrong time are recorded anew",
    "declaredPowerWrong": "a luminaire draws another power than the board declares",
    "journalDamaged": "the journal's file is damaged; what can be read of it is kept",
    "journalRepaired": "records of a damaged journal were taken over",
    "journalReplaced": "the journal's file was moved or replaced, and is written again",
    "journalUnusable": "the journal is kept in a spare place until the agent is started again",
    "ledgerUnreadable": "what the journal keeps of a luminaire's energy cannot be read",
    "maxLevelRaised": "a gear's MAX LEVEL was below the installer's least light, and was raised",
    "modelledTooHigh": "modelled quarters hold more energy than the register counted afterwards",
    "recordsDamaged": "records in the journal are damaged, and are sent as they stand",
    "recordsDropped": "records were dropped before they were acknowledged",
    "registerJumped": "an energy register rose by more than the luminaire can have drawn",
    "registerReplaced": "an energy register ran backward",
    "sequenceConflict": "a collector holds other records under these numbers; a new epoch begins",
    "supplyLoss": "a luminaire was without mains, and is back",
}
"""The notices of events that have no end, with their meanings."""

TALQ = frozenset(
    {
        "communicationFailure",
        "controlGearCommFailure",
        "controlGearFailure",
        "dimmingFailure",
        "invalidConfig",
        "invalidProgram",
        "lampFailure",
        "supplyLoss",
    }
)
"""The names that TALQ 2.7.1 has too."""
