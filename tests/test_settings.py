"""The settings: what is read, what is refused, and that no message shows a secret."""

import pytest

from planner_sync.errors import SettingsError
from planner_sync.settings import NAMES, Settings

PLAN = "xqQg5FS2LkCp935s-FIFm2QAFkHM"
OTHER_PLAN = "AAAAAAAAAAAAAAAAAAAAAAAAAAA1"
FULL = {"PLANNER_SYNC_PLAN_IDS": PLAN, "PLANNER_SYNC_GRAPH_TOKEN": "a-token"}


def mistakes(**env: str | None) -> list[str]:
    """The lines that `FULL` with these changes gets; None takes a name out."""
    try:
        Settings.from_env(
            {name: value for name, value in {**FULL, **env}.items() if value is not None}
        )
    except SettingsError as error:
        return error.lines
    return []


def test_two_settings_are_enough_and_the_rest_has_the_defaults_of_the_contract():
    settings = Settings.from_env(FULL)

    assert settings.redis_url.reveal() == "redis://localhost:6379/0"
    assert (settings.plan_ids, settings.default_plan_id, settings.namespace) == (
        (PLAN,),
        PLAN,
        "annika",
    )
    assert (settings.poll_seconds, settings.poll_schedule) == (30, "*/30 * * * * *")
    assert (settings.conflict_winner, settings.max_delete_ratio, settings.max_delete_count) == (
        "planner",
        0.3,
        10,
    )
    assert (settings.graph_url, settings.sign_in) == ("https://graph.microsoft.com/v1.0", "token")
    assert (settings.authority_host, settings.redis_auth) == (
        "https://login.microsoftonline.com",
        "url",
    )
    assert (settings.listener, settings.http_host, settings.http_port) == (True, "127.0.0.1", 7071)
    assert (settings.api_key, settings.log_level) == (None, "INFO")


def test_every_mistake_is_told_at_once():
    lines = mistakes(
        PLANNER_SYNC_PLAN_IDS=None,
        PLANNER_SYNC_GRAPH_TOKEN=None,
        PLANNER_SYNC_POLL_SECONDS="soon",
        REDIS_URL="x",
    )

    starts = (
        "PLANNER_SYNC_PLAN_IDS: ",
        "REDIS_URL: ",
        "PLANNER_SYNC_POLL_SECONDS: ",
        "no way to sign in",
    )
    assert [start for start in starts if any(line.startswith(start) for line in lines)] == list(
        starts
    )
    assert len(lines) == len(starts)


