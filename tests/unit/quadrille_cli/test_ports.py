import socket
from dataclasses import astuple

import pytest
from quadrille_cli.stack import Ports


def test_defaults_are_the_documented_ports():
    assert astuple(Ports()) == (50050, 50051, 50052, 50053, 8080, 9101, 9102, 9103)


def test_a_base_gives_neighbours():
    assert astuple(Ports.from_base(6000)) == tuple(range(6000, 6008))


@pytest.mark.parametrize("base", [-1, 65529, 70000])
def test_ports_that_do_not_exist_are_refused(base):
    with pytest.raises(ValueError, match="do not exist"):
        Ports.from_base(base)


def test_free_ports_are_distinct_and_free():
    ports = Ports.from_base(0)
    assert len(set(astuple(ports))) == 8
    assert ports.taken() == []


def test_a_taken_port_is_told():
    ports = Ports.free()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports.image))
        listener.listen()
        assert ports.taken() == [ports.image]
