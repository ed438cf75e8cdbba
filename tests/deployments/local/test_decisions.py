"""What the stack decides without a process, a clock or a network."""

from __future__ import annotations

import configparser
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.local import prefect_server, seaweedfs
from deployments.local.doctor import find_differing, pins
from deployments.local.environment import (
    MLFLOW,
    PREFECT,
    STORE,
    clean_environment,
    client,
    join_environment,
)
from deployments.local.folder import Folder, Memory, update_memory
from deployments.local.launch import refuse_told
from deployments.local.ports import Holder, Ports, name_holders, refuse_taken
from deployments.local.probe import EMPTY, sign
from deployments.local.programs import names, programs
from deployments.local.secrets import GENERATORS, render
from deployments.local.strangers import find_strangers, refuse_strangers
from deployments.local.supervise import configuration
from tasks.errors import ConfigurationError, StackError
from tasks.settings import Settings, parse_variables

FOLDER = Folder(Path("/srv/home"))
KEYS = {name: f"secret-{name}-{'x' * 20}" for name in GENERATORS}
WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1, max_size=20)
VALUES = st.text(st.characters(blacklist_categories=["C", "Z"]), min_size=1, max_size=30)


@given(st.integers(0, 46185))
def test_shifted_ports_stay_apart_and_in_range(offset: int) -> None:
    ports = Ports.shifted(offset).by_name().values()
    assert len(set(ports)) == len(ports)
    assert all(0 < port <= 65535 for port in ports)


@pytest.mark.parametrize("offset", [-1, 46186, 10**9])
def test_an_offset_out_of_range_is_refused(offset: int) -> None:
    with pytest.raises(ConfigurationError, match=r"it is 0 to 46185; got .*Choose a smaller one"):
        Ports.shifted(offset)


def test_the_worker_of_the_object_store_finds_its_admin() -> None:
    ports = Ports.shifted(7)
    assert ports.admin_grpc == ports.admin + 10_000


def test_a_free_machine_is_not_refused() -> None:
    refuse_taken(())
    with pytest.raises(StackError, match=r"free; got 8333 held by a \(pid 9\).*--port-offset"):
        refuse_taken((Holder(8333, 9, "a", "a"),))
    assert name_holders(()) == ""


@given(st.dictionaries(WORDS, VALUES))
def test_secrets_survive_their_file(values: dict[str, str]) -> None:
    assert parse_variables(render(values)) == values


@pytest.mark.parametrize("line", ["A", "=x", "A=", "A B"])
def test_a_damaged_line_is_named(line: str) -> None:
    with pytest.raises(ConfigurationError, match="line 2"):
        parse_variables(f"A=1\n{line}\n")


def test_every_generated_key_is_long_and_new() -> None:
    first = {name: generate() for name, generate in GENERATORS.items()}
    second = {name: generate() for name, generate in GENERATORS.items()}
    assert all(len(value) >= 16 for value in first.values())
    assert len({*first.values(), *second.values()}) == 2 * len(GENERATORS)


def test_what_the_person_set_wins_but_never_half_a_store() -> None:
    ours = client(FOLDER, Memory(), KEYS)
    team = {"AWS_ENDPOINT_URL": "https://team", "AWS_ACCESS_KEY_ID": "k", "AWS_PROFILE": "p"}
    assert not join_environment(ours, team).keys() & {*STORE, "AWS_PROFILE"}
    shell = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    changed = join_environment(ours, shell)
    assert changed["AWS_ACCESS_KEY_ID"] == KEYS["AWS_ACCESS_KEY_ID"]
    assert changed["AWS_SESSION_TOKEN"] is None
    assert "PREFECT_API_URL" not in join_environment(ours, {"PREFECT_API_URL": "http://team/api"})


@pytest.mark.parametrize("server", [MLFLOW, PREFECT])
def test_a_password_goes_with_the_address_that_it_is_for(server: tuple[str, ...]) -> None:
    ours = client(FOLDER, Memory(), KEYS)
    address, *login = server
    assert not join_environment(ours, {address: "http://team"}).keys() & set(server)
    mine = dict.fromkeys(login, "of the team")
    assert all(join_environment(ours, mine)[name] == ours[name] for name in server)
    # As a shell names it that was set up before the server asked for anything.
    assert join_environment(ours, {address: ours[address]})[login[-1]] == ours[login[-1]]