WRONG = [
    ("REDIS_URL", "http://localhost:6379", "must start with redis://"),
    ("REDIS_URL", "localhost:6379", "must start with redis://"),
    ("REDIS_URL", "", "is empty"),
    ("REDIS_URL", "redis://localhost:port", "cannot be read"),
    ("REDIS_URL", "redis://localhost:0", "port 0"),
    ("REDIS_URL", "redis://localhost/zero", "number of a database"),
    ("REDIS_URL", "redis://localhost?db=zero", "db that is not a number"),
    ("REDIS_URL", "redis://:pass#word@localhost", "percent-encode"),
    ("REDIS_URL", "unix://", "must name a socket"),
    ("REDIS_URL", "rediss://localhost?ssl_cert_reqs=none", "always checked"),
    ("REDIS_URL", "rediss://localhost?ssl_cert_reqs=optional", "always checked"),
    ("REDIS_URL", "rediss://localhost?ssl_check_hostname=False", "always checked"),
    ("REDIS_URL", "rediss://localhost?ssl_min_version=769", "always checked, with TLS 1.2"),
    (
        "REDIS_URL",
        "rediss://localhost?ssl_ciphers=aNULL",
        "unknown option; the known ones are client_name",
    ),
    (
        "REDIS_URL",
        "redis://localhost?ssl_ca_certs=/ca.pem",
        "has ssl_ca_certs but is not encrypted",
    ),
    ("PLANNER_SYNC_PLAN_IDS", None, "is required"),
    ("PLANNER_SYNC_PLAN_IDS", " , ", "is required"),
    ("PLANNER_SYNC_PLAN_IDS", f"{PLAN},short", "'short' is not a plan id"),
    ("PLANNER_SYNC_PLAN_IDS", PLAN[:-1] + "é", "is not a plan id"),
    ("PLANNER_SYNC_DEFAULT_PLAN_ID", OTHER_PLAN, "is not among PLANNER_SYNC_PLAN_IDS"),
    ("PLANNER_SYNC_NAMESPACE", "", "is empty"),
    ("PLANNER_SYNC_NAMESPACE", "an nika", "must be 1 to 64"),
    ("PLANNER_SYNC_NAMESPACE", "annika*", "must be 1 to 64"),
    ("PLANNER_SYNC_NAMESPACE", "{annika", "must be 1 to 64"),
    ("PLANNER_SYNC_NAMESPACE", "{}", "must be 1 to 64"),
    ("PLANNER_SYNC_NAMESPACE", "a" * 65, "must be 1 to 64"),
    ("PLANNER_SYNC_POLL_SECONDS", "0.5", "must be a number from 1"),
    ("PLANNER_SYNC_POLL_SECONDS", "nan", "must be a number from 1"),
    ("PLANNER_SYNC_POLL_SECONDS", "٣٠", "must be a number from 1"),
    ("PLANNER_SYNC_POLL_SECONDS", "", "is empty"),
    ("PLANNER_SYNC_POLL_SCHEDULE", "every minute", "six fields"),
    ("PLANNER_SYNC_POLL_SCHEDULE", "*/5 * * * *", "six fields"),
    ("PLANNER_SYNC_POLL_SCHEDULE", "61 * * * * *", "six fields"),
    ("PLANNER_SYNC_CONFLICT_WINNER", "human", "must be planner or agents"),
    ("PLANNER_SYNC_MAX_DELETE_RATIO", "1.1", "must be a number from 0 to 1"),
    ("PLANNER_SYNC_MAX_DELETE_RATIO", "-0.1", "must be a number from 0 to 1"),
    ("PLANNER_SYNC_MAX_DELETE_COUNT", "2.5", "must be a whole number"),
    ("PLANNER_SYNC_MAX_DELETE_COUNT", "-1", "must be a whole number"),
    ("PLANNER_SYNC_GRAPH_URL", "http://graph.example", "https://"),
    ("PLANNER_SYNC_GRAPH_URL", "http://localhost.example/v1.0", "https://"),
    ("PLANNER_SYNC_GRAPH_URL", "https://user:secret@graph.example", "no user, password"),
    ("PLANNER_SYNC_GRAPH_URL", "https://graph.example/v1.0?x=1", "no user, password"),
    ("PLANNER_SYNC_GRAPH_URL", "https://", "must be a URL"),
    ("PLANNER_SYNC_GRAPH_TOKEN", "two words", "contains a space"),
    ("AZURE_AUTHORITY_HOST", "http://login.example", "https://"),
    ("AZURE_TENANT_ID", "a/../b", "must be an id"),
    ("PLANNER_SYNC_REDIS_AUTH", "azure", "must be url or entra"),
    ("PLANNER_SYNC_REDIS_AUTH", "entra", "needs an identity"),
    ("PLANNER_SYNC_LISTENER", "no", "must be on or off"),
    ("PLANNER_SYNC_HTTP_PORT", "0", "must be a whole number from 1 to 65535"),
    ("PLANNER_SYNC_HTTP_PORT", "65536", "must be a whole number from 1 to 65535"),
    ("PLANNER_SYNC_HTTP_HOST", "0.0.0.0", "set PLANNER_SYNC_API_KEY too"),
    ("PLANNER_SYNC_HTTP_HOST", "sync.example", "set PLANNER_SYNC_API_KEY too"),
    ("PLANNER_SYNC_LOG_LEVEL", "LOUD", "must be INFO, DEBUG, WARNING, ERROR or CRITICAL"),
    (
        "PLANNER_SYNC_POLL_SECOND",
        "30",
        "there is no such setting; did you mean PLANNER_SYNC_POLL_SECONDS?",
    ),
    (
        "planner_sync_plan_ids",
        PLAN,
        "there is no such setting; did you mean PLANNER_SYNC_PLAN_IDS?",
    ),
    ("PLANNER_SYNC_XYZZY", "1", "there is no such setting"),
]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [pytest.param(*row, id=f"{row[0]}={row[1]!a}"[:80]) for row in WRONG],
)
def test_a_wrong_value_gets_one_line_that_names_the_setting(name, value, message):
    lines = mistakes(**{name: value})

    assert len(lines) == 1
    assert lines[0].startswith(f"{name}: ")
    assert message in lines[0]


