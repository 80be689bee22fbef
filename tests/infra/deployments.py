"""What the templates give, for the tests of them: every plan on every network, read by
tests/infra/bicep.py."""

from pathlib import Path
from typing import Any

from tests.infra.bicep import Deployed, Deployment

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
PLANS = ("dedicated", "flex", "flex-drain")
PLAN_ID = "plan-AAAAAAAAAAAAAAAAAAAAAAA"


def deploy(**params: Any) -> Deployment:
    given = {
        "environmentName": "try",
        "location": "westeurope",
        "plannerPlanIds": f"{PLAN_ID},{PLAN_ID[::-1]}",
    }
    return Deployment(INFRA / "main.bicep", {**given, **params})


def module(name: str, **params: Any) -> dict[str, Any]:
    (found,) = [one for one in deploy(**params).deployed if one.name == name]
    return found.params


def app_settings(plan: str, **params: Any) -> dict[str, str]:
    (config,) = module("site", hostingPlan=plan, **params)["configs"]
    settings: dict[str, str] = config["properties"]
    return settings


EVERYTHING: list[Deployed] = [
    deployed
    for plan in PLANS
    for network in ("public", "private")
    for deployed in deploy(
        hostingPlan=plan, network=network, appPublicAccess=network == "public"
    ).deployed
]
