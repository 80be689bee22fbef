"""What `azd up` would make: read from the templates for every plan, since nothing here can compile or deploy them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from planner_sync.settings import Settings
from tests.infra.bicep import Deployed, Deployment, Template, text_of, walk

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
PLANS = ("dedicated", "flex", "flex-drain")
PLAN_ID = "plan-AAAAAAAAAAAAAAAAAAAAAAA"

# The only roles that anything here may give, and to what. Each is the least with which its purpose works.
ROLES = {
    "storage": {"b7e6dc6d-f1e8-4753-8033-0f276bb0955b"},  # Storage Blob Data Owner: the host takes leases
    "vault": {"4633458b-17de-408a-b874-0445c86b69e6"},  # Key Vault Secrets User: reads secrets
    "insights": {"3913510d-42f4-4e42-8a64-420c390055eb"},  # Monitoring Metrics Publisher: sends telemetry
}
# Settings that are the Functions host's, not the product's.
HOST_SETTINGS = re.compile(r"AzureWebJobsStorage__|APPLICATIONINSIGHTS_|FUNCTIONS_|SCM_DO_BUILD|ENABLE_ORYX_BUILD")
# On Flex Consumption these make a deployment fail: they are part of functionAppConfig there.
# https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
NOT_ON_FLEX = re.compile(r"FUNCTIONS_EXTENSION_VERSION|FUNCTIONS_WORKER_RUNTIME|SCM_DO_BUILD|ENABLE_ORYX|WEBSITE_")


def deploy(**params: Any) -> Deployment:
    given = {"environmentName": "try", "location": "westeurope", "plannerPlanIds": f"{PLAN_ID},{PLAN_ID[::-1]}"}
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
    for deployed in deploy(hostingPlan=plan, network=network, appPublicAccess=network == "public").deployed
]


# -- form ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_parameter_and_output_is_described(file):
    template = Template(file)
    told = {**template.all("parameter"), **template.all("output")}

    assert [name for name, declaration in told.items() if "description" not in declaration.decorators] == []


def test_every_module_is_a_verified_one_of_an_exact_version_or_our_own():
    sources = {module.source for file in FILES for module in Template(file).all("module").values()}

    ours = {f"modules/{file.name}" for file in (INFRA / "modules").glob("*.bicep")}
    assert {one for one in sources if not re.fullmatch(r"br/public:avm/res/[a-z/-]+:\d+\.\d+\.\d+", one)} == ours


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
    given = {name: re.fullmatch(r"\$\{\w+(?:=(.*))?\}", one["value"]) for name, one in passed.items()}
    main = deploy()
    declared = main.template.all("parameter")
    defaults = {name: main.evaluate(one.value, {}) for name, one in declared.items() if one.value is not None}

    assert {name: found[1] for name, found in given.items() if found and found[1] is not None} == {
        name: str(defaults[name]).lower() if isinstance(defaults[name], bool) else defaults[name]
        for name in given
        if name in defaults
    }


# -- doors -----------------------------------------------------------------------------------------------------------
def test_no_template_reads_or_passes_on_a_key():
    calls = {
        text_of(node.children[0])
        for file in FILES
        for node in walk(Template(file).tree.root_node)
        if node.type == "call_expression"
    }
    secret = re.compile(
        r"\blist\w*\(|accountkey|sharedaccess|sharedkey|accesskey|password|connectionstring\b.*(key|password)", re.I
    )
    texts = [line for file in FILES for line in file.read_text(encoding="utf-8").splitlines()]
    allowed = ("allowSharedKeyAccess: false", "accessKeysAuthentication: 'Disabled'", "//", "@description")

    assert {call for call in calls if call.startswith("list")} == set()
    assert [line for line in texts if secret.search(line) and not line.strip().startswith(allowed)] == []


@pytest.mark.parametrize("storage", [one.params for one in EVERYTHING if one.name == "storage"])
def test_storage_takes_no_key_no_anonymous_reader_and_no_old_tls(storage):
    assert storage["allowSharedKeyAccess"] is False
    assert storage["allowBlobPublicAccess"] is False
    assert storage["supportsHttpsTrafficOnly"] is True
    assert storage["minimumTlsVersion"] == "TLS1_2"
    assert {container["publicAccess"] for container in storage["blobServices"]["containers"]} == {"None"}


@pytest.mark.parametrize("redis", [one.params for one in EVERYTHING if one.name == "redis"])
def test_redis_takes_entra_tokens_over_tls_alone(redis):
    assert redis["minimumTlsVersion"] == "1.2"
    assert redis["database"]["accessKeysAuthentication"] == "Disabled"
    assert redis["database"]["clientProtocol"] == "Encrypted"


@pytest.mark.parametrize("redis", [one.params for one in EVERYTHING if one.name == "redis"])
def test_redis_evicts_nothing_and_runs_our_scripts(redis):
    assert redis["database"]["evictionPolicy"] == "NoEviction"
    assert redis["database"]["clusteringPolicy"] == "NoCluster"


@pytest.mark.parametrize(("persistence", "kind"), [("aof", "aof"), ("rdb", "rdb"), ("off", "disabled")])
def test_redis_persists_as_asked(persistence, kind):
    assert module("redis", redisPersistence=persistence)["database"]["persistence"]["type"] == kind


def test_redis_is_open_to_the_service_and_to_those_that_are_named():
    redis = module("redis", redisUserObjectIds="11-aa, 22-bb ,")

    assigned = redis["database"]["accessPolicyAssignments"]
    assert [one["userObjectId"] for one in assigned] == ["<identity.outputs.principalId>", "11-aa", "22-bb"]
    assert [one["name"] for one in assigned[1:]] == ["11aa", "22bb"]  # Azure takes letters and digits only


@pytest.mark.parametrize("vault", [one.params for one in EVERYTHING if one.name == "vault"])
def test_the_vault_opens_by_role_alone_and_keeps_what_is_deleted(vault):
    assert vault["enableRbacAuthorization"] is True
    assert "accessPolicies" not in vault
    assert vault["enableSoftDelete"] is True
    assert vault["enablePurgeProtection"] is True
    assert [name for name in vault if name.startswith("enableVaultFor") and vault[name]] == []


@pytest.mark.parametrize("deployed", EVERYTHING, ids=lambda one: one.name)
def test_a_role_is_given_to_the_service_alone_and_only_one_of_the_list(deployed):
    given = deployed.params.get("roleAssignments", [])

    assert {one["roleDefinitionIdOrName"] for one in given} == ROLES.get(deployed.name, set())
    assert {one["principalId"] for one in given} <= {"<identity.outputs.principalId>"}


def test_no_role_is_given_but_by_a_module():
    resources = {one.source.split("@")[0] for file in FILES for one in Template(file).all("resource").values()}

    assert resources == {"Microsoft.Resources/resourceGroups"}


@pytest.mark.parametrize("name", ["workspace", "insights"])
def test_telemetry_is_not_taken_by_key(name):
    params = module(name)

    assert {"workspace": params.get("features", {}), "insights": params}[name]["disableLocalAuth"] is True


@pytest.mark.parametrize("site", [one.params for one in EVERYTHING if one.name == "site"])
def test_the_app_speaks_https_only_and_takes_no_password(site):
    assert site["httpsOnly"] is True
    assert site["siteConfig"]["minTlsVersion"] == "1.2"
    assert site["siteConfig"]["scmMinTlsVersion"] == "1.2"
    assert site["siteConfig"]["ftpsState"] == "Disabled"
    assert site["siteConfig"]["remoteDebuggingEnabled"] is False
    assert {one["name"]: one["allow"] for one in site["basicPublishingCredentialsPolicies"]} == {
        "ftp": False,
        "scm": False,
    }
    assert site["managedIdentities"] == {"userAssignedResourceIds": ["<identity.outputs.resourceId>"]}
    assert site["keyVaultAccessIdentityResourceId"] == "<identity.outputs.resourceId>"


@pytest.mark.parametrize("deployed", EVERYTHING, ids=lambda one: one.name)
def test_no_module_reports_its_use(deployed):
    assert deployed.params["enableTelemetry"] is False


# -- the switch of the network -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["redis", "storage", "vault"])
def test_a_private_network_shuts_the_public_doors(name):
    private, public = module(name, network="private"), module(name, network="public")

    assert (private["publicNetworkAccess"], len(private["privateEndpoints"])) == ("Disabled", 1)
    assert (public["publicNetworkAccess"], public["privateEndpoints"]) == ("Enabled", [])


def test_a_public_network_makes_no_network():
    assert [one.name for one in deploy(network="public").deployed if "/network/" in one.source] == []


@pytest.mark.parametrize(
    ("plan", "delegation"),
    [
        ("dedicated", "Microsoft.Web/serverFarms"),
        ("flex", "Microsoft.App/environments"),
        ("flex-drain", "Microsoft.App/environments"),
    ],
)
def test_the_app_joins_a_subnet_that_its_plan_may_use(plan, delegation):
    subnets = {one["name"]: one for one in module("vnet", hostingPlan=plan, network="private")["subnets"]}
    site = module("site", hostingPlan=plan, network="private")

    assert subnets["app"]["delegation"] == delegation
    assert site["virtualNetworkSubnetResourceId"] == "<vnet.outputs.subnetResourceIds>[0]"
    assert list(subnets) == ["app", "endpoints"]


def test_the_routes_lose_their_public_address_only_when_asked():
    asked = module("site", network="private", appPublicAccess=False)

    assert module("site", network="private")["publicNetworkAccess"] == "Enabled"
    assert (asked["publicNetworkAccess"], len(asked["privateEndpoints"])) == ("Disabled", 1)


# -- plans -------------------------------------------------------------------------------------------------------------
def test_a_dedicated_plan_is_always_on():
    site, plan = module("site", hostingPlan="dedicated"), module("plan", hostingPlan="dedicated")

    assert (plan["skuName"], site["siteConfig"]["alwaysOn"], site["functionAppConfig"]) == ("B1", True, None)
    assert site["siteConfig"]["linuxFxVersion"] == "Python|3.12"


def test_flex_keeps_an_instance_ready_for_the_timer():
    site, plan = module("site", hostingPlan="flex", alwaysReadyInstances=2), module("plan", hostingPlan="flex")
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


# -- settings ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("plan", PLANS)
def test_the_service_accepts_every_setting_that_the_template_gives(plan):
    given = app_settings(plan, plannerDefaultPlanId=PLAN_ID)
    ours = {name: value for name, value in given.items() if not HOST_SETTINGS.match(name)}
    known = {
        **ours,  # what only Azure knows, in the form that it has
        "REDIS_URL": ours["REDIS_URL"].replace("<redis.outputs.endpoint>", "redis-x.westeurope.redis.azure.net:10000"),
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
    empty, full = app_settings("flex"), app_settings("flex", **{name: value for name, (_, value) in optional.items()})

    assert {name: full[name] for name in full.keys() - empty.keys()} == dict(optional.values())


@pytest.mark.parametrize("plan", PLANS)
def test_every_setting_is_one_that_somebody_reads(plan):
    readme = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.M))

    assert {name for name in app_settings(plan) if name not in readme and not HOST_SETTINGS.match(name)} == set()


@pytest.mark.parametrize("plan", PLANS)
def test_the_host_reaches_storage_and_telemetry_by_the_identity(plan):
    settings = app_settings(plan)

    assert settings["AzureWebJobsStorage__accountName"] == "<storage.outputs.name>"
    assert settings["AzureWebJobsStorage__credential"] == "managedidentity"
    assert settings["AzureWebJobsStorage__clientId"] == settings["AZURE_CLIENT_ID"] == "<identity.outputs.clientId>"
    assert settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"].endswith(";Authorization=AAD")
    assert "AzureWebJobsStorage" not in settings


# -- azure.yaml --------------------------------------------------------------------------------------------------------
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