RIGHT = [
    ("REDIS_URL", "rediss://user:p%23ss@cache.example:10000/0", "redis_url"),
    ("REDIS_URL", "unix:///run/redis.sock?db=2", "redis_url"),
    ("REDIS_URL", "redis://[::1]:6380", "redis_url"),
    (
        "REDIS_URL",
        "rediss://cache.example?ssl_ca_certs=/etc/ca.pem&ssl_min_version=772",
        "redis_url",
    ),
    ("PLANNER_SYNC_NAMESPACE", "{annika}", "namespace"),
    ("PLANNER_SYNC_GRAPH_URL", "http://127.0.0.1:7072/v1.0", "graph_url"),
    ("PLANNER_SYNC_GRAPH_URL", "http://[::1]:7072/v1.0", "graph_url"),
    ("PLANNER_SYNC_GRAPH_URL", "http://localhost:7072/v1.0", "graph_url"),
    ("PLANNER_SYNC_POLL_SCHEDULE", "0 */5 8-18 * * mon-fri", "poll_schedule"),
    ("PLANNER_SYNC_HTTP_HOST", "::1", "http_host"),
    ("PLANNER_SYNC_LOG_LEVEL", "DEBUG", "log_level"),
]


@pytest.mark.parametrize(
    ("name", "value", "field"), [pytest.param(*row, id=f"{row[0]}={row[1]}") for row in RIGHT]
)
def test_a_right_value_is_kept_as_it_is(name, value, field):
    kept = getattr(Settings.from_env({**FULL, name: value}), field)

    assert value == (kept if isinstance(kept, str) else kept.reveal())


def test_the_plans_are_a_list_without_blanks_and_repeats():
    settings = Settings.from_env(
        {**FULL, "PLANNER_SYNC_PLAN_IDS": f" {PLAN}, {OTHER_PLAN} ,{PLAN},"}
    )

    assert settings.plan_ids == (PLAN, OTHER_PLAN)
    assert settings.default_plan_id == PLAN


def test_a_url_loses_the_slash_at_its_end():
    assert Settings.from_env(
        {**FULL, "PLANNER_SYNC_GRAPH_URL": "https://graph.example/v1.0/"}
    ).graph_url.endswith("0")


def test_an_authority_without_a_scheme_is_https():
    settings = Settings.from_env({**FULL, "AZURE_AUTHORITY_HOST": "login.microsoftonline.us"})

    assert settings.authority_host == "https://login.microsoftonline.us"


def test_a_host_that_others_can_reach_is_taken_with_an_api_key():
    assert mistakes(PLANNER_SYNC_HTTP_HOST="0.0.0.0", PLANNER_SYNC_API_KEY="a-key") == []


def test_a_name_without_a_default_may_be_empty():
    assert (
        mistakes(PLANNER_SYNC_API_KEY="", AZURE_CLIENT_SECRET="", PLANNER_SYNC_DEFAULT_PLAN_ID="")
        == []
    )


TENANT, CLIENT = (
    {"AZURE_TENANT_ID": "contoso.example"},
    {"AZURE_CLIENT_ID": "5c1c9d6e-0000-4000-8000-000000000001"},
)
SECRET, CERTIFICATE = {"AZURE_CLIENT_SECRET": "s3cret"}, {"AZURE_CLIENT_CERTIFICATE_PATH": __file__}


@pytest.mark.parametrize(
    ("env", "way"),
    [
        pytest.param({**TENANT, **CLIENT, **SECRET}, "secret", id="secret"),
        pytest.param({**TENANT, **CLIENT, **CERTIFICATE}, "certificate", id="certificate"),
        pytest.param(CLIENT, "managed identity", id="user-assigned identity"),
        pytest.param(
            {"IDENTITY_ENDPOINT": "http://localhost/msi"},
            "managed identity",
            id="system-assigned identity",
        ),
        pytest.param(
            {**TENANT, **SECRET, "PLANNER_SYNC_GRAPH_TOKEN": "t"}, "token", id="a token wins"
        ),
    ],
)
def test_the_way_to_sign_in_follows_from_what_is_set(env, way):
    assert Settings.from_env({"PLANNER_SYNC_PLAN_IDS": PLAN, **env}).sign_in == way