def test_settings_read_what_a_client_is_given() -> None:
    settings = Settings.from_environment(client(FOLDER, Memory(100, "bucket"), KEYS))
    assert settings.s3_endpoint == "http://127.0.0.1:8433"
    assert settings.mlflow_uri == "http://127.0.0.1:5100"
    assert settings.prefect_url == "http://127.0.0.1:4300/api"
    assert (settings.bucket, settings.home) == ("bucket", FOLDER.root)


def test_a_stack_belongs_to_the_project_that_it_was_started_in() -> None:
    told = update_memory(Memory(), None, {"PERENNIAL_PROJECT": "/team"})
    assert update_memory(told, None, {}).project == "/team"
    assert client(FOLDER, told, KEYS)["PERENNIAL_PROJECT"] == "/team"
    assert "PERENNIAL_PROJECT" not in client(FOLDER, Memory(), KEYS)


def test_nothing_of_the_shell_steers_a_server() -> None:
    shell = {"AWS_X": "", "PREFECT_X": "", "MLFLOW_X": "", "PYTHONPATH": "", "PERENNIAL_X": "1"}
    assert clean_environment({**shell, "HOME": "/h"}) == {"PERENNIAL_X": "1", "HOME": "/h"}


def test_no_command_line_and_no_configuration_holds_a_secret() -> None:
    every = programs(FOLDER, Memory(), KEYS).values()
    shown = [*(" ".join(each.command) for each in every), configuration(FOLDER), repr(every)]
    assert not [text for text in shown for value in KEYS.values() if value in text]


def test_every_program_is_supervised_and_restarted_for_ever() -> None:
    parser = configparser.ConfigParser()
    parser.read_string(configuration(FOLDER, "/usr/bin/python"))
    sections = [name for name in parser.sections() if name.startswith("program:")]
    assert sections == [f"program:{name}" for name in names()]
    for name in sections:
        assert parser[name]["autorestart"] == "true"
        assert parser[name]["stopasgroup"] == parser[name]["killasgroup"] == "true"


def test_a_percent_sign_in_the_home_reaches_the_supervisor_whole() -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(configuration(Folder(Path("/srv/a%b"))))
    assert parser["supervisord"]["directory"] % {} == "/srv/a%b/run"
    assert parser["unix_http_server"]["file"] % {} == "/srv/a%b/run/supervisor.sock"


def test_the_object_store_gets_only_its_own_keys_and_keeps_to_loopback() -> None:
    found = seaweedfs.environment(KEYS, Path("store.pem"))
    assert {name for name in found if "GRPC" not in name} == set(seaweedfs.SECRETS)
    line = seaweedfs.command(Path("s3"), Path("run"), "b", Ports())
    assert {"mini", "-dir=s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-disableHttp"} < set(line)
    assert "-master.telemetry=false" in line


def test_the_object_store_tells_the_receiver_with_the_token_it_asks_for() -> None:
    every = programs(FOLDER, Memory(7, "bucket"), KEYS)
    told, asked = every["s3"].environment, every["receiver"].environment
    assert told[f"{seaweedfs.WEBHOOK}BEARER_TOKEN"] == asked["PERENNIAL_RECEIVER_TOKEN"]
    assert told[f"{seaweedfs.WEBHOOK}ENDPOINT"] == f"{every['receiver'].address}/events"
    assert told[f"{seaweedfs.WEBHOOK}PATH_PREFIXES"] == "/buckets/bucket/"
    assert asked["PERENNIAL_BUCKET"] == "bucket"


def test_the_receiver_has_no_key_of_the_store() -> None:
    found = programs(FOLDER, Memory(), KEYS)["receiver"].environment
    needed = ("PERENNIAL_RECEIVER_TOKEN", "PREFECT_SERVER_API_AUTH_STRING")
    kept = {KEYS[name] for name in KEYS if name not in needed}
    assert not kept & set(found.values())


def test_serving_has_no_key_of_prefect_and_mlflow() -> None:
    found = programs(FOLDER, Memory(), KEYS)["serving"].environment
    assert found["PERENNIAL_SIGNING_KEY"] == KEYS["PERENNIAL_SIGNING_KEY"]
    others = {KEYS[name] for name in KEYS if "MLFLOW" in name or "PREFECT" in name}
    assert not others & set(found.values())


def test_a_home_of_before_the_receiver_can_be_looked_at() -> None:
    older = {name: text for name, text in KEYS.items() if name != "PERENNIAL_RECEIVER_TOKEN"}
    assert set(programs(FOLDER, Memory(), older)) == set(names())


