"""What must hold once everything is quiet: I1 to I12.

Each judge yields one sentence for each thing that does not hold. Judges know the contract, the
world and what everybody meant. They use no code of the service.
"""

from tests.simulation.judges import sides, told, traffic, values
from tests.simulation.judges.scene import Scene

JUDGES = (
    sides.one_to_one,
    sides.nothing_gone,
    sides.nothing_back,
    sides.brought_back,
    sides.equal,
    values.fields,
    values.remembered,
    values.revived,
    values.members,
    values.items,
    values.private,
    values.confirmed,
    told.once,
    told.true,
    told.people_heard,
    told.deletes_told,
    told.refusals,
    told.mapped,
    traffic.asked_for,
    traffic.bounded,
    traffic.left_alone,
    traffic.kept_secret,
)


def judge(scene: Scene) -> list[str]:
    """What all judges say."""
    return [sentence for one in JUDGES for sentence in one(scene)]