@pytest.mark.parametrize(
    ("env", "missing"),
    [
        pytest.param({}, "no way to sign in", id="nothing"),
        pytest.param(TENANT, "no way to sign in", id="a tenant alone"),
        pytest.param(
            {**CLIENT, **SECRET},
            "AZURE_TENANT_ID: is required to sign in with a secret",
            id="no tenant",
        ),
        pytest.param(
            {**TENANT, **SECRET},
            "AZURE_CLIENT_ID: is required to sign in with a secret",
            id="no client",
        ),
        pytest.param(
            {**CLIENT, **CERTIFICATE},
            "AZURE_TENANT_ID: is required to sign in with a certificate",
            id="certificate",
        ),
        pytest.param(
            {**TENANT, **CLIENT, "AZURE_CLIENT_CERTIFICATE_PATH": "missing.pem"},
            "AZURE_CLIENT_CERTIFICATE_PATH: there is no file 'missing.pem'",
            id="no such file",
        ),
    ],
)
def test_half_a_way_to_sign_in_is_a_mistake_that_says_what_is_missing(env, missing):
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"PLANNER_SYNC_PLAN_IDS": PLAN, **env})

    assert [line[: len(missing)] for line in caught.value.lines] == [missing]


def test_an_identity_is_enough_for_a_token_for_redis():
    assert mistakes(PLANNER_SYNC_REDIS_AUTH="entra", **CLIENT) == []


SECRETS = {
    "REDIS_URL": "redis://user:hunter%2D2@localhost:6379/x",
    "PLANNER_SYNC_GRAPH_TOKEN": "eyJ.token.here",
    "PLANNER_SYNC_API_KEY": "the key",
    "AZURE_CLIENT_SECRET": "s3 cret",
}


CLOUDS = [
    ("https://login.microsoftonline.com", "https://graph.microsoft.com/v1.0", None),
    ("login.windows.net", "https://graph.microsoft.com/v1.0", None),
    ("https://login.microsoftonline.us", "https://graph.microsoft.us/v1.0", None),
    ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us/v1.0", None),
    (
        "https://login.partner.microsoftonline.cn",
        "https://microsoftgraph.chinacloudapi.cn/v1.0",
        None,
    ),
    ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn/v1.0", None),
    (
        "https://login.microsoftonline.com",
        "https://graph.microsoft.us/v1.0",
        "https://login.microsoftonline.us",
    ),
    (
        "https://login.microsoftonline.com",
        "https://dod-graph.microsoft.us/v1.0",
        "https://login.microsoftonline.us",
    ),
    (
        "https://login.microsoftonline.us",
        "https://graph.microsoft.com/v1.0",
        "https://login.microsoftonline.com",
    ),
    (
        "https://LOGIN.microsoftonline.us",
        "https://Graph.Microsoft.com",
        "https://login.microsoftonline.com",
    ),
    (
        "https://login.microsoftonline.com",
        "https://microsoftgraph.chinacloudapi.cn",
        "https://login.chinacloudapi.cn",
    ),
    ("https://login.microsoftonline.com", "https://graph.example/v1.0", None),
    ("https://login.example", "https://graph.microsoft.us/v1.0", None),
]


@pytest.mark.parametrize(("authority", "graph", "wanted"), CLOUDS)
def test_sign_in_and_graph_of_two_clouds_are_a_mistake_where_both_are_known(
    authority, graph, wanted
):
    env = {**TENANT, **CLIENT, **SECRET, "PLANNER_SYNC_GRAPH_TOKEN": None}
    lines = mistakes(AZURE_AUTHORITY_HOST=authority, PLANNER_SYNC_GRAPH_URL=graph, **env)

    assert [
        line.endswith(f"set {wanted}") and line.startswith("AZURE_AUTHORITY_HOST: ")
        for line in lines
    ] == ([True] if wanted else [])


def test_the_cloud_of_a_sign_in_that_is_not_used_is_no_mistake():
    assert mistakes(PLANNER_SYNC_GRAPH_URL="https://graph.microsoft.us/v1.0") == []
    assert (
        mistakes(
            PLANNER_SYNC_GRAPH_URL="https://graph.microsoft.us/v1.0",
            PLANNER_SYNC_GRAPH_TOKEN=None,
            **CLIENT,
        )
        == []
    )