def test_a_signature_is_the_one_that_the_vendors_library_makes() -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = "http://127.0.0.1:8333/perennial/results/probe/health"
    theirs = AWSRequest("GET", url, headers={"X-Amz-Content-SHA256": EMPTY})
    S3SigV4Auth(Credentials("key", "secret"), "s3", "eu-west-1").add_auth(theirs)
    moment = datetime.strptime(theirs.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    ours = sign(url, keys, "eu-west-1", moment)
    assert ours["Authorization"] == theirs.headers["Authorization"]


def test_prefect_is_closed_to_other_sites() -> None:
    found = prefect_server.server_environment(Path("/p"), Ports(), KEYS)
    assert found["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    origins = found["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]
    assert origins == "http://127.0.0.1:4200,http://localhost:4200"


def test_a_flow_finds_everything_in_the_workers_environment() -> None:
    worker = programs(FOLDER, Memory(), KEYS)["worker"]
    assert Settings.from_environment(worker.environment).keyring
    assert worker.environment["PREFECT_RESULTS_DEFAULT_SERIALIZER"] == "json"
    assert worker.environment["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "3"
    assert worker.environment["GX_ANALYTICS_ENABLED"] == "false"
    assert worker.environment["PYTHONPATH"]


def test_the_worker_is_remembered_and_only_a_known_one_taken() -> None:
    plain = update_memory(Memory(), None, {"PERENNIAL_WORKER": "process"})
    assert update_memory(plain, None, {}).worker == "process"
    assert "process" in programs(FOLDER, plain, KEYS)["worker"].command
    again = update_memory(plain, None, {"PERENNIAL_WORKER": "warm"})
    assert "deployments.worker" in programs(FOLDER, again, KEYS)["worker"].command
    with pytest.raises(ConfigurationError, match="PERENNIAL_WORKER: it is warm or process"):
        update_memory(Memory(), None, {"PERENNIAL_WORKER": "lukewarm"})


@pytest.mark.parametrize("bucket", ["x", "Upper", "a/b", "-ab", "a b c", "a" * 64])
def test_a_name_that_no_bucket_can_have_is_refused(bucket: str) -> None:
    with pytest.raises(ConfigurationError, match="PERENNIAL_BUCKET"):
        update_memory(Memory(), None, {"PERENNIAL_BUCKET": bucket})


def test_sockets_move_when_the_home_is_deep() -> None:
    assert FOLDER.sockets == FOLDER.run
    deep = Folder(Path("/srv") / ("d" * 120))
    assert len(str(deep.sockets / "supervisor.sock")) < 100
    assert deep.sockets != Folder(Path("/srv") / ("e" * 120)).sockets


LOCK = """\
a-b==1.0 \\
    --hash=sha256:00
win-only==3 ; sys_platform == 'win32' \\
    --hash=sha256:00
for-here==2 ; python_full_version >= '3.11' \\
    --hash=sha256:00
    # via a==9
"""


def test_the_lock_is_read_for_this_interpreter() -> None:
    assert pins(LOCK) == {"a-b": "1.0", "for-here": "2"}
    assert list(find_differing(pins(LOCK), {"a-b": "1.0", "for-here": "3"})) == [
        "for-here is 3, locked 2"
    ]


def test_no_password_is_told_to_another_users_server(tmp_path: Path) -> None:
    """Squatting on the ports of a stack that is down."""
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    line = "   0: 0100007F:{:04X} 00000000:0000 {} 00000000:00000000 00:00000000 00000000 {}\n"
    mine, table = os.getuid(), tmp_path / "tcp"
    for port, state, user in ((5000, "0A", mine), (5000, "06", mine + 1), (8080, "0A", mine + 1)):
        table.write_text(head + line.format(port + 1200, state, user))
        refuse_strangers(1200, [table])
    table.write_text(head + line.format(5000 + 1200, "0A", mine + 1))
    with pytest.raises(StackError, match=rf"port 6200 \(mlflow\).*got user {mine + 1}\."):
        refuse_strangers(1200, [table, tmp_path / "of no such system"])


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a socket to another user")
def test_a_port_that_another_user_took_is_told_and_nothing_is_started_beside_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        offset = listening.getsockname()[1] - Ports().prefect
        held = f"port {listening.getsockname()[1]} (prefect): "
        refuse_told(offset)
        assert list(find_strangers(offset)) == []
        # the kernel's table names whom the socket belongs to
        os.fchown(listening.fileno(), 65534, -1)
        with pytest.raises(SystemExit) as ended:
            refuse_told(offset)
        assert str(ended.value.code).startswith(held)
        (told,) = find_strangers(offset)
        assert str(told) == ended.value.code
