/** Who asks. */
import { expect, test } from "bun:test";
import { expanded, isFromInside, ownInet, ownInet6 } from "./inside.ts";

const TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 172.18.0.0/16 2 0 2
        +-- 172.18.0.0/30 2 0 2
           |-- 172.18.0.0
              /16 link UNICAST
           |-- 172.18.0.2
              /32 host LOCAL
        |-- 172.18.255.255
           /32 link BROADCAST
`;

test("own addresses are those that the kernel calls local", () => {
  expect([...ownInet(TRIE)]).toEqual(["172.18.0.2"]);
});

test("own addresses of version 6 are found however they are written", () => {
  const own = ownInet6("fe800000000000000000000000000001 02 40 20 80     eth0\n");
  expect(own.has(expanded("fe80::1"))).toBeTrue();
  expect(own.has(expanded("fe80::1%eth0"))).toBeTrue();
  expect(own.has(expanded("fe80:0:0:0:0:0:0:1"))).toBeTrue();
  expect(own.has(expanded("fe80::2"))).toBeFalse();
  expect(expanded("::1")).toBe("1".padStart(32, "0"));
});

test.each(["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])("%s is inside", (address) => {
  expect(isFromInside(address)).toBeTrue();
});

test.each(["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"])("%s is outside", (address) => {
  expect(isFromInside(address)).toBeFalse();
});