TOKENS_FOR_REDIS = [
    ("rediss://redis.example:10000", None),
    ("redis://127.0.0.1:6379/0", None),
    ("unix:///run/redis.sock", None),
    ("redis://redis.example:6379", "is not encrypted: it must start with rediss://"),
    ("rediss://:hunter@redis.example", "has a user or a password too: remove them"),
    ("rediss://sync@redis.example", "has a user or a password too: remove them"),
    ("rediss://redis.example?password=hunter", "has a user or a password too: remove them"),
]


@pytest.mark.parametrize(("url", "problem"), TOKENS_FOR_REDIS)
def test_a_token_for_redis_needs_a_connection_that_keeps_it(url, problem):
    lines = mistakes(PLANNER_SYNC_REDIS_AUTH="entra", REDIS_URL=url, **CLIENT)

    assert lines == (
        [f"PLANNER_SYNC_REDIS_AUTH: entra sends a token, but REDIS_URL {problem}"]
        if problem
        else []
    )
    assert "hunter" not in str(lines)


def test_with_a_device_code_nothing_else_to_sign_in_with_is_needed():
    env = {"PLANNER_SYNC_PLAN_IDS": PLAN, **TENANT, **CLIENT}

    assert Settings.from_env(env, device_code=True).sign_in == "device code"


@pytest.mark.parametrize(
    "others", [{"PLANNER_SYNC_GRAPH_TOKEN": "a-token"}, {"AZURE_CLIENT_SECRET": "s3cret"}]
)
def test_a_device_code_that_was_asked_for_comes_before_all_else(others):
    env = {"PLANNER_SYNC_PLAN_IDS": PLAN, **TENANT, **CLIENT, **others}

    assert Settings.from_env(env, device_code=True).sign_in == "device code"


def test_a_device_code_without_tenant_and_client_is_a_mistake_for_each():
    with pytest.raises(SettingsError) as error:
        Settings.from_env({"PLANNER_SYNC_PLAN_IDS": PLAN}, device_code=True)

    assert error.value.lines == [
        "AZURE_TENANT_ID: is required to sign in with a device code",
        "AZURE_CLIENT_ID: is required to sign in with a device code",
    ]


def test_a_certificate_comes_before_a_secret(tmp_path):
    pem = tmp_path / "app.pem"
    pem.touch()
    env = {**TENANT, **CLIENT, **SECRET, "AZURE_CLIENT_CERTIFICATE_PATH": str(pem)}

    assert Settings.from_env({"PLANNER_SYNC_PLAN_IDS": PLAN, **env}).sign_in == "certificate"


def test_no_message_shows_a_secret():
    text = "\n".join(
        mistakes(
            **SECRETS, PLANNER_SYNC_GRAPH_URL="https://u:pa55@graph.example", PLANNER_SYNC_X="abc"
        )
    )

    assert "REDIS_URL" in text
    assert not [
        secret
        for secret in ("hunter", "eyJ", "the key", "s3 cret", "pa55", "abc")
        if secret in text
    ]


def test_the_representation_shows_no_secret_and_the_secrets_are_known_for_redaction():
    env = {
        **SECRETS,
        "REDIS_URL": "redis://user:hunter%2D2@localhost",
        "PLANNER_SYNC_API_KEY": "key",
    }
    settings = Settings.from_env({**FULL, **env, "AZURE_CLIENT_SECRET": "s3cret"})

    assert not [
        secret for secret in ("hunter", "eyJ", "'key'", "s3cret") if secret in repr(settings)
    ]
    assert set(settings.secrets()) == {"hunter%2D2", "hunter-2", "eyJ.token.here", "key", "s3cret"}


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("*/30 * * * * *", 30),
        ("* * * * * *", 1),
        ("0,10,40 * * * * *", 30),
        ("0 * * * * *", 60),
        ("0 */5 * * * *", 300),
        ("0 0 */2 * * *", 7200),
        ("0 */5 8-18 * * *", 14 * 3600),
        ("0 0 8 * * 1-5", 7 * 86400),
        ("00:00:30", 30),
    ],
)
def test_under_a_timer_the_interval_is_the_longest_gap_of_the_schedule(schedule, seconds):
    settings = Settings.from_env({**FULL, "PLANNER_SYNC_POLL_SCHEDULE": schedule})

    assert settings.for_timer().poll_seconds == seconds


def test_every_known_name_is_read():
    """A name that is accepted and then ignored would be a misspelling of ours."""
    assert [name for name in sorted(NAMES) if not mistakes(**{name: "\x00"})] == []
