/** What the kernel's files say → what the self-check reports. */
import { describe, expect, test } from "bun:test";
import { limit, readInterfaces, readMounts, readStatus } from "./selfcheck.ts";

const STATUS = `Name:	bun
Uid:	10001	10001	10001	10001
Gid:	10001	10001	10001	10001
CapInh:	0000000000000000
CapEff:	00000000a80425fb
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	1
`;

describe("a process", () => {
  test("is told with its ids, its filter and the capabilities that it has", () => {
    expect(readStatus(STATUS)).toEqual({
      uids: [10001, 10001, 10001, 10001],
      gids: [10001, 10001, 10001, 10001],
      capabilities: ["CapEff 00000000a80425fb"],
      no_new_privs: true,
      seccomp: 2,
    });
  });

  test("of which nothing is said is told as unprotected", () => {
    expect(readStatus("Name:	bun\n")).toMatchObject({ no_new_privs: false, seccomp: 0 });
  });
});

test("of two mounts in one place the last is told, with its flags", () => {
  const text = `overlay / overlay rw,relatime,lowerdir=/a 0 0
tmpfs /tmp tmpfs rw,nosuid,nodev,noexec,size=65536k 0 0
overlay / overlay ro,relatime,lowerdir=/b 0 0
proc /proc proc rw 0 0
`;
  expect(readMounts(text)).toEqual([
    { path: "/", type: "overlay", options: ["ro", "relatime"] },
    { path: "/tmp", type: "tmpfs", options: ["rw", "nosuid", "nodev", "noexec"] },
  ]);
});

test("interfaces are those below the headings", () => {
  const text = `Inter-|   Receive
 face |bytes
    lo:       0       0
  eth0:     100       1
`;
  expect(readInterfaces(text)).toEqual(["lo", "eth0"]);
});

test.each([
  ["268435456", 268435456],
  ["0", 0],
  ["max", null],
  ["-1", null],
  ["9223372036854771712", null],
  ["nonsense", null],
  [null, null],
])("a control group's %p is a limit of %p", (text, value) => {
  expect(limit(text)).toBe(value);
});
