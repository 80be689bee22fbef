"""Who is let in, and by what: read from the templates for every plan on every network."""

import re

import pytest

from tests.infra.bicep import Template, text_of, walk
from tests.infra.deployments import EVERYTHING, FILES, deploy, module

# The only roles that anything here may give, and to what. Each is the least with which its purpose
# works.
ROLES = {
    "storage": {
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
    },  # Storage Blob Data Owner: the host takes leases
    "vault": {"4633458b-17de-408a-b874-0445c86b69e6"},  # Key Vault Secrets User: reads secrets
    "insights": {
        "3913510d-42f4-4e42-8a64-420c390055eb"
    },  # Monitoring Metrics Publisher: sends telemetry
}


# -- doors -----------------------------------------------------------------------------------------
def test_no_template_reads_or_passes_on_a_key():
    calls = {
        text_of(node.children[0])
        for file in FILES
        for node in walk(Template(file).tree.root_node)
        if node.type == "call_expression"
    }
    secret = re.compile(
        r"\blist\w*\(|accountkey|sharedaccess|sharedkey|accesskey|password|connectionstring\b.*(key|password)",
        re.I,
    )
    texts = [line for file in FILES for line in file.read_text(encoding="utf-8").splitlines()]
    allowed = (
        "allowSharedKeyAccess: false",
        "accessKeysAuthentication: 'Disabled'",
        "//",
        "@description",
    )

    assert {call for call in calls if call.startswith("list")} == set()
    assert [
        line for line in texts if secret.search(line) and not line.strip().startswith(allowed)
    ] == []


@pytest.mark.parametrize("storage", [one.params for one in EVERYTHING if one.name == "storage"])
def test_storage_takes_no_key_no_anonymous_reader_and_no_old_tls(storage):
    assert storage["allowSharedKeyAccess"] is False
    assert storage["allowBlobPublicAccess"] is False
    assert storage["supportsHttpsTrafficOnly"] is True
    assert storage["minimumTlsVersion"] == "TLS1_2"
    assert {container["publicAccess"] for container in storage["blobServices"]["containers"]} == {
        "None"
    }


@pytest.mark.parametrize("redis", [one.params for one in EVERYTHING if one.name == "redis"])
def test_redis_takes_entra_tokens_over_tls_alone(redis):
    assert redis["minimumTlsVersion"] == "1.2"
    assert redis["database"]["accessKeysAuthentication"] == "Disabled"
    assert redis["database"]["clientProtocol"] == "Encrypted"


@pytest.mark.parametrize("redis", [one.params for one in EVERYTHING if one.name == "redis"])
def test_redis_evicts_nothing_and_runs_our_scripts(redis):
    assert redis["database"]["evictionPolicy"] == "NoEviction"
    assert redis["database"]["clusteringPolicy"] == "NoCluster"


@pytest.mark.parametrize(
    ("persistence", "kind"), [("aof", "aof"), ("rdb", "rdb"), ("off", "disabled")]
)
def test_redis_persists_as_asked(persistence, kind):
    assert module("redis", redisPersistence=persistence)["database"]["persistence"]["type"] == kind


def test_redis_is_open_to_the_service_and_to_those_that_are_named():
    redis = module("redis", redisUserObjectIds="11-aa, 22-bb ,")

    assigned = redis["database"]["accessPolicyAssignments"]
    assert [one["userObjectId"] for one in assigned] == [
        "<identity.outputs.principalId>",
        "11-aa",
        "22-bb",
    ]
    assert [one["name"] for one in assigned[1:]] == [
        "11aa",
        "22bb",
    ]  # Azure takes letters and digits only


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
    resources = {
        one.source.split("@")[0]
        for file in FILES
        for one in Template(file).all("resource").values()
    }

    assert resources == {"Microsoft.Resources/resourceGroups"}


@pytest.mark.parametrize("name", ["workspace", "insights"])
def test_telemetry_is_not_taken_by_key(name):
    params = module(name)

    assert {"workspace": params.get("features", {}), "insights": params}[name][
        "disableLocalAuth"
    ] is True


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
    assert site["managedIdentities"] == {
        "userAssignedResourceIds": ["<identity.outputs.resourceId>"]
    }
    assert site["keyVaultAccessIdentityResourceId"] == "<identity.outputs.resourceId>"


@pytest.mark.parametrize("deployed", EVERYTHING, ids=lambda one: one.name)
def test_no_module_reports_its_use(deployed):
    assert deployed.params["enableTelemetry"] is False


# -- the switch of the network ---------------------------------------------------------------------
@pytest.mark.parametrize("name", ["redis", "storage", "vault"])
def test_a_private_network_shuts_the_public_doors(name):
    private, public = module(name, network="private"), module(name, network="public")

    assert (private["publicNetworkAccess"], len(private["privateEndpoints"])) == ("Disabled", 1)
    assert (public["publicNetworkAccess"], public["privateEndpoints"]) == ("Enabled", [])


def test_a_public_network_makes_no_network():
    assert [
        one.name for one in deploy(network="public").deployed if "/network/" in one.source
    ] == []


@pytest.mark.parametrize(
    ("plan", "delegation"),
    [
        ("dedicated", "Microsoft.Web/serverFarms"),
        ("flex", "Microsoft.App/environments"),
        ("flex-drain", "Microsoft.App/environments"),
    ],
)
def test_the_app_joins_a_subnet_that_its_plan_may_use(plan, delegation):
    subnets = {
        one["name"]: one for one in module("vnet", hostingPlan=plan, network="private")["subnets"]
    }
    site = module("site", hostingPlan=plan, network="private")

    assert subnets["app"]["delegation"] == delegation
    assert site["virtualNetworkSubnetResourceId"] == "<vnet.outputs.subnetResourceIds>[0]"
    assert list(subnets) == ["app", "endpoints"]


def test_the_routes_lose_their_public_address_only_when_asked():
    asked = module("site", network="private", appPublicAccess=False)

    assert module("site", network="private")["publicNetworkAccess"] == "Enabled"
    assert (asked["publicNetworkAccess"], len(asked["privateEndpoints"])) == ("Disabled", 1)
