import socket

from local.ports import free_ports


def test_a_free_port_is_the_one_wished_for() -> None:
    (port,) = free_ports(0)
    assert free_ports(port) == [port]


def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert free_ports(taken) != [taken]


def test_a_port_is_given_once() -> None:
    assert len(set(free_ports(*[8000] * 20))) == 20
