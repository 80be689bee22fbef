"""What `azd up` would make: read from the templates for every plan, since nothing here can compile
or deploy them."""

import json
import re

import pytest
import yaml

from planner_sync.settings import Settings
from planner_sync.web.http_limits import MAX_BODY_BYTES
from tests.infra.bicep import Template
from tests.infra.deployments import (
    EVERYTHING,
    FILES,
    INFRA,
    PLAN_ID,
    PLANS,
    ROOT,
    app_settings,
    deploy,
    module,
)

# Settings that are the Functions host's, not the product's.
HOST_SETTINGS = re.compile(
    r"AzureWebJobsStorage__|APPLICATIONINSIGHTS_|FUNCTIONS_|SCM_DO_BUILD|ENABLE_ORYX_BUILD"
)
# On Flex Consumption these make a deployment fail: they are part of functionAppConfig there.
# https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
NOT_ON_FLEX = re.compile(
    r"FUNCTIONS_EXTENSION_VERSION|FUNCTIONS_WORKER_RUNTIME|SCM_DO_BUILD|ENABLE_ORYX|WEBSITE_"
)


# -- form ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_parameter_and_output_is_described(file):
    template = Template(file)
    told = {**template.all("parameter"), **template.all("output")}

    assert [
        name for name, declaration in told.items() if "description" not in declaration.decorators
    ] == []


def test_every_module_is_a_verified_one_of_an_exact_version_or_our_own():
    sources = {module.source for file in FILES for module in Template(file).all("module").values()}

    ours = {f"modules/{file.name}" for file in (INFRA / "modules").glob("*.bicep")}
    assert {
        one for one in sources if not re.fullmatch(r"br/public:avm/res/[a-z/-]+:\d+\.\d+\.\d+", one)
    } == ours


def test_one_module_has_one_version():
    versions = {deployed.source for deployed in EVERYTHING}

    assert len(versions) == len({source.split(":")[1] for source in versions})


def test_every_parameter_that_azd_passes_exists():
    passed = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    declared = Template(INFRA / "main.bicep").all("parameter")

    assert passed.keys() <= declared.keys()
    assert {name for name, one in declared.items() if one.value is None} <= passed.keys()


def test_a_default_that_azd_passes_is_the_one_of_the_template():
    passed = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    given = {
        name: re.fullmatch(r"\$\{\w+(?:=(.*))?\}", one["value"]) for name, one in passed.items()
    }
    main = deploy()
    declared = main.template.all("parameter")
    defaults = {
        name: main.evaluate(one.value, {})
        for name, one in declared.items()
        if one.value is not None
    }

    assert {name: found[1] for name, found in given.items() if found and found[1] is not None} == {
        name: str(defaults[name]).lower() if isinstance(defaults[name], bool) else defaults[name]
        for name in given
        if name in defaults
    }


# -- plans -----------------------------------------------------------------------------------------
def test_a_dedicated_plan_is_always_on():
    site, plan = module("site", hostingPlan="dedicated"), module("plan", hostingPlan="dedicated")

    assert (plan["skuName"], site["siteConfig"]["alwaysOn"], site["functionAppConfig"]) == (
        "B1",
        True,
        None,
    )
    assert site["siteConfig"]["linuxFxVersion"] == "Python|3.12"


def test_flex_keeps_an_instance_ready_for_the_timer():
    site, plan = (
        module("site", hostingPlan="flex", alwaysReadyInstances=2),
        module("plan", hostingPlan="flex"),
    )
    entry = (ROOT / "function_app.py").read_text(encoding="utf-8")

    scale = site["functionAppConfig"]["scaleAndConcurrency"]
    assert (plan["skuName"], site["siteConfig"]["alwaysOn"]) == ("FC1", False)
    assert scale["alwaysReady"] == [{"name": "function:poll", "instanceCount": 2}]
    assert "async def poll(timer" in entry


def test_flex_drain_keeps_nothing_ready_and_does_not_listen():
    site = module("site", hostingPlan="flex-drain")

    assert site["functionAppConfig"]["scaleAndConcurrency"]["alwaysReady"] == []
    assert {plan: app_settings(plan)["PLANNER_SYNC_LISTENER"] for plan in PLANS} == {
        "dedicated": "on",
        "flex": "on",
        "flex-drain": "off",
    }


