/** How much waits in a pipe, by ioctl(FIONREAD), for which Bun has no name. */
import { dlopen, ptr } from "bun:ffi";

const { ioctl } = dlopen("libc.so.6", {
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
}).symbols;
/** From <asm-generic/ioctls.h>; the same on x86_64 and aarch64. */
const FIONREAD = 0x541b;
const bytes = new Int32Array(1);
const address = ptr(bytes);

/** Bytes that wait in a pipe, told by either of its ends; 0 where the descriptor is none. */
export function waiting(fd: number): number {
  return ioctl(fd, FIONREAD, address) < 0 ? 0 : (bytes[0] ?? 0);
}
