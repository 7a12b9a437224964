"""Every way to reach somebody else."""

from __future__ import annotations

import pytest

from tests.conformance.sandbox import Inside
from tests.conformance.syscalls import REFUSED, number

ADDRESSES = {
    "the internet": "1.1.1.1",
    "a resolver": "8.8.8.8",
    "metadata of a cloud": "169.254.169.254",
    "the gateway": "172.17.0.1",
    "the gateway of another bridge": "172.18.0.1",
    "a private network": "10.0.0.1",
    "a home": "192.168.0.1",
    "the internet by IPv6": "2606:4700:4700::1111",
    "metadata by IPv6": "fd00:ec2::254",
    "a neighbour by IPv6": "fe80::1",
    "everybody": "255.255.255.255",
}
FAMILIES = {
    "AF_AX25": 3,
    "AF_KEY": 15,
    "AF_NETLINK": 16,
    "AF_PACKET": 17,
    "AF_RDS": 21,
    "AF_CAN": 29,
    "AF_TIPC": 30,
    "AF_BLUETOOTH": 31,
    "AF_RXRPC": 33,
    "AF_ALG": 38,
    "AF_NFC": 39,
    "AF_VSOCK": 40,
    "AF_KCM": 41,
    "AF_QIPCRTR": 42,
    "AF_SMC": 43,
    "AF_XDP": 44,
}
AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
SOCK_DGRAM, SOCK_RAW = 2, 3
SIOCSIFFLAGS = 0x8914


def test_loopback_is_the_only_interface(inside: Inside) -> None:
    assert inside.ask("fs.readdirSync('/sys/class/net')") == ["lo"]
    assert inside.ask("fs.readFileSync('/proc/net/dev', 'utf8').match(/\\w+(?=:)/g)") == ["lo"]


def test_there_is_no_route(inside: Inside) -> None:
    assert len(inside.ask("fs.readFileSync('/proc/net/route', 'utf8').trim().split('\\n')")) == 1


@pytest.mark.parametrize("address", ["http://1.1.1.1", "http://example.com", "https://example.com",
                                     "http://172.17.0.1", "http://169.254.169.254/latest/meta-data/",
                                     "http://metadata.google.internal", "http://host.docker.internal",
                                     "http://[fd00:ec2::254]"])  # fmt: skip
def test_nothing_can_be_fetched(inside: Inside, address: str) -> None:
    fetched = f"fetch('{address}', {{ signal: AbortSignal.timeout(3000) }}).then(() => 'out', () => 'in')"
    assert inside.ask(fetched) == "in"


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_no_connection_is_made(inside: Inside, address: str) -> None:
    connected = (
        "new Promise((resolve) => { const socket = require('node:net').connect(80, "
        f"'{address}'); socket.setTimeout(2000, () => resolve('nothing')); "
        "socket.on('connect', () => resolve('out')); socket.on('error', (error) => resolve(error.code)) })"
    )
    assert inside.ask(connected) not in {"out", "nothing"}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_no_datagram_is_sent(inside: Inside, address: str) -> None:
    kind = "udp6" if ":" in address else "udp4"
    sent = (
        f"new Promise((resolve) => {{ const socket = require('node:dgram').createSocket('{kind}');"
        "socket.on('error', (error) => resolve(error.code));"
        f"socket.send('x', 53, '{address}', (error) => resolve(error?.code ?? 'out')) }})"
    )
    assert inside.ask(sent) != "out"


@pytest.mark.parametrize("way", ["lookup", "resolve4", "resolve6", "resolveTxt"])
def test_no_name_is_resolved(inside: Inside, way: str) -> None:
    resolved = f"require('node:dns').promises.{way}('example.com').then(() => 'out', () => 'in')"
    assert inside.ask(f"Promise.race([{resolved}, Bun.sleep(8000).then(() => 'hangs')])") == "in"


def test_no_package_is_installed_by_an_import(inside: Inside) -> None:
    assert inside.ask("import('left-pad').then(() => 'out', () => 'in')") == "in"


def test_no_web_socket_opens(inside: Inside) -> None:
    opened = (
        "new Promise((resolve) => { const socket = new WebSocket('ws://1.1.1.1');"
        "socket.onopen = () => resolve('out'); socket.onerror = socket.onclose = () => resolve('in') })"
    )
    assert inside.ask(opened) == "in"


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_socket_of_another_family_cannot_be_made(inside: Inside, family: int) -> None:
    returned, errno = inside.call(number("socket"), str(family), str(SOCK_DGRAM), "0")
    assert (returned, errno in REFUSED) == (-1, True)


@pytest.mark.parametrize("family", [AF_INET, AF_INET6, 16])
def test_a_pair_of_sockets_of_another_family_cannot_be_made(inside: Inside, family: int) -> None:
    returned, _ = inside.call(number("socketpair"), str(family), "1", "0", "new Int32Array(2)")
    assert returned == -1


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_a_raw_socket_cannot_be_made(inside: Inside, family: int) -> None:
    assert inside.call(number("socket"), str(family), str(SOCK_RAW), "255")[0] == -1


def test_a_family_in_the_high_bits_is_not_let_through(inside: Inside) -> None:
    netlink_in_disguise = f"{1 << 32} + 16"
    assert inside.call(number("socket"), netlink_in_disguise, str(SOCK_DGRAM), "0")[0] == -1


def test_nobody_of_the_host_is_named_in_the_abstract(inside: Inside) -> None:
    names = "fs.readFileSync('/proc/net/unix', 'utf8').split('\\n').filter((line) => line.includes('@'))"
    assert inside.ask(names) == []


@pytest.mark.parametrize("name", ["/containerd-shim", "/tmp/.X11-unix/X0", "/tmp/dbus-session"])
def test_nobody_of_the_host_answers_in_the_abstract(inside: Inside, name: str) -> None:
    connected = (
        "new Promise((resolve) => { const socket = require('node:net').connect({ path: "
        f"'\\0{name}' }}); socket.on('connect', () => resolve('out')); socket.on('error', () => resolve('in')) }})"
    )
    assert inside.ask(connected) == "in"


def test_loopback_cannot_be_switched_off(inside: Inside) -> None:
    code = (
        f"(() => {{ const socket = call({number('socket')}, {AF_INET}, {SOCK_DGRAM}, 0).returned;"
        "const request = Buffer.alloc(40); request.write('lo');"
        f"const {{ returned }} = call({number('ioctl')}, socket, {SIOCSIFFLAGS}, request);"
        "fs.closeSync(socket); return returned })()"
    )
    assert inside.ask(code) == -1