@pytest.mark.parametrize("plan", ["flex", "flex-drain"])
def test_flex_starts_its_package_by_identity(plan):
    deployment = module("site", hostingPlan=plan)["functionAppConfig"]["deployment"]

    assert deployment["storage"]["authentication"] == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": "<identity.outputs.resourceId>",
    }


@pytest.mark.parametrize("plan", ["flex", "flex-drain"])
def test_flex_gets_no_setting_that_it_refuses(plan):
    assert [name for name in app_settings(plan) if NOT_ON_FLEX.match(name)] == []


# -- settings --------------------------------------------------------------------------------------
@pytest.mark.parametrize("plan", PLANS)
def test_the_host_takes_no_larger_body_than_the_app(plan):
    assert app_settings(plan)["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"] == str(MAX_BODY_BYTES)


@pytest.mark.parametrize("plan", PLANS)
def test_the_service_accepts_every_setting_that_the_template_gives(plan):
    given = app_settings(plan, plannerDefaultPlanId=PLAN_ID)
    ours = {name: value for name, value in given.items() if not HOST_SETTINGS.match(name)}
    known = {
        **ours,  # what only Azure knows, in the form that it has
        "REDIS_URL": ours["REDIS_URL"].replace(
            "<redis.outputs.endpoint>", "redis-x.westeurope.redis.azure.net:10000"
        ),
        "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000001",
        "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/",
    }

    settings = Settings.from_env(known)

    assert settings.sign_in == "managed identity"
    assert settings.redis_auth == "entra"
    assert settings.redis_url.reveal() == "rediss://redis-x.westeurope.redis.azure.net:10000"
    assert settings.plan_ids == (PLAN_ID, PLAN_ID[::-1])
    assert settings.default_plan_id == PLAN_ID
    assert settings.listener == (plan != "flex-drain")
    assert settings.poll_schedule == "*/30 * * * * *"


def test_what_is_left_empty_is_left_to_the_service():
    optional = {
        "plannerDefaultPlanId": ("PLANNER_SYNC_DEFAULT_PLAN_ID", PLAN_ID),
        "pollSchedule": ("PLANNER_SYNC_POLL_SCHEDULE", "0 * * * * *"),
        "graphUrl": ("PLANNER_SYNC_GRAPH_URL", "https://graph.microsoft.us/v1.0"),
    }
    empty, full = (
        app_settings("flex"),
        app_settings("flex", **{name: value for name, (_, value) in optional.items()}),
    )

    assert {name: full[name] for name in full.keys() - empty.keys()} == dict(optional.values())


@pytest.mark.parametrize("plan", PLANS)
def test_every_setting_is_one_that_somebody_reads(plan):
    readme = set(
        re.findall(r"^\| `([A-Z_]+)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    )

    assert {
        name for name in app_settings(plan) if name not in readme and not HOST_SETTINGS.match(name)
    } == set()


@pytest.mark.parametrize("plan", PLANS)
def test_the_host_reaches_storage_and_telemetry_by_the_identity(plan):
    settings = app_settings(plan)

    assert settings["AzureWebJobsStorage__accountName"] == "<storage.outputs.name>"
    assert settings["AzureWebJobsStorage__credential"] == "managedidentity"
    assert (
        settings["AzureWebJobsStorage__clientId"]
        == settings["AZURE_CLIENT_ID"]
        == "<identity.outputs.clientId>"
    )
    assert settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"].endswith(";Authorization=AAD")
    assert "AzureWebJobsStorage" not in settings


# -- azure.yaml ------------------------------------------------------------------------------------
def test_azure_yaml_names_the_service_the_templates_and_hooks_that_are_there():
    project = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    (name,) = project["services"]

    assert project["services"][name] == {"project": ".", "language": "python", "host": "function"}
    assert (ROOT / project["services"][name]["project"] / "host.json").is_file()
    assert module("site")["tags"]["azd-service-name"] == name
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep").is_file()
    assert project["hooks"].keys() == {"preprovision", "postprovision"}
    for hook in project["hooks"].values():
        script = ROOT / hook["posix"]["run"]
        assert script.stat().st_mode & 0o100, script
