"""The status page shows the objectives that the alerts stand on."""

from monitoring.objectives import OBJECTIVES
from nexus.domain.status import objectives as shown


def test_both_tables_have_the_same_objectives_with_the_same_figures() -> None:
    assert {each.name: each.target for each in shown.OBJECTIVES} == {each.name: each.target for each in OBJECTIVES}
    for each in OBJECTIVES:
        theirs = shown.BY_NAME[each.name]
        assert not theirs.door or f'door="{theirs.door}"' in each.bad
        assert ("le=" in each.bad) == (theirs.seconds is not None)
        assert theirs.seconds is None or f'le="{theirs.seconds}"' in each.bad
        assert all(beginning in each.bad for beginning in theirs.reactions)
